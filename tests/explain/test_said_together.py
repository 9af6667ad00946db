"""Whatever sentences on gaps name, they name with the error of the report: units are drawn whose parts are known."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from auditkit import holm
from auditkit.explain.gaps.findings import gap_findings
from auditkit.explain.gaps.legitimate import explained
from auditkit.explain.gaps.splits import Split, headlines
from auditkit.explain.gaps.statements import NAMED, bearable, named, p_of, sides, statement
from auditkit.explain.gaps.sums import Contrast, GapSums, Units
from auditkit.records import Finding

LEVEL, ATTRIBUTES, ROWS = 0.95, 6, 60
COLUMNS = ("merit", "b", "c", "d", "e", "f")
SAID = re.compile(r"through (\w+)|(\w+) (?:takes|adds) ")


def drawn(
    rng: np.random.Generator, parts: Any, *, controls: tuple[str, ...] = (), attributes: int = ATTRIBUTES
) -> GapSums:
    """A gap an attribute, of 60 rows each: independent parts of a standard deviation of .3 a row."""
    by = [f"attribute{k}" for k in range(attributes)]
    units = {}
    for name in by:
        m = np.asarray(parts) + 0.3 * rng.normal(size=(ROWS, len(COLUMNS)))
        m = np.concatenate([m, m.sum(1, keepdims=True)], axis=1)
        units[Contrast(name, "mean_score", "shapley", "p", "q")] = Units.of(COLUMNS, [m], np.ones(ROWS))
    facts = {"task": "binary", "by": by, "features": list(COLUMNS), "permutations": 2, "shuffles": 1, "seed": 0}
    return GapSums({**facts, "controls": list(controls)}, units)


def asserted(found: tuple[Finding, ...]) -> list[Finding]:
    """Those that a report of nothing else asserts."""
    p = [1.0 if f.p is None else f.p for f in found]
    limit = holm.limit(p, 1 - LEVEL)
    return [f for f, own in zip(found, p, strict=True) if own < limit]


def columns_of(f: Finding) -> set[str]:
    return {a or b for a, b in SAID.findall(f.statement)} & set(COLUMNS)


@pytest.mark.slow
def test_reports_name_no_innocent_column_in_more_than_five_of_a_hundred() -> None:
    rng, draws = np.random.default_rng(0), 250
    wrong, right = 0, 0
    for _ in range(draws):
        told = asserted(gap_findings(drawn(rng, [0.5, 0, 0, 0, 0, 0]), level=LEVEL))
        wrong += any(columns_of(f) - {"merit"} for f in told)
        right += sum("merit" in columns_of(f) for f in told)
    assert (
        wrong <= 0.05 * draws + 2.6 * (0.05 * 0.95 * draws) ** 0.5
    )  # each sentence by itself made 22 of a hundred wrong
    assert right >= 0.95 * draws * ATTRIBUTES, "the column that makes the gap is still named"


def test_a_second_cause_is_named_where_it_would_be_asserted_and_the_first_is_never_lost_to_it() -> None:
    rng = np.random.default_rng(1)
    second, lost = 0, 0
    for _ in range(60):
        seen = drawn(rng, [0.3, 0.3, 0, 0, 0, 0])
        found = gap_findings(seen, level=LEVEL)
        second += sum("b" in columns_of(f) for f in asserted(found))
        lost += sum(max(s.p or 0.0, s.part_p[0]) < 0.05 / ATTRIBUTES for s in headlines(seen, LEVEL))
        lost -= len(asserted(found))
    assert second >= 0.9 * 60 * ATTRIBUTES
    assert lost <= 0


@pytest.mark.slow
def test_what_declared_columns_leave_is_said_to_be_there_in_five_of_a_hundred_at_most() -> None:
    rng, draws = np.random.default_rng(2), 250
    wrong = chance = 0
    for _ in range(draws):
        found = gap_findings(drawn(rng, [0.3, 0, 0, 0, 0, 0], controls=("merit",)), level=LEVEL)
        told = asserted(found)
        wrong += any("through others" in f.statement and "which may be" not in f.statement for f in told)
        chance += sum("which may be chance" in f.statement for f in found)
    assert wrong <= 0.05 * draws + 2.6 * (0.05 * 0.95 * draws) ** 0.5
    assert chance, "intervals keep their level, and one that excludes 0 alone reads so"
    kept = gap_findings(drawn(rng, [0.4, 0.4, 0, 0, 0, 0], controls=("merit",), attributes=1), level=LEVEL)
    assert "through others." in kept[0].statement


@pytest.mark.parametrize(
    "parts", [(0.3, 0.1, -0.1, 0, 0, 0), (0.3, -0.28, 0.05, 0, -0.05, 0), (0.05, 0.05, 0, 0, 0, 0)]
)
@pytest.mark.parametrize("seed", range(8))
def test_the_p_of_a_sentence_is_that_of_the_least_sure_thing_that_it_says(parts: Any, seed: int) -> None:
    seen = drawn(np.random.default_rng(seed), parts, controls=("merit",))
    for split, f in zip(headlines(seen, LEVEL), gap_findings(seen, level=LEVEL), strict=True):
        adds, takes = named(split)
        own = [float(split.part_p[k]) for k in (*adds[:NAMED], *takes[:NAMED])]
        own += [split.p or 0.0] if split.gap_is_sure or not own else []
        assert {split.names[k] for k in (*adds[:NAMED], *takes[:NAMED])} == {
            a or b for a, b in SAID.findall(statement(split))
        }
        assert p_of(split) == max(own)
        rest = explained(seen, split)
        assert rest is not None
        claimed = split.gap_is_sure and rest.rest.excludes_zero and rest.rest_p <= bearable(split)
        assert f.p == max([*own, *([rest.rest_p] if claimed else [])])
        assert set(adds) <= set(sides(split)[0])
        assert set(takes) <= set(sides(split)[1])


def test_causes_that_cancel_are_larger_than_the_gap_that_hides_them() -> None:
    """Parts of a hundredth of a point are surely there beside a gap of a point, and hide behind nothing."""
    rng, n = np.random.default_rng(1), 400
    noise = rng.normal(size=(n, 2))
    chance = [0.004, -0.002] + 0.3 * (noise - noise.mean(0))
    for size, hides in ((0.2, True), (1e-4, False)):
        own = [size * (1 + 0.3 * rng.normal(size=n)), -size * (1 + 0.3 * rng.normal(size=n))]
        m = np.column_stack([*own, chance, sum(own) + chance.sum(1)])
        units = Units.of(("proxy", "merit", "a", "b"), [m], np.ones(n))
        split = Split.of(Contrast("g", "mean_score", "shapley", "p", "q"), units, LEVEL)
        assert not split.gap_is_sure
        assert (split.sure[0], split.sure[1]) == (True, True)
        assert ("causes that cancel" in statement(split, "No gap")) == hides
