"""The driver of attributions: preflight, surface, baseline, refinement, and sums in the names of raw columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from auditkit.arrays import Floats, Ints
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.explain.asking import NoGradient, answering, finite
from auditkit.explain.attributions.gradient import differentiable
from auditkit.explain.captum_calls import Tensors, rows_at_once, written_together
from auditkit.explain.methods.catalogue import Method, each_output, method_of
from auditkit.explain.methods.gradients import output
from auditkit.explain.methods.names import MOST_STEPS
from auditkit.explain.preflight import examined, undisturbed
from auditkit.explain.surface import Scale, Surface, surface, whole
from auditkit.explain.trust.records import T1_LIMIT, completeness
from auditkit.inputs import batching
from auditkit.inputs.groups import Groups, summed
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, slices

STEPS_SMOOTH, STEPS_KINKED = 32, 64
OTHER_STEPS = 50
"""Captum's own default: quadrature of its other classes, draws a row of GradientSHAP."""


class Explained(NamedTuple):
    """Attributions of N rows over their raw columns, and how well they add up."""

    phi: Floats
    """(N, columns) signed contributions, in the unit of the decision."""
    columns: tuple[str, ...]
    """Raw columns that the model reads."""
    delta: Floats
    """(N,) F(x) − F(baseline), from calls of the decision path of their own."""
    epsilon: Floats | None
    """(N,) T1: how far Σφ misses `delta`, relative. None: the method does not promise to add up."""
    steps: Ints
    """(N,) quadrature steps used; draws a row of methods that draw; 1 for others."""
    method: str = "integrated_gradients"
    """The method that was used."""
    switched: str = ""
    """Why it is not the method that was asked for; empty: it is."""
    unmoved: tuple[str, ...] = ()
    """Columns that the model reads and that cannot be moved, so that nothing is said about them."""


def explain(
    model: Model,
    sample: Batch,
    *,
    method: str = "integrated_gradients",
    n_steps: int | None = None,
    max_steps: int = MOST_STEPS,
    seed: int = 0,
) -> Explained:
    """Attributions of the decision from the sample's weighted mean encoded row, in raw columns.

    Parameters
    ----------
    model
        Left exactly as found, also after an exception: state, modes, `requires_grad`, random state.
    sample
        N rows; `weight` says how many rows of the data each stands for.
    method
        A name in `methods.METHODS`, or `captum:<ClassName>`. Methods with a distribution of baselines draw from the
        sample's rows by weight. A net without a gradient is explained by `shapley` instead, and `switched` says why.
    n_steps
        Quadrature steps to begin with; None: 32 for a smooth net, 64 for one with kinks (ReLU, max-pool) or with
        operations that are not known to be smooth. Rows that miss T1 go again at twice the steps, up to `max_steps`.
        For `gradient_shap`, draws a row (50).
    seed
        Of methods that draw.

    Raises
    ------
    NotExplained
        For a model without a feature map, with a NaN gradient, or that the method does not fit.
    ModelError
        When the preflight (T0) fails; for an unknown method, naming the nearest.
    """
    return _explained(model, sample, method, n_steps, max_steps, seed, outputs=None)[0]


def explain_classes(
    model: Model,
    sample: Batch,
    *,
    method: str = "integrated_gradients",
    n_steps: int | None = None,
    max_steps: int = MOST_STEPS,
    seed: int = 0,
) -> tuple[Explained, ...]:
    """`explain` for the probability of every class of a multiclass model, one each; one forward pass serves all.

    Methods that look at gradients alone take K gradients of one forward pass; the others run once a class.
    """
    return _explained(model, sample, method, n_steps, max_steps, seed, outputs=len(sample.classes))


def _explained(
    model: Model, sample: Batch, method: str, n_steps: int | None, max_steps: int, seed: int, *, outputs: int | None
) -> tuple[Explained, ...]:
    method_of(method)
    if not len(sample.features):
        raise NotExplained("the sample has no rows")
    scale: Scale = "decision" if outputs is None else "score"
    with examined(model, sample.features):
        work = partial(_all_outputs, weight=sample.weight, outputs=outputs)
        steps: Any = {"n_steps": n_steps, "max_steps": max_steps}
        return attributed(work, model, sample.features, method, **steps, seed=seed, scale=scale)


@dataclass(frozen=True)
class Setup:
    """What is explained, and how."""

    at: Surface
    how: Method
    method: str
    n_steps: int
    seed: int
    switched: str = ""
    """Why it is not the method that was asked for; empty: it is."""
    max_steps: int = MOST_STEPS
    """Quadrature steps up to which rows that miss T1 go again."""


Found = TypeVar("Found")


def attributed(
    work: Callable[[Setup], Found],
    model: Model,
    features: pd.DataFrame,
    method: str,
    *,
    n_steps: int | None,
    max_steps: int = MOST_STEPS,
    seed: int,
    scale: Scale = "decision",
) -> Found:
    """What `work` makes of a method, or of Shapley values where that meets no gradient, at the rows or on the way."""
    ready: Setup | None = None
    try:
        ready = _ready(model, features, method, n_steps, seed, scale)
        first = min(ready.n_steps, max_steps) if ready.how.quadrature else ready.n_steps
        ready = replace(ready, n_steps=first, max_steps=max_steps)
        return work(ready)
    except NoGradient as e:
        if ready is not None and not ready.how.needs_gradient:
            raise
        ready = _ready(model, features, "shapley", None, seed, scale)
        return work(replace(ready, switched=f"{e}; Shapley values need none"))


def _ready(model: Model, features: pd.DataFrame, method: str, n_steps: int | None, seed: int, scale: Scale) -> Setup:
    how = method_of(method)
    at = surface_for(model, features, how, scale=scale)
    smooth = how.needs_gradient and differentiable(at)
    steps = (STEPS_SMOOTH if smooth else STEPS_KINKED) if how.quadrature else OTHER_STEPS
    return Setup(at, how, method, n_steps or steps, seed)


def surface_of(model: Model, features: pd.DataFrame, *, scale: Scale = "decision", everything: bool = False) -> Surface:
    """The decision as a function of what can be moved; NotExplained where nobody knows what belongs to which column.

    `everything`: of all inputs as they are, whole numbers too, for methods that need no gradient.
    """
    inputs = model.encode(features)
    build = whole if everything else surface
    return build(model, inputs, groups_of(model, inputs, features), scale=scale)


def surface_for(model: Model, features: pd.DataFrame, how: Method, *, scale: Scale = "decision") -> Surface:
    """The surface that a method explains: of everything, where it needs no gradient and something has none."""
    at = surface_of(model, features, scale=scale)
    if how.needs_gradient or (at.points and not at.unmoved):
        return at
    return surface_of(model, features, scale=scale, everything=True)


def groups_of(model: Model, inputs: Inputs, features: pd.DataFrame) -> Groups:
    """The features of the encoded inputs; NotExplained where nobody knows them."""
    found = model.groups(inputs, features)
    if found is None:
        raise NotExplained(
            "columns not mapped: preprocess is a callable, so the model needs feature_map={'column': [positions], …}"
        )
    return found


def _baseline(ready: Setup, weight: Floats | None) -> Tensors:
    """(1, …) the weighted mean, or rows of the sample drawn by weight."""
    at = ready.at
    if not ready.how.distribution:
        return weighted_mean(at, weight)
    return at.points if weight is None else drawn_points(at, weight, ready.seed)


def drawn_points(at: Surface, weight: Floats | None, seed: int) -> Tensors:
    """Points of as many rows of the surface, drawn by weight."""
    share = None if weight is None else weight / weight.sum()
    drawn = np.random.default_rng(seed).choice(len(at), size=len(at), p=share)
    return tuple(p[torch.as_tensor(drawn, device=p.device)] for p in at.points)


def _all_outputs(ready: Setup, *, weight: Floats | None, outputs: int | None) -> tuple[Explained, ...]:
    at, baseline = ready.at, _baseline(ready, weight)
    rows = len(at) if ready.how.distribution else rows_at_once(at.points)
    parts = [_some_rows(ready, at.take(where), baseline, outputs) for where in slices(len(at), rows)]
    return tuple(_together(own) for own in zip(*parts, strict=True))


def _some_rows(ready: Setup, at: Surface, baseline: Tensors, outputs: int | None) -> tuple[Explained, ...]:
    if outputs is None:
        return (from_there(ready, at, baseline, _start(ready, at, baseline))[0],)
    each = each_output(ready.how, at, baseline, outputs=outputs, n_steps=ready.n_steps, seed=ready.seed)
    delta = _decisions(at, at.points) - _start(ready, at, baseline)
    return tuple(_told(ready, output(at, k), baseline, delta[:, k], found)[0] for k, found in enumerate(each))


def _together(parts: Sequence[Explained]) -> Explained:
    """Rows under rows."""
    if len(parts) == 1:
        return parts[0]
    epsilon = [p.epsilon for p in parts if p.epsilon is not None]
    return parts[0]._replace(
        phi=np.concatenate([p.phi for p in parts]),
        delta=np.concatenate([p.delta for p in parts]),
        epsilon=np.concatenate(epsilon) if epsilon else None,
        steps=np.concatenate([p.steps for p in parts]),
    )


def from_there(ready: Setup, at: Surface, baseline: Tensors, start: Floats) -> tuple[Explained, Tensors]:
    """Contributions to F less `start`, F at the baseline, (N,) or (1,); and those of entries."""
    delta = finite(_decisions(at, at.points) - start)
    found = ready.how.attribute(at, baseline, n_steps=ready.n_steps, seed=ready.seed)
    return _told(ready, at, baseline, delta, found)


def _told(ready: Setup, at: Surface, baseline: Tensors, delta: Floats, found: Tensors) -> tuple[Explained, Tensors]:
    """The same from contributions that were `found`, and score differences `delta` (N,)."""
    finite(delta)
    _by_feature(at, found)  # before more is asked of it
    found, epsilon, steps = _refined(ready, at, baseline, found, delta)
    kept = {name: j for j, name in enumerate(at.groups.names) if name not in at.unmoved}
    phi = _by_feature(at, found)[:, [*kept.values()]]
    own = Explained(phi, tuple(kept), delta, epsilon, steps, ready.method, ready.switched, at.unmoved)
    return own, found


def _refined(
    ready: Setup, at: Surface, baseline: Tensors, found: Tensors, delta: Floats
) -> tuple[Tensors, Floats | None, Ints]:
    """Contributions, T1's ε (None where no sum is promised) and the steps used (draws, where those are asked for).

    With quadrature, rows whose contributions `found` miss `delta` go again at twice the steps, to `max_steps`.
    """
    how = ready.how
    counted = how.quadrature or ready.method == "gradient_shap"
    steps = np.full(len(at), ready.n_steps if counted else 1, dtype=np.int64)
    if not how.adds_up:
        return found, None, steps
    whole = tuple(t.clone() for t in found)
    while True:
        epsilon = completeness(summed(at.groups, whole).sum(1).cpu().numpy(), delta)
        missed = np.flatnonzero((epsilon > T1_LIMIT) & (steps < ready.max_steps))
        if not len(missed) or not how.quadrature:
            return whole, epsilon, steps
        steps[missed] = min(2 * int(steps[missed[0]]), ready.max_steps)  # those that still miss all took the same steps
        where = torch.as_tensor(missed)
        again = how.attribute(at.take(where), baseline, n_steps=int(steps[missed[0]]), seed=ready.seed)
        for tensor, part in zip(whole, again, strict=True):
            tensor[where.to(tensor.device)] = part


def _by_feature(at: Surface, found: Tensors) -> Floats:
    """(N, features) on the CPU."""
    return finite(summed(at.groups, found).cpu().numpy(), "the net's attributions")


def _start(ready: Setup, at: Surface, baseline: Tensors) -> Floats:
    """F at the baseline, (N, …); its mean over the baselines, (1, …), where they are a distribution."""
    if not ready.how.distribution:
        return _decisions(at, baseline)
    mean: Floats = _decisions(replace(at, points=baseline), baseline).mean(axis=0, keepdims=True)
    return mean


def _decisions(at: Surface, points: Tensors) -> Floats:
    """F (N,), or (N, K) of several outputs, at `points`, (N, …) or (1, …)."""
    parts = []
    for where in slices(len(at), batching.rows_of(batching.row_bytes((*at.points, *at.fixed)))):
        there = tuple(p if len(p) == 1 else p[where] for p in points)
        parts.append(at.take(where).at(there))
    out: Floats = torch.cat(parts).double().cpu().numpy()
    return out


def weighted_mean(at: Surface, weight: Floats | None) -> Tensors:
    """(1, …) each: the mean of the surface's points, summed in double precision; of whole numbers the commonest, and of
    a text no words."""
    w = torch.ones(len(at)) if weight is None else torch.as_tensor(weight)
    means = []
    for points, without in zip(at.points, at.without or (None,) * len(at.points), strict=True):
        if without is not None:
            means.append(without)
            continue
        share = (w / w.sum()).to(points.device, torch.float64)
        if points.is_floating_point():
            means.append(_mean(points, share).to(points.dtype)[None])
        else:
            means.append(_commonest(points, share))
    return tuple(means)


def _mean(points: Tensor, share: Tensor) -> Tensor:
    """(…) weighted means of the entries; of those that are missing in some rows, over the others."""
    rows = batching.rows_of(points[:1].nbytes)
    if batching.all_finite(points):
        parts = ((torch.tensordot(share[at], points[at].double(), dims=1)[None],) for at in slices(len(points), rows))
        return written_together(parts, -(-len(points) // rows))[0].sum(0)
    x = points.double()
    known = x.isfinite()
    weight = share.reshape(-1, *(1,) * (x.ndim - 1)) * known
    mean: Tensor = (weight * x.nan_to_num(0.0, 0.0, 0.0)).sum(0) / weight.sum(0)  # NaN where all are missing
    return mean


def _commonest(points: Tensor, share: Tensor) -> Tensor:
    """(1, …) the value of largest weight of each entry."""
    flat = points.reshape(len(points), -1)
    out = []
    for column in flat.unbind(1):
        values, which = torch.unique(column, return_inverse=True)
        sums = torch.zeros(len(values), dtype=share.dtype, device=share.device).index_add_(0, which, share)
        out.append(values[sums.argmax()])
    return torch.stack(out).reshape(1, *points.shape[1:])


ROUNDING = 32
"""Units in the last place of the largest score that scores may differ by and still count as equal."""


def all_equal(scores: Floats, given: Tensors) -> bool:
    """Whether scores (N,) or (N, C) differ by no more than rounding, in the precision of what the net is given."""
    eps = max((torch.finfo(p.dtype).eps for p in given if p.is_floating_point()), default=0.0)
    return bool((np.ptp(scores, axis=0) <= ROUNDING * eps * np.abs(scores).max(axis=0)).all())


def equal_scores(model: Model, sample: Batch, scale: Scale) -> bool:
    """Whether all of two rows or more have the same score, but for rounding: there is nothing to explain."""
    parts = []
    with undisturbed(model), torch.no_grad(), answering("the net cannot be run on the sampled rows"):
        for where in slices(len(sample.features), model.batch_size):
            inputs = model.encode(sample.features.iloc[where])
            out = model.decision(inputs)
            parts.append(out if scale == "decision" else model.probabilities(out))
    return len(sample.features) > 1 and all_equal(torch.cat(parts).double().cpu().numpy(), leaves(inputs))
