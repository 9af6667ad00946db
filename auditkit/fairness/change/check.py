"""Change: what a newer model does otherwise than an older one on the same rows, for whom better and for whom worse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from auditkit.batch import Batch
from auditkit.catalogue.for_worse import beyond, sides
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.of_class import worded
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError, choices
from auditkit.evidence.paired import Paired
from auditkit.fairness.change.family import Change as ChangeFamily
from auditkit.fairness.change.flips import flipped
from auditkit.fairness.change.rates import CHANGED, RateChange
from auditkit.fairness.families.family import Answer
from auditkit.fairness.groups.classes import OF_ALL, OfClass
from auditkit.fairness.sets import compared, named, sets_of
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import CHANGES, Comparison, Finding, NotMeasured, Task

DEFAULT_METRICS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
OF_ONE = ("true_positive_rate", "precision")
"""What is told of every class by itself."""
MOST_CLASSES = 12
"""Classes that are told each by itself."""
NO_OLDER = (
    "there is no older model to compare with: give ak.audit(…, against=…), a table [against] in the configuration, or "
    "--against on the command line"
)


@dataclass(frozen=True)
@checked_options
class Change(BaseCheck):
    """What changed from an older model (`ak.audit(new, data, against=old)`) to this one, group by group, paired.

    Both models decide the same rows, so that what they share cancels: intervals are those of the difference of both
    decisions, row by row.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["gender"], ["gender", "race"]]`. None: each declared attribute alone,
        and all of them crossed. Everybody is always told.
    metrics
        Names of rates.

    >>> rows = {"sex": ["f", "m"] * 50}
    >>> old, new = [1, 1] * 50, [0, 1] * 20 + [1, 1] * 30
    >>> seen = Paired.of(rows, y_true=[1, 1] * 50, y_pred=new, y_old=old)
    >>> found = Change(metrics=["accuracy"]).assess(seen).findings
    >>> {f.id: round(f.estimate.value, 9) for f in found if f.comparison == "lowest_change"}
    {'change/accuracy/lowest_change': -0.2, 'change/accuracy/lowest_change/sex': -0.4}
    """

    NAME: ClassVar[str] = "change"
    tasks: ClassVar[tuple[Task, ...]] = (
        "binary", "multilabel", "verification", "identification", "answers", "preferences"
    )  # fmt: skip
    uses_weights: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", named(self.metrics, CHANGED, "is no rate of decisions; Change compares"))

    def gather(self, batch: Batch) -> Paired:
        """Count the rows of a batch."""
        return Paired.of_batch(batch)

    def assess(self, evidence: Paired, *, level: float = 0.95) -> Assessment:
        """Every change, each with its paired interval, and the flips."""
        if not evidence.compared:
            return Assessment((), (NotMeasured(what=self.NAME, why=NO_OLDER, concern="change"),))
        sets = compared(sets_of(self.by, evidence.by), evidence.table("cells"), what="changes", concern="change")
        findings = [flipped(evidence, by, level=level) for by in ((), *sets.sets)]
        for by in ((), *sets.sets):
            for metric, label in self._asked(evidence):
                family = _family(evidence, Question(metric, "lowest_change", by, level, label=label))
                found = told(family)
                findings += found if label is None else [worded(f, METRICS[metric], label) for f in found]
        few = self._left_out(evidence)
        return Assessment(tuple(findings), (*sets.absent, *few))

    def _asked(self, evidence: Paired) -> list[tuple[str, str | None]]:
        """Every metric, of several classes with the class that it is about; what is of all classes has none."""
        if not evidence.classes:
            return [(m, None) for m in self.metrics]
        whole = [(m, None) for m in self.metrics if m in OF_ALL]
        classes = evidence.classes if len(evidence.classes) <= MOST_CLASSES else ()
        return [*whole, *((m, c) for m in self.metrics if m in OF_ONE for c in classes)]

    def _left_out(self, evidence: Paired) -> tuple[NotMeasured, ...]:
        """The classes of which nothing is told unless a rule asks."""
        if len(evidence.classes) <= MOST_CLASSES:
            return ()
        why = f"of {len(evidence.classes):,} classes, more than {MOST_CLASSES}, changes are told where a rule names one"
        return (NotMeasured(what="changes by class", why=why, concern="change"),)


@dataclass(frozen=True)
@checked_options
class ClassChange(Change):
    """The same of several classes: who is told rightly, and each class against the rest.

    Parameters
    ----------
    by
        Sets of attributes, each crossed, as of `Change`.
    metrics
        Names of rates: accuracy and error_rate are of all classes, of the others those in `OF_ONE` are told of each.
    """

    NAME: ClassVar[str] = "class_change"
    tasks: ClassVar[tuple[Task, ...]] = ("multiclass",)
    uses_weights: ClassVar[bool] = False


def told(family: ChangeFamily) -> list[Finding]:
    """Everything that is found of one quantity in the groups of some attributes, or of everybody."""
    kinds = sides(family.metric)
    asked: tuple[Comparison, ...] = (*kinds, "gap_change") if family.by else kinds[:1]
    return [_tested(family, k) for k in asked]


def _tested(family: ChangeFamily, kind: Comparison) -> Finding:
    """The finding with its p, of H0: nothing changed to that side; 1 where the interval does not exclude it.

    Of everybody, who may have changed either way, p is two-sided as the interval is.
    """
    f = family.finding(kind)
    if f.estimate.value is None:
        return f
    both: tuple[bool, ...] = (kind != "lowest_change",)
    if not family.by:
        both = (True, False)
    found = [family.p_value(kind, 0.0, above=above) for above in both] if _moved(f) else []
    p = min((x for x in found if x is not None), default=1.0)
    return f.model_copy(update={"p": p})


def _moved(f: Finding) -> bool:
    kinds: tuple[Comparison, ...] = (f.comparison,) if f.by else ("lowest_change", "highest_change")
    return any(beyond(k, f.estimate) for k in kinds)


def answering(paired: Paired, asked: Question) -> Answer | None:
    """What answers a question from stored counts; None where they have no answer.

    Of several classes a rate is of the one that `label` names, and PolicyError names the nearest where there is none.
    """
    known = asked.of_attributes(paired.by)
    if known is None or asked.metric not in CHANGED or asked.comparison not in CHANGES:
        return None
    if asked.comparison not in METRICS[asked.metric].comparisons or not paired.compared:
        return None
    if asked.comparison == "gap_change" and not known.by:
        return None
    if paired.classes and (asked.label is None) is not (asked.metric in OF_ALL):
        return None
    if asked.label is not None and paired.classes and asked.label not in paired.classes:
        raise PolicyError(f"no class '{asked.label}'; the classes are {choices(asked.label, paired.classes)}")
    family = _family(paired, known)
    return OfClass(family, asked.label) if paired.classes and asked.label is not None else family


def _family(paired: Paired, asked: Question) -> ChangeFamily:
    """The changes of one rate: of several classes that of one against the rest, or of being right."""
    if paired.classes:
        paired = paired.hits() if asked.label is None else paired.of_class(asked.label)
    return ChangeFamily.of(RateChange.of(paired, asked.metric, asked.by, level=asked.level, min_n=asked.min_n))
