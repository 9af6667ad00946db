"""Attributions of a detector's score at the boxes of objects, and whether they may be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats
from auditkit.errors import NotExplained
from auditkit.evidence.observations import Observations
from auditkit.explain.attributions.gradient import differentiable
from auditkit.explain.attributions.study import (
    OTHER_STEPS,
    STEPS_KINKED,
    STEPS_SMOOTH,
    Explained,
    Setup,
    from_there,
    weighted_mean,
)
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.cases.pictures import picture
from auditkit.explain.methods.catalogue import Method, method_of
from auditkit.explain.missed.scoring import Shown
from auditkit.explain.preflight import examined
from auditkit.explain.surface import Surface
from auditkit.explain.trust.comparisons import randomised
from auditkit.explain.trust.effects import orders
from auditkit.explain.trust.findings import readings
from auditkit.explain.trust.moves import Found, Untried, refined
from auditkit.explain.trust.records import T1_LIMIT, completeness_check, preflight_check
from auditkit.explain.trust.subject import Trial
from auditkit.explain.untrained import untrained
from auditkit.records import TrustCheck

TRIAL_STEPS = 32
"""Quadrature steps of what is attributed again, at most."""
TESTED = ("T2", "T4", "T7")
"""What these maps are put to beside T0 and T1: more steps, nets without training, and taking regions away."""


class Looks(NamedTuple):
    """What the net's score at n boxes is made of."""

    score: Floats
    """(n,) what `score_at` gives."""
    inside: Floats
    """(n,) Σ of contributions of the pixels in the box, signed."""
    outside: Floats
    """(n,) of all others."""
    share: Floats
    """(n,) Σ abs φ in the box / Σ abs φ, over pixels (abs of the sum over channels); NaN where all are 0."""
    area: Floats
    """(n,) the box's share of the pixels: what `share` would be by area alone."""
    holds: Bools
    """(n,) whether its contributions add up (T1)."""
    png: tuple[str, ...]
    """(n,) the pictures with their boxes, and the map of regions laid over where the tests allow it."""
    trust: tuple[TrustCheck, ...]


def looked(of: Shown, method: str, *, drawn: int) -> Looks:
    """Attribute the score at each box from the mean of the pictures; only of the first `drawn` is there a `png`.

    The net is left exactly as found. Raises ModelError where the preflight (T0) fails, NotExplained where it has no
    gradient and the method needs one.
    """
    how = method_of(method)
    with examined(of.model, of.rows):
        at = of.surface(of.model)
        smooth = how.needs_gradient and differentiable(at)
        steps = (STEPS_SMOOTH if smooth else STEPS_KINKED) if how.quadrature else OTHER_STEPS
        baseline = weighted_mean(at, None)
        ready = Setup(at, how, method, steps, seed=0)
        found, parts = from_there(ready, at, baseline, at.at(baseline).double().cpu().numpy())
        trust = _tests(of, at, how, found, baseline)
        score = at.at(at.points).double().cpu().numpy()
    phi = parts[0].detach().double().sum(1).cpu().numpy()
    box = within(of.boxes.double().cpu().numpy(), phi.shape[1], phi.shape[2])
    size = np.abs(phi)
    whole = size.sum((1, 2))
    share = np.divide((size * box).sum((1, 2)), whole, out=np.full(len(phi), np.nan), where=whole > 0)
    holds = np.ones(len(phi), bool) if found.epsilon is None else np.asarray(found.epsilon <= T1_LIMIT)
    allowed = holds & (not any(t.failed for t in trust))
    return Looks(
        score=score,
        inside=(phi * box).sum((1, 2)),
        outside=(phi * ~box).sum((1, 2)),
        share=share,
        area=box.mean((1, 2)),
        holds=holds,
        png=_drawn(of, at, found, allowed, drawn),
        trust=trust,
    )


def within(boxes: Floats, height: int, width: int) -> Bools:
    """(n, H, W) pixels whose centre lies in a box (left, top, right, bottom).

    >>> within(np.array([[0.0, 0.0, 2.0, 1.0]]), 2, 3)[0].astype(int).tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    y, x = np.arange(height)[None, :, None] + 0.5, np.arange(width)[None, None, :] + 0.5
    left, top, right, bottom = (boxes[:, i, None, None] for i in range(4))
    return np.asarray((left <= x) & (x < right) & (top <= y) & (y < bottom))


def _drawn(of: Shown, at: Surface, found: Explained, allowed: Bools, drawn: int) -> tuple[str, ...]:
    region = at.groups.masks[0][0, 0].cpu().numpy()
    counts = np.bincount(region.ravel(), minlength=len(at.groups.names))
    each = found.phi / counts  # a pixel of each region: regions at the edge are smaller
    boxes = of.boxes.double().cpu().numpy()
    out = [""] * len(each)
    for i in range(min(drawn, len(out))):
        laid = each[i][region] if allowed[i] else np.zeros(region.shape)
        out[i] = picture(at.points[0][i].double().cpu().numpy(), laid, box=tuple(boxes[i].tolist()))
    return tuple(out)


def _tests(of: Shown, at: Surface, how: Method, found: Explained, baseline: Tensors) -> tuple[TrustCheck, ...]:
    """T0, T1, and T2, T4 and T7 over all of the objects; what was not tried says why."""
    steps = max(1, min(TRIAL_STEPS, int(found.steps.min())))
    trial = Trial(at, baseline, how, found.phi, found.steps, n_steps=steps)
    columns: dict[str, Floats] = {"delta": found.delta}
    facts: dict[str, Any] = {}
    untried: dict[str, str] = {}

    def copied(seed: int) -> Surface:
        if not of.model.parameters():
            raise Untried("the net has no parameters that could be drawn anew")
        return of.surface(untrained(of.model, seed=seed))

    tests: dict[str, Callable[[], Found]] = {
        "T2": lambda: refined(trial),
        "T4": lambda: randomised(trial, copied),
        "T7": lambda: orders(trial, found.delta),
    }
    for name, test in tests.items():
        try:
            more, said = test()
            columns |= more
            facts |= said
        except (Untried, NotExplained) as e:
            untried[name] = str(e)
    others = {f"T{k}": "" for k in range(2, 13) if f"T{k}" not in TESTED}
    read = readings(Observations(columns, {}, {**facts, "not_tried": {**others, **untried}}))
    added = () if found.epsilon is None else (completeness_check(found.epsilon, found.steps),)
    return (preflight_check(), *added, *(t for t in read if t.id in TESTED))
