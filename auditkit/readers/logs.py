"""Logs of what a model wrote, as strangers hand them in: which files, how large, what stands where. No code is run."""

from __future__ import annotations

import glob
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.errors import DataError, choices, listing

MOST_FILES = 1_000
LARGEST = 512_000_000
"""Bytes of a document that is read whole."""
LONGEST = 16_000_000
"""Bytes of a line, and of one sample."""


class Sample(NamedTuple):
    """One answer of a model to one prompt."""

    task: str
    prompt: str
    """Names the prompt within the task."""
    epoch: int
    """Which answer to that prompt, from 1."""
    content: Mapping[str, Any]
    """All that the log says of it."""
    scores: Mapping[str, Any]
    """Metric → what it gave; empty where the answer was not judged."""
    where: str
    """For errors: file and line, or file and sample."""


def files_at(path: str | Path, suffixes: Sequence[str]) -> list[Path]:
    """The logs of a path: one file, those of a folder, or of a pattern; DataError where there are none, or too many."""
    named = Path(path)
    if named.is_dir():
        found = sorted(p for p in named.iterdir() if p.suffix in suffixes and not p.name.startswith("results_"))
    elif glob.has_magic(str(path)):
        found = sorted(Path(p) for p in glob.glob(str(path), recursive=True))
    else:
        found = [named]
    if not found:
        raise DataError(f"no logs at '{path}': expected files that end in {listing(suffixes)}, or a folder of such")
    if len(found) > MOST_FILES:
        raise DataError(f"{len(found):,} files at '{path}', more than {MOST_FILES:,}: name fewer, as in a pattern")
    strange = [p.name for p in found if p.suffix not in suffixes]
    if strange:
        raise DataError(
            f"'{strange[0]}' is no log that is known: expected samples_*.jsonl of lm-evaluation-harness, or .json and "
            ".eval of Inspect"
        )
    return found


def parsed(text: bytes, where: str, *, cut: str = "") -> dict[str, Any]:
    """One JSON object; DataError for anything else, with what `cut` says of a text that ends too early."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as e:
        why = f"line {e.lineno}, column {e.colno}: {e.msg}" if isinstance(e, json.JSONDecodeError) else type(e).__name__
        raise DataError(f"{where} is no JSON ({why}){cut}") from None
    if not isinstance(found, dict):
        raise DataError(f"{where} holds a JSON {_kind(found)}; expected an object with the keys of a log")
    return found


def needed(content: Mapping[str, Any], key: str, where: str) -> Any:
    """What stands at a key; DataError, with the keys that there are, where it is missing."""
    if key not in content:
        raise DataError(f"{where} has no key '{key}'; its keys are {choices(key, [*map(str, content)])}")
    return content[key]


def label_at(content: Mapping[str, Any], path: str, where: str) -> str | int | float | bool | None:
    """What stands at a dotted path, as a label: a text, a number, yes or no, or None where it says null.

    DataError names the part of the path that is missing, and what is there; likewise for a list or an object.

    >>> label_at({"doc": {"subject": "law"}}, "doc.subject", "line 1")
    'law'
    """
    at: Any = content
    parts = path.split(".")
    for i, part in enumerate(parts):
        inside = f"{where}, at '{'.'.join(parts[:i])}'," if i else where
        if not isinstance(at, Mapping):
            raise DataError(f"{inside} holds a {_kind(at)}; expected an object with the key '{part}'")
        at = needed(at, part, inside)
    if at is None or isinstance(at, str | bool | int | float):
        return None if isinstance(at, float) and math.isnan(at) else at
    raise DataError(f"{where} holds a {_kind(at)} at '{path}'; expected a text or a number, which names a group")


def chosen(scores: Mapping[str, Any], metric: str | None, where: str) -> str:
    """The metric that is asked for; the only one where none is. DataError names those that there are."""
    if metric is None:
        if len(scores) == 1:
            return next(iter(scores))
        raise DataError(f"{where} has {len(scores)} metrics, {listing(scores)}: say which, as in metric='…'")
    if metric not in scores:
        raise DataError(f"{where} has no metric '{metric}'; its metrics are {choices(metric, [*scores])}")
    return metric


def lines_of(file: Any, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines of an open file, with their numbers from 1; DataError for one that is too long."""
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise DataError(f"{name}:{number} is longer than {LONGEST / 1e6:g} MB, which no sample is")
        yield number, line


def _kind(value: Any) -> str:
    kinds = {list: "list", dict: "object", str: "text", bool: "yes or no", int: "number", float: "number"}
    return kinds.get(type(value), "null")
