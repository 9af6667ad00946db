"""What findings need of words, as sums that add: contributions word by word, and parts of scores by group. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.batch import Census
from auditkit.evidence.grouped import FEWEST, recoding_of
from auditkit.evidence.reading import MOST_GROUPS, fields, mapping, text
from auditkit.evidence.sums import Moments, merged, same_facts
from auditkit.explain.all_rows import both, census_in, census_json
from auditkit.explain.gaps.sums import MOST_PARTS, Units

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

OTHER = "(other words)"
"""The part of all words that are not told one by one."""


@dataclass(frozen=True)
class WordSums:
    """Contributions of the words of sampled texts; evidence of other facts does not add."""

    facts: dict[str, Any]
    """`task`, `column`, `explained`, `label`, `method`, `trust`, `notes`, how many words there are, …"""
    words: Mapping[str, Moments] = field(default_factory=dict)
    """Word → its contribution over the rows in which it stands, of ten rows or more; those that move most."""
    units: Mapping[str, Mapping[str, Units]] = field(default_factory=dict)
    """Attribute → group → the parts of its scores: words that move most, then the rest; the score last."""
    census: Census | None = None
    """Over all rows of the data."""
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """What → why."""

    def __add__(self, other: WordSums) -> WordSums:
        same_facts(self.facts, other.facts, "words")
        return WordSums(
            self.facts,
            merged(self.words, other.words),
            merged(self.units, other.units),
            both(self.census, other.census),
            {**self.not_measured, **other.not_measured},
        )

    def reduced(self, disclosure: Disclosure) -> WordSums:
        """Words of fewer rows than the disclosure asks for go into the rest; groups that are told together, too."""
        fewest, recoding = max(FEWEST, disclosure.suppress_below), recoding_of(disclosure)
        rare = {w for w, m in self.words.items() if m.n < fewest}
        kept = {a: {g: u for g, u in of.items() if g not in recoding.get(a, {})} for a, of in self.units.items()}
        return replace(
            self,
            facts={k: [w for w in v if w not in rare] if k == "order" else v for k, v in self.facts.items()},
            words={w: m for w, m in self.words.items() if w not in rare},
            units={a: {g: as_one(u, rare, OTHER) for g, u in of.items() if u.n >= fewest} for a, of in kept.items()},
            census=None if self.census is None else self.census.recoded(recoding),
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "facts": self.facts,
            "words": {w: m.to_json() for w, m in self.words.items()},
            "units": {a: {g: u.to_json() for g, u in of.items()} for a, of in self.units.items()},
            "not_measured": dict(self.not_measured),
            **census_json(self.census),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WordSums:
        """From `to_json`; EvidenceError for what cannot be."""
        found = fields(data, "words", "facts", "words", "units", "not_measured", optional=("census",))
        words = mapping(found["words"], "words", most=MOST_PARTS)
        units = mapping(found["units"], "attributes of words", most=MOST_GROUPS)
        return cls(
            mapping(found["facts"], "facts of words", most=MOST_PARTS),
            {text(w, "a word"): Moments.from_json(m, width=1) for w, m in words.items()},
            {
                text(a, "an attribute"): {
                    text(g, "a group"): Units.from_json(u)
                    for g, u in mapping(of, "groups of words", most=MOST_GROUPS).items()
                }
                for a, of in units.items()
            },
            census_in(data),
            {k: text(v, "a reason") for k, v in mapping(found["not_measured"], "not measured").items()},
        )


def as_one(units: Units, parts: Collection[str], name: str) -> Units:
    """The sums with some parts added into one, which is called `name` and may be there already.

    >>> both = as_one(Units.of(("a", "b"), [np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 7.0]])], [1.0, 1.0]), ["b"], "rest")
    >>> both.names, both.mean.tolist()
    (('a', 'rest'), [2.0, 3.0, 5.0])
    """
    if not set(parts) & set(units.names):
        return units
    renamed = [name if n in parts else n for n in units.names]
    names = tuple(dict.fromkeys(renamed))
    add = np.zeros((len(names) + 1, len(renamed) + 1))
    add[[names.index(n) for n in renamed], range(len(renamed))] = 1.0
    add[-1, -1] = 1.0
    return replace(units, names=names, rounds=units.rounds @ add.T, w2m=add @ units.w2m, w2mm=add @ units.w2mm @ add.T)


def difference(high: Units, low: Units) -> Units:
    """Sums whose mean is that of `high` less that of `low`, independent rows, with the covariance of both.

    Kish's rows are Welch's: (v₁ + v₂)² / (v₁²/(n₁ − 1) + v₂²/(n₂ − 1)) + 1, v the variances of the two mean scores.
    Source: Welch (1947), Biometrika 34; Satterthwaite (1946).
    """
    mean, covariance = high.mean - low.mean, high.covariance + low.covariance
    a, b = float(high.covariance[-1, -1]), float(low.covariance[-1, -1])
    degrees = a**2 / max(high.effective_n - 1, 0.5) + b**2 / max(low.effective_n - 1, 0.5)
    effective = (a + b) ** 2 / degrees + 1 if degrees else min(high.effective_n, low.effective_n)
    n, w = high.n + low.n, high.w + low.w
    w2 = w * w / effective
    w2mm = covariance * w**2 * (n - 1) / n + w2 * np.outer(mean, mean)
    return Units(high.names, n, w, w2, w * mean[None], w2 * mean, w2mm)
