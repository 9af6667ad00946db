"""Rows and what the model says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from auditkit.batch import Batch
from auditkit.errors import DataError, ModelError, listing
from auditkit.evidence.output_range import OutputRange
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.tasks.registry import task_of

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.inputs.model import Model


class Decided(NamedTuple):
    """Some rows, and what the model says of them."""

    batch: Batch
    outputs: OutputRange
    """Of the net's own outputs, where nobody has said what they are."""


def decided(
    model: Model | Predictions,
    data: Dataset,
    rows: pd.DataFrame,
    *,
    first: bool = False,
    against: Model | Predictions | None = None,
) -> Decided:
    """Some rows of the data, with decisions and scores; on the `first` the model is tried before it is asked.

    With what an older model, `against`, decides of the same rows: columns with its decisions are no features.
    """
    without = columns_of(model, against)
    said = _decided(model, data, rows, without, first=first)
    if against is None:
        return said
    old = _decided(against, data, rows, without, first=first).batch.y_pred
    return said._replace(batch=replace(said.batch, y_old=old))


def columns_of(*models: Model | Predictions | None) -> tuple[str, ...]:
    """Columns of the data that are decisions or scores, and no features."""
    return tuple(dict.fromkeys(c for m in models if isinstance(m, Predictions) for c in m.columns))


def _decided(
    model: Model | Predictions, data: Dataset, rows: pd.DataFrame, without: tuple[str, ...], *, first: bool
) -> Decided:
    batch = data.batch(rows, without=without)
    if isinstance(model, Predictions):
        decisions, scores = model.outputs(data, rows)
        batch = replace(batch, y_pred=decisions, score=scores, scale=model.scale(data))
        return Decided(batch, OutputRange())
    if first:
        from auditkit.explain.preflight import preflight

        preflight(model, batch.features)
    said, outputs = model.scored(batch.features)
    y_pred, score = task_of(model.task).decided(said, threshold=model.threshold, classes=data.classes)
    return Decided(replace(batch, y_pred=y_pred, score=score), outputs)


def of_one_task(model: Model | Predictions, data: Dataset) -> None:
    if not isinstance(model, Predictions) and model.task != data.task:
        raise ModelError(
            f"the model's task is {model.task}, that of the data is {data.task}: give Model and Dataset the same task="
        )


def by_label(
    model: Model | Predictions, data: Dataset, against: Model | Predictions | None = None
) -> Iterator[tuple[str, tuple[Model | Predictions, Dataset, Model | Predictions | None]]]:
    """Each label of several, with model, rows and older model of the audit of it; ModelError unless a net has an output
    each."""
    for net in (m for m in (model, against) if m is not None and not isinstance(m, Predictions)):
        outputs = net.predict(data.sample(without=columns_of(model, against)).features.head(2)).shape[1]
        if outputs != len(data.labels):
            raise ModelError(f"the model gives {outputs} outputs a row; the target has {len(data.labels)} labels")
    others = columns_of(model, against)
    for i, label in enumerate(data.labels):
        own, old = (_of_label(m, i, len(data.labels)) for m in (model, against))
        assert own is not None, "there is a model"
        yield label, (own, data.of_label(label, without=others), old)


def _of_label(model: Model | Predictions | None, i: int, labels: int) -> Model | Predictions | None:
    if model is None or isinstance(model, Predictions):
        return model and model.of_label(i, labels)
    return model.of_output(i)


def comparable(model: Model | Predictions, against: object, data: Dataset) -> None:
    """ModelError or DataError for an older model that is none, or that is of another task, or that is the same one."""
    if against is None:
        return
    if not isinstance(against, Predictions):
        from auditkit.inputs.model import Model

        if not isinstance(against, Model):
            raise ModelError(
                f"against takes an ak.Model or ak.Predictions, got {type(against).__name__}: wrap the older net, as in "
                "ak.Model(net), or name its column of decisions, as in ak.Predictions('old')"
            )
    if isinstance(model, Predictions) and isinstance(against, Predictions) and model.like(against):
        raise DataError(
            f"against names the very decisions that are audited, {listing(model.columns)}: name the older model's"
        )
    of_one_task(against, data)


def wrapped(model: object, data: object) -> None:
    """ModelError or DataError for a bare net or frame, with what to wrap it in."""
    if not isinstance(model, Predictions) and not _is_a_model(model):
        raise ModelError(
            f"expected ak.Model or ak.Predictions, got {type(model).__name__}: wrap a trained net, as in ak.Model(net)"
        )
    if not isinstance(data, Dataset):
        raise DataError(
            f"expected ak.Dataset, got {type(data).__name__}: wrap rows, as in ak.Dataset(frame, y_true=…, "
            "sensitive_features=[…])"
        )


def _is_a_model(model: object) -> bool:
    from auditkit.inputs.model import Model  # torch comes with it: not before there is a net

    return isinstance(model, Model)
