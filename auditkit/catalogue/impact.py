"""Laws that ask for impact ratios, these ratios, and what rows of unknown group could do to them."""

from functools import partial
from typing import Literal, NamedTuple

from auditkit.catalogue.metric import Wording, check

LawName = Literal["four-fifths", "nyc-ll144"]


class Law(NamedTuple):
    """One law."""

    name: LawName
    title: str
    limit: float | None
    """An impact ratio strictly below it is flagged; None: the law sets none, it asks for the numbers."""
    reference: str


LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law("four-fifths", "the four-fifths rule", 0.8, "29 CFR 1607.4(D), Uniform Guidelines (1978)"),
        Law("nyc-ll144", "NYC Local Law 144", None, "6 RCNY § 5-300 ff. on NYC Local Law 144 of 2021"),
    )
}

_ratio = partial(
    check,
    direction="equal is fair",
    interval="MOVER-R of each pair at the studentized range of all pairs; Fisher's mid-p beside it, unadjusted",
    unit="number",
    comparisons=("ratio",),
)

METRICS = (
    _ratio(
        name="impact_ratio",
        title="Impact ratio",
        plain="selected, against the group selected most often",
        definition=(
            "The selection rate of a group over the highest selection rate of any group. Four-fifths: strictly below "
            "0.8 is taken as evidence of adverse impact, and alone it fires on most fair models of small groups, so it "
            "stands beside its test. NYC Local Law 144: by sex, race/ethnicity and both crossed. In a rule of a policy "
            "the name stands for the ratio of selection_rate."
        ),
        formula="(selected_g / n_g) / max over groups r of (selected_r / n_r)",
        denominator_words="everybody with a decision",
        reference="29 CFR 1607.4(D), Uniform Guidelines (1978); 6 RCNY § 5-300 ff. on NYC Local Law 144 of 2021",
        oracle="pandas and the arithmetic of the rule's own example; p: scipy.stats.fisher_exact, hypergeom enumerated",
        wording=Wording(columns=("Applicants", "Selected", "Selection rate"), happened="selected"),
    ),
    _ratio(
        name="scoring_rate",
        title="Scoring rate",
        plain="scored above the median, against the group scored so most often",
        definition=(
            "The share of a group whose score lies strictly above the median score of the full sample, rows of unknown "
            "group included and before any category is left out; the impact ratio is that share over the highest."
        ),
        formula="#(score > median of all scores, in g) / n_g",
        denominator_words="everybody with a score",
        reference="6 RCNY § 5-300 ff. on NYC Local Law 144 of 2021",
        oracle="numpy.median and pandas by hand; the rule's own example",
        wording=Wording(columns=("Applicants", "Above the median", "Scoring rate"), happened="scored above the median"),
    ),
    check(
        name="unknown_demographics",
        title="Unknown demographics",
        plain="of unknown group",
        definition=(
            "How low and how high the impact ratio of each group could be, wherever the rows of unknown group belong, "
            "and the fewest of them that take it below a limit. Bounds over placements, not a confidence interval."
        ),
        formula=(
            "worst: s_g/(n_g + f_g) over max over r ≠ g of (s_r + u_r)/(n_r + u_r); u selected, f unselected unknown "
            "rows that fit the group. Best: selected ones to g, unselected ones where they lower the highest other rate"
        ),
        denominator_words="everybody with a decision",
        direction="shown",
        reference="worst-case bounds, Manski (2003), Partial Identification of Probability Distributions",
        oracle="every placement of the unknown rows, one by one",
        interval="none: bounds over every placement",
        unit="number",
        comparisons=("group_min",),
    ),
)
