"""`auditkit explain`: what a metric or a check is."""

from __future__ import annotations

from typing import Annotated

import typer

from auditkit.cli.app import app
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard


@app.command(epilog="Example: auditkit explain equal_opportunity_difference")
@answering
def explain(
    name: Annotated[str, typer.Argument(help="A metric, a check, or one of fairlearn's names; 'all' lists them.")],
) -> int:
    """Say what a metric or check is: definition, formula, interval, reference."""
    from auditkit.catalogue.index import METRICS, explain
    from auditkit.checks import described
    from auditkit.cli.listing import explained_all

    known = None if name in METRICS or name == "all" else described(name)
    text = explained_all() if name == "all" else known or explain(name)
    with while_heard():
        print(text)
    return 0
