"""Two readings of the same events: what an older system decided stands beside what the newer one does, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.errors import DataError, listing

if TYPE_CHECKING:
    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.predictions import Predictions

OLDER = " (older)"
"""Ends the name of a column of the older system."""
_FEW = 3
_NAMED = ("labels", "sensitive_features", "control_features", "weights", "clusters", "strata", "row_id")
"""What of a dataset names columns that both must have alike."""


class Joined(NamedTuple):
    """The newer decisions, the rows of both, and the older decisions of these."""

    model: Predictions
    data: Dataset
    against: Predictions


def joined(model: Predictions, data: Dataset, against: Predictions, old: Dataset) -> Joined:
    """Both readings on one set of rows, matched by ids where rows have one, else in the order in which they stand.

    DataError, naming the first that differ, where the rows are not the same: ids, truth, groups or clusters.
    """
    for what, a, b in (("task", data.task, old.task), *((n, getattr(data, n), getattr(old, n)) for n in _NAMED)):
        if a != b:
            raise DataError(
                f"against is read otherwise: its {what.replace('_', ' ')} is {_told(b)}, here it is {_told(a)}: both "
                "must be of the same rows, read alike"
            )
    here, there = data.frame, old.frame
    if data.row_id is not None:
        there = _in_order(here, there, data.row_id)
    elif len(here) != len(there):
        raise DataError(f"against is of {len(there):,} rows, and {len(here):,} are audited: both must be the same rows")
    alike = [*data.labels, *data.sensitive_features, *data.control_features, *data.clusters]
    alike += [n for n in (data.weights, data.strata) if n is not None]
    for name in dict.fromkeys(n for n in alike if n in here):
        _same(here, there, name, data.row_id)
    names = {c: f"{c}{OLDER}" for c in against.columns}
    told = against.y_pred
    renamed: Any = {"score": names.get(against.score or "")}
    renamed["y_pred"] = names[told] if isinstance(told, str) else told and [names[c] for c in told]
    name = against.name if against.name != model.name else f"older {against.name}"
    rows = data.beside({names[c]: there[c].to_numpy() for c in names})
    rows.cautions = (*data.cautions, *(f"Of the older system: {c}" for c in old.cautions if c not in data.cautions))
    rows.notes = (*data.notes, *(f"Of the older system: {c}" for c in old.notes if c not in data.notes))
    return Joined(model, rows, replace(against, **renamed, name=name))


def _in_order(here: pd.DataFrame, there: pd.DataFrame, row_id: str) -> pd.DataFrame:
    """The older rows in the order of the newer; DataError where ids are in one of both alone."""
    ids, known = pd.Index(here[row_id]), pd.Index(there[row_id])
    lost, more = ids.difference(known), known.difference(ids)
    if len(lost) or len(more):
        sides = ((lost, "not in against"), (more, "in against alone"))
        some = [(len(x), where, listing(map(str, x[:_FEW]), most=_FEW)) for x, where in sides if len(x)]
        told = "; ".join(f"{n:,} {where} ({which})" for n, where, which in some)
        raise DataError(
            f"both are compared on the same rows, by '{row_id}': of {len(ids):,} audited and {len(known):,} in against "
            f"{told}. Leave out what only one has answered, in both"
        )
    found: pd.DataFrame = there.iloc[known.get_indexer(ids)].reset_index(drop=True)
    return found


def _same(here: pd.DataFrame, there: pd.DataFrame, name: str, row_id: str | None) -> None:
    """DataError where a column differs."""
    a, b = here[name].to_numpy(object), there[name].to_numpy(object)
    wrong = np.flatnonzero((a != b) & ~(pd.isna(a) & pd.isna(b)))
    if not len(wrong):
        return
    i = wrong[0]
    which = f"row {i:,}" if row_id is None else f"'{here[row_id].iloc[i]}'"
    raise DataError(
        f"'{name}' differs in {len(wrong):,} of {len(here):,} rows, the first is {which}: {a[i]} here, {b[i]} in "
        "against. Both must be of the same rows"
    )


def _told(value: Any) -> str:
    many = value if isinstance(value, list | tuple) else [value]
    return listing(["none" if x is None else str(x) for x in many]) or "none"
