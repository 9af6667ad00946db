"""Rows of which it is known what the outcome depends on: tables, categories and pictures. No auditkit.

Every world has a group (`sex`, f or m), a proxy and a merit that go with it, and two numbers or categories that do not.
Given the group all of them are independent, so that a column drawn anew from all rows no longer tells the group, and
nothing else of the rows changes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["table", "categories", "pictures"]

SIDE, PATCH = 6, 2
"""A picture is 6 × 6 numbers, in nine patches of 2 × 2."""
PATCHES = {"sex": 0, "proxy": 2, "merit": 6, "a": 8, "b": 4}
"""Which patch shows what; the others show noise."""
LEVELS = 4
"""Values of every category but sex."""
SHIFT = {"proxy": 1.2, "merit": 1.0}
"""By how much men's numbers are larger, in standard deviations."""

TERMS: dict[str, Callable[[Mapping[str, Floats]], Floats]] = {
    "sex*a": lambda x: (2 * x["sex"] - 1) * x["a"],
    "|merit|": lambda x: np.abs(x["merit"]),
    "step(merit)": lambda x: (x["merit"] > 0.5).astype(float),
}
"""What the log-odds are made of, where it is no column as it is."""


@dataclass(frozen=True, eq=False)
class World:
    """What the log-odds of the outcome are made of."""

    weights: Mapping[str, float]
    """Column → its weight; of sex: of men. `sex*a` is the interaction ±a, `|merit|` and `step(merit)` are curved."""
    kind: Kind = "table"
    shifts: Mapping[str, float] | None = None
    """Column → shift of men; None: `SHIFT`."""
    noise: float = 0.0
    """Share of women's positives that training rows hold as negatives."""
    copies: float = 0.0
    """Standard deviation of the noise in `copy`, a copy of the proxy; 0: there is none."""

    @property
    def causes(self) -> frozenset[str]:
        """What the outcome depends on, in training rows as well."""
        named = {c for term in self.weights for c in re.findall(r"\b(sex|proxy|merit|a|b)\b", term)}
        named |= {"copy"} if self.copies and "proxy" in named else set()
        return frozenset(named | ({"sex"} if self.noise else set()))

    @property
    def columns(self) -> tuple[str, ...]:
        """What the outcome can depend on, sex first."""
        return ("sex", "proxy", *(["copy"] if self.copies else []), "merit", "a", "b")

    def drawn(self, n: int, name: str, *, train: bool = False) -> tuple[pd.DataFrame, NDArray[np.int8]]:
        """Rows and labels; the same for the same name."""
        rng = seeded(name)
        men = np.arange(n) % 2 == 1
        shifts = SHIFT if self.shifts is None else self.shifts
        x = {c: rng.normal(size=n) + shifts.get(c, 0.0) * men for c in ("proxy", "merit", "a", "b")}
        if self.kind == "categories":
            edges = [-0.7, 0.2, 1.0]
            x = {c: np.digitize(v, edges) - 1.5 for c, v in x.items()}
        else:
            x["merit"] = np.round(2 * x["merit"]) / 2  # a grade
        if self.copies:
            x["copy"] = x["proxy"] + self.copies * rng.normal(size=n)
        x["sex"] = men.astype(float)
        odds = np.full(n, 0.0)
        for term, w in self.weights.items():
            odds += w * TERMS.get(term, lambda x, c=term: x[c])(x)
        p = 1 / (1 + np.exp(-(odds - np.median(odds))))
        y = balanced(p, men, rng)
        if train and self.noise:
            y = np.where(~men & (y == 1) & (rng.random(n) < self.noise), 0, y).astype(np.int8)
        frame = pd.DataFrame({c: x[c] for c in self.columns})
        frame["sex"] = np.where(men, "m", "f")
        if self.kind == "categories":
            for c in ("proxy", "merit", "a", "b"):
                frame[c] = np.array(["low", "fair", "good", "high"])[(frame[c] + 1.5).astype(int)]
        elif self.kind == "pictures":
            frame = pictured(frame, x, rng)
        else:
            frame[list(self.columns[1:])] = frame[list(self.columns[1:])].round(6)
        return frame, y


def seeded(name: str) -> np.random.Generator:
    """Random numbers that the name decides."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def balanced(p: Floats, men: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int8]:
    """Labels with these chances, drawn systematically within each group in the order of the chances: chance alone makes
    no gap between the groups, and leaves a net nothing to learn from it."""
    y = np.zeros(len(p), np.int8)
    for group in (men, ~men):
        rows = np.flatnonzero(group)
        rows = rows[np.argsort(p[rows], kind="stable")]
        total = np.cumsum(p[rows]) + rng.random()
        y[rows] = np.diff(np.floor(total), prepend=np.floor(total[0] - p[rows[0]]))
    return y


def segments() -> NDArray[np.int64]:
    """(6, 6) the number of each pixel's patch."""
    rows, columns = np.indices((SIDE, SIDE)) // PATCH
    return np.asarray(rows * (SIDE // PATCH) + columns)


def patch(number: int) -> NDArray[np.bool_]:
    """(6, 6) where a patch is."""
    return segments() == number


def pictured(frame: pd.DataFrame, x: Mapping[str, Floats], rng: np.random.Generator) -> pd.DataFrame:
    """The numbers as brightness of patches in noise; sex and merit stay beside the pixels, which alone a net gets."""
    n = len(frame)
    image = 0.2 * rng.normal(size=(n, SIDE, SIDE))
    for c, number in PATCHES.items():
        value = 2 * x["sex"] - 1 if c == "sex" else x[c]
        image += value[:, None, None] * patch(number)
    pixels = pd.DataFrame(image.reshape(n, -1).round(5), columns=[f"p{i}" for i in range(SIDE * SIDE)])
    return pd.concat([pixels, frame[["sex", "merit"]].round(6)], axis=1)
