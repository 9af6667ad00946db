"""Checks of this folder: frozen options that examine a sample, and assess what was seen. Torch only in `examine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.check import Assessment, Batch
from auditkit.errors import ModelError, listing, nearest
from auditkit.evidence.sample import Observations
from auditkit.explain.findings import PHI, attribution_finding
from auditkit.records import NotMeasured

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
        return f"attribution:{self.method}"

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        return {"method": self.method, "n_steps": self.n_steps}

    def examine(self, model: Model, sample: Batch) -> Observations:
        """Attribute the sampled rows; ModelError when the preflight (T0) fails.

        A row a sampled row: `phi:<column>` signed, `weight`, `delta` (ΔF), `epsilon` (T1) and `steps`, with the
        sensitive features as labels. A model that cannot be explained gives a table without columns, and the reason.
        """
        from auditkit.explain.attribution import NotExplained, explain

        try:
            explained = explain(model, sample, n_steps=self.n_steps)
        except NotExplained as e:
            return Observations({}, {}, {"method": self.method, NOT_MEASURED: str(e)})
        facts = {
            "method": self.method,
            "explained": "logit" if model.outputs == "logits" else "probability",
            "baseline": BASELINE,
            "unread": _unread(sample, explained.columns),
        }
        labels = {str(c): sample.groups[c].astype("str").tolist() for c in sample.groups}
        return Observations(_columns(explained, sample), labels, facts)

    def assess(self, evidence: Observations, *, level: float = 0.95) -> Assessment:
        """One finding, with T0 and T1 in it; pure."""
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
