"""At one layer: how well the attribute is read from it, and what happens when it is erased or neurons are held there.

Everything is fitted on one half of the rows and read on the other, and the other way round.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Positions
from auditkit.errors import NotExplained
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.layers.blocks import HELD, JOINT, Beyond, BlockErasers, Blocks, residuals
from auditkit.explain.layers.conductance import INPUT
from auditkit.explain.layers.curved import curved
from auditkit.explain.layers.flow import Flow
from auditkit.explain.layers.interventions import WIDEST, scores_with
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.on_disk import Member, taken
from auditkit.explain.layers.probes import Half, auc_of, balanced_accuracy, fitted_and_read
from auditkit.explain.layers.rows import Rows
from auditkit.explain.layers.sums import numbers, sums_of
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, slices

TOP = 5
"""Neurons that the ablation holds; a sixth of a narrow layer's, at least one."""
NARROWEST = 4
"""Units below which an ablation says nothing: a random set would be the same neurons."""

Values = Callable[[slice], tuple[NDArray[Any], ...]]
"""What members of a layer are to give (n, positions, units) for a part of the half that is read."""


def knows(
    x: NDArray[Any],
    others: Sequence[NDArray[Any]],
    rows: Rows,
    controls: Sequence[Bools],
    *,
    small_net: int | None = None,
) -> dict[str, list[float]]:
    """Held-out accuracy of the probe, and of the same probe on control tasks and on untrained copies; with `small_net`,
    a seed, of a non-linear reader too."""
    z, w, n = rows.z, rows.weight, len(rows.z)
    if not np.isfinite(x).all():
        return {}
    tasks = [c for c in controls if _both(c, rows)]
    said, *trained = fitted_and_read(x, [z, *tasks], w, rows.parts)
    right = ((said > 0) == z).astype(float)
    out = {
        "low_right": _rate(right[~z], rows.weights.at(~z)),
        "high_right": _rate(right[z], rows.weights.at(z)),
        "auc": numbers(*auc_of(said, z, w, rows.parts)),
    }
    if tasks:
        control = float(np.mean([balanced_accuracy(s, c, w) for s, c in zip(trained, tasks, strict=True)]))
        out["control"] = numbers(n, n * control)
    reading = [
        balanced_accuracy(fitted_and_read(o, [z], w, rows.parts)[0], z, w) for o in others if np.isfinite(o).all()
    ]
    if reading:
        out["untrained"] = numbers(n, n * float(np.mean(reading)))
    if small_net is not None and _both(z, rows):
        out |= _sides_right(curved(x, z, rows.parts, seed=small_net), rows, "curved")
    return out


def _sides_right(said: Floats, rows: Rows, what: str) -> dict[str, list[float]]:
    """How often a reader that says above 0 for True is right, of each group."""
    right = ((said > 0) == rows.z).astype(float)
    sides = (("low", ~rows.z), ("high", rows.z))
    return {f"{what}_{name}": _rate(right[g], rows.weights.at(g)) for name, g in sides}


def _both(labels: Bools, rows: Rows) -> bool:
    """Whether both labels stand in both halves."""
    return all(labels[h.fit].any() and not labels[h.fit].all() for h in rows.parts)


def _rate(right: Floats, weights: Weights) -> list[float]:
    w = weights.weight
    w2 = float(w @ w) if weights.squares is None else float(weights.squares.sum())
    return numbers(w.sum(), w2, float(w @ right), weights.rows)


@dataclass(frozen=True)
class LayerInterventions:
    """Interventions at one layer, each fitted on one half of the rows and read on the other.

    What is put in its place is made for as many rows as go into one call, since of all rows it takes as much memory as
    what the layer gave.
    """

    model: Model
    inputs: Inputs
    """Of the whole sample, of which the rows compared are some."""
    layer: Layer
    rows: Rows
    scores: Floats
    """(n,) of the rows compared."""
    given: tuple[Member, ...]
    """(N, positions, units) of what the layer gave for the sample, one a member."""

    @cached_property
    def blocks(self) -> Blocks:
        """What it gave for the rows compared, as it is erased."""
        return Blocks.of(self.given, joint=WIDEST if self.layer.name == INPUT else JOINT).at(self.rows.where)

    def erased(self, *, random: int, seed: int, first: bool = False) -> dict[str, list[float]]:
        """All that goes with the attribute erased, and as many random directions; of the `first` layer also what a
        non-linear reader still tells afterwards.
        """
        if not self._possible:
            return {}
        z, w, n = self.rows.z.astype(float), self.rows.weight, len(self.rows.z)
        after, said = np.zeros(n), np.zeros(n)
        drawn = np.zeros((random, n))
        for half in self.rows.parts:
            eraser = BlockErasers(self.blocks.at(half.fit), z[half.fit], w[half.fit])
            if eraser.empty:
                return {}
            after[half.read] = self._run(half, self._erased_by(eraser, half))
            others = (self._erased_by(eraser.random(seed=seed + i), half) for i in range(random))
            drawn[:, half.read] = self._runs(half, others)
            if first:
                said += curved(eraser(self.blocks).flat(), self.rows.z, (half,), seed=seed)
        if not np.isfinite(after).all():
            return {}
        left = _sides_right(said, self.rows, "left") if first else {}
        return self._middle("random", drawn) | self._before_and_after(after) | self._moved(after, "moved") | left

    def erased_given(self) -> dict[str, list[float]]:
        """What tells the attribute beyond legitimate columns and truth erased: LEACE of residuals from residuals.

        With the scores' own residuals, whose spread says how large a gap at equal columns chance makes: erasing closes
        that too, to the last digit. And how well the layer's residuals read those of the attribute, as a correlation on
        rows that were not fitted on.
        """
        held = self.rows.held
        if held is None or not self._possible:
            return {}
        z, w, n = self.rows.z.astype(float)[:, None], self.rows.weight, len(self.rows.z)
        after, product = np.zeros(n), np.zeros(n)
        for half in self.rows.parts:
            left = Beyond(self.blocks, held, half.fit, w)
            of_z = residuals(z, held, half.fit, w)[:, 0]
            eraser = BlockErasers(left.at(half.fit), of_z[half.fit], w[half.fit])
            if eraser.empty:
                return {}
            after[half.read] = self._run(half, self._erased_beyond(left, eraser, half))
            said = eraser.read(left.at(half.read))
            product[half.read] = _unit(said, w[half.read]) * _unit(of_z[half.read], w[half.read])
        if not np.isfinite(after).all():
            return {}
        partly = residuals(self.scores[:, None], held, np.arange(n), w)[:, 0]
        sides = {f"given_{k}": v for k, v in self._sides(after, partly).items()}
        beyond = sums_of("beyond", Moments.of(product[:, None], self.rows.weights))
        return sides | beyond | self._moved(after, "given_moved")

    def ablated(self, flow: Flow | None, *, random: int, seed: int) -> dict[str, list[float]]:
        """The neurons through which most flows, either way, held at their means, and as many random ones."""
        flows = None if flow is None else [f.get(self.layer.name) for f in flow.halves]
        units = self.given[0].shape[2] if len(self.given) == 1 else 0
        if flows is None or units < NARROWEST or not self._possible:
            return {}
        if any(f is None or len(f) != units or not np.isfinite(f).all() for f in flows):
            return {}
        n, k = len(self.rows.z), min(TOP, max(1, units // 6))
        x, where = self.given[0], self.rows.where
        after = np.zeros(n)
        drawn = np.zeros((random, n))
        for i, half in enumerate(self.rows.parts):
            means = _means(x, where[half.fit], self.rows.weight[half.fit])
            through = flows[i]
            assert through is not None
            top = np.argsort(-np.abs(through), kind="stable")[:k]
            after[half.read] = self._run(half, self._holding(half, top, means))
            sets = [np.random.default_rng([seed, r]).choice(units, k, replace=False) for r in range(random)]
            drawn[:, half.read] = self._runs(half, (self._holding(half, some, means) for some in sets))
        if not np.isfinite(after).all():
            return {}
        return {"ablated": numbers(n, k * n, n * self.rows.gap(after)), **self._middle("ablated_random", drawn)}

    def _middle(self, what: str, drawn: Floats) -> dict[str, list[float]]:
        """The median gap of several runs (R, n), and how many of them the net could not read."""
        n = len(self.scores)
        gaps = [self.rows.gap(scores) for scores in drawn if np.isfinite(scores).all()]
        lost = len(drawn) - len(gaps)
        found = {what: numbers(n, n * float(np.median(gaps)))} if gaps else {}
        return found | ({f"{what}_lost": numbers(n, n * lost)} if lost else {})

    @cached_property
    def _possible(self) -> bool:
        return bool(self.given) and all(
            np.isfinite(taken(m, None, at)).all() for m in self.given for at in slices(m.shape[1], _step(m, len(m)))
        )

    def _erased_by(self, eraser: BlockErasers, half: Half) -> Values:
        return self._made(lambda at: eraser(self.blocks.at(half.read[at])).members())

    def _erased_beyond(self, left: Beyond, eraser: BlockErasers, half: Half) -> Values:
        def values(at: slice) -> tuple[NDArray[Any], ...]:
            now = left.at(half.read[at])
            return self.blocks.at(half.read[at]).plus(eraser(now), now).members()

        return self._made(values)

    def _made(self, values: Values) -> Values:
        """Of many blocks as they are asked for; of one at once, since a product of fewer rows rounds otherwise."""
        if self.blocks.wide:
            return values
        whole = values(slice(None))
        return lambda at: tuple(m[at] for m in whole)

    def _holding(self, half: Half, units: Positions, means: NDArray[Any]) -> Values:
        """These units at their `means` (positions, units)."""

        def values(at: slice) -> tuple[NDArray[Any], ...]:
            out = taken(self.given[0], self.rows.where[half.read[at]])
            out[:, :, units] = means[:, units]
            return (out,)

        return values

    def _run(self, half: Half, values: Values) -> Floats:
        """Scores with these values; NaN where the net cannot read what it then gets, as a broken code."""
        where = self.rows.where[half.read]
        try:
            return scores_with(self.model, self.inputs, self.layer, values, where)
        except NotExplained:
            return np.full(len(half.read), np.nan)

    def _runs(self, half: Half, values: Iterable[Values]) -> Floats:
        """(R, n) the same for several values, as many at once as fit a call; one by one where the net refuses some.

        No more of them are made, and held, than go into one call.
        """
        n, out = len(half.read), []
        waiting = iter(values)
        while some := [*itertools.islice(waiting, max(1, self.model.batch_size // n))]:
            found = self._at_once(half, some) if len(some) > 1 else None
            out += [self._run(half, one)[None] for one in some] if found is None else [found]
        return np.concatenate(out) if out else np.zeros((0, n))

    def _at_once(self, half: Half, some: Sequence[Values]) -> Floats | None:
        """(R, n) scores with each of these values; None where the net refuses one of them."""
        rows = np.tile(self.rows.where[half.read], len(some))
        put = [np.concatenate(column) for column in zip(*(of(slice(None)) for of in some), strict=True)]
        try:
            found = scores_with(self.model, self.inputs, self.layer, lambda at: [p[at] for p in put], rows)
        except NotExplained:
            return None
        return found.reshape(len(some), -1)

    def _sides(self, after: Floats, *more: Floats) -> dict[str, list[float]]:
        z, w, before = self.rows.z, self.rows.weights, self.scores
        values = np.stack([before, after, before - after, *more], axis=1)
        low, high = (
            sums_of(f"{name}_scores", Moments.of(values[g], w.at(g))) for name, g in (("low", ~z), ("high", z))
        )
        return low | high

    def _moved(self, after: Floats, what: str) -> dict[str, list[float]]:
        """How far scores move, row by row, and whether the decision is another; groups of any size count alike."""
        decided = (self.scores >= self.model.threshold) != (after >= self.model.threshold)
        spread = np.abs(self.scores - np.average(self.scores, weights=self.rows.weight))
        values = np.stack([np.abs(self.scores - after), decided.astype(float), spread], axis=1)
        return sums_of(what, Moments.of(values, self.rows.weights))

    def _before_and_after(self, after: Floats) -> dict[str, list[float]]:
        out = self._sides(after)
        truth, before = self.rows.truth, self.scores
        known = ~np.isnan(truth)
        if known.any():
            was, now = (((s >= self.model.threshold) == (truth == 1))[known].astype(float) for s in (before, after))
            out |= sums_of("accuracy", Moments.of(np.stack([was, now, was - now], axis=1), self.rows.weights.at(known)))
        return out


def _step(x: Member, rows: int) -> int:
    """Positions that are looked at at once."""
    return max(1, HELD // (8 * rows * int(x.shape[2])))


def _means(x: Member, rows: Positions, weight: Floats) -> Floats:
    """(positions, units) the weighted means of some rows of x (N, positions, units), some positions at a time."""
    some = (taken(x, rows, at) for at in slices(x.shape[1], _step(x, len(rows))))
    return np.concatenate([np.average(part, axis=0, weights=weight) for part in some])


def _unit(x: Floats, weight: Floats) -> Floats:
    """Of weighted mean 0 and standard deviation 1; zeros where it does not vary."""
    away = x - np.average(x, weights=weight)
    spread = float(np.sqrt(np.average(away**2, weights=weight)))
    out: Floats = away / spread if spread > 0 else away
    return out
