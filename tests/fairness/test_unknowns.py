"""The finding about unknown demographics: counts read off a tally, and what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.batch import MISSING, Batch
from auditkit.check import StreamCheck
from auditkit.errors import PolicyError
from auditkit.evidence.sample import taken
from auditkit.records import Finding, Table

Row = tuple[str | None, str | None, int]


def tally(rows: list[Row]) -> ak.Tally:
    sex, race, decision = zip(*rows, strict=True)
    return ak.Tally.of({"sex": list(sex), "race": list(race)}, y_true=[-1] * len(rows), y_pred=list(decision))


def cell(sex: str | None, race: str | None, n: int, k: int) -> list[Row]:
    return [(sex, race, 1)] * k + [(sex, race, 0)] * (n - k)


def table_of(finding: Finding) -> dict[tuple[Any, ...], dict[str, Any]]:
    (table,) = finding.exhibits
    assert isinstance(table, Table)
    n = len(finding.by)
    return {row[:n]: dict(zip(table.columns[n:], row[n:], strict=True)) for row in table.rows}


PEOPLE = [
    *cell("f", "a", 50, 20),
    *cell("f", "b", 40, 18),
    *cell("m", "a", 60, 30),
    *cell("m", "b", 50, 22),
    *cell("f", None, 10, 4),
    *cell(None, "b", 6, 1),
    *cell(None, None, 5, 2),
]


def test_one_attribute_by_hand() -> None:
    finding = next(f for f in ak.UnknownDemographics().assess(tally(PEOPLE)).findings if f.by == ("sex",))
    f, m = (42, 100), (52, 110)  # the rows of known sex; unknown: 3 selected, 8 not
    worst = (f[0] / (f[1] + 8)) / ((m[0] + 3) / (m[1] + 3))
    best = min(1, ((f[0] + 3) / (f[1] + 3)) / (m[0] / (m[1] + 8)))
    by_group = {g.group["sex"]: g.estimate for g in finding.by_group}
    assert by_group["f"].value == pytest.approx((42 / 100) / (52 / 110))
    assert (by_group["f"].low, by_group["f"].high) == (pytest.approx(worst), pytest.approx(best))
    assert finding.estimate.low == pytest.approx(worst)
    needed = table_of(finding)[("f",)]["Rows that tip it below 0.8"]
    options = [a + b for a in range(9) for b in range(4) if (42 / (100 + a)) / ((52 + b) / (110 + b)) < 0.8]
    assert needed == (min(options) if options else "none suffices")
    assert "Of 221 rows, 11 have no known sex" in finding.statement
    assert finding.estimate.method.startswith("bounds")
    assert (finding.concern, finding.id) == ("data", "data/unknown_demographics/group_min/sex")


def test_partly_known_rows_count_where_they_fit() -> None:
    finding = next(f for f in ak.UnknownDemographics().assess(tally(PEOPLE)).findings if f.by == ("sex", "race"))
    told = table_of(finding)
    assert {k: v["Unknown rows that may belong"] for k, v in told.items()} == {
        ("f", "a"): 10 + 5, ("f", "b"): 10 + 6 + 5, ("m", "a"): 5, ("m", "b"): 6 + 5,
    }  # fmt: skip
    rates = {("f", "b"): (18 + 4 + 1 + 2) / (40 + 7), ("m", "a"): (30 + 2) / (60 + 2), ("m", "b"): (22 + 3) / (50 + 3)}
    assert told["f", "a"]["Worst case"] == pytest.approx((20 / (50 + 6 + 3)) / max(rates.values()))
    assert any("known in part" in n for n in finding.notes)


def test_rows_that_fit_one_group_or_none_are_told() -> None:
    rows = [*cell("f", "a", 50, 20), *cell("m", "b", 50, 25), *cell("f", None, 4, 0), *cell(None, "c", 3, 3)]
    finding = next(f for f in ak.UnknownDemographics().assess(tally(rows)).findings if f.by == ("sex", "race"))
    assert "4 rows fit one group only and count there, in the impact ratio shown too" in finding.notes
    assert "3 rows agree with no group seen and are left out" in finding.notes
    assert finding.estimate.value == pytest.approx((20 / 54) / (25 / 50))
    assert finding.estimate.low == finding.estimate.high == pytest.approx(finding.estimate.value)


def test_nothing_unknown_is_said() -> None:
    finding = ak.UnknownDemographics(by=["sex"]).assess(tally(PEOPLE[:200])).findings[0]
    assert finding.statement == "Nothing is unknown: every one of 200 rows has a value of sex."
    assert (finding.exhibits, finding.notes) == ((), ())
    assert finding.estimate.low == finding.estimate.high == finding.estimate.value


@pytest.mark.parametrize(
    "rows",
    [
        [*cell("f", "a", 20, 0), *cell("m", "a", 20, 0), *cell(None, "a", 5, 0)],
        [*cell("f", "a", 20, 3), *cell(None, "a", 5, 2)],
        cell(None, "a", 5, 2),
        [("f", "a", -1), ("m", "a", -1)],
    ],
)
def test_what_cannot_be_compared_is_undefined(rows: list[Row]) -> None:
    finding = ak.UnknownDemographics(by=["sex"]).assess(tally(rows)).findings[0]
    assert (finding.estimate.value, finding.estimate.low, finding.estimate.state) == (None, None, "undefined")
    if finding.estimate.n:
        assert "cannot be told" in finding.statement


def test_only_unknown_rows_are_selected() -> None:
    rows = [*cell("f", "a", 20, 0), *cell("m", "a", 20, 0), *cell(None, "a", 5, 2)]
    finding = ak.UnknownDemographics(by=["sex"]).assess(tally(rows)).findings[0]
    assert (finding.estimate.value, finding.estimate.low, finding.estimate.high) == (None, 0.0, 1.0)
    assert "undefined without these rows" in finding.statement


def test_the_sentence_names_the_fewest_that_tip() -> None:
    rows = [*cell("f", "a", 100, 45), *cell("m", "a", 100, 50), *cell(None, "a", 34, 10)]
    finding = ak.UnknownDemographics(by=["sex"]).assess(tally(rows)).findings[0]
    n = table_of(finding)[("f",)]["Rows that tip it below 0.8"]
    assert f"If {n} of them belong where it hurts f most, its ratio falls below 0.8" in finding.statement
    firm = ak.UnknownDemographics(by=["sex"], limit=0.5).assess(tally(rows)).findings[0]
    assert "However they are placed, no group falls below 0.5" in firm.statement
    low = ak.UnknownDemographics(by=["sex"], limit=1.0).assess(tally(rows)).findings[0]
    assert "chance apart, below 1 already: f" in low.statement


def test_batches_add_up_and_a_missing_decision_is_no_applicant() -> None:
    rng = np.random.default_rng(0)
    n = 400
    sex = pd.Series(rng.choice(np.array(["f", "m", None], dtype=object), n))
    decision = rng.integers(-1, 2, n).astype(np.int8)
    groups = pd.DataFrame({"sex": sex})
    batch = Batch(pd.DataFrame(index=range(n)), groups, np.full(n, -1, np.int8), decision)
    check = ak.UnknownDemographics()
    assert isinstance(check, StreamCheck)
    at = np.arange(n)
    parts = check.gather(taken(batch, at[:150])) + check.gather(taken(batch, at[150:]))
    assert check.assess(parts) == check.assess(check.gather(batch))
    (finding,) = check.assess(parts).findings
    assert finding.estimate.n == int((decision >= 0).sum())
    known = {g.group["sex"]: g.estimate.n for g in finding.by_group}
    assert known == {s: int(((sex == s) & (decision >= 0)).sum()) for s in ("f", "m")}
    assert MISSING not in known


def test_options() -> None:
    check = ak.UnknownDemographics(by=["sex", ["sex", "race"]], limit=0.9)
    assert ak.UnknownDemographics(**check.options()) == check
    with pytest.raises(PolicyError, match=r"limit = 1\.2 is no impact ratio"):
        ak.UnknownDemographics(limit=1.2)
    with pytest.raises(PolicyError, match=r"no sensitive feature 'rac'.*Did you mean 'race'"):
        ak.UnknownDemographics(by=["rac"]).assess(tally(PEOPLE))
