"""What is asked of a system that compares faces, voices or fingerprints two by two, in the words of ISO/IEC 19795-1."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric, Wording

BETWEEN = " ↔ "
"""Stands in the name of pairs of two different groups, "f ↔ m": they are shown, and no group of people."""
INEQUITY = "_inequity"
"""Ends the name of the worst rate, by the geometric mean."""
MATCHING = "matching"
"""The kind of what is made of both error rates of all groups."""

_ISO = "ISO/IEC 19795-1:2021 and 19795-10:2024"
_REFERENCE = f"{_ISO}; Grother, Ngan & Hanaoka (2019), NISTIR 8280"


def _inequity(rate: str, title: str, plain: str, of: str) -> Metric:
    return Metric(
        name=f"{rate}{INEQUITY}",
        title=f"{title}, by its geometric mean",
        plain=f"{plain}, as a multiple of the geometric mean of all groups",
        definition=f"A group's {title}, as a multiple of the geometric mean over the groups; the worst is told.",
        formula="p_g / (Π_h p_h)^(1/K), over the K groups that are compared; undefined where a rate is 0",
        denominator_words=of,
        direction="lower is better",
        reference="NIST FRTE 1:1, “maximum over geometric mean”; Grother (2022), NISTIR 8429, section 6",
        oracle="a slow twin from the definition; simulation",
        interval="MOVER of the contrasts of log rates; Šidák for K groups on the inner side",
        kind=MATCHING,
        unit="number",
        decimals=2,
        limits=(1.0, float("inf")),
        right=1.0,
        comparisons=("group_max",),
        tasks=("verification",),
    )


METRICS = (
    Metric(
        name="false_match_rate",
        title="False match rate (FMR)",
        plain="falsely matched",
        definition="Of the pairs of two different persons, the share that is told to be one person.",
        formula="FP / (FP + TN), of pairs; a match is positive",
        denominator_words="pairs of two different persons",
        direction="lower is better",
        reference=_REFERENCE,
        oracle="fairlearn's false_positive_rate of the pairs",
        numerator=((0, 1),),
        denominator=((0, 0), (0, 1)),
        within=True,
        tasks=("verification",),
        wording=Wording(
            phrase="falsely matched, of pairs of two different persons",
            short="falsely matched",
            frequencies="Of pairs of two different persons, the system matches {them}.",
            less_often="two different persons are falsely matched more often among {high} than among {low}",
        ),
    ),
    Metric(
        name="false_non_match_rate",
        title="False non-match rate (FNMR)",
        plain="falsely not matched",
        definition="Of the pairs of one person, the share that is not told to be one person.",
        formula="FN / (FN + TP), of pairs; a match is positive",
        denominator_words="pairs of one person",
        direction="lower is better",
        reference=_REFERENCE,
        oracle="fairlearn's false_negative_rate of the pairs",
        numerator=((1, 0),),
        denominator=((1, 0), (1, 1)),
        within=True,
        tasks=("verification",),
        wording=Wording(
            phrase="falsely not matched, of pairs of one person",
            short="falsely not matched",
            frequencies="Of pairs of one person, the system fails to match {them}.",
            less_often="one person is falsely not matched more often among {high} than among {low}",
        ),
    ),
    Metric(
        name="false_positive_identification_rate",
        title="False positive identification rate (FPIR)",
        plain="falsely identified",
        definition="Of the searches of a person who is not enrolled, the share that returns somebody.",
        formula="FP / (FP + TN), of searches; enrolled, and returned, is positive",
        denominator_words="searches of persons who are not enrolled",
        direction="lower is better",
        reference=_REFERENCE,
        oracle="fairlearn's false_positive_rate of the searches",
        numerator=((0, 1),),
        denominator=((0, 0), (0, 1)),
        tasks=("identification",),
        wording=Wording(
            phrase="falsely identified, of searches of persons who are not enrolled",
            short="falsely identified",
            frequencies="Of searches of persons who are not enrolled, the system answers {them} with somebody else.",
            less_often="persons who are not enrolled are falsely identified more often among {high} than among {low}",
        ),
    ),
    Metric(
        name="false_negative_identification_rate",
        title="False negative identification rate (FNIR)",
        plain="missed by the search",
        definition="Of the searches of a person who is enrolled, the share that does not return that person.",
        formula="FN / (FN + TP), of searches; enrolled, and returned, is positive",
        denominator_words="searches of persons who are enrolled",
        direction="lower is better",
        reference=_REFERENCE,
        oracle="fairlearn's false_negative_rate of the searches",
        numerator=((1, 0),),
        denominator=((1, 0), (1, 1)),
        tasks=("identification",),
        wording=Wording(
            phrase="missed by the search, of searches of persons who are enrolled",
            short="missed by the search",
            frequencies="Of searches of persons who are enrolled, the system misses the person in {them}.",
            less_often="persons who are enrolled are missed more often among {high} than among {low}",
        ),
    ),
    Metric(
        name="fairness_discrepancy_rate",
        title="Fairness discrepancy rate (FDR)",
        plain="errors of both kinds are alike",
        definition="One less the mean of the largest gaps in false match rate and in false non-match rate; 1 is best.",
        formula="1 − (α max_ab abs(FMR_a − FMR_b) + (1 − α) max_ab abs(FNMR_a − FNMR_b)), α = ½",
        denominator_words="pairs of two different persons, and pairs of one person",
        direction="higher is better",
        reference="de Freitas Pereira & Marcel (2022), IEEE T-BIOM 4:19",
        oracle="a slow twin from the definition; one less fairlearn's mean of both gaps",
        interval="one less the mean of both family intervals at the q with F_K1(q)·F_K2(q) = level",
        kind=MATCHING,
        comparisons=("ratio",),
        tasks=("verification",),
    ),
    _inequity("false_match_rate", "False match rate (FMR)", "false matches", "pairs of two different persons"),
    _inequity("false_non_match_rate", "False non-match rate (FNMR)", "false non-matches", "pairs of one person"),
    Metric(
        name="false_match_matrix",
        title="False match rate, group by group",
        plain="false matches between groups",
        definition="The false match rate of pairs of two persons, one of each of two groups.",
        formula="FP / (FP + TN) of the pairs of groups (a, b)",
        denominator_words="pairs of two different persons",
        direction="shown",
        reference=f"{_REFERENCE}, cross-demographic false match rates",
        oracle="the rate of each pair of groups, over rows",
        interval="that of a rate; the highest at Šidák's value for as many pairs of groups",
        kind="check",
        comparisons=("group_max",),
        tasks=("verification",),
        wording=Wording(extreme="Highest of two different groups"),
    ),
    Metric(
        name="error_tradeoff",
        title="Detection error trade-off (DET)",
        plain="both errors at every threshold",
        definition="The false non-match rate at every false match rate that a threshold gives, by group.",
        formula="(FMR(t), FNMR(t)) over thresholds t; the equal error rate is where both are the same",
        denominator_words="pairs of one person, and pairs of two different persons",
        direction="shown",
        reference="Martin et al. (1997), Eurospeech; ISO/IEC 19795-1:2021",
        oracle="scikit-learn's det_curve",
        interval="none: each group is at a threshold of its own",
        kind="check",
        comparisons=("group_max",),
        tasks=("verification",),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {
    "FMR": ("false_match_rate", None),
    "FNMR": ("false_non_match_rate", None),
    "FPIR": ("false_positive_identification_rate", None),
    "FNIR": ("false_negative_identification_rate", None),
    "fairness_discrepancy_rate": ("fairness_discrepancy_rate", "ratio"),
}
"""Other names → (metric, the comparison that the name implies)."""
