"""How likely a text is to a language model: the sum of the log-probabilities of its tokens, causal or masked."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.arrays import Floats
from auditkit.errors import ForwardError, ModelError
from auditkit.inputs.running import told

Ids = tuple[int, ...]
MOST_LOGITS = 2**25
"""Logits of one pass: rows × tokens × vocabulary."""


@dataclass(frozen=True)
class Asked:
    """One text as a net is asked about it."""

    ids: Ids
    scored: tuple[int, ...]
    """Positions whose tokens are scored."""


def tokens_of(tokenizer: Callable[[str], Any], text: str) -> Ids:
    """The ids of a text: a tokenizer gives them as a list, or as the `input_ids` of what it gives.

    >>> tokens_of(lambda text: [ord(c) for c in text], "ab")
    (97, 98)
    """
    with told(lambda said: f"the tokenizer fails on {text[:60]!r}: {said}"):
        found = tokenizer(text)
        found = found["input_ids"] if hasattr(found, "keys") else found
        ids = tuple(int(x) for x in found)
    if not ids or min(ids) < 0:
        raise ModelError(f"the tokenizer gives no ids for {text[:60]!r}: expected whole numbers of at least 0, a list")
    return ids


def shared_positions(first: Ids, second: Ids) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the tokens that both texts have, in order, as CrowS-Pairs compares them.

    Source: Nangia et al. (2020), EMNLP, by the matching blocks of difflib.

    >>> shared_positions((1, 2, 3, 9), (1, 5, 3, 9))
    ((0, 2, 3), (0, 2, 3))
    """
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    at = [(b.a + i, b.b + i) for b in blocks for i in range(b.size)]
    return tuple(i for i, _ in at), tuple(j for _, j in at)


def causal(net: nn.Module, asked: Sequence[Asked]) -> Floats:
    """(N,) Σ_t log p(x_t | x_1 … x_{t−1}) over the scored positions, none of which is the first, in nats.

    The net takes ids (B, T), int64, and gives logits (B, T, V), or what holds them as `logits`. It is asked in
    evaluation mode, without gradients, and left as it was. ForwardError where it does not.
    """
    return _summed(net, [(a.ids, a.ids, a.scored, -1) for a in asked])


def masked(net: nn.Module, asked: Sequence[Asked], mask: int) -> Floats:
    """(N,) Σ_t log p(x_t | all other tokens) over the scored positions: the pseudo-log-likelihood, in nats.

    Each is asked with its token replaced by `mask`, one pass a token; as `causal` else.
    Source: Salazar, Liang, Nguyen & Kirchhoff (2020), ACL, 2699.
    """
    rows = [((*a.ids[:t], mask, *a.ids[t + 1 :]), a.ids, (t,), 0) for a in asked for t in a.scored]
    found = _summed(net, rows)
    owner = np.repeat(np.arange(len(asked)), [len(a.scored) for a in asked])
    return np.asarray(np.bincount(owner, weights=found, minlength=len(asked)), dtype=np.float64)


_Row = tuple[Ids, Ids, tuple[int, ...], int]
"""What is given to the net, what it should say, at which positions, and how far from these its logits stand."""


def _summed(net: nn.Module, rows: Sequence[_Row]) -> Floats:
    """(N,) for each row the sum; equal rows are asked once."""
    by_length: dict[int, dict[_Row, None]] = defaultdict(dict)
    for row in rows:
        by_length[len(row[0])][row] = None
    found: dict[_Row, float] = {}
    vocabulary = 0
    with _asked(net) as device:
        for length, known in by_length.items():
            todo = list(known)
            while todo:
                size = max(1, MOST_LOGITS // (length * vocabulary)) if vocabulary else 1
                part, todo = todo[:size], todo[size:]
                logits = _logits(net, torch.tensor([r[0] for r in part], device=device))
                vocabulary = logits.shape[-1]
                found |= zip(part, _of_part(logits, part), strict=True)
    return np.array([found[row] for row in rows], dtype=np.float64)


def _of_part(logits: Tensor, part: Sequence[_Row]) -> list[float]:
    where = [(i, t + shift, ids[t]) for i, (_, ids, scored, shift) in enumerate(part) for t in scored]
    i, t, token = (torch.tensor(x, dtype=torch.int64) for x in (zip(*where, strict=True) if where else ((), (), ())))
    if len(token) and int(token.max()) >= logits.shape[-1]:
        raise ModelError(
            f"the tokenizer gives the id {int(token.max())}, and the net knows {logits.shape[-1]:,} tokens: they are "
            "not of one model"
        )
    told = logits[i.to(logits.device), t.to(logits.device)].float().log_softmax(-1)
    each = told.gather(1, token.to(logits.device)[:, None])[:, 0].double().cpu().numpy()
    return np.bincount(i.numpy(), weights=each, minlength=len(part)).tolist()  # type: ignore[no-any-return]


def _logits(net: nn.Module, ids: Tensor) -> Tensor:
    """(B, T, V)"""
    with told(lambda said: f"the net fails on ids of shape {tuple(ids.shape)}, int64: {said}. It takes ids (B, T)"):
        out = net(ids)
    out = getattr(out, "logits", out)
    out = out[0] if isinstance(out, tuple) else out
    if not isinstance(out, Tensor) or out.ndim != 3 or out.shape[:2] != ids.shape:
        shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ForwardError(
            f"a language model gives logits (B, T, V), or an object with `logits`; for ids {tuple(ids.shape)} it gives "
            f"{shape}"
        )
    if not bool(torch.isfinite(out).all()):
        raise ForwardError("the net gives logits that are NaN or infinite: no text has a likelihood then")
    return out


@contextlib.contextmanager
def _asked(net: nn.Module) -> Iterator[torch.device]:
    """In evaluation mode, without gradients; afterwards each module is in the mode that it was in."""
    modes = {m: m.training for m in net.modules()}
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    try:
        net.eval()
        with torch.no_grad():
            yield device
    finally:
        for m, training in modes.items():
            m.training = training
