"""From what a net saw at the places of objects to findings, as the page draws them. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.errors import EvidenceError
from auditkit.evidence.grouped import Grouped, GroupSums, PersonRows
from auditkit.evidence.observations import Observations
from auditkit.evidence.reading import fields, mapping
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import FEWEST, mean_of
from auditkit.formatting import interval, percent
from auditkit.records import Case, Cases, Estimate, Finding, GroupEstimate, TrustCheck

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

METRIC = "missed_objects"
MISSED, FOUND = "missed", "found"
COLORS = (
    "The frame is the object's own box. Regions that raise the score at it are red, those that lower it blue, the "
    "stronger the more; where the picture stays grey nothing moves the score"
)


@dataclass(frozen=True)
class LookedRows(PersonRows):
    """A row an object: the `share` of what moves its score that lies in its box, the `area` of that box in shares of
    the picture, and its `weight`; `seen` says whether it was missed or found."""

    def sums(self, fewest: int = 1) -> GroupSums:
        """Means of missed and of found objects."""
        seen = np.array(self.labels["seen"], dtype=object)

        def of(what: str) -> Grouped:
            own = seen == what
            columns = {k: self.columns[k][own] for k in ("share", "area")}
            return Grouped.of(columns, self.weights.at(own), [what] * int(own.sum()), fewest=fewest)

        return GroupSums(self.facts, {what: of(what) for what in (MISSED, FOUND)})


@dataclass(frozen=True)
class Looked:
    """What the net saw, attribute by attribute, and the objects that are shown, rows that were asked for."""

    why: str
    """Why nothing was asked; empty: something was."""
    overview: dict[str, LookedRows | GroupSums]
    """Attribute → the objects of its group that is missed most."""
    cases: Observations
    """A row an object that is shown."""
    absent: dict[str, str]
    """Attribute → why nothing was looked at."""

    def __add__(self, other: Looked) -> Looked:
        raise EvidenceError("what a net saw of one sample's pictures is told of that sample alone")

    def reduced(self, disclosure: Disclosure) -> Looked:
        """The overview as sums, unless rows are kept; the cases stay: this check is a door for rows."""
        overview: Any = {a: x.reduced(disclosure) for a, x in self.overview.items()}
        return Looked(self.why, overview, self.cases, self.absent)

    def sums(self) -> dict[str, GroupSums]:
        """Attribute → sums."""
        return {a: x.sums() for a, x in self.overview.items()}

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        overview = {a: x.to_json() for a, x in self.overview.items()}
        return {"why": self.why, "overview": overview, "cases": self.cases.to_json(), "absent": self.absent}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Looked:
        """From `to_json`; EvidenceError for what cannot be."""
        found = fields(data, "what was seen", "why", "overview", "cases", "absent")
        overview: dict[str, LookedRows | GroupSums] = {}
        for attribute, one in mapping(found["overview"], "the overview").items():
            own = mapping(one, "an overview")
            kind: Any = GroupSums if "tables" in own else LookedRows
            overview[attribute] = kind.from_json(own)
        absent = {str(a): str(w) for a, w in mapping(found["absent"], "what is absent").items()}
        return cls(str(found["why"]), overview, Observations.from_json(found["cases"]), absent)


def findings(seen: Looked, *, level: float) -> tuple[Finding, ...]:
    """`explanation/missed_objects/overall/<attribute>`: its estimate is the share in the box, of missed objects."""
    return tuple(_finding(seen.cases, a, sums, level) for a, sums in seen.sums().items())


def _finding(cases: Observations, attribute: str, sums: GroupSums, level: float) -> Finding:
    facts = sums.facts
    trust = tuple(TrustCheck.model_validate(t) for t in facts["trust"])
    rows = [i for i, a in enumerate(cases.labels["attribute"]) if a == attribute] if len(cases) else []
    missed = _of(sums.tables[MISSED].everybody, level)
    found = _of(sums.tables[FOUND].everybody, level)
    failed = [t for t in trust if t.failed]
    return Finding(
        id=f"explanation/{METRIC}/overall/{attribute}",
        concern="explanation",
        title=f"Where the net looks at missed objects, {attribute}",
        statement=_statement(facts, missed, found, failed),
        metric=METRIC,
        comparison="overall",
        by=(attribute,),
        estimate=missed.share,
        by_group=(GroupEstimate(group={attribute: facts["group"]}, estimate=missed.share),),
        exhibits=(
            Cases(
                title=f"Missed objects and found ones, by {attribute}",
                unit="the unit of score_at",
                cases=tuple(_case(cases, i, failed) for i in rows),
            ),
        ),
        notes=_notes(facts, trust),
        references=(METRICS[METRIC].reference,),
        trust=trust,
    )


@dataclass(frozen=True)
class _Means:
    share: Estimate
    area: float | None


def _of(m: Moments, level: float) -> _Means:
    share = mean_of(m, 0, bounds=(0.0, 1.0)).estimate(level)
    return _Means(share, float(m.mean[1]) if m.n and m.w > 0 else None)


def _statement(facts: dict[str, Any], missed: _Means, found: _Means, failed: list[TrustCheck]) -> str:
    what = f"{facts['missed']:,} missed objects of {facts['group']}"
    if failed:
        return f"What moves the net's score at {what} is not told: the explanation failed a test."
    if missed.share.low is None or missed.area is None:
        return f"What moves the net's score is shown at {what}, too few for a mean."
    said = (
        f"At {what}, {percent(missed.share)} of what moves the net's score lies in their own boxes "
        f"({interval(missed.share, 'overall')}), which are {percent(missed.area)} of the picture"
    )
    if found.share.low is None or found.area is None:
        return f"{said}."
    return (
        f"{said}; at {facts['found']:,} found ones of that group it is {percent(found.share)} "
        f"({interval(found.share, 'overall')}), in {percent(found.area)} of the picture."
    )


def _notes(facts: dict[str, Any], trust: tuple[TrustCheck, ...]) -> tuple[str, ...]:
    higher, of = facts["higher"], facts["pairs"]
    said = f"in {higher:,} of {of:,} pairs score_at is higher at the found object than at the missed one"
    doubt = ": it hardly tells them apart, so that the maps may be of something else than what was audited"
    lost = facts["lost"]
    return (
        f"{facts['group']} is the group of {facts['attribute']} that is missed most among the sampled objects; missed "
        "objects are drawn by a hash, one a scene, and beside each the found one of its class and group that is "
        "nearest in size, of another scene",
        f"contributions start from the mean of all drawn pictures ({facts['method']}); shares are of sizes, pixel "
        "by pixel, beside the share of the picture that the boxes are: what an even map would have there",
        COLORS,
        _tested(trust),
        *([f"{said}{doubt if 4 * higher < 3 * of else ''}"] if of else []),
        *([f"no picture was given of {lost['count']:,} of the drawn objects, the first in the scene '{lost['first']}': "
           "they are not shown"] if lost["count"] else []),
        *([f"fewer than {FEWEST} missed objects"] if facts["missed"] < FEWEST else []),
    )  # fmt: skip


def _tested(trust: tuple[TrustCheck, ...]) -> str:
    """Which tests the maps of these objects passed, failed, or were not put to, and why."""
    able = [t for t in trust if t.applies]
    done = {"passed": [t for t in able if t.passed], "not sure": [t for t in able if not t.sure],
            "failed": [t for t in able if t.failed]}  # fmt: skip
    said = [f"{word}: {', '.join(t.name for t in of)}" for word, of in done.items() if of]
    said += [f"not measured: {t.name} ({t.note.removeprefix('does not apply: ')})" for t in trust if not t.applies]
    return f"tests of these maps, over all drawn objects; {'; '.join(said)}"


def _case(cases: Observations, i: int, failed: list[TrustCheck]) -> Case:
    label, number = cases.labels, cases.columns
    kept = not failed and number["holds"][i] > 0
    facts = [(k, label[k][i]) for k in ("scene", "score", "score_at")]
    own = f"of:{label['attribute'][i]}"
    facts += [(k.removeprefix("of:"), v[i]) for k, v in label.items() if k.startswith("of:") and k != own]
    lines: list[tuple[str, str, float]] = []
    if kept and number["share"][i] >= 0:
        share, area = (percent(float(number[k][i])) for k in ("share", "area"))
        facts.append(("in its box, the frame", f"{share} of what moves the score, and {area} of the picture"))
        lines = [(w, "", float(f"{number[w][i]:.5g}")) for w in ("inside", "outside")]
    named = ", ".join(t.name for t in failed) or "completeness"
    return Case(
        title=f"{label['group'][i]}: {label['seen'][i]}, {label['class'][i]}",
        facts=tuple(facts),
        contributions=tuple((f"{w} its box", v, x) for w, v, x in lines),
        png=label["png"][i],
        note="" if kept else f"The map is not shown: it failed a test ({named}).",
    )
