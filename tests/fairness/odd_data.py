"""Data sets that are odd and lawful: rare positives, one class, ties, tiny groups, a single row, all groups missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

Frame = pd.DataFrame
_SIZES = (1, 2, 3, 5, 9, 10, 11, 19, 20, 21, 30)


def base(n: int = 400, *, seed: int = 0, positives: float = 0.3, groups: str = "ab") -> Frame:
    """An ordinary data set: truth and decision 0/1, a score, two attributes, numbers and a category."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < positives).astype(int)
    score = np.clip(positives + 0.25 * (y - positives) + rng.normal(0, 0.15, n), 0.001, 0.999)
    return pd.DataFrame(
        {
            "g": rng.choice(list(groups), n),
            "h": rng.choice(["x", "y", "z"], n),
            "y": y,
            "p": (score >= 0.5).astype(int),
            "s": score,
            "x0": rng.normal(size=n),
            "x1": rng.integers(0, 5, n),
            "c": rng.choice(["red", "blue"], n),
            "w": rng.random(n) + 0.5,
        }
    )


def _with(frame: Frame, **columns: Any) -> Frame:
    return frame.assign(**columns)


def _decided(frame: Frame, score: Any, threshold: float = 0.5) -> Frame:
    s = np.broadcast_to(np.asarray(score, float), len(frame)).copy()
    return frame.assign(s=s, p=(s >= threshold).astype(int))


def _weak(positives: float, *, spread: float, seed: int) -> Frame:
    """Scores that hardly rank: selecting nobody is the best common threshold."""
    f = base(2_000, positives=positives, seed=seed)
    rng = np.random.default_rng(seed + 100)
    return _decided(f, np.clip(positives + spread * rng.normal(size=len(f)), 0, 1))


def _tiny_groups() -> Frame:
    f = base(300)
    f.loc[[0], "g"] = "lone"
    f.loc[[1, 2], "g"] = "pair"
    f.loc[range(3, 12), "g"] = "nine"
    return f


def _separated() -> Frame:
    f = base(300)
    return _decided(f, np.where(f.y == 1, 0.9, 0.1))


def _none(n: int) -> Any:
    return pd.Series([None] * n, dtype=object)


DATA: dict[str, Callable[[], Frame]] = {
    **{f"rare positives {k}": lambda k=k: _weak(0.05, spread=0.02, seed=k) for k in range(4)},  # type: ignore[misc]
    **{f"{n} rows": lambda n=n: base(n, seed=n) for n in _SIZES},  # type: ignore[misc]
    "weak scores": lambda: _weak(0.3, spread=0.05, seed=9),
    "useless scores": lambda: _decided(base(400), np.random.default_rng(3).random(400)),
    "untrained net": lambda: _decided(base(400), 0.5 + 1e-4 * np.random.default_rng(3).normal(size=400)),
    "constant score": lambda: _decided(base(400), 0.4),
    "all scores 0": lambda: _decided(base(400), 0.0),
    "all scores 1": lambda: _decided(base(400), 1.0),
    "scores 0 or 1": lambda: _decided(base(400), np.random.default_rng(1).integers(0, 2, 400)),
    "two scores": lambda: _decided(base(400), np.random.default_rng(1).choice([0.2, 0.7], 400)),
    "constant up to rounding": lambda: _decided(base(400), 0.4 + 1e-12 * np.arange(400)),
    "subnormal scores": lambda: _decided(base(400), 5e-324 * (np.arange(400) % 3)),
    "separated": _separated,
    "separated the wrong way": lambda: _decided(_separated(), 1 - _separated().s),
    "nobody positive": lambda: _with(base(200), y=0),
    "everybody positive": lambda: _with(base(200), y=1),
    "nobody selected": lambda: _with(base(200), p=0),
    "everybody selected": lambda: _with(base(200), p=1),
    "nobody positive nor selected": lambda: _with(base(200), y=0, p=0),
    "one positive": lambda: _with(base(200), y=[1] + [0] * 199),
    "one class a group": lambda: _with(base(200), y=(base(200).g == "a").astype(int)),
    "one score a group": lambda: _decided(base(200), np.where(base(200).g == "a", 0.2, 0.8)),
    "one group": lambda: _with(base(200), g="a"),
    "one group of everything": lambda: _with(base(200), g="a", h="x"),
    "tiny groups": _tiny_groups,
    "all groups of one row": lambda: _with(base(30), g=[f"g{i}" for i in range(30)]),
    "thirteen groups": lambda: base(400, groups="abcdefghijklm"),
    "groups all missing": lambda: _with(base(200), g=_none(200)),
    "both attributes all missing": lambda: _with(base(200), g=_none(200), h=_none(200)),
    "one group known": lambda: _with(base(200), g=["a"] + [None] * 199),
    "an attribute the other": lambda: _with(base(200), h=base(200).g),
    "an attribute the truth": lambda: _with(base(200), g=base(200).y.map({0: "no", 1: "yes"})),
    "half of the scores missing": lambda: _with(base(200), s=base(200).s.where(np.arange(200) % 2 == 0)),
    "scores of one group missing": lambda: _with(base(200), s=base(200).s.where(base(200).g == "a")),
    "one score known": lambda: _with(base(200), s=[0.5] + [np.nan] * 199),
    "half of the truth missing": lambda: _with(base(200), y=base(200).y.where(np.arange(200) % 2 == 0)),
    "half of the decisions missing": lambda: _with(base(200), p=base(200).p.where(np.arange(200) % 2 == 0)),
    "equal rows": lambda: pd.concat([base(4)] * 50, ignore_index=True),
    "one row many times": lambda: pd.concat([base(1)] * 50, ignore_index=True),
    "features constant": lambda: _with(base(200), x0=0.0, x1=1, c="red"),
    "features missing": lambda: _with(base(200), x0=np.nan, x1=np.nan, c=_none(200)),
    "features infinite": lambda: _with(base(200), x0=np.where(np.arange(200) % 2 == 0, np.inf, -np.inf)),
    "features huge": lambda: _with(base(200), x0=np.where(np.arange(200) % 2 == 0, 1e308, -1e308)),
    "feature names the group": lambda: _with(base(200), c=base(200).g),
    "nearly all weights zero": lambda: _with(base(200), w=[1.0, 1.0, 1.0] + [0.0] * 197),
    "weights far apart": lambda: _with(base(200), w=10.0 ** (np.arange(200) % 13 - 6)),
    "weights of one group zero": lambda: _with(base(200), w=(base(200).g == "a").astype(float)),
}
"""Name → the frame."""


def weighted(frame: Frame) -> bool:
    """Whether the weights are what is odd about it."""
    return (not frame.w.equals(base(len(frame)).w) and not (frame.w < 1.5).all()) or bool((frame.w == 0).any())


def names() -> Iterator[str]:
    return iter(DATA)
