"""The command line. Exit status: 0 passed, 1 failed, 3 undecided, 2 anything that kept the audit from its work."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from typing import Any

import typer
import typer.main

import auditkit as ak
from auditkit.cli.app import app
from auditkit.cli.status import TROUBLE, Answered
from auditkit.cli.terminal import complain, usable_streams, while_heard
from auditkit.cli.variables import named

_USAGE = typer.BadParameter.__mro__[2]  # ClickException, which typer does not name
COMMANDS = {
    "demo": "demo",
    "init": "init",
    "plan": "plan",
    "run": "run",
    "gate": "gate",
    "merge": "merge",
    "fit": "fit",
    "compare": "compare",
    "baseline": "baseline",
    "verify": "verify",
    "report": "render",
    "explain": "explain",
}
"""A module a command; help lists them in this order."""
READING = {"gate", "report"}
"""Those that read one stored report, and let go of it at the end: nothing is to be looked for before."""


def program(asked: str = "") -> Any:
    """The program with the command that is asked, or with all: a gate does not wait for the others."""
    for name, module in COMMANDS.items():
        if name == asked or asked not in COMMANDS:
            importlib.import_module(f"auditkit.cli.{module}")
    app.registered_commands.sort(key=lambda command: list(COMMANDS).index(command.name or command.callback.__name__))  # type: ignore[union-attr]
    return named(typer.main.get_command(app))


def main() -> None:
    """Run the command line and exit; errors are one line with what to do, a traceback only with --debug.

    The status is what a command returned (see `Answered`). An exit without a command is that of help or the version,
    or of the keyboard; everything else is trouble.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # records are read by their schemas and nothing else
    gc.set_threshold(200_000)  # records hold no cycles: looking for them every 700 objects is a tenth of a gate's time
    atexit.register(gc.freeze)  # nor once more at the end of the process, which lets all of them go: a sixth of it
    usable_streams()
    try:
        asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        if asked in READING:
            gc.disable()
        came = program(asked)(standalone_mode=False)
        status = came.status if isinstance(came, Answered) else came if isinstance(came, int) else TROUBLE
    except typer.Abort:
        status = TROUBLE
    except Exception as e:
        if "--debug" in sys.argv or os.environ.get("AUDITKIT_DEBUG"):
            raise
        status = TROUBLE
        from auditkit.formatting import printable

        known = isinstance(e, ak.AuditkitError)
        if isinstance(e, _USAGE):
            text = f"{e.format_message()} `auditkit -h`, and `auditkit COMMAND -h`, say what there is"  # type: ignore[attr-defined]
        else:
            text = (
                str(e) if known else f"unexpected {type(e).__name__}: {' '.join(str(e).split())} (--debug shows where)"
            )
        complain("\n".join(map(printable, f"auditkit: {text}".split("\n"))))  # an error of ours can have lines
    with while_heard():  # what is buffered is written now, where an error of it is seen
        pass
    sys.exit(status)
