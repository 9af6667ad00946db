"""Conductance of all layers in one pass against Captum's `LayerConductance`, a layer at a time."""

from __future__ import annotations

import statistics

from captum.attr import LayerConductance

from auditkit import demo
from auditkit.explain.attributions.study import surface_of
from auditkit.explain.layers.conductance import conductance
from auditkit.explain.layers.discovery import find_layers
from auditkit.explain.preflight import undisturbed
from tests.benchmarks.timing import median_seconds, one_thread, row

ROWS, STEPS, ROUNDS = 1_000, 50, 3


def main() -> None:
    with one_thread():
        compare()


def compare() -> None:
    model = demo.model()
    batch = next(iter(demo.data().batches()))
    with undisturbed(model) as net:
        at = surface_of(model, batch.features.head(ROWS))
        (inputs,) = at.points
        baseline = inputs.flip(0)
        layers = find_layers(model, inputs)

        def ours() -> None:
            conductance(at, (baseline,), net, layers, n_steps=STEPS)

        def layer_by_layer() -> None:
            for layer in layers:
                LayerConductance(model.decision, layer.module).attribute(inputs, baselines=baseline, n_steps=STEPS)

        ours()
        # in turns, so that a busy moment of the machine falls on both
        turns = [(median_seconds(ours, repeat=1), median_seconds(layer_by_layer, repeat=1)) for _ in range(ROUNDS)]
    own, reference = (statistics.median(column) for column in zip(*turns, strict=True))
    row(f"conductance, {len(layers)} layers, {STEPS} steps, {ROWS:,} rows", reference, own, "≥ 20 × faster")


if __name__ == "__main__":
    main()
