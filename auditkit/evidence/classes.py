"""ClassTally: how many rows fall into each cell of group × true class × predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Ints
from auditkit.batch import Batch, missing
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError, EvidenceError, choices, listing
from auditkit.evidence import frames, reading, suppression
from auditkit.evidence.frames import OUTCOME, Framed
from auditkit.evidence.tally import Tally, counted, matched
from auditkit.lazy import pandas as pd

MOST_CLASSES = 1_000
MOST_TABLE = 10_000_000
"""Entries of the dense table of groups × true class × predicted class, 8 bytes each."""


class ClassCounts(NamedTuple):
    """Counts by group: `table[k, y_true, y_pred]`, over rows with truth and decision."""

    groups: tuple[tuple[str, ...], ...]
    table: Ints
    """(K, C, C)"""


@dataclass(frozen=True)
class ClassTally(Framed):
    """Counts of rows by group, true class and predicted class: `+` merges.

    Rows are known as positions in `classes`, -1 missing.

    >>> tally = ClassTally.of({"sex": ["f", "m", "m"]}, ("a", "b", "c"), y_true=[0, 1, 2], y_pred=[0, 2, 2])
    >>> (tally + tally).counts("sex").table.sum()
    np.int64(6)
    """

    by: tuple[str, ...]
    """Names of the group columns."""
    classes: tuple[str, ...]
    """Names of the classes, in their order."""
    cells: pd.DataFrame
    """One row a non-empty cell: the group columns (strings), `y_true`, `y_pred` (positions), `n`; sorted."""

    @classmethod
    def of(cls, groups: Any, classes: Sequence[str], *, y_true: ArrayLike, y_pred: ArrayLike) -> ClassTally:
        """Count rows: groups a frame or a dict of columns (N,), y_true and y_pred (N,) positions in `classes` or -1.

        Raises DataError for columns of unequal length or other codes.
        """
        columns, beside = matched(groups, {"y_true": y_true, "y_pred": y_pred})
        codes = [_codes(values, name, len(classes)) for name, values in beside.items()]
        return cls(tuple(columns), tuple(classes), counted(columns, *codes, classes=len(classes)))

    @classmethod
    def of_batch(cls, batch: Batch) -> ClassTally:
        """The rows of a batch, of any task: of numbers, 0 is known and -1 missing."""
        codes: list[Any] = [batch.y_true, batch.y_pred]
        if batch.kind.numeric:
            codes = [-missing(v).astype(np.int8) for v in codes]
        return cls.of(batch.groups, batch.classes or ("0", "1"), y_true=codes[0], y_pred=codes[1])

    def __add__(self, other: ClassTally) -> ClassTally:
        if (self.by, self.classes) != (other.by, other.classes):
            raise EvidenceError(
                f"cannot add a tally by {list(self.by)} of classes {listing(self.classes)} and one by {list(other.by)} "
                f"of {listing(other.classes)}"
            )
        cells = pd.concat([self.cells, other.cells], ignore_index=True)
        return ClassTally(self.by, self.classes, frames.summed_rows(cells, self.by, *OUTCOME))

    def counts(self, *by: str) -> ClassCounts:
        """Counts by the crossed groups of these columns, groups sorted, over rows with truth and decision.

        Groups without such a row are there, with a table of zeros.
        """
        frames.known_columns(by, self.by)
        cells = self.table("cells")
        groups, where = frames.places(cells, by, len(cells["n"]))
        width = len(self.classes) + 1
        table = np.zeros((len(groups), width, width), dtype=np.int64)
        np.add.at(table, (where, cells["y_true"] + 1, cells["y_pred"] + 1), cells["n"])
        return ClassCounts(groups, table[:, 1:, 1:])

    def decisions(self, *by: str) -> tuple[tuple[tuple[str, ...], ...], Ints]:
        """Crossed groups of these columns, sorted, and (K, 1 + C) rows by decision, whatever their truth; first those
        without a decision.

        >>> tally = ClassTally.of({"p": ["a", "a", "b"]}, "xy", y_true=[-1, 0, -1], y_pred=[1, 0, -1])
        >>> tally.decisions("p")[1].tolist()
        [[0, 1, 1], [1, 0, 0]]
        """
        frames.known_columns(by, self.by)
        cells = self.table("cells")
        groups, where = frames.places(cells, by, len(cells["n"]))
        table = np.zeros((len(groups), len(self.classes) + 1), dtype=np.int64)
        np.add.at(table, (where, cells["y_pred"] + 1), cells["n"])
        return groups, table

    def one_vs_rest(self, label: str) -> Tally:
        """The tally of one class against all others: 1 that class, 0 another, -1 missing.

        Raises DataError, naming the nearest, for a class that there is not.
        """
        if label not in self.classes:
            raise DataError(f"no class '{label}'; the classes are {choices(label, self.classes)}")
        c = self.classes.index(label)
        return self._coded(*(np.where(x < 0, -1, x == c) for x in self._outcomes()))

    def hits(self) -> Tally:
        """The tally of being right: truth 1 for every row, decision 1 where the predicted class is the true one.

        Its accuracy, its error rate and its share of rows without a truth are those of the classes; its other rates say
        nothing.
        """
        truth, decision = self._outcomes()
        return self._coded(np.where(truth < 0, -1, 1), np.where(decision < 0, -1, truth == decision))

    def _outcomes(self) -> tuple[Ints, Ints]:
        cells = self.table("cells")
        return cells["y_true"], cells["y_pred"]

    def _coded(self, truth: Ints, decision: Ints) -> Tally:
        cells = {**self.table("cells"), "y_true": truth.astype(np.int64), "y_pred": decision.astype(np.int64)}
        found = frames.summed(cells, self.by, OUTCOME, ["n"])
        return Tally.of_tables({"cells": found}, by=self.by, clusters=None, distinct={})

    def reduced(self, disclosure: Disclosure) -> ClassTally:
        """The same counts, of recoded groups."""
        recoding = suppression.of_columns(disclosure, self.by, self.cells)
        cells = suppression.recoded(self.cells, recoding)
        return ClassTally(self.by, self.classes, frames.summed_rows(cells, self.by, *OUTCOME))

    def told(self, disclosure: Disclosure) -> GroupDisclosure:
        """The disclosure, with the recoding that these groups need.

        DataError where groups are to be suppressed, and all groups together have few rows of one truth or decision.
        """
        fewest = disclosure.suppress_below
        if not fewest:
            return GroupDisclosure(**disclosure.model_dump(), attributes=self.by)
        for what, rows in suppression.parts_of(self.cells, self.classes).items():
            if 0 < rows.sum() < fewest:
                raise DataError(
                    f"{rows.sum()} {what}: a report that suppresses groups below {fewest} needs as many, or none"
                )
        recoding = suppression.recoding_of(self.by, suppression.counted(self.cells, self.by), fewest)
        return GroupDisclosure(**disclosure.model_dump(), attributes=self.by, recoding=recoding)

    def to_json(self) -> dict[str, Any]:
        """As JSON: one list a column."""
        return {"by": list(self.by), "classes": list(self.classes), "cells": self.lists("cells")}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ClassTally:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the tally of classes", "by", "classes", "cells")
        by = reading.names(data["by"], "'by' of the tally of classes")
        classes = reading.names(data["classes"], "the classes", most=MOST_CLASSES)
        code = partial(reading.wholes, low=-1, high=len(classes) - 1)
        cells = reading.table(data["cells"], "the cells", by, key=dict.fromkeys(OUTCOME, code))
        groups = frames.occurring(cells, by) if by else 1
        reading.bounded(groups * (len(classes) + 1) ** 2, "groups × classes × classes", MOST_TABLE)
        return cls.of_tables({"cells": cells}, by=by, classes=classes)


def _codes(values: ArrayLike, name: str, classes: int) -> Ints:
    array = np.asarray(values)
    out = array.astype(np.int64)
    if not np.array_equal(out, array) or (out.size and (out.min() < -1 or out.max() >= classes)):
        raise DataError(f"{name} must hold positions of classes from 0 to {classes - 1}, or -1 (missing)")
    return out
