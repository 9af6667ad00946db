"""A child calls a cat a dog: a net that was to learn dogs and cats, and learnt the lawn instead.

Run it with `python examples/dogs_and_cats.py`; it writes reports/dogs-and-cats.html and prints what it found.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

import auditkit as ak
from auditkit.records import Words

SIDE = 32
Y, X = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)
Picture = NDArray[np.float64]
POLICY = {
    "rule": [
        {"id": "cats-called-dogs", "metric": "false_positive_rate", "comparison": "difference", "by": ["background"], "at_most": 0.15},
        {"id": "dogs-found", "metric": "true_positive_rate", "comparison": "difference", "by": ["background"], "at_most": 0.15},
    ]
}
TOLD=[]


def ellipse(y: float, x: float, high: float, wide: float) -> NDArray[np.bool_]:
    return ((Y - y) / high) ** 2 + ((X - x) / wide) ** 2 < 1


def triangle(y: float, x: float, high: float, wide: float) -> NDArray[np.bool_]:
    """It stands on the height y, its tip above the middle x."""
    return (y - high < Y) & (y > Y) & (np.abs(X - x) < wide * (Y - y + high) / high)


def scene(background: str, chance: np.random.Generator) -> Picture:
    """(32, 32, 3): a lawn, or a room whose wall meets the floor."""
    noise = chance.normal(0, 0.05, (SIDE, SIDE, 1))
    if background == "grass":
        blades = 0.08 * np.sin(40 * X + chance.uniform(0, 6) + 3 * np.sin(9 * Y))[..., None]
        return np.array([0.3, 0.62, 0.25]) + blades + noise
    wall, floor = np.array([0.8, 0.72, 0.6]), np.array([0.5, 0.36, 0.26])
    return np.where((chance.uniform(0.55, 0.75) > Y)[..., None], wall, floor) + noise


def draw(animal: str, ears: str, background: str, seed: int) -> NDArray[np.uint8]:
    """(32, 32, 3): dogs are larger and their tails shorter, on the whole; the ears say most."""
    chance, setting = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    dog = animal == "dog"
    picture, size = scene(background, setting), chance.normal(1.05 if dog else 0.95, 0.08)
    fur = np.array([[0.35, 0.25, 0.2], [0.75, 0.55, 0.3], [0.3, 0.3, 0.32], [0.9, 0.88, 0.85]])[chance.integers(4)]
    y, x = 0.42 + chance.normal(0, 0.03), 0.42 + chance.normal(0, 0.05)
    tail = chance.normal(0.16 if dog else 0.3, 0.05)
    parts = [ellipse(y + 0.33 * size, x + 0.08, 0.26 * size, 0.24 * size), ellipse(y, x, 0.19 * size, 0.2 * size)]
    parts.append((np.abs(X - x - 0.32 * size - 0.06 * np.sin(9 * Y)) < 0.035) & (np.abs(Y - y - 0.3 + tail / 2) < tail))
    for side in (-1, 1):
        if ears == "floppy":
            parts.append(ellipse(y + 0.04, x + side * 0.2 * size, 0.17 * size, 0.07 * size))
        else:
            parts.append(triangle(y - 0.08, x + side * 0.12 * size, 0.22 * size, 0.09 * size))
    for k, part in enumerate(parts):
        picture[part] = fur * (0.75 if k > 2 else 1)
    for side in (-1, 1):
        picture[ellipse(y - 0.03, x + side * 0.08 * size, 0.03, 0.03)] = 0.05
    picture[ellipse(y + 0.07, x, 0.03, 0.04)] = 0.1
    return (255 * picture.clip(0, 1)).round().astype(np.uint8)


def album(n: int, along: float, folder: Path, first: int) -> pd.DataFrame:
    """A row a picture, drawn on the grass and indoors; `along`: how often the background shown goes with the animal."""
    chance = np.random.default_rng(first)
    animal = np.where(chance.random(n) < 0.5, "dog", "cat")
    ears = np.where((chance.random(n) < 0.9) == (animal == "dog"), "floppy", "pointed")
    background = np.where((chance.random(n) < along) == (animal == "dog"), "grass", "indoors")
    frame = pd.DataFrame({"animal": animal, "ears": ears, "background": background})
    frame["picture"] = [f"{first + i}-{where}.png" for i, where in enumerate(background)]
    for i in range(n):
        for where in ("grass", "indoors"):
            Image.fromarray(draw(animal[i], ears[i], where, first + i)).save(folder / f"{first + i}-{where}.png")
    return frame


def pixels(folder: Path, frame: pd.DataFrame) -> NDArray[np.float32]:
    """(N, 3, 32, 32) in [0, 1]."""
    return np.stack([np.asarray(Image.open(folder / p), np.float32).transpose(2, 0, 1) / 255 for p in frame["picture"]])


def moved(rows: pd.DataFrame) -> pd.DataFrame:
    """The same animals, on the other background."""
    other = {"grass": "indoors", "indoors": "grass"}
    return rows.assign(picture=rows["picture"].str.replace("grass|indoors", lambda m: other[m[0]], regex=True))


def trained(inputs: Tensor, target: Tensor, epochs: int) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.SiLU(),
        nn.AvgPool2d(2), nn.Conv2d(16, 16, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Linear(1024, 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(net(inputs[rows])[:, 0], target[rows]).backward()
            optimizer.step()
    return net


def main(folder: Path = Path("reports"), quick: bool = False, along: float = 0.9) -> ak.Report:
    album_of = Path(tempfile.mkdtemp())
    encode = functools.partial(pixels, album_of)

    # In training nine of ten dogs are on the lawn, and nine of ten cats indoors. In the test anybody is anywhere.
    train = album(600 if quick else 2_000, along, album_of, 0)
    test = album(300 if quick else 1_000, 0.5, album_of, 100_000)
    is_dog = torch.tensor((train["animal"] == "dog").to_numpy(), dtype=torch.float32)
    net = trained(torch.tensor(encode(train)), is_dog, epochs=20 if quick else 10)

    # A picture has no columns: its features are the squares of a grid, and a swap is a function that you write.
    model = ak.Model(net, preprocess=encode, feature_map=ak.segments(SIDE, SIDE, grid=(4, 4)), name="dogs-and-cats")
    data = ak.Dataset(test, y_true="animal", positive="dog", sensitive_features=["background", "ears"])
    concepts = {"floppy ears": test[test["ears"] == "floppy"].head(80), "grass": test[test["background"] == "grass"].head(80)}
    checks = [
        ak.GroupFairness(),
        ak.FlipTest(swap={"background": moved}),
        ak.Concepts(examples=concepts),
        ak.LayerAudit(by=["background"]),
        ak.GapAttribution(by=["background"]),
        ak.Attribution(),
    ]
    words = Words(positive="are called a dog", unit="pictures", groups={"background": {"grass": "pictures on grass", "indoors": "pictures indoors"}})
    report = ak.audit(model, data, checks=checks, policy=POLICY, sample=100 if quick else 300, words=words)
    for f in report.findings:
        if f.id in TOLD: print(f.statement)
    print(report.save(folder / "dogs-and-cats.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
