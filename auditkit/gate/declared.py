"""What a policy asks of attributes that the data do not declare, told where both are at hand: before any audit.

A policy alone is not held against data: there such a rule is not measured, which its verdict says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditkit.errors import choices, listing
from auditkit.records import Floor, Rule


def undeclared(rules: Sequence[Rule], features: Sequence[str], file: str) -> Iterator[str]:
    """Each a line; rules that the file only inherits stand on none of its lines: what they miss is a verdict."""
    for rule in rules:
        for name in (a for a in rule.by if rule.line and a not in features):
            known = choices(name, features)
            yield f"{file}:{rule.line}: rule '{rule.id}': no sensitive feature '{name}'; [data] declares {known}"


def unlooked(floors: Sequence[Floor], features: Sequence[str], at: str) -> Iterator[str]:
    """Each a line: what is required of attributes, and [data] does not declare."""
    for floor in floors:
        asked = dict.fromkeys(floor.attributes, "attributes")
        asked |= {a: "crossings" for c in floor.crossings for a in c if a not in asked}
        for name, key in asked.items():
            if name not in features:
                own = listing(features) or "none"
                yield f"{at}: [data] declares {own}, and not '{name}', which is required ({floor.at(key)})"
