"""Equalized odds, worst case: the larger gap, or the smaller ratio, of the true and the false positive rate."""

from __future__ import annotations

from auditkit.catalogue.index import METRICS
from auditkit.fairness.families.estimates import Family
from auditkit.records import Comparison, Estimate
from auditkit.stats import families, pvalues
from auditkit.stats.families import FamilyInterval


def worst_odds(parts: dict[str, Family], kind: Comparison) -> tuple[Estimate, str]:
    """The estimate, and the rate that gives it. Both families stand at the q with F_T(q) · F_F(q) = level."""
    level = next(iter(parts.values())).level
    kept = {m: int(f.kept.sum()) for m, f in parts.items()}
    missing = [m for m, k in kept.items() if k < 2]
    if missing:
        e, _ = parts[missing[0]].comparison(kind)
        note = f"{METRICS[missing[0]].title.lower()}: {e.note}"
        return e.model_copy(update={"note": note}), missing[0]
    q = families.joint_quantile(level, *kept.values(), min(f.basis.df for f in parts.values()))
    found = {m: f.interval(kind, inner=q) for m, f in parts.items()}
    defined = [m for m in found if found[m].value == found[m].value] or list(found)
    worst, outer = (max, "upper Newcombe") if kind == "difference" else (min, "lower MOVER-R")
    worse = worst(defined, key=lambda m: found[m].value)
    mdes = [f.mde(q) for f in parts.values()] if kind == "difference" else []
    e = parts[worse].estimate_of(found[worse], kind)
    return e.model_copy(
        update={
            "low": worst(g.low for g in found.values()),
            "high": worst(g.high for g in found.values()),
            "denominator": None,
            "n": max(int(f.rows.sum()) for f in parts.values()),
            "mde": max((x for x in mdes if x is not None), default=None),
            "method": f"both families of pairs at their joint quantile; {outer}{parts[worse].basis.suffix}",
        }
    ), worse


def p_of_odds(parts: dict[str, Family], kind: Comparison, limit: float, *, above: bool) -> float | None:
    """p of H0: both gaps are at most the limit: 1 − F_T(q) · F_F(q) at the q where the larger limit touches it.

    Of H0: one gap is at least the limit (`above=False`): both must lie below it, each at its own p. Ratios: mirrored.
    """
    kept, df = [int(f.kept.sum()) for f in parts.values()], min(f.basis.df for f in parts.values())
    if min(kept) < 2:
        return None
    if above != (kind == "difference"):
        return max(f.p_value(kind, limit, above=above) or 0.0 for f in parts.values())
    compared = [f.compared(kind) for f in parts.values()]

    def interval(q: float) -> FamilyInterval:
        found = [c.interval(kind, inner=q) for c in compared]
        return min(found, key=lambda g: g.high) if kind == "ratio" else max(found, key=lambda g: g.low)

    def tail(q: float) -> float:
        inside = [1 - pvalues.tail(q, groups, "pairs", df) for groups in kept]
        return 1 - inside[0] * inside[1]

    return pvalues.p_value(interval, limit, above=above, tail_of=tail)
