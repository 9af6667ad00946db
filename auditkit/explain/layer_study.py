"""What each layer knows of an attribute, and what the net uses of it: the passes, and the sums that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auditkit.check import MISSING, Batch, missing
from auditkit.errors import listing
from auditkit.evidence.sums import Moments
from auditkit.explain.attribution import NotExplained, groups_of
from auditkit.explain.conductance import INPUT, STEPS, conductance
from auditkit.explain.erasure import leace, random_eraser, whitening
from auditkit.explain.interventions import WIDEST, activations, encoded, erasing, holding, scores_with
from auditkit.explain.layer_sums import LayerSums, Sums, numbers
from auditkit.explain.layers import Layer, find_layers
from auditkit.explain.pairs import Pairs, staircase
from auditkit.explain.preflight import preflight, unchanged, undisturbed
from auditkit.explain.probes import Half, auc_of, balanced_accuracy, control_tasks, halves, read
from auditkit.explain.surface import Surface, surface
from auditkit.explain.untrained import untrained
from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, taken
from auditkit.progress import tell

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Acts = dict[str, NDArray[np.float32]]

LEAST = 20
"""Rows of a group, below which half of them say too little."""
UNTRAINED = 3
"""Untrained copies, whose accuracies are averaged."""
TOP = 5
"""Neurons that the ablation holds; a sixth of a narrow layer's, at least one."""
NARROWEST = 4
"""Units below which an ablation says nothing: a random set would be the same neurons."""
MOST_ERASED = 16
"""Layers that are erased and ablated where none are named, spread over the net."""
SHOWN = 64
"""Neurons kept a layer."""
BLOCK_BYTES = 128 * 2**20
"""Memory of the activations that are held at once."""


@dataclass(frozen=True)
class Options:
    """What `LayerAudit` asks."""

    by: tuple[str, ...] | None
    layers: tuple[str, ...] | None
    random: int
    seed: int


@dataclass(frozen=True)
class Rows:
    """The rows of two groups of one attribute."""

    attribute: str
    where: NDArray[np.intp]
    """(n,) their positions in the sample."""
    z: Bools
    """(n,) True: the group with the higher mean score."""
    weight: Floats
    right_if_selected: Floats
    """(n,) y_true as 1 or 0; NaN where missing or where there is no decision."""
    parts: tuple[Half, Half]

    def gap(self, scores: Floats) -> float:
        """Difference of the groups' weighted mean scores (n,)."""
        w = self.weight
        return float(w[self.z] @ scores[self.z] / w[self.z].sum() - w[~self.z] @ scores[~self.z] / w[~self.z].sum())

    def pairs(self, rows: NDArray[np.intp], seed: int) -> Pairs:
        """Pairs within some of the rows (positions 0 … n−1): higher group first."""
        up, down = rows[self.z[rows]], rows[~self.z[rows]]
        p = staircase(self.weight[up], self.weight[down], rng=np.random.default_rng(seed))
        return Pairs(up[p.first], down[p.second], p.weight)


def study(model: Model, sample: Batch, options: Options) -> LayerSums:
    """All passes over the sample; the model is left as it was found."""
    before = model.state_sha256()
    preflight(model, sample.features)
    with undisturbed(model):
        inputs = model.encode(sample.features)
        layers = (_input_layer(inputs), *find_layers(model, inputs, options.layers))
        scores = scores_with(model, inputs)
        weight = np.ones(len(scores)) if sample.weight is None else np.asarray(sample.weight, float)
        chosen, facts = _attributes(sample, scores, weight, options)
        sums: Sums = {rows.attribute: {"": _whole(rows, scores[rows.where])} for rows in chosen}
        measured = [layer for layer in layers if not layer.reason and layer.name != INPUT]
        flows = {rows.attribute: _flows(model, sample, inputs, measured, rows, options.seed) for rows in chosen}
        copies, why = _copies(model, options.seed)
        controls = _controls(inputs, chosen, options.seed)
        erased = _to_erase(layers, options)
        done = 0
        for block in _blocks(layers, len(scores)):
            own = _acts(model, inputs, block)
            theirs = [_acts(copy, inputs, _in_copy(block, copy)) for copy in copies]
            for layer in block:
                for rows in chosen:
                    into = sums[rows.attribute].setdefault(layer.name, {})
                    x = own[layer.name][rows.where].astype(np.float64)
                    others = [t[layer.name][rows.where].astype(np.float64) for t in theirs if layer.name in t]
                    into |= _knows(x, others, rows, controls[rows.attribute])
                    into |= _flow_sums(flows[rows.attribute], layer, len(rows.z))
                    if layer.name in erased:
                        some = taken(inputs, torch.as_tensor(rows.where))
                        at = _At(model, some, layer, rows, scores[rows.where], model.threshold)
                        into |= at.erased(x, options) | at.ablated(x, flows[rows.attribute], options)
                done += 1
                tell("layers", done, len(layers))
    unchanged(model, before)
    facts |= {
        "layers": [_fact(layer, layer.name in erased) for layer in layers],
        "untrained": why or f"{len(copies)} copies with new initial weights",
        "random": options.random,
        "seed": options.seed,
        "task": sample.task,
    }
    return LayerSums(facts, sums)


def _fact(layer: Layer, erased: bool) -> dict[str, Any]:
    return {
        "name": layer.name,
        "type": layer.type,
        "units": layer.units,
        "positions": layer.positions,
        "depth": layer.depth,
        "erased": erased,
        "reason": layer.reason,
    }


def _input_layer(inputs: Inputs) -> Layer:
    return Layer(INPUT, "", nn.Identity(), units=sum(t[:1].numel() for t in leaves(inputs)))


def _attributes(
    sample: Batch, scores: Floats, weight: Floats, options: Options
) -> tuple[list[Rows], dict[str, Any]]:
    """The rows of each attribute's two groups that drive the gap, and what is said of each attribute."""
    facts: dict[str, Any] = {}
    chosen = []
    names = options.by if options.by is not None else tuple(map(str, sample.groups.columns))
    for name in names:
        labels = sample.groups[name].astype("str").to_numpy()
        means = {
            g: float(np.average(scores[labels == g], weights=weight[labels == g]))
            for g in sorted(set(labels))
            if g != MISSING and (labels == g).sum() >= LEAST
        }
        if len(means) < 2:
            facts[name] = {"why": _why_no_pair(labels, means)}
            continue
        low, high = min(means, key=lambda g: means[g]), max(means, key=lambda g: means[g])
        if low == high:
            low, high = sorted(means)[:2]
        others = sorted(set(labels) - {low, high})
        facts[name] = {"low": low, "high": high, "others": others}
        where = np.flatnonzero((labels == low) | (labels == high))
        z = labels[where] == high
        truth = sample.y_true[where].astype(float)
        truth[missing(sample.y_true[where])] = np.nan
        if sample.task != "binary":
            truth[:] = np.nan
        chosen.append(Rows(name, where, z, weight[where], truth, halves(z, seed=options.seed)))
    return chosen, {"attributes": facts}


def _why_no_pair(labels: NDArray[Any], enough: dict[str, float]) -> str:
    if len(set(labels) - {MISSING}) < 2:
        return "the sample holds one group only"
    found = listing(enough) or "none"
    return f"two groups of at least {LEAST} sampled rows are needed; there are: {found}"


def _whole(rows: Rows, scores: Floats) -> dict[str, list[float]]:
    """What concerns the attribute alone."""
    n = len(scores)
    known = ~np.isnan(rows.right_if_selected)
    w = rows.weight[known]
    return {
        "gap": numbers(n, n * rows.gap(scores)),
        "truth": numbers(w.sum(), w @ rows.right_if_selected[known]),
        "rows": numbers((~rows.z).sum(), rows.z.sum()),
    }


# ---- what flows through


@dataclass(frozen=True)
class _Flow:
    """Gap conductance over all rows, and over each half."""

    whole: dict[str, Floats]
    halves: tuple[dict[str, Floats], dict[str, Floats]]


def _flows(
    model: Model, sample: Batch, inputs: Inputs, layers: Sequence[Layer], rows: Rows, seed: int
) -> _Flow | None:
    """None where the net has no gradient."""
    try:
        groups = groups_of(model, inputs, sample.features)
    except NotExplained:  # names of columns are not needed here
        groups = Groups(("all",), tuple(torch.zeros_like(t[:1], dtype=torch.long) for t in leaves(inputs)))
    at = surface(model, inputs, groups, scale="score")
    if not at.points:
        return None
    everyone = np.arange(len(rows.z))
    try:
        found = [_flow(at, model, layers, rows, some, seed) for some in (everyone, *(h.fit for h in rows.parts))]
    except RuntimeError as e:
        if "does not require grad" not in str(e):
            raise
        return None
    return _Flow(found[0], (found[1], found[2]))


def _flow(
    at: Surface, model: Model, layers: Sequence[Layer], rows: Rows, some: NDArray[np.intp], seed: int
) -> dict[str, Floats]:
    pairs = rows.pairs(some, seed)
    ends, starts = (torch.as_tensor(rows.where[i]) for i in (pairs.first, pairs.second))
    baseline = tuple(p[starts] for p in at.points)
    found = conductance(at.take(ends), baseline, model.module, layers, n_steps=STEPS, weight=pairs.weight)
    return found.through


def _flow_sums(flow: _Flow | None, layer: Layer, n: int) -> dict[str, list[float]]:
    if flow is None or layer.name not in flow.whole or not np.isfinite(flow.whole[layer.name]).all():
        return {}
    through = flow.whole[layer.name]
    largest = np.argsort(-np.abs(through), kind="stable")[:SHOWN]
    return {
        "flow": numbers(n, n * through.sum(), n * np.abs(through).sum()),
        **{f"neuron:{j}": numbers(n * through[j]) for j in largest},
    }


# ---- what is known


def _copies(model: Model, seed: int) -> tuple[list[Model], str]:
    try:
        copies = [untrained(model, seed=seed + i) for i in range(UNTRAINED)]
    except (TypeError, RuntimeError) as e:
        return [], f"no untrained copy: {e}"
    return copies, ""


def _in_copy(layers: Sequence[Layer], copy: Model) -> list[Layer]:
    """The same layers of the copy."""
    from dataclasses import replace

    own = dict(copy.module.named_modules())
    return [
        replace(y, module=own["" if y.name == "(net)" else y.name.split(" (call ")[0]])
        for y in layers
        if y.name != INPUT
    ]


def _controls(inputs: Inputs, chosen: Sequence[Rows], seed: int) -> dict[str, list[Bools]]:
    raw = encoded(inputs).astype(np.float64)
    return {r.attribute: control_tasks(raw[r.where], r.z, r.weight, seed=seed) for r in chosen}


def _acts(model: Model, inputs: Inputs, block: Sequence[Layer]) -> Acts:
    found = activations(model, inputs, [y for y in block if y.name != INPUT]) if block else {}
    return found | ({INPUT: encoded(inputs)} if any(y.name == INPUT for y in block) else {})


def _blocks(layers: Sequence[Layer], n: int) -> Iterator[list[Layer]]:
    """Layers whose activations fit in memory together."""
    block: list[Layer] = []
    held = 0
    for layer in layers:
        if layer.reason:
            continue
        size = 4 * n * min(layer.units, WIDEST)
        if block and held + size > BLOCK_BYTES:
            yield block
            block, held = [], 0
        block.append(layer)
        held += size
    if block:
        yield block


def _knows(x: Floats, others: Sequence[Floats], rows: Rows, controls: Sequence[Bools]) -> dict[str, list[float]]:
    """Held-out accuracy of the probe, and of the same probe on control tasks and on untrained copies."""
    z, w, n = rows.z, rows.weight, len(rows.z)
    if not np.isfinite(x).all():
        return {}
    tasks = [c for c in controls if _both(c, rows)]
    said, *trained = read(x, [z, *tasks], w, rows.parts)
    right = ((said > 0) == z).astype(float)
    auc = auc_of(said, z, w, rows.parts)
    out = {
        "low_right": _rate(right[~z], w[~z]),
        "high_right": _rate(right[z], w[z]),
        "auc": numbers(auc.right, auc.pairs),
    }
    if tasks:
        control = np.mean([balanced_accuracy(s, c, w) for s, c in zip(trained, tasks, strict=True)])
        out["control"] = numbers(n, n * control)
    reading = [balanced_accuracy(read(o, [z], w, rows.parts)[0], z, w) for o in others if np.isfinite(o).all()]
    if reading:
        out["untrained"] = numbers(n, n * np.mean(reading))
    return out


def _both(labels: Bools, rows: Rows) -> bool:
    """Whether both labels stand in both halves."""
    return all(labels[h.fit].any() and not labels[h.fit].all() for h in rows.parts)


def _rate(right: Floats, w: Floats) -> list[float]:
    return numbers(w.sum(), w @ w, w @ right)


# ---- what is used


def _to_erase(layers: Sequence[Layer], options: Options) -> set[str]:
    """Layers that are erased: wide enough to have something left, narrow enough to be looked at as they are."""
    able = [y for y in layers if not y.reason and 1 < y.units <= WIDEST]
    if options.layers is None and len(able) > MOST_ERASED:
        places = np.linspace(0, len(able) - 1, MOST_ERASED).round().astype(int)
        able = [able[i] for i in sorted(set(places.tolist()))]
    return {y.name for y in able}


@dataclass(frozen=True)
class _At:
    """Interventions at one layer, each fitted on one half of the rows and read on the other."""

    model: Model
    inputs: Inputs
    layer: Layer
    rows: Rows
    scores: Floats
    threshold: float

    def erased(self, x: Floats, options: Options) -> dict[str, list[float]]:
        """The attribute erased, and as many random directions."""
        if not self._possible(x):
            return {}
        z, w, n = self.rows.z, self.rows.weight, len(self.rows.z)
        after = np.zeros(n)
        random = np.zeros((options.random, n))
        for half in self.rows.parts:
            fit = half.fit
            white = whitening(x[fit], w[fit], shrinkage=True)
            if not len(white.variances):
                return {}
            eraser = leace(x[fit], z[fit], w[fit], white=white)
            after[half.read] = self._run(half, erasing(eraser))
            for i in range(options.random):
                other = random_eraser(white, max(1, eraser.rank), seed=options.seed + i)
                random[i, half.read] = self._run(half, erasing(other))
        out = {"random": numbers(n, n * np.median([self.rows.gap(r) for r in random]))} if options.random else {}
        return out | self._before_and_after(after)

    def ablated(self, x: Floats, flow: _Flow | None, options: Options) -> dict[str, list[float]]:
        """The neurons that carry most of the gap held at their means, and as many random ones."""
        units = x.shape[1]
        if flow is None or units < NARROWEST or self.layer.name not in flow.whole or not self._possible(x):
            return {}
        n, k = len(self.rows.z), min(TOP, max(1, units // 6))
        after = np.zeros(n)
        random = np.zeros((options.random, n))
        for i, half in enumerate(self.rows.parts):
            means = np.average(x[half.fit], axis=0, weights=self.rows.weight[half.fit])
            top = np.argsort(-flow.halves[i][self.layer.name], kind="stable")[:k]
            after[half.read] = self._run(half, holding(top, means))
            for r in range(options.random):
                some = np.random.default_rng([options.seed, r]).choice(units, k, replace=False)
                random[r, half.read] = self._run(half, holding(some, means))
        middle = np.median([self.rows.gap(r) for r in random]) if options.random else np.nan
        return {"ablated": numbers(n, k * n, n * self.rows.gap(after)), "ablated_random": numbers(n, n * middle)}

    def _possible(self, x: Floats) -> bool:
        whole = self.layer.name != INPUT or (isinstance(self.inputs, Tensor) and self.inputs.is_floating_point())
        return whole and bool(np.isfinite(x).all())

    def _run(self, half: Half, change: Any) -> Floats:
        some = taken(self.inputs, torch.as_tensor(half.read))
        return scores_with(self.model, some, self.layer, change)

    def _before_and_after(self, after: Floats) -> dict[str, list[float]]:
        z, w, before = self.rows.z, self.rows.weight, self.scores
        out = {}
        for name, group in (("low", ~z), ("high", z)):
            values = np.stack([before, after, before - after], axis=1)[group]
            out[f"{name}_scores"] = moments(Moments.of(values, w[group]))
        truth = self.rows.right_if_selected
        known = ~np.isnan(truth)
        if known.any():
            was, now = (((s >= self.threshold) == (truth == 1))[known].astype(float) for s in (before, after))
            out["accuracy"] = moments(Moments.of(np.stack([was, now, was - now], axis=1), w[known]))
        return out


def moments(m: Moments) -> list[float]:
    """As numbers that add: n, Σw, Σw², then Σwx and Σwx² of each column."""
    return numbers(m.n, m.w, m.w2, *m.wx, *m.wx2)
