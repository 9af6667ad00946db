"""What several tests need."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from unittest.mock import patch

from auditkit.cli import main


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
