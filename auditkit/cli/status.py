"""What a command comes to: 0 passed, 1 failed, 3 undecided, 2 anything that kept it from its work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

import auditkit as ak
from auditkit.errors import foreign

if TYPE_CHECKING:
    from auditkit.records import Report

TROUBLE = 2


class Answered(NamedTuple):
    """A command came to its own end: what it promises is written, and this is its status. Nothing else gives 0."""

    status: int


def answering(command: Callable[..., int]) -> Callable[..., Answered]:
    """A command whose status can only be what it returns: code that it calls cannot end it by an exit of its own."""

    @functools.wraps(command)
    def answered(*args: Any, **kwargs: Any) -> Answered:
        with foreign("code that was called"):
            try:
                return Answered(command(*args, **kwargs))
            except (typer.Exit, typer.Abort, BrokenPipeError) as e:  # each would end it with a status of its own
                raise ak.ModelError(f"code that was called ended with {type(e).__name__}; it must return") from e

    return answered


def exit_status(report: Report) -> int:
    """0 where no rule stands in the way, 1 where a failed one does, 3 where only undecided ones do."""
    blocking = {s for v in report.verdicts for s in v.blocking}
    blocking |= {"not_measured" for r in report.required if r.blocks}
    return 1 if "fail" in blocking else 3 if blocking else 0
