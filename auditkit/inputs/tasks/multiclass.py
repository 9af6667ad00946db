"""The multiclass task: labels and decisions become positions among classes in a stated order, -1 where missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.errors import DataError, ModelError, choices, listing
from auditkit.inputs.tasks.labels import distinct
from auditkit.inputs.tasks.task import AuditTask, Columns, Decided, Option, Target, several_each, wrong_by
from auditkit.records import Task
from auditkit.values import is_number

if TYPE_CHECKING:
    from torch import Tensor

Codes = NDArray[np.int16]

MOST_CLASSES = 100
"""A target with more different values than this is refused: they are no classes."""


class Multiclass(AuditTask):
    """One of several classes."""

    name: ClassVar[Task] = "multiclass"
    checks: ClassVar[tuple[str, ...]] = ("class_fairness", "attribution", "flip_test")
    changes: ClassVar[str] = "class_change"
    gap_targets: ClassVar[tuple[str, ...]] = ("mean_score", "mean_score_of_positives", "mean_score_of_negatives")
    takes: ClassVar[frozenset[Option]] = frozenset({"classes"})
    part: ClassVar[Task | None] = "binary"

    def target(self, columns: Columns, names: Sequence[str], *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """Labels of any number, in the order of `classes`."""
        return ClassTarget.of(columns[0], names[0], classes=classes)

    def untold(self, *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """The classes that are named."""
        if classes is None:
            raise DataError("without a truth (y_true=None) name the classes, in the order of the outputs: classes=[…]")
        return ClassTarget.of(pd.Series(_checked(classes), dtype=object), "classes", classes=classes)

    def table(self, out: Tensor, n: int) -> Tensor:
        """(N, classes)."""
        return several_each(out, n, self.name)

    def probabilities(self, decision: Tensor) -> Tensor:
        """Softmax over the classes."""
        return decision.double().softmax(1)

    def checked(self, out: Tensor, start: int) -> Floats:
        """Finite, in [0, 1], a row adding up to 1."""
        from auditkit.inputs.outputs import probabilities, sums_to_one

        score = probabilities(out, start)
        sums_to_one(score, out.dtype)
        return score

    def decided(self, said: Floats, *, threshold: float, classes: tuple[str, ...]) -> Decided:
        """The class of the largest probability; ModelError unless there is one for each class."""
        if said.shape[1] != len(classes):
            raise ModelError(
                f"the model gives {said.shape[1]} outputs a row; the target has {len(classes)} classes "
                f"({listing(classes)}): name all in the order of the outputs, Dataset(classes=…)"
            )
        return said.argmax(axis=1).astype(np.int16), said

    def changed(self, before: Floats, after: Floats, *, threshold: float) -> tuple[Floats, Floats]:
        """Whether another class is decided on, and the change of the score of the one before."""
        decided = before.argmax(axis=1)
        rows = np.arange(len(before))
        return (after.argmax(axis=1) != decided).astype(float), after[rows, decided] - before[rows, decided]

    def missed_by(self, rows: Batch, *, threshold: float) -> Floats:
        """From the score of the true class to that of the one decided on."""
        assert rows.score is not None, "a model gives scores"
        at = np.arange(len(rows.y_true))
        return wrong_by(rows, rows.score[at, rows.y_pred] - rows.score[at, rows.y_true])

    def worded(self, codes: NDArray[Any], classes: tuple[str, ...]) -> list[str]:
        """Names of classes."""
        return [classes[int(c)] for c in codes]


@dataclass(frozen=True, kw_only=True)
class ClassTarget(Target):
    """The classes of a target, in their order: outputs of a net stand in it.

    >>> target = ClassTarget.of(pd.Series(["b", "a", None]), "kind", classes=["b", "a", "c"])
    >>> target.code(pd.Series(["a", None, "c"]), "decision").tolist()
    [1, -1, 2]
    """

    numeric: bool
    """True where the classes are integers: then 2, 2.0 and True are told apart from text."""

    @classmethod
    def of(cls, column: pd.Series[Any], name: str, *, classes: Sequence[Any] | None = None) -> ClassTarget:
        """Check the target; None: the classes are its labels, sorted (numbers by size), or the categories of an
        ordered categorical, all of them in their order.

        Raises DataError for labels of mixed types, numbers that are no integers, fewer than two classes, labels that
        are not among `classes`.
        """
        labels = _labels(column, name)
        if not labels:
            raise DataError(f"every value of the target '{name}' is missing")
        kind = column.dtype
        ordered = isinstance(kind, pd.CategoricalDtype) and kind.ordered
        own = [_plain(x) for x in column.cat.categories] if ordered else labels
        stated = own if classes is None else _checked(classes)
        numeric = all(isinstance(x, int) for x in stated)
        target = cls(classes=tuple(str(x) for x in stated), numeric=numeric)
        if len(set(labels)) > MOST_CLASSES:
            raise DataError(
                f"the target '{name}' has {len(labels)} different values: too many to be classes"
                + ("; for a number that is predicted say task='regression'" if numeric else "")
            )
        if len(target.classes) < 2:
            raise DataError(
                f"the target '{name}' has one class only ({target.classes[0]}): name all that there are with classes="
            )
        target._known(labels, name)
        return target

    def code(self, column: pd.Series[Any], name: str) -> Codes:
        """Position of the class of every value, -1 where missing; DataError for anything that is no class."""
        labels = _labels(column, name)
        self._known(labels, name)
        place = {c: i for i, c in enumerate(self.classes)}
        codes, uniques = distinct(column, name)
        found = np.array([*(place[str(_plain(x))] for x in uniques), -1], dtype=np.int16)
        return found[codes]

    @property
    def written(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.classes

    def _known(self, labels: Sequence[Any], name: str) -> None:
        if labels and self.numeric != isinstance(labels[0], int) and all(str(x) in self.classes for x in labels):
            kinds = ("numbers", "text") if self.numeric else ("text", "numbers")
            raise DataError(f"the classes are {kinds[0]} and '{name}' holds {kinds[1]}: give both one type")
        unknown = [x for x in labels if str(x) not in self.classes]
        if unknown:
            raise DataError(
                f"'{name}' holds {listing(unknown)}, which is no class; the classes are "
                f"{choices(unknown[0], self.classes)} Name all that there are with classes="
            )


def _checked(classes: Sequence[Any]) -> list[Any]:
    if isinstance(classes, str):
        raise DataError(f"classes takes a list of labels in the order of the net's outputs, got '{classes}'")
    stated = [_plain(x) for x in classes]
    names = [str(x) for x in stated]
    if len({isinstance(x, str) for x in stated}) > 1:
        raise DataError(f"classes are of mixed types: {listing(map(repr, stated))}; give them one")
    if len(set(names)) < len(names):
        raise DataError(f"classes names a class twice: {listing(names)}")
    if not names:
        raise DataError("classes is empty: name at least two")
    return stated


def _labels(column: pd.Series[Any], name: str) -> list[Any]:
    """The labels that occur, sorted: integers or strings, of one type."""
    found = [_plain(x) for x in distinct(column, name)[1]]
    kinds = {type(x) for x in found}
    if kinds - {int, str} and kinds <= {int, float}:
        numbers = [float(x) for x in found]
        kind = "probabilities" if min(numbers) >= 0 and max(numbers) <= 1 else "numbers with decimals"
        raise DataError(
            f"'{name}' holds {kind} ({min(numbers):.3g} to {max(numbers):.3g}) where labels of classes are expected"
        )
    if len(kinds) > 1 or kinds - {int, str}:
        example = listing([repr(x) for x in sorted(found, key=str)], most=4)
        raise DataError(
            f"'{name}' holds labels of mixed or other types ({example}): make them all text, or all integers"
        )
    return sorted(found)


def _plain(x: Any) -> Any:
    """A label as Python's own int or str; 2.0 is 2, True is 1."""
    if isinstance(x, str):
        return str.__str__(x)
    if not is_number(x):
        return x
    return int(x) if float(x).is_integer() else float(x)
