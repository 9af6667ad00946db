"""Reports made by hand, for tests of formats: Adult-like counts, and everything that goes wrong in real data.

Intervals are Wilson's, and Newcombe's between the lowest and the highest group: close enough to look real. Nothing here
is compared with the audit's own numbers.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from auditkit.records import (
    Comparison,
    DataProvenance,
    Estimate,
    Finding,
    GroupEstimate,
    GroupEstimates,
    ModelProvenance,
    NotMeasured,
    PolicyInfo,
    Provenance,
    Report,
    Rule,
    Status,
    TrustCheck,
    Verdict,
    Words,
)
from tests.report import answers, explained, pairs

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
Key = tuple[str, ...]


class Counts(NamedTuple):
    """People of a group, by truth and decision."""

    n: int
    true: int
    found: int
    wrong: int

    def __add__(self, other: object) -> Counts:
        assert isinstance(other, Counts)
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))


ADULT: dict[Key, Counts] = {
    ("Female", "Amer-Indian-Eskimo"): Counts(42, 4, 2, 0),
    ("Female", "Asian-Pac-Islander"): Counts(147, 15, 8, 2),
    ("Female", "Black"): Counts(718, 43, 23, 19),
    ("Female", "Other"): Counts(41, 5, 5, 0),
    ("Female", "White"): Counts(3865, 480, 259, 96),
    ("Male", "Amer-Indian-Eskimo"): Counts(74, 8, 5, 2),
    ("Male", "Asian-Pac-Islander"): Counts(307, 103, 68, 27),
    ("Male", "Black"): Counts(734, 134, 69, 32),
    ("Male", "Other"): Counts(78, 13, 4, 3),
    ("Male", "White"): Counts(8648, 2739, 1731, 546),
}

RATES: dict[str, Callable[[Counts], tuple[int, int]]] = {
    "selection_rate": lambda c: (c.found + c.wrong, c.n),
    "true_positive_rate": lambda c: (c.found, c.true),
    "false_positive_rate": lambda c: (c.wrong, c.n - c.true),
    "precision": lambda c: (c.found, c.found + c.wrong),
    "accuracy": lambda c: (c.found + c.n - c.true - c.wrong, c.n),
}
MORE_RATES = RATES | {
    "true_negative_rate": lambda c: (c.n - c.true - c.wrong, c.n - c.true),
    "false_negative_rate": lambda c: (c.true - c.found, c.true),
    "negative_predictive_value": lambda c: (c.n - c.true - c.wrong, c.n - c.found - c.wrong),
    "false_discovery_rate": lambda c: (c.wrong, c.found + c.wrong),
    "false_omission_rate": lambda c: (c.true - c.found, c.n - c.found - c.wrong),
}


def wilson(k: int, n: int, rows: int) -> Estimate:
    """A rate with its state."""
    if n == 0:
        return Estimate(value=None, n=rows, numerator=0, denominator=0, state="undefined", note="nobody to count")
    z, p = 1.959964, k / n
    middle, half = (p + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n)
    half *= math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    state, note = ("sparse", "fewer than 10") if n < 10 else ("ok", "")
    return Estimate(
        value=p,
        low=max(0.0, middle - half),
        high=min(1.0, middle + half),
        n=rows,
        numerator=k,
        denominator=n,
        method="Wilson",
        mde=min(1.0, 2.8 * math.sqrt(0.5 / n)),
        state=state,
        note=note,
    )


def by_group(
    cells: Mapping[Key, Counts], by: Key, attributes: Key, rate: Callable[[Counts], tuple[int, int]]
) -> tuple[GroupEstimate, ...]:
    """Every group's rate over the attributes of `by`."""
    sums: dict[Key, Counts] = {}
    for key, counts in cells.items():
        group = tuple(v for v, a in zip(key, attributes, strict=True) if a in by)
        sums[group] = sums.get(group, Counts(0, 0, 0, 0)) + counts
    return tuple(
        GroupEstimate(group=dict(zip(by, group, strict=True)), estimate=wilson(*rate(c), c.n))
        for group, c in sorted(sums.items())
    )


def gap(groups: tuple[GroupEstimate, ...], comparison: Comparison) -> Estimate:
    """Between the lowest and the highest group that count."""
    counted = [(e.value, e.low, e.high, e.mde or 0.0, e.n) for g in groups if (e := g.estimate).state == "ok"]
    rates = sorted((v, low, high, mde) for v, low, high, mde, _ in counted if None not in (v, low, high))
    n = sum(c[-1] for c in counted)
    if len(rates) < 2:
        return Estimate(value=None, n=n, state="undefined", note="fewer than two groups to compare")
    (a, a_low, a_high, a_mde), (b, b_low, b_high, b_mde) = rates[0], rates[-1]
    assert a is not None and a_low is not None and a_high is not None  # noqa: PT018
    assert b is not None and b_low is not None and b_high is not None  # noqa: PT018
    if comparison == "ratio":
        high = min(1.0, a_high / b_low) if b_low else None
        return Estimate(value=a / b if b else None, low=a_low / b_high, high=high, n=n, method="MOVER-R")
    low, high = b - a - math.hypot(b - b_low, a_high - a), b - a + math.hypot(b_high - b, a - a_low)
    return Estimate(value=b - a, low=max(0.0, low), high=min(1.0, high), n=n, method="Newcombe", mde=max(a_mde, b_mde))


def findings(
    cells: Mapping[Key, Counts],
    attributes: Key,
    bys: list[Key],
    rates: Mapping[str, Callable[[Counts], tuple[int, int]]],
) -> list[Finding]:
    """Performance, data and fairness, as an audit makes them."""
    total = Counts(0, 0, 0, 0)
    for counts in cells.values():
        total += counts
    found = [
        Finding(
            id=f"performance/{m}/overall",
            concern="performance",
            title=m,
            statement=m,
            metric=m,
            comparison="overall",
            estimate=wilson(*rate(total), total.n),
        )
        for m, rate in rates.items()
    ]
    for by in bys:
        for m, rate in [*rates.items(), ("base_rate", lambda c: (c.true, c.n))]:
            groups = by_group(cells, by, attributes, rate)
            for comparison in ("difference", "ratio"):
                if m == "base_rate" and comparison == "ratio":
                    continue
                concern = "data" if m == "base_rate" else "fairness"
                found.append(
                    Finding(
                        id=f"{concern}/{m}/{comparison}/{'+'.join(by)}",
                        concern=concern,
                        title=m,
                        statement=m,
                        metric=m,
                        comparison=comparison,
                        by=by,
                        estimate=gap(groups, comparison),
                        by_group=groups,
                    )
                )
        if {"true_positive_rate", "false_positive_rate"} <= set(rates):
            halves = [
                gap(by_group(cells, by, attributes, rates[m]), "difference")
                for m in ("true_positive_rate", "false_positive_rate")
            ]
            worse = max(halves, key=lambda e: e.value or 0.0)
            found.append(
                Finding(
                    id=f"fairness/equalized_odds/difference/{'+'.join(by)}",
                    concern="fairness",
                    title="",
                    statement="",
                    metric="equalized_odds",
                    comparison="difference",
                    by=by,
                    estimate=worse,
                )
            )
    return found


def explanation(attributes: Mapping[str, list[str]], *, holds: bool = True, columns: tuple[str, ...] = ()) -> Finding:
    """Integrated Gradients with its checks, kept or failed."""
    names = columns or (
        "marital-status",
        "capital-gain",
        "educational-num",
        "age",
        "relationship",
        "occupation",
        "hours-per-week",
        "workclass",
    )
    groups: list[dict[str, str | None]] = [{}, *({a: v} for a, values in attributes.items() for v in values)]
    series = ["overall", *(f"{a}: {v}" for g in groups for a, v in g.items())]

    def row(i: int) -> tuple[Estimate, ...]:
        sizes = [1.4 / (1 + 0.55 * i) * (1 + 0.18 * (s % 3 - 1)) for s in range(len(series))]
        return tuple(Estimate(value=x, low=x * 0.97, high=x * 1.03, n=2000, method="t") for x in sizes)

    exhibit = GroupEstimates(
        title="How much each column moves the scores",
        unit="log-odds",
        series=tuple(series),
        rows=tuple((c, row(i)) for i, c in enumerate(names)),
        groups=tuple(groups),
    )
    return Finding(
        id="explanation/integrated_gradients/overall",
        concern="explanation",
        title="Integrated Gradients",
        statement="",
        metric="integrated_gradients",
        comparison="overall",
        estimate=Estimate(value=1.4, n=2000),
        exhibits=(exhibit, exhibit.model_copy(update={"title": "Which way each column moves the scores"})),
        trust=(
            TrustCheck(
                id="T0", name="preflight", value=None, limit=None, passed=True, note="The model answers each row alone."
            ),
            TrustCheck(
                id="T1",
                name="completeness",
                value=0.004 if holds else 2.04,
                limit=0.05,
                passed=holds,
                note="Contributions should add up to the score difference; this is how far they miss it, p95.",
            ),
        ),
    )


def verdict(
    found: Mapping[str, Finding],
    id: str,
    status: Status,
    metric: str,
    comparison: Comparison,
    by: Key = (),
    **limits: object,
) -> Verdict:
    """A verdict with the finding that answers it."""
    rule = Rule.model_validate({"id": id, "metric": metric, "comparison": comparison, "by": by, "line": 7} | limits)
    finding = next((f for f in found.values() if (f.metric, f.comparison, f.by) == (metric, comparison, by)), None)
    absence = f"{metric} by {' and '.join(by)}: not in the data of this report."
    reasons = {
        "fail": "The whole interval lies beyond the limit.",
        "pass": "The whole interval lies within the limit.",
        "inconclusive": "The interval crosses the limit. About 2.1 times as many rows would decide.",
        "not_measured": f"Not measured: {absence}",
    }
    return Verdict(
        status=status,
        rule=rule,
        finding=finding.id if finding else None,
        estimate=finding.estimate if finding else None,
        reason=reasons[status],
        absence=absence if status == "not_measured" else "",
    )


def report(
    made: list[Finding],
    *,
    attributes: Key = ("gender", "race"),
    words: Words | None = None,
    policy: bool = True,
    verdicts: tuple[Verdict, ...] = (),
    name: str = "income-mlp",
    rows: int = 14_654,
    y_true: str = "income",
    positive: str = ">50K",
) -> Report:
    """The record around findings."""
    provenance = Provenance(
        auditkit="0.1.0",
        created=datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC),
        versions={"python": "3.11", "torch": "2.13.0"},
        sample=2000,
        command="auditkit run auditkit.toml",
        model=ModelProvenance(name=name, sha256="ab" * 32, parameters=7489, threshold=0.5),
        data=DataProvenance(
            name="income.parquet",
            rows=rows,
            sha256="cd" * 32,
            y_true=y_true,
            positive=positive,
            sensitive_features=attributes,
            missing_target=3,
        ),
    )
    info = (
        PolicyInfo(id="income-screen", version="3", owner="risk team", sha256="ef" * 32, source="auditkit.toml")
        if policy
        else None
    )
    return Report(
        name=name,
        provenance=provenance,
        policy=info,
        words=words or Words(),
        findings=tuple(made),
        verdicts=verdicts if policy else (),
        not_measured=(NotMeasured(what="Age", why="not declared as a sensitive feature"),),
    )


ADULT_WORDS = Words(positive="earn more than $50K", groups={"gender": {"Female": "women", "Male": "men"}})


def adult(*, holds: bool = True, policy: bool = True, words: Words = ADULT_WORDS) -> Report:
    """Two genders, five races, ten crossings of which three are sparse; eight rules of every state."""
    made = findings(ADULT, ("gender", "race"), [("gender",), ("race",), ("gender", "race")], RATES)
    made.append(explanation({"gender": ["Female", "Male"], "race": ["Black", "White"]}, holds=holds))
    found = {f.id: f for f in made}
    both = ("gender", "race")
    verdicts = (
        verdict(found, "four-fifths-gender", "fail", "selection_rate", "ratio", ("gender",), at_least=0.8),
        verdict(found, "four-fifths-race", "fail", "selection_rate", "ratio", ("race",), at_least=0.8),
        verdict(
            found, "false-positives-gender", "fail", "false_positive_rate", "difference", ("gender",), at_most=0.05
        ),
        verdict(
            found, "opportunity-gender", "inconclusive", "true_positive_rate", "difference", ("gender",), at_most=0.1
        ),
        verdict(
            found,
            "opportunity-crossed",
            "inconclusive",
            "true_positive_rate",
            "difference",
            both,
            at_most=0.15,
            severity="warning",
        ),
        verdict(found, "odds-gender", "pass", "equalized_odds", "difference", ("gender",), at_most=0.15),
        verdict(found, "accuracy", "pass", "accuracy", "overall", at_least=0.84),
        verdict(found, "by-age", "not_measured", "accuracy", "difference", ("age",), at_most=0.1),
    )
    return report(made, words=words, policy=policy, verdicts=verdicts)


def hostile() -> Report:
    """Names that attack markup, styles, direction and layout, in every place where a name can stand."""
    values = [HOSTILE, "", "مجموعة\u202e", "x" * 400, "(missing)", "]]></style><script>alert(1)</script>", "{{ 7*7 }}"]
    attribute = f"a{HOSTILE}"
    cells: dict[Key, Counts] = {(v,): Counts(200 + 40 * i, 60, 20 + 4 * i, 9) for i, v in enumerate(values)}
    made = findings(cells, (attribute,), [(attribute,)], RATES)
    made.append(explanation({attribute: values[:2]}, columns=(HOSTILE, "</svg><script>alert(2)</script>", "")))
    found = {f.id: f for f in made}
    verdicts = (verdict(found, HOSTILE, "fail", "selection_rate", "ratio", (attribute,), at_least=0.8),)
    words = Words(positive=HOSTILE, groups={attribute: {"x" * 400: "</title><script>alert(3)</script>"}})
    name = f'</title>{HOSTILE}"}} @import url(http://example.org/x.css); '
    return report(
        made, attributes=(attribute,), words=words, verdicts=verdicts, name=name, y_true=HOSTILE, positive=HOSTILE
    )


def empty() -> Report:
    """Nothing found, nothing asked."""
    return report([], attributes=(), policy=False, rows=0, name="")


def one_group() -> Report:
    """A single group: gaps are undefined, not fair."""
    cells: dict[Key, Counts] = {("Female",): Counts(100, 30, 20, 5)}
    made = findings(cells, ("gender",), [("gender",)], RATES)
    found = {f.id: f for f in made}
    unjudged = verdict(found, "four-fifths", "not_measured", "selection_rate", "ratio", ("gender",), at_least=0.8)
    return report(made, attributes=("gender",), verdicts=(unjudged,), rows=100)


def undefined() -> Report:
    """Nobody is truly positive and nobody is selected."""
    cells: dict[Key, Counts] = {(v,): Counts(50, 0, 0, 0) for v in ("Female", "Male")}
    return report(findings(cells, ("gender",), [("gender",)], RATES), attributes=("gender",), policy=False, rows=100)


def many(groups: int = 50) -> Report:
    """50 groups × 10 metrics, with an explanation of 60 columns."""
    cells: dict[Key, Counts] = {
        (f"region {i:02d}",): Counts(400 + 13 * i, 120 + i, 70 + i % 17, 20 + i % 11) for i in range(groups)
    }
    made = findings(cells, ("region",), [("region",)], MORE_RATES)
    names = [key[0] for key in cells]
    made.append(explanation({"region": names}, columns=tuple(f"column-{i}" for i in range(60))))
    found = {f.id: f for f in made}
    rules = tuple(verdict(found, f"rule-{m}", "fail", m, "difference", ("region",), at_most=0.01) for m in MORE_RATES)
    return report(made, attributes=("region",), verdicts=rules, rows=sum(c.n for c in cells.values()))


ALL: dict[str, Callable[[], Report]] = {
    "adult": adult,
    "adult, its explanation failed": lambda: adult(holds=False),
    "adult without a policy": lambda: adult(policy=False),
    "adult without display words": lambda: adult(words=Words()),
    "hostile": hostile,
    "empty": empty,
    "one group": one_group,
    "undefined": undefined,
    "many": many,
    "pairs": lambda: pairs.faces(HOSTILE),
    "answers": lambda: answers.with_answers(adult(), answers.everything()),
    "answers, hostile": lambda: answers.with_answers(hostile(), answers.hostile(HOSTILE)),
    "answers, many": lambda: answers.with_answers(many(), answers.many()),
    "explained": lambda: explained.with_explanations(adult(), explained.everything()),
    "explained, hostile": lambda: explained.with_explanations(hostile(), explained.hostile(HOSTILE)),
    "explained, wide": lambda: explained.with_explanations(adult(), explained.wide()),
    "explained, undefined": lambda: explained.with_explanations(adult(), explained.undefined()),
    "explained, failed": lambda: explained.with_explanations(adult(), explained.failing()),
}
