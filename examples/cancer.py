"""Whom does a risk score leave untreated? A small net that says who needs a biopsy, and a second laboratory.

Run it with `python examples/cancer.py`; it writes reports/cancer.html and prints what it found. The 750 patients are
those that dcurves brings along (`pip install --no-deps dcurves`, of which a file is read): age, family history, a
marker in the blood, and whether there was a cancer. What this example adds is the second laboratory: it measures the
marker of every patient once more, with an assay that reads a tenth of what the first one does. No net was told. So each
patient stands in the table twice, once a laboratory, and whatever differs between the two is the assay and nothing
else.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

import auditkit as ak

TREAT = 0.10
"""One would take a biopsy from a risk of 10 % on: a cancer that is missed is as bad as nine needless biopsies."""
READS = {"first": 1.0, "second": 0.1}
COLUMNS = ["age", "famhistory", "marker"]


def patients() -> pd.DataFrame:
    """A row a patient."""
    (dcurves,) = importlib.util.find_spec("dcurves").submodule_search_locations
    return pd.read_csv(Path(dcurves) / "data" / "df_binary.csv")[["patientid", "cancer", *COLUMNS]]


class Net(nn.Module):
    """Age, family history and marker → the logit of a cancer."""

    def __init__(self, known: pd.DataFrame) -> None:
        super().__init__()
        x = torch.tensor(known[COLUMNS].to_numpy(np.float32))
        self.mean, self.sd = x.mean(0), x.std(0)
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers((x - self.mean) / self.sd)[:, 0]


def taught(known: pd.DataFrame, steps: int) -> Net:
    """A net that saw these patients, all of them measured in the first laboratory."""
    torch.manual_seed(0)
    net = Net(known)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=0.01)
    x, y = (torch.tensor(known[c].to_numpy(np.float32)) for c in (COLUMNS, "cancer"))
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(x), y).backward()
        optimizer.step()
    return net.eval()


def scored(steps: int, folds: int) -> pd.DataFrame:
    """A row a patient and laboratory, with the risk that a net gives who never saw that patient."""
    table, parts = patients(), []
    fold = table["patientid"] % folds
    for k in range(folds):
        net, own = taught(table[fold != k], steps), table[fold == k]
        for laboratory, reads in READS.items():
            seen = own.assign(marker=own["marker"] * reads, laboratory=laboratory)
            with torch.no_grad():
                risk = torch.sigmoid(net(torch.tensor(seen[COLUMNS].to_numpy(np.float32)))).numpy()
            parts.append(seen.assign(risk=risk.astype(float)))
    return pd.concat(parts).sort_values(["patientid", "laboratory"], ignore_index=True)


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    # What a hospital has: who was measured where, the risk that was told, and what the biopsy said.
    beside = folder / "cancer"
    beside.mkdir(parents=True, exist_ok=True)
    table = scored(steps=100 if quick else 1_000, folds=3 if quick else 10)
    table.to_parquet(beside / "patients.parquet")

    # At the risk from which on one would take a biopsy: whose cancers are found, whom does the score serve, and is it
    # right about those for whom the decision is close? The rows of a patient are one cluster.
    data = ak.Dataset(
        table[["patientid", "laboratory", "age", "risk", "cancer"]], y_true="cancer", positive=True,
        sensitive_features=["laboratory", "age"], bins={"age": [0, 65, 100]}, cluster="patientid",
    )  # fmt: skip
    each = [["laboratory"], ["age"]]
    checks = [
        ak.GroupFairness(metrics=["true_positive_rate", "true_negative_rate"], by=each),
        ak.NetBenefit(thresholds=[0.2], costs={"false_negative": 9, "false_positive": 1}, by=each),
    ]
    decided = ak.Predictions(None, score="risk", threshold=TREAT)
    report = ak.audit(decided, data, checks=checks, policy=Path(__file__).with_suffix(".toml"), name="cancer")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in ("net_benefit@0.1/difference", "net_benefit_over_all@0.1/group_min", "true_positive_rate/difference"):
        print(report.finding(f"fairness/{name}/laboratory").statement)
    print(report.save(folder / "cancer.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
