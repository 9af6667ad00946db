"""What is asked of a model that draws or writes what a prompt says: who appears, as an erring judge tells."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from auditkit.catalogue.metric import Metric, Wording
from auditkit.errors import PolicyError, listing

SHARES = "shares"
"""The kind of what is made of the values that a judge saw in samples."""
AGAINST, UNNAMED, ASSOCIATION, DIVERSITY, SKILL = (
    "share_against_reference",
    "unconditioned_share",
    "prompt_association",
    "prompt_diversity",
    "judge_skill",
)
UNIFORM, UNCONDITIONED = "uniform", "unconditioned"
"""References by name: equal shares, and those of the prompt that names no one."""
_CORRECTED = "Rogan & Gladen (1978), Am. J. Epidemiology 107:71; Lang & Reiczigel (2014), Prev. Vet. Med. 113:13"
_INTERVAL = (
    "the linear equation q = A π inverted, with MOVER of its rates (Wilson; Clopper–Pearson at Šidák's value on the "
    "inner side): both the samples' error and the judge's"
)
_of_samples = partial(Metric, kind=SHARES, untold=True, tasks=("generation",))

METRICS = (
    _of_samples(
        name=AGAINST,
        title="Shares against the reference",
        plain="drawn as often as the reference says",
        definition="How far the share of a value in the samples of a prompt is from its share in the reference: the "
        "farthest over all values and prompts.",
        formula="max_pv abs(π_pv − r_v), π_p = A⁻¹ q_p; as a ratio min_pv min(π_pv/r_v, r_v/π_pv)",
        denominator_words="samples",
        direction="lower is better",
        reference=_CORRECTED,
        oracle="Rogan–Gladen and A⁻¹ q as slow twins with a numerical delta method; simulation",
        interval=_INTERVAL,
        comparisons=("overall", "difference", "ratio"),
        unit="points",
        wording=Wording(phrase="shares of what is drawn", short="shares of what is drawn"),
    ),
    _of_samples(
        name=UNNAMED,
        title="Shares when no one is named",
        plain="drawn as often as the reference says, when no one is named",
        definition="How far the share of a value in the samples of the prompt that names no one is from its share in "
        "the reference: the farthest over all values.",
        formula="max_v abs(π_0v − r_v), of the unconditioned prompt 0",
        denominator_words="samples of the unconditioned prompt",
        direction="lower is better",
        reference=_CORRECTED,
        oracle="as share_against_reference",
        interval=_INTERVAL,
        comparisons=("overall",),
        unit="points",
        wording=Wording(
            phrase="distance from the reference of what is drawn when no one is named",
            short="drawn when no one is named",
        ),
    ),
    _of_samples(
        name=ASSOCIATION,
        title="Association of prompt and value (Cramér's V)",
        plain="go together with the prompt",
        definition="How far the value that a sample is judged to show goes with its prompt: 0 if not at all.",
        formula="V = √(φ̃² / min(r̃ − 1, c̃ − 1)), bias-corrected, of the table of prompts and the judge's words",
        denominator_words="samples",
        direction="lower is better",
        reference="Cramér (1946); Bergsma (2013), J. Korean Statistical Society 42:323",
        oracle="scipy.stats.contingency.association",
        interval="noncentral χ² turned round",
        comparisons=("difference",),
        unit="number",
        decimals=2,
        wording=Wording(phrase="how far values go with the prompt (Cramér's V)", short="going with the prompt"),
    ),
    _of_samples(
        name=DIVERSITY,
        title="Diversity within a prompt",
        plain="different values within one prompt",
        definition="How evenly the values are drawn for one prompt: 1 if all equally often, 0 if always the same.",
        formula="H(π_p) / ln K, H = −Σ_v π_pv ln π_pv, over K values",
        denominator_words="samples of a prompt",
        direction="shown",
        reference="Shannon (1948); Pielou (1966), J. Theoretical Biology 13:131",
        oracle="scipy.stats.entropy",
        interval="the least and the most that any shares within their simultaneous limits have",
        comparisons=("overall", "group_min", "group_max"),
        unit="number",
        decimals=2,
        wording=Wording(phrase="diversity within a prompt", short="diversity"),
    ),
    Metric(
        name=SKILL,
        title="What the judge can tell",
        plain="how well the judge tells the values apart",
        definition="The determinant of the judge's confusion matrix: 1 if it is always right, 0 if its word says "
        "nothing; of two values, sensitivity + specificity − 1.",
        formula="det A, A[w, t] the share of the word w among labelled samples of the truth t",
        denominator_words="labelled samples",
        direction="shown",
        reference="Youden (1950), Cancer 3:32",
        oracle="numpy's determinant; MOVER of two Wilson intervals",
        interval="MOVER over the truths, by the first-order error of the determinant",
        kind="check",
        untold=True,
        comparisons=("overall",),
        unit="number",
        decimals=2,
        tasks=("generation",),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {}
"""Other names → (metric, the comparison that the name implies)."""


def as_reference(given: object, unconditioned: str | None) -> str | dict[str, float]:
    """What shares are held against, held itself; PolicyError for names that there are not, and what is no shares.

    >>> as_reference({"woman": 0.5, "man": 0.5}, None)
    {'woman': 0.5, 'man': 0.5}
    """
    known = f"a table of shares, '{UNIFORM}' or '{UNCONDITIONED}'"
    if isinstance(given, str) and given in (UNIFORM, UNCONDITIONED):
        if given == UNCONDITIONED and unconditioned is None:
            raise PolicyError("reference='unconditioned' needs the prompt that names no one: unconditioned='…'")
        return given
    if not isinstance(given, Mapping) or not given:
        raise PolicyError(f"reference is {known}, as in {{'woman': 0.5, 'man': 0.5}}; got {str(given)[:60]!r}")
    for name, share in given.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise PolicyError(f"the share of '{name}' in reference is a number from 0 to 1, got {str(share)[:60]!r}")
    if abs(sum(given.values()) - 1) > 1e-6:
        names = listing([str(k) for k in given], most=8)
        raise PolicyError(
            f"the shares of reference ({names}) add to {sum(given.values()):g}: give shares that add to 1"
        )
    return {str(k): float(v) for k, v in given.items()}
