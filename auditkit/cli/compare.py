"""`auditkit compare`: what changed between stored reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Force, Out, Quiet, app
from auditkit.cli.asked import known_name
from auditkit.cli.delivery import Place, tell
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard

_WRITTEN = ("html", "json")


@app.command(
    epilog="""\b
Examples:
  auditkit compare main/income.json reports/income.json
  auditkit compare 2026-*.json --format html
Exit status: 0 nothing newly in the way and no policy loosened, 1 either (the last line says which), 2 trouble.
"""
)
@answering
def compare(
    reports: Annotated[
        list[Path], typer.Argument(help="Two report.json, the old one first; or more, which are ordered by date.")
    ],
    out: Out = Path("reports"),
    name: Annotated[str, typer.Option("--name", help="Name of the files.")] = "compared",
    format: Annotated[
        list[str] | None, typer.Option("--format", help="html or json, written beside the text; repeatable.")
    ] = None,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Say what changed between stored reports: rules, numbers (unpaired), model, data, a loosened policy."""
    from auditkit.report.writing import refuse_strangers, write

    for f in format or ():
        known_name("format", f, _WRITTEN)
    if len(reports) < 2:
        raise ak.ReportError(f"{reports[0]} is one report: give the old one and the new one, or more")
    place = Place(out, name, format or None, force)
    paths = {out / f"{name}.{f}": f for f in dict.fromkeys(format or ())}
    if paths:
        place.paths()
        refuse_strangers(paths, force=force)
    changes = ak.compare(*reports)
    for i, w in enumerate(changes.reports):
        twice = next((x for x in changes.reports[:i] if x.digest == w.digest), None)
        if twice is not None:
            raise ak.ReportError(f"{w.file} is the same report as {twice.file}: nothing can have changed")
    texts = {path: changes.to_html() if f == "html" else changes.to_json() for path, f in paths.items()}
    if texts:
        write(texts, force=force)
    if not quiet:
        with while_heard():
            print(changes)
            tell(list(texts))
    return 0 if changes.passed else 1
