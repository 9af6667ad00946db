"""What single rows are compared with: a frame, the means that a report keeps, never the row itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.grouped import GroupSums
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.sums import START, AttributionRows
from tests.explain.trust_nets import Net, tabular


@pytest.fixture(scope="module")
def net() -> Net:
    model, sample = tabular(3, width=4, rows=60)
    columns = list(sample.features)
    model = ak.Model(
        model.module,
        preprocess=lambda f: f[columns].to_numpy(np.float32),
        feature_map={c: [j] for j, c in enumerate(columns)},
    )
    return model, replace(sample, weight=np.random.default_rng(0).uniform(1, 3, 60))


def report_of(net: Net) -> ak.Report:
    model, sample = net
    frame = sample.features.assign(y=0, sex=sample.groups["sex"].astype(str))
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    return ak.audit(model, data, checks=[ak.Attribution()])


def test_few_rows_are_not_their_own_background(net: Net) -> None:
    model, sample = net
    with pytest.raises(DataError, match=r"1 row without a background would be compared with itself.*background="):
        ak.explain(model, sample.features.head(1))
    with pytest.raises(DataError, match="19 rows without"):
        ak.explain(model, sample.features.head(19))
    assert len(ak.explain(model, sample.features.head(20))) == 20


def test_a_report_keeps_the_mean_row(net: Net, tmp_path: Path) -> None:
    model, sample = net
    report = report_of(net)
    report.save(tmp_path / "report.json")
    row = sample.features.head(1)
    by_report = ak.explain(model, row, background=ak.Report.load(tmp_path / "report.json"))
    by_frame = ak.explain(model, row, background=sample.features)
    np.testing.assert_allclose(by_report.frame, by_frame.frame, rtol=1e-4, atol=1e-5)
    assert by_report.holds.all()
    assert by_report.frame.to_numpy().any()


def test_what_a_report_cannot_say_is_said(net: Net) -> None:
    model, sample = net
    report, row = report_of(net), sample.features.head(1)
    with pytest.raises(DataError, match="draws rows, and a report keeps none"):
        ak.explain(model, row, background=report, method="expected_gradients")
    with pytest.raises(DataError, match="another model"):
        ak.explain(ak.Model(nn.Linear(4, 1)), row, background=report)
    with pytest.raises(DataError, match="keeps no mean row"):
        ak.explain(model, row, background=report.model_copy(update={"evidence": {}}))


def test_the_mean_point_adds_and_old_evidence_has_none(net: Net) -> None:
    model, sample = net
    seen = Attribution().examine(model, sample)
    mean = np.average(sample.features, axis=0, weights=sample.weight)
    np.testing.assert_allclose(seen.sums().tables[START].everybody.mean, mean, rtol=1e-5, atol=1e-6)
    both = seen + seen
    assert both.start is not None
    assert both.start.everybody.n == 120
    np.testing.assert_allclose(both.start.everybody.mean, mean, rtol=1e-5, atol=1e-6)
    again = AttributionRows.from_json(seen.to_json())
    assert again.start is not None
    np.testing.assert_allclose(again.start.everybody.mean, mean, rtol=1e-4, atol=1e-5)
    old = {k: v for k, v in seen.to_json().items() if k != START}
    assert AttributionRows.from_json(old).start is None
    assert START not in GroupSums.from_json(AttributionRows.from_json(old).sums().to_json()).tables
    with pytest.raises(EvidenceError):
        AttributionRows.from_json({**old, START: {"columns": ["0"]}})


@pytest.mark.parametrize("method", ["expected_gradients", "gradient_shap"])
def test_expected_gradients_of_single_rows_are_those_of_every_row_of_the_background(net: Net, method: str) -> None:
    """The truth: Integrated Gradients from each row of the background, at 128 points, the mean over these."""
    model, sample = net
    frame, row = sample.features, sample.features.head(3)
    found = ak.explain(model, row, background=frame, method=method)
    each = [ak.explain(model, row, background=frame.iloc[[k]], n_steps=128).frame.to_numpy() for k in range(len(frame))]
    assert found.epsilon is not None
    assert found.holds.all()
    assert set(found.steps % len(frame)) == {0}
    truth = np.mean(each, axis=0)
    np.testing.assert_allclose(found.frame, truth, atol=0.1 * np.abs(truth).max())


def test_expected_gradients_that_never_add_up_do_not_hold() -> None:
    """A step: no gradient sees it, however many points there are."""

    class Step(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[:, :1] > 0).float() + 0.1 * x[:, 1:2]

    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
    model = ak.Model(Step(), outputs=lambda out: out.sigmoid().reshape(-1))
    found = ak.explain(model, rows.head(4), background=rows, method="expected_gradients")
    assert not found.holds.all()
    assert found.steps.max() == 64 * 40
