"""Dataset: rows with features, a target, and the sensitive features that say whom the rows concern."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.batch import Batch, all_missing
from auditkit.errors import DataError, listing, nearest
from auditkit.evidence.weights import checked_kind
from auditkit.inputs import lookalikes, row_weights
from auditkit.inputs.arrays import joined
from auditkit.inputs.csv_files import CsvOptions
from auditkit.inputs.grouping import grouped, name_of, names_of
from auditkit.inputs.made_columns import Join, left_out, made_columns
from auditkit.inputs.numbers import numbers_in
from auditkit.inputs.pictures import with_pictures
from auditkit.inputs.source import BATCH, FrameSource
from auditkit.inputs.sources import source_of
from auditkit.inputs.survey import Survey
from auditkit.inputs.tasks.registry import known_task, task_of
from auditkit.inputs.tasks.task import Target
from auditkit.lists import Lists
from auditkit.records import DEFAULT_TASK, TASK_KINDS, Task, TaskKind

_Read = TypeVar("_Read")


class Dataset:
    """Rows to audit: what the columns of a source mean. Its rows are read part by part, and never all at once.

    Parameters
    ----------
    data
        A frame (pandas, Polars, Arrow, …), a dict of columns, or the path of a parquet or CSV file, of a folder of
        such parts (folders called `name=value` are columns), or a pattern like `rows/*.parquet`; a `Source`; or an
        iterator of frames, whose rows are kept in a temporary file.
    y_true
        Name of the target column: 0/1, booleans, or two labels of which `positive` is one; any labels for
        multiclass, numbers for regression. Missing values are counted and reported; metrics that need no truth
        count their rows too. For multilabel: the names of several columns of 0/1, one a label. None: no row has one.
    positive
        The label that counts as positive; needed unless the target is 0/1. Binary only.
    task
        `"binary"`, `"multiclass"`, `"regression"` or `"multilabel"`.
    classes
        Multiclass: the labels in their order, which is that of a net's outputs; None: those that occur, sorted.
    sensitive_features
        Names of the columns that say whom a row concerns. A missing value is a group, `(missing)`. One-hot columns are
        one feature, `{"race": ["race_a", "race_b"]}`, also in a list of names, and so are `ak.mentions(…)` of texts.
    control_features
        Names of columns that may explain a disparity (education, department): `ConditionalParity` compares groups
        where these are equal. A missing value is a level, `(missing)`.
    leave_out
        Names of columns that are no features, such as decisions and scores of other models: shown to no model or check.
    weights
        Name of a column of weights ≥ 0, or None. No feature of the model.
    weights_kind
        `sampling`: how many rows of the population a row stands for; `frequency`: how often the row occurs.
    cluster
        Name of the column that says which rows belong together (a person with several rows, a hospital), or None; two
        names where a row is of two people (a pair of faces), or of one twice. No feature of the model.
    strata
        Name of the column that says within which stratum of the population a row was drawn, or None. Group rates have
        variances within strata. No feature of the model, unless it is a sensitive or control feature; not with
        `cluster`.
    population
        Rows of each stratum in the population, where known (finite population correction): stratum → number, or the
        name of a column that holds it in every row.
    row_id
        Name of the column that names each row (a case number), or None. No feature of the model. No two rows share an
        id: rows of equal content are then told apart. Only hashes of ids are used, and none is kept.
    sample_weight
        fairlearn's word for `weights`.
    sep, encoding, decimal, thousands
        How a CSV file is written: separator, text encoding, decimal sign, separator of thousands. None: looked at, and
        said on the page where the file is not the plain one (comma, UTF-8, decimal point).
    na_values
        Texts of a CSV file that count as missing beside empty cells; None: NaN, nan, NA, <NA>, null, NULL. [] keeps
        them all as values.
    bins
        Edges of bins of numeric sensitive and control features, `{"age": [0, 30, 45, 60, 120]}`: each bin holds its
        lower edge, the last both. What lies outside is a group of its own.
    pictures
        Names of columns of pictures: paths of files (relative to that of the data), or arrays. The model's `preprocess`
        is given their pixels, a NumPy array a cell. Rows without a picture that can be read are left out, and counted.
    join
        Columns of another file, by a key: `ak.Join("people.csv", on="id")`, or a dict like it. No features of the
        model, and nor is the key.

    Raises
    ------
    DataError
        For unknown columns (naming the nearest), doubtful labels, a continuous sensitive or control feature,
        impossible weights, a missing cluster, a missing or repeated row id, no rows.

    >>> data = Dataset({"age": [30, 40], "sex": ["f", "m"], "y": [0, 1]}, y_true="y", sensitive_features=["sex"])
    >>> len(data), data.sensitive_features
    (2, ('sex',))
    """

    def __init__(
        self,
        data: Any,
        *,
        y_true: str | Sequence[str] | None,
        positive: Any = None,
        sensitive_features: str | Sequence[str | Mapping[str, Any]] | Mapping[str, Any],
        task: Task = DEFAULT_TASK,
        classes: Sequence[Any] | None = None,
        control_features: str | Sequence[str] = (),
        leave_out: str | Sequence[str] = (),
        weights: str | None = None,
        weights_kind: str = "sampling",
        cluster: str | Sequence[str] | None = None,
        strata: str | None = None,
        population: str | Mapping[Any, float] | None = None,
        row_id: str | None = None,
        sample_weight: str | None = None,
        sep: str | None = None,
        encoding: str | None = None,
        na_values: str | Sequence[str] | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        bins: Mapping[str, Sequence[float]] | None = None,
        join: Join | Mapping[str, Any] | None = None,
        pictures: str | Sequence[str] = (),
    ) -> None:
        source = source_of(data, CsvOptions.of(sep, encoding, na_values, decimal, thousands))
        made = made_columns(source, sensitive_features, control_features, bins=bins, join=join)
        self.source = with_pictures(made.source, names_of(pictures, "pictures"), data)
        self._column_of, self._not_inputs = made.column_of, made.not_inputs
        self._survey = Survey(self.source)
        self.path = str(data) if isinstance(data, str | Path) else ""
        self.task = known_task(task, positive=positive, classes=classes)
        several = y_true if isinstance(y_true, list | tuple) else [y_true]
        self.labels = () if y_true is None else tuple(str(name_of(n, "y_true")) for n in several)
        if y_true is not None:
            task_of(task).columns(self.labels)
        self.y_true = ", ".join(self.labels)
        self._not_inputs |= left_out(leave_out, self.labels, self._known)
        self.sensitive_features, self.control_features = made.sensitive, made.control
        if not self.sensitive_features:
            raise DataError("declare at least one column in sensitive_features: an audit asks whom a decision concerns")
        for name in self.labels:
            self._known(name, "y_true")
        for role in ("sensitive", "control"):
            for name in getattr(self, f"{role}_features"):
                self._known(name, f"{role}_features")
                if name in self.labels:
                    raise DataError(f"'{name}' is the target; it cannot be a {role} feature too")
        said: Any = {"positive": positive, "classes": classes}
        read = (lambda *of: task_of(task).target(of, self.labels, **said)) if self.labels else None
        self.target: Target = self._told(read, *self.labels) if read else task_of(task).untold(**said)
        named = (*self.sensitive_features, *self.control_features)
        self._levels = {
            name: self._told(lambda c, name=name: grouped(c, name), self._column_of.get(name, name)) for name in named
        }
        self.weights = self._own(row_weights.of_either(weights, sample_weight), "weights")
        self.weights_kind = checked_kind(weights_kind)
        self.clusters = tuple(n for c in row_weights.one_or_two(cluster) if (n := self._own(c, "cluster")) is not None)
        if self.weights is not None:
            self._told(lambda c: row_weights.weights_of(c, str(c.name), self.weights_kind), self.weights)
        for name in self.clusters:
            self._told(lambda c: row_weights.clusters_of(c, str(c.name)), name)
        self.strata = self._own(name_of(strata, "strata"), "strata")
        counted = row_weights.populations(population, self.strata, self.clusters)
        self.population = counted if isinstance(counted, dict) else self._own(counted, "population")
        if self.strata is not None:
            self._told(lambda c: row_weights.clusters_of(c, str(c.name), "stratum"), self.strata)
        self.row_id = self._own(name_of(row_id, "row_id"), "row_id")
        if self.row_id is not None:
            self._told(lambda c: row_weights.row_ids_of(c, str(c.name)), self.row_id)
            parts = (self._survey.settled(p)[self.row_id] for p in self.source.batches([self.row_id]))
            row_weights.one_row_each(parts, self.row_id)
        self.cautions = (*self.source.cautions, *self._cautions())

    def _told(self, read: Callable[..., _Read], *names: str) -> _Read:
        """What is read of columns: of the values that they hold, or, where these cannot be, with the whole columns, so
        that the error tells rows and numbers of them."""
        try:
            return read(*(self._survey.values[name] for name in names))
        except DataError:
            whole = pd.concat([self._survey.settled(p) for p in self.source.batches(names)], ignore_index=True)
            read(*(whole[name] for name in names))
            raise

    def _cautions(self) -> list[str]:
        """What a reader should know of labels: those that look alike, texts read as missing, one class only."""
        named = dict.fromkeys((*self.labels, *self.sensitive_features, *self.control_features))
        levels = {name: list(found.categories) for name, found in self._levels.items()}
        said = [*self.target.cautions, *lookalikes.read_as_missing(self.source.missing_texts(list(named)))]
        said += [c for name, found in levels.items() for c in lookalikes.of_groups(name, found)]
        return list(dict.fromkeys((*said, *lookalikes.cautions(self.y_true, list(self.target.written), missing=False))))

    def _own(self, name: str | None, role: str) -> str | None:
        """A column that is neither target nor sensitive feature, or None."""
        if name is None:
            return None
        self._known(name, role)
        if name in self.labels:
            raise DataError(f"'{name}' is the target; it cannot be {role} too")
        named = self.sensitive_features + (self.control_features if role == "row_id" else ())
        if role not in ("cluster", "strata") and name in named:
            kind = "sensitive" if name in self.sensitive_features else "control"
            raise DataError(f"'{name}' is a {kind} feature; it cannot be {role} too")
        return name

    @property
    def zero_weights(self) -> int:
        """Rows of weight 0, which count nowhere that weights are used."""
        return 0 if self.weights is None else self._survey.zeros[self.weights]

    @property
    def name(self) -> str:
        """The name of the file, or empty."""
        return self.source.name

    @property
    def file_sha256(self) -> str | None:
        """The fingerprint of the file that the rows come from, or None."""
        return self.source.fingerprint

    @property
    def frame(self) -> pd.DataFrame:
        """All rows at once, in memory, as they were given."""
        return self._survey.settled(self.source.frame)

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        *,
        y_true: Any,
        sensitive_features: Any,
        positive: Any = None,
        task: Task = DEFAULT_TASK,
        classes: Sequence[Any] | None = None,
        control_features: Any = None,
        sample_weight: Any = None,
        weights_kind: str = "sampling",
        cluster: Any = None,
        row_id: Any = None,
    ) -> Dataset:
        """A Dataset of arrays: X (N, d) or a frame, y_true (N,), sensitive_features a frame, Series or dict of (N,).

        `control_features` come like sensitive features, `sample_weight`, `cluster` and `row_id` are (N,); or None.
        Several labels (multilabel) are a frame, a dict of (N,), or an array (N, labels).

        pandas objects are matched by their row labels (index): put into one order where the labels are the same set,
        refused where they differ. Arrays and lists are taken in the order in which they stand.

        Columns of a plain array are named "0", "1", …; pictures (N, height, width, …) are one column, "picture".
        Sensitive and control features that are not among them are no input of the model.
        """
        beside = {"sample_weight": sample_weight, "cluster": cluster, "row_id": row_id}
        of: Any = {"sensitive_features": sensitive_features, "control_features": control_features}
        rows = joined(X, y_true=y_true, **of, **beside)
        facts: Any = {"positive": positive, "task": task, "classes": classes, "weights_kind": weights_kind}
        facts |= {"sensitive_features": rows.groups, "control_features": rows.controls, **rows.beside}
        out = cls(rows.frame, y_true=(rows.labels[0] if len(rows.labels) == 1 else rows.labels) or None, **facts)
        out._not_inputs |= rows.not_inputs
        out.cautions = (*out.cautions, *rows.cautions)
        return out

    @classmethod
    def from_torch(cls, rows: Any, *, sensitive_features: Any, target: Any = None, **options: Any) -> Dataset:
        """A Dataset of what a torch `Dataset` or `DataLoader` gives, row by row: see `inputs.torch_rows`."""
        from auditkit.inputs.torch_rows import of_torch

        found: Dataset = of_torch(cls, rows, sensitive_features, target, options)
        return found

    cautions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What may be wrong with these rows, and how they were made where nothing may be: whole sentences for the page."""
    lists: Lists | None = None
    """Where rows are users with a list each: which columns say what of it."""

    _not_inputs: frozenset[str] = frozenset()
    """Columns that are not shown to the model: those left out, joined, made of others or beside X; other labels."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in their order, or the labels of several; empty for binary and regression."""
        return self.target.classes

    @property
    def kind(self) -> TaskKind:
        """What the task predicts."""
        return TASK_KINDS[self.task]

    def of_label(self, label: str, *, without: Sequence[str] = ()) -> Dataset:
        """The binary dataset of one label of several; the other labels, and `without`, are no features of it."""
        if label not in self.labels:
            raise DataError(f"no label '{label}'; the labels are {listing(self.labels)}.{nearest(label, self.labels)}")
        out = copy.copy(self)
        out.task, out.labels, out.y_true = task_of(self.task).part or self.task, (label,), label
        task = task_of(out.task)
        out.target = out._told(lambda c: task.target([c], [label], positive=None, classes=None), label)
        out.cautions = (*self.cautions, *out.target.cautions)
        out._not_inputs = self._not_inputs | {*without, *self.labels} - {label}
        return out

    def beside(self, columns: Mapping[str, Any]) -> Dataset:
        """The same rows with further columns, each (N,) in their order, which are no features of a model."""
        out = copy.copy(self)
        out.source = FrameSource(self.frame.assign(**columns), self.name)
        out._survey, out._not_inputs = Survey(out.source), self._not_inputs | set(columns)
        return out

    def __len__(self) -> int:
        return self._survey.rows

    def _known(self, name: str, role: str) -> None:
        """DataError unless there is a column of that name, naming the nearest; "age (in bins)" is ours alone."""
        columns = [c for c in self._survey.values if c == name or c not in self._column_of.values()]
        if name not in columns:
            read_as = f" ({self.name} was read with {self.source.read_as})" if self.source.read_as else ""
            raise DataError(
                f"no column '{name}' for {role}; the columns are {listing(columns)}{read_as}.{nearest(name, columns)}"
            )

    def column(self, rows: pd.DataFrame, name: str, role: str) -> tuple[pd.Series[Any], int]:
        """A column of some `rows` below all the values that it holds anywhere, and how many these are.

        What is made of a column so (codes of labels) is the same in every part, and the values are cut off again.
        DataError for a column that is not there, naming the nearest.
        """
        self._known(name, role)
        return self._survey.beside(rows[name])

    def batches(self, size: int = BATCH, *, without: Sequence[str] = ()) -> Iterator[Batch]:
        """The rows in parts, before any decision; `without` names columns that are no features (predictions)."""
        for rows in self.parts(size):
            yield self.batch(rows, without=without)

    def parts(self, size: int = BATCH) -> Iterator[pd.DataFrame]:
        """The rows in parts, as they are; DataError if they are not those that were there before."""
        seen = 0
        for rows in self.source.batches(size=size):
            seen += len(rows)
            yield self._survey.settled(rows)
        if seen != len(self):
            raise DataError(f"{self.name or 'the source'} gave {len(self):,} rows at first and {seen:,} later")

    def sample(self, *, without: Sequence[str] = ()) -> Batch:
        """At most so many rows as a part has, drawn by the hash of their content; all where they are no more."""
        batch = self.batch(self._survey.sample, without=without)
        levels = {n: int(s.notna().sum()) for n, s in self._survey.values.items()}
        return batch if len(batch.y_true) == len(self) else replace(batch, levels=levels)

    def batch(self, rows: pd.DataFrame, *, without: Sequence[str] = ()) -> Batch:
        """Some rows of the source as checks are given them, before any decision."""
        named = (*self.sensitive_features, *self.control_features)
        beside = {n for n in (self.weights, *self.clusters, self.row_id) if n is not None}
        beside |= {n for n in (self.strata, self.population) if isinstance(n, str) and n not in named}
        strata, population = (
            (None, None) if self.strata is None else row_weights.strata_of(rows, self.strata, self.population)
        )
        hidden = {*self.labels, *without, *self._not_inputs, *beside}
        truth = self.truth(rows)
        return Batch(
            features=rows[[c for c in rows.columns if c not in hidden]],
            groups=self._grouped(rows, self.sensitive_features),
            y_true=truth,
            y_pred=all_missing(truth),
            task=self.task,
            classes=self.classes,
            controls=self._grouped(rows, self.control_features) if self.control_features else None,
            sample_weight=None if self.weights is None else rows[self.weights].to_numpy(dtype=np.float64),
            weights_kind=self.weights_kind,
            cluster=row_weights.ids_of(rows, self.clusters),
            strata=strata,
            population=population,
            row_id=None if self.row_id is None else row_weights.row_ids_of(rows[self.row_id], self.row_id),
            numbers=partial(numbers_in, self.column, rows),
        )

    def truth(self, rows: pd.DataFrame) -> NDArray[Any]:
        """(N,) of some rows; all missing where there is none."""
        if not self.labels:
            return self.target.code(pd.Series([None] * len(rows), dtype=object), "y_true")
        column, values = self.column(rows, self.labels[0], "y_true")
        return self.target.code(column, self.labels[0])[values:]

    def _grouped(self, rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
        out = {}
        for name in names:
            column, values = self.column(rows, self._column_of.get(name, name), "sensitive_features")
            out[name] = grouped(column, name)[values:]
        return pd.DataFrame(out, index=rows.index)
