"""How what a module returns becomes a table of outputs, and outputs become scores; what is not finite is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats
from auditkit.errors import ForwardError, ModelError, nearest

if TYPE_CHECKING:
    from auditkit.inputs.tasks.task import AuditTask

Scale = Literal["logits", "probabilities"]
Reader = Callable[[Any], Tensor]
"""From what a module returns to its outputs."""
Outputs = Scale | Reader | tuple[Reader, Scale]
"""What outputs are; or what gives them, and what these are: probabilities (numbers of a regression), if nobody says."""

SUM_TOLERANCE = 1e-3
"""How far from 1 the probabilities of a row may add up; more where the net's own precision is less."""


def checked(outputs: Outputs | None, task: AuditTask) -> Outputs | None:
    """`outputs` as given; ModelError for what it cannot be."""
    reader, scale = outputs if isinstance(outputs, tuple) and len(outputs) == 2 else (None, outputs)
    if isinstance(outputs, tuple) and not callable(reader):
        raise ModelError(
            f"a tuple of outputs is a callable and what it gives, outputs=(callable, 'logits'); got {outputs!r}"
        )
    if not task.scores and (scale == "probabilities" or reader is not None):
        raise ModelError("a regression gives numbers, not probabilities or logits: omit outputs, or pass a callable")
    if outputs is not None and not (callable(scale) and reader is None) and scale not in ("logits", "probabilities"):
        raise ModelError(
            f"unknown outputs {scale!r}; expected 'logits', 'probabilities', a callable, (callable, 'logits') or None."
            f"{nearest(str(scale), ['logits', 'probabilities'])}"
        )
    return outputs


def read_as(outputs: Outputs | None) -> tuple[Reader | None, Scale]:
    """What gives the outputs (None: the module itself), and what they are read as.

    >>> read_as(None), read_as((max, "logits"))[1], read_as(max)[1]
    ((None, 'logits'), 'logits', 'probabilities')
    """
    if isinstance(outputs, tuple):
        return outputs
    if outputs is None or isinstance(outputs, str):
        return None, outputs or "logits"
    return outputs, "probabilities"


def table(out: Any, reader: Reader | None, task: AuditTask, n: int | None = None) -> Tensor:
    """The outputs of all rows: (N,), (N, 2) for two columns of a binary net, (N, C) for classes and labels.

    Raises ForwardError for what is no tensor, is complex, or has another shape; `n`: how many rows went in.
    """
    out = picked(out) if reader is None else reader(out)
    if not isinstance(out, Tensor):
        raise ForwardError(
            f"the module returns {type(out).__name__}, not a tensor: pass outputs=a callable that takes it and "
            "returns the probability of the positive class"
        )
    if out.is_complex():
        raise ForwardError(
            f"the model gives complex numbers ({out.dtype}), which have no order and no probability: pass outputs="
            "a callable that makes real ones of them, e.g. lambda z: torch.sigmoid(z.abs())"
        )
    if out.is_nested or out.layout != torch.strided:
        raise ForwardError(f"the model gives a tensor of layout {out.layout}; expected a plain (strided) one")
    n = len(out) if n is None and out.ndim else n or 1
    return task.table(out, n)


def picked(out: Any) -> Any:
    """What a module returns, or the `logits` in it."""
    if isinstance(out, Tensor):
        return out
    return out.get("logits", out) if isinstance(out, Mapping) else getattr(out, "logits", out)


def finite(score: Tensor, start: int) -> Floats:
    """As float64 on the CPU; ForwardError names the first row, counted from `start`, that is not finite."""
    out: Floats = score.detach().double().cpu().numpy()
    bad = ~np.isfinite(out.reshape(len(out), -1)).all(axis=1)
    if bad.any():
        raise ForwardError(
            f"the model gives NaN or infinite outputs, first for row {start + int(bad.argmax())} (from 0), "
            f"{int(bad.sum())} in that batch: check its inputs for missing or extreme values"
        )
    return out


def probabilities(score: Tensor, start: int) -> Floats:
    """Finite, and in [0, 1]; else ForwardError."""
    out = finite(score, start)
    if out.size and (out.min() < -1e-6 or out.max() > 1 + 1e-6):
        raise ForwardError(
            f"outputs lie between {out.min():.3g} and {out.max():.3g}, not in [0, 1]: they are no probabilities. "
            "Say outputs='logits' if they are logits; outputs=(callable, 'logits') if a callable gives them"
        )
    return np.clip(out, 0.0, 1.0)


def of_two(table: Tensor, start: int) -> None:
    """ForwardError unless the two columns of a binary net are probabilities that add up to 1; nothing of one column."""
    if table.ndim == 2:
        sums_to_one(probabilities(table, start), table.dtype)


def sums_to_one(out: Floats, dtype: torch.dtype) -> None:
    """ForwardError unless every row of class probabilities adds up to 1, as far as `dtype` can say."""
    off = np.abs(out.sum(axis=1) - 1)
    own = 4 * torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    if off.size and off.max() > max(SUM_TOLERANCE, own):
        raise ForwardError(
            f"the outputs of a row sum up to {out.sum(axis=1)[off.argmax()]:.3g}, not to 1: they are no probabilities "
            "of classes. Say outputs='logits' if they are logits, or pass a callable that makes shares of them, e.g. "
            "lambda p: p / p.sum(1, keepdim=True) for sigmoids of one class against the others"
        )


class OneOutput:
    """What reads the probability of one class, or of one label of several."""

    def __init__(self, model: Any, i: int) -> None:
        self.model, self.i = model, i

    def __call__(self, out: Any) -> Tensor:
        found: Tensor = self.model.probabilities(self.model.table(out))[:, self.i]
        return found
