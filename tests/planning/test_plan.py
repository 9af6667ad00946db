"""A plan against exact power (every table enumerated), statsmodels' closed forms, and audits of the sizes it speaks of.

Three groups, ratios of Holm and looks are simulated in `tests/simulations/planned.py`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import power_proportions_2indep

import auditkit as ak
from auditkit.plans import Plan
from auditkit.stats.rates import critical_value, wilson
from tests.helpers import run_cli

SEX = {"sex": {"F": 1_200, "M": 3_000}}


def rule(metric: str = "selection_rate", comparison: str = "difference", **more: Any) -> dict[str, Any]:
    asked = {"id": "r", "metric": metric, "comparison": comparison, "by": ["sex"], **more}
    return asked if comparison != "overall" else {k: v for k, v in asked.items() if k != "by"}


def planned(groups: Any = SEX, asked: dict[str, Any] | None = None, **options: Any) -> Any:
    policy = {"rule": [asked or rule(at_most=0.1)], **options.pop("policy", {})}
    return ak.plan(groups, policy=policy, **options).rules[0]


def exact(n: tuple[int, int], p: tuple[float, float], limit: float, level: float = 0.95) -> tuple[float, float]:
    """The chance that Newcombe's interval lies beyond the limit, and that it lies within: all tables, weighed."""
    a, b = (wilson(np.arange(m + 1), m, critical_value(level)) for m in n)
    d = a.p[:, None] - b.p[None]
    low = d - np.sqrt((a.p - a.low)[:, None] ** 2 + (b.high - b.p)[None] ** 2)
    high = d + np.sqrt((a.high - a.p)[:, None] ** 2 + (b.p - b.low)[None] ** 2)
    chance = binom.pmf(np.arange(n[0] + 1), n[0], p[0])[:, None] * binom.pmf(np.arange(n[1] + 1), n[1], p[1])[None]
    return float(chance[np.maximum(low, -high) > limit].sum()), float(chance[np.maximum(-low, high) <= limit].sum())


@pytest.mark.parametrize(
    ("n", "rate", "limit"),
    [
        ((700, 1_900), 0.23, 0.08),
        ((200, 300), 0.1, 0.1),
        ((1_000, 1_000), 0.5, 0.05),
        ((80, 2_000), 0.3, 0.1),
        ((120, 450), 0.91, 0.03),
    ],
)
def test_the_power_is_exactly_what_was_planned(n: tuple[int, int], rate: float, limit: float) -> None:
    found = planned({"sex": dict(zip("FM", n, strict=True))}, rule(at_most=limit), rates={"selection_rate": rate})
    for i, group in enumerate(found.groups):
        gap = group.fails_from * (1 if rate <= 0.5 else -1)
        p = tuple(rate + gap * (i == j) for j in (0, 1))
        assert exact(n, p, limit)[0] == pytest.approx(0.8, abs=0.01)
    need = found.counted_needed
    assert exact((need, need), (rate, rate), limit)[1] == pytest.approx(0.8, abs=0.01)
    passing = exact(n, (rate, rate), limit)[1]
    assert found.passes == (passing >= 0.8) or passing == pytest.approx(0.8, abs=0.01)


def test_looks_and_holm_widen_what_can_fail_a_rule() -> None:
    once, often = planned(base_rate=0.3), planned(base_rate=0.3, policy={"policy": {"looks": 12}})
    assert (often.fail_level, often.pass_level) == (pytest.approx(1 - 0.05 / 12),) * 2
    assert often.fails_from > once.fails_from
    assert often.counted_needed > once.counted_needed
    p = (0.3 + often.groups[0].fails_from, 0.3)
    assert exact((1_200, 3_000), p, 0.1, often.fail_level)[0] == pytest.approx(0.8, abs=0.01)
    two = ak.plan(SEX, base_rate=0.3, policy={"rule": [rule(at_most=0.1), rule("accuracy", at_most=0.1) | {"id": "b"}]})
    assert [(r.fail_level, r.pass_level) for r in two.rules] == [(pytest.approx(0.975), 0.95)] * 2
    assert two.rules[0].fails_from > once.fails_from
    assert two.rules[0].counted_needed == once.counted_needed, "what lets a rule pass is not corrected"


@pytest.mark.parametrize(("n", "rate"), [((400, 900), 0.2), ((1_500, 1_500), 0.4), ((250, 5_000), 0.5)])
def test_a_gap_from_none_is_seen_as_statsmodels_says(n: tuple[int, int], rate: float) -> None:
    found = planned({"sex": dict(zip("FM", n, strict=True))}, rule(at_most=0.0), rates={"selection_rate": rate})
    gap = found.groups[0].fails_from
    power = power_proportions_2indep(gap, rate, n[0], ratio=n[1] / n[0], alpha=0.05).power
    assert power == pytest.approx(0.8, abs=0.02)
    assert found.seen_from == pytest.approx(max(g.fails_from for g in found.groups), rel=0.1), "the audit's own mde"


def test_a_rate_of_the_positives_counts_the_positives() -> None:
    base = {"sex": {"F": 0.2, "M": 0.35}}
    found = planned(SEX, rule("true_positive_rate", at_most=0.1), base_rate=base, rates={"true_positive_rate": 0.8})
    assert [g.counted for g in found.groups] == pytest.approx([240, 1_050])
    direct = planned({"sex": {"F": 240, "M": 1_050}}, rule(at_most=0.1), rates={"selection_rate": 0.8})
    assert found.fails_from == pytest.approx(direct.fails_from)
    assert [g.rows_needed for g in found.groups] == [math.ceil(direct.counted_needed / b) for b in (0.2, 0.35)]
    wrong = planned(SEX, rule("false_positive_rate", at_most=0.1), base_rate=base)
    assert [g.counted for g in wrong.groups] == pytest.approx([960, 1_950])


def test_too_few_never_pass_never_fail() -> None:
    small = planned({"sex": {"F": 900, "M": 900, "X": 9}}, base_rate=0.3)
    assert [g.too_few for g in small.groups] == [False, False, True]
    assert (small.can_pass, small.can_fail) == (True, True)
    tiny = planned({"sex": {"F": 12, "M": 12}}, rule(at_most=0.9), base_rate=0.3)
    assert not tiny.can_fail, "even 0 of 12 against 12 of 12 leaves the limit inside"
    assert exact((12, 12), (0.0, 1.0), 0.9)[0] == 0
    none = planned({"sex": {"F": 60, "M": 60}}, rule(at_most=0.05), base_rate=0.3)
    assert (none.can_pass, none.passes) == (False, False)
    alone = planned({"sex": {"F": 5, "M": 600}}, base_rate=0.3)
    assert alone.sentences == ("Fewer than two groups are large enough: the rule would not be measured.",)
    strict = planned(SEX, rule(at_most=0.0), base_rate=0.3)
    assert strict.counted_needed is None


def test_other_comparisons_and_what_is_not_planned() -> None:
    lowest = planned(SEX, rule("accuracy", "group_min", at_least=0.8), rates={"accuracy": 0.9})
    edge = lowest.groups[0].fails_from
    assert edge < 0.8
    ratio = planned(SEX, rule(comparison="ratio", at_least=0.8), base_rate=0.3)
    assert 0 < ratio.fails_from < 0.8
    everybody = planned(SEX, rule("accuracy", "overall", at_least=0.8), rates={"accuracy": 0.9})
    assert everybody.groups[0].group == {}
    assert binom.cdf(_most_that_fails(4_200, 0.8), 4_200, everybody.fails_from) == pytest.approx(0.8, abs=0.02)
    scores = planned(SEX, rule("roc_auc", at_most=0.1))
    assert not scores.planned
    assert "depends on more than sizes and rates" in scores.sentences[0]


def _most_that_fails(n: int, limit: float) -> int:
    limits = wilson(np.arange(n + 1), n, critical_value(0.95))
    return int(np.flatnonzero(limits.high < limit).max())


def test_a_file_gives_the_sizes_and_the_base_rates(tmp_path: Path) -> None:
    sex = np.repeat(["F", "M"], [300, 700])
    rows = pd.DataFrame({"sex": sex, "race": np.tile(["a", "b"], 500), "y": np.arange(1_000) % 4 == 0})
    rows.to_csv(tmp_path / "rows.csv", index=False)
    data = ak.Dataset(rows, y_true="y", positive=True, sensitive_features=["sex", "race"])
    asked = {"rule": [rule("true_positive_rate", at_most=0.1), rule(at_most=0.1, by=["sex", "race"]) | {"id": "x"}]}
    found = ak.plan(data, policy=asked)
    assert found.attributes["sex"] == {"F": 300, "M": 700}
    assert found.base_rates["sex"] == pytest.approx({"F": 0.25, "M": 0.25})
    assert {tuple(g.group.values()): g.rows for g in found.rules[1].groups}["F", "a"] == 150
    counted = ak.plan(tmp_path / "rows.csv", policy=asked, base_rate=0.25, sensitive_features=["sex", "race"])
    assert counted.rules[0].fails_from == pytest.approx(found.rules[0].fails_from)
    numbers = ak.plan(found.attributes, policy=asked, base_rate=0.25)
    assert "as if these were independent" in numbers.notes[0]


MANY = {"sex": {"F": 12, "M": 12}}


@pytest.mark.parametrize(
    ("groups", "options", "said"),
    [
        ({"sex": {"F": 0, "M": 3}}, {}, "sex=F: a group has a whole number of rows, 1 or more; got 0"),
        ({"sex": {"F": 1.5, "M": 3}}, {}, "got 1.5"),
        ({"sex": {"F": True, "M": 3}}, {}, "got True"),
        ({"sex": {"F": 30}}, {}, "'sex' has one group (F): there is nothing to compare"),
        ({}, {}, "a plan needs sizes of groups"),
        ({"sex": [1, 2]}, {}, "the sizes of 'sex' are a table of group → rows; got list"),
        (MANY, {"base_rate": 1.5}, "the base rate lies between 0 and 1; got 1.5"),
        (MANY, {"base_rate": {"sex": {"F": 0.5}}}, "no base rate of sex=M; give one of each group, or one for all"),
        (MANY, {"base_rate": {"sex": {"F": 0.5, "X": 0.5}}}, "a base rate of sex=X, which has no size"),
        (MANY, {"base_rate": {"sexx": 0.5}}, "a base rate of 'sexx', which has no sizes. Did you mean 'sex'?"),
        (MANY, {"rates": {"acuracy": 0.5}}, "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        (MANY, {"rates": {"accuracy": 2}}, "the rate of accuracy lies between 0 and 1; got 2"),
        (MANY, {"power": 1.0}, "the power lies between 0.5 and 1; got 1"),
        (MANY, {"asked": rule(at_most=0.1, by=["rase"])}, "no sizes of 'rase'; there are those of sex"),
        (
            MANY,
            {"asked": rule("true_positive_rate", at_most=0.1)},
            "say how many these are, by base_rate (--base-rate)",
        ),
        (MANY, {"asked": rule(comparison="ratio", at_least=0.8)}, "the harder to see the rarer the rate"),
    ],
)
def test_what_cannot_be_planned_is_one_clear_line(groups: Any, options: dict[str, Any], said: str) -> None:
    asked = options.pop("asked", None) if "asked" in options else None
    with pytest.raises(ak.AuditkitError) as e:
        planned(groups, asked, **options)
    assert said in str(e.value)
    assert "\n" not in str(e.value)


def test_the_command_line_says_it_in_plain_sentences_and_in_json() -> None:
    sizes = ["plan", "--group", "sex=F:1200", "--group", "sex=M:3000"]
    limit = ["--metric", "true_positive_rate", "--at-most", "0.1", "--rate", "true_positive_rate=0.8"]
    status, out, _ = run_cli([*sizes, "--base-rate", "0.3", *limit])
    assert status == 0
    asked = rule("true_positive_rate", at_most=0.1) | {"id": "true_positive_rate/sex"}
    found = ak.plan(SEX, policy={"rule": [asked]}, base_rate=0.3, rates={"true_positive_rate": 0.8})
    assert out == f"{found}\n"
    text = " ".join(out.split())
    assert "where the true gap of any group is 18.0 points or more." in text
    assert "To pass so, every group needs 336 to count, and has them." in text
    status, out, _ = run_cli(
        [*sizes, "--base-rate", "sex=F:0.3", "--base-rate", "sex=M:0.3", *limit, "--format", "json"]
    )
    assert status == 0
    assert Plan.model_validate(json.loads(out)).rules == found.rules
    assert out == found.to_json()
    html = found._repr_html_()
    assert html.startswith("<div><p><strong>What an audit could see of sex: F 1,200, M 3,000 rows")
    hostile = ak.plan({"sex": {"<b>": 30, "M": 30}}, policy={"rule": [rule(at_most=0.1)]})._repr_html_()
    assert "<b>" not in hostile


def test_the_page_of_the_documentation_shows_what_it_prints() -> None:
    page = (Path(ak.__file__).parent.parent / "docs" / "plan.md").read_text(encoding="utf-8")
    command, _, shown = page.partition("```text\n$ auditkit ")[2].partition("```")[0].partition("\n\n")
    assert run_cli(command.split()) == (0, shown, "")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "give either --group sex=F:1200 (repeatable), or --data with --sensitive"),
        (["--group", "sex=F"], "--group sex=F: expected sex=F:1200"),
        (["--group", "sex=F:x"], "--group: 'x' is no number"),
        (["--group", "sex=F:3", "--group", "sex=F:4"], "sex=F has a size already"),
        (["--data", "x.csv"], "--data needs --sensitive"),
        (["--group", "sex=F:30", "--group", "sex=M:30"], "give limits: --policy FILE, or --metric"),
        (["--group", "sex=F:30", "--policy", "four-fifths", "--at-most", "0.1"], "--at-most goes without --policy"),
        (["--group", "sex=F:30", "--format", "xml"], "--format must be text or json, got 'xml'"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(flags: list[str], said: str) -> None:
    status, _, err = run_cli(["plan", *flags])
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


DATA = """
[data]
path = "people.csv"
y_true = "repaid"
positive = "yes"
sensitive_features = ["sex", "age", { race = ["race_a", "race_b"] }]
bins = { age = [18, 40, 90] }
[[rule]]
id = "found"
metric = "true_positive_rate"
comparison = "difference"
by = ["age"]
at_most = 0.2
[[rule]]
id = "chosen"
metric = "selection_rate"
comparison = "difference"
by = ["race", "sex"]
at_most = 0.2
"""


@pytest.fixture
def people(tmp_path: Path) -> pd.DataFrame:
    n = np.arange(900)
    rows = pd.DataFrame({"sex": np.where(n % 3, "f", "m"), "age": 18 + n % 60, "race_a": n % 2, "race_b": 1 - n % 2})
    rows["repaid"] = np.where(n % 5 == 0, "yes", "no")
    rows.to_csv(tmp_path / "people.csv", sep=";", index=False)
    (tmp_path / "auditkit.toml").write_text(DATA, encoding="utf-8")
    return rows


def asked_of(folder: Path, *flags: str) -> Plan:
    status, out, err = run_cli(["plan", "--policy", str(folder / "auditkit.toml"), "--format", "json", *flags])
    assert (status, err) == (0, "")
    return Plan.model_validate(json.loads(out))


def test_the_data_of_the_policys_file_are_planned_for(people: pd.DataFrame, tmp_path: Path) -> None:
    found = asked_of(tmp_path)
    young = people[people.age < 40]
    assert found.attributes["age"] == {"[18, 40)": len(young), "[40, 90]": len(people) - len(young)}
    assert found.attributes["race"] == {"a": 450, "b": 450}
    assert found.base_rates["age"]["[18, 40)"] == pytest.approx((young.repaid == "yes").mean())
    sizes = {tuple(g.group.values()): g.rows for g in found.rules[1].groups}
    assert sizes["a", "f"] == ((people.race_a == 1) & (people.sex == "f")).sum()
    assert asked_of(tmp_path, "--data", str(tmp_path / "people.csv")) == found


def test_flags_overrule_the_data_of_the_policys_file(people: pd.DataFrame, tmp_path: Path) -> None:
    wider = asked_of(tmp_path, "--bins", "age=18,30,90")
    assert wider.attributes["age"]["[18, 30)"] == (people.age < 30).sum()
    said = asked_of(tmp_path, "--base-rate", "0.5")
    assert said.base_rates["sex"] == {"f": 0.5, "m": 0.5}
    assert {g.counted for g in said.rules[0].groups} == {n / 2 for n in said.attributes["age"].values()}
    people.drop(columns="repaid").to_csv(tmp_path / "later.csv", index=False)
    later = asked_of(tmp_path, "--data", str(tmp_path / "later.csv"), "--base-rate", "0.5")
    assert later.attributes == said.attributes
    status, _, err = run_cli(
        ["plan", "--policy", str(tmp_path / "auditkit.toml"), "--data", str(tmp_path / "later.csv")]
    )
    assert status == 2
    assert "by base_rate (--base-rate)" in err


def test_a_plan_says_of_what_its_numbers_are() -> None:
    text = str(ak.plan(SEX, policy={"rule": [rule("true_positive_rate", at_most=0.1)]}, base_rate=0.3))
    assert "The true positive rate of every group is taken to be 50.0% (--rate says another)." in text
    assert "A true gap between the limit of 10 points and that breaks it too" in text


def test_pairs_with_people_in_common_are_no_rows_to_plan_with() -> None:
    rule = {"id": "r", "metric": "false_match_rate", "comparison": "ratio", "by": ["sex"], "at_least": 0.5}
    (planned,) = ak.plan({"sex": {"f": 7_000, "m": 7_000}}, policy={"rule": [rule]}).rules
    assert not planned.planned
    assert "how many people" in planned.sentences[0]
