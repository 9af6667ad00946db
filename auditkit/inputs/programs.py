"""Programs (TorchScript, exported modules) run code of the file: loaded only where its hash is said to be trusted."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from pathlib import Path

import torch
from torch import nn

from auditkit import files
from auditkit.errors import ModelError, foreign


def trusted(path: Path, trust: str) -> bytes:
    """The content of a file, if its SHA-256 is the trusted one; ModelError otherwise.

    What is loaded afterwards is this content: the file is not read again.
    """
    wanted = re.fullmatch(r"sha256:([0-9a-fA-F]{64})", trust.strip())
    if wanted is None:
        raise ModelError(f"trust must read sha256: and 64 hexadecimal digits, as sha256sum prints them; got '{trust}'")
    content = files.read(path, ModelError, what="the weights", expected="the one file that is trusted")
    found = hashlib.sha256(content).hexdigest()
    if found != wanted[1].lower():
        raise ModelError(
            f"{path} is not the file that is trusted: its hash is sha256:{found}; nothing of it was loaded"
        )
    return content


def program(content: bytes, path: Path) -> nn.Module:
    """The module of a TorchScript file or of an exported program (.pt2)."""
    exported = b"serialized_exported_program" in content or b"models/model.json" in content
    with foreign(f"the program {path}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out, and buffers of a file cannot be written
        try:
            module: nn.Module = (
                torch.export.load(io.BytesIO(content)).module()
                if exported
                else torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]
            )
        except Exception as e:
            reason = " ".join(str(e).split())[:200]
            raise ModelError(f"the program {path} cannot be loaded: {type(e).__name__}: {reason}") from None
    return module
