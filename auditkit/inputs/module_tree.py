"""The tree of a net's modules, put back after the net has run: some nets make, swap or rewrite parts of themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from auditkit.errors import ModelError

_TABLES = ("_modules", "_parameters", "_buffers")


@dataclass
class ModuleTree:
    """What a net was made of, by identity: children and parameters of each module, and which buffers it had."""

    parts: list[tuple[str, nn.Module, type[nn.Module], dict[str, dict[str, Any]], dict[str, Any]]]
    """Name, module, its class (parametrizations are another), its tables as they were, and its plain attributes."""
    computed: list[tuple[type[nn.Module], dict[str, property]]] = field(default_factory=list)
    """Classes of parametrized modules, whose weights are properties: what takes these off takes the properties too."""
    rewritten: list[tuple[Any, Tensor]] = field(default_factory=list)
    """Embeddings whose look-ups rewrite their table (`max_norm`), and what it held."""

    @classmethod
    def of(cls, module: nn.Module) -> ModuleTree:
        """The tree as it stands; ModelError for layers whose weights do not exist yet (nn.LazyLinear)."""
        initialised(module)
        parts = [
            (name, part, type(part), {t: dict(vars(part)[t]) for t in _TABLES}, dict(vars(part)))
            for name, part in module.named_modules()
            if not isinstance(part, torch.jit.ScriptModule)
        ]
        tables = [
            (part, part.weight.detach().clone())
            for _, part, *_ in parts
            if isinstance(part, nn.Embedding | nn.EmbeddingBag)
            and part.max_norm is not None
            and isinstance(part.weight, Tensor)
        ]
        computed = [
            (kind, {k: v for k, v in vars(kind).items() if isinstance(v, property)})
            for _, part, kind, *_ in parts
            if nn.utils.parametrize.is_parametrized(part)
        ]
        return cls(parts, computed, tables)

    def restore(self) -> tuple[str, ...]:
        """Put it back; the names of modules and parameters that had been made, swapped or taken away.

        Buffers that were added go; one in the place of a known one stays, for those who compare states.
        """
        changed = []
        for kind, properties in self.computed:
            for k in properties.keys() - vars(kind).keys():
                setattr(kind, k, properties[k])
        for name, part, kind, tables, attributes in self.parts:
            if type(part) is not kind:
                part.__class__ = kind
                changed.append(name or "the net itself")
            for table, items in tables.items():
                now: dict[str, Any] = vars(part)[table]
                wrong = {k for k in {*now, *items} if now.get(k, ...) is not items.get(k, ...)}
                if table == "_buffers":
                    wrong = {k for k in wrong if k not in items or k not in now}
                elif wrong:
                    changed += [f"{name}.{k}" if name else k for k in sorted(wrong)]
                if wrong:
                    items = {k: v if k in wrong else now[k] for k, v in items.items()}
                    now.clear()
                    now.update(items)
                for k in wrong:  # a name stands in one place: what is no part now may be a plain attribute, and back
                    if k in items and k not in attributes:
                        vars(part).pop(k, None)
                    elif k in attributes:
                        vars(part)[k] = attributes[k]
        for part, held in self.rewritten:
            if not torch.equal(part.weight.detach(), held):
                part.weight.data.copy_(held)
        return tuple(changed)


@contextlib.contextmanager
def kept_tree(module: nn.Module) -> Iterator[list[str]]:
    """The module tree as before afterwards, whatever the net did to it; the list then names what had to be put back.

    >>> net = nn.Sequential(nn.Linear(1, 1))
    >>> with kept_tree(net) as changed:
    ...     net[0] = nn.Identity()
    >>> net[0], changed
    (Linear(in_features=1, out_features=1, bias=True), ['0'])
    """
    tree, changed = ModuleTree.of(module), list[str]()
    try:
        yield changed
    finally:
        changed += tree.restore()


def initialised(module: nn.Module) -> None:
    """ModelError for parameters and buffers that have no values until the net has run."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise ModelError(
                f"'{name}' has no weights yet (a lazy layer that was never run): run the net once, load its trained "
                "weights, and pass it then"
            )
