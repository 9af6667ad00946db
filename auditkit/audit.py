"""The story of an audit. One rule carries it: **evidence adds; findings are pure.**

    data and model → observe (evidence, which adds) → conclude (findings, pure) → judge (verdicts) → Report

`observe` makes one pass over the rows. What it returns may be added to what was observed elsewhere: on other parts, on
other machines, at other sites. `conclude` turns the sum into findings, and never needs the rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auditkit.check import Batch, Check, Evidence, FittedCheck, RowsCheck, SampleCheck, StreamCheck
from auditkit.checks import default_checks
from auditkit.errors import PolicyError
from auditkit.evidence.clusters import cluster_hashes
from auditkit.evidence.sample import RowHash, Sample, row_keys, shuffled
from auditkit.explain.preflight import preflight
from auditkit.gate.policy import Policy
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.model import Model
from auditkit.inputs.predictions import Predictions
from auditkit.judging import as_policy, judge
from auditkit.provenance import provenance_of
from auditkit.records import Finding, NotMeasured, Report, StoredEvidence, Words

Progress = Callable[[str, int, int], None]
"""Told (what, done, total) as the audit goes on."""


def audit(
    model: Model | Predictions,
    data: Dataset,
    *,
    checks: Sequence[Check] | None = None,
    policy: Policy | dict[str, Any] | str | Path | None = None,
    sample: int = 2_000,
    seed: int = 0,
    progress: Progress | None = None,
    name: str = "",
    words: Words | None = None,
    command: str = "",
) -> Report:
    """Audit a model on data, and judge it by a policy.

    Parameters
    ----------
    model, data
        A `Model` (or `Predictions`, whose outputs are columns of the data already) and a `Dataset`.
    checks
        What to ask, as `[ak.GroupFairness(), ak.Subgroups()]`; None: `auditkit.checks.DEFAULT`.
    policy
        A `Policy`, a dict, the path of a TOML file, or the name of a preset; None: findings without verdicts.
    sample
        Rows, at most, for the checks that do not see all rows.
    seed
        Of the sample; kept in the report.
    progress
        Called with (what, done, total).
    name, words, command
        What the report is called, its display words, and the command that makes it again.

    Raises DataError, ModelError or PolicyError, each saying what was expected.
    """
    rules = None if policy is None else as_policy(policy)
    asked = tuple(checks) if checks is not None else default_checks()
    _told_apart(asked)
    observed = observe(model, data, checks=asked, sample=sample, seed=seed, progress=progress)
    level = 0.95 if rules is None else rules.confidence
    report = conclude(
        observed, model, data, checks=asked, sample=sample, seed=seed, level=level, progress=progress
    ).model_copy(update={"name": name or model.name, "words": words or (rules.words if rules else Words())})
    report = report.model_copy(update={"provenance": report.provenance.model_copy(update={"command": command})})
    return report if rules is None else judge(report, rules)


@dataclass(frozen=True)
class Observed:
    """Everything that was seen of some rows; two of these add."""

    rows: RowHash
    """How many rows, and their order-free fingerprint."""
    missing_target: int
    missing_prediction: int
    evidence: dict[str, Evidence]
    """Stream check → its evidence."""
    sample: Sample | None
    """Rows of lowest hash, for the checks that do not see all; None where no check asks for them."""

    def __add__(self, other: Observed) -> Observed:
        return Observed(
            self.rows + other.rows,
            self.missing_target + other.missing_target,
            self.missing_prediction + other.missing_prediction,
            {k: v + other.evidence[k] for k, v in self.evidence.items()},
            self.sample if self.sample is None or other.sample is None else self.sample + other.sample,
        )


def observe(
    model: Model | Predictions,
    data: Dataset,
    *,
    checks: Sequence[Check],
    sample: int = 2_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Observed:
    """One pass over the rows: decide, count, and keep the rows of lowest hash."""
    sampled = isinstance(model, Model) or any(isinstance(c, RowsCheck) for c in checks)
    streams = [_fitted(c, model, data) for c in checks if isinstance(c, StreamCheck)]
    total: Observed | None = None
    for batch in _decided(model, data, progress):
        keys = row_keys(_content(batch, model))
        whole = keys if isinstance(model, Model) else row_keys(batch)
        batch = replace(batch, key=whole if batch.cluster is None else cluster_hashes(batch.cluster))
        part = Observed(
            RowHash.of(keys),
            int((batch.y_true < 0).sum()),
            int(((batch.y_pred < 0) & (batch.y_true >= 0)).sum()),
            {c.name: c.gather(batch) for c in streams},
            Sample.of(batch, shuffled(whole, seed), k=sample) if sampled else None,
        )
        total = part if total is None else total + part
    assert total is not None, "a Dataset has rows"
    return total


def conclude(
    observed: Observed,
    model: Model | Predictions,
    data: Dataset,
    *,
    checks: Sequence[Check],
    sample: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress | None = None,
) -> Report:
    """Ask the sample checks their questions, then turn all evidence into findings."""
    net = model if isinstance(model, Model) else None
    drawn = None if observed.sample is None or net is None else observed.sample.draw(sample)
    findings: list[Finding] = []
    not_measured: list[NotMeasured] = []
    stored: dict[str, StoredEvidence] = {}
    for i, check in enumerate(checks):
        _tell(progress, check.name, i, len(checks))
        evidence: Any = observed.evidence.get(check.name)
        if isinstance(check, RowsCheck):
            assert observed.sample is not None, "observe was given the same checks"
            evidence = check.study(observed.sample.simple(sample), net)
        elif isinstance(check, SampleCheck):
            if drawn is None or net is None:
                not_measured.append(NotMeasured(what=check.name, why="predictions only"))
                continue
            evidence = check.examine(net, drawn)
        assessment = check.assess(evidence, level=level)
        findings += _noted(assessment.findings, check, data)
        not_measured += assessment.not_measured
        stored[check.name] = StoredEvidence(
            type=type(evidence).__name__, options=check.options(), data=evidence.to_json()
        )
    _tell(progress, "done", len(checks), len(checks))
    return Report(
        provenance=provenance_of(observed, model, data, seed=seed, sample=0 if drawn is None else len(drawn.y_true)),
        findings=tuple(findings),
        not_measured=tuple(not_measured),
        evidence=stored,
    )


def _decided(model: Model | Predictions, data: Dataset, progress: Progress | None) -> Iterator[Batch]:
    """The batches of the data, with decisions and scores."""
    done = 0
    if isinstance(model, Predictions):
        decisions, scores = model.outputs(data)
        for batch in data.batches(without=model.columns):
            rows = slice(done, done := done + len(batch.y_true))
            yield replace(batch, y_pred=decisions[rows], score=None if scores is None else scores[rows])
            _tell(progress, "rows", done, len(data))
        return
    for batch in data.batches():
        if not done:
            preflight(model, batch.features)
        score = model.predict(batch.features)
        yield replace(batch, y_pred=(score >= model.threshold).astype(np.int8), score=score)
        done += len(score)
        _tell(progress, "rows", done, len(data))


def _noted(findings: Sequence[Finding], check: Check, data: Dataset) -> list[Finding]:
    """The findings, with a note on each where rows are weighted or dependent and the check does not look at that."""
    notes = []
    if data.weights is not None:
        notes.append(f"weights not used: every row counts once, whatever its '{data.weights}'")
    if data.cluster is not None:
        notes.append(
            f"clusters not used: rows of one '{data.cluster}' count as independent, and intervals can be too narrow"
        )
    if not notes or getattr(check, "uses_weights", False):
        return list(findings)
    return [f.model_copy(update={"notes": (*f.notes, *notes)}) for f in findings]


def _fitted(check: StreamCheck, model: Model | Predictions, data: Dataset) -> StreamCheck:
    """The check, having seen all rows once (before any decision) if it wants to."""
    if not isinstance(check, FittedCheck):
        return check
    without = model.columns if isinstance(model, Predictions) else ()
    return check.fit(next(data.batches(len(data), without=without)))


def _content(batch: Batch, model: Model | Predictions) -> Batch:
    """What identifies a row: everything that the audit uses and that does not come out of the net."""
    if isinstance(model, Predictions):
        return replace(batch, features=batch.features[[]])
    return replace(batch, y_pred=np.full(len(batch.y_pred), -1, dtype=np.int8), score=None)


def _told_apart(checks: Sequence[Check]) -> None:
    names = [c.name for c in checks]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PolicyError(f"two checks have the name '{twice[0]}': their evidence would be one; ask one of them")


def _tell(progress: Progress | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)
