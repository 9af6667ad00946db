"""A report with the questions that every part of the page asks of it."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from auditkit.catalogue.clinical import KIND as CLINICAL
from auditkit.catalogue.detections import DETECTION
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.measured import KIND as MEASURED
from auditkit.catalogue.rankings import EXPOSED
from auditkit.records import (
    Comparison,
    Estimate,
    Exhibit,
    Finding,
    GroupEstimate,
    GroupEstimates,
    Report,
    Surest,
    Table,
    Verdict,
)
from auditkit.report.html.identity import NEUTRAL, Identity
from auditkit.report.of_class import OfClass
from auditkit.report.places import PARTS, TRUTH
from auditkit.report.surest import compares as compares
from auditkit.report.surest import complement
from auditkit.report.surest import established as established
from auditkit.report.surest import stands_out as stands_out
from auditkit.report.vocabulary import Vocabulary, measured_in, series_name, shown, upper_first

By = tuple[str, ...]

FEW = 80
"""Findings of which a page shows every table; of more, `auditkit report --full` does."""

_E = TypeVar("_E", bound=Exhibit)

RATED = ("performance", "fairness")
"""Concerns whose findings are rates of the model by group: performance and fairness."""


class Pair(NamedTuple):
    """The two groups that drive a gap."""

    low: GroupEstimate
    high: GroupEstimate


class Lookup:
    """Findings and verdicts by what they answer; a group's mark."""

    def __init__(self, report: Report, *, full: bool = False) -> None:
        self.report = report
        self.roomy = full or len(report.findings) <= FEW
        """Whether a page has room for second tables of a finding, points of curves, and every estimate."""
        self.say = Vocabulary.of(report)
        self.binary = report.provenance.data.kind.yes_no
        self.identity = Identity.of(sorted(report.findings, key=lambda f: not rated(f)))
        self._by_id = {f.id: f for f in report.findings}
        self._by_key: dict[tuple[str, Comparison, frozenset[str]], Finding] = {}
        self._groups: dict[tuple[str, frozenset[str]], Finding] = {}
        unlabelled = [f for f in report.findings if f.label is None]  # a class or label speaks for itself only
        for f in sorted(unlabelled, key=lambda f: not rated(f)):  # what a remedy would give hides no finding
            self._by_key.setdefault((f.metric, f.comparison, frozenset(f.by)), f)
            if f.concern == "change":
                continue  # its groups hold changes
            if f.by_group and all(set(g.group) == set(f.by) for g in f.by_group):  # a stored one may be edited
                self._groups.setdefault((f.metric, frozenset(f.by)), f)
        self._by_label: dict[tuple[str, Comparison, frozenset[str], str], Finding] = {}
        for f in report.findings:
            if f.label is not None:
                self._by_label.setdefault((f.metric, f.comparison, frozenset(f.by), f.label), f)
        self._verdicts = {
            (v.rule.metric, v.rule.comparison, frozenset(v.rule.by)): v for v in report.verdicts if v.rule.label is None
        }

    def by_id(self, id: str | None) -> Finding | None:
        """The finding of an id."""
        return self._by_id.get(id or "")

    def finding(self, metric: str, comparison: Comparison, by: Sequence[str]) -> Finding | None:
        """The finding that answers a question."""
        return self._by_key.get((metric, comparison, frozenset(by)))

    def of_label(self, metric: str, comparison: Comparison, by: Sequence[str], label: str) -> Finding | None:
        """The same of one class, or of one label."""
        return self._by_label.get((metric, comparison, frozenset(by), label))

    def say_of(self, label: str | None) -> Vocabulary:
        """The words for one class, or one label; of none the report's own."""
        if not label:
            return self.say
        return OfClass(self.report.words, label, label=self.report.provenance.data.kind.by_label)

    def verdict(self, metric: str, comparison: Comparison, by: Sequence[str]) -> Verdict | None:
        """The verdict on a question; None where no rule asks it."""
        return self._verdicts.get((metric, comparison, frozenset(by)))

    def groups(self, metric: str, by: Sequence[str]) -> tuple[GroupEstimate, ...]:
        """Every group's estimate of a metric."""
        found = self._groups.get((metric, frozenset(by)))
        return found.by_group if found else ()

    def by_group(self, metric: str, by: By) -> dict[By, Estimate]:
        """The same by the values of the attributes."""
        return {tuple(g.group[a] for a in by): g.estimate for g in self.groups(metric, by)}

    def overall(self, metric: str) -> Estimate | None:
        """Everybody's estimate of a metric."""
        found = self.finding(metric, "overall", ())
        return found.estimate if found else None

    def truth(self) -> tuple[float, float]:
        """(people for whom the outcome is true, people), of the groups of the first attribute; 0, 0: not known."""
        groups = next((g for by in self.bys() if len(by) == 1 and (g := self.groups(TRUTH, by))), ())
        return sum(g.estimate.numerator or 0.0 for g in groups), sum(g.estimate.denominator or 0.0 for g in groups)

    def bys(self) -> list[By]:
        """The sets of attributes, single ones first, in the order of the report."""
        found = dict.fromkeys(f.by for f in self.report.findings if f.by_group and rated(f))
        return sorted(found, key=len)

    def metrics(self) -> list[str]:
        """The metrics that have values by group and are about the model, in the order of the report."""
        mine = [f for f in self.report.findings if f.by_group and f.label is None and f.concern in RATED and rated(f)]
        return list(dict.fromkeys(f.metric for f in mine))

    def told_once(self, metrics: Iterable[str]) -> list[str]:
        """Of two rates that add to 1, whose gaps are one, the one that a rule asks about; of neither, the first."""
        found, ruled = list(dict.fromkeys(metrics)), {v.rule.metric for v in self.report.verdicts}
        first = sorted(found, key=lambda m: m not in ruled)
        kept = [m for i, m in enumerate(first) if m in ruled or not any(complement(m, n) for n in first[:i])]
        return [m for m in found if m in kept]

    def gaps(self) -> list[Finding]:
        """The gaps between groups that figures of rates draw, attribute by attribute."""
        found = [
            f for f in self.report.findings if f.comparison == "difference" and f.concern in RATED and self.in_rates(f)
        ]
        return [f for by in self.bys() for f in found if set(f.by) == set(by)]

    def kind(self, metric: str) -> str:
        """How a metric is written, as its findings say."""
        unit = next((f.unit for f in self.report.findings if f.metric == metric), "")
        return measured_in(self.report, metric, unit)

    @property
    def tested(self) -> int:
        """How many there are of what rows are: all rows, but where others, which no rate is of, stand beside them."""
        data = self.report.provenance.data
        if not data.kind.beside:
            return data.rows
        rates = (f for f in self.report.findings if f.comparison == "overall" and METRICS[f.metric].kind == "rate")
        return max((f.estimate.n for f in rates), default=data.rows)

    @property
    def unit(self) -> str:
        """What a predicted number is counted in; empty where nobody says."""
        return shown(self.report.words.target_unit, empty="")

    def in_rates(self, f: Finding) -> bool:
        """Whether the figures of a binary audit's truth, rates and gaps draw it; a table has a figure of its own."""
        return self.binary and rated(f) and f.label is None and (ranked(f) or not exhibits_of(f, Table))

    @functools.cached_property
    def undrawn(self) -> tuple[Finding, ...]:
        """The findings that these figures do not draw."""
        return tuple(f for f in self.report.findings if not self.in_rates(f))

    def groups_of(self, f: Finding) -> tuple[GroupEstimate, ...]:
        """Every group's estimate of what a finding is about: of the class that it names, where it is about several."""
        if f.label is not None or f.surest is None or not f.surest.label:
            return f.by_group or (self.groups(f.metric, f.by) if f.label is None else ())
        shown = self.finding(f.metric, "difference", f.by)
        for x in exhibits_of(shown, GroupEstimates) if shown else ():
            row = next((es for name, es in x.rows if name == f.surest.label), ())
            if row and len(x.groups) == len(row):
                known = [{a: v for a, v in g.items() if v is not None} for g in x.groups]
                return tuple(GroupEstimate(group=g, estimate=e) for g, e in zip(known, row, strict=True))
        return ()

    def pair(self, metric: str, by: Sequence[str]) -> Pair | None:
        """The lowest and the highest group that count; None where fewer than two do."""
        return self.ends(self.groups(metric, by))

    @staticmethod
    def ends(groups: Sequence[GroupEstimate]) -> Pair | None:
        """Of these groups, the lowest and the highest that count; None where fewer than two do."""
        counted = [g for g in groups if counts(g.estimate)]
        if len(counted) < 2:
            return None
        ranked = sorted(counted, key=lambda g: g.estimate.value or 0.0)
        return Pair(ranked[0], ranked[-1])

    def sides(self, f: Finding, surest: Surest | None = None) -> tuple[GroupEstimate, ...]:
        """The groups that a comparison is told of: those that carry its limit, as far as the report says which.

        Of a pair the lower value first; one where it is compared with another side. `surest`: of a verdict, whose
        interval is another. Without any, the lowest and the highest of the groups that count, if two do.
        """
        groups = self.groups_of(f)
        told, pair = surest or f.surest, self.ends(groups)
        if told is None:
            return pair or ()
        known = {tuple(g.group.items()): g for g in groups}
        found = [known.get(tuple((a, group.get(a, "")) for a in f.by)) for group in told.groups]
        return tuple(g for g in found if g is not None) if all(found) else pair or ()

    def rows_by_group(self, by: Sequence[str]) -> dict[tuple[str, ...], int]:
        """How many rows each group has: the largest n of its rates (a ranking against other groups counts theirs)."""
        rows: dict[tuple[str, ...], int] = {}
        for f in self.report.findings:
            if set(f.by) == set(by) and rated(f) and (METRICS[f.metric].kind == "rate"):
                for g in f.by_group:
                    key = tuple(g.group.values())
                    rows[key] = max(rows.get(key, 0), g.estimate.n)
        return rows

    def tone(self, group: Mapping[str, str]) -> str:
        """The mark of a group, the same for the whole document (`Identity.tone`)."""
        return self.identity.tone(group)

    def shape(self, attribute: str, value: str) -> str:
        """The mark of a group of one attribute."""
        return self.tone({attribute: value})

    def line(self, by: Sequence[str], name: str) -> tuple[str, str]:
        """What a line of an exhibit is called, and the mark of the group that it is about: ("Women", "a").

        What follows a group's name stays: "Female against the rest" is "Women against the rest".
        """
        return self._of_group(by, name) or (upper_first(series_name(name)), NEUTRAL)

    def row(self, by: Sequence[str], label: str, tone: str = NEUTRAL) -> tuple[str, str]:
        """The head of an exhibit's row, a group's name or a name of the data, and its mark: its group's, or `tone`."""
        return self._of_group(by, label) or (shown(label), tone)

    def _of_group(self, by: Sequence[str], name: str) -> tuple[str, str] | None:
        for tail in ("", " against the rest"):
            group = self.identity.named(tuple(by), name.removesuffix(tail)) if name.endswith(tail) else None
            if group is not None:
                return self.say.label(group) + tail, self.tone(group)
        return None


def own_estimate(f: Finding) -> Estimate:
    """Of the groups that a comparison is told of (`Lookup.sides`): theirs alone, where the report has it, and where it
    is the comparison of one rate."""
    return f.surest.estimate if f.surest and f.metric not in PARTS else f.estimate


def class_of(f: Finding) -> str | None:
    """The class, or the label, that a finding names; None where it is about all of them."""
    return f.label or (f.surest.label if f.surest else None) or None


def rated(f: Finding) -> bool:
    """True for a rate of the declared groups; False for the findings of further checks, whose groups are their own."""
    known = METRICS.get(f.metric)
    if known is None or f.unit:
        return False
    apart = ("check", CLINICAL, DETECTION, MEASURED, EXPOSED)
    return (f.concern in RATED and known.kind not in apart) or f.metric == TRUTH


def ranked(f: Finding) -> bool:
    """True for the gap of a rate between crossings, whose table ranks them."""
    rate = f.metric in METRICS and METRICS[f.metric].kind == "rate"
    return rate and f.concern == "fairness" and f.comparison == "difference" and len(f.by) > 1


def exhibits_of(f: Finding, kind: type[_E]) -> list[_E]:
    """The exhibits of one kind."""
    return [x for x in f.exhibits if isinstance(x, kind)]


def counts(e: Estimate) -> bool:
    """True for a group that takes part in gaps: defined, and not too small."""
    return e.value is not None and e.state not in ("sparse", "undefined")
