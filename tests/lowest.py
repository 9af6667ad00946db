"""The lower bounds of a pyproject.toml as constraints for pip: `python tests/lowest.py pyproject.toml`."""

import re
import sys
import tomllib
from pathlib import Path


def lowest(requirements: list[str]) -> list[str]:
    """ "numpy>=2,<3" → "numpy==2"; every requirement has a lower bound.

    >>> lowest(["numpy>=2,<3", "scikit-learn>=1.6,<2"])
    ['numpy==2', 'scikit-learn==1.6']
    """
    found = [(r, re.match(r"([\w.-]+)\s*>=\s*([\w.]+)", r)) for r in requirements]
    without = [r for r, bound in found if bound is None]
    if without:
        raise SystemExit(f"no lower bound: {', '.join(without)}")
    return [f"{bound[1]}=={bound[2]}" for _, bound in found if bound]


if __name__ == "__main__":
    print("\n".join(lowest(tomllib.loads(Path(sys.argv[1]).read_text())["project"]["dependencies"])))
