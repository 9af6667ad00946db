"""A plan in words: as text, and as a piece of a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.formatting import NOTHING, confidence, limit, percent, printable, quantity
from auditkit.plans import Plan, PlannedGroup, PlannedRule
from auditkit.report.verdict_words import asked
from auditkit.report.vocabulary import listed, shown

HEADS = ("Group", "Rows", "To count", "Fails from", "Rows to pass")


def as_text(plan: Plan) -> str:
    """Sizes, then a table and plain sentences for each rule."""
    lines = [_head(plan)]
    for rule in plan.rules:
        lines += ["", title(rule)]
        rows = [HEADS, *map(tuple, _rows(rule))] if rule.groups else []
        widths = [max(len(r[i]) for r in rows) for i in range(len(HEADS))] if rows else []
        for row in rows:
            cells = (c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            lines.append(f"  {'  '.join(cells)}".rstrip())
        lines += [f"  {s}" for s in sentences(plan, rule)]
    if plan.notes:
        lines += ["", *plan.notes]
    return "\n".join(map(printable, lines))


def as_html(plan: Plan) -> str:
    """The same, escaped, without a style or a script."""
    parts = [Markup("<p><strong>{}</strong></p>").format(_head(plan))]
    for rule in plan.rules:
        parts.append(Markup("<p><strong>{}</strong></p>").format(title(rule)))
        if rule.groups:
            head = Markup("").join(Markup('<th scope="col">{}</th>').format(h) for h in HEADS)
            body = Markup("").join(
                Markup('<tr><th scope="row">{}</th>{}</tr>').format(
                    r[0], Markup("").join(Markup("<td>{}</td>").format(c) for c in r[1:])
                )
                for r in _rows(rule)
            )
            parts.append(Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body))
        parts.append(Markup("<p>{}</p>").format(" ".join(sentences(plan, rule))))
    parts += [Markup("<p><small>{}</small></p>").format(n) for n in plan.notes]
    return str(Markup("<div>{}</div>").format(Markup("").join(parts)))


def _head(plan: Plan) -> str:
    sizes = "; ".join(
        f"{shown(a)}: {', '.join(f'{shown(v)} {n:,}' for v, n in values.items())}"
        for a, values in plan.attributes.items()
    )
    return f"What an audit could see of {sizes} rows, {percent(plan.power)} of the time"


def _who(group: Mapping[str, str]) -> str:
    return group_words(map(shown, group), map(shown, group.values())) or "everybody"


def title(p: PlannedRule) -> str:
    """ "tpr: true_positive_rate, difference by sex, at most 10 points"."""
    r = p.rule
    by = f" by {' & '.join(map(shown, r.by))}" if r.by else ""
    return f"{shown(r.id)}: {r.metric}, {r.comparison.replace('_', ' ')}{by}, {asked(r, METRICS[r.metric].unit)}"


def _rows(p: PlannedRule) -> Iterator[Sequence[str]]:
    for g in p.groups:
        name = _who(g.group)
        needed = NOTHING if g.rows_needed is None else f"{g.rows_needed:,}"
        few = " (too few)" if g.too_few else ""
        yield name, f"{g.rows:,}", f"{g.counted:,.0f}{few}", _edge(p, g.fails_from), needed


def _edge(p: PlannedRule, x: float | None) -> str:
    """A departure in the unit of the rule."""
    if x is None:
        return NOTHING
    return quantity(x, p.rule.comparison, of=METRICS[p.rule.metric].unit)


def sentences(plan: Plan, p: PlannedRule) -> list[str]:
    """What the numbers mean, for somebody who has to decide how many rows to collect."""
    if p.sentences:
        return list(p.sentences)
    name = METRICS[p.rule.metric].title.partition(" (")[0].lower()
    told = [f"The {name} of every group is taken to be {percent(p.rate or 0.0)} (--rate says another)."]
    small = [g for g in p.groups if g.too_few]
    if small:
        names = listed([_who(g.group) for g in small])
        told.append(f"Too few, below min_n = {p.rule.min_n}, and left out: {names}.")
    return [*told, *_fails(plan, p), *_passes(plan, p)]


def _fails(plan: Plan, p: PlannedRule) -> Iterator[str]:
    at = f"with a chance of {percent(plan.power)}, at {confidence(p.fail_level)} confidence"
    if not p.can_fail:
        yield "It can never fail at these sizes: not even the largest gap that there is would lie beyond the limit."
        return
    if p.fails_from is None:
        yield f"No gap of every group fails it {at}: some are too small for that."
    elif p.rule.comparison.startswith("ratio"):
        yield f"It fails {at}, where the true ratio of any group is {_edge(p, p.fails_from)} or less."
        yield _beyond(p, "ratio")
    elif p.rule.comparison.startswith("difference"):
        yield f"It fails {at}, where the true gap of any group is {_edge(p, p.fails_from)} or more."
        yield _beyond(p, "gap")
    else:
        more = "less" if p.rule.at_least is not None else "more"
        yield f"It fails {at}, where the true value is {_edge(p, p.fails_from)} or {more}."
    if p.seen_from is not None:
        yield f"A gap is told from none at all from about {_edge(p, p.seen_from)} on."


def _beyond(p: PlannedRule, what: str) -> str:
    """Why it fails only from beyond its limit."""
    least = limit(p.rule.limit, p.rule.comparison, of=METRICS[p.rule.metric].unit)
    return f"A true {what} between the limit of {least} and that breaks it too, but fails it with a smaller chance."


def _passes(plan: Plan, p: PlannedRule) -> Iterator[str]:
    true = "nothing is wrong" if not p.truth else f"the worst group is off by {percent(p.truth)} in truth"
    chance = f"a chance of {percent(plan.power)}"
    if not p.can_pass:
        yield f"It cannot pass at these sizes: where {true}, even without chance the interval crosses the limit."
    elif p.passes:
        yield f"Where {true}, it passes with {chance} or more."
    else:
        yield f"Where {true}, it passes with less than {chance}: it would often stay undecided."
    if p.counted_needed is None:
        yield f"No number of rows up to ten million a group lets it pass with {chance}."
        return
    lack = [g for g in p.groups if g.rows_needed is not None and g.rows < g.rows_needed]
    each = f"To pass so, every group needs {p.counted_needed:,} to count"
    yield f"{each}; {_lacking(lack)}." if lack else f"{each}, and has them."


def _lacking(lack: Sequence[PlannedGroup]) -> str:
    few = [f"{_who(g.group)} {g.rows_needed:,} rows" for g in lack[:5]]
    return f"that is {listed(few)}" + (f", and {len(lack) - 5} more groups" if len(lack) > 5 else "")
