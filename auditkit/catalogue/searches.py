"""What a search for subgroups answers with."""

from __future__ import annotations

from auditkit.catalogue.metric import check

METRICS = (
    check(
        name="mean_error",
        untold=False,
        title="Mean signed error",
        plain="scored too high or too low",
        definition="How far the score lies above the truth on average: 0 where scores are right in the mean.",
        formula="Σ (score − y_true) / n",
        denominator_words="everybody",
        direction="equal is fair",
        reference="calibration in the large",
        oracle="scipy.stats.ttest_ind (Welch)",
        interval="MOVER of means by t, corrected for skewness; unstable where that is too large",
        comparisons=("difference",),
    ),
    check(
        name="subgroups",
        title="Subgroup search",
        plain="who stands out",
        definition=(
            "All conjunctions of a few conditions on categories and binned numbers, searched on one half of the rows "
            "for a rate that differs from everybody else's, and tested on the other half."
        ),
        formula="rate(subgroup) − rate(rest), on the half of the rows that did not find it",
        denominator_words="the rows of the confirmation half",
        direction="shown",
        reference="Benjamini & Hochberg (1995); Benjamini & Yekutieli (2005); after DivExplorer, Pastor et al. (2021)",
        oracle="all conjunctions by pandas.groupby; simulations without and with a planted subgroup",
        interval="MOVER with Jeffreys limits (for means t, with skewness) at the false-coverage level 1 − αR/m",
        comparisons=("difference",),
    ),
)
