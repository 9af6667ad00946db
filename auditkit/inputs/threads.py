"""One thread for nets whose rows are little work: several would wait for one another, and burn the cores meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.inputs.model import Model

LITTLE = 50_000
"""Parameters, at most, of a net whose rows are little work."""
ONCE = ("Linear", "BatchNorm1d", "LayerNorm")
"""Layers of torch, of exactly these classes, that use each parameter once for a row of numbers."""


@contextlib.contextmanager
def by_work(model: Model | None, features: pd.DataFrame | None) -> Iterator[None]:
    """While it lasts, torch and the linear algebra of numpy work on one thread, if the net is `little`; then as before.

    >>> import pandas as pd
    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> from auditkit.inputs.model import Model
    >>> with by_work(Model(net, outputs="logits"), pd.DataFrame({"a": [1.0], "b": [2.0]})):
    ...     torch.get_num_threads()
    1
    """
    if model is None or features is None or not little(model, features):
        yield
        return
    import torch  # predictions are audited without it
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def little(model: Model, features: pd.DataFrame) -> bool:
    """Whether rows of numbers go through few parameters, each used once a row, on the CPU. Not known is no."""
    import torch
    from torch import nn

    from auditkit.inputs.packing import leaves
    from auditkit.inputs.running import random_state_kept

    module = model.module
    parts = [m for m in module.modules() if next(m.parameters(recurse=False), None) is not None]
    if not all(type(m) in [getattr(nn, name) for name in ONCE] for m in parts) or model.parameters() > LITTLE:
        return False
    try:
        with random_state_kept(torch.device("cpu")):
            inputs = leaves(model.encode(features.head(2)))
    except Exception:  # whoever explains it says what is wrong
        return False
    return all(t.device.type == "cpu" and t.ndim <= 2 and t.is_floating_point() for t in inputs)
