"""`--against`: the older model on the command line, a column of its decisions or the file of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.cli.asked import from_here

if TYPE_CHECKING:
    from auditkit.gate.config import Config


def compared(config: Config, against: list[str] | None) -> Config:
    """The configuration with the older model that the flag names, in the place of its own.

    Where a reader makes the rows, what it reads of the older system; beside a model that is a file of weights, where
    there is one of that name; everything else is a column.
    """
    if not against:
        return config
    from auditkit.gate.against import AgainstTable
    from auditkit.gate.audited import ReadTable

    last = against[-1]
    if isinstance(config.data, ReadTable):
        return config.model_copy(update={"against": AgainstTable(path=from_here(last))})
    if config.predictions is None and Path(last).exists():
        return config.model_copy(update={"against": AgainstTable(weights=from_here(last))})
    told = tuple(against) if len(against) > 1 else last
    return config.model_copy(update={"against": AgainstTable(y_pred=told)})
