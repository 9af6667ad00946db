"""`auditkit report`: a stored report in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Force, Formats, Name, Out, Quiet, app
from auditkit.cli.delivery import Place, deliver
from auditkit.cli.status import answering


@app.command("report", epilog="Example: auditkit report reports/income.json --format html --out site")
@answering
def render(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    out: Out = Path("reports"),
    name: Name = "",
    format: Formats = None,
    full: Annotated[bool, typer.Option("--full", help="A page with every fold open: for paper.")] = False,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Write a stored report in other formats."""
    from auditkit import stored

    asked = format or ["html"]
    place = Place(out, name or report.stem, asked, force)
    told = ak.Report.from_json(stored.read(report), source=str(report))
    if "json" in asked:
        told = told.rejoined(report)
    if told.explorer is None:
        from auditkit.judging import explored_if_it_can  # which most reports need not wait for

        told = explored_if_it_can(told)
    deliver(told, place, quiet, verdict=False, full=full, source=report)
    return 0
