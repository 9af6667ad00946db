"""What a model is for, and who decides: read from a configuration, kept in the report, read again from old and new."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import PolicyError, ReportError
from auditkit.gate.config import load_config
from auditkit.records import LONGEST_ANSWER, Context, Report, Signer, SignOff
from tests.helpers import run_cli

RULE = '[[rule]]\nid = "r"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.1\n'
SAID = """\
[context]
purpose = "To invite applicants to an interview"
oversight = \"\"\"
A recruiter reads
every refusal.\"\"\"
requirements = ["ugesp"]

[sign_off]
review_by = 2027-05-01
[[sign_off.person]]
name = "A. Lee"
role = "model risk"
date = 2026-11-30
[[sign_off.person]]
role = "works council"
"""
OLD = Path(__file__).parent / "fixtures" / "binary_0_1_0.json"


def written(tmp_path: Path, text: str, name: str = "auditkit.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def data() -> ak.Dataset:
    rows = {"y": [0, 1] * 30, "p": [0, 1, 1] * 20, "g": ["a", "b"] * 30}
    return ak.Dataset(rows, y_true="y", positive=1, sensitive_features="g")


def audited(**more: Any) -> Report:
    return ak.audit(ak.Predictions("p"), data(), checks=["group_fairness"], **more)


def test_a_configuration_says_it(tmp_path: Path) -> None:
    policy = load_config(written(tmp_path, SAID + RULE)).policy
    assert policy.context is not None
    assert policy.context.purpose == "To invite applicants to an interview"
    assert policy.context.requirements == ("ugesp",)
    assert policy.context.blanks == (
        *("affected", "positive_decision", "decided_by", "data_window", "label_quality", "known_limits"),
    )
    assert policy.sign_off == SignOff(
        person=(
            Signer(name="A. Lee", role="model risk", date=datetime.date(2026, 11, 30)),
            Signer(role="works council"),
        ),
        review_by=datetime.date(2027, 5, 1),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[context]\n\npurpos = "x"\n', "auditkit.toml:3: unknown key 'purpos'; .*Did you mean 'purpose'"),
        ('[context]\nANSWERS = "x"\n', "auditkit.toml:2: unknown key 'ANSWERS'"),
        ("[context]\npurpose = 3\n", "auditkit.toml:2: 'purpose': Input should be a valid string"),
        (
            f'[context]\nlabel_quality = "{"x" * (LONGEST_ANSWER + 1)}"\n',
            "toml:2: 'label_quality': .*at most 1000 char",
        ),
        ('[context]\nrequirements = ["eu-ai"]\n', "toml:2: no requirements 'eu-ai'; .*Did you mean 'eu-aia'"),
        ('context = "x"\n', "auditkit.toml:1: 'context' must be a table"),
        ("[sign_off]\nreview_bye = 2027-01-01\n", "toml:2: unknown key 'review_bye'; .*Did you mean 'review_by'"),
        ("[sign_off]\nreview_by = 20270101\n", "toml:2: 'review_by': a date is written 2027-05-01, got 20270101"),
        ('[[sign_off.person]]\nrole = "a"\n[[sign_off.person]]\nrol = "b"\n', "toml:4: unknown key 'rol'; .*'role'"),
        ('[[sign_off.person]]\nname = "n"\ndate = "soon"\n', "toml:3: "),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=f"(?s){said}"):
        load_config(written(tmp_path, text + RULE if text.startswith("[") else text))


def test_blank_is_what_says_nothing() -> None:
    assert Context(purpose=" \u200b \n- ", affected="0").blanks == Context.ANSWERS[:1] + Context.ANSWERS[2:]
    assert set(Context.ANSWERS) | {"requirements"} == set(Context.model_fields)


def test_the_report_keeps_what_was_given_and_what_the_policy_file_says(tmp_path: Path) -> None:
    path = written(tmp_path, SAID + RULE)
    by_file, own = audited(policy=path), Context(purpose="To rank")
    assert (by_file.context, by_file.sign_off) == (load_config(path).policy.context, load_config(path).policy.sign_off)
    assert audited(policy=path, context=own).context == own, "what is given goes before"
    assert audited(context=own, sign_off=SignOff()).sign_off == SignOff()
    for report in (by_file, audited(context=own), audited(sign_off=SignOff(person=(Signer(name="x"),)))):
        assert Report.from_json(report.to_json()) == report
        assert Report.from_json(report.to_json()).to_json() == report.to_json()


def test_a_judged_report_takes_what_the_file_says_and_keeps_what_it_does_not_say(tmp_path: Path) -> None:
    report = audited(context=Context(purpose="To rank"))
    bare, said = written(tmp_path, RULE, "bare.toml"), written(tmp_path, SAID + RULE)
    assert ak.judge(report, bare).context == report.context
    assert ak.judge(report, said).context == load_config(said).policy.context
    assert ak.judge(ak.judge(report, said), bare).sign_off == load_config(said).policy.sign_off


def test_words_about_a_model_change_no_rule(tmp_path: Path) -> None:
    assert (
        ak.Policy.load(written(tmp_path, SAID + RULE)).sha256
        == ak.Policy.load(written(tmp_path, RULE, "b.toml")).sha256
    )


def test_an_old_report_has_none_and_stays_as_it_was() -> None:
    text = OLD.read_text(encoding="utf-8")
    report = Report.from_json(text)
    assert (report.context, report.sign_off) == (None, None)
    assert '"context"' not in report.to_json()
    assert '"sign_off"' not in report.to_json()
    assert audited(context=Context(purpose="x")).to_json().count('"context"') == 1


@pytest.mark.parametrize(
    ("context", "where"),
    [
        ('{"purpose": 1}', "context.purpose"),
        ('{"porpoise": "x"}', "context.porpoise"),
        ('{"purpose": "' + "x" * 2000 + '"}', "context.purpose"),
        ('{"requirements": ["' + '", "'.join("abcdefghijklmnopqrstuvwxyz") + '"]}', "context.requirements"),
        ('"x"', "context"),
    ],
)
def test_what_a_stranger_stored_is_held_to_the_same_bounds(context: str, where: str) -> None:
    text = audited(context=Context()).to_json().replace('"context":{}', f'"context":{context}')
    assert f'"context":{context}' in text
    with pytest.raises(ReportError, match=where):
        Report.from_json(text)


def test_the_command_line_carries_it_also_beside_another_policy(tmp_path: Path) -> None:
    pd.DataFrame({"y": [0, 1] * 30, "p": [0, 1, 1] * 20, "g": ["a", "b"] * 30}).to_csv(tmp_path / "d.csv", index=False)
    config = f"""\
[predictions]
y_pred = "p"
[data]
path = "d.csv"
y_true = "y"
positive = 1
sensitive_features = "g"
{SAID}
{RULE}"""
    other = written(tmp_path, RULE + '[context]\npurpose = "Another"\n', "other.toml")
    path, out = written(tmp_path, config), str(tmp_path / "out")
    for more, purpose in (
        ([], "To invite applicants to an interview"),
        (["--policy", str(written(tmp_path, RULE, "bare.toml"))], "To invite applicants to an interview"),
        (["--policy", str(other)], "Another"),
    ):
        status, _, err = run_cli(["run", str(path), "--out", out, "--name", "r", "--format", "json", "--force", *more])
        assert status == 0, err
        report = Report.load(tmp_path / "out" / "r.json")
        assert report.context is not None
        assert report.context.purpose == purpose
        assert report.sign_off is not None
