"""Tables of observations that were made on sampled rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from auditkit.arrays import Floats
from auditkit.errors import EvidenceError, listing
from auditkit.evidence.reading import fields, mapping, numbers, texts

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


@dataclass(frozen=True)
class Observations:
    """A table of numbers (N,) and labels (N,); `+` concatenates. Where a row is a person, it is a `PersonRows`."""

    columns: dict[str, Floats]
    labels: dict[str, list[str]]
    facts: dict[str, Any]
    """What holds for the whole table (method, steps, …); tables with other facts do not add."""
    trials: Observations | None = None
    """Tests of what the table holds, on some of its rows; None: nothing was tested."""

    def __add__(self, other: Observations) -> Observations:
        for what, a, b in (
            ("facts", self.facts, other.facts),
            ("columns", list(self.columns), list(other.columns)),
            ("labels", list(self.labels), list(other.labels)),
            ("tests", self.trials is None, other.trials is None),
        ):
            if a != b:
                raise EvidenceError(f"cannot add observations with other {what}: {a} and {b}")
        return type(self)(
            {k: np.concatenate([v, other.columns[k]]) for k, v in self.columns.items()},
            {k: v + other.labels[k] for k, v in self.labels.items()},
            self.facts,
            None if self.trials is None or other.trials is None else self.trials + other.trials,
        )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def reduced(self, disclosure: Disclosure) -> Observations:
        """No row is a person: statistics already."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON, every float in full: what is stored says what was seen."""
        columns = {k: [float(x) for x in v] for k, v in self.columns.items()}
        trials = {} if self.trials is None else {"trials": self.trials.to_json()}
        return {"columns": columns, "labels": self.labels, "facts": self.facts, **trials}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From `to_json`; EvidenceError for what cannot be."""
        found = fields(data, "observations", "columns", "labels", "facts", optional=("trials",))
        columns = mapping(found["columns"], "columns")
        read = {k: numbers(v, f"column '{k[:80]}'") for k, v in columns.items()}
        labels = {k: texts(v, f"labels '{k[:80]}'") for k, v in mapping(found["labels"], "labels").items()}
        lengths = {*map(len, read.values()), *map(len, labels.values())}
        if len(lengths) > 1:
            raise EvidenceError(f"observations have columns of {listing(map(str, sorted(lengths)))} rows; expected one")
        trials = Observations.from_json(found["trials"]) if "trials" in found else None
        return cls(read, labels, mapping(found["facts"], "facts"), trials)
