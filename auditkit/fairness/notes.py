"""What every finding over groups has in common: its record, its id and its title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditkit.catalogue.index import METRICS
from auditkit.records import Comparison, Concern, Estimate, Exhibit, Finding, GroupEstimate, Surest


def finding_id(
    concern: str, metric: str, comparison: str, by: Sequence[str], reference: Mapping[str, str] | None = None
) -> str:
    """concern/metric/comparison/attributes, an attribute with its reference value where there is one.

    >>> finding_id("fairness", "f1", "difference_to_reference", ("sex", "race"), {"sex": "m", "race": "a"})
    'fairness/f1/difference_to_reference/sex=m+race=a'
    """
    where = [name if reference is None else f"{name}={reference[name]}" for name in by]
    return "/".join([concern, metric, comparison, *(["+".join(where)] if where else [])])


def title_of(metric: str, by: Sequence[str], comparison: str = "") -> str:
    """A metric, the comparison where it is named, and the attributes.

    >>> title_of("f1", ["race", "sex"]), title_of("f1", [], "overall")
    ('F1 score, race and sex', 'F1 score, overall')
    """
    return ", ".join(x for x in (METRICS[metric].title, comparison, " and ".join(by)) if x)


def p_text(p: float, equal: str = "", less: str = "less than ") -> str:
    """A p-value in a sentence.

    >>> p_text(0.0312), p_text(1e-9), p_text(1e-9, "p = ", "p < ")
    ('0.031', 'less than 0.001', 'p < 0.001')
    """
    return f"{less}0.001" if p < 0.001 else f"{equal}{p:.3f}"


def finding(
    metric: str,
    comparison: Comparison,
    by: Sequence[str],
    estimate: Estimate,
    statement: str,
    *,
    concern: Concern = "fairness",
    title: str = "",
    suffix: str = "",
    reference: Mapping[str, str] | None = None,
    by_group: Sequence[GroupEstimate] = (),
    exhibits: Sequence[Exhibit] = (),
    notes: Sequence[str] = (),
    surest: Surest | None = None,
    p: float | None = None,
) -> Finding:
    """One comparison of a metric over the groups of some attributes, or its value over everybody (`by=()`).

    `title`: empty for the metric's, the comparison and the attributes; `suffix` ends the id.
    """
    return Finding(
        id=finding_id(concern, metric, comparison, by, reference) + suffix,
        concern=concern,
        title=title or title_of(metric, by, comparison.replace("_", " ")),
        statement=statement,
        metric=metric,
        comparison=comparison,
        by=tuple(by),
        reference=reference,
        estimate=estimate,
        surest=surest,
        p=p,
        by_group=tuple(by_group),
        exhibits=tuple(exhibits),
        notes=tuple(notes),
        references=(METRICS[metric].reference,),
    )
