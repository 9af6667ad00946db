"""Rows and what the model says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from auditkit.batch import Batch
from auditkit.errors import DataError, ModelError
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


def decided(model: Model | Predictions, data: Dataset, rows: pd.DataFrame, *, first: bool = False) -> Decided:
    """Some rows of the data, with decisions and scores; on the `first` the model is tried before it is asked."""
    if isinstance(model, Predictions):
        decisions, scores = model.outputs(data, rows)
        batch = replace(
            data.batch(rows, without=model.columns), y_pred=decisions, score=scores, scale=model.scale(data)
        )
        return Decided(batch, OutputRange())
    batch = data.batch(rows)
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


def by_label(model: Model | Predictions, data: Dataset) -> Iterator[tuple[str, tuple[Model | Predictions, Dataset]]]:
    """Each label of several, with model and rows of the audit of it; ModelError unless a net has an output each."""
    if not isinstance(model, Predictions):
        outputs = model.predict(data.sample().features.head(2)).shape[1]
        if outputs != len(data.labels):
            raise ModelError(f"the model gives {outputs} outputs a row; the target has {len(data.labels)} labels")
    others = model.columns if isinstance(model, Predictions) else ()
    for i, label in enumerate(data.labels):
        own = model.of_label(i, len(data.labels)) if isinstance(model, Predictions) else model.of_output(i)
        yield label, (own, data.of_label(label, without=others))


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
