"""What was seen of the layers of a net: sums that add, by attribute and layer. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.batch import Census
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.grouped import recoding_of
from auditkit.evidence.sums import Moments, merged, same_facts
from auditkit.explain.all_rows import both, census_in, census_json

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

Sums = dict[str, dict[str, dict[str, list[float]]]]
"""Attribute → layer → what → numbers that add. The layer "" holds what concerns the attribute alone."""


CUT = 0.01
"""Part of Σ abs(G) by which the contributions at a layer may miss the gap, if nothing flows around it."""


FLAT = 256
"""Units times positions up to which all are probed side by side; of more, means over positions."""


@dataclass(frozen=True)
class LayerSums:
    """Evidence of `LayerAudit`: everything in it is a sum over rows, or a mean times its rows.

    >>> part = LayerSums({"seed": 0}, {"sex": {"fc1": {"untrained": [2.0, 1.2]}}})
    >>> (part + part).sums["sex"]["fc1"]["untrained"]
    [4.0, 2.4]
    """

    facts: dict[str, Any]
    """What holds for all of it: the layers, the groups compared, seeds; evidence with other facts does not add."""
    sums: Sums
    census: Census | None = None
    """Over all rows of the data."""

    def __add__(self, other: LayerSums) -> LayerSums:
        same_facts(self.facts, other.facts, "what was seen of layers")
        return LayerSums(self.facts, merged(self.sums, other.sums, add=_each_added), both(self.census, other.census))

    def reduced(self, disclosure: Disclosure) -> LayerSums:
        """Sums already; without attributes whose two groups are not both told on their own."""
        recoding = recoding_of(disclosure)
        census = None if self.census is None else self.census.recoded(recoding)
        compared: dict[str, dict[str, Any]] = self.facts.get("attributes", {})
        small = [a for a, f in compared.items() if {f.get("low"), f.get("high")} & {*recoding.get(a, {})}]
        if not small:
            return replace(self, census=census)
        why = {a: {"why": "one of its groups is told only together with others"} for a in small}
        facts = {**self.facts, "attributes": {**compared, **why}}
        return LayerSums(facts, {a: s for a, s in self.sums.items() if a not in small}, census)

    def to_json(self) -> dict[str, Any]:
        """As JSON; numbers to 10 significant digits."""
        sums = {
            a: {y: {k: [float(f"{x:.10g}") for x in v] for k, v in seen.items()} for y, seen in layers.items()}
            for a, layers in self.sums.items()
        }
        return {"facts": self.facts, "sums": sums, **census_json(self.census)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LayerSums:
        """From `to_json`; EvidenceError for what cannot be."""
        found = reading.fields(data, "what was seen of layers", "facts", "sums", optional=("census",))
        attributes = reading.mapping(found["sums"], "sums of layers", most=reading.MOST_COLUMNS)
        sums: Sums = {
            attribute: {
                layer: {
                    what: reading.numbers(v, f"'{what[:80]}' of a layer").tolist()
                    for what, v in reading.mapping(seen, "a layer").items()
                }
                for layer, seen in reading.mapping(layers, "layers").items()
            }
            for attribute, layers in attributes.items()
        }
        return cls(reading.mapping(found["facts"], "facts"), sums, census_in(found))


def _each_added(a: list[float], b: list[float]) -> list[float]:
    return [x + y for x, y in zip(a, b, strict=True)]


_NEURON = "neuron:"


def neuron(j: int) -> str:
    """Where the sum of one neuron stands in what was seen of a layer."""
    return f"{_NEURON}{j}"


def neurons(seen: dict[str, list[float]]) -> dict[int, float]:
    """Neuron → its sum, of all that have one.

    >>> neurons({"flow": [2.0, 1.0, 1.0], neuron(3): [0.5]})
    {3: 0.5}
    """
    return {int(what.removeprefix(_NEURON)): v[0] for what, v in seen.items() if what.startswith(_NEURON)}


_CUBES = ":cubes"


def sums_of(what: str, m: Moments) -> dict[str, list[float]]:
    """Moments as numbers that add: n, Σw, Σw², then Σwx and Σwx² of each column; beside them Σwx³ of each."""
    cubes = {} if m.wx3 is None else {f"{what}{_CUBES}": numbers(*m.wx3)}
    return {what: numbers(m.n, m.w, m.w2, *m.wx, *m.wx2), **cubes}


def moments_in(seen: dict[str, list[float]], what: str) -> Moments:
    """The moments that stand there; without third ones in evidence of older reports.

    >>> moments_in(sums_of("moved", Moments.of([[1.0], [2.0]])), "moved").mean
    array([1.5])
    """
    values = seen[what]
    d = (len(values) - 3) // 2
    cubes = seen.get(f"{what}{_CUBES}")
    if cubes is not None and len(cubes) != d:
        raise EvidenceError(f"'{what}{_CUBES}' of a layer holds {len(cubes)} numbers, not {d}")
    wx, wx2 = np.array(values[3 : 3 + d]), np.array(values[3 + d :])
    return Moments(round(values[0]), values[1], values[2], wx, wx2, wx3=None if cubes is None else np.array(cubes))


def numbers(*values: float) -> list[float]:
    """Plain floats."""
    return [float(np.float64(v)) for v in values]
