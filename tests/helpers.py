"""What several tests need."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

from auditkit.cli.main import main
from auditkit.question import Question
from auditkit.records import Finding


def run_cli(arguments: Sequence[str]) -> tuple[int, str, str]:
    """Run `auditkit ...` in this process: (exit status, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    argv = patch.object(sys, "argv", ["auditkit", *arguments])
    with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else 1 if e.code else 0
    return status, out.getvalue(), err.getvalue()


def reassessing(answering: Callable[[Any, Question], Any]) -> tuple[Callable[..., Finding | None], Callable[..., Any]]:
    """(evidence, question) → the finding, and (evidence, question, limit, above=…) → its p; None without an answer."""

    def reassess(evidence: Any, asked: Question) -> Finding | None:
        found = answering(evidence, asked)
        return None if found is None else found.finding(asked.comparison)

    def p_value(evidence: Any, asked: Question, limit: float, *, above: bool) -> float | None:
        found = answering(evidence, asked)
        return None if found is None else found.p_value(asked.comparison, limit, above=above)

    return reassess, p_value
