"""A small report.json: exhibits as columns, evidence that no rule asks in a second file; and nothing is lost by it."""

from __future__ import annotations

import json
import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import auditkit as ak
from auditkit import columns, evidence_files, stored
from auditkit.errors import ReportError
from auditkit.records import Report
from auditkit.report import formats, writing
from tests.helpers import run_cli

SAMPLE = Path("reports/samples/income.json")
SECOND = Path("reports/samples/income.evidence.json")
RULE = {"id": "equal", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.05}


@cache
def audited(late: int) -> Report:
    rows = {"sex": ["f", "m"] * 50, "y": [1, 1, 0, 0] * 25, "p": [1, 1] * late + [0, 1] * (50 - late)}
    data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["sex"])
    return ak.audit(ak.Predictions("p"), data, checks=["group_fairness", "data_profile"], policy={"rule": [RULE]})


@pytest.fixture
def two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any evidence that no rule asks goes to the second file, however little."""
    monkeypatch.setattr(evidence_files, "MOST_WITHIN", 0)


# ---- columns

LISTS: dict[str, Any] = {
    "objects": [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}],
    "other keys": [{"a": 1}, {"b": 1}],
    "one": [{"a": 1}],
    "none": [],
    "plain": [[1, 2.5], ["x", None]],
    "equal, and not the same": [{"a": 0, "b": 0.0}, {"a": False, "b": -0.0}],
    "labelled": [["x", [{"v": 1.0, "n": 2}] * 2], ["y", [{"v": 1.5, "n": 2}] * 2]],
    "nested": [{"a": [{"b": {"c": []}}] * 3}, {"a": [{"b": {"c": []}}] * 3}],
    "empty": [{}, {}],
    "named as columns are": [{"each": "sex", "n": "f"}, {"each": "sex", "n": "m"}],
}


@pytest.mark.parametrize("name", LISTS)
def test_columns_are_the_lists_that_they_were(name: str) -> None:
    whole = {"kind": "x", "of": LISTS[name]}
    told = stored.text(columns.packed(whole))
    assert stored.text(columns.unpacked()(json.loads(told))) == stored.text(whole)
    assert columns.unpacked()(whole) == whole, "the older form is left as it is"


def test_groups_called_as_columns_are() -> None:
    """A dict of texts is no columns, whatever its keys."""
    group = {"each": "sex", "n": "f"}
    assert columns.unpacked()({"group": group}) == {"group": group}


@pytest.mark.parametrize(
    ("strange", "message"),
    [
        ({"n": 10**12, "each": {"a": {"all": 0}}}, "too many items"),
        ({"n": 10**9, "each": [{"all": 0}]}, "too many items"),
        ({"n": 300_000, "each": {"a": {"all": 0}}}, "too many objects"),
        ({"n": 10_000, "each": {"a": {"all": "x" * 10_000}}}, "too many bytes"),
        ({"n": 2, "each": {"a": {"all": [1]}}}, "what all entries"),
        ({"n": 2, "each": {"a": {"all": {"n": 2, "each": {"b": {"all": 0}}}}}}, "what all entries"),
        ({"n": 3, "each": {"a": [1, 2]}}, "does not hold the 3 entries"),
        ({"n": 2, "each": {"a": "xy"}}, "does not hold the 2 entries"),
        ({"n": -1, "each": {"a": []}}, "need a length"),
        ({"n": True, "each": {"a": [1]}}, "need a length"),
        ({"n": 2.0, "each": {"a": [1, 2]}}, "need a length"),
        ({"n": 5, "each": {}}, "need a length"),
    ],
)
def test_columns_that_cannot_be(strange: Any, message: str) -> None:
    report = json.loads(audited(20).to_json())
    report["findings"][0]["exhibits"] = [{"kind": "table", "title": "", "columns": ["a"], "rows": strange}]
    with pytest.raises(ReportError, match=message):
        Report.from_json(json.dumps(report), source="r.json")


# ---- the demo's


def plain(report: Report) -> dict[str, Any]:
    """As older reports were written: exhibits as objects, all in one file."""
    return report.model_dump(mode="json")


def test_the_demo_is_small_and_says_all_that_it_did() -> None:
    text = SAMPLE.read_bytes()
    assert len(text) <= 800_000
    whole = Report.load(SAMPLE)
    assert whole.elsewhere is None
    assert set(whole.evidence) > set(Report.from_json(text).evidence)
    assert Report.from_json(json.dumps(plain(whole), indent=1)) == whole, "the older form reads equal"
    assert Report.from_json(whole.to_json()) == whole
    assert len(stored.text(plain(whole))) > 1_300_000
    assert writing.digest(whole) == writing.digest(Report.from_json(text)) == writing.told_by(SAMPLE)


def test_the_demo_is_judged_and_drawn_without_the_second_file(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(SAMPLE.read_bytes())
    alone, whole = Report.load(tmp_path / "r.json"), Report.load(SAMPLE)
    assert alone.elsewhere is not None
    policy = "auditkit/demo/auditkit.toml"
    assert ak.judge(alone, policy, exhibits=False).verdicts == ak.judge(whole, policy, exhibits=False).verdicts
    assert formats.render(alone, "html") == formats.render(whole, "html")


# ---- the second file


@pytest.mark.usefixtures("two_files")
def test_a_pair_is_one_report(tmp_path: Path) -> None:
    report = audited(20)
    report.save(tmp_path / "r.json")
    assert sorted(os.listdir(tmp_path)) == ["r.evidence.json", "r.json"]
    within = Report.from_json((tmp_path / "r.json").read_text())
    assert within.elsewhere is not None
    assert within.elsewhere.checks == ("data_profile",)
    assert within.elsewhere.sha256 == stored.digest((tmp_path / "r.evidence.json").read_bytes())
    assert list(within.evidence) == ["group_fairness"]
    assert Report.load(tmp_path / "r.json") == report
    assert ak.judge(within, {"rule": [RULE]}).verdicts == report.verdicts
    within.save(tmp_path / "copy.json")
    assert (tmp_path / "copy.json").read_bytes() == (tmp_path / "r.json").read_bytes()


def test_little_stays_within(tmp_path: Path) -> None:
    audited(20).save(tmp_path / "r.json")
    assert os.listdir(tmp_path) == ["r.json"]
    assert "elsewhere" not in json.loads((tmp_path / "r.json").read_text())


@pytest.mark.usefixtures("two_files")
def test_the_gate_asks_for_one_file_alone(tmp_path: Path) -> None:
    path = audited(20).save(tmp_path / "r.json")
    (tmp_path / "gate.toml").write_text(
        '[[rule]]\nid = "a"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.1\n'
    )
    gate = ["gate", str(path), "--policy", str(tmp_path / "gate.toml"), "--out", str(tmp_path / "out")]
    told = run_cli(gate)
    (tmp_path / "r.evidence.json").write_text("{}")
    assert run_cli(gate) == told, "it is not even read"
    status, _, err = run_cli([*gate, "--format", "json"])
    assert status == 2
    assert "r.evidence.json is not the evidence of" in err
    (tmp_path / "r.evidence.json").unlink()
    assert run_cli([*gate, "--format", "json"])[0] == told[0]
    assert os.listdir(tmp_path / "out") == ["r-gate.json"]
    assert Report.load(tmp_path / "out" / "r-gate.json").elsewhere is not None


@pytest.mark.usefixtures("two_files")
def test_verify_says_what_it_cannot_see(tmp_path: Path) -> None:
    path = audited(20).save(tmp_path / "r.json")
    status, out, _ = run_cli(["verify", str(path)])
    assert (status, "evidence of data_profile" in out) == (0, False)
    (tmp_path / "r.evidence.json").unlink()
    status, out, _ = run_cli(["verify", str(path)])
    assert status == 0
    assert "– evidence of data_profile: not checked. it lies in NAME.evidence.json" in out
    told = json.loads(path.read_text())
    told["elsewhere"] = None
    path.write_text(json.dumps(told))
    assert run_cli(["verify", str(path)])[0] == 1, "findings of which no evidence is named at all"


@pytest.mark.usefixtures("two_files")
def test_merging_needs_the_second_file_for_what_is_in_it(tmp_path: Path) -> None:
    paths = [audited(late).save(tmp_path / f"{late}.json") for late in (20, 30)]
    whole = ak.merge(*paths)
    assert whole.evidence == ak.merge(audited(20), audited(30)).evidence
    assert "data_profile" not in {n.what for n in whole.not_measured}
    (tmp_path / "30.evidence.json").unlink()
    part = ak.merge(*paths)
    assert list(part.evidence) == ["group_fairness"]
    assert part.finding(whole.verdicts[0].finding or "").estimate == whole.verdicts[0].estimate
    lost = {n.what: n.why for n in part.not_measured}
    assert "30.json lies in a file of its own (NAME.evidence.json), which is not beside" in lost["data_profile"]
    (tmp_path / "30.evidence.json").write_bytes((tmp_path / "20.evidence.json").read_bytes()[:-2])
    with pytest.raises(ReportError, match=r"30\.evidence\.json is not the evidence of .*30\.json: it has sha256:"):
        ak.merge(*paths)


@pytest.mark.usefixtures("two_files")
def test_evidence_is_a_file_of_ours_and_takes_no_other_place(tmp_path: Path) -> None:
    a, b = audited(20), audited(30)
    second = tmp_path / "r.evidence.json"
    second.write_text("mine")
    with pytest.raises(ReportError, match=r"r\.evidence\.json is there already and is no auditkit report"):
        a.save(tmp_path / "r.json")
    assert os.listdir(tmp_path) == [second.name]
    second.unlink()
    b.model_copy(update={"evidence": {}}).save(second)
    with pytest.raises(ReportError, match="is there already and is a report"):
        a.save(tmp_path / "r.json")
    second.unlink()
    a.save(tmp_path / "r.json")
    a.save(tmp_path / "r.html")
    with pytest.raises(ReportError, match="is there already and is the evidence of a report"):
        b.model_copy(update={"evidence": {}}).save(second)
    b.save(tmp_path / "r.json")
    assert Report.load(tmp_path / "r.json") == b
    assert sorted(os.listdir(tmp_path)) == ["r.evidence.json", "r.json"], "the page told of another"
    b.model_copy(update={"evidence": {}}).save(tmp_path / "r.json")
    assert os.listdir(tmp_path) == ["r.json"], "so did the evidence"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("two_files")
def test_whoever_is_killed_leaves_no_evidence_of_another_report(tmp_path: Path) -> None:
    texts = [formats.texts_of(audited(late), {"json": tmp_path / "r.json"}) for late in (20, 30)]
    formats.write(texts[0])
    for _ in range(12):
        pid = os.fork()
        if pid == 0:
            while True:
                for one in texts:
                    formats.write(one)
        while not any(n.startswith(".auditkit-") for n in os.listdir(tmp_path)):
            time.sleep(0.0002)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert Report.load(tmp_path / "r.json").findings, "whole, with its own evidence or without"
    formats.write(texts[1])
    assert Report.load(tmp_path / "r.json") == audited(30)
    assert sorted(os.listdir(tmp_path)) == ["r.evidence.json", "r.json"]
