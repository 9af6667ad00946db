"""Rows and what the model says of them: the batches of the data, with decisions and scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from auditkit.batch import Batch
from auditkit.errors import DataError, ModelError, listing
from auditkit.evidence.output_range import OutputRange
from auditkit.explain.preflight import preflight
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.model import Model
from auditkit.inputs.predictions import Predictions
from auditkit.progress import tell


class Decided(NamedTuple):
    """Some rows, and what the model says of them."""

    batch: Batch
    outputs: OutputRange
    """Of the net's own outputs, where nobody has said what they are."""


def decided(model: Model | Predictions, data: Dataset) -> Iterator[Decided]:
    """The batches of the data, with decisions and scores."""
    done = 0
    if isinstance(model, Predictions):
        decisions, scores = model.outputs(data)
        for batch in data.batches(without=model.columns):
            rows = slice(done, done := done + len(batch.y_true))
            own = replace(batch, y_pred=decisions[rows], score=None if scores is None else scores[rows])
            yield Decided(own, OutputRange())
            tell("rows", done, len(data))
        return
    for batch in data.batches():
        if not done:
            preflight(model, batch.features)
        score, outputs = model.scored(batch.features)
        yield Decided(_decisions(model, data, batch, score), outputs)
        done += len(score)
        tell("rows", done, len(data))


def _decisions(model: Model, data: Dataset, batch: Batch, score: Any) -> Batch:
    match model.task:
        case "multiclass":
            if score.shape[1] != len(data.classes):
                raise ModelError(
                    f"the model gives {score.shape[1]} outputs a row; the target has {len(data.classes)} classes "
                    f"({listing(data.classes)}): name all in the order of the outputs, Dataset(classes=…)"
                )
            return replace(batch, y_pred=score.argmax(axis=1).astype(np.int16), score=score)
        case "regression":
            return replace(batch, y_pred=score)
    return replace(batch, y_pred=(score >= model.threshold).astype(np.int8), score=score)


def of_one_task(model: Model | Predictions, data: Dataset) -> None:
    if isinstance(model, Model) and model.task != data.task:
        raise ModelError(
            f"the model's task is {model.task}, that of the data is {data.task}: give Model and Dataset the same task="
        )


def as_many(model: Model, data: Dataset) -> None:
    """ModelError unless the net has an output for each label."""
    outputs = model.predict(next(data.batches(2)).features.head(2)).shape[1]
    if outputs != len(data.labels):
        raise ModelError(f"the model gives {outputs} outputs a row; the target has {len(data.labels)} labels")


def wrapped(model: object, data: object) -> None:
    """ModelError or DataError for a bare net or frame, with what to wrap it in."""
    if not isinstance(model, Model | Predictions):
        raise ModelError(
            f"expected ak.Model or ak.Predictions, got {type(model).__name__}: wrap a trained net, as in ak.Model(net)"
        )
    if not isinstance(data, Dataset):
        raise DataError(
            f"expected ak.Dataset, got {type(data).__name__}: wrap rows, as in ak.Dataset(frame, y_true=…, "
            "sensitive_features=[…])"
        )
