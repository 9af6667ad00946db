"""`auditkit verify`: whether a report says what its evidence says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Quiet, app
from auditkit.cli.delivery import show_checked
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard


@app.command(epilog="Example: auditkit verify reports/income.json --expect sha256:… --again auditkit.toml")
@answering
def verify(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file differs.")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="The policy that it should be judged by.")] = None,
    again: Annotated[
        Path | None, typer.Option("--again", help="auditkit.toml: gather the evidence again from its model and data.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Say whether a report says what its evidence says: every finding and verdict is derived again."""
    from auditkit import stored
    from auditkit.verifying import Checked, verify

    text = stored.read(report)
    file = Checked("file", "not checked", f"no digest was expected; this one has {stored.digest(text)}")
    if expect is not None:
        try:
            stored.expected(text, expect, source=str(report))
            file = Checked("file", "same", stored.digest(text))
        except ak.ReportError as e:
            file = Checked("file", "differs", str(e))
    told = ak.Report.from_json(text, source=str(report))
    made = None
    if again is not None:
        from auditkit.configured import audited, inputs

        config = ak.load_config(again)
        made = audited(config, *inputs(config))
    found = verify(told, policy=str(policy) if policy else None, again=made)
    checked = (file, *found.checked)
    if not quiet:
        with while_heard():
            show_checked(checked)
    return 1 if any(c.state == "differs" for c in checked) else 0
