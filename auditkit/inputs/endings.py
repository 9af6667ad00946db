"""What a net's outputs end in: read off the operations of one forward pass, whatever the net is written in.

Modules, functions, wrappers, TorchScript, exported programs and graphs of torch.fx all run the same operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from auditkit.errors import ModelError
from auditkit.evidence.output_range import say_which

Ending = Literal["Sigmoid", "Softmax", "Hardsigmoid", "a clamp to [0, 1]", "LogSigmoid", "LogSoftmax", "a comparison"]

_ENDS: dict[str, Ending] = {
    "sigmoid": "Sigmoid",
    "_softmax": "Softmax",
    "softmax": "Softmax",
    "_safe_softmax": "Softmax",
    "hardsigmoid": "Hardsigmoid",
    "log_sigmoid_forward": "LogSigmoid",
    "log_sigmoid": "LogSigmoid",
    "_log_softmax": "LogSoftmax",
    "log_softmax": "LogSoftmax",
}
_LOGS: dict[Ending, Ending] = {"Sigmoid": "LogSigmoid", "Softmax": "LogSoftmax"}
_EXPS: dict[Ending, Ending] = {"LogSigmoid": "Sigmoid", "LogSoftmax": "Softmax"}
_CLAMPS: dict[str, tuple[float, float]] = {
    "clamp": (float("-inf"), float("inf")),
    "clip": (float("-inf"), float("inf")),
    "hardtanh": (-1, 1),
}
"""Their limits where none are given: an operation does not hear of arguments that are the usual ones."""
_SAME = {
    *("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze", "flatten", "unflatten", "t"),
    *("transpose", "permute", "movedim", "expand", "select", "slice", "narrow", "index", "index_select", "gather"),
    *("split", "split_with_sizes", "chunk", "unbind", "unsafe_split", "clone", "detach", "alias", "contiguous"),
    *("_to_copy", "to", "lift_fresh", "cat", "stack", "where", "nan_to_num", "clamp_min", "clamp_max", "clamp"),
    *("as_strided", "view_as", "hardtanh", "clip"),
}
"""Operations that leave numbers as they are, or put them beside others."""
_LAYERS = {"addmm", "mm", "bmm", "baddbmm", "mv", "addmv", "linear", "convolution"}
"""Operations of layers, whose results are any numbers."""
_SAME_OF_SHARES = {"rsub", "mean", "amax", "amin", "maximum", "minimum"}
"""Operations that leave probabilities probabilities: those of the other class, of an ensemble."""


class _Made(NamedTuple):
    """How a tensor came to be."""

    operation: str
    of: tuple[_Made | None, ...]
    """How its inputs did; None for what went in."""
    limits: tuple[Any, ...]
    """The plain arguments."""


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.made: dict[int, _Made] = {}
        self.kept: list[Tensor] = []
        """So that no address is given twice."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, for longer than many an audit lasts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [*args, *(kwargs or {}).values()]
        of = tuple(self.made.get(id(t)) for t in _tensors(given))
        name = func.overloadpacket.__name__
        made = _Made(name if name.endswith("__") else name.rstrip("_"), of, tuple(given[1:]))
        for tensor in _tensors([out]):
            self.made[id(tensor)] = made
            self.kept.append(tensor)
        return out


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def ending_of(call: Callable[[], Tensor]) -> Ending | None:
    """The activation that the outputs of `call`, one forward pass, end in; None: none of these, or nobody can tell.

    >>> layer = torch.nn.Linear(2, 1)
    >>> ending_of(lambda: torch.sigmoid(layer(torch.zeros(2, 2))).squeeze(1))
    'Sigmoid'
    >>> ending_of(lambda: torch.relu(layer(torch.zeros(2, 2)))) is None
    True
    """
    made, dtype = _watched(call)
    return "a comparison" if dtype == torch.bool else _ending(made)


def straight_of(call: Callable[[], Tensor]) -> bool:
    """Whether the outputs of `call` come straight out of a linear layer or a convolution.

    >>> layer = torch.nn.Linear(2, 1)
    >>> straight_of(lambda: layer(torch.zeros(2, 2))[:, 0])
    True
    """
    made, _ = _watched(call)
    if _ending(made) is not None:
        return False
    while made is not None and made.operation in _SAME:
        made = next(iter(made.of), None)
    return made is not None and made.operation in _LAYERS


def _watched(call: Callable[[], Tensor]) -> tuple[_Made | None, torch.dtype | None]:
    recorder = _Recorder()
    try:
        with recorder:
            out = call()
    except Exception:  # nets that cannot be watched are judged by their range
        return None, None
    return recorder.made.get(id(out)), out.dtype


def _ending(made: _Made | None) -> Ending | None:
    if made is None:
        return None
    name = made.operation
    if name in _ENDS:
        return _ENDS[name]
    if name in _CLAMPS and _within_unit(made.limits, _CLAMPS[name]):
        return "a clamp to [0, 1]"
    if name not in _SAME | _SAME_OF_SHARES | {"log", "exp"}:
        return None
    if name == "rsub" and made.limits[:1] != (1,):
        return None
    found = next((e for e in map(_ending, made.of) if e is not None), None)
    if found is None or name in _SAME:
        return found
    if name == "log":
        return _LOGS.get(found)
    if name == "exp":
        return _EXPS.get(found)
    return None if found.startswith("Log") else found


def _within_unit(limits: tuple[Any, ...], usual: tuple[float, float]) -> bool:
    low, high = (usual[i] if len(limits) <= i or limits[i] is None else limits[i] for i in (0, 1))
    return all(isinstance(x, int | float) for x in (low, high)) and low >= 0 and high <= 1


def against(ending: Ending | None) -> tuple[str, ...]:
    """What is to be known where "logits" is said of a net that ends so; nothing for others."""
    if ending is None or ending == "LogSoftmax":
        return ()
    return (
        f'The net ends in {ending}, and outputs="logits" was said of it: if it gives probabilities, scores and '
        'decisions here are wrong (outputs="probabilities").',
    )


DOUBTED = (
    "What outputs= gives is taken for probabilities, and its numbers come straight out of a linear layer: if they are "
    'logits, scores and decisions here are wrong (outputs=(callable, "logits")).'
)


def refused(ending: Ending | None, *, exclusive: bool) -> None:
    """ModelError where outputs that nobody has named end in what makes them no logits.

    Log-probabilities of several outputs of which one is true (`exclusive`) are logits: softmax gives their
    probabilities again, and the difference of two is the log odds.
    """
    if ending is None or (ending == "LogSoftmax" and exclusive):
        return
    if ending.startswith("Log"):
        raise ModelError(
            f"the model's outputs end in {ending}: these are log-probabilities, and would be taken for logits. Say "
            "outputs=torch.exp (or another callable that gives the probability of the positive class), or say that "
            'they are outputs="probabilities" or outputs="logits" after all'
        )
    raise ModelError(f"the model's outputs end in {ending}: {say_which('probabilities')}")
