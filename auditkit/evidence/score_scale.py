"""The scale of scores: in which units they were given, and whether they can be probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditkit.arrays import Floats
from auditkit.errors import EvidenceError
from auditkit.evidence import reading


@dataclass(frozen=True)
class ScoreScale:
    """Scores from `low` to `high`, of which evidence holds (s − low)/(high − low), in [0, 1]; or ranks.

    >>> scale = ScoreScale(300, 850, threshold=575)
    >>> scale.unit(np.array([300, 575])).tolist(), scale.own(0.5), scale.probability
    ([0.0, 0.5], 575.0, False)
    """

    low: float = 0.0
    high: float = 1.0
    ranks: bool = False
    """The share of the known scores of the data below a score, and of half of those that equal it."""
    threshold: float | None = None
    """The score from which on rows are selected, in the units of the evidence, where it was said."""

    @property
    def probability(self) -> bool:
        """Whether scores can be probabilities, which calibration is about."""
        return not self.ranks and (self.low, self.high) == (0.0, 1.0)

    @property
    def words(self) -> str:
        """What the scores are, where they are no probabilities; else empty."""
        if self.ranks:
            return "ranks within the data"
        return "" if self.probability else f"{self.low:g} to {self.high:g}"

    @property
    def why(self) -> str:
        """Why calibration is not measured."""
        if self.ranks:
            return (
                "scores are taken by their ranks, which are no probabilities: they can be neither too high nor too low"
            )
        return f"the score runs from {self.words}, and is no probability: it can be neither too high nor too low"

    def unit(self, scores: Floats) -> Floats:
        """In [0, 1]."""
        return scores if self.ranks or self.probability else (scores - self.low) / (self.high - self.low)

    def own(self, x: Any) -> Any:
        """In the units in which scores were given; ranks stay ranks."""
        return x if self.ranks or self.probability else self.low + x * (self.high - self.low)

    def to_json(self) -> dict[str, Any]:
        """As JSON: `ranks`, or the two ends; and the threshold where it was said."""
        said: dict[str, Any] = {"ranks": True} if self.ranks else {"low": self.low, "high": self.high}
        return said if self.threshold is None else {**said, "threshold": self.threshold}

    @classmethod
    def from_json(cls, value: object) -> ScoreScale:
        """From `to_json`; EvidenceError for what is no scale."""
        what = "the scale of the scores"
        data = reading.fields(value, what, optional=("ranks", "low", "high", "threshold"))
        ranks = data.get("ranks", False)
        if not isinstance(ranks, bool) or ranks == ("low" in data) or ("low" in data) != ("high" in data):
            raise EvidenceError(f"{what} is either ranks, or has a lowest and a highest score")
        low, high, at = (reading.number(data.get(k, d), f"'{k}' of {what}") for k, d in
                         (("low", 0.0), ("high", 1.0), ("threshold", 0.5)))  # fmt: skip
        if not low < high or not 0 <= at <= 1:
            raise EvidenceError(f"{what} runs from {low:g} to {high:g}, with a threshold at {at:g} of it")
        return cls(low, high, ranks, at if "threshold" in data else None)
