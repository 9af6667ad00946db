"""T0, the preflight: what must hold of a model before any number about its rows means anything.

It blocks. Eval mode is obeyed, the state stays as it is, two calls agree, and no row changes another row's output.
"""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.errors import ModelError
from auditkit.inputs.as_found import AsFound
from auditkit.inputs.model import Model

ROWS, FEWEST = 256, 32
"""Rows looked at; of rows of many bytes as many as go through the net at once, but so many at least."""
RELATIVE = 1e-5
"""Part of the mean size of a score difference that rounding may take."""
ULPS = 8
"""And so many units in the last place of the largest score."""
CHANGES = (
    "the model changes its own parameters or buffers when it runs (a running mean, a counter), so that an audit cannot "
    "leave it as it was found: make forward free of side effects in eval mode"
)

FAST = 1e-3
"""Part of σ̄ by which scores may differ when attention takes the fast way: it rounds otherwise."""
ATTENTION = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
"""Modules that have a fast way."""


@dataclass(frozen=True)
class Preflight:
    """What the preflight measured, in the unit of the decision (logits, or probability)."""

    rows: int
    """Rows looked at."""
    repeat: float
    """Largest difference between two calls on the same rows."""
    influence: float
    """Largest change of a row's output when other rows leave its batch."""
    tolerance: float
    """The largest difference that rounding may make."""


def preflight(model: Model, features: pd.DataFrame) -> Preflight:
    """Run T0 on the first rows of `features`, the way `Model.predict` runs them: `preprocess`, then the net.

    F(X) = F(X) again, and F(X)[:k] = F(X[:k]), F(X)[k:] = F(X[k:]) for half of the rows, each within
    1e-5 σ̄ + 8 ulp of max abs F, where σ̄ is the mean distance of the scores from their mean. A net with attention gives
    the same, within .001 σ̄, by PyTorch's fast way, which it takes outside of an audit. Rows whose score is not finite
    are left to `Model.predict`, which names them.

    Raises ModelError when the model fails on the rows, ignores eval mode, changes its own state, is random, mixes its
    rows, gives something else by the fast way, or gives probabilities that nobody has called so.

    >>> preflight(Model(nn.Linear(1, 1)), pd.DataFrame({"x": [1.0, 2.0, 4.0]})).rows
    3
    """
    before, fast = model.state_sha256(), torch.backends.mha.get_fastpath_enabled()
    with undisturbed(model), torch.no_grad():
        _obeys_eval(model.module)
        rows = features.head(min(ROWS, max(FEWEST, model.rows_at_once(features))))
        scores = _scores(model, rows)
        again = _scores(model, rows)
        half = len(rows) // 2
        parts = [_scores(model, part) for part in (rows.iloc[:half], rows.iloc[half:]) if len(part)]
        model.look(model.encode(rows.head(2)))
    found = Preflight(
        rows=len(rows),
        repeat=_largest_difference(scores, again),
        influence=_largest_difference(scores, torch.cat(parts)),
        tolerance=_tolerance(scores),
    )
    unchanged(model, before)
    _deterministic(found)
    _independent(found)
    if fast and any(isinstance(m, ATTENTION) for m in model.module.modules()):
        _same_by_the_fast_way(model, rows, scores)
    return found


@contextlib.contextmanager
def undisturbed(model: Model) -> Iterator[nn.Module]:
    """`Model.inspecting`, in exact arithmetic, and with the net and the caller's switches as found, whatever happens.

    As found are the module tree with its tensors, hooks and attributes (`AsFound`), modes, `requires_grad`, gradients,
    and the global random states. ModelError where a forward pass put other buffers in the place of its own.

    On CUDA TF32 is off, since its rounding would hide what T0 and T1 look for, and cuDNN is off for recurrent nets,
    which it cannot differentiate in eval mode.
    """
    found, replaced = AsFound(model.module), tuple[str, ...]()
    try:
        with model.inspecting() as module, _exact(module):
            yield module
        replaced = found.replaced()
    finally:
        found.restore()
    if replaced:
        raise ModelError(CHANGES)


@contextlib.contextmanager
def _exact(module: nn.Module) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        tensors = itertools.chain(module.parameters(), module.buffers())
        device = next((t.device for t in tensors), torch.device("cpu"))
        if device.type == "cuda":
            recurrent = any(isinstance(m, nn.RNNBase) for m in module.modules())
            stack.enter_context(torch.backends.cudnn.flags(enabled=not recurrent, allow_tf32=False))
            stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("highest")
        yield


@contextlib.contextmanager
def examined(model: Model, features: pd.DataFrame) -> Iterator[nn.Module]:
    """T0 on rows, then `undisturbed`; ModelError where the state is another afterwards."""
    before = model.state_sha256()
    preflight(model, features)
    with undisturbed(model) as module:
        yield module
    unchanged(model, before)


def unchanged(model: Model, before: str) -> None:
    """ModelError unless the state hash is still `before`."""
    if model.state_sha256() != before:
        raise ModelError(CHANGES)


def _scores(model: Model, rows: pd.DataFrame) -> Tensor:
    scores = model.decided(rows)
    return scores if scores.is_floating_point() else scores.double()


def _obeys_eval(module: nn.Module) -> None:
    for name, part in module.named_modules():
        if getattr(part, "training", False):  # a frozen TorchScript module has no mode
            raise ModelError(
                f"{type(part).__name__} '{name or 'the module itself'}' stays in training mode after eval(): its "
                "train() must pass the mode on"
            )


def _same_by_the_fast_way(model: Model, rows: pd.DataFrame, scores: Tensor) -> None:
    """ModelError where the net gives other scores when attention takes PyTorch's fast way.

    The fast way leaves out padded positions and gives 0 there, so that a net which reads those (a mean over all
    positions) is another function than the one that is explained.
    """
    how = (
        "read only the positions that are there (a mean weighted by the mask), or make nn.TransformerEncoder with "
        "enable_nested_tensor=False and call torch.backends.mha.set_fastpath_enabled(False) wherever the model runs"
    )
    with undisturbed(model), torch.no_grad():
        torch.backends.mha.set_fastpath_enabled(True)  # `undisturbed` puts it back
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*nested tensors")
                fast = _scores(model, rows)
        except ModelError as e:
            raise ModelError(f"the model fails when its attention takes PyTorch's fast way: {e}; {how}") from e
    differences = (fast.double() - scores.double()).abs().reshape(len(rows), -1).nan_to_num(0.0).amax(1)
    limit = max(_tolerance(scores), FAST * _spread(scores))
    if others := int((differences > limit).sum()):
        raise ModelError(
            "the model gives other scores when its attention takes PyTorch's fast way, as it does outside of an audit: "
            f"{others} of {len(rows)} rows differ, by up to {float(differences.max()):.2g}. Padding is where the two "
            f"ways differ: {how}"
        )


def _largest_difference(a: Tensor, b: Tensor) -> float:
    """Over the rows where both are finite; 0 without any."""
    difference = (a.double() - b.double()).abs()
    difference = difference[difference.isfinite()]
    return float(difference.max()) if len(difference) else 0.0


def _tolerance(scores: Tensor) -> float:
    finite = scores[scores.isfinite()]
    if not len(finite):
        return 0.0
    largest = finite.abs().max()
    ulp = torch.nextafter(largest, torch.full_like(largest, torch.inf)) - largest
    return RELATIVE * _spread(scores) + ULPS * float(ulp)


def _spread(scores: Tensor) -> float:
    """σ̄, over the scores that are finite."""
    finite = scores[scores.isfinite()].double()
    return float((finite - finite.mean()).abs().mean()) if len(finite) else 0.0


def _deterministic(found: Preflight) -> None:
    if found.repeat > found.tolerance:
        raise ModelError(
            f"the model is random: two calls on the same {found.rows} rows differ by up to {found.repeat:.2g}. Look "
            "for dropout or sampling in forward that eval() does not switch off"
        )


def _independent(found: Preflight) -> None:
    if found.influence > found.tolerance:
        raise ModelError(
            f"the model's rows influence each other: a row's output changes by up to {found.influence:.2g} when other "
            "rows leave its batch. Look for statistics of the batch in the net (batch normalisation without running "
            "statistics, a batch mean) or in preprocess"
        )
