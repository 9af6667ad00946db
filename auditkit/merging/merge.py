"""`ak.merge`: audits of several sites, days or batches of rows become one, as if their rows had been audited together.

Evidence adds, so that nothing but reports is needed; what samples showed is added by the rows that they stand for. What
does not add (bins fitted to each part's own values, medians, what was fitted to one sample, or compares its rows) is
not measured, with its reason; reports that are no parts of one audit are refused, by all in which they differ.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from auditkit import stored
from auditkit.assertions import asserted, level_of
from auditkit.check import Check, FittedCheck, RowsCheck, SampleCheck
from auditkit.checks import is_judged, kind_of
from auditkit.clock import now
from auditkit.completing import completed
from auditkit.errors import EvidenceError, PolicyError, ReportError, listing
from auditkit.evidence.apart import added as added_apart
from auditkit.evidence_files import ENDING
from auditkit.fairness.groups.check import GroupFairness
from auditkit.fairness.groups.heterogeneity import GapHeterogeneity
from auditkit.fairness.sets import sets_of
from auditkit.gate.policy import Policy
from auditkit.judging import as_policy, explored, judge, with_remedies
from auditkit.lacking import without_truths
from auditkit.merging.alike import Part, refuse_unlike
from auditkit.reassessing import Key, check_asked, evidence_of, of_label, policy_of
from auditkit.records import (
    DataProvenance,
    Finding,
    MergedPart,
    NotMeasured,
    Provenance,
    Report,
    StoredEvidence,
    Waiver,
)

Given = Report | str | Path
_FITTED = (
    "each part has bins of its own, by its own values: let all parts use one file, made once by `auditkit fit "
    "auditkit.toml -o fitted.json` and given to `auditkit run --fitted fitted.json`"
)
_ROWS = "it compares rows of a sample with each other, and those of two parts were never together"
_OVERLAP = (
    "This report is merged of {n} parts, and no row was read again: a row that stands in two of them counts twice, and "
    "whether one does is not known."
)
_RARE = (
    "Evidence was reduced part by part: values and crossings that fewer than ten rows of a part have are told with "
    "others there, and score bins of the parts overlap, which every value that is read from them says."
)


def merge(
    *reports: Given | Mapping[str, Given],
    policy: Policy | dict[str, Any] | str | Path | None = None,
    site: str = "site",
    apart: bool = False,
    name: str = "",
) -> Report:
    """One report of all rows of several reports: of sites, days, or parts of a data set.

    Parameters
    ----------
    reports
        Reports, or paths of report.json, two at least; or one dict, name of a site → report: the site is then a
        sensitive feature, crossed with each of the others, and whether gaps differ between sites is a finding.
    policy
        By which the whole is judged; None: by that of the parts, if they were judged, which must be one.
    site
        What the attribute of the sites is called.
    apart
        Whether it is known that no cluster (a person, a hospital) and no stratum has rows in two parts. Hashes of
        clusters are not stored, so that reports cannot tell; unless somebody says so, checks that look at clusters are
        not measured.
    name
        What the report is called; "": as the first part.

    Raises ReportError for reports that are no parts of one audit, naming all in which they differ: model, task, target,
    attributes, options of checks, policy, words, disclosure, level, version; for public reports, which hold no
    evidence; and for one report that is given twice.

    >>> import auditkit as ak
    >>> def part(late):
    ...     rows = {"sex": ["f", "m"] * 50, "y": [1] * 100, "p": [1, 1] * late + [0, 1] * (50 - late)}
    ...     data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["sex"])
    ...     return ak.audit(ak.Predictions("p"), data, checks=["group_fairness"])
    >>> whole = ak.merge(part(20), part(30))
    >>> whole.provenance.data.rows, whole.finding("fairness/selection_rate/difference/sex").estimate.value
    (200, 0.5)
    """
    parts = _parts(reports)
    refuse_unlike(parts, policy_given=policy is not None)
    attribute = site if parts[0].site else ""
    _free(attribute, parts[0].report.provenance.data)
    report = _concluded(parts, attribute, apart=apart)
    if name:
        report = report.model_copy(update={"name": name})
    rules = _policy_of(parts) if policy is None else as_policy(policy)
    return with_remedies(report) if rules is None else explored(judge(report, rules))


def _parts(given: Sequence[Given | Mapping[str, Given]]) -> list[Part]:
    named: list[tuple[str, Given]] = []
    for one in given:
        if isinstance(one, Mapping):
            if len(given) > 1:
                raise PolicyError("sites are given as one dict, name → report, with nothing beside it")
            named = [(str(k), v) for k, v in one.items()]
        else:
            named.append(("", one))
    if len(named) < 2:
        raise ReportError(f"{len(named)} report: two are merged, at least")
    parts = []
    for i, (site, one) in enumerate(named):
        report = one if isinstance(one, Report) else Report.load(one)
        text = report.to_json().encode() if isinstance(one, Report) else stored.read(Path(one))
        told = f"'{site}'" if site else f"report {i + 1}" if isinstance(one, Report) else str(one)
        parts.append(Part(report, told, stored.digest(text), site))
    return parts


def _free(attribute: str, data: DataProvenance) -> None:
    if attribute and attribute in (*data.sensitive_features, data.y_true):
        raise PolicyError(f"the data have a column '{attribute}' already: call the attribute of the sites otherwise")


def _concluded(parts: Sequence[Part], attribute: str, *, apart: bool) -> Report:
    """The report of the sum of all evidence, without verdicts."""
    first = parts[0].report
    level, data = level_of(first), first.provenance.data
    findings: list[Finding] = []
    lost: list[NotMeasured] = []
    kept: dict[str, StoredEvidence] = {}
    keys = list(dict.fromkeys(k for p in parts for k in p.report.gathered))
    for key in keys:
        try:
            check, evidence = _summed(key, parts, attribute, apart=apart)
        except _NotAdded as e:
            lost.append(NotMeasured(what=_written(key), why=str(e)))
            continue
        asked = {key: check}
        if attribute and Key.of(key).check == GroupFairness.NAME:
            asked[key.replace(GroupFairness.NAME, GapHeterogeneity.NAME, 1)] = GapHeterogeneity(over=attribute)
        for name, check in asked.items():
            kept[name] = StoredEvidence(
                type=type(evidence).__name__,
                options=check.options(),
                data=evidence.to_json(),
                judged=is_judged(name),
            )
            # as it will be read: what is stored is rounded
            found, absent = _assessed(check, evidence_of(check, kept[name]), name, data, level=level)
            findings += found
            lost += absent
    never = [n for p in parts for n in p.report.not_measured if _of_a_check(n) and _key(n) not in keys]
    return asserted(
        first.model_copy(
            update={
                "provenance": _provenance(parts, attribute),
                "policy": None,
                "findings": tuple(findings),
                "verdicts": (),
                "not_measured": tuple({(n.what, n.why): n for n in (*lost, *never)}.values()),
                "evidence": kept,
                "elsewhere": None,
                "remedies": None,
                "explorer": None,
                "required": (),
                **{k: _common([getattr(p.report, k) for p in parts]) for k in ("context", "sign_off")},
            }
        )
    )


class _NotAdded(Exception):
    """Why the evidence of a check is not merged: the text of its absence."""


def _summed(key: str, parts: Sequence[Part], attribute: str, *, apart: bool) -> tuple[Check, Any]:
    """The check, and the sum of its evidence; `_NotAdded`, or EvidenceError, says why there is none."""
    for part in parts:
        if key in part.report.gathered and key not in part.report.evidence:
            raise _NotAdded(
                f"its evidence in {part.name} lies in a file of its own (NAME{ENDING}), which is not beside that report"
            )
        if key not in part.report.evidence:
            why = next((n.why for n in part.report.not_measured if _key(n) == key), "it was not asked there")
            raise _NotAdded(f"{part.name} has no evidence of it: {why}")
    asked = [p.report.evidence[key] for p in parts]
    check = check_asked(key, asked[0])
    if why := getattr(check, "NO_SUM", "") or (_ROWS if isinstance(check, RowsCheck) else ""):
        raise _NotAdded(why)
    weighting = parts[0].report.provenance.data.weighting
    looks = check.uses_weights or getattr(check, "uses_clusters", False)
    if weighting is not None and (weighting.cluster or weighting.strata) and looks and not apart:
        what = f"cluster '{weighting.cluster}'" if weighting.cluster else f"stratum '{weighting.strata}'"
        raise _NotAdded(
            f"whether two parts have rows of one {what} is not kept in reports: say that none do (apart=True, --apart)"
        )
    found = [evidence_of(check, a) for a in asked]
    if attribute and getattr(check, "BY_SITE", False):
        by = found[0].by
        found = [x.of_group(attribute, p.site) for x, p in zip(found, parts, strict=True)]
        check = _by_site(check, by, attribute)
    add: Any = added_apart if apart else operator.add
    if isinstance(check, SampleCheck):
        add = getattr(check, "together", operator.add)
    try:
        return check, reduce(add, found)
    except EvidenceError as e:
        raise _NotAdded(_FITTED if isinstance(check, FittedCheck) else str(e)) from e


def _by_site(check: Check, attributes: Sequence[str], attribute: str) -> Check:
    """The check as it was asked, by site, and by site crossed with each attribute that it was asked of."""
    sets = sets_of(getattr(check, "by", None), attributes)
    alone = list(dict.fromkeys(a for s in sets for a in s))
    by = [*sets, (attribute,), *((a, attribute) for a in alone)]
    return replace(check, by=by)  # type: ignore[type-var]


def _assessed(
    check: Check, evidence: Any, key: str, data: DataProvenance, *, level: float
) -> tuple[list[Finding], list[NotMeasured]]:
    """What `conclude` makes of the evidence of one check."""
    assessment = check.assess(evidence, level=level)
    told, untold = without_truths(assessment.findings, bool(data.y_true))
    found, absent = completed(told, check, data.weighting), [*assessment.not_measured, *untold]
    label = Key.of(key).label
    if not (label and data.kind.by_label):
        return found, absent
    return [of_label(f, label) for f in found], [n.model_copy(update={"what": f"{n.what} [{label}]"}) for n in absent]


def _provenance(parts: Sequence[Part], attribute: str) -> Provenance:
    """Rows add; of their hashes no sum is known, since what adds is never stored: each part has its own."""
    first, all_ = parts[0].report.provenance, [p.report.provenance for p in parts]
    data = first.data.model_copy(
        update={
            "name": _common([p.data.name for p in all_]) or listing([p.data.name for p in all_ if p.data.name], most=3),
            "sha256": "",
            "people_sha256": "",
            "file_sha256": None,
            "rows": sum(p.data.rows for p in all_),
            "missing_target": sum(p.data.missing_target for p in all_),
            "missing_prediction": sum(p.data.missing_prediction for p in all_),
            "sensitive_features": (*first.data.sensitive_features, *([attribute] if attribute else [])),
            "weighting": _weighting([p.data.weighting for p in all_]),
        }
    )
    told = [_OVERLAP.format(n=len(parts)), _RARE]
    return first.model_copy(
        update={
            "created": now(),
            "sample": sum(p.sample for p in all_),
            "command": "",
            "data": data,
            "cautions": tuple(dict.fromkeys([*told, *(c for p in all_ for c in p.cautions)])),
            "notes": tuple(dict.fromkeys(c for p in all_ for c in p.notes)),
            "parts": tuple(
                MergedPart(
                    name=p.report.name,
                    site=p.site,
                    report=p.digest,
                    rows=p.report.provenance.data.rows,
                    rows_sha256=p.report.provenance.data.sha256,
                    created=p.report.provenance.created,
                )
                for p in parts
            ),
        }
    )


def _weighting(of: Sequence[Any]) -> Any:
    if of[0] is None:
        return None
    return of[0].model_copy(update={"zero_weights": sum(w.zero_weights for w in of)})


def _common(values: Sequence[Any]) -> Any:
    """What all say; nothing where they differ."""
    return values[0] if all(v == values[0] for v in values) else type(values[0])() if values[0] == "" else None


def _policy_of(parts: Sequence[Part]) -> Policy | None:
    """The one policy of the parts, as their verdicts hold it. A waiver stands where a part does not meet its rule; of
    one that differs from part to part nothing is forgiven."""
    policy = policy_of(parts[0].report)
    if policy is None:
        return None
    found: dict[str, set[Waiver]] = {}
    for v in (v for p in parts for v in p.report.verdicts if v.waiver is not None):
        known = v.waiver.model_dump(exclude={"expired"}) if v.waiver is not None else {}
        found.setdefault(v.rule.id, set()).add(Waiver(rule=v.rule.id, **known))
    return policy.model_copy(update={"waivers": tuple(w for one in found.values() if len(one) == 1 for w in one)})


def _key(absent: NotMeasured) -> str:
    """The key that the evidence would have."""
    return absent.what.replace(" [", "[", 1)


def _of_a_check(absent: NotMeasured) -> bool:
    """Whether it is a whole check that was not measured, rather than something that its findings lack."""
    key = Key.of(_key(absent))
    return " " not in key.check and kind_of(key.check) is not None


def _written(key: str) -> str:
    """A key as absences are told."""
    label = Key.of(key).label
    return f"{key.removesuffix(f'[{label}]')} [{label}]" if label else key
