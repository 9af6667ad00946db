"""Rows of several parts that were flipped or swapped, as one: sums by the rows that they stand for. No torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from auditkit.evidence.grouped import GroupSums


def together(one: GroupSums, other: GroupSums) -> GroupSums:
    """Both, and of lexicons the words that either tells; EvidenceError where other things were flipped."""
    a, b = one.facts.get("swaps", ()), other.facts.get("swaps", ())
    if len(a) != len(b):
        return one.beside(other)  # which says by name in what they differ
    swaps = {"swaps": [_swap(x, y) for x, y in zip(a, b, strict=True)]} if a else {}
    back = {"swaps": [_swap(y, x) for x, y in zip(a, b, strict=True)]} if a else {}
    return replace(one, facts=one.facts | swaps).beside(replace(other, facts=other.facts | back))


def _swap(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What is told of a swap: rows of a word add, of how many other words there are the larger number is known."""
    if "words" not in one or "words" not in other:
        return one
    done = Counter({(a, b): int(n) for a, b, n in one["words"]})
    done.update({(a, b): int(n) for a, b, n in other["words"]})
    words = [[a, b, n] for (a, b), n in sorted(done.items(), key=lambda x: (-x[1], x[0]))]
    return one | {"words": words, "rare_words": max(one.get("rare_words", 0), other.get("rare_words", 0))}
