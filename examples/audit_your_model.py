"""Audit a net of your own: a scikit-learn transformer for the columns, a torch module for the rest.

Run it with `python examples/audit_your_model.py`; it writes reports/your-model.html and prints the worst finding.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

import auditkit as ak

NUMBERS = ["age", "educational-num", "hours-per-week"]
WORDS = ["workclass", "occupation", "marital-status"]


def main(folder: Path = Path("reports")) -> ak.Report:
    # 1. Your data and your model, trained as you always do.
    frame = pd.read_parquet(Path(__file__).parent / "data" / "adult.parquet")
    test = frame.index % 10 < 3
    encoder = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), WORDS)
    )
    inputs = torch.tensor(encoder.fit_transform(frame[~test]), dtype=torch.float32)
    target = torch.tensor((frame[~test]["income"] == ">50K").to_numpy(), dtype=torch.float32)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(inputs.shape[1], 16), nn.SiLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(inputs)[:, 0], target).backward()
        optimizer.step()

    # 2. Tell auditkit what it needs: how raw columns become inputs, what the outputs are, whom decisions concern.
    model = ak.Model(net, preprocess=encoder, outputs="logits", name="your-model")
    data = ak.Dataset(frame[test], y_true="income", positive=">50K", sensitive_features=["gender", "race"])

    # 3. Audit, and judge by a policy. Here as a dict; usually a file, auditkit.toml.
    rule = {"id": "equal-opportunity", "metric": "true_positive_rate", "comparison": "difference", "by": ["gender"]}
    report = ak.audit(model, data, policy={"rule": [rule | {"at_most": 0.1}]})

    # 4. Read it, keep it, act on it.
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    print(report.finding("fairness/true_positive_rate/difference/gender").statement)
    print(report.finding("explanation/integrated_gradients/overall").statement)
    print(report.save(folder / "your-model.html"))
    return report


if __name__ == "__main__":
    main()
