"""GeneratedShares: which values a model draws for which prompt, as a judge tells them, corrected for its errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.generated import (
    AGAINST,
    ASSOCIATION,
    DIVERSITY,
    SHARES,
    UNCONDITIONED,
    UNIFORM,
    UNNAMED,
    as_reference,
)
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError, choices, listing
from auditkit.evidence.classes import ClassTally
from auditkit.fairness.families.association import AssociationFamily
from auditkit.fairness.families.family import Answer, Words, tested
from auditkit.fairness.families.judges_errors import confused, skilled
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.families.shares import UNCORRECTED, Reference, ReferenceFamily, Skilled
from auditkit.fairness.sets import compared, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import NotMeasured, Task
from auditkit.stats.evenness import evenness_limits, jointly
from auditkit.stats.misjudged import Judge, Shares
from auditkit.stats.rates import Floats, Limits

_MOST_CLUSTERS = 100_000


@dataclass(frozen=True)
@checked_options
class GeneratedShares(BaseCheck):
    """How often each value is drawn for each prompt, against a reference; how prompt and value go together; diversity.

    A judge says which value a sample shows. With a labelled sample of that judge, shares are corrected for its errors,
    and intervals hold both errors; nothing is corrected where the judge is not surely better than chance. All is of the
    prompts that were asked, as often as each was.

    Parameters
    ----------
    by
        Sets of attributes (the prompt), each crossed. None: each declared attribute alone, and all of them crossed.
    reference
        The share of each value, as `{"woman": 0.5, "man": 0.5}`; `"uniform"`: equal shares; `"unconditioned"`: those of
        the prompt that names nobody.
    unconditioned
        The prompt that names nobody, a value of the first attribute; None: there is none.
    judged
        The judge's labelled sample: `counts`, (clusters × truths × words) in the order of the values, and the names of
        the `clusters` (none: its rows are independent). `ak.Generated` makes it of a table. None: nobody labelled any.

    >>> tally = ClassTally.of({"prompt": ["nurse"] * 60}, ("man", "woman"), y_true=[-1] * 60, y_pred=[1] * 51 + [0] * 9)
    >>> check = GeneratedShares(judged={"counts": [[[80, 20], [10, 90]]]})
    >>> found = check.assess(tally).findings
    >>> next(round(f.estimate.value, 3) for f in found if f.comparison == "difference")
    0.429
    """

    NAME: ClassVar[str] = "generated_shares"
    tasks: ClassVar[tuple[Task, ...]] = ("generation",)
    by: Iterable[Iterable[str]] | None = None
    reference: Any = UNIFORM
    unconditioned: str | None = None
    judged: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", as_reference(self.reference, self.unconditioned))
        if self.judged is not None:
            object.__setattr__(self, "judged", _counted(self.judged))

    def declared(self, data: Any) -> GeneratedShares:
        """With what the reader of these rows knows, where nobody said otherwise."""
        told = {
            k: v
            for k, v in getattr(data, "known", {}).get(self.NAME, {}).items()
            if getattr(self, k) == getattr(type(self), k)
        }
        return replace(self, **told) if told else self

    def gather(self, batch: Batch) -> ClassTally:
        """Count the samples of a batch."""
        return ClassTally.of(batch.groups, batch.classes, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: ClassTally, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        asked = Asked.of(evidence, level, **self._options())
        judge = asked.skilled.judge
        sets = compared(sets_of(self.by, evidence.by), evidence.table("cells"), what="shares", concern="fairness")
        findings = [tested(asked.against(()), "overall"), tested(asked.diverse(()), "overall")]
        if self.unconditioned is not None and evidence.by:
            findings.append(tested(asked.unnamed(), "overall"))
        if judge is not None:
            findings.append(confused(judge, evidence.classes, self.judged, level=level))
        lost = list(sets.absent) + ([] if judge is not None or asked.skilled.why else [_UNLABELLED])
        for by in sets.sets:
            findings += [tested(asked.against(by), c) for c in ("difference", "ratio")]
            findings += [tested(asked.associated(by), "difference"), tested(asked.diverse(by), "group_min")]
            lost += asked.alone(by)
        return Assessment(tuple(findings), tuple(lost))

    def _options(self) -> dict[str, Any]:
        return {"reference": self.reference, "unconditioned": self.unconditioned, "judged": self.judged}


_UNLABELLED = NotMeasured(what="errors of the judge", why=UNCORRECTED, concern="fairness")


@dataclass(frozen=True)
class Asked:
    """The counts, the judge and the reference, of which every answer is made."""

    tally: ClassTally
    level: float
    skilled: Skilled
    reference: Any = UNIFORM
    unconditioned: str | None = None
    min_n: int = SPARSE
    label: str | None = None

    @classmethod
    def of(
        cls, tally: ClassTally, level: float, *, reference: Any = UNIFORM, unconditioned: str | None = None,
        judged: Mapping[str, Any] | None = None, **more: Any,
    ) -> Asked:  # fmt: skip
        """PolicyError where reference, labelled sample and samples are not of the same values."""
        values = tally.classes
        if not isinstance(reference, str) and set(reference) != set(values):
            raise PolicyError(
                f"reference gives shares of {listing(reference, most=12)}; the values are {listing(values, most=12)}: "
                "give each its share"
            )
        judge = None
        if judged is not None:
            counts = np.asarray(judged["counts"], dtype=np.float64)
            if counts.shape[1] != len(values):
                raise PolicyError(
                    f"the labelled sample is of {counts.shape[1]} values; the samples show one of {listing(values)}"
                )
            judge = Judge(counts, clustered=bool(judged.get("clusters")))
        return cls(tally, level, skilled(judge, values, level=level), reference, unconditioned, **more)

    def against(self, by: Sequence[str], metric: str = AGAINST) -> ReferenceFamily:
        """Shares against the reference; the prompt that is the reference is compared with none."""
        groups, words = self.words(by)
        if self.reference == UNCONDITIONED:
            others = [not self._unnamed(by, g) for g in groups]
            groups = tuple(g for g, keep in zip(groups, others, strict=True) if keep)
            words = words[others] if by else words - self._own()[None]
        return ReferenceFamily(
            metric, tuple(by), groups, words, self.tally.classes, self.skilled, self._reference(), self.level,
            self.min_n, self.label,
        )  # fmt: skip

    def unnamed(self) -> ReferenceFamily:
        """The shares of the prompt that names nobody, against stated ones."""
        uniform = Reference(_EQUAL, self._uniform())
        reference = uniform if self.reference == UNCONDITIONED else self._reference()
        words = self._own()[None]
        name = f"When no one is named (“{self.unconditioned}”)"
        return ReferenceFamily(
            UNNAMED,
            (),
            ((),),
            words,
            self.tally.classes,
            self.skilled,
            reference,
            self.level,
            self.min_n,
            self.label,
            name,
        )

    def associated(self, by: Sequence[str]) -> AssociationFamily:
        """How prompt and value go together, as the judge says."""
        groups, words = self.words(by)
        return AssociationFamily(
            ASSOCIATION, tuple(by), groups, words, self.tally.classes, self.level, self.skilled.judge is not None
        )

    def diverse(self, by: Sequence[str]) -> QuantityFamily:
        """How evenly values are drawn, in each group."""
        groups, words = self.words(by)
        shares, n = Shares(words, self.skilled.judge), words.sum(axis=1)
        nobody = self.skilled.why or "fewer than two samples have no diversity"
        counted = np.zeros(len(n), dtype=np.int64) if self.skilled.why else np.where(n > 1, n, 0).astype(np.int64)

        def limits(q: float) -> Limits:
            found = evenness_limits(shares.limits(jointly(q, len(self.tally.classes))))
            return Limits(*(np.where(counted > 0, x, np.nan) for x in found))

        words_ = Words("bounds within the simultaneous limits of the shares", nobody, "samples")
        return QuantityFamily(
            DIVERSITY, tuple(by), groups, n.astype(np.int64), counted, limits, words_, self.level, self.min_n, 1.0
        )

    def alone(self, by: Sequence[str]) -> Iterator[NotMeasured]:
        """Prompts of one sample, within which nothing differs."""
        groups, words = self.words(by)
        single = [group_words(by, g) for g, n in zip(groups, words.sum(axis=1), strict=True) if n == 1]
        if single:
            what = f"diversity within {len(single):,} prompts of one sample"
            yield NotMeasured(what=what, why=f"one sample cannot differ: {listing(single, most=8)}", concern="fairness")

    def words(self, by: Sequence[str]) -> tuple[tuple[tuple[str, ...], ...], Floats]:
        """Groups, and (P, K) how often the judge said each value."""
        groups, counts = self.tally.decisions(*by)
        return groups, counts[:, 1:].astype(np.float64)

    def _unnamed(self, by: Sequence[str], group: Sequence[str]) -> bool:
        return bool(by) and by[0] == self.tally.by[0] and group[0] == self.unconditioned

    def _own(self) -> Floats:
        """(K,) words about the samples of the unconditioned prompt."""
        groups, words = self.words(self.tally.by[:1])
        own = [w for (g,), w in zip(groups, words, strict=True) if g == self.unconditioned]
        return own[0] if own else np.zeros(len(self.tally.classes))

    def _uniform(self) -> tuple[float, ...]:
        return (1 / len(self.tally.classes),) * len(self.tally.classes)

    def _reference(self) -> Reference:
        if self.reference == UNCONDITIONED:
            return Reference(f"those of “{self.unconditioned}”", own=self._own())
        if self.reference == UNIFORM:
            return Reference(_EQUAL, self._uniform())
        return Reference("the declared shares", tuple(self.reference[v] for v in self.tally.classes))


_EQUAL = "equal shares"


def answering(tally: ClassTally, asked: Question, **options: Any) -> Answer | None:
    """What answers a question from stored counts; None if they cannot. PolicyError for a value that there is not."""
    known, m = asked.of_attributes(tally.by), METRICS[asked.metric]
    if known is None or m.kind != SHARES or asked.comparison not in m.comparisons:
        return None
    if asked.label is not None and asked.label not in tally.classes:
        raise PolicyError(f"no value '{asked.label}'; the values are {choices(asked.label, tally.classes)}")
    held = GeneratedShares(**options)._options()  # of a stored report: a stranger's
    of = Asked.of(tally, asked.level, **held, min_n=asked.min_n, label=asked.label)
    if asked.metric == AGAINST:
        return of.against(known.by)
    if asked.metric == UNNAMED:
        return None if options.get("unconditioned") is None else of.unnamed()
    if asked.label is not None:
        return None
    return of.associated(known.by) if asked.metric == ASSOCIATION else of.diverse(known.by)


def _counted(judged: Mapping[str, Any]) -> dict[str, Any]:
    """The labelled sample, held: whole numbers, (clusters × truths × words)."""
    unknown = set(judged) - {"counts", "clusters"}
    if unknown or "counts" not in judged:
        raise PolicyError(f"judged holds 'counts' and 'clusters', got {listing(map(str, judged))}")
    try:
        counts = np.asarray(judged["counts"], dtype=np.float64)
    except (TypeError, ValueError):
        counts = np.zeros(0)
    names = judged.get("clusters", ())
    square = counts.ndim == 3 and counts.shape[1] == counts.shape[2] > 1 and 0 < len(counts) <= _MOST_CLUSTERS
    if not square or not np.isfinite(counts).all() or (counts < 0).any() or (counts % 1).any() or counts.max() > 2**53:
        raise PolicyError("judged: counts are whole numbers of labelled rows, by cluster, truth and word")
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) not in (0, len(counts)):
        raise PolicyError(f"judged: clusters names each of {len(counts)} clusters, or none")
    return {"counts": counts.astype(int).tolist(), "clusters": [str(n) for n in names]}
