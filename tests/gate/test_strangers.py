"""A stranger's report: what cannot be, and what exhausts, is refused by name within 5 s and 500 MB."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import auditkit as ak
from auditkit.errors import ReportError
from tests.gate.test_rederived import GAP, binary, classes, numbers
from tests.helpers import run_cli
from tests.limits import run

MAE = {"rule": [{"id": "g", "metric": "mean_absolute_error", "comparison": "difference", "by": ["sex"], "at_most": 1}]}
MACRO = {"rule": [{"id": "g", "metric": "macro_recall", "comparison": "difference", "by": ["sex"], "at_most": 0.9}]}


def evidence(make: Callable[[], ak.Report], check: str, change: Callable[[Any], Any]) -> str:
    raw = json.loads(make().to_json())
    change(raw["evidence"][check]["data"])
    return json.dumps(raw)


def cells(**columns: Any) -> Callable[[Any], Any]:
    return lambda d: d["cells"].update(columns)


def first(column: str, value: Any, part: str = "cells") -> Callable[[Any], Any]:
    return lambda d: d[part][column].__setitem__(0, value)


def doubled(part: str) -> Callable[[Any], Any]:
    return lambda d: d[part].update({k: v[:1] + v for k, v in d[part].items()})


@pytest.mark.parametrize(
    ("make", "check", "policy", "change", "said"),
    [
        (binary, "group_fairness", GAP, first("n", -1000), "'n' of the cells holds -1000"),
        (binary, "group_fairness", GAP, first("n", 1.5), "'n' of the cells holds 1.5"),
        (binary, "group_fairness", GAP, first("n", True), "'n' of the cells holds true or false"),
        (binary, "group_fairness", GAP, first("n", 2**60), "'n' of the cells holds 1152921504606846976"),
        (binary, "group_fairness", GAP, first("y_true", -2), "'y_true' of the cells holds -2"),
        (binary, "group_fairness", GAP, first("y_pred", 2), "'y_pred' of the cells holds 2"),
        (binary, "group_fairness", GAP, first("sex", None), "'sex' of the cells is null"),
        (binary, "group_fairness", GAP, doubled("cells"), "twice"),
        (binary, "group_fairness", GAP, lambda d: d.update(by=["sex", "sex"]), "by' of the tally names 'sex' twice"),
        (binary, "group_fairness", GAP, lambda d: d.update(more=1), "the tally has unknown fields: 'more'"),
        (classes, "class_fairness", MACRO, first("y_true", 3), "'y_true' of the cells holds 3"),
        (classes, "class_fairness", MACRO, lambda d: d.update(classes=["u", "u", "v"]), "the classes names 'u' twice"),
        (numbers, "regression_fairness", MAE, first("n", -1, "moments"), "'n' of the moments holds -1"),
        (numbers, "regression_fairness", MAE, first("error_m2", -1.0, "moments"), "'error_m2' of the moments holds"),
        (numbers, "regression_fairness", MAE, first("cell", 2**63 - 1, "values"), "cells of no finite number"),
        (numbers, "regression_fairness", MAE, first("n", 900, "values"), "values"),
        (numbers, "regression_fairness", MAE, lambda d: d.update(cut=70), "'cut' of the sums of errors is 70"),
    ],
)  # fmt: skip
def test_evidence_that_cannot_be_is_refused_by_name(
    make: Callable[[], ak.Report], check: str, policy: dict[str, Any], change: Callable[[Any], Any], said: str
) -> None:
    report = ak.Report.from_json(evidence(make, check, change))
    with pytest.raises(ReportError, match=f"the evidence of '{check}' cannot be read: .*{said}"):
        ak.judge(report, policy)


def many(groups: int) -> Callable[[Any], Any]:
    return cells(
        sex=[f"g{i:06d}" for i in range(groups) for _ in range(4)],
        y_true=[0, 0, 1, 1] * groups,
        y_pred=[0, 1, 0, 1] * groups,
        n=[20, 5, 7, 30] * groups,
    )


def huge(text: str) -> Callable[[], Any]:
    return lambda: ak.judge(ak.Report.from_json(text), GAP).verdicts[0].status


REPORT = '{"schema_version": "auditkit.report/1", "name": %s}'


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda: evidence(binary, "group_fairness", many(92_500)), "groups of 'sex'"),
        (lambda: evidence(binary, "group_fairness", many(2_300)), "groups of 'sex'"),
        (lambda: REPORT % ("[" * 100_000 + "]" * 100_000), "is not"),
        (lambda: REPORT % ("[" * 70 + "]" * 70), "more than 64 brackets within one another"),
        (lambda: REPORT % ("[" + "{}," * 5_000_000 + "{}]"), "objects, more than"),
        (lambda: REPORT % ("[" + "0," * 9_000_000 + "0]"), "items, more than"),
        (lambda: REPORT % '"a", "name": "b"', "the key 'name' stands twice in one object"),
        (lambda: REPORT % "NaN", "it holds NaN, which is no number"),
        (lambda: REPORT % "-Infinity", "it holds -Infinity, which is no number"),
        (lambda: REPORT % ("9" * 10_000), "is not complete JSON"),
        (lambda: REPORT % r'"\ud800"', "half a character"),
        (lambda: REPORT % '"a"' + "\x00", "is not complete JSON"),
    ],
    ids=range(12),
)
def test_what_exhausts_or_has_two_meanings_is_refused(text: Callable[[], str], said: str) -> None:
    made = text()
    ran = run(huge(made), seconds=5, megabytes=500)
    assert ran.error == "ReportError", (ran.error, ran.message, ran.value)
    assert said in ran.message
    assert len(ran.message) < 500


@pytest.mark.one_in(4)
@pytest.mark.parametrize("comparison", ["difference", "ratio", "difference_to_overall", "group_min"])
def test_a_thousand_groups_are_compared_and_no_more_than_a_thousand_in_all(comparison: str) -> None:
    """Every pair is compared: what is too much for all rules together is not measured, which fails by default."""
    raw = json.loads(evidence(binary, "group_fairness", many(1_000)))
    raw["findings"] = []
    report = ak.Report.from_json(json.dumps(raw))
    rules = [{**GAP["rule"][0], "id": i, "comparison": comparison, "at_most": 0.9} for i in ("a", "b")]
    ran = run(lambda: ak.judge(report, {"rule": rules}), seconds=5, megabytes=500)
    assert ran.error == "", ran
    first, second = ran.value.verdicts
    assert first.status in ("pass", "fail", "inconclusive")
    assert (second.status, "more than 1,000,000 pairs" in second.reason) == ("not_measured", True)
    assert ak.judge(ak.Report.from_json(ran.value.to_json()), {"rule": rules}).verdicts == ran.value.verdicts


def test_rules_of_many_groups_share_one_measure_of_work() -> None:
    raw = json.loads(evidence(binary, "group_fairness", many(240)))
    raw["findings"] = []
    report = ak.Report.from_json(json.dumps(raw))
    rules = [{**GAP["rule"][0], "id": f"r{i}", "comparison": "ratio", "at_least": 0.1 + i / 50} for i in range(30)]
    rules = [{k: v for k, v in r.items() if k != "at_most"} for r in rules]
    ran = run(lambda: ak.judge(report, {"rule": rules}).verdicts, seconds=5, megabytes=500)
    assert ran.error == "", ran
    assert [v.status == "not_measured" for v in ran.value] == [False] * 17 + [True] * 13


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["findings"][3]["estimate"].update(level=5), "level: Input should be less than 1"),
        (lambda r: r["findings"][3]["estimate"].update(level=0), "level: Input should be greater than 0"),
        (lambda r: r["findings"][3]["estimate"].update(low=0.9, high=0.1), "lies above the upper limit"),
        (lambda r: r["findings"][3]["estimate"].update(n=-1), "n: Input should be greater than or equal to 0"),
        (lambda r: r["findings"].append(r["findings"][0]), "two findings have the id"),
        (lambda r: r["verdicts"].append(r["verdicts"][0]), "two verdicts have the id 'g'"),
        (lambda r: r["verdicts"][0].update(finding="nowhere"), "names a finding that is not in the report"),
    ],
)
def test_records_that_cannot_be_are_refused(change: Callable[[Any], Any], said: str) -> None:
    raw = json.loads(ak.judge(binary(), GAP).to_json())
    change(raw)
    with pytest.raises(ReportError, match="is not an auditkit report") as caught:
        ak.Report.from_json(json.dumps(raw))
    assert said in str(caught.value)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe, sparse = tmp_path / "pipe", tmp_path / "sparse.json"
    os.mkfifo(pipe)
    with sparse.open("wb") as file:
        file.truncate(10**12)
    for path, said in (
        (pipe, "is a pipe"),
        (tmp_path, "is a folder"),
        (Path("/dev/zero"), "is a device"),
        (sparse, "is larger than 6"),
        (tmp_path / "no\x00name", "cannot read"),
    ):
        ran = run(lambda path=path: ak.Report.load(path), seconds=2, megabytes=200)  # type: ignore[misc]
        assert (ran.error, said in ran.message) == ("ReportError", True), ran


HOSTILE = ["::error::x", "##[set-output name=a]b", "##vso[task.complete]", "a\n::error::b", "a\r::stop-commands::x",
           ":::error::", "\u202ex\u2066", "\x1b[31mred", "a\u200bb\u3164", "\x9b2J"]  # fmt: skip


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_obeyed_where_it_is_printed(name: str, tmp_path: Path) -> None:
    report = binary().model_copy(update={"name": name})
    rules = [{**GAP["rule"][0], "id": name}, {**GAP["rule"][0], "id": f"{name}2", "at_most": 0.4}]
    judged = ak.judge(report, {"rule": rules})
    path = judged.save(tmp_path / "r.json")
    junit = judged.save(tmp_path / "r.xml").read_text()
    (tmp_path / "p.toml").write_text(f"[[rule]]\nid = {json.dumps(name)}\nmetric = 'nothing'\n")
    said = [*run_cli(["gate", str(path), "--policy", "equal_treatment"])[1:], junit]
    (tmp_path / "p.toml").write_text(
        f"[[rule]]\nid = {json.dumps(name)}\nmetric = 'accuracy'\ncomparison = 'overall'\nat_least = 0.999\n"
    )
    said += run_cli(["gate", str(path), "--policy", str(tmp_path / "p.toml")])[1:]
    said += run_cli(["gate", str(path), "--policy", str(tmp_path / f"{name}.toml")])[1:]
    for text in said:
        assert all(c.isprintable() or c == "\n" for c in text)
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
        assert "##" not in text
        assert "\u3164" not in text
