"""Findings as they were when evidence still held a row a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WHERE = Path(__file__).with_name("frozen_findings.json")
METRICS = {
    "integrated_gradients", "shapley", "gradient_shap", "saliency", "flip_rate", "flip_effect", "recourse_success",
    "recourse_cost", "concepts", "consistency", "examples", "generalized_demographic_parity",
    "distance_correlation",
}  # fmt: skip
"""Metrics whose evidence held rows."""
Numbers = dict[str, float]
_PLAIN = ("level", "limit", "n", "numerator", "denominator")
"""Numbers that are counts, or were given."""


def numbers_of(findings: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Finding → its sentence, and each number of its estimates, exhibits and checks by its place.

    Left out: the curve along an attribute, whose places were people's values.
    """
    out: dict[str, dict[str, Any]] = {}
    for f in findings:
        if f["metric"] not in METRICS:
            continue
        exhibits = [x for x in f["exhibits"] if x["kind"] != "curve"]
        seen: Numbers = {}
        _walk({"e": f["estimate"], "g": f["by_group"], "x": exhibits, "t": f["trust"]}, "", seen)
        out[f["id"]] = {"statement": f["statement"], "numbers": seen}
    return out


def frozen() -> dict[str, dict[str, dict[str, Any]]]:
    """Audit → finding → what it said."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(WHERE.read_text(encoding="utf-8"))
    return found


def _walk(value: Any, where: str, into: Numbers) -> None:
    if isinstance(value, dict):
        for k, v in value.items():
            if k not in _PLAIN:
                _walk(v, f"{where}.{k[:1]}", into)
    elif isinstance(value, list):
        for i, v in enumerate(value):
            _walk(v, f"{where}.{i}", into)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        into[where] = float(f"{value:.7g}")
