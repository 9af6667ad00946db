"""Every metric and check as data: what it is, how it is computed, what it is held to. No numpy, no computing.

To add a rate, add one entry in `confusion.py`: its numerator and denominator are cells of the table of truth and
decision, and everything else (values, intervals, gaps, findings, report, `auditkit explain`) follows from them.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from auditkit.catalogue import (
    cases,
    changes,
    clinical,
    composites,
    confusion,
    derived,
    detections,
    explanations,
    gaps,
    generated,
    impact,
    inside,
    matches,
    measured,
    preferences,
    profiles,
    rankings,
    regression,
    rows,
    scores,
    searches,
    texts,
    trust,
)
from auditkit.catalogue.metric import Metric
from auditkit.errors import PolicyError, nearest

_HOMES = (
    confusion,
    composites,
    derived,
    regression,
    scores,
    explanations,
    gaps,
    trust,
    searches,
    profiles,
    rows,
    impact,
    cases,
    texts,
    inside,
    changes,
    measured,
    matches,
    generated,
    rankings,
    detections,
    clinical,
    preferences,
)

GROUP = "auditkit.metrics"
"""Entry point of the metrics of other packages: name → `Metric`."""


@functools.cache
def others() -> dict[str, EntryPoint]:
    """The metrics that other packages bring, by name; names of ours win."""
    return {p.name: p for p in entry_points(group=GROUP)}


def _made(name: str) -> Metric | None:
    """An entry that is made of its name."""
    return measured.made(name) or rankings.made(name) or clinical.made(name)


class _Catalogue(dict[str, Metric]):
    """Our metrics; another name is that of a measured number, or of a metric at a threshold, or looked for among those
    of other packages. To go through it gives ours."""

    def __missing__(self, name: str) -> Metric:
        if (made := _made(name)) is not None:
            return made
        point = others().get(name)
        if point is None:
            raise KeyError(name)
        try:
            found = point.load()
        except Exception as e:
            raise PolicyError(f"metric '{name}' of {point.value} cannot be loaded: {e}") from None
        if not isinstance(found, Metric) or found.name != name:
            raise PolicyError(f"metric '{name}' ({point.value}) is no `Metric` of that name")
        return found

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and _made(name) is not None) or name in others()

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


METRICS: dict[str, Metric] = _Catalogue((m.name, m) for home in _HOMES for m in home.METRICS)

ALIASES: dict[str, tuple[str, str | None]] = (
    confusion.ALIASES | composites.ALIASES | scores.ALIASES | regression.ALIASES | matches.ALIASES | detections.ALIASES
)
"""Other names, most of them fairlearn's → (metric, the comparison that the name implies)."""

_DERIVED = ("difference", "ratio", "group_min", "group_max")


def rates() -> tuple[str, ...]:
    """Names of the metrics that are rates over the table of truth and decision.

    >>> "precision" in rates(), "equalized_odds" in rates()
    (True, False)
    """
    return tuple(name for name, m in METRICS.items() if m.kind == "rate")


def resolve(name: str) -> tuple[str, str | None]:
    """The metric that a name or alias stands for in a rule, and the comparison that it implies.

    fairlearn's derived names (`recall_score_group_min`) are a name and a comparison. Raises PolicyError naming the
    nearest.

    An alias comes first: `impact_ratio` is also the name of a table.

    >>> resolve("impact_ratio"), resolve("recall_score_group_min")
    (('selection_rate', 'ratio'), ('true_positive_rate', 'group_min'))
    """
    if name in ALIASES:
        return ALIASES[name]
    if name in METRICS:
        return name, None
    if rankings.is_number(name):
        return measured.metric_of(name), None
    if (canonical := clinical.canonical(name)) in METRICS:
        return canonical, None
    for comparison in _DERIVED:
        of = name.removesuffix(f"_{comparison}")
        metric, implied = (of, None) if of in METRICS else ALIASES.get(of, ("", None))
        if of != name and metric and not implied and comparison in METRICS[metric].comparisons:
            return metric, comparison
    hint = nearest(name, [*METRICS, *others(), *ALIASES]) or " `auditkit explain all` lists them."
    raise PolicyError(f"unknown metric '{name}'.{hint}")


def unasked(metric: str) -> str:
    """Why no rule can ask of an entry that is shown, in words.

    >>> print(unasked("net_benefit"))
    'net_benefit' is asked at a threshold between 0 and 1, as in metric = "net_benefit@0.1"
    """
    try:
        clinical.canonical(metric)
    except PolicyError as e:
        return str(e)
    return f"'{metric}' is shown in the report; no rule can judge it in this version"


def explain(name: str) -> str:
    """A metric or check in words: definition, formula, interval, reference.

    >>> print(explain("recall").splitlines()[0])
    true_positive_rate: True positive rate (recall, sensitivity)
    """
    metric, comparison = (name, None) if name in METRICS else resolve(name)
    m = METRICS[metric]
    names = sorted(alias for alias, (target, _) in ALIASES.items() if target == metric)
    lines = [
        f"{m.name}: {m.title}",
        "",
        m.definition,
        "",
        f"Formula      {m.formula}",
        f"Counted of   {m.denominator_words}",
        f"Direction    {m.direction}",
        f"Comparisons  {', '.join(m.comparisons)}",
        f"Interval     {m.interval}",
        f"Held to      {m.oracle}",
        f"Reference    {m.reference}",
        f"Also called  {', '.join(names) or '-'}",
    ]
    if comparison:
        lines.insert(1, f"'{name}' is its {comparison}.")
    return "\n".join(lines)
