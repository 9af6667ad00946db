"""Files of weights, by content: what each declares, held to what it has; its numbers are read when they are wanted."""

from __future__ import annotations

import functools
import io
import json
import math
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import torch

from auditkit.errors import ModelError
from auditkit.inputs.pickled import MOST_BYTES, Declared, Refused, Storage, read_index

_MOST_ENTRIES = 4_000_000
"""Bytes of the table of contents of a zip file: sixty thousand records."""
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "C64": torch.complex64,
}
_CONVERT = """it holds a whole module as a pickle: loading it would run code ({name}). If you trust it, convert it once:
    import torch; from safetensors.torch import save_file
    net = torch.load("model.pt", weights_only=False)
    save_file(net.state_dict(), "model.safetensors")"""


class Stored(NamedTuple):
    """A tensor in a file: what it is declared as, held to the file; `read` gives its numbers."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    read: Callable[[], torch.Tensor]


def contents(file: BinaryIO, name: str) -> Any:
    """What a file of weights holds: nested dicts with `Stored` for tensors. The file stays open while they are read.

    Raises ModelError for a program, for a pickle of anything but tensors, and for a file that is broken or that
    declares what it does not hold.
    """
    head = file.read(512)
    if head[8:9] == b"{" and head[:4] != b"PK\x03\x04":
        return _safetensors(file, name)
    if head[:4] == b"PK\x03\x04":
        return _guarded(_zipped, file, name)
    if head[257:262] == b"ustar":
        raise ModelError(
            f"{name} is a tar file, as torch wrote before 0.2: load it there and save the state dict again"
        )
    if head[:1] != b"\x80":
        raise ModelError(f"{name} is neither safetensors nor a PyTorch state dict, or it is cut short")
    return _guarded(_legacy, file, name)


def is_program(file: BinaryIO) -> bool:
    """Whether this is TorchScript or an exported program: a zip file with code, or without an index of tensors."""
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        return False
    try:
        with _zip(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False
    return any("/code/" in n or n.endswith("constants.pkl") for n in names) or not any(
        n.endswith("data.pkl") for n in names
    )


def _guarded(reader: Callable[[BinaryIO, str], Any], file: BinaryIO, name: str) -> Any:
    try:
        return reader(file, name)
    except ModelError:
        raise
    except Refused as e:
        raise ModelError(f"{name} is refused: {_CONVERT.format(name=shown(e))}") from None
    except Exception as e:  # an index is bytes of a stranger: whatever is wrong with it is wrong with the file
        raise ModelError(f"{name} cannot be read as a state dict, it is damaged or cut short: {_line(e)}") from None


# ---- PyTorch's zip file


def _zipped(file: BinaryIO, name: str) -> Any:
    if is_program(file):
        raise ModelError(
            f"{name} is a program (TorchScript or an exported module), not weights: it would run code. Save its "
            "state_dict as safetensors and name its factory; or, if you trust it, say so by its hash: "
            '--trust sha256:… ([model] trust = "sha256:…"; sha256sum prints it)'
        )
    archive = _zip(file)
    records = {i.filename: i for i in archive.infolist()}
    index = min((n for n in records if n.endswith("data.pkl")), key=len)
    root = index.removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in records and _record(archive, records[order], most=16) != sys.byteorder.encode():
        raise ModelError(f"{name} was saved on a machine of another byte order: save it there as safetensors")
    held, storages = read_index(io.BytesIO(_record(archive, records[index], most=MOST_BYTES)))
    for storage in storages.values():
        record = records[f"{root}data/{storage.key}"]
        _equal(storage, record.file_size)

    def spans(storage: Storage, start: int, length: int) -> bytes:
        record = records[f"{root}data/{storage.key}"]
        with archive.open(record) as stream:
            if start:
                _affordable(record, start + length)
                stream.seek(start)
            return stream.read(length)

    return _bound(held, spans, name)


def _zip(file: BinaryIO) -> zipfile.ZipFile:
    """The zip file, once its table of contents is known to be of a bearable length."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_600))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ValueError("it has no table of contents")
    (length,) = struct.unpack_from("<I", tail, at + 12)
    if tail[max(0, at - 20) : at][:4] == b"PK\x06\x07":
        file.seek(min(struct.unpack_from("<Q", tail, at - 12)[0], size))
        larger = file.read(56)
        length = struct.unpack_from("<Q", larger, 40)[0] if len(larger) == 56 else size
    if length > _MOST_ENTRIES:
        raise ValueError(f"its table of contents is said to be {length:,} bytes long")
    file.seek(0)
    return zipfile.ZipFile(file)


def _record(archive: zipfile.ZipFile, record: zipfile.ZipInfo, *, most: int) -> bytes:
    if record.file_size > most:
        raise ValueError(f"'{record.filename}' is said to be {record.file_size:,} bytes long")
    return archive.read(record)


def _affordable(record: zipfile.ZipInfo, end: int) -> None:
    if record.compress_type != zipfile.ZIP_STORED and end > record.compress_size + 2**24:
        raise ValueError(f"'{record.filename}' is compressed: {end:,} bytes of it would be inflated for one tensor")


# ---- PyTorch's file before 1.6: pickles, then the numbers


def _legacy(file: BinaryIO, name: str) -> Any:
    size = file.seek(0, 2)
    file.seek(0)
    head = io.BytesIO(file.read(MOST_BYTES))
    (magic, _), (protocol, _), (system, _) = (read_index(head) for _ in range(3))
    if magic != 0x1950A86A20F9469CFC6C or protocol != 1001 or not isinstance(system, dict):
        raise ValueError("it is a pickle, but none of PyTorch")
    if bool(system.get("little_endian", True)) != (sys.byteorder == "little"):
        raise ModelError(f"{name} was saved on a machine of another byte order: save it there as safetensors")
    held, storages = read_index(head)
    keys, _ = read_index(head)
    starts, at = {}, head.tell()
    for key in keys:
        storage = storages[key]
        file.seek(at)
        (numel,) = struct.unpack("<q", file.read(8))
        _equal(storage, numel * storage.dtype.itemsize)
        starts[key] = at + 8
        at += 8 + numel * storage.dtype.itemsize
        if at > size:
            raise ValueError(f"it declares {at:,} bytes and has {size:,}")
    if missing := set(storages) - set(starts):
        raise ValueError(f"it lacks the numbers of storage {min(missing)}")

    def spans(storage: Storage, start: int, length: int) -> bytes:
        file.seek(starts[storage.key] + start)
        return file.read(length)

    return _bound(held, spans, name)


# ---- both


def _equal(storage: Storage, size: int) -> None:
    declared = storage.numel * storage.dtype.itemsize
    if declared != size:
        raise ValueError(f"storage {storage.key} is declared with {declared:,} bytes and has {size:,}")


def _bound(held: Any, spans: Callable[[Storage, int, int], bytes], name: str, depth: int = 0) -> Any:
    """The same object with `Stored` for every tensor, as deep as people nest state dicts."""
    if isinstance(held, Declared):
        return Stored(held.dtype, held.shape, functools.partial(_numbers, held, spans, name))
    if isinstance(held, dict) and depth < 6:
        return {k: _bound(v, spans, name, depth + 1) for k, v in held.items()}
    return held


def _numbers(declared: Declared, spans: Callable[[Storage, int, int], bytes], name: str) -> torch.Tensor:
    """The part of the storage that the tensor lies in; views of more than four times themselves are refused."""
    shape, stride, item = declared.shape, declared.stride, declared.dtype.itemsize
    numel = math.prod(shape)
    span = 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if numel else 0
    if span > 4 * numel + 1_000_000:
        raise ModelError(f"{name} spreads a tensor of shape {shape} over {span:,} numbers: save a copy of it")
    try:
        content = spans(declared.storage, declared.offset * item, span * item)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as e:
        raise ModelError(f"{name} is damaged or cut short: {_line(e)}") from None
    return _as_tensor(content, declared.dtype, span, name).as_strided(shape, stride)


def _as_tensor(content: bytes, dtype: torch.dtype, numel: int, name: str) -> torch.Tensor:
    if len(content) != numel * dtype.itemsize:
        raise ModelError(f"{name} is cut short")
    if not numel:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).view(dtype)


# ---- safetensors


def _safetensors(file: BinaryIO, name: str) -> dict[str, Stored]:
    """Names and sizes of the header, held to the file: no gap, no overlap, nothing beyond its end."""
    size = file.seek(0, 2)
    file.seek(0)
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(size - 8, MOST_BYTES):
        raise ModelError(f"{name} is no complete safetensors file: its header is said to be {length:,} bytes long")
    start = 8 + length
    try:
        header = json.loads(file.read(length), object_pairs_hook=_once)
        header.pop("__metadata__", None)
        entries = {key: _entry(entry) for key, entry in header.items()}
        end = 0
        for key, (_, _, begin, stop) in sorted(entries.items(), key=lambda e: e[1][2:]):
            if begin != end:
                raise ValueError(f"'{key}' begins at {begin:,}, where {end:,} is next")
            end = stop
        if start + end != size:
            raise ValueError(f"it declares {start + end:,} bytes and has {size:,}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise ModelError(f"{name} is no complete safetensors file: {_line(e)}") from None

    def numbers(dtype: torch.dtype, shape: tuple[int, ...], begin: int, stop: int) -> torch.Tensor:
        file.seek(start + begin)
        return _as_tensor(file.read(stop - begin), dtype, math.prod(shape), name).reshape(shape)

    return {k: Stored(e[0], e[1], functools.partial(numbers, *e)) for k, e in entries.items()}


def _entry(entry: Any) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    shape, (begin, stop) = entry["shape"], entry["data_offsets"]
    if not all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, stop)):
        raise ValueError("sizes must be whole numbers")
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"dtype {entry['dtype']!r} is not known")
    dtype = _DTYPES[entry["dtype"]]
    if stop - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"a tensor of shape {shape} and dtype {entry['dtype']} in {stop - begin:,} bytes")
    return dtype, tuple(shape), begin, stop


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a name stands there twice")
    return out


def _line(e: Exception) -> str:
    """What an error says, on one line of bearable length."""
    said = shown(str(e)) or type(e).__name__
    return f"{said} is missing" if isinstance(e, KeyError) else said


def shown(text: object) -> str:
    """A stranger's name in a message: on one line, of bearable length, without what a terminal would obey."""
    said = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(str(text)[:1_000].split()))
    return said if len(said) <= 200 else f"{said[:200]}…"
