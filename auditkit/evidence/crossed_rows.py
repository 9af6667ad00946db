"""Rows counted by all that a search sees of them, so that each copy can be put into a half when all have been added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints, Keys
from auditkit.disclosure import Disclosure
from auditkit.evidence import halves
from auditkit.evidence.coding import Coded
from auditkit.evidence.copies import Copies
from auditkit.evidence.crossed import CrossedSums, crossed, joined_labels, same_facts
from auditkit.evidence.grouped import recoding_of
from auditkit.evidence.sample import shuffled
from auditkit.lazy import pandas as pd

MOST_CONTENTS = 2**17
"""Different rows, as the search sees them, that are counted one by one; fewer of more than 64 columns."""
_MOST_CODES = 2**23
_HASH_KEY = "auditkitcontents"
"""Sixteen bytes: a condition has the same hash in every audit."""


@dataclass(frozen=True)
class CrossedRows:
    """How often each content occurs: the conditions of all columns, and the outcome x.

    Copies of one content are all alike to the search, so that any of them may go to any half. Of more contents than are
    counted, `CrossedSums` are kept from the start, whose halves take copies together: by their whole content, which
    tells more rows apart than the conditions do. The number of contents alone decides which it is, whatever the parts.
    """

    labels: dict[str, tuple[str, ...]]
    """Column → its conditions."""
    codes: NDArray[np.int32]
    """(D, columns) positions in them."""
    x: Floats
    """(D,) outcomes."""
    keys: Keys
    """(D,) a hash of each content, ascending."""
    counts: Ints
    """(2, D) rows of each content, by the half of their own key."""
    copies: Copies
    not_counted: int
    facts: dict[str, Any]
    depth: int
    alone: tuple[str, ...]
    numbers: bool = False
    """Whether outcomes are more than yes or no."""

    @classmethod
    def gather(
        cls,
        columns: Mapping[str, Coded],
        outcome: Floats,
        keys: Keys,
        *,
        depth: int,
        facts: dict[str, Any],
        alone: Sequence[str] = (),
        numbers: bool = False,
    ) -> CrossedRows | CrossedSums:
        """Count rows: outcome (N,), NaN where a row does not count; keys (N,), a hash of each row's whole content."""
        counted = ~np.isnan(outcome)
        x = outcome[counted] + 0.0  # no negative zero
        codes = np.empty((len(x), len(columns)), np.int32)
        for i, c in enumerate(columns.values()):
            codes[:, i] = c.codes[counted]
        labels = {name: c.labels for name, c in columns.items()}
        ones = np.zeros((2, len(x)), np.int64)
        ones[halves.of_keys(keys[counted]), np.arange(len(x))] = 1
        copies, lost = Copies.of(keys[counted]), int((~counted).sum())
        content = _keys(codes, labels, x)
        return cls(labels, codes, x, content, ones, copies, lost, facts, depth, tuple(alone), numbers)._counted()

    def __add__(self, other: CrossedRows | CrossedSums) -> CrossedRows | CrossedSums:
        if isinstance(other, CrossedSums):
            return self._summed(self.counts, apart=False) + other
        same_facts(self.facts, other.facts)
        labels = joined_labels(self.labels, other.labels)
        return replace(
            self,
            labels=labels,
            codes=np.concatenate([self._on(labels), other._on(labels)]),
            x=np.concatenate([self.x, other.x]),
            keys=np.concatenate([self.keys, other.keys]),
            counts=np.concatenate([self.counts, other.counts], axis=1),
            copies=self.copies + other.copies,
            not_counted=self.not_counted + other.not_counted,
        )._counted()

    def sums(self) -> CrossedSums:
        """Sums whose halves were drawn copy by copy."""
        return self._sums

    @cached_property
    def _sums(self) -> CrossedSums:
        n = self.counts.sum(axis=0)
        second = halves.of_counts(self.keys, n)
        return self._summed(np.stack([n - second, second]), apart=True)

    def reduced(self, disclosure: Disclosure) -> CrossedSums:
        """The sums, as `CrossedSums.reduced` says. Groups that are told only together are one before copies are drawn,
        so that no draw depends on how many each has."""
        rows = self
        for column, values in recoding_of(disclosure).items():
            rows = rows._recoded(column, values)
        return rows.sums().reduced(disclosure)

    def to_json(self) -> dict[str, Any]:
        """The sums as JSON: contents are not written."""
        return self.sums().to_json()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CrossedSums:
        """The sums, from `to_json`."""
        return CrossedSums.from_json(data)

    def _counted(self) -> CrossedRows | CrossedSums:
        """Each content once; sums where there are too many."""
        keys, first, where = np.unique(self.keys, return_index=True, return_inverse=True)
        if len(keys) > min(MOST_CONTENTS, _MOST_CODES // max(64, len(self.labels))):
            return self._summed(self.counts, apart=False)
        counts = np.stack([np.bincount(where, n, minlength=len(keys)) for n in self.counts]).astype(np.int64)
        return replace(self, keys=keys, codes=self.codes[first], x=self.x[first], counts=counts)

    def _recoded(self, column: str, values: Mapping[str, str]) -> CrossedRows:
        """With these values of a column under the names that stand in their place."""
        own = self.labels.get(column, ())
        named = {f"{column} = {old}": f"{column} = {new}" for old, new in values.items()}
        told = [named.get(label, label) for label in own]
        if list(own) == told:
            return self
        place = {label: i for i, label in enumerate(dict.fromkeys(x for x in told if x not in named.values()))}
        place |= {label: len(place) + i for i, label in enumerate(sorted(set(told) - set(place)))}
        codes = self.codes.copy()
        at = list(self.labels).index(column)
        codes[:, at] = np.array([place[label] for label in told], np.int32)[codes[:, at]]
        labels = {**self.labels, column: tuple(place)}
        rows = replace(self, labels=labels, codes=codes, keys=_keys(codes, labels, self.x))._counted()
        assert isinstance(rows, CrossedRows), "there are no more contents than there were"
        return rows

    def _summed(self, counts: Ints, *, apart: bool) -> CrossedSums:
        half, content = np.nonzero(counts)
        codes = {name: self.codes[content, i].astype(np.int64) for i, name in enumerate(self.labels)}
        times = counts[half, content].astype(np.float64)
        how: Any = {"depth": self.depth, "alone": self.alone, "times": times, "numbers": self.numbers}
        tables = crossed(codes, self.labels, self.x[content], half, **how)
        return CrossedSums(self.labels, tables, self.copies, self.not_counted, self.facts, apart)

    def _on(self, labels: dict[str, tuple[str, ...]]) -> NDArray[np.int32]:
        """The codes, as positions in these labels."""
        out = self.codes
        for i, (name, own) in enumerate(self.labels.items()):
            if own != labels[name]:
                place = {label: p for p, label in enumerate(labels[name])}
                codes = np.array([place[label] for label in own], np.int32)[self.codes[:, i]]
                out = np.column_stack([out[:, :i], codes, out[:, i + 1 :]])
        return out


def _keys(codes: NDArray[np.int32], labels: Mapping[str, tuple[str, ...]], x: Floats) -> Keys:
    """(N,) a hash of outcome and conditions, whatever the columns are called and in whichever order they stand."""
    out = shuffled(pd.util.hash_array(x, categorize=False), 0)
    rank = {name: i + 1 for i, name in enumerate(sorted(labels))}
    for i, (name, own) in enumerate(labels.items()):
        values = np.array([label.replace(name, "", 1) for label in own], dtype=object)
        hashes = pd.util.hash_array(values, hash_key=_HASH_KEY, categorize=False).astype(np.uint64)
        out += shuffled(hashes, rank[name])[codes[:, i]]
    return out
