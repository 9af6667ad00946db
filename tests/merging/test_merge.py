"""Reports of parts, merged: what the whole would have said, or a reason by name.

The truth is the audit of all rows together: sums are the same, histograms within their bound, clusters within the noise
of what is drawn.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.records import Words
from tests.helpers import run_cli

SITES = ("north", "south", "east")
N = 1_800


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    sex, region = rng.choice(["f", "m"], N), rng.choice(["a", "b"], N)
    site = rng.choice(SITES, N, p=[0.5, 0.3, 0.2])
    s = rng.beta(2, 2, N)
    y = (rng.random(N) < s).astype(int)
    p = (s > np.where((sex == "f") & (site == "north"), 0.62, 0.45)).astype(int)
    t = rng.normal(size=N) + (sex == "f") * 0.3
    frame = pd.DataFrame({"sex": sex, "region": region, "site": site, "s": s, "y": y, "p": p})
    person = rng.integers(0, 500, N) * 3 + frame.site.map(list(SITES).index)  # nobody is at two sites
    return frame.assign(
        w=rng.exponential(size=N),
        person=person,
        stratum=frame.site + "-" + pd.Series(rng.choice(["x", "y"], N)),
        num=t,
        nump=t * 0.8 + rng.normal(size=N) * 0.3,
        kind=np.where(s < 0.4, "low", np.where(s < 0.6, "mid", "high")),
        old=(s > 0.5).astype(int),
        kindp=np.where(rng.random(N) < 0.8, np.where(s < 0.4, "low", "mid"), "high"),
    )


ROWS = rows()
RULE = {"id": "equal", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.05}
BINARY: dict[str, Any] = {"y_true": "y", "positive": 1}
GROUPS = ["sex", "region"]
RATES = ak.GroupFairness(by=[["sex"]])


def audited(frame: pd.DataFrame, checks: Sequence[Any] = (RATES,), *, predictions: Any = None, **how: Any) -> ak.Report:
    told = {k: how.pop(k) for k in ("policy", "words", "seed", "disclosure", "name", "against") if k in how}
    usual = {"y_true": "y"} if "task" in how else BINARY
    data = ak.Dataset(frame, **{**usual, "sensitive_features": GROUPS, **how})
    return ak.audit(predictions or ak.Predictions("p", "s"), data, checks=list(checks), **told)


def at(site: str) -> pd.DataFrame:
    return ROWS[ROWS.site == site].reset_index(drop=True)


@cache
def plain(site: str) -> ak.Report:
    """The audit of one site."""
    return audited(at(site))


def both(checks: Sequence[Any], **how: Any) -> tuple[ak.Report, ak.Report]:
    """The audit of all rows, and three sites merged."""
    return audited(ROWS, checks, **how), ak.merge(*(audited(at(s), checks, **how) for s in SITES), apart=True)


def numbers(e: ak.Estimate) -> list[float]:
    return [np.nan if x is None else x for x in (e.value, e.low, e.high, e.numerator, e.denominator)] + [e.n]


TABLES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "rates": (["group_fairness", "impact_ratios", "unknown_demographics", "data_profile"], {}),
    "weights": (["group_fairness"], {"sample_weight": "w"}),
    "strata": (["group_fairness"], {"sample_weight": "w", "strata": "stratum"}),
    "classes": (
        ["class_fairness"],
        {"y_true": "kind", "task": "multiclass", "predictions": ak.Predictions("kindp")},
    ),
    "an older model": (["change"], {"against": ak.Predictions("old")}),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", TABLES)
def test_sums_that_were_not_reduced_are_those_of_the_whole(name: str) -> None:
    checks, how = TABLES[name]
    whole, merged = both(checks, **how)
    found = {f.id: f for f in merged.findings}
    assert found.keys() == {f.id for f in whole.findings}
    for f in whole.findings:
        np.testing.assert_allclose(
            numbers(found[f.id].estimate), numbers(f.estimate), rtol=1e-6, atol=1e-6, err_msg=f.id
        )
        assert [g.group for g in found[f.id].by_group] == [g.group for g in f.by_group]


def test_moments_are_those_of_the_whole_and_distances_within_what_they_say() -> None:
    whole, merged = both(
        ["regression_fairness"], y_true="num", task="regression", predictions=ak.Predictions("nump")
    )  # fmt: skip
    told = {f.id: f for f in merged.findings}
    for f in whole.findings:
        e, own = told[f.id].estimate, f.estimate
        assert e.value is not None
        assert own.value is not None
        if "distance" not in f.id:
            np.testing.assert_allclose([e.value, e.n], [own.value, own.n], rtol=1e-6)
            np.testing.assert_allclose(numbers(e), numbers(own), rtol=1e-3, atol=1e-3)  # third moments: three digits
            continue
        note = next(n for n in told[f.id].notes if "rounded to" in n)
        bound = float(note.split("at most ")[1].split(" larger")[0].replace(",", ""))
        assert abs(e.value - own.value) <= (bound if "ks" in f.id else 0.05), note


@pytest.mark.slow
def test_clusters_that_are_others_are_worth_what_they_are_in_the_whole() -> None:
    whole, merged = both(["group_fairness", ak.Measured("num")], cluster="person", sample_weight="w")
    found = {f.id: f for f in merged.findings}
    for f in whole.findings:
        e, own = found[f.id].estimate, f.estimate
        np.testing.assert_allclose(e.value, own.value, rtol=1e-6, err_msg=f.id)  # type: ignore[arg-type]
        if own.low is not None and e.low is not None and own.high is not None and e.high is not None:
            width = own.high - own.low
            # half a variance of 500 draws each: 6 % of a width
            np.testing.assert_allclose([e.low, e.high], [own.low, own.high], atol=0.1 * width + 1e-9, err_msg=f.id)


def test_clusters_that_may_be_the_same_are_not_measured() -> None:
    parts = [audited(at(s), ["group_fairness", ak.Scores(by=[["sex"]])], cluster="person") for s in SITES]
    merged = ak.merge(*parts)
    (lost,) = (n for n in merged.not_measured if n.what == "group_fairness")
    assert "cluster 'person'" in lost.why
    assert "--apart" in lost.why
    assert "scores" in merged.evidence  # which does not look at them, and says so


def test_scores_are_within_the_bound_that_they_state() -> None:
    frame = pd.concat([ROWS] * 4, ignore_index=True).assign(s=lambda f: np.clip(f.s + np.arange(len(f)) * 1e-6, 0, 1))
    from sklearn.metrics import roc_auc_score

    site = np.random.default_rng(0).choice(3, len(frame))
    merged = ak.merge(*(audited(frame[site == k].reset_index(drop=True), [ak.Scores(by=[["sex"]])]) for k in range(3)))
    e = merged.finding("performance/roc_auc/overall").estimate
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    truth = roc_auc_score(frame.y, frame.s)
    assert abs(truth - e.value) <= float(e.note.split("within ")[1].split(" ")[0]) + 1e-3
    assert e.low < truth < e.high
    assert "overlap" in " ".join(merged.provenance.cautions)
    calibrated = merged.finding("calibration/calibration_in_the_large/overall").estimate.value
    np.testing.assert_allclose(calibrated, (frame.y - frame.s).mean(), atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_a_merged_report_says_follows_from_its_evidence(tmp_path: Path) -> None:
    """And it is judged by the policy of its parts, with its waivers, as it is by the same policy again."""
    rules = [RULE, {"id": "auc", "metric": "roc_auc", "comparison": "overall", "at_least": 0.6}]
    waiver = {
        "rule": "equal",
        "reason": "new labels come",
        "approved_by": "board",
        "expires": datetime.date(2999, 1, 1),
    }
    policy = {"rule": rules, "waiver": [waiver]}
    checks = [ak.GroupFairness(by=[["sex"]]), ak.Scores(by=[["sex"]])]
    parts = {s: audited(at(s).head(300), checks, policy=policy) for s in ("north", "south")}
    merged = ak.merge(parts)
    merged.save(tmp_path / "all.json")
    read = ak.Report.load(tmp_path / "all.json")
    assert read == merged
    assert ak.verify(read).agrees, [c for c in ak.verify(read).checked if c.state == "differs"]
    again = ak.judge(read, policy, exhibits=False)
    assert [(v.status, v.blocks) for v in again.verdicts] == [(v.status, v.blocks) for v in merged.verdicts]
    assert again.verdicts[0].waiver == merged.verdicts[0].waiver is not None
    merged.save(tmp_path / "all.html")


def test_provenance_names_the_parts_and_claims_no_hash_of_all_rows() -> None:
    from auditkit import stored

    parts = [plain(s) for s in SITES]
    p = ak.merge(*parts, name="all").provenance
    assert [x.report for x in p.parts] == [stored.digest(r.to_json().encode()) for r in parts]
    assert [x.rows_sha256 for x in p.parts] == [r.provenance.data.sha256 for r in parts]
    assert (p.data.rows, p.data.sha256, p.data.people_sha256) == (N, "", "")
    assert any("counts twice" in c for c in p.cautions)
    again = ak.merge(ak.merge(*parts[:2]), parts[2])
    assert again.evidence == ak.merge(*parts).evidence


def other(**how: Any) -> Callable[[], ak.Report]:
    return lambda: audited(at("south"), **how)


LOOSER = {"rule": [{**RULE, "at_most": 0.2}]}
UNLIKE: dict[str, tuple[Callable[[], ak.Report], str]] = {
    "model": (other(predictions=ak.Predictions("p", "s", name="another")), "the name of the predictions: predic"),
    "threshold": (other(predictions=ak.Predictions(score="s", threshold=0.5)), "the threshold of decisions: none in"),
    "task": (other(y_true="num", task="regression", predictions=ak.Predictions("nump"), checks=[]), "the task: "),
    "target": (other(y_true="p"), "the target: y in report 1, p in report 2"),
    "positive": (other(positive=0), "the label that counts as positive: 1 in report 1, 0 in"),
    "attributes": (other(sensitive_features=["sex"]), "the sensitive features: sex, region in report 1, sex in"),
    "weights": (other(sample_weight="w"), "how rows count (weights, clusters, strata): none in"),
    "options": (other(checks=[ak.GroupFairness(metrics=["accuracy"])]), "the option 'metrics' of group_fairness: "),
    "policy": (other(policy=LOOSER), "the policy: none in report 1, "),
    "words": (other(words=Words(positive="are hired")), "the words of the page: "),
    "level": (other(policy={"defaults": {"confidence": 0.99}, **LOOSER}), "the level of intervals: 95% in"),
    "seed": (other(seed=3), "the seed: 0 in report 1, 3 in report 2"),
    "disclosure": (other(disclosure=ak.Disclosure(keep_rows=True)), "what reports give away (disclosure): none in"),
    "public": (other(disclosure=ak.Disclosure(profile="public")), "report 2 is public: it holds no evidence"),
    "version": (
        lambda: (r := plain("south")).model_copy(
            update={"provenance": r.provenance.model_copy(update={"auditkit": "0.0.1"})}
        ),
        "the version of auditkit that gathered the evidence: ",
    ),
    "the same rows": (lambda: audited(at("north"), name="again"), "report 2 is of the same rows as report 1"),
    "twice": (lambda: plain("north"), "report 2 is the same report as report 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNLIKE)
def test_reports_that_are_no_parts_of_one_audit_are_refused_by_what_differs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    make, said = UNLIKE[name]
    with pytest.raises(ak.ReportError) as told:
        ak.merge(plain("north"), make())
    assert said in str(told.value), str(told.value)


def test_small_groups_that_were_joined_add_to_nothing() -> None:
    frame = at("north").assign(region=["c"] * 4 + list(at("north").region[4:]))
    kept = {"disclosure": ak.Disclosure(profile="regulator")}
    with pytest.raises(ak.ReportError, match="tells small groups together"):
        ak.merge(audited(at("south"), **kept), audited(frame, **kept))
    whole = ak.merge(audited(at("south"), **kept), audited(at("north"), **kept))  # none of these has any
    assert whole.provenance.data.rows == len(at("south")) + len(at("north"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "0 report: two are merged"),
        (({"north": 1},), "1 report: two are merged"),
        (({"a": 1}, {"b": 2}), "sites are given as one dict"),
    ],
)
def test_too_few_and_too_much(given: Any, said: str) -> None:
    with pytest.raises((ak.ReportError, ak.PolicyError), match=said):
        ak.merge(*given)


def test_a_check_that_one_part_lacks_is_not_measured_and_the_rest_merges() -> None:
    merged = ak.merge(audited(at("north"), [RATES, ak.Scores(by=[["sex"]])]), plain("south"))
    (lost,) = merged.not_measured
    assert lost.what == "scores"
    assert "report 2 has no evidence of it" in lost.why
    assert "group_fairness" in merged.evidence


def test_the_two_are_told_apart_by_sites_and_crossed_with_groups() -> None:
    whole = audited(
        ROWS, [ak.GroupFairness(by=[["site"], ["sex", "site"]])], sensitive_features=["sex", "region", "site"]
    )
    merged = ak.merge({s: plain(s) for s in SITES})
    assert merged.provenance.data.sensitive_features == ("sex", "region", "site")
    told = {f.id: f for f in merged.findings}
    for f in (f for f in whole.findings if f.by):
        np.testing.assert_allclose(numbers(told[f.id].estimate), numbers(f.estimate), atol=1e-12, err_msg=f.id)
    rules = {"rule": [{**RULE, "by": ["site"]}, {**RULE, "id": "crossed", "by": ["sex", "site"]}]}
    assert {v.status for v in ak.judge(merged, rules).verdicts} <= {"fail", "inconclusive", "pass"}
    with pytest.raises(ak.PolicyError, match="have a column 'sex' already"):
        ak.merge({s: plain(s) for s in SITES}, site="sex")


CONFIG = """
[predictions]
y_pred = "p"
score = "s"
[data]
path = "{path}"
y_true = "y"
positive = 1
sensitive_features = ["sex", "region"]
[audit]
name = "{name}"
[[check]]
name = "subgroups"
[[check]]
name = "group_fairness"
[[rule]]
id = "equal"
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = 0.05
"""


def test_bins_that_were_fitted_once_add_and_others_are_dropped_with_the_reason(tmp_path: Path) -> None:
    """Through the command line: fit, run at every site, merge."""
    columns = ["sex", "region", "y", "p", "s", "w"]
    for name, frame in (("whole", ROWS), *((s, at(s)) for s in SITES)):
        frame[columns].to_parquet(tmp_path / f"{name}.parquet")
        (tmp_path / f"{name}.toml").write_text(CONFIG.format(path=f"{name}.parquet", name=name))
    fitted = str(tmp_path / "fitted.json")
    assert run_cli(["fit", str(tmp_path / "whole.toml"), "-o", fitted])[0] == 0
    out = ["--out", str(tmp_path), "--format", "json", "-q"]
    for name in ("whole", *SITES):
        assert run_cli(["run", str(tmp_path / f"{name}.toml"), "--fitted", fitted, *out])[0] in (0, 1)
    files = [str(tmp_path / f"{s}.json") for s in SITES]
    status, said, err = run_cli(["merge", *files, "-o", str(tmp_path / "all.json")])
    assert status == 1, err
    assert "all.json" in said
    merged, whole = (ak.Report.load(tmp_path / f"{n}.json") for n in ("all", "whole"))
    a, b = (r.finding("subgroups/error_rate/difference") for r in (merged, whole))
    # each part draws the copies of its equal rows into halves of its own: another draw of the same rows
    assert a.estimate.n == pytest.approx(b.estimate.n, rel=0.05)
    assert a.estimate.low < b.estimate.value < a.estimate.high  # type: ignore[operator]
    assert "subgroups:error_rate" in merged.evidence
    assert run_cli(["run", str(tmp_path / "north.toml"), *out])[0] == 1  # with bins of its own
    status, _, err = run_cli(["merge", *files, "-o", str(tmp_path / "all.json"), "--sites", "n,s,e", "-q"])
    assert status == 1, err
    merged = ak.Report.load(tmp_path / "all.json")
    (lost,) = (n for n in merged.not_measured if n.what == "subgroups:error_rate")
    assert "auditkit fit" in lost.why
    assert "group_fairness" in merged.evidence
    assert run_cli(["verify", str(tmp_path / "all.json"), "-q"])[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no file that `auditkit fit` made"),
        (json.dumps({"schema_version": "auditkit.fitted/1", "checks": {}}), "holds no fitted 'subgroups:error_rate'"),
        (
            json.dumps({"schema_version": "auditkit.fitted/1", "checks": {"subgroups:error_rate": {"bins": 7}}}),
            "was fitted with",
        ),
    ],
)
def test_a_file_of_other_checks_is_refused(tmp_path: Path, text: str, said: str) -> None:
    from auditkit.fitting import with_fitted

    (tmp_path / "f.json").write_text(text)
    with pytest.raises(ak.PolicyError, match=said):
        list(with_fitted([ak.Subgroups()], tmp_path / "f.json"))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    files = []
    for s in ("north", "south"):
        plain(s).save(tmp_path / f"{s}.json")
        files.append(str(tmp_path / f"{s}.json"))
    for args, said in (
        ([*files, "-o", files[0]], "is one of the reports that are merged"),
        ([*files, "-o", str(tmp_path / "x.doc")], "no format writes '.doc'"),
        ([*files, "-o", str(tmp_path / "x.json"), "--sites", "a"], "--sites names each of the 2 reports"),
        ([files[0], "-o", str(tmp_path / "x.json")], "two are merged, at least"),
    ):
        status, _, err = run_cli(["merge", *args])
        assert status == 2
        assert said in err
