"""Gaps between groups, and what share of one comes through some columns."""

from typing import Literal, NamedTuple

from auditkit.catalogue.metric import Metric


class GapTarget(NamedTuple):
    """A number whose mean differs between groups, so that its gap can be taken apart."""

    name: str
    """What a rule writes as `of`; a name of the catalogue where it has one."""
    of: Literal["score", "selected", "wrong", "loss"]
    """Which output of the model is averaged."""
    y: int | None
    """Over the rows of this truth; None: over all."""
    words: str
    """After "the gap in"."""
    plain: str = ""
    """After "gap", for people outside the field, with `{yes}` and `{no}` as in `Wording`; empty: the metric's title."""
    unit: Literal["points", ""] = "points"


TARGETS: dict[str, GapTarget] = {
    t.name: t
    for t in (
        GapTarget("mean_score", "score", None, "mean score", "in scores"),
        GapTarget(
            "mean_score_of_positives", "score", 1, "mean score of the truly positive", "in scores of those who {yes}"
        ),
        GapTarget(
            "mean_score_of_negatives", "score", 0, "mean score of the truly negative", "in scores of those who {no}"
        ),
        GapTarget("selection_rate", "selected", None, "selection rate", "in who is selected"),
        GapTarget("true_positive_rate", "selected", 1, "true positive rate", "in who is found"),
        GapTarget("false_positive_rate", "selected", 0, "false positive rate", "in who is wrongly selected"),
        GapTarget("log_loss", "loss", None, "mean log loss", "in how far scores miss the truth", unit=""),
        GapTarget("mean_prediction", "score", None, "mean prediction", unit=""),
    )
}
"""Name → what a gap may be of, and the share of one; a task says which are its own (`gap_targets`)."""

GAPS = tuple(TARGETS)

WRONG = GapTarget("error_rate", "wrong", None, "share of wrong decisions", "in wrong decisions")
"""What no rule asks the parts of."""


FORMS = {"shapley": "Shapley values over pairs of rows", "integrated_gradients": "Integrated Gradients from row to row"}
"""Ways to split a gap, in words."""


METRICS = (
    Metric(
        name="gap_share",
        title="Share of a gap",
        plain="what makes the gap",
        definition=(
            "Which part of a gap between two groups comes through some columns: rows of both groups are paired, and "
            "the difference of each pair is shared out over the columns in which its rows differ. A rule says of which "
            f"gap (of = {', '.join(GAPS)}) and of which columns (features)."
        ),
        formula="Σ_{j in features} φ_j / gap; φ = Σ_pairs w · Shapley values of s(x) − s(x'); Σ_j φ_j = gap",
        denominator_words="pairs of a sampled row of each group, weighted so that both groups' means are their own",
        direction="shown",
        reference="Shapley (1953); Begley et al. (2020); Sundararajan & Najmi (2020)",
        oracle="the textbook's sum over sets; Captum ShapleyValues; linear nets by formula; planted gaps",
        interval="ratio of weighted means over the rows of the smaller group, Fieller with t",
        kind="gap",
        unit="percent",
        comparisons=("difference",),
        limits=(-10.0, 10.0),
        tasks=("binary", "multiclass", "regression"),
    ),
)
