"""Checks of this folder: frozen options that examine a sample, and assess what was seen. Torch only in `examine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.check import Assessment, Batch
from auditkit.errors import ModelError, listing, nearest
from auditkit.evidence.sample import Observations
from auditkit.explain.findings import PHI, attribution_finding
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.explain.attribution import Explained
    from auditkit.inputs.model import Model

METHODS = ("integrated_gradients",)
BASELINE = "the weighted mean of the sample's encoded rows"
NOT_MEASURED = "not_measured"
"""Fact that holds the reason, in a table without columns."""


@dataclass(frozen=True)
class Attribution:
    """What moves the model's scores, row by row and column by column, through Captum.

    Explains the logit (the probability if the net gives only that) from the sample's mean encoded row, in raw columns.

    >>> Attribution("integrated_gradient")
    Traceback (most recent call last):
    auditkit.errors.ModelError: unknown attribution method 'integrated_gradient'; this version knows: ...
    """

    method: str = "integrated_gradients"
    n_steps: int | None = None
    """Quadrature steps to begin with, 1–512; None: 32 for smooth nets, 64 for others."""
    label: str | None = None
    """Multiclass: the class whose probability is explained; without it there is nothing to explain."""
    tasks: tuple[Task, ...] = ("binary", "multiclass", "regression")

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ModelError(
                f"unknown attribution method {self.method!r}; this version knows: {listing(METHODS)}."
                f"{nearest(self.method, METHODS)}"
            )
        if self.n_steps is not None and not 1 <= self.n_steps <= 512:
            raise ModelError(f"n_steps must lie between 1 and 512, got {self.n_steps}")

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return f"attribution:{self.method}" + ("" if self.label is None else f":{self.label}")

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        options = {"method": self.method, "n_steps": self.n_steps}
        return options if self.label is None else {**options, "label": self.label}

    def examine(self, model: Model, sample: Batch) -> Observations:
        """Attribute the sampled rows; ModelError when the preflight (T0) fails.

        A row a sampled row: `phi:<column>` signed, `weight`, `delta` (ΔF), `epsilon` (T1) and `steps`, with the
        sensitive features as labels; beside it the trials of T2–T9 on at most 256 of the rows. A model that cannot be
        explained gives a table without columns, and the reason.
        """
        from auditkit.explain.attribution import NotExplained, explain
        from auditkit.explain.methods import METHODS as methods
        from auditkit.explain.trials import tried

        try:
            if sample.task == "multiclass":
                model = self._of_class(model, sample.classes)
            explained = explain(model, sample, n_steps=self.n_steps)
        except NotExplained as e:
            return Observations({}, {}, {"method": self.method, NOT_MEASURED: str(e)})
        facts = {
            "method": self.method,
            "explained": self._explained(model),
            "baseline": BASELINE,
            "unread": _unread(sample, explained.columns),
        }
        if self.label is not None:
            facts["label"] = self.label
        labels = {str(c): sample.groups[c].astype("str").tolist() for c in sample.groups}
        trials = tried(model, sample, explained, methods[self.method])
        return Observations(_columns(explained, sample), labels, facts, trials)

    def _of_class(self, model: Model, classes: tuple[str, ...]) -> Model:
        from auditkit.explain.attribution import NotExplained

        if self.label is None:
            raise NotExplained(f"a model of {len(classes)} classes: say which one to explain, Attribution(label=…)")
        if self.label not in classes:
            raise ModelError(
                f"no class '{self.label}' to explain; the classes are {listing(classes)}.{nearest(self.label, classes)}"
            )
        return model.of_output(classes.index(self.label))

    def _explained(self, model: Model) -> str:
        if model.task == "regression":
            return "prediction"
        return "logit" if model.outputs == "logits" else "probability"

    def assess(self, evidence: Observations, *, level: float = 0.95) -> Assessment:
        """One finding, with T0–T11 in it; pure."""
        reason = evidence.facts.get(NOT_MEASURED)
        if reason is not None:
            return Assessment(not_measured=(NotMeasured(what=self.name, why=reason),))
        return Assessment((attribution_finding(evidence, level=level),))


def _columns(explained: Explained, sample: Batch) -> dict[str, Any]:
    n = len(explained.phi)
    return {
        **{f"{PHI}{name}": explained.phi[:, j] for j, name in enumerate(explained.columns)},
        "weight": np.ones(n) if sample.weight is None else sample.weight,
        "delta": explained.delta,
        "epsilon": explained.epsilon,
        "steps": explained.steps.astype(np.float64),
    }


def _unread(sample: Batch, columns: tuple[str, ...]) -> list[str]:
    """Raw columns that the model never reads; a mixed feature is named `a + b`."""
    read = {part for name in columns for part in (name, *name.split(" + "))}
    return [str(c) for c in sample.features.columns if str(c) not in read]
