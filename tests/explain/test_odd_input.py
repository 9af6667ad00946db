"""Odd but legal input: each is answered, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.evidence.census import CensusMeans, census_from_json
from auditkit.explain.gaps.splitting import OUTCOME
from auditkit.explain.layers.erasure import whitening
from auditkit.explain.layers.probes import control_tasks
from auditkit.report.html.geometry import axis_over, axis_to
from auditkit.report.html.page import render
from tests.report.scripts import without_ours

ROWS = 120
COLUMNS = ["f0", "f1", "f2", "f3"]


def rows(columns: list[str] = COLUMNS, *, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    group = np.where(rng.random(ROWS) < 0.5, "A", "B")
    x = rng.normal(size=(ROWS, len(columns)))
    x[:, 0] += group == "A"
    return pd.DataFrame(x, columns=columns), group


def net(inputs: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, 1))


def data(x: pd.DataFrame, groups: dict[str, Any]) -> ak.Dataset:
    y = np.arange(len(x)) % 2
    return ak.Dataset.from_arrays(x, y_true=y, sensitive_features=groups)


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * 0 + 1


class Argmax(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).argmax(1).float() - 0.5


class Coded(nn.Module):
    """Its last column is a code that it looks up, from 0 to 2."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(3, 2), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        if x[:, 3].min() < 0 or x[:, 3].max() > 2:
            raise IndexError("index out of range")
        return self.layer(torch.cat([x[:, :3], self.table(x[:, 3].long())], 1))


class Writing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = net()

    def forward(self, x: Tensor) -> Tensor:
        x[:, 0] *= 2
        return self.layers(x)


def test_names_with_separators() -> None:
    x, group = rows(["a, b", "phi:x", "c|d", "<i>"])
    other = np.where(np.arange(ROWS) % 3 == 0, "one + two", "three, four")
    rule = {"id": "r", "metric": "gap_share", "of": "mean_score", "features": ["a, b"], "by": ["x+y"], "at_most": 0.5}
    report = ak.audit(
        ak.Model(net()),
        data(x, {"x+y": group, "z": other}),
        checks=[ak.GapAttribution(by=["x+y", ["x+y", "z"]], permutations=2, shuffles=1)],
        policy={"rule": [rule]},
    )
    assert {f.by for f in report.findings} == {("x+y",), ("x+y", "z")}
    assert "not in the data" not in report.verdicts[0].reason
    crossed = next(f for f in report.findings if f.by == ("x+y", "z") and f.of == "mean_score")
    assert crossed.exhibits[0].of_all == pytest.approx(crossed.exhibits[0].total.value, abs=1e-6)  # all were sampled
    assert ak.Report.from_json(report.to_json()) == report


def test_crossings_of_one_spelling_stay_apart() -> None:
    x, _ = rows()
    first = np.where(np.arange(ROWS) % 2 == 0, "x, y", "x")
    second = np.where(first == "x", "y, z", "z")  # "x, y, z" both
    report = ak.audit(
        ak.Model(net()), data(x, {"p": first, "q": second}), checks=[ak.GapAttribution(by=[["p", "q"]], shuffles=1)]
    )
    assert '"x, y", z' in report.findings[0].title
    assert 'x, "y, z"' in report.findings[0].title


def test_a_constant_net_is_told_so_and_drawn() -> None:
    x, group = rows()
    checks = [ak.Attribution(), ak.GapAttribution(), ak.LayerAudit(random=2)]
    report = ak.audit(ak.Model(Constant()), data(x, {"group": group}), checks=checks)
    assert [n.why.partition(":")[0] for n in report.not_measured] == ["all scores are equal"] * 2
    assert "NaN" not in without_ours(render(report))


def test_constant_columns_are_drawn() -> None:
    x, group = rows()
    checks = [ak.LayerAudit(random=2), ak.Concepts(permutations=99), ak.Examples(n=1)]
    report = ak.audit(ak.Model(net()), data(x * 0 + 1, {"group": group}), checks=checks)
    assert len(report.findings) == 3
    assert "NaN" not in without_ours(render(report))


@pytest.mark.parametrize("values", [[0.0], [0.0, 1.0]])
def test_control_tasks_of_few_clusters_have_both_labels(values: list[float]) -> None:
    z = np.arange(100) < 20
    inputs = np.where(np.arange(100) < 5, values[0], values[-1])[:, None]
    for labels in control_tasks(inputs, z, np.ones(100), seed=0):
        assert 0 < labels.sum() < 100


def test_no_variance_takes_a_ridge() -> None:
    assert whitening(np.ones((5, 2))).ridged(0.1).variances.shape == (0,)


@pytest.mark.parametrize("size", [1e-17, 3e-14, 1.0])
def test_axes_have_two_ends(size: float) -> None:
    for axis in (axis_over([-size, size]), axis_to(size)):
        assert axis.low < axis.high
        assert axis.at(0.0) <= axis.at(size)


def test_a_net_that_looks_codes_up_has_no_erased_input() -> None:
    x, _ = rows()
    a, odd = np.arange(ROWS) % 2 == 0, np.arange(ROWS) % 20 < 2
    group = np.where(a, "A", "B")
    x = x.assign(f0=x["f0"] + 20 * a, f3=np.where(a == odd, 2, 0))  # without the group, which f0 tells: beyond 2
    torch.manual_seed(0)
    report = ak.audit(ak.Model(Coded()), data(x, {"group": group}), checks=[ak.LayerAudit(random=2)])
    (finding,) = report.findings
    (layer, *_) = [y for y in finding.exhibits[0].layers if y.name == "input"]
    assert layer.after is None
    assert layer.note.startswith("not erased")


def test_a_net_that_writes_to_its_inputs_is_explained_as_one_that_does_not() -> None:
    x, group = rows()
    checks = [ak.GapAttribution(permutations=2, shuffles=1), ak.LayerAudit(random=2), ak.Attribution()]
    torch.manual_seed(0)
    found = ak.audit(ak.Model(Writing()), data(x, {"group": group}), checks=checks)
    twice = x.assign(f0=2 * x["f0"])
    other = ak.audit(ak.Model(net()), data(twice, {"group": group}), checks=[checks[0]])
    of = next(f for f in found.findings if f.of == "mean_score").exhibits[0].rows
    assert len(found.findings) == 9
    gap = {r.label: r.estimate.value for r in of}
    expected = {
        r.label: r.estimate.value for r in next(f for f in other.findings if f.of == "mean_score").exhibits[0].rows
    }
    assert sum(gap.values()) == pytest.approx(sum(expected.values()), abs=0.02)  # pairs are drawn by hashed rows


def test_one_outcome_has_no_part_in_a_gap_of_loss() -> None:
    x, group = rows()
    same = ak.Dataset.from_arrays(x, y_true=np.zeros(ROWS, dtype=int), sensitive_features={"group": group})
    report = ak.audit(ak.Model(net()), same, checks=[ak.GapAttribution(permutations=2, shuffles=1)])
    loss = next(f for f in report.findings if f.of == "log_loss").exhibits[0]
    assert {r.label: r.estimate.value for r in loss.rows}[OUTCOME] == 0


@pytest.mark.parametrize(("module", "why"), [(Argmax(), "no gradient reaches"), (nn.Flatten(0), "no weights")])
def test_influence_without_gradients_is_not_measured(module: nn.Module, why: str) -> None:
    x, group = rows(COLUMNS if isinstance(module, Argmax) else ["f0"])
    check = ak.Influence(train=x.assign(y=np.arange(ROWS) % 2, group=group), y_true="y")
    report = ak.audit(ak.Model(module), data(x, {"group": group}), checks=[check])
    assert why in report.not_measured[0].why


def test_one_name_alone_is_a_list_of_one() -> None:
    for check in (ak.FlipTest(attributes="group"), ak.Concepts(attributes="group"), ak.Influence(attributes="group")):  # type: ignore[arg-type]
        assert check.options()["attributes"] == ["group"]


@pytest.mark.parametrize(
    "wrong", [lambda: ak.Attribution(method=3), lambda: ak.Attribution(n_steps=2.5), lambda: ak.Examples(method="sap")]
)
def test_wrong_options_are_refused_at_once(wrong: Any) -> None:
    with pytest.raises(ak.AuditkitError, match=r"must be a name|whole number|unknown attribution method"):
        wrong()


def test_rows_are_read_in_the_order_of_the_background() -> None:
    x, _ = rows()
    model = ak.Model(net())
    right = ak.explain(model, x.head(2), background=x).frame
    other = ak.explain(model, x.head(2)[["f2", "f0", "f3", "f1"]], background=x).frame
    pd.testing.assert_frame_equal(right, other)
    with pytest.raises(ak.DataError, match="lack columns of the background: f2, f3"):
        ak.explain(model, x[["f0", "f1"]], background=x)
    with pytest.raises(ak.DataError, match="a pandas frame"):
        ak.explain(model, x.to_numpy(), background=x)


def test_the_census_does_not_depend_on_the_order_of_rows() -> None:
    x, group = rows()
    order = np.random.default_rng(1).permutation(ROWS)

    def read(where: np.ndarray[Any, Any]) -> list[float | None]:
        found = ak.observe(
            ak.Model(net()),
            ak.Dataset.from_arrays(x.iloc[where], y_true=where % 2, sensitive_features={"group": group[where]}),
            checks=[ak.GapAttribution()],
        )
        assert found.sample is not None
        census = found.sample.census
        assert census is not None
        again = census_from_json(CensusMeans(census).to_json())
        return [
            CensusMeans(c).mean(of, {"group": g}) for c in (census, again) for of in ("score", "loss") for g in "AB"
        ]

    here = read(np.arange(ROWS))
    assert here == read(order)
    assert here[:4] == here[4:]


@pytest.mark.parametrize("check", [c(label="yes") for c in (ak.GapAttribution, ak.Attribution, ak.Concepts)])
def test_a_label_where_there_are_no_classes_is_named(check: Any) -> None:
    x, group = rows()
    with pytest.raises(ak.ModelError, match="names a class of several; this task is binary"):
        ak.audit(ak.Model(net()), data(x, {"group": group}), checks=[check])
