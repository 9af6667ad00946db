"""Entries made from those of rates: one at equal control features, its spread, its gaps from site to site."""

from __future__ import annotations

from dataclasses import replace

from auditkit.catalogue import confusion
from auditkit.catalogue.metric import Metric, Wording

CONDITIONAL = "conditional_"
"""Begins the name of a rate at equal control features."""
DISPERSION = "_dispersion"
"""Ends the name of the spread of a rate."""
HETEROGENEITY = "_heterogeneity"
"""Ends the name of how far the gap of a rate differs between sites."""
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")
"""Those that parity is asked of, so that their spread says something."""


def _conditional(m: Metric) -> Metric:
    return replace(
        m,
        name=f"{CONDITIONAL}{m.name}",
        title=f"{m.title} at equal control features",
        plain=f"{m.plain}, control features held equal",
        definition=f"{m.definition} Each group's rate is standardised to the same mix of control features.",
        formula="Σ_k N_k/N · p_gk, over the strata k of the control features that all compared groups have",
        reference=(
            "conditional statistical parity, Corbett-Davies et al. (2017); fairlearn's control_features; Mantel & "
            "Haenszel (1959)"
        ),
        oracle=("fairlearn's MetricFrame(control_features=…) a stratum; statsmodels' StratifiedTable; slow twins"),
        interval="Wilson with n* = p̄(1 − p̄)/V; Newcombe, MOVER-R and family intervals with these limits",
        numerator=(),
        denominator=(),
        kind="conditional",
        wording=Wording(),
        comparisons=("difference", "ratio"),
    )


def _dispersion(m: Metric) -> Metric:
    return Metric(
        kind="composite",
        untold=not m.needs_truths,
        name=f"{m.name}{DISPERSION}",
        title=f"{m.title}, dispersion",
        plain=f"spread of: {m.plain}",
        definition=f"{m.definition} Its standard deviation between groups, less what chance adds.",
        formula="√max(0, S² − mean p̃(1 − p̃)/(n − 1)), S² the variance of the rates with ddof 1, p̃ = (k + ½)/(n + 1)",
        denominator_words=m.denominator_words,
        direction="lower is better",
        reference="variance between groups, less the variance within; DerSimonian & Laird (1986) on the moment",
        oracle="a slow twin from the definition; simulation: unbiased without disparity, coverage",
        interval="noncentral χ² with the first two moments of C diag(v) C/(K − 1), turned round",
        comparisons=("difference",),
        unit="points",
    )


def _heterogeneity(m: Metric) -> Metric:
    return Metric(
        kind="check",
        untold=not m.needs_truths,
        name=f"{m.name}{HETEROGENEITY}",
        title=f"{m.title}, gaps from site to site",
        plain=f"differences between sites of the gap in: {m.plain}",
        definition=f"{m.definition} How much larger a gap between two groups is at one site than at another, at most.",
        formula="max over groups g, h and sites s, t of |(p_gs − p_hs) − (p_gt − p_ht)|",
        denominator_words=m.denominator_words,
        direction="equal is fair",
        reference="interaction contrasts; MOVER, Zou & Donner (2008); all pairs of sites, Kramer (1956)",
        oracle="a slow twin from the definition; simulation: coverage, and false findings where gaps are alike",
        interval="MOVER of gaps with MOVER limits; studentized range over sites, Bonferroni over pairs of groups",
        comparisons=("difference",),
    )


DISPERSIONS = tuple(_dispersion(m) for m in confusion.METRICS if m.name in RATES)
METRICS = (
    *DISPERSIONS,
    *(_heterogeneity(m) for m in confusion.METRICS if m.name in RATES),
    *(_conditional(m) for m in confusion.METRICS if m.kind == "rate" and m.name != "base_rate"),
)
