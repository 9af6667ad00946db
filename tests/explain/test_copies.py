"""Rows with copies, end to end: sampled findings cover those of the same check on all rows, which are the truth."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.check import Check
from auditkit.deciding import decided
from auditkit.evidence.sample import taken
from auditkit.records import Estimate, Finding

COLUMNS = ["sex", "prior", "charge"]
SEEDS = int(os.environ.get("AUDITKIT_SEEDS", "2"))
"""Audits of a setting, each beside the same checks on all rows; `make simulate` makes twenty."""


def columns(rows: pd.DataFrame) -> torch.Tensor:
    return torch.tensor(rows[COLUMNS].to_numpy(np.float32))


def model_of(seed: int) -> ak.Model:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    with torch.no_grad():
        net[2].bias.fill_(0.1)
    return ak.Model(
        net.eval(), outputs="logits", preprocess=columns, feature_map={c: [i] for i, c in enumerate(COLUMNS)}
    )


def frame_of(seed: int, rows: int, distinct: int, *, zipf: bool) -> pd.DataFrame:
    """Rows of so many distinct ones; half of them of each sex."""
    rng = np.random.default_rng(seed)
    kinds = pd.DataFrame({
        "sex": np.arange(distinct) % 2,
        "prior": rng.normal(size=distinct).round(2) if distinct > 12 else np.arange(distinct) // 2 % 3,
        "charge": rng.normal(size=distinct).round(2) if distinct > 12 else np.arange(distinct) // 6,
    })  # fmt: skip
    p = 1 / (1 + rng.permutation(distinct)) if zipf else np.ones(distinct)
    found = kinds.iloc[rng.choice(distinct, rows, p=p / p.sum())].reset_index(drop=True)
    return found.assign(y=(rng.random(rows) < 0.3 + 0.2 * (found["prior"] > 0)).astype(int))


def data_of(frame: pd.DataFrame) -> ak.Dataset:
    return ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex"])


def truth_of(check: Check, model: ak.Model, data: ak.Dataset) -> dict[str, Finding]:
    """What the check finds on all rows of the data, each a row of its own."""
    (part,) = data.parts()
    seen = check.examine(model, decided(model, data, part).batch)  # type: ignore[attr-defined]
    return {f.id: f for f in check.assess(seen, level=0.95).findings}


def consistency_of(model: ak.Model, data: ak.Dataset, size: int) -> float:
    """The mean agreement with neighbours in many simple random samples of so many rows."""
    (part,) = data.parts()
    batch, rng, found = decided(model, data, part).batch, np.random.default_rng(0), []
    for _ in range(60):
        rows = taken(batch, rng.choice(len(part), size, replace=False))
        found.append(ak.Consistency().study(rows, model).columns["agreement"].mean())
    return float(np.mean(found))


def estimates(finding: Finding) -> Iterator[tuple[str, Estimate]]:
    """Every estimate of a finding, named."""
    if finding.metric != "layer_audit":  # read on rows that were not fitted on: copies of those are no such rows
        yield finding.id, finding.estimate
    for group in finding.by_group:
        yield f"{finding.id}{group.group}", group.estimate
    for exhibit in finding.exhibits:
        if exhibit.kind == "layers":
            yield from ((f"{finding.id} before", layer.before) for layer in exhibit.layers if layer.before is not None)
        if exhibit.kind == "contributions":
            yield f"{finding.id} gap", exhibit.total
            yield from ((f"{finding.id} {row.label}", row.estimate) for row in exhibit.rows)


def test_few_distinct_rows_are_exact_over_the_data() -> None:
    """The case of 40,000 rows of 24 distinct ones."""
    frame = frame_of(1, 40_000, 12, zipf=False)
    model, data = model_of(3), data_of(frame)
    checks = [ak.FlipTest(), ak.Examples(n=1), ak.Recourse(actionable=["prior"], rows=50_000)]
    report = ak.audit(model, data, checks=checks)
    assert report.provenance.sample == 24
    truth = {k: e for c in checks for f in truth_of(c, model, data).values() for k, e in estimates(f)}
    found = [(k, e) for f in report.findings for k, e in estimates(f)]
    assert len(found) >= 9
    for name, e in found:
        t = truth[name]
        assert e.n == t.n, name
        for a, b in ((e.value, t.value), (e.low, t.low), (e.high, t.high)):
            assert (a, b) == (None, None) or a == pytest.approx(b, rel=1e-6, abs=1e-9), name
    for f in report.findings:
        assert f.notes[-1] == "all 40,000 rows of the data, which are 24 distinct ones: exact over the data"


def test_a_gap_of_few_distinct_rows_is_that_of_the_data() -> None:
    frame = frame_of(1, 10_000, 12, zipf=True)
    model, data = model_of(3), data_of(frame)
    with torch.no_grad():
        score = torch.sigmoid(model.module(columns(frame)))[:, 0].double().numpy()
    gap = score[frame["sex"] == 1].mean() - score[frame["sex"] == 0].mean()
    report = ak.audit(model, data, checks=[ak.GapAttribution()])
    found = next(f for f in report.findings if f.of == "mean_score")
    (total,) = (x.total for x in found.exhibits if x.kind == "contributions")
    assert total.value == pytest.approx(abs(gap), abs=1e-6)


def test_neither_order_nor_parts_of_rows_with_copies_matter() -> None:
    """One row is half of the data, so that heavy rows are looked for."""
    frame = frame_of(0, 4_000, 900, zipf=True)
    frame.loc[:1_800, COLUMNS] = (1, 0.25, 0.5)
    model, said = model_of(0), []
    for seed in (None, 1):
        rows = frame if seed is None else frame.sample(frac=1, random_state=seed)
        source = rows.reset_index(drop=True)
        report = ak.audit(model, data_of(source), checks=[ak.FlipTest(), ak.Consistency()], sample=120)
        said.append({k: e for f in report.findings for k, e in estimates(f)})
    assert said[0].keys() == said[1].keys()
    for name, e in said[0].items():
        other = said[1][name]
        for a, b in ((e.n, other.n), (e.value, other.value), (e.low, other.low), (e.high, other.high)):
            assert (a, b) == (None, None) or a == pytest.approx(b, rel=1e-6, abs=1e-9), name


def covered(seed: int, distinct: int, *, zipf: bool, sample: int) -> list[tuple[str, bool]]:
    """Of every estimate with an interval, whether it holds what the same check finds on all rows."""
    model, data = model_of(seed), data_of(frame_of(seed, 1_500, distinct, zipf=zipf))
    checks = [
        ak.FlipTest(),
        ak.Examples(n=1),
        ak.Recourse(actionable=["prior"], grid=4, depth=1),
        ak.GapAttribution(),
        ak.Concepts(permutations=99),
        ak.Attribution(),
        ak.LayerAudit(random=2),
    ]
    report = ak.audit(model, data, checks=[*checks, ak.Consistency()], sample=sample)
    alike = next((f.estimate for f in report.findings if f.id == "performance/consistency/overall"), None)
    truth = {k: e for c in checks for f in truth_of(c, model, data).values() for k, e in estimates(f)}
    held = []
    if alike is not None and alike.low is not None and alike.high is not None:
        held.append(("consistency", alike.low <= consistency_of(model, data, alike.n) <= alike.high))
    for finding in report.findings:
        for name, e in estimates(finding):
            t = truth.get(name)
            if t is None or t.value is None or e.low is None or e.high is None:
                continue
            held.append((name.split("/")[1], e.low - 1e-6 <= t.value <= e.high + 1e-6))
    return held


@pytest.mark.slow
@pytest.mark.parametrize("zipf", [False, True])
@pytest.mark.parametrize(("distinct", "sample"), [(24, 200), (400, 150), (1_000_000, 150)])
def test_sampled_findings_cover_those_of_all_rows(distinct: int, sample: int, zipf: bool) -> None:
    held = [h for seed in range(SEEDS) for h in covered(seed, distinct, zipf=zipf, sample=sample)]
    by_metric = pd.DataFrame(held, columns=["metric", "held"]).groupby("metric")["held"].agg(["mean", "size"])
    assert np.mean([h for _, h in held]) >= 0.92, by_metric
