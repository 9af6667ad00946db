"""Searches of a gallery as rows: whom each was about, whether that person is enrolled, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.errors import DataError
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.grouping import names_of
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.scales import numbers_in
from auditkit.options import checked_options
from auditkit.readers.pairs import column_of, frame_of, ids_of, yes_or_no
from auditkit.readers.reader import Reader, Reading
from auditkit.records import Task

_MATED, _RETURNED, _PERSON = "mated", "returned", "person searched for"


@dataclass(frozen=True, kw_only=True)
@checked_options
class Identification(Reader):
    """A system that searches a gallery for a person (ISO/IEC 19795-1: identification, 1:N).

    A mated search (of somebody who is enrolled) returns the person where the score of their own entry is at least the
    threshold, and among the `rank` highest where that is asked; else it is a false negative. A search of somebody who
    is not enrolled is a false positive where any entry has a score of at least the threshold.

    Parameters
    ----------
    candidates
        One row a candidate that a search gave: a frame, a dict of columns, or the path of a parquet or CSV file.
    sensitive_features
        Columns of the group of the person who is searched for.
    search, person, candidate, score
        The columns that name the search, the person who is searched for, the person of the entry, and its score.
    threshold
        An entry is returned where score >= threshold.
    rank
        So many entries are looked at, those of the highest scores; an entry of the same score as the mate's comes
        before it. None: all.
    mated
        The column that says whether the person is enrolled (0 or 1); None: where one of the candidates is that person,
        which needs candidates of every entry.

    Searches of one person are dependent; all is conditional on the gallery and on the threshold.

    >>> found = {"search": [1, 1, 2, 2], "person": ["ann", "ann", "eve", "eve"], "candidate": ["ann", "bob"] * 2,
    ...          "score": [0.9, 0.6, 0.3, 0.7], "sex": ["f"] * 4}
    >>> read = Identification(candidates=found, threshold=0.5, sensitive_features=["sex"])
    >>> next(read.reading.data.batches()).y_true.tolist(), read.reading.model.outputs(read.reading.data)[0].tolist()
    ([1, 0], [1, 1])
    """

    tasks: ClassVar[tuple[Task, ...]] = ("identification",)
    PATHS: ClassVar[tuple[str, ...]] = ("candidates",)
    candidates: Any
    sensitive_features: Sequence[str]
    threshold: float
    search: str = "search"
    person: str = "person"
    candidate: str = "candidate"
    score: str = "score"
    rank: int | None = None
    mated: str | None = None

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise DataError(f"rank is a number of entries of at least 1, got {self.rank}")

    def read(self) -> Reading:
        """See `Reader`."""
        frame = frame_of(self.candidates, "the candidates")
        named = names_of(self.sensitive_features, "sensitive_features")
        code, searches = pd.factorize(ids_of(column_of(frame, self.search, "search")))
        person = ids_of(column_of(frame, self.person, "person"))
        entry = ids_of(column_of(frame, self.candidate, "candidate"))
        score = numbers_in(column_of(frame, self.score, "score"), self.score)
        first = np.unique(code, return_index=True)[1]
        told = {_PERSON: pd.Series(person), **{a: column_of(frame, a, "sensitive_features") for a in named}}
        if self.mated is not None:
            told[_MATED] = pd.Series(yes_or_no(column_of(frame, self.mated, "mated")))
        for name, column in told.items():
            own = pd.factorize(column)[0]
            wrong = np.flatnonzero(own != own[first][code])
            if len(wrong):
                raise DataError(
                    f"the search '{searches[code[wrong[0]]]}' says two things of '{name}': a search is about one person"
                )
        rows = pd.DataFrame({name: column.iloc[first].to_numpy() for name, column in told.items()})
        mate = entry == person
        there = np.bincount(code[mate], minlength=len(first)) > 0
        if self.mated is None:
            rows[_MATED] = there.astype(int)
        else:
            wrong = np.flatnonzero((rows[_MATED].to_numpy() == 0) & there)
            if len(wrong):
                raise DataError(
                    f"'{self.mated}' contradicts the candidates of {len(wrong):,} searches: that of the search "
                    f"'{searches[wrong[0]]}' is said not to be enrolled, and is among its candidates"
                )
            rows[_MATED] = rows[_MATED].where(rows[_MATED] >= 0)
        rows[_RETURNED] = self._returned(code, mate, score, (rows[_MATED] == 1).to_numpy())
        data = Dataset(
            rows,
            y_true=_MATED,
            positive=1,
            task=self.tasks[0],
            sensitive_features=list(named),
            cluster=_PERSON,
        )
        said = (
            f"{len(rows):,} searches are audited as they came back from one gallery, at the threshold "
            f"{self.threshold:g}: no interval holds what another gallery would give."
        )
        data.cautions = (*data.cautions, said)
        return Reading(Predictions(y_pred=_RETURNED), data)

    def _returned(self, code: Any, mate: Any, score: Any, mated: Any) -> Any:
        """(S,) 1 where a mated search returns the person, or another returns anybody; NaN where a score is missing."""
        lost = np.bincount(code[np.isnan(score)], minlength=len(mated)) > 0
        own = np.full(len(mated), -np.inf)
        np.fmax.at(own, code[mate], score[mate])
        top = np.full(len(mated), -np.inf)
        np.fmax.at(top, code, score)
        ahead = np.bincount(code[~mate & (score >= own[code])], minlength=len(mated))
        near = True if self.rank is None else ahead < self.rank
        hit = np.where(mated, (own >= self.threshold) & near, top >= self.threshold)
        return np.where(lost, np.nan, hit)
