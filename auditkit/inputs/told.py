"""Rows with what their reader knows beside them: options of checks that ask for them (`DeclaredCheck`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from auditkit.inputs.dataset import Dataset


class Seeing(NamedTuple):
    """A detector's net, its pictures, and how its score at a box is asked: live objects, which no report keeps."""

    net: Any
    """A `torch.nn.Module`."""
    pictures: Any
    """Scene → picture: a mapping, or a function of the scene's id."""
    score_at: Any
    """(net, pictures (n, …), boxes (n, 4) as left, top, right, bottom) → (n,) scores of an object at each box."""
    at_score: float
    """From which score on a box counts as a decision."""
    lowest: float = 0.0
    """The score of an object that no box is on."""


class ToldDataset(Dataset):
    """A `Dataset` as a reader makes it."""

    known: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Check → options of it that the reader knows."""
    seeing: Seeing | None = None
    """What a net can be asked of the objects that are rows; None: no net was given."""
