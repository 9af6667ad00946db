"""The examples run, and say what they claim."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def module_of(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, folder: Path, **options: Any) -> Any:
    return module_of(name).main(folder, **options)


@pytest.mark.slow
def test_audit_your_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run("audit_your_model", tmp_path)
    assert (tmp_path / "your-model.html").stat().st_size <= 400_000
    assert "equal-opportunity: " in capsys.readouterr().out
    finding = report.finding("explanation/integrated_gradients/overall")
    names = {label for label, _ in finding.exhibits[0].rows}
    assert names == {"age", "educational-num", "hours-per-week", "workclass", "occupation", "marital-status"}
    assert not any(check.failed for check in finding.trust)


def test_audit_decisions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = run("audit_decisions", tmp_path)
    assert [v.rule.metric for v in judged.verdicts] == ["selection_rate"]
    assert "predictions only" in {n.why for n in judged.not_measured}
    assert "Selected, of everybody: " in capsys.readouterr().out


@pytest.mark.slow
def test_audit_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run("audit_images", tmp_path)
    assert (tmp_path / "images.html").stat().st_size <= 400_000
    assert "grad_cam: " in capsys.readouterr().out
    finding = report.finding("explanation/integrated_gradients/overall")
    assert {label for label, _ in finding.exhibits[0].rows} == {f"region {j}" for j in range(16)}
    assert not any(check.failed for check in finding.trust)
    assert not any("not read" in note for note in finding.notes)


def test_audit_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run("audit_cases", tmp_path)
    assert (tmp_path / "cases.html").stat().st_size <= 400_000
    assert {f.metric for f in report.findings} == {
        *("flip_rate", "flip_effect", "recourse_success", "recourse_cost", "concepts", "influence", "examples")
    }
    assert not report.not_measured
    said = capsys.readouterr().out
    assert "If only gender were changed, " in said
    assert "marital-status" in said
    flips = report.finding("robustness/flip_effect/overall/gender")
    assert flips.estimate.low is not None
    assert flips.estimate.low > 0
