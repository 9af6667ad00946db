"""Files of rows: one, a folder, a pattern; packed or not; recognised by what they hold."""

from __future__ import annotations

import bz2
import glob
import gzip
import hashlib
import lzma
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, Any, cast

from auditkit import files
from auditkit.errors import DataError, listing
from auditkit.inputs import csv_files
from auditkit.inputs.csv_files import CsvOptions
from auditkit.inputs.parquet_files import ParquetSource
from auditkit.inputs.source import FrameSource, Source

_EXPECTED = "a parquet or CSV file, or a folder of such parts"
PARQUET = (".parquet", ".pq", ".parq")
CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
MOST_UNPACKED = 8 * 2**30
"""Bytes that a packed CSV file may unpack to; and no more than `RATIO` times its own."""
RATIO = 1_000
_STRANGE = {
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"ARROW1": "an Arrow (Feather) file",
    b"FEA1": "a Feather file",
    b"ORC": "an ORC file",
    b"\x80\x04\x95": "a pickle",
    b"\x80\x05\x95": "a pickle",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite format 3": "an SQLite data base",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
}
_PACKED: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class CsvSource(FrameSource):
    """The rows of a CSV file, read whole: the type of a column is known when all of it was seen."""

    def __init__(self, content: bytes, path: Path, digest: str, options: CsvOptions, said: Sequence[str] = ()) -> None:
        read = csv_files.parse(content, str(path), options)
        super().__init__(read.frame, path.name)
        self.fingerprint = digest
        self.read_as, self.guessed = read.read_as, read.guessed
        self.cautions = (*said, *(c.replace(str(path), path.name) for c in read.cautions))
        self._missing_texts = read.missing_texts

    def missing_texts(self, columns: Sequence[str]) -> dict[str, Counter[str]]:
        """Of columns: the texts other than empty ones that were read as missing, and how often."""
        return self._missing_texts(columns)


def source_at(path: Path, options: CsvOptions) -> Source:
    """The rows of a file, a folder of parts, or a pattern such as `rows/*.parquet`; DataError where there are none."""
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as e:
        found = _matching(path)
        if found:
            base = next(p for p in path.parents if not glob.has_magic(str(p)))
            return _parts(found, base, path.name, options)
        what = getattr(e, "strerror", None) or "a path holds no NUL"
        pattern = " (and no file matches it as a pattern)" if glob.has_magic(str(path)) else ""
        raise DataError(f"cannot read {path}: {what}{pattern}") from None
    if stat.S_ISDIR(kind):
        return _parts(_inside(path), path, path.name, options)
    digest, parquet = _seen(path)
    if parquet:
        options.none_of(f"{path.name} is parquet, which needs none")
        return ParquetSource([path], None, path.name, digest)
    return CsvSource(_unpacked(_bytes(path), path), path, digest, options)


def _seen(path: Path) -> tuple[str, bool]:
    """The file's SHA-256, and whether it is parquet."""
    with files.opened(path, DataError, expected=_EXPECTED) as file:
        try:
            head = file.read(4)
            file.seek(0)
            digest = hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()
        except OSError as e:
            raise DataError(f"cannot read {path}: {e.strerror}") from None
    if not head:
        raise DataError(f"{path} is empty")
    return digest, head == b"PAR1" or path.suffix in PARQUET


def _bytes(path: Path) -> bytes:
    content = files.read(path, DataError, expected=_EXPECTED)
    if not content.strip():
        raise DataError(f"{path} is empty")
    return content


def _unpacked(content: bytes, path: Path) -> bytes:
    """The text of a CSV file that may be packed; DataError for other kinds of file, and for what grows too much."""
    for magic, what in _STRANGE.items():
        if content.startswith(magic):
            raise DataError(f"{path} is {what}; expected a parquet or CSV file")
    opened = next((f for magic, f in _PACKED.items() if content.startswith(magic)), None)
    try:
        if content.startswith(b"PK\x03\x04"):
            return _zipped(content, path)
        return content if opened is None else _bounded(opened(BytesIO(content)), len(content), path)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as e:
        if isinstance(e, DataError):
            raise
        raise DataError(f"{path} is packed and cannot be unpacked: {' '.join(str(e).split())}") from None


def _zipped(content: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(BytesIO(content)) as packed:
        names = [n for n in packed.namelist() if not n.endswith("/")]
        if any(n.startswith("xl/") for n in names):
            raise DataError(f"{path} is an Excel file; expected a parquet or CSV file: save its sheet as CSV")
        if len(names) != 1:
            raise DataError(f"{path} packs {len(names)} files ({listing(names, most=4)}); expected one CSV file")
        with packed.open(names[0]) as file:
            return _bounded(file, len(content), path)


def _bounded(file: IO[bytes], size: int, path: Path) -> bytes:
    most = min(MOST_UNPACKED, RATIO * size)
    out: bytes = file.read(most + 1)
    if len(out) > most:
        raise DataError(
            f"{path} ({size:,} bytes) unpacks to more than {most:,} bytes: unpack it first if that is meant"
        )
    return out


def _matching(path: Path) -> list[Path]:
    try:
        return [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file() and _data(Path(p))]
    except ValueError:
        return []


def _inside(folder: Path) -> list[Path]:
    """The parts in a folder and the folders in it, in the order of their names; hidden ones (`_`, `.`) left out."""
    try:
        every = sorted(p for p in folder.rglob("*") if p.is_file())
    except OSError as e:
        raise DataError(f"cannot read {folder}: {e.strerror}") from None
    return [
        p for p in every if _data(p) and not any(part.startswith(("_", ".")) for part in p.relative_to(folder).parts)
    ]


def _data(path: Path) -> bool:
    return path.name.lower().endswith((*PARQUET, *CSV))


def _parts(paths: list[Path], base: Path, name: str, options: CsvOptions) -> Source:
    if not paths:
        raise DataError(
            f"{base} is a folder; expected a parquet or CSV file, or a folder of such parts "
            f"({listing((*PARQUET, *CSV))}): it holds none"
        )
    digests, parquet = zip(*map(_seen, paths), strict=True)
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    title = f"{name or base} ({len(paths)} files)"
    if all(parquet):
        options.none_of(f"{title} is parquet, which needs none")
        return ParquetSource(paths, base, title, digest)
    if any(parquet):
        other = paths[parquet.index(False)]
        raise DataError(f"{base} holds parquet and other files ({other.name}); expected parts of one kind")
    content, said = _one_text(paths, options)
    return CsvSource(content, Path(title), digest, options, said)


def _one_text(paths: list[Path], options: CsvOptions) -> tuple[bytes, list[str]]:
    """Parts of a CSV file as one, so that types are guessed from whole columns; each has the same header. And what was
    guessed of their encoding."""
    parts = [csv_files.split(_unpacked(_bytes(p), p), str(p), options) for p in paths]
    first = parts[0].header
    for part, path in zip(parts, paths, strict=True):
        if part.header != first:
            raise DataError(
                f"the parts differ: {path.name} has the header {part.header!r}, {paths[0].name} has {first!r}; every "
                "part must have the same columns in the same order"
            )
    text = "\n".join([first, *(p.body.strip("\r\n") for p in parts)])
    guessed = sorted({p.encoding for p in parts} - {"utf-8"}) if options.encoding is None else []
    said = [f"parts were read with encoding {listing(map(repr, guessed))}, as guessed from the files."]
    return text.encode(options.encoding or "utf-8"), said if guessed else []
