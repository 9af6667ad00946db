"""What a report gives away: no value of a few, no id, no exact score; and the three profiles, through every door."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

import auditkit as ak
from auditkit import observing
from auditkit.batch import Batch
from auditkit.checks import check_of
from auditkit.deciding import decided
from auditkit.demo import income
from auditkit.errors import PolicyError, ReportError
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.sample import shuffled
from auditkit.evidence.suppression import SMALL
from auditkit.evidence.tally import Tally
from auditkit.gate.config import load_config
from auditkit.report.formats import FORMATS, render
from tests.helpers import run_cli

N = 45


def people(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = expit(rng.normal(0, 1.2, n))
    return pd.DataFrame(
        {
            "email": [f"jo.doe{i}@example.org" for i in range(n)],
            "name": [f"Jo Number{i} Doe" for i in range(n)],
            "phone": [f"+4179555{i:04d}" for i in range(n)],
            "id": 7_310_000 + rng.permutation(n) * 13,
            "seen": [f"2026-03-{1 + i % 28:02d} 04:{i % 60:02d}:17" for i in range(n)],
            "at": pd.Timestamp("2026-03-01 04:05:06") + pd.to_timedelta(rng.permutation(n) * 61, unit="s"),
            "income": 40_000 + rng.permutation(n) * 37 + 0.25,
            "city": rng.choice(["Bern", "Basel"], n),
            "sex": rng.choice(["f", "m"], n),
            "y": (rng.random(n) < score).astype(int),
            "decision": (score > 0.5).astype(int),
            "score": score,
        }
    )


def audited(frame: pd.DataFrame, **options: object) -> ak.Report:
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    checks = [
        ak.GroupFairness(),
        ak.Scores(),
        ak.DataProfile(),
        ak.Subgroups(),
        ak.Subgroups(metric="mean_error"),
        ak.Proxies(),
        ak.ContinuousAttribute("income"),
    ]
    return ak.audit(
        ak.Predictions("decision", "score"), data, checks=checks, on_error="raise", **options  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("n", [N, 400])
def test_who_is_in_the_data_stands_nowhere(n: int) -> None:
    frame = people(n)
    report = audited(frame)
    for form in FORMATS:
        text = render(report, form)
        for column in ("email", "name", "phone", "seen"):
            assert not [v for v in frame[column] if v in text], (form, column)
        for column in ("id", "income", "score"):
            assert not [v for v in frame[column] if repr(float(v)) in text or f" {v:.10g}" in text], (form, column)
        assert not [v for v in frame["at"].astype(str) if v in text], form


def test_profiles_say_what_they_hold_and_a_public_report_cannot_be_judged_again() -> None:
    frame = people(400)
    frame["sex"] = np.where(np.arange(400) < 4, "x", frame["sex"])
    policy = {
        "rule": [{"id": "a", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.9}]
    }
    internal, public, regulator = (
        audited(frame, policy=policy, disclosure=ak.Disclosure(profile=p)) for p in ("internal", "public", "regulator")
    )
    assert internal.disclosure is None
    assert "disclosure" not in json.loads(internal.to_json())
    assert public.evidence == {}
    assert [v.status for v in public.verdicts] == [v.status for v in regulator.verdicts] == ["pass"]
    with pytest.raises(ReportError, match="this report is public: it holds no evidence and cannot be judged again"):
        ak.judge(public, policy)
    again = ak.judge(ak.Report.from_json(regulator.to_json()), policy)
    assert [v.status for v in again.verdicts] == ["pass"]
    for report in (public, regulator):
        assert ak.Report.from_json(report.to_json()) == report
        told = {g.group["sex"] for f in report.findings for g in f.by_group if "sex" in g.group}
        assert told <= {"(small groups)", "f", "m"}
        assert "x" not in told
        page = render(report, "html")
        assert "(small groups)" in page
        assert report.disclosure is not None
        assert f"{report.disclosure.profile}: " in page
        assert "groups of fewer than 10 people" in page


def test_the_profile_is_asked_by_file_and_by_flag(tmp_path: Path) -> None:
    people(300).to_csv(tmp_path / "rows.csv", index=False)
    config = tmp_path / "auditkit.toml"
    text = (
        '[data]\npath = "rows.csv"\ny_true = "y"\npositive = 1\nsensitive_features = ["sex"]\n'
        '[predictions]\ny_pred = "decision"\n[report]\nprofile = "regulator"\nsuppress_below = 12\n'
        '[[check]]\nname = "group_fairness"\n'
    )
    config.write_text(text)
    for flags, expected in (([], ("regulator", 12)), (["--profile", "public"], ("public", 12))):
        status, _, err = run_cli(["run", str(config), "--out", str(tmp_path), "--name", "r", "--quiet", *flags])
        assert status == 0, err
        found = ak.Report.load(tmp_path / "r.json").disclosure
        assert found is not None
        assert (found.profile, found.suppress_below) == expected
    assert run_cli(["run", str(config), "--profile", "publik"])[0] == 2
    status, _, err = run_cli(["gate", str(tmp_path / "r.json"), "--policy", str(config)])
    assert status == 2
    assert "this report is public" in err
    config.write_text(text.replace('"regulator"', '"everything"'))
    status, _, err = run_cli(["run", str(config)])
    assert status == 2
    assert "report.profile" in err or "'profile'" in err


# ---- the demo

NUMBER = re.compile(r"(?<![\w.#])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?(?![\w%])", re.IGNORECASE)


class Numbers(NamedTuple):
    """Numbers as they are written: their values, and the size of one in the last place of each."""

    value: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, texts: Iterable[str]) -> Numbers:
        found = [Decimal(t.replace("−", "-").replace(",", "")) for t in texts]
        exponents = [d.normalize().as_tuple().exponent for d in found]
        return cls(np.array(found, float), 10.0 ** np.array([e if isinstance(e, int) else 0 for e in exponents]))


def numbers_of(value: Any) -> Iterator[str]:
    """Every number of a JSON value, and in its keys and strings."""
    if isinstance(value, dict):
        yield from (x for both in value.items() for v in both for x in numbers_of(v))
    elif isinstance(value, list):
        yield from (x for v in value for x in numbers_of(v))
    elif isinstance(value, str):
        yield from NUMBER.findall(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield repr(value)


def recognised(told: Numbers, values: pd.Series, *, within: float) -> list[float]:
    """Values of fewer than ten rows that a number tells: it is nearest that value, and written finely enough.

    Finely: its last place is less than a thousandth of the way to the next value that a row has.
    """
    n = values.value_counts().sort_index()
    held, rare = n.index.to_numpy(float), n.to_numpy() < 10
    gap = np.diff(held, prepend=-np.inf, append=np.inf)
    gap = np.minimum(gap[:-1], gap[1:])
    right = np.clip(np.searchsorted(held, told.value), 1, len(held) - 1)
    at = right - (told.value - held[right - 1] < held[right] - told.value)
    near = np.abs(held[at] - told.value) <= np.maximum(told.place / 2, within * np.abs(told.value))
    return held[at[near & rare[at] & (told.place < gap[at] / 1000)]].tolist()


def test_a_rare_value_is_recognised_as_it_is_written() -> None:
    values = pd.Series([4.0e7 + 0.5] * 12 + [5.1234567e7, 6.1e7])
    texts = ["51234567", "51,234,567", "5.1235e7", "5.1e7", "40,000,000.5", "55,000,000", "1"]
    assert [recognised(Numbers.of([t]), values, within=1e-7) for t in texts] == [[5.1234567e7]] * 3 + [[]] * 4
    score = np.float32(0.43217654)
    assert recognised(Numbers.of(["0.4321765"]), pd.Series([float(score), 0.9]), within=1e-12) == [float(score)]


@pytest.mark.slow
def test_the_whole_demo_report_holds_no_value_of_fewer_than_ten_rows() -> None:
    """The report and page that `auditkit demo` writes, its numbers stretched so that no count is taken for one."""
    frame, demo = pd.read_parquet(income.DATA), ak.demo.model()
    encode = income.IncomeEncoder.from_json(income.ENCODER.read_text(encoding="utf-8"))
    factor = {c: 1.000317e7 * (2 + 3 * i) ** 0.5 for i, c in enumerate(frame.select_dtypes("number"))}
    rows = frame.assign(**{c: frame[c] * f for c, f in factor.items()})

    def encoded(features: pd.DataFrame) -> np.ndarray:
        return encode(features.assign(**{c: np.rint(features[c] / f) for c, f in factor.items()}))

    model = ak.Model(demo.module, preprocess=encoded, feature_map=encode.feature_map(), outputs="logits")
    score = model.predict(rows.drop(columns="income"))
    np.testing.assert_allclose(score, demo.predict(frame.drop(columns="income")), atol=1e-6)
    data = ak.Dataset(rows, y_true="income", positive=">50K", sensitive_features=["gender", "race"])
    checks = [check_of(c.name, c.options) for c in load_config(ak.demo.config_path()).checks]
    report = ak.audit(model, data, checks=checks, policy=ak.demo.config_path(), on_error="raise")
    text, page = report.to_json(), html.unescape(render(report, "html"))
    for told in (Numbers.of(numbers_of(json.loads(text))), Numbers.of(NUMBER.findall(page))):
        assert len(told.value) > 5_000
        for column in factor:
            assert recognised(told, rows[column], within=1e-7) == [], column
        for x in (score, 1 - score, np.log(score / (1 - score))):
            assert recognised(told, pd.Series(x), within=1e-12) == []
    for column in rows.select_dtypes(exclude="number").drop(columns=["gender", "race", "income"]):
        n = rows[column].value_counts()
        assert not [v for v in n.index[n < 10] if v in text or v in page], column
    for key in ("subgroups:error_rate",):
        tables = [t["sums"] for t in report.evidence[key].data["tables"] if t["by"]]
        halves = [[np.array(line.split(), float) for line in (t[0], t[len(t) // 2])] for t in tables]
        assert min((a + b).min() for a, b in halves if len(a)) >= 10


# ---- withheld counts


def crossed(found: dict[tuple[str, str], int], seed: int, task: str) -> pd.DataFrame:
    """So many rows of each crossing, in some order."""
    rng = np.random.default_rng(seed)
    rows = [key for key, n in found.items() for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["g", "h"]).sample(frac=1, random_state=seed, ignore_index=True)
    n = len(frame)
    frame = frame.assign(x=rng.normal(size=n), k=rng.choice(["r", "s"], n))
    if task == "regression":
        return frame.assign(y=frame["x"] + rng.normal(size=n), p=frame["x"])
    if task == "multiclass":
        return frame.assign(y=rng.choice(["t", "u"], n), p=rng.choice(["t", "u"], n))
    score = expit(rng.normal(0, 1.3, n))
    return frame.assign(y=(rng.random(n) < score).astype(int), p=(score > 0.5).astype(int), s=score)


def dataset(frame: pd.DataFrame, task: str) -> ak.Dataset:
    options: dict[str, Any] = {"positive": 1} if task == "binary" else {"task": task}
    return ak.Dataset(frame, y_true="y", sensitive_features=["g", "h"], control_features=["k"], **options)


class Audited(NamedTuple):
    """What is audited, but for the rows."""

    task: str
    disclosure: ak.Disclosure
    model: Any
    checks: Any = None
    sample: int = 2_000

    def recoding(self, frame: pd.DataFrame) -> dict[str, dict[str, str]]:
        """Which groups of these rows are told only together."""
        data = dataset(frame, self.task)
        parts = [ClassTally.of_batch(decided(self.model, data, rows).batch) for rows in data.parts()]
        return sum(parts[1:], parts[0]).told(self.disclosure).recoding

    def report(self, frame: pd.DataFrame) -> ak.Report:
        """The report, where hashes happen to draw the same rows whatever their groups are."""

        def keys(batch: Batch) -> np.ndarray:
            return shuffled(np.arange(len(batch.y_true)).astype(np.uint64), 7)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(observing, "row_keys", keys)
            patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
            return ak.audit(
                self.model, dataset(frame, self.task), checks=self.checks, sample=self.sample, on_error="raise",
                disclosure=self.disclosure,
            )  # fmt: skip

    def twins(self, frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """(attribute, value, rows in which one person more, or less, has it) for each value that is joined with others.

        AssertionError where its number alone decides that it is joined with these others.
        """
        recoding = self.recoding(frame)
        for attribute, joined in recoding.items():
            for value in joined:
                moves = [(a, b) for other in joined if other != value for a, b in ((value, other), (other, value))]
                candidates = (
                    frame.assign(**{attribute: frame[attribute].mask(frame.index == i, b)})
                    for a, b in moves
                    for i in frame.index[frame[attribute] == a]
                )
                twin = next((c for c in candidates if self.recoding(c) == recoding), None)
                assert twin is not None, (attribute, value)
                yield attribute, value, twin


STREAMS: list[Any] = [
    ak.GroupFairness(reference={"g": "a"}), ak.DataProfile({"g": {"a": 0.4, "b": 0.3}}), ak.Subgroups(),
    ak.ImpactRatios(sex="g", race="h"), ak.UnknownDemographics(), ak.ConditionalParity("k"),
]  # fmt: skip
SCORED: list[Any] = [
    *STREAMS, ak.Scores(), ak.Subgroups(metric="mean_error"), ak.ScoringRates(sex="g", race="h"), ak.Proxies(),
    ak.Consistency(), ak.ContinuousAttribute("x"),
]  # fmt: skip
tables = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), st.integers(1, 45), min_size=4, max_size=6
).filter(lambda c: sum(c.values()) >= 90 and min(c.values()) < 10)
FEW = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate])


def one_report_for_all(audited: Audited, frame: pd.DataFrame) -> None:
    """Other counts of the groups that are joined, and the same report and page: no attack on them tells which it is."""
    report = audited.report(frame)
    page, joined = render(report, "html"), audited.recoding(frame)
    assert joined, "no group is small: the test could not fail"
    for attribute, value, twin in audited.twins(frame):
        again = audited.report(twin)
        assert again.to_json() == report.to_json(), (attribute, value)
        assert render(again, "html") == page, (attribute, value)


@settings(FEW, max_examples=1)
@given(found=tables, seed=st.integers(0, 1_000))
def test_withheld_counts_change_nothing_in_a_report(found: dict[tuple[str, str], int], seed: int) -> None:
    audited = Audited("binary", ak.Disclosure(profile="regulator"), ak.Predictions("p", "s"), STREAMS)
    frame = crossed(found, seed, "binary")
    assume(frame["y"].value_counts().min() >= 10 and frame["p"].value_counts().min() >= 10)
    one_report_for_all(audited, frame)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["public", "regulator"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@settings(FEW, max_examples=4)
@given(found=tables, seed=st.integers(0, 1_000))
def test_withheld_counts_change_nothing_in_any_report(
    found: dict[tuple[str, str], int], seed: int, task: str, profile: Any
) -> None:
    binary = task == "binary"
    model = ak.Predictions("p", "s" if binary else None)
    audited = Audited(task, ak.Disclosure(profile=profile), model, SCORED if binary else None)
    frame = crossed(found, seed, task)
    assume(task == "regression" or min(frame["y"].value_counts().min(), frame["p"].value_counts().min()) >= 10)
    one_report_for_all(audited, frame)


@pytest.mark.parametrize("sample", [pytest.param(60), pytest.param(2_000, marks=pytest.mark.slow)])
def test_withheld_counts_change_nothing_in_what_explains_a_net(sample: int) -> None:
    """How many rows of a group are drawn, and what they weigh, tells nobody how many of it there are."""
    found = {("a", "x"): 70, ("a", "y"): 60, ("b", "x"): 20, ("b", "y"): 24, ("c", "x"): 4}
    frame = crossed(found, 1, "binary").drop(columns=["p", "s"])
    net = torch.nn.Sequential(torch.nn.Linear(1, 1))
    with torch.no_grad():
        net[0].weight.fill_(1.5)
        net[0].bias.zero_()
    model = ak.Model(net, preprocess=lambda f: f[["x"]].to_numpy(np.float32), feature_map={"x": [0]}, outputs="logits")
    checks = ["gap_attribution", "attribution", "flip_test"]
    audited = Audited("binary", ak.Disclosure(profile="regulator"), model, checks, sample)
    one_report_for_all(audited, frame)


# ---- small denominators


def estimates(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"numerator", "denominator", "n"} <= set(value):
            yield value
        yield from (x for v in value.values() for x in estimates(v))
    elif isinstance(value, list):
        yield from (x for v in value for x in estimates(v))


@pytest.mark.parametrize(("profile", "fewest", "seed"), [("public", 10, 0), ("regulator", 25, 1)])
def test_no_rate_is_one_of_few_people(profile: Any, fewest: int, seed: int) -> None:
    """A group of sixty with two positives: its true positive rate would be one of two."""
    rng = np.random.default_rng(seed)
    frame = crossed({(g, h): int(rng.integers(30, 90)) for g in "abc" for h in "xy"}, seed, "binary")
    frame["y"] = frame["y"].where(frame["g"] != "c", 0)
    frame.loc[frame.index[frame["g"] == "c"][:2], "y"] = 1
    disclosure = ak.Disclosure(profile=profile, suppress_below=fewest)
    checks = [ak.GroupFairness(), ak.Scores(), ak.DataProfile(), ak.ConditionalParity("k")]
    report = ak.audit(ak.Predictions("p", "s"), dataset(frame, "binary"), checks=checks, disclosure=disclosure)
    found = list(estimates(json.loads(report.to_json())["findings"]))
    assert len(found) > 300
    for e in found:
        for n in (e["n"], e["denominator"]):
            assert n is None or n == 0 or n >= fewest, e
    told = [e.group["g"] for f in report.findings for e in f.by_group if "g" in e.group]
    assert "c" not in told
    assert SMALL in told
    if profile == "regulator":
        tally = Tally.from_json(report.evidence["group_fairness"].data).counts("g", "h").table
        for margin in (tally.sum(axis=1), tally.sum(axis=2)):
            assert not ((margin > 0) & (margin < fewest)).any()
        assert ak.judge(report, {"rule": [RULE]}).verdicts[0].status != "not_measured"


RULE: dict[str, Any] = {
    "id": "a", "metric": "true_positive_rate", "comparison": "difference", "by": ["h"], "at_most": 0.9,
}  # fmt: skip

# ---- a reference group that is told only with others


@pytest.mark.parametrize("profile", ["public", "regulator"])
def test_a_reference_group_told_only_with_others_is_not_measured(profile: Any) -> None:
    frame = crossed({("a", "x"): 70, ("a", "y"): 60, ("b", "x"): 50, ("b", "y"): 40, ("c", "x"): 4}, 0, "binary")
    rule = {**RULE, "comparison": "difference_to_reference", "by": ["g"], "reference": {"g": "c"}}
    report = ak.audit(
        ak.Predictions("p"), dataset(frame, "binary"), policy={"rule": [rule]},
        checks=[ak.GroupFairness(reference={"g": "c"})], disclosure=ak.Disclosure(profile=profile),
    )  # fmt: skip
    why = "the reference group c is not told on its own in this report: it is one of the (small groups), or not in"
    (verdict,) = report.verdicts
    assert verdict.status == "not_measured"
    assert why in verdict.reason
    assert not report.passed
    finding = report.finding(verdict.finding or "")
    assert finding.estimate.value is None
    assert why in finding.statement
    assert why in html.unescape(render(report, "html"))
    if profile == "regulator":
        again = ak.judge(ak.Report.from_json(report.to_json()), {"rule": [rule]})
        assert again.verdicts == report.verdicts


def test_a_reference_group_that_there_is_not_stays_an_error() -> None:
    frame = crossed({("a", "x"): 70, ("b", "y"): 60}, 0, "binary")
    for profile in ("internal", "regulator"):
        with pytest.raises(PolicyError, match="no group 'q' of 'g' to be the reference"):
            ak.audit(
                ak.Predictions("p"), dataset(frame, "binary"), checks=[ak.GroupFairness(reference={"g": "q"})],
                disclosure=ak.Disclosure(profile=profile),  # type: ignore[arg-type]
            )  # fmt: skip
