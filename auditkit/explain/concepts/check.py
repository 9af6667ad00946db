"""Concepts (TCAV): does the direction that tells two groups apart inside the net move its scores?"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, attributes_asked, class_explained
from auditkit.errors import DataError, NotExplained, choices, listing
from auditkit.evidence.grouped import GroupSums
from auditkit.evidence.sample import row_copies, weights_of
from auditkit.evidence.sums import Weights
from auditkit.explain.concepts.findings import ConceptRows, concept_findings, contrasts_of
from auditkit.explain.concepts.statements import CONCEPT, LEFT, PROJECTION
from auditkit.explain.layers.blocks import residuals
from auditkit.explain.layers.legitimate import legitimate
from auditkit.options import checked_options
from auditkit.progress import tell
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from torch import Tensor

    from auditkit.explain.layers.layer import Layer
    from auditkit.inputs.model import Model
    from auditkit.inputs.packing import Inputs

NOT_MEASURED = "not_measured"
LAYERS = 8
"""Layers looked at unless they are named; of more, evenly chosen ones."""


@dataclass(frozen=True)
@checked_options
class Concepts(BaseCheck):
    """Whether the net's decisions go along with a concept: a sensitive group, or rows that show something.

    At a layer with activations h, v is the mean of h over the rows of the group minus that over the others; the
    statistic is the mean over rows of ∇h·v, the change of the decision (log-odds) when a row's activations move by v.
    Tested by permuted labels, Benjamini–Hochberg over the layers and groups of an attribute. The TCAV share, of rows
    with ∇h·v > 0, is shown and not tested: a test over classifiers fitted to random halves rejects most true nulls.

    Reference: Kim et al. (2018), TCAV, ICML 80.

    >>> Concepts(layers=["layers.2"]).options()["permutations"]
    999
    """

    NAME: ClassVar[str] = "concepts"
    layers: Sequence[str] = ()
    """Names as in `named_modules`; empty: modules that call no other, before the last, at most eight, evenly chosen."""
    attributes: Sequence[str] = ()
    """Which of the sensitive features are concepts; empty: all, unless `examples` are given."""
    examples: Mapping[str, Any] | None = None
    """Concept → rows that show it: a frame, or the path of a parquet or CSV file; compared with the sample."""
    permutations: int = 999
    seed: int = 0
    label: str | None = None
    """Multiclass: the class whose probability is explained."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")
    NO_SUM: ClassVar[str] = (
        "a direction is a difference of means of one part's rows, told by its product with the mean gradient of these "
        "rows: of all rows it is a product of other means, and labels of all rows would be dealt out anew together"
    )
    PATHS: ClassVar[tuple[str, ...]] = ("examples",)

    def __post_init__(self) -> None:
        self._within("permutations", 99, 99_999)

    def options(self) -> dict[str, Any]:
        """The options, as JSON; a frame of examples is named, not stored, and of files only their names are."""
        given = (self.examples or {}).items()
        named = {k: Path(v).name if isinstance(v, str | Path) else "(a frame)" for k, v in given}
        return {**super().options(), "examples": named or None}

    def examine(self, model: Model, sample: Batch) -> ConceptRows:
        """A row a sampled row (and a row of examples): `u:<layer>`, its activations along the mean gradient.

        The statistic of any labels is the difference of the means of u, since ∇h·v is linear in v.
        ModelError for an unknown layer or class, PolicyError for an unknown attribute.
        """
        every = attributes_asked(self.attributes, sample, "for concepts")
        attributes = every if self.attributes or not self.examples else []
        examples = {name: _frame(name, rows, sample.features) for name, rows in (self.examples or {}).items()}
        try:
            i = class_explained(self.label, sample, "Concepts")
            return _observed(model if i is None else model.of_output(i), sample, attributes, examples, self)
        except NotExplained as e:
            return ConceptRows({}, {}, {NOT_MEASURED: str(e)})

    def assess(self, evidence: ConceptRows | GroupSums, *, level: float = 0.95) -> Assessment:
        """A finding an attribute, and one for the concepts that were given; pure."""
        seen = evidence.sums()
        if NOT_MEASURED in seen.facts:
            why = seen.facts[NOT_MEASURED]
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="explanation"),))
        findings, absent = concept_findings(seen, level=level)
        reasons: dict[str, str] = seen.facts["unusable"]
        absent += [f"layer '{name}': {why}" for name, why in reasons.items()]
        return Assessment(
            tuple(findings), tuple(NotMeasured(what=self.name, why=why, concern="explanation") for why in absent)
        )


def _frame(name: str, rows: Any, features: pd.DataFrame) -> pd.DataFrame:
    """The examples of a concept, with the columns of the features; DataError for one that is missing."""
    from auditkit.inputs.sources import source_of

    frame = source_of(rows).frame
    for column in features.columns:
        if column not in frame.columns:
            raise DataError(
                f"the examples of '{name}' lack the column '{column}'; theirs are {choices(column, frame.columns)}"
            )
    if len(frame) < 2:
        raise DataError(f"the concept '{name}' needs two examples or more; there are {len(frame)}")
    return frame[list(features.columns)]


def _observed(
    model: Model, sample: Batch, attributes: list[str], examples: dict[str, pd.DataFrame], check: Concepts
) -> ConceptRows:
    from auditkit.explain.asking import answering
    from auditkit.explain.layers.cuts import layers_and_cuts
    from auditkit.explain.layers.interventions import lost
    from auditkit.explain.preflight import examined

    n = len(sample.features)
    if not n:
        raise NotExplained("the sample has no rows")
    labels = _labels(sample, attributes, examples)
    with examined(model, sample.features):
        with answering("the model cannot encode the examples") if examples else contextlib.nullcontext():
            inputs = model.encode(pd.concat([sample.features, *examples.values()], ignore_index=True))
        found = layers_and_cuts(model, inputs, check.layers or None)
        able = [y for y in found if not y.reason]
        able = able if check.layers else able[:-1]
        unusable = {y.name: y.reason for y in found if y.reason} | lost(model, inputs, able)
        layers = [y for y in able if y.name not in unusable]
        if not check.layers:
            layers = _few(layers)
        if not layers:
            alone = "no layer comes before the last" if any(model.module.children()) else "the net is a single module"
            raise NotExplained("no layer can be used: " + (listing(f"{k}: {v}" for k, v in unusable.items()) or alone))
        weights = _counted(sample, sum(map(len, examples.values())))
        seen = _along(model, inputs, layers, row_copies(sample), contrasts_of(labels, weights))
    along = seen.along
    held = None if examples and not attributes else legitimate(sample)
    left = {} if held is None else {y: _left(u, held.basis, row_copies(sample)) for y, u in along.items()}
    facts = {
        "layers": list(along),
        "cuts": [y.name for y in layers if y.cut],
        "straight": seen.straight,
        "spread": seen.spread,
        "held": [] if held is None else list(held.names),
        "unusable": unusable,
        "permutations": check.permutations,
        "seed": check.seed,
        "shares": seen.shares,
        "rows": int(row_copies(sample).sum()),
        "gradient": seen.digest,
        "explained": model.explained,
        **({} if check.label is None else {"label": check.label}),
    }
    columns = {f"{PROJECTION}{name}": u for name, u in along.items()}
    columns |= {f"{LEFT}{name}": u for name, u in left.items()}
    return ConceptRows(columns if weights is None else {**weights.columns(), **columns}, labels, facts)


def _counted(sample: Batch, examples: int) -> Weights | None:
    """Rows of the sample count by their copies, examples each as one; None: no row has a copy."""
    if sample.copies is None:
        return None
    one = np.ones(examples)
    alike = weights_of(sample).alike
    return Weights(*(np.concatenate([v, one]) for v in (alike.weight, alike.added, row_copies(sample))))


def _labels(sample: Batch, attributes: list[str], examples: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    """A label an attribute ("" for rows of examples); of each concept "yes", of the sample "no", of others ""."""
    n, extra = len(sample.features), {name: len(rows) for name, rows in examples.items()}
    total = sum(extra.values())
    labels = {a: [*sample.groups[a].astype("str").tolist(), *[""] * total] for a in attributes}
    for name in extra:
        marks = [mark for other, m in extra.items() for mark in ["yes" if other == name else ""] * m]
        labels[f"{CONCEPT}{name}"] = ["no"] * n + marks
    return labels


def _few(layers: list[Layer]) -> list[Layer]:
    """At most `LAYERS`: cuts of the net first, evenly chosen, then others; in their order."""
    kept: list[Layer] = []
    for some in ([y for y in layers if y.cut], [y for y in layers if not y.cut]):
        most = LAYERS - len(kept)
        chosen = range(len(some)) if len(some) <= most else np.linspace(0, len(some) - 1, most).round().astype(int)
        kept += [some[i] for i in sorted(set(chosen))]
    return [y for y in layers if y in kept]


def _left(u: Floats, held: Floats, copies: Floats) -> Floats:
    """u (N,) without what legitimate columns and truth, `held` (n, K) of the first n rows, say of it; 0 of examples."""
    out = np.zeros(len(u))
    n = len(held)
    out[:n] = residuals(u[:n, None], held, np.arange(n), copies.astype(np.float64))[:, 0]
    return out


class _Seen(NamedTuple):
    """What two passes show."""

    along: dict[str, Floats]
    """Layer → (N,) u."""
    shares: dict[str, list[float]]
    """layer|concept → rows with ∇h·v > 0, rows, Σ of how far decisions go when rows move by v to the other side."""
    straight: list[str]
    """Layers behind which the decision is linear: its gradient is that of all rows."""
    spread: float
    """Mean distance of decisions from their mean."""
    digest: str


def _along(
    model: Model, inputs: Inputs, layers: Sequence[Layer], copies: Floats, contrasts: dict[str, Floats]
) -> _Seen:
    """Two passes: first the mean gradient over the first n rows (by their `copies`) and each concept's v; then u, and
    ∇h·v of each row.

    `contrasts` (N,): 1/n₁ for rows of the concept, −1/n₀ for those it is compared with, so that v = Σ contrast · h.
    """
    import torch

    from auditkit.explain.activations import moved_decisions, parts
    from auditkit.inputs.packing import leaves, n_rows, taken

    rows, n, total = n_rows(inputs), len(copies), int(copies.sum())
    count = torch.as_tensor(copies, device=leaves(inputs)[0].device)
    weights = {k: torch.as_tensor(c, device=leaves(inputs)[0].device) for k, c in contrasts.items()}
    mean: dict[str, Tensor] = {}
    v: dict[tuple[str, str], Tensor] = {}
    for where, found in parts(model, inputs, layers):
        tell("concepts: directions", where.stop, rows)
        for name, part in found.items():
            own = part.gradient[: max(0, n - where.start)]
            many = count[where][: len(own)].to(own.dtype)
            own = (own if total == n else own * many.reshape(-1, *(1,) * (own.ndim - 1))).sum(0) / total
            mean[name] = mean[name] + own if name in mean else own
            for k, c in weights.items():
                step = c[where] @ part.activation
                v[name, k] = v[name, k] + step if (name, k) in v else step
    along: dict[str, list[Floats]] = {y.name: [] for y in layers}
    shares: dict[str, list[float]] = {f"{name}|{k}": [0, 0, 0.0] for name in along for k in contrasts}
    straight = {y.name for y in layers}
    for where, found in parts(model, inputs, layers):
        for name, part in found.items():
            along[name].append((part.activation @ mean[name]).cpu().numpy())
            own = part.gradient[: max(0, n - where.start)]
            if len(own) and float((own - mean[name]).abs().max()) > 1e-4 * float(mean[name].abs().max()):
                straight.discard(name)
            for k in contrasts:
                hits = shares[f"{name}|{k}"]
                many = count[where][: len(own)]
                hits[0] += int(many[own @ v[name, k] > 0].sum())
                hits[1] += int(many.sum())
    first = taken(inputs, slice(n))
    decisions = moved_decisions(model, first)
    for layer in layers:
        for k, contrast in contrasts.items():
            sides = -np.sign(contrast[:n])
            try:
                after = moved_decisions(model, first, layer, v[layer.name, k], sides)
                shares[f"{layer.name}|{k}"][2] = float(copies @ np.abs(after - decisions))
            except NotExplained:  # the net cannot read what it then gets: nothing is known of single rows there
                shares[f"{layer.name}|{k}"].pop()
    centre = np.average(decisions, weights=copies)
    spread = float(np.average(np.abs(decisions - centre), weights=copies))
    digest = hashlib.sha256(b"".join(mean[name].float().cpu().numpy().tobytes() for name in along)).hexdigest()
    whole = {name: np.concatenate(values) for name, values in along.items()}
    return _Seen(whole, shares, [y for y in along if y in straight], spread, digest[:16])
