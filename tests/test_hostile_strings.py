"""Hostile names through every door and into every format: they stay text, wherever they come out."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt
from rich.console import Console

import auditkit as ak
from auditkit.records import Report, Words
from auditkit.report import open_rules
from auditkit.report.formats import FORMATS, render
from auditkit.report.terminal import print_summary
from auditkit.report.vocabulary import shown
from auditkit.report.writing import DIGEST
from tests.forked import python
from tests.helpers import run_cli
from tests.hostile import HOSTILE
from tests.report.scripts import without_ours

ROWS = 240
COMMAND = re.compile(
    r"(?m)^\s*::|##\[|##vso\[|##teamcity\[|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
"""What a terminal or a pipeline would obey."""


def audited(name: str) -> Report:
    """The name as column, group, target, label, model, rule, policy and word, in one small audit."""
    rng = np.random.default_rng(0)
    attribute, target, decision = f"a{name}", f"t{name}", f"d{name}"
    truth = rng.integers(0, 2, ROWS)
    labels = np.array([f"no{name}", f"yes{name}"], dtype=object)
    frame = pd.DataFrame(
        {
            attribute: np.array([name, f"other{name}"], dtype=object)[rng.integers(0, 2, ROWS)],
            target: labels[truth],
            decision: labels[np.where(rng.random(ROWS) < 0.8, truth, 1 - truth)],
        }
    )
    data = ak.Dataset(frame, y_true=target, positive=f"yes{name}", sensitive_features=[attribute])
    policy = {
        "policy": {"id": f"p{name}", "owner": name, "version": name},
        "rule": [
            {
                "id": f"r{name}",
                "metric": "selection_rate",
                "comparison": "difference",
                "by": [attribute],
                "at_most": 0.9,
            },
            {"id": f"s{name}", "metric": "accuracy", "comparison": "overall", "at_least": 0.99},
            {"id": f"v{name}", "metric": "accuracy", "comparison": "ratio", "by": [f"gone{name}"], "at_least": 0.5},
        ],
    }
    words = Words(positive=name, groups={attribute: {name: name}})
    return ak.audit(
        ak.Predictions(decision), data, policy=policy, name=name, words=words, command=name, on_error="raise"
    )


class Elements(HTMLParser):
    """Every element with its attributes, and the text outside the style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.text.append(data)


def harmless(html: str) -> Elements:
    page = Elements(without_ours(html))
    assert not {tag for tag, _ in page.found} & {
        "script", "iframe", "img", "object", "embed", "link", "base", "form", "input", "template", "math", "animate",
        "textarea", "plaintext", "noscript",
    }  # fmt: skip
    for tag, attributes in page.found:
        assert not [a for a in attributes if a.startswith("on")], tag
        address = attributes.get("href") or attributes.get("src") or "#"
        assert address.startswith(("#", "data:image/")), address
    assert sum(tag == "style" for tag, _ in page.found) == 1
    return page


def harmless_markdown(text: str) -> None:
    """No element, link or picture comes of it, nothing but comments; and whoever links texts by sight finds none."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    inner = [t for token in tokens for t in [token, *(token.children or [])]]
    assert not {t.type for t in inner} & {"link_open", "image", "code_block", "fence", "blockquote_open", "hr"}
    for t in inner:
        if t.type.startswith("html_"):
            assert re.fullmatch(r"\s*(<!-- (auditkit-report sha256:\w{64} )?(-->|--> ?)\s*)+", t.content), t.content
        if t.type == "text":
            assert not re.search(r"@\w|#\w|://|www\.", t.content), t.content
    assert sum(t.type == "tr_open" for t in tokens) == 4, "a head and three rules"


UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]|::|##")
"""What no text of a machine's format holds: a viewer, a terminal and a runner may print it as it is."""
OF_MACHINES = ("sarif", "codequality", "cyclonedx", "in-toto")


def harmless_json(what: object, at: str = "") -> None:
    """Every text of a format that machines read, and that they print."""
    if isinstance(what, dict):
        for key, x in what.items():
            assert not UNSEEN.search(key), (at, key)
            harmless_json(x, f"{at}.{key}")
    elif isinstance(what, list):
        for x in what:
            harmless_json(x, at)
    elif isinstance(what, str):
        assert not UNSEEN.search(what), (at, what)
        assert len(what) <= 2_100 or at.endswith(("Id", "id", "Name", "_name", "Tests")), at


def harmless_commands(text: str) -> None:
    """Each line that a runner would obey is an annotation of ours, with our properties and no other."""
    lines = text.split("\n")
    commands = [line for line in lines if line.lstrip().startswith("::")]
    assert len(commands) == 2, "what was failed or not measured"
    for line in commands:
        assert re.fullmatch(r"::(error|warning|notice) (file=[^:,\s]+,line=\d+,)?title=[^:,]*::.+", line), line
        assert not re.search(r"::(?!.*::)(?=\S*::)|##\[|##vso", line.partition("::")[2].partition("::")[2]), line
    assert not re.search(r"(?m)^\s*##|##\[|[\x00-\x09\x0b-\x1f\u2028]", text), text


def harmless_card(text: str) -> None:
    """The metadata end where they end, are what YAML reads, and what follows is Markdown that formats nothing."""
    _, metadata, body = re.split(r"(?m)^---$", text, maxsplit=2)
    (index,) = yaml.safe_load(metadata)["model-index"]
    harmless_json(index)
    for metric in index["results"][0]["metrics"]:
        assert set(metric) == {"type", "value", "name", "args"}
        assert isinstance(metric["value"], float | int)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    inner = [t for token in tokens for t in [token, *(token.children or [])]]
    assert not {t.type for t in inner} & {"link_open", "image", "code_block", "fence", "html_block", "hr"}


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


SMALL = Report.load("reports/samples/income.json").model_copy(update={"findings": (), "evidence": {}})
SMALL = SMALL.model_copy(update={"verdicts": tuple(v.model_copy(update={"finding": None}) for v in SMALL.verdicts[:2])})


@pytest.mark.one_in(7)
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_text_in_every_format(name: str) -> None:
    if any(0xD800 <= ord(c) < 0xE000 for c in name):
        data = ak.Dataset(
            {"y": [0, 1] * 20, "p": [0, 1] * 20, "g": ["a", "b"] * 20}, y_true="y", sensitive_features="g"
        )
        told = ak.audit(ak.Predictions("p"), data, checks=[ak.GroupFairness()], name=name, command=name)
        assert Report.from_json(render(told, "json")).name == "? lone surrogate"
        return
    report = audited(name)
    page = harmless(render(report, "html"))
    assert shown(name)[:30].strip() in "".join(page.text)
    assert Report.from_json(render(report, "json")).to_json() == report.to_json()
    cases = ET.fromstring(render(report, "junit")).findall(".//testcase")
    assert len(cases) == 3
    harmless_markdown(render(report, "markdown"))
    cells = [cell for row in csv.reader(io.StringIO(render(report, "csv"))) for cell in row]
    assert not [c for c in cells if c.startswith(("=", "+", "@", "\t", "\r", "%", "|"))]
    assert not [c for c in cells if c.startswith("-") and not _number(c)]
    assert all(
        isinstance(x, float | int | None) for k, x in json.loads(render(report, "metrics")).items() if k != DIGEST
    )
    for form in OF_MACHINES:
        harmless_json(json.loads(render(report, form)))
    harmless_commands(render(report, "github"))
    harmless_card(render(report, "modelcard"))
    screen = Console(file=io.StringIO(), width=100, force_terminal=False)
    print_summary(report, screen)
    assert isinstance(screen.file, io.StringIO)
    assert not COMMAND.search(screen.file.getvalue().replace("\n", "\n")), screen.file.getvalue()


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_policy_file_of_any_name_is_one_address(name: str) -> None:
    """As a file name, it stays one property of a command, one address of a result, and one path of an issue."""
    report = SMALL.model_copy(update={"policy": SMALL.policy.model_copy(update={"source": f"{name}.toml"})})  # type: ignore[union-attr]
    commands = [c for c in render(report, "github").split("\n") if c.startswith("::")]
    for line in commands:
        assert re.fullmatch(r"::(error|warning|notice) file=[^:,]*,line=\d+,title=[^:,]*::.+", line), line
    for result in json.loads(render(report, "sarif"))["runs"][0]["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[\w.~/%-]+", uri, re.ASCII), uri
        assert not uri.startswith("/")
    for issue in json.loads(render(report, "codequality")):
        assert not UNSEEN.search(issue["location"]["path"])
    assert open_rules.open_rules(report)
    assert set(OF_MACHINES) < set(FORMATS)


def test_the_command_line_prints_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As file names, flags and rule ids: nothing that a terminal or a pipeline obeys comes out of either end."""
    monkeypatch.chdir(tmp_path)
    names = [s for s in HOSTILE if s.isascii() and "\x00" not in s and len(s) < 200 and s.strip()]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"y": rng.integers(0, 2, ROWS), "p": rng.integers(0, 2, ROWS), "g": rng.choice(["a", "b"], ROWS)}
    )
    frame.to_csv(tmp_path / "d.csv", index=False)
    rules = "".join(
        f'[[rule]]\nid = {json.dumps(s)}\nmetric = "accuracy"\ncomparison = "overall"\nat_least = 0.99\n' for s in names
    )
    (tmp_path / "p.toml").write_text(rules)
    base = ["run", "--data", "d.csv", "--y-true", "y", "--y-pred", "p", "--sensitive", "g", "--policy"]
    ran = python("auditkit", *base, "p.toml", cwd=tmp_path)
    assert ran.returncode in (1, 2, 3), ran.stderr
    assert not COMMAND.search(ran.stdout), ran.stdout
    assert not COMMAND.search(ran.stderr), ran.stderr
    for name in ("::error::x", "##[set-output name=x]y", "a\n::error::b", "\x1b[31mred"):
        for asked in ([*base, name], ["gate", name, "--policy", name], [*base[:8], name], ["explain", name], [name]):
            status, out, err = run_cli(asked)
            assert status == 2, (asked, out, err)
            assert not COMMAND.search(out + "\n" + err), (asked, err)
