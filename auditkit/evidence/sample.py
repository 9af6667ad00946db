"""The sample of decided rows that nets and rows checks study: order-free, drawn by hash, bounded. (`inputs.survey` has
the rows that bins are fitted to.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Ints, Keys, Positions
from auditkit.batch import Batch, Census, not_at_hand
from auditkit.errors import EvidenceError
from auditkit.evidence.census import census_of
from auditkit.evidence.contents import hashable
from auditkit.evidence.draws import (
    MATTERS,
    Drawn,
    copies_told,
    dealt,
    dealt_in_part,
    drawn,
    shared_out,
    sketch,
    threshold,
)
from auditkit.evidence.fingerprint import mixed
from auditkit.evidence.sums import Weights, merged
from auditkit.evidence.suppression import recoded_batch
from auditkit.lazy import pandas as pd

if TYPE_CHECKING:
    from auditkit.disclosure import GroupDisclosure

_HASH_KEY = "auditkit00000000"
"""Sixteen bytes: a row has the same key in every audit."""
Least = Mapping[tuple[str, ...], float]
"""Crossed group → the copies that make a row of it a heavy one."""
_OF_ROWS = (
    "features", "groups", "y_true", "y_pred", "score", "sample_weight", "cluster", "row_id", "strata", "controls",
)  # fmt: skip
"""Of a batch, what has a value a row, whatever sample it is drawn into."""
_OF_DRAWN = ("weight", "copies", "squares")
"""And what has one in the sample that was drawn."""


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
    beside = (("weight", batch.sample_weight), ("cluster", batch.cluster), ("stratum", batch.strata))
    for name, values in beside:
        if values is not None:
            columns = [values] if values.ndim == 1 else values.T
            frame = frame.assign(**{f"{name}{i or ''}": own for i, own in enumerate(columns)})
    return frame_keys(frame)


def frame_keys(frame: pd.DataFrame) -> Keys:
    """A 64-bit hash of each row of a frame, (N,), in whatever order its columns stand."""
    frame = hashable(frame[sorted(frame.columns)])
    return pd.util.hash_pandas_object(frame, index=False, hash_key=_HASH_KEY).to_numpy().astype(np.uint64)


def shuffled(keys: Keys, seed: int) -> Keys:
    """The same keys in another order of size for every seed; equal rows keep equal keys."""
    return mixed(keys ^ np.uint64(seed % 2**64))


@dataclass(frozen=True)
class Sample:
    """The `k` distinct rows of lowest key in every crossed group, with their copies, and the rows that each group has.

    Rows of one key are one row with copies. Parts merge their lowest `k`: the k-th lowest key of a group only falls, so
    that a row that is kept in the end was kept in every part, and its copies are exact. Of rows that are not kept a
    sketch tells how heavy they are; it adds. So the sample depends on neither order nor partition.
    """

    k: int
    batch: Batch
    """The distinct rows, in order of their keys."""
    keys: Keys
    copies: Ints
    counts: dict[tuple[str, ...], int]
    """Crossed group → its rows in the data."""
    census: Census | None = None
    """What the model said of all rows, group by group; None where it gives no score."""
    unseen: dict[tuple[str, ...], Ints] = field(default_factory=dict)
    """Crossed group → the sketch of its rows that are not kept (`evidence.draws`)."""
    sure: Bools | None = None
    """Where all rows of many copies are, kept whatever their keys; None: nobody looked for them (`with_heavy`)."""

    @classmethod
    def of(cls, batch: Batch, keys: Keys, *, k: int) -> Sample:
        """The sample of one batch."""
        strata = _strata(batch.groups)
        counts: dict[tuple[str, ...], int] = {}
        for group, count in zip(*np.unique(strata, return_counts=True), strict=True):
            counts[tuple(group.split(_SEPARATOR))] = int(count)
        batch = replace(batch, numbers=not_at_hand)
        return cls(k, batch, keys, np.ones(len(keys), np.int64), counts, census_of(batch))._cut()

    def __add__(self, other: Sample) -> Sample:
        if self.k != other.k or list(self.batch.groups) != list(other.batch.groups):
            raise EvidenceError(
                f"cannot add a sample of {self.k} rows a group by {list(self.batch.groups)} and one of {other.k} by "
                f"{list(other.batch.groups)}"
            )
        assert self.sure is other.sure is None, "heavy rows are looked for in the sum"
        return Sample(
            self.k,
            concatenated([self.batch, other.batch]),
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.copies, other.copies]),
            merged(self.counts, other.counts),
            None if self.census is None or other.census is None else self.census + other.census,
            merged(self.unseen, other.unseen),
        )._cut()

    def draw(self, size: int) -> Batch:
        """At most `size` distinct rows, shared out evenly over the crossed groups (a small group gives all it has).

        `weight` holds the rows of the data that each drawn row stands for, so weighted means speak of all rows;
        `copies` and `squares` say how sure they are, where rows have copies. Rows come in the order of their keys.
        `census` says what the model said of all rows.
        """
        found = self._drawn(size)
        where = np.concatenate([np.zeros(0, np.intp), *(at[d.where] for at, d in found)])
        order = np.argsort(where)
        weight = np.concatenate([np.zeros(0), *(d.weight for _, d in found)])[order]
        squares = np.concatenate([np.zeros(0), *(d.squares for _, d in found)])[order]
        plain = all(d.plain for _, d in found)
        batch = taken(self.batch, where[order])
        if plain:
            return replace(batch, weight=weight, census=self.census)
        copies = self.copies[where[order]]
        return replace(batch, weight=weight, copies=copies, squares=squares, census=self.census)

    def heavy_from(self, size: int) -> Least:
        """From how many copies rows are to be looked for that are not kept; empty where none can rule what is drawn."""
        quota = self._quota(size)
        if not self.unseen or max(d.ruled for d in (self._as_one(size), *(d for _, d in self._drawn(size)))) < MATTERS:
            return {}
        return {group: threshold(self.counts[group], quota[group]) for group in self.unseen}

    def may_be_heavy(self, batch: Batch, keys: Keys, least: Least) -> tuple[Positions, Keys, Ints]:
        """Of rows (N,) that are not kept, the distinct ones that may have half of the copies that their group asks:
        where one of each is, their keys, and how many of each there are."""
        strata, found = _strata(batch.groups), ~np.isin(keys, self.keys)
        for group in self.counts:
            own = strata == _join(group)
            found[own] &= group in least and copies_told(self.unseen[group], keys[own]) >= least[group] / 2
        where = np.flatnonzero(found)
        own, first, copies = np.unique(keys[where], return_index=True, return_counts=True)
        return where[first], own, copies

    def with_heavy(self, other: Sample | None, least: Least) -> Sample:
        """The same, with the rows of `other`, whose copies are all that the data hold, of `least` copies or more."""
        whole = self if other is None else _together(self, other)
        wanted = pd.Series(_strata(whole.batch.groups)).map({_join(g): n for g, n in least.items()}).to_numpy(float)
        sure = whole.copies >= np.where(np.isnan(wanted), np.inf, wanted)
        kept = np.flatnonzero(sure | np.isin(whole.keys, self.keys))
        found = sure & ~np.isin(whole.keys, self.keys)
        return replace(
            self,
            batch=taken(whole.batch, kept),
            keys=whole.keys[kept],
            copies=whole.copies[kept],
            unseen=_unseen(whole, found, sign=-1),
            sure=sure[kept],
        )

    def recoded(self, told: GroupDisclosure) -> Sample:
        """The sample of recoded groups: how many rows are drawn of each does not tell the groups that were joined."""
        if not told.recoding:
            return self

        def joined(values: dict[tuple[str, ...], Any]) -> dict[tuple[str, ...], Any]:
            out: dict[tuple[str, ...], Any] = {}
            for group, n in values.items():
                own = zip(map(str, self.batch.groups), group, strict=True)
                key = tuple(told.recoding.get(a, {}).get(v, v) for a, v in own)
                out[key] = out[key] + n if key in out else n
            return out

        census = None if self.census is None else self.census.recoded(told.recoding)
        return replace(
            self,
            batch=recoded_batch(self.batch, told),
            counts=joined(self.counts),
            unseen=joined(self.unseen),
            census=census,
        )._cut()

    def simple(self, size: int) -> Batch:
        """At most `size` ≤ k rows of all: a simple random sample of the data, whatever their groups.

        Where every distinct row is kept, rows are dealt out to them by their copies. Where some are not, those drawn
        get rows in proportion to what they stand for, no more than a mean over them is worth, and only those drawn for
        certain more than one: two copies that came with one draw are not two.
        """
        assert size <= self.k, "of larger samples the rows of some group would be missing"
        rows = sum(self.counts.values())
        if not self.unseen:
            if rows == len(self.copies):
                return taken(self.batch, np.arange(min(size, rows)))
            return taken(self.batch, np.repeat(np.arange(len(self.keys)), dealt(self.keys, self.copies, size)))
        one = self._as_one(size)
        if one.plain:
            return taken(self.batch, one.where)
        many = dealt_in_part(self.keys[one.where], self.copies[one.where], one, size, rows)
        return taken(self.batch, np.repeat(one.where, many))

    def _as_one(self, size: int) -> Drawn:
        """What is drawn of all rows as one group."""
        unseen = sum(self.unseen.values(), np.zeros((), np.int64)) if self.unseen else None
        sure = None if self.sure is None else np.flatnonzero(self.sure)
        return drawn(self.keys, self.copies, size, sum(self.counts.values()), unseen, sure)

    def _quota(self, size: int) -> dict[tuple[str, ...], int]:
        kept = Counter(_strata(self.batch.groups).tolist())
        return shared_out({group: (kept[_join(group)], n) for group, n in self.counts.items()}, size)

    def _drawn(self, size: int) -> list[tuple[Positions, Drawn]]:
        """Of every crossed group, where its kept rows stand, and which of them are drawn."""
        strata, out = _strata(self.batch.groups), []
        for group, want in self._quota(size).items():
            at = np.flatnonzero(strata == _join(group))  # already in the order of the keys
            sure = None if self.sure is None else np.flatnonzero(self.sure[at])
            out.append(
                (at, drawn(self.keys[at], self.copies[at], want, self.counts[group], self.unseen.get(group), sure))
            )
        return out

    def _cut(self) -> Sample:
        whole = _distinct(self)
        strata = pd.Series(_strata(whole.batch.groups))
        sure = np.zeros(len(strata), bool) if whole.sure is None else whole.sure
        kept = sure | (strata.groupby([strata, sure]).cumcount() < self.k).to_numpy()
        return replace(
            whole,
            batch=taken(whole.batch, np.flatnonzero(kept)),
            keys=whole.keys[kept],
            copies=whole.copies[kept],
            unseen=_unseen(whole, ~kept),
            sure=None if whole.sure is None else sure[kept],
        )


def _distinct(sample: Sample) -> Sample:
    """Rows of one key as one, in order of their keys."""
    order = np.lexsort((*_told_apart(sample.batch), sample.keys))
    keys, first, place = np.unique(sample.keys[order], return_index=True, return_inverse=True)
    copies = np.zeros(len(keys), np.int64)
    np.add.at(copies, place, sample.copies[order])
    rows = order[first]
    sure = None if sample.sure is None else sample.sure[rows]
    return replace(sample, batch=taken(sample.batch, rows), keys=keys, copies=copies, sure=sure)


def _together(one: Sample, other: Sample) -> Sample:
    """The rows of both, which share none."""
    batch = concatenated([one.batch, other.batch])
    keys, copies = np.concatenate([one.keys, other.keys]), np.concatenate([one.copies, other.copies])
    return _distinct(replace(one, batch=batch, keys=keys, copies=copies))


def _unseen(sample: Sample, moved: Bools, *, sign: int = 1) -> dict[tuple[str, ...], Ints]:
    """The sketches, with some rows more, or less."""
    strata, unseen = _strata(sample.batch.groups), dict(sample.unseen)
    for group in sorted(set(strata[moved])):
        own = moved & (strata == group)
        key, some = tuple(group.split(_SEPARATOR)), sign * sketch(sample.keys[own], sample.copies[own])
        unseen[key] = unseen[key] + some if key in unseen else some
    return unseen


def _told_apart(batch: Batch) -> list[Floats]:
    """What a net may say otherwise of equal rows, in the last digits: the lowest score stands for all of one key."""
    return [] if batch.score is None else [*np.atleast_2d(batch.score.T)[::-1]]


def taken(batch: Batch, where: Positions, *, weight: Floats | None = None) -> Batch:
    """The rows of a batch at these positions; `weight` in place of their own."""

    def rows(values: Any) -> Any:
        return values.iloc[where].reset_index(drop=True) if isinstance(values, pd.DataFrame) else values[where]

    known = {name: values for name in (*_OF_ROWS, *_OF_DRAWN) if (values := getattr(batch, name)) is not None}
    own = {name: rows(values) for name, values in known.items()}
    return replace(batch, key=None, **own | ({} if weight is None else {"weight": weight}))


def row_weights(batch: Batch) -> Floats:
    """(N,) rows of the data that each row stands for: its `weight`, or 1."""
    return np.ones(len(batch.y_true)) if batch.weight is None else np.asarray(batch.weight, np.float64)


def weights_of(batch: Batch) -> Weights:
    """How much each row counts, and its copies."""
    copies = None if batch.copies is None else batch.copies.astype(np.float64)
    return Weights(row_weights(batch), batch.squares, copies)


def row_copies(batch: Batch) -> Floats:
    """(N,) rows of the data that each row is: its `copies`, or 1."""
    return np.ones(len(batch.y_true)) if batch.copies is None else batch.copies.astype(np.float64)


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

    return replace(
        batches[0], key=None, weight=None, copies=None, squares=None, **{name: rows(name) for name in _OF_ROWS}
    )


def _strata(groups: pd.DataFrame) -> NDArray[np.object_]:
    columns = [groups[c].astype("str").to_numpy(dtype=object) for c in groups]
    return np.array([_join(values) for values in zip(*columns, strict=True)], dtype=object)


_SEPARATOR = "\x1f"


def _join(group: Sequence[str]) -> str:
    return _SEPARATOR.join(group)
