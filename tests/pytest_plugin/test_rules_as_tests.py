"""`pytest --auditkit FILE`: one item a rule, from outside, as users run it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.forked import python

CONFIG = """
[predictions]
y_pred = "p"

[data]
path = "rows.csv"
y_true = "y"
positive = 1
sensitive_features = ["sex"]

[audit]
name = "hiring"

[[check]]
name = "group_fairness"

[[rule]]
id = "equal"
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = 0.1

[[rule]]
id = "right"
metric = "accuracy"
comparison = "overall"
at_least = 0.5

[[rule]]
id = "open"
metric = "true_positive_rate"
comparison = "difference"
by = ["sex"]
at_most = {open}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    rng = np.random.default_rng(0)
    n = 800
    sex, y = rng.choice(["f", "m"], n), rng.integers(0, 2, n)
    p = np.where(rng.random(n) < 0.15, 1 - y, y)
    p = np.where((sex == "f") & (rng.random(n) < 0.3), 0, p)
    frame = pd.DataFrame({"sex": sex, "y": y, "p": p})
    frame.to_csv(pytester.path / "rows.csv", index=False)
    rate = frame[frame.y == 1].groupby("sex").p.mean()
    (pytester.path / "auditkit.toml").write_text(CONFIG.replace("{open}", f"{rate['m'] - rate['f']:.3f}"))
    return pytester


def run(project: pytest.Pytester, *asked: str) -> pytest.RunResult:
    return cached(project, "-p", "no:cacheprovider", *asked)


def cached(project: pytest.Pytester, *asked: str) -> pytest.RunResult:
    started = time.perf_counter()
    done = python("pytest", *asked, cwd=project.path)
    took = time.perf_counter() - started
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), took)


def test_each_rule_is_an_item(project: pytest.Pytester) -> None:
    result = run(project, "--auditkit", "auditkit.toml", "-v")
    result.assert_outcomes(failed=1, passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*auditkit.toml::equal FAILED*", "*::right PASSED*", "*::open PASSED*"])
    told = result.stdout.str()
    for line in (
        "equal: failed",
        "asked   Selected: people whose sex is “f” and people whose sex is “m” differ by at most 10 points",
        "groups  f 30.8%, m 49.6%",
        "why     The whole interval lies beyond the limit of 10 points.",
        "next    ",
        "page    ",
        "open: undecided. The interval crosses the limit",
    ):
        assert line in told, told
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_file_as_an_argument_is_the_same_and_one_that_lies_about_is_no_test(project: pytest.Pytester) -> None:
    run(project, "auditkit.toml").assert_outcomes(failed=1, passed=2, warnings=1)
    project.makepyfile("def test_own(): pass")
    run(project).assert_outcomes(passed=1)
    run(project, "--auditkit", "auditkit.toml", ".").assert_outcomes(failed=1, passed=3, warnings=1)


@pytest.mark.slow
def test_selection_and_junit(project: pytest.Pytester) -> None:
    run(project, "--auditkit", "auditkit.toml", "-k", "right").assert_outcomes(passed=1, deselected=2)
    run(project, "auditkit.toml::right").assert_outcomes(passed=1)
    run(project, "auditkit.toml", "--junitxml", "j.xml")
    text = (project.path / "j.xml").read_text()
    assert 'name="equal"' in text
    assert "The whole interval lies beyond the limit" in text
    first = cached(project, "auditkit.toml")
    first.assert_outcomes(failed=1, passed=2, warnings=1)
    cached(project, "auditkit.toml", "--lf").assert_outcomes(failed=1, deselected=2)


@pytest.mark.slow
def test_under_xdist_the_audit_runs_once(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import pathlib
        import auditkit.configured as configured
        real = configured.audited
        def counted(*a, **k):
            with pathlib.Path("audits").open("a") as f:
                f.write("x")
            return real(*a, **k)
        configured.audited = counted
    """)
    result = run(project, "--auditkit", "auditkit.toml", "-n", "3")
    result.assert_outcomes(failed=1, passed=2, warnings=1)
    assert (project.path / "audits").read_text() == "x"


@pytest.mark.slow
def test_what_a_killed_process_began_another_makes(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import os, pathlib
        import auditkit.configured as configured
        real = configured.audited
        def killed_once(*a, **k):
            try:
                pathlib.Path("died").touch(exist_ok=False)
            except FileExistsError:
                return real(*a, **k)
            os._exit(9)
        configured.audited = killed_once
    """)
    result = run(project, "--auditkit", "auditkit.toml", "-n", "2")
    out = result.stdout.str()
    assert "crashed while running" in out
    assert result.parseoutcomes()["failed"] + result.parseoutcomes().get("passed", 0) == 3, out


@pytest.mark.slow
def test_a_mistake_is_one_line_for_each_rule_that_it_stops(project: pytest.Pytester) -> None:
    config = project.path / "auditkit.toml"
    whole = config.read_text()
    config.write_text(whole.replace('metric = "accuracy"', 'metric = "acuracy"'))
    result = run(project, "auditkit.toml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unknown metric 'acuracy'*Did you mean 'accuracy'?*"])
    config.write_text(whole.replace("rows.csv", "lost.csv"))
    result = run(project, "auditkit.toml", "-n", "2")
    result.assert_outcomes(failed=3)
    assert "lost.csv" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert run(project, "--auditkit", "none.toml").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.slow
def test_a_rule_says_where_it_is_written(project: pytest.Pytester) -> None:
    line = (project.path / "auditkit.toml").read_text().splitlines().index('id = "equal"')
    result = run(project, "auditkit.toml", "-rA", "--tb=line")
    items, _ = project.inline_genitems("auditkit.toml")
    assert items[0].location[1] == line - 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.slow
def test_the_fixture_fails_with_the_message_or_gives_the_report(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import auditkit as ak
        RULE = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["sex"]}
        def gate(audit, limit):
            data = ak.Dataset("rows.csv", y_true="y", positive=1, sensitive_features=["sex"])
            rule = RULE | {"at_most": limit}
            return audit(ak.Predictions("p"), data, checks=["group_fairness"], policy={"rule": [rule]})
        def test_met(audit):
            assert gate(audit, 0.9).outcome == "passed"
        def test_not_met(audit):
            gate(audit, 0.05)
    """)
    result = run(project)
    result.assert_outcomes(passed=1, failed=1)
    assert "The whole interval lies beyond the limit of 5 points." in result.stdout.str()


def test_the_plugin_imports_nothing_but_pytest() -> None:
    code = (
        "import sys, pytest, _pytest.pytester; before = set(sys.modules); import auditkit.pytest_plugin; "
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('auditkit')))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


def arrays(gap: float, n: int = 2_000) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    sex, y = rng.choice(["f", "m"], n), rng.integers(0, 2, n)
    p = (rng.random(n) < np.where(sex == "f", 0.5, 0.5 + gap)).astype(int)
    return {"y_true": y, "y_pred": p, "sensitive_features": pd.Series(sex, name="sex")}


def test_assert_fair_says_who_and_how_sure() -> None:
    from fairlearn.metrics import demographic_parity_difference

    from auditkit.testing import assert_fair

    asked: dict[str, Any] = {"metric": "demographic_parity_difference", "at_most": 0.1}
    report = assert_fair(**arrays(0.0), **asked)
    value = report.verdicts[0].estimate
    assert value is not None
    assert value.value == pytest.approx(demographic_parity_difference(**arrays(0.0)), abs=1e-12)
    with pytest.raises(AssertionError, match=r"(?s)demographic_parity_difference: failed.*groups  f \d"):
        assert_fair(**arrays(0.3), **asked)
    few = {k: v[:60] for k, v in arrays(0.0).items()}
    with pytest.raises(AssertionError, match=r"undecided"):
        assert_fair(**few, **asked)
    assert_fair(**few, metric="selection_rate", at_most=0.9, decision="point")


def test_assert_fair_takes_frames_and_mappings_and_refuses_what_it_cannot_ask() -> None:
    import auditkit as ak
    from auditkit.testing import assert_fair

    given = arrays(0.0)
    sex = given.pop("sensitive_features")
    asked: dict[str, Any] = {"metric": "selection_rate", "at_most": 0.5}
    by = [
        assert_fair(**given, sensitive_features=s, **asked).verdicts[0].rule.by
        for s in (list(sex), {"sex": sex}, pd.DataFrame({"sex": sex, "half": np.arange(2_000) % 2}))
    ]
    assert by == [("sensitive_feature",), ("sex",), ("sex", "half")]
    with pytest.raises(ak.DataError, match="has 3 values; y_true has 2,000"):
        assert_fair(**given, sensitive_features=["f", "m", "f"], **asked)
    with pytest.raises(ak.PolicyError, match="needs exactly one of at_most and at_least"):
        assert_fair(**given, sensitive_features=sex, metric="selection_rate")
    with pytest.raises(ak.PolicyError, match="Did you mean 'selection_rate'"):
        assert_fair(**given, sensitive_features=sex, metric="selection_rat", at_most=0.1)


@pytest.mark.slow
def test_pages_lie_where_the_message_says(project: pytest.Pytester) -> None:
    result = cached(project, "auditkit.toml")
    page = next(line for line in result.stdout.str().splitlines() if line.strip().startswith("page"))
    assert Path(page.split(maxsplit=1)[1].partition("#")[0]).is_file()


def test_what_an_organisation_requires_is_an_item_each(project: pytest.Pytester) -> None:
    (project.path / "company.toml").write_text(
        '[require]\nattributes = ["sex", "race"]\nchecks = ["subgroups"]\non_not_measured = "warn"\n'
    )
    config = (project.path / "auditkit.toml").read_text()
    (project.path / "auditkit.toml").write_text(f'extends = "company.toml"\n{config}')
    result = run(project, "--auditkit", "auditkit.toml", "-v", "-k", "required")
    result.assert_outcomes(passed=3, deselected=3, warnings=2)
    result.stdout.fnmatch_lines(["*Groups of race: not in the data. The data have no column 'race'. (required: *"])
    (project.path / "company.toml").write_text('[require]\nattributes = ["sex", "race"]\nchecks = ["subgroups"]\n')
    result = run(project, "--auditkit", "auditkit.toml", "-v", "-k", "required")
    result.assert_outcomes(passed=1, failed=2, deselected=3)
    result.stdout.fnmatch_lines(
        [
            "the check subgroups: left out by configuration",
            "*required by company.toml:3",
            "*next*add a *check* with *",
        ]
    )
