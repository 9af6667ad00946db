"""Methods that take features away and look: ablation, occlusion, Shapley values. No gradient is needed."""

from __future__ import annotations

import torch
from captum.attr import FeatureAblation, Occlusion
from torch import Tensor

from auditkit.explain.captum_calls import Gradients, Tensors, asked, check_baseline, over_rows, rows_per_call
from auditkit.explain.methods.shapley import CALLS, MOST_EXACT, shapley_values
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import Groups


def ablation(at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0) -> Tensors:
    """What F loses when a feature takes its baseline's value, all other features kept, by Captum.

    A feature's loss is shared out evenly over its entries, so that they sum up to it. Adds up only where features do
    not interact.
    """
    mask = masks_of(at)
    features = len(at.groups.names)

    def call(part: Surface, start: Tensors, _target: int | None, _gradients: Gradients) -> Tensors:
        engine = FeatureAblation(part.forward)
        found = asked(engine, part, baselines=start, feature_mask=mask, perturbations_per_eval=features)
        return shared_out(part, found)

    with torch.no_grad():
        return over_rows(call, at, baseline, copies=2 * features)


def occlusion(at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0) -> Tensors:
    """What F loses when a window of the input takes its baseline's values, by Captum; windows overlap by half.

    An entry's value is the mean over the windows that cover it, divided by the entries of a window. The windows are
    an eighth of an image's height and width with all channels; a step of a sequence with all of its numbers; a column.
    """
    shapes, strides = windows(at)

    def call(part: Surface, start: Tensors, _target: int | None, _gradients: Gradients) -> Tensors:
        slid = {"sliding_window_shapes": shapes, "strides": strides}
        found = asked(Occlusion(part.forward), part, baselines=start, perturbations_per_eval=8, **slid)
        sizes = (int(torch.tensor(s).prod()) for s in shapes)
        return tuple(t.to(p.dtype) / size for t, p, size in zip(found, part.points, sizes, strict=True))

    with torch.no_grad():
        return over_rows(call, at, baseline, copies=16)


Windows = tuple[tuple[int, ...], ...]


def windows(at: Surface) -> tuple[Windows, Windows]:
    """(shapes, strides) of occlusion's windows, one a point, without the dimension of rows."""
    shapes, strides = [], []
    for p in at.points:
        size = tuple(p.shape[1:])
        if len(size) == 3:  # channels, height, width
            shape: tuple[int, ...] = (size[0], *(max(1, s // 8) for s in size[1:]))
            shapes.append(shape)
            strides.append((size[0], *(max(1, s // 2) for s in shape[1:])))
        else:
            shape = (1, *size[1:])[: len(size)]
            shapes.append(shape)
            strides.append(shape)
    return tuple(shapes), tuple(strides)


def shapley(at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0) -> Tensors:
    """Shapley values of whole features from `baseline`; see `shapley.shapley_values`.

    Of all sets, for at most 12 features of rows that take little memory; else along antithetic random orders, so that
    an unread feature gets exactly 0. A feature's value is shared out evenly over its entries, so that they sum up to
    it. Adds up exactly.
    """
    check_baseline(at, baseline)
    exact = len(at.groups.names) <= MOST_EXACT and rows_per_call(at, copies=1) >= CALLS
    with torch.no_grad():
        values: Tensor = shapley_values(at, baseline, seed=seed, exact=exact, by="orders").phi
    each = values / entries(at.groups).to(values.device)
    return tuple(
        each[:, m.flatten().to(each.device)].reshape(len(at), *p.shape[1:])
        for m, p in zip(at.groups.masks, at.points, strict=True)
    )


def masks_of(at: Surface) -> Tensors:
    """Captum's `feature_mask`, where the points are."""
    return tuple(m.to(p.device) for m, p in zip(at.groups.masks, at.points, strict=True))


def shared_out(at: Surface, found: Tensors) -> Tensors:
    """Captum gives every entry the value of its whole feature; here the entries of a feature sum up to its value."""
    size = entries(at.groups)
    return tuple(
        t / size.to(t.device)[m.to(t.device)].to(t.dtype).reshape(m.shape)
        for t, m in zip(found, at.groups.masks, strict=True)
    )


def entries(groups: Groups) -> Tensor:
    """(G,) entries of all points that belong to each feature, at least 1."""
    flat = torch.cat([m.flatten() for m in groups.masks])
    return torch.bincount(flat.cpu(), minlength=len(groups.names)).clamp(min=1)
