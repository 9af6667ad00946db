"""The story of an audit. One rule carries it: **evidence adds; findings are pure.**

    data and model → observe (evidence, which adds) → conclude (findings, pure) → judge (verdicts) → Report

`observe` makes one pass over the rows. What it returns may be added to what was observed elsewhere: on other parts, on
other machines, at other sites. `conclude` turns the sum into findings, and never needs the rows again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auditkit.check import (
    Batch,
    Check,
    DeclaredCheck,
    Evidence,
    FittedCheck,
    RowsCheck,
    SampleCheck,
    StreamCheck,
    missing,
    tasks_of,
)
from auditkit.checks import check_of, default_checks
from auditkit.errors import DataError, ModelError, PolicyError, listing
from auditkit.evidence.clusters import cluster_hashes
from auditkit.evidence.sample import RowHash, Sample, row_keys, shuffled
from auditkit.explain.preflight import preflight
from auditkit.fairness.labels import labelled
from auditkit.gate.policy import Policy
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.model import Model
from auditkit.inputs.predictions import Predictions
from auditkit.judging import as_policy, judge
from auditkit.progress import Progress, tell, told_to
from auditkit.provenance import provenance_of
from auditkit.records import Finding, NotMeasured, Report, StoredEvidence, Words


def audit(
    model: Model | Predictions,
    data: Dataset,
    *,
    checks: Sequence[Check] | None = None,
    policy: Policy | dict[str, Any] | str | Path | None = None,
    sample: int = 2_000,
    seed: int = 0,
    include_examples: int = 0,
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
        What to ask, as `[ak.GroupFairness(), ak.Subgroups()]`; None: `auditkit.checks.DEFAULT`. Of several
        labels each is asked everything.
    policy
        A `Policy`, a dict, the path of a TOML file, or the name of a preset; None: findings without verdicts.
    sample
        Rows, at most, for the checks that do not see all rows.
    seed
        Of the sample; kept in the report.
    include_examples
        So many wrong decisions of each kind and group, with values of their rows; 0: no row is in the report.
    progress
        Called with (what, done, total).
    name, words, command
        What the report is called, its display words, and the command that makes it again.

    Raises DataError, ModelError or PolicyError, each saying what was expected.
    """
    rules = None if policy is None else as_policy(policy)
    asked = tuple(checks) if checks is not None else default_checks(data.task)
    if include_examples:
        asked = (*(c for c in asked if c.name != "examples"), check_of("examples", {"n": include_examples}))
    _told_apart(asked)
    level = 0.95 if rules is None else rules.confidence
    done = _labels if data.task == "multilabel" else _audited
    with told_to(progress):
        report = done(model, data, checks=asked, sample=sample, seed=seed, level=level)
    report = report.model_copy(
        update={"name": name or model.name, "words": words or (rules.words if rules else Words())}
    )
    report = report.model_copy(update={"provenance": report.provenance.model_copy(update={"command": command})})
    return report if rules is None else judge(report, rules)


def _audited(
    model: Model | Predictions,
    data: Dataset,
    *,
    checks: Sequence[Check],
    sample: int,
    seed: int,
    level: float,
) -> Report:
    observed = observe(model, data, checks=checks, sample=sample, seed=seed)
    return conclude(observed, model, data, checks=checks, sample=sample, seed=seed, level=level)


def _labels(model: Model | Predictions, data: Dataset, **options: Any) -> Report:
    """One binary audit a label; each finding, absence and piece of evidence says whose it is."""
    _of_one_task(model, data)
    parts: dict[str, Report] = {}
    for i, label in enumerate(data.labels):
        own = model.of_output(i) if isinstance(model, Model) else model.of_label(i, len(data.labels))
        if isinstance(model, Model):
            _as_many(model, data)
        others = model.columns if isinstance(model, Predictions) else ()
        parts[label] = _audited(own, data.of_label(label, without=others), **options)
    first = next(iter(parts.values()))
    lost = [p.provenance.data for p in parts.values()]
    digest = hashlib.sha256("".join(d.sha256 for d in lost).encode()).hexdigest()
    source = first.provenance.data.model_copy(
        update={
            "y_true": data.y_true,
            "task": data.task,
            "positive": "",
            "classes": data.labels,
            "sha256": digest,
            "missing_target": sum(d.missing_target for d in lost),
            "missing_prediction": sum(d.missing_prediction for d in lost),
        }
    )
    return first.model_copy(
        update={
            "provenance": first.provenance.model_copy(update={"data": source}),
            "findings": tuple(labelled(f, label) for label, p in parts.items() for f in p.findings),
            "not_measured": tuple(
                n.model_copy(update={"what": f"{n.what} [{label}]"})
                for label, p in parts.items()
                for n in p.not_measured
            ),
            "evidence": {f"{k}[{label}]": e for label, p in parts.items() for k, e in p.evidence.items()},
        }
    )


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
) -> Observed:
    """One pass over the rows: decide, count, and keep the rows of lowest hash."""
    _of_one_task(model, data)
    if data.task == "multilabel":
        raise DataError("rows of several labels are observed one label at a time: data.of_label(…), model.of_output(…)")
    known = [c for c in checks if data.task in tasks_of(c)]
    sampled = isinstance(model, Model) or any(isinstance(c, RowsCheck) for c in known)
    streams = [_fitted(c, model, data) for c in known if isinstance(c, StreamCheck)]
    total: Observed | None = None
    for batch in _decided(model, data):
        keys = row_keys(_content(batch, model))
        whole = keys if isinstance(model, Model) else row_keys(batch)
        batch = replace(batch, key=whole if batch.cluster is None else cluster_hashes(batch.cluster))
        part = Observed(
            RowHash.of(keys),
            int(missing(batch.y_true).sum()),
            int((missing(batch.y_pred) & ~missing(batch.y_true)).sum()),
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
) -> Report:
    """Ask the sample checks their questions, then turn all evidence into findings."""
    net = model if isinstance(model, Model) else None
    drawn = None if observed.sample is None or net is None else observed.sample.draw(sample)
    findings: list[Finding] = []
    not_measured: list[NotMeasured] = []
    stored: dict[str, StoredEvidence] = {}
    for i, check in enumerate(checks):
        tell(check.name, i, len(checks))
        check = check.declared(data) if isinstance(check, DeclaredCheck) else check
        if data.task not in tasks_of(check):
            why = f"{type(check).__name__} is for {listing(tasks_of(check))}; this audit is {data.task}"
            not_measured.append(NotMeasured(what=check.name, why=why))
            continue
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
    tell("done", len(checks), len(checks))
    return Report(
        provenance=provenance_of(observed, model, data, seed=seed, sample=0 if drawn is None else len(drawn.y_true)),
        findings=tuple(findings),
        not_measured=tuple(not_measured),
        evidence=stored,
    )


def _decided(model: Model | Predictions, data: Dataset) -> Iterator[Batch]:
    """The batches of the data, with decisions and scores."""
    done = 0
    if isinstance(model, Predictions):
        decisions, scores = model.outputs(data)
        for batch in data.batches(without=model.columns):
            rows = slice(done, done := done + len(batch.y_true))
            yield replace(batch, y_pred=decisions[rows], score=None if scores is None else scores[rows])
            tell("rows", done, len(data))
        return
    for batch in data.batches():
        if not done:
            preflight(model, batch.features)
        score = model.predict(batch.features)
        yield _decisions(model, data, batch, score)
        done += len(score)
        tell("rows", done, len(data))


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


def _decisions(model: Model, data: Dataset, batch: Batch, score: Any) -> Batch:
    match model.task:
        case "multiclass":
            if score.shape[1] != len(data.classes):
                raise ModelError(
                    f"the model gives {score.shape[1]} outputs a row; the target has {len(data.classes)} classes "
                    f"({listing(data.classes)}): name all in the order of the outputs, Dataset(classes=…)"
                )
            return replace(batch, y_pred=score.argmax(axis=1).astype(np.int16), score=score)
        case "regression":
            return replace(batch, y_pred=score)
    return replace(batch, y_pred=(score >= model.threshold).astype(np.int8), score=score)


def _of_one_task(model: Model | Predictions, data: Dataset) -> None:
    if isinstance(model, Model) and model.task != data.task:
        raise ModelError(
            f"the model's task is {model.task}, that of the data is {data.task}: give Model and Dataset the same task="
        )


def _as_many(model: Model, data: Dataset) -> None:
    """ModelError unless the net has an output for each label."""
    outputs = model.predict(next(data.batches(2)).features.head(2)).shape[1]
    if outputs != len(data.labels):
        raise ModelError(f"the model gives {outputs} outputs a row; the target has {len(data.labels)} labels")


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
    nothing = np.full_like(batch.y_pred, np.nan if batch.y_pred.dtype.kind == "f" else -1)
    return replace(batch, y_pred=nothing, score=None)


def _told_apart(checks: Sequence[Check]) -> None:
    names = [c.name for c in checks]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PolicyError(f"two checks have the name '{twice[0]}': their evidence would be one; ask one of them")
