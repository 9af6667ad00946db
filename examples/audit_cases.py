"""From the gap to single people: flips, recourse, concepts, training rows, and wrong decisions one by one.

Run it with `python examples/audit_cases.py`; it writes reports/cases.html.
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
WORDS = ["occupation", "marital-status", "gender"]


def main(folder: Path = Path("reports")) -> ak.Report:
    # A net that is shown gender, so that there is something to flip.
    frame = pd.read_parquet(Path(__file__).parent / "data" / "adult.parquet")
    test = frame.index % 10 < 3
    train = frame[~test].sample(6_000, random_state=0)
    encoder = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), WORDS)
    )
    inputs = torch.tensor(encoder.fit_transform(train), dtype=torch.float32)
    target = torch.tensor((train["income"] == ">50K").to_numpy(), dtype=torch.float32)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(inputs.shape[1], 16), nn.SiLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(inputs)[:, 0], target).backward()
        optimizer.step()

    model = ak.Model(net, preprocess=encoder, name="cases")
    data = ak.Dataset(frame[test], y_true="income", positive=">50K", sensitive_features=["gender"])

    # What if only gender were another? Who could turn a refusal, at what cost? Does the net hold the group inside,
    # and use it? Which training rows push the gap? And, only because it is asked for: two wrong decisions of each kind.
    checks = [
        ak.FlipTest(),
        ak.Recourse(["educational-num", "hours-per-week", "occupation"], directions={"educational-num": "up"}),
        ak.Concepts(),
        ak.Influence(train),
    ]
    report = ak.audit(model, data, checks=checks, include_examples=2, sample=1_000)
    for finding in report.findings:
        print(f"{finding.title}: {finding.statement}")
    print(report.save(folder / "cases.html"))

    # Any row can be explained by itself, too.
    rows = frame[test].head(3)
    explained = ak.explain(model, rows, background=frame[test].head(500))
    print(explained.frame.round(2).to_string())
    return report


if __name__ == "__main__":
    main()
