"""From chosen rows to findings: cases, one by one, as the page draws them. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.batch import Census
from auditkit.catalogue.explanations import SCALES
from auditkit.catalogue.gaps import WRONG
from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.evidence.census import CensusMeans
from auditkit.evidence.grouped import Grouped, GroupSums, PersonRows, recoding_of
from auditkit.evidence.observations import Observations
from auditkit.evidence.reading import fields, mapping
from auditkit.explain.all_rows import Means, both, census_in, census_json, words_of
from auditkit.explain.estimates import FEWEST, Cell, by_group, gap, share_of
from auditkit.explain.trust.records import T1_LIMIT, completeness_check, preflight_check
from auditkit.formatting import interval, percent
from auditkit.records import TASK_KINDS, Case, Cases, Estimate, Finding, TrustCheck

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

PHI, VALUE = "phi:", "value:"
"""Prefixes: of columns with contributions, of labels with raw values."""
KINDS = ("typical", "consequential")
SHOWN = 12
"""Contributions of a case that are kept, with values for the leading ones; the rest is one line."""


@dataclass(frozen=True)
class DecidedRows(PersonRows):
    """A row a sampled row: whether it is decided wrongly, and its `weight`; a label an attribute."""

    def sums(self, fewest: int = 1) -> GroupSums:
        """The share of wrong decisions by the groups of each attribute."""
        c = self.columns
        tables = {a: Grouped.of({"wrong": c["wrong"]}, self.weights, v, fewest=fewest) for a, v in self.labels.items()}
        return GroupSums({**self.facts, "rows": len(self)}, tables)


@dataclass(frozen=True)
class CasesSeen:
    """Who is decided wrongly, and the cases chosen among them, rows that were asked for; both add."""

    overview: DecidedRows | GroupSums
    cases: Observations
    """A row a case; several times where a row was chosen for several groups."""
    census: Census | None = None
    """Over all rows of the data."""

    def __add__(self, other: CasesSeen) -> CasesSeen:
        overview: Any = self.overview + other.overview  # type: ignore[operator]
        census = both(self.census, other.census)
        if not len(self.cases) or not len(other.cases):
            return CasesSeen(overview, self.cases if len(self.cases) else other.cases, census)
        return CasesSeen(overview, self.cases + other.cases, census)

    def reduced(self, disclosure: Disclosure) -> CasesSeen:
        """The overview as sums, unless rows are kept; the cases stay: this check is the door for rows."""
        overview: Any = self.overview.reduced(disclosure)
        census = None if self.census is None else self.census.recoded(recoding_of(disclosure))
        return CasesSeen(overview, self.cases, census)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"overview": self.overview.to_json(), "cases": self.cases.to_json(), **census_json(self.census)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CasesSeen:
        """From `to_json`."""
        found = fields(data, "the cases", "overview", "cases", optional=("census",))
        overview = mapping(found["overview"], "the overview")
        kind: Any = GroupSums if "tables" in overview else DecidedRows
        return cls(kind.from_json(overview), Observations.from_json(found["cases"]), census_in(found))


def example_findings(seen: CasesSeen, *, n: int, level: float) -> tuple[Finding, ...]:
    """`explanation/examples/overall/<attribute>`; its estimate is the share of wrong decisions."""
    return tuple(_finding(seen, a, table, n, level) for a, table in seen.overview.sums().tables.items())


def _finding(seen: CasesSeen, attribute: str, decided: Grouped, n: int, level: float) -> Finding:
    facts, names = seen.cases.facts, list(decided.groups)
    cells = [share_of(moments) for moments in decided.groups.values()]
    rows = [i for name in names for why in KINDS for i in _picked(seen.cases, attribute, name, why, n)]
    reason = facts.get("not_explained")
    worse, p = _more_frequent(seen, attribute, names, cells, level)
    everybody = share_of(decided.everybody).estimate(level)
    return Finding(
        id=f"explanation/examples/overall/{attribute}",
        concern="explanation",
        title=f"Individual cases, {attribute}",
        statement=_statement(facts, everybody, attribute) + worse,
        metric="examples",
        comparison="overall",
        by=(attribute,),
        estimate=everybody,
        p=p,
        by_group=by_group(attribute, names, cells, level),
        exhibits=(
            Cases(
                title=f"Wrong decisions, one by one, by {attribute}",
                unit=SCALES[facts.get("explained", "probability")].unit,
                cases=tuple(_case(seen.cases, i) for i in rows),
            ),
        ),
        notes=_notes(facts, names, cells, reason),
        references=(METRICS["examples"].reference,),
        trust=() if reason else _trust(seen.cases, rows),
    )


def _more_frequent(
    seen: CasesSeen, attribute: str, names: list[str], cells: list[Cell], level: float
) -> tuple[str, float | None]:
    """For whom wrong decisions are more frequent, in a sentence, and its p: over all rows where they are known."""
    numeric = TASK_KINDS[seen.cases.facts["task"]].numeric
    census = None if seen.census is None or numeric else CensusMeans(seen.census)
    all_rows = Means.of_census(census, [attribute], WRONG, numeric=numeric, level=level)
    pair = None if all_rows is None else all_rows.surest()
    whole = None if all_rows is None or pair is None else all_rows.pair(*pair)
    if pair is not None and whole is not None:
        (high, low), p, sure = pair, whole.p, whole.estimate.excludes_zero
    else:
        between = gap(cells, level=level, most=1.0)
        if between is None:
            return "", None
        high, low, p = names[between.highest], names[between.lowest], between.p
        sure = between.estimate.excludes_zero
    more, fewer = words_of([attribute], high), words_of([attribute], low)
    return f" Wrong decisions are more frequent for {more} than for {fewer}." if sure else "", p


def _trust(cases: Observations, rows: list[int]) -> tuple[TrustCheck, ...]:
    steps = cases.columns["steps"][rows].astype(np.int64)
    return preflight_check(), completeness_check(cases.columns["epsilon"][rows], steps)


def _picked(cases: Observations, attribute: str, group: str, why: str, n: int) -> list[int]:
    """Positions of the first n cases of a group and kind."""
    wanted = (attribute, group, why)
    labels = zip(*(cases.labels[k] for k in ("attribute", "group", "why")), strict=True)
    mine = [i for i, found in enumerate(labels) if found == wanted]
    return sorted(mine, key=lambda i: float(cases.columns["measure"][i]))[:n]


def _case(cases: Observations, i: int) -> Case:
    names = [c.removeprefix(PHI) for c in cases.columns if c.startswith(PHI)]
    phi = np.array([cases.columns[f"{PHI}{name}"][i] for name in names])
    order = np.argsort(-np.abs(phi), kind="stable")
    lines = [(names[j], cases.labels[f"{VALUE}{names[j]}"][i], _rounded(phi[j])) for j in order[:SHOWN]]
    rest = float(phi[order[SHOWN:]].sum())
    lines += [(f"{len(order) - SHOWN} others", "", _rounded(rest))] if len(order) > SHOWN else []
    facts: list[tuple[str, str]] = [
        (k, cases.labels[k][i]) for k in ("truth", "decision", "score") if k in cases.labels
    ]
    facts += [(k.removeprefix("of:"), v[i]) for k, v in cases.labels.items() if k.startswith("of:")]
    missed = float(cases.columns["epsilon"][i]) if "epsilon" in cases.columns else 0.0
    failed = f"This explanation does not hold: its contributions miss the score difference by {percent(missed)}."
    tokens = cases.labels.get("tokens")
    return Case(
        title=f"{cases.labels['group'][i]}: {_WHY[cases.labels['why'][i]][TASK_KINDS[cases.facts['task']].numeric]}",
        facts=tuple(facts),
        contributions=tuple(lines),
        png=cases.labels["png"][i] if "png" in cases.labels else "",
        tokens=() if tokens is None else tuple((t, float(p)) for t, p in json.loads(tokens[i]) if t),
        note="" if missed <= T1_LIMIT else failed,
    )


_WHY = {
    "typical": ("a typical wrong decision", "a typical large miss"),
    "consequential": ("a consequential wrong decision", "one of the largest misses"),
}
"""Kind → what a case is called: where decisions are wrong, and where numbers miss."""


def _rounded(x: float) -> float:
    return float(f"{x:.5g}")


def _statement(facts: dict[str, Any], everybody: Estimate, attribute: str) -> str:
    sure = "" if everybody.low is None else f" ({interval(everybody, 'overall')})"
    if TASK_KINDS[facts["task"]].numeric:
        return f"The predictions that miss most, one by one: what moved them, for each group of {attribute}."
    return (
        f"{percent(everybody)} of decisions are wrong{sure}. The most typical and the most consequential of each "
        f"group of {attribute} are shown, with what moved their scores."
    )


_CHOSEN = (
    "chosen among the sampled rows; consequential: the score farthest on the wrong side of the threshold (several "
    "classes: of the true one); typical: nearest to the mean of the group's wrong decisions over the model's inputs, "
    "standardised",
    "chosen among the tenth of the sampled rows that the predictions miss most; typical: nearest to the mean of the "
    "group's rows among them over the model's inputs, standardised",
)
"""How cases are chosen: where decisions are wrong, and where numbers miss."""


def _notes(facts: dict[str, Any], names: list[str], cells: list[Cell], reason: str | None) -> tuple[str, ...]:
    few = [name for name, c in zip(names, cells, strict=True) if c.n < FEWEST]
    return (
        _CHOSEN[TASK_KINDS[facts["task"]].numeric],
        *([f"not explained: {reason}"] if reason else ["contributions start from the average row of the sample"]),
        *([f"fewer than {FEWEST} sampled rows: {listing(few)}"] if few else []),
    )
