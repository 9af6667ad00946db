"""Libraries that a test is about, and that are in an environment of their own."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

SILENT = ("MLFLOW_DISABLE_TELEMETRY", "DAGSTER_DISABLE_TELEMETRY", "DVC_NO_ANALYTICS", "DO_NOT_TRACK")
"""Variables of the environment that keep these libraries from telling anybody that they are used."""


def installed(name: str) -> Any:
    """The module; the test, or the file of tests, is skipped where there is none. One that cannot be imported fails."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed: `make test-integrations` installs it", allow_module_level=True)
    os.environ.update(dict.fromkeys(SILENT, "true"))
    return import_module(name)
