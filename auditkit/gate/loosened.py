"""Two policies side by side: what was loosened, what was tightened, and what is merely another.

Loosened is a change by which a model could be let through that was not before: it need not have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.formatting import confidence, limit, quantity
from auditkit.gate.judge import key_of
from auditkit.records import PolicyInfo, Record, Rule, Verdict

Way = Literal["loosened", "tightened", "added", "changed"]
"""`added`: a rule that was not asked before, waived or not."""


class PolicyChange(Record):
    """One thing that a policy says otherwise."""

    way: Way
    rule: str = ""
    """Its id; empty: the whole policy."""
    key: str
    """What of it: a key of the configuration, or `rule` or `waiver`."""
    old: str = ""
    """As it was, in words; empty: not there."""
    new: str = ""
    statement: str
    """One sentence."""


_HANDLING = ("fail", "warn", "pass")
_UNJUDGED = {"id", "line", "refs", "metric", "comparison", "by", "reference", "label", "of", "features"}
"""Fields of a rule that are its name, or its question, which is looked at as a whole."""


def matched(old: Sequence[Rule], new: Sequence[Rule]) -> list[tuple[Rule | None, Rule | None]]:
    """Rules of two policies: those of one id, then those that ask the same under another id, then the others."""
    now = {r.id: r for r in new}
    was = {r.id: r for r in old}
    lost = [r for r in old if r.id not in now]
    free = [r for r in new if r.id not in was]
    pairs: list[tuple[Rule | None, Rule | None]] = [(r, now[r.id]) for r in old if r.id in now]
    for r in lost:
        same = next((x for x in free if key_of(x) == key_of(r) and _way(x) == _way(r)), None)
        if same is not None:
            free.remove(same)
        pairs.append((r, same))
    return [*pairs, *((None, r) for r in free)]


def policy_changes(
    old: PolicyInfo | None, new: PolicyInfo | None, was: Sequence[Verdict], now: Sequence[Verdict]
) -> tuple[PolicyChange, ...]:
    """What changed between the policies that two reports were judged by, rule by rule; waivers as they stood."""
    if old is None and new is None:
        return ()
    if old is None or new is None:
        said = "a policy judges it now; none did before" if old is None else "no policy judges it any more"
        return (PolicyChange(way="loosened" if new is None else "tightened", key="policy", statement=_sentence(said)),)
    found = [*_whole(old, new)]
    of_old, of_new = {v.rule.id: v for v in was}, {v.rule.id: v for v in now}
    beside = []
    for a, b in matched([v.rule for v in was], [v.rule for v in now]):
        before, after = (None if a is None else of_old[a.id]), (None if b is None else of_new[b.id])
        changes = rule_changes(a, b, old.confidence, new.confidence)
        if before is None and after is not None:
            changes = [_with_waiver(c, after) for c in changes]
        else:
            beside += _waiver(before, after)
        found += changes
        if after is not None:
            beside += _baseline(before, after)
    return (*found, *beside)


def _with_waiver(added: PolicyChange, v: Verdict) -> PolicyChange:
    """A rule that is new, with its waiver: nothing that it asks was asked before, so that nothing is let through."""
    w = v.waiver
    if w is None or w.expired:
        return added
    said = f"{added.statement[:-1]}; it is waived until {w.expires} ({w.approved_by}): {w.reason.rstrip('.')}."
    return added.model_copy(update={"statement": said})


def rule_changes(old: Rule | None, new: Rule | None, was: float = 0.95, now: float = 0.95) -> list[PolicyChange]:
    """What changed in one rule; `was` and `now` are the confidences of the policies, where the rule has none."""
    if new is None:
        assert old is not None
        return [_change("loosened", old, "rule", _asks(old), "", f"the rule '{old.id}' is gone ({_asks(old)})")]
    if old is None:
        return [_change("added", new, "rule", "", _asks(new), f"the rule '{new.id}' is new ({_asks(new)})")]
    if key_of(old) != key_of(new) or _way(old) != _way(new):
        lost = [a for a in old.by if a not in new.by]
        said = f"the rule '{new.id}' asks something else: {_asks(new)}; it asked {_asks(old)}"
        if lost:
            said = f"the rule '{new.id}' no longer asks by {listing(lost)}: {_asks(new)}; it asked {_asks(old)}"
        return [_change("loosened", new, "by" if lost else "rule", _asks(old), _asks(new), said)]
    found = []
    if old.id != new.id:
        said = f"the rule '{old.id}' is now called '{new.id}'"
        found.append(_change("changed", new, "id", old.id, new.id, said))
    for key in Rule.model_fields:
        a, b = getattr(old, key), getattr(new, key)
        if key not in _UNJUDGED and a != b:
            way, words = _KEYS.get(key, _other)(old, new, key)
            if key == "confidence":
                way, words = _level(old.confidence or was, new.confidence or now)
            shown = _limits(old, new) if key in ("at_most", "at_least") else (_told(a) or "none", _told(b) or "none")
            said = f"'{key}' of the rule '{new.id}' is {shown[1]}; it was {shown[0]}{words}"
            if key == "confidence" and (old.confidence or was) == (new.confidence or now):
                continue
            found.append(_change(way, new, key, *shown, said))
    return found


def _whole(old: PolicyInfo, new: PolicyInfo) -> list[PolicyChange]:
    """What changed for all rules at once."""
    found = []
    if old.confidence != new.confidence:
        way, words = _level(old.confidence, new.confidence)
        shown = confidence(old.confidence), confidence(new.confidence)
        said = _sentence(f"'confidence' is {shown[1]}; it was {shown[0]}{words}")
        found.append(PolicyChange(way=way, key="confidence", old=shown[0], new=shown[1], statement=said))
    if old.correction != new.correction:
        more = new.correction == "holm"
        words = "rules share one error now, so that each fails later" if more else "each rule fails by its own interval"
        said = _sentence(f"'correction' is {new.correction}; it was {old.correction}: {words}")
        way = "loosened" if more else "tightened"
        found.append(PolicyChange(way=way, key="correction", old=old.correction, new=new.correction, statement=said))
    for key in ("id", "version", "owner", "review_by", "baseline"):
        a, b = _told(getattr(old, key)), _told(getattr(new, key))
        if a != b:
            said = _sentence(f"'{key}' of the policy is {b or 'not said'}; it was {a or 'not said'}")
            found.append(PolicyChange(way="changed", key=key, old=a, new=b, statement=said))
    return found


def _waiver(old: Verdict | None, new: Verdict | None) -> list[PolicyChange]:
    """A waiver that came, was prolonged, went or ended."""
    was, now = (None if v is None or v.waiver is None or v.waiver.expired else v.waiver for v in (old, new))
    if was == now or (was and now and was.expires == now.expires):
        return []
    rule = (new or old).rule  # type: ignore[union-attr]
    until = (f"until {was.expires}" if was else ""), (f"until {now.expires}" if now else "")
    if now is None:
        met = new is not None and new.status == "pass"
        why = "the rule is met" if met else "it has expired" if new and new.waiver else "it was taken back"
        way: Way = "changed" if met or new is None else "tightened"
        return [_change(way, rule, "waiver", *until, f"the rule '{rule.id}' is waived no more: {why}")]
    if was is None:
        said = f"the rule '{rule.id}' is waived {until[1]} ({now.approved_by}): {now.reason.rstrip('.')}"
        return [_change("loosened", rule, "waiver", *until, said)]
    later = now.expires > was.expires
    said = f"the waiver of the rule '{rule.id}' holds {until[1]}; it held {until[0]}"
    return [_change("loosened" if later else "tightened", rule, "waiver", *until, said)]


def _baseline(old: Verdict | None, new: Verdict) -> list[PolicyChange]:
    """A baseline that moved between the reports: towards better, or towards worse, which somebody accepted."""
    was, now = (None if v is None or v.baseline is None else v.baseline.held for v in (old, new))
    if was is None or now is None or key_of(was.rule) != key_of(now.rule):
        return []
    a, b = was.estimate.value, now.estimate.value
    if a is None or b is None or a == b:
        return []
    way: Way = "loosened" if (b > a) == _way(new.rule) else "tightened"
    of = METRICS[new.rule.metric].unit if new.rule.metric in METRICS else "measure"
    before, after = (quantity(x, new.rule.comparison, of=of) for x in (a, b))
    said = f"the baseline of the rule '{new.rule.id}' is {after}; it was {before}"
    return [_change(way, new.rule, "baseline", before, after, said)]


# ---- keys of a rule: (way, what follows)


def _limit(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    more = new.limit > old.limit
    return ("loosened" if more == (key == "at_most") else "tightened"), ""


def _min_n(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    if new.min_n > old.min_n:
        return "loosened", ": groups smaller than that are not judged"
    return "loosened", ": smaller groups are judged with the others, whose intervals grow, so that the rule fails later"


def _decision(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    if new.decision == "point":
        return "loosened", ": the value alone decides, and chance is left out"
    if new.on_inconclusive == "fail":
        return "tightened", ""
    return "loosened", f": what failed by its value alone can be undecided now, which counts as {new.on_inconclusive}"


def _handling(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    weaker = _HANDLING.index(getattr(new, key)) > _HANDLING.index(getattr(old, key))
    return ("loosened" if weaker else "tightened"), ""


def _severity(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    return ("loosened", ": it never changes the exit status") if new.severity == "warning" else ("tightened", "")


def _level(old: float, new: float) -> tuple[Way, str]:
    if new < old:
        return "loosened", ": a rule passes on less evidence"
    return "loosened", ": a rule fails only on more evidence"


def _regression(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    a, b = getattr(old, key), getattr(new, key)
    if b is None:
        return "loosened", ": it may be worse than the baseline"
    return ("tightened" if a is None or b < a else "loosened"), ""


def _other(old: Rule, new: Rule, key: str) -> tuple[Way, str]:
    return "changed", ""


_KEYS: Mapping[str, Callable[[Rule, Rule, str], tuple[Way, str]]] = {
    "at_most": _limit,
    "at_least": _limit,
    "min_n": _min_n,
    "decision": _decision,
    "on_inconclusive": _handling,
    "on_not_measured": _handling,
    "severity": _severity,
    "max_regression": _regression,
}


def _way(rule: Rule) -> bool:
    """On which side its limit lies."""
    return rule.at_most is not None


def _limits(old: Rule, new: Rule) -> tuple[str, str]:
    of = METRICS[new.metric].unit if new.metric in METRICS else "measure"
    return limit(old.limit, old.comparison, of=of), limit(new.limit, new.comparison, of=of)


def _asks(rule: Rule) -> str:
    of = METRICS[rule.metric].unit if rule.metric in METRICS else "measure"
    side = "at most" if rule.at_most is not None else "at least"
    by = f" by {' and '.join(rule.by)}" if rule.by else ""
    kind = "" if rule.comparison == "overall" else f" {rule.comparison.replace('_', ' ')}"
    label = f" of {rule.label}" if rule.label is not None else ""
    return f"{rule.metric}{label}{kind}{by}, {side} {limit(rule.limit, rule.comparison, of=of)}"


def _told(x: Any) -> str:
    return "" if x is None else str(x)


def _change(way: Way, rule: Rule, key: str, old: str, new: str, said: str) -> PolicyChange:
    old, new = (old, new) if key in ("rule", "waiver") else (old or "not set", new or "not set")
    return PolicyChange(way=way, rule=rule.id, key=key, old=old, new=new, statement=_sentence(said))


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
