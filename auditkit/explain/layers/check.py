"""`LayerAudit`: what every layer knows of an attribute, and what the net uses. Torch only in `examine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, class_explained
from auditkit.errors import DataError, ModelError, choices
from auditkit.explain.classes import one_class, worst_class
from auditkit.explain.layers.findings import layer_assessment
from auditkit.explain.layers.sums import LayerSums
from auditkit.options import checked_options
from auditkit.records import Task

if TYPE_CHECKING:
    from auditkit.inputs.model import Model


@dataclass(frozen=True)
@checked_options
class LayerAudit(BaseCheck):
    """Layer by layer: how well a linear probe reads the attribute, and what erasing it there does to gap and accuracy.

    Beside it what each neuron contributes to the gap (conductance), a check by ablation, an untrained copy, a control
    task and random directions. For each attribute, the two groups that drive the gap in mean scores.

    >>> LayerAudit(by="gender").by
    ('gender',)
    """

    NAME: ClassVar[str] = "layer_audit"
    by: Sequence[str] | None = None
    """Sensitive attributes, each alone; None: every one."""
    layers: Sequence[str] | None = None
    """Names as in `named_modules`, also of modules that hold others; None: every module that calls no other."""
    random: int = 20
    """Random directions, and random sets of neurons, beside each layer's own; 0: none."""
    max_steps: int = 512
    """Steps of the paths along which neurons contribute, at most: doubled from 24 until contributions add up."""
    seed: int = 0
    label: str | None = None
    """Multiclass: the class whose probability is looked at; None: the one whose mean differs most surely between
    groups, for which intervals and p then answer as for the worst of all classes."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")
    NO_SUM: ClassVar[str] = (
        "probes and erasers were fitted to the rows of each part, between the two groups that differ most surely "
        "there: those of all rows would read and erase other directions"
    )

    def __post_init__(self) -> None:
        if not 0 <= self.random <= 1_000:
            raise ModelError(f"random must lie between 0 and 1,000 directions, got {self.random}")

        if not 1 <= self.max_steps <= 65_536:
            raise ModelError(f"max_steps must lie between 1 and 65,536, got {self.max_steps}")

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return "layer_audit" + ("" if self.label is None else f":{self.label}")

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        return {k: v for k, v in super().options().items() if k != "label" or v is not None}

    def examine(self, model: Model, sample: Batch) -> LayerSums:
        """Run the net on the sampled rows, whole and with single layers changed; what is kept are sums.

        Raises ModelError for an unknown layer or a failed preflight, DataError for an unknown attribute.
        """
        from auditkit.explain.layers.study import Options, study

        for name in self.by or ():
            if name not in sample.groups:
                known = [str(c) for c in sample.groups]
                raise DataError(f"no sensitive attribute '{name}'; there are {choices(name, known)}")
        options = Options(self.by, self.layers, self.random, self.seed, self.max_steps)
        if not sample.kind.several:
            class_explained(self.label, sample, "LayerAudit")
            return study(model, sample, options)
        chosen = {}
        label = self.label
        if label is None:
            label = worst_class(sample, model.predict(sample.features), self.by)
            chosen = {"of_classes": len(sample.classes)}
        i = class_explained(label, sample, "LayerAudit")
        assert i is not None
        seen = study(model.of_output(i), one_class(sample, i), options)
        return replace(seen, facts={**seen.facts, "label": label, **chosen})

    def assess(self, evidence: LayerSums, *, level: float = 0.95) -> Assessment:
        """One finding an attribute; pure."""
        return layer_assessment(evidence, level=level)
