"""The import borders, as a table: what stands where, and what may be loaded."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "auditkit"
DOCS = sorted((PACKAGE.parent / "docs").glob("*.md"))
ALWAYS = {"arrays", "errors", "files", "lazy", "timings", "auditkit"}
EVERYTHING = {
    "records", "catalogue", "check", "formatting", "inputs", "evidence", "stats", "fairness", "explain", "robustness",
    "gate", "report", "judging", "provenance", "checks", "progress", "accidents", "disclosure", "deciding", "options",
    "values", "alignment", "progress_bar", "batch", "question", "observing", "assertions", "clock", "completing",
    "lacking",
    "readers", "boxes", "lists",
}  # fmt: skip
# room → (our rooms it may import, third-party packages it may import); TYPE_CHECKING blocks are free
BORDERS: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "arrays": (set(), {"numpy"}),
    "values": (set(), {"numpy", "pandas"}),
    "alignment": (set(), {"numpy", "pandas"}),
    "files": (set(), set()),
    "lazy": (set(), {"pandas"}),
    "timings": (set(), set()),
    "scratch": (set(), {"numpy"}),
    "memory": (set(), set()),
    "estimates": (set(), {"pydantic"}),
    "exhibits": ({"estimates"}, {"pydantic"}),
    "looks": (set(), set()),
    "holm": (set(), set()),
    "mover": (set(), set()),
    "plans": ({"estimates", "report", "rules"}, {"pydantic"}),  # report: only where a plan is shown
    "planning": (
        {"catalogue", "fairness", "gate", "inputs", "judging", "looks", "plans", "records", "stats"},
        {"numpy", "pandas"},
    ),
    "rules": ({"estimates"}, {"pydantic"}),
    "verdicts": ({"baselines", "estimates", "rules"}, {"pydantic"}),
    "baselines": ({"estimates", "rules"}, {"pydantic"}),
    "remedies": ({"estimates", "rules"}, {"pydantic"}),
    "explorer": ({"estimates", "rules"}, {"pydantic"}),
    "stored": ({"files"}, {"pydantic_core"}),
    "columns": ({"stored"}, set()),
    "evidence_files": ({"estimates", "stored"}, {"pydantic"}),
    "disclosure": ({"estimates"}, {"pydantic"}),
    "deciding": ({"batch", "evidence", "explain", "inputs"}, {"pandas"}),
    "observing": (
        {"accidents", "batch", "check", "deciding", "evidence", "inputs", "lacking", "progress", "records"},
        set(),
    ),
    "lacking": ({"catalogue", "check", "inputs", "records"}, set()),
    "accidents": ({"check", "progress", "records", "formatting"}, set()),
    "origins": ({"estimates"}, {"pydantic"}),
    "floors": ({"estimates", "rules"}, set()),
    "records": (
        {
            "report",
            "baselines",
            "estimates",
            "exhibits",
            "explorer",
            "floors",
            "origins",
            "remedies",
            "rules",
            "verdicts",
            "disclosure",
            "stored",
            "columns",
            "evidence_files",
        },
        {"pydantic"},
    ),  # report: only inside Report.save
    "catalogue": ({"records"}, set()),
    "batch": ({"records"}, set()),
    "lists": (set(), set()),
    "question": ({"records"}, set()),
    "check": ({"explorer", "question", "records"}, set()),
    "options": (set(), set()),
    "progress": (set(), set()),
    "progress_bar": ({"formatting", "progress"}, {"rich"}),
    "formatting": ({"records"}, set()),
    "inputs": (
        {"records", "batch", "evidence", "lists", "values", "alignment", "progress", "progress_bar", "scratch"},
        {"torch", "numpy", "pandas", "PIL", "narwhals", "pyarrow", "safetensors", "sklearn", "threadpoolctl"},
    ),
    "boxes": (set(), {"numpy"}),
    "readers": (
        {"batch", "boxes", "catalogue", "inputs", "lists", "options", "records", "values"},
        {"numpy", "pandas"},
    ),
    "evidence": ({"batch", "boxes", "lists", "records", "disclosure", "values", "alignment"}, {"numpy", "pandas"}),
    "stats": ({"mover"}, {"numpy", "scipy"}),
    "fairness": (
        {
            "batch",
            "boxes",
            "explorer",
            "question",
            "check",
            "options",
            "catalogue",
            "evidence",
            "stats",
            "records",
            "formatting",
            "alignment",
            "lists",
        },
        {"numpy", "pandas", "sklearn", "fairlearn"},
    ),
    "explain": (
        {
            "batch",
            "boxes",
            "question",
            "inputs",
            "check",
            "options",
            "catalogue",
            "evidence",
            "mover",
            "stats",
            "records",
            "formatting",
            "progress",
            "progress_bar",
            "scratch",
            "memory",
        },
        {"torch", "captum", "numpy", "pandas", "scipy", "sklearn"},
    ),
    "robustness": (
        {
            "alignment",
            "explain",
            "batch",
            "inputs",
            "check",
            "options",
            "catalogue",
            "evidence",
            "records",
            "formatting",
            "progress",
        },
        {"numpy", "pandas"},
    ),
    "requirements": ({"catalogue", "records"}, {"pydantic"}),
    "gate": (
        {"explorer", "question", "records", "requirements", "disclosure", "catalogue", "formatting", "floors", "looks"}
        | {"clock", "holm", "mover", "stored"},
        {"pydantic"},
    ),
    "report": (
        {"assertions", "comparing", "explorer", "floors", "looks", "plans", "records", "requirements", "catalogue"}
        | {"columns", "evidence_files", "formatting", "stored"},
        {"jinja2", "markupsafe", "rich"},
    ),
    "assertions": ({"catalogue", "holm", "records"}, set()),
    "comparing": (
        {"assertions", "catalogue", "formatting", "gate", "judging", "records", "stored"},
        {"pydantic"},
    ),
    "clock": (set(), set()),
    "configured": ({"audit", "checks", "deciding", "fitting", "gate", "readers", "records"}, set()),
    "fitting": ({"check", "checks", "stored"}, set()),
    "reassessing": ({"catalogue", "check", "checks", "gate", "records"}, set()),
    "merging": (
        {
            "assertions",
            "check",
            "checks",
            "clock",
            "completing",
            "evidence",
            "evidence_files",
            "fairness",
            "formatting",
            "gate",
            "judging",
        }
        | {"lacking", "reassessing", "records", "stored"},
        set(),
    ),
    "starting": (
        {"catalogue", "clock", "formatting", "gate", "inputs", "records", "values"},
        {"numpy", "pandas"},
    ),
    "verifying": ({"evidence_files", "gate", "judging", "reassessing", "records"}, set()),
    "testing": ({"catalogue", "records", "report"}, {"pandas"}),
    "mlflow_evaluator": ({"records", "stored"}, {"mlflow", "numpy", "pandas"}),
    "pytest_plugin": ({"configured", "gate", "records", "report", "testing"}, {"pytest"}),
    "completing": ({"catalogue", "check", "records"}, set()),
    "judging": (
        {"clock", "assertions", "explorer", "formatting", "records", "catalogue", "check", "checks", "completing"}
        | {"gate", "question"},
        set(),
    ),
    "provenance": ({"clock", "records", "inputs", "evidence"}, set()),
    "checks": ({"check", "inputs", "options", "records"}, set()),  # names modules, and loads what is asked for
    "audit": (EVERYTHING, set()),
    "demo": ({"inputs"}, {"torch", "numpy", "pandas", "safetensors"}),
    "cli": (
        {"catalogue", "checks", "clock", "comparing", "configured", "disclosure", "evidence_files", "fitting"}
        | {"formatting", "gate"}
        | {"judging", "planning", "progress_bar", "records", "report", "starting", "stored", "verifying"},
        {"typer", "rich"},
    ),
    "__main__": ({"cli"}, set()),
    "__init__": (set(), set()),
}
WITHOUT_A_ROW = {"__main__", "__init__"}
WHO_TAKES_ALL = {"audit", "files"}
"""Rows that say so in words."""


def test_the_page_of_the_architecture_is_this_table() -> None:
    rows = re.findall(
        r"^\| (`.+?) \| .+? \| (.+?) \| (.+?) \|$", (PACKAGE.parent / "CONTRIBUTING.md").read_text(), re.M
    )
    told: dict[str, tuple[set[str], set[str]]] = {}
    for where, *cells in rows:
        ours, theirs = (set(re.findall(r"[a-z_]+\d?", re.sub(r"\(.*?\)|\.py", "", cell))) for cell in cells)
        told |= dict.fromkeys(re.findall(r"`([a-z_]+)(?:\.py|/)`", where), (ours, theirs))
    third = {"scikit": "sklearn", "learn": "sklearn", "pillow": "PIL"}
    for room, (ours, theirs) in BORDERS.items():
        if room not in WITHOUT_A_ROW | WHO_TAKES_ALL:
            assert (told[room][0], {third.get(x, x) for x in told[room][1]}) == (ours, theirs), room
    assert set(told) <= set(BORDERS) | ALWAYS


FORBIDDEN_ANYWHERE_BUT = {"captum": {"explain"}, "fairlearn": {"fairness"}, "typer": {"cli"}}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Modules imported at run time anywhere in a file."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"auditkit.{a.name}" for a in node.names} if node.module == "auditkit" else {node.module}
        todo.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_borders(path: Path) -> None:
    room = room_of(path)
    assert room in BORDERS, f"{room} is not in the table of borders"
    ours, theirs = BORDERS[room]
    ours = ours | ({"exhibits"} if "records" in ours else set())
    for name in imports_of(path):
        top, *rest = name.split(".")
        if top == "auditkit":
            target = rest[0] if rest else "auditkit"
            assert target in ours | ALWAYS | {room}, f"{path}: {room} may not import auditkit.{target}"
        elif top not in sys.stdlib_module_names:
            assert top in theirs, f"{path}: {room} may not import {top}"
        assert room in FORBIDDEN_ANYWHERE_BUT.get(top, {room}), (
            f"{path}: only {FORBIDDEN_ANYWHERE_BUT[top]} import {top}"
        )


@pytest.mark.parametrize("path", sorted(p for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE))
def test_folder_init_imports_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text())
    top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [n for n in top if getattr(n, "module", "") not in ("__future__", "typing")] == []


def loaded(code: str) -> set[str]:
    """Top-level packages that a fresh interpreter has loaded after running code."""
    script = f"import sys\n{code}\nprint('LOADED', *sorted({{m.split('.')[0] for m in sys.modules}}))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(out.split("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import auditkit", {"torch", "numpy", "pandas", "pydantic"}),
        ("import auditkit.demo", {"torch", "numpy", "pandas"}),
        ("import auditkit.cli.main", {"torch", "numpy", "pandas", "fairlearn", "captum", "scipy"}),
        ("import auditkit.fairness.groups.check, auditkit.stats.families", {"torch", "captum"}),
        ("import auditkit.inputs.predictions, auditkit.inputs.dataset", {"torch", "captum", "fairlearn"}),
        ("import auditkit.judging", {"torch", "captum", "fairlearn", "scipy", "numpy", "pandas"}),
        (
            "import auditkit.evidence.tally, auditkit.evidence.histogram, auditkit.fairness.groups.check, "
            "auditkit.fairness.scores.check, auditkit.fairness.groups.conditional, auditkit.explain.gaps.findings",
            {"torch", "captum", "fairlearn", "sklearn", "pandas"},
        ),
        ("import auditkit.report.html.page", {"torch", "captum", "fairlearn", "scipy", "numpy", "pandas"}),
    ],
)
def test_what_is_loaded(code: str, absent: set[str]) -> None:
    assert loaded(code) & absent == set()


@pytest.mark.slow
def test_a_net_is_run_without_torchs_compiler() -> None:
    code = "from auditkit import demo; demo.model().predict(next(iter(demo.data().batches())).features)"
    assert "torch" in loaded(f"{code}; assert 'torch._dynamo' not in sys.modules, 'it takes a second to import'")


def test_public_names_resolve() -> None:
    import auditkit as ak

    for name in ak.__all__:
        assert getattr(ak, name) is not None
    with pytest.raises(AttributeError, match="Did you mean 'Dataset'"):
        _ = ak.Dataste


def test_audit_is_the_function_whatever_was_imported_first() -> None:
    code = (
        "import auditkit as ak, auditkit.audit; from auditkit.audit import observe; assert ak.audit.__name__ == 'audit'"
    )
    assert "pandas" in loaded(code + "; ak.observe; assert callable(ak.audit)")


def test_no_file_is_a_warehouse() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, f"{path}: which second idea moved in?"


def modules() -> dict[str, Path]:
    return {".".join(("auditkit", *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): p
            for p in PACKAGE.rglob("*.py")}  # fmt: skip


def arrows() -> dict[str, set[str]]:
    """Module → the modules of ours that it names in an import, wherever that stands, for type checkers too."""
    known = modules()
    out: dict[str, set[str]] = {}
    for module, path in known.items():
        out[module] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in known:
                inner = {f"{node.module}.{a.name}" for a in node.names}
                out[module] |= {name for name in inner if name in known} or {str(node.module)}
    return {m: to - {"auditkit", m} for m, to in out.items()}


def circles(of: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected parts of more than one (what reaches each other)."""
    reach = {m: _reached(of, m) for m in of}
    found = {frozenset({m, *(n for n in reach[m] if m in reach.get(n, ()))}) for m in of}
    return [set(c) for c in sorted(found, key=sorted) if len(c) > 1]


def _reached(of: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for n in of.get(todo.pop(), set()) - seen:
            seen.add(n)
            todo.append(n)
    return seen


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []


NAMED = ("auditkit.records", "auditkit.report.formats")
"""`Report.save` imports the formats inside the method: the one arrow that turns back."""


def test_no_modules_import_each_other_but_a_report_and_its_formats() -> None:
    found = arrows()
    found[NAMED[0]].remove(NAMED[1])
    assert circles(found) == []


def test_no_rooms_import_each_other_but_records_and_report() -> None:
    def room(module: str) -> str:
        return module.split(".")[1]

    rooms: dict[str, set[str]] = {}
    for module, to in arrows().items():
        if module != "auditkit":  # it names where public names live
            rooms.setdefault(room(module), set()).update(
                room(n) for n in to if room(n) != room(module) and (module, n) != NAMED
            )
    assert circles(rooms) == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md", *(f"docs/{p.name}" for p in DOCS)])
def test_files_that_a_page_names_are_there(page: str) -> None:
    root = PACKAGE.parent
    files = {
        p.relative_to(root).as_posix()
        for folder in ("auditkit", "tests", "examples")
        for p in (root / folder).rglob("*.*")
    }
    for name in re.findall(r"`([\w/.-]+\.(?:py|jinja|css))`", (root / page).read_text()):
        assert "NAME" in name or any(f.endswith(f"/{name}") or f == name for f in files), name
