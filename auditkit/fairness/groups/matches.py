"""MatchRates: false matches and false non-matches by group, from one tally of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.matches import INEQUITY, MATCHING
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import Answer, tested
from auditkit.fairness.families.matching import Discrepancy, Inequity, crossed
from auditkit.fairness.groups import check as rates
from auditkit.fairness.groups.events import EventRates
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import Comparison, Finding, Task

RATES = Discrepancy.PARTS
MADE: dict[str, Comparison] = {Discrepancy.METRIC: "ratio", **{f"{rate}{INEQUITY}": "group_max" for rate in RATES}}
"""What is made of both in all groups → as what."""


@dataclass(frozen=True)
@checked_options
class MatchRates(EventRates):
    """False match rate and false non-match rate of each group, their differences and ratios, and what is made of both.

    Groups are compared by the pairs within them. Pairs of people of two different groups are shown beside, and are
    compared with none: that they match less often is no merit of anybody. All is at the threshold that decided, and
    conditional on it. Two pairs with a person in common are dependent, and counted as such.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["sex"], ["sex", "race"]]`. None: each declared attribute alone, and all of
        them crossed.

    >>> tally = Tally.of({"sex": ["f"] * 50 + ["m"] * 50}, y_true=[0] * 100, y_pred=[0] * 60 + [1] * 40)
    >>> found = MatchRates().assess(tally).findings
    >>> [f.estimate.value for f in found if f.metric == "false_match_rate" and f.comparison == "difference"]
    [0.8]
    """

    NAME: ClassVar[str] = "match_rates"
    tasks: ClassVar[tuple[Task, ...]] = ("verification",)
    RATES: ClassVar[tuple[str, ...]] = RATES
    WORDS: ClassVar[str] = "match rates"

    def _made(
        self, evidence: Tally, by: Sequence[str], families: Mapping[str, Family], *, level: float
    ) -> list[Finding]:
        """What is made of both rates, and every group with every other."""
        matrix = crossed(evidence, by, level=level) if len(by) == 1 else None
        return [
            *(tested(_of_all(families, m), c) for m, c in MADE.items()),
            *([] if matrix is None else [matrix]),
        ]


@dataclass(frozen=True)
@checked_options
class IdentificationRates(EventRates):
    """False positive and false negative identification rate of each group, their differences and ratios.

    Of searches of a gallery (1:N). All is at the threshold that decided, and in the gallery that was searched.

    Parameters
    ----------
    by
        Sets of attributes, each crossed, as of `MatchRates`.
    """

    NAME: ClassVar[str] = "identification_rates"
    tasks: ClassVar[tuple[Task, ...]] = ("identification",)
    RATES: ClassVar[tuple[str, ...]] = ("false_positive_identification_rate", "false_negative_identification_rate")
    WORDS: ClassVar[str] = "identification rates"


def answering(tally: Tally, asked: Question) -> Answer | None:
    """What answers a question from stored counts, in closed form; None where the tally has no answer."""
    if METRICS[asked.metric].kind == "rate":
        return rates.answering(tally, asked)
    known, m = asked.of_attributes(tally.by), METRICS[asked.metric]
    if known is None or m.kind != MATCHING or asked.comparison not in m.comparisons:
        return None
    return _of_all(families_of(tally, known.by, RATES, level=asked.level, min_n=asked.min_n), m.name)


def _of_all(families: Mapping[str, Family], metric: str) -> Answer:
    """What is made of the rates of all groups."""
    return Inequity.of(families, metric) if metric.endswith(INEQUITY) else Discrepancy.of(families)
