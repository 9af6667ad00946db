"""`auditkit gate`: a stored report, judged by a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Quiet, app
from auditkit.cli.delivery import show
from auditkit.cli.status import answering, exit_status
from auditkit.cli.terminal import while_heard


@app.command(epilog="Example: auditkit gate reports/income.json --policy auditkit.toml")
@answering
def gate(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    policy: Annotated[Path, typer.Option("--policy", help="TOML file of rules, or a preset's name.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file is refused.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Judge a stored report by a policy, from its evidence: no model, no data, no torch."""
    from auditkit import stored

    text = stored.read(report)
    stored.expected(text, expect, source=str(report))
    judged = ak.judge(ak.Report.from_json(text, source=str(report)), policy, exhibits=False)
    if not quiet:
        with while_heard():
            show(judged)
            print(f"\n{stored.basis(text, expect)}")
    return exit_status(judged)
