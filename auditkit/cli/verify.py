"""`auditkit verify`: whether a report says what its evidence says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Quiet, app
from auditkit.cli.asked import from_here, overridden
from auditkit.cli.delivery import show_checked
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard

if TYPE_CHECKING:
    from auditkit.verifying import Checked


@app.command(epilog="Example: auditkit verify reports/income.json --expect sha256:… --again auditkit.toml")
@answering
def verify(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file differs.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="A baseline: the report must be the one that it accepted last.")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="The policy that it should be judged by.")] = None,
    again: Annotated[
        Path | None, typer.Option("--again", help="auditkit.toml: gather the evidence again from its model and data.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="With --again: these data, in place of those that it names.")
    ] = None,
    weights: Annotated[str | None, typer.Option("--weights", help="With --again: these weights, likewise.")] = None,
    quiet: Quiet = False,
) -> int:
    """Say whether a report says what its evidence says: every finding and verdict is derived again."""
    from auditkit import stored
    from auditkit.verifying import verify

    text = stored.read(report)
    if again is None and (data is not None or weights is not None):
        raise ak.PolicyError("--data and --weights go with --again auditkit.toml, which says how they are audited")
    digests = [("file", expect)] if expect is not None or baseline is None else []
    if baseline is not None:
        from auditkit.gate.named_baseline import load

        digests.append((f"file, of {baseline}", load(baseline).report))
    files = [_file(what, text, digest, report) for what, digest in digests]
    told = ak.Report.from_json(text, source=str(report)).rejoined(report)
    made = None
    if again is not None:
        from auditkit.configured import audited, inputs

        config = overridden(
            ak.load_config(again),
            data={"path": from_here(data)},
            model={"weights": from_here(weights)},
            predictions={},
        )
        made = audited(config, *inputs(config))
    found = verify(told, policy=str(policy) if policy else None, again=made)
    checked = (*files, *found.checked)
    if not quiet:
        with while_heard():
            show_checked(checked)
    return 1 if any(c.state == "differs" for c in checked) else 0


def _file(what: str, text: bytes, digest: str | None, report: Path) -> Checked:
    """Whether the file has the digest that is expected."""
    from auditkit import stored
    from auditkit.verifying import Checked

    if digest is None:
        return Checked(what, "not checked", f"no digest was expected; this one has {stored.digest(text)}")
    try:
        stored.expected(text, digest, source=str(report))
    except ak.ReportError as e:
        return Checked(what, "differs", str(e))
    return Checked(what, "same", stored.digest(text))
