"""What an entry of the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cell = tuple[int, int]
"""(y_true, y_pred), each 0 or 1."""

ALL: tuple[Cell, ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
WILSON = "Wilson for one rate; Newcombe and MOVER-R for gaps and ratios of two groups; family intervals for more"


@dataclass(frozen=True)
class Metric:
    """One entry: a metric, or a check that answers with something else than a rate."""

    name: str
    title: str
    """The formal name."""
    plain: str
    """A few words for people outside the field."""
    definition: str
    """One sentence."""
    formula: str
    denominator_words: str
    """Who could have been counted, in words."""
    direction: Literal["higher is better", "lower is better", "equal is fair", "shown"]
    reference: str
    oracle: str
    """What tests hold it to."""
    interval: str = WILSON
    numerator: tuple[Cell, ...] = ()
    denominator: tuple[Cell, ...] = ()
    kind: str = "rate"
    """rate, composite, score, conditional, error, gap, check, or what a judge of another package answers for."""
    unit: str = "share"
    """How a value of one group is written: as a share in percent (`percent`: where groups are compared too), in
    `points`, as a plain `number`, in the target's own `measure`, or in the unit that it names ("kg")."""
    comparisons: tuple[str, ...] = (
        "overall",
        "group_min",
        "group_max",
        "difference",
        "ratio",
        "difference_to_overall",
        "ratio_to_overall",
        "difference_to_reference",
        "ratio_to_reference",
        "difference_to_rest",
        "ratio_to_rest",
    )
    limits: tuple[float, float] = (0.0, 1.0)
    """Between what a rule's limit must lie."""
    tested: bool = True
    """False where no interval is computed: a rule can judge the point value alone."""
    tasks: tuple[str, ...] = ("binary",)
