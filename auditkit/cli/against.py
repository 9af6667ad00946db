"""`--against`: the older model on the command line, a column of its decisions or the file of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.cli.asked import from_here

if TYPE_CHECKING:
    from auditkit.gate.config import Config


def compared(config: Config, against: list[str] | None) -> Config:
    """The configuration with the older model that the flag names, in the place of its own.

    Beside a model that is a file of weights, where there is one of that name; everything else is a column.
    """
    if not against:
        return config
    from auditkit.gate.against import AgainstTable

    last = against[-1]
    if config.predictions is None and Path(last).exists():
        return config.model_copy(update={"against": AgainstTable(weights=from_here(last))})
    told = tuple(against) if len(against) > 1 else last
    return config.model_copy(update={"against": AgainstTable(y_pred=told)})
