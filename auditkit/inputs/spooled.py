"""Rows that come but once: kept in temporary parquet files, so that they can be read twice."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from auditkit.errors import DataError
from auditkit.inputs.parquet_files import ParquetSource
from auditkit.inputs.source import BATCH, names_of, no_rows

SAID = (
    "The rows came one part after another and could be read once: they were kept in a temporary file, which is deleted "
    "with the data set."
)


class SpooledSource(ParquetSource):
    """Parts on disk, in a folder that only its owner can read and that goes with the source."""

    cautions = (SAID,)

    def __init__(self, folder: Path, paths: list[Path]) -> None:
        super().__init__(paths, folder)
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def spooled(parts: Iterable[pd.DataFrame]) -> SpooledSource:
    """The parts as a source that can be read twice; DataError where there are none, or where they cannot be kept."""
    folder = Path(tempfile.mkdtemp(prefix="auditkit-"))
    paths: list[Path] = []
    try:
        for part in _gathered(parts):
            paths.append(folder / f"part-{len(paths):06}.parquet")
            part.to_parquet(paths[-1], index=False)
        if not paths:
            raise no_rows("")
        return SpooledSource(folder, paths)
    except BaseException as e:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(e, DataError) or not isinstance(
            e, ValueError | TypeError | OSError
        ):  # pyarrow's errors are these
            raise
        raise DataError(f"rows that can be read once cannot be kept as parquet: {' '.join(str(e).split())}") from None


def _gathered(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Parts of about a batch, of however small ones."""
    held: list[pd.DataFrame] = []
    names: list[str] = []
    for i, part in enumerate(parts):
        own = names_of(part, "the data")
        names = names or own
        if own != names:
            other = min(set(own) ^ set(names), default=own[0])
            raise DataError(f"part {i + 1} of the rows has other columns than the first ('{other}'); give all the same")
        if len(part):
            held.append(part.set_axis(names, axis=1))
        if sum(map(len, held)) >= BATCH:
            yield pd.concat(held, ignore_index=True)
            held = []
    if held:
        yield pd.concat(held, ignore_index=True)
