"""A fork of this process does what an interpreter does that was started for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.forked import python

SAYS = """
import os, sys, warnings
print(sys.argv[1:], os.getcwd(), __name__, sys.path[0], flush=True)
warnings.warn("old", DeprecationWarning)
warnings.warn("heed", UserWarning)
os.write(1, b"by the descriptor\\n")
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("", 0), ("sys.exit(3)", 3), ("sys.exit('told')", 1), ("raise ValueError('lost')", 1), ("os._exit(9)", 9)],
)
def test_as_a_fresh_interpreter(end: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text(SAYS + end)
    fresh = subprocess.run([sys.executable, "-m", "says", "a", "b"], cwd=tmp_path, capture_output=True, text=True)
    forked = python("says", "a", "b", cwd=tmp_path)
    assert forked.returncode == fresh.returncode == status
    assert sorted(forked.stdout.splitlines()) == sorted(fresh.stdout.splitlines())
    assert forked.stderr.splitlines()[:2] == fresh.stderr.splitlines()[:2]
    assert forked.stderr.splitlines()[-1] == fresh.stderr.splitlines()[-1]
