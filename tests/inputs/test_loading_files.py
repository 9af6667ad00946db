"""Files → Model: weights that cannot execute are loaded strictly, everything else is refused unread."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auditkit.errors import ModelError
from auditkit.inputs.loading import load_model, load_weights
from auditkit.inputs.model import Model

CODE = """
import torch
from torch import nn
import auditkit as ak

LIMIT = 3

def build():
    torch.manual_seed(0)
    return nn.Linear(2, 1)

def build_model():
    return ak.Model(nn.Linear(2, 1), threshold=0.3, outputs="logits", name="house net")

def nonsense():
    return {"a": 1}

def klass():
    return nn.Linear

def fails():
    return 1 / 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "loan_net.py").write_text(CODE)
    before = list(sys.path)
    yield tmp_path
    sys.modules.pop("loan_net", None)
    assert sys.path == before


def state(seed: int = 5) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return nn.Linear(2, 1).state_dict()


@pytest.mark.parametrize("kind", ["safetensors", "state dict", "old state dict"])
def test_weights_are_loaded(folder: Path, kind: str) -> None:
    path = folder / "weights.bin"  # the suffix says nothing
    if kind == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=kind == "state dict")
    model = load_model("loan_net:build", path, folder=folder)
    assert isinstance(model, Model)
    assert all(torch.equal(a, b) for a, b in zip(model.module.state_dict().values(), state().values(), strict=True))


def test_options_go_over_the_factory(folder: Path) -> None:
    assert load_model("loan_net:build_model", folder=folder).threshold == 0.3
    model = load_model("loan_net:build_model", folder=folder, threshold=0.6)
    assert (model.threshold, model.name) == (0.6, "house net")
    assert load_model("loan_net:build", folder=folder, outputs="probabilities").outputs == "probabilities"


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("loan_net:biuld", r"no function 'biuld' in loan_net\. Did you mean 'build'\?"),
        ("loan_net:LIMIT", "no function 'LIMIT' in loan_net"),
        ("loan_net", r"package\.module:"),
        (":build", r"package\.module:"),
        ("no_such_module_here:build", "cannot import 'no_such_module_here' for factory 'no_such_module_here:build'"),
        ("loan_net:nonsense", r"loan_net:nonsense returned dict; expected a torch\.nn\.Module or an auditkit\.Model"),
        ("loan_net:klass", "returned type; expected"),
        ("loan_net:fails", "factory 'loan_net:fails' fails: ZeroDivisionError: division by zero"),
    ],
)
def test_wrong_factories(folder: Path, factory: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_model(factory, folder=folder)


def test_strict_mismatch_says_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"0.weight": torch.ones(3, 2), "extra": torch.ones(1)}, path)
    net = nn.Sequential(nn.Linear(2, 4))
    before = net[0].weight.clone()
    with pytest.raises(ModelError) as e:
        load_weights(net, path)
    text = str(e.value)
    assert "do not fit Sequential" in text
    assert "it lacks 0.bias" in text
    assert "it has besides extra" in text
    assert "0.weight: (3, 2) in the file, (4, 2) in the module" in text
    assert torch.equal(net[0].weight, before)


@pytest.mark.parametrize("cut", [5, 40, -3])
@pytest.mark.parametrize("kind", ["safetensors", "state dict"])
def test_files_cut_short(tmp_path: Path, kind: str, cut: int) -> None:
    path = tmp_path / "w"
    if kind == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError) as e:
        load_weights(nn.Linear(2, 1), path)
    assert str(path) in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY junk and more junk"])
def test_what_is_no_weights_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="neither safetensors nor a PyTorch state dict, or it is cut short"):
        load_weights(nn.Linear(2, 1), path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the weights .*none: No such file"):
        load_weights(nn.Linear(2, 1), tmp_path / "none")


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))


@pytest.mark.parametrize("kind", ["torch", "old torch", "plain", "in a dict"])
def test_a_pickle_is_refused_and_nothing_of_it_runs(tmp_path: Path, kind: str) -> None:
    sprung, path = tmp_path / "sprung", tmp_path / "model.pt"
    trap: Any = Trap(sprung)
    if kind == "plain":
        path.write_bytes(pickle.dumps(trap))
    else:
        torch.save(
            {"weight": trap} if kind == "in a dict" else trap, path, _use_new_zipfile_serialization=kind != "old torch"
        )
    with pytest.raises(ModelError) as e:
        load_weights(nn.Linear(2, 1), path)
    assert not sprung.exists()
    assert "refused" in str(e.value)
    pickle.loads(pickle.dumps(trap))
    assert sprung.exists(), "the trap does work where a pickle is loaded"


def test_a_whole_module_is_refused_with_the_conversion(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(nn.Linear(2, 1), path)
    with pytest.raises(ModelError, match="holds a whole module as a pickle") as e:
        load_weights(nn.Linear(2, 1), path)
    conversion = "\n".join(line.strip() for line in str(e.value).splitlines()[1:])
    assert 'save_file(net.state_dict(), "model.safetensors")' in conversion
    work = conversion.replace('"model.', f'"{tmp_path}/model.')
    exec(work, {})  # the conversion that it tells does work
    load_weights(nn.Linear(2, 1), tmp_path / "model.safetensors")


def test_programs_are_refused(tmp_path: Path) -> None:
    program = torch.export.export(nn.Linear(2, 1), (torch.ones(1, 2),))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(ModelError, match=r"is a program \(TorchScript or an exported module\), not weights"):
        load_weights(nn.Linear(2, 1), tmp_path / "net.pt2")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")
def test_torchscript_is_refused(tmp_path: Path) -> None:
    torch.jit.trace(nn.Linear(2, 1), torch.ones(1, 2)).save(tmp_path / "net.pt")
    with pytest.raises(ModelError, match="is a program"):
        load_weights(nn.Linear(2, 1), tmp_path / "net.pt")


def test_a_checkpoint_asks_for_its_state_dict(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": state()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ModelError, match=r"holds dict, no state dict of tensors: save net\.state_dict\(\)"):
        load_weights(nn.Linear(2, 1), tmp_path / "checkpoint.pt")
