"""Model: outputs of every kind become probabilities, and the module is left exactly as it was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import ModelError
from auditkit.inputs.model import Model

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("abc"))


class Gives(nn.Module):
    """A linear logit, then whatever the test wants."""

    def __init__(self, then: Callable[[Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 1)
        self.then = then

    def forward(self, inputs: Tensor) -> Any:
        return self.then(self.linear(inputs).squeeze(1))


def expected() -> np.ndarray:
    net = Gives(lambda z: z)
    with torch.no_grad():
        z = ROWS.to_numpy(np.float32) @ net.linear.weight.numpy().T + net.linear.bias.numpy()
    return 1 / (1 + np.exp(-z[:, 0].astype(float)))


FORMS: dict[str, tuple[Callable[[Tensor], Any], Any]] = {
    "one logit": (lambda z: z, "logits"),
    "one logit, column": (lambda z: z[:, None], "logits"),
    "two logits": (lambda z: torch.stack([z * 0 + 3, z + 3], dim=1), "logits"),
    "probability": (torch.sigmoid, "probabilities"),
    "probability, column": (lambda z: torch.sigmoid(z)[:, None], "probabilities"),
    "two probabilities": (lambda z: torch.stack([1 - torch.sigmoid(z), torch.sigmoid(z)], dim=1), "probabilities"),
    "callable over a dict": (lambda z: {"logit": z}, lambda out: torch.sigmoid(out["logit"])),
    "callable over a tuple": (lambda z: (z, None), lambda out: torch.sigmoid(out[0])[:, None]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", [8192, 7, 1])
def test_outputs_of_every_kind(form: str, batch_size: int) -> None:
    then, outputs = FORMS[form]
    score = Model(Gives(then), outputs=outputs, batch_size=batch_size).predict(ROWS)
    assert score.dtype == np.float64
    np.testing.assert_allclose(score, expected(), atol=1e-6)


def test_no_rows_no_scores() -> None:
    assert Model(Gives(lambda z: z)).predict(ROWS.head(0)).shape == (0,)


@pytest.mark.parametrize(
    ("then", "outputs", "message"),
    [
        (lambda z: z * 9, "probabilities", r"not in \[0, 1\]: they are no probabilities\. Say outputs='logits'"),
        (
            lambda z: z * float("nan"),
            "logits",
            r"NaN or infinite outputs, first for row 0 \(from 0\), 50 in that batch",
        ),
        (
            lambda z: torch.where(torch.arange(len(z)) == 3, float("nan"), z),
            "logits",
            r"first for row 3 \(from 0\), 1 in",
        ),
        (lambda z: z.mean(), "logits", r"shape \(50,\), \(50, 1\) or \(50, 2\) for 50 rows; it gives \(\)"),
        (lambda z: z[:-1], "logits", r"it gives \(49,\)"),
        (lambda z: torch.stack([z, z, z], dim=1), "logits", r"it gives \(50, 3\)"),
        (lambda z: (z,), "logits", "returns tuple, not a tensor: pass outputs=a callable"),
        (lambda z: {"z": z}, "probabilities", "returns dict, not a tensor"),
        (lambda z: z, lambda out: 0.5, "returns float, not a tensor"),
    ],
)
def test_outputs_that_are_refused(then: Any, outputs: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Model(Gives(then), outputs=outputs).predict(ROWS)


def test_the_first_bad_row_is_counted_over_batches() -> None:
    rows = ROWS.copy()
    rows.loc[33, "b"] = np.nan
    with pytest.raises(ModelError, match=r"first for row 33 \(from 0\), 1 in that batch"):
        Model(Gives(lambda z: z), batch_size=10).predict(rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": "logit"}, r"unknown outputs 'logit'.*Did you mean 'logits'\?"),
        ({"threshold": 0}, "threshold must lie between 0 and 1"),
        ({"threshold": 1.5}, "threshold must lie between 0 and 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"task": "regresion"}, "unknown task 'regresion'"),
        ({"preprocess": 3}, "preprocess must be a callable or a fitted transformer, got int"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Model(nn.Linear(3, 1), **options)


def test_what_is_no_module() -> None:
    with pytest.raises(ModelError, match=r"expected a torch\.nn\.Module, got function"):
        Model(lambda x: x)  # type: ignore[arg-type]


class Everything(nn.Module):
    """What a careless run would change: dropout, running statistics, mixed modes, mixed gradients."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.last = nn.Linear(8, 1)
        self.fails = False

    def forward(self, inputs: Tensor) -> Tensor:
        assert not self.training
        assert not self.first[2].training
        if self.fails:
            raise RuntimeError("the net fails")
        out: Tensor = self.last(self.first(inputs)).squeeze(1)
        return out


def found(module: nn.Module) -> list[Any]:
    return [
        [m.training for m in module.modules()],
        [p.requires_grad for p in module.parameters()],
        [p.grad is None for p in module.parameters()],
        [t.clone().tolist() for t in module.state_dict().values()],
        [p.data_ptr() for p in module.parameters()],
        [len(m._forward_hooks) for m in module.modules()],
    ]


@pytest.fixture
def net() -> Everything:
    net = Everything()
    net.train()
    net.first[1].eval()  # one part frozen by its owner
    net.first[0].weight.requires_grad_(False)
    return net


@pytest.mark.parametrize("device", [None, "cpu"])
def test_a_net_in_train_mode_predicts_as_in_eval_and_stays_as_it_was(net: Everything, device: str | None) -> None:
    before = found(net)
    model = Model(net, device=device)
    state = model.state_sha256()
    rng = torch.get_rng_state()
    first, second = model.predict(ROWS), model.predict(ROWS, batch_size=3)
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert found(net) == before
    assert model.state_sha256() == state
    assert torch.equal(torch.get_rng_state(), rng)


def test_everything_is_restored_after_an_exception(net: Everything) -> None:
    before = found(net)
    net.fails = True
    with pytest.raises(ModelError, match="RuntimeError: the net fails"):
        Model(net).predict(ROWS)
    assert found(net) == before
    assert torch.is_grad_enabled()
    net.fails = False
    with pytest.raises(ModelError, match="NaN"):
        Model(net).predict(ROWS.assign(a=np.nan))
    assert found(net) == before


def test_inspecting_turns_gradients_of_parameters_off_and_on(net: Everything) -> None:
    with Model(net).inspecting() as module:
        assert not any(p.requires_grad for p in module.parameters())
        assert not any(m.training for m in module.modules())
    assert [p.requires_grad for p in net.parameters()].count(False) == 1
    assert net.training


def test_decision_is_differentiable_in_the_inputs(net: Everything) -> None:
    model = Model(net)
    inputs = model.encode(ROWS).requires_grad_()
    with model.inspecting():
        model.decision(inputs).sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.abs().sum() > 0
    assert all(p.grad is None for p in net.parameters())


def test_the_state_hash_sees_every_bit(net: Everything) -> None:
    model = Model(net)
    before = model.state_sha256()
    with torch.no_grad():
        net.last.bias.add_(1e-6)
    assert model.state_sha256() != before
    with torch.no_grad():
        net.first[1].running_mean.add_(1)
    assert len({before, model.state_sha256(), Model(nn.Linear(3, 1)).state_sha256()}) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_inputs_follow_the_dtype_of_the_net(dtype: torch.dtype) -> None:
    model = Model(nn.Linear(3, 1).to(dtype))
    assert model.encode(ROWS).dtype == dtype
    assert model.predict(ROWS).shape == (50,)


class TokenNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.EmbeddingBag(10, 4)
        self.out = nn.Linear(4, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.out(self.embed(ids)).squeeze(1)
        return out


def test_token_ids_stay_integers() -> None:
    rows = pd.DataFrame({"t0": [1, 2, 3], "t1": [4, 5, 6]})
    assert Model(TokenNet()).predict(rows).shape == (3,)


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"a": [1.0, 2.0], "b": [True, False], "c": [3, 4]}),
        pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": pd.array([True, False]), "c": [3.0, 4.0]}),
        pd.DataFrame({"a": np.array([1, 2], dtype=np.float32), "b": [1, 0], "c": [3, 4]}),
    ],
    ids=["bool", "nullable", "float32"],
)
def test_numeric_columns_enter_as_they_are(rows: pd.DataFrame) -> None:
    assert Model(nn.Linear(3, 1)).encode(rows).tolist() == [[1, 1, 3], [2, 0, 4]]


def test_words_without_preprocess_say_which() -> None:
    with pytest.raises(ModelError, match=r"columns b hold no numbers: pass preprocess="):
        Model(nn.Linear(2, 1)).predict(pd.DataFrame({"a": [1.0], "b": ["x"]}))


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (lambda f: f.to_numpy()[:, 0], r"one encoded row for each of 50 rows, \(N, d\); it gives shape \(50,\)"),
        (lambda f: f.to_numpy()[1:], r"for each of 50 rows, \(N, d\); it gives shape \(49, 3\)"),
        (lambda f: f.astype(str).to_numpy(), "no array of numbers"),
        (lambda f: None, "no array of numbers"),
    ],
)
def test_preprocess_that_gives_nonsense(preprocess: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Model(nn.Linear(3, 1), preprocess=preprocess).predict(ROWS)


class Overwrites(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.mul_(self.scale * 2).sum(1)


def test_a_net_that_writes_to_its_inputs_does_not_change_the_rows() -> None:
    values = np.ones((4, 3))
    rows = pd.DataFrame(values, copy=False)
    Model(Overwrites(), preprocess=lambda f: values).predict(rows)
    assert (values == 1).all()


def test_replaced_shares_the_module() -> None:
    module = nn.Linear(3, 1)
    model = Model(module, threshold=0.4, name="loan", feature_map={"a": [0], "b": [1], "c": [2]})
    other = model.replaced(threshold=0.7)
    assert (other.module, other.threshold, other.name) == (module, 0.7, "loan")
    assert other.feature_map(ROWS) == {"a": [0], "b": [1], "c": [2]}
    assert model.threshold == 0.4
