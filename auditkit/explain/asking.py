"""A net asked what its data never asked: what it then refuses is a reason, not an accident.

Preflight and prediction have run the net on the data as it is. Explanations run it on other points (features moved or
mixed, layers changed) and with gradients, and a net need not bear that. Its own message can quote rows, so the reason
names the class alone, and the message goes to the log.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats
from auditkit.errors import AuditkitError, NotExplained, out_of_memory
from auditkit.formatting import printable

_LOG = logging.getLogger("auditkit")


class NoGradient(NotExplained):
    """The net has no gradient to its input: methods that need none can still explain it."""


@contextlib.contextmanager
def answering(refused: str = "the net cannot be run on changed rows") -> Iterator[None]:
    """While it lasts, what the net (or its preprocess) raises is NotExplained, for the reason that is `refused`.

    Memory that runs out stays what it is, and so does the keyboard. A net that leaves the process (`sys.exit`) is one
    that refuses.

    >>> with answering():
    ...     raise IndexError("row 17 of 12")
    Traceback (most recent call last):
    auditkit.errors.NotExplained: the net cannot be run on changed rows (IndexError)
    """
    try:
        yield
    except NotExplained:
        raise
    except (Exception, SystemExit, GeneratorExit) as e:
        if out_of_memory(e):
            raise
        _told(refused, e)
        raise NotExplained(f"{refused} ({_in_our_words(e)})") from e


@contextlib.contextmanager
def differentiating(refused: str = "the net cannot be differentiated") -> Iterator[None]:
    """`answering` with gradients on: what forward pass or autograd refuse there is NoGradient."""
    try:
        with torch.enable_grad():
            yield
    except NotExplained as e:
        if isinstance(e, NoGradient) or e.__cause__ is None:
            raise  # not the net's refusal, but a reason of ours
        raise NoGradient(
            f"the net cannot be run with gradients, or on changed rows ({type(e.__cause__).__name__})"
        ) from e
    except (Exception, SystemExit, GeneratorExit) as e:
        if out_of_memory(e):
            raise
        _told(refused, e)
        raise NoGradient(f"{refused} ({type(e).__name__})") from e


def along(outputs: Sequence[Tensor], directions: Sequence[Tensor]) -> list[Tensor]:
    """Roots whose gradient is that of the outputs along directions of their shapes, what `grad_outputs` gives.

    That reads shapes with sympy, whose import takes a second and 35 MB.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.autograd.grad(along([x**2], [torch.tensor([1.0, 10.0])]), x)
    (tensor([ 2., 40.]),)
    """
    return [(o * d).sum() for o, d in zip(outputs, directions, strict=True)]


def _in_our_words(e: BaseException) -> str:
    """What auditkit says itself; of what others say the class, since their words can quote rows."""
    ours = isinstance(e, AuditkitError) and e.__cause__ is None
    return str(e) if ours else type(e.__cause__ or e).__name__


def finite(numbers: Floats, what: str = "the net's outputs on changed rows") -> Floats:
    """The numbers, all of them finite; NotExplained for others."""
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise NotExplained(f"{what} are NaN or infinite, {bad:,} of {numbers.size:,}")
    return numbers


def _told(refused: str, e: BaseException) -> None:
    _LOG.info("%s: %s: %s", refused, type(e).__name__, printable(" ".join(str(e).split())))
    _LOG.debug("where: ", exc_info=e)
