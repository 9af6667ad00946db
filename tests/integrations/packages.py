"""What `make test-integrations` installs: `python tests/integrations/packages.py pyproject.toml`."""

import re
import sys
import tomllib
from typing import Any

LEFT_OUT = ("torch", "captum")
"""Large, and no reader's: reports that are stored, and audits of predictions, need neither."""
TESTS = ("hypothesis", "pytest", "pytest-socket", "pytest-xdist")
"""What pytest is configured with here."""


def packages(project: dict[str, Any]) -> list[str]:
    """The requirements of the project but what is left out, its readers, and what runs their tests.

    >>> packages({"dependencies": ["torch>=2", "numpy>=2"], "optional-dependencies": {"integrations": ["zizmor"]}})[:2]
    ['numpy>=2', 'zizmor']
    """
    own = [r for r in project["dependencies"] if re.match(r"[\w.-]+", r)[0] not in LEFT_OUT]  # type: ignore[index]
    return [*own, *project["optional-dependencies"]["integrations"], *TESTS]


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        print("\n".join(packages(tomllib.load(file)["project"])))
