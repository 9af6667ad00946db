"""Whether there is a gap is asked of all rows. Truths: GroupFairness on these rows, scipy, a planted gap, fair nets."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import skew
from torch import nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.catalogue.gaps import TARGETS
from auditkit.errors import EvidenceError
from auditkit.evidence.census import CensusMeans, census_from_json, census_of
from auditkit.evidence.sample import taken
from auditkit.explain.all_rows import Means
from auditkit.explain.gaps.sums import GapSums
from auditkit.records import Finding, Report

COLUMNS = ["a", "b", "c"]


def rows(n: int, rng: np.random.Generator, *, shift: float = 0.0, groups: int = 6) -> pd.DataFrame:
    """Rows of unequal groups; `a` is larger in the last one."""
    race = rng.choice(list("uvwxyz"[:groups]), n, p=np.arange(1, groups + 1) / sum(range(1, groups + 1)))
    x = rng.normal(size=(n, 3))
    x[:, 0] += shift * (race == "uvwxyz"[groups - 1])
    y = (rng.random(n) < 1 / (1 + np.exp(-x @ [1.0, 0.7, 0.3]))).astype(int)
    return pd.DataFrame(x, columns=COLUMNS).assign(race=race, sex=rng.choice(["f", "m"], n), y=y)


def net(seed: int = 0) -> ak.Model:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
        nn.init.constant_(module[0].weight[:, 0], 0.7)
        nn.init.constant_(module[2].weight, 0.4)
    return ak.Model(
        module,
        preprocess=lambda f: f[COLUMNS].to_numpy(np.float32),
        feature_map={name: [i] for i, name in enumerate(COLUMNS)},
    )


def audited(frame: pd.DataFrame, seed: int = 0, sample: int = 300) -> Report:
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["race", "sex"])
    checks = [ak.GapAttribution(shuffles=1), ak.GroupFairness(by=["race", "sex"])]
    return ak.audit(net(seed), data, checks=checks, sample=sample, seed=seed)


def split(report: Report) -> list[Finding]:
    return [f for f in report.findings if f.metric == "gap_share"]


def batch(n: int = 400, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    frame = rows(n, rng)
    score, y = rng.beta(2, 3, n), frame["y"].to_numpy(np.int8)
    return Batch(frame[COLUMNS], frame[["race", "sex"]], y, (score > 0.5).astype(np.int8), score)


def test_values_are_the_moments_of_the_rows_in_any_parts() -> None:
    whole = batch(4_000)
    parts = [census_of(taken(whole, where)) for where in np.array_split(np.random.default_rng(1).permutation(4_000), 7)]
    added = parts[0]
    assert added is not None
    for part in parts[1:]:
        assert part is not None
        added = added + part
    census = census_of(whole)
    assert census is not None
    assert json.dumps(CensusMeans(added).to_json()) == json.dumps(CensusMeans(census).to_json())
    again = census_from_json(json.loads(json.dumps(CensusMeans(added).to_json())))
    assert CensusMeans(again).to_json() == CensusMeans(added).to_json()
    for (sex,), (n, total, m2, m3) in CensusMeans(again).values("score", ["sex"], y=1).items():
        own = whole.score[(whole.groups["sex"] == sex).to_numpy() & (whole.y_true == 1)]  # type: ignore[index]
        assert n == len(own)
        assert total / n == pytest.approx(own.mean(), rel=1e-9)
        assert m2 / (n - 1) == pytest.approx(own.var(ddof=1), rel=1e-4)
        assert m3 / n / (m2 / n) ** 1.5 == pytest.approx(skew(own), abs=1e-3)


def test_equal_scores_have_no_spread_whatever_their_order() -> None:
    plain = batch()
    equal = Batch(plain.features, plain.groups, plain.y_true, plain.y_pred, np.full(400, 0.1))
    census = census_of(equal)
    assert census is not None
    cells = CensusMeans(census).to_json()["cells"]
    assert {x for cell in cells for x in (cell[-4], cell[-2])} == {0.0}


def test_a_census_of_an_older_report_is_read_and_knows_rates_alone() -> None:
    census = census_of(batch())
    assert census is not None
    data = CensusMeans(census).to_json()
    old = {**data, "cells": [cell[:-4] for cell in data["cells"]]}
    means = CensusMeans(census_from_json(old))
    assert means.to_json() == old
    known = {t: Means.of_census(means, ["race"], TARGETS[t], numeric=False, level=0.95) for t in TARGETS}
    assert {t for t, m in known.items() if m is not None} == {
        "selection_rate", "true_positive_rate", "false_positive_rate"
    }  # fmt: skip
    assert CensusMeans(census_from_json(old) + census).to_json()["cells"][0][:-3] == data["cells"][0][:-7]
    with pytest.raises(EvidenceError, match="entries; expected"):
        census_from_json({**data, "cells": [cell[:-1] for cell in data["cells"]]})
    with pytest.raises(EvidenceError, match="negative"):
        census_from_json({**data, "cells": [[*cell[:-4], -1.0, *cell[-3:]] for cell in data["cells"]]})


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_gaps_are_those_of_group_fairness(shift: float) -> None:
    report = audited(rows(3_000, np.random.default_rng(3), shift=shift))
    seen = 0
    for f in split(report):
        beside = [g for g in report.findings if g.id == f"fairness/{f.of}/difference/{'+'.join(f.by)}"]
        for g in beside:
            seen += 1
            (x,) = [x for x in f.exhibits if x.kind == "contributions"]
            established = bool(g.estimate.low)
            assert x.total.excludes_zero == established
            assert sum(r.estimate.value or 0.0 for r in x.rows) == pytest.approx(x.total.value, abs=1e-6)
            if established:
                assert g.surest is not None
                own = g.surest.estimate
                assert {v for d in g.surest.groups for v in d.values()} == set(x.between)
                ours = (x.total.value, x.total.low, x.total.high)
                assert ours == pytest.approx((own.value, own.low, own.high), abs=1e-9)
                assert f.p is not None
                assert g.p is not None
                assert f.p >= g.p * (1 - 1e-6)
            else:
                bounds = re.findall(r"\(.*?points", f.statement)
                assert bounds == re.findall(r"\(.*?points", g.statement)
                assert f.p is None or f.p >= 0.05 or "causes that cancel" in f.statement, f.statement
    assert seen == 6
    assert any("Of the gap of" in f.statement and "through a" in f.statement for f in split(report)) == bool(shift)


def test_a_gap_that_the_sample_cannot_split_is_told_and_not_split() -> None:
    report = audited(rows(6_000, np.random.default_rng(5), shift=0.1, groups=2), sample=24)
    said = [f.statement for f in split(report) if f.by == ("race",) and f.of in ("selection_rate", "mean_score")]
    assert all(s.startswith("Of the gap of") for s in said)
    assert "no single part is established: too few sampled rows to split it" in said[1]


def test_evidence_without_a_census_counts_the_choice_of_its_pair() -> None:
    report = audited(rows(1_500, np.random.default_rng(4)))
    stored = json.loads(json.dumps(report.evidence["gap_attribution"].data))
    stored["census"] = None
    alone = GapSums.from_json(stored)
    found = ak.GapAttribution().assess(alone, level=0.95).findings
    assert found
    for f in found:
        (x,) = [x for x in f.exhibits if x.kind == "contributions"]
        assert f.p is not None
        assert (f.p < 0.05) <= x.total.excludes_zero
        assert x.total.excludes_zero or "in the sample" in f.statement or "cancel" in f.statement


@pytest.mark.slow
def test_fair_groups_have_no_gaps_to_split_and_no_two_sentences_contradict() -> None:
    said, alone = 0, 0
    for seed in range(20):
        report = audited(rows(1_500, np.random.default_rng(100 + seed)), seed)
        claims = [f for f in split(report) if f.statement.startswith("Of the gap of")]
        said += any(not f.alone for f in claims)
        alone += bool(claims)
        for f in split(report):
            for g in report.findings:
                if g.id == f"fairness/{f.of}/difference/{'+'.join(f.by)}":
                    assert f.statement.startswith("Of the gap") == bool(g.estimate.low), (f.statement, g.statement)
    assert said <= 4, "Holm errs in 5 %: more than 4 of 20 has a chance of 0.3 %"


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_every_explanation_gives_one_answer(shift: float) -> None:
    frame = rows(1_500, np.random.default_rng(7), shift=shift)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["race", "sex"])
    checks = [
        ak.GapAttribution(shuffles=1),
        ak.LayerAudit(random=2),
        ak.Influence(train=frame, rows=200),
        ak.Examples(n=1),
        ak.GroupFairness(by=["race", "sex"], metrics=["accuracy"]),
    ]
    found = {f.id: f for f in ak.audit(net(), data, checks=checks, sample=300).findings}
    for by in ("race", "sex"):
        gap = found[f"explanation/gap_share[mean_score]/difference/{by}"]
        inside = found[f"explanation/layer_audit/overall/{by}"]
        training = found[f"explanation/influence/overall/{by}"]
        (x,) = [x for x in gap.exhibits if x.kind == "contributions"]
        assert any(f"compares {x.between[0]} (" in n and f"with {x.between[1]} (" in n for n in inside.notes)
        none = not x.total.excludes_zero
        assert gap.statement.startswith("No gap in mean score") == none
        assert ("there is no sure gap in scores" in inside.statement) == none
        assert training.statement.startswith("No gap in scores") == none
        if not none:
            assert f"gap in scores between {x.between[0]} and {x.between[1]} rows" in training.statement
        wrong, right = found[f"explanation/examples/overall/{by}"], found[f"fairness/accuracy/difference/{by}"]
        assert ("more frequent" in wrong.statement) == bool(right.estimate.low)
        assert all(f.p is not None for f in (gap, inside, training, wrong))


def test_a_gap_of_rows_that_were_not_drawn_is_not_split() -> None:
    """One row in fifty is selected, all of one group; of forty sampled rows none: there is nothing to divide by."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=6_000)
    sex = np.where((x > 1.6) | (rng.random(6_000) < 0.5), "f", "m")
    frame = pd.DataFrame({"x": x, "sex": sex, "y": (rng.random(6_000) < 0.3).astype(int)})
    linear = nn.Linear(1, 1)
    nn.init.constant_(linear.weight, 5.0)
    nn.init.constant_(linear.bias, -9.0)
    model = ak.Model(
        linear.eval(), outputs="logits", preprocess=lambda r: torch.tensor(r[["x"]].to_numpy(np.float32)),
        feature_map={"x": [0]},
    )  # fmt: skip
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])
    said = []
    for sample in (24, 30, 40):
        report = ak.audit(model, data, checks=[ak.GapAttribution()], sample=sample)
        f = next(f for f in report.findings if "[selection_rate]" in f.id)
        said.append((f.estimate.value, "too few sampled rows to split it" in f.statement))
    assert (None, True) in said, said


MISSING_TRUTHS = {
    "only the selected have one": lambda frame, score, rng: score >= 0.5,
    "one group has few": lambda frame, score, rng: rng.random(len(frame)) < np.where(frame["sex"] == "f", 0.2, 0.9),
    "at random": lambda frame, score, rng: rng.random(len(frame)) < 0.6,
    "one group has none": lambda frame, score, rng: (frame["sex"] == "f").to_numpy(),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", MISSING_TRUTHS)
def test_rows_without_a_truth_count_for_what_needs_none(kind: str) -> None:
    rng = np.random.default_rng(8)
    frame = rows(3_000, rng, shift=1.0)
    frame["a"] += 1.2 * (frame["sex"] == "m")
    model = net()
    score = model.predict(frame[COLUMNS])
    known = MISSING_TRUTHS[kind](frame, score, rng)
    frame["y"] = frame["y"].where(known).astype("Int64")
    report = audited(frame)
    mean = {sex: score[frame["sex"] == sex] for sex in "fm"}
    truths = {
        "mean_score": mean["m"].mean() - mean["f"].mean(),
        "selection_rate": (mean["m"] >= 0.5).mean() - (mean["f"] >= 0.5).mean(),
    }
    found = {str(f.of): f for f in split(report) if list(f.by) == ["sex"]}
    for name, truth in truths.items():
        (x,) = [x for x in found[name].exhibits if x.kind == "contributions"]
        assert x.total.value == pytest.approx(truth, abs=1e-9)
        assert sum(r.estimate.value or 0.0 for r in x.rows) == pytest.approx(truth, abs=1e-6)
    (beside,) = [f for f in report.findings if f.id == "fairness/selection_rate/difference/sex"]
    assert beside.estimate.value == pytest.approx(truths["selection_rate"], abs=1e-9)
    loss = -np.log(np.where(frame["y"].fillna(0) == 1, score, 1 - score))
    groups = [loss[known & (frame["sex"] == sex).to_numpy()] for sex in "mf"]
    if min(map(len, groups)):
        (x,) = [x for x in found["log_loss"].exhibits if x.kind == "contributions"]
        assert x.total.value == pytest.approx(groups[0].mean() - groups[1].mean(), abs=1e-6)
    else:
        assert "log_loss" not in found


def test_what_few_rows_hold_is_shared_out_and_no_sum_moves() -> None:
    rng = np.random.default_rng(4)
    whole = batch(300)
    y = np.where(rng.random(300) < 0.03, -1, whole.y_true).astype(np.int8)
    part = Batch(whole.features, whole.groups, y, whole.y_pred, whole.score)
    census = census_of(part)
    assert census is not None
    means = CensusMeans(census)
    cells = means.to_json()["cells"]
    assert CensusMeans(census_from_json(means.to_json())).to_json()["cells"] == cells
    assert sum(1 for cell in cells if cell[2] == "-1" and cell[4] < 5)
    told = {tuple(cell[:4]): np.array(cell[4:7]) / cell[4] for cell in cells}
    for cell, (n, _, loss, *_) in census.cells.items():
        group = [c for c in census.cells if c[:2] == cell[:2]]
        if n < 5 and sum(census.cells[c][0] for c in group) >= 5:  # the mean of fewer than five is that of others too
            assert any(told[c][1] == pytest.approx(told[cell][1], rel=1e-8) for c in group if c != cell)
            if cell[2] != "-1" and sum(census.cells[c][0] for c in group if c[2] != "-1") >= 5:
                assert any(
                    told[c][2] == pytest.approx(told[cell][2], rel=1e-8) for c in group if c != cell and c[2] != "-1"
                )
        assert (loss == 0) == (cell[2] == "-1")
    for race in "uvwxyz":
        where = (part.groups["race"] == race).to_numpy()
        if where.sum() >= 20:
            assert means.mean("score", {"race": race}) == pytest.approx(part.score[where].mean(), rel=2e-3)
            own = where & (y >= 0)
            truth = -np.log(np.where(y == 1, part.score, 1 - part.score)[own]).mean()
            assert means.mean("loss", {"race": race}) == pytest.approx(truth, rel=2e-2)


def test_an_unweighted_gap_is_not_asserted_beside_weights_that_undo_it() -> None:
    """Weights under which both groups are selected alike: the explanation splits a gap of rows, and says so aloud."""
    rng = np.random.default_rng(3)
    frame = rows(2_000, rng, shift=2.0, groups=2)
    chosen = net().predict(frame) >= 0.5
    rate = pd.Series(chosen).groupby(frame["race"].to_numpy()).transform("mean").to_numpy()
    frame["w"] = np.where(chosen, 0.5 / rate, 0.5 / (1 - rate))
    frame["house"] = np.arange(2_000) // 2
    checks = [ak.GapAttribution(by=["race"], shuffles=1), ak.GroupFairness(by=["race"])]

    def audit(**how: str) -> Report:
        data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["race"], **how)  # type: ignore[arg-type]
        return ak.audit(net(), data, checks=checks, sample=300)

    plain, weighted, clustered = audit(), audit(weights="w"), audit(cluster="house")
    beside = weighted.finding("fairness/selection_rate/difference/race").estimate
    assert beside.value == pytest.approx(0.0, abs=1e-9)
    assert any(f.estimate.excludes_zero and not f.alone for f in split(plain))
    for report, said in ((weighted, "every row counts once"), (clustered, "rows of one cluster count as independent")):
        found = split(report)
        assert found
        for f in found:
            assert said in f.statement
            assert f.aside
            assert f.alone or not (f.p is not None and f.p < 0.05)
        assert any(f.alone for f in found)
