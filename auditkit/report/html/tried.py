"""Which of the remedies that were tried meet the rules: for the section of remedies, and for what to do next."""

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.records import Remedies, Remedy, RemedyAnswer, Report, Status
from auditkit.report.vocabulary import listed, number, shown, upper_first

TODAY = "Today's model"


class Standing(NamedTuple):
    """Today's model and every remedy, by what the rules that thresholds can change say of it."""

    of: str
    """Which rules: "both rules"; empty where there is none."""
    several: bool
    """Whether these are more than one."""
    met: tuple[Remedy, ...]
    """Those that meet all of them."""
    open: tuple[Remedy, ...]
    """Those that fail none, and do not surely meet all."""
    fails: tuple[tuple[Remedy, int], ...]
    """Each, today's model first, with the number of these rules that it fails."""


def threshold_rules(told: Remedies) -> list[int]:
    """The positions of the rules that some remedy says something of."""
    return [i for i in range(len(told.rows[0].answers)) if any(r.answers[i] is not None for r in told.rows[1:])]


def standing(report: Report, asked: Sequence[int]) -> Standing:
    """How the remedies of a report stand under these of its rules; it has some."""
    assert report.remedies is not None, "asked only of a report with remedies"
    rows = report.remedies.rows
    states = [[_status(r.answers[i]) for i in asked] for r in rows]
    met = tuple(r for r, s in zip(rows, states, strict=True) if set(s) == {"pass"})
    open_ = tuple(r for r, s in zip(rows, states, strict=True) if "fail" not in s and set(s) != {"pass"})
    fails = tuple((r, s.count("fail")) for r, s in zip(rows, states, strict=True))
    of = _all_rules(len(asked), len(report.verdicts)) if asked else ""
    return Standing(of, len(asked) > 1, met, open_, fails)


def verdict(s: Standing, kept: Sequence[Remedy]) -> str:
    """Which of the rows meet all rules, with the undecided told as such; of those shown, which fail the fewest."""
    if not s.of:
        return "The policy has no rule that a threshold could change."
    if s.met:
        others = f" Of {these(s.open)} it is not decided." if s.open else ""
        only = "only " if len(s.met) == 1 and not s.open else ""
        verb = "meet" if plural(s.met) else "meets"
        again = (
            " Of many remedies some look good by chance: audit what you choose on new rows." if s.met[-1].words else ""
        )
        return upper_first(f"{only}{these(s.met)} {verb} {s.of}.{others}{again}")
    if s.open:
        fail, verb = ("fail", "are") if plural(s.open) else ("fails", "is")
        return (
            f"None of these is established to meet {s.of}. {upper_first(these(s.open))} {fail} none, and {verb} "
            "undecided, or not measured, on some."
        )
    return f"None of these meets {s.of}.{_fewest(s.fails, kept) if s.several else ''}"


def name(r: Remedy) -> str:
    """A remedy inside a sentence."""
    if not r.words:
        return TODAY[0].lower() + TODAY[1:]
    by = f" {attributes(r)}" if r.by else ""
    return f"{shown(r.words)}{by}{' with lots' if r.lots else ''}"


def attributes(r: Remedy) -> str:
    """By whose groups it decides: "by sex and race"; empty where it is for everybody."""
    return f"by {listed([shown(a) for a in r.by])}" if r.by else ""


def these(rows: Sequence[Remedy]) -> str:
    """Names of up to three, else how many."""
    return listed([name(r) for r in rows]) if len(rows) <= 3 else f"{number(len(rows))} of these"


def plural(rows: Sequence[Remedy]) -> bool:
    """Whether they take a plural verb: several, or the equal rates of groups."""
    return len(rows) > 1 or bool(rows[0].by)


def _all_rules(judged: int, every: int) -> str:
    if judged == every:
        return "the one rule" if every == 1 else "both rules" if every == 2 else f"all {number(every)} rules"
    rest = f"of {number(every)}, {'that' if judged == 1 else 'those'} which thresholds can change"
    return f"the one rule ({rest})" if judged == 1 else f"the {number(judged)} rules ({rest})"


def _status(a: RemedyAnswer | None) -> Status:
    return "not_measured" if a is None or a.status is None else a.status


def _fewest(fails: Sequence[tuple[Remedy, int]], kept: Sequence[Remedy]) -> str:
    """Which remedies fail the fewest rules for sure, beside today's model."""
    (_, now), *then = fails
    least = min((n for _, n in then), default=now)
    if least >= now:
        return f" None fails fewer than today's model, which fails {number(now)}." if then else ""
    best = [r for r, n in then if n == least and r in kept]
    verb = "fail" if plural(best) else "fails"
    return f" {upper_first(these(best))} {verb} the fewest, {number(least)}; today's model fails {number(now)}."
