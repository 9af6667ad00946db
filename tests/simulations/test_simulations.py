"""A thirtieth of every simulation, and the table of all of them in full: no share may be excluded by its own draws."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulations.__main__ import table
from tests.simulations.setting import Outcome, Setting, Share, settings


@pytest.mark.slow_one_in(4)
@pytest.mark.slow
@pytest.mark.parametrize("name", settings())
def test_a_thirtieth(name: str) -> None:
    for share in settings()[name].run(of=30):
        assert not share.excluded, (
            f"{name}: {share.statistic} {share.value:.3f} of {share.draws} draws; bounds {share.least} to {share.most}"
        )


def test_the_tables_have_every_setting_and_each_keeps_its_bounds() -> None:
    rows = [r for kind in {s.kind for s in settings().values()} for r in table(kind)]
    assert {r["setting"] for r in rows} == set(settings())
    for row in rows:
        least, most = settings()[row["setting"]].bound(row["statistic"])
        assert row["draws"] == "0" or least <= float(row["share"]) <= most, f"{row['setting']}: {row['statistic']}"


def test_a_share_is_excluded_only_beyond_its_binomial_limits() -> None:
    def share(hits: int) -> Share:
        return Share("s", "covers", hits, 200, 0.92, 1.0, 0)

    assert not share(180).kept
    assert not share(180).excluded
    assert share(160).excluded


def test_draws_are_the_same_in_every_part() -> None:
    seen: list[float] = []

    def once(rng: np.random.Generator) -> Outcome:
        seen.append(rng.random())
        return {"covers": True}

    one = Setting("s", once, replications=20)
    whole, tenth = one.run(), one.run(of=10)
    assert (whole[0].draws, tenth[0].draws) == (20, 2)
    assert seen[20:] == [seen[0], seen[10]]
