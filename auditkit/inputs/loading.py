"""Files → Model, by trust: weights that cannot execute, recognised by content; everything else is refused."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from auditkit.errors import AuditkitError, ModelError, listing, nearest
from auditkit.inputs.initialised import of_factory
from auditkit.inputs.model import Model

_CONVERT = """it holds a whole module as a pickle, and loading it would run its code. If you trust it, convert it once:
    import torch; from safetensors.torch import save_file
    net = torch.load("model.pt", weights_only=False)
    save_file(net.state_dict(), "model.safetensors")"""


def load_model(factory: str, weights: str | Path | None = None, *, folder: str | Path = ".", **options: Any) -> Model:
    """The Model that `factory` ("package.module:build") makes, with weights loaded strictly into its module.

    `build()` takes no arguments and returns an `nn.Module` or a `Model`; `folder` is importable meanwhile. `options`
    (threshold, device, …) go to `Model`, over what the factory chose. Without weights, a net that is as it was drawn
    at random is warned of (logger "auditkit") and the report cautions.

    Raises ModelError with what was expected.
    """
    built = _call(factory, Path(folder))
    if isinstance(built, nn.Module):
        built = Model(built, **options)
    elif isinstance(built, Model):
        built = built.replaced(**options) if options else built
    else:
        raise ModelError(f"{factory} returned {type(built).__name__}; expected a torch.nn.Module or an auditkit.Model")
    if weights is not None:
        load_weights(built.module, Path(weights))
    else:
        built.weights = of_factory(built.module, factory)
    return built


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a safetensors file or a state dict (`torch.load(weights_only=True)`, never falling back) strictly.

    Raises ModelError if the file is no weights file, is cut short, or does not fit the module.
    """
    state = _state(path)
    own = module.state_dict()
    missing, extra = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    wrong = [
        f"{k}: {tuple(state[k].shape)} in the file, {tuple(own[k].shape)} in the module"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    problems = [
        f"{what} {listing(names, most=4)}"
        for what, names in (("it lacks", missing), ("it has besides", extra), ("other shapes:", wrong))
        if names
    ]
    if problems:
        raise ModelError(f"the weights in {path} do not fit {type(module).__name__}: {'; '.join(problems)}")
    module.load_state_dict(state, strict=True)


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """The folder stands first on `sys.path` meanwhile."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)


def _call(factory: str, folder: Path) -> Any:
    module_name, _, attribute = factory.partition(":")
    if not module_name or not attribute:
        raise ModelError(f"factory must read 'package.module:function', got '{factory}'")
    with importable(folder):
        try:
            module = importlib.import_module(module_name)
        except ImportError as e:
            raise ModelError(f"cannot import '{module_name}' for factory '{factory}': {e}") from e
        function = getattr(module, attribute, None)
        if not callable(function):
            names = [n for n in vars(module) if not n.startswith("_")]
            raise ModelError(f"no function '{attribute}' in {module_name}.{nearest(attribute, names)}")
        try:
            return function()
        except AuditkitError:
            raise
        except Exception as e:
            reason = next(iter(str(e).splitlines()), "")
            raise ModelError(f"factory '{factory}' fails: {type(e).__name__}: {reason}") from e


def _state(path: Path) -> dict[str, torch.Tensor]:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as e:
        raise ModelError(f"cannot read the weights {path}: {e.strerror}") from None
    if head[8:9] == b"{":
        return _safetensors(path)
    if zipfile.is_zipfile(path):
        names = zipfile.ZipFile(path).namelist()
        if any("/code/" in n or n.endswith("constants.pkl") for n in names) or not any(
            n.endswith("data.pkl") for n in names
        ):
            raise ModelError(
                f"{path} is a program (TorchScript or an exported module), not weights: it would run code. "
                "Save its state_dict as safetensors and name its factory"
            )
    elif head[:1] != b"\x80" and head[:4] != b"PK\x03\x04":
        raise ModelError(f"{path} is neither safetensors nor a PyTorch state dict, or it is cut short")
    return _state_dict(path)


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as e:
        raise ModelError(f"{path} is no complete safetensors file: {e}") from None


def _state_dict(path: Path) -> dict[str, torch.Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # what comes of it is loaded or refused below
            state = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise ModelError(f"{path} is refused: {_CONVERT}") from None
    except (RuntimeError, EOFError, OSError, ValueError) as e:
        raise ModelError(f"{path} cannot be read as a state dict: {str(e).splitlines()[0]}") from None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ModelError(f"{path} holds {type(state).__name__}, no state dict of tensors: save net.state_dict()")
    return state
