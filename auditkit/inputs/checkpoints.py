"""Checkpoints as people save them → the tensors that a module wants: nested, by Lightning, in parts, under a prefix."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from auditkit import files
from auditkit.errors import ModelError, listing, nearest
from auditkit.inputs.containers import Stored, contents, shown

_LOG = logging.getLogger("auditkit")
_FOLDERS = ("model.safetensors", "diffusion_pytorch_model.safetensors", "pytorch_model.bin")
"""What a folder of Hugging Face calls its weights; each also in parts, with an index beside them."""
_MOST_PARTS = 1_000
State = dict[str, Stored]


@contextlib.contextmanager
def opened(path: Path, content: bytes | None = None) -> Iterator[Any]:
    """What a file (or a folder of Hugging Face) holds: nested dicts with `Stored` for tensors, readable meanwhile.

    `content` stands for the file where it was read already, so that what is loaded is what was hashed.
    """
    with contextlib.ExitStack() as open_files:
        if content is not None:
            yield contents(io.BytesIO(content), str(path))
        elif os.path.isdir(path):  # False for names that no file can have
            yield _folder(path, open_files)
        else:
            yield _file(path, open_files)


def _file(path: Path, open_files: contextlib.ExitStack) -> Any:
    file = files.opened(path, ModelError, what="the weights", expected="a file of weights or a folder of Hugging Face")
    return contents(open_files.enter_context(file), str(path))


def _state(path: Path, open_files: contextlib.ExitStack) -> State:
    """What a file holds, which must be one state dict."""
    held = _file(path, open_files)
    if not _is_state(held):
        raise ModelError(f"{path} holds {type(held).__name__}, no state dict of tensors")
    return dict(held)


def _folder(path: Path, open_files: contextlib.ExitStack) -> State:
    for name in _FOLDERS:
        if (path / f"{name}.index.json").exists():
            return _parts(path, f"{name}.index.json", open_files)
        if (path / name).exists():
            return _state(path / name, open_files)
    alone = sorted(p.name for p in path.glob("*.safetensors"))
    if len(alone) == 1:
        return _state(path / alone[0], open_files)
    raise ModelError(
        f"the folder {path} has no weights: expected {' or '.join(_FOLDERS)}, or one .safetensors file"
        + (f"; it has {listing(alone)} and no index of them" if alone else "")
    )


def _parts(path: Path, name: str, open_files: contextlib.ExitStack) -> State:
    """The tensors of several files, as the index tells: plain names in this folder, nothing else."""
    text = files.read(path / name, ModelError, most=16_000_000, expected="an index of weights")
    try:
        where = json.loads(text)["weight_map"]
        homes = {str(k): str(v) for k, v in where.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(f"{path / name} is no index of weights: expected a weight_map of names and files") from None
    parts: dict[str, State] = {}
    for home in sorted(set(homes.values())):
        if Path(home).name != home or home.startswith(".") or not home.endswith((".safetensors", ".bin")):
            raise ModelError(f"{path / name} names '{shown(home)}', which is no file of weights in its folder")
        if len(parts) >= _MOST_PARTS:
            raise ModelError(f"{path / name} names more than {_MOST_PARTS:,} files")
        parts[home] = _state(path / home, open_files)
    lost = [shown(f"{k} ({home})") for k, home in homes.items() if k not in parts[home]]
    if lost:
        raise ModelError(f"{path / name} names tensors that their files lack: {listing(lost, most=4)}")
    return {k: parts[home][k] for k, home in homes.items()}


# ---- which part is meant


def state_of(held: Any, key: str | None, name: str) -> Mapping[str, Any]:
    """The state dict in what a file holds: at `key` (dotted), by itself, or under Lightning's `state_dict`.

    Raises ModelError that lists the keys which hold state dicts.
    """
    if key is not None:
        return _at(held, key, name)
    if _is_state(held):
        return dict(held)
    if isinstance(held, dict) and "pytorch-lightning_version" in held and _is_state(held.get("state_dict")):
        return dict(held["state_dict"])
    what = "no tensors" if held == {} else type(held).__name__
    raise ModelError(f"{name} holds {what}, no state dict of tensors: {_known(held)}")


def _at(held: Any, key: str, name: str) -> Mapping[str, Any]:
    found, left = held, key
    while left:
        if not isinstance(found, dict):
            break
        parts = left.split(".")
        step = next((s for n in range(len(parts), 0, -1) if (s := ".".join(parts[:n])) in found), None)
        if step is None:  # not a key, but what names begin with
            found = {k[len(left) + 1 :]: v for k, v in found.items() if isinstance(k, str) and k.startswith(f"{left}.")}
            left = ""
        else:
            found, left = found[step], left[len(step) + 1 :]
    if left or not _is_state(found):
        raise ModelError(
            f"{name} has no state dict at '{key}': {_known(held)} {shown(nearest(key, _keys(held)[:50]))}".rstrip()
        )
    return dict(found)


def _known(held: Any) -> str:
    keys = _keys(held)
    if not keys:
        return "save net.state_dict()"
    keys = [shown(k) for k in keys[:50]]
    return f"save net.state_dict(), or name its key, --weights-key {keys[0]}; state dicts are at {listing(keys)}"


def _keys(held: Any, before: str = "", depth: int = 0) -> list[str]:
    """Dotted keys of every state dict inside; those of an optimizer's numbers are under numbers, and are none."""
    if not isinstance(held, dict) or depth > 4:
        return []
    inside = [(f"{before}{k}", v) for k, v in itertools.islice(held.items(), 10_000) if isinstance(k, str)]
    return [
        name for key, value in inside for name in ([key] if _is_state(value) else _keys(value, f"{key}.", depth + 1))
    ]


def _is_state(held: Any) -> bool:
    if not isinstance(held, dict) or not held:
        return False
    tensors = [k for k, v in held.items() if isinstance(v, Stored)]
    rest = [k for k in held if not isinstance(k, str) or (k not in tensors and not k.endswith("_extra_state"))]
    return bool(tensors) and (len(tensors) == len(held) or not rest)


# ---- how its names fit a module's

_Way = tuple[str, Callable[[str], str]]
"""What is done to names, in words and in deed."""


class _Fit(NamedTuple):
    """Names of the file by names of the module, and what was done to them."""

    names: dict[str, str]
    missing: list[str]
    extra: list[str]
    said: str


def fitted(state: Mapping[str, Any], module: nn.Module, name: str) -> dict[str, Any]:
    """Name in the module → what the file has for it; ModelError that says what differs, before a number is read."""
    own = module.state_dict()
    fit = _fit(list(state), list(own))
    tied = _tied(own, fit)
    missing = [k for k in fit.missing if k not in tied]
    out = {k: state[fit.names[tied.get(k, k)]] for k in own if k not in missing}
    wrong, other = [], []
    for k, stored in out.items():
        mine = own[k]
        if not isinstance(mine, torch.Tensor) or not isinstance(stored, Stored):
            if isinstance(mine, torch.Tensor) or isinstance(stored, Stored):
                other.append(f"{k} is a tensor only in the {'module' if isinstance(mine, torch.Tensor) else 'file'}")
        elif not is_lazy(mine) and tuple(mine.shape) != stored.shape:
            wrong.append(f"{k}: {stored.shape} in the file, {tuple(mine.shape)} in the module")
        elif _sort(stored.dtype) != _sort(mine.dtype):
            other.append(f"{k}: {_short(stored.dtype)} in the file, {_short(mine.dtype)} in the module")
    problems = [
        f"{what} {listing(map(shown, names), most=4)}"
        for what, names in (
            ("it lacks", missing),
            ("it has besides", fit.extra),
            ("other shapes:", wrong),
            ("other types:", other),
        )
        if names
    ]
    if problems:
        raise ModelError(f"the weights in {name} do not fit {type(module).__name__}: {'; '.join(problems)}")
    if fit.said:
        _LOG.warning("the weights in %s fit %s %s", name, type(module).__name__, shown(fit.said))
    return out


def _fit(theirs: list[str], own: list[str]) -> _Fit:
    """The way to read the names under which the fewest differ; the names as they are, if none is better."""
    best: _Fit | None = None
    ways: list[_Way] = [("", _same), ("without what DataParallel and torch.compile put into names", _unwrapped)]
    for (said, of_theirs), (_, of_own) in itertools.product(_with_prefixes(theirs, ways), ways):
        read = {of_theirs(n): n for n in theirs}
        named = {of_own(n): n for n in own}
        if len(read) < len(theirs) or len(named) < len(own):
            continue
        missing = sorted(n for short, n in named.items() if short not in read)
        extra = sorted(n for short, n in read.items() if short not in named)
        names = {n: read[short] for short, n in named.items() if short in read}
        told = said or ("" if of_own is _same else ways[1][0])
        fit = _Fit(names, missing, extra, told)
        if best is None or (not missing and not extra and (best.missing or best.extra)):
            best = fit
    assert best is not None, "names as they are tell tensors apart"
    return best


def _with_prefixes(names: list[str], ways: list[_Way]) -> list[_Way]:
    """The ways, then each without the first part of the names, where all names share it; twice."""
    out = list(ways)
    for said, way in ways:
        prefix = ""
        for _ in range(2):
            first = Counter(way(n).removeprefix(prefix).partition(".")[0] for n in names)
            if len(first) != 1 or any("." not in way(n).removeprefix(prefix) for n in names):
                break
            prefix += f"{next(iter(first))}."
            without = f"without '{prefix}', which all their names begin with"
            out.append((f"{without}, and {said}" if said else without, _after(way, prefix)))
    return out


def _same(name: str) -> str:
    return name


def _unwrapped(name: str) -> str:
    return ".".join(p for p in name.split(".") if p not in ("module", "_orig_mod"))


def _after(way: Callable[[str], str], prefix: str) -> Callable[[str], str]:
    return lambda name: way(name).removeprefix(prefix)


def _tied(own: Mapping[str, Any], fit: _Fit) -> dict[str, str]:
    """A missing name → one that is there and is the same tensor in the module: files keep tied weights once."""
    place = {_place(v): k for k, v in own.items() if k in fit.names and _place(v)}
    return {k: place[_place(own[k])] for k in fit.missing if _place(own[k]) in place}


def _place(tensor: Any) -> tuple[Any, ...]:
    if not isinstance(tensor, torch.Tensor) or is_lazy(tensor) or not tensor.numel():
        return ()
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _sort(dtype: torch.dtype) -> str:
    if dtype.is_complex:
        return "complex"
    return "float" if dtype.is_floating_point else "bool" if dtype == torch.bool else "int"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
