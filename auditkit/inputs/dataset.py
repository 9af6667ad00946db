"""Dataset: rows with features, a target, and the sensitive features that say whom the rows concern."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.check import MISSING, Batch
from auditkit.errors import DataError, listing, nearest
from auditkit.inputs import sources
from auditkit.inputs.tasks.binary import BinaryTarget
from auditkit.inputs.tasks.multiclass import ClassTarget
from auditkit.inputs.tasks.regression import NumberTarget
from auditkit.inputs.weights import checked_kind, clusters_of, weights_of
from auditkit.records import TASKS, Task

MOST_NUMERIC_GROUPS = 50
"""A numeric sensitive feature with more distinct values than this is refused: it wants bins."""


class Dataset:
    """Rows to audit.

    Parameters
    ----------
    data
        A frame (pandas, Polars, Arrow, …), a dict of columns, or the path of a parquet or CSV file.
    y_true
        Name of the target column: 0/1, booleans, or two labels of which `positive` is one; any labels for
        multiclass, numbers for regression. Missing values are counted, reported and left out of every metric. For
        multilabel: the names of several columns of 0/1, one a label.
    positive
        The label that counts as positive; needed unless the target is 0/1. Binary only.
    task
        `"binary"`, `"multiclass"`, `"regression"` or `"multilabel"`.
    classes
        Multiclass: the labels in their order, which is that of a net's outputs; None: those that occur, sorted.
    sensitive_features
        Names of the columns that say whom a row concerns. A missing value is a group, `(missing)`.
    control_features
        Names of columns that may explain a disparity (education, department): `ConditionalParity` compares groups
        where these are equal. A missing value is a level, `(missing)`.
    weights
        Name of a column of weights ≥ 0, or None. No feature of the model.
    weights_kind
        `sampling`: how many rows of the population a row stands for; `frequency`: how often the row occurs.
    cluster
        Name of the column that says which rows belong together (a person with several rows, a hospital), or None.
        No feature of the model.
    sample_weight
        fairlearn's word for `weights`.

    Raises
    ------
    DataError
        For unknown columns (naming the nearest), doubtful labels, a continuous sensitive or control feature,
        impossible weights, a missing cluster, no rows.

    >>> data = Dataset({"age": [30, 40], "sex": ["f", "m"], "y": [0, 1]}, y_true="y", sensitive_features=["sex"])
    >>> len(data), data.sensitive_features
    (2, ('sex',))
    """

    def __init__(
        self,
        data: Any,
        *,
        y_true: str | Sequence[str],
        positive: Any = None,
        sensitive_features: str | Sequence[str],
        task: Task = "binary",
        classes: Sequence[Any] | None = None,
        control_features: str | Sequence[str] = (),
        weights: str | None = None,
        weights_kind: str = "sampling",
        cluster: str | None = None,
        sample_weight: str | None = None,
    ) -> None:
        source = sources.read(data)
        self.frame = source.frame
        self.name = source.name
        self.file_sha256 = source.file_sha256
        self.path = str(data) if isinstance(data, str | Path) else ""
        self.task = _known_task(task, positive=positive, classes=classes)
        self.labels = _labels(y_true, task)
        self.y_true = ", ".join(self.labels)
        self.sensitive_features = _names(sensitive_features)
        self.control_features = _names(control_features)
        if not self.sensitive_features:
            raise DataError("declare at least one column in sensitive_features: an audit asks whom a decision concerns")
        for name in self.labels:
            self.column(name, "y_true")
        for role in ("sensitive", "control"):
            for name in getattr(self, f"{role}_features"):
                self.column(name, f"{role}_features")
                if name in self.labels:
                    raise DataError(f"'{name}' is the target; it cannot be a {role} feature too")
        first = self.frame[self.labels[0]]
        self.target = _target(first, self.labels[0], task, positive=positive, classes=classes)
        for name in self.labels[1:]:
            _target(self.frame[name], name, task)
        self._groups = pd.DataFrame({name: _grouped(self.frame[name], name) for name in self.sensitive_features})
        controls = {name: _grouped(self.frame[name], name) for name in self.control_features}
        self._controls = pd.DataFrame(controls) if controls else None
        self._truth: NDArray[Any] = self.target.code(first, self.labels[0])
        if weights is not None and sample_weight is not None:
            raise DataError("weights and sample_weight are the same: give one of them")
        self.weights = self._own(sample_weight if weights is None else weights, "weights")
        self.weights_kind = checked_kind(weights_kind)
        self.cluster = self._own(cluster, "cluster")
        self._weight = (
            None if self.weights is None else weights_of(self.frame[self.weights], self.weights, self.weights_kind)
        )
        self._cluster = None if self.cluster is None else clusters_of(self.frame[self.cluster], self.cluster)

    def _own(self, name: str | None, role: str) -> str | None:
        """A column that is neither target nor sensitive feature, or None."""
        if name is None:
            return None
        self.column(str(name), role)
        if str(name) in self.labels:
            raise DataError(f"'{name}' is the target; it cannot be {role} too")
        if role == "weights" and str(name) in self.sensitive_features:
            raise DataError(f"'{name}' is a sensitive feature; it cannot be {role} too")
        return str(name)

    @property
    def zero_weights(self) -> int:
        """Rows of weight 0, which count nowhere that weights are used."""
        return 0 if self._weight is None else int((self._weight == 0).sum())

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        *,
        y_true: Any,
        sensitive_features: Any,
        positive: Any = None,
        task: Task = "binary",
        classes: Sequence[Any] | None = None,
        sample_weight: Any = None,
        weights_kind: str = "sampling",
        cluster: Any = None,
    ) -> Dataset:
        """A Dataset of arrays: X (N, d) or a frame, y_true (N,), sensitive_features a frame, Series or dict of (N,).

        `sample_weight` and `cluster` are (N,) too, or None.

        Columns of a plain array are named "0", "1", …; sensitive features that are not among them are no input of
        the model.
        """
        features = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        features = features.set_axis([str(c) for c in features.columns], axis=1).reset_index(drop=True)
        if isinstance(sensitive_features, pd.Series):
            sensitive_features = sensitive_features.to_frame(sensitive_features.name or "group")
        groups = pd.DataFrame(sensitive_features).reset_index(drop=True)
        groups.columns = [str(c) for c in groups.columns]
        truth = np.asarray(y_true)
        given = {"sample_weight": sample_weight, "cluster": cluster}
        beside = {role: pd.Series(v).reset_index(drop=True) for role, v in given.items() if v is not None}
        lengths = {"y_true": len(truth), "sensitive_features": len(groups)} | {k: len(v) for k, v in beside.items()}
        for name, length in lengths.items():
            if length != len(features):
                raise DataError(f"{name} has {length} rows, X has {len(features)}")
        own = [c for c in groups if c not in features]
        for c in groups:
            if c in features and not _same(features[c], groups[c]):
                raise DataError(f"X has a column '{c}' too, with other values: rename the sensitive feature")
        target = "y_true" if "y_true" not in features else "y_true_"
        frame = pd.concat([features, groups[own]], axis=1).assign(**{target: truth})
        names = {role: role if role not in frame else f"{role}_" for role in beside}
        frame = frame.assign(**{names[role]: values for role, values in beside.items()})
        out = cls(
            frame,
            y_true=target,
            positive=positive,
            task=task,
            classes=classes,
            sensitive_features=list(groups.columns),
            weights=names.get("sample_weight"),
            weights_kind=weights_kind,
            cluster=names.get("cluster"),
        )
        out._not_inputs = frozenset(map(str, own))
        return out

    cautions: tuple[str, ...] = ()
    """What a reader should know of these rows before any number; whole sentences, shown on the page."""

    _not_inputs: frozenset[str] = frozenset()
    """Columns that are not shown to the model: sensitive features that came beside X, and the other labels."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in their order, or the labels of several; empty for binary and regression."""
        return self.labels if self.task == "multilabel" else getattr(self.target, "classes", ())

    def of_label(self, label: str, *, without: Sequence[str] = ()) -> Dataset:
        """The binary dataset of one label of several; the other labels, and `without`, are no features of it."""
        if label not in self.labels:
            raise DataError(f"no label '{label}'; the labels are {listing(self.labels)}.{nearest(label, self.labels)}")
        out = copy.copy(self)
        out.task, out.labels, out.y_true = "binary", (label,), label
        out.target = BinaryTarget.of(self.frame[label], label)
        out._truth = out.target.code(self.frame[label], label)
        out._not_inputs = self._not_inputs | {*without, *self.labels} - {label}
        return out

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str, role: str) -> pd.Series[Any]:
        """The column of that name; DataError naming the nearest."""
        if name not in self.frame.columns:
            raise DataError(
                f"no column '{name}' for {role}; the columns are {listing(self.frame.columns)}."
                f"{nearest(name, self.frame.columns)}"
            )
        return self.frame[name]

    def batches(self, size: int = 65_536, *, without: Sequence[str] = ()) -> Iterator[Batch]:
        """The rows in parts, before any decision; `without` names columns that are no features (predictions)."""
        beside = {name for name in (self.weights, self.cluster) if name is not None}
        hidden = {*self.labels, *without, *self._not_inputs, *beside}
        features = self.frame[[c for c in self.frame.columns if c not in hidden]]
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            truth = self._truth[rows]
            yield Batch(
                features=features.iloc[rows],
                groups=self._groups.iloc[rows],
                y_true=truth,
                y_pred=np.full_like(truth, np.nan if truth.dtype.kind == "f" else -1),
                task=self.task,
                classes=self.classes,
                controls=None if self._controls is None else self._controls.iloc[rows],
                sample_weight=None if self._weight is None else self._weight[rows],
                weights_kind=self.weights_kind,
                cluster=None if self._cluster is None else self._cluster[rows],
            )


Target = BinaryTarget | ClassTarget | NumberTarget


def _known_task(task: Task, *, positive: Any, classes: Sequence[Any] | None) -> Task:
    if task not in TASKS:
        raise DataError(f"unknown task {task!r}; known are {listing(TASKS)}.{nearest(str(task), TASKS)}")
    if positive is not None and task != "binary":
        raise DataError(f"positive names a label of a binary target; a {task} target has none")
    if classes is not None and task != "multiclass":
        raise DataError(f"classes names the labels of a multiclass target; this task is {task}")
    return task


def _labels(y_true: str | Sequence[str], task: Task) -> tuple[str, ...]:
    """The columns of the target: one, or several for multilabel."""
    names = (y_true,) if isinstance(y_true, str) or not isinstance(y_true, list | tuple) else tuple(y_true)
    names = tuple(str(n) for n in names)
    if task == "multilabel" and (len(names) < 2 or len(set(names)) < len(names)):
        raise DataError(f"a multilabel target is two or more different columns; y_true names {listing(names)}")
    if task != "multilabel" and len(names) != 1:
        raise DataError(f"y_true names {listing(names)}; a {task} target is one column (several are task='multilabel')")
    return names


def _target(
    column: pd.Series[Any], name: str, task: Task, *, positive: Any = None, classes: Sequence[Any] | None = None
) -> Target:
    match task:
        case "multiclass":
            return ClassTarget.of(column, name, classes=classes)
        case "regression":
            return NumberTarget.of(column, name)
    return BinaryTarget.of(column, name, positive=positive)


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(dict.fromkeys(str(n) for n in names))


def _grouped(column: pd.Series[Any], name: str) -> pd.Categorical[str]:
    """A categorical of strings, with `(missing)` for missing values."""
    try:
        codes, uniques = pd.factorize(column, sort=False)
    except TypeError:
        raise DataError(f"'{name}' holds lists or other values that are no groups; expected one value a row") from None
    if len(uniques) > MOST_NUMERIC_GROUPS and all(isinstance(u, Number) for u in uniques):
        raise DataError(
            f"'{name}' has {len(uniques)} distinct numeric values: a continuous column is no group. Bin it first, e.g. "
            f"frame['{name}_band'] = pandas.cut(frame['{name}'], [0, 30, 45, 60, 120]), and declare '{name}_band'; or "
            f"leave it a number and ask ContinuousAttribute('{name}')"
        )
    labels = [_label(u) for u in uniques]
    if MISSING in labels:
        raise DataError(f"a value of '{name}' is literally '{MISSING}', the name kept for missing values: rename it")
    order = sorted(set(labels))
    if (codes < 0).any():
        order = [*order, MISSING]
    translate = np.array([*(order.index(label) for label in labels), len(order) - 1], dtype=np.int64)
    return pd.Categorical.from_codes(translate[codes], categories=pd.Index(order))


def _same(a: pd.Series[Any], b: pd.Series[Any]) -> bool:
    """Equal values row by row, whatever their types; missing equals missing."""
    missing = a.isna()
    return bool((missing == b.isna()).all()) and a[~missing].tolist() == b[~missing].tolist()


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
