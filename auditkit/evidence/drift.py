"""Drift: how far what merged score bins say may lie from what the same rows say unmerged. Measured where it arises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from auditkit.errors import EvidenceError
from auditkit.evidence import reading

Group = tuple[str, ...]
Steps = Mapping[str, int | None]
"""Metric → k: values and limits lie within 2ᵏ standard errors; None: no bound can be told."""
LEAST, MOST = -5, 4
"""Steps that are told: the least is a 32nd of a standard error, which hides what one person moves."""
MOST_GROUPS = 60
"""Groups that are measured, all sets together: it takes some ten milliseconds each."""


@dataclass(frozen=True)
class Drift:
    """For some sets of attributes, group by group and metric by metric, the bound in powers of two.

    A power of two of the standard error says nothing of a person; groups of fewer than ten rows have none.
    """

    sets: Mapping[frozenset[str], Mapping[Group, Steps]] = field(default_factory=dict)
    """Attributes → group, its labels in the order of the sorted attributes → steps."""

    def of(self, by: Sequence[str]) -> dict[Group, Steps]:
        """Group, labels in the order of `by` → steps; nothing where it was not measured."""
        place = [sorted(by).index(b) for b in by]
        return {tuple(key[i] for i in place): steps for key, steps in self.sets.get(frozenset(by), {}).items()}

    def to_json(self) -> list[dict[str, Any]]:
        """One object a set: its attributes, its groups, and one list a metric."""
        out = []
        for by, groups in sorted(self.sets.items(), key=lambda x: (len(x[0]), sorted(x[0]))):
            metrics = sorted({m for steps in groups.values() for m in steps})
            of = {m: [steps.get(m) for steps in groups.values()] for m in metrics}
            out.append({"by": sorted(by), "groups": [list(g) for g in groups], "steps": of})
        return out

    @classmethod
    def from_json(cls, data: object) -> Drift:
        """From `to_json`; EvidenceError for what is no bound."""
        sets: dict[frozenset[str], dict[Group, Steps]] = {}
        for one in reading.items(data, "the drifts of the scores", most=64):
            one = reading.fields(one, "a drift", "by", "groups", "steps")
            by = reading.names(one["by"], "'by' of a drift")
            found = reading.items(one["groups"], "the groups of a drift", most=MOST_GROUPS)
            groups = [tuple(reading.texts(g, "a group of a drift", length=len(by))) for g in found]
            reading.distinct(groups, "the groups of a drift")
            steps: dict[Group, dict[str, int | None]] = {g: {} for g in groups}
            for metric, column in reading.mapping(one["steps"], "the steps of a drift", most=16).items():
                for g, k in zip(groups, reading.items(column, "the steps of a drift", length=len(groups)), strict=True):
                    if k is not None and (type(k) is not int or not LEAST <= k <= MOST):
                        raise EvidenceError(f"a drift has a step of {reading.shown(k)}; expected {LEAST} … {MOST}")
                    steps[g][metric] = k
            if by != tuple(sorted(by)) or frozenset(by) in sets:
                raise EvidenceError("the attributes of a drift are not sorted, or stand twice")
            sets[frozenset(by)] = dict(steps)
        return cls(sets)


def sets_of(by: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The sets of attributes that may be measured, those that are asked first, first.

    >>> list(sets_of(["b", "a"]))
    [(), ('a',), ('b',), ('a', 'b')]
    """
    names = sorted(by)
    sizes = (0, 1, len(names), *range(2, min(len(names), 5)))
    yield from dict.fromkeys(c for size in sizes for c in combinations(names, size))
