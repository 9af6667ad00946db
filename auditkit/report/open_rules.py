"""What stands open of a report, for places that point at a line of the policy: one entry a rule, the worst first."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

from auditkit.records import Report, Required, Rule, Verdict
from auditkit.report import required
from auditkit.report.failing import measured
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import sentence
from auditkit.report.verdict_words import baseline_words, headline, waiver_words, worst_first
from auditkit.report.vocabulary import STATUS, by_words, plain, shown

Level = Literal["error", "warning", "note"]
LONGEST = 1_000
"""Characters of a message: what GitHub shows of one."""


class Open(NamedTuple):
    """A rule that is not met, or something required that was not assessed."""

    id: str
    level: Level
    """`error`: it stands in the way. `warning`: it failed, or is undecided, and is forgiven. `note`: it only warns, and
    is not decided; or the policy says that this passes."""
    line: int
    """Of the policy's file, from 1; the first for a rule that has none there (of a preset, of a file it extends)."""
    say: Callable[[], str]
    verdict: Verdict | None = None
    """None of a requirement."""

    @property
    def message(self) -> str:
        """One line, worded when it is asked for: of many rules a place takes the first."""
        return _bounded(self.say())


def open_rules(report: Report) -> list[Open]:
    """Whatever of the policy is not met, and then of what is required."""
    look = Lookup(report)
    of_rules = [
        Open(plain(v.rule.id), _level(v), v.rule.line or 1, partial(told, look, v), v)
        for v in worst_first(report)
        if v.statuses != {"pass"}
    ]
    return of_rules + [
        Open(required_id(r), "error" if r.blocks else "warning", 1, partial(required.line, r))
        for r in report.required
        if not r.met
    ]


def fingerprint(o: Open) -> str:
    """What stays of it from run to run, wherever its line moves: SHA-256 of its id, as the policy writes it."""
    id = o.id if o.verdict is None else o.verdict.rule.id
    return hashlib.sha256(f"auditkit {id}".encode("utf-8", "surrogatepass")).hexdigest()


def required_id(r: Required) -> str:
    """What a requirement is called beside rules.

    >>> required_id(Required(need="metric", what=("accuracy", "sex"), source="c.toml:4", state="assessed", reason=""))
    'required: a rule on accuracy by sex'
    """
    return plain(f"required: {required.what(r)}")


def _level(v: Verdict) -> Level:
    if v.blocks:
        return "error"
    if "fail" in v.statuses:
        return "warning"
    handling = {"inconclusive": v.rule.on_inconclusive, "not_measured": v.rule.on_not_measured}
    warns = any(handling.get(s) in ("warn", "fail") for s in v.statuses)
    return "warning" if warns and v.rule.severity == "error" else "note"


def told(look: Lookup, v: Verdict) -> str:
    """One rule that is not met, in a line: what it asks, by which metric, what was found with its interval and limit,
    of which groups, and why it is not met."""
    found = dict(measured(look, v))
    groups = f"Groups: {found['groups']}." if "groups" in found else ""
    parts = (
        f"{STATUS[v.status]}: {sentence(v.rule, look)} ({subject(v.rule)}).",
        f"Value: {found['value']}.",
        *(groups, v.reason, waiver_words(v), baseline_words(v)),
    )
    return " ".join(filter(None, parts))


def subject(rule: Rule) -> str:
    """What a rule asks about, in the catalogue's names: "selection_rate, ratio by gender"."""
    by = f" by {by_words(rule.by)}" if rule.by else ""
    label = f" of {shown(rule.label)}" if rule.label is not None else ""
    return f"{shown(rule.metric)}{label}, {rule.comparison}{by}"


def _bounded(text: str) -> str:
    text = plain(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def place(report: Report, policy_file: str) -> str:
    """Where the policy lies: as it is told, where that is the file that judged; else its name alone, "" for none.

    >>> from auditkit.records import ModelProvenance, DataProvenance, PolicyInfo, Provenance
    >>> where = Provenance(auditkit="1", created="2026-01-01", model=ModelProvenance(), data=DataProvenance())
    >>> report = Report(provenance=where, policy=PolicyInfo(source="gate.toml"))
    >>> place(report, "ethics/gate.toml"), place(report, "other.toml"), place(report, "")
    ('ethics/gate.toml', 'gate.toml', 'gate.toml')
    """
    source = _name(report.policy.source) if report.policy is not None else ""
    named = policy_file.replace("\\", "/")
    return plain(named if source and _name(named) == source else source)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def ending(report: Report) -> str:
    """What was audited, and what came of it, in a bounded line."""
    return _bounded(headline(report))


def most(found: Sequence[Open], n: int) -> tuple[Sequence[Open], int]:
    """The first so many, and how many are left out."""
    return found[:n], max(len(found) - n, 0)
