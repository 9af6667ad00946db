"""What changed between reports, as one page in the look of a report: no script, no request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from auditkit.comparing.changes import Changes, Point, RuleChange, Step, Trend
from auditkit.formatting import NOTHING, limit, quantity, unit_for
from auditkit.records import Status
from auditkit.report.compared.text import outcome, title
from auditkit.report.html.geometry import Axis, axis_between, axis_over
from auditkit.report.html.page import css_text, environment, tight
from auditkit.report.vocabulary import STATUS, range_in, shown, upper_first

LONGEST = 1_000
"""Characters of a sentence."""
MOST = 200
"""Rows of a table; the JSON has all."""


class Row(NamedTuple):
    """One rule: then and now."""

    state: Status | None
    kind: str
    statement: str
    old: str
    new: str
    grave: bool


class Dot(NamedTuple):
    """A rule in one report, on its chart."""

    x: float
    y: float
    status: Status


class Course(NamedTuple):
    """A rule along time: a chart, and its cells."""

    id: str
    path: str
    bars: str
    dots: tuple[Dot, ...]
    limit: float | None
    """Of the newest report; percent from the top."""
    ends: tuple[str, str]
    """What the top and the bottom of the chart are."""
    words: str
    cells: tuple[tuple[Status | None, str, str], ...]


class StepView(NamedTuple):
    """One comparison."""

    title: str
    anchor: str
    summary: str
    seen: str
    cautions: tuple[str, ...]
    nothing: bool
    rules: tuple[Row, ...]
    policy: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    told: tuple[tuple[str, str], ...]
    """Numbers that moved, each gap once."""
    numbers: tuple[tuple[str, str], ...]
    """All of them."""
    compared: int
    lost: tuple[str, ...]
    gained: tuple[str, ...]


def render(changes: Changes) -> str:
    """The page, complete in one string. Every name is text."""
    new = changes.reports[changes.step.new]
    footer = css_text(f"{shown(new.name)} · comparison · {new.created:%Y-%m-%d}")
    sheets = (environment().get_template(name) for name in ("style.css", "compared.css"))
    style = "".join(sheet.render(footer=footer, labels=[]) for sheet in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return tight(
        environment()
        .get_template("compared.html.jinja")
        .render(
            content_security_policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'",
            style=Markup(style),
            version=shown(new.auditkit),
            title=f"{shown(new.name)}: what changed",
            passed=changes.passed,
            outcome=outcome(changes),
            reports=[_said(title(w)) for w in changes.reports],
            days=[f"{w.created:%Y-%m-%d}" for w in changes.reports],
            steps=[_step(changes, s, i) for i, s in enumerate(changes.steps)],
            trend=[_course(t) for t in changes.trend],
        )
    )


def _said(text: str) -> str:
    return shown(text, longest=LONGEST)


def _step(changes: Changes, step: Step, i: int) -> StepView:
    return StepView(
        title=f"Against {_said(title(changes.reports[step.old]))}",
        anchor=f"step-{i + 1}",
        summary=_said(step.summary),
        seen=_said(step.seen),
        cautions=tuple(map(_said, step.cautions)),
        nothing=step.nothing,
        rules=tuple(map(_row, step.rules[:MOST])),
        policy=tuple((upper_first(c.way), _said(c.statement)) for c in step.policy[:MOST]),
        inputs=tuple(_said(c.statement) for c in step.inputs[:MOST]),
        told=tuple((upper_first(n.said), _said(n.statement)) for n in step.told[:MOST]),
        numbers=tuple((upper_first(n.said), _said(n.statement)) for n in step.numbers[:MOST]),
        compared=step.compared,
        lost=tuple(map(shown, step.no_longer_measured[:MOST])),
        gained=tuple(map(shown, step.newly_measured[:MOST])),
    )


def _row(r: RuleChange) -> Row:
    state = r.new.status if r.new is not None else None
    cells = []
    for at in (r.old, r.new):
        value = "" if at is None or at.estimate is None else quantity(at.estimate, at.rule.comparison, of=shown(r.of))
        cells.append(NOTHING if at is None else f"{STATUS[at.status]}{f', {value}' if value else ''}")
    return Row(state, upper_first(r.label), _said(r.statement), cells[0], cells[1], r.counts)


# ---- along time, in a box of 1000 × 1000


def _course(t: Trend) -> Course:
    known = [(i, p) for i, p in enumerate(t.points) if p.estimate is not None and p.estimate.value is not None]
    bound = next((p.limit for p in reversed(t.points) if p.limit is not None), None)
    axis = _axis(known, bound)
    unit = unit_for(t.comparison, t.of)
    at = _places(len(t.points))
    dots, bars, path = [], [], []
    for i, p in known:
        e = p.estimate
        assert e is not None
        assert e.value is not None
        assert p.status is not None
        y = 100 - axis.at(e.value)
        dots.append(Dot(at[i], y, p.status))
        path.append(f"{10 * at[i]:.0f} {10 * y:.0f}")
        if e.low is not None and e.high is not None:
            bars.append(f"M{10 * at[i]:.0f} {1000 - 10 * axis.at(e.low):.0f}V{1000 - 10 * axis.at(e.high):.0f}")
    cells = tuple(
        (
            p.status,
            NOTHING if p.estimate is None else quantity(p.estimate, t.comparison, of=shown(t.of)),
            range_in(p.estimate, unit),
        )
        for p in t.points
    )
    words = "; ".join(
        f"{'not asked' if s is None else STATUS[s].lower()}, {value}{f' ({between})' if between else ''}"
        for s, value, between in cells
    )
    return Course(
        id=shown(t.id),
        path=f"M{' L'.join(path)}" if path else "",
        bars="".join(bars),
        dots=tuple(dots),
        limit=None if bound is None else 100 - axis.at(bound),
        ends=tuple(limit(x, t.comparison, of=shown(t.of)) for x in (axis.high, axis.low)),  # type: ignore[arg-type]
        words=f"{shown(t.id)}, by report: {words}",
        cells=cells,
    )


def _axis(known: Sequence[tuple[int, Point]], bound: float | None) -> Axis:
    ends = [x for _, p in known if p.estimate for x in (p.estimate.value, p.estimate.low, p.estimate.high)]
    values = [x for x in [*ends, bound] if x is not None]
    least, most = min(values, default=0.0), max(values, default=1.0)
    return axis_between(least, most) if 0 < most - least < least else axis_over(values)


def _places(n: int) -> list[float]:
    """Where reports stand from left to right, in percent, away from the edges."""
    return [round(4 + 92 * i / max(n - 1, 1), 1) for i in range(n)]
