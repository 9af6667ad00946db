"""Widens, keeps, narrows: by an interval that covers, for pairs that were chosen, whatever rows are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auditkit.evidence.tally import Tally
from auditkit.fairness.families.beside_truth import _LESS, _contrast, beside_truth
from auditkit.fairness.groups.check import GroupFairness
from auditkit.records import BesideTruth, Finding

TABLES = [
    [[0.62, 0.08], [0.10, 0.20]],
    [[0.40, 0.10], [0.05, 0.45]],
    [[0.90, 0.01], [0.03, 0.06]],
]
"""Chances of [y_true, y_pred] in each group."""


def drawn(rng: np.random.Generator, tables: Any, n: Any) -> Tally:
    cells: dict[str, list[Any]] = {"g": [], "y_true": [], "y_pred": [], "n": []}
    for i, (table, rows) in enumerate(zip(tables, n, strict=True)):
        counts = rng.multinomial(rows, np.ravel(table)).tolist()
        for y, p, count in zip([0, 0, 1, 1], [0, 1, 0, 1], counts, strict=True):
            if count:
                for column, value in zip(cells.values(), (f"g{i}", y, p, count), strict=True):
                    column.append(value)
    return Tally.from_json({"by": ["g"], "cells": cells})


def selection(tally: Tally) -> Finding:
    found = GroupFairness(metrics=["selection_rate"]).assess(tally).findings
    return next(f for f in found if (f.metric, f.comparison) == ("selection_rate", "difference"))


def said(tally: Tally) -> BesideTruth | None:
    return selection(tally).beside_truth


CASES = [(t, n) for t in ((0, 1), (0, 2), (2, 2)) for n in ((60, 80), (400, 600), (2_000, 90))]


@pytest.mark.parametrize(("tables", "n"), [CASES[0], *(pytest.param(*c, marks=pytest.mark.slow) for c in CASES[1:])])
def test_the_interval_of_a_pair_covers_in_a_thousand_draws(tables: tuple[int, int], n: tuple[int, int]) -> None:
    rng, chosen = np.random.default_rng(7), [TABLES[i] for i in tables]
    d = [t[0][1] - t[1][0] for t in chosen]
    inside = 0
    for _ in range(1_000):
        tally = drawn(rng, chosen, n)
        if len(tally.counts("g").groups) < 2:
            continue
        found = _contrast(tally, tally.sums("g"), [0, 1], _LESS, 0.95, 2)
        inside += found.low <= d[1] - d[0] <= found.high
    assert inside >= 920


@pytest.mark.slow
def test_the_pair_that_is_named_of_six_groups_is_covered() -> None:
    rng = np.random.default_rng(3)
    tables = [TABLES[0]] * 6
    inside = named = 0
    for _ in range(300):
        tally = drawn(rng, tables, [300] * 6)
        groups = tally.counts("g").groups
        rates = {g: t[:, 2].sum() / t.sum() for g, t in zip(groups, tally.counts("g").table, strict=True)}
        low, high = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
        pair = [groups.index(low), groups.index(high)]
        found = _contrast(tally, tally.sums("g"), pair, _LESS, 0.95, 6)
        named += 1
        inside += found.low <= 0 <= found.high
    assert inside / named >= 0.95


def test_it_is_the_issues_formula_but_for_the_half_in_each_cell() -> None:
    tally = drawn(np.random.default_rng(0), TABLES[:2], (4_000, 5_000))
    counts = tally.counts("g").table
    d, variance = [], []
    for table in counts:
        n, wrong, missed = table.sum(), table[1, 2], table[2, 1]
        d.append((wrong - missed) / n)
        variance.append((wrong + missed - (wrong - missed) ** 2 / n) / n**2)
    found = said(tally)
    assert found is not None
    assert found.estimate.value == pytest.approx(d[1] - d[0], abs=1e-12)
    half = 1.959964 * np.sqrt(sum(variance))
    assert (found.estimate.high - found.estimate.low) / 2 == pytest.approx(half, rel=0.01)


@pytest.mark.parametrize(
    ("tables", "verb"),
    [
        ([[[0.6, 0.0], [0.2, 0.2]], [[0.3, 0.2], [0.0, 0.5]]], "widens"),
        ([[[0.6, 0.1], [0.0, 0.3]], [[0.3, 0.0], [0.2, 0.5]]], "narrows"),
        ([[[0.7, 0.0], [0.0, 0.3]], [[0.4, 0.0], [0.0, 0.6]]], "keeps"),
        ([[[0.2, 0.0], [0.6, 0.2]], [[0.5, 0.3], [0.0, 0.2]]], ""),
    ],
)
def test_what_is_said(tables: Any, verb: str) -> None:
    """The last turns a difference round: 80 % and 20 % are true, 20 % and 50 % selected."""
    found = said(drawn(np.random.default_rng(1), tables, (3_000, 3_000)))
    assert found is not None
    assert found.verb == verb


def test_rows_by_the_pair_of_the_finding_or_not_at_all() -> None:
    tally = drawn(np.random.default_rng(1), TABLES, (900, 900, 900))
    f = selection(tally)
    assert f.surest is not None
    assert f.beside_truth is not None
    assert f.beside_truth.groups == f.surest.groups
    assert beside_truth(tally, f.model_copy(update={"surest": None})) is None
    some = Tally.of({"g": ["a"] * 50 + ["b"] * 50}, y_true=[-1] + [1] * 99, y_pred=[0] * 40 + [1] * 60)
    assert said(some) is None, "a row without a truth has no difference of its own"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["weights", "clusters", "strata"])
def test_weights_clusters_and_strata_cover(kind: str) -> None:
    rng = np.random.default_rng(5)
    inside = draws = 0
    chances = [np.ravel(t) for t in TABLES[:2]]
    truth = [t[0][1] - t[1][0] for t in TABLES[:2]]
    for _ in range(120):
        given: dict[str, Any] = {}
        g = np.repeat([0, 1], 400)
        if kind == "clusters":  # eighty of ten rows each, whose rows are alike
            of = np.array([rng.choice(4, p=chances[k]) for k in np.repeat([0, 1], 40)])
            cell = np.where(rng.random(800) < 0.5, np.repeat(of, 10), [rng.choice(4, p=chances[k]) for k in g])
            given = {"cluster": np.repeat(np.arange(80), 10)}
        else:
            cell = np.array([rng.choice(4, p=chances[k]) for k in g])
        if kind == "weights":
            given = {"sample_weight": rng.gamma(2, 1, 800)}
        if kind == "strata":
            given = {"strata": rng.choice(list("abcd"), 800)}
        tally = Tally.of({"g": [f"g{k}" for k in g]}, y_true=cell // 2, y_pred=cell % 2, **given)
        found = _contrast(tally, tally.sums("g"), [0, 1], _LESS, 0.95, 2)
        draws += 1
        inside += found.low <= truth[1] - truth[0] <= found.high
    assert inside / draws >= 0.9, inside
    plain = _contrast(
        (t := Tally.of({"g": [f"g{k}" for k in g]}, y_true=cell // 2, y_pred=cell % 2)),
        t.sums("g"),
        [0, 1],
        _LESS,
        0.95,
        2,
    )
    if kind == "clusters":
        assert found.high - found.low > 1.5 * (plain.high - plain.low), "rows of a cluster are alike"
