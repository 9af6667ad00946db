"""What is computed from counts and used on rows: where the counts are, and the group of each row that is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auditkit.alignment import aligned
from auditkit.errors import DataError, listing
from auditkit.evidence.tally import coded_strings
from auditkit.records import Report

if TYPE_CHECKING:
    import pandas as pd
else:
    from auditkit.lazy import pandas as pd


def given_columns(groups: Any, by: tuple[str, ...]) -> dict[str, Any]:
    """The columns of `by`, in their order, under the name that messages use; one column may stand alone."""
    if isinstance(groups, pd.DataFrame | dict):
        absent = [b for b in by if b not in groups]
        if absent:
            raise DataError(f"no column '{absent[0]}' in groups; there are {listing(groups)}")
        return {f"groups '{b}'": groups[b] for b in by}
    if len(by) == 1:
        return {f"groups '{by[0]}'": groups}
    raise DataError(f"groups must be a frame or a dict with the columns {listing(by)}")


def keyed(parts: Mapping[str, Any], by: tuple[str, ...], beside: str) -> tuple[NDArray[np.object_], NDArray[Any]]:
    """(N, attributes) labels of the columns of `by` as strings, and the part that stands beside them, (N,).

    Rows are in the order of the first part; DataError where their numbers differ.
    """
    columns = aligned(parts)
    values = np.asarray(columns.pop(beside))
    coded = [coded_strings(column, name) for column, name in zip(columns.values(), by, strict=True)]
    keys = np.column_stack([np.array(labels, dtype=object)[codes] for codes, labels in coded])
    if len(keys) != len(values):
        raise DataError(f"groups have {len(keys)} rows, {beside} has {len(values)}")
    return keys, values


def counts_in(source: Any, asking: str, kinds: Mapping[str, type[Any]], missing: str) -> Any:
    """The counts themselves, or those of the first of these checks that a report has; else DataError."""
    if isinstance(source, tuple(kinds.values())):
        return source
    if not isinstance(source, Report):
        known = ", ".join(f"a {kind.__name__}" for kind in kinds.values())
        raise DataError(f"{asking} takes {known} or a Report, not {type(source).__name__}")
    for check, kind in kinds.items():
        if check in source.evidence:
            return kind.from_json(source.evidence[check].data)
    raise DataError(missing)
