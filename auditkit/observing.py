"""One pass over rows, whatever their number: each part is decided on, counted, and let go but for a sample."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from auditkit.accidents import OnError, absent_if_broken
from auditkit.arrays import Keys
from auditkit.batch import Batch, all_missing, missing
from auditkit.check import Check, FittedCheck, RowsCheck, StreamCheck
from auditkit.deciding import Decided, columns_of, decided
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.clusters import cluster_hashes
from auditkit.evidence.fingerprint import RowHash
from auditkit.evidence.observed import Evidence, Observed
from auditkit.evidence.sample import Sample, row_keys, shuffled
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.lacking import columns_read, lacking, told_of
from auditkit.progress import tell
from auditkit.records import NotMeasured
from auditkit.timings import spent

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

Asked: TypeAlias = "tuple[Model | Predictions, Dataset, Model | Predictions | None]"
"""What is audited together: a model, rows that it decides on, and an older model that it is compared with."""


def one_pass(
    asked: Sequence[Asked], *, checks: Sequence[Check], sample: int, seed: int, on_error: OnError
) -> list[Observed]:
    """What is seen of each in one pass over the rows, which are those of one source."""
    observers = [_Observer(*one, checks, sample, seed, on_error) for one in asked]
    rows, done = asked[0][1], 0
    for part in rows.parts():
        for observer, (model, data, against) in zip(observers, asked, strict=True):
            with spent("decide"):
                said = decided(model, data, part, first=not done, against=against)
            with spent("count rows, beside the checks"):
                observer.see(said)
        done += len(part)
        tell("rows", done, len(rows))
    return [observer.seen() for observer in observers]


def heavy_rows(asked: Sequence[Asked], seen: Sequence[Observed], *, sample: int, seed: int) -> list[Observed]:
    """The same, with the rows of many copies among those that are not kept, where these may rule what is drawn: the
    rows are then read once more, and what the model says is asked of those alone."""
    least = [None if one.sample is None else one.sample.heavy_from(sample) for one in seen]
    if not any(least):
        return list(seen)
    found: list[Sample | None] = [None] * len(seen)
    for part in asked[0][1].parts():
        for i, ((model, data, against), one) in enumerate(zip(asked, seen, strict=True)):
            if one.sample is None or not (asked_for := least[i]):
                continue
            net = not isinstance(model, Predictions)
            told = partial(decided, model, data, against=against)
            batch = data.batch(part, without=columns_of(against)) if net else told(part).batch
            keys = shuffled(row_keys(_content(batch, net=True) if net else batch), seed)
            where, own, copies = one.sample.may_be_heavy(batch, keys, asked_for)
            if len(where):
                some = Sample.of(told(part.iloc[where]).batch, own, k=sys.maxsize)
                some = replace(some, copies=copies)
                before = found[i]
                found[i] = some if before is None else before + some
    return [
        replace(one, sample=one.sample.with_heavy(heavy, copies)) if one.sample is not None and copies else one
        for one, heavy, copies in zip(seen, found, least, strict=True)
    ]


class _Observer:
    """Counts what the stream checks of one audit ask, and keeps the rows of lowest hash."""

    def __init__(
        self,
        model: Model | Predictions,
        data: Dataset,
        against: Model | Predictions | None,
        checks: Sequence[Check],
        sample: int,
        seed: int,
        on_error: OnError,
    ) -> None:
        self.broken: dict[str, NotMeasured] = {}
        known: list[Check] = []
        for check in (c for c in checks if data.task in c.tasks and not lacking(c, model, data)):
            with absent_if_broken(check, self.broken, on_error):
                known.append(told_of(check, data))
        self.net = not isinstance(model, Predictions)
        self.sampled = self.net or any(isinstance(c, RowsCheck) for c in known)
        self.sample, self.seed, self.on_error = sample, seed, on_error
        self.gathered: dict[str, Evidence] = {}
        self.total: Observed | None = None
        self.streams: list[StreamCheck] = []
        self.reads = list(dict.fromkeys(c for check in known for c in columns_read(check)))
        without = columns_of(model, against)
        for check in (c for c in known if isinstance(c, StreamCheck)):
            with absent_if_broken(check, self.broken, on_error):
                self.streams.append(
                    check.fit(data.sample(without=without)) if isinstance(check, FittedCheck) else check
                )

    def see(self, said: Decided) -> None:
        """Some more rows, with what the model says of them."""
        batch = said.batch
        content = row_keys(self._with_numbers(_content(batch, net=self.net), batch))
        whole = content if self.net and batch.row_id is None else row_keys(batch)
        if batch.row_id is not None:
            content = shuffled(content ^ batch.row_id, 0)  # the data are other data under other ids
        batch = replace(batch, key=whole if batch.cluster is None or batch.of_two else cluster_hashes(batch.cluster))
        for check in (c for c in self.streams if c.name not in self.broken):
            with absent_if_broken(check, self.broken, self.on_error), spent(f"gather {check.name}"):
                new, before = check.gather(batch), self.gathered.get(check.name)
                self.gathered[check.name] = new if before is None else before + new
        part = Observed(
            RowHash.of(content),
            int(missing(batch.y_true).sum()),
            int((missing(batch.y_pred) & ~missing(batch.y_true)).sum()),
            {},
            Sample.of(batch, shuffled(whole, self.seed), k=self.sample) if self.sampled else None,
            ClassTally.of_batch(batch),
            outputs=said.outputs,
            people=None if self.net else RowHash.of(_people(said.batch)),
        )
        self.total = part if self.total is None else self.total + part

    def _with_numbers(self, content: Batch, batch: Batch) -> Batch:
        """With the columns that checks read, which tell rows apart too."""
        more = {c: batch.numbers(c) for c in self.reads if c not in content.features}
        return replace(content, features=content.features.assign(**more)) if more else content

    def seen(self) -> Observed:
        """Everything that was seen."""
        assert self.total is not None, "a Dataset has rows"
        kept = {k: v for k, v in self.gathered.items() if k not in self.broken}
        return replace(self.total, evidence=kept, broken=self.broken)


def _people(batch: Batch) -> Keys:
    """Keys of people and their truths alone: whatever was decided of them, and however groups were held equal."""
    alone = replace(_content(batch, net=True), features=batch.features[[]], controls=None)
    return row_keys(alone) if batch.row_id is None else shuffled(row_keys(alone) ^ batch.row_id, 0)


def _content(batch: Batch, *, net: bool) -> Batch:
    """What identifies a row: everything that the audit uses and that does not come out of the net; its id apart."""
    batch = replace(batch, row_id=None)
    if not net:
        return replace(batch, features=batch.features[[]])
    return replace(batch, y_pred=all_missing(batch.y_pred), score=None)
