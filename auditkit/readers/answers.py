"""Answers of a language model as rows: which prompt, of which category, and whether the answer is right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from auditkit.errors import DataError, listing
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.options import checked_options
from auditkit.readers import harness_logs, inspect_logs
from auditkit.readers.logs import Sample, chosen, files_at, label_at
from auditkit.readers.reader import Reader, Reading
from auditkit.records import Task

_RIGHT, _EXPECTED, _PROMPT, _SAMPLE = "right answer", "answer expected", "prompt asked", "answer of"
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
"""Inspect's words for correct, incorrect, partial, and no answer."""


@dataclass(frozen=True, kw_only=True)
@checked_options
class Answers(Reader):
    """What a language model answered, as an evaluation logged it: each answer is a row, and right or not.

    Parameters
    ----------
    path
        A log, a folder of logs, or a pattern: `samples_*.jsonl` of lm-evaluation-harness (`--log_samples`), or `.json`
        and `.eval` logs of Inspect.
    category
        Where in a sample its groups stand, as dotted paths: `"doc.subject"` (harness), `"metadata.language"` (Inspect);
        `"task"` is the task of the log. Each is an attribute, called by the last part of its path.
    metric
        Which metric says whether an answer is right: `"acc"`, `"exact_match"`; of Inspect the name of a scorer, or
        `"scorer.part"`. None: the only one.
    at_least
        From which value on an answer is right; None: values are 0 and 1 (or C and I), and a partial one (P) is not
        right.
    filter
        Of the harness: which filter's reading of the answers, where there are several.
    cluster
        Where in a sample stands what answers have in common, as a template: `"doc.template"`. None: the prompt, so
        that several answers (epochs) to one prompt count as dependent.

    Answers that were not judged, because a sample failed, are counted, and enter no rate.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("answers",)
    PATHS: ClassVar[tuple[str, ...]] = ("path",)
    path: str
    category: Sequence[str]
    metric: str | None = None
    at_least: float | None = None
    filter: str | None = None
    cluster: str | None = None

    @property
    def _from(self) -> float:
        return 1.0 if self.at_least is None else self.at_least

    def read(self) -> Reading:
        """See `Reader`."""
        names = _names(self.category)
        own = {_RIGHT, _EXPECTED, _PROMPT, _SAMPLE}
        rows: dict[str, list[Any]] = {k: [] for k in (*own, *names, _VALUE)}
        seen: dict[str, str] = {}
        counts: Counter[str] = Counter()
        tasks: dict[str, None] = {}
        metric = self.metric
        for s in self._samples():
            key = f"{s.task}/{s.prompt}#{s.epoch}"
            if key in seen:
                raise DataError(
                    f"{s.where} is of '{s.prompt}' of the task '{s.task}' (epoch {s.epoch}), as is {seen[key]}: an "
                    "answer is one row. Name the logs of one run"
                )
            seen[key], tasks[s.task] = s.where, None
            value = float("nan")
            if s.scores:
                metric = chosen(s.scores, metric, s.where)
                value = self._value(s.scores[metric], metric, s.where, counts)
            rows[_VALUE].append(value)
            rows[_RIGHT].append(value if math.isnan(value) else float(value >= self._from))
            rows[_SAMPLE].append(key)
            shared = f"{s.task}/{s.prompt}" if self.cluster is None else label_at(s.content, self.cluster, s.where)
            if shared is None:
                raise DataError(f"{s.where} has nothing at '{self.cluster}': every answer needs a cluster")
            rows[_PROMPT].append(str(shared))
            for path, name in zip(self.category, names, strict=True):
                rows[name].append(label_at(s.content, path, s.where))
        if metric is None:
            raise DataError(f"no sample at '{self.path}' was judged: nothing is known of any answer")
        return self._reading(pd.DataFrame({**rows, _EXPECTED: 1}), names, metric, counts, list(tasks))

    def _samples(self) -> Iterator[Sample]:
        files = files_at(self.path, (harness_logs.SUFFIX, *inspect_logs.SUFFIXES))
        kinds = {p.suffix == harness_logs.SUFFIX for p in files}
        if len(kinds) > 1:
            raise DataError(f"'{self.path}' holds logs of lm-evaluation-harness and of Inspect: name those of one")
        if self.filter is not None and not kinds.pop():
            raise DataError("filter is of lm-evaluation-harness; logs of Inspect have none")
        for p in files:
            of_harness = p.suffix == harness_logs.SUFFIX
            yield from harness_logs.samples_of(p, self.filter) if of_harness else inspect_logs.samples_of(p)

    def _value(self, given: Any, metric: str, where: str, counts: Counter[str]) -> float:
        """A value as a number; DataError for what says neither right nor wrong."""
        if isinstance(given, str) and given in _LETTERS:
            counts[given] += 1
            return _LETTERS[given]
        if not isinstance(given, int | float):
            raise DataError(
                f"{where} has {str(given)[:60]!r} ({type(given).__name__}) as '{metric}'; expected a number, or C, I, "
                "P or N"
            )
        value = float(given)
        if self.at_least is None and not math.isnan(value) and value not in (0.0, 1.0):
            raise DataError(
                f"{where} has {value:g} as '{metric}', between wrong (0) and right (1): say from which value on an "
                "answer is right, as in at_least=0.5"
            )
        return value

    def _reading(
        self, rows: pd.DataFrame, names: Sequence[str], metric: str, counts: Counter[str], tasks: Sequence[str]
    ) -> Reading:
        rows = rows.rename(columns={_VALUE: metric}) if metric not in rows else rows.drop(columns=_VALUE)
        repeated = self.cluster is not None or bool(rows[_PROMPT].duplicated().any())
        data = Dataset(
            rows,
            y_true=_EXPECTED,
            positive=1,
            task=self.tasks[0],
            sensitive_features=list(names),
            cluster=_PROMPT if repeated else None,
            row_id=_SAMPLE,
        )
        data.cautions = (*data.cautions, *self._cautions(rows, metric))
        data.notes = (*data.notes, *self._notes(rows, counts))
        return Reading(Predictions(y_pred=_RIGHT, name=listing(tasks, most=3)), data)

    def _cautions(self, rows: pd.DataFrame, metric: str) -> Iterator[str]:
        """Who judges, and what was left out."""
        from_ = "" if self.at_least is None else f" from {self.at_least:g} on"
        yield f"An answer is right where '{metric}' says so{from_}; whether '{metric}' judges rightly is not audited."
        lost = int(rows[_RIGHT].isna().sum())
        if lost:
            yield f"{lost:,} of {len(rows):,} samples failed, or were not judged: they enter no rate."

    def _notes(self, rows: pd.DataFrame, counts: Counter[str]) -> Iterator[str]:
        """What counts as what."""
        prompts = int(rows[_SAMPLE].str.rsplit("#", n=1).str[0].nunique())
        if prompts < len(rows):
            yield f"{len(rows):,} answers to {prompts:,} prompts are counted: those to one prompt are dependent."
        if counts["P"] and self._from > _LETTERS["P"]:
            yield f"{counts['P']:,} answers are partially right (P), and count as not right; at_least=0.5 counts them."
        if counts["N"]:
            yield f"{counts['N']:,} samples have no answer (N), and count as not right."


_VALUE = "value of the metric"


def _names(paths: Sequence[str]) -> list[str]:
    """What attributes are called: the last part of each path, or the whole where two end alike."""
    if not paths:
        raise DataError("category says whom or what answers are about: category='doc.subject', or 'task'")
    last = [p.rsplit(".", 1)[-1] for p in paths]
    names = [p if last.count(x) > 1 else x for p, x in zip(paths, last, strict=True)]
    taken = {_RIGHT, _EXPECTED, _PROMPT, _SAMPLE, _VALUE} & set(names)
    if taken:
        raise DataError(f"{listing(sorted(taken))} is a name kept for rows of answers")
    return names
