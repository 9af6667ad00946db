"""Rows with what their reader knows beside them: options of checks that ask for them (`DeclaredCheck`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from auditkit.inputs.dataset import Dataset


class ToldDataset(Dataset):
    """A `Dataset` as a reader makes it."""

    known: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Check → options of it that the reader knows."""
