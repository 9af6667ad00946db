"""pandas on first use: reading stored evidence needs numpy alone, and pandas takes half a second to import."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


class Lazy:
    """A module that is imported when something of it is asked for.

    >>> Lazy("math").sqrt(9.0)
    3.0
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # what inspection asks of every object is no use
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)


if TYPE_CHECKING:
    import pandas as pandas
else:
    pandas = Lazy("pandas")
