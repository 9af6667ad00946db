"""Every metric and check as data: what it is, how it is computed, what it is held to. No numpy, no computing.

To add a rate, add one entry in `confusion.py`: its numerator and denominator are cells of the table of truth and
decision, and everything else (values, intervals, gaps, findings, report, `auditkit explain`) follows from them.
"""

from __future__ import annotations

from auditkit.catalogue import (
    cases,
    composites,
    conditional,
    confusion,
    dispersion,
    explanations,
    gaps,
    impact,
    inside,
    layers,
    multiclass,
    profiles,
    regression,
    robustness,
    rows,
    scores,
    searches,
    trust,
)
from auditkit.catalogue.metric import Metric
from auditkit.errors import PolicyError, nearest

_HOMES = (
    confusion,
    composites,
    dispersion,
    conditional,
    multiclass,
    regression,
    scores,
    explanations,
    gaps,
    layers,
    trust,
    searches,
    profiles,
    rows,
    impact,
    robustness,
    cases,
    inside,
)

METRICS: dict[str, Metric] = {m.name: m for home in _HOMES for m in home.METRICS}

ALIASES: dict[str, tuple[str, str | None]] = (
    confusion.ALIASES | composites.ALIASES | scores.ALIASES | multiclass.ALIASES | regression.ALIASES
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
    for comparison in _DERIVED:
        of = name.removesuffix(f"_{comparison}")
        metric, implied = (of, None) if of in METRICS else ALIASES.get(of, ("", None))
        if of != name and metric and not implied and comparison in METRICS[metric].comparisons:
            return metric, comparison
    hint = nearest(name, [*METRICS, *ALIASES]) or " `auditkit explain all` lists them."
    raise PolicyError(f"unknown metric '{name}'.{hint}")


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
