"""`auditkit explain`: what a metric, a check, or a key of a configuration is."""

from __future__ import annotations

from typing import Annotated

import typer

from auditkit.cli.app import app
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard


@app.command(
    epilog="""\b
Examples:
  auditkit explain equal_opportunity_difference   a metric
  auditkit explain config                         every table and key of auditkit.toml
  auditkit explain rule.at_most                   one key (or a table: config.data)
  auditkit explain schema                         where the JSON Schema for editors lies
  auditkit explain report-schema                  where the JSON Schema of a report.json lies
"""
)
@answering
def explain(
    name: Annotated[
        str,
        typer.Argument(
            help="A metric, a check, one of fairlearn's names ('all' lists them), 'config', a key of it, 'schema' or "
            "'report-schema'."
        ),
    ],
) -> int:
    """Say what a metric or check is (definition, formula, interval, reference), or a key of a configuration."""
    from auditkit.catalogue.index import METRICS, explain
    from auditkit.checks import described
    from auditkit.cli.listing import explained_all
    from auditkit.gate.explained import SCHEMA, told

    if name == "all":
        text = explained_all()
    elif name == "schema":
        text = str(SCHEMA)
    elif name == "report-schema":
        from auditkit.report.schema import FILE

        text = str(FILE)
    else:
        known = None if name in METRICS else described(name) or told(name)
        text = known or explain(name)
    with while_heard():
        print(text)
    return 0
