"""Nets that do not take any number of rows: how many a net wants at once, found out where it has failed on some."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from auditkit.inputs.packing import Inputs, leaves, n_rows, packed

USUAL = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256)
MOST_ROWS = 20_000
MOST_TRIED = 40


def wanted_rows(run: Callable[[Inputs], object], inputs: Inputs, module: nn.Module, known: Iterable[int] = ()) -> str:
    """What the net wants, where it fails for the number of its rows: "exactly 300 rows at once"; "" where it does not.

    `inputs` are those that it failed on. The first of them is repeated, so that nothing but their number differs: as
    often as rows went in (where that runs, some row is to blame), and as often as the net may want, by the sizes of
    its tensors, the largest index in them, the numbers `known` to run, and usual ones.
    """
    n = n_rows(inputs)

    def runs(rows: int) -> bool:
        if rows < 1:
            return False
        try:
            with torch.no_grad():
                run(packed(inputs, [t[:1].expand(rows, *t.shape[1:]).clone() for t in leaves(inputs)]))
        except (Exception, SystemExit, GeneratorExit):
            return False
        return True

    if not n or runs(n):
        return ""
    tried = dict.fromkeys(k for k in (*sorted(known), *USUAL, *_sizes(module)) if 0 < k <= MOST_ROWS and k != n)
    able = sorted(k for k in list(tried)[:MOST_TRIED] if runs(k))
    if not able:
        return ""
    least = able[0]
    if not runs(least + 1):
        return f"exactly {least} row{'s' * (least > 1)} at once" if len(able) == 1 else _some(able)
    return f"at least {least} rows at once" if n < least and not runs(least - 1) else _some(able)


def _some(able: list[int]) -> str:
    return f"certain numbers of rows at once, such as {', '.join(map(str, able[:4]))}"


def _sizes(module: nn.Module) -> list[int]:
    """Numbers that rows may have to be: sizes of the net's tensors, and the largest index in them, and one."""
    found: list[int] = []
    for part in module.modules():
        own = [] if isinstance(part, torch.jit.ScriptModule) else list(vars(part).values())
        tensors = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
        for t in (*tensors, *(v for v in own if isinstance(v, torch.Tensor))):
            if t.dtype in (torch.int64, torch.int32) and t.numel():
                found.append(int(t.max()) + 1)
            found += [s for s in t.shape[:2] if s > 1]
    return list(dict.fromkeys(found))
