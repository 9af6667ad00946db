"""The story of an audit. One rule carries it: **evidence adds; findings are pure.**

    data and model → observe (evidence, which adds) → conclude (findings, pure) → judge (verdicts) → Report

`observe` makes one pass over the rows. What it returns may be added to what was observed elsewhere: on other parts, on
other machines, at other sites. `conclude` turns the sum into findings, and never needs the rows again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.accidents import OnError, absent_if_broken, chosen, fit_for_a_report
from auditkit.assertions import asserted
from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.of_class import worded
from auditkit.check import Check, RowsCheck, SampleCheck
from auditkit.checks import asked_for, check_of, default_checks, is_judged, told_apart, with_changes
from auditkit.clock import now
from auditkit.completing import completed
from auditkit.deciding import by_label, comparable, of_one_task, wrapped
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError, PolicyError, foreign, listing
from auditkit.evidence.observed import Evidence, Observed
from auditkit.evidence.suppression import recoded_batch
from auditkit.formatting import utf8
from auditkit.gate.policy import Policy
from auditkit.gate.required import of_columns
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.pictures import hold
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.threads import by_work
from auditkit.judging import as_policy, explored, judge, with_remedies
from auditkit.lacking import columns_read, lacking, refuse_lacking, told_of, without_truths
from auditkit.observing import heavy_rows, one_pass
from auditkit.progress import tell
from auditkit.progress_bar import Asked, shown
from auditkit.provenance import provenance_of, weighting_of
from auditkit.readers.reader import Reader, as_rows
from auditkit.records import Context, Finding, NotMeasured, Report, SignOff, StoredEvidence, Words
from auditkit.timings import spent

if TYPE_CHECKING:
    from auditkit.inputs.model import Model


def audit(
    model: Model | Predictions | Reader | None,
    data: Dataset | None = None,
    *,
    against: Model | Predictions | Reader | None = None,
    checks: Sequence[Check | str] | None = None,
    policy: Policy | dict[str, Any] | str | Path | None = None,
    sample: int = 2_000,
    seed: int = 0,
    include_examples: int = 0,
    on_error: OnError | None = None,
    disclosure: Disclosure | None = None,
    progress: Asked = None,
    name: str = "",
    words: Words | None = None,
    context: Context | None = None,
    sign_off: SignOff | None = None,
    command: str = "",
) -> Report:
    """Audit a model on data, and judge it by a policy.

    Parameters
    ----------
    model, data
        A `Model` (or `Predictions`, whose outputs are columns of the data already; or None, where rows have numbers
        that are measured and nothing is predicted: `ak.audit(None, data, checks=[ak.Measured("latency")])`) and a
        `Dataset`. A reader, such as `Verification`, is both.
    against
        An older `Model`, or `Predictions`, of the same rows: what changed for whom becomes part of the report
        (`ak.Change`), and rules may ask of it. Beside a reader, another of the same rows. None: nothing is compared.
    checks
        What to ask, as `[ak.GroupFairness(), ak.Subgroups()]`, or by names, as `["subgroups"]`; None:
        those of the task (and `ak.WordAttribution` of texts, `ak.MissedObjects` where a detector's net was given). Of
        several labels each is asked everything.
    policy
        A `Policy`, a dict, the path of a TOML file, or the name of a preset; None: findings without verdicts.
    sample
        Distinct rows, at most, for the checks that do not see all rows; of no more, all are seen, with their copies.
    seed
        Of the sample; kept in the report.
    include_examples
        So many wrong decisions of each kind and group, with values of their rows; 0: no row is in the report.
    on_error
        What an accident inside a check costs: `"not_measured"` (also None, unless the environment's AUDITKIT_ON_ERROR
        says otherwise) that check, which the report names; `"raise"` the audit.
    disclosure
        How much of the rows stays in the report; None: sums of everybody, nothing of single rows.
        `Disclosure(profile="public")`: small groups are recoded, and no evidence is kept.
    progress
        Called with (what, done, total). None: a bar on stderr where that is a terminal, with an estimate for work of
        more than 30 s; nothing into pipes, files and notebooks. False: nothing.
    name, words, command
        What the report is called, its display words, and the command that makes it again.
    context, sign_off
        What the model is for and what its decisions mean, and who decides on the report; None: as the policy's file
        says. Where both say something, what is given here is kept.

    Raises DataError, ModelError or PolicyError, each saying what was expected.
    """
    model = Predictions([], name="rows") if model is None else model
    now()  # a date that is none is a mistake to be told before the work
    model, data, against = as_rows(model, data, against)
    wrapped(model, data)
    comparable(model, against, data)
    rules = None if policy is None else as_policy(policy)
    asked = asked_for(checks) if checks is not None else asked_of(model, data)
    if include_examples:
        asked = (*(c for c in asked if c.name != "examples"), check_of("examples", {"n": include_examples}))
    if against is not None:
        asked = with_changes(asked, data.task)
    told_apart(asked)
    if checks is not None:
        refuse_lacking(asked, model, data)
    if disclosure is not None:
        disclosure.agrees(rows_shown=include_examples > 0 or any(getattr(c, "SHOWS_ROWS", False) for c in asked))
    given = disclosure or Disclosure()
    drawn: Any = {"checks": asked, "sample": sample, "seed": seed, "on_error": chosen(on_error)}
    level = 0.95 if rules is None else rules.confidence
    with shown(progress), foreign("code that was called"):
        of_one_task(model, data)
        parts = dict(by_label(model, data, against)) if data.kind.by_label else {"": (model, data, against)}
        with spent("read"):
            seen = one_pass(list(parts.values()), **drawn)
        seen = heavy_rows(list(parts.values()), seen, sample=sample, seed=seed)
        reports = {
            label: conclude(one, *part[:2], against=part[2], level=level, disclosure=given, **drawn)
            for one, (label, part) in zip(seen, parts.items(), strict=True)
        }
        report = asserted(_joined(reports, data)) if data.kind.by_label else reports[""]
    report = report.model_copy(
        update={
            "name": utf8(name or model.name),
            "words": words or (rules.words if rules else Words()),
            "provenance": report.provenance.model_copy(update={"command": utf8(command)}),
        }
    )
    with spent("judge"):
        judged = with_remedies(report) if rules is None else of_columns(judge(report, rules), data.source.schema)
        said = {"context": context or judged.context, "sign_off": sign_off or judged.sign_off}
        return explored(_disclosed(judged.model_copy(update=said), given))


def asked_of(model: Model | Predictions, data: Dataset) -> tuple[Check, ...]:
    """The checks of an audit that names none: those of the task, and where a net reads texts those of its words; of
    several classes somebody has to say which. Of objects in pictures that a net was given for, what it sees of them."""
    usual = default_checks(data.task, data.lists)
    if getattr(data, "seeing", None) is not None:
        return (*usual, check_of("missed_objects"))
    if isinstance(model, Predictions) or model.kind.several:
        return usual
    from auditkit.inputs.texts import tokens_in

    return usual if tokens_in(model.feature_map_given) is None else (*usual, check_of("word_attribution"))


def _disclosed(report: Report, disclosure: Disclosure) -> Report:
    """The report, which says what it holds; a public one holds no evidence."""
    if disclosure == Disclosure():
        return report
    kept = {} if disclosure.profile == "public" else report.evidence
    return report.model_copy(update={"disclosure": disclosure, "evidence": kept})


def _joined(parts: Mapping[str, Report], data: Dataset) -> Report:
    """The audits of several labels as one; each finding, absence and piece of evidence says whose it is."""
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
    cautions = tuple(dict.fromkeys(c for p in parts.values() for c in p.provenance.cautions))
    notes = tuple(dict.fromkeys(c for p in parts.values() for c in p.provenance.notes))
    return first.model_copy(
        update={
            "provenance": first.provenance.model_copy(update={"data": source, "cautions": cautions, "notes": notes}),
            "findings": tuple(
                worded(f, METRICS.get(f.metric), label, several_labels=True)
                for label, p in parts.items()
                for f in p.findings
            ),
            "not_measured": tuple(
                n.model_copy(update={"what": f"{n.what} [{label}]"})
                for label, p in parts.items()
                for n in p.not_measured
            ),
            "evidence": {f"{k}[{label}]": e for label, p in parts.items() for k, e in p.evidence.items()},
        }
    )


@shown()
def observe(
    model: Model | Predictions | Reader,
    data: Dataset | None = None,
    *,
    against: Model | Predictions | Reader | None = None,
    checks: Sequence[Check],
    sample: int = 2_000,
    seed: int = 0,
    on_error: OnError | None = None,
) -> Observed:
    """One pass over the rows: decide (an older model, `against`, too), count, and keep the rows of lowest hash."""
    model, data, against = as_rows(model, data, against)
    of_one_task(model, data)
    if data.kind.by_label:
        raise DataError("rows of several labels are observed one label at a time: data.of_label(…), model.of_output(…)")
    (seen,) = one_pass([(model, data, against)], checks=checks, sample=sample, seed=seed, on_error=chosen(on_error))
    return seen


@shown()
def conclude(
    observed: Observed,
    model: Model | Predictions | Reader,
    data: Dataset | None = None,
    *,
    against: Model | Predictions | Reader | None = None,
    checks: Sequence[Check],
    sample: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
    on_error: OnError | None = None,
    disclosure: Disclosure | None = None,
) -> Report:
    """Ask the sample checks their questions, then turn all evidence into findings."""
    observed.outputs.judged()
    model, data, against = as_rows(model, data, against)
    net = None if isinstance(model, Predictions) else model
    told = observed.groups.told(disclosure or Disclosure())
    drawn = None if observed.sample is None or net is None else observed.sample.recoded(told).draw(sample)
    findings: list[Finding] = []
    not_measured: list[NotMeasured] = []
    stored: dict[str, StoredEvidence] = {}
    on_error = chosen(on_error)
    broken = dict(observed.broken)
    weighting = weighting_of(data)
    features = None if drawn is None else drawn.features
    if features is not None:
        hold(features)
    for i, check in enumerate(checks):
        tell(check.name, i, len(checks))
        if data.task not in check.tasks:
            why = f"{type(check).__name__} is for {listing(check.tasks)}; this audit is {data.task}"
            not_measured.append(NotMeasured(what=check.name, why=why))
            continue
        if why := lacking(check, model, data):
            not_measured.append(NotMeasured(what=check.name, why=why))
            continue
        if isinstance(check, SampleCheck) and net is None:
            not_measured.append(NotMeasured(what=check.name, why="predictions only"))
            continue
        with absent_if_broken(check, broken, on_error), by_work(net, features), spent(f"assess {check.name}"):
            if check.name in broken:
                continue
            check = told_of(check, data)
            evidence = _evidence(check, observed, net, drawn, told, size=sample).reduced(told)
            assessment = check.assess(evidence, level=level)
            kept = StoredEvidence(
                type=type(evidence).__name__,
                options=check.options(),
                data=evidence.to_json(),
                judged=is_judged(check.name),
            )
            fit_for_a_report(assessment, kept)
            _answered_once(assessment.findings, findings, check)
            copies = _of_copies(check, observed, drawn)
            kept_findings, untold = without_truths(assessment.findings, bool(data.labels))
            findings += completed(kept_findings, check, weighting, [copies] if copies else [])
            not_measured += [*assessment.not_measured, *untold]
            stored[check.name] = kept
    not_measured += [broken[c.name] for c in checks if c.name in broken]
    tell("done", len(checks), len(checks))
    report = Report(
        provenance=provenance_of(
            observed,
            model,
            data,
            seed=seed,
            sample=0 if drawn is None else len(drawn.y_true),
            against=against,
            reads=[c for check in checks if check.name not in broken for c in columns_read(told_of(check, data))],
        ),
        findings=tuple(findings),
        not_measured=tuple(not_measured),
        evidence=stored,
    )
    return asserted(report)


def _evidence(
    check: Check, observed: Observed, net: Model | None, drawn: Batch | None, told: GroupDisclosure, *, size: int
) -> Evidence:
    """What was seen of all rows, or is seen now of the sample."""
    if isinstance(check, RowsCheck):
        assert observed.sample is not None, "observe was given the same checks"
        return check.study(recoded_batch(observed.sample.simple(size), told), net)
    if isinstance(check, SampleCheck):
        assert net is not None, "without a net it is not measured"
        assert drawn is not None, "a net's rows are sampled"
        return check.examine(net, drawn)
    return observed.evidence[check.name]


def _answered_once(new: Sequence[Finding], known: Sequence[Finding], check: Check) -> None:
    twice = {f.id for f in new} & {f.id for f in known}
    if twice:
        raise PolicyError(f"two checks answer '{min(twice)}', the later is {check.name}: ask one of them")


def _of_copies(check: Check, observed: Observed, drawn: Batch | None) -> str:
    """What the check saw of the rows of the data, where they are copies of fewer; else nothing."""
    if isinstance(check, RowsCheck) and observed.sample is not None and (observed.sample.copies > 1).any():
        return f"rows drawn at random from {observed.rows.rows:,}, among them copies"
    if not isinstance(check, SampleCheck) or drawn is None or drawn.copies is None:
        return ""
    rows, distinct, copies = observed.rows.rows, len(drawn.copies), int(drawn.copies.sum())
    if copies == rows:
        return f"all {rows:,} rows of the data, which are {distinct:,} distinct ones: exact over the data"
    return f"{distinct:,} distinct rows drawn, with their copies {copies:,} of {rows:,}; copies are no further draws"
