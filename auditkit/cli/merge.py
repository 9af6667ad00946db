"""`auditkit merge`: reports of sites, days or parts of a data set as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Force, Quiet, app
from auditkit.cli.delivery import show, tell
from auditkit.cli.status import answering, exit_status
from auditkit.cli.terminal import while_heard


@app.command(
    epilog="""\b
Examples:
  auditkit merge 2026-01.json 2026-02.json 2026-03.json -o quarter.json
  auditkit merge north.json south.json --sites north,south -o all.json
Bins that every part fits to its own rows do not add: `auditkit fit auditkit.toml -o fitted.json` once, and
`auditkit run auditkit.toml --fitted fitted.json` at every part.
"""
)
@answering
def merge(
    reports: Annotated[list[Path], typer.Argument(help="Two report.json or more, each of other rows.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; its suffix says the format.")],
    sites: Annotated[
        str | None,
        typer.Option("--sites", help="Names of the sites with commas between, in the order of the reports."),
    ] = None,
    site: Annotated[str, typer.Option("--site", help="With --sites: what the attribute is called.")] = "site",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="TOML file of rules, or a preset's name; default: that of the parts."),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="No cluster (a person, say) and no stratum has rows in two of them.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="What the report is called; default: as the first.")] = "",
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Add the evidence of several reports of other rows, and judge the whole: no model, no data."""
    from auditkit.report.formats import format_of, suffixes, texts_of, write
    from auditkit.report.writing import refuse_strangers

    format = format_of(out)
    if format is None:
        raise ak.ReportError(
            f"no format writes '{out.suffix}' (--out {out}); suffixes are {', '.join(suffixes().values())}"
        )
    if any(path.resolve() == out.resolve() for path in reports):
        raise ak.ReportError(f"{out} is one of the reports that are merged: choose another name")
    refuse_strangers([out], force=force)
    names = None if sites is None else [s.strip() for s in sites.split(",")]
    if names is not None and (len(names) != len(reports) or len(set(names)) < len(names) or not all(names)):
        raise ak.PolicyError(f"--sites names each of the {len(reports)} reports, and each otherwise; got '{sites}'")
    given = tuple(reports) if names is None else (dict(zip(names, reports, strict=True)),)
    merged = ak.merge(*given, policy=None if policy is None else str(policy), site=site, apart=apart, name=name)
    texts = texts_of(merged, {format: out})
    write(texts, force=force)
    if not quiet:
        with while_heard():
            show(merged)
            print()
            tell(list(texts))
    return exit_status(merged)
