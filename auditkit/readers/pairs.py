"""What pairs of samples say: of whom they are, of which groups, whether of one person, and from which score on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats, Positions
from auditkit.batch import MISSING
from auditkit.catalogue.matches import BETWEEN
from auditkit.errors import DataError, listing, nearest
from auditkit.inputs.row_weights import clusters_of
from auditkit.inputs.sources import source_of
from auditkit.inputs.tasks.binary import BinaryTarget
from auditkit.values import coded

Ids = NDArray[np.object_]


def frame_of(data: Any, what: str) -> pd.DataFrame:
    """A frame, a dict of columns or a file as a frame with rows 0, 1, …; DataError where there are none."""
    frame = source_of(data).frame.reset_index(drop=True)
    if not len(frame):
        raise DataError(f"{what} have no rows")
    return frame


def column_of(frame: pd.DataFrame, name: str, role: str) -> pd.Series[Any]:
    """A column; DataError where there is none, naming the nearest."""
    columns = [str(c) for c in frame.columns]
    if name not in columns:
        raise DataError(f"no column '{name}' for {role}; the columns are {listing(columns)}.{nearest(name, columns)}")
    return frame[name]


def ids_of(column: pd.Series[Any]) -> Ids:
    """(N,) ids as strings; DataError where one is missing."""
    return clusters_of(column, str(column.name), "id")


def positions(column: pd.Series[Any], known: Ids) -> Positions:
    """(N,) the row of each id among the known ones; DataError for ids that are unknown, or known twice.

    >>> positions(pd.Series(["b", "a", "b"], name="first"), np.array(["a", "b"], dtype=object)).tolist()
    [1, 0, 1]
    """
    index = pd.Index(known)
    if not index.is_unique:
        raise DataError(f"the sample '{known[index.duplicated()][0]}' stands in several rows: an id names one sample")
    asked = ids_of(column)
    at = index.get_indexer(pd.Index(asked))
    lost = asked[at < 0]
    if len(lost):
        close = nearest(str(lost[0]), [str(k) for k in known[:10_000]])
        raise DataError(f"{len(lost):,} of the ids in '{column.name}' name no sample, the first is '{lost[0]}'.{close}")
    return np.asarray(at, dtype=np.intp)


def no_sample_with_itself(first: Positions, second: Positions, known: Ids) -> None:
    """DataError where a pair is of one sample twice."""
    same = np.flatnonzero(first == second)
    if len(same):
        raise DataError(
            f"{len(same):,} pairs are of a sample with itself, the first is '{known[first[same[0]]]}' in row "
            f"{same[0]:,}: it is as alike as can be, and says nothing of the system. Leave them out"
        )


def yes_or_no(column: pd.Series[Any]) -> NDArray[np.int8]:
    """(N,) 1, 0 or -1 (missing); DataError for other values."""
    name = str(column.name)
    return BinaryTarget.of(column, name, positive=None).code(column, name)


def told(column: pd.Series[Any], first: Ids, second: Ids) -> Floats:
    """(N,) 1 where a column says that both are one person, 0 where not, NaN where it is missing; DataError where it
    contradicts the ids of the people.

    >>> told(pd.Series([1, 0, None], name="same"), *[np.array(list(x), dtype=object) for x in ("aab", "abb")]).tolist()
    [1.0, 0.0, nan]
    """
    said = yes_or_no(column)
    wrong = np.flatnonzero((said >= 0) & ((said == 1) != (first == second)))
    if len(wrong):
        i = wrong[0]
        what = "one person" if said[i] else "two people"
        raise DataError(
            f"'{column.name}' contradicts the ids in {len(wrong):,} pairs: row {i:,} is said to be of {what}, and its "
            f"ids are '{first[i]}' and '{second[i]}'"
        )
    return np.where(said < 0, np.nan, said)


def labels(first: pd.Series[Any], second: pd.Series[Any], attribute: str) -> list[str | None]:
    """(N,) the group of each pair: of both, or of the two groups in their order; None where both are missing.

    >>> labels(pd.Series(["m", "f", None]), pd.Series(["f", "f", "f"]), "sex")
    ['f ↔ m', 'f', '(missing) ↔ f']
    """
    both = coded(pd.concat([first, second], ignore_index=True), attribute)
    taken = [x for x in both.labels if BETWEEN.strip() in x or x == MISSING]
    if taken:
        raise DataError(f"a value of '{attribute}' is '{taken[0]}', a name kept for pairs of two groups: rename it")
    names = np.array([MISSING, *both.labels], dtype=object)
    order = np.argsort(np.argsort(names))
    a, b = np.split(order[both.codes + 1], 2)
    sorted_, width = np.sort(names), len(names)
    codes, at = np.unique(np.minimum(a, b) * width + np.maximum(a, b), return_inverse=True)
    written = [_of_two(*(sorted_[x] for x in divmod(c, width))) for c in codes.tolist()]
    return [written[i] for i in at.tolist()]


def _of_two(first: str, second: str) -> str | None:
    if first != second:
        return f"{first}{BETWEEN}{second}"
    return None if first == MISSING else first


def threshold_at(fmr: float, impostors: Floats) -> tuple[float, int]:
    """The lowest score at which at most this share of the scores of pairs of two people match, and how many match.

    DataError where no score has a share so small but above 0.

    >>> threshold_at(0.25, np.array([0.1, 0.2, 0.3, 0.4]))
    (0.4, 1)
    """
    n, most = len(impostors), int(np.floor(fmr * len(impostors) * (1 + 1e-12)))
    if not most:
        raise DataError(
            f"at_fmr={fmr:g} needs at least {int(np.ceil(1 / fmr)):,} calibration pairs of two people with a score; "
            f"there are {n:,}"
        )
    values, counts = np.unique(impostors, return_counts=True)
    above = np.cumsum(counts[::-1])[::-1]
    fits = np.flatnonzero(above <= most)
    if not len(fits):
        raise DataError(
            f"no threshold has a false match rate of at most {fmr:g}: {int(above[-1]):,} of {n:,} calibration pairs of "
            f"two people have the highest score, {values[-1]:g}"
        )
    return float(values[fits[0]]), int(above[fits[0]])


def without_genuine(same: pd.Series[Any], people: pd.DataFrame) -> tuple[str, ...]:
    """That some people have no pair of one person, as a sentence; nothing where all have one."""
    genuine = set(people.iloc[:, 0][(same == 1).to_numpy()])
    every = set(np.unique(people.to_numpy()))
    lost = len(every - genuine)
    if not lost:
        return ()
    return (
        f"{lost:,} of {len(every):,} people have no pair of one person: false non-match rates say nothing of them.",
    )
