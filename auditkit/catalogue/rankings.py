"""What is asked of lists: numbers of a user's list, and what lists show of groups of items."""

from __future__ import annotations

import math
import re
from typing import Any

from auditkit.catalogue.metric import Direction, Metric, Wording

EXPOSED = "exposure"
"""The kind of what lists show of groups of items."""
RELATIVE = "exposure_to_relevance"
RECIPROCAL = "reciprocal_rank"
_SHARES = "Wilson's limits of both shares with the effective n of users, MOVER-R of the two, which the same users give"
_EXPOSURE = "Singh & Joachims (2018), KDD, 2219; exposure 1/log2(1 + rank) as in Järvelin & Kekäläinen (2002)"
_NUMBER = re.compile(r"(ndcg|recall)_at_([1-9]\d{0,5})|(reciprocal_rank)|ndkl_of_(.+)")
_SKEW = re.compile(r"skew_at_([1-9]\d{0,5})")


def ndcg(k: int) -> str:
    """The name of NDCG@k."""
    return f"ndcg_at_{k}"


def recall(k: int) -> str:
    """The name of recall@k."""
    return f"recall_at_{k}"


def ndkl(attribute: str) -> str:
    """The name of NDKL of what items are grouped by."""
    return f"ndkl_of_{attribute}"


def skew(k: int) -> str:
    """The name of skew@k."""
    return f"skew_at_{k}"


def cut_of(metric: str) -> int | None:
    """The k of skew@k; None of another metric.

    >>> cut_of("skew_at_10"), cut_of("ndcg_at_10")
    (10, None)
    """
    found = _SKEW.fullmatch(metric)
    return None if found is None else int(found[1])


def is_number(name: str) -> bool:
    """Whether a name is that of a number of a user's list.

    >>> is_number("ndcg_at_10"), is_number("ndkl_of_genre"), is_number("accuracy")
    (True, True, False)
    """
    return _NUMBER.fullmatch(name) is not None


def words_of(name: str) -> dict[str, Any]:
    """What the catalogue says of a number of a user's list, in place of its bare name; nothing of another.

    >>> words_of("ndcg_at_10")["title"], words_of("seconds")
    ('NDCG@10', {})
    """
    found = _NUMBER.fullmatch(name)
    if found is None:
        return {}
    if found[3]:
        return _said(
            "Mean reciprocal rank (MRR)",
            "how far up the first relevant item stands (MRR)",
            "1 ÷ the rank of the first relevant item of a user's list, on average; 0 where none is ranked.",
            "Σ_u 1/rank_u ÷ users with a relevant item",
            "Voorhees (1999), TREC-8",
            "ranx; brute force",
        )
    if found[4]:
        return _said(
            f"NDKL of {found[4]}",
            f"how far lists are from the shares of {found[4]} that they are held against (NDKL)",
            f"How far the shares of {found[4]} in the first 1, 2, … places are from those that they are held against, "
            "places further up counting more; 0 is none, which short lists cannot reach.",
            "Σ_i KL(D_i ‖ D) / log₂(i + 1) ÷ Σ_i 1 / log₂(i + 1), D_i the shares of the first i places, natural log",
            "Geyik, Ambler & Kenthapadi (2019), KDD, 2221",
            "brute force",
            "lower is better",
        )
    k = int(found[2])
    if found[1] == "ndcg":
        return _said(
            f"NDCG@{k}",
            f"how well the first {k} places are ordered (NDCG@{k})",
            f"The gain of the first {k} places of a user's list, discounted by log₂(1 + rank), as a share of that of "
            "the best order of the user's items.",
            "Σ_{i≤k} rel_i / log₂(1 + i) ÷ the same of the best order; undefined without a relevant item",
            "Järvelin & Kekäläinen (2002), ACM TOIS 20:422",
            "scikit-learn's ndcg_score, user by user; ranx",
        )
    return _said(
        f"Recall@{k}",
        f"what a user wants and finds among the first {k} (recall@{k})",
        f"The share of a user's relevant items that stand in the first {k} places.",
        f"relevant items among the first {k} ÷ relevant items; undefined without one",
        "Herlocker et al. (2004), ACM TOIS 22:5",
        "ranx; brute force",
    )


def made(metric: str) -> Metric | None:
    """The entry of skew@k; None of another metric.

    >>> made("skew_at_5").title, made("skew")
    ('Skew@5', None)
    """
    k = cut_of(metric)
    if k is None:
        return None
    return Metric(
        name=metric,
        title=f"Skew@{k}",
        plain=f"how over- or under-represented items are among the first {k}",
        definition=f"The logarithm of a group's share of the first {k} places over the share that it is held against: "
        "declared, or that of each user's candidates. Below 0 it is shown less.",
        formula=f"ln((shown + ½) / (expected + ½)), of the first {k} places of all users together",
        denominator_words=f"the first {k} places of all users",
        direction="equal is fair",
        reference="Geyik, Ambler & Kenthapadi (2019), KDD, 2221, of all lists together and with ½ added",
        oracle="brute force",
        interval=_SHARES,
        kind=EXPOSED,
        counts="lists",
        unit="number",
        decimals=2,
        limits=(-math.inf, math.inf),
        untold=True,
        comparisons=("difference", "group_min", "group_max"),
        tasks=("ranking",),
        wording=Wording(phrase=f"shown more or less than its share, among the first {k} (skew@{k})"),
    )


def _said(
    title: str,
    plain: str,
    definition: str,
    formula: str,
    reference: str,
    oracle: str,
    direction: Direction = "higher is better",
) -> dict[str, Any]:
    return {
        "title": title,
        "plain": f"{plain}, on average",
        "definition": definition,
        "formula": formula,
        "denominator_words": "users for whom it is defined",
        "reference": reference,
        "oracle": oracle,
        "direction": direction,
    }


METRICS = (
    Metric(
        name=RELATIVE,
        title="Exposure for relevance",
        plain="shown as much as relevant",
        definition="A group's share of all exposure over its share of all relevance: 100% is what its relevance would "
        "give it, below it is shown less. The ratio of two groups is that of their exposures for each relevant item.",
        formula="(E_g / E) ÷ (R_g / R), E the sum of 1 / log₂(1 + rank) over the places that are seen, R that of "
        "relevance, over all users",
        denominator_words="items that are relevant to a user",
        direction="equal is fair",
        reference=_EXPOSURE,
        oracle="brute force; simulation",
        interval=_SHARES,
        kind=EXPOSED,
        counts="lists",
        unit="percent",
        limits=(0.0, math.inf),
        untold=True,
        comparisons=("ratio", "group_min", "group_max"),
        tasks=("ranking",),
        wording=Wording(
            phrase="exposure for what is relevant",
            short="exposure for relevance",
            less_often="{low} are shown less, for their relevance, than {high}",
        ),
    ),
    Metric(
        name=EXPOSED,
        title="Exposure of items",
        plain="which items lists show",
        definition="What the lists of all users show of groups of items, against their relevance and against the "
        "shares of the candidates, or declared ones.",
        formula="Σ 1 / log₂(1 + rank) over the places that are seen",
        denominator_words="items of users",
        direction="shown",
        reference=_EXPOSURE,
        oracle="brute force",
        interval=_SHARES,
        kind="check",
        unit="number",
        comparisons=("ratio", "group_min", "group_max"),
        tasks=("ranking",),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {}
"""Other names → (metric, the comparison that the name implies); those of numbers follow from their names."""
