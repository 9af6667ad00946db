"""Figure 7.3, rates by group: small charts of one metric each, all from 0 on one axis."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from auditkit.formatting import decimals, percent
from auditkit.records import Estimate
from auditkit.report.html import limits
from auditkit.report.html.exhibits import MOST, Block, Chart, Named, chart, row_of
from auditkit.report.html.figures import Figure, Names, TableView, bracketed, cells, counted, level_text
from auditkit.report.html.geometry import share_axis
from auditkit.report.html.lookup import By, Lookup, established
from auditkit.report.places import RIGHT
from auditkit.report.vocabulary import by_words, listed, shown, upper_first


class Rates(NamedTuple):
    """The figure."""

    figure: Figure
    charts: tuple[Chart, ...]


def view(look: Lookup, name: str, metrics: Sequence[str], names: Names) -> Rates | None:
    """Rates of single attributes; None if no attribute was declared."""
    bys: list[By] = [by for by in look.bys() if len(by) == 1]
    first = next((g for m in metrics for by in bys for g in look.groups(m, by)), None)
    once = look.told_once([*look.metrics(), *metrics])
    drawn = [m for m in metrics if m in once and any(look.groups(m, by) for by in bys)]
    if first is None or not drawn:
        return None
    charts = tuple(_chart(look, m, bys) for m in drawn)
    tick = limits.TICK if any(c.limited for c in charts) else ""
    dotted = " Dotted line: everybody." if any(c.everybody is not None for c in charts) else ""
    line = f"Line: {level_text(first.estimate)} interval.{dotted}{tick}"
    many = listed([by_words(by) for by in bys if any(len(look.groups(m, by)) > MOST for m in metrics)])
    cut = f" Of {many} the {MOST} groups surest to differ from everybody are drawn." if many else ""
    figure = Figure(
        name=name,
        title=_title(look, drawn, bys),
        subtitle=f"Share of each group, in percent. {line}{cut}",
        sentence=_sentence(charts),
        table=_table(look, metrics, bys),
    )
    return Rates(names.figure(figure), charts)


def overall(look: Lookup, names: Names) -> Rates | None:
    """The whole model: one row a metric."""
    found = [f for f in look.report.findings if f.concern == "performance" and not f.by and look.in_rates(f)]
    if not found:
        return None
    axis = share_axis(1.0)
    rows = tuple(
        row_of(axis, upper_first(look.say.phrase(f.metric)), f.estimate, "n", limits.of_finding(look, f)) for f in found
    )
    once = look.told_once(f.metric for f in found)
    drawn = Chart("", (Block("", tuple(r for r, f in zip(rows, found, strict=True) if f.metric in once)),), axis)
    right = next((f for f in found if f.metric == RIGHT and f.estimate.value is not None), None)
    title = "The model over everybody"
    if right is not None:
        title = f"{decimals(100 * (right.estimate.value or 0.0), 0)} of every 100 decisions are right"
    figure = Figure(
        name="Everybody",
        title=title,
        subtitle=f"Share of everybody who counts, in percent. Line: {level_text(found[0].estimate)} interval."
        + (limits.TICK if drawn.limited else ""),
        sentence=_majority(look) or "Each share has its own denominator: the people it counts stand under its name.",
        table=TableView(
            "The whole model",
            ("Share", "Value", "Interval", "Counted"),
            tuple((r.label, *cells(f.estimate), f"{counted(f.estimate):,}") for r, f in zip(rows, found, strict=True)),
        ),
    )
    return Rates(names.figure(figure), (drawn,))


def _majority(look: Lookup) -> str:
    """What always giving the commoner answer would reach; needs the base rate of everybody."""
    yes, n = look.truth()
    return f"Always giving the commoner answer would be right for {percent(max(yes, n - yes) / n)} of all." if n else ""


def _chart(look: Lookup, metric: str, bys: list[By]) -> Chart:
    blocks = [("", _named(look, metric, a)) for (a,) in bys]
    title = upper_first(look.say.phrase(metric))
    return chart(title, blocks, "percent", everybody=look.overall(metric), least=0.0, few=False)


def _named(look: Lookup, metric: str, attribute: str) -> list[Named]:
    limit = limits.of_groups(look, metric, (attribute,))
    return [
        Named(look.say.label(g.group), g.estimate, look.shape(attribute, g.group[attribute]), limit)
        for g in look.groups(metric, (attribute,))
    ]


def _title(look: Lookup, metrics: Sequence[str], bys: list[By]) -> str:
    gaps = [f for m in metrics for by in bys if (f := look.finding(m, "difference", by)) and established(f)]
    if not gaps:
        return "No difference between groups is established"
    f = max(gaps, key=lambda f: f.estimate.low or 0.0)
    low, high = (f"{look.say.mention(g.group)} {percent(g.estimate)}" for g in look.sides(f))
    return f"{upper_first(look.say.short(f.metric))}: {low}, {high}, the surest difference here"


def _sentence(charts: Sequence[Chart]) -> str:
    if any(row.note for c in charts for block in c.blocks for row in block.rows):
        return "Groups with fewer than 10 people to count have no mark: too few to tell."
    return "Whether two groups differ, the interval of their gap decides, not overlap."


def _table(look: Lookup, metrics: Sequence[str], bys: list[By]) -> TableView:
    rows = [row for by in bys for row in group_rows(look, metrics, by, lambda _, e: bracketed(*cells(e)))]
    columns = (listed([shown(b[0]) for b in bys]), *(upper_first(look.say.short(m)) for m in metrics))
    caption = f"Rates by group: {listed([look.say.short(m) for m in metrics])}"
    return TableView(caption, columns, tuple(rows))


def group_rows(
    look: Lookup, metrics: Sequence[str], by: By, write: Callable[[str, Estimate | None], str]
) -> list[tuple[str, ...]]:
    """A row a group, a cell a metric: `write` is given the metric and what the group has of it."""
    found = [(m, look.by_group(m, by)) for m in metrics]
    keys = dict.fromkeys(key for _, groups in found for key in groups)
    labels = {key: look.say.label(dict(zip(by, key, strict=True))) for key in keys}
    return [(label, *(write(m, groups.get(key)) for m, groups in found)) for key, label in labels.items()]
