"""A `[require]` table → Floor, each mistake with its line."""

from __future__ import annotations

import contextlib
import hashlib
import json

from auditkit.catalogue.index import METRICS, resolve
from auditkit.errors import PolicyError
from auditkit.gate.requiring import RequireTable
from auditkit.gate.ruling import rules_of
from auditkit.gate.tables import RuleTable, Written
from auditkit.gate.toml import Document
from auditkit.records import Floor, Rule

_ANY = "any attribute"
"""What stands for the attributes of a limit that names none, while it is checked."""


def floor_of(document: Document, tables: Written) -> Floor | None:
    """What the file requires; None where it requires nothing. PolicyError for what cannot be required."""
    table = tables.require
    if table is None:
        return None
    _possible(document, table)
    asked = Floor(
        source=document.name,
        metrics=tuple(dict.fromkeys(_metric(document, m) for m in table.metrics)),
        rules=_rules(document, tables, table),
        lines=_lines(document),
        **table.model_dump(exclude={"metrics", "rule"}),
    )
    dumped = asked.model_dump(mode="json", exclude={"source": True, "lines": True, "rules": {"__all__": {"line"}}})
    text = json.dumps(dumped, sort_keys=True)
    return asked.model_copy(update={"sha256": hashlib.sha256(text.encode()).hexdigest()})


def _possible(document: Document, table: RequireTable) -> None:
    low, high = table.lowest_min_n, table.highest_min_n
    if low is not None and high is not None and low > high:
        at = document.where(("require", "lowest_min_n"))
        raise PolicyError(f"{at}: no min_n is at least {low} and at most {high}")
    for crossing in table.crossings:
        if len(set(crossing)) < 2 or len(set(crossing)) < len(crossing):
            raise PolicyError(
                f"{document.where(('require', 'crossings'))}: a crossing is of two attributes or more, each once; got "
                f"{list(crossing)}"
            )
    if not table.waivers and table.longest_waiver is not None:
        raise PolicyError(f"{document.where(('require', 'longest_waiver'))}: without waivers none has a length")


def _metric(document: Document, name: str) -> str:
    at = document.where(("require", "metrics"))
    try:
        metric, _ = resolve(name)
    except PolicyError as e:
        raise PolicyError(f"{at}: {e}") from None
    if METRICS[metric].kind == "check":
        raise PolicyError(f"{at}: no rule can ask '{metric}': require its check in 'checks'")
    return metric


def _rules(document: Document, tables: Written, table: RequireTable) -> tuple[Rule, ...]:
    """As rules are read, with the lines of `[[require.rule]]`; one without attributes keeps none."""
    bounds = [not r.by and _compares(r.metric, r.comparison) for r in table.rule]
    named = [{**r.model_dump(), "id": r.id or _id(r.metric, r.comparison, r.by)} for r in table.rule]
    specs = [RuleTable(**(r | ({"by": (_ANY,)} if any_ else {}))) for r, any_ in zip(named, bounds, strict=True)]
    lines = {("rule", *p[2:]): n for p, n in document.lines.items() if p[:2] == ("require", "rule")}
    part = Document(document.name, {}, lines)
    found = rules_of(part, tables.model_copy(update={"rule": tuple(specs)}))
    return tuple(r.model_copy(update={"by": ()}) if any_ else r for r, any_ in zip(found, bounds, strict=True))


def _compares(metric: str, comparison: str | None) -> bool:
    """Whether groups are compared: a value over everybody has no attributes to name."""
    with contextlib.suppress(PolicyError):  # told with its line, where the rule is read
        comparison = comparison or resolve(metric)[1]
    return comparison != "overall"


def _id(metric: str, comparison: str | None, by: tuple[str, ...]) -> str:
    return "/".join(filter(None, ("required", metric, comparison or "", "+".join(by))))


def _lines(document: Document) -> dict[str, int]:
    """Key of `[require]` → line; rules by number; the table's own where a key has none."""
    found: dict[str, int] = {}
    for path, line in document.lines.items():
        if path[:1] != ("require",) or len(path) < 2:
            continue
        key = f"rule.{path[2]}" if path[1] == "rule" and len(path) > 2 else str(path[1])
        found.setdefault(key, line)
    return found
