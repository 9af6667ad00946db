"""Audit decisions that are made already: no model, only columns. Then judge the stored report by another policy.

Run it with `python examples/audit_decisions.py`.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import auditkit as ak


def main(folder: Path = Path("reports")) -> ak.Report:
    # Any table with a truth, a decision and whom it concerns: here a rule of thumb instead of a model.
    frame = pd.read_parquet(Path(__file__).parent / "data" / "adult.parquet")
    frame["decision"] = (frame["educational-num"] >= 13).astype(int)
    data = ak.Dataset(frame, y_true="income", positive=">50K", sensitive_features=["gender"])

    report = ak.audit(ak.Predictions("decision"), data)
    for metric in ("selection_rate", "true_positive_rate", "precision"):
        print(report.finding(f"fairness/{metric}/difference/gender").statement)

    # The report keeps its evidence: it can be judged later, elsewhere, without rows and without torch.
    stored = ak.Report.load(report.save(folder / "decisions.json"))
    judged = ak.judge(
        stored,
        {"rule": [{"id": "four-fifths", "metric": "demographic_parity_ratio", "by": ["gender"], "at_least": 0.8}]},
    )
    print(judged.verdicts[0].status, judged.verdicts[0].reason)
    return judged


if __name__ == "__main__":
    main()
