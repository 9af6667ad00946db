"""What the data are, before any model."""

from __future__ import annotations

from auditkit.catalogue.metric import check, shown

METRICS = (
    check(
        name="group_share",
        title="Share of the rows",
        plain="in the data",
        definition="The share of the rows that a group has; for several attributes, that a crossing has.",
        formula="n_g / n",
        denominator_words="everybody",
        direction="shown",
        reference="representation; Buolamwini & Gebru (2018) on crossings that hardly anybody is in",
        oracle="pandas.value_counts; Wilson by statsmodels",
        comparisons=("group_min",),
    ),
    check(
        name="representation",
        title="Share of the rows against a population",
        plain="in the data as in the population",
        definition="The largest difference of a group's share of the rows and its share of a reference population.",
        formula="max abs(n_g / n − π_g)",
        denominator_words="everybody",
        direction="equal is fair",
        reference="Pearson's χ² of goodness of fit, scipy.stats.chisquare",
        oracle="scipy.stats.chisquare for p; Wilson by statsmodels",
        interval="Wilson, less the reference; Šidák over the groups",
        comparisons=("difference",),
    ),
    check(
        name="missing_rate",
        title="Missing values",
        plain="missing",
        definition="The share of the rows without a value in a column; the largest over all columns.",
        formula="rows without a value / rows",
        denominator_words="everybody",
        direction="equal is fair",
        reference="Rubin (1976): values missing more often for some groups are not missing at random",
        oracle="pandas.isna by group",
        comparisons=("overall", "difference"),
    ),
    shown(
        name="association",
        untold=False,
        title="Association of truth and attribute",
        plain="going with the truth",
        definition="How far the truth differs between the groups of an attribute: 0 not at all, 1 it is told by them.",
        formula="V = √(φ̃² / min(r̃ − 1, c̃ − 1)), φ̃² = max(0, χ²/n − (r − 1)(c − 1)/(n − 1))",
        denominator_words="rows whose truth is known",
        reference="Cramér's V; Bergsma (2013)",
        oracle="scipy.stats.contingency.association for the uncorrected V; the formula by hand",
        interval="noncentral χ² turned round",
        unit="number",
    ),
)
