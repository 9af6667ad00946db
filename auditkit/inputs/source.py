"""Where rows come from, as an audit sees it: columns, and rows in parts, as often as they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from auditkit.errors import DataError

BATCH = 65_536
"""Rows of a part, unless another number is asked for."""


class Source(ABC):
    """Rows that can be read more than once, part by part. `Dataset` says what their columns mean.

    An audit reads a source twice: once to see which values its columns hold, once to count. Each time it must give
    the same rows; their order does not matter. It never holds more of them than a part and a bounded sample.

    A source of another kind (a data base, a `DataLoader`) is a class below this with `schema` and `batches`.

    >>> class Squares(Source):
    ...     schema = {"x": "int64", "square": "int64"}
    ...
    ...     def batches(self, columns=None, *, size=BATCH):
    ...         for start in range(0, 6, 3):
    ...             frame = pd.DataFrame({"x": range(start, start + 3)})
    ...             yield frame.assign(square=frame.x**2)[list(columns or self.schema)]
    >>> Squares().frame["square"].tolist()
    [0, 1, 4, 9, 16, 25]
    """

    name: str = ""
    """What it is called on the page: the name of a file; empty where there is none."""
    fingerprint: str | None = None
    """SHA-256 of the file, or of its parts; None where there is none."""
    read_as: str = ""
    """How a CSV file was read, for errors."""
    cautions: tuple[str, ...] = ()
    """What a reader should know of where the rows come from; whole sentences."""
    rows: int | None = None
    """How many rows there are, where that is known before they are read."""

    @property
    @abstractmethod
    def schema(self) -> Mapping[str, str]:
        """Name of each column → its type, as the source calls it."""

    @abstractmethod
    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        """The rows in parts of at most about `size`; `columns` names those that are wanted (None: all)."""

    def missing_texts(self, columns: Sequence[str]) -> dict[str, Counter[str]]:
        """Of columns: the texts other than empty ones that were read as missing, and how often."""
        return {}

    @property
    def frame(self) -> pd.DataFrame:
        """All rows at once, in memory."""
        parts = list(self.batches())
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


class FrameSource(Source):
    """A frame in memory; DataError for two columns of one name, and for no rows.

    >>> [len(part) for part in FrameSource(pd.DataFrame({"x": range(5)})).batches(size=2)]
    [2, 2, 1]
    """

    def __init__(self, frame: pd.DataFrame, name: str = "") -> None:
        self.name = name
        self._frame = frame.set_axis(names_of(frame, name), axis=1).reset_index(drop=True)
        self.rows = len(frame)
        if not self.rows:
            raise no_rows(name)

    @property
    def schema(self) -> Mapping[str, str]:
        """Types as pandas writes them."""
        return {str(c): str(t) for c, t in self._frame.dtypes.items()}

    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        """Views of the frame."""
        frame = self._frame if columns is None else self._frame[list(columns)]
        for start in range(0, len(frame), size):
            yield frame.iloc[start : start + size]

    @property
    def frame(self) -> pd.DataFrame:
        """The frame."""
        return self._frame


def names_of(columns: pd.DataFrame | Sequence[object], source: str) -> list[str]:
    """Names of columns as text; DataError where two are the same."""
    names = [str(c) for c in columns]
    twice = sorted(c for c, n in Counter(names).items() if n > 1)
    if twice:
        raise DataError(f"{source or 'the data'} has two columns of the name '{twice[0]}'")
    return names


def no_rows(source: str) -> DataError:
    """The error for a source without rows."""
    return DataError(f"{source or 'the data'} has no rows")
