"""What each layer knows of an attribute, and what the net uses of it: the passes, and the sums that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from auditkit.arrays import Bools, Floats
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.explain.asking import answering
from auditkit.explain.layers.conductance import INPUT
from auditkit.explain.layers.cuts import layers_and_cuts
from auditkit.explain.layers.flow import Flow, flow_sums, flows_of
from auditkit.explain.layers.interventions import (
    WIDEST,
    Acts,
    Given,
    Members,
    activations,
    blocks,
    encoded,
    input_members,
    scores_with,
    without,
)
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.one_layer import LayerInterventions, knows
from auditkit.explain.layers.probes import control_tasks
from auditkit.explain.layers.rows import Rows, rows_compared
from auditkit.explain.layers.sums import LayerSums, Sums, numbers
from auditkit.explain.preflight import examined
from auditkit.explain.untrained import untrained_modules
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves
from auditkit.progress import tell

UNTRAINED = 3
"""Untrained copies, whose accuracies are averaged."""
MOST_ERASED, FEWEST_ERASED = 16, 4
"""Layers that are erased and ablated where none are named, spread over the net: the fewer, the more work it is."""
WORK = 2e10
"""Outputs of units, over all rows and passes, beyond which layers are left out."""


@dataclass(frozen=True)
class Options:
    """What `LayerAudit` asks."""

    by: Sequence[str] | None
    layers: Sequence[str] | None
    random: int
    seed: int
    max_steps: int = 512


@dataclass(frozen=True)
class _Study:
    """What all layers share."""

    model: Model
    inputs: Inputs
    scores: Floats
    chosen: tuple[Rows, ...]
    flows: dict[str, Flow | None]
    controls: dict[str, list[Bools]]
    erased: set[str]
    curved: set[str]
    """Layers that a non-linear reader reads, too."""
    first: str
    """The first cut that is erased."""
    options: Options


def study(model: Model, sample: Batch, options: Options) -> LayerSums:
    """All passes over the sample; the model is left as it was found."""
    with examined(model, sample.features):
        inputs = model.encode(sample.features)
        scores = scores_with(model, inputs)
        chosen, facts = rows_compared(sample, scores, options.by, seed=options.seed)
        first = Layer(INPUT, "", nn.Identity(), units=sum(t[:1].numel() for t in leaves(inputs)), cut=True)
        layers = (first, *layers_and_cuts(model, inputs, options.layers, heads=True))
        measured = [y for y in layers if not y.reason and y.name != INPUT]
        entering = input_members(inputs)
        erased = _to_erase(layers, options, len(scores)) - (set() if entering else {INPUT})
        about = _Study(
            model,
            inputs,
            scores,
            tuple(chosen),
            {
                r.attribute: flows_of(model, sample, inputs, measured, r, options.seed, options.max_steps)
                for r in chosen
            },
            _controls(inputs, chosen, options.seed),
            erased,
            _to_read_twice(layers, erased),
            next((y.name for y in layers if y.cut and y.name in erased), ""),
            options,
        )
        sums: Sums = {r.attribute: {"": _whole(r, scores[r.where])} for r in chosen}
        why = ""
        lost: dict[str, str] = {}
        done = 0
        for block in blocks(layers, len(scores)) if chosen else ():
            own = _acts(model, inputs, block, entering)
            theirs, why = _untrained_acts(model, inputs, block, options.seed)
            lost |= without(block, own)
            for layer in (y for y in block if y.name not in lost):
                for rows in chosen:
                    others = (t[layer.name].flat for t in theirs if layer.name in t)
                    sums[rows.attribute][layer.name] = _seen(about, layer, rows, own[layer.name], others)
                done += 1
                tell("layers", done, len(layers))
            del own, theirs  # before those of the next block come
    facts |= {
        "layers": [
            _fact(replace(y, reason=lost.get(y.name, y.reason)), y.name in about.erased.difference(lost))
            for y in layers
        ],
        "untrained": why or f"the mean of {UNTRAINED} copies with new initial weights",
        "random": options.random,
        "seed": options.seed,
        "task": sample.task,
    }
    return LayerSums(facts, sums, sample.census)


def _seen(
    about: _Study, layer: Layer, rows: Rows, own: Given, theirs: Iterable[NDArray[np.float32]]
) -> dict[str, list[float]]:
    """Everything of one layer and one attribute."""
    n, seed = about.options.random, about.options.seed
    flow = about.flows[rows.attribute]
    others = [_compared(t, rows) for t in theirs] if layer.name != INPUT else []
    small_net = seed if layer.name in about.curved else None
    seen = knows(_compared(own.flat, rows), others, rows, about.controls[rows.attribute], small_net=small_net)
    seen |= flow_sums(flow, layer, len(rows.z))
    if layer.name not in about.erased:
        return seen
    at = LayerInterventions(about.model, about.inputs, layer, rows, about.scores[rows.where], own.members)
    return (
        seen
        | at.erased(random=n, seed=seed, first=layer.name == about.first)
        | at.erased_given()
        | at.ablated(flow, random=n, seed=seed)
    )


def _compared(x: NDArray[np.float32], rows: Rows) -> NDArray[np.float32]:
    """The rows compared, which are often all."""
    return x if len(rows.where) == len(x) else x[rows.where]


def _controls(inputs: Inputs, chosen: Sequence[Rows], seed: int) -> dict[str, list[Bools]]:
    """Attribute → control tasks."""
    raw = encoded(inputs)
    return {r.attribute: control_tasks(_compared(raw, r), r.z, r.weight, seed=seed) for r in chosen}


def _fact(layer: Layer, erased: bool) -> dict[str, Any]:
    return {
        "name": layer.name,
        "type": layer.type,
        "units": layer.units,
        "positions": layer.positions,
        "depth": layer.depth,
        "erased": erased,
        "reason": layer.reason,
        "cut": layer.cut,
        "read": layer.places,
        "parts": [y.name for y in layer.parts],
    }


def _whole(rows: Rows, scores: Floats) -> dict[str, list[float]]:
    """What concerns the attribute alone."""
    n = len(scores)
    known = ~np.isnan(rows.truth)
    w = rows.weight[known]
    return {
        "gap": numbers(n, n * rows.gap(scores)),
        "truth": numbers(w.sum(), float(w @ rows.truth[known])),
        "rows": numbers(rows.weights.at(~rows.z).rows, rows.weights.at(rows.z).rows),
    }


def _untrained_acts(model: Model, inputs: Inputs, block: Sequence[Layer], seed: int) -> tuple[list[Acts], str]:
    """What the same layers give in copies with new initial weights, one copy at a time; or why there are none."""
    found = []
    inner = [y for y in block if y.name != INPUT]
    for i in range(UNTRAINED):
        try:
            with answering("no copy with new initial weights could be made and run"):
                copy, own = untrained_modules(model, seed=seed + i)
                found.append(activations(copy, inputs, [_moved(y, own) for y in inner], members=False))
        except NotExplained as e:
            return [], str(e)
    return found, ""


def _moved(layer: Layer, own: dict[nn.Module, nn.Module]) -> Layer:
    """The same layer of a copy of the net."""
    return replace(layer, module=own[layer.module], parts=tuple(_moved(y, own) for y in layer.parts))


def _acts(model: Model, inputs: Inputs, block: Sequence[Layer], entering: Members) -> Acts:
    inner = [y for y in block if y.name != INPUT]
    found = activations(model, inputs, inner) if inner else {}
    return found | ({INPUT: Given(encoded(inputs), entering)} if len(inner) < len(block) else {})


def _to_erase(layers: Sequence[Layer], options: Options, rows: int) -> set[str]:
    """Layers that are erased: wide enough to have something left, narrow enough to be looked at as they are.

    Where they are too many: cuts first, spread over the net, then others.
    """
    able = [y for y in layers if not y.reason and y.units * y.places > 1 and y.units <= WIDEST]
    each = rows * 2 * (1 + options.random) * sum(m.units * m.positions for y in able for m in y.members)
    most = int(np.clip(WORK // max(each, 1), FEWEST_ERASED, MOST_ERASED))
    if options.layers is not None or len(able) <= most:
        return {y.name for y in able}
    cuts, others = ([y for y in able if bool(y.cut) is cut] for cut in (True, False))
    chosen = _spread(cuts, most)
    return {y.name for y in (*chosen, *_spread(others, most - len(chosen)))}


def _spread(layers: Sequence[Layer], most: int) -> list[Layer]:
    if len(layers) <= most:
        return list(layers)
    return [layers[i] for i in np.unique(np.linspace(0, len(layers) - 1, max(most, 0)).round().astype(int))]


def _to_read_twice(layers: Sequence[Layer], erased: set[str]) -> set[str]:
    """Where a non-linear reader stands beside the probe: the input, and the last hidden cut that is erased."""
    last = max(y.depth for y in layers)
    return {INPUT, *[y.name for y in layers if y.cut and y.name in erased and y.depth < last][-1:]}
