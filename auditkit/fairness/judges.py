"""Which rules the counts of a check answer, and how: by what its `answering` makes of them for each question."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from auditkit.catalogue.detections import DETECTION
from auditkit.catalogue.generated import SHARES
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.matches import MATCHING
from auditkit.catalogue.measured import named
from auditkit.catalogue.rankings import EXPOSED, cut_of
from auditkit.check import MOST_COMPARED, MOST_COUNTED, Alternative, Judge, Steps
from auditkit.errors import listing
from auditkit.fairness.sets import crossed
from auditkit.question import Question

if TYPE_CHECKING:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness.families.family import Answer
    from auditkit.records import Estimate, Finding, Frontier


class CountsJudge(Judge):
    """Of one piece of evidence; the check is imported when a rule asks, so that nothing heavy is before."""

    check: ClassVar[str]
    """Module of the check: its `answering(counts, asked)` gives an `Answer`, or None."""
    cells: ClassVar[str] = "cells"
    """The table of the counts whose groups are compared."""

    def __init__(self, stored: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
        ((self.counts, _),) = stored.values()

    def finding(self, asked: Question) -> Finding | None:
        found = self.answer(asked)
        return None if found is None else found.finding(asked.comparison)

    def estimate(self, asked: Question) -> Estimate | None:
        """See `Judge`."""
        from auditkit.fairness.families.family import GroupFamily

        found = self.answer(asked)
        if isinstance(found, GroupFamily):
            return found.measured(asked.comparison)[0]
        return None if found is None else found.finding(asked.comparison).estimate

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        found = self.answer(asked)
        return None if found is None else found.p_value(asked.comparison, limit, above=above)

    def times(self, factor: int) -> Self | None:
        """See `Judge`; of clusters nothing is known: copies are no new ones."""
        if getattr(self.counts, "clusters", None) is not None:
            return None
        return type(self)({"": (self.counts.times(factor), {})})

    def groups(self, asked: Question) -> int:
        return crossed(self.counts.by, self.counts.table(self.cells), asked)

    def answer(self, asked: Question) -> Answer | None:
        """What answers; None where the counts do not."""
        found: Answer | None = importlib.import_module(self.check).answering(self.counts, asked)
        return found


class GroupFairnessRules(CountsJudge):
    """Of rates and what is made of them, from a tally."""

    kinds: ClassVar[tuple[str, ...]] = ("rate", "composite", "labels")
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.tally:Tally"
    check: ClassVar = "auditkit.fairness.groups.check"

    def __init__(self, stored: Mapping[str, tuple[Tally, Mapping[str, Any]]]) -> None:
        super().__init__(stored)
        self.most = MOST_COMPARED if self.counts.weighted or self.counts.clusters is not None else MOST_COUNTED

    def too_few(self, asked: Question) -> str:
        from auditkit.fairness.families.weighted import OR_CLUSTERS

        return super().too_few(asked) + ("" if self.counts.clusters is None else OR_CLUSTERS)

    def why_not(self, asked: Question) -> str:
        from auditkit.fairness.families.composites import NOT_SERVED, served

        return "" if served(self.counts, asked.metric) else NOT_SERVED


class ClassFairnessRules(CountsJudge):
    """Of rates of every class against the rest, from a tally of classes."""

    kinds: ClassVar = ("rate", "composite", "labels")
    tasks: ClassVar = ("multiclass",)
    evidence: ClassVar = "auditkit.evidence.classes:ClassTally"
    check: ClassVar = "auditkit.fairness.groups.classes"


class RegressionFairnessRules(CountsJudge):
    """Of errors of numbers, from their sums."""

    kinds: ClassVar = ("error", "labels")
    tasks: ClassVar = ("regression",)
    evidence: ClassVar = "auditkit.evidence.errors:ErrorSums"
    check: ClassVar = "auditkit.fairness.groups.regression"
    cells: ClassVar = "moments_"


class MeasuredRules(CountsJudge):
    """Of numbers that rows have, from the sums of the check that was given that name."""

    kinds: ClassVar = ("measured",)
    tasks: ClassVar = ("binary", "multiclass", "regression", "multilabel", "ranking", "answers", "preferences")
    evidence: ClassVar = "auditkit.evidence.numbers:NumberSums"
    check: ClassVar = "auditkit.fairness.groups.measured"

    def __init__(self, stored: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
        self._stored = {str(options.get("number")): (sums, options) for sums, options in stored.values()}

    def groups(self, asked: Question) -> int:
        found = self._of(asked)
        return 0 if found is None else crossed(found[0].by, found[0].table("moments_"), asked)

    def times(self, factor: int) -> Self | None:
        """See `Judge`; of clusters nothing is known."""
        if any(sums.clusters is not None for sums, _ in self._stored.values()):
            return None
        return type(self)({k: (sums.times(factor), options) for k, (sums, options) in self._stored.items()})

    def answer(self, asked: Question) -> Answer | None:
        found = self._of(asked)
        if found is None:
            return None
        sums, options = found
        told = {k: str(options[k]) for k in ("unit", "better") if k in options}
        answer: Answer | None = importlib.import_module(self.check).answering(sums, asked, **told)
        return answer

    def why_not(self, asked: Question) -> str:
        """See `Judge`: nobody measured it."""
        if self._of(asked) is not None:
            return ""
        return str(importlib.import_module(self.check).absent(named(asked.metric) or "", list(self._stored)))

    def _of(self, asked: Question) -> tuple[Any, Mapping[str, Any]] | None:
        return self._stored.get(named(asked.metric) or "")


class MatchRatesRules(GroupFairnessRules):
    """Of errors of pairs, and what is made of them, from a tally of pairs."""

    kinds: ClassVar[tuple[str, ...]] = ("rate", MATCHING)
    tasks: ClassVar[tuple[str, ...]] = ("verification",)
    check: ClassVar = "auditkit.fairness.groups.matches"

    def answer(self, asked: Question) -> Answer | None:
        """See `CountsJudge`; of the rates of this task alone."""
        return super().answer(asked) if METRICS[asked.metric].tasks == self.tasks else None

    def why_not(self, asked: Question) -> str:
        """See `Judge`."""
        return "" if METRICS[asked.metric].tasks == self.tasks else f"a {self.tasks[0]} audit does not count it"


class IdentificationRatesRules(MatchRatesRules):
    """Of errors of searches, from a tally of searches."""

    tasks: ClassVar[tuple[str, ...]] = ("identification",)


class GeneratedSharesRules(CountsJudge):
    """Of shares of what was drawn, from counts of a judge's words, and the options that say how it errs."""

    kinds: ClassVar = (SHARES,)
    tasks: ClassVar = ("generation",)
    evidence: ClassVar = "auditkit.evidence.classes:ClassTally"
    check: ClassVar = "auditkit.fairness.groups.generated"

    def __init__(self, stored: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
        super().__init__(stored)
        ((_, options),) = stored.values()
        self._options = {k: v for k, v in options.items() if k != "by"}

    def times(self, factor: int) -> Self | None:
        """See `Judge`: so many times as many samples; the labelled sample stays as it is."""
        return type(self)({"": (self.counts.times(factor), self._options)})

    def answer(self, asked: Question) -> Answer | None:
        found: Answer | None = importlib.import_module(self.check).answering(self.counts, asked, **self._options)
        return found


class ExposureRules(CountsJudge):
    """Of what lists show of groups of items, from the sums over users."""

    kinds: ClassVar = (EXPOSED,)
    tasks: ClassVar = ("ranking",)
    evidence: ClassVar = "auditkit.evidence.exposures:ExposureSums"
    check: ClassVar = "auditkit.fairness.groups.exposure"

    def times(self, factor: int) -> Self | None:
        """See `Judge`: copies of users are no others."""
        return None

    def groups(self, asked: Question) -> int:
        """See `Judge`."""
        return max((len(s.groups) for (a, _), s in self.counts.sums.items() if (a,) == asked.by), default=0)

    def why_not(self, asked: Question) -> str:
        """See `Judge`: items are not grouped so, or k is another."""
        by, k, known = self.counts.by, cut_of(asked.metric), self.counts.cuts
        if len(asked.by) != 1 or asked.by[0] not in by:
            return f"items are grouped by {listing(by)}, each alone, and by no {listing(asked.by)}"
        return f"no skew at {k}: k is {listing(map(str, known))}" if k is not None and k not in known else ""


class DetectionRatesRules(MatchRatesRules):
    """Of objects that are found and missed, from a tally of objects."""

    tasks: ClassVar[tuple[str, ...]] = ("detection",)

    def why_not(self, asked: Question) -> str:
        """See `Judge`."""
        found = super().why_not(asked)
        return f"{found}: objects have an object_recall and a miss_rate" if found else ""


class DetectionCurvesRules(CountsJudge):
    """Of average precision, the log-average miss rate and false alarms, from curves of all scenes."""

    kinds: ClassVar[tuple[str, ...]] = (DETECTION,)
    tasks: ClassVar[tuple[str, ...]] = ("detection",)
    evidence: ClassVar = "auditkit.evidence.detected:Detected"
    check: ClassVar = "auditkit.fairness.groups.detections"

    def times(self, factor: int) -> None:
        """See `Judge`: of scenes, nothing is known of more."""
        return

    def steps(self) -> Steps | None:
        """See `Judge`."""
        from auditkit.fairness.groups.detection_steps import DetectionSteps

        return None if self.counts.steps is None else DetectionSteps(self.counts, self.counts.steps)

    def groups(self, asked: Question) -> int:
        found = self.counts.of(asked.by)
        return 0 if found is None else len(found.groups)

    def too_few(self, asked: Question) -> str:
        """See `Judge`."""
        from auditkit.fairness.families.weighted import OR_CLUSTERS

        return super().too_few(asked) + OR_CLUSTERS

    def why_not(self, asked: Question) -> str:
        """See `Judge`."""
        return str(importlib.import_module(self.check).why_not(self.counts, asked))


class AnswerRatesRules(GroupFairnessRules):
    """Of right answers, from a tally of them."""

    kinds: ClassVar[tuple[str, ...]] = ("rate",)
    tasks: ClassVar[tuple[str, ...]] = ("answers",)
    RATES: ClassVar[tuple[str, ...]] = ("accuracy", "error_rate")

    def answer(self, asked: Question) -> Answer | None:
        """See `CountsJudge`; of rates of these events alone."""
        return super().answer(asked) if asked.metric in self.RATES else None

    def why_not(self, asked: Question) -> str:
        """See `Judge`."""
        known = " and ".join(self.RATES)
        return "" if asked.metric in self.RATES else f"a {self.tasks[0]} audit does not count it: it counts {known}"


class PreferenceRatesRules(AnswerRatesRules):
    """Of preferences, from a tally of pairs of texts."""

    tasks: ClassVar[tuple[str, ...]] = ("preferences",)
    RATES: ClassVar[tuple[str, ...]] = ("stereotype_preference",)


class ConditionalParityRules(CountsJudge):
    """Of rates at equal control features, from the tally of the one check that holds them equal."""

    kinds: ClassVar = ("conditional",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.tally:Tally"
    check: ClassVar = "auditkit.fairness.groups.conditional"

    def __init__(self, stored: Mapping[str, tuple[Tally, Mapping[str, Any]]]) -> None:
        self.counts = stored

    def times(self, factor: int) -> Self:
        """See `Judge`."""
        return type(self)({k: (tally.times(factor), options) for k, (tally, options) in self.counts.items()})

    def groups(self, asked: Question) -> int:
        return max(crossed(tally.by, tally.columns, asked) for tally, _ in self.counts.values())

    def too_few(self, asked: Question) -> str:
        return f"{super().too_few(asked)} in the strata shared"


class ScoresRules(CountsJudge):
    """Of ranking and calibration; beside it may stand what a model trained again gave (`reweighing.REWEIGHED`)."""

    kinds: ClassVar = ("score",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.histogram:ScoreHistogram"
    check: ClassVar = "auditkit.fairness.scores.check"

    def __init__(self, stored: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
        ((self.counts, self._options), *again) = [stored[k] for k in sorted(stored, key=lambda k: ":" in k)]
        self._reweighed = again[0][0] if again else None

    def alternatives(self, asked: Collection[frozenset[str]]) -> Sequence[Alternative]:
        """See `Judge`: remedies by the sets of attributes that the check looked at."""
        by = self._options.get("by")
        found: Sequence[Alternative] = _remedied().alternatives(self.counts, by, asked, reweighed=self._reweighed)
        return found

    def frontier(self, by: Sequence[str]) -> Frontier | None:
        """See `Judge`."""
        found: Frontier | None = _remedied().frontier_of(self.counts, tuple(by))
        return found

    def too_few(self, asked: Question) -> str:
        return "too few to tell"

    def why_not(self, asked: Question) -> str:
        """See `Judge`: calibration of scores that are no probabilities."""
        scale = self.counts.scale
        of_ranking = asked.metric in ("roc_auc", "bpsn_auc", "bnsp_auc", "abroca")
        return "" if scale is None or scale.probability or of_ranking else str(scale.why)

    def steps(self) -> Steps | None:
        """See `Judge`."""
        from auditkit.fairness.scores.explorer import steps

        return steps(self.counts)


def _remedied() -> ModuleType:
    """By name, since remedies are judged by the judges of this file."""
    return importlib.import_module("auditkit.fairness.scores.remedied")
