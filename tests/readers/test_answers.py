"""Logs of answers: accuracy by category against pandas, clusters against statsmodels, and logs that say too little."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.evidence.paired import Paired
from auditkit.fairness.change.check import Change
from auditkit.readers.answers import Answers
from tests.helpers import run_cli

NAME = "samples_quiz_2026-05-01T10-00-00.jsonl"
SUBJECTS = ("art", "law", "maths")
RIGHT = {"art": 0.8, "law": 0.45, "maths": 0.75}


def answers(seed: int, right: dict[str, float] = RIGHT, n: int = 360) -> pd.DataFrame:
    """Answers to prompts of twelve paraphrases a template, which have their difficulty in common."""
    rng = np.random.default_rng(seed)
    hard = np.random.default_rng(7).normal(0, 0.8, n)
    frame = pd.DataFrame({"subject": np.array(SUBJECTS)[np.arange(n) // 12 % 3], "template": np.arange(n) // 12})
    logit = np.log([right[s] / (1 - right[s]) for s in frame.subject]) + hard[frame.template]
    return frame.assign(acc=(rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float))


def harness(path: Path, frame: pd.DataFrame, **more: Any) -> Path:
    """As lm-evaluation-harness writes it."""
    rows = [
        {
            "doc_id": i,
            "doc": {"question": f"q{i}", "subject": row["subject"], "template": f"t{row['template']}"},
            "target": "A",
            "arguments": {"gen_args_0": {"arg_0": "…"}},
            "resps": [["A"]],
            "filtered_resps": ["A"],
            "filter": "none",
            "metrics": ["acc"],
            "acc": row["acc"],
            **more,
        }
        for i, row in enumerate(frame.to_dict("records"))
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def inspect(frame: pd.DataFrame, *, status: str = "success", epochs: int = 1) -> dict[str, Any]:
    """As Inspect writes it."""
    letter = {1.0: "C", 0.0: "I", 0.5: "P"}
    samples = [
        {
            "id": f"q{i // epochs}",
            "epoch": i % epochs + 1,
            "input": "…",
            "target": "A",
            "metadata": {"subject": row["subject"]},
            "scores": {"match": {"value": letter[row["acc"]], "answer": "A"}},
        }
        for i, row in enumerate(frame.to_dict("records"))
    ]
    results = {"total_samples": len(samples), "completed_samples": len(samples)}
    return {"version": 2, "status": status, "eval": {"task": "quiz"}, "results": results, "samples": samples}


def archive(path: Path, log: dict[str, Any], *, header: bool = True, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for s in log["samples"]:
            out.writestr(f"samples/{s['id']}_epoch_{s['epoch']}.json", json.dumps(s))
        if header:
            out.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
    return path


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Answers]:
    def of(
        frame: pd.DataFrame | None = None, name: str = "samples_quiz_2026-05-01T10-00-00.jsonl", **more: Any
    ) -> Answers:
        harness(tmp_path / name, answers(0) if frame is None else frame)
        return Answers(**{"path": tmp_path / name, "category": "doc.subject", **more})

    return of


def by_group(report: ak.Report, finding: str = "fairness/accuracy/group_min/subject") -> dict[str, Any]:
    return {g.group["subject"]: g.estimate for g in report.finding(finding).by_group}


def test_accuracy_by_category_is_that_of_pandas(asked: Callable[..., Answers]) -> None:
    frame = answers(0)
    twin = frame.groupby("subject")["acc"].mean()
    report = ak.audit(asked(frame))
    assert {k: e.value for k, e in by_group(report).items()} == pytest.approx(twin.to_dict())
    assert report.finding("fairness/accuracy/group_min/subject").estimate.value == pytest.approx(twin.min())
    assert report.finding("fairness/accuracy/difference/subject").estimate.value == pytest.approx(
        twin.max() - twin.min()
    )
    assert report.name == "quiz"
    assert not report.not_measured


def test_all_formats_of_the_same_answers_give_the_same_numbers(asked: Callable[..., Answers], tmp_path: Path) -> None:
    frame = answers(0)
    log = inspect(frame)
    (tmp_path / "quiz.json").write_text(json.dumps(log))
    archive(tmp_path / "quiz.eval", log)
    told = [by_group(ak.audit(asked(frame)))]
    told += [
        by_group(ak.audit(Answers(path=tmp_path / f"quiz.{x}", category="metadata.subject"))) for x in ("json", "eval")
    ]
    assert told[0] == told[1] == told[2]


def test_templates_and_epochs_are_clusters(asked: Callable[..., Answers], tmp_path: Path) -> None:
    """Held to statsmodels' cluster-robust error within what 500 replicates and small samples leave open."""
    sm = pytest.importorskip("statsmodels.api")
    frame = answers(0)
    apart, together = ak.audit(asked(frame)), ak.audit(asked(frame, cluster="doc.template"))
    fit = sm.OLS(frame["acc"], pd.get_dummies(frame["subject"]).astype(float)).fit(
        cov_type="cluster", cov_kwds={"groups": frame["template"]}
    )
    for subject, e in by_group(together).items():
        assert (e.high - e.low) / (2 * 2.262 * fit.bse[subject]) == pytest.approx(1, abs=0.2)  # t of 10 − 1 templates
    wide = [sum(e.high - e.low for e in by_group(r).values()) for r in (apart, together)]
    assert wide[1] > 1.3 * wide[0]
    log = inspect(frame, epochs=12)
    (tmp_path / "epochs.json").write_text(json.dumps(log))
    epochs = ak.audit(Answers(path=tmp_path / "epochs.json", category="metadata.subject"))
    assert [e.low for e in by_group(epochs).values()] == pytest.approx(
        [e.low for e in by_group(together).values()], abs=0.04
    )
    assert any("360 answers to 30 prompts" in c for c in epochs.provenance.notes)


def test_two_models_are_compared_on_the_same_prompts(asked: Callable[..., Answers], tmp_path: Path) -> None:
    """As the change check has it of the same rows, in whatever order the older log holds them."""
    new, old = answers(0), answers(1, RIGHT | {"law": 0.8})
    (tmp_path / "old").mkdir()
    path = harness(tmp_path / "old" / "samples_quiz_2026-04-01T10-00-00.jsonl", old)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[::-1]))
    report = ak.audit(asked(new), against=Answers(path=path, category="doc.subject"))
    seen = Paired.of(
        {"subject": new.subject}, y_true=[1] * len(new), y_pred=new.acc.astype(int), y_old=old.acc.astype(int)
    )
    twin = {f.id: f for f in Change(metrics=["accuracy"]).assess(seen).findings}
    told = {f.id: f for f in report.findings if f.concern == "change"}
    assert set(told) == set(twin)
    assert all(told[k].estimate == twin[k].estimate for k in twin)
    change = told["change/accuracy/lowest_change/subject"]
    assert change.surest is not None
    assert change.surest.groups == ({"subject": "law"},)
    assert change.estimate.high is not None
    assert change.estimate.high < 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.iloc[:-3], "3 not in against"),
        (lambda f: f.assign(subject=["law", *f.subject[1:]]), "'subject' differs in 1 of 360 rows"),
        (lambda f: pd.concat([f, f.tail(2)]), "2 in against alone"),
    ],
)
def test_logs_of_other_prompts_are_compared_with_none(
    asked: Callable[..., Answers], tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    (tmp_path / "old").mkdir()
    old = harness(tmp_path / "old" / "samples_quiz.jsonl", change(answers(1)))
    with pytest.raises(DataError, match=says):
        ak.audit(asked(), against=Answers(path=old, category="doc.subject"))
    with pytest.raises(DataError, match="read otherwise"):
        ak.audit(asked(), against=Answers(path=old, category=["doc.subject", "doc.template"]))


def test_configuration_command_line_and_gate(asked: Callable[..., Answers], tmp_path: Path) -> None:
    asked()
    (tmp_path / "old").mkdir()
    harness(tmp_path / "old" / "samples_quiz_2026-05-01T10-00-00.jsonl", answers(1, RIGHT | {"law": 0.9}))
    config = tmp_path / "quiz.toml"
    rules = [("least", "group_min", "at_least = 0.6"), ("worse", "change", "at_least = -0.05")]
    config.write_text(
        '[data]\npath = "samples_quiz_2026-05-01T10-00-00.jsonl"\ntask = "answers"\ncategory = ["doc.subject"]\n'
        '[against]\npath = "old/samples_quiz_2026-05-01T10-00-00.jsonl"\n[policy]\nid = "quiz"\nversion = "1"\n'
        + "".join(
            f'[[rule]]\nid = "{i}"\nmetric = "accuracy"\ncomparison = "{c}"\nby = ["subject"]\n{x}\n'
            for i, c, x in rules
        )
    )
    status, _, said = run_cli(["run", str(config), "--out", str(tmp_path), "--quiet"])
    assert (status, said) == (1, ""), said
    stored = ak.Report.load(tmp_path / "quiz.json")
    assert {v.rule.id: v.status for v in stored.verdicts} == {"least": "fail", "worse": "fail"}
    assert run_cli(["gate", str(tmp_path / "quiz.json"), "--policy", str(config)])[0] == 1
    config.write_text(config.read_text().replace("[against]\npath", "[against]\ny_pred"))
    status, _, said = run_cli(["run", str(config), "--out", str(tmp_path), "--quiet"])
    assert status == 2
    assert "[against] takes a path" in said
    config.write_text(config.read_text().split("[against]")[0] + "[policy]\nid = 'q'\nversion = '1'\n")
    old = str(tmp_path / "old" / "samples_quiz_2026-05-01T10-00-00.jsonl")
    assert run_cli(["run", str(config), "--against", old, "--out", str(tmp_path), "--quiet"])[0] == 0
    assert any(f.concern == "change" for f in ak.Report.load(tmp_path / "quiz.json").findings)


def test_evidence_of_parts_adds_to_the_whole(asked: Callable[..., Answers]) -> None:
    frame = answers(0)
    whole = ak.audit(asked(frame)).evidence["answer_rates"].data
    checks = [ak.AnswerRates()]
    parts = []
    for k, rows in enumerate((frame[:100], frame[100:])):
        read = asked(rows, name=f"samples_quiz{k}.jsonl")
        parts.append(ak.observe(read, checks=checks).evidence["answer_rates"])
    assert (parts[0] + parts[1]).to_json() == whole


def test_several_tasks_of_a_folder_are_one_audit(tmp_path: Path) -> None:
    for k, task in enumerate(("easy", "hard")):
        harness(
            tmp_path / f"samples_{task}_2026-05-01T10-00-00.jsonl", answers(k, dict.fromkeys(SUBJECTS, 0.9 - 0.4 * k))
        )
    (tmp_path / "results_2026-05-01T10-00-00.json").write_text('{"n-samples": {"easy": {"effective": 360}}}')
    report = ak.audit(Answers(path=tmp_path, category=["task", "doc.subject"]))
    told = {g.group["task"] for g in report.finding("fairness/accuracy/difference/task").by_group}
    assert told == {"easy", "hard"}
    (tmp_path / "results_2026-05-01T10-00-00.json").write_text('{"n-samples": {"hard": {"effective": 400}}}')
    with pytest.raises(DataError, match=r"holds 360 documents, and results_.* says that 400 were asked"):
        ak.audit(Answers(path=tmp_path, category="task"))


def test_values_between_right_and_wrong_need_a_limit(asked: Callable[..., Answers], tmp_path: Path) -> None:
    frame = answers(0).assign(acc=np.linspace(0, 1, 360))
    with pytest.raises(DataError, match="say from which value on an answer is right"):
        ak.audit(asked(frame))
    report = ak.audit(asked(frame, at_least=0.5), checks=["answer_rates", ak.Measured("acc")])
    assert report.finding("performance/accuracy/overall").estimate.value == pytest.approx(0.5)
    assert report.finding("performance/measured[acc]/overall").estimate.value == pytest.approx(0.5)
    log = inspect(answers(0).assign(acc=[0.5] * 60 + [1.0] * 300))
    log["samples"][100]["scores"]["match"]["value"] = "N"
    log["samples"][101] |= {"error": {"message": "…"}, "scores": None}
    (tmp_path / "log.json").write_text(json.dumps(log))
    report = ak.audit(Answers(path=tmp_path / "log.json", category="metadata.subject"))
    assert report.finding("performance/accuracy/overall").estimate.value == pytest.approx(298 / 359)
    said = " ".join((*report.provenance.cautions, *report.provenance.notes))
    assert all(
        x in said for x in ("60 answers are partially right", "1 samples have no answer", "1 of 360 samples failed")
    )
    assert report.provenance.data.missing_prediction == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def edited(**more: Any) -> Callable[[Path], None]:
    def of(path: Path) -> None:
        lines = path.read_text().splitlines()
        row = json.loads(lines[5]) | more
        lines[5] = json.dumps({k: v for k, v in row.items() if v is not ...})
        path.write_text("\n".join(lines) + "\n")

    return of


@pytest.mark.parametrize(
    ("spoil", "options", "says"),
    [
        (cut, {}, "cut short, after 359 whole samples"),
        (edited(doc_id=...), {}, r":6 has no key 'doc_id'; its keys are"),
        (edited(acc=...), {}, "has no key 'acc'"),
        (edited(acc="A"), {}, "expected a number"),
        (edited(acc=[1, 0]), {}, "expected a number"),
        (edited(doc_id=0), {}, "is of doc_id 0, which stands in the file already"),
        (edited(doc={"subject": ["law"]}), {}, "holds a list at 'doc.subject'"),
        (edited(doc={"topic": "law"}), {}, "at 'doc', has no key 'subject'; its keys are topic"),
        (edited(filter="flexible"), {}, "what the filter 'flexible' read of an answer"),
        (lambda p: None, {"filter": "strict"}, "has no filter 'strict'"),
        (lambda p: None, {"metric": "exact"}, "has no metric 'exact'; its metrics are"),
        (lambda p: None, {"category": []}, "category says whom"),
        (lambda p: None, {"category": "document.subject"}, "has no key 'document'"),
        (lambda p: p.write_text("[" * 100_000), {}, "is no JSON"),
        (lambda p: p.write_text("3\n"), {}, "holds a JSON number"),
        (lambda p: p.write_text(""), {}, "no sample"),
        (Path.unlink, {}, "cannot read"),
    ],
)
def test_a_log_that_says_too_little_is_refused(
    asked: Callable[..., Answers], spoil: Callable[[Path], Any], options: dict[str, Any], says: str
) -> None:
    read = asked(**options)
    spoil(Path(read.path))
    with pytest.raises(DataError, match=says):
        ak.audit(read)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": "started"}, "status is 'started', not 'success': it holds 360 of 360 samples"),
        ({"status": "error"}, "status is 'error'"),
        ({"status": ...}, "has no key 'status'"),
        ({"results": {"total_samples": 400}}, "holds 360 of 400 samples that were run: it is cut short"),
        ({"samples": None}, "holds 0 of 360"),
        ({"eval": {}}, "names no task"),
    ],
)
def test_a_run_that_did_not_end_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    log = {k: v for k, v in (inspect(answers(0)) | change).items() if v is not ...}
    (tmp_path / "log.json").write_text(json.dumps(log))
    with pytest.raises(DataError, match=says):
        ak.audit(Answers(path=tmp_path / "log.json", category="metadata.subject"))


def test_archives_of_strangers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, path = inspect(answers(0)), tmp_path / "log.eval"
    read = {"path": path, "category": "metadata.subject"}
    archive(path, log, header=False)
    with pytest.raises(DataError, match=r"has no header.json: the run did not end, or was cut short. 360 samples"):
        ak.audit(Answers(**read))
    archive(path, log)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be unpacked"):
        ak.audit(Answers(**read))
    log["samples"][0]["input"] = "a" * 17_000_000
    archive(path, log)
    assert path.stat().st_size < 500_000
    with pytest.raises(DataError, match="unpacks to more than 16 MB"):
        ak.audit(Answers(**read))
    monkeypatch.setattr("auditkit.readers.inspect_logs.MOST_BYTES", 1_000_000)
    with pytest.raises(DataError, match="unpacks to more than"):
        ak.audit(Answers(**read))


def test_a_category_of_one_answer_is_seen_and_judged_by_none(asked: Callable[..., Answers]) -> None:
    frame = answers(0)
    frame.loc[0, "subject"] = "rare"
    report = ak.audit(asked(frame))
    assert by_group(report)["rare"].state == "sparse"
    assert "rare" in " ".join(report.finding("fairness/accuracy/difference/subject").notes)
