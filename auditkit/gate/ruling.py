"""The rules of a policy, from its tables: each mistake with its line."""

from __future__ import annotations

from typing import cast, get_args

from auditkit.catalogue.gaps import GAPS
from auditkit.catalogue.index import METRICS, resolve, unasked
from auditkit.catalogue.metric import Metric
from auditkit.errors import PolicyError, listing, nearest
from auditkit.gate.parts import between
from auditkit.gate.tables import DefaultsTable, RuleTable, Written
from auditkit.gate.toml import Document
from auditkit.records import CHANGE, CHANGES, Comparison, Rule


def rules_of(document: Document, tables: Written) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for i, spec in enumerate(tables.rule):
        if any(r.id == spec.id for r in rules):
            raise PolicyError(f"{document.where(('rule', i, 'id'))}: two rules have the id '{spec.id}'")
        rules.append(_rule(document, i, spec, tables.defaults))
    return tuple(rules)


def _rule(document: Document, i: int, spec: RuleTable, defaults: DefaultsTable) -> Rule:
    try:
        metric, implied = resolve(spec.metric)
    except PolicyError as e:
        raise PolicyError(f"{document.where(('rule', i, 'metric'))}: {e}") from None
    _share(document, i, spec, metric)
    m = METRICS[metric]
    comparison = spec.comparison or implied or ("difference" if m.kind == "gap" else None)
    at, by = (document.where(("rule", i, key)) for key in ("comparison", "by"))
    if comparison is None:
        raise PolicyError(f"{at}: rule '{spec.id}' needs a comparison: {listing(m.comparisons)}")
    if implied is not None and comparison != implied:
        raise PolicyError(f"{at}: '{spec.metric}' is a {implied}; the rule says {comparison}")
    if comparison == CHANGE:
        comparison = "lowest_change" if spec.at_least is not None else "highest_change"
    if comparison not in get_args(Comparison):
        known = (CHANGE, *get_args(Comparison))
        raise PolicyError(f"{at}: unknown comparison '{comparison}'.{nearest(comparison, known)}")
    if m.kind == "check":
        raise PolicyError(f"{document.where(('rule', i, 'metric'))}: {unasked(metric)}")
    if comparison not in m.comparisons:
        raise PolicyError(f"{at}: '{metric}' knows {listing(m.comparisons)}, not {comparison}")
    if comparison not in ("lowest_change", "highest_change") and (comparison == "overall") != (not spec.by):
        need = "takes no 'by'" if comparison == "overall" else "needs by = [...]: the attributes to compare"
        raise PolicyError(f"{by}: rule '{spec.id}' ({comparison}) {need}")
    if len(set(spec.by)) < len(spec.by):
        raise PolicyError(f"{by}: rule '{spec.id}' names an attribute twice in 'by'")
    if (spec.at_most is None) == (spec.at_least is None):
        raise PolicyError(f"{document.where(('rule', i))}: rule '{spec.id}' needs exactly one of at_most and at_least")
    for key in ("at_most", "at_least"):
        limit = getattr(spec, key)
        try:
            if limit is not None:
                between(limit, *(_of_changes(m) if comparison in CHANGES else m.limits), key)
        except ValueError as e:
            raise PolicyError(f"{document.where(('rule', i, key))}: '{key}': {e}") from None
    if not m.tested and (spec.decision or defaults.decision) != "point":
        raise PolicyError(
            f"{at}: '{metric}' has no interval: a rule about it needs decision = \"point\", which leaves chance out"
        )
    handled = ("decision", "on_inconclusive", "on_not_measured", "min_n", "max_regression")
    label = None if spec.label is None else str(spec.label)
    return Rule(
        **spec.model_dump(exclude={"metric", "comparison", "reference", "label", *handled}),
        metric=metric,
        comparison=cast(Comparison, comparison),
        reference=_reference(document, i, spec, comparison),
        label=label,
        line=document.lines.get(("rule", i)),
        **{k: getattr(defaults if getattr(spec, k) is None else spec, k) for k in handled},
    )


def _of_changes(m: Metric) -> tuple[float, float]:
    """Between what the limit of a change must lie: as far as the metric itself can move."""
    low, high = m.limits
    return low - high, high - low


def _share(document: Document, i: int, spec: RuleTable, metric: str) -> None:
    """A share says of which gap, and of which columns; nothing else does."""
    if METRICS[metric].kind != "gap":
        for key in ("of", "features"):
            if getattr(spec, key):
                raise PolicyError(f"{document.where(('rule', i, key))}: '{key}' goes with metric = \"gap_share\"")
        return
    if spec.of not in GAPS:
        got = "" if spec.of is None else f", got '{spec.of}'.{nearest(spec.of, GAPS)}"
        raise PolicyError(
            f"{document.where(('rule', i, 'of'))}: rule '{spec.id}' needs of = one of {listing(GAPS)}{got}"
        )
    if not spec.features or len(set(spec.features)) < len(spec.features):
        raise PolicyError(
            f"{document.where(('rule', i, 'features'))}: rule '{spec.id}' needs features = [...]: columns, each once"
        )


def _reference(document: Document, i: int, spec: RuleTable, comparison: str) -> dict[str, str] | None:
    """The reference group by attribute: one value for one attribute, a table for a crossing."""
    at = document.where(("rule", i, "reference"))
    if not comparison.endswith("to_reference"):
        if spec.reference is not None:
            raise PolicyError(f"{at}: rule '{spec.id}' ({comparison}) takes no 'reference'")
        return None
    if isinstance(spec.reference, str) and len(spec.by) == 1:
        return {spec.by[0]: spec.reference}
    if isinstance(spec.reference, dict) and set(spec.reference) == set(spec.by):
        return {name: spec.reference[name] for name in spec.by}
    example = '"…"' if len(spec.by) == 1 else "{ " + ", ".join(f'{name} = "…"' for name in spec.by) + " }"
    raise PolicyError(
        f"{at}: rule '{spec.id}' ({comparison}) needs reference = {example}: a group of {listing(spec.by)}"
    )
