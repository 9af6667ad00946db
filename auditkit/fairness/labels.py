"""Groups that somebody gives beside rows, to use what was computed from counts: columns, and the key of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import DataError, listing
from auditkit.evidence.tally import coded_strings

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


def keys_of(columns: Sequence[Any], by: tuple[str, ...]) -> NDArray[np.object_]:
    """(N, attributes) labels as strings."""
    coded = [coded_strings(column, name) for column, name in zip(columns, by, strict=True)]
    return np.column_stack([np.array(labels, dtype=object)[codes] for codes, labels in coded])
