"""Running what a user gave: errors told in one line, and the caller's random state as before."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

from auditkit.errors import AuditkitError, ForwardError, listing, out_of_memory
from auditkit.inputs.packing import Inputs, leaves

MOST = 240
"""Characters of a foreign message that are quoted."""


@contextlib.contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """The global random states of torch, numpy and Python, afterwards as before."""
    ours, python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            np.random.set_state(ours)
            random.setstate(python)


@contextlib.contextmanager
def told(what: Callable[[str], str]) -> Iterator[None]:
    """Whatever goes wrong inside becomes a ForwardError, `what` of the foreign message; memory that ran out does not.

    An exit (SystemExit) that the user's code asks for is such an error: no audit has been made.
    """
    try:
        yield
    except AuditkitError:
        raise
    except (Exception, SystemExit, GeneratorExit) as e:
        if out_of_memory(e):
            raise
        raise ForwardError(what(said(e, most=MOST))) from e


def said(e: BaseException, *, most: int | None = None) -> str:
    """An error's class and what it says, on one line.

    >>> said(ValueError("not\\n  so")), said(ValueError())
    ('ValueError: not so', 'ValueError')
    """
    words = " ".join(str(e).split())
    words = words if most is None or len(words) <= most else f"{words[:most].rstrip()}…"
    return f"{type(e).__name__}: {words}" if words else type(e).__name__


def preprocess_fails(features: pd.DataFrame) -> Callable[[str], str]:
    """What is said where `preprocess` raises."""
    return lambda said: (
        f"preprocess fails on {len(features):,} rows of the columns {_columns(features)}: {said}. It is given a pandas "
        "frame of the raw columns, without target and weights, and must give one encoded row for each"
    )


def net_fails(features: pd.DataFrame, inputs: Inputs, preprocess: object) -> Callable[[str], str]:
    """What is said where the net raises."""
    given = (f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for t in leaves(inputs))
    names = [f"{name}: " for name in inputs] if isinstance(inputs, dict) else [""] * len(leaves(inputs))
    shapes = ", ".join(f"{n}{s}" for n, s in zip(names, given, strict=True))

    def what(said: str) -> str:
        return (
            f"the net fails on inputs of shape {shapes}, from the columns {_columns(features)}: {said}. "
            f"{_way_out(said, inputs, preprocess)}"
        )

    return what


def wants(wanted: str, n: int) -> str:
    """What is said of a net that does not run on `n` rows, and wants `wanted`."""
    return (
        f"the net wants {wanted}: it fails on {n:,} with the same values. An audit asks it about any number of rows, "
        "each decided by itself: make forward (and preprocess) take them. A net that decides all rows together, as on "
        "a graph with a fixed list of edges, can be audited from its outputs: ak.Predictions"
    )


def outputs_fail(out: object) -> Callable[[str], str]:
    """What is said where `outputs=` raises."""
    return lambda said: f"outputs= fails on what the module returns, {type(out).__name__}: {said}"


def _columns(features: pd.DataFrame) -> str:
    return listing(features.columns) or "(none)"


def _way_out(said: str, inputs: Inputs, preprocess: object) -> str:
    lower = said.lower()
    if "guard" in lower or "dynamic" in lower:
        return (
            "An exported program takes only the shapes that it was exported for: export it with dynamic_shapes whose "
            "first dimension is torch.export.Dim('rows')"
        )
    whole = [t for t in leaves(inputs) if not t.is_floating_point()]
    if whole and re.search(r"\bd?types?\b|floating|not implemented for", lower):
        return (
            "Inputs in a dict or tuple keep the type that preprocess gives them: numbers that the net computes with "
            "must be floats, e.g. column.astype('float32')"
        )
    if "keyword" in lower or "positional argument" in lower or "required argument" in lower:
        return (
            "A dict is passed by name, a tuple by position (whole, if forward takes one parameter): give what forward "
            "takes"
        )
    if preprocess is None:
        return (
            "Without preprocess every column that is not declared as target or weights enters as it is, in this "
            "order: pass preprocess= that encodes them as in training"
        )
    return "Check that preprocess encodes the columns as in training"
