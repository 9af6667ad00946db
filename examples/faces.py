"""Who is taken for somebody else? A small net that compares faces, and half of the people photographed in dim light.

Run it with `python examples/faces.py`; it writes reports/faces.html and prints what it found. The 100 faces are those
of scikit-image (`pip install --no-deps scikit-image`, of which a file is read), and have no names: each is a person,
and the pictures of a person are that one moved, lit and grained by this example. It takes those of half the people in
dim light, which neither the net nor whoever chose its threshold has ever seen: a camera, and not the faces, is what
harms them.
"""

from __future__ import annotations

import importlib.util
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

import auditkit as ak

SIDE, TAUGHT, EACH = 25, 40, 4
Pictures = NDArray[np.float32]


def faces() -> Pictures:
    """(100, 25, 25) faces, in [0, 1]; the file's other hundred pictures are none."""
    (skimage,) = importlib.util.find_spec("skimage").submodule_search_locations
    return np.load(Path(skimage) / "data" / "lfw_subset.npy")[:100].astype(np.float32)


def taken(face: Pictures, rng: np.random.Generator, *, dim: bool) -> Pictures:
    """One more picture of a face: moved by up to a pixel, lit otherwise, with grain."""
    moved = np.roll(face, rng.integers(-1, 2, 2), axis=(0, 1))
    seen = moved * rng.uniform(0.85, 1.15) + rng.normal(0, 0.04)
    seen = 0.35 * seen + rng.normal(0, 0.02, seen.shape) if dim else seen + rng.normal(0, 0.04, seen.shape)
    return seen.clip(0, 1).astype(np.float32)


class Net(nn.Module):
    """A face → 32 numbers, alike for pictures of one person."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten(),
            nn.Linear(800, 32),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.layers(x[:, None]), dim=1)


def train(net: Net, people: Pictures, steps: int) -> None:
    """Two pictures of each person: the one shall be nearest to the other among those of all (InfoNCE)."""
    rng, optimizer = np.random.default_rng(0), torch.optim.Adam(net.parameters(), lr=0.002)
    target = torch.arange(len(people))
    for _ in range(steps):
        first, second = (torch.tensor(np.stack([taken(f, rng, dim=False) for f in people])) for _ in range(2))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(first) @ net(second).T / 0.1, target).backward()
        optimizer.step()


def saved(net: Net, people: Pictures, folder: Path) -> None:
    """What a system of faces leaves: a table of pictures with their embeddings, and one of the pairs that are tried.

    Pairs of the first twenty people, in bright light, are those on which the threshold is chosen; nobody is in both.
    """
    rng = np.random.default_rng(1)
    light = np.where((np.arange(len(people)) % 2 == 1) & (np.arange(len(people)) >= 20), "dim", "bright")
    pictures = [taken(f, rng, dim=x == "dim") for f, x in zip(people, light, strict=True) for _ in range(EACH)]
    with torch.no_grad():
        vectors = net(torch.tensor(np.stack(pictures))).numpy()
    table = pd.DataFrame({"sample": [f"picture {i}" for i in range(len(pictures))]})
    table["person"] = np.repeat([f"person {i}" for i in range(len(people))], EACH)
    table = table.assign(light=np.repeat(light, EACH), vector=list(vectors))
    chosen = np.arange(len(pictures)) < 20 * EACH
    pairs = [(i, j, chosen[i]) for i, j in combinations(range(len(pictures)), 2) if chosen[i] == chosen[j]]
    tried = pd.DataFrame(pairs, columns=["a", "b", "chosen"])
    tried = tried.assign(a=table["sample"].to_numpy()[tried["a"]], b=table["sample"].to_numpy()[tried["b"]])
    table.to_parquet(folder / "pictures.parquet")
    tried.to_parquet(folder / "pairs.parquet")


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    people = faces()
    torch.manual_seed(0)
    net = Net()
    train(net, people[:TAUGHT], steps=60 if quick else 600)
    beside = folder / "faces"
    beside.mkdir(parents=True, exist_ok=True)
    saved(net.eval(), people[TAUGHT:], beside)

    # At the threshold at which two pairs of two people in a hundred matched on the calibration pairs: whose faces are
    # taken for those of others, who is not recognised, and by how much more often?
    read = ak.Verification(
        pairs=beside / "pairs.parquet", samples=beside / "pictures.parquet", embeddings="vector",
        sensitive_features=["light"], at_fmr=0.02, calibration="chosen",
    )  # fmt: skip
    report = ak.audit(read, policy=Path(__file__).with_suffix(".toml"), name="faces")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in ("false_match_rate/ratio", "false_non_match_rate/ratio", "false_match_matrix/group_max"):
        print(report.finding(f"fairness/{name}/light").statement)
    print(report.save(folder / "faces.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
