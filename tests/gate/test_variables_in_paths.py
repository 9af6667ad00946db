"""${NAME} in a path of a configuration: the environment's, and nothing else; no report holds more of it than a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import PolicyError
from auditkit.files import expanded
from auditkit.gate.config import load_config
from tests.helpers import run_cli

TEXT = """\
[data]
y_true = "y"
path = {path}
sensitive_features = ["sex"]
[predictions]
y_pred = "p"
[[rule]]
id = "a"
metric = "accuracy"
comparison = "overall"
at_least = 0.5
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUDIT_ROWS", raising=False)
    return tmp_path


def written(path: str) -> Path:
    file = Path("a.toml")
    file.write_text(TEXT.format(path=f"'{path}'"))
    return file


def test_a_path_is_read_and_not_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = here / "very-secret-folder"
    hidden.mkdir()
    (hidden / "rows.csv").write_text("sex,y,p\n" + "f,1,1\nm,0,1\nm,0,0\n" * 20)
    monkeypatch.setenv("AUDIT_ROWS", str(hidden))
    written("${AUDIT_ROWS}/rows.csv")
    status, out, err = run_cli(["run", "a.toml", "--format", "json", "--format", "html"])
    assert (status, err) == (0, "")
    for file in Path("reports").iterdir():
        assert "very-secret-folder" not in file.read_text(), file
    assert "very-secret-folder" not in out


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("${AUDIT_ROWS}/rows.csv", "a.toml:3: 'path': the environment variable AUDIT_ROWS is not set"),
        ("x${AUDIT_ROW S}", "a.toml:3: 'path': '${AUDIT_ROW S}' is no variable: write ${NAME}"),
        ("x${AUDIT_ROWS:-y}", "a.toml:3: 'path': '${AUDIT_ROWS:-y}' is no variable"),
        ("x${", "a.toml:3: 'path': '${' is no variable"),
        ("x${}", "a.toml:3: 'path': '${}' is no variable"),
    ],
)
def test_what_is_no_variable_is_one_error_with_its_line(path: str, said: str, here: Path) -> None:
    with pytest.raises(PolicyError) as e:
        load_config(written(path))
    assert str(e.value).startswith(said), str(e.value)
    assert "\n" not in str(e.value)


def test_an_empty_one_and_the_nearest(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ROWS", "")
    with pytest.raises(PolicyError, match=r"a\.toml:3: 'path': the environment variable AUDIT_ROWS is empty"):
        load_config(written("${AUDIT_ROWS}/rows.csv"))
    with pytest.raises(PolicyError, match=r"AUDIT_ROWZ is not set\. Did you mean 'AUDIT_ROWS'\?"):
        load_config(written("${AUDIT_ROWZ}/rows.csv"))


def test_it_is_read_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a variable holds is a path, whatever it looks like; so is what a flag hands over."""
    monkeypatch.setenv("AUDIT_ROWS", "${HOME}")
    config = load_config(written("${AUDIT_ROWS}/$HOME/~"))
    assert config.data is not None
    assert config.data.path == "${HOME}/$HOME/~"
    monkeypatch.setenv("AUDIT_ROWS", "")
    status, _, err = run_cli(
        ["run", "--data", "${AUDIT_ROWS}.csv", "--y-true", "y", "--y-pred", "p", "--sensitive", "s"]
    )
    assert (status, "cannot read" in err, "${AUDIT_ROWS}.csv" in err) == (2, True, True)


def test_weights_and_files_of_checks(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_ROWS", "/srv/x")
    file = Path("a.toml")
    file.write_text('[model]\nfactory = "${AUDIT_ROWS}:build"\nweights = "${AUDIT_ROWS}/w.safetensors"\n')
    model = load_config(file).model
    assert model is not None
    assert (model.factory, model.weights) == ("${AUDIT_ROWS}:build", "/srv/x/w.safetensors"), "a name is no path"


def test_files_that_a_check_reads(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditkit.checks import CHECKS, check_of, kind_of

    known = [(name, path) for name in CHECKS for path in getattr(kind_of(name), "PATHS", ())]
    assert known
    said = "${NO_SUCH_FOLDER}/f"
    for name, option in known:
        table = name == "concepts"
        with pytest.raises(PolicyError, match=r"^a.toml:9: check .*the environment variable NO_SUCH_FOLDER is not set"):
            check_of(
                name, {option: {"a": said} if table else said}, where="a.toml:7", lines={option: "a.toml:9"}, folder="."
            )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_else_stands_for_anything(text: str) -> None:
    path = text.replace("${", "")
    assert expanded(path) == path
