"""Which gaps are explained: the targets, as data. No torch."""

from __future__ import annotations

from typing import Literal, NamedTuple

from auditkit.formatting import plain, points
from auditkit.records import Estimate, Unit

Of = Literal["score", "selected", "loss"]


class Target(NamedTuple):
    """A number whose mean differs between groups."""

    name: str
    """What a rule writes as `of`; a name of the catalogue where it has one."""
    of: Of
    """Which output of the model is averaged."""
    y: int | None
    """Over the rows of this truth; None: over all."""
    words: str
    """After "the gap in"."""
    unit: Unit = "points"

    def amount(self, x: float | None) -> str:
        """A contribution in words: "14.0 points"."""
        return plain(x) if self.unit == "" else f"{points(x)} point{'' if points(x) in ('1.0', '−1.0') else 's'}"

    def limits(self, e: Estimate) -> str:
        """The interval of a contribution in words."""
        write = plain if self.unit == "" else points
        return f"{100 * e.level:.4g}% interval {write(e.low)} to {write(e.high)}"


_ALL = (
    Target("mean_score", "score", None, "mean score"),
    Target("mean_score_of_positives", "score", 1, "mean score of the truly positive"),
    Target("mean_score_of_negatives", "score", 0, "mean score of the truly negative"),
    Target("selection_rate", "selected", None, "selection rate"),
    Target("true_positive_rate", "selected", 1, "true positive rate"),
    Target("false_positive_rate", "selected", 0, "false positive rate"),
    Target("log_loss", "loss", None, "mean log loss", unit=""),
    Target("mean_prediction", "score", None, "mean prediction", unit=""),
)
TARGETS: dict[str, Target] = {t.name: t for t in _ALL}
"""Name → target; a task says which are its own (`gap_targets`). Of several classes, one against the rest."""

OUTCOME = "how often the outcome occurs"
"""The part of a gap in loss that comes from how often the outcome occurs, not from any column."""


MOST_FEATURES = 64
"""Features up to which the Shapley form is computed, and shown one by one."""
