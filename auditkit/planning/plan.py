"""`ak.plan`: what an audit could see, before anybody collects or labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auditkit.catalogue.index import METRICS, resolve
from auditkit.errors import DataError, PolicyError
from auditkit.judging import as_policy
from auditkit.looks import told
from auditkit.planning.power import Asked
from auditkit.planning.sizes import BaseRate, Groups, Sizes, rate_of, sizes_of
from auditkit.plans import Plan, PlannedGroup, PlannedRule
from auditkit.records import Rule

MOST = 10_000_000
"""To count in a group: beyond so many it is not said how many would do."""
MOST_GROUPS = 100
"""Groups of one rule that are planned."""
POWER = 0.8


def plan(
    groups: Any,
    *,
    policy: Any,
    base_rate: BaseRate | None = None,
    rates: Mapping[str, float] | None = None,
    truth: float = 0.0,
    power: float = POWER,
    sensitive_features: Sequence[str] = (),
) -> Plan:
    """What an audit of groups of these sizes could see, rule by rule, in closed form: nothing is drawn.

    Parameters
    ----------
    groups
        Attribute → value → rows: `{"sex": {"F": 1200, "M": 3000}}`; or a `Dataset`; or a frame or a file, whose columns
        `sensitive_features` are counted. Crossed groups of numbers are sized as if attributes were independent.
    policy
        As `ak.audit` takes it: a `Policy`, a dict, a file, the name of a preset.
    base_rate
        The share that is truly positive, of everybody or by attribute and value; that of a `Dataset` is known.
    rates
        Metric → the value that all groups are taken to have, as of a fair model; without one the base rate stands for a
        selection rate, and ½, where differences are hardest to see, for any other.
    truth
        The gap that the worst group has in truth (of a ratio, one less the ratio), where a rule is to pass.
    power
        The chance of being decided that counts as enough.

    Raises DataError and PolicyError for sizes and rates that cannot be, and for rules about attributes without sizes.

    >>> rule = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1}
    >>> found = plan({"sex": {"F": 1200, "M": 3000}}, base_rate=0.3, policy={"rule": [rule]}).rules[0]
    >>> round(found.fails_from, 3), found.passes, found.groups[0].rows_needed
    (0.146, True, 438)
    """
    sizes = sizes_of(groups, base_rate, features=sensitive_features)
    power = rate_of("the power", power)
    if not 0.5 <= power < 1:
        raise DataError(f"the power lies between 0.5 and 1; got {power:g}")
    truth = rate_of("the true gap", truth)
    asked = as_policy(policy).for_features(tuple(sizes.alone))
    assumed = _rates(rates or {})
    rules = [_planned(rule, asked, sizes, assumed, truth, power) for rule in asked.rules]
    if not rules:
        raise PolicyError("the policy has no rule: nothing can be planned")
    crossings = dict.fromkeys(n for r in asked.rules if len(r.by) > 1 and (n := sizes.groups(r.by).note))
    spent = told(asked.confidence, asked.looks)
    return Plan(
        power=power,
        looks=asked.looks,
        attributes={a: {v: int(n) for v, n in values.items()} for a, values in sizes.alone.items()},
        base_rates=sizes.base,
        rules=tuple(rules),
        notes=(*crossings, *([spent] if spent else [])),
    )


def _rates(given: Mapping[str, float]) -> dict[str, float]:
    """Metric → its assumed value; PolicyError for an unknown metric, naming the nearest."""
    return {resolve(name)[0]: rate_of(f"the rate of {name}", x) for name, x in given.items()}


def _planned(
    rule: Rule, policy: Any, sizes: Sizes, assumed: Mapping[str, float], truth: float, power: float
) -> PlannedRule:
    own = policy.confidence if rule.confidence is None else rule.confidence
    alike = [r for r in policy.rules if r.severity == rule.severity and r.decision == "interval"]
    shared = policy.correction == "holm" and len(alike) > 1 and rule.decision == "interval"
    levels = {"fail_level": 1 - (1 - own) / (len(alike) if shared else 1), "pass_level": own}
    of = sizes.groups(rule.by)
    why = _unplanned(rule, of)
    if why:
        return PlannedRule(rule=rule, planned=False, **levels, sentences=(why,))
    share, rate = _share(rule, of, assumed), _rate(rule, of, assumed)
    question = Asked(rule, of.labels, of.rows * share, rate, power, **levels)
    if not question.kept.any() or (question.kept.sum() < 2 and rule.comparison not in ("overall", *_ONE)):
        return _too_few(question, of, levels)
    return _measured(question, of, share, truth)


_ONE = ("group_min", "group_max")


def _unplanned(rule: Rule, of: Groups) -> str:
    """Why sizes and rates do not say what the rule would come to; empty where they do."""
    m = METRICS[rule.metric]
    if m.kind != "rate" or not m.numerator:
        return f"{m.title} is no share of rows: what an audit could see of it depends on more than sizes and rates."
    if m.within:
        return f"{m.title} is of pairs with people in common: what an audit could see depends on how many people."
    if rule.decision == "point":
        return "It is decided by the point value alone, which any number of rows gives, whatever chance does."
    if rule.comparison.startswith("difference") and rule.at_most is None:
        return "It asks for a difference of at least so much: no plan is made of that."
    if rule.comparison.startswith("ratio") and rule.at_least is None:
        return "It asks for a ratio of at most so much: no plan is made of that."
    if rule.comparison.endswith("to_overall"):
        return "Of groups against everybody no plan is made: plan against the rest (difference_to_rest)."
    if len(of.labels) > MOST_GROUPS:
        return f"{len(of.labels)} groups are more than the {MOST_GROUPS} that are planned."
    return ""


def _share(rule: Rule, of: Groups, assumed: Mapping[str, float]) -> Any:
    """(K,) share of a group's rows that the metric is of."""
    m = METRICS[rule.metric]
    cells = {(t, d) for t, d in m.denominator if t >= 0 and d >= 0}
    truths, decisions = ({c[i] for c in cells} for i in (0, 1))
    if len(truths) == 1:
        if np.isnan(of.base).any():
            who = m.denominator_words
            raise DataError(
                f"rule '{rule.id}' ({rule.metric}) is of {who}: say how many these are, by base_rate (--base-rate)"
            )
        return of.base if truths == {1} else 1 - of.base
    if len(decisions) == 1:
        selected = assumed.get("selection_rate", float(np.nan_to_num(of.base, nan=0.5).mean()))
        return np.full(len(of.rows), selected if decisions == {1} else 1 - selected)
    return np.ones(len(of.rows))


def _rate(rule: Rule, of: Groups, assumed: Mapping[str, float]) -> float:
    """The value that all groups are taken to have."""
    if rule.metric in assumed:
        return assumed[rule.metric]
    known = ~np.isnan(of.base)
    if rule.metric in ("selection_rate", "base_rate") and known.any():
        return float(np.average(of.base[known], weights=of.rows[known]))
    if rule.comparison.startswith("ratio"):
        raise DataError(
            f"rule '{rule.id}' is about a ratio, which is the harder to see the rarer the rate: say base_rate, or "
            f"rates={{'{rule.metric}': …}} (--base-rate, --rate)"
        )
    return 0.5


def _too_few(asked: Asked, of: Groups, levels: Mapping[str, float]) -> PlannedRule:
    return PlannedRule(
        rule=asked.rule,
        planned=True,
        **levels,
        rate=asked.rate,
        groups=tuple(_group(asked, of, i, None, None) for i in range(len(of.labels))),
        passes=False,
        can_pass=False,
        can_fail=False,
        sentences=("Fewer than two groups are large enough: the rule would not be measured.",),
    )


def _measured(asked: Asked, of: Groups, share: Any, truth: float) -> PlannedRule:
    where = [i for i in range(len(of.labels)) if asked.kept[i] and not _is_reference(asked, i)]
    edges = {i: asked.fails_from(i) for i in where}
    counted = asked.counted_needed(truth, MOST)
    needed = {i: None if counted is None or not share[i] else math.ceil(counted / share[i]) for i in where}
    known = [x for x in edges.values() if x is not None]
    lower = asked.rule.at_least is not None  # the smaller, the farther
    worst = None if len(known) < len(edges) or not known else (min if lower else max)(known)
    kind = asked.rule.comparison
    seen = asked.estimate(np.full(len(share), asked.rate), asked.pass_level).mde if "difference" in kind else None
    return PlannedRule(
        rule=asked.rule,
        planned=True,
        fail_level=asked.fail_level,
        pass_level=asked.pass_level,
        rate=asked.rate,
        truth=truth,
        groups=tuple(_group(asked, of, i, edges.get(i), needed.get(i)) for i in range(len(of.labels))),
        fails_from=worst,
        seen_from=seen,
        counted_needed=counted,
        passes=asked.passes(truth),
        can_pass=asked.passes(truth, 0.0),
        can_fail=asked.can_fail(),
    )


def _is_reference(asked: Asked, i: int) -> bool:
    r = asked.rule.reference
    return r is not None and asked.labels[i] == tuple(r[a] for a in asked.rule.by)


def _group(asked: Asked, of: Groups, i: int, edge: float | None, needed: int | None) -> PlannedGroup:
    return PlannedGroup(
        group=dict(zip(asked.rule.by, of.labels[i], strict=True)),
        rows=round(float(of.rows[i])),
        counted=float(asked.counted[i]),
        too_few=not bool(asked.kept[i]),
        fails_from=edge,
        rows_needed=needed,
    )
