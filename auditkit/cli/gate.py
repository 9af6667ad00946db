"""`auditkit gate`: a stored report, judged by a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Force, Formats, Name, Out, Quiet, app
from auditkit.cli.delivery import Place, deliver, show
from auditkit.cli.status import answering, exit_status
from auditkit.cli.terminal import while_heard


@app.command(
    epilog="""\b
Examples:
  auditkit gate reports/income.json --policy auditkit.toml
  auditkit gate reports/income.json --policy auditkit.toml --format sarif --format markdown
"""
)
@answering
def gate(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    policy: Annotated[Path, typer.Option("--policy", help="TOML file of rules, or a preset's name.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file is refused.")
    ] = None,
    out: Out = Path("reports"),
    name: Name = "",
    format: Formats = None,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Judge a stored report by a policy, from its evidence: no model, no data, no torch. Writes the judged report in
    the formats that --format asks for, and nothing without it."""
    from auditkit import stored

    place = Place(out, name or f"{report.stem}-gate", format, force)
    if format:
        place.paths()
    text = stored.read(report)
    stored.expected(text, expect, source=str(report))
    whole = bool({"html", "json"}.intersection(format or ()))
    told = ak.Report.from_json(text, source=str(report))
    if "json" in (format or ()):
        told = told.rejoined(report)  # a copy is whole; to judge, the file beside it is not needed
    judged = ak.judge(told, policy, exhibits=whole)
    if format:
        deliver(judged, place, quiet=True, policy=policy)
    if not quiet:
        with while_heard():
            show(judged)
            print(f"\n{stored.basis(text, expect)}")
    return exit_status(judged)
