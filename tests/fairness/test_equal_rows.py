"""Rows of few contents: who is treated worse is found, nobody is accused, and ids change only which rows go where.

Truths: planted rates and AUCs; tables where nobody differs; the same people told apart by ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.batch import Batch
from auditkit.evidence.crossed import CrossedSums
from auditkit.evidence.sample import row_keys
from auditkit.fairness.rows.proxies import Proxies
from auditkit.fairness.search.check import Subgroups


def table(rows: int, cells: int, *, law: str = "equal", planted: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Rows of 2 × `cells` contents (right or wrong): errors of 10 %, and `planted` more for women of town 0."""
    rng = np.random.default_rng(seed)
    share = np.ones(cells) if law == "equal" else 1 / rng.permutation(np.arange(1, cells + 1))
    cell = rng.choice(cells, rows, p=share / share.sum())
    frame = pd.DataFrame({"sex": np.where(cell % 2, "f", "m"), "town": cell // 2 % 3, "age": cell // 6})
    wrong = 0.1 + planted * ((frame["sex"] == "f") & (frame["town"] == 0))
    frame["y"], frame["pred"] = 1, (rng.random(rows) >= wrong).astype(int)
    return frame


def audited(frame: pd.DataFrame, *checks: Any, **how: Any) -> ak.Report:
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"], **how)
    return ak.audit(ak.Predictions("pred"), data, checks=checks or [Subgroups()])


@pytest.mark.parametrize("ids", [False, True])
def test_forty_percent_against_ten_are_found_among_24_contents(ids: bool) -> None:
    frame = table(40_000, 12, planted=0.3)
    assert len(frame.drop_duplicates()) == 24
    report = audited(frame.assign(case=range(40_000)), row_id="case") if ids else audited(frame)
    found = report.finding("subgroups/error_rate/difference")
    assert found.statement.startswith(("sex = f & town = 0: ", "town = 0 & sex = f: "))
    e = found.estimate
    assert e.low is not None
    assert e.high is not None
    assert e.low <= 0.3 <= e.high
    assert e.high - e.low < 0.06


@pytest.mark.parametrize("law", ["equal", "Zipf"])
@pytest.mark.parametrize("cells", [12, 300, 3_000])
def test_nobody_is_accused_where_nobody_differs_and_what_could_have_been_seen_is_said(cells: int, law: str) -> None:
    accused = 0
    for seed in range(4):
        found = audited(table(6_000, cells, law=law, seed=seed)).finding("subgroups/error_rate/difference")
        accused += (found.estimate.low or 0) > 0
        assert found.estimate.mde is not None
        assert found.estimate.mde < 0.15
    assert accused <= 1


def test_a_table_twice_is_twice_as_many_people() -> None:
    frame = table(6_000, 12, planted=0.1)
    often = pd.concat([frame] * 4, ignore_index=True)

    def width(data: pd.DataFrame, **how: Any) -> float:
        e = audited(data, **how).finding("subgroups/error_rate/difference").estimate
        return float(e.high - e.low)  # type: ignore[operator]

    once = width(frame)
    for four in (width(often), width(often.assign(case=range(len(often))), row_id="case")):
        assert four == pytest.approx(once / 2, rel=0.15)
    together = width(often.assign(who=[*range(6_000)] * 4), cluster="who")
    assert together == pytest.approx(once, rel=0.25)


def test_a_report_of_before_reads_as_it_did() -> None:
    """Its halves held whole contents, each counted as one row."""
    batch = next(ak.Dataset(table(3_000, 12, planted=0.3), y_true="y", sensitive_features="sex").batches())
    batch = replace(batch, y_pred=batch.features["pred"].to_numpy(np.int8), row_id=None)
    batch = replace(batch, row_id=row_keys(replace(batch, features=pd.DataFrame({"i": range(3_000)}))))
    check = Subgroups(["sex", "town"]).fit(batch)
    data = json.loads(json.dumps(check.gather(batch).to_json()))
    del data["apart"], data["facts"]["unit"]
    data["copies"] = {"keys": "", "counts": "2 2"}
    old = CrossedSums.from_json(data)
    assert old.together == 2
    (finding,) = check.assess(old).findings
    assert any("copies share a half and count as one row" in n for n in finding.notes)
    assert CrossedSums.from_json(old.to_json()).to_json() == old.to_json()


def proxy(rows: Batch) -> Mapping[str, Any]:
    return {f.id: f for f in Proxies().assess(Proxies().study(rows, None)).findings}


def sample(n: int, cells: int, seed: int, *, planted: bool = False, law: str = "equal") -> Batch:
    rng = np.random.default_rng([seed, 1])
    frame = table(n, cells, law=law, seed=seed)
    woman = rng.random(n) < 0.4
    if planted:
        frame["height"] = np.where(rng.random(n) < np.where(woman, 0.4, 0.7), "tall", "small")
    sex = pd.DataFrame({"sex": pd.Categorical(np.where(woman, "f", "m"))})
    return Batch(frame.drop(columns=["sex", "y", "pred"]), sex, np.ones(n, np.int8), frame["pred"].to_numpy(np.int8))


def counted(rows: Batch) -> Batch:
    """Each content once, with its copies as the weight."""
    frame = pd.concat([rows.features, rows.groups.astype(str)], axis=1)
    once = frame.groupby(list(frame), as_index=False, sort=True).size()
    sex = pd.DataFrame({"sex": pd.Categorical(once["sex"])})
    like = np.ones(len(once), np.int8)
    return Batch(once[list(rows.features)], sex, like, like, weight=once["size"].to_numpy(float))


@pytest.mark.parametrize("law", ["equal", "Zipf"])
@pytest.mark.parametrize("cells", [12, 300, 3_000])
def test_what_has_nothing_to_do_with_sex_does_not_tell_it(cells: int, law: str) -> None:
    told = 0
    for seed in range(3):
        rows = sample(2_000, cells, seed, law=law)
        for drawn in (rows, counted(rows)):
            found = proxy(drawn)["data/proxy_auc/group_max/sex"]
            told += not found.statement.startswith("It is not established")
            assert found.estimate.value == pytest.approx(0.5, abs=0.06)
            assert found.estimate.n == 2_000
    assert told <= 1


@pytest.mark.parametrize("cells", [12, 3_000])
def test_what_tells_sex_is_found_and_covered_with_rows_and_with_counts(cells: int) -> None:
    rows = sample(3_000, cells, 1, planted=True)
    for drawn in (rows, counted(rows)):
        found = proxy(drawn)["data/proxy_auc/group_max/sex"]
        assert found.statement.startswith("height tells f from the rest of sex")
        assert found.estimate.low <= 0.65 <= found.estimate.high


def test_with_ids_an_audit_takes_its_sample_among_people_not_among_contents() -> None:
    """Of 2,000 rows by content, out of 40,000 of 48 contents, two or three contents were all: an AUC of 1."""
    frame = table(40_000, 12)
    frame["sex"] = np.random.default_rng(9).choice(["f", "m"], 40_000)
    found = audited(frame.assign(case=range(40_000)), Proxies(), row_id="case").finding("data/proxy_auc/group_max/sex")
    assert found.estimate.value == pytest.approx(0.5, abs=0.06)
    assert found.estimate.n == 2_000


def test_more_copies_than_are_studied_are_a_random_part_of_them() -> None:
    rows = counted(sample(3_000, 12, 2, planted=True))
    assert rows.weight is not None
    found = proxy(replace(rows, weight=rows.weight * 1_000))["data/proxy_auc/group_max/sex"]
    assert found.estimate.n == 5_000
    assert found.estimate.low <= 0.65 <= found.estimate.high


def test_rows_of_a_cluster_are_not_so_many_people() -> None:
    """Fifty people of sixty rows each: a town that is each one's own tells nothing of sex, though rows would say so."""
    told = {"rows": 0, "people": 0}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        who = np.repeat(np.arange(50), 60)
        sex, town = rng.choice(["f", "m"], 50)[who], rng.normal(size=50)[who]
        ones = np.ones(3_000, np.int8)
        rows = Batch(pd.DataFrame({"town": town}), pd.DataFrame({"sex": pd.Categorical(sex)}), ones, ones)
        for name, drawn in (("rows", rows), ("people", replace(rows, cluster=who.astype(str).astype(object)))):
            found = proxy(drawn)["data/proxy_auc/group_max/sex"]
            told[name] += not found.statement.startswith("It is not established")
            assert found.estimate.n == (3_000 if name == "rows" else 50)
    assert told["people"] <= 2 < 6 <= told["rows"]


def test_findings_say_whether_clusters_were_used() -> None:
    frame = table(3_000, 12, planted=0.3).assign(who=np.arange(3_000) // 3)
    report = audited(frame, Subgroups(), Proxies(), ak.DataProfile(), cluster="who")
    notes = {f.id: " ".join(f.notes) for f in report.findings}
    assert "rows of one cluster share a half" in notes["subgroups/error_rate/difference"]
    assert "rows drawn at random, one a cluster" in notes["data/proxy_auc/group_max/sex"]
    for id_, said in notes.items():
        ours = id_.startswith(("subgroups", "data/proxy", "data/attribute_auc"))
        assert ("clusters not used" in said) != (ours or id_.startswith("data/base_rate")), id_
