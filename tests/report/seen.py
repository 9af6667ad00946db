"""Small nets of known weights over images and texts, with a bias that was planted: what a page must show of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import auditkit as ak
from auditkit.records import Report, Words

SIDE, GRID = 8, 4
PIXELS = [f"pixel_{i}_{j}" for i in range(SIDE) for j in range(SIDE)]
STRONG = 5
"""The region that moves the score most: the net reads it twice as much as any other, and light hands leave it dark."""
WORDS = ("a", "the", "nurse", "engineer", "wrote", "sold", "good", "late", "code", "film")
WEIGHTS = (0.0, 0.0, -1.5, 1.2, 0.1, -0.1, 0.8, -0.6, 0.4, 0.0)
"""What each word adds to the score: the nurse is planted."""


@cache
def pictures(n: int = 240) -> pd.DataFrame:
    """(n, 64) grey values with the hand that wrote them; heavy hands ink the strong region."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.6, (n, SIDE, SIDE))
    heavy = np.arange(n) % 5 < 2
    x[:, 2:4, 2:4] += 0.35 * heavy[:, None, None]
    score = x.reshape(n, -1) @ weights()[0] + weights()[1]
    y = (score + rng.logistic(0, 0.4, n) > 0).astype(int)
    hand = np.where(heavy, "heavy", "light")
    return pd.DataFrame(x.reshape(n, -1), columns=PIXELS).assign(y=y, hand=hand)


@cache
def weights() -> tuple[Any, float]:
    """(64,) and a bias: region 5 counts 2 a pixel, the others 0.3 or less."""
    region = ak.segments(SIDE, SIDE, grid=(GRID, GRID)).ravel()
    w = np.where(region == STRONG, 2.0, 0.3 * np.cos(region))
    return w, -float(w.sum() * 0.46)


def encoded(frame: pd.DataFrame) -> Any:
    return frame[PIXELS].to_numpy(np.float32).reshape(-1, 1, SIDE, SIDE)


def of_images() -> ak.Model:
    import torch
    from torch import nn

    net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 1))
    w, bias = weights()
    with torch.no_grad():
        net[1].weight[:] = torch.tensor(w, dtype=torch.float32)
        net[1].bias[:] = bias
    return ak.Model(net.eval(), preprocess=encoded, feature_map=ak.segments(SIDE, SIDE, grid=(GRID, GRID)))


@cache
def images(examples: bool = True) -> Report:
    """An audit of the images, with examples of them where they are asked for."""
    data = ak.Dataset(pictures(), y_true="y", positive=1, sensitive_features=["hand"])
    checks: list[Any] = [ak.GroupFairness(), ak.Attribution(), *([ak.Examples(n=1)] if examples else [])]
    report = ak.audit(of_images(), data, checks=checks, sample=240, name="images")
    words = Words(groups={"hand": {"heavy": "pictures by heavy hands", "light": "pictures by light hands"}})
    return report.model_copy(update={"words": words})


def of_texts() -> ak.Model:
    import torch
    from torch import nn

    class Summed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(len(WORDS) + 1, 1, padding_idx=0)
            with torch.no_grad():
                self.words.weight[1:, 0] = torch.tensor(WEIGHTS)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return torch.as_tensor(self.words(ids).sum(1))

    def ids(frame: pd.DataFrame) -> Any:
        out = np.zeros((len(frame), 5), np.int64)
        for i, text in enumerate(frame["text"]):
            found = [WORDS.index(w) + 1 for w in text.split()]
            out[i, : len(found)] = found
        return out

    return ak.Model(Summed().eval(), preprocess=ids, feature_map=np.arange(5))


@cache
def texts() -> Report:
    """An audit of five-word texts, with examples."""
    rng = np.random.default_rng(1)
    rows = [" ".join(rng.choice(WORDS, 5)) for _ in range(300)]
    score = np.array([sum(WEIGHTS[WORDS.index(w)] for w in t.split()) for t in rows])
    sex = np.where(["nurse" in t for t in rows], "f", "m")
    frame = pd.DataFrame({"text": rows, "sex": sex, "y": (score + rng.logistic(0, 1.0, 300) > 0).astype(int)})
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    checks: list[Any] = [ak.GroupFairness(), ak.Examples(n=2)]
    report = ak.audit(of_texts(), data, checks=checks, sample=200, name="texts")
    return report.model_copy(update={"words": Words(groups={"sex": {"f": "texts about women", "m": "other texts"}})})
