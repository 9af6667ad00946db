"""CSV files: separator and encoding are guessed conservatively, said where they are not plain, and settable."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from auditkit.errors import DataError, listing
from auditkit.inputs.csv_numbers import with_numbers

MISSING_TEXTS = ("NaN", "nan", "NA", "<NA>", "null", "NULL")
"""What counts as missing beside an empty cell; "None" and "?" do not, they may be categories."""
SEPARATORS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 200_000
"""Characters that are looked at to guess a separator."""
_ROWS = 200
MOST_COLUMNS = 50_000
"""A header that names more is refused: it is no header."""


@dataclass(frozen=True)
class CsvOptions:
    """How a CSV file is written; None: look."""

    sep: str | None = None
    """One character, or \\s+ for blanks."""
    encoding: str | None = None
    na_values: tuple[str, ...] | None = None
    """Texts that count as missing beside an empty cell, in place of `MISSING_TEXTS`."""
    decimal: str | None = None
    thousands: str | None = None

    @classmethod
    def of(cls, sep: Any, encoding: Any, na_values: Any, decimal: Any, thousands: Any) -> CsvOptions:
        """Checked; DataError for anything that is no such option."""
        for name, value in {"sep": sep, "decimal": decimal, "thousands": thousands}.items():
            if value is None or (name == "sep" and value in ("\\t", "\\s+")):
                continue
            if not isinstance(value, str) or len(value) != 1 or value in '"\n\r\0':
                raise DataError(f"{name} takes one character{_more(name)}, got {value!r}")
        if encoding is not None:
            _codec(encoding)
        sep = "\t" if sep == "\\t" else sep
        used = [x for x in (sep, decimal or ".", thousands) if x is not None]
        if len(set(used)) < len(used):
            raise DataError(f"sep, decimal and thousands must differ, got {listing(map(repr, used))}")
        texts = (na_values,) if isinstance(na_values, str) else na_values
        if texts is not None and not (isinstance(texts, Sequence) and all(isinstance(x, str) for x in texts)):
            raise DataError(f"na_values takes texts, such as ['NA', '?'], got {na_values!r}")
        return cls(sep, encoding, None if texts is None else tuple(texts), decimal, thousands)

    def none_of(self, why: str) -> None:
        """DataError, which ends with `why`, if an option was given: the data are in no CSV file."""
        given = [k for k, v in vars(self).items() if v is not None]
        if given:
            raise DataError(f"{listing(given)}: options of CSV files; {why}")


def _more(name: str) -> str:
    return ", such as ';' or '\\t', or '\\s+' for blanks" if name == "sep" else ", such as '.' or ','"


class Table(NamedTuple):
    """What was read, and how."""

    frame: pd.DataFrame
    read_as: str
    """For errors: "sep ';', encoding 'utf-8'"."""
    cautions: tuple[str, ...]
    """What was guessed and is not plain, and what a reader should know; whole sentences."""
    guessed: dict[str, str]
    """Options of a CSV file that nobody gave and that are not the plain ones, as they were guessed."""
    missing_texts: Callable[[Sequence[str]], dict[str, Counter[str]]]
    """Of columns: the texts other than empty ones that were read as missing, and how often."""


def parse(content: bytes, name: str, options: CsvOptions) -> Table:
    """The rows of a CSV file; DataError, naming what was guessed, for what cannot be read."""
    text, encoding = _decoded(content, name, options)
    sep = options.sep or _separator(text, name)
    how = f"sep {sep!r}, encoding '{encoding}'"
    wide = _shape(text, sep, name, how)
    na = MISSING_TEXTS if options.na_values is None else options.na_values
    # low_memory would guess types part by part: "01" could become 1 in one part and stay text in another
    reading: dict[str, Any] = {"sep": sep, "keep_default_na": False, "skipinitialspace": True, "low_memory": False}
    try:
        reading |= {"decimal": options.decimal or ".", "thousands": options.thousands}
        frame: pd.DataFrame = pd.read_csv(io.StringIO(text), na_values=["", *na], **reading)
    except (ValueError, OverflowError) as e:  # ParserError and EmptyDataError are ValueErrors
        raise DataError(f"{name} cannot be read as CSV ({how}): {' '.join(str(e).split())}") from None

    def texts(columns: Sequence[str]) -> pd.DataFrame:
        asked: Any = set(columns)
        raw: pd.DataFrame = pd.read_csv(
            io.StringIO(text), usecols=lambda c: str(c) in asked, dtype=str, na_values=[""], **reading
        )
        return raw.set_axis([str(c) for c in raw.columns], axis=1)

    guessed = _guessed(options, sep, encoding)
    told = " and ".join(f"{option} {value!r}" for option, value in guessed.items())
    said = [f"{name} was read with {told}, as guessed from the file."] if guessed else []
    if options.decimal is None and options.thousands is None:
        frame, more = with_numbers(frame, name, sep, texts)
        said += more
    said += _ragged(text, sep, wide, frame, name)
    lost = [x for x in na if x in text]
    return Table(frame, how, tuple(said), guessed, lambda columns: _read_as_missing(frame, columns, lost, texts))


class Part(NamedTuple):
    """One of several files that make one table."""

    header: str
    body: str
    encoding: str


def split(content: bytes, name: str, options: CsvOptions) -> Part:
    """The header line of a CSV file and the rest."""
    text, encoding = _decoded(content, name, options)
    header, _, body = text.lstrip("\r\n").partition("\n")
    return Part(header.rstrip("\r"), body, encoding)


def _codec(encoding: Any) -> str:
    try:
        if codecs.lookup(encoding)._is_text_encoding:  # "hex", "rot13" and the like turn text into no text
            return str(encoding)
    except (LookupError, TypeError, ValueError):
        pass
    raise DataError(f"unknown encoding {encoding!r}; expected a name such as 'utf-8', 'cp1252', 'latin-1' or 'utf-16'")


def _decoded(content: bytes, name: str, options: CsvOptions) -> tuple[str, str]:
    """The text and its encoding: as said, as a byte order mark says, UTF-8, or else Windows-1252."""
    marked = next((encoding for bom, encoding in _BOMS if content.startswith(bom)), None)
    tried = [options.encoding] if options.encoding else [marked] if marked else ["utf-8", "cp1252"]
    for encoding in tried:
        assert encoding is not None
        try:
            text = content.decode(encoding)
        except (UnicodeError, ValueError):
            continue
        strange = re.search("[\0\ufffe\uffff]", text)
        if strange is None:
            return text.removeprefix("\ufeff"), encoding.removesuffix("-sig")
        break
    raise DataError(
        f"{name} cannot be read as CSV: it is no text in {listing(map(repr, tried))}; expected a parquet or CSV file. "
        "Say its encoding if it is text, e.g. encoding='utf-16'"
    )


def _rows(text: str, sep: str, most: int = _ROWS) -> list[list[str]]:
    """The first records that are complete, blank lines left out; nothing where they are no records."""
    head = text[:_HEAD]
    if len(text) > _HEAD:
        head = head[: head.rfind("\n") + 1]
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=sep, skipinitialspace=True):
            if any(row):
                rows.append(row)
            if len(rows) == most:
                break
    except csv.Error:
        return []
    return rows if len(text) <= _HEAD or len(rows) == most else rows[:-1]


def _separator(text: str, name: str) -> str:
    """The one separator by which header and rows have equally many fields, at least two; a comma in doubt."""
    fits = []
    for sep in SEPARATORS:
        rows = _rows(text, sep)
        if rows and len(rows[0]) > 1 and all(len(r) == len(rows[0]) for r in rows):
            fits.append(sep)
    if len(fits) > 1:
        raise DataError(
            f"{name} can be read with sep {' or '.join(map(repr, fits))}: header and rows fit both. Say which it is, "
            f"e.g. sep={fits[0]!r}"
        )
    if fits:
        return fits[0]
    loose = [s for s in SEPARATORS if (rows := _rows(text, s)) and len(rows[0]) > 1]
    return loose[0] if len(loose) == 1 else ","


def _shape(text: str, sep: str, name: str, how: str) -> int:
    """The number of columns; DataError where rows have more fields than the header: which is whose would be a guess."""
    if len(sep) != 1:
        return 0
    wide = max(line.count(sep) for line in text.split("\n", 2)[:2]) + 1
    if wide > MOST_COLUMNS:
        raise DataError(f"{name} cannot be read as CSV ({how}): its first lines hold {wide:,} fields")
    rows = _rows(text, sep)
    if not rows:
        return 0
    long = next((i for i, r in enumerate(rows) if len(r) > len(rows[0])), None)
    if long is not None:
        names = listing(rows[0], most=4)
        raise DataError(
            f"{name} cannot be read as CSV ({how}): its header names {len(rows[0])} columns ({names}) and record "
            f"{long + 1} has {len(rows[long])} fields. Say sep if it is another, or name every column"
        )
    return len(rows[0])


def _guessed(options: CsvOptions, sep: str, encoding: str) -> dict[str, str]:
    """A separator or an encoding that nobody said and that is not the plain one: a reader should know it."""
    found = {}
    if options.sep is None and sep != ",":
        found["sep"] = sep
    if options.encoding is None and encoding != "utf-8":
        found["encoding"] = encoding
    return found


def _ragged(text: str, sep: str, wide: int, frame: pd.DataFrame, name: str) -> list[str]:
    """Rows that end early and names that occur twice; neither is told by what was read."""
    said = []
    header = _rows(text, sep, 1) if wide else []
    twice = sorted(n for n, k in Counter(header[0] if header else []).items() if k > 1)
    if twice:
        said.append(f"{name} has two columns of the name '{twice[0]}': the second was read as '{twice[0]}.1'.")
    if not wide or not len(frame) or not frame.iloc[:, -1].isna().any():
        return said
    short = [
        i
        for i, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=sep), start=1)
        if 0 < len(row) < wide
    ]
    if short:
        said.append(
            f"{name} has {len(short):,} rows with fewer fields than its header (the first is record {short[0]:,}): "
            "what they lack counts as missing."
        )
    return said


def _read_as_missing(
    frame: pd.DataFrame, columns: Sequence[str], lost: Sequence[str], texts: Callable[[Sequence[str]], pd.DataFrame]
) -> dict[str, Counter[str]]:
    gone = [c for c in columns if c in frame.columns and frame[c].isna().any()] if lost else []
    if not gone:
        return {}
    raw = texts(gone)
    counts = {c: Counter(str(x) for x in raw[c] if x in lost) for c in gone}
    return {c: n for c, n in counts.items() if n}
