"""Bounds over placements and tipping points, against every placement, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.stats import unknowns
from auditkit.stats.unknowns import Unknowns

Row = tuple[bool, tuple[int, ...]]
"""An unknown row: selected or not, and the groups that it fits."""


@dataclass(frozen=True)
class Case:
    """Known groups as (selected, rows), and unknown rows."""

    known: tuple[tuple[int, int], ...]
    unknown: tuple[Row, ...]

    def problem(self) -> Unknowns:
        kinds = list(dict.fromkeys(fits for _, fits in self.unknown))
        rows = [[s for s, fits in self.unknown if fits == kind] for kind in kinds]
        fits = np.array([[g in kind for g in range(len(self.known))] for kind in kinds], dtype=bool)
        return Unknowns(
            np.array([k for k, _ in self.known]),
            np.array([n for _, n in self.known]),
            np.array([sum(r) for r in rows], dtype=np.int64),
            np.array([len(r) for r in rows], dtype=np.int64),
            fits.reshape(-1, len(self.known)),
        )

    def placements(self, *, all_of_them: bool) -> Iterator[tuple[list[Fraction | None], int]]:
        """(impact ratios, rows placed) of every placement; equal rows are not told apart."""
        groups = len(self.known)
        forced = [row for row in self.unknown if len(row[1]) == 1]
        free = [row for row in self.unknown if len(row[1]) > 1]
        alike = {row: free.count(row) for row in free}
        choices = [
            list(combinations_with_replacement(fits if all_of_them else (*fits, groups), n))
            for (_, fits), n in alike.items()
        ]
        for chosen in product(*choices):
            k, n = [k for k, _ in self.known] + [0], [n for _, n in self.known] + [0]
            for selected, (g,) in forced:
                k[g], n[g] = k[g] + selected, n[g] + 1
            for (selected, _), places in zip(alike, chosen, strict=True):
                for g in places:
                    k[g], n[g] = k[g] + selected, n[g] + 1
            rates = [Fraction(a, b) for a, b in zip(k[:groups], n[:groups], strict=True)]
            yield [r / max(rates) if max(rates) else None for r in rates], sum(alike.values()) - n[groups]


@st.composite
def one_attribute(draw: st.DrawFn) -> Case:
    groups = draw(st.integers(2, 4))
    known = [draw(st.integers(1, 8)) for _ in range(groups)]
    unknown = draw(st.lists(st.booleans(), max_size=6))
    every = tuple(range(groups))
    return Case(tuple((draw(st.integers(0, n)), n) for n in known), tuple((s, every) for s in unknown))


@st.composite
def crossing(draw: st.DrawFn) -> Case:
    """Two sexes × two or three races, some crossings unseen; unknown rows lack sex, race or both."""
    cells = list(product("fm", "abc"[: draw(st.integers(2, 3))]))
    seen = draw(st.lists(st.sampled_from(cells), min_size=2, max_size=5, unique=True))
    known = [draw(st.integers(1, 6)) for _ in seen]
    lack = st.sampled_from([("f", ""), ("m", ""), ("", "a"), ("", "b"), ("", "")])
    unknown = draw(st.lists(st.tuples(st.booleans(), lack), max_size=5))

    def fits(kind: tuple[str, str]) -> tuple[int, ...]:
        return tuple(i for i, cell in enumerate(seen) if all(a in ("", b) for a, b in zip(kind, cell, strict=True)))

    rows = tuple((s, fits(kind)) for s, kind in unknown)
    return Case(tuple((draw(st.integers(0, n)), n) for n in known), tuple(r for r in rows if r[1]))


def check(case: Case, limit: Fraction, *, best_is_exact: bool) -> None:
    problem = case.problem()
    bounds, tipping = problem.bounds(), problem.tipping_points(float(limit))
    placed = list(case.placements(all_of_them=True))
    some = list(case.placements(all_of_them=False))
    for g in range(len(case.known)):
        ratios = [r[g] for r, _ in placed]
        told = [r for r in ratios if r is not None]
        if not told:
            assert np.isnan(bounds.worst[g])
            assert np.isnan(bounds.best[g])
            continue
        assert len(told) == len(ratios)
        assert bounds.worst[g] == pytest.approx(float(min(told)), abs=1e-12)
        if best_is_exact:
            assert bounds.best[g] == pytest.approx(float(max(told)), abs=1e-12)
        assert float(max(told)) - 1e-12 <= bounds.best[g] <= 1
        if not np.isnan(bounds.observed[g]):
            assert bounds.worst[g] - 1e-12 <= bounds.observed[g] <= bounds.best[g] + 1e-12
        needed = [n for r, n in some if (ratio := r[g]) is not None and ratio < limit]
        assert tipping[g] == min(needed, default=-1)


LIMITS = st.sampled_from([Fraction(4, 5), Fraction(1, 2), Fraction(9, 10), Fraction(1)])


@given(one_attribute(), LIMITS)
@settings(max_examples=300, deadline=None)
def test_one_attribute_is_every_placement(case: Case, limit: Fraction) -> None:
    check(case, limit, best_is_exact=True)


@given(crossing(), LIMITS)
@settings(max_examples=300, deadline=None)
def test_partly_known_rows_are_every_placement(case: Case, limit: Fraction) -> None:
    check(case, limit, best_is_exact=False)


@given(crossing(), st.just(Fraction(4, 5)))
@settings(max_examples=60, deadline=None)
def test_the_best_case_is_exact_where_no_partly_known_row_is_selected(case: Case, limit: Fraction) -> None:
    check(Case(case.known, tuple((False, fits) for _, fits in case.unknown)), limit, best_is_exact=True)


def test_strictly_below_and_not_at_the_limit() -> None:
    at = Unknowns(np.array([24, 30]), np.array([100, 100]), np.array([0]), np.array([1]), np.ones((1, 2), dtype=bool))
    assert at.tipping_points(0.8).tolist() == [1, -1]  # 0.24 / 0.30 is not below 0.8, though doubles say so
    below = Unknowns(np.array([23, 30]), np.array([100, 100]), np.array([0]), np.array([1]), np.ones((1, 2), bool))
    assert below.tipping_points(0.8).tolist() == [0, -1]


def test_one_group_has_nothing_to_compare() -> None:
    alone = Unknowns(np.array([3]), np.array([9]), np.array([1]), np.array([2]), np.ones((1, 1), dtype=bool))
    assert all(np.isnan(x).all() for x in alone.bounds())
    assert alone.tipping_points(0.8).tolist() == [-1]


def test_many_groups_have_a_looser_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    for _ in range(8):
        rows = rng.integers(5, 60, 8)
        fits = rng.random((3, 8)) < 0.5
        u = Unknowns(rng.binomial(rows, 0.4), rows, np.array([2, 0, 1]), np.array([9, 7, 4]), fits)
        exact = u.bounds()
        with monkeypatch.context() as m:
            m.setattr(unknowns, "MOST", 0)
            loose = u.bounds()
        np.testing.assert_array_equal(loose.worst, exact.worst)
        assert (loose.best >= exact.best - 1e-12).all()


def test_many_unknown_rows_take_no_time_and_stay_in_order() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(100, 5_000, 20)
    unknown = np.array([200_000, 90_000])
    half = np.arange(20) < 10
    u = Unknowns(rows // 3, rows, unknown // 4, unknown, np.stack([np.ones(20, bool), half]))
    bounds = u.bounds()
    assert (bounds.worst <= bounds.observed).all()
    assert (bounds.observed <= bounds.best).all()
    assert (u.tipping_points(0.8) > 0).all()
