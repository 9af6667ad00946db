"""Samples of lm-evaluation-harness: `samples_TASK_DATE.jsonl`, one line an answer of one document and one filter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditkit.errors import DataError, choices, listing
from auditkit.files import opened, read
from auditkit.readers.logs import LARGEST, Sample, lines_of, needed, parsed

SUFFIX = ".jsonl"
_NAME = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT[^_]*))?")
_BESIDE = frozenset({
    *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
    *("doc_hash", "prompt_hash", "target_hash", "task_name", "fewshot_seed"),
})  # fmt: skip
"""Keys of a line that are no metrics."""


def samples_of(path: Path, only: str | None) -> Iterator[Sample]:
    """The answers of one file, through the filter `only`.

    DataError for what is no such file, for one cut short, for several filters of which none is named, and for a
    document that is answered twice. Where the run's `results_DATE.json` lies beside, the number of documents is held
    to what it says.
    """
    found = _NAME.fullmatch(path.name.removesuffix(SUFFIX))
    task = found["task"] if found else path.name.removesuffix(SUFFIX)
    known: set[str] = set()
    filters: set[str] = set()
    with opened(path, DataError, expected="a file of samples") as file:
        for number, line in lines_of(file, path.name):
            where = f"{path.name}:{number}"
            cut = "" if line.endswith(b"\n") else _cut(len(known))
            content = parsed(line, where, cut=cut)
            doc = needed(content, "doc_id", where)
            needed(content, "doc", where)
            through = content.get("filter", "none")
            filters.add(str(through))
            if only is not None and through != only:
                continue
            if len(filters) > 1 and only is None:
                raise DataError(
                    f"{where} holds what the filter '{through}' read of an answer, and lines before it what another "
                    f"did ({listing(sorted(filters - {str(through)}))}): say which, as in filter='{through}'"
                )
            if str(doc) in known:
                raise DataError(f"{where} is of doc_id {doc}, which stands in the file already: a document is one row")
            known.add(str(doc))
            told = {"task": task, **content}
            yield Sample(task, str(doc), 1, told, _scores(content, where), where)
    if only is not None and filters and only not in filters:
        raise DataError(f"{path.name} has no filter '{only}'; its filters are {choices(only, sorted(filters))}")
    _complete(path, task, found["date"] if found else None, len(known))


def _cut(complete: int) -> str:
    return (
        f": the file ends within this line, so that it was cut short, after {complete:,} whole samples. Of the rest "
        "nothing is known; copy the file again, or run the harness to its end"
    )


def _scores(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Metric → value: those that the line names, or, in older files, every number that is nothing else."""
    named = content.get("metrics")
    if named is None:
        return {k: v for k, v in content.items() if k not in _BESIDE and isinstance(v, int | float)}
    if not isinstance(named, list) or not all(isinstance(m, str) for m in named):
        raise DataError(f"{where} has no list of names at 'metrics'")
    return {m: needed(content, m, where) for m in named}


def _complete(path: Path, task: str, date: str | None, documents: int) -> None:
    """DataError where the run says that it asked more documents than the file holds."""
    beside = path.with_name(f"results_{date}.json")
    if date is None or not beside.is_file():
        return
    results = parsed(read(beside, DataError, most=LARGEST, expected="the results of a run"), beside.name)
    counted: Any = results.get("n-samples")
    of_task = counted.get(task) if isinstance(counted, dict) else None
    asked = of_task.get("effective") if isinstance(of_task, dict) else None
    if isinstance(asked, int) and not isinstance(asked, bool) and asked != documents:
        raise DataError(
            f"{path.name} holds {documents:,} documents, and {beside.name} says that {asked:,} were asked: the file "
            "is cut short, or of another run"
        )
