"""Numbers in CSV files written with a decimal comma, or with separators of thousands: read where only one way fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pandas as pd

from auditkit.errors import DataError, listing

Reading = Literal["decimal", "thousands"]
_PATTERNS: dict[Reading, re.Pattern[str]] = {
    "decimal": re.compile(r"\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?\s*"),
    "thousands": re.compile(r"\s*[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?\s*"),
}
_POINTS = re.compile(r"\s*[+-]?\d{1,3}(\.\d{3})+\s*")


def with_numbers(
    frame: pd.DataFrame, name: str, sep: str, texts: Callable[[Sequence[str]], pd.DataFrame]
) -> tuple[pd.DataFrame, list[str]]:
    """The frame with such columns as numbers, and the sentences that say so.

    "1,5" can only be one and a half, "1,234,567" only a million; "1,234" alone could be either and stays text, unless
    the rest of the file tells. `texts` gives columns as they are written.
    """
    possible = {str(c): r for c in frame.columns if (r := _readings(frame[c]))}
    if not possible:
        return frame, []
    sure = {r for readings in possible.values() if len(readings) == 1 for r in readings}
    if len(sure) != 1:
        return frame, [_doubt(name, list(possible))]
    (reading,) = sure
    if reading == "decimal":
        _no_points(frame, name, texts)
    chosen = [c for c, readings in possible.items() if reading in readings]
    out = frame.assign(**{c: _numbers(frame[c], reading) for c in chosen})
    what = "decimal commas" if reading == "decimal" else "commas between thousands"
    return out, [f"{name} was read with {what} in {listing(chosen)}, as guessed from the file."]


def _readings(column: pd.Series[Any]) -> set[Reading]:
    """The ways in which a column of text is numbers, at least one of them with a comma; none: it is text."""
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return set()
    values = column.dropna().unique()
    if not len(values) or not all(isinstance(x, str) for x in values) or not any("," in x for x in values):
        return set()
    return {reading for reading, pattern in _PATTERNS.items() if all(map(pattern.fullmatch, values))}


def _numbers(column: pd.Series[Any], reading: Reading) -> pd.Series[Any]:
    text = column.astype("string")
    if reading == "decimal":
        text = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    else:
        text = text.str.replace(",", "", regex=False)
    return pd.to_numeric(text.str.strip().astype(object))


def _no_points(frame: pd.DataFrame, name: str, texts: Callable[[Sequence[str]], pd.DataFrame]) -> None:
    """DataError for points that may separate thousands beside decimal commas: they were read as decimal points."""
    floats = [str(c) for c in frame.columns if pd.api.types.is_float_dtype(frame[c].dtype)]
    raw = texts(floats) if floats else pd.DataFrame()
    for column in raw:
        values = [str(x) for x in raw[column].dropna().unique()]
        pointed = [x for x in values if "." in x]
        if pointed and all(map(_POINTS.fullmatch, pointed)):
            raise DataError(
                f"{name} has decimal commas, and '{column}' holds {pointed[0]}, where the point may be one of "
                "thousands: say decimal=',' and thousands='.' if it is, or decimal='.' if it is not"
            )


def _doubt(name: str, possible: list[str]) -> str:
    return (
        f"{name}: {listing(possible)} stayed text, whose commas may be decimal ones or separate thousands: decimal=',' "
        "or thousands=',' says which."
    )
