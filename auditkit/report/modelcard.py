"""A section of a Hugging Face model card: the metadata `model-index`, and below it what the gate says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditkit.records import Report
from auditkit.report import markdown
from auditkit.report.carded import Carded, cards
from auditkit.report.vocabulary import plain, shown
from auditkit.report.writing import mark

MOST = 200
"""Values in the metadata, at most; the hub shows them as a table."""


def render(report: Report) -> str:
    """Markdown with YAML metadata, to begin a model's README.md with or to merge into it.

    Each value of `model-index` has its metric, its name with the group and the interval in words, and in `args` the
    group, the limits in full, their level, the rows and the state. Undefined values are counted, not listed.
    """
    found = cards(report, MOST)
    data, model = report.provenance.data, report.provenance.model
    dataset = shown(data.name, empty="data")
    result: dict[str, Any] = {
        "task": {"type": "regression" if data.kind.numeric else "classification", "name": data.task},
        "dataset": {"type": dataset, "name": dataset, "args": {"rows": data.rows, "rows_sha256": data.sha256}},
        "metrics": [_metric(c) for c in found.told],
    }
    index = {"model-index": [{"name": shown(model.name or report.name), "results": [result] if found.told else []}]}
    beside = [
        f"{n} {what}" for n, what in ((found.undefined, "undefined"), (found.left, "further, in the report alone")) if n
    ]
    head = ["---", f"# {mark(report)}", *_yaml(index), "---", "", "## Fairness audit", ""]
    left = [f"*Values that are not in the metadata: {', '.join(beside)}.*", ""] if beside else []
    return "\n".join([*head, *left, *markdown.body(report)]) + "\n"


def _metric(c: Carded) -> dict[str, Any]:
    e = c.estimate
    sure = f" ({c.interval})" if c.interval else ""
    limits = {"low": e.low, "high": e.high, "level": e.level, "n": e.n, "state": e.state}
    return {
        "type": c.metric,
        "value": e.value,
        "name": f"{c.title}, {c.slice}: {c.value}{sure}",
        "args": {"group": c.slice, **limits},
    }


_SHORT = re.compile(r"^(-?\d+)e")


def _yaml(what: Any, depth: int = 0) -> Iterator[str]:
    """Lines of block YAML; every text is quoted as JSON quotes it, which YAML reads as it is.

    >>> print("\\n".join(_yaml({"a": [{"b": 1e-7, "c": "x: #y"}], "d": []})))
    a:
    - b: 1.0e-07
      c: "x: #y"
    d: []
    """
    pad = " " * depth
    if isinstance(what, Mapping):
        for key, x in what.items():
            if x and isinstance(x, Mapping | list):
                yield f"{pad}{key}:"
                yield from _yaml(x, depth + (2 if isinstance(x, Mapping) else 0))
            else:
                yield f"{pad}{key}: {_scalar(x)}"
    elif isinstance(what, Sequence):
        for x in what:
            first, *rest = _yaml(x, depth + 2)
            yield f"{pad}- {first.lstrip()}"
            yield from rest


def _scalar(x: Any) -> str:
    if isinstance(x, str):
        return json.dumps(plain(x), ensure_ascii=False)
    return _SHORT.sub(r"\1.0e", json.dumps(x, allow_nan=False))  # YAML 1.1 knows no number without a point
