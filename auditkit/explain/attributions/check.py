"""Checks of this folder: frozen options that examine a sample, and assess what was seen. Torch only in `examine`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, class_explained
from auditkit.errors import ModelError, NotExplained
from auditkit.evidence.grouped import GroupSums
from auditkit.evidence.sample import weights_of
from auditkit.explain.attributions.findings import attribution_findings
from auditkit.explain.attributions.parts import together
from auditkit.explain.attributions.sums import NOT_MEASURED, PHI, AttributionRows, AttributionSums
from auditkit.explain.methods.names import GRAD_CAM, MOST_STEPS, baseline_of, checked_name, checked_steps, with_layer
from auditkit.options import checked_options
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.explain.attributions.study import Explained
    from auditkit.inputs.model import Model


@dataclass(frozen=True)
@checked_options
class Attribution(BaseCheck):
    """What moves the model's scores, row by row and column by column, through Captum.

    Explains the logit (the probability if the net gives only that) from the sample's mean encoded row, in raw columns.

    >>> Attribution("integrated_gradient")
    Traceback (most recent call last):
    auditkit.errors.ModelError: unknown attribution method 'integrated_gradient'; this version knows: ...
    """

    method: str = "integrated_gradients"
    """A name in `explain.methods.names.NAMES`, or `captum:<ClassName>`."""
    n_steps: int | None = None
    """Quadrature steps to begin with, 1 to `max_steps`; None: 32 for smooth nets, 64 for others."""
    max_steps: int = MOST_STEPS
    """Quadrature steps up to which rows that do not add up go again, at most 4096."""
    label: str | None = None
    """Multiclass: the class whose probability is explained; None: every class, a finding each."""
    layer: str | None = None
    """Of `grad_cam`: the layer whose maps it weighs, as in `named_modules` ("features.7"); None: the output of the last
    convolutional block (of a ResNet `layer4`, of a plain stack the activation after its last convolution)."""
    seed: int = 0
    """Of methods that draw."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")

    def __post_init__(self) -> None:
        checked_name(self.method)
        checked_steps(self.n_steps, self.max_steps)
        if self.layer is not None and (self.method != GRAD_CAM or not self.layer):
            raise ModelError(f"a layer is named for {GRAD_CAM} alone; {self.method} explains inputs: omit layer")

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return ":".join(part for part in ("attribution", self.method, self.layer, self.label) if part is not None)

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        options: dict[str, Any] = {"method": self.method, "n_steps": self.n_steps}
        if self.max_steps != MOST_STEPS:
            options["max_steps"] = self.max_steps
        if self.seed:
            options["seed"] = self.seed
        if self.layer is not None:
            options["layer"] = self.layer
        return options if self.label is None else {**options, "label": self.label}

    def examine(self, model: Model, sample: Batch) -> AttributionRows:
        """Attribute the sampled rows; ModelError when the preflight (T0) fails.

        A row a sampled row: `phi:<column>` signed, `weight`, `delta` (ΔF), `epsilon` (T1, where the method promises
        to add up) and `steps`, with the sensitive features as labels; where every class is explained, all but the
        weight once a class, `<class>|phi:<column>`. Beside it the trials of T2–T9 on at most 256 of the rows. A model
        that cannot be explained gives a table without columns, and the reason.
        """
        from auditkit.explain.attributions.kept import picture_sums, point_sums
        from auditkit.explain.attributions.study import equal_scores, explain, explain_classes
        from auditkit.explain.entangled import as_one, facts_of
        from auditkit.explain.trust.study import by_class, of_classes, of_method

        model, together = as_one(model, sample.features)
        options: dict[str, Any] = {
            "method": self.method if self.layer is None else f"{self.method}:{self.layer}",
            "n_steps": self.n_steps,
            "max_steps": self.max_steps,
            "seed": self.seed,
        }
        if self.layer is not None:
            from auditkit.explain.methods.cam_layer import named_layer

            named_layer(model.module, self.layer)
        every = sample.kind.several and self.label is None
        if not every and (i := class_explained(self.label, sample, "Attribution")) is not None:
            model = model.of_output(i)
        try:
            if equal_scores(model, sample, "score" if every else "decision"):
                raise NotExplained("all scores are equal: no column moves them")
            each = explain_classes(model, sample, **options) if every else (explain(model, sample, **options),)
        except NotExplained as e:
            return AttributionRows({}, {}, {"method": self.method, NOT_MEASURED: str(e)})
        facts = {
            **self._facts(each[0], sample),
            **facts_of(together),
            "explained": "probability" if every else model.explained,
        }
        columns = _columns(each[0], sample)
        if not every:
            trials = of_method(model, sample, each[0])
        else:
            trials = by_class(dict(zip(sample.classes, of_classes(model, sample, each), strict=True)))
            facts["classes"] = list(sample.classes)
            columns = {
                f"{name}|{column}": values
                for name, explained in zip(sample.classes, each, strict=True)
                for column, values in _columns(explained, sample).items()
            }
        start, pictures = point_sums(model, sample, each[0].method), picture_sums(model, sample)
        return AttributionRows(columns, sample.labels(), facts, trials, start, pictures)

    def _facts(self, explained: Explained, sample: Batch) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "method": (method := with_layer(explained.method)[0]),
            "baseline": baseline_of(method),
            "unread": _unread(sample, (*explained.columns, *explained.unmoved)),
        }
        given = {
            "label": self.label,
            "layer": self.layer,
            "switched": explained.switched,
            "unmoved": list(explained.unmoved),
        }
        return facts | {k: v for k, v in given.items() if v} | ({"seed": self.seed} if self.seed else {})

    def together(self, one: Any, other: Any) -> GroupSums:
        """By the rows that each part's sampled rows stand for; rows that were kept are sums then."""
        return together(one.sums(), other.sums())

    def assess(self, evidence: AttributionRows | AttributionSums | GroupSums, *, level: float = 0.95) -> Assessment:
        """One finding, or one a class, with T0–T12 in it; pure."""
        seen = evidence.sums()
        reason = seen.facts.get(NOT_MEASURED)
        if reason is not None:
            return Assessment(not_measured=(NotMeasured(what=self.name, why=reason),))
        return Assessment(attribution_findings(seen, level=level))


def _columns(explained: Explained, sample: Batch) -> dict[str, Any]:
    return {
        **{f"{PHI}{name}": explained.phi[:, j] for j, name in enumerate(explained.columns)},
        **weights_of(sample).columns(),
        "delta": explained.delta,
        **({} if explained.epsilon is None else {"epsilon": explained.epsilon}),
        "steps": explained.steps.astype(np.float64),
    }


def _unread(sample: Batch, columns: tuple[str, ...]) -> list[str]:
    """Raw columns that the model never reads; a mixed feature is named `a + b`.

    Nobody knows where features are segments or inputs by name, not columns.
    """
    names = {str(c) for c in sample.features.columns}
    read = {part for name in columns for part in ((name,) if name in names else name.split(" + "))}
    return sorted(names - read, key=list(map(str, sample.features.columns)).index) if read <= names else []
