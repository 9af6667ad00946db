"""Reweighing: weights for training again that make group and target independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.alignment import aligned
from auditkit.errors import DataError
from auditkit.evidence.frames import columns_of
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.fairness.labels import given_columns, keys_of
from auditkit.records import Report


@dataclass(frozen=True)
class Reweighing:
    """One weight a group and target: P(group) P(target) / P(group, target).

    >>> tally = Tally.of({"g": list("aaab")}, y_true=[1, 0, 0, 1], y_pred=[1, 0, 0, 1])
    >>> dict(reweigh(tally, "g").by_group)
    {('a',): (0.75, 1.5), ('b',): (None, 0.5)}
    """

    by: tuple[str, ...]
    by_group: tuple[tuple[tuple[str, ...], tuple[float | None, float | None]], ...]
    """Group → (weight of its negatives, of its positives); None where there is no such row."""

    def weights(self, groups: Any, y_true: ArrayLike) -> NDArray[np.float64]:
        """(N,) weights of rows, in the order of `groups`, to train with (`sample_weight`).

        `groups`: a frame or dict with the columns `by`, or one column if `by` is one; `y_true`: 1 where positive, else
        0. Raises DataError for a group and target that were not there.
        """
        labelled = aligned({**given_columns(groups, self.by), "y_true": y_true})
        truth = np.asarray(labelled.pop("y_true"))
        keys = keys_of(list(labelled.values()), self.by)
        if len(keys) != len(truth):
            raise DataError(f"groups have {len(keys)} rows, y_true has {len(truth)}")
        table = {(g, t): w for g, pair in self.by_group for t, w in enumerate(pair)}
        out = []
        for key, t in zip(map(tuple, keys.tolist()), truth.tolist(), strict=True):
            weight = table.get((key, t))
            if weight is None:
                raise DataError(f"no weight for target {t!r} in group {' & '.join(key)}: no such row was counted")
            out.append(weight)
        return np.array(out, dtype=np.float64)


def reweigh(source: Tally | ScoreHistogram | Report, by: str | Sequence[str]) -> Reweighing:
    """Weights for training again, with which group and target are independent.

    Parameters
    ----------
    source
        A Tally, a ScoreHistogram, or a report whose checks included `GroupFairness` or `Scores`.
    by
        The attribute, or attributes, whose crossed groups get two weights each, of their negatives and positives.

    Computed from counts alone: w(g, y) = P(g) P(y) / P(g, y) over the rows whose target is known, so that every group
    has the same weighted base rate. Raises DataError where nothing was counted. Kamiran & Calders (2012), Knowledge
    and Information Systems 33:1.

    >>> tally = Tally.of({"g": list("aaab")}, y_true=[1, 0, 0, 1], y_pred=[1, 0, 0, 1])
    >>> reweigh(tally, "g").weights(["a", "b"], [1, 1]).tolist()
    [1.5, 0.5]
    """
    evidence, by = _counts(source), (by,) if isinstance(by, str) else tuple(by)
    if not by:
        raise DataError("no attribute to weigh by")
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

    return Reweighing(by, tuple((g, (weight(g, 0), weight(g, 1))) for g in groups))


def _counts(source: Tally | ScoreHistogram | Report) -> Tally | ScoreHistogram:
    if isinstance(source, Tally | ScoreHistogram):
        return source
    if not isinstance(source, Report):
        raise DataError(f"reweigh takes a Tally, a ScoreHistogram or a Report, not {type(source).__name__}")
    kinds: dict[str, type[Tally] | type[ScoreHistogram]] = {"group_fairness": Tally, "scores": ScoreHistogram}
    for check, kind in kinds.items():
        if check in source.evidence:
            return kind.from_json(source.evidence[check].data)
    raise DataError("the report has no counts of groups and targets: audit with checks=[ak.GroupFairness(), …]")
