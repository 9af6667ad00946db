"""Checkpoints as people save them: each is loaded as torch would, or says which part is meant."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auditkit.errors import ModelError
from auditkit.inputs.loading import load_model, load_weights
from auditkit.records import Report
from tests.helpers import run_cli


class Net(nn.Module):
    """Parameters, buffers, a tied weight and a submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.head = nn.Linear(3, 3)
        self.tied = nn.Linear(3, 3, bias=False)
        self.tied.weight = self.head.weight


def trained() -> Net:
    torch.manual_seed(3)
    net = Net()
    net.body[1].running_mean.copy_(torch.arange(3.0))
    return net


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def loads(path: Path, *, key: str | None = None, net: nn.Module | None = None) -> bool:
    net = net or Net()
    load_weights(net, path, key=key)
    return same(net, trained())


def lightning(**more: Any) -> dict[str, Any]:
    """What Lightning's Trainer saves of a module that keeps its net in `model`."""
    net = trained()
    optimizer = torch.optim.Adam(net.parameters())
    sum(p.sum() for p in net.parameters()).backward()  # type: ignore[union-attr]
    optimizer.step()
    return {
        "epoch": 4,
        "global_step": 100,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{k}": v for k, v in trained().state_dict().items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 5}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.3), "dirpath": "."}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 0.1, "layers": [3, 3]},
        **more,
    }


@pytest.mark.parametrize("old", [False, True])
def test_lightning(tmp_path: Path, old: bool, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(lightning(), tmp_path / "last.ckpt", _use_new_zipfile_serialization=not old)
    assert loads(tmp_path / "last.ckpt")
    assert "fit Net without 'model.', which all their names begin with" in caplog.text


def test_values_beside_the_weights_are_left_unread(tmp_path: Path) -> None:
    beside = {
        "args": argparse.Namespace(lr=0.1),
        "best": np.float64(0.9),
        "history": np.ones(3),
        "out": Path("x"),
        "when": datetime.datetime(2026, 1, 1),
        "names": {"a", "b"},
        "device": torch.device("cpu"),
        "rng": torch.get_rng_state(),
    }
    torch.save(lightning(**beside), tmp_path / "last.ckpt")
    assert loads(tmp_path / "last.ckpt")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))


def test_a_trap_beside_the_weights_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch.save(lightning(hyper_parameters=Trap(tmp_path / "sprung")), tmp_path / "last.ckpt")
    with pytest.raises(ModelError, match=r"refused: .*builtins\.exec"):
        load_weights(Net(), tmp_path / "last.ckpt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("key", ["model_state_dict", "best.net", "a.b", "ema"])
def test_a_key_says_where(tmp_path: Path, key: str) -> None:
    state = trained().state_dict()
    checkpoint = {
        "epoch": 1,
        "model_state_dict": state,
        "best": {"net": state, "loss": 0.1},
        "a.b": state,
        "ema": {f"module.{k}": v for k, v in state.items()},
        "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}},
    }
    torch.save(checkpoint, tmp_path / "c.pt")
    assert loads(tmp_path / "c.pt", key=key)
    with pytest.raises(ModelError) as e:
        load_weights(Net(), tmp_path / "c.pt")
    assert "--weights-key model_state_dict; state dicts are at model_state_dict, best.net, a.b, ema" in str(e.value)
    with pytest.raises(ModelError, match=r"no state dict at 'model_state_dct': .*Did you mean 'model_state_dict'\?"):
        load_weights(Net(), tmp_path / "c.pt", key="model_state_dct")
    with pytest.raises(ModelError, match="no state dict at 'epoch'"):
        load_weights(Net(), tmp_path / "c.pt", key="epoch")


def test_a_key_may_be_what_names_begin_with(tmp_path: Path) -> None:
    """A module of Lightning that has a loss with a weight beside its net."""
    checkpoint = lightning()
    checkpoint["state_dict"]["loss.pos_weight"] = torch.ones(1)
    torch.save(checkpoint, tmp_path / "last.ckpt")
    with pytest.raises(ModelError, match=r"do not fit Net: it lacks .*it has besides loss\.pos_weight"):
        load_weights(Net(), tmp_path / "last.ckpt")
    assert loads(tmp_path / "last.ckpt", key="state_dict.model")


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "model.", "net.", "model.module."]
)
def test_what_wrappers_put_before_names(tmp_path: Path, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    save_file({f"{prefix}{k}": v.clone() for k, v in trained().state_dict().items()}, tmp_path / "w.safetensors")
    assert loads(tmp_path / "w.safetensors")
    assert "fit Net without" in caplog.text


def test_wrappers_inside_and_around(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    renamed = {k.replace("body.", "body._orig_mod."): v for k, v in trained().state_dict().items()}
    torch.save(renamed, tmp_path / "w.pt")
    assert loads(tmp_path / "w.pt")
    torch.save(trained().state_dict(), tmp_path / "w.pt")
    wrapped = nn.DataParallel(Net())
    load_weights(wrapped, tmp_path / "w.pt")
    assert same(wrapped.module, trained())
    caplog.clear()
    torch.save(nn.DataParallel(trained()).state_dict(), tmp_path / "w.pt")
    load_weights(wrapped, tmp_path / "w.pt")
    assert caplog.text == "", "names that fit as they are need no word"


def test_a_prefix_that_does_not_help_is_not_taken_away(tmp_path: Path) -> None:
    state = {f"model.{k}": v for k, v in trained().state_dict().items()} | {"model.more": torch.ones(1)}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"it lacks body\.0\.bias.*it has besides model\.body\.0\.bias"):
        load_weights(Net(), tmp_path / "w.pt")


# ---- folders of Hugging Face


def tensors() -> dict[str, torch.Tensor]:
    """As transformers saves: a tied weight once."""
    return {k: v.clone() for k, v in trained().state_dict().items() if k != "tied.weight"}


def test_folders(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "modeling_evil.py").write_text("raise SystemExit")
    assert loads(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "anything.safetensors")
    assert loads(tmp_path)
    (tmp_path / "anything.safetensors").unlink()
    torch.save(tensors(), tmp_path / "pytorch_model.bin")
    assert loads(tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match=r"has no weights: expected model\.safetensors or"):
        load_weights(Net(), tmp_path)


def sharded(folder: Path) -> dict[str, str]:
    names = sorted(tensors())
    where = {k: f"model-0000{1 + (i > 3)}-of-00002.safetensors" for i, k in enumerate(names)}
    for home in set(where.values()):
        save_file({k: tensors()[k] for k in names if where[k] == home}, folder / home)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return where


def test_a_folder_in_parts(tmp_path: Path) -> None:
    where = sharded(tmp_path)
    assert loads(tmp_path)
    outside = tmp_path.parent / "outside.safetensors"
    save_file(tensors(), outside)
    index = tmp_path / "model.safetensors.index.json"
    for home in ("../outside.safetensors", str(outside), "..", "", "part.py", ".hidden.safetensors"):
        index.write_text(json.dumps({"weight_map": where | {"head.bias": home}}))
        with pytest.raises(ModelError, match="which is no file of weights in its folder"):
            load_weights(Net(), tmp_path)
    for broken in ("{", "[]", '{"weight_map": 3}', "null", "[" * 100_000):
        index.write_text(broken)
        with pytest.raises(ModelError, match="is no index of weights"):
            load_weights(Net(), tmp_path)
    index.write_text(json.dumps({"weight_map": where | {"more": where["head.bias"]}}))
    with pytest.raises(ModelError, match=r"names tensors that their files lack: more \("):
        load_weights(Net(), tmp_path)
    index.write_text(json.dumps({"weight_map": where}))
    (tmp_path / where["head.bias"]).unlink()
    with pytest.raises(ModelError, match=r"cannot read the weights .*of-00002\.safetensors: No such file"):
        load_weights(Net(), tmp_path)


# ---- programs, under trust


def digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, Path]:
    rows = torch.export.Dim("rows", min=2)
    exported = torch.export.export(Small().eval(), (torch.ones(4, 2),), dynamic_shapes=({0: rows},))
    torch.export.save(exported, tmp_path / "net.pt2")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Small().eval()).save(tmp_path / "net.pt")
    return {"exported": tmp_path / "net.pt2", "TorchScript": tmp_path / "net.pt"}


def test_programs_are_loaded_under_their_hash_alone(programs: dict[str, Path], tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [0.5, -1.0, 2.0], "b": [1.0, 0.0, 3.0]})
    expected = torch.sigmoid(Small()(torch.tensor(frame.to_numpy(np.float32)))).flatten().tolist()
    for path in programs.values():
        with pytest.raises(ModelError, match=r"is a program .* --trust sha256"):
            load_weights(Small(), path)
        with pytest.raises(ModelError, match="without a factory, weights must be a program"):
            load_model(None, path)
        with pytest.raises(ModelError, match="is not the file that is trusted: its hash is sha256:"):
            load_model(None, path, trust="sha256:" + "0" * 64)
        with pytest.raises(ModelError, match="trust must read sha256: and 64 hexadecimal digits"):
            load_model(None, path, trust="yes")
        with pytest.raises(ModelError, match="omit the factory"):
            load_model("torch.nn:Identity", path, trust=digest(path))
        model = load_model(None, path, trust=digest(path), outputs="logits")
        assert model.predict(frame).tolist() == pytest.approx(expected)
    save_file(Small().state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="is no program"):
        load_model(None, tmp_path / "w.safetensors", trust=digest(tmp_path / "w.safetensors"))
    with pytest.raises(ModelError, match="name it in weights"):
        load_model("a:b", trust="sha256:" + "0" * 64)


def test_trust_holds_for_weights_too(tmp_path: Path) -> None:
    (tmp_path / "trusted_net.py").write_text("from tests.inputs.test_checkpoints import Small as build")
    path = tmp_path / "w.safetensors"
    save_file(Small().state_dict(), path)
    model = load_model("torch.nn:Identity", folder=tmp_path)
    assert isinstance(model.module, nn.Identity)
    sys.modules.pop("trusted_net", None)
    assert same(load_model("trusted_net:build", path, folder=tmp_path, trust=digest(path)).module, Small())
    with pytest.raises(ModelError, match="is not the file that is trusted"):
        load_model("trusted_net:build", path, folder=tmp_path, trust="sha256:" + "0" * 64)
    sys.modules.pop("trusted_net", None)


@pytest.mark.parametrize("kind", ["exported", "TorchScript"])
def test_a_program_from_the_command_line(
    programs: dict[str, Path], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.integers(0, 2, 80), "y": rng.integers(0, 2, 80)})
    path = programs[kind]
    (tmp_path / "a.toml").write_text(
        f"""
[model]
weights = "{path.name}"
trust = "{digest(path)}"
outputs = "logits"
[data]
path = "rows.csv"
y_true = "y"
sensitive_features = ["b"]
[[check]]
name = "group_fairness"
"""
    )
    frame.to_csv("rows.csv", index=False)
    status, _, err = run_cli(["run", "a.toml", "--format", "json", "--name", "r"])
    assert status == 0, err
    flags = ["--data", "rows.csv", "--y-true", "y", "--sensitive", "b", "--weights", path.name, "--name", "s"]
    flags += ["--check", "group_fairness", "--format", "json"]
    status, _, err = run_cli(["run", *flags])
    assert (status, "--factory" in err) == (2, True)
    assert run_cli(["run", *flags, "--trust", digest(path)])[0] == 0
    assert Report.load("reports/r.json").findings == Report.load("reports/s.json").findings


def test_weights_key_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": rng.normal(size=80), "g": rng.choice(["x", "y"], 80), "y": rng.integers(0, 2, 80)}).to_csv(
        "rows.csv", index=False
    )
    Path("keyed_net.py").write_text(
        "from torch import nn\nimport auditkit as ak\n"
        "def build(): return ak.Model(nn.Linear(1, 1), preprocess=lambda f: f[['a']].to_numpy(float), outputs='logits')"
    )
    torch.save({"epoch": 1, "net": nn.Linear(1, 1).state_dict()}, "c.pt")
    flags = ["--data", "rows.csv", "--y-true", "y", "--sensitive", "g", "--factory", "keyed_net:build"]
    flags += ["--weights", "c.pt", "--check", "group_fairness", "--format", "json", "--name", "r"]
    status, _, err = run_cli(["run", *flags])
    assert status == 2
    assert "--weights-key net" in err
    assert run_cli(["run", *flags, "--weights-key", "net"])[0] == 0
    assert Report.load("reports/r.json").provenance.model.kind == "torch"
    sys.modules.pop("keyed_net", None)


def test_names_of_strangers_stay_on_one_line(tmp_path: Path) -> None:
    odd = "a\nb\x1b[31m" + "x" * 100_000
    torch.save({odd: torch.ones(1), "b\r\nc": torch.ones(1)}, tmp_path / "w.pt")
    torch.save({odd: {"w": torch.ones(1)}}, tmp_path / "c.pt")
    save_file({f"{k}{odd}": v for k, v in tensors().items()}, tmp_path / "w.safetensors")
    for name in ("w.pt", "c.pt", "w.safetensors"):
        with pytest.raises(ModelError) as e:
            load_weights(Net(), tmp_path / name)
        assert str(e.value).isprintable()
        assert len(str(e.value)) < 3_000
