"""Pairs of faces: every number against a slow twin from its definition, over the pairs themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import combinations, combinations_with_replacement
from pathlib import Path
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import det_curve

import auditkit as ak
from auditkit.check import Check
from auditkit.errors import DataError
from auditkit.evidence.paired import Paired
from auditkit.readers.verification import Verification
from auditkit.records import Report
from tests.helpers import run_cli

PEOPLE, EACH = 45, 3
GROUPS = ("a", "b", "c")


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    """Three images a person, of whom those of the first group are alike."""
    rng = np.random.default_rng(3)
    group = np.array(GROUPS)[np.arange(PEOPLE) % 3]
    of = rng.normal(size=(PEOPLE, 8)) + np.where(group == "a", 1.1, 0.2)[:, None]
    seen = np.repeat(of, EACH, axis=0) + 0.5 * rng.normal(size=(PEOPLE * EACH, 8))
    frame = pd.DataFrame({"sample": [f"s{i}" for i in range(PEOPLE * EACH)]})
    frame["person"], frame["group"] = np.repeat([f"p{i}" for i in range(PEOPLE)], EACH), np.repeat(group, EACH)
    return frame.assign(vector=list(seen))


@pytest.fixture(scope="module")
def pairs(samples: pd.DataFrame) -> pd.DataFrame:
    """Every pair of images, with what is known of both, and the cosine by its definition."""
    rows = [(x, y) for x, y in combinations(samples.to_dict("records"), 2)]
    frame = pd.DataFrame({"a": [x["person"] for x, _ in rows], "b": [y["person"] for _, y in rows]})
    frame["first"], frame["second"] = [x["sample"] for x, _ in rows], [y["sample"] for _, y in rows]
    frame["group_a"], frame["group_b"] = [x["group"] for x, _ in rows], [y["group"] for _, y in rows]
    both = [(np.asarray(x["vector"]), np.asarray(y["vector"])) for x, y in rows]
    frame["score"] = [float(x @ y / np.sqrt((x @ x) * (y @ y))) for x, y in both]
    return frame


@pytest.fixture(scope="module")
def asked(pairs: pd.DataFrame) -> Callable[..., Verification]:
    def of(frame: pd.DataFrame = pairs, **more: Any) -> Verification:
        given = {"score": "score", "score_range": (-1, 1), "sensitive_features": ["group"], "threshold": 0.7}
        return Verification(pairs=frame, **{**given, **more})

    return of


@pytest.fixture(scope="module")
def report(asked: Callable[..., Verification]) -> Report:
    return ak.audit(asked())


def within(pairs: pd.DataFrame, a: str, b: str, *, same: bool) -> Any:
    """Scores of the pairs of two groups, whichever comes first."""
    found = [
        row["score"]
        for row in pairs.to_dict("records")
        if {row["group_a"], row["group_b"]} == {a, b} and (row["a"] == row["b"]) == same
    ]
    return np.array(found)


def rates(pairs: pd.DataFrame, *, same: bool) -> dict[str, float]:
    wrong = {g: (within(pairs, g, g, same=same) < 0.7) == same for g in GROUPS}
    return {g: float(w.mean()) for g, w in wrong.items()}


def test_rates_by_group_are_those_of_the_definition(report: Report, pairs: pd.DataFrame) -> None:
    for metric, same in (("false_match_rate", False), ("false_non_match_rate", True)):
        twin = rates(pairs, same=same)
        found = report.finding(f"fairness/{metric}/difference/group")
        told = {g.group["group"]: g.estimate.value for g in found.by_group if "↔" not in g.group["group"]}
        assert told == pytest.approx(twin)
        assert found.estimate.value == pytest.approx(max(twin.values()) - min(twin.values()))
        ratio = report.finding(f"fairness/{metric}/ratio/group").estimate.value
        assert ratio == pytest.approx(min(twin.values()) / max(twin.values()))


def test_pairs_of_two_groups_are_told_apart_and_compared_with_none(report: Report, pairs: pd.DataFrame) -> None:
    matrix = report.finding("fairness/false_match_matrix/group_max/group")
    told = {g.group["group"]: g.estimate for g in matrix.by_group}
    assert set(told) == {a if a == b else f"{a} ↔ {b}" for a, b in combinations_with_replacement(GROUPS, 2)}
    for a, b in combinations_with_replacement(GROUPS, 2):
        e = told[a if a == b else f"{a} ↔ {b}"]
        scores = within(pairs, a, b, same=False)
        assert e.value == pytest.approx(float((scores >= 0.7).mean()))
        assert e.denominator == len(scores)
    (table,) = matrix.exhibits
    assert table.kind == "table"
    assert [row[0] for row in table.rows] == list(GROUPS)
    assert all(table.rows[i][j + 1] == table.rows[j][i + 1] for i, j in combinations(range(3), 2))
    between = [told[f"{a} ↔ {b}"].value for a, b in combinations(GROUPS, 2)]
    assert matrix.estimate.value == pytest.approx(max(x for x in between if x is not None))
    gap = report.finding("fairness/false_match_rate/difference/group")
    assert gap.surest is not None
    assert not any("↔" in g["group"] for g in gap.surest.groups)


def test_discrepancy_and_inequity_are_those_of_the_definition(report: Report, pairs: pd.DataFrame) -> None:
    fmr, fnmr = rates(pairs, same=False), rates(pairs, same=True)
    gaps = [max(abs(r[a] - r[b]) for a, b in combinations(GROUPS, 2)) for r in (fmr, fnmr)]
    found = report.finding("fairness/fairness_discrepancy_rate/ratio/group").estimate
    assert found.value == pytest.approx(1 - (0.5 * gaps[0] + 0.5 * gaps[1]))
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high <= 1
    for metric, of in (("false_match_rate", fmr), ("false_non_match_rate", fnmr)):
        e = report.finding(f"fairness/{metric}_inequity/group_max/group").estimate
        if min(of.values()) == 0:
            assert (e.value, e.state) == (None, "undefined")
            continue
        assert e.value == pytest.approx(max(of.values()) / np.prod(list(of.values())) ** (1 / 3))
        assert e.low is not None
        assert e.low >= 1


def test_equal_error_rates_are_those_of_the_curve_over_pairs(report: Report, pairs: pd.DataFrame) -> None:
    found = report.finding("calibration/error_tradeoff/group_max/group")
    for g in found.by_group:
        name = g.group["group"]
        one, two = within(pairs, name, name, same=True), within(pairs, name, name, same=False)
        fmr, fnmr, _ = det_curve([1] * len(one) + [0] * len(two), np.concatenate([one, two]))
        i = int(np.argmin(np.abs(fmr - fnmr)))
        assert g.estimate.value == pytest.approx((fmr[i] + fnmr[i]) / 2, abs=0.02)
    (curve,) = found.exhibits
    assert curve.kind == "curve"
    assert [s.name for s in curve.series] == list(GROUPS)


def test_a_perfect_or_fair_system_is_no_finding_and_what_is_planted_is_found(pairs: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    same = (pairs["a"] == pairs["b"]).to_numpy()
    chance = np.where((pairs["group_a"] == "a") & (pairs["group_b"] == "a"), 0.25, 0.05)
    score = np.where(same, 0.9, np.where(rng.random(len(pairs)) < chance, 0.8, 0.1))
    read = Verification(pairs=pairs.assign(score=score), score="score", threshold=0.5, sensitive_features=["group"])
    rules = [
        {"id": "fmr", "metric": "FMR", "comparison": "ratio", "by": ["group"], "at_least": 0.5},
        {"id": "fnmr", "metric": "false_non_match_rate", "comparison": "group_max", "by": ["group"], "at_most": 0.5},
        {"id": "fdr", "metric": "fairness_discrepancy_rate", "by": ["group"], "at_least": 0.5},
        {
            "id": "worst",
            "metric": "false_match_rate_inequity",
            "comparison": "group_max",
            "by": ["group"],
            "at_most": 1.3,
        },
        {"id": "tpr", "metric": "true_positive_rate", "comparison": "ratio", "by": ["group"], "at_least": 0.5},
    ]
    report = ak.audit(read, policy={"rule": rules})
    status = {v.rule.id: v.status for v in report.verdicts}
    assert status == {"fmr": "fail", "fnmr": "pass", "fdr": "pass", "worst": "fail", "tpr": "not_measured"}
    gap = report.finding("fairness/false_match_rate/ratio/group")
    assert gap.surest is not None
    assert gap.surest.groups[1] == {"group": "a"}
    assert gap.estimate.low is not None
    assert gap.estimate.high is not None
    assert gap.estimate.low <= 0.2 <= gap.estimate.high
    told = report.finding("fairness/false_non_match_rate_inequity/group_max/group").estimate
    assert told.value is None
    assert "geometric mean" in told.note


def test_the_variance_is_that_of_people_in_common(pairs: pd.DataFrame, report: Report) -> None:
    """Of a rate over pairs within one group: Σ over pairs of pairs with a person in common, by its definition."""
    own = pairs[(pairs["group_a"] == "a") & (pairs["group_b"] == "a") & (pairs["a"] != pairs["b"])]
    e = (own["score"].to_numpy() >= 0.7) - float((own["score"] >= 0.7).mean())
    first, second = own["a"].to_numpy(), own["b"].to_numpy()
    common = (
        (first[:, None] == first)
        | (first[:, None] == second)
        | (second[:, None] == first)
        | (second[:, None] == second)
    )
    variance = float(e @ common @ e) / len(own) ** 2
    found = report.finding("fairness/false_match_rate/difference/group")
    (one,) = (g.estimate for g in found.by_group if g.group["group"] == "a")
    assert one.low is not None
    assert one.high is not None
    half = (one.high - one.low) / 2
    assert 1.9 * variance**0.5 < half < 3.4 * variance**0.5  # t of about 14 df, and 15 clusters for an infinite number


def test_embeddings_samples_and_scores_say_the_same(pairs: pd.DataFrame, samples: pd.DataFrame, report: Report) -> None:
    ids = pairs[["first", "second"]]
    beside: dict[str, Any] = {
        "pairs": ids,
        "ids": ["first", "second"],
        "samples": samples,
        "sensitive_features": "group",
    }
    vectors = np.stack(samples["vector"].to_list())
    wide = samples.join(pd.DataFrame(vectors, columns=[f"v{i}" for i in range(8)]))
    for embeddings, table in (
        (vectors, samples),
        ("vector", samples),
        ([f"v{i}" for i in range(8)], wide),
    ):
        read = Verification(**{**beside, "samples": table}, embeddings=embeddings, threshold=0.7)
        same = ak.audit(read, checks=["match_rates"])
        assert {f.id: f.estimate.value for f in same.findings} == {
            f.id: pytest.approx(f.estimate.value, nan_ok=True) if f.estimate.value is not None else None
            for f in report.findings
            if f.metric != "error_tradeoff"
        }


def test_parts_add_to_the_whole(pairs: pd.DataFrame, asked: Callable[..., Verification], report: Report) -> None:
    checks: list[Check] = [ak.MatchRates(), ak.ErrorTradeoff()]
    parts = [asked(pairs.iloc[i::3]) for i in range(3)]
    seen = [ak.observe(p, checks=checks) for p in parts]
    whole = ak.conclude(seen[0] + seen[1] + seen[2], asked(), checks=checks)
    assert {f.id: f.estimate for f in whole.findings} == {f.id: f.estimate for f in report.findings}


def test_fmr_is_fairlearns_false_positive_rate(report: Report, pairs: pd.DataFrame) -> None:
    same = (pairs["a"] == pairs["b"]).astype(int)
    match = (pairs["score"] >= 0.7).astype(int)
    assert report.finding("performance/false_match_rate/overall").estimate.value == pytest.approx(
        fl.false_positive_rate(same, match)
    )
    assert report.finding("performance/false_non_match_rate/overall").estimate.value == pytest.approx(
        fl.false_negative_rate(same, match)
    )


@pytest.mark.parametrize("fmr", [0.01, 0.1, 0.4])
def test_a_threshold_chosen_on_calibration_pairs_keeps_the_rate_there(
    fmr: float, pairs: pd.DataFrame, asked: Callable[..., Verification]
) -> None:
    frame = pairs.assign(chosen=np.arange(len(pairs)) % 2)
    read = asked(frame, threshold=None, at_fmr=fmr, calibration="chosen").reading
    t = read.model.threshold
    assert t is not None
    impostors = frame[(frame["chosen"] == 1) & (frame["a"] != frame["b"])]["score"]
    assert (impostors >= t).mean() <= fmr
    below = impostors[impostors < t].max()
    assert (impostors >= below).mean() > fmr
    assert len(read.data) == (frame["chosen"] == 0).sum()
    assert any("calibration pairs" in c and "no interval holds" in c for c in read.data.cautions)


def test_people_without_a_genuine_pair_are_told(pairs: pd.DataFrame, asked: Callable[..., Verification]) -> None:
    lost = pairs[~((pairs["a"] == "p0") & (pairs["b"] == "p0"))]
    (said,) = [c for c in asked(lost).reading.data.cautions if "no pair of one person" in c]
    assert said.startswith("1 of 45 people")
    none = pairs[pairs["a"] != pairs["b"]]
    found = ak.audit(asked(none)).finding("performance/false_non_match_rate/overall")
    assert found.estimate.state == "undefined"


def test_missing_scores_are_a_state_that_is_seen(pairs: pd.DataFrame, asked: Callable[..., Verification]) -> None:
    holes = pairs.assign(score=pairs["score"].where(np.arange(len(pairs)) % 10 > 0))
    report = ak.audit(asked(holes))
    assert report.provenance.data.missing_prediction == int(holes["score"].isna().sum())
    known = holes.dropna(subset="score")
    assert report.finding("performance/false_match_rate/overall").estimate.value == pytest.approx(
        float((known[known["a"] != known["b"]]["score"] >= 0.7).mean())
    )


def test_a_person_of_no_known_group_is_in_pairs_of_two_groups(
    pairs: pd.DataFrame, asked: Callable[..., Verification]
) -> None:
    lost = {"p0", "p3"}
    known = [pairs[f"group_{x}"].where(~pairs[x].isin(lost)) for x in "ab"]
    report = ak.audit(asked(pairs.assign(group_a=known[0], group_b=known[1])))
    groups = {g.group["group"] for g in report.finding("fairness/false_match_matrix/group_max/group").by_group}
    both = {"(missing)", *(f"(missing) ↔ {g}" for g in GROUPS), *GROUPS, "a ↔ b", "a ↔ c", "b ↔ c"}
    assert groups == both


def test_small_groups_that_are_joined_are_compared_with_none(
    pairs: pd.DataFrame, asked: Callable[..., Verification]
) -> None:
    few = {"p2", "p5"}
    group = [pairs[f"group_{x}"].where(~pairs[x].isin(few), "d") for x in "ab"]
    read = asked(pairs.assign(group_a=group[0], group_b=group[1]))
    report = ak.audit(read, disclosure=ak.Disclosure(profile="regulator"))
    found = report.finding("fairness/false_match_rate/difference/group")
    names = {g.group["group"] for g in found.by_group}
    assert "(small groups)" in names
    assert "d" not in names
    assert found.surest is None or all(g["group"] in GROUPS for g in found.surest.groups)
    assert any("or of small groups" in note for note in found.notes)


GOOD: dict[str, Any] = {"score": "score", "threshold": 0.5, "sensitive_features": ["g"]}
ROWS = {
    "a": ["x", "x", "y"],
    "b": ["x", "y", "y"],
    "g_a": ["f", "f", "m"],
    "g_b": ["f", "m", "m"],
    "score": [0.9, 0.2, 0.7],
}
SAMPLES = {"sample": ["s", "t", "u"], "person": ["x", "x", "y"], "g": ["f", "f", "m"]}


@pytest.mark.parametrize(
    ("changed", "columns", "message"),
    [
        ({"score": None}, {}, "a score or embeddings"),
        ({"embeddings": np.eye(3)}, {}, "a score or embeddings"),
        ({"score": None, "embeddings": np.eye(3)}, {}, "give samples"),
        ({"threshold": None}, {}, "at_fmr"),
        ({"at_fmr": 0.1}, {}, "one of them"),
        ({"threshold": None, "at_fmr": 0.1}, {}, "give both"),
        ({"threshold": None, "at_fmr": 2, "calibration": "c"}, {"c": [0, 1, 1]}, "between 0 and 1"),
        ({"threshold": None, "at_fmr": 0.1, "calibration": "c"}, {"c": [0, 1, 1]}, "at least 10 calibration pairs"),
        ({"threshold": None, "at_fmr": 0.9, "calibration": "c"}, {"c": [1, 1, 1]}, "at least 2 calibration"),
        ({"score": "skore"}, {}, "no column 'skore' for score.*Did you mean 'score'"),
        ({"ids": ["a", "c"]}, {}, "no column 'c' for ids"),
        ({"ids": ["a"]}, {}, "two columns"),
        ({"sensitive_features": ["h"]}, {}, "no column 'h_a'"),
        ({"sensitive_features": {"g": ["g_a"]}}, {}, "two columns"),
        ({"same": "s"}, {"s": [1, 1, 1]}, "contradicts the ids in 1 pairs"),
        ({"same": "s"}, {"s": [0, 0, 1]}, "contradicts the ids in 1 pairs: row 0"),
        ({}, {"a": ["x", None, "y"]}, "missing in 1 rows"),
        ({}, {"g_a": ["f ↔ m", "f", "m"]}, "a name kept for pairs"),
        ({}, {"score": [2.0, 0.2, 0.7]}, "score"),
        ({}, {"score": ["a", "b", "c"]}, "score"),
        ({"samples": SAMPLES, "sensitive_features": ["g"]}, {}, "name no sample, the first is 'x'"),
        ({"samples": {**SAMPLES, "sample": ["s", "s", "u"]}}, {"a": ["s"] * 3, "b": ["u"] * 3}, "several rows"),
        ({"samples": SAMPLES, "sensitive_features": {"g": ["a", "b"]}}, {"a": ["s"] * 3, "b": ["u"] * 3}, "as in"),
        ({"samples": SAMPLES}, {"a": ["s", "t", "u"], "b": ["t", "t", "s"]}, "with itself, the first is 't' in row 1"),
    ],
)  # fmt: skip
def test_doubtful_pairs_are_one_clear_line(changed: dict[str, Any], columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ak.DataError, match=message) as e:
        ak.audit(Verification(pairs={**ROWS, **columns}, **{**GOOD, **changed}))
    assert "\n" not in str(e.value)


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    3,
    0.5,
    1e400,
    "",
    "no such",
    [],
    [[]],
    [1, 2],
    ["a", "a"],
    {},
    {"g": 5},
    {"g": [1, 2]},
)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("option", [f.name for f in fields(Verification) if f.name != "pairs"])
def test_whatever_a_configuration_says_is_an_audit_or_one_clear_line(option: str, tmp_path: Path) -> None:
    pd.DataFrame({**ROWS, "same": [1, 0, 1]}).to_csv(tmp_path / "pairs.csv", index=False)
    for value in ODD:
        said = ""
        try:
            ak.audit(Verification.of("pairs.csv", {**GOOD, option: value}, tmp_path))
        except ak.AuditkitError as e:
            said = str(e)
        assert "\n" not in said, value


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1, 0], [np.nan, 1], [1, 1]], "of 1 samples hold NaN or ∞, the first is that of 't'"),
        ([[1, 0], [0, 0], [1, 1]], "are 0 throughout, the first is that of 't'"),
        ([[1, 0], [0, 1]], r"shape \(2, 2\); expected \(3, d\)"),
        ([1, 0, 1], r"shape \(3,\)"),
        ([["a"], ["b"], ["c"]], "array of numbers"),
        ("g", "holds no embeddings"),
        ("v", "no column 'v'"),
    ],
)
def test_doubtful_embeddings_are_one_clear_line(vectors: Any, message: str) -> None:
    pairs = {"a": ["s", "s", "t"], "b": ["t", "u", "u"]}
    with pytest.raises(ak.DataError, match=message):
        ak.audit(
            Verification(pairs=pairs, samples=SAMPLES, embeddings=vectors, threshold=0.5, sensitive_features=["g"])
        )


def test_large_embeddings_do_not_overflow() -> None:
    pairs = {"a": ["s", "s", "t"], "b": ["t", "u", "u"]}
    vectors = [[3e200, 4e200], [3e-200, 4e-200], [-3.0, -4.0]]
    read = Verification(pairs=pairs, samples=SAMPLES, embeddings=vectors, threshold=0.5, sensitive_features=["g"])
    assert read.reading.data.frame["score"].tolist() == pytest.approx([1, -1, -1])


def test_a_reader_is_data_and_decisions() -> None:
    read = Verification(pairs=ROWS, **GOOD)
    with pytest.raises(ak.DataError, match="leave the data away"):
        ak.audit(read, read.reading.data)
    with pytest.raises(ak.DataError, match="a model is audited on data"):
        ak.audit(ak.Predictions("p"))


CONFIG = """\
[data]
path = "pairs.csv"
task = "verification"
score = "score"
score_range = [-1, 1]
threshold = 0.7
sensitive_features = ["group"]

[[rule]]
id = "fmr"
metric = "false_match_rate"
comparison = "ratio"
by = ["group"]
at_least = 0.5
"""


def test_a_configuration_audits_gates_and_names_its_mistakes(
    tmp_path: Path, pairs: pd.DataFrame, report: Report
) -> None:
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    config = tmp_path / "faces.toml"
    config.write_text(CONFIG)
    out = tmp_path / "reports"
    assert run_cli(["run", str(config), "--out", str(out), "--quiet"])[0] == 1
    (stored,) = out.glob("*.json")
    made = ak.Report.load(stored)
    assert {f.id: f.estimate.value for f in made.findings} == {f.id: f.estimate.value for f in report.findings}
    assert run_cli(["gate", str(stored), "--policy", str(config)])[0] == 1
    assert run_cli(["verify", str(stored)])[0] == 0
    asked = ["--task", "verification", "--score", "score", "--score-range=-1,1", "--threshold", "0.7"]
    where = ["--data", str(tmp_path / "pairs.csv"), "--sensitive", "group", "--out", str(tmp_path / "flags"), "--quiet"]
    assert run_cli(["run", *where, *asked])[0] == 0
    for wrong, message in (
        (CONFIG.replace("threshold", "treshold"), "faces.toml:2: [data] has no key 'treshold'"),
        (CONFIG.replace("pairs.csv", "pears.csv"), "cannot read 'pears.csv'"),
        (CONFIG.replace('by = ["group"]', 'by = ["grop"]'), "grop"),
        (CONFIG + '[predictions]\ny_pred = "p"\n', "brings its decisions"),
    ):
        config.write_text(wrong)
        status, _, told = run_cli(["run", str(config), "--out", str(out), "--quiet"])
        assert status == 2
        assert message in told


def test_two_systems_are_compared_on_the_same_pairs(asked: Callable[..., Verification], pairs: pd.DataFrame) -> None:
    """As the change check has it of the same rows, whose people are in common; pairs of two groups are no group."""
    old = pairs.assign(score=np.where(pairs["group_a"] == "a", 0.8 * pairs["score"], pairs["score"]))
    report = ak.audit(asked(), against=asked(old, threshold=0.65))
    new = asked().reading
    batch = next(new.data.batches())
    both = {"y_pred": pairs["score"] >= 0.7, "y_old": old["score"] >= 0.65}
    seen = Paired.of(
        batch.groups, y_true=batch.y_true, **{k: v.to_numpy().astype(int) for k, v in both.items()}, cluster=batch.ids
    )
    twin = {f.id: f for f in ak.Change(metrics=["false_match_rate", "false_non_match_rate"]).assess(seen).findings}
    told = {f.id: f for f in report.findings if f.concern == "change"}
    assert set(told) == set(twin)
    for k, f in twin.items():  # up to the order in which replicates of people were added
        mine, other = ([e.value, e.low, e.high] for e in (told[k].estimate, f.estimate))
        assert mine == pytest.approx(other, abs=1e-5)
    change = told["change/false_match_rate/highest_change/group"]
    assert change.surest is not None
    assert "↔" not in str(change.surest.groups)
    with pytest.raises(DataError, match="'same person' differs in"):
        ak.audit(asked(), against=asked(old.iloc[::-1]))
    with pytest.raises(DataError, match="against is of 9 rows"):
        ak.audit(asked(), against=asked(old.head(9)))
