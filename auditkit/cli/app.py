"""The program: its options before a command, and the flags that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.variables import refuse_unknown

app = typer.Typer(
    name="auditkit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Audit a trained PyTorch model: is it biased, why does it decide so, can the answers be trusted?\n\n"
    "Start with: auditkit demo",
    epilog="Exit status: 0 passed (or no policy), 1 a rule failed, 3 undecided or not measured where the policy says "
    "that this fails, 2 trouble with usage, configuration, data or model. Each flag can be said by an environment "
    "variable: AUDITKIT_RUN_POLICY for `run --policy`; blanks part what is repeatable.",
)

Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Name = Annotated[str, typer.Option("--name", help="Name of the report's files; default: the model's name.")]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="html, json, junit, markdown, csv, metrics, github, sarif, codequality, modelcard, cyclonedx, in-toto, "
        "another package's; repeatable.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are no reports of auditkit.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"auditkit {ak.__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, also of checks that broke.")] = False,
) -> None:
    """Options before the command."""
    if context.invoked_subcommand and not {"-h", "--help"} & set(sys.argv):
        refuse_unknown(context.invoked_subcommand)
    if debug:  # what is known of accidents and refusals, with where they happened
        import logging

        logging.basicConfig(format="auditkit: %(message)s")
        logging.getLogger("auditkit").setLevel(logging.DEBUG)
