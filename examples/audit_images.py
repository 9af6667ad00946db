"""Audit a net that sees images: which part of the picture moves its score, for heavy and for light handwriting.

Run it with `python examples/audit_images.py`; it writes reports/images.html and prints what it found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

import auditkit as ak

SIDE = 8
PIXELS = [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]


def images(frame: pd.DataFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(N, 1, 8, 8) grey values in [0, 1]."""
    return (frame[PIXELS].to_numpy(dtype=np.float32) / 16).reshape(-1, 1, SIDE, SIDE)


def digits() -> pd.DataFrame:
    """One row an image: its pixels, whether the digit is even, and how heavy the hand is that wrote it."""
    data = load_digits()
    ink = data.data.sum(axis=1)
    hand = np.where(ink > np.median(ink), "heavy", "light")
    parity = np.where(data.target % 2 == 0, "even", "odd")
    return pd.DataFrame(data.data, columns=PIXELS).assign(parity=parity, hand=hand)


def trained(frame: pd.DataFrame) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.SiLU(),
        nn.Flatten(), nn.Linear(256, 1),
    )  # fmt: skip
    inputs = torch.tensor(images(frame))
    target = torch.tensor((frame["parity"] == "even").to_numpy(), dtype=torch.float32)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(25):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(inputs)[:, 0], target).backward()
        optimizer.step()
    return net


def main(folder: Path = Path("reports")) -> ak.Report:
    frame = digits()
    test = frame.index % 10 < 4
    net = trained(frame[~test])

    # The features of an image are its segments: here a grid of 4 × 4 squares, or any mask that you have.
    model = ak.Model(net, preprocess=images, feature_map=ak.segments(SIDE, SIDE, grid=(4, 4)), name="even-or-odd")
    data = ak.Dataset(frame[test], y_true="parity", positive="even", sensitive_features=["hand"])
    checks = [ak.GroupFairness(), ak.Attribution("integrated_gradients"), ak.Attribution("grad_cam")]
    report = ak.audit(model, data, checks=checks)

    print(report.finding("fairness/true_positive_rate/difference/hand").statement)
    for method in ("integrated_gradients", "grad_cam"):
        print(f"{method}: {report.finding(f'explanation/{method}/overall').statement}")
    print(report.save(folder / "images.html"))
    return report


if __name__ == "__main__":
    main()
