"""What to do next: at most three sentences, chosen from what the report itself holds, the most pressing first.

Each names the thing and the section that shows it. None promises that a step will help: it says what was found.
"""

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.formatting import listed, lower_first, upper_first
from auditkit.records import CHANGES, Concern, Context, Remedy, SignOff, Status, Task, Verdict
from auditkit.report import perfect, required
from auditkit.report.html.context import ASKED
from auditkit.report.html.leading import leading
from auditkit.report.html.lookup import Lookup, class_of
from auditkit.report.html.rules import ranked
from auditkit.report.html.sections import SECTIONS, reasons
from auditkit.report.html.summary import at
from auditkit.report.html.tried import Standing, name, plural, standing, threshold_rules
from auditkit.report.html.unmeasured import UNASKED, unasked
from auditkit.report.surest import compared, differences, uncovered
from auditkit.report.vocabulary import by_words, name_of, number, shown

HEAD = "What to do next"
MOST = 3
"""Sentences on the first screen."""
LONGEST = 40
"""Characters of a rule's name in a sentence."""


class Mean(NamedTuple):
    """A check that answers what could have been asked."""

    concern: Concern
    check: str
    tasks: tuple[Task, ...]
    net: bool = False
    """Whether it asks the net itself."""


MEANS = (
    Mean("calibration", "scores", tasks=("binary",)),
    Mean("mitigation", "scores", tasks=("binary",)),
    Mean("subgroups", "subgroups", tasks=("binary",)),
    Mean("explanation", "gap_attribution", tasks=("binary", "multiclass", "regression"), net=True),
    Mean("explanation", "missed_objects", tasks=("detection",), net=True),
    Mean("robustness", "flip_test", tasks=("binary", "multiclass", "regression"), net=True),
)
FAIRNESS = (
    Mean("fairness", "group_fairness", tasks=("binary", "multilabel")),
    Mean("fairness", "class_fairness", tasks=("multiclass",)),
    Mean("fairness", "regression_fairness", tasks=("regression",)),
)
"""Checks that compare groups of people; what other tasks read is always compared."""
CAUSES = {"gap_attribution": "what makes the gap", "missed_objects": "what moves the score at missed objects"}
"""What checks say of a rule about groups that fails: where to begin."""


class Step(NamedTuple):
    """One thing to do."""

    kind: str
    """Which of `STEPS` said it."""
    text: str
    """One sentence."""
    anchor: str
    """What of the page shows why."""

    @property
    def where(self) -> str:
        """What a link there is called: its section."""
        return next((s.title for s in SECTIONS.values() if s.anchor == self.anchor), "Gate")


Told = Iterator[tuple[str, str]]
"""Sentences with their anchors; none where there is no reason for one."""


def steps(look: Lookup) -> tuple[Step, ...]:
    """The most pressing of all that a report gives reason to do."""
    found = (Step(kind, *told) for kind, make in STEPS.items() for told in make(look))
    return tuple(found)[:MOST]


def _untrained(look: Lookup) -> Told:
    if look.report.provenance.model.weights == "initialised":
        yield "Load the trained weights, and audit again: no number here is about a net that was trained.", "unmeasured"


def _broken(look: Lookup) -> Told:
    broken = [shown(n.what, longest=LONGEST) for n in look.report.not_measured if n.accident]
    if broken:
        yield f"Mend what stopped {_named(broken, 'check')}, and audit again.", "unmeasured"


def _choice(look: Lookup) -> Told:
    """Where being right and the rule cannot both be had, more work on the model decides nothing."""
    mine = [v for v in _open(look, "fail", "inconclusive") if v.perfect is not None and v.perfect.status == "fail"]
    if mine:
        alike = [v for v in mine if perfect.choice(v) == perfect.choice(mine[0])]
        owner = look.report.policy.owner if look.report.policy else ""
        whose = f"{shown(owner)} owns the policy" if owner.strip() else "the policy names no owner"
        yield f"Choose between {perfect.choice(mine[0])} in {_rules(alike)}; {whose}.", _row(look, mine[0])


def _mend(look: Lookup) -> Told:
    """Rules that fail and that a model without mistakes is not known to fail."""
    mine = [v for v in _open(look, "fail") if v.perfect is None or v.perfect.status != "fail"]
    changed = [v for v in mine if v.rule.comparison in CHANGES]
    if changed:
        fail = "fails" if len(changed) == 1 else "fail"
        yield f"Look at the decisions that changed, or keep the older model: {_rules(changed)} {fail}.", "change"
    mine = [v for v in mine if v not in changed]
    if mine and _tried(look) is None:
        whom, them = _beginning(look, mine), "it" if len(mine) == 1 else "them"
        yield f"Mend {_rules(mine)}{whom}, or accept {them} by a waiver{_how(look, mine)}.", _row(look, mine[0])


def _how(look: Lookup, mine: Sequence[Verdict]) -> str:
    """Where nothing that was asked says how to mend rules, and no other step does: what would."""
    told = any(f.concern in ("explanation", "mitigation") for f in look.report.findings)
    if told or look.report.remedies or reasons(look, "explanation") or any(_try(look)):
        return ""
    data, model = look.report.provenance.data, look.report.provenance.model
    found = [m.check for m in MEANS if m.check in CAUSES and data.task in m.tasks]
    if not found:
        return "; for this task no check says how"
    if not any(v.rule.by for v in mine):
        return "; no check says how where a rule compares no groups"
    given = "" if model.kind == "torch" else "given the net, "
    return f"; {given}the check “{found[0]}” would say {CAUSES[found[0]]}"


def _try(look: Lookup) -> Told:
    """Remedies that nobody asked for."""
    report = look.report
    asked = "scores" in report.evidence or reasons(look, "mitigation")
    if _open(look, "fail") and report.remedies is None and not asked and _thresholds(look):
        yield (
            "Add the check “scores”, where the model gives scores: it tries other thresholds under every rule.",
            ("unmeasured"),
        )


def _thresholds(look: Lookup) -> bool:
    """Whether remedies could be told: decisions of yes or no of rows that count alike, each for itself."""
    data = look.report.provenance.data
    able = any(m.concern == "mitigation" and data.task in m.tasks for m in MEANS)
    return able and data.weighting is None


def _beginning(look: Lookup, mine: Sequence[Verdict]) -> str:
    """The group that the headline is about, where that is the headline of one of these rules."""
    lead = leading(look)
    if lead is None or lead.verdict not in mine:
        return ""
    own = lead.verdict.surest if lead.verdict else None
    group = lead.sides[0][0] if lead.sides else own.groups[0] if own and own.groups else {}
    return f", beginning with {look.say.people(group)}" if group else ""


def _remedies(look: Lookup) -> Told:
    """Of a report with a rule that fails: what the remedies that were tried come to."""
    s = _tried(look)
    if s is None:
        return
    met, open_ = (tuple(r for r in rows if r.words) for rows in (s.met, s.open))
    if met:
        law = ", after legal advice on thresholds by group" if any(r.by for r in met) else ""
        yield f"Audit on new rows{law}: {_named_or_counted(met, 'meet', f'{s.of} on held-out rows')}.", "remedies"
    elif open_:
        none = f"no remedy that was tried surely meets {s.of}"
        yield f"Audit on more rows: {_named_or_counted(open_, 'fail', 'no rule here')}; {none}.", "remedies"
    else:
        n = len(s.fails) - 1
        tried = f"none of the {number(n)} remedies tried meets" if n > 1 else "the one remedy tried does not meet"
        yield f"Look beyond thresholds, or accept what fails by a waiver: {tried} {s.of}.", "remedies"


def _tried(look: Lookup) -> Standing | None:
    """How remedies stand under the rules; None where nothing fails, none was tried, or what fails is nothing that a
    threshold changes."""
    told, n = look.report.remedies, len(look.report.verdicts)
    if not _open(look, "fail") or told is None or len(told.rows) < 2 or len(told.rows[0].answers) != n or told.gaps:
        return None
    s = standing(look.report, threshold_rules(told))
    return s if s.of and all(r.words for r in s.met) else None


def _named_or_counted(rows: Sequence[Remedy], verb: str, what: str) -> str:
    """What some remedies do, by name where they are at most two."""
    who = listed([name(r) for r in rows]) if len(rows) < 3 else f"{number(len(rows))} remedies"
    return f"{who} {verb if plural(rows) else verb + 's'} {what}"


def _worse(look: Lookup) -> Told:
    mine = [v for v in ranked(look.report.verdicts) if v.baseline is not None and v.baseline.status == "fail"]
    if mine:
        yield (
            f"See what changed in {_rules(mine)} since the baseline: “auditkit compare OLD.json NEW.json”.",
            (_row(look, mine[0])),
        )


def _more_rows(look: Lookup) -> Told:
    """Undecided rules that stand in the way, or all where nothing fails: how many rows would decide one, the fewest;
    or that none is known to."""
    mine = _open(look, "inconclusive")
    mine = [v for v in mine if v.blocks] if _open(look, "fail") else mine
    sized = sorted((v for v in mine if v.more_data), key=lambda v: v.more_data or 0.0)
    if sized:
        v = sized[0]
        more = f"about {_about(look.tested * (v.more_data or 1.0))} {look.say.unit} (now {look.tested:,})"
        yield f"Audit {more}: that would decide {_rules([v])}, if all estimates stay.", _row(look, v)
    elif mine:
        them = "it" if len(mine) == 1 else "them"
        how = f"accept {them} by a waiver" if any(v.blocks for v in mine) else f"leave {them} open, as the policy does"
        yield (
            f"Change {_rules(mine)}, or {how}: no number of rows is known that would decide {them}.",
            _row(look, mine[0]),
        )


def _about(x: float) -> str:
    """Two digits of a count.

    >>> _about(410_312.0), _about(7_200.0)
    ('410,000', '7,200')
    """
    return f"{float(f'{x:.2g}'):,.0f}"


def _unjudged(look: Lookup) -> Told:
    mine = _open(look, "not_measured")
    if mine:
        them = "it" if len(mine) == 1 else "them"
        yield (
            f"Give the audit what {_rules(mine)} ask{'s' if len(mine) == 1 else ''} for, or take {them} out.",
            (_row(look, mine[0])),
        )


def _required(look: Lookup) -> Told:
    lost = [r for r in look.report.required if not r.met]
    if lost:
        r = min(lost, key=lambda r: not r.blocks)
        yield f"{upper_first(required.what_next(r))}: the organisation requires {required.what(r)}.", "gate"


def _groups(look: Lookup) -> Told:
    """Nobody was compared with anybody."""
    if compared(look.report):
        return
    own = look.report.provenance.data.sensitive_features
    if any(f.concern == "fairness" for f in look.report.findings) or reasons(look, "fairness"):
        of = f" of {listed([shown(a) for a in own[:3]])}" if own else ""
        yield f"Audit rows of two or more groups{of} that are large enough to be compared.", "unmeasured"
        return
    task = look.report.provenance.data.task
    for check in (m.check for m in FAIRNESS if task in m.tasks):
        column = "" if own else ", and name the columns of groups in sensitive_features"
        yield f"Add the check “{check}”, which compares how groups are treated{column}.", "unmeasured"


def _waived(look: Lookup) -> Told:
    mine = [v for v in ranked(look.report.verdicts) if v.waived and v.waiver is not None]
    if mine:
        v = min(mine, key=lambda v: (v.waiver.expires if v.waiver else datetime.date.max, v.rule.id))
        day = f"{v.waiver.expires.day} {v.waiver.expires:%B %Y}" if v.waiver else ""
        yield f"Meet {_rules([v])}, or decide on it anew, by {day}: then its waiver ends.", _row(look, v)


def _without_a_rule(look: Lookup) -> Told:
    f = uncovered(look.report)
    if f is None:
        return
    known, label = METRICS.get(f.metric), class_of(f)
    title = name_of(f.metric).partition(" (")[0]
    what = title if title[1:2].isupper() else lower_first(title)
    what += (f" of “{shown(label)}”" if label else "") + (f" by {by_words(f.by)}" if f.by else "")
    if f.by and known is not None and known.kind != "check":  # of other kinds no rule can ask
        told = f"Set a rule on {what}, the surest difference that none covers, or accept it at the sign-off."
    else:
        told = f"Decide at the sign-off on {what}, the surest difference that no rule covers."
    yield told, SECTIONS[at(f)].anchor


def _policy(look: Lookup) -> Told:
    """No rule says what may be."""
    report = look.report
    if report.verdicts:
        return
    if compared(report) and not differences(report):
        yield (
            "Decide how small a difference must be seen: “auditkit plan” says how many rows that takes.",
            "fairness",
        )
    yield "Write a policy: without a rule nothing here says how large a difference may be.", "gate"


def _warning(look: Lookup) -> Told:
    mine = [v for v in ranked(look.report.verdicts) if v.rule.severity == "warning" and v.status == "fail"]
    if mine:
        verb = "it fails, and only warns" if len(mine) == 1 else "they fail, and only warn"
        yield f"Decide what {_rules(mine)} should count for: {verb}.", _row(look, mine[0])


def _review(look: Lookup) -> Told:
    policy = look.report.policy
    if policy is not None and policy.overdue:
        yield "Review the policy, and set the day of its next review.", "sign-off"


def _blanks(look: Lookup) -> Told:
    """What no number knows, and who answers for the decision."""
    blanks = (look.report.context or Context()).blanks
    signed = bool((look.report.sign_off or SignOff()).person)
    who = "" if signed else ", and no one is named in [sign_off]"
    if blanks:
        which = listed([ASKED[b].lower() for b in blanks]) if len(blanks) < 3 else ASKED[blanks[0]].lower()
        of, all_of = "" if len(blanks) < 3 else " and more", number(len(ASKED))
        many = f"all {all_of}" if len(blanks) == len(ASKED) else f"{number(len(blanks))} of {all_of}"
        yield (
            f"Say how the model is used: in [context] of the policy {many} answers are blank ({which}{of}){who}.",
            "data",
        )


def _checks(look: Lookup) -> Told:
    """Checks that nobody asked for and that this model could answer."""
    data, net = look.report.provenance.data, look.report.provenance.model.kind == "torch"
    lost = set(unasked(look))
    mine = [m for m in MEANS if UNASKED[m.concern] in lost and data.task in m.tasks and (net or not m.net)]
    mine = [m for m in mine if m.concern != "mitigation" or _thresholds(look)]
    names = list(dict.fromkeys(m.check for m in mine))
    if names:
        told = listed([f"“{n}”" for n in names])
        yield (
            f"Add the check{'s' if len(names) > 1 else ''} {told}, to measure part of what was not.",
            ("unmeasured"),
        )


def _sign(look: Lookup) -> Told:
    own = look.report.sign_off or SignOff()
    day = own.review_by or (look.report.policy.review_by if look.report.policy else None)
    again = "" if day else ", and set the day when this is looked at again"
    if look.report.outcome == "passed" or not own.person or not day:
        yield f"Sign the decision{again}.", "sign-off"


def _open(look: Lookup, *statuses: Status) -> list[Verdict]:
    """Rules of these states that count and that no waiver forgives, in the gate's order."""
    order = ranked(look.report.verdicts)
    return [v for v in order if v.status in statuses and v.rule.severity == "error" and not v.waived]


def _rules(mine: Sequence[Verdict]) -> str:
    return _named([shown(v.rule.id, longest=LONGEST) for v in mine], "rule")


def _named(names: Sequence[str], noun: str) -> str:
    """Two names, or one and how many more."""
    if len(names) > 2:
        return f"“{names[0]}” and {number(len(names) - 1)} more {noun}s"
    return listed([f"“{n}”" for n in names])


def _row(look: Lookup, v: Verdict) -> str:
    """Where the gate shows a rule."""
    return f"rule-{ranked(look.report.verdicts).index(v) + 1}"


STEPS: dict[str, Callable[[Lookup], Told]] = {
    "untrained": _untrained,
    "broken": _broken,
    "choice": _choice,
    "remedies": _remedies,
    "mend": _mend,
    "try": _try,
    "worse": _worse,
    "more rows": _more_rows,
    "unjudged": _unjudged,
    "required": _required,
    "groups": _groups,
    "waived": _waived,
    "without a rule": _without_a_rule,
    "policy": _policy,
    "warning": _warning,
    "review": _review,
    "blanks": _blanks,
    "checks": _checks,
    "sign": _sign,
}
"""What there is to do, the most pressing first."""
