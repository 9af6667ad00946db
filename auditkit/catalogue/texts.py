"""Words of texts: which move scores, and which make a gap between groups."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import shown

_words = partial(
    shown,
    reference="Sundararajan, Taly & Yan (2017); captum.attr.LayerIntegratedGradients on the embedding",
    oracle="Captum's LayerIntegratedGradients, summed by word; planted words; bags of words by formula",
    tasks=("binary", "multiclass", "regression"),
)

METRICS = (
    _words(
        name="word_effect",
        title="What a word does to scores",
        plain="the words that move the score",
        definition=(
            "The mean contribution of a word to the score of the texts in which it stands, counted from the text "
            "without words; of words that stand in ten distinct texts or more."
        ),
        formula="mean over texts with w of Σ_{pieces j of w} φ_j; Σ_j φ_j = s(x) − s(no words)",
        denominator_words="the sampled texts in which the word stands",
        interval="weighted mean, t corrected for skewness, with Kish's effective rows; Bonferroni over words named",
        unit="points",
    ),
    _words(
        name="word_gap",
        title="Words that make a gap",
        plain="the words that make the gap",
        definition=(
            "The part of a gap in mean scores between two groups that comes through a word: its mean contribution over "
            "the texts of one group less that over the other's. Parts add up to the gap."
        ),
        formula="part of w = mean over A of φ_w − mean over B of φ_w; Σ_w = mean_A s − mean_B s",
        denominator_words="the sampled texts of both groups",
        interval="difference of two weighted means, t with Welch's rows, moved by regression to the gap of all rows",
        unit="percent",
        comparisons=("difference",),
    ),
)
