"""What a configuration asks of attributes that its data do not declare is told with its line, before any audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from tests.helpers import run_cli

DATA = """[data]
path = "loans.csv"
y_true = "repaid"
positive = 1
sensitive_features = ["sex", "age"]
bins = { age = [0, 40, 120] }

[predictions]
y_pred = "approved"

[[check]]
name = "group_fairness"
"""
RULE = """
[[rule]]
id = "equal"
metric = "selection_rate"
comparison = "difference"
by = ["{by}"]
at_most = 0.9
"""
WAIVER = """
[[waiver]]
rule = "equal"
reason = "known"
approved_by = "board"
expires = 2999-01-01
"""
WRONG = "auditkit.toml:14: rule 'equal': no sensitive feature '{by}'; [data] declares sex, age."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(5)
    n = 120
    sex, region = rng.choice(["f", "m"], n), rng.choice(["n", "s"], n)
    frame = pd.DataFrame({"sex": sex, "region": region, "age": rng.integers(20, 60, n)})
    frame.assign(repaid=rng.integers(0, 2, n), approved=rng.integers(0, 2, n)).to_csv(
        tmp_path / "loans.csv", index=False
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "auditkit.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(("by", "near"), [("gender", ""), ("sexx", " Did you mean 'sex'?")])
def test_an_attribute_that_the_data_do_not_declare_is_refused_at_once(project: Path, by: str, near: str) -> None:
    path = write(project, DATA + RULE.format(by=by))
    said = WRONG.format(by=by) + near
    with pytest.raises(ak.PolicyError) as e:
        ak.load_config(path)
    assert str(e.value) == said
    (project / "loans.csv").unlink()  # nothing is read
    status, out, err = run_cli(["run", "auditkit.toml"])
    assert (status, out, err) == (2, "", f"auditkit: {said}\n")


def test_every_rule_is_told_in_one_round(project: Path) -> None:
    other = RULE.format(by="region").replace('"equal"', '"other"')
    with pytest.raises(ak.PolicyError) as e:
        ak.load_config(write(project, DATA + RULE.format(by="gender") + other))
    assert [line.split(": ")[0] for line in str(e.value).splitlines()] == ["auditkit.toml:14", "auditkit.toml:21"]


def test_flags_declare_too_and_a_policy_alone_is_held_against_no_data(project: Path) -> None:
    write(project, DATA + RULE.format(by="region"))
    flags = ["--sensitive", "sex", "--sensitive", "region", "--sensitive", "age"]
    status, _, err = run_cli(["run", "auditkit.toml", *flags, "--quiet"])
    assert status == 0, err
    # a policy of its own file is held against the data of the configuration
    write(project, RULE.format(by="gender"), "policy.toml")
    status, _, err = run_cli(["run", "auditkit.toml", "--policy", "policy.toml"])
    assert (status, "policy.toml:2: rule 'equal': no sensitive feature 'gender'" in err) == (2, True)
    assert ak.load_config(project / "policy.toml").policy.rules[0].by == ("gender",)
    assert ak.Policy.load(project / "auditkit.toml").rules[0].by == ("region",)


def test_a_preset_of_what_is_not_declared_is_refused_with_the_configuration(project: Path) -> None:
    path = write(project, f'{DATA}\n[policy]\npreset = "four-fifths"\nby = ["region"]\n')
    with pytest.raises(ak.PolicyError, match=r"no sensitive feature 'region'; declared are sex, age"):
        ak.load_config(path)


COMPANY = """[require]
attributes = ["sex", "region"]
crossings = [["sex", "race"]]
longest_waiver = 30
lowest_min_n = 20
"""


def test_a_floor_is_told_in_one_round(project: Path) -> None:
    """Rules, waivers, and attributes that are required and not declared: who mends them all is through."""
    write(project, COMPANY, "company.toml")
    text = f'extends = "company.toml"\n{DATA}{RULE.format(by="sex")}'
    with pytest.raises(ak.PolicyError) as e:
        ak.load_config(write(project, text + WAIVER))
    lines = str(e.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == ["auditkit.toml:15", "auditkit.toml:22", *["auditkit.toml:6"] * 2]
    assert "has min_n = 10; required is at least 20 (company.toml:5)" in lines[0]
    assert "expires on 2999-01-01" in lines[1]
    assert lines[2].endswith("[data] declares sex, age, and not 'region', which is required (company.toml:2)")
    assert lines[3].endswith("and not 'race', which is required (company.toml:3)")
    mended = text.replace("at_most", "min_n = 20\nat_most").replace('"sex", "age"', '"sex", "age", "region", "race"')
    assert ak.load_config(write(project, mended)).policy.floors
    # where nothing else is asked less, an attribute that is not declared stays a verdict: the data may not have it
    assert ak.load_config(write(project, mended.replace(', "region", "race"', ""))).policy.floors
    # a waiver alone is told with the configuration, before the audit
    with pytest.raises(ak.PolicyError, match="expires on 2999-01-01"):
        ak.load_config(write(project, mended + WAIVER))


def test_data_that_are_not_there_are_told_by_line_folder_and_nearest_name(project: Path) -> None:
    write(project, (DATA + RULE.format(by="sex")).replace('"loans.csv"', '"loan.csv"'))
    status, out, err = run_cli(["run", "auditkit.toml"])
    where = f"auditkit.toml:2: cannot read 'loan.csv' in {project.resolve()}"
    said = f"auditkit: {where}: no such file. Did you mean 'loans.csv'?"
    assert (status, out, err) == (2, "", f"{said}\n")
    for strange in ("x" * 300, "nowhere/loans.csv", "loans.csv/x"):
        write(project, (DATA + RULE.format(by="sex")).replace('"loans.csv"', f'"{strange}"'))
        status, out, err = run_cli(["run", "auditkit.toml"])
        assert (status, out, "cannot read" in err, len(err.splitlines())) == (2, "", True, 1)
    assert run_cli(["run", f"{'x' * 300}/auditkit.toml"])[0] == 2
    status, _, err = run_cli(["run", "auditkit.toml", "--data", "other.csv"])
    assert (status, "toml:" in err) == (2, False), "a flag stands on no line"
    assert run_cli(["run", "auditkit.toml", "--data", "loans.csv", "--quiet"])[0] == 0
    write(project, (DATA + RULE.format(by="sex")).replace('"loans.csv"', '"zzz/*.parquet"'))
    status, _, err = run_cli(["run", "auditkit.toml"])
    assert (status, "no file matches it as a pattern" in err) == (2, True)


def test_a_mistyped_configuration_is_told_the_nearest_beside_it(project: Path) -> None:
    write(project, DATA + RULE.format(by="sex"))
    status, _, err = run_cli(["run", "auditkitt.toml"])
    assert status == 2
    assert err == "auditkit: cannot read auditkitt.toml: No such file or directory. Did you mean 'auditkit.toml'?\n"


def test_columns_that_are_listed_are_those_of_the_file() -> None:
    frame = {"age": [1, 50], "y": [0, 1]}
    with pytest.raises(ak.DataError) as e:
        ak.Dataset(frame, y_true="yy", positive=1, sensitive_features=["age"], bins={"age": [0, 40, 120]})
    assert "the columns are age, y." in str(e.value)


def test_a_page_is_told_as_one_before_anything_of_its_json(project: Path) -> None:
    (project / "page.html").write_text("<!doctype html><p>a page")
    for command in (["verify", "page.html"], ["gate", "page.html", "--policy", "four-fifths"]):
        status, _, err = run_cli(command)
        assert status == 2
        assert err == "auditkit: page.html is a page, which holds no evidence: give the report.json beside it\n"
