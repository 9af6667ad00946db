"""Files of weights with bits flipped, ends cut off and headers edited: loaded, or refused in one line, at once."""

from __future__ import annotations

import functools
import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from auditkit.inputs.loading import load_weights
from tests.fuzz.budget import MEGABYTES, SECONDS, fuzzed
from tests.limits import Ran, run


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


@functools.cache
def files() -> dict[str, bytes]:
    """A good file of every kind."""
    torch.manual_seed(0)
    state = net().state_dict()
    checkpoint = {
        "pytorch-lightning_version": "2.5.0",
        "epoch": 3,
        "state_dict": {f"model.{k}": v for k, v in state.items()},
        "best": np.float64(0.5),
    }
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for kind, held, options in (
            ("net.pt", state, {}),
            ("old.pt", state, {"_use_new_zipfile_serialization": False}),
            ("last.ckpt", checkpoint, {}),
            ("four.pt", state, {"pickle_protocol": 4}),
        ):
            torch.save(held, f"{folder}/{kind}", **options)
            made[kind] = Path(folder, kind).read_bytes()
    return made | {"net.safetensors": save(state)}


def loaded(content: bytes, name: str, more: dict[str, bytes] | None = None) -> Ran:
    """What loading comes to, in a child with limits: an error of ours, or nothing."""

    def load() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for other, text in (more or {}).items():
                Path(folder, other).write_bytes(text)
            Path(folder, name).write_bytes(content)
            load_weights(net(), Path(folder) if more else Path(folder, name))

    ran = run(load, seconds=SECONDS, megabytes=MEGABYTES)
    assert ran.error in ("", "ModelError"), ran
    assert ran.megabytes < 200, ran
    assert ran.message.count("\n") == (3 if "convert it once" in ran.message else 0), ran.message
    return ran


@pytest.mark.parametrize("kind", ["net.pt", "old.pt", "last.ckpt", "four.pt", "net.safetensors"])
def test_the_good_files_are_good(kind: str) -> None:
    assert loaded(files()[kind], kind).error == ""


@pytest.mark.fuzz
@fuzzed
@given(st.sampled_from(["net.pt", "old.pt", "last.ckpt", "four.pt", "net.safetensors"]), st.data())
def test_bits_and_bytes(kind: str, data: st.DataObject) -> None:
    content = bytearray(files()[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["flip", "byte", "cut", "insert", "double", "zero"]))
        if how == "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "byte":
            content[at] = data.draw(st.integers(0, 255))
        elif how == "insert":
            content[at:at] = data.draw(st.binary(max_size=20))
        elif how == "double":
            content[at:at] = content[at : at + 100]
        elif how == "zero":
            content[at : at + 16] = bytes(len(content[at : at + 16]))
        else:
            del content[max(at, 1) :]
    loaded(bytes(content), kind)


NUMBERS = st.one_of(st.integers(-4, 70), st.sampled_from([2**31, 2**32, 2**40, 2**63, 2**64, -(2**63), 0.5, None, "3"]))
ODD = st.one_of(NUMBERS, st.lists(NUMBERS, max_size=4), st.text(max_size=5), st.booleans(), st.builds(dict))


@pytest.mark.fuzz
@fuzzed
@given(st.data())
def test_headers_of_safetensors(data: st.DataObject) -> None:
    content = files()["net.safetensors"]
    (length,) = struct.unpack("<Q", content[:8])
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(header)))
        how = data.draw(st.sampled_from(["shape", "dtype", "data_offsets", "gone", "renamed", "odd"]))
        if how == "gone":
            header.pop(name)
        elif how == "renamed":
            header[data.draw(st.text(max_size=8))] = header.pop(name)
        elif how == "odd" or not isinstance(header[name], dict):
            header[name] = data.draw(ODD)
        elif how == "dtype":
            header[name][how] = data.draw(st.sampled_from(["F64", "F16", "I32", "BOOL", "f32", "", None, 3]))
        else:
            header[name][how] = data.draw(ODD)
        if not header:
            break
    text = json.dumps(header).encode()
    said = data.draw(st.one_of(st.none(), st.integers(0, 2**64 - 1), st.integers(0, 2_000)))
    loaded(struct.pack("<Q", len(text) if said is None else said) + text + content[8 + length :], "net.safetensors")


@pytest.mark.fuzz
@fuzzed
@given(st.data())
def test_folders_of_parts(data: st.DataObject) -> None:
    names = sorted(net().state_dict())
    index = {"weight_map": dict.fromkeys(names, "part-1.safetensors")}
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from([*names, "more"]))
        index["weight_map"][name] = data.draw(
            st.one_of(ODD, st.sampled_from(["part-2.safetensors", "../x.safetensors", "/dev/zero", ".", "a\0.bin"]))
        )
    text = bytearray(json.dumps(index).encode())
    if data.draw(st.booleans()):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    loaded(bytes(text), "model.safetensors.index.json", {"part-1.safetensors": files()["net.safetensors"]})
