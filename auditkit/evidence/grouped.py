"""Sums over everybody and over groups of sampled rows, and tables of rows that are reduced to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from auditkit.errors import EvidenceError
from auditkit.evidence.observations import Observations
from auditkit.evidence.reading import MOST_COLUMNS, MOST_GROUPS, bounded, fields, mapping, names, text
from auditkit.evidence.sums import Moments, Weights, merged, same_facts, weighted

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

FEWEST = 10
"""Sums over fewer rows than this are withheld: they would say something of single people."""
MOST_TABLES = 1_000
"""Tables of one piece of evidence."""


class Grouped(NamedTuple):
    """Moments of a few columns over some rows, and over each group of them.

    A group whose sums are withheld has rows and no weight.
    """

    columns: tuple[str, ...]
    everybody: Moments
    groups: dict[str, Moments]

    @classmethod
    def of(
        cls,
        columns: Mapping[str, ArrayLike],
        weight: ArrayLike | Weights,
        group: Sequence[str] = (),
        *,
        fewest: int = 1,
    ) -> Grouped:
        """Sum columns (N,) with weights (N,) by group (N,), withholding what fewer than `fewest` rows make.

        >>> seen = Grouped.of({"x": [1.0] * 12}, [1.0] * 12, ["f"] * 9 + ["m"] * 3, fewest=3)
        >>> seen.groups["m"].mean
        array([1.])
        >>> hidden(Grouped.of({"x": [1.0] * 12}, [1.0] * 12, ["f"] * 9 + ["m"] * 3, fewest=4).groups["f"])
        True
        """
        w = weighted(weight, 0)
        x = (
            np.stack([np.asarray(v, np.float64) for v in columns.values()], axis=1)
            if columns
            else np.zeros((len(w.weight), 0))
        )
        label = np.asarray(group, dtype=object)
        found = {g: Moments.of(x[label == g], w.at(label == g)) for g in sorted(set(group))}
        without = withheld({g: m.n for g, m in found.items()}, fewest)
        everybody = Moments.of(x, w)
        if 0 < everybody.n < fewest:
            everybody, without = _without_sums(everybody), {*found}
        return cls(tuple(columns), everybody, {g: _without_sums(m) if g in without else m for g, m in found.items()})

    def __add__(self, other: Grouped) -> Grouped:  # type: ignore[override]
        return self._with(other, Moments.__add__)

    def beside(self, other: Grouped) -> Grouped:
        """The sum of samples of two strata (`Moments.beside`)."""
        return self._with(other, Moments.beside)

    def _with(self, other: Grouped, add: Callable[[Moments, Moments], Moments]) -> Grouped:
        if self.columns != other.columns:
            raise EvidenceError(f"cannot add sums of {list(self.columns)} and of {list(other.columns)}")
        names = sorted({*self.groups, *other.groups})
        groups = {g: _added(self.groups.get(g), other.groups.get(g), add) for g in names}
        return Grouped(self.columns, _added(self.everybody, other.everybody, add), groups)

    def arranged(self, columns: Sequence[str]) -> Grouped:
        """Those of some columns, in this order."""
        at = [self.columns.index(c) for c in columns]
        return Grouped(tuple(columns), self.everybody.at(at), {g: m.at(at) for g, m in self.groups.items()})

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        groups = {g: m.to_json() for g, m in self.groups.items()}
        return {"columns": list(self.columns), "everybody": self.everybody.to_json(), "groups": groups}

    @classmethod
    def from_json(cls, data: object, what: str) -> Grouped:
        """From `to_json`; EvidenceError for what cannot be."""
        found = fields(data, what, "columns", "everybody", "groups")
        columns = names(found["columns"], f"columns of {what}", most=100 * MOST_COLUMNS)
        groups = mapping(found["groups"], f"groups of {what}", most=MOST_GROUPS)
        bounded(len(columns) * (1 + len(groups)), f"sums of {what}", 2_000_000)
        read = {text(g, "a group"): Moments.from_json(m, width=len(columns)) for g, m in groups.items()}
        return cls(columns, Moments.from_json(found["everybody"], width=len(columns)), read)


def hidden(moments: Moments) -> bool:
    """Whether there are rows whose sums are withheld."""
    return moments.n > 0 and moments.w == 0


def withheld(counts: Mapping[str, int], fewest: int) -> set[str]:
    """Groups whose sums are withheld: those of fewer than `fewest` rows, and, so that what is left of everybody's sums
    does not tell them, the smallest others until at least `fewest` rows are hidden.

    >>> sorted(withheld({"a": 3, "b": 40, "c": 500}, 10)), withheld({"a": 10, "b": 40}, 10)
    (['a', 'b'], set())
    """
    small = {g for g, n in counts.items() if 0 < n < fewest}
    others = sorted((g for g, n in counts.items() if n >= fewest), key=lambda g: (counts[g], g))
    while small and sum(counts[g] for g in small) < fewest and others:
        small.add(others.pop(0))
    return small


def _without_sums(m: Moments) -> Moments:
    nothing = np.zeros_like(m.wx)
    return Moments(m.n, 0.0, 0.0, nothing, nothing, wx3=None if m.wx3 is None else nothing)


def _added(a: Moments | None, b: Moments | None, add: Callable[[Moments, Moments], Moments]) -> Moments:
    if a is None or b is None:
        found = a or b
        assert found is not None, "a group has sums somewhere"
        return found
    return _without_sums(a + b) if hidden(a) or hidden(b) else add(a, b)


@dataclass(frozen=True)
class GroupSums:
    """What is left of sampled rows: tables of sums by group, and facts read off all of them; tables add."""

    facts: dict[str, Any]
    """What holds for the whole (method, steps, tests of the rows, …); sums with other facts do not add."""
    tables: dict[str, Grouped] = field(default_factory=dict)

    def __add__(self, other: GroupSums) -> GroupSums:
        same_facts(self.facts, other.facts, "sums over rows")
        return GroupSums(self.facts, merged(self.tables, other.tables))

    def beside(self, other: GroupSums) -> GroupSums:
        """The sum of samples of two strata (`Moments.beside`)."""
        same_facts(self.facts, other.facts, "sums over rows")
        return GroupSums(self.facts, merged(self.tables, other.tables, add=Grouped.beside))

    def sums(self, fewest: int = 1) -> GroupSums:
        """Itself."""
        return self

    def reduced(self, disclosure: Disclosure) -> GroupSums:
        """Sums already."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"facts": self.facts, "tables": {k: t.to_json() for k, t in self.tables.items()}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GroupSums:
        """From `to_json`; EvidenceError for what cannot be."""
        found = fields(data, "the sums", "facts", "tables")
        tables = mapping(found["tables"], "tables", most=MOST_TABLES)
        return cls(
            mapping(found["facts"], "facts"), {k: Grouped.from_json(t, f"table '{k[:80]}'") for k, t in tables.items()}
        )


@dataclass(frozen=True)
class PersonRows(Observations):
    """A table with one row a person (or a person and equal others), which no report keeps unless it is told to."""

    @property
    def weights(self) -> Weights:
        """How much each row counts."""
        return Weights.read(self.columns)

    def sums(self, fewest: int = 1) -> GroupSums:
        """What findings need of the rows, with nothing that fewer than `fewest` of them make."""
        raise NotImplementedError

    def reduced(self, disclosure: Disclosure) -> PersonRows | GroupSums:  # type: ignore[override]
        """Sums, of recoded groups where groups are recoded; the rows only where the disclosure keeps rows."""
        rows = self.recoded(recoding_of(disclosure))
        return rows if disclosure.keep_rows else rows.sums(max(FEWEST, disclosure.suppress_below))

    def recoded(self, recoding: Recoding) -> Self:
        """The rows with other labels of their groups."""
        if not recoding:
            return self
        trials = self.trials
        if trials is not None:
            trials = replace(trials, labels=_renamed(trials.labels, recoding))
        return replace(self, labels=_renamed(self.labels, recoding), trials=trials)


Recoding = Mapping[str, Mapping[str, str]]
"""Attribute → group → what it is called together with others."""


def recoding_of(disclosure: Disclosure) -> Recoding:
    """Groups that are told only together; nothing where a disclosure does not say."""
    found: Recoding = getattr(disclosure, "recoding", {})
    return found


def _renamed(labels: dict[str, list[str]], recoding: Recoding) -> dict[str, list[str]]:
    return {a: [recoding.get(a, {}).get(v, v) for v in values] for a, values in labels.items()}
