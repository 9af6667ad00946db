"""A gap asked of what goes along with columns: closed forms of Gaussian rows, a slow twin, coverage, and sentences."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import Tensor, nn

import auditkit as ak
from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.catalogue.gaps import TARGETS
from auditkit.disclosure import GroupDisclosure
from auditkit.errors import EvidenceError, NotExplained
from auditkit.explain.attributions.study import groups_of
from auditkit.explain.gaps.alongside import BEYOND, alongside
from auditkit.explain.gaps.check import GapAttribution
from auditkit.explain.gaps.conditional import Rows, by_what_goes_along, conditional, sets_of
from auditkit.explain.gaps.splits import Split, headlines
from auditkit.explain.gaps.splitting import Scene
from auditkit.explain.gaps.sums import CONDITIONAL, Contrast, GapSums, Units
from auditkit.inputs.model import Model
from auditkit.records import Finding

CHECK = GapAttribution(permutations=2, shuffles=2)
SHARE = 0.4
"""Of the first group."""
WITHIN = np.array([[1.0, 0.7, 0.2, 0.0], [0.7, 1.0, 0.0, 0.3], [0.2, 0.0, 1.0, 0.0], [0.0, 0.3, 0.0, 2.0]])
APART = np.array([1.0, 0.3, 0.0, -0.5])
WEIGHTS = (2.0, 0.0, 1.0, -1.0)


class Linear(nn.Module):
    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights


def shapley(value: Callable[[tuple[int, ...]], float], g: int) -> Floats:
    """The mean gain over all orders: the definition."""
    out = np.zeros(g)
    for order in itertools.permutations(range(g)):
        for k, j in enumerate(order):
            out[j] += value(tuple(sorted(order[: k + 1]))) - value(tuple(sorted(order[:k])))
    return out / math.factorial(g)


def in_closed_form(weights: tuple[float, ...], within: Floats, apart: Floats, share: float = SHARE) -> Floats:
    """Of a score that is linear in Gaussian columns: Ê is the conditional mean of the mixture's second moments."""
    covariance = within + share * (1 - share) * np.outer(apart, apart)
    with_score = covariance @ np.array(weights)

    def value(of: tuple[int, ...]) -> float:
        at = list(of)
        return float(apart[at] @ np.linalg.solve(covariance[np.ix_(at, at)], with_score[at])) if at else 0.0

    return shapley(value, len(apart))


def rows(
    n: int, seed: int, within: Floats = WITHIN, apart: Floats = APART, *, share: float = SHARE, weighted: bool = False
) -> Batch:
    rng = np.random.default_rng(seed)
    first = rng.random(n) < share
    x = rng.multivariate_normal(np.zeros(len(apart)), within, n) + first[:, None] * apart
    frame = pd.DataFrame(x, columns=[f"x{j + 1}" for j in range(len(apart))])
    sex = pd.DataFrame({"sex": pd.Categorical(np.where(first, "m", "f"))})
    weight = rng.uniform(0.5, 2.0, n) if weighted else None
    return Batch(frame, sex, np.zeros(n), np.zeros(n), task="regression", weight=weight)


def units_of(model: Model, sample: Batch, of: str = "mean_prediction") -> Units:
    inputs = model.encode(sample.features)
    groups = groups_of(model, inputs, sample.features)
    scene = Scene.of(model, sample, groups, inputs, seed=0, shuffles=2, permutations=2)
    man = (sample.groups["sex"] == "m").to_numpy()
    return by_what_goes_along(scene, TARGETS[of], np.flatnonzero(man), np.flatnonzero(~man))


def mean_gap(seen: GapSums) -> Finding:
    return next(f for f in CHECK.assess(seen).findings if f.of in ("mean_score", "mean_prediction"))


# ---- against truths


def test_gaussian_rows_have_the_parts_of_the_closed_form() -> None:
    units = units_of(Model(Linear(*WEIGHTS), task="regression"), rows(60_000, 0))
    truth = in_closed_form(WEIGHTS, WITHIN, APART)
    assert units.names == ("x1", "x2", "x3", "x4", BEYOND)
    assert units.mean[:4] == pytest.approx(truth, abs=0.05)
    assert np.abs(truth - APART * WEIGHTS).max() > 0.2, "the other question has another answer"
    assert units.mean[4] == pytest.approx(0, abs=1e-5), "a linear score leaves nothing"
    assert units.mean[-1] == pytest.approx(truth.sum(), abs=0.1)


def test_sets_have_the_gaps_of_scikit_learns_lines() -> None:
    """A score that is no line, weighted rows, a one-hot block and missing values."""
    rng = np.random.default_rng(3)
    sample = rows(300, 1, weighted=True)
    job = rng.choice(["a", "b", "c"], 300)
    frame = sample.features.assign(x2=sample.features["x2"].where(rng.random(300) > 0.1), job=job)
    encoded = np.column_stack([frame[["x1", "x2", "x3"]], *[job == v for v in "abc"]])

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x.nan_to_num(0.0)
            return torch.tanh(x[:, 0] + x[:, 1]) + x[:, 2] * x[:, 3] + x[:, 4]

    feature_map = {"x1": [0], "x2": [1], "x3": [2], "job": [3, 4, 5]}
    model = Model(Net(), task="regression", feature_map=feature_map, preprocess=lambda f: encoded_of(f))

    def encoded_of(f: pd.DataFrame) -> Any:
        return encoded[f.index].astype(np.float32)

    units = units_of(model, Batch(**{**vars(sample), "features": frame}))
    assert sample.weight is not None
    w, man = sample.weight / sample.weight.sum(), (sample.groups["sex"] == "m").to_numpy()
    n = 1 / (w @ w)
    missing = np.isnan(encoded[:, 1])
    filled = np.where(missing, np.average(encoded[~missing, 1], weights=w[~missing]), encoded[:, 1])
    block = {0: encoded[:, [0]], 1: np.column_stack([filled, missing]), 2: encoded[:, [2]], 3: encoded[:, 3:]}
    ranks, said = {0: 1, 1: 2, 2: 1, 3: 2}, model.predict(frame)

    def apart(x: Any) -> float:
        return float(np.average(x[man], weights=w[man]) - np.average(x[~man], weights=w[~man]))

    def value(of: tuple[int, ...]) -> float:
        if not of:
            return 0.0
        x = np.column_stack([block[k] for k in of])
        told = apart(LinearRegression().fit(x, said, sample_weight=w).predict(x))
        return apart(said) - (apart(said) - told) * (n - 1) / (n - sum(ranks[k] for k in of) - 1)

    assert units.mean[:4] == pytest.approx(shapley(value, 4), abs=1e-6)
    assert units.mean[-1] == pytest.approx(apart(said), abs=1e-9)
    assert units.mean[:-1].sum() == pytest.approx(apart(said), abs=1e-9)
    assert abs(units.mean[4]) > 0.01


@pytest.mark.parametrize("squared", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_intervals_cover(squared: bool) -> None:
    """300 draws, of lines and of a score that is none, whose parts a very large sample tells."""

    class Squares(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x @ torch.tensor(WEIGHTS)) + 0.5 * x[:, 0] ** 2 + x[:, 1] * x[:, 3]

    model = Model(Squares() if squared else Linear(*WEIGHTS), task="regression")
    truth = in_closed_form(WEIGHTS, WITHIN, APART)
    if squared:
        truth = units_of(model, rows(400_000, 99)).mean[:-1]
    held = np.zeros(len(truth))
    for seed in range(300):
        units = units_of(model, rows(300, seed))
        split = Split.of(Contrast("sex", "mean_prediction", CONDITIONAL, "m", "f"), units, 0.95)
        ends = np.array([[p.low, p.high] for p in split.parts])[: len(truth)]
        held += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    assert (held / 300 >= 0.92).all()


def test_orders_come_near_all_sets_and_carry_their_own_chance() -> None:
    """Of ten columns all sets are asked for; the same by orders misses them by about as much as it says."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(10, 10))
    sample = rows(800, 0, mix @ mix.T / 10 + 0.3 * np.eye(10), rng.normal(size=10))
    x, man = sample.features.to_numpy(), (sample.groups["sex"] == "m").to_numpy()
    w = np.full(800, 1 / 800)
    z = (x - x.mean(0)) / x.std(0)
    given = Rows(z, np.arange(10), np.tanh(x @ rng.normal(size=10)), man, w, 800.0, np.ones(800))
    every = conditional(given, sets_of(10, 0))
    assert not every.chance.any()
    off = []
    for seed in range(40):
        some = conditional(given, sets_of(10, seed, most_exact=9))
        assert some.value[-2:] == pytest.approx(every.value[-2:], abs=1e-12)
        assert some.value[:10].sum() == pytest.approx(every.value[:10].sum(), abs=1e-12)
        off.append((some.value - every.value)[:10] / np.sqrt(np.diag(some.chance)[:10]))
    assert np.std(off) == pytest.approx(1, abs=0.2)
    assert len(sets_of(40, 0).chosen) < 1_200


# ---- what is said


def proxy(n: int, seed: int) -> tuple[Model, Batch]:
    """x1 differs between the sexes, x2 is x1 with noise, and the net reads x1 alone."""
    within = np.array([[1.0, 1.0], [1.0, 1.4]])
    sample = rows(n, seed, within, np.array([1.5, 1.5]))
    return Model(Linear(3.0, 0.0), task="regression"), sample


def test_a_column_that_is_not_read_carries_what_goes_along_with_it() -> None:
    model, sample = proxy(1_500, 0)
    seen = CHECK.examine(model, sample)
    split = next(s for s in headlines(seen, 0.95) if s.contrast.of == "mean_prediction")
    assert split.values[split.names.index("x2")] == 0, "by rows mixed of two rows it makes nothing of the gap"
    found = alongside(seen, split, 0.95)
    assert found is not None
    assert set(found.columns) == {"x1", "x2"}
    sign = 1 if split.contrast.high == "m" else -1
    truth = in_closed_form((3.0, 0.0), np.array([[1.0, 1.0], [1.0, 1.4]]), np.array([1.5, 1.5]))
    assert truth[1] > 1
    for part, of in zip(found.goes.parts, truth, strict=False):
        assert part.low is not None
        assert part.high is not None
        assert part.low <= sign * of <= part.high
    assert sum(found.goes.values) == pytest.approx(found.goes.total.value, rel=1e-9)
    finding = mean_gap(seen)
    leading, second = finding.statement.split(" Asked of what goes along with the columns, whether the model ")
    assert ", asked of what the model reads, " in leading
    assert "through x1: how the model reaches its scores" in leading
    assert "x2" not in leading
    assert second.startswith("reads them or not, x")
    assert "x2 carries" in second or "x2 1." in second
    assert "; 0.00 as the model reads it)" in second
    assert any("best linear prediction of the score" in n and "do not overlap" in n for n in finding.notes)
    (table,) = (x for x in finding.exhibits if x.kind == "table" and "goes along" in x.title)
    assert {row[0] for row in table.rows} == {"x1", "x2", BEYOND}


def test_independent_columns_are_told_once() -> None:
    """Both questions have one answer: nothing is added. (More draws below.)"""
    for seed in range(10):
        seen = CHECK.examine(*fair(seed))
        assert seen.conditional
        assert "goes along" not in mean_gap(seen).statement
        assert ", asked of" not in mean_gap(seen).statement


def fair(seed: int) -> tuple[Model, Batch]:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(2 * x[:, 0] + x[:, 1] - x[:, 2]) + (x[:, 1] * x[:, 3]).tanh()

    net = Net() if seed % 2 else Linear(2.0, 1.0, 0.0, -1.0)
    return Model(net, task="regression"), rows(400, seed, np.eye(4), np.array([1.0, 0, 0, 0]))


@pytest.mark.slow
def test_fair_draws_get_no_second_split_in_95_percent() -> None:
    told = ["goes along" in mean_gap(CHECK.examine(*fair(seed))).statement for seed in range(100)]
    assert np.mean(told) <= 0.05


def test_no_gap_and_a_column_that_is_the_group() -> None:
    model, sample = proxy(300, 1)
    luck = np.random.default_rng(0).permutation(300)
    sample = Batch(**{**vars(sample), "groups": sample.groups.iloc[luck].reset_index(drop=True)})
    assert "goes along" not in mean_gap(CHECK.examine(model, sample)).statement, "no gap is sure"
    model, sample = proxy(1_500, 1)
    sex = (sample.groups["sex"] == "m").astype(float)
    sample = Batch(**{**vars(sample), "features": sample.features.assign(sex=sex)})
    seen = CHECK.examine(Model(Linear(3.0, 0.0, 1.0), task="regression"), sample)
    (units,) = seen.conditional.values()
    assert units.names == ("x1", "x2", BEYOND)
    assert any("left out, since it tells the groups apart by itself: sex" in n for n in mean_gap(seen).notes)
    alone = Batch(**{**vars(sample), "features": sample.features[["sex"]]})
    seen = CHECK.examine(Model(Linear(1.0), task="regression"), alone)
    assert not seen.conditional
    assert any("was not asked: each column tells the groups apart by itself" in n for n in mean_gap(seen).notes)


class Codes(nn.Module):
    """Reads the first of three codes."""

    def __init__(self, many: int) -> None:
        super().__init__()
        self.each = nn.Embedding(many, 1)
        with torch.no_grad():
            self.each.weight[:, 0] = torch.arange(many) % 5 * 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.each(x)[:, 0, 0]


@pytest.mark.parametrize("many", [6, 400])
def test_codes_are_asked_value_by_value(many: int) -> None:
    rng = np.random.default_rng(0)
    man = np.arange(600) % 2 == 1
    codes = rng.integers(0, many, (600, 3))
    codes[man, 0] = np.where(rng.random(300) < 0.5, 4, codes[man, 0])
    frame = pd.DataFrame(codes, columns=["a", "b", "c"])
    sex = pd.DataFrame({"sex": pd.Categorical(np.where(man, "m", "f"))})
    sample = Batch(frame, sex, np.zeros(600), np.zeros(600), task="regression")
    seen = CHECK.examine(Model(Codes(many), task="regression"), sample)
    if many == 400:
        assert not seen.conditional
        assert any(
            "was not asked: an input of " in n and n.endswith(" codes, more than 50") for n in mean_gap(seen).notes
        )
        return
    (units,) = seen.conditional.values()
    assert units.names == ("a", "b", "c", BEYOND)
    assert units.mean[0] == pytest.approx(units.mean[-1], abs=0.05), "by value the score is linear in a"
    assert "goes along" not in mean_gap(seen).statement


def test_what_is_too_much_or_too_few_is_said() -> None:
    sample = rows(40, 0)
    seen = CHECK.examine(Model(Linear(*WEIGHTS), task="regression"), sample)
    assert seen.conditional
    for n, width, why in ((60, 30, "60 effective rows are too few for a line through 30"), (90, 300, "more than 256")):
        wide = rows(n, 0, np.eye(width), np.r_[2.0, np.zeros(width - 1)])
        with pytest.raises(NotExplained, match=why):
            units_of(Model(Linear(*np.ones(width)), task="regression"), wide)


# ---- evidence


def test_evidence_adds_comes_back_and_old_reports_are_read() -> None:
    parts = [CHECK.examine(*proxy(700, seed)) for seed in (0, 1)]
    seen = parts[0] + parts[1]
    (units,), (one,), (other,) = ([*s.conditional.values()] for s in (seen, *parts))
    assert units.n == one.n + other.n
    assert units.mean == pytest.approx((one.w * one.mean + other.w * other.mean) / units.w)
    stored = json.loads(json.dumps(seen.to_json(), allow_nan=False))
    again = GapSums.from_json(stored)
    assert again.conditional.keys() == seen.conditional.keys()
    assert mean_gap(again).statement == mean_gap(seen).statement
    assert "goes along" in mean_gap(again).statement
    old = {k: v for k, v in stored.items() if k != "conditional"}
    assert "goes along" not in mean_gap(GapSums.from_json(old)).statement
    assert mean_gap(GapSums.from_json(old)).estimate == mean_gap(seen).estimate
    wrong = {**stored, "conditional": [[*stored["conditional"][0][:2], "shapley", *stored["conditional"][0][3:]]]}
    with pytest.raises(EvidenceError, match="split by 'shapley': there is none"):
        GapSums.from_json(wrong)
    with pytest.raises(EvidenceError, match="split by 'conditional': there is none"):
        GapSums.from_json({**stored, "units": stored["conditional"]})


def test_groups_told_only_together_have_no_second_split() -> None:
    seen = CHECK.examine(*proxy(300, 0))
    assert seen.reduced(GroupDisclosure(recoding={})).conditional
    assert not seen.reduced(GroupDisclosure(recoding={"sex": {"f": "other"}})).conditional


# ---- rules on columns that are told as one


def test_a_rule_on_a_copy_is_not_measured_and_on_all_of_them_is() -> None:
    rng = np.random.default_rng(0)
    man = np.arange(800) % 2 == 1
    zip_ = rng.normal(size=800) + 1.5 * man
    frame = pd.DataFrame({"zip": zip_, "region": zip_ * 2, "age": rng.normal(size=800), "sex": np.where(man, "m", "f")})
    columns = ["zip", "region", "age"]
    model = Model(
        Linear(3.0, -1.0, 0.5),
        task="regression",
        preprocess=lambda f: f[columns].to_numpy(np.float32),
        feature_map={c: [j] for j, c in enumerate(columns)},
    )
    data = ak.Dataset(frame.assign(y=model.predict(frame)), y_true="y", task="regression", sensitive_features="sex")
    asked = [("zip",), ("zip", "region"), ("age", "region", "zip"), ("zip + region",), ("region", "age"), ("age",)]
    rule = {"metric": "gap_share", "of": "mean_prediction", "by": "sex", "at_most": 0.5}
    policy = {"rule": [{**rule, "id": f"r{i}", "features": list(f)} for i, f in enumerate(asked)]}
    fresh = ak.audit(model, data, checks=[CHECK], policy=policy)
    stored = ak.Report.from_json(fresh.to_json())
    again = ak.judge(stored, policy)
    for report in (fresh, again):
        verdicts = report.verdicts
        assert [v.status for v in verdicts] == ["not_measured", "fail", "fail", "fail", "not_measured", "pass"]
        why = "zip is told as one with region: a share of each means nothing; name both"
        assert verdicts[0].reason == f"Not measured: {why}."
        assert (verdicts[4].absence or "").startswith("region is told as one with zip: ")
        values = [None if v.estimate is None else v.estimate.value for v in verdicts]
        assert values[1] == values[3]
        assert values[1] + values[5] == pytest.approx(values[2])
        assert values[0] is None
        assert verdicts[1].finding == "explanation/gap_share[mean_prediction][zip+region]/difference/sex"
    with pytest.raises(ak.PolicyError, match="no feature 'zipp'"):
        ak.judge(stored, {"rule": [{**rule, "id": "r", "features": ["zipp", "region"]}]})
