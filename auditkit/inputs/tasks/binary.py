"""The binary task: labels and decisions become 1, 0 or -1 (missing); anything doubtful is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.errors import DataError, choices, listing
from auditkit.inputs.tasks.labels import distinct, found, in_order, meaning, told_apart
from auditkit.inputs.tasks.task import AuditTask, Columns, Decided, Option, Target, one_each, wrong_by, wrong_shape
from auditkit.records import Task
from auditkit.values import Unwritten, is_number, written

if TYPE_CHECKING:
    from torch import Tensor

Codes = NDArray[np.int8]


class Binary(AuditTask):
    """Yes or no, of which yes is positive."""

    name: ClassVar[Task] = "binary"
    checks: ClassVar[tuple[str, ...]] = (
        "data_profile",
        "group_fairness",
        "scores",
        "subgroups",
        "gap_attribution",
        "layer_audit",
        "attribution",
        "flip_test",
    )
    changes: ClassVar[str] = "change"
    gap_targets: ClassVar[tuple[str, ...]] = (
        "mean_score",
        "mean_score_of_positives",
        "mean_score_of_negatives",
        "selection_rate",
        "true_positive_rate",
        "false_positive_rate",
        "log_loss",
    )
    takes: ClassVar[frozenset[Option]] = frozenset({"positive", "score", "threshold"})

    def target(self, columns: Columns, names: Sequence[str], *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """Two labels, of which `positive` is one."""
        return BinaryTarget.of(columns[0], names[0], positive=positive)

    def untold(self, *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """Decisions are 0 and 1, or `positive` and one other label."""
        return BinaryTarget(labels=(), positive=1 if positive is None else positive)

    def table(self, out: Tensor, n: int) -> Tensor:
        """(N,), or (N, 2) with the positive last."""
        one = one_each(out, n)
        if one is not None:
            return one
        if out.shape == (n, 2):
            return out
        raise wrong_shape(out, n, self.name, shapes=f"({n},), ({n}, 1) or ({n}, 2)")

    def decision(self, table: Tensor, *, logits: bool) -> Tensor:
        """(N,): of two logits the difference, of two probabilities the second."""
        if table.ndim == 1:
            return table
        return table[:, 1] - table[:, 0] if logits else table[:, 1]

    def probabilities(self, decision: Tensor) -> Tensor:
        """The logistic function."""
        return decision.double().sigmoid()

    def checked(self, out: Tensor, start: int) -> Floats:
        """Finite, and in [0, 1]."""
        from auditkit.inputs.outputs import probabilities

        return probabilities(out, start)

    def decided(self, said: Floats, *, threshold: float, classes: tuple[str, ...]) -> Decided:
        """Positive from the threshold on."""
        return (said >= threshold).astype(np.int8), said

    def changed(self, before: Floats, after: Floats, *, threshold: float) -> tuple[Floats, Floats]:
        """Whether the score crosses the threshold, and its change."""
        return ((after >= threshold) != (before >= threshold)).astype(float), after - before

    def missed_by(self, rows: Batch, *, threshold: float) -> Floats:
        """From the score to the threshold."""
        assert rows.score is not None, "a model gives scores"
        return wrong_by(rows, np.abs(rows.score - threshold))

    def worded(self, codes: NDArray[Any], classes: tuple[str, ...]) -> list[str]:
        """Negative or positive."""
        return [("negative", "positive")[int(c)] for c in codes]


@dataclass(frozen=True, kw_only=True)
class BinaryTarget(Target):
    """Which label of the target is positive.

    >>> target = BinaryTarget.of(pd.Series([">50K", "<=50K", None]), "income", positive=">50K")
    >>> target.code(pd.Series([">50K", None, "<=50K"]), "income").tolist()
    [1, -1, 0]
    """

    labels: tuple[Any, ...]
    """The labels that occur in the target, at most two."""

    @classmethod
    def of(cls, column: pd.Series[Any], name: str, *, positive: Any = None) -> BinaryTarget:
        """Check the target; DataError for probabilities, more than two labels, or labels that need `positive`."""
        labels = tuple(in_order(distinct(column, name)[1]))
        if not labels:
            raise DataError(f"every value of the target '{name}' is missing")
        _two(labels, name)
        told_apart(labels, name)
        if positive is None:
            if not all(is_number(x) and x in (0, 1) for x in labels):
                raise DataError(
                    f"the labels of '{name}' are {listing(labels)}: say which is positive, e.g. "
                    f"positive={labels[-1]!r} (--positive {labels[-1]} on the command line)"
                )
            chosen: Any = 1
        else:
            chosen = _chosen(positive, labels, name)
        return cls(labels=labels, positive=chosen, cautions=_one_class(labels, chosen, name))

    def code(self, column: pd.Series[Any], name: str) -> Codes:
        """1, 0 or -1 for every value; the column holds the target's labels, however written, or 0/1.

        Raises DataError for probabilities and for labels that the target does not have.
        """
        codes, labels = distinct(column, name)
        told_apart(labels, name)
        as_labels = [self._of(x, labels) for x in labels]
        as_01 = [_as_01(x) for x in labels]
        agree = all(a is None or a == b for a, b in zip(as_labels, as_01, strict=True))
        if None not in as_labels:
            meant = as_labels
        elif None not in as_01 and agree:
            meant = as_01
        else:
            raise DataError(self._refusal(in_order(labels), name, contrary=None not in as_01))
        return np.array([*(int(bool(m)) for m in meant), -1], dtype=np.int8)[codes]

    @property
    def written(self) -> tuple[str, ...]:
        """The labels as text."""
        return tuple(str(x) for x in self.labels)

    def _of(self, label: Any, labels: list[Any]) -> bool | None:
        """Whether a label is the positive one, read as one of the target's; None where the target has none such."""
        known = [*self.labels, *(() if found(self.positive, self.labels) else (self.positive,))]
        same = found(label, known)
        if same:
            return bool(found(self.positive, same))
        return self._other(label, labels) if len(known) == 1 else None

    def _other(self, label: Any, labels: list[Any]) -> bool | None:
        """Where the target holds only positives it cannot tell its other label: False if this can only be that one."""
        if _as_01(self.positive) is not None:
            return None if _as_01(label) is None else False
        several = sum(not found(x, [self.positive]) for x in labels) > 1
        text = isinstance(label, str) and isinstance(self.positive, str) and _as_01(label) is None
        return None if several or not text or _folded(label) == _folded(self.positive) else False

    def _refusal(self, labels: list[Any], name: str, *, contrary: bool) -> str:
        if all(is_number(x) for x in labels) and not contrary and all(0 <= x <= 1 for x in labels):
            return (
                f"'{name}' holds probabilities ({float(labels[0]):.3g} to {float(labels[-1]):.3g}) where decisions are "
                f"expected: pass it as the score and a column of decisions as y_pred, e.g. made by {name} >= 0.5"
            )
        doubt = f", of which positive is {self.positive}: 0 and 1 could mean either" if contrary else ""
        return (
            f"'{name}' holds {listing(labels)}; expected 0 and 1, or the target's labels {listing(self.labels)}{doubt}"
        )


def _two(labels: tuple[Any, ...], name: str) -> None:
    if len(labels) <= 2:
        return
    told_apart(labels, name)
    kind = (
        "it looks like probabilities: y_true takes labels"
        if all(is_number(x) and 0 <= x <= 1 for x in labels)
        else "a binary audit needs two: make a column that says yes or no"
    )
    raise DataError(f"the target '{name}' has {len(labels)} different values ({listing(labels)}); {kind}")


def _chosen(positive: Any, labels: tuple[Any, ...], name: str) -> Any:
    """The label that `positive` names; itself, where all rows are of one class and it is the other."""
    try:
        same = found(positive, labels)
    except Unwritten:
        raise DataError(f"positive names one label, got {type(positive).__name__}") from None
    if same:
        return same[0]
    alike = [x for x in labels if _folded(written(x)) == _folded(written(positive))]
    if len(labels) == 2 or alike:
        raise DataError(f"no label {positive!r} in '{name}'; its labels are {choices(positive, labels)}")
    return positive


def _one_class(labels: tuple[Any, ...], positive: Any, name: str) -> tuple[str, ...]:
    if len(labels) == 2:
        return ()
    if found(positive, labels):
        return (f"Every row of the target '{name}' is {labels[0]}, the positive label: no row is negative.",)
    return (
        f"The positive label {positive} never occurs in the target '{name}', whose every value is {labels[0]}: no row "
        "is positive.",
    )


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _as_01(x: Any) -> bool | None:
    """What a label says as 0 or 1, however it is written; None where it says neither."""
    return {"1": True, "0": False}.get(meaning(x))
