"""Every table and key of a configuration is told, stands in the schema, and its mistakes name line and nearest name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditkit.catalogue.index import ALIASES, METRICS
from auditkit.errors import PolicyError
from auditkit.gate import schema
from auditkit.gate.config import config_from, load_config
from auditkit.gate.explained import SCHEMA, Key, Table, tables, told
from auditkit.gate.parts import read_as
from auditkit.gate.tables import Written
from auditkit.gate.toml import Document, scan
from auditkit.gate.toml_text import value_text

WHOLE = schema.schema()
KEYS = [(t, k) for t in tables().values() for k in t.keys]
IDS = [f"{t.name}.{k.name}" for t, k in KEYS]
BASE = {
    "model": {"factory": '"a:b"'},
    "against": {"y_pred": '"old"'},
    "rule": {"id": '"r"', "metric": '"accuracy"', "comparison": '"overall"', "at_least": "0.5"},
}
"""What a table needs beside the key, where its needed keys alone are no whole one."""


def with_line(table: Table, line: str, *, but: str = "") -> tuple[str, int]:
    """A file with that line in that table, and the line's number; what is needed around it is there."""
    lines: list[str] = []
    for end in range(1 if table.name else 2, len(table.name.split(".")) + 1):
        around = tables()[".".join(table.name.split(".")[:end])]
        needed = BASE.get(around.name) or {k.name: k.example.partition(" = ")[2] for k in around.keys if k.needed}
        kept = {k: v for k, v in needed.items() if k != but or around is not table}
        lines += [around.header, *(f"{k} = {v}" for k, v in kept.items())]
    return "\n".join([*lines, line, ""]), len(lines) + 1


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as e:
        config_from(Document("a.toml", tomllib.loads(text), scan(text)))
    return str(e.value)


def test_the_schema_that_is_installed_is_that_of_the_tables() -> None:
    """`python -m auditkit.gate.schema` writes it again."""
    assert SCHEMA.read_text(encoding="utf-8") == schema.text()
    assert schema.FILE == SCHEMA


def fields(record: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of the records themselves, found by their JSON Schema of pydantic, not by ours."""
    defs = Written.model_json_schema()
    defs = defs["$defs"] | {"": defs}

    def inside(of: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, field in of.get("properties", {}).items():
            yield (*at, name)
            kinds = [field, field.get("items", {}), *field.get("anyOf", ()), *field.get("allOf", ())]
            for ref in {k["$ref"] for k in kinds if "$ref" in k}:
                yield from inside(defs[ref.rpartition("/")[2]], (*at, name))

    yield from inside(defs[""], at)


def test_no_key_of_the_records_is_left_out() -> None:
    ours = {tuple(id.strip(".").split(".")) for id in IDS} | {tuple(t.split(".")) for t in tables() if t}
    theirs = set(fields(Written)) - {("check", k) for k in ("options", "where", "lines")}
    assert ours == theirs


@pytest.mark.parametrize("table", list(tables().values())[1:], ids=list(tables())[1:])
def test_every_table_is_told(table: Table) -> None:
    assert table.said
    text = str(told(f"config.{table.name}"))
    assert text.startswith(table.header)
    assert all(key.name in text for key in table.keys)
    assert text in str(told("config"))


@pytest.mark.parametrize(("table", "key"), KEYS, ids=IDS)
def test_every_key_is_told_and_its_example_is_taken(table: Table, key: Key) -> None:
    assert len(key.said) > 4, "a description below the field"
    assert key.kind != "anything"
    assert key.said in " ".join(str(told(f"{table.name}.{key.name}")).split())
    text, _ = with_line(table, key.example, but=key.name)
    if (table.name, key.name) == ("against", "path"):  # stands alone
        text = text.replace('y_pred = "old"', "")
    elif table.name == "against" and key.name in {k.name for k in tables()["model"].keys} - {"threshold"}:
        text = text.replace('y_pred = "old"', 'weights = "old"' if key.name != "weights" else "")
    read_as(Document("a.toml", tomllib.loads(text), scan(text)), Written)


@pytest.mark.parametrize(("table", "key"), [x for x in KEYS if x[0].name != "check"], ids=lambda x: x.name)
def test_a_key_that_is_mistyped(table: Table, key: Key) -> None:
    text, line = with_line(table, f'{key.name}x = "x"')
    said = refusal(text)
    assert said.startswith(f"a.toml:{line}: "), said
    assert f"Did you mean '{key.name}'?" in said


@pytest.mark.parametrize("table", list(tables().values())[1:], ids=list(tables())[1:])
def test_a_table_that_is_mistyped(table: Table) -> None:
    before, _, last = table.name.rpartition(".")
    wrong = table.header.replace(f"{last}]", f"{last}x]")
    text = (with_line(tables()[before], "")[0] if before else "") + f"{wrong}\n"
    said = refusal(text)
    assert said.startswith(f"a.toml:{len(text.splitlines())}: "), said
    assert f"Did you mean '{last}'?" in said


def words(of: dict[str, Any]) -> list[Any]:
    return [v for s in (of, *of.get("anyOf", ())) for v in s.get("enum", ())]


def _schema(table: Table, key: Key) -> dict[str, Any]:
    found: dict[str, Any] = WHOLE
    for name in table.name.split(".") if table.name else ():
        found = found["properties"][name]
        found = found.get("items", found)
        found = found.get("else", found)
    of: dict[str, Any] = found["properties"][key.name]
    return of


CHOICES = [(t, k, w) for t, k in KEYS for w in words(_schema(t, k)) if f"{t.name}.{k.name}" != "rule.metric"]


@pytest.mark.parametrize(("table", "key", "word"), CHOICES, ids=[f"{t.name}.{k.name}={w}" for t, k, w in CHOICES])
def test_a_word_that_is_mistyped(table: Table, key: Key, word: str) -> None:
    more = {"rule.of": 'metric = "gap_share"\nby = ["sex"]\n'}.get(f"{table.name}.{key.name}", "")
    text, line = with_line(table, f"{more}{key.name} = {value_text(f'{word}x')}", but=key.name)
    if more:
        text = text.replace('metric = "accuracy"\n', "").replace('comparison = "overall"\n', "")
        line = text.splitlines().index(f"{key.name} = {value_text(f'{word}x')}") + 1
    said = refusal(text)
    assert said.startswith(f"a.toml:{line}: "), said
    assert f"Did you mean '{word}'?" in said


@pytest.mark.parametrize("metric", [m for m in METRICS if not m.startswith("captum:")] + list(ALIASES))
def test_a_metric_that_is_mistyped(metric: str) -> None:
    text, line = with_line(tables()["rule"], f'metric = "{metric}x"', but="metric")
    said = refusal(text)
    assert said.startswith(f"a.toml:{line}: "), said
    assert f"Did you mean '{metric}'?" in said


@pytest.mark.parametrize("line", ["requirements = ['eu-aai']", "requirements = ['nist-rmff']"])
def test_requirements_that_nobody_knows(line: str) -> None:
    said = refusal(f"[context]\n{line}\n")
    assert said.startswith("a.toml:2: ")
    assert "Did you mean '" in said


def test_an_option_of_a_check_that_is_mistyped(tmp_path: Path) -> None:
    from tests.helpers import run_cli

    (tmp_path / "rows.csv").write_text("s,y,p\n" + "f,1,1\nm,0,1\n" * 20)
    path = tmp_path / "a.toml"
    for line, number, right in (("nam = 'subgroups'", 8, ""), ("name = 'subgrups'", 9, "subgroups"),
                                ("name = 'subgroups'\n\ndept = 2", 11, "depth")):  # fmt: skip
        path.write_text(
            "[data]\npath = 'rows.csv'\ny_true = 'y'\nsensitive_features = 's'\n"
            f"[predictions]\ny_pred = 'p'\n\n[[check]]\n{line}\n"
        )
        status, _, said = run_cli(["run", str(path), "--out", str(tmp_path)])
        assert status == 2
        assert said.startswith(f"auditkit: a.toml:{number}: "), said
        assert f"Did you mean '{right}'?" in said or not right


def test_what_explain_does_not_know() -> None:
    assert told("no_such_thing") is None
    with pytest.raises(PolicyError, match=r"\[data\] has no key 'pth'.*Did you mean 'path'"):
        told("config.data.pth")
    with pytest.raises(PolicyError, match=r"has no table 'dat'.*Did you mean 'data'"):
        told("config.dat")


# ---- the schema, as an editor uses it


REAL = [Path(schema.__file__).parent.parent / "demo" / "auditkit.toml"]


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_real_configurations_keep_the_schema(path: Path) -> None:
    load_config(path)
    data = tomllib.loads(path.read_text())
    assert not list(breaches(schema.schema(), data))
    data["rule"][0]["metrik"] = 1
    data["defaults"]["min_n"] = 0
    data["defaults"]["on_inconclusive"] = "wait"
    del data["data"]["path"]
    assert sorted(breaches(schema.schema(), data)) == [
        "data: path", "defaults.min_n: minimum", "defaults.on_inconclusive: enum", "rule.0.metrik: unknown",
    ]  # fmt: skip


def breaches(of: dict[str, Any], value: Any, at: str = "") -> Iterator[str]:
    """Where a value breaks the part of JSON Schema that ours uses; jsonschema says the same, where it is installed."""
    kinds = {"string": str, "boolean": bool, "number": (int, float), "integer": int, "array": list, "object": dict}
    if "anyOf" in of:
        found = [list(breaches(s, value, at)) for s in of["anyOf"]]
        yield from [] if not all(found) else [f"{at}: anyOf"]
    if "if" in of:
        yield from breaches(of["else" if list(breaches(of["if"], value)) else "then"], value, at)
    if "enum" in of and value not in of["enum"]:
        yield f"{at}: enum"
    kind = of.get("type")
    right = kinds.get(kind, object)
    if not isinstance(value, right) or (isinstance(value, bool) and kind in ("number", "integer")):  # type: ignore[arg-type]
        yield f"{at}: type"
        return
    if "minimum" in of and value < of["minimum"]:
        yield f"{at}: minimum"
    if "minLength" in of and len(value) < of["minLength"]:
        yield f"{at}: minLength"
    if isinstance(value, list):
        for i, x in enumerate(value):
            yield from breaches(of.get("items", {}), x, f"{at}.{i}")
    if isinstance(value, dict):
        yield from (f"{at}: {name}" for name in of.get("required", ()) if name not in value)
        for name, x in value.items():
            other = of.get("properties", {}).get(name, of.get("additionalProperties", True))
            if other is False:
                yield f"{at}.{name}: unknown"
            elif isinstance(other, dict):
                yield from breaches(other, x, f"{at}.{name}".lstrip("."))


def test_jsonschema_agrees() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    for path in REAL:
        jsonschema.validate(tomllib.loads(path.read_text()), schema.schema())
