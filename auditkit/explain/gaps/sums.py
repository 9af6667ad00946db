"""What gaps between groups are made of, as sums over units that add. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats
from auditkit.batch import Census
from auditkit.catalogue.gaps import FORMS, GAPS
from auditkit.errors import EvidenceError
from auditkit.evidence.census import CensusMeans, census_from_json
from auditkit.evidence.grouped import recoding_of
from auditkit.evidence.reading import (
    fields,
    items,
    mapping,
    matrix,
    names,
    number,
    numbers,
    text,
    texts,
    whole,
    wholes,
)
from auditkit.evidence.sums import Weights, merged, same_facts, weighted

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


MOST_PARTS, MOST_ROUNDS, MOST_GAPS = 2_000, 10_000, 10_000
"""Of stored evidence: parts of one gap (their covariance is a square of them), rounds of pairs, gaps."""

REST = ""
"""The group of everybody else."""
CONDITIONAL = "conditional"
"""The form of a gap that is split by what goes along with columns."""


class Contrast(NamedTuple):
    """One gap, split in one way."""

    by: str
    """Attributes, joined by `+`."""
    of: str
    """Name of the target."""
    form: str
    """"shapley" or "integrated_gradients"; "conditional" of what goes along."""
    high: str
    """The group from whose mean the other's is taken; the values of a crossing joined by ", "."""
    low: str
    """The other group; `REST` for everybody else."""


@dataclass(frozen=True)
class Units:
    """Weighted sums over n units of vectors (D,): contributions of each feature, then the gap itself, pair by pair.

    A unit is a distinct row of the smaller group with all its pairs. Rounds of new pairs (shuffles) are averaged.
    """

    names: tuple[str, ...]
    """(D − 1,) parts: the features, and what else makes the gap."""
    n: int
    """Rows, copies among them."""
    w: float
    """Σ w: of one round."""
    w2: float
    """Σ w², or what stands for it (`evidence.sums.Weights`), here and below."""
    rounds: Floats
    """(R, D) Σ w m, a round."""
    w2m: Floats
    """(D,) Σ w² m, m averaged over rounds."""
    w2mm: Floats
    """(D, D) Σ w² m mᵀ, m averaged over rounds."""

    @classmethod
    def of(cls, names: tuple[str, ...], rounds: list[Floats], weight: ArrayLike | Weights) -> Units:
        """Of a list of (n, D) means of the units' pairs, one a round, and their weights (n,)."""
        weights = weighted(weight, 0)
        w, m = weights.weight, np.stack(rounds)
        added = w**2 if weights.squares is None else weights.squares
        w2 = float(w @ w) if weights.squares is None else float(added.sum())
        of_all = m.mean(0)
        w2m, w2mm = added @ of_all, (of_all.T * added) @ of_all
        return cls(names, weights.rows, float(w.sum()), w2, np.einsum("n,rnd->rd", w, m), w2m, w2mm)

    def widened(self, covariance: Floats) -> Units:
        """The same, where the means vary by a covariance (D, D) too that the units do not show."""
        return replace(self, w2mm=self.w2mm + self.w**2 * covariance)

    def __add__(self, other: Units) -> Units:
        if self.names != other.names or self.rounds.shape != other.rounds.shape:
            raise EvidenceError(f"cannot add gaps split onto {list(self.names)} and onto {list(other.names)}")
        sums = ("n", "w", "w2", "rounds", "w2m", "w2mm")
        return Units(self.names, *(getattr(self, k) + getattr(other, k) for k in sums))

    @property
    def mean(self) -> Floats:
        """(D,)."""
        out: Floats = self.rounds.mean(0) / self.w
        return out

    @property
    def spread(self) -> Floats:
        """(D,) largest less smallest mean of the rounds."""
        out: Floats = np.ptp(self.rounds, axis=0) / self.w
        return out

    @property
    def effective_n(self) -> float:
        """Kish's (Σw)²/Σw²."""
        return self.w**2 / self.w2

    @property
    def covariance(self) -> Floats:
        """(D, D) of the means: Σ w² (m − m̄)(m − m̄)ᵀ / (Σw)² · n/(n − 1), m a unit's mean over all rounds.

        Equal weights give the textbook's sd²/n; zeros for one unit.
        """
        if self.n < 2:
            return np.zeros_like(self.w2mm)
        mean = self.mean
        cross = np.outer(self.w2m, mean)
        centred = self.w2mm - cross - cross.T + self.w2 * np.outer(mean, mean)
        return centred / self.w**2 * self.n / (self.n - 1)

    def to_json(self) -> dict[str, Any]:
        """As JSON: the matrix as its lower half."""
        half = self.w2mm[np.tril_indices(len(self.w2mm))]
        return {
            "names": list(self.names),
            "n": self.n,
            "w": self.w,
            "w2": self.w2,
            "rounds": [_short(r) for r in self.rounds],
            "w2m": _short(self.w2m),
            "w2mm": _short(half),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Units:
        """From `to_json`; EvidenceError for what cannot be, before anything of its size is made."""
        found = fields(data, "units of a gap", "names", "n", "w", "w2", "rounds", "w2m", "w2mm")
        parts = names(found["names"], "parts of a gap", most=MOST_PARTS)
        d = len(parts) + 1
        w2m = numbers(found["w2m"], "Σ w² m", length=d)
        half = numbers(found["w2mm"], "Σ w² m mᵀ", length=d * (d + 1) // 2)
        rounds = matrix(found["rounds"], "rounds of a gap", width=d, most=MOST_ROUNDS)
        n = whole(found["n"], "units of a gap", low=1)
        w, w2 = (number(found[k], f"Σ {k} of a gap", low=1e-150) for k in ("w", "w2"))
        square = np.zeros((d, d))
        rows, columns = np.tril_indices(d)
        square[rows, columns] = half
        square[columns, rows] = half
        if not len(rounds):
            raise EvidenceError("a gap has no rounds of pairs; expected one or more")
        return cls(parts, n, w, w2, rounds, w2m, square)


def _short(x: Floats) -> list[float]:
    return [float(f"{v:.10g}") for v in x]


@dataclass(frozen=True)
class GapSums:
    """All gaps that were split, and what stands beside them."""

    facts: dict[str, Any]
    """What holds for all: features, task, seed, permutations, …; evidence of other facts does not add."""
    units: Mapping[Contrast, Units] = field(default_factory=dict)
    tells: Mapping[tuple[str, str, str], Floats] = field(default_factory=dict)
    """(by, high, low) → (features, 2): how often, of how many pairs, the feature ranks the groups; AUC = the ratio."""
    outside: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """by → points off the data, and points looked at."""
    census: Census | None = None
    """Over all rows of the data."""
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """What → why."""
    notes: tuple[tuple[str, str, str], ...] = ()
    """(by, target, what is to be known); "" for all."""
    conditional: Mapping[Contrast, Units] = field(default_factory=dict)
    """Gaps split by what goes along with columns; reports of older versions have none."""

    def attributes(self, by: str) -> tuple[str, ...]:
        """The attributes of a `by`, each of which may hold a "+" itself."""
        known: Mapping[str, list[str]] = self.facts.get("sets", {})
        return tuple(known.get(by) or by.split("+"))

    @cached_property
    def means(self) -> CensusMeans | None:
        """Of all rows of the data, group by group; None where they have no score."""
        return None if self.census is None else CensusMeans(self.census)

    def __add__(self, other: GapSums) -> GapSums:
        same_facts(self.facts, other.facts, "gaps")
        for a, b in ((self.units, other.units), (self.conditional, other.conditional)):
            if only := sorted({*a} ^ {*b}):  # a gap of one part alone would be told as that of all rows
                raise EvidenceError(
                    f"cannot add gaps of other groups: only one of the two splits that between {only[0].high} and "
                    f"{only[0].low} in {only[0].of}"
                )
        return GapSums(
            self.facts,
            merged(self.units, other.units),
            merged(self.tells, other.tells),
            merged(self.outside, other.outside, add=lambda a, b: (a[0] + b[0], a[1] + b[1])),
            None if self.census is None or other.census is None else self.census + other.census,
            {**self.not_measured, **other.not_measured},
            tuple(dict.fromkeys(self.notes + other.notes)),
            merged(self.conditional, other.conditional),
        )

    def reduced(self, disclosure: Disclosure) -> GapSums:
        """Sums already; without gaps of groups that are told only together with others."""
        recoding = recoding_of(disclosure)
        if not recoding:
            return self
        small = {by: {v for a in self.attributes(by) for v in recoding.get(a, {})} for by in self.facts.get("by", [])}

        def told(by: str, *groups: str) -> bool:
            return not any({g, *g.split(", ")} & small.get(by, set()) for g in groups)

        census = self.census
        return replace(
            self,
            units={c: u for c, u in self.units.items() if told(c.by, c.high, c.low)},
            conditional={c: u for c, u in self.conditional.items() if told(c.by, c.high, c.low)},
            tells={k: v for k, v in self.tells.items() if told(*k)},
            census=None if census is None else census.recoded(recoding),
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "facts": self.facts,
            "units": _rows_of(self.units),
            "tells": [[*key, [_short(row) for row in value]] for key, value in sorted(self.tells.items())],
            "outside": {k: list(v) for k, v in self.outside.items()},
            "census": None if self.means is None else self.means.to_json(),
            "not_measured": dict(self.not_measured),
            "notes": [list(n) for n in self.notes],
            **({"conditional": _rows_of(self.conditional)} if self.conditional else {}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GapSums:
        """From `to_json`; EvidenceError for what cannot be."""
        needed = ("facts", "units", "tells", "outside", "census", "not_measured", "notes")
        found = fields(data, "gaps", *needed, optional=["conditional"])
        units, conditional = (_units_of(found.get(key, [])) for key in ("units", "conditional"))
        tells = {}
        for row in (items(r, "what tells groups", length=4) for r in items(found["tells"], "tells", most=MOST_GAPS)):
            by, high, low = texts(row[:-1], "groups told", length=3)
            tells[by, high, low] = matrix(row[-1], "what tells groups", width=2, low=0)
        facts = mapping(found["facts"], "facts")
        features = texts(facts.get("features", []), "features of the gaps", most=MOST_PARTS)
        texts(facts.get("by", []), "attributes of the gaps", most=MOST_GAPS)
        if "of_classes" in facts:
            whole(facts["of_classes"], "classes to choose from", low=2)
            text(facts.get("label"), "the class that is explained")
        for by, own in mapping(facts.get("sets", {}), "sets of attributes").items():
            names(own, f"attributes of '{by[:80]}'")
        for c, forms in [*((c, tuple(FORMS)) for c in units), *((c, (CONDITIONAL,)) for c in conditional)]:
            if c.form not in forms or c.of not in GAPS or c.by not in facts.get("by", []):
                raise EvidenceError(f"a gap of '{c.of[:80]}' by '{c.by[:80]}', split by '{c.form[:80]}': there is none")
        if any(len(t) != len(features) for t in tells.values()):
            raise EvidenceError(f"what tells groups has not one line for each of {len(features)} features")
        outside = mapping(found["outside"], "points off the data", most=MOST_GAPS)
        notes = [texts(n, "a note", length=3) for n in items(found["notes"], "notes", most=MOST_GAPS)]
        read = {k: wholes(v, "points off the data", length=2).tolist() for k, v in outside.items()}
        return cls(
            facts,
            units,
            tells,
            {k: (off, n) for k, (off, n) in read.items()},
            None if found["census"] is None else census_from_json(found["census"]),
            {k: text(v, "a reason") for k, v in mapping(found["not_measured"], "not measured", most=MOST_GAPS).items()},
            tuple((by, of, what) for by, of, what in notes),
            conditional,
        )


def _rows_of(units: Mapping[Contrast, Units]) -> list[list[Any]]:
    return [[*key, own.to_json()] for key, own in sorted(units.items())]


def _units_of(rows: object) -> dict[Contrast, Units]:
    return {
        Contrast(*texts(row[:-1], "a gap", length=5)): Units.from_json(row[-1])
        for row in (items(r, "a gap", length=6) for r in items(rows, "gaps", most=MOST_GAPS))
    }
