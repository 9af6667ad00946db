"""Bad files of weights: one clear line, at once, without the memory that they declare; nothing in them runs."""

from __future__ import annotations

import io
import json
import os
import pickle
import socket
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auditkit.errors import AuditkitError, DataError, ModelError, PolicyError, ReportError
from auditkit.gate.policy import Policy
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.loading import load_weights
from auditkit.records import Report
from tests.limits import run

STATE = nn.Linear(2, 1).state_dict()


def refused(path: Path, *messages: str, net: nn.Module | None = None) -> None:

    def load() -> str:
        try:
            load_weights(net or nn.Linear(2, 1), path)
        except ModelError as e:
            return str(e)
        return ""

    ran = run(load, seconds=10, megabytes=400)
    assert ran.value, ran
    said = ran.value
    assert ran.megabytes < 200
    assert "\n" not in said or "convert it once" in said
    assert path.name in said
    for message in messages:
        assert message in said


def saved(state: Any, path: Path, **options: Any) -> Path:
    torch.save(state, path, **options)
    return path


def rewritten(path: Path, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """The same zip file with other records."""
    with zipfile.ZipFile(path) as archive:
        records = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in records.items():
            archive.writestr(name, change(name, content))


def test_a_zip_bomb_is_refused_by_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        index = io.BytesIO()
        torch.save({"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}, index)
        with zipfile.ZipFile(index) as small:
            root = small.namelist()[0].partition("/")[0]
            pickled = small.read(f"{root}/data.pkl")
        archive.writestr(f"{root}/data.pkl", pickled.replace(b"K\x02tq", b"J\0\0\0\x01tq"))
        with archive.open(f"{root}/data/0", "w") as record:
            for _ in range(64):
                record.write(bytes(2**20))
        archive.writestr(f"{root}/data/1", bytes(4))
    assert path.stat().st_size < 4_000_000
    state = tmp_path / "shape.pt"
    saved({"weight": torch.zeros(1).expand(2**30, 2), "bias": torch.zeros(1)}, state)
    refused(state, "weight: (1073741824, 2) in the file, (1, 2) in the module")
    load_weights(nn.Linear(2, 1), path)  # of 64 MB that are declared, the 8 bytes of the module are read


def test_records_that_are_not_as_declared(tmp_path: Path) -> None:
    path = saved(STATE, tmp_path / "w.pt")
    rewritten(path, lambda name, content: content[:-1] if name.endswith("data/0") else content)
    refused(path, "storage 0 is declared with 8 bytes and has 7")
    path = saved(STATE, tmp_path / "w.pt")
    rewritten(path, lambda name, content: b"big" if name.endswith("byteorder") else content)
    refused(path, "another byte order")
    path = saved(STATE, tmp_path / "w.pt")
    rewritten(path, lambda name, content: content, zipfile.ZIP_DEFLATED)
    load_weights(nn.Linear(2, 1), path)


class Asks:
    """Pickles to a call of something with arguments."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.asked = function, arguments

    def __reduce__(self) -> Any:
        return self.asked


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "odd",
    [
        Asks(bytearray, 10**10),
        Asks(torch.Tensor, 10**5, 10**5),
        Asks(torch.FloatStorage, 10**10),
        Asks(torch.Size, (10**9,) * 3),
        Asks(OrderedDict, [[i * (2**61 - 1), 0] for i in range(30_000)]),
        [[]] * 3_000_000,
        {i * (2**61 - 1): 0 for i in range(200)},
        {"x" * 7_000_000: 1},
        "x" * 9_000_000,
    ],
    ids=["bytearray", "Tensor", "Storage", "Size", "collisions", "many lists", "odd keys", "long name", "long text"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_indexes_that_exhaust(tmp_path: Path, odd: Any, zipped: bool) -> None:
    path = tmp_path / "w.pt"
    pickled = pickle.dumps({"weight": odd}, protocol=2)
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", pickled)
    else:
        parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
        path.write_bytes(b"".join(pickle.dumps(p, protocol=2) for p in parts) + pickled)
    refused(path)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "steps",
    [
        b"\x80\x02" + b"r\xff\xff\xff\xff" * 3 + b".",  # LONG_BINPUT of four billion
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",  # BYTEARRAY8 of a terabyte
        b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b".",  # FRAME
        b"\x80\x02" + b"(" * 500_000 + b".",
        b"\x80\x02" + b"]" * 7_000_000 + b".",
        b"\x80\x04" + b"\x8f" * 1_000_000 + b".",
        b"\x80\x02" + b"]q\0" + b"h\0a" * 300_000 + b".",  # a list in itself
        b"\x80\x02I" + b"9" * 100_000 + b"\n.",
        b"\x80\x02cos\nsystem\n(X\x02\0\0\0lstR.",
        b"\x80\x02(S'ls'\nios\nsystem\n.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
        b"\x80\x02}q\0(U\x01ah\0u.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02.",
        b"\x80",
    ],
)
def test_steps_that_no_index_takes(tmp_path: Path, steps: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("a/data.pkl", steps)
    refused(tmp_path / "w.pt")


def header_of(entries: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


F32 = {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}
ONE = {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header_of({"weight": F32, "bias": ONE}, bytes(12), length=2**40), "header is said to be"),
        (header_of({"weight": F32, "bias": ONE}, bytes(11)), "declares"),
        (header_of({"weight": F32, "bias": ONE}, bytes(13)), "declares"),
        (header_of({"weight": F32, "bias": ONE | {"data_offsets": [4, 8]}}, bytes(12)), "begins at 4, where 8 is next"),
        (header_of({"weight": F32, "bias": ONE | {"data_offsets": [9, 13]}}, bytes(13)), "begins at 9"),
        (header_of({"weight": F32 | {"shape": [2**40, 2**40]}}, bytes(8)), "in 8 bytes"),
        (header_of({"weight": F32 | {"dtype": "F64"}}, bytes(8)), "in 8 bytes"),
        (header_of({"weight": F32 | {"dtype": "F31"}}, bytes(8)), "dtype 'F31' is not known"),
        (header_of({"weight": F32 | {"shape": [-1, -2]}}, bytes(8)), "whole numbers"),
        (header_of({"weight": F32 | {"shape": [True, 2]}}, bytes(8)), "whole numbers"),
        (header_of({"weight": F32 | {"shape": "12"}}, bytes(8)), "whole numbers"),
        (header_of({"weight": F32 | {"data_offsets": [0, 8, 9]}}, bytes(8)), "too many values"),
        (header_of({"weight": 3}), "is no complete safetensors file"),
        (header_of({"weight": {}}), "'shape' is missing"),
        (header_of(b'{"weight": ' + json.dumps(F32).encode() + b', "weight": 1}', bytes(8)), "twice"),
        (header_of(b'{"a":' * 200_000), "is no complete safetensors file"),
        (header_of(b"{" + b" " * 9_000_000 + b"}"), "header is said to be"),
        (header_of(b"{nonsense}"), "is no complete safetensors file"),
        (header_of({}), "no tensors"),
    ],
)
def test_headers_that_lie(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    refused(tmp_path / "w.safetensors", message)


def test_a_long_table_of_contents(tmp_path: Path) -> None:
    path = saved(STATE, tmp_path / "w.pt")
    rewritten(path, lambda name, content: content)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x05\x06")
    content[at + 12 : at + 16] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    refused(path, "table of contents")


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_numbers_of_another_sort_do_not_fit(tmp_path: Path, dtype: torch.dtype) -> None:
    path = saved({"weight": torch.ones(1, 2).to(dtype), "bias": torch.ones(1)}, tmp_path / "w.pt")
    refused(path, f"other types: weight: {str(dtype)[6:]} in the file, float32 in the module")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_fit(tmp_path: Path, dtype: torch.dtype) -> None:
    state = {"weight": torch.tensor([[0.5, 2.0]]), "bias": torch.ones(1)}
    net = nn.Linear(2, 1)
    load_weights(net, saved({k: v.to(dtype) for k, v in state.items()}, tmp_path / "w.pt"))
    assert net.weight.tolist() == [[0.5, 2.0]]
    save_file({k: v.to(dtype) for k, v in state.items()}, tmp_path / "w.safetensors")
    load_weights(net, tmp_path / "w.safetensors")
    assert net.weight.dtype == torch.float32


def test_a_tar_file(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "w.pt", "w") as tar:
        tar.addfile(tarfile.TarInfo("storages"))
    refused(tmp_path / "w.pt", "tar file")


def test_views_are_read_alone(tmp_path: Path) -> None:
    """Tensors that share one large storage (as flattened parameters do), transposed and narrowed ones."""
    flat = torch.arange(600_000, dtype=torch.float32)
    net = nn.Linear(3, 2)
    view = flat[100:106].reshape(3, 2).t()
    for old in (False, True):
        path = saved({"weight": view, "bias": flat[-2:]}, tmp_path / "w.pt", _use_new_zipfile_serialization=not old)
        load_weights(net, path)
        assert net.weight.tolist() == view.tolist()
        assert net.bias.tolist() == [599_998, 599_999]
    spread = flat.as_strided((2, 3), (500_000, 1))
    load_weights(net, saved({"weight": spread, "bias": flat[:2]}, path))
    assert net.weight.tolist() == spread.tolist()


def test_a_failed_load_leaves_the_module_alone(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    before = [p.clone() for p in net.parameters()]
    path = saved(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).state_dict(), tmp_path / "w.pt")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = next(i.header_offset for i in archive.infolist() if i.filename.endswith("data/3"))
    content[at + 30 + sum(struct.unpack_from("<HH", content, at + 26))] ^= 1  # the first byte of its numbers
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.pt .*damaged") as e:
        load_weights(net, path)
    assert "\n" not in str(e.value)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


# ---- what is no file


def odd_places(folder: Path) -> dict[str, Path]:
    os.mkfifo(folder / "pipe")
    socket_path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(socket_path))
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "to pipe").symlink_to(folder / "pipe")
    return {
        "pipe": folder / "pipe",
        "link to a pipe": folder / "to pipe",
        "socket": socket_path,
        "folder": folder / "folder",
        "device": Path("/dev/zero"),
        "terminal": Path("/dev/tty"),
        "loop": folder / "loop",
        "NUL": folder / "a\0b",
        "long name": folder / ("x" * 300),
        "under a file": folder / "pipe" / "deeper",
        "missing": folder / "missing",
    }


READERS: dict[str, tuple[type[AuditkitError], Callable[[Path], Any]]] = {
    "weights": (ModelError, lambda path: load_weights(nn.Linear(2, 1), path)),
    "data": (DataError, lambda path: Dataset(path, y_true="y", sensitive_features="sex")),
    "report": (ReportError, Report.load),
    "policy": (PolicyError, Policy.load),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, reader: str) -> None:
    error, read = READERS[reader]
    for kind, path in odd_places(tmp_path).items():
        ran = run(lambda path=path: read(path), seconds=2)
        assert ran.error == error.__name__, (kind, ran)
        assert "\n" not in ran.message
        assert ran.megabytes < 50
        if kind in ("pipe", "socket", "folder", "device"):
            assert f"is a {kind}" in ran.message or kind == "folder", ran.message


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    for reader in ("report", "policy"):
        error, read = READERS[reader]
        with (tmp_path / "large.toml").open("wb") as file:
            file.truncate(2**33)
        ran = run(lambda read=read: read(tmp_path / "large.toml"))
        assert ran.error == error.__name__
        assert "larger than" in ran.message
        assert ran.megabytes < 50
