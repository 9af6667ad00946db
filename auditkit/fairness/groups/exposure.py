"""Exposure: which groups of items the lists of users show, against relevance and against their shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.rankings import EXPOSED, RELATIVE, cut_of, skew
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.errors import NotExplained, PolicyError, choices
from auditkit.evidence.exposures import WHOLE, ExposureSums
from auditkit.evidence.ratios import RatioSums
from auditkit.fairness.families.exposures import family_of
from auditkit.fairness.families.family import Answer, tested
from auditkit.lists import Lists
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import Comparison, Exhibit, Finding, NotMeasured, Table, Task

if TYPE_CHECKING:
    from auditkit.inputs.dataset import Dataset

COMPARED: tuple[Comparison, ...] = ("ratio", "group_min", "group_max")
SKEWED: tuple[Comparison, ...] = ("difference", "group_min", "group_max")
NO_LISTS = "rows are users with lists of items in groups: ak.Rankings(item_groups=…) makes them"
ALL_SHOWN = (
    "every list is shown whole, so that its items are those that it is held against: give the candidates that were not "
    "shown (rows without a rank) too, or shares={…}"
)


@dataclass(frozen=True)
@checked_options
class Exposure(BaseCheck):
    """What lists show of groups of items: exposure as a multiple of relevance, and how far the first k are skewed.

    Exposure is 1/log₂(1 + rank) of the places that are seen. Users are what is drawn: every interval is over them, and
    knows that one list gives to several groups.

    Parameters
    ----------
    items
        What items are grouped by, of what the lists tell; empty: all.

    >>> two = RatioSums.of(("a", "b"), over=[[2.0, 1.0]] * 30, under=[[1.0, 1.0]] * 30, squares=(90.0, 60.0))
    >>> found = Exposure().assess(ExposureSums({("genre", 0): two}, seen=3)).findings
    >>> [(f.id, round(f.estimate.value, 3)) for f in found][0]
    ('fairness/exposure_to_relevance/ratio/genre', 0.5)
    """

    NAME: ClassVar[str] = EXPOSED
    tasks: ClassVar[tuple[Task, ...]] = ("ranking",)
    items: Sequence[str] = ()
    lists: Lists | None = field(default=None, init=False)

    @property
    def needs(self) -> frozenset[Need]:
        """Nothing but what the lists say."""
        return frozenset()

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the data that it reads; none before it was told of them."""
        if self.lists is None:
            return ()
        of, groups = self.lists, [(a, g) for a in self._attributes(self.lists) for g in self.lists.items[a]]
        return (*of.whole, *(of.column(q, a, g) for a, g in groups for q in of.quantities))

    def declared(self, data: Dataset) -> Exposure:
        """The same check, told of the columns of these rows."""
        told = replace(self)
        object.__setattr__(told, "lists", data.lists)
        if data.lists is not None:
            told._attributes(data.lists)
        return told

    def _attributes(self, lists: Lists) -> tuple[str, ...]:
        for name in self.items:
            if name not in lists.items:
                raise PolicyError(f"items are not grouped by '{name}'; they are by {choices(name, lists.items)}")
        return tuple(self.items) or tuple(lists.items)

    def gather(self, batch: Batch) -> ExposureSums:
        """Sum the lists of a batch; NotExplained where its rows have none."""
        of = self.lists
        if of is None or not of.items:
            raise NotExplained(NO_LISTS)
        numbers = {name: batch.numbers(name) for name in self.reads}
        found = {}
        for attribute in self._attributes(of):
            groups = of.items[attribute]
            for k, (over, under), squares in of.ratios:
                both = (np.column_stack([numbers[of.column(q, attribute, g)] for g in groups]) for q in (over, under))
                above, below = both
                own = cast("tuple[float, float]", tuple(float(numbers[name].sum()) for name in squares))
                found[attribute, k] = RatioSums.of(groups, over=above, under=below, squares=own)
        return ExposureSums(found, of.seen)

    def assess(self, evidence: ExposureSums, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        findings: list[Finding] = []
        absent = []
        for (attribute, k), sums in evidence.sums.items():
            metric = RELATIVE if k == WHOLE else skew(k)
            if k != WHOLE and _whole(sums):
                absent.append(NotMeasured(what=f"{metric} by {attribute}", why=ALL_SHOWN, concern="fairness"))
                continue
            family = family_of(evidence, metric, attribute, level=level)
            assert family is not None, "the evidence tells of it"
            for kind in COMPARED if k == WHOLE else SKEWED:
                table = (_table(evidence, attribute),) if kind == "ratio" else ()
                findings.append(tested(family, kind, exhibits=table))
        return Assessment(tuple(findings), tuple(absent))


def _whole(sums: RatioSums) -> bool:
    """Whether all that is held against is shown, list by list."""
    k = len(sums.groups)
    p = sums.products
    apart = np.diag(p)[:k] + np.diag(p)[k:] - 2 * np.diag(p[:k, k:])
    return bool((apart <= 1e-9 * (1 + np.diag(p)[:k])).all())


def _table(evidence: ExposureSums, attribute: str) -> Exhibit:
    """The sums behind it, group by group."""
    of = evidence.sums[attribute, WHOLE]
    all_over, all_under = float(of.over.sum()), float(of.under.sum())
    rows = [
        (
            g,
            int(n),
            _over(x, all_over),
            _over(y, all_under),
            _over(_over(x, all_over), _over(y, all_under)),
            _over(x, y),
        )
        for g, n, x, y in zip(of.groups, of.rows, of.over.tolist(), of.under.tolist(), strict=True)
    ]
    return Table(
        title=f"Exposure and relevance, by {attribute} (places 1 to {evidence.seen})",
        columns=(
            attribute,
            "users with a relevant one",
            "share of exposure",
            "share of relevance",
            "exposure ÷ relevance",
            "exposure for each relevant item",
        ),
        rows=tuple(rows),
        units=("", "", "percent", "percent", "percent", "ratio"),
    )


def _over(x: float | None, of: float | None) -> float | None:
    return None if x is None or not of else x / of


def answering(sums: ExposureSums, asked: Question) -> Answer | None:
    """What answers a question from stored sums; None where they do not."""
    if asked.metric != RELATIVE and cut_of(asked.metric) is None:
        return None
    known = COMPARED if asked.metric == RELATIVE else SKEWED
    if len(asked.by) != 1 or asked.comparison not in known:
        return None
    return family_of(sums, asked.metric, asked.by[0], level=asked.level, min_n=asked.min_n)
