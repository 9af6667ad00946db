"""One rate, every class against the rest, in K groups: the largest difference over classes × groups as one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.evidence.classes import ClassTally
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import nothing_to_compare
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.notes import finding
from auditkit.formatting import interval, percent, points, quotient
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Finding, GroupEstimates, Table, Unit
from auditkit.stats import joint, pvalues
from auditkit.stats.comparisons import p_value_of
from auditkit.stats.families import FamilyInterval

COMPARED: tuple[Comparison, ...] = ("difference", "ratio", "group_min", "group_max")
"""What a one-vs-rest rate knows over all classes; one class alone knows every comparison of a rate."""
_FARTHEST = 8.0
"""Critical value beyond which a level is 1 in double precision."""
_PAIRS: tuple[Comparison, ...] = ("difference", "ratio")


@dataclass(frozen=True)
class ClassFamilies:
    """One rate of C classes in K crossed groups."""

    metric: str
    by: tuple[str, ...]
    classes: tuple[str, ...]
    families: tuple[Family, ...]
    """(C,) the rate of each class against the rest."""
    level: float

    @classmethod
    def of(
        cls, tally: ClassTally, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE
    ) -> ClassFamilies:
        """Read the families off a tally."""
        parts = [tally.one_vs_rest(label) for label in tally.classes]
        tables = [RateTable.of(t, by, (metric,)) for t in parts]
        found = [families_of(t, x, level=level, min_n=min_n)[metric] for t, x in zip(parts, tables, strict=True)]
        return cls(metric, tuple(by), tally.classes, tuple(found), level)

    def compared(self, kind: Comparison) -> NDArray[np.intp]:
        """Positions of the classes that take part: two groups large enough for a pair, else one."""
        least = 2 if kind in _PAIRS else 1
        return np.flatnonzero([f.kept.sum() >= least for f in self.families])

    def interval(
        self, kind: Comparison, *, inner: float | None = None, outer: float | None = None
    ) -> tuple[int, FamilyInterval]:
        """The class (among those compared) and the interval over all of them; `inner`, `outer` as in `contrasts`."""
        counts = [
            (f.k[f.kept].astype(float), f.n[f.kept].astype(float))
            for f in (self.families[int(i)] for i in self.compared(kind))
        ]
        level = self.level
        if outer is not None:  # the outer limits stand at the critical value of a level
            sizes = tuple(len(n) for _, n in counts)
            inner = joint.joint_quantile(level, sizes) if inner is None else inner
            level = joint.level_of(min(outer, _FARTHEST))
        if kind == "difference":
            return joint.widest(counts, level=level, inner=inner)
        if kind == "ratio":
            return joint.smallest_ratio(counts, level=level, inner=inner)
        return joint.extreme(counts, level=level, largest=kind == "group_max", inner=inner)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test."""
        where = self.compared(kind)
        if not len(where) or kind not in COMPARED:
            return None
        sizes = [int(self.families[int(i)].kept.sum()) for i in where]
        tail = partial(joint.joint_tail, groups=sizes)
        if kind not in _PAIRS:
            tail = partial(pvalues.tail, groups=sum(sizes), law="separate")

        def own(*, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
            return self.interval(kind, inner=inner, outer=outer)[1]

        return p_value_of(own, kind, limit, above=above, tail=tail)

    def finding(self, kind: Comparison) -> Finding:
        """One comparison over all classes and groups; the class and the groups behind it are named."""
        where = self.compared(kind)
        if len(where):
            at, found = self.interval(kind)
            e, worst = self._estimate(found, kind), int(where[at])
            statement, driven = self._told(kind, e, found, worst), self._driven(kind, found, worst)
        else:
            e, driven = self._nothing(), ()
            statement = f"{self._head()}: groups of {' and '.join(self.by)} cannot be compared; {e.note}."
        return finding(
            self.metric,
            kind,
            self.by,
            e,
            statement,
            concern="data" if self.metric == "base_rate" else "fairness",
            title=f"{METRICS[self.metric].title} of each class",
            exhibits=self._exhibits() if kind == "difference" else (),
            notes=(*driven, *self._notes(kind)),
        )

    def _head(self) -> str:
        return f"{METRICS[self.metric].title}, each class against the rest"

    def _estimate(self, found: FamilyInterval, kind: Comparison) -> Estimate:
        families = [self.families[int(i)] for i in self.compared(kind)]
        sizes = tuple(int(f.kept.sum()) for f in families)
        pairs = f"Π over {len(sizes)} classes of the studentized range at {100 * self.level:g}%"
        methods = {
            "difference": f"MOVER of all pairs within each class, {pairs}; upper limit Newcombe",
            "ratio": f"MOVER-R of all pairs within each class, {pairs}; lower limit with Wilson limits",
        }
        how = methods.get(kind, "Wilson limits of all classes and groups, Šidák on the inner side")
        mdes = [f.mde(joint.joint_quantile(self.level, sizes)) for f in families] if kind == "difference" else []
        update = {
            "n": max(int(f.rows[f.kept].sum()) for f in families),
            "denominator": None,
            "method": how,
            "mde": max((x for x in mdes if x is not None), default=None),
        }
        return families[0].estimate_of(found, kind).model_copy(update=update)

    def _nothing(self) -> Estimate:
        one = self.families[0]
        few = f"no class has two groups with {one.enough()}"
        return nothing_to_compare(len(one.groups), few, level=self.level, n=int(one.rows.sum()))

    def _told(self, kind: Comparison, e: Estimate, found: FamilyInterval, worst: int) -> str:
        f, name, attributes = self._named(found, worst), self.classes[worst], " and ".join(self.by)
        classes = f"{len(self.compared(kind))} classes"
        size = f"({interval(e, kind)})"
        if e.value is None:
            return f"{self._head()}: groups of {attributes} cannot be compared; {e.note}."
        if kind in ("group_min", "group_max"):
            which = "lowest" if kind == "group_min" else "highest"
            return f"{self._head()}: the {which} of {classes} and all groups is {name} for {f[0]} {size}."
        if kind == "difference":
            if not e.low:
                seen = f"; a gap below {points(e.mde)} points could have gone unseen" if e.mde is not None else ""
                return (
                    f"{self._head()}: no gap between groups of {attributes} is established in any of {classes} "
                    f"({interval(e, kind)} points{seen})."
                )
            return f"{self._head()}: the widest gap is {points(e.value)} points {size}, {name}: {f[0]}, {f[1]}."
        if e.high is None or e.high >= 1:
            return f"{self._head()}: no disparity between groups of {attributes} is established in any of {classes}."
        return f"{self._head()}: the smallest ratio is {quotient(e.value)} {size}, {name}: {f[0]}, {f[1]}."

    def _named(self, found: FamilyInterval, worst: int) -> tuple[str, str]:
        """The two groups of a class with their rates; positions are among the groups kept."""
        f = self.families[worst]
        first, second = (int(f.positions[i]) for i in (found.first, found.second))
        return tuple(f"{f.name(i)} {percent(f.values[i])}" for i in (first, second))  # type: ignore[return-value]

    def _driven(self, kind: Comparison, found: FamilyInterval, worst: int) -> tuple[str, ...]:
        f = self.families[worst]
        low, high = (f.name(int(f.positions[i])) for i in (found.first, found.second))
        if kind not in _PAIRS:
            return (f"driven by class {self.classes[worst]}, {low}",)
        together = "classes are judged together as if independent (Šidák), which is slightly cautious"
        return (f"driven by class {self.classes[worst]}: {low} against {high}", together)

    def _notes(self, kind: Comparison) -> tuple[str, ...]:
        """Groups and classes that are left out, by name."""
        taking = set(self.compared(kind).tolist())
        notes = []
        lost = [c for i, c in enumerate(self.classes) if i not in taking]
        if lost:
            notes.append(f"left out, too few to count in two groups: {listing(lost)}")
        small = {c: f.left_out() for c, f in zip(self.classes, self.families, strict=True) if c not in lost}
        pairs = [f"{name} of {c}" for c, names in small.items() for name in names]
        if pairs:
            notes.append(f"left out, fewer than {self.families[0].min_n} to count: {listing(pairs, most=8)}")
        return tuple(notes)

    def _exhibits(self) -> tuple[GroupEstimates | Table, ...]:
        """Classes × groups, with intervals for the rates of one attribute's groups; and each class's own gap."""
        groups = tuple(self.families[0].name(i) for i in range(len(self.families[0].groups)))
        by_class = [tuple(g.estimate for g in f.by_group()) for f in self.families]
        title = f"{METRICS[self.metric].title}, classes by groups of {' and '.join(self.by)}"
        if len(self.by) > 1 or self.metric == "base_rate":
            body = tuple((c, *(e.value for e in es)) for c, es in zip(self.classes, by_class, strict=True))
            shares: list[Unit] = ["percent"] * len(groups)
            return Table(title=title, columns=("Class", *groups), rows=body, units=("", *shares)), self._gaps()
        cells = GroupEstimates(
            title=title, unit="percent", series=groups, rows=tuple(zip(self.classes, by_class, strict=True))
        )
        return cells, self._gaps()

    def _gaps(self) -> Table:
        rows: list[tuple[str | float | None, ...]] = []
        taking = self.compared("difference").tolist()
        q = joint.joint_quantile(self.level, tuple(int(self.families[i].kept.sum()) for i in taking)) if taking else 0.0
        for i, (name, f) in enumerate(zip(self.classes, self.families, strict=True)):
            if i not in taking:
                rows.append((name, None, None, None, None, None))
                continue
            _, g = joint.widest([(f.k[f.kept].astype(float), f.n[f.kept].astype(float))], level=self.level, inner=q)
            low, high = (f.name(int(f.positions[x])) for x in (g.first, g.second))
            rows.append((name, low, high, g.value, g.low, g.high))
        return Table(
            title=f"{METRICS[self.metric].title}: gap of each class between groups of {' and '.join(self.by)}",
            columns=("Class", "Lowest", "Highest", "Gap", "From", "To"),
            rows=tuple(rows),
            units=("", "", "", "points", "points", "points"),
        )
