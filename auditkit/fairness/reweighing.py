"""Reweighing: weights for training again that make group and target independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.catalogue.sentences import group_words
from auditkit.errors import DataError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.fairness.labels import counts_in, given_columns, keyed
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
        keys, truth = keyed({**given_columns(groups, self.by), "y_true": y_true}, self.by, "y_true")
        table = {(g, t): w for g, pair in self.by_group for t, w in enumerate(pair)}
        out = []
        for key, t in zip(map(tuple, keys.tolist()), truth.tolist(), strict=True):
            weight = table.get((key, t))
            if weight is None:
                raise DataError(
                    f"no weight for target {t!r} in group {group_words(self.by, key)}: no such row was counted"
                )
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
    kinds: dict[str, type[Tally | ScoreHistogram]] = {"group_fairness": Tally, "scores": ScoreHistogram}
    missing = "the report has no counts of groups and targets: audit with checks=[ak.GroupFairness(), …]"
    evidence, by = counts_in(source, "reweigh", kinds, missing), (by,) if isinstance(by, str) else tuple(by)
    if not by:
        raise DataError("no attribute to weigh by")
    if isinstance(evidence, Tally):
        counts = evidence.counts(*by)
        groups, n = counts.groups, counts.table[:, 1:].sum(axis=2)
    else:
        sizes = evidence.sizes(*by)
        groups, n = tuple(sizes), np.array(list(sizes.values())).reshape(-1, 2)
    if not n.sum():
        raise DataError("no row with a target: there is nothing to weigh")
    expected = np.outer(n.sum(axis=1), n.sum(axis=0)) / n.sum()

    def weight(g: int, t: int) -> float | None:
        return float(expected[g, t] / n[g, t]) if n[g, t] else None

    return Reweighing(by, tuple((group, (weight(g, 0), weight(g, 1))) for g, group in enumerate(groups) if n[g].any()))


REWEIGHED = "scores:reweighed"
"""Key of the evidence of a model that was trained again, beside that of the audited one."""


def with_reweighed(report: Report, retrained: Report) -> Report:
    """A report that, judged again, shows a model that was trained with the weights of `reweigh` among its remedies.

    Parameters
    ----------
    report
        The audit of today's model; its checks included `Scores`.
    retrained
        The audit of the model that was trained again, on the same rows, likewise.

    The page then has what the gate says to each rule of its decisions (of rows that trained neither model, if the audit
    is of such): `ak.judge(ak.with_reweighed(report, retrained), policy)`. Raises DataError for an audit without scores,
    and where the rows are not the same by group and target.
    """
    missing = "no score histogram in {}: audit with checks=[ak.Scores(), …]"
    own, other = (
        counts_in(r, "with_reweighed", {"scores": ScoreHistogram}, missing.format(what))
        for r, what in ((report, "the report"), (retrained, "the audit of the model that was trained again"))
    )
    if own.by != other.by or own.sizes(*own.by) != other.sizes(*other.by):
        raise DataError(
            "the two audits are not of the same rows: their groups, or the rows of each group and target, differ: "
            "audit both models on the same data"
        )
    evidence = {**report.evidence, REWEIGHED: retrained.evidence["scores"]}
    return report.model_copy(update={"evidence": evidence, "remedies": None})
