"""What would let a third party repeat an audit: hashes, versions, seeds, dates."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from typing import TYPE_CHECKING, Literal

import auditkit
from auditkit.clock import now
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.tasks.registry import task_of
from auditkit.records import DataProvenance, ModelProvenance, Provenance, Weighting

if TYPE_CHECKING:
    from auditkit.evidence.fingerprint import RowHash
    from auditkit.evidence.observed import Observed
    from auditkit.inputs.model import Model

_PACKAGES = ("captum", "fairlearn", "numpy", "pandas", "scikit-learn", "scipy", "torch")


def provenance_of(
    observed: Observed,
    model: Model | Predictions,
    data: Dataset,
    *,
    seed: int,
    sample: int,
    against: Model | Predictions | None = None,
    reads: Sequence[str] = (),
) -> Provenance:
    """Provenance of what was observed; `reads`: columns that checks read beside features, groups and outcomes."""
    return Provenance(
        auditkit=auditkit.__version__,
        created=now(),
        versions={"python": platform.python_version(), **dict(_versions())},
        seed=seed,
        sample=sample,
        model=_model(model, data),
        against=None if against is None else _model(against, data),
        data=_data(observed, model, data, reads),
        cautions=tuple(dict.fromkeys((*data.cautions, *(() if isinstance(model, Predictions) else model.cautions)))),
        notes=data.notes,
    )


def _versions() -> Iterator[tuple[str, str]]:
    """Of what is installed: an audit of predictions runs without torch and captum, and then has no versions of them."""
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            yield package, metadata.version(package)


def _model(model: Model | Predictions, data: Dataset) -> ModelProvenance:
    if isinstance(model, Predictions):
        scale = model.scale(data)
        words = "" if scale is None else scale.words
        kind: Literal["predictions", "none"] = "predictions" if model.columns else "none"
        return ModelProvenance(name=model.name, kind=kind, threshold=model.threshold, scale=words)
    return ModelProvenance(
        name=model.name,
        kind="torch",
        sha256=model.state_sha256(),
        parameters=model.parameters(),
        weights=model.weights,
        threshold=model.threshold if "threshold" in task_of(model.task).takes else None,
    )


def _data(observed: Observed, model: Model | Predictions, data: Dataset, reads: Sequence[str]) -> DataProvenance:
    beside = [name for name in (data.weights, *data.clusters, data.row_id, data.strata) if name is not None]
    if isinstance(model, Predictions):
        used = [*data.sensitive_features, *data.control_features, *data.labels, *model.columns, *reads, *beside]
    else:
        used = list(data.source.schema)
    people = [*data.sensitive_features, *data.labels, *beside]
    return DataProvenance(
        name=data.name,
        rows=observed.rows.rows,
        sha256=_sha256(used, observed.rows),
        people_sha256="" if observed.people is None else _sha256(people, observed.people),
        file_sha256=data.file_sha256,
        y_true=data.y_true,
        task=data.task,
        positive=str(data.target.positive),
        classes=data.classes,
        sensitive_features=data.sensitive_features,
        missing_target=observed.missing_target,
        missing_prediction=observed.missing_prediction,
        weighting=weighting_of(data),
        row_id=data.row_id or "",
    )


def _sha256(columns: Sequence[str], rows: RowHash) -> str:
    content = json.dumps([sorted(columns), rows.rows, rows.sums])
    return hashlib.sha256(content.encode()).hexdigest()


def weighting_of(data: Dataset) -> Weighting | None:
    """How rows count; None where all count alike and independently."""
    if data.weights is None and not data.clusters and data.strata is None:
        return None
    return Weighting(
        weights=data.weights or "",
        kind=data.weights_kind,
        zero_weights=data.zero_weights,
        cluster=" or ".join(data.clusters),
        strata=data.strata or "",
    )
