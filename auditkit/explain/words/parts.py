"""Words of texts in several parts, as one: those that are told in each. No torch.

A word is told where it stands in ten texts of a part, and kept where it moves scores there. Of a word that a part does
not tell nothing is known of its rows; it goes to the other words, as in the part itself. Contributions start from the
text without words, which is the same in every part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auditkit.errors import EvidenceError, listing
from auditkit.evidence.sums import same_facts
from auditkit.explain.all_rows import both
from auditkit.explain.gaps.sums import Units
from auditkit.explain.trust.parts import worst
from auditkit.explain.words.sums import OTHER, WordSums, as_one

PARTS = "parts"
"""Fact: of how many parts it is."""
_COUNTED = ("texts", "words", "told", "order", "notes", "trust", PARTS)
"""Facts that each part has of its own."""


def together(one: WordSums, other: WordSums) -> WordSums:
    """The sum of both; EvidenceError where a part has no words, or reads them otherwise."""
    for seen in (one, other):
        if seen.not_measured:
            raise EvidenceError(f"a part has no words: {listing(seen.not_measured.values())}")
    mine, theirs = ({k: v for k, v in x.facts.items() if k not in _COUNTED} for x in (one, other))
    same_facts(mine, theirs, "words")
    words = {w: m.beside(other.words[w]) for w, m in one.words.items() if w in other.words}
    order = sorted(words, key=lambda w: (-_moved(words[w]), w))
    a, b = one.facts, other.facts
    facts = {
        **mine,
        "texts": a["texts"] + b["texts"],
        "words": max(a["words"], b["words"]),
        "told": max(a["told"], b["told"]),
        "order": order,
        "notes": list(dict.fromkeys([*a["notes"], *b["notes"]])),
        "trust": worst(a["trust"], b["trust"]),
        PARTS: a.get(PARTS, 1) + b.get(PARTS, 1),
    }
    units = {
        attribute: {g: _added(u, other.units[attribute][g]) for g, u in of.items() if g in other.units[attribute]}
        for attribute, of in one.units.items()
        if attribute in other.units
    }
    return WordSums(facts, words, units, both(one.census, other.census))


def _moved(m: Any) -> float:
    """The root of a word's mean square times its rows: what it moves, as far as sums tell."""
    return float(np.sqrt(m.wx2[0] * m.w))


def _added(one: Units, other: Units) -> Units:
    """The sum, by the parts that both tell; what only one tells goes to the other words."""
    shared = [n for n in one.names if n in other.names and n != OTHER]
    a, b = (as_one(u, {*u.names} - {*shared, OTHER}, OTHER) for u in (one, other))
    names = (*shared, OTHER)
    return _arranged(a, names) + _arranged(b, names)


def _arranged(units: Units, names: Sequence[str]) -> Units:
    """The same parts in this order; the score stays last."""
    at = [*(units.names.index(n) for n in names), len(units.names)]
    w2mm = units.w2mm[np.ix_(at, at)]
    return replace(units, names=tuple(names), rounds=units.rounds[:, at], w2m=units.w2m[at], w2mm=w2mm)
