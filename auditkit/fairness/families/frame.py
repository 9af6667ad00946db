"""fairlearn over the cells: a tally is a weighted frame, so MetricFrame runs on it unchanged.

fairlearn is the engine of every declared group's point values. It turns 0/0 into 0; which values are undefined is
known from the counts, and those are masked (None in records). Above `MOST_GROUPS` groups the closed forms over counts
serve, which tests hold to fairlearn's values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.evidence.frames import column, columns_of
from auditkit.evidence.tally import Tally
from auditkit.evidence.weights import SCALE
from auditkit.fairness.families.rates import COMPARED, RateTable, compared
from auditkit.stats.rates import Floats

if TYPE_CHECKING:
    import pandas as pd
else:
    from auditkit.lazy import pandas as pd

MOST_GROUPS = 64


class Compared(NamedTuple):
    """Point values of one metric's comparisons over the groups kept; NaN where undefined."""

    difference: float
    ratio: float
    difference_to_overall: float
    ratio_to_overall: float


class PointValues(NamedTuple):
    """Values of M metrics over K groups; NaN where undefined."""

    by_group: Floats
    """(M, K)"""
    compared: tuple[Compared | None, ...]
    """(M,) over the groups kept; NaN with fewer than two, None where those of the intervals serve."""


def from_fairlearn(tally: Tally, table: RateTable, kept: NDArray[np.bool_]) -> PointValues:
    """Every value by fairlearn; beyond `MOST_GROUPS` groups, without rows, or by weights far from 1, by `from_counts`.

    `kept` (M, K) says which groups enter each metric's comparisons: differences and ratios, between groups and to
    the overall of those groups, are fairlearn's `difference` and `ratio` over exactly these. A rate is taken over the
    rows that have what it needs.
    """
    if not table.by or not table.rows.any() or len(table.groups) > MOST_GROUPS or SCALE in tally.columns:
        return from_counts(tally, table, kept)
    cells = tally.over(*table.by).cells
    found = np.full(kept.shape, np.nan)
    told: dict[str, Compared] = {}
    for at, own in _alike(cells, table):
        metrics = tuple(table.metrics[i] for i in at)
        frame = _frame_of(own, table.by, metrics)
        found[at] = frame.by_group[list(metrics)].reindex(_index(table.by, table.groups)).to_numpy(float).T
        for mask in {row.tobytes(): row for row in kept[at]}.values():
            same = tuple(m for m, row in zip(metrics, kept[at], strict=True) if np.array_equal(row, mask))
            part = frame if mask.all() else _frame_of(_only(own, table, mask), table.by, same) if mask.any() else None
            told |= {m: _compared(part, m) if mask.sum() > 1 else _NOTHING for m in same}
    return PointValues(
        np.where(table.denominator > 0, found, np.nan),
        tuple(told.get(m, _NOTHING) for m in table.metrics),
    )


def _alike(cells: pd.DataFrame, table: RateTable) -> Iterator[tuple[list[int], pd.DataFrame]]:
    """Positions of metrics that are of the same rows, and the cells of those; none of metrics that have no rows."""
    pairs = list(zip(cells["y_true"].tolist(), cells["y_pred"].tolist(), strict=True))
    rows: dict[bytes, tuple[list[int], NDArray[np.bool_]]] = {}
    for i, m in enumerate(table.metrics):
        known = set(METRICS[m].known)
        has = np.array([pair in known for pair in pairs])
        rows.setdefault(has.tobytes(), ([], has))[0].append(i)
    return ((at, cells[has].reset_index(drop=True)) for at, has in rows.values() if has.any())


def from_counts(tally: Tally, table: RateTable, kept: NDArray[np.bool_]) -> PointValues:
    """The same values in closed form: for many groups, and to judge a stored report again."""
    if not table.alike:
        return PointValues(table.values, (None,) * len(table.metrics))
    found = []
    for k, n, keep in zip(*table.shares, kept, strict=True):
        each = (float(compared(k[None, keep], n[None, keep], kind)[0]) for kind in COMPARED)
        found.append(Compared(*each) if keep.sum() > 1 else _NOTHING)
    return PointValues(table.values, tuple(found))


_NOTHING = Compared(np.nan, np.nan, np.nan, np.nan)


def _compared(frame: Any, metric: str) -> Compared:
    """NaN where the highest rate, or the overall rate, is 0: the ratio is then 0/0."""
    values = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for method in ("between_groups", "to_overall"):
            values += [float(getattr(frame, kind)(method=method)[metric]) for kind in ("difference", "ratio")]
    return Compared(*values)


def _only(cells: pd.DataFrame, table: RateTable, mask: NDArray[np.bool_]) -> pd.DataFrame:
    groups = _index(table.by, tuple(g for g, keep in zip(table.groups, mask, strict=True) if keep))
    where = cells[column(table.by[0])] if len(table.by) == 1 else pd.MultiIndex.from_frame(cells[columns_of(table.by)])
    return cells[where.isin(groups)]


def _frame_of(cells: pd.DataFrame, by: tuple[str, ...], metrics: tuple[str, ...]) -> Any:
    names = (*columns_of(by), "y_true", "y_pred", "w" if "w" in cells else "n")
    return _frame_once(by, metrics, tuple(tuple(cells[c].tolist()) for c in names))


@lru_cache(maxsize=64)
def _frame_once(by: tuple[str, ...], metrics: tuple[str, ...], values: tuple[tuple[Any, ...], ...]) -> Any:
    """The frame of these cells: groups, truth, decision, weight. Most of the time that counting takes goes into it, and
    the same counts are asked again by an audit that is repeated, verified or merged."""
    from fairlearn.metrics import MetricFrame
    from sklearn import config_context

    groups, (y_true, y_pred, weight) = values[:-3], map(pd.Series, values[-3:])
    weighed = {"sample_weight": weight}
    with config_context(assume_finite=True, skip_parameter_validation=True):  # cells are counts of ours
        return MetricFrame(
            metrics={m: functions()[m] for m in metrics},
            y_true=y_true,
            y_pred=y_pred,
            sensitive_features=pd.DataFrame(dict(zip(columns_of(by), groups, strict=True))),
            sample_params=dict.fromkeys(metrics, weighed),
        )


def _index(by: tuple[str, ...], groups: tuple[tuple[str, ...], ...]) -> Any:
    names = columns_of(by)
    if len(names) == 1:
        return pd.Index([g[0] for g in groups], name=names[0])
    return pd.MultiIndex.from_tuples(groups, names=names)


@lru_cache(maxsize=1)
def functions() -> dict[str, Callable[..., float]]:
    """Rate → fairlearn's (or scikit-learn's) function; imported on first use, it takes a second.

    The predictive values are the error rates with truth and decision exchanged: precision, the share of the selected
    that is truly positive, is the true positive rate of the truth as a "prediction" of the decision.
    """
    from fairlearn import metrics as fl
    from sklearn.metrics import accuracy_score, zero_one_loss

    def exchanged(metric: Callable[..., float]) -> Callable[..., float]:
        return lambda y_true, y_pred, sample_weight=None: metric(y_pred, y_true, sample_weight=sample_weight)

    return {
        "selection_rate": fl.selection_rate,
        "base_rate": exchanged(fl.selection_rate),
        "missing_truth": exchanged(partial(fl.selection_rate, pos_label=-1)),
        "true_positive_rate": fl.true_positive_rate,
        "false_positive_rate": fl.false_positive_rate,
        "true_negative_rate": fl.true_negative_rate,
        "false_negative_rate": fl.false_negative_rate,
        "precision": exchanged(fl.true_positive_rate),
        "negative_predictive_value": exchanged(fl.true_negative_rate),
        "false_discovery_rate": exchanged(fl.false_negative_rate),
        "false_omission_rate": exchanged(fl.false_positive_rate),
        "accuracy": accuracy_score,
        "error_rate": zero_one_loss,
        "false_match_rate": fl.false_positive_rate,
        "false_non_match_rate": fl.false_negative_rate,
        "false_positive_identification_rate": fl.false_positive_rate,
        "false_negative_identification_rate": fl.false_negative_rate,
        "miss_rate": fl.false_negative_rate,
        "object_recall": fl.true_positive_rate,
        "stereotype_preference": fl.selection_rate,
    }
