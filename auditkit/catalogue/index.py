"""Every metric and check as data: what it is, how it is computed, what it is held to. No numpy, no computing.

To add a rate, add one entry in `confusion.py`: its numerator and denominator are cells of the table of truth and
decision, and everything else (values, intervals, gaps, findings, report, `auditkit explain`) follows from them.
"""

from __future__ import annotations

from auditkit.catalogue import composites, confusion, explanations, multiclass, profiles, regression, scores, searches
from auditkit.catalogue.metric import Metric
from auditkit.errors import PolicyError, nearest

METRICS: dict[str, Metric] = {
    m.name: m
    for home in (confusion, composites, scores, explanations, searches, profiles, multiclass, regression)
    for m in home.METRICS
}

ALIASES: dict[str, tuple[str, str | None]] = (
    confusion.ALIASES | composites.ALIASES | scores.ALIASES | multiclass.ALIASES | regression.ALIASES
)
"""Other names, most of them fairlearn's → (metric, the comparison that the name implies)."""


def rates() -> tuple[str, ...]:
    """Names of the metrics that are rates over the table of truth and decision.

    >>> "precision" in rates(), "equalized_odds" in rates()
    (True, False)
    """
    return tuple(name for name, m in METRICS.items() if m.kind == "rate")


def resolve(name: str) -> tuple[str, str | None]:
    """The metric that a name or alias stands for, and the comparison that it implies.

    Raises PolicyError naming the nearest.

    >>> resolve("demographic_parity_ratio")
    ('selection_rate', 'ratio')
    """
    if name in METRICS:
        return name, None
    if name in ALIASES:
        return ALIASES[name]
    hint = nearest(name, [*METRICS, *ALIASES]) or " `auditkit explain all` lists them."
    raise PolicyError(f"unknown metric '{name}'.{hint}")


def explain(name: str) -> str:
    """A metric or check in words: definition, formula, interval, reference.

    >>> print(explain("recall").splitlines()[0])
    true_positive_rate: True positive rate (recall, sensitivity)
    """
    metric, comparison = resolve(name)
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
