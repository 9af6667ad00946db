"""One rate, every class against the rest, in K groups: the largest difference over classes × groups as one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.of_class import CLASS_WORDS
from auditkit.catalogue.sentences import groups_of, is_established
from auditkit.errors import listing
from auditkit.evidence.classes import ClassTally
from auditkit.fairness.families.estimates import Family, families_of, joint_estimate
from auditkit.fairness.families.family import nothing_to_compare
from auditkit.fairness.families.statements import Named
from auditkit.fairness.notes import finding
from auditkit.formatting import confidence, interval, percent, points, quotient, upper_first
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Finding, GroupEstimates, Table, Unit
from auditkit.stats.comparisons import EXTREMES, PAIRS, fewest_groups
from auditkit.stats.joint import Joint
from auditkit.stats.pvalues import Compared, FamilyInterval

COMPARED: tuple[Comparison, ...] = ("difference", "ratio", "group_min", "group_max")
"""What a one-vs-rest rate knows over all classes; one class alone knows every comparison of a rate."""
_OfClass = tuple[str, Named]
"""A class, and the comparison that is named of it."""
_TOGETHER = "classes are judged together as if independent (Šidák), which is slightly cautious"


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
        parts = (tally.one_vs_rest(label) for label in tally.classes)
        found = (families_of(t, by, (metric,), level=level, min_n=min_n)[metric] for t in parts)
        return cls(metric, tuple(by), tally.classes, tuple(found), level)

    def compared(self, kind: Comparison) -> list[int]:
        """Positions of the classes that take part: those with groups enough for the comparison."""
        return [i for i, f in enumerate(self.families) if len(f.positions) >= fewest_groups(kind)]

    def joint(self, kind: Comparison) -> Joint:
        """The classes that take part, as families judged together."""
        return Joint(tuple(self.families[i].compared(kind) for i in self.compared(kind)))

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test."""
        if not self.compared(kind) or kind not in COMPARED:
            return None
        return self.joint(kind).p_value(kind, limit, above=above)

    def finding(self, kind: Comparison) -> Finding:
        """One comparison over all classes and groups; the class and the groups behind it are named."""
        where, head = self.compared(kind), _any(self.metric)
        surest = None
        if where:
            found, *at = self.joint(kind).interval(kind)
            e, (far, sure) = self._estimate(found, kind), (where[i] for i in at)
            named = self._named(far, found.far), self._named(sure, found.sure)
            said = _told(self.metric, kind, e, len(where), self.by, *named)
            f = self.families[sure]
            surest = f.surest(kind, e, found._replace(sure=found.sure.among(f.positions)))
            surest = surest and surest.model_copy(update={"label": self.classes[sure]})
        else:
            e = self._nothing()
            said = f"{head}: {sentences.incomparable(self.by, e.note)}"
        return finding(
            self.metric,
            kind,
            self.by,
            e,
            said,
            concern="data" if self.metric == "base_rate" else "fairness",
            title=f"{METRICS[self.metric].title} of each class, {kind.replace('_', ' ')}, {' and '.join(self.by)}",
            exhibits=self._exhibits() if kind == "difference" else (),
            notes=(*((_TOGETHER,) if where and kind in PAIRS else ()), *self._notes(kind)),
            surest=surest,
        )

    def _named(self, of: int, c: Compared) -> tuple[str, Named]:
        """A class, and the groups of one of its comparisons."""
        f = self.families[of]
        return self.classes[of], f.named(c.among(f.positions))

    def _estimate(self, found: FamilyInterval, kind: Comparison) -> Estimate:
        families, joint = [self.families[i] for i in self.compared(kind)], self.joint(kind)
        pairs = f"Π over {len(families)} classes of the studentized range at {confidence(self.level)}"
        methods = {
            "difference": f"MOVER of all pairs within each class, {pairs}; upper limit Newcombe",
            "ratio": f"MOVER-R of all pairs within each class, {pairs}; lower limit with Wilson limits",
        }
        how = methods.get(kind, "Wilson limits of all classes and groups, Šidák on the inner side")
        n = max(int(f.rows[f.kept].sum()) for f in families)
        return joint_estimate(families, joint, kind, found, n=n, method=how)

    def _nothing(self) -> Estimate:
        one = self.families[0]
        few = f"no class has two groups with {one.enough()}"
        return nothing_to_compare(len(one.groups), few, level=self.level, n=int(one.rows.sum()))

    def _notes(self, kind: Comparison) -> tuple[str, ...]:
        """Groups and classes that are left out, by name."""
        taking = self.compared(kind)
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
        by_class = [tuple(g.estimate for g in f.by_group) for f in self.families]
        title = f"{METRICS[self.metric].title}, classes by groups of {' and '.join(self.by)}"
        if len(self.by) > 1 or self.metric == "base_rate":
            body = tuple((c, *(e.value for e in es)) for c, es in zip(self.classes, by_class, strict=True))
            shares: list[Unit] = ["percent"] * len(groups)
            return Table(title=title, columns=("Class", *groups), rows=body, units=("", *shares)), self._gaps()
        cells = GroupEstimates(
            title=title,
            unit="percent",
            series=groups,
            rows=tuple(zip(self.classes, by_class, strict=True)),
            groups=tuple(dict(zip(self.by, g, strict=True)) for g in self.families[0].groups),
        )
        return cells, self._gaps()

    def _gaps(self) -> Table:
        rows: list[tuple[str | float | None, ...]] = [(name, *[None] * 5) for name in self.classes]
        taking, joint = self.compared("difference"), self.joint("difference")
        for i, part in zip(taking, joint.parts, strict=True):
            f, g = self.families[i], part.interval("difference", inner=joint.quantile)
            low, high = (f.name(int(f.positions[x])) for x in (g.sure.first, g.sure.second))
            rows[i] = (self.classes[i], low, high, *g.sure[2:])
        return Table(
            title=f"{METRICS[self.metric].title}: gap of each class between groups of {' and '.join(self.by)}",
            columns=("Class", "Lower", "Higher", "Gap", "From", "To"),
            rows=tuple(rows),
            units=("", "", "", "points", "points", "points"),
        )


def _any(metric: str) -> str:
    """What stands before the colon where no class is named."""
    known = CLASS_WORDS.get(metric)
    return upper_first(known.any) if known else f"{METRICS[metric].title}, each class against the rest"


def _of(metric: str, name: str) -> str:
    """The same of one class."""
    known = CLASS_WORDS.get(metric)
    return upper_first(known.head.format(c=name)) if known else f"{METRICS[metric].title} of “{name}”"


def _told(
    metric: str, kind: Comparison, e: Estimate, classes: int, by: tuple[str, ...], far: _OfClass, sure: _OfClass
) -> str:
    """The statement: the class and the groups that carry the inner limit, each with its rate."""
    head, every = _any(metric), f"{classes} classes"
    if e.value is None:
        return f"{head}: {sentences.incomparable(by, e.note)}"
    if kind in EXTREMES:
        which = "lowest" if kind == "group_min" else "highest"
        at, surest = (
            f"“{name}” for {n.groups[0]} {percent(n.estimate)} ({interval(n.estimate, kind)})"
            for name, n in (far, sure)
        )
        return (
            f"{head}: the {which} of {every} and all groups is {at}{'' if at == surest else f'; surest is {surest}'}."
        )
    bounds = interval(e, kind)
    if not is_established(kind, e):
        none = sentences.none_established("gap" if kind == "difference" else "disparity", f"between {groups_of(by)}")
        seen = sentences.too_small(None if e.unseen is None else f"{points(e.unseen)} points")
        return f"{head}: {none} in any of {every}{f' ({bounds} points{seen})' if kind == 'difference' else ''}."
    name, n = sure
    size = f"a gap of {points(n.estimate)} points" if kind == "difference" else f"a ratio of {quotient(n.estimate)}"
    low, high = (f"{group} {percent(value)}" for group, value in zip(n.groups, n.values, strict=True))
    return f"{_of(metric, name)}: {low}, {high}, {size} ({interval(n.estimate, kind)}), the surest of {every}."
