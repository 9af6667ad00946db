"""A detector's score at the boxes of the truth as a model that can be explained: a number of a picture and a box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, NotExplained, out_of_memory
from auditkit.explain.asking import answering
from auditkit.explain.missed.chosen import Place
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import by_mask, segments
from auditkit.inputs.model import Model
from auditkit.inputs.packing import leaves
from auditkit.inputs.told import Seeing

GRID = (12, 12)
"""Regions that are explained, in rows and columns."""


class ScoreAt(nn.Module):
    """The net with the function that asks it: (pictures (n, C, H, W), boxes (n, 4)) → (n,)."""

    def __init__(self, net: nn.Module, score_at: Any, *, flat: bool) -> None:
        super().__init__()
        self.net, self.ask, self.flat = net, score_at, flat

    def forward(self, pictures: Tensor, boxes: Tensor) -> Tensor:
        """ModelError where what is asked is no number a picture."""
        out = self.ask(self.net, pictures[:, 0] if self.flat else pictures, boxes)
        n = len(pictures)
        if not isinstance(out, Tensor) or not out.is_floating_point() or out.shape != (n,):
            got = f"{tuple(out.shape)} of {out.dtype}" if isinstance(out, Tensor) else type(out).__name__
            raise ModelError(
                f"score_at(net, pictures, boxes) gives one number a box: a tensor of floats of shape ({n},); got {got}"
            )
        return out


class Shown(NamedTuple):
    """Objects with their pictures, as the net is given them."""

    model: Model
    rows: pd.DataFrame
    """Position of each, as `model` reads it."""
    places: tuple[Place, ...]
    boxes: Tensor
    """(n, 4) left, top, right, bottom."""

    def surface(self, model: Model) -> Surface:
        """The score as a function of the pictures' pixels, at fixed boxes; its features are a grid of regions."""
        pictures, boxes = leaves(model.encode(self.rows))
        height, width = pictures.shape[2:]
        groups = by_mask(segments(height, width, grid=GRID), pictures[:1])

        def forward(x: Tensor, at: Tensor) -> Tensor:
            with answering():
                out: Tensor = model.module(x, at)
                return out

        return Surface(forward, (pictures,), (boxes,), groups, model.module)


def shown(seeing: Seeing, wanted: Sequence[Place]) -> tuple[Shown | None, list[Place]]:
    """The objects whose picture is there, and those whose is not; ModelError for a net or pictures that are none."""
    each: list[Tensor] = []
    there: list[Place] = []
    lost: list[Place] = []
    for p in wanted:
        picture = _picture(seeing.pictures, p.scene)
        (lost if picture is None else there).append(p)
        each += [] if picture is None else [picture]
    if not there:
        return None, lost
    shapes = sorted({tuple(x.shape) for x in each})
    if len(shapes) > 1:
        raise NotExplained(
            f"pictures have several shapes, {shapes[0]} and {shapes[1]}: give them in one, filled at the right and at "
            "the bottom, so that boxes stay where they are"
        )
    flat = each[0].ndim == 2
    x = torch.stack(each)[:, None] if flat else torch.stack(each)
    left, top, width, height = torch.tensor([p.box for p in there], dtype=x.dtype).unbind(1)
    boxes = torch.stack([left, top, left + width, top + height], dim=1)

    def given(rows: pd.DataFrame) -> tuple[Tensor, Tensor]:
        at = torch.tensor(rows["object"].to_numpy())
        return x[at], boxes[at]

    model = Model(ScoreAt(seeing.net, seeing.score_at, flat=flat), task="regression", preprocess=given)
    return Shown(model, pd.DataFrame({"object": np.arange(len(there))}), tuple(there), boxes), lost


def answers(of: Shown) -> None:
    """ModelError where the first objects' scores cannot be asked, in the words of whoever refuses."""
    with of.model.inspecting() as module, torch.no_grad():
        try:
            module(*leaves(of.model.encode(of.rows.head(2))))
        except ModelError:
            raise
        except Exception as e:
            if out_of_memory(e):
                raise
            raise ModelError(f"score_at(net, pictures, boxes) failed with {type(e).__name__}: {e}") from e


def _of(pictures: Mapping[Any, Any], scene: str) -> Any:
    """The picture of a scene in a mapping, whose keys may be the whole numbers that COCO's ids are."""
    if scene in pictures:
        return pictures[scene]
    return pictures.get(int(scene)) if scene.isdecimal() else None


def _picture(pictures: Any, scene: str) -> Tensor | None:
    """A picture as floats, (C, H, W) or (H, W); None where there is none of that scene."""
    try:
        found = _of(pictures, scene) if isinstance(pictures, Mapping) else pictures(scene)
    except (KeyError, FileNotFoundError):
        return None
    if found is None:
        return None
    x = torch.as_tensor(found)
    if not x.is_floating_point() or x.ndim not in (2, 3):
        raise ModelError(
            "pictures are floats as the net takes them, of shape (channels, height, width) or (height, width); that of "
            f"'{scene}' is {tuple(x.shape)} of {x.dtype}"
        )
    return x.detach()
