"""What failed never looks as if it had kept its limit, and what passed not as if it had missed it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditkit.evidence.observations import Observations
from auditkit.explain.trust.findings import infidelity, single_columns
from auditkit.formatting import beside
from auditkit.gate.judge import status_of
from auditkit.records import Comparison, Estimate, Rule, TrustCheck, Verdict
from auditkit.report.html import gate, trust
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from tests.report import explained, samples

NUMBER = re.compile(r"−?\d[\d,]*(?:\.\d+)?")


def read(text: str) -> list[float]:
    return [float(t.replace("−", "-").replace(",", "")) for t in NUMBER.findall(text)]


near = st.floats(-0.02, 0.02).filter(lambda x: abs(x) > 1e-9)


@given(st.sampled_from(["percent", "points", "ratio", "", "kg"]), st.floats(0.01, 0.99), near)
@example("percent", 0.986, -0.0003)
@example("points", 0.05, 0.0002)
def test_a_value_beside_a_limit_is_written_on_its_own_side(unit: str, bound: float, off: float) -> None:
    value = bound + off
    scale = 100 if unit in ("percent", "points") else 1
    (told,) = read(beside(value, unit, bound))
    assert told != scale * bound
    assert (told > scale * bound) == (value > bound)
    assert told == pytest.approx(scale * value, abs=0.051)


@given(st.floats(0.02, 0.5), near, near, st.booleans())
def test_rows_of_the_gate_agree_with_their_verdicts(bound: float, a: float, b: float, most: bool) -> None:
    low, high = sorted((bound + a, bound + b))
    side = {"at_most": bound} if most else {"at_least": bound}
    comparison: Comparison = "difference" if most else "group_min"
    rule = Rule(id="r", metric="selection_rate", comparison=comparison, by=("sex",), **side)
    e = Estimate(value=(low + high) / 2, low=low, high=high, n=100)
    status = status_of(rule, e)
    report = samples.made("nothing established")
    report = report.model_copy(
        update={"verdicts": (Verdict(status=status, rule=rule, finding=None, estimate=e, reason="r"),)}
    )
    view = gate.view(Lookup(report), Names())
    assert view is not None
    (row,) = view.rows
    ends, asked = read(row.range.replace("–", " to ")), read(row.limit)[0]
    if len(ends) != 2:
        return
    inside = [x <= asked if most else x >= asked for x in ends]
    expected = {"pass": [True, True], "fail": [False, False]}.get(status)
    assert expected is None or inside == expected, (row.range, row.limit, status)
    if status == "inconclusive":
        assert sorted(inside) == [False, True], (row.range, row.limit)


sides = st.builds(
    dict, value=st.floats(0.0, 1.0), limit=st.floats(0.01, 0.99), at_least=st.booleans(), blocking=st.booleans()
)


def sentences(check: TrustCheck) -> list[str]:
    f = explained.gap().model_copy(update={"trust": (check,)})
    view = trust.view(f, "x", Names())
    assert view is not None
    told = trust.failed("x", trust.lost(f), view.table, trust.Told()).checks
    return [*told, " ".join(str(c) for c in view.table.rows[0][3:]), view.sentence]


@given(sides)
@example({"value": 0.9854, "limit": 0.986, "at_least": True, "blocking": True})
@example({"value": 0.9857, "limit": 0.98569, "at_least": False, "blocking": True})
def test_a_check_that_its_value_decides_is_told_with_digits_that_decide(said: dict[str, object]) -> None:
    value, bound, at_least = float(said["value"]), float(said["limit"]), bool(said["at_least"])  # type: ignore[arg-type]
    passed = value >= bound if at_least else value <= bound
    check = TrustCheck.model_validate({"id": "T7", "name": "n", "passed": passed, **said})
    told = sentences(check)[-2]
    assert "surely" not in told
    first, last = read(told)[0], read(told)[-1]
    if "below" not in told and value != bound:
        assert (first >= last if at_least else first <= last) == passed, told


@pytest.mark.parametrize("at_least", [False, True])
def test_a_check_that_an_interval_decides_says_so(at_least: bool) -> None:
    """0.985, at most 0.986, failed: not surely below."""
    value, bound, high = (0.985, 0.986, 0.991) if not at_least else (0.986, 0.985, 0.981)
    end = {"high": high} if not at_least else {"low": high}
    check = TrustCheck(id="T6", name="infidelity", value=value, limit=bound, passed=False, at_least=at_least, **end)
    told = sentences(check)[0]
    word = "above" if at_least else "below"
    assert f"T6, infidelity: {value}, which is not surely {word} {bound}" in told
    assert str(high) in told
    old = sentences(check.model_copy(update={"low": None, "high": None}))[0]  # of an older report
    assert f"not surely {word} {bound}" in old
    passed = check.model_copy(update={"passed": True, "value": bound, "limit": value})
    assert "not surely" in sentences(passed)[-2]


def trials(own: float, dealt: float, noise: float, n: int = 60) -> Observations:
    rng = np.random.default_rng(0)
    changes = np.ones(n)
    spread = noise * rng.normal(size=n)
    return Observations({"T6:own": own + spread, "T6:dealt": dealt - spread, "T6:changes": changes}, {}, {})


def test_the_limit_kept_is_that_of_the_criterion_that_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """As T6 judges its rows: failed exactly where the limit it keeps is not surely kept."""
    from auditkit.explain.trust import findings

    monkeypatch.setattr(findings, "missed", lambda columns, which: columns[f"T6:{which}"])
    monkeypatch.setattr(findings, "CHANGES", "T6:changes")
    for own, dealt, noise in ((0.985, 0.986, 0.5), (0.2, 0.986, 0.05), (1.2, 0.9, 0.01), (0.9, 0.9, 0.0)):
        check = infidelity(trials(own, dealt, noise))
        assert check.limit is not None
        assert check.high is not None
        assert check.passed == (check.high < check.limit)
        told = sentences(check)
        if not check.passed and check.value is not None and check.value <= check.limit:
            assert "not surely below" in told[0]


def test_the_farthest_column_is_one_that_is_surely_far() -> None:
    """A noisy column may lie farther; the one that fails is named, with the limit that failed it."""
    rng = np.random.default_rng(0)
    n = 40
    noisy = np.where(np.arange(n) == 0, 40.0, 0.0)
    sure = 0.9 + 0.01 * rng.normal(size=n)
    columns = {
        "T12:miss:noisy": noisy,
        "T12:miss:sure": sure,
        "T12:room:noisy": np.ones(n),
        "T12:room:sure": np.ones(n),
    }
    from auditkit.explain.trust.single_sums import MISS, ROOM

    named = {k.replace("T12:miss:", MISS).replace("T12:room:", ROOM): v for k, v in columns.items()}
    check = single_columns(Observations(named, {}, {"features": ["noisy", "sure"]}))
    assert not check.passed
    assert "the farthest is sure" in check.note
    assert check.low is not None
    assert check.limit is not None
    assert check.low > check.limit


def test_a_column_beyond_the_limit_that_few_rows_cannot_show_is_not_sure() -> None:
    """A gap of evidence is no pass: neither failed nor passed, and the page says of which side it is not sure."""
    from auditkit.explain.trust.single_sums import MISS, ROOM

    rng = np.random.default_rng(0)
    few = rng.exponential(0.95, 16)
    for miss, word in ((few, "not sure"), (np.tile(few, 20), "failed"), (0.5 * few / few.mean(), "passed")):
        columns = {f"{MISS}a": miss, f"{ROOM}a": np.ones(len(miss))}
        check = single_columns(Observations(columns, {}, {"features": ["a"]}))
        assert (check.failed, check.passed, check.sure) == (word == "failed", word == "passed", word != "not sure")
        told = " ".join(sentences(check))
        assert ("not surely above 0.65" in told) == (word == "not sure"), told
        assert ("it is not sure that" in check.note) == (word == "not sure")
