"""What is read off scores: ranking, calibration, remedies."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import Metric, Wording, shown

_MIN, _MAX = ("overall", "group_min", "difference"), ("overall", "group_max", "difference")
_GAP = ("overall", "difference")
_FAMILY = "; groups by MOVER at the studentized range"

_score = partial(Metric, kind="score", denominator_words="those whose target, decision and score are known")
_crossed = partial(
    _score,
    direction="higher is better",
    reference="Borkan et al. (2019), Nuanced metrics for measuring unintended bias",
    oracle="scikit-learn's roc_auc_score on those rows",
    interval="as for roc_auc; the smallest with Šidák's value above; gaps by MOVER, too wide as groups share rows",
    comparisons=("group_min", "difference"),
)
_logistic = partial(
    _score,
    direction="equal is fair",
    reference="Cox (1958); Van Calster et al. (2019)",
    interval="Wald" + _FAMILY,
    comparisons=_GAP,
    unit="number",
    limits=(-100.0, 100.0),
)

METRICS = (
    _score(
        name="roc_auc",
        title="Area under the ROC curve (AUC)",
        plain="ranked rightly",
        definition="The chance that a truly positive row gets a higher score than a truly negative one.",
        formula="P(s⁺ > s⁻) + ½ P(s⁺ = s⁻)",
        denominator_words="pairs of a truly positive and a truly negative row",
        direction="higher is better",
        reference="sklearn.metrics.roc_auc_score; DeLong, DeLong & Clarke-Pearson (1988); Newcombe (2006)",
        oracle="scikit-learn; a slow twin of DeLong's variance",
        interval="DeLong on the logit scale where min(m, n)·min(A, 1−A) ≥ 5, else Newcombe's method 5" + _FAMILY,
        comparisons=_MIN,
        wording=Wording(
            one="The score ranks a truly positive row above a truly negative one in {x} of pairs",
            two="Scores rank {low} less well than {high}: AUC {x} against {y}",
        ),
    ),
    _crossed(
        name="bpsn_auc",
        title="Background positive, subgroup negative AUC",
        plain="negatives of the group ranked below positives of all others",
        definition="The chance that a positive row of the other groups outscores a negative row of this one.",
        formula="P(s⁺ of others > s⁻ of the group) + ½ P(equal)",
        denominator_words="pairs of a positive row of the others and a negative row of the group",
        wording=Wording(
            one="A positive row of other groups is ranked above a negative row of the group in {x} of pairs",
            two="Negatives of {low} outrank others' positives more often than those of {high}: AUC {x} against {y}",
        ),
    ),
    _crossed(
        name="bnsp_auc",
        title="Background negative, subgroup positive AUC",
        plain="positives of the group ranked above negatives of all others",
        definition="The chance that a positive row of this group outscores a negative row of the others.",
        formula="P(s⁺ of the group > s⁻ of others) + ½ P(equal)",
        denominator_words="pairs of a positive row of the group and a negative row of the others",
        wording=Wording(
            one="A positive row of the group is ranked above a negative row of other groups in {x} of pairs",
            two="Positives of {low} rank below others' negatives more often than those of {high}: AUC {x} against {y}",
        ),
    ),
    _score(
        name="abroca",
        title="Area between ROC curves (ABROCA)",
        plain="how far apart the ROC curves lie",
        definition="The area between the ROC curves of two groups; with more groups, the largest of all pairs.",
        formula="max over pairs of ∫₀¹ abs(ROC_a(t) − ROC_b(t)) dt",
        direction="lower is better",
        reference="Gardner, Brooks & Baker (2019)",
        oracle="a slow twin from scikit-learn's roc_curve",
        interval="none: a permutation p within each truth, on placement values, beside the mean under the null",
        comparisons=("difference",),
        tested=False,
    ),
    _score(
        name="calibration_error",
        title="Calibration error",
        plain="how far scores miss what happens",
        definition="The root mean square miss of scores over bins of equal mass, less what chance would add.",
        formula="√max(0, Σ n_b/n [d̄_b² − S²_b/n_b]), d = y − score",
        direction="lower is better",
        reference="Kumar, Liang & Ma (2019); Roelofs et al. (2022)",
        oracle="a slow twin over rows; simulation",
        interval="noncentral χ² with two matched moments, inverted; the largest with Šidák's value below" + _FAMILY,
        comparisons=_MAX,
        unit="points",
        right=0.0,
        wording=Wording(
            one="Beyond chance, scores miss what happens by {x}",
            two="Scores of {high} miss what happens by more than those of {low}: {y} against {x}",
        ),
    ),
    _score(
        name="calibration_in_the_large",
        title="Calibration in the large",
        plain="scores too low on average",
        definition="The mean of truth minus score: above 0 the scores of a group are too low, below 0 too high.",
        formula="Σ (y − score) / n",
        direction="equal is fair",
        reference="Cox (1958); Van Calster et al. (2019)",
        oracle="numpy over rows",
        interval="normal, with the variance of the rows or that of right scores, whichever is larger" + _FAMILY,
        comparisons=_GAP,
        unit="points",
        limits=(-1.0, 1.0),
        right=0.0,
        wording=Wording(
            one="Scores are {x} on average",
            two="Scores of {low} are {x} on average, those of {high} {y}",
            above="too low",
            below="too high",
            interval="truth less score",
        ),
    ),
    _logistic(
        name="calibration_slope",
        title="Calibration slope",
        plain="how sure the scores may be",
        definition="The slope of truth on the logit of the score: 1 is right, below 1 the scores are too extreme.",
        formula="b of logit P(y = 1) = a + b logit(score)",
        oracle="statsmodels' GLM",
        right=1.0,
        wording=Wording(
            one="The calibration slope is {x} (1 is right, below it scores are too extreme)",
            two="The calibration slope is {x} for {low} and {y} for {high} (1 is right)",
        ),
    ),
    _logistic(
        name="calibration_intercept",
        title="Calibration intercept",
        plain="scores too low, in log-odds",
        definition="What must be added to the logit of every score so that the scores are right on average.",
        formula="a of logit P(y = 1) = a + logit(score)",
        oracle="statsmodels' GLM with an offset",
        right=0.0,
        wording=Wording(
            one="The log-odds of scores must shift by {x} to be right on average",
            two="To be right on average, log-odds must shift by {x} for {low} and by {y} for {high}",
        ),
    ),
    _score(
        name="cumulative_calibration_error",
        title="Cumulative calibration error (ECCE-R)",
        plain="the largest stretch of scores that misses what happens",
        definition="The largest sum of misses over any stretch of scores, as a share of all rows: it needs no bins.",
        formula="max C − min C, C_k = Σ_{i≤k} (y_i − s_i)/n by score, C_0 = 0",
        direction="lower is better",
        reference="Arrieta-Ibarra, Gujral, Tannen, Tygert & Xu (2022)",
        oracle="a slow twin over rows; simulation of the range of Brownian motion",
        interval="R ± the critical range of Brownian motion (2.498 at 95%) × σ; conservative" + _FAMILY,
        comparisons=_MAX,
        unit="points",
        right=0.0,
        wording=Wording(
            one="Misses add up to {x} over the worst stretch of scores",
            two="Misses of scores add up to {y} for {high} and to {x} for {low}",
        ),
    ),
    shown(
        name="price_of_parity",
        title="Accuracy lost by equal selection",
        plain="accuracy lost",
        definition="Accuracy now, less accuracy where thresholds by group make selection rates equal: each half of the "
        "rows is judged at thresholds that the other half chose.",
        formula="Σ (right now − right then) / n",
        denominator_words="those whose target, decision and score are known",
        reference="Hardt, Price & Srebro (2016); fairlearn.postprocessing.ThresholdOptimizer",
        oracle="fairlearn's ThresholdOptimizer, fitted to each half; simulation of new rows",
        interval="Bonett & Price (2012), paired over rows; of thresholds from half as many rows",
        unit="points",
        right=0.0,
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {
    "auc": ("roc_auc", None),
    "roc_auc_score": ("roc_auc", None),
    "roc_auc_score_group_min": ("roc_auc", "group_min"),
    "expected_calibration_error": ("calibration_error", None),
    "ecce": ("cumulative_calibration_error", None),
    "xauc": ("bpsn_auc", None),
}
