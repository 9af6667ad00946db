"""Section "What would help": every remedy under every rule, today's model first; and what equal selection costs."""

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.formatting import in_unit, percent, points, unit_for
from auditkit.records import Frontier, GroupSelected, Remedies, Remedy, RemedyAnswer, Status, Verdict
from auditkit.report.html.geometry import Axis, axis_between, axis_over
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.metrics import Answers
from auditkit.report.html.rules import ranked
from auditkit.report.html.tried import TODAY, attributes, name, plural, standing, threshold_rules, verdict
from auditkit.report.html.views import Drawn
from auditkit.report.verdict_words import asked, kind_of_verdict
from auditkit.report.vocabulary import by_words, listed, number, shown, upper_first

MOST_GROUPS = 2
"""Groups whose change is told in a row of the table; the fold has all."""
LONGEST = 40
"""Characters of a rule's name in the head of the table."""
CLEAR = 24.0
"""Percent of the plot's width that a label takes: labels nearer to its right edge stand on the left of their line."""
TOP = 12.0
"""Percent from the top up to which there is no room for a label above a mark."""


class Column(NamedTuple):
    """One rule, or one gap where there is no policy."""

    at: int
    """Position among the answers."""
    name: str
    limit: str
    anchor: str
    """Where the gate shows it; empty: nowhere."""
    unit: str


class Cell(NamedTuple):
    """One answer."""

    status: Status | None
    value: str


class Row(NamedTuple):
    """One remedy."""

    label: str
    people: str
    """By which attributes, and whom it selects more and less often."""
    cells: tuple[Cell | None, ...]
    accuracy: str


class Label(NamedTuple):
    """Text in the plot, in percent."""

    x: float
    y: float
    dx: int
    """Pixels to the right."""
    dy: int
    """Pixels down."""
    end: bool
    """Whether it ends there; else it begins."""
    text: str


class FrontierView(NamedTuple):
    """The figure, all places in percent of its box."""

    title: str
    subtitle: str
    words: str
    """The picture for those who hear it."""
    path: str
    """In a box of 1000 × 1000."""
    x: Axis
    y: Axis
    y_ticks: tuple[tuple[float, str], ...]
    today: tuple[float, float]
    limits: tuple[float, ...]
    labels: tuple[Label, ...]


class View(NamedTuple):
    """The section, without what it folds."""

    lead: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """Today's model, one threshold for all, and what no other remedy outdoes."""
    folded: tuple[Row, ...]
    """The others."""
    note: str
    frontier: FrontierView | None
    caution: str
    missing: tuple[str, ...]
    """Why there is no remedy for some groups."""
    fold: Answers | None
    """All findings; their curves only where there is no frontier in whose place they would stand."""


CAUTION = (
    "Thresholds by group, and lots, are unlawful in many places in employment, credit and housing: take legal advice "
    "first."
)


def view(look: Lookup, findings: Answers | None = None) -> View | None:
    """The section, with its findings; None where the report holds no remedies under its rules (none exists, or it is an
    older report)."""
    told = look.report.remedies
    if told is None or not (told.gaps or len(told.rows[0].answers) == len(look.report.verdicts)):
        return None
    asked_ = threshold_rules(told)
    columns = [c for c in _columns(look, told) if c.at in asked_]
    kept = [r for i, r in enumerate(told.rows) if not r.by or not _outdone(told, i, asked_)]
    lead = _by_gaps(look, told) if told.gaps else verdict(standing(look.report, asked_), kept)
    others = [r for r in told.rows if r not in kept]
    frontier = _frontier(look, told)
    return View(
        lead,
        tuple(columns),
        tuple(_row(look, r, columns) for r in kept),
        tuple(_row(look, r, columns) for r in others) if look.roomy else (),
        _note(look, told, kept, len(others)),
        frontier,
        CAUTION if any(r.by for r in told.rows) else "",
        () if findings is None else findings.missing,
        findings if findings is None else _folded(findings, curves=frontier is None),
    )


def why_none(look: Lookup) -> str:
    """Why there is nothing to tell where nobody could have asked for it; empty where somebody could."""
    kind = look.report.provenance.data.kind
    what = "one of several classes" if kind.several else "numbers" if kind.numeric else "several outcomes"
    does = kind.makes or f"predicts {what}"
    return "" if kind.yes_no else f"remedies are thresholds on scores of yes or no; this model {does}."


def _folded(told: Answers, *, curves: bool) -> Answers:
    def kept(drawn: Sequence[Drawn]) -> tuple[Drawn, ...]:
        return tuple(d for d in drawn if curves or d.kind != "curve")

    figures = tuple(a._replace(open=kept(a.open), folded=kept(a.folded)) for a in told.answers)
    return told._replace(answers=figures, null_drawn=kept(told.null_drawn), missing=())


def labels(view: View | None) -> list[str]:
    """What stands before each value of a row where the table's head does not: on a phone."""
    return [] if view is None else [*(c.name for c in view.columns), "Accuracy"]


_BETTER: tuple[Status, ...] = ("pass", "inconclusive", "not_measured", "fail")


def _outdone(told: Remedies, i: int, columns: Sequence[int]) -> bool:
    """Whether another row is as good under every rule and in accuracy, and better in one; of equals the first stays."""
    own = _merits(told.rows[i], columns)
    for k, other in enumerate(told.rows):
        theirs = _merits(other, columns)
        if k != i and all(a >= b for a, b in zip(theirs, own, strict=True)) and (theirs != own or k < i):
            return True
    return False


def _merits(r: Remedy, columns: Sequence[int]) -> list[float]:
    """The more the better: of every rule its state, of a gap its size; accuracy as it is written."""
    told = [r.answers[c] for c in columns]
    merits = [
        -float(_BETTER.index(a.status)) if a and a.status else -(a.value if a and a.value is not None else 2.0)
        for a in told
    ]
    return [*merits, round(r.accuracy, 3)]


def _columns(look: Lookup, told: Remedies) -> list[Column]:
    """The rules in the order of the gate, or the gaps."""
    if told.gaps:
        return [
            Column(i, f"{look.say.short(g.metric)}, {by_words(g.by)}", "points apart", "", "points")
            for i, g in enumerate(told.gaps)
        ]
    verdicts = look.report.verdicts
    anchors = {v.rule.id: i for i, v in enumerate(ranked(verdicts), 1)}
    order = sorted(range(len(verdicts)), key=lambda i: anchors[verdicts[i].rule.id])
    return [_rule(look, i, verdicts[i], anchors[verdicts[i].rule.id]) for i in order]


def _rule(look: Lookup, i: int, v: Verdict, place: int) -> Column:
    of = kind_of_verdict(look.report, v)
    return Column(
        i,
        shown(v.rule.id, longest=LONGEST),
        asked(v.rule, of, signs=True),
        f"rule-{place}",
        unit_for(v.rule.comparison, of),
    )


def _row(look: Lookup, r: Remedy, columns: Sequence[Column]) -> Row:
    return Row(
        label=_label(r),
        people=": ".join(filter(None, (attributes(r), _people(look, r.selected)))),
        cells=tuple(_cell(r.answers[c.at], c) for c in columns),
        accuracy=percent(r.accuracy),
    )


def _label(r: Remedy) -> str:
    return TODAY if not r.words else upper_first(shown(r.words)) + (", with lots" if r.lots else "")


def _people(look: Lookup, people: Sequence[GroupSelected]) -> str:
    """The largest changes: "417 more women, 783 fewer men"."""
    moved = sorted((p for p in people if p.change), key=lambda p: -abs(p.change or 0))
    kept = moved[:MOST_GROUPS]
    told = [f"{abs(p.change or 0):,} {'more' if (p.change or 0) > 0 else 'fewer'} {_whom(look, p)}" for p in kept]
    return ", ".join(told) + (", …" if len(moved) > len(kept) else "")


def _whom(look: Lookup, p: GroupSelected) -> str:
    return look.say.mention(p.group)


def _cell(a: RemedyAnswer | None, c: Column) -> Cell | None:
    if a is None:
        return None
    return Cell(a.status, in_unit(a.value, c.unit, named=c.unit != "percent"))


def _by_gaps(look: Lookup, told: Remedies) -> str:
    """Without a policy: what leaves the smallest gap in the first of the gaps."""
    g, today = told.gaps[0], told.rows[0].answers[0]
    known = [(a.value, r) for r in told.rows[1:] if (a := r.answers[0]) is not None and a.value is not None]
    if today is None or today.value is None or not known:
        return "No policy was given: remedies are told by the differences that they leave."
    value, best = min(known, key=lambda x: x[0])
    what = f"the smallest difference in who is {look.say.short(g.metric)}, by {by_words(g.by)}"
    verb = "leave" if plural([best]) else "leaves"
    return f"{upper_first(name(best))} {verb} {what}: {points(value)} points, today {points(today.value)}."


def _note(look: Lookup, told: Remedies, kept: Sequence[Remedy], folded: int) -> str:
    """How the rows below today's were judged, and how many are not shown."""
    level = "" if told.gaps else ", each rule alone (today's as in the gate)"
    parts = [
        f"Judged on rows that did not choose the thresholds{level}.",
    ]
    if look.report.provenance.data.missing_target:
        parts.append("Rows without a truth are in none but today's.")
    if any(r.lots for r in kept):
        parts.append("“With lots”: chance decides some rows, since one threshold a group cannot make the rates equal.")
    if folded:
        where = "Folded" if look.roomy else "In the page of --full"
        parts.append(f"{where}: {number(folded)} that another outdoes or equals in all of this.")
    return " ".join(parts)


def _frontier(look: Lookup, told: Remedies) -> FrontierView | None:
    f = told.frontier
    if f is None or len(f.gap) < 2:
        return None
    (gap, accuracy), gaps = f.today, [*f.gap, f.today[0], *(at.gap for at in f.limits)]
    x = axis_over(gaps, "points")
    low, high = min(*f.accuracy, accuracy), max(*f.accuracy, accuracy)
    y = axis_between(low, high)._replace(unit="percent")
    line = sorted(zip(f.gap, f.accuracy, strict=True))
    path = "M" + " ".join(f"{10 * x.at(g):.0f} {1000 - 10 * y.at(a):.0f}" for g, a in line)
    rules = {v.rule.id: v for v in look.report.verdicts}
    limits = [(x.at(at.gap), rules[at.rule]) for at in f.limits if at.rule in rules]
    at = (x.at(gap), round(100 - y.at(accuracy), 1))
    above = -14 if at[1] > TOP else 16
    today = Label(*at, 0, above, at[0] > 50, TODAY)
    labels = [today, *(_beside(where, 94.0 - 9 * i, _limit(look, v)) for i, (where, v) in enumerate(limits))]
    return FrontierView(
        title=_traded(f),
        subtitle=(
            f"Across: points between selection rates by {listed([shown(a) for a in f.by])}. Up: the greatest accuracy "
            "of thresholds by group there, with lots, on rows that did not choose them; it does not begin at 0."
        ),
        words=f"Accuracy from {percent(line[0][1])} at {points(line[0][0])} points to {percent(line[-1][1])} at "
        f"{points(line[-1][0])} points; today's model {percent(accuracy)} at {points(gap)} points",
        path=path,
        x=x,
        y=y,
        y_ticks=tuple((round(100 - at_, 2), words) for at_, words in y.ticks),
        today=at,
        limits=tuple(where for where, _ in limits),
        labels=tuple(labels),
    )


def _beside(x: float, y: float, text: str) -> Label:
    end = x > 100 - CLEAR
    return Label(x, y, -6 if end else 6, 0, end, text)


def _limit(look: Lookup, v: Verdict) -> str:
    return f"limit: {asked(v.rule, kind_of_verdict(look.report, v), signs=True)}"


def _traded(f: Frontier) -> str:
    """What the smallest gap on the line costs beside today's model."""
    i = min(range(len(f.gap)), key=lambda k: f.gap[k])
    now, least = points(f.today[0]), points(f.gap[i])
    if f.gap[i] >= f.today[0] or now == least:
        return f"Thresholds by group would not bring selection rates nearer than they are, {now} points apart"
    lost = points(f.today[1] - f.accuracy[i])
    cost = (
        f"would cost {lost} points of accuracy"
        if f.accuracy[i] < f.today[1] and lost != "0.0"
        else "would cost no accuracy"
    )
    return f"To bring {now} points between selection rates down to {least} {cost}"
