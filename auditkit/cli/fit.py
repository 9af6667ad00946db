"""`auditkit fit`: bins of checks, made once, so that reports of several sites or days can be merged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Force, Quiet, app
from auditkit.cli.asked import from_here, overridden
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard


@app.command(
    epilog="""\b
Example: auditkit fit auditkit.toml -o fitted.json
Then, at every site: auditkit run auditkit.toml --fitted fitted.json (or fitted = "fitted.json" in [audit])
"""
)
@answering
def fit(
    config: Annotated[Path, typer.Argument(help="auditkit.toml, or a pyproject.toml.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    data: Annotated[
        str | None, typer.Option("--data", help="Rows to fit to, in place of those of the configuration.")
    ] = None,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Fit the bins of its checks to its data, without an audit, and write them to a file."""
    from auditkit.configured import fitted
    from auditkit.fitting import is_ours
    from auditkit.formatting import printable

    if out.exists() and not force and not is_ours(out):
        raise ak.PolicyError(
            f"{out} is there already and is no file of `auditkit fit`: choose another name, or --force"
        )
    asked = overridden(ak.load_config(config), checks=True, data={"path": from_here(data)}, model={}, predictions={})
    text = fitted(asked)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as e:
        raise ak.PolicyError(f"cannot write {out}: {e.strerror}") from None
    if not quiet:
        with while_heard():
            print(printable(f"{out}  ({len(text) / 1000:.0f} kB)"))
    return 0
