"""Columns of pictures: files by their paths, arrays, or what a torch `Dataset` gives; decoded where they are looked at.

Every picture is read once before anything is counted: what cannot be read leaves, with its row, and is told. A cell is
then a `Picture` that remembers what it held, so that rows come in parts and no more than a part is in memory.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit import files
from auditkit.errors import DataError, listing, nearest
from auditkit.evidence.contents import content_key
from auditkit.inputs.source import BATCH, Source
from auditkit.progress import tell
from auditkit.scratch import Scratch

Pixels = NDArray[Any]
Reader = Callable[[Any], Pixels]
"""From what a cell holds (a path, an array, a position) to a picture; Unread where that is none."""

PICTURE = "picture"
"""What a column of pictures is called that came without a name."""
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Of files: those that Pillow decodes by itself, without another program."""
EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV")
"""Pillow's modes of at most eight bits a channel."""
MOST_FILE, MOST_PIXELS = 256 * 2**20, 64 * 2**20
"""Bytes of a file, and pixels of a picture, at most."""
HELD = 256 * 2**20
"""Bytes of decoded pictures that a sample keeps in a temporary file, at most; others are decoded whenever they are
looked at."""
NAMED = 5
"""Rows that are named of those that leave."""


class Unread(Exception):
    """Why something is no picture, in words that quote nothing of it."""


class Picture:
    """A cell of a column of pictures: `np.asarray` gives its pixels; equal pictures are equal."""

    __slots__ = ("_at", "_held", "_read", "content_key")

    def __init__(self, read: Reader, at: Any, key: bytes) -> None:
        self._read, self._at, self.content_key = read, at, key
        self._held: Callable[[], Pixels] | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Pixels:
        pixels = self._held() if self._held is not None else self._again()
        return pixels if dtype is None else pixels.astype(dtype)

    def __reduce__(self) -> Any:
        return Picture, (self._read, self._at, self.content_key)

    def _again(self) -> Pixels:
        """DataError where another picture is read than before."""
        try:
            pixels = self._read(self._at)
        except Unread as e:
            raise DataError(f"a picture could be read at first, and now it cannot: {e}") from None
        if content_key(pixels) != self.content_key:
            raise DataError(
                "a picture is another one when it is read again: rows must be the same each time. Read them without "
                "random changes (augmentation), as the net is evaluated"
            )
        return pixels

    def keep(self, scratch: Scratch, at: int) -> int:
        """Keep the pixels, `at` bytes into a file, of an array itself; how many bytes that are."""
        pixels = self._again()
        if pixels is self._at:
            self._held = lambda: pixels
            return 0
        shape, dtype = pixels.shape, pixels.dtype
        scratch.write(at, pixels)
        self._held = lambda: scratch.read(at, np.empty(shape, dtype))
        return pixels.nbytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and self.content_key == other.content_key

    def __hash__(self) -> int:
        return hash(self.content_key)


def decoded(features: pd.DataFrame) -> pd.DataFrame:
    """The rows with arrays in the place of pictures.

    >>> decoded(pd.DataFrame({"x": [1, 2]}))["x"].tolist()
    [1, 2]
    """
    for name in [c for c in features if _of_pictures(features[c])]:
        cells = pd.Series([np.asarray(x) for x in features[name]], index=features.index, dtype=object)
        features = features.assign(**{str(name): cells})
    return features


def hold(features: pd.DataFrame) -> None:
    """Keep the pixels of these rows, which many checks look at, as far as there is room."""
    cells = [x for c in features if _of_pictures(features[c]) for x in features[c]]
    if not cells:
        return
    with contextlib.suppress(OSError):  # a disk that is full, or none: they are decoded again
        scratch, end = Scratch(), 0
        for cell in cells:
            if end < HELD:
                end += cell.keep(scratch, end)


def _of_pictures(column: pd.Series[Any]) -> bool:
    return column.dtype == object and len(column) > 0 and isinstance(column.iloc[0], Picture)


class Files:
    """Reads files of pictures as torchvision's default loader does: (height, width, 3) bytes, RGB.

    Paths are relative to `folder`. Of a moving picture the first frame; a direction that a camera noted is not heeded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, path: str | Path) -> Pixels:
        try:
            content = files.read(self.folder / path, DataError, most=MOST_FILE)
        except DataError:
            raise Unread("no file that can be read") from None
        return _pixels_of(content)


def _pixels_of(content: bytes) -> Pixels:
    try:
        from PIL import Image
    except ImportError:
        raise DataError("files of pictures are read with Pillow, which is not installed: pip install pillow") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a picture that unpacks to very many pixels
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.mode not in EIGHT_BITS:
                    raise Unread("more than eight bits a channel")
                if image.width * image.height > MOST_PIXELS:
                    raise Unread("too many pixels")
                return np.asarray(image.convert("RGB"))
    except Unread:
        raise
    except MemoryError:
        raise
    except Exception:  # whatever Pillow raises of a stranger's file
        raise Unread("no picture, or a damaged one") from None


def given(pixels: Any) -> Pixels:
    """An array, a tensor or an image of Pillow as pixels; Unread for anything else, and for no or many dimensions."""
    if hasattr(pixels, "detach"):
        pixels = pixels.detach().cpu().numpy()
    if pixels is None or isinstance(pixels, str | bytes | float):
        raise Unread("no picture")
    try:
        array = np.asarray(pixels)
    except (TypeError, ValueError):
        raise Unread("no array of numbers") from None
    if array.dtype.kind not in "biuf" or not array.ndim or not array.size:
        raise Unread("no array of numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Unread("NaN or infinite pixels")
    return array


@dataclass
class Seen:
    """What was found when the pictures of a column were read for the first time."""

    keys: dict[Hashable, bytes | None] = field(default_factory=dict)
    """What a cell holds → what its picture holds; None: there is none."""
    rows: int = 0
    why: Counter[str] = field(default_factory=Counter)
    broken: list[int] = field(default_factory=list)
    """Positions of the first rows without a picture."""
    shapes: dict[tuple[int, ...], list[int]] = field(default_factory=dict)
    """Shape → how many pictures, and the position of the first."""
    _known: dict[Hashable, tuple[int, ...] | str] = field(default_factory=dict)

    def look(self, read: Reader, at: Any) -> None:
        """One more row."""
        key = _hashable(at)
        if key not in self._known:
            try:
                pixels = read(at)
                self.keys[key], self._known[key] = content_key(pixels), pixels.shape
            except Unread as e:
                self.keys[key], self._known[key] = None, str(e)
        found = self._known[key]
        if isinstance(found, str):
            self.why[found] += 1
            self.broken += [self.rows] if len(self.broken) < NAMED else []
        else:
            self.shapes.setdefault(found, [0, self.rows])[0] += 1
        self.rows += 1

    def cautions(self, name: str) -> tuple[str, ...]:
        """What is told of the column; DataError where it holds no picture."""
        lost = sum(self.why.values())
        reasons = "; ".join(f"{why}: {n:,}" for why, n in self.why.most_common())
        if lost == self.rows:
            raise DataError(
                f"none of the {self.rows:,} pictures of '{name}' can be read ({reasons}). Paths of files are relative "
                "to the file of the data, or to the working directory"
            )
        out = []
        if lost:
            out.append(
                f"{lost:,} of {self.rows:,} pictures of '{name}' cannot be read ({reasons}), "
                f"{_rows(self.broken, lost)}: these rows are left out."
            )
        if len(self.shapes) > 1:
            (usual, (n, _)), *others = sorted(self.shapes.items(), key=lambda kind: (-kind[1][0], kind[0]))
            odd, first = sum(n for _, (n, _) in others), sorted(at for _, (_, at) in others)[:NAMED]
            out.append(
                f"Pictures of '{name}' have {len(self.shapes):,} sizes: {n:,} have {size_of(usual)}, {odd:,} others, "
                f"{_rows(first, odd)}."
            )
        return tuple(out)


def _hashable(at: Any) -> Hashable:
    return at if isinstance(at, str | int) else content_key(str(at) if isinstance(at, Path) else at)


def size_of(shape: Sequence[int]) -> str:
    """A shape in words.

    >>> size_of((64, 32, 3))
    '64 × 32 × 3'
    """
    return " × ".join(map(str, shape))


def _rows(first: Sequence[int], of: int) -> str:
    """Where they stand, counted from 0."""
    more = ", …" if of > len(first) else ""
    return f"row{'' if of == 1 else 's'} {', '.join(map(str, first))}{more} (counted from 0)"


class PictureSource(Source):
    """A source whose columns of pictures give `Picture`s; rows without one are left out, and counted in `cautions`.

    Raises DataError for columns that are not there, and for one that holds no picture.
    """

    def __init__(self, source: Source, readers: Mapping[str, Reader], seen: Mapping[str, Seen] | None = None) -> None:
        self._source, self._readers = source, dict(readers)
        self.name, self.fingerprint, self.read_as = source.name, source.fingerprint, source.read_as
        for name in self._readers:
            if name not in source.schema:
                known = list(source.schema)
                raise DataError(
                    f"no column '{name}' for pictures; the columns are {listing(known)}.{nearest(name, known)}"
                )
        self._seen = dict(seen) if seen is not None else self._look()
        own = [said for name, found in self._seen.items() for said in found.cautions(name)]
        self._own = tuple(own)
        self.rows = None

    def _look(self) -> dict[str, Seen]:
        seen = {name: Seen() for name in self._readers}
        for part in self._source.batches([*self._readers]):
            for name, read in self._readers.items():
                for at in part[name]:
                    seen[name].look(read, at)
                    tell("looking at pictures", seen[name].rows, self._source.rows or seen[name].rows)
        return seen

    @property
    def cautions(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the source says, then what was found of pictures."""
        return (*self._source.cautions, *self._own)

    @property
    def schema(self) -> Mapping[str, str]:
        """That of the source."""
        return self._source.schema

    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        """The parts of the source, without rows that lack a picture."""
        asked = list(columns) if columns is not None else list(self.schema)
        wanted = list(dict.fromkeys([*asked, *self._readers]))
        for part in self._source.batches(wanted, size=size):
            there = np.ones(len(part), bool)
            cells: dict[str, Any] = {}
            for name, read in self._readers.items():
                keys = self._seen[name].keys
                found = [keys.get(_hashable(at)) for at in part[name]]
                there &= np.array([k is not None for k in found])
                pictures = [
                    None if k is None else Picture(read, at, k) for k, at in zip(found, part[name], strict=True)
                ]
                cells[name] = pd.Series(pictures, index=part.index, dtype=object)
            rows = part.assign(**cells)[asked]
            yield rows if there.all() else rows[there].reset_index(drop=True)

    def missing_texts(self, columns: Sequence[str]) -> dict[str, Counter[str]]:
        """Those of the source."""
        return self._source.missing_texts(columns)


def cells_of(values: Any) -> Any:
    """An array or tensor (N, height, width, …) as a column of N arrays, which are views; anything else as it is.

    >>> [x.shape for x in cells_of(np.zeros((2, 4, 5)))]
    [(4, 5), (4, 5)]
    """
    if getattr(values, "ndim", 1) < 3:
        return values
    whole = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    out = pd.Series([None] * len(whole), dtype=object)
    out[:] = [*whole]
    return out.to_numpy()


def with_pictures(source: Source, names: Sequence[str], data: Any) -> Source:
    """The source, with the named columns read as pictures: paths of files, or arrays; as it is where none is named."""
    if not names:
        return source
    read = Files(Path(data).parent if isinstance(data, str | Path) else Path())
    return PictureSource(
        source, {name: lambda at: read(at) if isinstance(at, str | Path) else given(at) for name in names}
    )
