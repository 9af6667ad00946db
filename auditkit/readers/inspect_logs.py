"""Logs of Inspect: one `.json` document, or the `.eval` archive of one, whose samples are a file each."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditkit.errors import DataError, listing
from auditkit.files import opened, read
from auditkit.readers.logs import LARGEST, LONGEST, Sample, needed, parsed

SUFFIXES = (".json", ".eval")
MOST_MEMBERS = 1_000_000
MOST_BYTES = 8_000_000_000
"""Of all samples of an archive, unpacked."""
_HEADER = "header.json"
_DONE = "success"


def samples_of(path: Path) -> Iterator[Sample]:
    """The answers of one log; DataError for a run that did not end, for a log cut short, and for what is no log.

    A sample that failed has no scores.
    """
    yield from _of_archive(path) if path.suffix == ".eval" else _of_document(path)


def _of_document(path: Path) -> Iterator[Sample]:
    text = read(path, DataError, most=LARGEST, expected="a log of Inspect (a larger one is written as .eval)")
    log = parsed(text, path.name, cut=": a log that was cut short cannot be read; copy it again, or write it as .eval")
    samples = log.get("samples")
    held = len(samples) if isinstance(samples, list) else 0
    task = _ended(log, path.name, held)
    if not isinstance(samples, list) or not samples:
        raise DataError(f"{path.name} holds no samples: it was written with log_samples = false, or by header alone")
    for i, sample in enumerate(samples):
        yield _sample(sample, task, f"{path.name}, sample {i + 1}")


def _of_archive(path: Path) -> Iterator[Sample]:
    try:
        with opened(path, DataError, expected="a log of Inspect") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            known = {m.filename: m for m in members}
            own = [m for m in known.values() if m.filename.startswith("samples/") and m.filename.endswith(".json")]
            if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > MOST_BYTES:
                raise DataError(f"{path.name} unpacks to more than {MOST_BYTES / 1e9:g} GB, or {MOST_MEMBERS:,} files")
            if _HEADER not in known:
                raise DataError(
                    f"{path.name} has no {_HEADER}: the run did not end, or was cut short. {len(own):,} samples lie in "
                    "it; how many are missing is not known. Run it to its end (inspect eval-retry)"
                )
            task = _ended(_member(archive, known[_HEADER], path.name), path.name, len(own))
            for member in own:
                yield _sample(_member(archive, member, path.name), task, f"{path.name}, {member.filename}")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as e:
        raise DataError(f"{path.name} cannot be unpacked ({e}): it was cut short, or is no .eval log") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> dict[str, Any]:
    """One file of the archive, of bounded size whatever it says of itself."""
    with archive.open(member) as file:
        text = file.read(LONGEST + 1)
    if len(text) > LONGEST:
        raise DataError(f"{name}, {member.filename} unpacks to more than {LONGEST / 1e6:g} MB, which no sample is")
    return parsed(text, f"{name}, {member.filename}")


def _ended(log: Mapping[str, Any], name: str, held: int) -> str:
    """The task of a run that ended; DataError for another, with how much of it there is."""
    status = needed(log, "status", name)
    about = needed(log, "eval", name)
    results = log.get("results") or {}
    total = results.get("total_samples") if isinstance(results, Mapping) else None
    of = f"{held:,} of {total:,}" if isinstance(total, int) else f"{held:,}"
    if status != _DONE:
        raise DataError(
            f"{name} is of a run whose status is '{status}', not '{_DONE}': it holds {of} samples, and what is missing "
            "may not be missing by chance. Run it to its end (inspect eval-retry)"
        )
    if isinstance(total, int) and held != total:
        raise DataError(f"{name} holds {of} samples that were run: it is cut short")
    task = about.get("task") if isinstance(about, Mapping) else None
    if not isinstance(task, str):
        raise DataError(f"{name} names no task at 'eval.task': it is no log of Inspect")
    return task


def _sample(sample: Any, task: str, where: str) -> Sample:
    if not isinstance(sample, dict):
        raise DataError(f"{where} is no object with the keys of a sample")
    prompt, epoch = needed(sample, "id", where), needed(sample, "epoch", where)
    if not isinstance(prompt, str | int) or not isinstance(epoch, int):
        raise DataError(f"{where} has the id {prompt!r} and the epoch {epoch!r}; expected a name and a number")
    found = sample.get("scores") or {}
    if sample.get("error") is not None:
        found = {}
    if not isinstance(found, Mapping):
        raise DataError(f"{where} has no scores by name at 'scores'")
    scores: dict[str, Any] = {}
    for name, score in found.items():
        if not isinstance(score, Mapping) or "value" not in score:
            raise DataError(f"{where} has no value at 'scores.{name}'; expected {{'value': …}}")
        value = score["value"]
        if isinstance(value, list):
            some = listing(map(str, value[:3]))
            raise DataError(f"{where} has a list at 'scores.{name}.value' ({some}); expected one number, or C or I")
        scores |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return Sample(task, str(prompt), epoch, {"task": task, **sample}, scores, where)
