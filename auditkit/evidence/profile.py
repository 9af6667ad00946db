"""Who is in the data, and where values are missing: counts that add."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.batch import Batch
from auditkit.errors import EvidenceError
from auditkit.evidence import reading, suppression
from auditkit.evidence.sums import merged
from auditkit.evidence.tally import Tally, coded_strings

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

Missing = dict[str, dict[str, dict[str, int]]]
"""Column → attribute → value → rows without a value in the column; only counts above 0."""


@dataclass(frozen=True)
class Profile:
    """Rows by crossed groups and truth, and missing values by column and group."""

    tally: Tally
    """Groups × truth; decisions play no part."""
    columns: tuple[str, ...]
    """Every column that was looked at."""
    missing: Missing
    recoded: dict[str, dict[str, str]] = field(default_factory=dict)
    """Attribute → value → what it is counted under."""

    @classmethod
    def of(cls, batch: Batch) -> Profile:
        """Count a batch."""
        nothing = np.full(len(batch.y_true), -1, dtype=np.int8)
        coded = {str(a): coded_strings(batch.groups[a], str(a)) for a in batch.groups}
        missing: Missing = {}
        for column in batch.features:
            absent = batch.features[column].isna().to_numpy()
            if not absent.any():
                continue
            missing[str(column)] = {
                a: {labels[i]: n for i, n in enumerate(np.bincount(codes[absent]).tolist()) if n}
                for a, (codes, labels) in coded.items()
            }
        return cls(
            Tally.of(batch.groups, y_true=batch.y_true, y_pred=nothing),
            tuple(sorted(map(str, batch.features.columns))),
            missing,
        )

    def __add__(self, other: Profile) -> Profile:
        if self.columns != other.columns:
            apart = sorted(set(self.columns) ^ set(other.columns))
            raise EvidenceError(f"cannot add profiles of other columns: only one of the two has {apart}")
        return Profile(self.tally + other.tally, self.columns, merged(self.missing, other.missing))

    def rows(self, *by: str) -> dict[tuple[str, ...], int]:
        """Rows of each crossed group, without regard to truth; sorted."""
        groups, table = self.tally.counts(*by)
        found = dict(zip(groups, table.sum(axis=(1, 2)).tolist(), strict=True))
        return found if found or by else {(): 0}

    def reduced(self, disclosure: Disclosure) -> Profile:
        """The same counts, of recoded groups."""
        recoding = suppression.of_columns(disclosure, self.tally.by, self.tally.cells)
        missing = {
            column: {a: _recoded(values, recoding.get(a, {})) for a, values in attributes.items()}
            for column, attributes in self.missing.items()
        }
        return Profile(self.tally.reduced(disclosure), self.columns, missing, {a: dict(m) for a, m in recoding.items()})

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        recoded = {"recoded": self.recoded} if self.recoded else {}
        return {"tally": self.tally.to_json(), "columns": list(self.columns), "missing": self.missing, **recoded}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Profile:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the profile", "tally", "columns", "missing", optional=("recoded",))
        tally = Tally.from_json(data["tally"])
        columns = reading.names(data["columns"], "the columns of the profile", most=100 * reading.MOST_COLUMNS)
        missing = {
            c: {a: _counts(values, a) for a, values in _of(attributes, tally.by, "the missing values").items()}
            for c, attributes in _of(data["missing"], columns, "the missing values").items()
        }
        recoded = {
            a: {v: reading.text(name, "a recoded group") for v, name in reading.mapping(m, "recoded groups").items()}
            for a, m in _of(data.get("recoded", {}), tally.by, "the recoded groups").items()
        }
        return cls(tally, columns, missing, recoded)


def _of(value: object, known: Collection[str], what: str) -> dict[str, Any]:
    """An object whose keys are all known."""
    found = reading.mapping(value, what)
    wrong = next(iter(found.keys() - set(known)), None)
    if wrong is not None:
        raise EvidenceError(f"{what} are of {reading.shown(wrong)}, which the profile does not have")
    return found


def _counts(value: object, attribute: str) -> dict[str, int]:
    what = f"the missing values by '{attribute[:80]}'"
    return {v: reading.whole(n, what, low=1) for v, n in reading.mapping(value, what, most=reading.MOST_GROUPS).items()}


def _recoded(counts: dict[str, int], names: Mapping[str, str]) -> dict[str, int]:
    out: dict[str, int] = {}
    for value, n in counts.items():
        label = names.get(value, value)
        out[label] = out.get(label, 0) + n
    return out
