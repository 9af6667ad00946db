"""The reference pages under `docs/reference`, made from what the program says of itself. `make docs` writes them.

A test holds that they are what this makes: a docstring that changes changes its page.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import auditkit as ak
from auditkit.catalogue.index import ALIASES, METRICS
from auditkit.catalogue.index import explain as metric_in_words
from auditkit.check import BaseCheck
from auditkit.checks import CHECKS, described
from auditkit.cli.main import program as program_of
from auditkit.gate.explained import tables
from auditkit.records import Record

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
_MADE = "<!-- Made by `make docs`: change the docstring, and make it again. -->"


def python() -> str:
    """Every public name: how it is called, and what it says of itself."""
    parts = ["# From Python", "`import auditkit as ak` gives these names."]
    for name in sorted((n for n in ak.__all__ if not n.startswith("_")), key=str.casefold):
        thing = getattr(ak, name)
        parts.append(f"## `ak.{name}`")
        if inspect.ismodule(thing):
            parts.append(_text(thing))
            parts += [f"### `ak.{name}.{n}{_called(f)}`\n\n{_text(f)}" for n, f in _public(thing, name)]
            continue
        record = inspect.isclass(thing) and issubclass(thing, Record)
        parts += [_fields(thing) if record else _code(f"ak.{name}{_called(thing)}"), _text(thing)]
        if inspect.isclass(thing) and not issubclass(thing, BaseCheck):  # what an audit calls of a check, users do not
            parts += [f"### `{name}.{n}{_called(m)}`\n\n{_text(m)}" for n, m in _methods(thing)]
    return _page(parts)


def metrics() -> str:
    """Every metric, as `auditkit explain` says it."""
    parts = [
        "# Metrics",
        "What a rule may ask for, by `metric`. `auditkit explain NAME` says the same; other names that are understood:",
        ", ".join(f"`{alias}`" for alias in sorted(ALIASES)) + ".",
    ]
    for name in METRICS:
        parts += [f"## `{name}`", _plain(metric_in_words(name).partition(":")[2])]
    return _page(parts)


def checks() -> str:
    """Every check and its options."""
    parts = ["# Checks", '`checks=[…]`, `[[check]] name = "…"` or `--check …`; [what each asks](../checks.md).']
    for name in CHECKS:
        parts += [f"## `{name}`", _plain((described(name) or "").partition(":")[2])]
    return _page(parts)


def commands() -> str:
    """Every command and flag."""
    program = program_of()
    parts = ["# Commands", _plain(f"{program.help}\n\n{program.epilog}")]
    for name, command in sorted(program.commands.items()):
        parts += [f"## `auditkit {name}`", _plain(command.help or "")]
        if command.epilog:
            parts.append(_code(inspect.cleandoc(command.epilog.replace("\b", "")).replace("Example: ", "")))
        rows = [(_flag(p), getattr(p, "help", "") or "") for p in command.params]
        parts.append(_table(("flag", "says"), rows))
    return _page(parts)


def configuration() -> str:
    """Every table and key of a configuration, as `auditkit explain config` says them."""
    parts = [
        "# Configuration",
        "`auditkit.toml`, or `[tool.auditkit]` of a `pyproject.toml`. `auditkit explain config.data` and `auditkit "
        "explain rule.at_most` say the same; `auditkit explain schema` prints where the JSON Schema for editors lies.",
    ]
    for table in tables().values():
        parts += [
            f"## `{table.header}`" if table.name else f"## {table.header.rstrip('.')}",
            _unmarked(" ".join(filter(None, (table.said, table.others)))),
        ]
        rows = [
            (f"`{k.name}`", f"{k.kind}{', needed' if k.needed else ''}. {k.said} `{k.example}`") for k in table.keys
        ]
        parts.append(_table(("key", "takes, and says"), rows))
    return _page(parts)


PAGES: dict[str, Callable[[], str]] = {
    "python": python,
    "metrics": metrics,
    "checks": checks,
    "commands": commands,
    "configuration": configuration,
}
"""File → what is in it."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(), encoding="utf-8")


# ---- details


def _page(parts: Iterable[str]) -> str:
    head, *rest = parts
    return "\n\n".join([head, _MADE, *(p for p in rest if p)]) + "\n"


def _called(thing: Any) -> str:
    if isinstance(thing, property):
        return ""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    given = [
        p.replace(annotation=_Bare(p.annotation)) if isinstance(p.annotation, str) else p
        for p in signature.parameters.values()
        if p.name not in ("self", "cls")
    ]
    back = signature.return_annotation
    text = str(signature.replace(parameters=given, return_annotation=_Bare(back) if isinstance(back, str) else back))
    text = re.sub(r"\b(?:auditkit(?:\.\w+)*|pathlib|collections\.abc|typing)\.(?=\w)", "", text)
    return re.sub(r"<[^>]* object at [^>]*>|<factory>", "…", text)


class _Bare(str):
    """An annotation as it is written."""

    def __repr__(self) -> str:
        return str(self)


def _fields(record: type[Record]) -> str:
    """The fields of a record, as they are written."""
    written = {k: v for c in reversed(record.__mro__) if issubclass(c, Record) for k, v in _annotated(c).items()}
    rows = [(f"`{n}`", f"`{written[n]}` {f.description or ''}".strip()) for n, f in record.model_fields.items()]
    return _table(("field", "is"), rows)


def _annotated(record: type[Record]) -> dict[str, str]:
    """Field → its type, as the source has it."""
    (node,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(node, ast.ClassDef)
    fields = (x for x in node.body if isinstance(x, ast.AnnAssign))
    return {ast.unparse(x.target): ast.unparse(x.annotation) for x in fields}


def _text(thing: Any) -> str:
    """A docstring without its example, which runs where it stands."""
    said = thing.fget.__doc__ if isinstance(thing, property) else thing.__doc__
    return _plain(inspect.cleandoc(said or "").partition(">>>")[0])


def _plain(text: str) -> str:
    """Words of ours as Markdown: an indented block is kept as it is, and no sign of the text is markup by accident."""
    out = []
    for block in inspect.cleandoc(text).strip().split("\n\n"):
        lines = block.splitlines()
        aligned = len(lines) > 1 and any(re.match(r"\S.*?\s{2,}\S|[ -]", line) for line in lines)
        out.append(_code(block) if aligned else _unmarked(block))
    return "\n\n".join(out)


def _unmarked(text: str) -> str:
    """Angle brackets outside of code are no tags."""
    words = text.split("`")
    return "`".join(w.replace("<", "&lt;") if i % 2 == 0 else w for i, w in enumerate(words))


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _methods(kind: type) -> list[tuple[str, Any]]:
    """Public methods and properties that the class itself explains."""
    out = []
    for name, found in sorted(vars(kind).items()):
        thing = found.__func__ if isinstance(found, classmethod | staticmethod) else found
        documented = isinstance(thing, property) or inspect.isfunction(thing)
        if not name.startswith("_") and documented and thing is not None and _text(thing):
            out.append((name, thing))
    return out


def _public(module: Any, name: str) -> list[tuple[str, Any]]:
    own = [(n, f) for n, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__]
    return sorted((n, f) for n, f in own if not n.startswith("_") and callable(f))


def _flag(p: Any) -> str:
    if p.param_type_name == "argument":
        return f"`{p.name.upper()}`"
    return ", ".join(f"`{o}`" for o in (*p.opts, *p.secondary_opts))


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    cells = [(a, b.replace("|", "\\|").replace("\n", " ")) for a, b in rows]
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {a} | {b} |" for a, b in cells)])


if __name__ == "__main__":
    main()
