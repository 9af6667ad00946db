"""Markdown, CSV and flat JSON: each says what the report says, in a size and a form that its readers take."""

from __future__ import annotations

import csv
import io
import json
import math
import posixpath
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from auditkit.records import Report
from auditkit.report import formats
from auditkit.report.formats import Format, paths_of, render, save
from auditkit.report.markdown import LONGEST
from auditkit.report.writing import told_by
from tests.hostile import HOSTILE

REPORT = Report.load("reports/samples/income.json")


def test_csv_is_the_frame() -> None:
    told = list(csv.DictReader(io.StringIO(render(REPORT, "csv"))))
    frame = REPORT.to_frame()
    assert len(told) == len(frame)
    for row, (_, ours) in zip(told, frame.iterrows(), strict=True):
        assert row["finding"] == ours["finding"]
        for name in ("value", "low", "high"):
            assert (row[name] == "") == math.isnan(ours[name])
            assert row[name] == "" or float(row[name]) == ours[name]


def test_metrics_are_the_frame_and_a_tracker_gets_every_number() -> None:
    told = json.loads(render(REPORT, "metrics"))
    frame = REPORT.to_frame()
    own = frame[frame.group == ""].set_index("finding")
    for name, row in own.iterrows():
        for end, column in (("", "value"), ("/low", "low"), ("/high", "high")):
            x = told[f"{name}{end}"]
            assert x == row[column] or (x is None and math.isnan(row[column]))
        assert (told.get(f"{name}/{row.state}") == 1.0) == (row.state != "ok")
    assert told["rules/fail"] == sum(v.status == "fail" for v in REPORT.verdicts)
    assert told["passed"] == 0
    got: dict[str, tuple[float, int | None]] = {}
    n = REPORT.log(lambda name, x, step=None: got.__setitem__(name, (x, step)), step=3)
    assert n == len(got)
    numbers = {k: x for k, x in told.items() if x is not None and not isinstance(x, str)}
    assert list(got.values()) == [(x, 3) for x in numbers.values()]
    plain = {k: x for k, x in numbers.items() if not set(k) & set("[]+<>=(),%") and k.isascii()}
    assert plain.items() <= {k: x for k, (x, _) in got.items()}.items()


def taken_by_mlflow(name: str) -> bool:
    """The rule of MLflow for the name of a metric: its signs, a path that is its own normal form, and its length."""
    at = posixpath.normpath(name)
    return bool(re.fullmatch(r"[/\w.\- :]*", name)) and at == name and at[:1] not in ("/", ".") and len(name) <= 250


def test_trackers_take_every_name() -> None:
    names = [*HOSTILE, "a//b", "../x", ".", "a/./b", "x" * 400, "x" * 401, "f [1]", "f (1)", "f _1_"]
    f = next(f for f in REPORT.findings if f.by_group and len(f.by) == 1)
    groups = tuple(f.by_group[0].model_copy(update={"group": {f.by[0]: name}}) for name in names)
    report = REPORT.model_copy(update={"findings": (f.model_copy(update={"by_group": groups}),), "verdicts": ()})
    got: dict[str, float] = {}
    n = report.log(lambda name, x: got.__setitem__(name, x))
    assert n == len(got)
    assert n == sum(isinstance(x, float) for x in json.loads(render(report, "metrics")).values())
    assert not [name for name in got if not taken_by_mlflow(name)]


def cells(text: str) -> list[str]:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    return [tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "td_open"]


def test_markdown_has_each_rule_the_worst_first() -> None:
    found = cells(render(REPORT, "markdown"))
    assert [c.strip("`") for c in found[1::4]][:3] == [v.rule.id for v in REPORT.verdicts if v.status == "fail"]
    assert sorted(c.strip("`") for c in found[1::4]) == sorted(v.rule.id for v in REPORT.verdicts)


def test_markdown_fits_and_counts_what_did_not() -> None:
    many = tuple(
        v.model_copy(update={"rule": v.rule.model_copy(update={"id": f"rule-{i}-{v.rule.id}"})})
        for i in range(150)
        for v in REPORT.verdicts
    )
    text = render(REPORT.model_copy(update={"verdicts": many}), "markdown")
    assert len(text) <= LONGEST
    kept = [line for line in text.split("\n") if line.startswith(("|", "- "))]
    whole = 2 + 2 * len(many)
    assert text.rstrip().endswith("did not fit here: the report has them.*")
    assert len(kept) < whole


def test_formats_of_one_suffix_have_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"mine": Format(".json", "auditkit.report.markdown:render"), "pages": Format(".html", "x:y")}
    monkeypatch.setattr(formats, "formats", lambda: {**formats.FORMATS, **other})
    found = paths_of(tmp_path / "r", ["json", "metrics", "mine", "pages", "html"])
    assert [p.name for p in found.values()] == ["r.json", "r.metrics.json", "r.mine.json", "r.pages.html", "r.html"]
    assert save(REPORT, found["mine"]).read_text() == render(REPORT, "markdown")
    assert not found["json"].exists()


def test_each_file_is_known_by_the_report_that_it_tells_of(tmp_path: Path) -> None:
    for path in paths_of(tmp_path / "r", formats.FORMATS).values():
        save(REPORT, path)
        assert told_by(path) == formats.writing.digest(REPORT), path
