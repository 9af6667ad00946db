"""The page's script outside of a page: tight, small, and by node held to the formulas that the report rests on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from auditkit.formatting import decimals
from auditkit.gate.judge import status_of
from auditkit.records import Estimate, Rule
from auditkit.report.html import script
from auditkit.report.html.explorer_data import span, tenths
from auditkit.stats.comparisons import Comparisons
from auditkit.stats.rates import wilson

NODE = Path(__file__).parent / "script"
UNITS = ("points", "percent", "ratio")


def node() -> str:
    """Node's own path; without one a reason to skip, or to fail where everything is to run."""
    found = shutil.which("node")
    if found:
        return found
    if os.environ.get("AUDITKIT_REQUIRE_BROWSER") == "1":
        pytest.fail("AUDITKIT_REQUIRE_BROWSER=1, but node is not installed (Debian package `nodejs`)")
    pytest.skip("node is not installed (Debian package `nodejs`)")


def decimal_cases() -> list[Any]:
    """Numbers at ties and beside them, and shares of counts."""
    rng = np.random.default_rng(0)
    shares = [100 * (k / n) for n in range(1, 41) for k in range(n + 1)]
    ties = [i / 8 for i in range(400)]
    found = [*shares, *ties, *np.nextafter(ties, 1e9).tolist(), *rng.uniform(0, 100, 500).tolist()]
    return [[x, decimals(x), decimals(x, 2)] for x in found]


def pairs() -> list[tuple[int, int, int, int]]:
    """Counts of two groups: everything of small ones, and large ones at random."""
    rng = np.random.default_rng(1)
    small = [(a, 6, b, 9) for a in range(7) for b in range(10)]
    drawn = rng.integers(1, 5000, (300, 2))
    return small + [(int(rng.integers(0, n + 1)), int(n), int(rng.integers(0, m + 1)), int(m)) for n, m in drawn]


def own(kind: str, counts: tuple[int, int, int, int], level: float) -> list[float]:
    """What the report's own comparison of two groups says."""
    a, n, b, m = counts
    found = Comparisons(lambda q, method: method([a, b], [n, m], q), 2, level).interval(kind)
    return [found.value, found.low, found.high]


def newcombe(counts: tuple[int, int, int, int], level: float) -> list[float]:
    """The size of a difference by statsmodels."""
    a, n, b, m = counts
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff", alpha=1 - level)
    return [abs(a / n - b / m), max(0.0, low, -high), min(1.0, max(-low, high))]


def verdict_cases() -> list[Any]:
    out = []
    for limit in (0.1, 0.8):
        for low in (0.0, 0.05, 0.1, 0.75, 0.8, 0.9):
            for high in (x for x in (0.1, 0.3, 0.8, 0.95) if x >= low):
                for side in ("at_most", "at_least"):
                    for decision in ("interval", "point"):
                        value = (low + high) / 2
                        rule = Rule(id="r", metric="accuracy", comparison="overall", decision=decision, **{side: limit})
                        told = status_of(rule, Estimate(value=value, low=low, high=high))[0]
                        most, point = int(side == "at_most"), int(decision == "point")
                        out.append([[value, low, high], limit, most, point, told])
    return out


def cases() -> dict[str, Any]:
    z = float(norm.ppf(0.975))
    some = [c for c in pairs() if c[0] or c[2]]
    limits = {c: [[float(x) for x in wilson(k, n, z)] for k, n in (c[:2], c[2:])] for c in pairs()}
    numbers = [None, 0, 5, 138, -42, 1000]
    return {
        "decimals": decimal_cases(),
        "written": [
            [v, u, tenths(None if v is None else v / (100 if unit == "ratio" else 1000), unit)]
            for v in numbers
            for u, unit in enumerate(UNITS)
        ],
        "spans": [
            [low, high, u, span(low / size, high / size, unit)]
            for low, high in ((0, 35), (-31, 12), (412, 988))
            for u, unit in enumerate(UNITS)
            for size in (100 if unit == "ratio" else 1000,)
        ],
        "wilson": [
            [k, n, z, [k / n, *proportion_confint(k, n, alpha=0.05, method="wilson")]]
            for c in pairs()
            for k, n in (c[:2], c[2:])
        ],
        "gaps": [[*limits[c], newcombe(c, 0.95)] for c in pairs()],
        "ratios": [[*limits[c], own("ratio", c, 0.95)] for c in some],
        "verdicts": verdict_cases(),
    }


def test_the_cases_hold_in_python_too() -> None:
    """scipy, statsmodels and auditkit agree on what node is held to."""
    z = float(norm.ppf(0.975))
    for counts in pairs():
        assert own("difference", counts, 0.95) == pytest.approx(newcombe(counts, 0.95), abs=1e-12)
        k, n = counts[:2]
        told = binomtest(k, n).proportion_ci(method="wilson")
        assert [float(x) for x in wilson(k, n, z)[1:]] == pytest.approx([told.low, told.high], abs=1e-12)


@pytest.mark.parametrize("tight", [True, False])
def test_by_nodes_own_runner(tmp_path: Path, tight: bool) -> None:
    found, environment = node(), {**os.environ, "AUDITKIT_CASES": str(tmp_path / "cases.json")}
    (tmp_path / "cases.json").write_text(json.dumps(cases(), allow_nan=False))
    if tight:
        (tmp_path / "script.js").write_text(script.text())
        environment["AUDITKIT_SCRIPT"] = str(tmp_path / "script.js")
        subprocess.run([found, "--check", tmp_path / "script.js"], check=True, timeout=60)
    files = sorted(map(str, NODE.glob("*.test.mjs")))
    done = subprocess.run([found, "--test", *files], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "# fail 0" in done.stdout or "fail 0" in done.stdout
    assert "# skipped 0" in done.stdout or "skipped 0" in done.stdout


def test_the_script_is_small_and_says_nothing_that_ends_it() -> None:
    text = script.text()
    assert len(text.encode()) <= 12_000
    assert "</" not in text
    assert "<!--" not in text
    assert not any(line.startswith("//") or line != line.strip() for line in text.splitlines())


def test_tightness_leaves_texts_and_patterns() -> None:
    assert script.tight_script('a = "x  = 1";\n  // b = c\n') == 'a="x  = 1";'
    assert script.tight_script("  f(/a b [=] c/, ` = ${x}`);\n") == "f(/a b [=] c/,` = ${x}`);"
    assert script.tight_script("a;\n// b\n\nc;") == "a;\nc;"
