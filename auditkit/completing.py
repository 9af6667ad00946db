"""What every finding says beside what its check made of it: that rows are weighted or dependent where the check did not
look at that, and how another package's metric is written. Of an audit, and of a rule that is answered later."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.catalogue.index import METRICS, others
from auditkit.check import BaseCheck, Check
from auditkit.records import Finding, Weighting


def completed(
    findings: Sequence[Finding],
    check: Check | type[BaseCheck] | None,
    weighting: Weighting | None,
    notes: Sequence[str] = (),
) -> list[Finding]:
    """The findings of a check, with a note and a last sentence for each thing of the rows that it does not look at.

    `notes` are of the same kind, and stand last. Of an unknown check (None) nothing is said of weights. Metrics of
    another package are written and read as it says, since it may not be there where the report is read.

    What is blind to weights or clusters is of other rows than those that the report is about, or takes them for more
    than they are: it is never asserted (`Finding.aside`).
    """
    unused = [] if check is None else _unused(check, weighting)
    aside = bool(unused) and weighting is not None and bool(weighting.weights or weighting.cluster)
    added = (*(note for _, note in unused), *notes)
    caveat = f" Here {'; '.join(said for said, _ in unused)}." if unused else ""
    return [
        f.model_copy(
            update={
                "notes": (*f.notes, *added),
                "statement": f.statement + caveat * bool(f.statement),
                "aside": aside,
                **_written(f),
            }
        )
        for f in findings
    ]


def _unused(check: Check | type[BaseCheck], weighting: Weighting | None) -> list[tuple[str, str]]:
    """What a statement says, and its note, for each thing of the rows that the check does not look at."""
    if weighting is None:
        return []
    out = []
    if weighting.weights and not check.uses_weights:
        note = f"weights not used: every row counts once, whatever its '{weighting.weights}'"
        out.append(("every row counts once, whatever its weight", note))
    if weighting.cluster and not (check.uses_weights or getattr(check, "uses_clusters", False)):
        rows = f"rows of one '{weighting.cluster}' count as independent, and intervals can be too narrow"
        out.append((
            "rows of one cluster count as independent, so that intervals can be too narrow",
            f"clusters not used: {rows}",
        ))  # fmt: skip
    if weighting.strata and not getattr(check, "uses_strata", check.uses_weights):
        note = f"strata not used: rows count as drawn from all at once, whatever their '{weighting.strata}'"
        out.append(("rows count as drawn from all strata at once", note))
    return out


def _written(f: Finding) -> dict[str, str]:
    metric = METRICS[f.metric] if f.metric in others() else None
    return {} if metric is None else {"unit": f.unit or metric.unit, "direction": f.direction or metric.direction}
