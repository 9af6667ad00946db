"""Arrays, Series and frames given side by side become one frame, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.alignment import aligned, reordered
from auditkit.errors import DataError
from auditkit.inputs.pictures import PICTURE, cells_of
from auditkit.inputs.sources import frame_of


class Joined(NamedTuple):
    """One frame of what came side by side."""

    frame: pd.DataFrame
    labels: tuple[str, ...]
    """Columns of the target."""
    groups: tuple[str, ...]
    """Columns of the sensitive features."""
    controls: tuple[str, ...]
    """Columns of the control features."""
    beside: dict[str, str]
    """Role (`sample_weight`, `cluster`, `row_id`) → its column."""
    not_inputs: frozenset[str]
    """Columns that are not X's."""
    cautions: tuple[str, ...]
    """What was assumed of their order."""


def joined(X: Any, *, y_true: Any, sensitive_features: Any, control_features: Any = None, **beside: Any) -> Joined:
    """The parts as one frame, in the row order of X; `beside` names the columns that are neither (None: absent).

    Raises DataError for lengths or row labels that differ, and for columns of X that a sensitive feature contradicts.
    """
    features = _table(X, "X")
    truth = _target(y_true)
    groups = _columns(sensitive_features, "group", "sensitive_features")
    controls = {} if control_features is None else _columns(control_features, "control", "control_features")
    described = {f"sensitive_features '{k}'": (k, v) for k, v in groups.items()}
    described |= {f"control_features '{k}'": (k, v) for k, v in controls.items()}
    parts: dict[str, Any] = {"X": features if _has_labels(X) else features.to_numpy()} | truth
    parts |= {called: values for called, (_, values) in described.items()}
    parts |= {role: _one(v, role) for role, v in beside.items() if v is not None}
    _same_length(parts, len(features))
    said, parts = _assumed(parts), aligned(parts)
    frame = features.reset_index(drop=True)
    own: list[str] = []
    for called, (name, _) in described.items():
        values = pd.Series(parts[called])
        if name not in frame:
            frame, own = pd.concat([frame, values.rename(name)], axis=1), [*own, name]
        elif not _same(frame[name], values):
            what = "X" if name in features else "another role"
            raise DataError(f"{what} has a column '{name}' too, with other values: rename the sensitive feature")
    names = {part: _free(part, frame) for part in (*truth, *beside) if part in parts}
    frame = pd.concat([frame, pd.DataFrame({names[part]: parts[part] for part in names})], axis=1)
    roles = {role: name for role, name in names.items() if role in beside}
    labels = tuple(names[part] for part in truth)
    return Joined(frame, labels, tuple(groups), tuple(controls), roles, frozenset(own), said)


def _has_labels(X: Any) -> bool:
    return isinstance(X, pd.DataFrame | pd.Series)


def _table(X: Any, name: str) -> pd.DataFrame:
    """X as a frame with names of columns; a plain array's are "0", "1", …"""
    if isinstance(X, pd.Series):
        X = X.to_frame(X.name if X.name is not None else "0")
    if not isinstance(X, pd.DataFrame):
        X = frame_of(X) if hasattr(X, "__dataframe__") or hasattr(X, "__arrow_c_stream__") else _rows(X, name)
    out: pd.DataFrame = X.set_axis([str(c) for c in X.columns], axis=1)
    return out


def _rows(X: Any, name: str) -> pd.DataFrame:
    if getattr(X, "ndim", 1) > 2:
        return pd.DataFrame({PICTURE: cells_of(X)})
    try:
        return pd.DataFrame(np.asarray(X))
    except (ValueError, TypeError) as e:
        raise DataError(f"{name} does not make a table of (N, columns): {str(e).splitlines()[0]}") from None


def _columns(given: Any, default: str, role: str) -> dict[str, Any]:
    """Name → column: of a frame, a Series, a dict of columns, or one array."""
    if isinstance(given, pd.Series):
        return {str(default if given.name is None else given.name): given}
    if isinstance(given, Mapping):
        return {str(k): _one(v, str(k)) for k, v in given.items()}
    if isinstance(given, pd.DataFrame):
        twice = given.columns[given.columns.duplicated()]
        if len(twice):
            raise DataError(f"{role} has two columns of the name '{twice[0]}'")
        return {str(c): given[c] for c in given.columns}
    if isinstance(given, str):
        raise DataError(f"{role} of from_arrays takes columns (N,), not names: give the values, e.g. X['{given}']")
    frame = _table(given, role)
    if frame.shape[1] == 1 and not hasattr(given, "columns"):
        return {default: frame.iloc[:, 0].to_numpy()}
    return {str(c): frame[c].to_numpy() for c in frame}


def _target(y_true: Any) -> dict[str, Any]:
    """Name → column of the target: one, or one a label; none where there is no truth."""
    if y_true is None:
        return {}
    if isinstance(y_true, pd.DataFrame | Mapping):
        columns = {f"y_true_{c}": _one(y_true[c], f"y_true '{c}'") for c in y_true}
    elif getattr(y_true, "ndim", 1) == 2:
        columns = {f"y_true_{i}": column for i, column in enumerate(np.asarray(y_true).T)}
    else:
        return {"y_true": _one(y_true, "y_true")}
    return {"y_true": next(iter(columns.values()))} if len(columns) == 1 else columns


def _one(values: Any, name: str) -> Any:
    """A column (N,): a Series as it is, else an array."""
    if isinstance(values, pd.Series | pd.api.extensions.ExtensionArray):
        return values
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        return values.iloc[:, 0]
    if isinstance(values, pd.Index):
        return values.to_numpy()
    array = np.asarray(values) if hasattr(values, "__array__") else np.asarray(pd.Series(list(values)))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{name} has shape {array.shape}; expected one value a row, (N,)")
    return array


def _assumed(parts: dict[str, Any]) -> tuple[str, ...]:
    """What has to be said where X has no row labels and those of the others stand in different orders."""
    other = reordered(parts)
    if not other or _has_labels(parts["X"]):
        return ()
    first = next(k for k, v in parts.items() if isinstance(v, pd.Series))
    return (
        f"X came without row labels, and those of {other[0]} stand in another order than those of {first}: rows of X "
        f"were taken to stand in the order of {first}.",
    )


def _same_length(parts: dict[str, Any], rows: int) -> None:
    for name, part in parts.items():
        if len(part) != rows:
            role, _, column = name.partition(" ")
            raise DataError(f"{role} has {len(part)} rows, X has {rows}{f' ({column})' if column else ''}")


def _free(name: str, frame: pd.DataFrame) -> str:
    while name in frame:
        name = f"{name}_"
    return name


def _same(a: pd.Series[Any], b: pd.Series[Any]) -> bool:
    """Equal values row by row, whatever their types; missing equals missing."""
    missing = a.isna()
    return bool((missing == b.isna()).all()) and a[~missing].tolist() == b[~missing].tolist()
