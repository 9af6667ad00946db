"""What a model card tells in numbers: how the model does overall, in each group, and how far groups are apart."""

from collections.abc import Iterator
from typing import NamedTuple

from auditkit.formatting import interval, lower_first, quantity
from auditkit.records import Comparison, Estimate, Finding, Report
from auditkit.report.vocabulary import Vocabulary, by_words, measured_in, name_of, plain, shown

CONCERNS = ("performance", "fairness", "calibration")
"""What of a report is about how the model does; explanations, data and remedies are no metrics of it."""
_OWN: Comparison = "overall"
"""How the value of one group is written: as one of everybody."""


class Carded(NamedTuple):
    """A number of a model card."""

    metric: str
    """The catalogue's name; of a comparison `selection_rate_difference`, as fairlearn names it."""
    title: str
    """In words."""
    slice: str
    """Of whom: "everybody", "women", or "gender" where groups of it are compared."""
    estimate: Estimate
    value: str
    """As a reader sees it: "8.6%"."""
    interval: str
    """Likewise: "95% interval 8.0% to 9.3%"; empty where there is none."""


class Cards(NamedTuple):
    """Numbers, and what is not among them."""

    told: tuple[Carded, ...]
    undefined: int
    """Values that are 0/0, or have nothing to compare."""
    left: int
    """Values that did not fit."""


def cards(report: Report, most: int) -> Cards:
    """At most so many numbers: of everybody, then of comparisons, then of groups, each in the report's order."""
    every = [c for tier in _tiers(report) for c in tier]
    known = [c for c in every if c.estimate.value is not None]
    return Cards(tuple(known[:most]), len(every) - len(known), max(len(known) - most, 0))


def _tiers(report: Report) -> Iterator[list[Carded]]:
    say = Vocabulary.of(report)
    found = [f for f in report.findings if f.concern in CONCERNS and f.of is None]
    yield [_carded(report, f, f.estimate, _OWN, say.everybody) for f in found if f.comparison == _OWN]
    yield [_carded(report, f, f.estimate, f.comparison, by_words(f.by)) for f in found if f.comparison != _OWN]
    groups: dict[tuple[str, tuple[str, ...], str | None], Finding] = {}
    for f in found:
        if f.by_group:
            groups.setdefault((f.metric, f.by, f.label), f)
    yield [_carded(report, f, g.estimate, _OWN, say.mention(g.group)) for f in groups.values() for g in f.by_group]


def _carded(report: Report, f: Finding, e: Estimate, comparison: Comparison, who: str) -> Carded:
    of = measured_in(report, f.metric, f.unit)
    label = f", {shown(f.label)}" if f.label is not None else ""
    compared = "" if comparison == _OWN else f", {comparison.replace('_', ' ')}"
    unstable = f", {e.state}" if e.state != "ok" else ""
    sure = f"{interval(e, comparison, of=of)}{unstable}" if e.low is not None or e.high is not None else e.state
    return Carded(
        metric=plain(f.metric if comparison == _OWN else f"{f.metric}_{comparison}"),
        title=plain(f"{name_of(f.metric)}{label}{compared}"),
        slice=plain(lower_first(who) if who == "Everybody" else who),
        estimate=e,
        value=quantity(e, comparison, of=of),
        interval=sure if sure != "ok" else "",
    )
