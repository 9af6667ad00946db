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
from markdown_it import MarkdownIt
from rich.console import Console

import auditkit as ak
from auditkit.records import Report, Words
from auditkit.report.formats import render
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


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


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
    screen = Console(file=io.StringIO(), width=100, force_terminal=False)
    print_summary(report, screen)
    assert isinstance(screen.file, io.StringIO)
    assert not COMMAND.search(screen.file.getvalue().replace("\n", "\n")), screen.file.getvalue()


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
