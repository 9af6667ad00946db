"""When a rule and a finding, or two rules, are about the same."""

from __future__ import annotations

from auditkit.records import Finding, Rule

_Key = tuple[str, str, frozenset[str], frozenset[tuple[str, str]], str | None, str | None, frozenset[str]]


def key_of(f: Finding | Rule) -> _Key:
    """What a finding answers, or a rule asks, whatever it is called."""
    asked = f.metric, f.comparison, frozenset(f.by), frozenset((f.reference or {}).items()), f.label
    return *asked, f.of, frozenset(f.features)
