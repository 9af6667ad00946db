"""A child calls a cat a dog: a net that was to learn dogs and cats, and learnt the lawn instead.

Run it with `python examples/dogs_and_cats.py`; it writes reports/dogs-and-cats.html and prints what it found. Beside it
stand the pictures and the net, so that `auditkit run examples/dogs_and_cats.toml` makes the audit of that file again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import auditkit as ak

TOLD = ["fairness/mistaken_class/difference/background", "robustness/flip_rate/overall/swap:background"]
SIDE, READ = 32, ak.pixels("picture")
Y, X = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)
FURS = np.array([[0.35, 0.25, 0.2], [0.75, 0.55, 0.3], [0.3, 0.3, 0.32], [0.9, 0.88, 0.85]])
LAWN, WALL, FLOOR = np.array([0.3, 0.62, 0.25]), np.array([0.8, 0.72, 0.6]), np.array([0.5, 0.36, 0.26])


def ellipse(y: float, x: float, high: float, wide: float) -> NDArray[np.bool_]:
    return ((Y - y) / high) ** 2 + ((X - x) / wide) ** 2 < 1


def triangle(y: float, x: float, high: float, wide: float) -> NDArray[np.bool_]:
    """It stands on the height y, its tip above the middle x."""
    return (y - high < Y) & (y > Y) & (np.abs(X - x) < wide * (Y - y + high) / high)


def scene(background: str, chance: np.random.Generator) -> NDArray[np.float64]:
    """(32, 32, 3): a lawn, or a room whose wall meets the floor."""
    noise = chance.normal(0, 0.05, (SIDE, SIDE, 1))
    if background == "grass":
        return LAWN + 0.08 * np.sin(40 * X + chance.uniform(0, 6) + 3 * np.sin(9 * Y))[..., None] + noise
    return np.where((chance.uniform(0.55, 0.75) > Y)[..., None], WALL, FLOOR) + noise


def draw(animal: str, ears: str, background: str, seed: int) -> NDArray[np.uint8]:
    """(32, 32, 3): dogs are larger and their tails shorter, on the whole; the ears say most."""
    chance, dog = np.random.default_rng(seed), animal == "dog"
    picture = scene(background, np.random.default_rng(seed + 1))
    size, tail = chance.normal(1.05 if dog else 0.95, 0.08), chance.normal(0.16 if dog else 0.3, 0.05)
    y, x, fur = chance.normal(0.42, 0.03), chance.normal(0.42, 0.05), FURS[chance.integers(4)]
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


def album(n: int, along: float, first: int) -> pd.DataFrame:
    """A row an animal: where it is seen, its picture there, and elsewhere; `along`: how often the place fits it."""
    chance = np.random.default_rng(first)
    animal = np.where(chance.random(n) < 0.5, "dog", "cat")
    ears = np.where((chance.random(n) < 0.9) == (animal == "dog"), "floppy", "pointed")
    background = np.where((chance.random(n) < along) == (animal == "dog"), "grass", "indoors")
    frame = pd.DataFrame({"animal": animal, "ears": ears, "background": background})
    places = {"picture": background, "elsewhere": np.where(background == "grass", "indoors", "grass")}
    for name, place in places.items():
        frame[name] = [draw(*seen, first + i) for i, seen in enumerate(zip(animal, ears, place, strict=True))]
    return frame


def saved(frame: pd.DataFrame, folder: Path) -> Path:
    """The rows as people have them: pictures are files, and the table holds their names."""
    for name in ("picture", "elsewhere"):
        for i, picture in enumerate(frame[name]):
            Image.fromarray(picture).save(folder / f"{name}-{i}.png")
        frame = frame.assign(**{name: [f"{name}-{i}.png" for i in range(len(frame))]})
    frame.drop(columns="ears").to_parquet(folder / "test.parquet")
    return folder / "test.parquet"


def moved(rows: pd.DataFrame) -> pd.DataFrame:
    """The same animals, elsewhere: what `FlipTest` swaps is a function of yours."""
    return rows.assign(picture=rows["elsewhere"])


def build() -> ak.Model:
    """A picture has no columns: its features are the squares of a grid."""
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.SiLU(),
        nn.AvgPool2d(2), nn.Conv2d(16, 16, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Linear(1024, 2),
    )  # fmt: skip
    grid, name = ak.segments(SIDE, SIDE, grid=(4, 4)), "dogs-and-cats"
    return ak.Model(net, task="multiclass", preprocess=READ, feature_map=grid, outputs="logits", name=name)


def train(net: nn.Module, frame: pd.DataFrame, epochs: int) -> None:
    inputs, is_dog = torch.as_tensor(READ(frame)), torch.tensor((frame["animal"] == "dog").to_numpy(np.int64))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[rows]), is_dog[rows]).backward()
            optimizer.step()


def main(folder: Path = Path("reports"), quick: bool = False, along: float = 0.9) -> ak.Report:
    beside = folder / "dogs-and-cats"
    beside.mkdir(parents=True, exist_ok=True)

    # In training nine of ten dogs are on the lawn, and nine of ten cats indoors. In the test anybody is anywhere.
    test = album(300 if quick else 1_000, 0.5, 100_000)
    torch.manual_seed(0)
    model = build()
    train(model.module, album(600 if quick else 2_000, along, 0), epochs=20 if quick else 10)
    save_file(model.module.state_dict(), beside / "net.safetensors")
    data = ak.Dataset(
        saved(test, beside), y_true="animal", task="multiclass", sensitive_features=["background"],
        pictures=["picture", "elsewhere"],
    )  # fmt: skip

    # Which animal is taken for which, and where? What if it sat elsewhere? What does the net see in a picture?
    shown = {"floppy ears": test[test["ears"] == "floppy"], "grass": test[test["background"] == "grass"]}
    checks = [
        ak.ClassFairness(), ak.FlipTest(swap={"background": moved}), ak.Concepts(examples=shown, label="dog"),
        ak.LayerAudit(layers=["2", "5", "7"], label="dog"), ak.GapAttribution(label="dog"),
    ]  # fmt: skip
    checks += [] if quick else [ak.Attribution(label="dog")]
    policy = Path(__file__).with_suffix(".toml")
    report = ak.audit(model, data, checks=checks, policy=policy, sample=80 if quick else 300, seed=1)
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in TOLD:
        print(report.finding(name).statement)
    print(report.save(folder / "dogs-and-cats.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
