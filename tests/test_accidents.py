"""One check's accident is one check's absence; what stops an audit stops it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit import accidents
from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import NotExplained, out_of_memory
from tests.helpers import run_cli

SECRET = "row 17: mary@example.org"
NOISE = ("gather", "add", "fit", "declared", "options", "reduced", "assess", "to_json", "no JSON", "no finding")


def rows(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    group = np.where(rng.random(n) < 0.5, "A", "B")
    x = rng.normal(size=n) + (group == "A")
    return pd.DataFrame(
        {"x": x, "z": rng.normal(size=n), "y": (x > 0.5).astype(int), "w": rng.random(n) + 0.5, "g": group}
    )


def data(**options: Any) -> ak.Dataset:
    frame = rows()
    given = {"y_true": frame.y.to_numpy(), "sensitive_features": {"g": frame.g.to_numpy()}, **options}
    return ak.Dataset.from_arrays(frame[["x", "z"]], **given)


def model() -> ak.Model:
    net = nn.Linear(2, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.0]]))
        net.bias.zero_()
    return ak.Model(net)


def raising(e: BaseException) -> Any:
    raise e


@dataclass(frozen=True)
class Seen:
    """Evidence that breaks where it is told to."""

    at: str
    what: Callable[[], BaseException]

    def __add__(self, other: Seen) -> Seen:
        return raising(self.what()) if self.at == "add" else self

    def reduced(self, disclosure: Any) -> Seen:
        return raising(self.what()) if self.at == "reduced" else self

    def to_json(self) -> dict[str, Any]:
        return raising(self.what()) if self.at == "to_json" else {"x": object() if self.at == "no JSON" else 1}


@dataclass(frozen=True)
class Breaking(BaseCheck):
    """A stream check of somebody's own that breaks at one of its verbs."""

    at: str
    what: Callable[[], BaseException] = lambda: IndexError(SECRET)
    tasks: ClassVar[Any] = ("binary", "multilabel")

    @property
    def name(self) -> str:
        return "breaking"

    def options(self) -> dict[str, Any]:
        return raising(self.what()) if self.at == "options" else {}

    def declared(self, of: Any) -> Breaking:
        return raising(self.what()) if self.at == "declared" else self

    def fit(self, rows: Batch) -> Breaking:
        return raising(self.what()) if self.at == "fit" else self

    def gather(self, batch: Batch) -> Seen:
        return raising(self.what()) if self.at == "gather" else Seen(self.at, self.what)

    def assess(self, evidence: Any, *, level: float) -> Assessment:
        if self.at == "no finding":
            return Assessment(({"id": 1},))  # type: ignore[arg-type]
        return raising(self.what()) if self.at == "assess" else Assessment()


@dataclass(frozen=True)
class Examining(Breaking):
    """The same, of a sample; of rows with `study`."""

    def examine(self, model: Any, sample: Batch) -> Seen:
        return raising(self.what())


def audited(check: Any, **options: Any) -> ak.Report:
    options = {"on_error": "not_measured", **options}
    found = ak.audit(model(), data(), checks=[ak.GroupFairness(), check], **options)
    return ak.Report.model_validate_json(found.to_json())


def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ak.Dataset.parts
    monkeypatch.setattr(ak.Dataset, "parts", lambda self, size=50: whole(self, min(size, 50)))


@pytest.mark.parametrize("at", NOISE)
def test_a_check_that_breaks_anywhere_is_absent_and_the_rest_is_there(
    at: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    small_batches(monkeypatch)  # several, so that evidence adds
    report = audited(Breaking(at))
    (absent,) = report.not_measured
    assert absent.accident
    assert absent.what == "breaking"
    assert "the check broke with " in absent.why
    assert "breaking" not in report.evidence
    assert SECRET not in report.to_json(), "a foreign message quotes rows"
    assert "group_fairness" in report.evidence
    assert report.findings == ak.audit(model(), data(), checks=[ak.GroupFairness()]).findings
    assert at in ("no JSON", "no finding") or SECRET in caplog.text, "it goes to the log"


@pytest.mark.parametrize("e", [SystemExit(0), GeneratorExit(), StopIteration(), RuntimeError(SECRET), AssertionError()])
@pytest.mark.parametrize("kind", [Breaking, Examining])
def test_whatever_is_raised(kind: Any, e: BaseException) -> None:
    report = audited(kind("gather" if kind is Breaking else "examine", lambda: e))
    assert [(n.what, n.accident) for n in report.not_measured] == [("breaking", True)]
    assert type(e).__name__ in report.not_measured[0].why


MEMORY = (
    MemoryError(),
    np._core._exceptions._ArrayMemoryError((10**9,), np.dtype(float)),
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("std::bad_alloc"),
)


@pytest.mark.parametrize(
    "e",
    [*MEMORY, KeyboardInterrupt(), ak.DataError("rows"), ak.ModelError("random"), ak.PolicyError("name")],
    ids=lambda e: f"{type(e).__name__} {str(e)[:20]}",
)
@pytest.mark.parametrize("kind", [Breaking, Examining])
def test_what_stops_an_audit_stops_it(kind: Any, e: BaseException) -> None:
    with pytest.raises(type(e)) as caught:
        audited(kind("gather" if kind is Breaking else "examine", lambda: e))
    assert caught.value is e
    assert out_of_memory(e) == (e in MEMORY)


def test_raise_lets_it_through_and_a_reason_stays_a_reason() -> None:
    with pytest.raises(IndexError, match="mary"):
        audited(Breaking("assess"), on_error="raise")
    report = audited(Examining("examine", lambda: NotExplained("the net is one program")), on_error="raise")
    assert [(n.what, n.why, n.accident) for n in report.not_measured] == [("breaking", "the net is one program", False)]


def test_the_environment_says_what_holds_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(accidents.VARIABLE, "raise")
    with pytest.raises(IndexError):
        audited(Breaking("assess"), on_error=None)
    monkeypatch.delenv(accidents.VARIABLE)
    assert audited(Breaking("assess"), on_error=None).not_measured[0].accident
    monkeypatch.setenv(accidents.VARIABLE, "never")
    with pytest.raises(ak.PolicyError, match="on_error is not_measured, raise; got 'never'"):
        audited(Breaking("assess"), on_error=None)
    with pytest.raises(ak.PolicyError, match="got 'ignore'"):
        audited(Breaking("assess"), on_error="ignore")


def test_who_listens_may_stop_the_work() -> None:
    class Enough(Exception):
        pass

    def listener(what: str, done: int, total: int) -> None:
        if what.startswith("explaining") or what.startswith("checking"):
            raise Enough

    with pytest.raises(Enough):
        audited(ak.Attribution(), progress=listener)


def test_parts_add_where_a_check_broke_on_one_of_them() -> None:
    class Once:
        left = 1

        @classmethod
        def now(cls) -> BaseException:
            cls.left -= 1
            return IndexError()

    checks = [ak.GroupFairness(), Breaking("gather", Once.now)]
    parts = [ak.observe(model(), data(), checks=checks, on_error="not_measured") for _ in range(2)]
    both = parts[0] + parts[1]
    found = ak.conclude(both, model(), data(), checks=checks, on_error="not_measured")
    assert [(n.what, n.accident) for n in found.not_measured] == [("breaking", True)]
    assert "group_fairness" in found.evidence


# ---- rules


POLICY = {"rule": [{"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["g"], "at_most": 0.9}]}


def broken_fairness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ak.GroupFairness, "assess", lambda *_, **__: raising(ZeroDivisionError(SECRET)))


def test_a_rule_that_needed_it_is_not_measured_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_fairness(monkeypatch)
    report = ak.audit(model(), data(), checks=[ak.GroupFairness()], policy=POLICY, on_error="not_measured")
    for judged in (report, ak.judge(ak.Report.model_validate_json(report.to_json()), POLICY)):
        (verdict,) = judged.verdicts
        assert verdict.status == "not_measured"
        assert "group_fairness: the check broke with ZeroDivisionError" in verdict.reason
        assert not judged.passed


def test_of_several_labels_each_says_whose_check_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = rows()
    frame = frame.assign(a=frame.y, b=1 - frame.y)
    net = nn.Sequential(nn.Linear(2, 2))
    calls = iter(range(10))
    whole = ak.GroupFairness.assess

    def second(self: Any, evidence: Any, *, level: float) -> Assessment:
        return raising(ZeroDivisionError(SECRET)) if next(calls) == 1 else whole(self, evidence, level=level)

    monkeypatch.setattr(ak.GroupFairness, "assess", second)
    report = ak.audit(
        ak.Model(net, task="multilabel", preprocess=lambda f: f[["x", "z"]].to_numpy()),
        ak.Dataset(frame, y_true=["a", "b"], task="multilabel", sensitive_features=["g"]),
        checks=[ak.GroupFairness()],
        policy=POLICY,
        on_error="not_measured",
    )
    report = ak.Report.model_validate_json(report.to_json())
    assert [(n.what, n.accident) for n in report.not_measured] == [("group_fairness [b]", True)]
    first, other = report.verdicts
    assert first.status != "not_measured"
    assert "the check broke with ZeroDivisionError" in other.reason


def test_a_metric_that_weights_do_not_serve_says_so() -> None:
    rule = {"id": "mcc", "metric": "matthews_corrcoef", "comparison": "difference", "by": ["g"], "at_most": 0.5}
    frame = rows()
    given = ak.Dataset(frame[["x", "z", "w", "g", "y"]], y_true="y", positive=1, sensitive_features=["g"], weights="w")
    net = ak.Model(model().module, preprocess=lambda f: f[["x", "z"]].to_numpy())
    report = ak.audit(net, given, checks=[ak.GroupFairness()], policy={"rule": [rule]})
    (verdict,) = report.verdicts
    assert verdict.status == "not_measured"
    assert "no interval with weights or clusters is known" in verdict.reason


# ---- the command line


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_fairness(monkeypatch)
    monkeypatch.delenv(accidents.VARIABLE)
    rows().assign(p=lambda f: (f.x > 0).astype(int)).to_csv(tmp_path / "d.csv", index=False)
    base = ["run", "--data", str(tmp_path / "d.csv"), "--y-true", "y", "--positive", "1", "--sensitive", "g"]
    base += ["--y-pred", "p", "--check", "group_fairness", "--out", str(tmp_path), "--quiet", "--name", "r"]
    status, _, err = run_cli(base)
    assert status == 0, err
    assert ak.Report.load(tmp_path / "r.json").not_measured[0].accident
    status, _, err = run_cli([*base, "--on-error", "raise"])
    assert status == 2
    status, _, err = run_cli([*base, "--on-error", "ignore"])
    assert status == 2
    assert "--on-error must be not_measured or raise, got 'ignore'" in err


def test_the_configuration_says_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[audit]\non_error = "raise"\n')
    assert ak.load_config(tmp_path / "a.toml").audit.on_error == "raise"
    (tmp_path / "a.toml").write_text('[audit]\non_error = "ignore"\n')
    with pytest.raises(ak.PolicyError, match="on_error"):
        ak.load_config(tmp_path / "a.toml")


def test_debug_shows_where(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "auditkit"):
        audited(Breaking("assess"))
    assert any("Traceback (most recent call last)" in r.getMessage() for r in caplog.records), "the traceback"
    assert dataclasses.is_dataclass(Breaking)
