"""A metric in kilograms, its check, its judge and a format of another package: found, explained, drawn and judged."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.batch import Batch
from auditkit.catalogue import index
from auditkit.catalogue.metric import Metric
from auditkit.check import Assessment, BaseCheck, Judge
from auditkit.checks import JUDGES, judges
from auditkit.errors import PolicyError, ReportError
from auditkit.question import Question
from auditkit.records import Estimate, Finding, GroupEstimate, Report
from auditkit.report.formats import Format
from auditkit.report.html.page import render
from auditkit.report.writing import mark
from tests.helpers import run_cli

WASTE = Metric(
    name="waste",
    title="Waste",
    plain="sent away",
    definition="Mean weight of what is sent away, group by group.",
    formula="Σ kg / n",
    denominator_words="everybody",
    direction="lower is better",
    reference="weighed",
    oracle="a scale",
    kind="mass",
    unit="kg",
    comparisons=("difference",),
    limits=(0.0, 1e6),
)


@dataclasses.dataclass(frozen=True)
class Kilograms:
    """Group → (kilograms, rows)."""

    sums: dict[str, tuple[float, int]]

    def __add__(self, other: Kilograms) -> Kilograms:
        both = {g: (self.sums.get(g, (0.0, 0)), other.sums.get(g, (0.0, 0))) for g in {**self.sums, **other.sums}}
        return Kilograms({g: (a[0] + b[0], a[1] + b[1]) for g, (a, b) in both.items()})

    def reduced(self, disclosure: Any) -> Kilograms:
        return self

    def to_json(self) -> dict[str, Any]:
        return {g: list(s) for g, s in self.sums.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Kilograms:
        return cls({g: (float(kg), int(n)) for g, (kg, n) in data.items()})

    def finding(self) -> Finding:
        means = {g: kg / n for g, (kg, n) in self.sums.items()}
        gap = max(means.values()) - min(means.values())
        e = Estimate(value=gap, low=gap - 0.5, high=gap + 0.5, n=sum(n for _, n in self.sums.values()))
        return Finding(
            id="fairness/waste/difference/sex",
            concern="fairness",
            title="Waste, difference, sex",
            statement=f"Waste differs by {gap:.1f} kg between groups of sex.",
            metric="waste",
            comparison="difference",
            by=("sex",),
            estimate=e,
            by_group=tuple(
                GroupEstimate(group={"sex": g}, estimate=Estimate(value=m, n=self.sums[g][1]))
                for g, m in sorted(means.items())
            ),
        )


@dataclasses.dataclass(frozen=True)
class Scale(BaseCheck):
    """What each group is sent, in kilograms."""

    NAME: ClassVar[str] = "scale"

    def gather(self, batch: Batch) -> Kilograms:
        kg, groups = batch.features["kg"].to_numpy(), batch.features["sex"].to_numpy()
        return Kilograms({str(g): (float(kg[groups == g].sum()), int((groups == g).sum())) for g in np.unique(groups)})

    def assess(self, evidence: Kilograms, *, level: float) -> Assessment:
        return Assessment((evidence.finding(),))


class ScaleRules(Judge):
    """Answers rules about waste."""

    kinds = ("mass",)
    tasks = ("binary",)
    evidence = f"{__name__}:Kilograms"

    def __init__(self, stored: Any) -> None:
        ((self._kilograms, _),) = stored.values()

    def finding(self, asked: Question) -> Finding | None:
        found: Finding = self._kilograms.finding()
        return found

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        return 0.001


class MuteRules(ScaleRules):
    """Answers nothing."""

    p_value = Judge.p_value


def weights(report: Report) -> str:
    lines = (f"{f.id} {f.estimate.value:.1f} {f.unit}\n" for f in report.findings if f.estimate.value is not None)
    return f"# {mark(report)}\n{''.join(lines)}"


LINES = Format(".kg", f"{__name__}:weights")
POINTS = [
    EntryPoint("waste", f"{__name__}:WASTE", "auditkit.metrics"),
    EntryPoint("accuracy", f"{__name__}:WASTE", "auditkit.metrics"),
    EntryPoint("broken", "no_such_module:METRIC", "auditkit.metrics"),
    EntryPoint("misnamed", f"{__name__}:WASTE", "auditkit.metrics"),
    EntryPoint("scale", f"{__name__}:Scale", "auditkit.checks"),
    EntryPoint("scale", f"{__name__}:ScaleRules", "auditkit.judges"),
    EntryPoint("mute", f"{__name__}:MuteRules", "auditkit.judges"),
    EntryPoint("scales", f"{__name__}:Scale", "auditkit.judges"),
    EntryPoint("lost", "no_such_module:Rules", "auditkit.judges"),
    EntryPoint("kilograms", f"{__name__}:LINES", "auditkit.formats"),
    EntryPoint("formless", f"{__name__}:WASTE", "auditkit.formats"),
]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another package, with its entry points."""

    def found(group: str) -> importlib.metadata.EntryPoints:
        return importlib.metadata.EntryPoints([p for p in POINTS if p.group == group and p.name != "formless"])

    monkeypatch.setitem(sys.modules, __name__, sys.modules[Scale.__module__])
    for module in ("catalogue.index", "checks", "report.formats", "cli.listing"):
        monkeypatch.setattr(f"auditkit.{module}.entry_points", found)
    index.others.cache_clear()
    yield
    index.others.cache_clear()


def audited(at_most: float) -> Report:
    rows = pd.DataFrame({"sex": ["f", "m"] * 30, "kg": [9.1, 5.4] * 30, "y": [0, 1, 1] * 20, "p": [1, 0, 1] * 20})
    data = ak.Dataset(rows, y_true="y", positive=1, sensitive_features=["sex"])
    rule = {"id": "waste", "metric": "waste", "comparison": "difference", "by": ["sex"], "at_most": at_most}
    return ak.audit(ak.Predictions("p"), data, checks=["scale"], policy={"rule": [rule]}, name="scales")


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.split("</style>")[-1]).split())


def test_what_a_rule_asks_for_is_written_as_the_audit_wrote_it() -> None:
    """Unit and direction, although the finding comes from the judge and no longer from the check."""
    report = audited(5.0)
    assert report.findings[0].unit == "kg"
    bare = Report.from_json(report.to_json()).model_copy(update={"findings": (), "verdicts": ()})
    rule = report.verdicts[0].rule.model_dump(exclude_defaults=True)
    (found,) = ak.judge(bare, {"rule": [rule]}).findings
    assert (found.unit, found.direction) == (report.findings[0].unit, report.findings[0].direction)


@pytest.mark.parametrize(("at_most", "status"), [(5.0, "pass"), (4.0, "inconclusive"), (2.5, "fail")])
def test_it_is_judged_fresh_and_stored(at_most: float, status: str) -> None:
    report = audited(at_most)
    (verdict,) = report.verdicts
    assert verdict.status == status
    assert f"limit of {at_most:g} kg" in verdict.reason
    stored = Report.from_json(report.to_json())
    rule = verdict.rule.model_dump(exclude_defaults=True)
    assert ak.judge(stored.model_copy(update={"verdicts": ()}), {"rule": [rule]}).verdicts == report.verdicts


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("mute", r"judge 'mute' \(.*:MuteRules\) is no judge: a class below `Judge` with all that is abstract in it"),
        ("scales", r"judge 'scales' \(.*:Scale\) is no judge"),
        ("lost", r"judge 'lost' of no_such_module:Rules cannot be loaded: No module named 'no_such_module'"),
    ],
)
def test_what_is_no_judge_is_refused_by_its_entry_point(name: str, fault: str) -> None:
    assert set(judges(["scale"])) == {*JUDGES, "scale"}
    with pytest.raises(PolicyError, match=fault):
        judges([name])


def test_it_is_drawn_in_its_unit_even_where_its_package_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    report = audited(2.5)
    (finding,) = report.findings
    assert (finding.unit, finding.direction) == ("kg", "lower is better")
    pages = [render(report)]
    monkeypatch.setattr("auditkit.catalogue.index.entry_points", lambda group: importlib.metadata.EntryPoints([]))
    index.others.cache_clear()
    pages.append(render(Report.from_json(report.to_json())))
    for page in pages:
        told = words(page)
        assert "Waste differs by 3.7 kg between groups of sex" in told
        assert "3.70 kg 3.20–4.20 60" in told
        assert "f n 30 9.1 kg" in told
        assert "Lower is better." in told
        assert "370" not in told
        assert "≤ 2.5 kg" in told


def test_it_is_explained_and_listed() -> None:
    status, out, _ = run_cli(["explain", "waste"])
    assert status == 0
    assert out.startswith("waste: Waste")
    assert "Direction    lower is better" in out
    status, out, _ = run_cli(["explain", "scale"])
    assert out.startswith("scale: What each group is sent, in kilograms.")
    _, out, _ = run_cli(["explain", "all"])
    lines = {line.split()[0]: line for line in out.splitlines()}
    for name, what in (("waste", "metric"), ("scale", "check"), ("kilograms", "format")):
        assert f"a {what} of " in lines[name]
    assert lines["accuracy"].split(maxsplit=1)[1] == index.METRICS["accuracy"].title


@pytest.mark.parametrize("name", ["broken", "misnamed"])
def test_what_is_no_metric_is_refused_by_name(name: str) -> None:
    with pytest.raises(PolicyError, match=name):
        index.METRICS[name]


def test_its_format_is_written(tmp_path: Path) -> None:
    report = audited(5.0)
    kept = report.save(tmp_path / "r.kg")
    assert kept.read_text().splitlines()[1:] == ["fairness/waste/difference/sex 3.7 kg"]
    report.save(
        tmp_path / "r.kg"
    )  # a file of ours, not a stranger's: overwritten, and removed when it tells of another
    report.save(tmp_path / "r.json")
    assert kept.exists()
    audited(6.0).save(tmp_path / "r.json")
    assert not kept.exists()
    with pytest.raises(ReportError, match=r"suffixes are \.html, \.json, \.xml.*\.kg"):
        report.save(tmp_path / "r.txt")


def test_what_is_no_format_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    point = next(p for p in POINTS if p.name == "formless")
    monkeypatch.setattr("auditkit.report.formats.entry_points", lambda group: importlib.metadata.EntryPoints([point]))
    with pytest.raises(ReportError, match="'formless'"):
        audited(5.0).save(tmp_path / "r.txt")
