"""How encoded rows look to a person: as pictures, or as a text. Everything else is shown by its columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch import Tensor

from auditkit.arrays import Floats, Positions
from auditkit.inputs.model import Model

CHANNELS = (1, 3)
"""Channels of an image."""


def image_regions(model: Model, features: pd.DataFrame) -> tuple[Floats, Positions] | None:
    """Encoded images (N, C, H, W) and the feature of each pixel (H, W); None where the inputs are none.

    Where a pixel's channels belong to different features, the first channel's counts.
    """
    inputs = model.encode(features)
    if not isinstance(inputs, Tensor) or inputs.ndim != 4 or inputs.shape[1] not in CHANNELS:
        return None
    if not inputs.is_floating_point():
        return None
    groups = model.groups(inputs, features)
    if groups is None:
        return None
    region = groups.masks[0].expand(1, *inputs.shape[1:])[0, 0]
    return inputs.detach().double().cpu().numpy(), region.cpu().numpy()


def tokens_of(model: Model, features: pd.DataFrame, names: list[str]) -> list[list[str]] | None:
    """A text's tokens, (N, features) in their order; None where the inputs are no text.

    Inputs are a text if they are one tensor of ids, a feature a position, none of them a raw column. The words are
    those of the one column of text, if it has as many as there are ids, or ids that are not the padding; else the ids.
    """
    inputs = model.encode(features)
    if not isinstance(inputs, Tensor) or inputs.ndim != 2 or inputs.is_floating_point():
        return None
    if inputs.shape[1] != len(names) or any(name in features for name in names):
        return None
    padding = _padding(model)
    texts = [c for c in features if features[c].map(lambda v: isinstance(v, str) and " " in v).any()]
    out = []
    for i, ids in enumerate(inputs.tolist()):
        words: list[Any] = str(features[texts[0]].iloc[i]).split() if len(texts) == 1 else []
        real = [k for k, t in enumerate(ids) if t != padding or len(words) == len(ids)]
        shown = dict(zip(real, words, strict=True)) if len(words) == len(real) else {}
        out.append([shown.get(k, "" if t == padding else f"#{t}") for k, t in enumerate(ids)])
    return out


def _padding(model: Model) -> int:
    """The id of padding, of the first embedding that names one; else 0."""
    found = (m.padding_idx for m in model.module.modules() if isinstance(m, torch.nn.Embedding | torch.nn.EmbeddingBag))
    return next((int(p) for p in found if p is not None), 0)
