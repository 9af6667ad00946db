"""MLflow asks: `mlflow.models.evaluate(…, evaluators="auditkit")` audits what a model said, and logs what came of it.

The entry point `mlflow.model_evaluator` names this. Nothing of MLflow, nor of an audit, is imported before it is asked.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.errors import DataError, PolicyError, listing, nearest

if TYPE_CHECKING:
    import pandas

    from auditkit.records import Report
else:
    from auditkit.lazy import pandas

AUDIT = ("policy", "checks", "name", "sample", "seed")
"""Options that go to `ak.audit`."""
DECIDED = ("threshold", "score_range", "score")
"""Options that go to `ak.Predictions`: how predictions that are scores decide, or where those of decisions are."""
MOST = 500
"""Numbers that are logged at once."""


class Evaluator:
    """Audits predictions by groups, as an evaluator of MLflow 3 (`mlflow.models.evaluation.ModelEvaluator`).

    `evaluator_config={"auditkit": {…}}` takes the options of `ak.Dataset` (`sensitive_features` at least; columns of
    the evaluated data), `policy`, `checks`, `name`, `sample` and `seed` of `ak.audit`, `threshold` and `score_range` of
    `ak.Predictions` where predictions are scores, `score` where they are decisions (the column of the evaluated data
    that has their scores), `model` (an `ak.Model`, whose net is audited in the place of the predictions), and
    `raise_for_status` (True): `PolicyViolation` where the policy is failed, once all is logged.

    Logged are every number with both limits, as `auditkit/NAME` (names as of `Report.log`), the page and the
    report.json as artifacts, and the tags `auditkit.outcome` and `auditkit.digest`, what `gate --expect` asks for.

    >>> Evaluator.can_evaluate(model_type="classifier", evaluator_config={"sensitive_features": ["sex"]})
    True
    >>> Evaluator.can_evaluate(model_type="classifier", evaluator_config={})
    False
    """

    name = "auditkit"

    @classmethod
    def can_evaluate(cls, *, model_type: str | None, evaluator_config: Mapping[str, Any] | None, **_: Any) -> bool:
        """Whether somebody says whose groups are compared: without, MLflow asks every evaluator that it knows."""
        return "sensitive_features" in (evaluator_config or {})

    def evaluate(
        self,
        *,
        model_type: str | None,
        dataset: Any,
        run_id: str,
        evaluator_config: Mapping[str, Any],
        model: Any = None,
        predictions: str | None = None,
        **_: Any,
    ) -> Any:
        """Audit, log into the run, and raise what the policy raises; MLflow's `EvaluationResult` otherwise."""
        told = _known(evaluator_config)
        raises = told.pop("raise_for_status", True)
        report = _audited(told, dataset, model, predictions, numeric=model_type == "regressor")
        result = _logged(report, run_id)
        if raises:
            report.raise_for_status()
        return result


def _known(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options; PolicyError for one that there is not."""
    import auditkit as ak

    of_data = [p for p in inspect.signature(ak.Dataset).parameters if p not in ("data", "y_true")]
    names = [*of_data, *AUDIT, *DECIDED, "model", "raise_for_status"]
    for name in config:
        if name not in names:
            raise PolicyError(
                f"evaluator_config of auditkit has no option '{name}'; it has {listing(names)}.{nearest(name, names)}"
            )
    return dict(config)


def _audited(told: dict[str, Any], dataset: Any, model: Any, predictions: str | None, *, numeric: bool) -> Report:
    import auditkit as ak
    from auditkit.records import NUMERIC

    rows = dataset.features_data
    if not isinstance(rows, pandas.DataFrame):
        rows = pandas.DataFrame(rows, columns=list(dataset.feature_names))
    if dataset.labels_data is None:
        raise DataError(
            "evaluate(…, targets=…) names no truth: groups can be compared by decisions alone in `ak.audit`"
        )
    truth = _free(dataset.targets_name or "target", rows.columns)
    said = _free("prediction", [*rows.columns, truth])
    decided = {k: told.pop(k) for k in DECIDED if k in told}
    asked = {k: told.pop(k) for k in AUDIT if k in told}
    net = told.pop("model", None)
    if numeric:
        told.setdefault("task", NUMERIC)
    columns = {truth: dataset.labels_data}
    if net is None:
        given = dataset.predictions_data if dataset.has_predictions else model.predict(rows)
        columns[said] = _one_column(given, predictions)
        scores = decided and "score" not in decided
        net = ak.Predictions(**{"score" if scores else "y_pred": said, **decided})
    data = ak.Dataset(rows.assign(**columns), y_true=truth, **told)
    return ak.audit(net, data, progress=False, **asked)


def _free(name: str, taken: Collection[str]) -> str:
    """A name that no column has."""
    while name in taken:
        name += "_"
    return name


def _one_column(given: Any, name: str | None) -> Any:
    """(N,) what was predicted; DataError where it is several columns of which none is named."""
    import numpy as np

    if isinstance(given, pandas.DataFrame) and name in given.columns:
        given = given[name]
    values = np.asarray(given)
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim != 1:
        raise DataError(
            f"predictions have the shape {values.shape}; expected one a row: a decision, or a score with threshold=…. "
            "Of several columns, evaluate(…, predictions=…) names one"
        )
    return values


def _logged(report: Report, run_id: str) -> Any:
    """The result as MLflow has it, once the run holds it."""
    import mlflow
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.artifacts import JsonEvaluationArtifact, TextEvaluationArtifact

    from auditkit import stored

    numbers: dict[str, float] = {}
    report.log(lambda name, value: numbers.update({f"auditkit/{name}": value}))
    names = list(numbers)
    for i in range(0, len(names), MOST):
        mlflow.log_metrics({name: numbers[name] for name in names[i : i + MOST]}, run_id=run_id)
    client = mlflow.MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        files = {end: report.save(Path(folder) / f"audit.{end}") for end in ("json", "html")}
        digest = stored.digest(files["json"].read_bytes())
        client.log_artifacts(run_id, folder, "auditkit")
    for tag, value in (("outcome", report.outcome), ("digest", digest)):
        client.set_tag(run_id, f"auditkit.{tag}", value)
    at = f"{client.get_run(run_id).info.artifact_uri}/auditkit/audit"
    artifacts = {
        "auditkit/report": JsonEvaluationArtifact(uri=f"{at}.json"),
        "auditkit/page": TextEvaluationArtifact(uri=f"{at}.html"),
    }
    return EvaluationResult(metrics=numbers, artifacts=artifacts, run_id=run_id)
