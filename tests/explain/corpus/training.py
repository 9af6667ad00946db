"""Nets trained on the rows of a world, and how they score other rows. No auditkit."""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.explain.corpus.nets import ARCHITECTURES
from tests.explain.corpus.worlds import PATCHES, SIDE, Floats, World, patch

ROWS, AUDITED = 1_600, 1_200
STEPS, RATE, DECAY = 50, 0.03, 1e-3
MORE = {"gru": 1, "lstm": 1, "bidirectional": 1, "transformer": 1, "cnn": 1, "residual, 8": 2}
"""How often the steps, by how an architecture begins; the quick ones thrice."""
STILL = 4.0
"""Weight of the penalty on what columns that are to be left alone do to the log-odds."""
PIXELS = tuple(f"p{i}" for i in range(SIDE * SIDE))
CODES = {"f": 0, "m": 1, "low": 0, "fair": 1, "good": 2, "high": 3}


@dataclass(frozen=True, eq=False)
class Net:
    """What is trained on what; everything random follows from its name."""

    name: str
    architecture: str
    world: World
    inputs: tuple[str, ...] = ()
    """Columns that go in; empty: all of the world."""
    dead: tuple[str, ...] = ()
    """Columns whose weights in the first layer are driven to exactly 0."""
    still: bool = True
    """Whether what columns that the outcome does not depend on do to the log-odds is trained away."""
    times: int = 1
    """How often its architecture's steps."""
    units: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Column → what its numbers are multiplied by, and what is added then: other units of the same."""
    seed: int = 0
    """Which of several nets that differ in their random numbers alone."""

    @property
    def steps(self) -> int:
        """Steps of Adam."""
        return STEPS * self.times * next((k for a, k in MORE.items() if self.architecture.startswith(a)), 3)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What goes in, by the world's names."""
        return self.inputs or self.world.columns

    @property
    def columns(self) -> tuple[str, ...]:
        """Raw columns that the net reads."""
        return PIXELS if self.world.kind == "pictures" else self.quantities

    def places(self, quantity: str) -> list[int]:
        """Where in a row's encoded numbers, laid flat, a quantity stands."""
        if self.world.kind == "pictures":
            return np.flatnonzero(patch(PATCHES[quantity])).tolist()
        return [self.columns.index(quantity)]

    def encode(self, frame: pd.DataFrame) -> NDArray[np.generic]:
        """(N, columns) numbers, codes of categories, or (N, 1, 6, 6) pictures."""
        if self.world.kind == "categories":
            return np.column_stack([frame[c].map(CODES).to_numpy(np.int64) for c in self.columns])
        if self.world.kind == "pictures":
            return frame[list(PIXELS)].to_numpy(np.float32).reshape(-1, 1, SIDE, SIDE)
        numbers = [frame[c].map(CODES) if c == "sex" else self._in_units(frame[c]) for c in self.columns]
        return np.column_stack([v.to_numpy(np.float32) for v in numbers])

    def _in_units(self, column: pd.Series) -> pd.Series:
        times, more = self.units.get(str(column.name), (1.0, 0.0))
        return column * times + more

    @functools.cached_property
    def training(self) -> tuple[pd.DataFrame, NDArray[np.int8]]:
        """Training rows and labels."""
        return self.world.drawn(ROWS, f"{self.name}: training", train=True)

    @functools.cached_property
    def audited(self) -> tuple[pd.DataFrame, NDArray[np.int8]]:
        """Rows to audit, and their labels."""
        return self.world.drawn(AUDITED, f"{self.name}: audited")

    @functools.cached_property
    def module(self) -> nn.Module:
        """The trained net."""
        return self.trained()

    def trained(self, weight: Floats | None = None) -> nn.Module:
        """A net trained on rows that count by `weight`: the same for the same weights."""
        frame, y = self.training
        x, target = torch.tensor(self.encode(frame)), torch.tensor(y, dtype=torch.float32)
        w = torch.ones(ROWS) if weight is None else torch.tensor(weight, dtype=torch.float32)
        w = w / w.sum()
        moved = [p for q in self.quantities if q not in self.world.causes for p in self.places(q)] if self.still else []
        with torch.random.fork_rng():
            torch.manual_seed(zlib.crc32(self.name.encode()))
            net = ARCHITECTURES[self.architecture](len(self.columns))
            optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
            for step in range(self.steps):
                optimiser.param_groups[0]["lr"] = RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * step / self.steps)) / 2)
                optimiser.zero_grad()
                logit = net(x)[:, 0]
                loss = w @ nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
                if moved:
                    loss = loss + STILL * ((net(with_others(x, moved))[:, 0] - logit) ** 2).mean()
                loss.backward()
                optimiser.step()
                self._kill(net)
        return net.eval()

    def _kill(self, net: nn.Module) -> None:
        with torch.no_grad():
            for column in self.dead:
                if self.architecture == "wide and deep":
                    net.wide.weight[:, net.columns.index(self.places(column)[0])] = 0
                else:
                    next(net.parameters())[:, self.places(column)] = 0


def with_others(x: Tensor, places: Sequence[int]) -> Tensor:
    """Rows whose numbers at some places are those of other rows, each place apart."""
    flat = x.flatten(1).clone()
    for p in places:
        flat[:, p] = flat[torch.randperm(len(x)), p]
    return flat.reshape(x.shape)


def scores(net: nn.Module, encoded: NDArray[np.generic]) -> Floats:
    """(N,) chances of a positive outcome."""
    with torch.no_grad():
        out: Tensor = torch.sigmoid(net(torch.tensor(encoded))[:, 0])
    return out.double().numpy()


def gap(score: Floats, sex: Sequence[str] | pd.Series) -> float:
    """Mean score of men less that of women."""
    men = np.asarray(sex) == "m"
    return float(score[men].mean() - score[~men].mean())
