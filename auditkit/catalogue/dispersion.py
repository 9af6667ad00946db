"""How far a rate is spread over all groups: an entry for the rates that parity is asked of, made from their own."""

from __future__ import annotations

from auditkit.catalogue import confusion
from auditkit.catalogue.metric import Metric

SUFFIX = "_dispersion"
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


def _dispersion(m: Metric) -> Metric:
    return Metric(
        kind="composite",
        name=f"{m.name}{SUFFIX}",
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


METRICS = tuple(_dispersion(m) for m in confusion.METRICS if m.name in RATES)
