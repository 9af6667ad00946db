"""What findings need of attributed rows, as sums: contributions by group, tests read, a ranking drawn. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from auditkit.evidence.grouped import FEWEST, Grouped, GroupSums, PersonRows, recoding_of
from auditkit.evidence.observations import Observations
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain import ratios
from auditkit.explain.attributions.pictures import MeanPictures
from auditkit.explain.trust.findings import ranked, readings
from auditkit.explain.trust.quality import statistics_of
from auditkit.explain.trust.records import completeness_check, unmeasured
from auditkit.records import TrustCheck

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

PHI = "phi:"
"""Prefix of the columns that hold attributions."""
SIZE = "size:"
"""Prefix of the columns of sums that hold their sizes."""
LEADING = 2
"""Features named in the sentence, and counted in the estimate."""
NOT_MEASURED = "not_measured"
PICTURES = "pictures"
START = "start"
"""The table of the mean point of all rows, which single rows can be compared with later."""


@dataclass(frozen=True)
class AttributionRows(PersonRows):
    """A row a sampled row: `phi:<column>`, `weight`, `delta`, `epsilon`, `steps`; its trials, as many rows as tried.

    Where every class is explained, all but the weight once a class, `<class>|phi:<column>`.
    """

    start: Grouped | None = None
    """Sums of the points that are explained, an entry an entry: their mean is the baseline. None where not kept."""
    pictures: MeanPictures | None = None
    """Of images; None for other inputs, and in older reports."""

    def __add__(self, other: Observations) -> AttributionRows:
        both = super().__add__(other)
        assert isinstance(both, type(self)), "rows of one kind add up to that kind"
        theirs = other.start if isinstance(other, AttributionRows) else None
        start = None if self.start is None or theirs is None else self.start + theirs
        return replace(both, start=start, pictures=both_pictures(self.pictures, getattr(other, PICTURES, None)))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return super().to_json() | ({} if self.start is None else {START: self.start.to_json()}) | _json(self.pictures)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From `to_json`, with or without mean point and pictures; EvidenceError for what cannot be."""
        rest, pictures = _in(data)
        start = Grouped.from_json(rest[START], "the mean point") if isinstance(rest, dict) and START in rest else None
        rest = {k: v for k, v in rest.items() if k != START} if start is not None else rest
        return replace(super().from_json(rest), start=start, pictures=pictures)

    def reduced(self, disclosure: Disclosure) -> AttributionRows | GroupSums:  # type: ignore[override]
        """As of any rows; mean pictures of recoded groups, over enough pictures each."""
        recoding, fewest = recoding_of(disclosure), max(FEWEST, disclosure.suppress_below)
        pictures = None if self.pictures is None else self.pictures.reduced(recoding, fewest)
        return super(AttributionRows, replace(self, pictures=pictures)).reduced(disclosure)  # type: ignore[return-value]

    def sums(self, fewest: int = 1) -> GroupSums:
        """Of each class (or the one score): tables by group, and in `each` what was read off all rows.

        Tables, after the class's number: "" everybody, `by|<attribute>` its groups, `lead` the two leading features
        beside all, `<k>|<attribute>` the k-th statistic of T11. T1–T9 and T12 are read here, T10 is drawn here: of
        both the report keeps what was read.
        """
        if NOT_MEASURED in self.facts:
            return GroupSums(self.facts)
        parts = [of_class(self, name) for name in self.facts.get("classes", ())] or [self]
        if (rows := parts[0].weights.rows) < fewest:
            why = f"{rows} sampled rows, fewer than {fewest}: their contributions are not shown"
            return GroupSums({"method": self.facts["method"], NOT_MEASURED: why})
        each: list[dict[str, Any]] = []
        tables: dict[str, Grouped] = {}
        for i, part in enumerate(parts):
            facts, own = _of_one(part, fewest)
            each.append(facts)
            tables |= {f"{i}|{name}": table for name, table in own.items()}
        if self.start is not None:
            tables[START] = self.start
        facts = {**self.facts, "each": each}
        return GroupSums(facts, tables) if self.pictures is None else AttributionSums(facts, tables, self.pictures)


@dataclass(frozen=True)
class AttributionSums(GroupSums):
    """Sums of attributed rows that are images."""

    pictures: MeanPictures | None = None

    def __add__(self, other: GroupSums) -> AttributionSums:
        both = super().__add__(other)
        return AttributionSums(both.facts, both.tables, both_pictures(self.pictures, getattr(other, PICTURES, None)))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return super().to_json() | _json(self.pictures)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AttributionSums:
        """From `to_json`; EvidenceError for what cannot be."""
        rest, pictures = _in(data)
        found = GroupSums.from_json(rest)
        return cls(found.facts, found.tables, pictures)


def both_pictures(a: MeanPictures | None, b: MeanPictures | None) -> MeanPictures | None:
    """Of two parts; None where one has none."""
    return None if a is None or b is None else a + b


def _json(pictures: MeanPictures | None) -> dict[str, Any]:
    return {} if pictures is None else {PICTURES: pictures.to_json()}


def _in(data: Any) -> tuple[Any, MeanPictures | None]:
    """The rest, and the pictures."""
    if not isinstance(data, dict) or PICTURES not in data:
        return data, None
    return {k: v for k, v in data.items() if k != PICTURES}, MeanPictures.from_json(data[PICTURES])


def of_class(seen: AttributionRows, label: str) -> AttributionRows:
    """The part of the table of one class, where every class was explained."""
    prefix = f"{label}|"
    columns = {c.removeprefix(prefix): v for c, v in seen.columns.items() if c.startswith(prefix)}
    facts = {k: v for k, v in seen.facts.items() if k != "classes"} | {"label": label}
    trials = None
    if seen.trials is not None:
        own = {c.removeprefix(prefix): v for c, v in seen.trials.columns.items() if c.startswith(prefix)}
        told = {k.removeprefix(prefix): v for k, v in seen.trials.facts.items() if k.startswith(prefix)}
        trials = Observations(own, seen.trials.labels, told)
    return AttributionRows(columns, seen.labels, facts, trials)


def _of_one(seen: AttributionRows, fewest: int) -> tuple[dict[str, Any], dict[str, Grouped]]:
    """Facts and tables of one explained score."""
    phi = {c.removeprefix(PHI): v for c, v in seen.columns.items() if c.startswith(PHI)}
    weight = seen.weights
    sizes = np.abs(np.stack(list(phi.values()), axis=1))
    order = np.argsort(-Moments.of(sizes, weight).mean, kind="stable")
    features = [list(phi)[j] for j in order]
    columns = {f"{SIZE}{f}": np.abs(phi[f]) for f in features} | {f"{PHI}{f}": phi[f] for f in features}
    lead, total = sizes[:, order[:LEADING]].sum(1), sizes.sum(1)
    tables = {
        "": Grouped.of(columns, weight),
        "lead": Grouped.of(ratios.columns(lead=lead, total=total), weight),
        **{f"by|{a}": Grouped.of(columns, weight, label, fewest=fewest) for a, label in seen.labels.items()},
    }
    statistics = statistics_of(seen)
    for k, (_, over, under, of) in enumerate(statistics):
        ratio = ratios.columns(over=over, under=under)
        for attribute, label in of.labels.items():
            tables[f"{k}|{attribute}"] = Grouped.of(ratio, _alike(of), label, fewest=fewest)
    tried = () if seen.trials is None else readings(seen.trials)
    facts = {
        "label": seen.facts.get("label"),
        "features": features,
        "attributes": list(seen.labels),
        "statistics": [s.name for s in statistics],
        "tried": _alike(seen if seen.trials is None else seen.trials).rows,
        "trust": [t.model_dump(mode="json") for t in (_completeness(seen), *tried)],
        "ranking": ranked(sizes[:, order], weight),
    }
    return facts, tables


def _alike(seen: Observations) -> Weights:
    """Rows that count alike, each with its copies as one draw: those on trial are not all that were drawn."""
    copies = seen.columns.get("copies", np.ones(len(seen)))
    return Weights(copies, copies * copies, copies)


def _completeness(seen: Observations) -> TrustCheck:
    if "epsilon" not in seen.columns:
        return unmeasured("T1", "the method does not promise to add up")
    return completeness_check(seen.columns["epsilon"], seen.columns["steps"].astype(np.int64))
