"""What each layer knows of an attribute, and what the net uses of it: the passes, and the sums that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from auditkit.arrays import Bools, Floats
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.explain.asking import answering
from auditkit.explain.layers.conductance import INPUT
from auditkit.explain.layers.discovery import Layer, find_layers
from auditkit.explain.layers.flow import Flow, flow_sums, flows_of
from auditkit.explain.layers.interventions import WIDEST, Acts, activations, blocks, encoded, scores_with, without
from auditkit.explain.layers.one_layer import LayerInterventions, knows
from auditkit.explain.layers.probes import control_tasks
from auditkit.explain.layers.rows import Rows, rows_compared
from auditkit.explain.layers.sums import LayerSums, Sums, numbers
from auditkit.explain.preflight import examined
from auditkit.explain.untrained import untrained
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, taken
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
    options: Options


def study(model: Model, sample: Batch, options: Options) -> LayerSums:
    """All passes over the sample; the model is left as it was found."""
    with examined(model, sample.features):
        inputs = model.encode(sample.features)
        first = Layer(INPUT, "", nn.Identity(), units=sum(t[:1].numel() for t in leaves(inputs)))
        layers = (first, *find_layers(model, inputs, options.layers))
        scores = scores_with(model, inputs)
        chosen, facts = rows_compared(sample, scores, options.by, seed=options.seed)
        measured = [y for y in layers if not y.reason and y.name != INPUT]
        raw = encoded(inputs).astype(np.float64)
        about = _Study(
            model,
            inputs,
            scores,
            tuple(chosen),
            {r.attribute: flows_of(model, sample, inputs, measured, r, options.seed) for r in chosen},
            {r.attribute: control_tasks(raw[r.where], r.z, r.weight, seed=options.seed) for r in chosen},
            _to_erase(layers, options, len(scores)),
            options,
        )
        sums: Sums = {r.attribute: {"": _whole(r, scores[r.where])} for r in chosen}
        why = ""
        lost: dict[str, str] = {}
        done = 0
        for block in blocks(layers, len(scores)) if chosen else ():
            own = _acts(model, inputs, block)
            theirs, why = _untrained_acts(model, inputs, block, options.seed)
            lost |= without(block, own)
            for layer in (y for y in block if y.name not in lost):
                for rows in chosen:
                    seen = _seen(
                        about, layer, rows, own[layer.name], [t[layer.name] for t in theirs if layer.name in t]
                    )
                    sums[rows.attribute][layer.name] = seen
                done += 1
                tell("layers", done, len(layers))
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
    about: _Study, layer: Layer, rows: Rows, own: NDArray[np.float32], theirs: Sequence[NDArray[np.float32]]
) -> dict[str, list[float]]:
    """Everything of one layer and one attribute."""
    x = own[rows.where].astype(np.float64)
    flow = about.flows[rows.attribute]
    others = [t[rows.where].astype(np.float64) for t in theirs] if layer.name != INPUT else []
    seen = knows(x, others, rows, about.controls[rows.attribute]) | flow_sums(flow, layer, len(rows.z))
    if layer.name not in about.erased:
        return seen
    some = taken(about.inputs, torch.as_tensor(rows.where))
    at = LayerInterventions(about.model, some, layer, rows, about.scores[rows.where])
    n, seed = about.options.random, about.options.seed
    return seen | at.erased(x, random=n, seed=seed) | at.ablated(x, flow, random=n, seed=seed)


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
    for i in range(UNTRAINED):
        try:
            with answering("no copy with new initial weights could be made and run"):
                copy = untrained(model, seed=seed + i)
                own = dict(copy.module.named_modules())
                names = ["" if y.name == "(net)" else y.name.split(" (call ")[0] for y in block]
                theirs = [replace(y, module=own[n]) for y, n in zip(block, names, strict=True) if y.name != INPUT]
                found.append({INPUT: np.zeros((0, 0), np.float32)} | _acts(copy, inputs, theirs))
        except NotExplained as e:
            return [], str(e)
    return found, ""


def _acts(model: Model, inputs: Inputs, block: Sequence[Layer]) -> Acts:
    found = activations(model, inputs, [y for y in block if y.name != INPUT]) if block else {}
    return found | ({INPUT: encoded(inputs)} if any(y.name == INPUT for y in block) else {})


def _to_erase(layers: Sequence[Layer], options: Options, rows: int) -> set[str]:
    """Layers that are erased: wide enough to have something left, narrow enough to be looked at as they are."""
    able = [y for y in layers if not y.reason and 1 < y.units <= WIDEST]
    each = rows * 2 * (1 + options.random) * sum(y.units * y.positions for y in layers)
    most = int(np.clip(WORK // max(each, 1), FEWEST_ERASED, MOST_ERASED))
    if options.layers is None and len(able) > most:
        places = np.linspace(0, len(able) - 1, most).round().astype(int)
        able = [able[i] for i in sorted(set(places.tolist()))]
    return {y.name for y in able}
