"""Lists that a recommender makes: who gets a good one, and which items they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats, Positions
from auditkit.catalogue import rankings as names
from auditkit.errors import DataError, listing
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.grouping import names_of
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.tasks.regression import numbers_of
from auditkit.lists import EXPOSURE, MERITS, PLACES, RELEVANCE, SQUARES, Lists, expected, shown
from auditkit.options import checked_options
from auditkit.readers.grouped_items import ItemGroups, by_column, by_popularity
from auditkit.readers.pairs import column_of, frame_of
from auditkit.readers.ranked import Ranked, places_of_ranks, places_of_scores
from auditkit.readers.reader import Reader, Reading
from auditkit.records import Task
from auditkit.values import Coded, coded

_USER = "user"


@dataclass(frozen=True, kw_only=True)
@checked_options
class Rankings(Reader):
    """A system that shows each user a list of items: how good the lists are for whom, and which items they show.

    Parameters
    ----------
    items
        One row a user and item: a frame, a dict of columns, or the path of a parquet or CSV file. Give what could have
        been shown too, not only what was: an item without a rank (or score) is not in the list, and counts as a
        candidate, and as one that is missed where it is relevant.
    user, item
        The columns that name them.
    rank, score
        The column with the place in the user's list, 1 for the first; or with a score, higher for further up. One of
        them. Items of one score stand in the order of their names, which the page tells.
    relevant
        The column that says how relevant the item is to the user: 0 or 1, or grades ≥ 0, which are gains as they are.
    k
        At which places lists are cut for NDCG@k, recall@k and skew@k.
    user_groups
        Columns that say of which group a user is.
    item_groups
        Columns that say of which group an item is.
    popularity, popularity_bins
        The column with a number of each item, such as how often it was bought before: items are grouped by it. Bins
        are so many of equal numbers of items, or edges, as in [0, 10, 100, 1000].
    shares
        What the first places are held against, in the place of each user's own candidates: attribute of items →
        group → share, `{"genre": {"drama": 0.5, "comedy": 0.5}}`.
    seen
        The last place that has exposure; None: the largest k.

    A row of the audit is a user, so that every interval counts users. Numbers of users without a relevant item are
    undefined, and counted.

    >>> rows = {"user": ["ann", "ann", "bob", "bob"], "item": ["x", "y", "x", "y"], "rank": [1, 2, 1, 2],
    ...         "relevant": [0, 1, 1, 0], "sex": ["f", "f", "m", "m"]}
    >>> read = Rankings(items=rows, rank="rank", k=[1, 2], user_groups=["sex"])
    >>> read.reading.data.frame["ndcg_at_2"].round(3).tolist()
    [0.631, 1.0]
    """

    tasks: ClassVar[tuple[Task, ...]] = ("ranking",)
    PATHS: ClassVar[tuple[str, ...]] = ("items",)
    items: Any
    user_groups: Sequence[str]
    user: str = "user"
    item: str = "item"
    rank: str | None = None
    score: str | None = None
    relevant: str = "relevant"
    k: Sequence[int] = (5, 10)
    item_groups: Sequence[str] = ()
    popularity: str | None = None
    popularity_bins: Any = 5
    shares: Any = None
    seen: int | None = None

    def __post_init__(self) -> None:
        if (self.rank is None) == (self.score is None):
            raise DataError("lists are ordered by a rank or a score: give one of rank='…' and score='…'")
        for name, cuts in (("k", self.k), ("seen", () if self.seen is None else (self.seen,))):
            wrong = [x for x in cuts if not 1 <= x <= 999_999]
            if wrong or (name == "k" and not cuts):
                raise DataError(f"{name} is a place of the list, 1 or more; got {listing(map(str, cuts))}")
        object.__setattr__(self, "k", tuple(sorted(set(self.k))))
        if not self.user_groups:
            raise DataError("user_groups names the columns that say of which group a user is, at least one")
        if self.shares is not None and not isinstance(self.shares, Mapping):
            raise DataError('shares says what lists are held against, as in {"genre": {"drama": 0.5, "comedy": 0.5}}')

    def read(self) -> Reading:
        """See `Reader`."""
        frame = frame_of(self.items, "the lists")
        user, item = (_ids(column_of(frame, c, role), role) for c, role in ((self.user, "user"), (self.item, "item")))
        self._each_once(user, item)
        place, tied = self._places(frame, user, item)
        of = Ranked(user.codes.astype(np.intp), place, self._relevance(frame), len(user.labels))
        if not of.relevant.any():
            raise DataError(f"no item is relevant to anybody: every '{self.relevant}' is 0")
        groups = [by_column(column_of(frame, a, "item_groups"), item) for a in self.item_groups]
        if self.popularity is not None:
            column = column_of(frame, self.popularity, "popularity")
            groups.append(by_popularity(column, item, self.popularity_bins))
        rows, lists = self._rows(frame, user, of, groups)
        data = Dataset(rows, y_true=None, task=self.tasks[0], sensitive_features=list(self.user_groups), row_id=_USER)
        data.lists = lists
        data.cautions = (*data.cautions, *(c for g in groups for c in g.cautions), *self._cautions(of, tied))
        data.notes = (*data.notes, *self._notes(of))
        return Reading(Predictions([], name="lists"), data)

    def _each_once(self, user: Coded, item: Coded) -> None:
        both = np.sort(user.codes * len(item.labels) + item.codes)
        twice = both[1:][both[1:] == both[:-1]]
        if len(twice):
            u, i = divmod(int(twice[0]), len(item.labels))
            raise DataError(
                f"an item stands once in a user's list; {len(twice):,} rows repeat one, the first is item "
                f"'{item.labels[i]}' of user '{user.labels[u]}'"
            )

    def _places(self, frame: pd.DataFrame, user: Coded, item: Coded) -> tuple[Positions, NDArray[np.bool_]]:
        name = str(self.rank or self.score)
        values = _numbers(column_of(frame, name, "rank" if self.rank else "score"), name)
        if np.isnan(values).all():
            raise DataError(f"every value of '{name}' is missing: nothing is in any list")
        codes = user.codes.astype(np.intp)
        if self.rank is None:
            return places_of_scores(codes, values, item.codes.astype(np.intp))
        places = places_of_ranks(codes, values, np.array(user.labels, dtype=object))
        return places, np.zeros(len(places), bool)

    def _relevance(self, frame: pd.DataFrame) -> Floats:
        values = _numbers(column_of(frame, self.relevant, "relevant"), self.relevant)
        lost = int(np.isnan(values).sum())
        if lost:
            raise DataError(f"'{self.relevant}' is missing in {lost:,} rows: 0 says that an item is not relevant")
        if values.min() < 0:
            raise DataError(f"'{self.relevant}' is {values.min():g} in some row; relevance is 0 or more")
        return values

    def _rows(
        self, frame: pd.DataFrame, user: Coded, of: Ranked, groups: Sequence[ItemGroups]
    ) -> tuple[pd.DataFrame, Lists]:
        """A row a user, and what stands in it."""
        first = np.unique(user.codes, return_index=True)[1]
        rows: dict[str, Any] = {_USER: np.array(user.labels, dtype=object)}
        for attribute in names_of(self.user_groups, "user_groups"):
            column = column_of(frame, attribute, "user_groups")
            own = coded(column, attribute).codes
            wrong = np.flatnonzero(own != own[first][user.codes])
            if len(wrong):
                raise DataError(
                    f"'{attribute}' differs within the rows of {len(np.unique(user.codes[wrong])):,} users, the first "
                    f"is '{user.labels[user.codes[wrong[0]]]}': a user is of one group"
                )
            rows[attribute] = column.iloc[first].reset_index(drop=True)
        numbers = {**{names.ndcg(k): of.ndcg(k) for k in self.k}, **{names.recall(k): of.recall(k) for k in self.k},
                   names.RECIPROCAL: of.reciprocal}  # fmt: skip
        better = dict.fromkeys(numbers, "higher")
        seen = self.k[-1] if self.seen is None else self.seen
        taken = sorted({a.name for a in groups} & {*self.user_groups})
        if taken:
            raise DataError(f"'{taken[0]}' groups users and items: give one of the columns another name")
        for name in self.shares or {}:
            if name not in [a.name for a in groups]:
                raise DataError(f"shares name '{name}', and items are grouped by {listing(a.name for a in groups)}")
        bases = {a.name: self._base(of, a) for a in groups}
        for a in groups:
            numbers[names.ndkl(a.name)] = of.divergence(a.codes, bases[a.name], seen)
            better[names.ndkl(a.name)] = "lower"
        lists = Lists(better, tuple(self.k), seen, {a.name: a.labels for a in groups})
        of_items = _items(of, groups, bases, lists) if groups else {}
        clash = [c for c in (*numbers, *of_items) if c in rows]
        if clash:
            raise DataError(f"'{clash[0]}' is no name of a group of users here: rows have a number of that name")
        return pd.DataFrame({**rows, **numbers, **of_items}), lists

    def _base(self, of: Ranked, groups: ItemGroups) -> Floats:
        """(U, K) what the places of each user are held against."""
        declared = (self.shares or {}).get(groups.name)
        if declared is not None:
            return np.tile(groups.shares(declared), (of.users, 1))
        k = len(groups.labels)
        counts = np.bincount(of.user * k + groups.codes, minlength=of.users * k).reshape(-1, k)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def _notes(self, of: Ranked) -> Iterator[str]:
        """Whose lists have no number, or are short."""
        if without := int((of.relevant == 0).sum()):
            yield (
                f"{without:,} of {of.users:,} users have no relevant item: NDCG, recall and reciprocal rank are "
                "undefined for them and enter no mean; what their lists show counts."
            )
        if short := int(((of.length < self.k[-1]) & (of.length > 0)).sum()):
            yield f"The lists of {short:,} of {of.users:,} users are shorter than {self.k[-1]}."

    def _cautions(self, of: Ranked, tied: NDArray[np.bool_]) -> Iterator[str]:
        if empty := int((of.length == 0).sum()):
            yield f"{empty:,} of {of.users:,} users have an empty list: every item of theirs is without a place."
        if ties := int((tied & (of.first(max(self.k[-1], self.seen or 0)) | (of.relevance > 0))).sum()):
            yield (
                f"{ties:,} items that count share their score with another of the same list: they stand in the order "
                "of their names, which nobody decided."
            )


def _items(of: Ranked, groups: Sequence[ItemGroups], bases: Mapping[str, Floats], lists: Lists) -> dict[str, Floats]:
    """Column → (U,) what the list of each user gives every group of items."""
    exposure = of.exposure(lists.seen)
    out = {SQUARES: of.summed(exposure**2), MERITS: of.summed(of.relevance**2)}
    out |= {PLACES.format(k=k): of.summed(of.first(k)) for k in lists.cuts}
    for a in groups:
        n, k = len(a.labels), of.users
        flat = of.user * n + a.codes
        tables = {
            EXPOSURE: np.bincount(flat, exposure, k * n).reshape(-1, n).astype(np.float64),
            RELEVANCE: np.bincount(flat, of.relevance, k * n).reshape(-1, n).astype(np.float64),
        }
        for cut in lists.cuts:
            first = of.first(cut)
            tables[shown(cut)] = np.bincount(flat[first], minlength=k * n).reshape(-1, n).astype(np.float64)
            tables[expected(cut)] = bases[a.name] * tables[shown(cut)].sum(axis=1, keepdims=True)
        out |= {lists.column(q, a.name, g): t[:, j] for q, t in tables.items() for j, g in enumerate(a.labels)}
    return out


def _ids(column: pd.Series[Any], role: str) -> Coded:
    """Ids as codes and labels; DataError where one is missing."""
    found = coded(column, str(column.name))
    lost = int((found.codes < 0).sum())
    if lost:
        raise DataError(f"the {role} '{column.name}' is missing in {lost:,} rows: every row is of one")
    return found


def _numbers(column: pd.Series[Any], name: str) -> Floats:
    values = numbers_of(column, booleans=True)
    if values is None:
        raise DataError(f"'{name}' holds text or other values that are no numbers")
    if np.isinf(values).any():
        raise DataError(f"'{name}' holds infinite values; expected finite numbers")
    return values
