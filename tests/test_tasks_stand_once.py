"""What a task is stands in its file: nowhere else does the program ask for a task by its name.

A name may stand where a task is written (its file, the registry, the type and the kinds of records), and where a check,
a judge or a metric says which tasks it knows, in a field called `tasks`.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

from auditkit.inputs.tasks.registry import TASKS
from auditkit.records import TASK_KINDS, Task

PACKAGE = Path(__file__).parent.parent / "auditkit"
WRITTEN = {"origins.py", *(f"inputs/tasks/{name}.py" for name in ("registry", *TASKS))}
OTHER_MEANING = {
    ("explain/methods/shapley.py", "regression"): "Shapley values by a regression over coalitions",
    ("explain/attributions/findings.py", "ranking"): "the ranking of columns, by its name in the sums",
    ("explain/attributions/sums.py", "ranking"): "the same",
    ("explain/attributions/parts.py", "ranking"): "the same",
    ("explain/missed/scoring.py", "regression"): "a box's score is any number, which a net of numbers gives",
    ("report/modelcard.py", "regression"): "the word of model cards for what predicts numbers",
    ("gate/remedies.py", "answers"): "what rules answer of other decisions",
}
FILES = sorted(str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py"))


def strings(tree: ast.AST) -> list[ast.Constant]:
    """String constants outside of fields, and of arguments, that are called `tasks`."""
    found: list[ast.Constant] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if all(isinstance(t, ast.Name) and t.id == "tasks" for t in targets):
                continue
        if isinstance(node, ast.keyword) and node.arg == "tasks":
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node)
        todo.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_task_is_asked_for_by_name(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text())
    if name not in WRITTEN:
        tasks = [(c.value, c.lineno) for c in strings(tree) if c.value in TASKS]
        tasks = [t for t in tasks if (name, t[0]) not in OTHER_MEANING]
        assert tasks == [], f"{name} names tasks: ask what the task says (`kind`, `task_of`) instead"
    if name != "origins.py":
        kinds = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "predicts"]
        assert kinds == [], f"{name} compares what is predicted: ask `kind.yes_no`, `several`, `numeric`, `by_label`"


def test_what_is_allowed_is_used() -> None:
    assert set(FILES) >= WRITTEN
    for (name, value), why in OTHER_MEANING.items():
        assert value in {c.value for c in strings(ast.parse((PACKAGE / name).read_text()))}, why


def test_the_search_finds_names_and_spares_fields_of_tasks() -> None:
    tree = ast.parse('tasks: tuple = ("binary",)\nf(tasks=("binary",))\nif task == "binary":\n    match t:\n'
                     '        case "multiclass":\n            pass')  # fmt: skip
    assert sorted(c.value for c in strings(tree)) == ["binary", "multiclass"]


def test_every_task_of_records_is_registered() -> None:
    assert tuple(TASKS) == tuple(TASK_KINDS) == get_args(Task)
