"""Paired: how many rows fall into each cell of group × truth × decision of an older model × decision of the newer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from auditkit.arrays import Ints
from auditkit.batch import MISSING, Batch
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import reading, suppression, tally_sums
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.frames import OUTCOME, Columns, column, columns_of, places, summed_rows
from auditkit.evidence.tally import Tally, summed_cells
from auditkit.evidence.tally_sums import Sums

if TYPE_CHECKING:
    import pandas as pd

OLD = "(older decision)"
"""The group column that holds what the older model decided."""
State = Ints
"""Of each cell, what its rows are to a rate: -1 not counted, 0 counted, 1 a success."""


class States(NamedTuple):
    """Rows of K groups by what they are to one rate under the newer decision and under the older."""

    groups: tuple[tuple[str, ...], ...]
    table: Ints
    """(K, 3, 3) rows, `[k, 1 + newer state, 1 + older state]`."""
    sums: Sums | None
    """The same weighted, with what is drawn; None where all rows count alike and independently."""


@dataclass(frozen=True)
class Paired:
    """Decisions of two models on the same rows, counted together; `+` merges.

    It is a tally whose last group column is the decision of the older model, so that weights, clusters and strata are
    kept as in every other tally. Only sums are kept: nobody can be told from them.

    >>> rows = Paired.of({"sex": ["f", "f", "m"]}, y_true=[1, 0, 1], y_pred=[1, 0, 0], y_old=[0, 0, 0])
    >>> (rows + rows).cells()["old"].tolist()
    [0, 0, 0]
    """

    tally: Tally | ClassTally

    @classmethod
    def of(
        cls, groups: Any, *, y_true: Any, y_pred: Any, y_old: Any, classes: Sequence[str] = (), **weighting: Any
    ) -> Paired:
        """Count rows: as `Tally.of`, or `ClassTally.of` where there are `classes`; `y_old` coded as `y_pred`.

        Raises DataError for columns of unequal length, other codes, and an attribute of the name kept for the older
        decision.
        """
        columns = {str(k): groups[k] for k in groups}
        if OLD in columns:
            raise DataError(f"a sensitive feature is called '{OLD}', the name kept for the older decision: rename it")
        old = np.asarray(y_old)
        names = np.array([MISSING, *map(str, range(max(2, len(classes))))], dtype=object)
        if old.size and not (old.min() >= -1 and old.max() < len(names) - 1):
            raise DataError("the older decisions hold codes that the newer ones cannot have")
        columns[OLD] = names[old.astype(np.int64) + 1]
        if classes:
            return cls(ClassTally.of(columns, classes, y_true=y_true, y_pred=y_pred))
        return cls(Tally.of(columns, y_true=y_true, y_pred=y_pred, **weighting))

    @classmethod
    def of_batch(cls, batch: Batch) -> Paired:
        """The rows of a batch; the older decisions are all missing where there is no older model."""
        old = np.full(len(batch.y_pred), -1) if batch.y_old is None else batch.y_old
        own: dict[str, Any] = {"y_true": batch.y_true, "y_pred": batch.y_pred, "y_old": old}
        if batch.classes and not batch.kind.yes_no:
            return cls.of(batch.groups, **own, classes=batch.classes)
        weighting = ("sample_weight", "weights_kind", "strata", "population")
        return cls.of(batch.groups, **own, cluster=batch.ids, **{k: getattr(batch, k) for k in weighting})

    def __add__(self, other: Paired) -> Paired:
        if type(self.tally) is not type(other.tally):
            raise EvidenceError("cannot add decisions of two classes and of several")
        return Paired(self.tally + other.tally)  # type: ignore[operator]

    @property
    def by(self) -> tuple[str, ...]:
        """The sensitive features."""
        return self.tally.by[:-1]

    @property
    def classes(self) -> tuple[str, ...]:
        """Of several classes, their names; else none."""
        return self.tally.classes if isinstance(self.tally, ClassTally) else ()

    @property
    def clusters(self) -> Any:
        """Replicates of the clusters; None where rows are independent."""
        return getattr(self.tally, "clusters", None)

    @property
    def dependent(self) -> bool:
        """Whether rows have weights, clusters or strata."""
        return isinstance(self.tally, Tally) and self.tally.dependent

    @property
    def weighted(self) -> bool:
        """Whether rows have sampling weights."""
        return isinstance(self.tally, Tally) and self.tally.weighted

    def times(self, factor: int) -> Paired:
        """As so many copies of every row would give it."""
        return Paired(self.tally.times(factor))

    def table(self, name: str) -> Columns:
        """The columns of the cells."""
        return self.tally.table(name)

    def cells(self) -> Columns:
        """Every cell as arrays: attributes, `y_true`, `y_pred`, `n`, and `old`, coded likewise."""
        return {**self.tally.table("cells"), "old": self._old}

    @cached_property
    def _old(self) -> Ints:
        said = self.tally.table("cells")[column(OLD)].tolist()
        return np.array([-1 if x == MISSING else int(x) for x in said], dtype=np.int64)

    @property
    def compared(self) -> int:
        """Rows that both models decide."""
        cells = self.cells()
        return int(cells["n"][(cells["old"] >= 0) & (cells["y_pred"] >= 0)].sum())

    @property
    def undecided(self) -> int:
        """Rows that the newer model decides and the older does not, or the other way round."""
        cells = self.cells()
        return int(cells["n"][(cells["old"] >= 0) != (cells["y_pred"] >= 0)].sum())

    def of_class(self, label: str) -> Paired:
        """Of several classes one against the rest, as decisions of two."""
        assert isinstance(self.tally, ClassTally), "of two classes there is nothing to choose"
        c = self.classes.index(label)
        return self._coded(lambda code: np.where(code < 0, -1, code == c))

    def hits(self) -> Paired:
        """Of several classes whether each decision is right: 1 in truth for all, 1 where it is the true class."""
        assert isinstance(self.tally, ClassTally), "of two classes accuracy is a rate"
        truth = self.tally.table("cells")["y_true"]
        return self._coded(lambda code: np.where(code < 0, -1, code == truth), truth=np.where(truth < 0, -1, 1))

    def _coded(self, code: Any, truth: Ints | None = None) -> Paired:
        cells = self.tally.table("cells")
        old = code(self._old)
        named = np.array([MISSING, "0", "1"], dtype=object)[old.astype(np.int64) + 1]
        told = {
            **{k: v for k, v in cells.items() if k != column(OLD)},
            column(OLD): named,
            "y_true": (code(cells["y_true"]) if truth is None else truth).astype(np.int64),
            "y_pred": code(cells["y_pred"]).astype(np.int64),
        }
        order = [c for c in cells if c in told]
        tally = Tally.of_tables(
            {"cells": {c: told[c] for c in order}}, by=self.tally.by, clusters=None, distinct={}, strata=None
        )
        return Paired(tally)

    def states(self, by: Sequence[str], newer: State, older: State) -> States:
        """Rows of the crossed groups of these attributes, by the states of each cell (C,)."""
        assert isinstance(self.tally, Tally), "several classes are told one by one"
        cells = self.tally.columns
        groups, at = places(cells, by, len(cells["n"]))
        where = (at, newer.astype(np.intp) + 1, older.astype(np.intp) + 1)
        table = np.zeros((len(groups), 3, 3), dtype=np.int64)
        np.add.at(table, where, cells["n"])
        sums = None
        if self.dependent:
            # clusters were counted by decision, not by state: their number is read off the replicates
            sums = tally_sums.sums_of(self.tally, by, groups, where)._replace(seen=None)
        return States(groups, table, sums)

    def reduced(self, disclosure: Disclosure) -> Paired:
        """Counts of recoded groups; where groups are suppressed, an older decision that few of a group had is not told.

        The recoding of the report is made without the older model: few of a group may have had one decision of its.
        """
        if not isinstance(disclosure, GroupDisclosure):
            return self
        tally = self.tally
        cells = suppression.recoded(tally.cells, disclosure.recoding)
        if disclosure.suppress_below:
            cells = _without_few(cells, self.by, disclosure.suppress_below)
        if isinstance(tally, ClassTally):
            return Paired(ClassTally(tally.by, tally.classes, summed_rows(cells, tally.by, *OUTCOME)))
        known = disclosure.model_copy(update={"attributes": (*disclosure.attributes, OLD), "recoding": {}})
        return Paired(summed_cells(cells, tally.by, tally.clusters, tally.strata).reduced(known))

    def to_json(self) -> dict[str, Any]:
        """As JSON: the tally."""
        return self.tally.to_json()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Paired:
        """From `to_json`; EvidenceError for what no rows can give."""
        kind = ClassTally if "classes" in reading.mapping(data, "the paired tally") else Tally
        tally = kind.from_json(data)
        if tally.by[-1:] != (OLD,):
            raise EvidenceError(f"the paired tally lacks the column '{OLD}'")
        known = {MISSING, *map(str, range(len(tally.classes) if isinstance(tally, ClassTally) else 2))}
        strange = set(tally.table("cells")[column(OLD)].tolist()) - known
        if strange:
            raise EvidenceError(f"{reading.shown(min(strange))} is no older decision")
        return cls(tally)


def _without_few(cells: pd.DataFrame, by: Sequence[str], fewest: int) -> pd.DataFrame:
    """The cells with no older decision in the groups in which few rows had one of them."""
    rows = cells.groupby([*columns_of(by), column(OLD)], observed=True)["n"].sum().reset_index()
    few = rows[(rows["n"] > 0) & (rows["n"] < fewest)]
    groups = set(zip(*(few[c] for c in columns_of(by)), strict=True)) if by else ({()} if len(few) else set())
    own = list(zip(*(cells[c] for c in columns_of(by)), strict=True)) if by else [()] * len(cells)
    hidden = [g in groups for g in own]
    return cells.assign(**{column(OLD): cells[column(OLD)].where(~np.array(hidden, dtype=bool), MISSING)})
