"""An audit of predictions imports neither torch nor captum: by the library, the command line and pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = """
import sys
import auditkit as ak
rows = {"g": ["a", "b"] * 30, "y": [0, 1, 1] * 20, "s": [0.2, 0.7, 0.6, 0.4, 0.9, 0.1] * 10}
data = ak.Dataset(rows, y_true="y", sensitive_features=["g"])
report = ak.audit(ak.Predictions(score="s", threshold=0.5), data, policy="four-fifths")
assert len([n for n in report.not_measured if n.why == "predictions only"]) == 4, "default checks that want a net"
report.save("library.html"), report.save("library.json")
"""
COMMAND = """
import sys
from auditkit.cli.main import main
sys.argv = ["auditkit", "run", "auditkit.toml", "--quiet", "--timings"]
try:
    main()
except SystemExit as e:
    assert e.code in (0, 1, 3), e.code
"""
PYTEST = """
import sys
import pytest
assert pytest.main(["--auditkit", "auditkit.toml", "-q", "-p", "no:cacheprovider"]) in (0, 1)
"""
TOML = """
[predictions]
score = "s"
threshold = 0.5
[data]
path = "rows.csv"
y_true = "y"
sensitive_features = "g"
[[rule]]
id = "gap"
metric = "selection_rate"
comparison = "difference"
by = ["g"]
at_most = 1.0
"""


@pytest.mark.one_in(3)
@pytest.mark.parametrize("code", [LIBRARY, COMMAND, PYTEST], ids=["library", "command", "pytest"])
def test_neither_torch_nor_captum(code: str, tmp_path: Path) -> None:
    (tmp_path / "auditkit.toml").write_text(TOML)
    (tmp_path / "rows.csv").write_text("g,y,s\n" + "a,0,.2\nb,1,.7\na,1,.6\nb,0,.4\n" * 20)
    told = "print('LOADED', sorted({'torch', 'captum'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{told}"], cwd=tmp_path, capture_output=True, text=True)
    assert "LOADED []" in done.stdout, done.stdout + done.stderr
    assert code is not COMMAND or ("in all" in done.stderr and "assess group_fairness" in done.stderr)
