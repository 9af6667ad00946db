"""The line of a key, whatever the file looks like; and files that are no TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from auditkit.errors import PolicyError
from auditkit.gate.toml import Document, read, scan

TEXT = '''\
# a comment with [brackets] and = signs

[data]
sensitive_features = [
    "sex",      # not a header: [rule]
    "race = 1",
    ["nested", "]"],
]
y_true = "a # no comment"
note = """
[rule]
id = "inside a string"
"""
raw = \'\'\'
[[rule]]
\'\'\'
"quoted key" = 1
dotted.name = 2

[[rule]]           # the first
id = "a"
at_most = 0.1
  [rule.inner]
  deep = 1

[[ rule ]]
"id" = "b"
by = ["sex", "race"]
[words."a b"]
'x' = "y"
'''


def test_lines() -> None:
    tomllib.loads(TEXT)
    lines = scan(TEXT)
    assert lines == {
        ("data",): 3,
        ("data", "sensitive_features"): 4,
        ("data", "y_true"): 9,
        ("data", "note"): 10,
        ("data", "raw"): 14,
        ("data", "quoted key"): 17,
        ("data", "dotted", "name"): 18,
        ("rule", 0): 20,
        ("rule", 0, "id"): 21,
        ("rule", 0, "at_most"): 22,
        ("rule", 0, "inner"): 23,
        ("rule", 0, "inner", "deep"): 24,
        ("rule", 1): 26,
        ("rule", 1, "id"): 27,
        ("rule", 1, "by"): 28,
        ("words", "a b"): 29,
        ("words", "a b", "x"): 30,
    }


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\u2029"])
def test_only_line_feeds_end_a_line(odd: str) -> None:
    """Editors count these so, and str.splitlines() does not."""
    text = f"# one{odd}still one\n[rule]\nid = 'a{odd}b'\nmetric = 'x'\n"
    tomllib.loads(text)
    assert scan(text)[("rule", "metric")] == 4


def test_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"[data]\r\npath = 'x'\r\ny_true = 'y'\r\n")
    assert read(path).lines[("data", "y_true")] == 3


def test_where_falls_back_to_the_closest_known_part() -> None:
    document = Document("a.toml", {}, {("rule", 0): 7, ("rule", 0, "id"): 8})
    assert document.where(("rule", 0, "id")) == "a.toml:8"
    assert document.where(("rule", 0, "at_most")) == "a.toml:7"
    assert document.where(("data",)) == "a.toml"
    assert Document("", {}, {}).where(("data",)) == "policy"


def test_pyproject_is_read_under_tool_auditkit(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\nname = 'x'\n[tool.auditkit.data]\npath = 'p'\n\n[[tool.auditkit.rule]]\nid = 'a'\n")
    document = read(path)
    assert document.data == {"data": {"path": "p"}, "rule": [{"id": "a"}]}
    assert document.where(("data", "path")) == "pyproject.toml:4"
    assert document.where(("rule", 0, "id")) == "pyproject.toml:7"
    path.write_text("[project]\nname = 'x'\n")
    with pytest.raises(PolicyError, match=r"pyproject\.toml has no table \[tool\.auditkit\]"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[rule\nid = 1\n", r"a\.toml: .*at line 1"),
        (b"[data]\npath = 'x'\npath = 'y'\n", r"a\.toml: .*at line 3"),
        (b"path = '\xff'\n", "is no TOML file: it is not UTF-8 text"),
    ],
)
def test_syntax_errors_have_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(PolicyError, match=message):
        read(tmp_path / "a.toml")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"cannot read .*none\.toml: No such file"):
        read(tmp_path / "none.toml")
