"""Pairs of faces, voices or fingerprints as rows: of whom they are, how alike, and whether they are told to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.errors import DataError, listing
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.grouping import names_of
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.scales import numbers_in
from auditkit.options import checked_options
from auditkit.readers.pairs import (
    column_of,
    frame_of,
    ids_of,
    labels,
    no_sample_with_itself,
    positions,
    threshold_at,
    told,
    without_genuine,
    yes_or_no,
)
from auditkit.readers.reader import Reader, Reading
from auditkit.readers.similarity import cosines, vectors
from auditkit.records import Task

_SAME, _SCORE, _PEOPLE = "same person", "score", ("first person", "second person")


@dataclass(frozen=True, kw_only=True)
@checked_options
class Verification(Reader):
    """A system that says of two samples whether they are of one person (ISO/IEC 19795: verification, 1:1).

    Parameters
    ----------
    pairs
        One row a pair: a frame, a dict of columns, or the path of a parquet or CSV file.
    ids
        The two columns of `pairs` that say of whom they are: people, or, where `samples` are given, samples of them.
    sensitive_features
        Attribute → its two columns of `pairs`, for the first and the second person; or names alone: "sex" then stands
        in `sex_a` and `sex_b`, after `ids`. Where `samples` are given, the names of columns of those.
    samples, sample_id, person
        One row a sample (an image), with the columns that name it and its person, and the groups. None: `pairs` say
        all.
    score
        The column of `pairs` with the similarity, higher for more alike. This, or `embeddings`.
    embeddings
        (N, d) vectors in the order of `samples`, or the columns of `samples` that hold them, or one column of lists;
        the score of a pair is the cosine of its two.
    same
        The column of `pairs` that says whether both are one person (0 or 1); None: where the ids of both people are
        the same.
    threshold
        A pair is matched where score >= threshold.
    at_fmr, calibration
        In its place: the threshold is the lowest score at which at most this share of the calibration pairs of two
        people match; these are the rows of `pairs` where the column `calibration` is 1, and they are not audited.
    score_range
        The least and the greatest score; None: 0 and 1, and −1 and 1 of embeddings.

    A pair of two groups has the group "f ↔ m", whichever came first: only pairs within a group are compared.

    >>> pairs = {"a": ["ann", "ann", "bob"], "b": ["ann", "eve", "bob"], "score": [0.9, 0.6, 0.3],
    ...          "sex_a": ["f", "f", "m"], "sex_b": ["f", "f", "m"]}
    >>> read = Verification(pairs=pairs, score="score", threshold=0.5, sensitive_features={"sex": ["sex_a", "sex_b"]})
    >>> batch = next(read.reading.data.batches())
    >>> batch.y_true.tolist(), read.reading.model.outputs(read.reading.data)[0].tolist()
    ([1, 0, 1], [1, 1, 0])
    """

    tasks: ClassVar[tuple[Task, ...]] = ("verification",)
    PATHS: ClassVar[tuple[str, ...]] = ("pairs", "samples")
    pairs: Any
    sensitive_features: Any
    ids: Sequence[str] = ("a", "b")
    samples: Any = None
    sample_id: str = "sample"
    person: str = "person"
    score: str | None = None
    embeddings: Any = None
    same: str | None = None
    threshold: float | None = None
    at_fmr: float | None = None
    calibration: str | None = None
    score_range: Any = None

    def __post_init__(self) -> None:
        if len(self.ids) != 2:
            raise DataError(f"ids names two columns of the pairs, as in ids=('a', 'b'); got {listing(self.ids)}")
        if (self.score is None) == (self.embeddings is None):
            raise DataError("pairs have a score or embeddings: give one of score='…' and embeddings=…")
        if self.embeddings is not None and self.samples is None:
            raise DataError("embeddings are of samples: give samples=…, one row a sample, in their order")
        if (self.threshold is None) == (self.at_fmr is None):
            raise DataError(
                "say where scores are decided on: threshold=…, or at_fmr=… with calibration='…'; one of them"
            )
        if (self.at_fmr is None) != (self.calibration is None):
            raise DataError("at_fmr chooses the threshold on the calibration pairs: give both, at_fmr and calibration")
        if self.at_fmr is not None and not 0 < self.at_fmr < 1:
            raise DataError(f"at_fmr is a share between 0 and 1, got {self.at_fmr:g}")

    def read(self) -> Reading:
        """See `Reader`."""
        pairs = frame_of(self.pairs, "the pairs")
        where = [column_of(pairs, name, "ids") for name in self.ids]
        if self.samples is None:
            people = [ids_of(ids) for ids in where]
            groups = {a: [column_of(pairs, c, "sensitive_features") for c in two] for a, two in self._two().items()}
            scores = column_of(pairs, str(self.score), "score")
        else:
            samples = frame_of(self.samples, "the samples")
            known = ids_of(column_of(samples, self.sample_id, "sample_id"))
            at = [positions(ids, known) for ids in where]
            no_sample_with_itself(at[0], at[1], known)
            own = ids_of(column_of(samples, self.person, "person"))
            people = [own[x] for x in at]
            groups = {a: [column_of(samples, a, "sensitive_features").iloc[x] for x in at] for a in self._names()}
            if self.embeddings is None:
                scores = column_of(pairs, str(self.score), "score")
            else:
                scores = pd.Series(cosines(vectors(self.embeddings, samples), at[0], at[1], known))
        truth = (
            (people[0] == people[1]).astype(int)
            if self.same is None
            else told(column_of(pairs, self.same, "same"), people[0], people[1])
        )
        rows = pd.DataFrame({_SAME: truth, _SCORE: scores.to_numpy(), _PEOPLE[0]: people[0], _PEOPLE[1]: people[1]})
        for attribute, two in groups.items():
            if attribute in rows:
                raise DataError(f"'{attribute}' is no name of a group here: rows of pairs have a column of that name")
            rows[attribute] = labels(two[0], two[1], attribute)
        threshold, rows, chosen = self._decided(pairs, rows)
        data = Dataset(rows, y_true=_SAME, positive=1, task=self.tasks[0], sensitive_features=list(groups),
                       cluster=_PEOPLE)  # fmt: skip
        given = f"Pairs match from {threshold:g} on, as was given: every rate is at this threshold."
        data.notes = (*data.notes, *([] if chosen else [given]))
        data.cautions = (*data.cautions, *chosen, *without_genuine(rows[_SAME], rows[list(_PEOPLE)]))
        span = (-1.0, 1.0) if self.embeddings is not None else self.score_range
        return Reading(Predictions(score=_SCORE, threshold=threshold, score_range=span), data)

    def _decided(self, pairs: pd.DataFrame, rows: pd.DataFrame) -> tuple[float, pd.DataFrame, tuple[str, ...]]:
        """The threshold, the rows that are audited, and, of one that was not given, how it was chosen."""
        if self.threshold is not None:
            return self.threshold, rows, ()
        assert self.at_fmr is not None, "one of them was given"
        name = str(self.calibration)
        chosen = yes_or_no(column_of(pairs, name, "calibration")) == 1
        impostors = chosen & (rows[_SAME].to_numpy() == 0)
        scores = numbers_in(rows[_SCORE][impostors], _SCORE)
        t, matched = threshold_at(self.at_fmr, scores[~np.isnan(scores)])
        if chosen.all():
            raise DataError(f"every pair is a calibration pair ('{name}'): none is left to be audited")
        both = set(np.unique(rows.loc[chosen, list(_PEOPLE)])) & set(np.unique(rows.loc[~chosen, list(_PEOPLE)]))
        same = f", and {len(both):,} people are in both" if both else ""
        n = len(scores)
        caution = (
            f"Pairs match from {t:.6g} on: chosen on {n:,} calibration pairs of two people, of which {matched:,} "
            f"match ({matched / n:.3g}; at most {self.at_fmr:.3g} was asked for){same}. Every rate is at this "
            "threshold, and no interval holds the error of the choice."
        )
        return t, rows[~chosen].reset_index(drop=True), (caution,)

    def _two(self) -> dict[str, Sequence[str]]:
        """Attribute → its columns in the pairs; DataError where the pairs alone cannot say."""
        given = self.sensitive_features
        if not isinstance(given, Mapping):
            given = {a: [f"{a}_{i}" for i in self.ids] for a in names_of(given, "sensitive_features")}
        if any(not isinstance(x, list | tuple) or len(x) != 2 for x in given.values()):
            raise DataError(
                "sensitive_features names two columns of the pairs for each attribute, as in "
                "{'sex': ['sex_a', 'sex_b']}"
            )
        return {str(a): tuple(map(str, two)) for a, two in given.items()}

    def _names(self) -> tuple[str, ...]:
        """Columns of the samples."""
        if isinstance(self.sensitive_features, Mapping):
            raise DataError("sensitive_features names columns of the samples here, as in ['sex']")
        return names_of(self.sensitive_features, "sensitive_features")
