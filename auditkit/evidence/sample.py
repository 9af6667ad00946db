"""The sample of decided rows that nets and rows checks study: order-free, drawn by hash, bounded; and tables of
observations made on it. (`inputs.survey` has the rows that bins are fitted to.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Keys, Positions
from auditkit.batch import Batch, Census
from auditkit.errors import EvidenceError, listing
from auditkit.evidence.census import census_of
from auditkit.evidence.contents import hashable
from auditkit.evidence.reading import fields, mapping, numbers, texts
from auditkit.evidence.sums import merged
from auditkit.evidence.suppression import recoded_batch
from auditkit.lazy import pandas as pd

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure, GroupDisclosure

_HASH_KEY = "auditkit00000000"
"""Sixteen bytes: a row has the same key in every audit."""
_OF_ROWS = ("features", "groups", "y_true", "y_pred", "score", "sample_weight", "cluster", "row_id", "controls")
"""Of a batch, what has a value a row and stays with it, whatever sample it is drawn into."""


def row_keys(batch: Batch) -> Keys:
    """A 64-bit key of each row, (N,), the same wherever it stands: of its declared id, or else of its content.

    The content is every feature, group, control feature, target and prediction; column order does not matter.
    """
    if batch.row_id is not None:
        return batch.row_id
    controls = [] if batch.controls is None else [batch.controls.add_prefix("c:")]
    frame = pd.concat(
        [batch.features.add_prefix("x:"), batch.groups.add_prefix("g:"), *controls],
        axis=1,
    ).assign(y_true=batch.y_true, y_pred=batch.y_pred)
    if batch.score is not None:
        scores = batch.score[:, None] if batch.score.ndim == 1 else batch.score
        frame = frame.assign(**{f"score{i or ''}": scores[:, i] for i in range(scores.shape[1])})
    for name, values in (("weight", batch.sample_weight), ("cluster", batch.cluster)):
        if values is not None:
            frame[name] = values
    return frame_keys(frame)


def frame_keys(frame: pd.DataFrame) -> Keys:
    """A 64-bit hash of each row of a frame, (N,), in whatever order its columns stand."""
    frame = hashable(frame[sorted(frame.columns)])
    return pd.util.hash_pandas_object(frame, index=False, hash_key=_HASH_KEY).to_numpy().astype(np.uint64)


def shuffled(keys: Keys, seed: int) -> Keys:
    """The same keys in another order of size for every seed; equal rows keep equal keys."""
    return _mix(keys ^ np.uint64(seed % 2**64))


@dataclass(frozen=True)
class RowHash:
    """An additive fingerprint of a set of rows: free of order and of how the rows were split.

    Four sums, modulo 2⁶⁴, of differently mixed row keys.
    """

    rows: int
    sums: tuple[int, ...]

    @classmethod
    def of(cls, keys: Keys) -> RowHash:
        """The fingerprint of rows with these keys."""
        sums, mixed = [], keys.copy()
        for _ in range(4):
            sums.append(int(mixed.sum(dtype=np.uint64)))
            mixed = _mix(mixed)
        return cls(len(keys), tuple(sums))

    def __add__(self, other: RowHash) -> RowHash:
        sums = tuple((x + y) % 2**64 for x, y in zip(self.sums, other.sums, strict=True))
        return RowHash(self.rows + other.rows, sums)


def _mix(x: Keys) -> Keys:
    """One round of splitmix64: a bijection that scatters."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Sample:
    """The `k` rows of lowest key in every crossed group, and how many rows each group has in all.

    Parts merge their lowest `k`, so the sample depends on neither order nor partition.
    """

    k: int
    batch: Batch
    keys: Keys
    counts: dict[tuple[str, ...], int]
    """Crossed group → its rows in the data."""
    census: Census | None = None
    """What the model said of all rows, group by group; None where it gives no score."""

    @classmethod
    def of(cls, batch: Batch, keys: Keys, *, k: int) -> Sample:
        """The sample of one batch."""
        strata = _strata(batch.groups)
        counts: dict[tuple[str, ...], int] = {}
        for group, count in zip(*np.unique(strata, return_counts=True), strict=True):
            counts[tuple(group.split(_SEPARATOR))] = int(count)
        return cls(k, batch, keys, counts, census_of(batch))._cut()

    def __add__(self, other: Sample) -> Sample:
        if self.k != other.k or list(self.batch.groups) != list(other.batch.groups):
            raise EvidenceError(
                f"cannot add a sample of {self.k} rows a group by {list(self.batch.groups)} and one of {other.k} by "
                f"{list(other.batch.groups)}"
            )
        counts = merged(self.counts, other.counts)
        keys = np.concatenate([self.keys, other.keys])
        census = None if self.census is None or other.census is None else self.census + other.census
        return Sample(self.k, concatenated([self.batch, other.batch]), keys, counts, census)._cut()

    def draw(self, size: int) -> Batch:
        """At most `size` rows, shared out evenly over the crossed groups (a small group gives all it has).

        `weight` holds the rows of the data that each drawn row stands for, so weighted means speak of all rows.
        Rows come in the order of their keys. `census` says what the model said of all rows.
        """
        quota = _even(self.counts, size)
        strata = _strata(self.batch.groups)
        keep = np.zeros(len(strata), dtype=bool)
        weight = np.zeros(len(strata))
        for group, want in quota.items():
            where = np.flatnonzero(strata == _join(group))[:want]  # already in the order of the keys
            keep[where] = True
            if len(where):
                weight[where] = self.counts[group] / len(where)
        return replace(taken(self.batch, np.flatnonzero(keep), weight=weight[keep]), census=self.census)

    def recoded(self, told: GroupDisclosure) -> Sample:
        """The sample of recoded groups: how many rows are drawn of each does not tell the groups that were joined."""
        if not told.recoding:
            return self
        counts: dict[tuple[str, ...], int] = {}
        for group, n in self.counts.items():
            own = zip(map(str, self.batch.groups), group, strict=True)
            key = tuple(told.recoding.get(a, {}).get(v, v) for a, v in own)
            counts[key] = counts.get(key, 0) + n
        census = None if self.census is None else self.census.recoded(told.recoding)
        return Sample(self.k, recoded_batch(self.batch, told), self.keys, counts, census)._cut()

    def simple(self, size: int) -> Batch:
        """The `size` ≤ k rows of lowest key of all: a simple random sample of the data, whatever their groups."""
        assert size <= self.k, "of larger samples the rows of some group would be missing"
        return taken(self.batch, np.arange(min(size, len(self.keys))))

    def _cut(self) -> Sample:
        order = np.argsort(self.keys, kind="stable")
        strata = pd.Series(_strata(self.batch.groups)[order])
        order = order[(strata.groupby(strata).cumcount() < self.k).to_numpy()]
        return Sample(self.k, taken(self.batch, order), self.keys[order], self.counts, self.census)


def taken(batch: Batch, where: Positions, *, weight: Floats | None = None) -> Batch:
    """The rows of a batch at these positions."""

    def rows(values: Any) -> Any:
        return values.iloc[where].reset_index(drop=True) if isinstance(values, pd.DataFrame) else values[where]

    known = {name: values for name in _OF_ROWS if (values := getattr(batch, name)) is not None}
    return replace(batch, weight=weight, key=None, **{name: rows(values) for name, values in known.items()})


def row_weights(batch: Batch) -> Floats:
    """(N,) rows of the data that each row stands for: its `weight`, or 1."""
    return np.ones(len(batch.y_true)) if batch.weight is None else np.asarray(batch.weight, np.float64)


def concatenated(batches: Sequence[Batch]) -> Batch:
    """Batches one under the other; what one of them lacks, all lack."""

    def rows(name: str) -> Any:
        parts = [getattr(b, name) for b in batches]
        if any(part is None for part in parts):
            return None
        if not isinstance(parts[0], pd.DataFrame):
            return np.concatenate(parts)
        if name == "features":
            return pd.concat(parts, ignore_index=True)
        return pd.concat([part.astype("str") for part in parts], ignore_index=True).astype("category")

    return replace(batches[0], weight=None, key=None, **{name: rows(name) for name in _OF_ROWS})


def _strata(groups: pd.DataFrame) -> NDArray[np.object_]:
    columns = [groups[c].astype("str").to_numpy(dtype=object) for c in groups]
    return np.array([_join(values) for values in zip(*columns, strict=True)], dtype=object)


_SEPARATOR = "\x1f"


def _join(group: Sequence[str]) -> str:
    return _SEPARATOR.join(group)


def _even(counts: dict[tuple[str, ...], int], size: int) -> dict[tuple[str, ...], int]:
    """Water-filling: every group the same number of rows, what small groups leave goes to the others."""
    quota: dict[tuple[str, ...], int] = {}
    left, groups = size, sorted(counts, key=lambda g: (counts[g], g))
    for i, group in enumerate(groups):
        quota[group] = min(counts[group], left // (len(groups) - i))
        left -= quota[group]
    return quota


@dataclass(frozen=True)
class Observations:
    """A table of numbers (N,) and labels (N,); `+` concatenates. Where a row is a person, it is a `PersonRows`."""

    columns: dict[str, Floats]
    labels: dict[str, list[str]]
    facts: dict[str, Any]
    """What holds for the whole table (method, steps, …); tables with other facts do not add."""
    trials: Observations | None = None
    """Tests of what the table holds, on some of its rows; None: nothing was tested."""

    def __add__(self, other: Observations) -> Observations:
        for what, a, b in (
            ("facts", self.facts, other.facts),
            ("columns", list(self.columns), list(other.columns)),
            ("labels", list(self.labels), list(other.labels)),
            ("tests", self.trials is None, other.trials is None),
        ):
            if a != b:
                raise EvidenceError(f"cannot add observations with other {what}: {a} and {b}")
        return type(self)(
            {k: np.concatenate([v, other.columns[k]]) for k, v in self.columns.items()},
            {k: v + other.labels[k] for k, v in self.labels.items()},
            self.facts,
            None if self.trials is None or other.trials is None else self.trials + other.trials,
        )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def reduced(self, disclosure: Disclosure) -> Observations:
        """No row is a person: statistics already."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON; floats to 7 significant digits."""
        columns = {k: [float(f"{x:.7g}") for x in v] for k, v in self.columns.items()}
        trials = {} if self.trials is None else {"trials": self.trials.to_json()}
        return {"columns": columns, "labels": self.labels, "facts": self.facts, **trials}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From `to_json`; EvidenceError for what cannot be."""
        found = fields(data, "observations", "columns", "labels", "facts", optional=("trials",))
        columns = mapping(found["columns"], "columns")
        read = {k: numbers(v, f"column '{k[:80]}'") for k, v in columns.items()}
        labels = {k: texts(v, f"labels '{k[:80]}'") for k, v in mapping(found["labels"], "labels").items()}
        lengths = {*map(len, read.values()), *map(len, labels.values())}
        if len(lengths) > 1:
            raise EvidenceError(f"observations have columns of {listing(map(str, sorted(lengths)))} rows; expected one")
        trials = Observations.from_json(found["trials"]) if "trials" in found else None
        return cls(read, labels, mapping(found["facts"], "facts"), trials)
