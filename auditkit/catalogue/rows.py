"""What a sample of rows answers: individuals, continuous attributes, proxies."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import Wording, check

_permuted = partial(
    check,
    direction="lower is better",
    oracle="a slow twin from the definition",
    interval="none: it lies above 0 by chance alone; a permutation p, beside the mean of the permutations",
)
_told = partial(
    check,
    denominator_words="the rows of the sample",
    direction="lower is better",
    oracle="scikit-learn's roc_auc_score a fold; simulation",
    interval="DeLong a fold, logit scale, at the false-coverage level 1 − αR/m (Benjamini–Hochberg)",
    comparisons=("group_max",),
    unit="number",
)

METRICS = (
    check(
        name="consistency",
        title="Consistency over neighbours",
        plain="decided as its neighbours are",
        definition="How far a row is decided as the rows most like it are: 1 if every neighbour is decided alike.",
        formula="1 − (1/n) Σ |ŷ_i − (1/k) Σ_{j ∈ kNN(i)} ŷ_j|, without i among its own neighbours",
        denominator_words="the rows of the sample with a decision",
        direction="higher is better",
        reference="Zemel et al. (2013), ICML; aif360 consistency",
        oracle="a slow twin over all pairs of rows",
        interval="Student's t over rows, approximate: rows share neighbours; groups by MOVER",
        comparisons=("overall", "group_min", "difference"),
        wording=Wording(
            one="The decision on a row agrees with {x} of those on the rows most like it",
            two="Decisions on {low} agree less with those on similar rows than those on {high}: {x} against {y}",
        ),
    ),
    _permuted(
        name="generalized_demographic_parity",
        title="Generalised demographic parity",
        plain="selected, along a continuous attribute",
        definition="How far the selection rate strays from its average along a continuous attribute, on average.",
        formula="∫ |E[ŷ | s] − E[ŷ]| dP(s), E[ŷ | s] by Nadaraya–Watson with a Gaussian kernel",
        denominator_words="the rows of the sample with a decision and a value",
        reference="Jiang et al. (2022), ICLR; bandwidth by Silverman (1986)",
        comparisons=("difference",),
        unit="points",
        wording=Wording(one="Along {along}, the selection rate strays from its average by {x}"),
    ),
    _permuted(
        name="distance_correlation",
        title="Distance correlation",
        plain="going with a continuous attribute",
        definition="How far the score goes with a continuous attribute, in whatever form: 0 only if not at all.",
        formula="√(dCov²(s, x) / √(dCov²(s, s) dCov²(x, x))), dCov² the mean product of double-centred distances",
        denominator_words="the rows of the sample with a score (a decision without one) and a value",
        reference="Székely, Rizzo & Bakirov (2007), Annals of Statistics 35:2769",
        comparisons=("overall",),
        unit="number",
        wording=Wording(one="What the model says goes with {along}: distance correlation {x}"),
    ),
    _told(
        name="proxy_auc",
        title="Proxies of an attribute",
        plain="told by one feature",
        definition="How well a single feature tells the groups of a sensitive attribute apart; the best of them.",
        formula="cross-fitted AUC of one feature for a group against the rest; 0.5 tells nothing, 1 everything",
        reference="redundant encodings, Dwork et al. (2012); DeLong, DeLong & Clarke-Pearson (1988); Chernozhukov "
        "et al. (2018) on cross-fitting",
    ),
    _told(
        name="attribute_auc",
        title="An attribute told by all features",
        plain="told by all features together",
        definition="How well all features together tell the groups of a sensitive attribute apart.",
        formula="cross-fitted AUC of a logistic regression for a group against the rest; the largest over groups",
        reference="redundant encodings, Dwork et al. (2012); scikit-learn's LogisticRegression",
    ),
)
