"""A baseline as a stranger's file: whatever stands in it, a policy is read or refused with one line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import auditkit as ak
from auditkit.errors import AuditkitError
from tests.gate.test_baseline import accepted, judged

ODD: list[Any] = [None, "", [], {}, -1, 1e308, -1e308, 5e-324, 0.999999999999, True, "<script>", "\x1b[31m", [[]]]


def paths(x: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()
    return [at, *(p for k, v in inner for p in paths(v, (*at, k)))]


def with_value(raw: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    out = copy.deepcopy(raw)
    inner = out
    for k in at[:-1]:
        inner = inner[k]
    inner[at[-1]] = value
    return out


def _one_line(raw: Any, path: Path) -> bool:
    """Whether it is refused; with one line, or the error goes on."""
    path.write_text(json.dumps(raw))
    try:
        judged(2, policy={"baseline": str(path)}, defaults={"max_regression": 0.1})
    except AuditkitError as e:
        return len(str(e).splitlines()) == 1 or bool(pytest.fail(str(e)))
    return False


def test_any_value_replaced_by_an_odd_one_is_read_or_refused(tmp_path: Path) -> None:
    raw = json.loads(accepted(judged()).to_json())
    told = [
        _one_line(with_value(raw, at, ODD[(i + step) % len(ODD)]), tmp_path / "b.json")
        for i, at in enumerate(paths(raw))
        for step in (0, 5)
    ]
    assert min(sum(told), len(told) - sum(told)) > 20


@pytest.mark.slow
def test_every_value_replaced_by_every_odd_one_is_read_or_refused(tmp_path: Path) -> None:
    raw = json.loads(accepted(judged()).to_json())
    told = [_one_line(with_value(raw, at, odd), tmp_path / "b.json") for at in paths(raw) for odd in ODD]
    assert min(sum(told), len(told) - sum(told)) > 50


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"schema_version": "auditkit.baseline/2"}', "\ud800", "<html>"]
)
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ak.PolicyError) as e:
        judged(policy={"baseline": str(path)})
    assert len(str(e.value).splitlines()) == 1
    path.unlink()
    path.mkdir()
    with pytest.raises(ak.PolicyError, match="is a folder"):
        judged(policy={"baseline": str(path)})
