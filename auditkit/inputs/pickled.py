"""The index of a PyTorch file: which tensors it declares. Nothing in it is imported, called or allocated,
and what would run code is refused.

`torch.load(weights_only=True)` runs no code either, but it allocates what a file declares while it reads. This reads
the declarations alone, so that they can be compared with the file and with the module first, and only what the module
wants is read afterwards.
"""

from __future__ import annotations

import io
import itertools
import pickle
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch

MOST_BYTES = 8_000_000
"""Of an index; ten thousand tensors take two."""
_MOST_STEPS = 300_000
"""Sixty a tensor."""
_MOST_ODD_KEYS = 500
"""Keys that are neither names nor small numbers (an optimizer has one a parameter): they could be chosen to collide."""


class Storage(NamedTuple):
    """Where numbers lie: the key of a record, how many, of what type."""

    key: str
    dtype: torch.dtype
    numel: int


class Declared(NamedTuple):
    """A tensor as the index declares it: a view into a storage."""

    storage: Storage
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Refused(Exception):
    """The index asks for something that is no tensor and no plain value."""


class Opaque:
    """A value beside the weights (a number of numpy, a path, options): it is left unread."""

    def append(self, _: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...


class _Call(NamedTuple):
    """What stands for a function that an index may call."""

    make: Callable[..., Any]


def read_index(content: io.BytesIO) -> tuple[Any, dict[str, Storage]]:
    """The object of one pickle, with `Declared` for tensors, and the storages that it names.

    Raises Refused for what would run code, and any Exception for what is no pickle.
    """
    reader = _Reader(content)
    return reader.load(), reader.storages


def _whole(*numbers: Any) -> tuple[int, ...]:
    if not all(type(n) is int and 0 <= n < 2**63 for n in numbers) or len(numbers) > 64:
        raise ValueError("a size that is no whole number")
    return numbers


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Declared:
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    dtype = next((r for r in rest if isinstance(r, torch.dtype)), storage.dtype)
    shape, steps = _whole(*size), _whole(*stride)
    if len(shape) != len(steps):
        raise ValueError("as many strides as sizes are needed")
    held = storage.numel * storage.dtype.itemsize // dtype.itemsize
    last = 0 if 0 in shape else _whole(offset)[0] + sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) + 1
    if last > held:
        raise ValueError(f"a tensor of shape {shape} in a storage of {held:,} numbers")
    return Declared(storage, dtype, _whole(offset)[0], shape, steps)


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _from_type(make: Any, _: Any, arguments: Any, *state: Any) -> Any:
    if not isinstance(make, _Call):
        raise ValueError("a tensor of a class that is not known")
    return make.make(*arguments)


_TENSORS = {
    "torch._utils _rebuild_tensor": _Call(_tensor),
    "torch._utils _rebuild_tensor_v2": _Call(_tensor),
    "torch._utils _rebuild_tensor_v3": _Call(_tensor),
    "torch._utils _rebuild_parameter": _Call(_parameter),
    "torch._utils _rebuild_parameter_with_state": _Call(_parameter),
    "torch._tensor _rebuild_from_type_v2": _Call(_from_type),
    "torch Size": _Call(lambda sizes: tuple(sizes)),
    "torch.nn.parameter Parameter": Opaque,
    "torch.nn.parameter Buffer": Opaque,
    "torch Tensor": Opaque,
    "torch device": Opaque,
}
_STORAGES = {
    f"{home} {name}Storage": dtype
    for home in ("torch", "torch.cuda")
    for name, dtype in {
        "Double": torch.float64,
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
        "ComplexDouble": torch.complex128,
        "ComplexFloat": torch.complex64,
    }.items()
} | {"torch.storage UntypedStorage": torch.uint8, "torch UntypedStorage": torch.uint8}
_BESIDE = {
    "builtins": "set frozenset complex bytearray list dict tuple int float str bool slice range object",
    "collections": "deque",
    "argparse": "Namespace",
    "types": "SimpleNamespace",
    "pathlib": "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
    "pathlib._local": "PosixPath WindowsPath PurePosixPath PureWindowsPath",
    "datetime": "datetime date time timedelta timezone",
    "_codecs": "encode",
    "copyreg": "_reconstructor",
    "numpy": "dtype ndarray",
    "numpy.core.multiarray": "scalar _reconstruct",
    "numpy._core.multiarray": "scalar _reconstruct",
    "numpy._core.numeric": "_frombuffer",
    "numpy.core.numeric": "_frombuffer",
    "lightning.fabric.utilities.data": "AttributeDict",
    "lightning_fabric.utilities.data": "AttributeDict",
    "lightning.pytorch.utilities.parsing": "AttributeDict",
    "pytorch_lightning.utilities.parsing": "AttributeDict",
}
"""What people keep beside weights, and what harms nobody unread: module → names."""
_DICTS = {"collections OrderedDict", "collections defaultdict", "collections Counter"}


class _Reader(pickle._Unpickler):
    """Python's own unpickler, with every step that could do more than declare taken out."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]]
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, content: io.BytesIO) -> None:
        super().__init__(content, encoding="latin1")
        self.storages: dict[str, Storage] = {}
        self.steps = itertools.count()
        self.odd_keys = 0

    def find_class(self, module: str, name: str) -> Any:
        asked = f"{module.replace('__builtin__', 'builtins')} {name}"
        if asked in _TENSORS:
            return _TENSORS[asked]
        if asked in _STORAGES:
            return _STORAGES[asked]
        if asked in _DICTS:
            return _Call(self._dict)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        home, _, known = asked.partition(" ")
        if known in _BESIDE.get(home, "").split():
            return Opaque
        raise Refused(asked.replace(" ", "."))

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], torch.dtype):
            raise ValueError("a storage that is not declared as one")
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("a view of a storage, as torch before 0.4 wrote it: save the state dict again")
        storage = Storage(str(pid[2]), pid[1], *_whole(pid[4]))
        known = self.storages.setdefault(storage.key, storage)
        if known.numel * known.dtype.itemsize != storage.numel * storage.dtype.itemsize:
            raise ValueError(f"storage {storage.key} is declared twice, with two sizes")
        return storage

    def put(self, target: Any, items: Any) -> None:
        """Set items of a dict; keys that could be chosen to collide are counted."""
        for key, value in items:
            self.odd_keys += not (isinstance(key, str) or (type(key) is int and 0 <= key < 100_000))
            if self.odd_keys > _MOST_ODD_KEYS:
                raise ValueError("more keys that are no names than any state dict has")
            target[key] = value

    def _dict(self, *pairs: Any) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        if pairs and isinstance(pairs[-1], list | tuple | dict):
            self.put(made, pairs[-1].items() if isinstance(pairs[-1], dict) else pairs[-1])
        return made

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if isinstance(function, _Call):
            self.append(function.make(*arguments))
        elif function is Opaque:
            self.append(Opaque())
        else:
            raise ValueError("a call of what cannot be called")

    def load_newobj(self) -> None:
        self.stack.pop()
        if self.stack.pop() is not Opaque:
            raise ValueError("an object of what is no class")
        self.append(Opaque())

    def load_newobj_ex(self) -> None:
        self.stack.pop()
        self.load_newobj()

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.put(self.stack[-1], [(key, value)])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self.put(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self.put(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def load_build(self) -> None:
        """State of an object: of a state dict its versions, of anything else left unread."""
        self.stack.pop()

    def _never(self) -> None:
        raise ValueError("a step that no index of tensors takes")

    load_inst = load_obj = load_persid = load_ext1 = load_ext2 = load_ext4 = load_bytearray8 = _never
    load_next_buffer = load_readonly_buffer = load_empty_set = load_frozenset = load_additems = _never


def _counted(step: Callable[[Any], None]) -> Callable[[Any], None]:
    def counted(reader: Any) -> None:
        if next(reader.steps) > _MOST_STEPS:
            raise ValueError("it is longer than any index of tensors")
        step(reader)

    return counted


_Reader.dispatch = {
    code: _counted(getattr(_Reader, step.__name__)) for code, step in pickle._Unpickler.dispatch.items()
}
