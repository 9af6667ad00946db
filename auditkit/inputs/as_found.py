"""A module as it was found: its tree, its tensors, its hooks and modes, by identity; and put back.

Some nets make, swap or rewrite parts of themselves when they run.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from auditkit.errors import ModelError

OWN = tuple(k for k, v in vars(nn.Module()).items() if isinstance(v, dict | set))
"""What torch keeps of a module in containers: parameters, buffers, submodules, hooks of every kind."""


class _Part(NamedTuple):
    """One module of the tree."""

    name: str
    module: nn.Module
    kind: type
    training: bool | None
    """None: a frozen TorchScript module, which has no mode."""
    attributes: dict[str, Any]
    """Its attributes, by identity; empty of TorchScript, which keeps them elsewhere."""
    contents: dict[str, Any]
    """What stands in those of its attributes that torch keeps in containers."""


class _Held(NamedTuple):
    """One parameter or buffer."""

    tensor: Tensor
    requires_grad: bool
    grad: Tensor | None


class AsFound:
    """What a module is made of when this is made, to be put back by `restore`; nothing is copied but references.

    Of every module of the tree: which attributes it has, and what stands in torch's own containers (`OWN`), in order;
    its class and mode. Of every parameter and buffer: `requires_grad`, and which tensor is its `.grad`. Values of
    tensors are not kept, but for the tables of embeddings with `max_norm`, whose look-ups rewrite them: a net that
    writes to others is refused (`explain.preflight.unchanged`). Neither is what stands in containers of the net's own.

    ModelError for layers whose weights do not exist yet (nn.LazyLinear).

    >>> net = nn.Sequential(nn.Linear(1, 1))
    >>> found = AsFound(net)
    >>> net[0] = nn.Identity()
    >>> found.changes()
    ('0',)
    >>> found.restore()
    >>> net
    Sequential(
      (0): Linear(in_features=1, out_features=1, bias=True)
    )
    """

    def __init__(self, module: nn.Module) -> None:
        initialised(module)
        self.parts = [_part(name, m) for name, m in module.named_modules()]
        tensors = {id(t): t for t in (*module.parameters(), *module.buffers())}
        self.tensors = [_Held(t, t.requires_grad, t.grad if t.is_leaf else None) for t in tensors.values()]
        self.computed = [
            (p.kind, {k: v for k, v in vars(p.kind).items() if isinstance(v, property)})
            for p in self.parts
            if nn.utils.parametrize.is_parametrized(p.module)
        ]
        """Classes of parametrized modules, whose weights are properties: what takes these off takes the properties."""
        embeddings: list[Any] = [p.module for p in self.parts if _rewrites(p.module)]
        self.rewritten = [(m, m.weight.detach().clone()) for m in embeddings]

    def changes(self, *, buffers: bool = True) -> tuple[str, ...]:
        """The parameters, buffers and submodules that are others now, or gone, or new, by their path in the tree."""
        out = []
        for part in self.parts:
            if type(part.module) is not part.kind:
                out.append(part.name or "the net itself")
            for which in ("_parameters", "_modules", *(("_buffers",) if buffers else ())):
                before = part.contents.get(which, {})
                now = vars(part.module).get(which, {}) if part.contents else {}
                out += [
                    f"{part.name}.{k}" if part.name else k
                    for k in dict.fromkeys((*before, *now))
                    if (k in before) != (k in now) or before.get(k) is not now.get(k)
                ]
        return tuple(out)

    def replaced(self) -> tuple[str, ...]:
        """The buffers in whose place others stand, of other values: moved to a device and back, one is as it was."""
        out = []
        for part in self.parts:
            now = vars(part.module).get("_buffers", {}) if part.contents else {}
            for name, then in part.contents.get("_buffers", {}).items():
                if name in now and not _alike(then, now[name]):
                    out.append(f"{part.name}.{name}" if part.name else name)
        return tuple(out)

    def restore(self, *, buffers: bool = True) -> None:
        """Everything as it was; what cannot be set (by a module that forbids it) stays.

        Without `buffers`, one in the place of a known one stays, for those who compare states.
        """
        for kind, properties in self.computed:
            for k in properties.keys() - vars(kind).keys():
                setattr(kind, k, properties[k])
        for part in self.parts:
            now = {} if buffers or not part.contents else dict(vars(part.module).get("_buffers", {}))
            _restored(part)
            for k in now.keys() & part.contents.get("_buffers", {}).keys():
                vars(part.module)["_buffers"][k] = now[k]
        for held in self.tensors:
            if held.tensor.is_leaf and held.tensor.requires_grad != held.requires_grad:
                held.tensor.requires_grad_(held.requires_grad)
            if held.tensor.is_leaf and held.tensor.grad is not held.grad:
                held.tensor.grad = held.grad
        for embedding, table in self.rewritten:
            if not torch.equal(embedding.weight.detach(), table):
                embedding.weight.data.copy_(table)


@contextlib.contextmanager
def kept_tree(module: nn.Module) -> Iterator[list[str]]:
    """As found afterwards, but for values of tensors and for buffers; the list then names parts that had changed.

    >>> net = nn.Sequential(nn.Linear(1, 1))
    >>> with kept_tree(net) as changed:
    ...     net[0] = nn.Identity()
    >>> net[0], changed
    (Linear(in_features=1, out_features=1, bias=True), ['0'])
    """
    found, changed = AsFound(module), list[str]()
    try:
        yield changed
    finally:
        changed += found.changes(buffers=False)
        found.restore(buffers=False)


def initialised(module: nn.Module) -> None:
    """ModelError for parameters and buffers that have no values until the net has run."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise ModelError(
                f"'{name}' has no weights yet (a lazy layer that was never run): run the net once, load its trained "
                "weights, and pass it then"
            )


def sha256_of(module: nn.Module) -> str:
    """SHA-256 of every parameter and buffer: name, dtype, shape, bytes; ModelError for those without values."""
    initialised(module)
    digest = hashlib.sha256()
    for name, tensor in sorted([*module.named_parameters(), *module.named_buffers()]):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _rewrites(m: nn.Module) -> bool:
    """Whether its look-ups rewrite its table."""
    embeds = isinstance(m, nn.Embedding | nn.EmbeddingBag) and m.max_norm is not None
    return embeds and isinstance(m.weight, Tensor)


def _alike(a: Tensor | None, b: Tensor | None) -> bool:
    """The same tensor, or one of the same numbers."""
    if a is b or a is None or b is None:
        return a is b
    one, other = (t.detach().cpu().nan_to_num() for t in (a, b))
    return one.dtype == other.dtype and torch.equal(one, other)


def _part(name: str, m: nn.Module) -> _Part:
    own = {} if isinstance(m, torch.jit.ScriptModule) else dict(vars(m))
    contents = {k: v.copy() for k, v in own.items() if k in OWN and isinstance(v, dict | set)}
    return _Part(name, m, type(m), getattr(m, "training", None), own, contents)


def _restored(part: _Part) -> None:
    m = part.module
    if type(m) is not part.kind:
        with contextlib.suppress(TypeError):
            m.__class__ = part.kind
    if part.attributes:
        own = vars(m)
        for name in [k for k in own if k not in part.attributes]:
            del own[name]
        own.update(part.attributes)
        for name, then in part.contents.items():
            _refilled(own[name], then)
    if part.training is not None and m.training != part.training:
        m.training = part.training


def _refilled(container: Any, then: Any) -> None:
    """The very container, with what stood in it and in that order."""
    if isinstance(container, set):
        if container != then:
            container.clear()
            container.update(then)
    elif list(container) != list(then) or any(container[k] is not v for k, v in then.items()):
        container.clear()
        container.update(then)
