"""Reweighing: weights for training again that make group and target independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError
from auditkit.evidence.frames import columns_of
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally, coded_strings, matched


@dataclass(frozen=True)
class Reweighing:
    """One weight a group and target: P(group) P(target) / P(group, target).

    >>> tally = Tally.of({"g": list("aaab")}, y_true=[1, 0, 0, 1], y_pred=[1, 0, 0, 1])
    >>> dict(reweighing(tally, ["g"]).by_group)
    {('a',): (0.75, 1.5), ('b',): (None, 0.5)}
    """

    by: tuple[str, ...]
    by_group: tuple[tuple[tuple[str, ...], tuple[float | None, float | None]], ...]
    """Group → (weight of its negatives, of its positives); None where there is no such row."""

    def weights(self, groups: Any, y_true: ArrayLike) -> NDArray[np.float64]:
        """(N,) weights of rows, in the order of `groups`: a frame or dict with the columns `by`.

        Raises DataError for a group and target that were not there, or a target other than 0 and 1.
        """
        columns, beside = matched({b: groups[b] for b in self.by}, {"y_true": y_true})
        truth = np.asarray(beside["y_true"])
        coded = [coded_strings(columns[b], b) for b in self.by]
        keys = zip(*(np.array(labels, dtype=object)[codes] for codes, labels in coded), strict=True)
        table = {(g, t): w for g, pair in self.by_group for t, w in enumerate(pair)}
        out = []
        for key, t in zip(keys, truth.tolist(), strict=True):
            weight = table.get((key, t))
            if weight is None:
                raise DataError(f"no weight for target {t!r} in group {' & '.join(key)}: no such row was counted")
            out.append(weight)
        return np.array(out, dtype=np.float64)


def reweighing(evidence: Tally | ScoreHistogram, by: Sequence[str]) -> Reweighing:
    """The weights of Kamiran & Calders (2012), Knowledge and Information Systems 33:1, from counts alone."""
    cells = evidence.over(*by).cells
    known = cells[cells["y_true"] >= 0]
    if known.empty:
        raise DataError("no row with a target: there is nothing to weigh")
    counts: Any = known.groupby([*columns_of(by), "y_true"], observed=True)["n"].sum()
    table = {(tuple(str(k) for k in key[:-1]), int(key[-1])): int(n) for key, n in counts.items()}
    total = sum(table.values())
    groups = sorted({g for g, _ in table})
    of_group = {g: sum(table.get((g, t), 0) for t in (0, 1)) for g in groups}
    of_target = [sum(table.get((g, t), 0) for g in groups) for t in (0, 1)]

    def weight(g: tuple[str, ...], t: int) -> float | None:
        n = table.get((g, t), 0)
        return of_group[g] * of_target[t] / (total * n) if n else None

    return Reweighing(tuple(by), tuple((g, (weight(g, 0), weight(g, 1))) for g in groups))
