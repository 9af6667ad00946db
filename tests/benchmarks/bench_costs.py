"""Which check costs what: each alone on the demo, in seconds of one core and in rows that pass through the net.

`python -m tests.benchmarks.bench_costs docs/costs.md` writes the table into that page.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import auditkit as ak
from auditkit.checks import check_of
from auditkit.demo.income import DATA
from tests.benchmarks.timing import one_thread

ASKED: dict[str, dict[str, Any]] = {
    "data_profile": {},
    "group_fairness": {},
    "scores": {},
    "subgroups": {},
    "conditional_parity": {"control": "education"},
    "impact_ratios": {"law": "four-fifths"},
    "unknown_demographics": {},
    "proxies": {},
    "consistency": {},
    "continuous_attribute": {"column": "age"},
    "gap_attribution": {},
    "layer_audit": {},
    "attribution": {},
    "flip_test": {},
    "concepts": {},
    "recourse": {"actionable": ["educational-num", "hours-per-week"]},
    "examples": {},
}
"""Check → its options."""
_MARKS = ("<!-- costs -->\n", "<!-- end of costs -->")


def cost(name: str, options: dict[str, Any]) -> tuple[float, int, str]:
    """(seconds, rows through the net, why it was not measured or "") of an audit that asks this and nothing else."""
    model = ak.demo.model()
    sensitive = ["gender", "race"]
    data = ak.Dataset(
        DATA, y_true="income", positive=">50K", sensitive_features=sensitive, control_features=["education"]
    )
    passed = 0

    def counted(_: object, inputs: Any, output: Any) -> None:
        nonlocal passed
        passed += len(output)

    hook = model.module.register_forward_hook(counted)
    start = time.process_time()
    report = ak.audit(model, data, checks=[check_of(name, options)], on_error="raise", progress=False)
    seconds = time.process_time() - start
    hook.remove()
    own = [n for n in report.not_measured if n.what == name]
    return seconds, passed, own[0].why if own and not report.findings else ""


def table() -> str:
    lines = ["| check | seconds | rows through the net |", "|---|---|---|"]
    with one_thread():
        cost("data_profile", {})  # what is imported once counts for none
        for name, options in ASKED.items():
            cost(name, options)  # once more, for what it alone imports
            seconds, rows, why = cost(name, options)
            lines.append(f"| `{name}` | {seconds:.1f} | {rows:,} |" + (f" {why}" if why else ""))
            print(f"  {name:24} {seconds:7.2f} s  {rows:>12,} rows  {why}", flush=True)
    return "\n".join(lines) + "\n"


def main(page: Path | None = None) -> None:
    made = table()
    if page is not None:
        text = page.read_text(encoding="utf-8")
        begin, end = _MARKS
        page.write_text(re.sub(f"{begin}.*?{end}", f"{begin}{made}{end}", text, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
