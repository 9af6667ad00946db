"""Rates at equal control features: an entry for every rate, made from its own."""

from __future__ import annotations

from dataclasses import replace

from auditkit.catalogue import confusion
from auditkit.catalogue.metric import Metric, Wording

PREFIX = "conditional_"


def _conditional(m: Metric) -> Metric:
    return replace(
        m,
        name=f"{PREFIX}{m.name}",
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


METRICS = tuple(_conditional(m) for m in confusion.METRICS if m.kind == "rate" and m.name != "base_rate")
