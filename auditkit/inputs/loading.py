"""Files → Model, by trust: weights that cannot execute, recognised by content; everything else is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from torch import nn

from auditkit.errors import AuditkitError, ModelError, foreign
from auditkit.inputs import checkpoints
from auditkit.inputs.containers import Stored, is_program
from auditkit.inputs.initialised import of_factory
from auditkit.inputs.model import Model
from auditkit.inputs.named import importable, named
from auditkit.inputs.programs import program, trusted
from auditkit.inputs.running import said


def load_model(
    factory: str | None,
    weights: str | Path | None = None,
    *,
    folder: str | Path = ".",
    weights_key: str | None = None,
    trust: str | None = None,
    **options: Any,
) -> Model:
    """The Model that `factory` ("package.module:build") makes, with weights loaded strictly into its module.

    `build()` takes no arguments and returns an `nn.Module` or a `Model`; `folder` is importable meanwhile. `weights` is
    a safetensors file, a state dict, a checkpoint (`weights_key`, dotted, says where in it the state dict is; that of
    Lightning is found) or a folder of Hugging Face. `options` (threshold, device, …) go to `Model`, over what the
    factory chose. Without weights, a net that is as it was drawn at random is warned of (logger "auditkit") and the
    report cautions.

    `trust="sha256:…"` is the hash of the weights file. Without a factory, that file is a program (TorchScript, or an
    exported module) and is the model: loading it runs its code, so this is the only way to load one.

    Raises ModelError with what was expected.
    """
    content = None
    if weights is not None and not Path(weights).exists():
        raise ModelError(f"cannot read the weights {weights}: No such file or directory")
    if trust is not None:
        if weights is None:
            raise ModelError("trust is the hash of the weights file: name it in weights")
        content = trusted(Path(weights), trust)
    if factory is None:
        return Model(_program(weights, content), **options)
    built = _call(factory, Path(folder))
    if isinstance(built, nn.Module):
        built = Model(built, **options)
    elif isinstance(built, Model):
        built = built.replaced(**options) if options else built
    else:
        raise ModelError(f"{factory} returned {type(built).__name__}; expected a torch.nn.Module or an auditkit.Model")
    if weights is None:
        if weights_key is not None:
            raise ModelError(f"weights_key = '{weights_key}' says where in the weights: name them in weights")
        built.weights = of_factory(built.module, factory)
        return built
    if content is not None and is_program(io.BytesIO(content)):
        raise ModelError(f"{weights} is a program, and a factory was given too: omit the factory to audit it")
    load_weights(built.module, Path(weights), key=weights_key, content=content)
    return built


def load_weights(module: nn.Module, path: Path, *, key: str | None = None, content: bytes | None = None) -> None:
    """Load safetensors, a state dict, a checkpoint or a folder of Hugging Face strictly; nothing of it is executed.

    Sizes are compared with the file and with the module before anything is allocated. Names may carry what
    DataParallel, torch.compile or a wrapper put before them, if they then fit; that is said. `key` is where in a
    checkpoint the state dict is, `content` what was read of the file already.

    Raises ModelError if the file is no weights file, is damaged or cut short, or does not fit the module, which is
    then left as it was.
    """
    with checkpoints.opened(path, content) as held:
        wanted = checkpoints.fitted(checkpoints.state_of(held, key, str(path)), module, str(path))
        state = {k: v.read() if isinstance(v, Stored) else v for k, v in wanted.items()}
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as e:
        reason = " ".join(str(e).split())
        raise ModelError(f"the weights in {path} do not fit {type(module).__name__}: {reason}") from None


def _program(weights: str | Path | None, content: bytes | None) -> nn.Module:
    if weights is None or content is None:
        raise ModelError("without a factory, weights must be a program (TorchScript or .pt2) and trust its hash")
    if not is_program(io.BytesIO(content)):
        raise ModelError(f"{weights} is no program (TorchScript or .pt2) but weights: name the factory of their module")
    return program(content, Path(weights))


def _call(factory: str, folder: Path) -> Any:
    function = named(factory, folder, "factory")
    with importable(folder):
        try:
            with foreign(f"factory '{factory}'"):
                return function()
        except (AuditkitError, MemoryError):
            raise
        except Exception as e:
            raise ModelError(f"factory '{factory}' fails: {said(e)}") from e
