"""A report.json as a JSON Schema, from its records alone: for who reads reports without auditkit.

The schema lies beside this module; `python -m auditkit.report.schema` writes it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auditkit.records import SCHEMA, Report

FILE = Path(__file__).with_name("report.schema.json")
"""The schema, as it is installed."""


def schema() -> dict[str, Any]:
    """What `Report.from_json` takes, as far as a schema can say it: keys, types, ranges.

    It does not say that ids stand once, that an interval is in order, or that findings are what the evidence says:
    `auditkit verify` does.
    """
    said = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA}
    return {**said, **Report.model_json_schema(mode="validation"), "title": SCHEMA}


def text() -> str:
    """The schema as it is stored."""
    return json.dumps(schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
