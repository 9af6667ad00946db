"""What goes into a net keeps its type, dicts can go in whole, and a net that fails says so in one line."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.errors import DataError, ForwardError, ModelError

N = 80
RNG = np.random.default_rng(1)
X = RNG.normal(size=(N, 4, 2)).astype(np.float32)
LENGTHS = RNG.integers(1, 5, size=N)
FRAME = pd.DataFrame({f"x{i}": X.reshape(N, -1)[:, i] for i in range(8)}).assign(
    length=LENGTHS, sex=["f", "m"] * (N // 2), y=(X[:, 0, 0] > 0).astype(int)
)
ROWS = FRAME.drop(columns=["sex", "y"])


def arrays(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = frame[[f"x{i}" for i in range(8)]].to_numpy().reshape(len(frame), 4, 2)
    lengths = frame["length"].to_numpy()
    return x, np.arange(4) >= lengths[:, None], lengths


def named(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    x, mask, lengths = arrays(frame)
    return {"x": x, "mask": mask, "lengths": lengths}


def data(frame: pd.DataFrame = FRAME) -> ak.Dataset:
    return ak.Dataset(frame, y_true="y", sensitive_features="sex")


class Attends(nn.Module):
    """No embedding: a mask of booleans forbids, a mask of floats is added."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.last = nn.Linear(2, 1)

    def forward(self, x: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        seen, _ = self.attention(x, x, x, key_padding_mask=mask, need_weights=False)
        return 40 * self.last(seen.sum(1) / lengths.reshape(-1, 1)).squeeze(1)


def truth(net: Attends) -> np.ndarray:
    """Row by row, with the padding cut away from the keys."""
    out = []
    with torch.no_grad():
        for x, n in zip(torch.as_tensor(X), LENGTHS, strict=True):
            seen, _ = net.attention(x[None], x[None, :n], x[None, :n])
            out.append(float(40 * net.last(seen.sum(1) / n)))
    return 1 / (1 + np.exp(-np.array(out)))


@pytest.mark.parametrize("how", [named, arrays], ids=["dict", "tuple"])
def test_masks_and_whole_numbers_keep_their_type(how: Callable[[pd.DataFrame], Any]) -> None:
    net = Attends()
    model = ak.Model(net, preprocess=how)
    inputs = model.encode(ROWS)
    given = list(inputs.values()) if isinstance(inputs, dict) else list(inputs)
    assert [t.dtype for t in given] == [torch.float32, torch.bool, torch.int64]
    np.testing.assert_allclose(model.predict(ROWS), truth(net), atol=1e-5)
    np.testing.assert_allclose(model.predict(ROWS, batch_size=7), truth(net), atol=1e-5)


class Packs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.gru, self.last = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        given = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return 5 * self.last(self.gru(given)[1][0])


def test_lengths_are_whole_and_a_net_packs_its_sequences_itself() -> None:
    net = Packs()
    model = ak.Model(net, preprocess=lambda f: (arrays(f)[0], arrays(f)[2]))
    with torch.no_grad():
        rows = zip(torch.as_tensor(X), LENGTHS, strict=True)
        logit = [float(5 * net.last(net.gru(x[None, :n])[1][0])) for x, n in rows]
    np.testing.assert_allclose(model.predict(ROWS), 1 / (1 + np.exp(-np.array(logit))), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float64, torch.float32), (np.float16, torch.float32), (np.float32, torch.float32),
        (np.int8, torch.int8), (np.int32, torch.int32), (np.uint8, torch.uint8), (bool, torch.bool),
        (np.complex128, torch.complex64),
    ],
)  # fmt: skip
def test_only_floats_are_cast_to_the_type_of_the_net(given: Any, kept: torch.dtype) -> None:
    model = ak.Model(nn.Linear(2, 1), preprocess=lambda f: {"a": np.ones((len(f), 2), given), "b": np.ones(len(f))})
    encoded = model.encode(ROWS)
    assert isinstance(encoded, dict)
    assert (encoded["a"].dtype, encoded["b"].dtype) == (kept, torch.float32)
    tensors = ak.Model(nn.Linear(2, 1).bfloat16(), preprocess=lambda f: (torch.ones(len(f)).half(),)).encode(ROWS)
    assert tensors[0].dtype == torch.bfloat16


def test_one_array_is_cast_as_before() -> None:
    for dtype in (bool, np.int64, np.float64):
        encoded = ak.Model(nn.Linear(2, 1), preprocess=lambda f, t=dtype: np.ones((len(f), 2), t)).encode(ROWS)
        assert encoded.dtype == torch.float32


@pytest.mark.slow
def test_an_audit_explains_the_parts_that_are_floats() -> None:
    model = ak.Model(
        Attends(), preprocess=lambda f: {k: v.reshape(len(f), -1, *v.shape[2:]) for k, v in named(f).items()}
    )
    checks = [ak.GroupFairness(), ak.Attribution(), ak.GapAttribution(), ak.Attribution(method="shapley")]
    for methods in (checks[:3], checks[3:]):
        report = ak.audit(model, data(), checks=methods, on_error="raise", sample=60)
        assert not report.not_measured
    rates = [f for f in report.findings if f.metric == "selection_rate"]
    assert not rates or rates[0].estimate.value is not None


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = Attends()

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        assert set(batch) == {"x", "mask", "lengths"}
        return self.net(**batch)


class WholeTuple(Whole):
    def forward(self, given: tuple[Tensor, ...], temperature: float = 1.0) -> Tensor:  # type: ignore[override]
        return self.net(*given) / temperature


class ScriptedWhole(nn.Module):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return batch["x"][:, 0, 0] * 3 + batch["lengths"]


@pytest.mark.parametrize(("net", "how"), [(Whole, named), (WholeTuple, arrays)], ids=["dict", "tuple"])
def test_a_forward_of_one_parameter_gets_all_inputs_whole(net: type[Whole], how: Any) -> None:
    built = net()
    model = ak.Model(built, preprocess=how)
    np.testing.assert_allclose(model.predict(ROWS), truth(built.net), atol=1e-5)
    wrapped = ak.Model(nn.DataParallel(built), preprocess=how)
    np.testing.assert_allclose(wrapped.predict(ROWS), truth(built.net), atol=1e-5)
    if how is named:
        report = ak.audit(model, data(), checks=[ak.GroupFairness(), ak.Attribution()], on_error="raise", sample=60)
        assert not report.not_measured


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_and_exported_dicts_likewise() -> None:
    want = ak.Model(ScriptedWhole(), preprocess=named).predict(ROWS)
    scripted = torch.jit.script(ScriptedWhole())
    np.testing.assert_array_equal(ak.Model(scripted, preprocess=named).predict(ROWS), want)
    rows = torch.export.Dim("rows")
    example = {k: torch.as_tensor(v.copy()) for k, v in named(ROWS).items()}
    program = torch.export.export(
        ScriptedWhole(), (example,), dynamic_shapes=({k: {0: rows} for k in example},)
    ).module()
    np.testing.assert_array_equal(ak.Model(program, preprocess=named).predict(ROWS), want)


def test_by_name_stays_by_name() -> None:
    class ByName(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 0, 0] * 3

    one = ak.Model(ByName(), preprocess=lambda f: {"x": arrays(f)[0]})
    assert one.predict(ROWS).shape == (N,)
    with pytest.raises(ModelError, match=r"unexpected keyword argument.*A dict is passed by name"):
        ak.Model(ByName(), preprocess=lambda f: {"x": arrays(f)[0], "more": arrays(f)[0]}).predict(ROWS)


class Static(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0] * 3


def fails(error: BaseException) -> nn.Module:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    return Fails()


def breaks(error: BaseException) -> Callable[[Any], Any]:
    def call(_: Any) -> Any:
        raise error

    return call


def packed(frame: pd.DataFrame) -> Any:
    x, _, lengths = arrays(frame)
    return nn.utils.rnn.pack_padded_sequence(torch.tensor(x), torch.tensor(lengths), True, enforce_sorted=False)


def nested(frame: pd.DataFrame) -> Any:
    return torch.nested.nested_tensor([torch.ones(2) for _ in range(len(frame))], layout=torch.jagged)


BROKEN: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], str]] = {
    "shapes of a raw frame": (
        lambda: nn.Linear(4, 1), {},
        r"the net fails on inputs of shape \(\d+, 9\) float32, from the columns x0, x1.*: RuntimeError: mat1 and mat2 "
        r"shapes.*Without preprocess .*pass preprocess=",
    ),
    "shapes of preprocess": (
        lambda: nn.Linear(4, 1), {"preprocess": lambda f: f.to_numpy()[:, :3]},
        r"inputs of shape \(\d+, 3\) float32.*Check that preprocess encodes the columns as in training",
    ),
    "dtype": (
        lambda: nn.Linear(1, 1), {"preprocess": lambda f: (f[["length"]].to_numpy(),)},
        r"inputs of shape \(\d+, 1\) int64.*astype\('float32'\)",
    ),
    "dtype of a convolution": (
        lambda: nn.Conv1d(1, 1, 3), {"preprocess": lambda f: (np.ones((len(f), 1, 5), int),)}, r"astype\('float32'\)",
    ),
    "dtype of a recurrent net": (
        lambda: nn.GRU(1, 1), {"preprocess": lambda f: (np.ones((len(f), 1, 1), int),)}, r"astype\('float32'\)",
    ),
    "ids beyond the embedding": (lambda: nn.EmbeddingBag(3, 1), {"preprocess": lambda f: f[["length"]].to_numpy()},
                                 "not in the valid range"),
    "a guard": (
        lambda: torch.export.export(Static(), (torch.zeros(7, 9),)).module(), {},
        r"An exported program takes only the shapes",
    ),
    "an exit": (lambda: fails(SystemExit(0)), {}, "the net fails .*SystemExit: 0"),
    "its own error": (lambda: fails(KeyError("who")), {}, "the net fails .*KeyError: 'who'"),
    "no message": (lambda: fails(NotImplementedError()), {}, "NotImplementedError. Without preprocess"),
    "a long message": (lambda: fails(ValueError("row " * 999)), {}, r"ValueError: (row ){50,}row…"),
    "preprocess": (line_ := lambda: nn.Linear(9, 1), {"preprocess": breaks(KeyError("age"))},
                   r"preprocess fails on \d+ rows of the columns x0, .*: KeyError: 'age'"),
    "preprocess exits": (line_, {"preprocess": breaks(SystemExit(0))}, "preprocess fails .*SystemExit"),
    "outputs=": (line_, {"outputs": breaks(ValueError("no"))}, "outputs= fails on .*Tensor: ValueError: no"),
    "complex": (lambda: nn.Sequential(nn.Linear(9, 1), Complex()), {}, "gives complex numbers .*outputs="),
    "complex classes": (lambda: nn.Sequential(nn.Linear(9, 3), Complex()), {"task": "multiclass"}, "complex numbers"),
    "complex number": (lambda: nn.Sequential(nn.Linear(9, 1), Complex()), {"task": "regression"}, "complex numbers"),
    "packed": (line_, {"preprocess": packed}, "gives a PackedSequence.*pack them in forward"),
    "nested": (line_, {"preprocess": nested}, "gives a nested tensor.*nest them in forward"),
    "text in a dict": (line_, {"preprocess": lambda f: {"a": f.astype(str).to_numpy()}}, "as input 'a' that is no"),
    "short in a tuple": (line_, {"preprocess": lambda f: (f.to_numpy(), f.to_numpy()[1:])}, "input 1 has shape"),
    "nothing": (line_, {"preprocess": lambda f: {}}, "an empty dict"),
}  # fmt: skip


class Complex(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.complex(z, z)


@pytest.mark.parametrize("name", BROKEN)
def test_a_net_that_fails_says_so_in_one_line(name: str) -> None:
    net, options, message = BROKEN[name]
    model = ak.Model(net(), **options)
    with pytest.raises(ModelError, match=message) as caught:
        model.predict(ROWS)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize("name", ["shapes of a raw frame", "an exit", "preprocess", "outputs=", "complex", "packed"])
def test_the_audit_stops_there_with_the_same_line(name: str) -> None:
    net, options, message = BROKEN[name]
    raw = name == "shapes of a raw frame"
    given = options if raw else {"preprocess": lambda f: f.drop(columns="sex").to_numpy(), **options}
    with pytest.raises(ModelError, match=message.replace("9", "10") if raw else message):
        ak.audit(ak.Model(net(), **given), data(FRAME.assign(sex=np.arange(N) % 2)))


def test_what_is_not_the_nets_fault_stays_itself() -> None:
    with pytest.raises(MemoryError):
        ak.Model(fails(MemoryError())).predict(ROWS)
    with pytest.raises(KeyboardInterrupt):
        ak.Model(fails(KeyboardInterrupt())).predict(ROWS)
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        ak.Model(fails(RuntimeError("DefaultCPUAllocator: not enough memory"))).predict(ROWS)
    with pytest.raises(DataError, match="theirs"):
        ak.Model(nn.Linear(9, 1), preprocess=breaks(DataError("theirs"))).predict(ROWS)


class Moody(nn.Module):
    """Fails on rows that are not in the data: those that a check makes up."""

    def forward(self, x: Tensor) -> Tensor:
        if bool((x[:, 0] > 50).any()):
            raise ValueError("never seen")
        return x[:, 0] * 3 - 1


def test_a_net_that_fails_on_what_a_check_made_up_costs_that_check_alone() -> None:
    from auditkit.accidents import stops

    assert not stops(ForwardError("on rows of a check"))
    assert stops(ModelError("wrong option"))
    frame = FRAME.assign(x0=np.where(FRAME["sex"] == "f", 1.0, 2.0), sex=np.where(FRAME["sex"] == "f", 1, 60))

    def swapped(f: pd.DataFrame) -> np.ndarray:
        return np.where(f[["sex"]].to_numpy() + f[["x0"]].to_numpy() == 61, 99.0, f[["x0"]].to_numpy())

    model = ak.Model(Moody(), preprocess=swapped, outputs="logits")
    report = ak.audit(model, data(frame.assign(x0=np.where(frame["sex"] == 1, 1.0, 2.0))),
                      checks=[ak.GroupFairness(), ak.FlipTest()])  # fmt: skip
    assert [(n.what, n.accident) for n in report.not_measured] == [("what flipping sex changes", False)], "a reason"
    assert report.findings


def drawn() -> list[Any]:
    return [torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()]


@pytest.mark.parametrize("where", ["forward", "preprocess", "outputs"])
def test_the_callers_random_state_is_as_before(where: str) -> None:
    def draws(given: Any) -> Any:
        drawn()
        return given

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (draws(x) if where == "forward" else x)[:, 0] * 3

    preprocess = (lambda f: draws(f.to_numpy())) if where == "preprocess" else None
    outputs = (lambda z: torch.sigmoid(draws(z))) if where == "outputs" else None
    model = ak.Model(Net(), preprocess=preprocess, outputs=outputs)

    def seeded() -> None:
        torch.manual_seed(5)
        np.random.seed(5)
        random.seed(5)

    seeded()
    want = drawn()
    seeded()
    model.predict(ROWS)
    assert drawn() == want
    seeded()
    encoder = model.replaced(preprocess=lambda f: draws(f[["x0"]].to_numpy()))
    ak.audit(encoder, data(), checks=[ak.GroupFairness()])
    assert drawn() == want


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("columns", [1, 2])
def test_nets_of_half_precision_run_where_torch_can(dtype: torch.dtype, columns: int) -> None:
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, columns))
    want = ak.Model(net).predict(ROWS)
    frame = FRAME.assign(sex=np.arange(N) % 2)

    def encode(f: pd.DataFrame) -> np.ndarray:
        return f.drop(columns="sex", errors="ignore").to_numpy(np.float64)

    model = ak.Model(net.to(dtype), preprocess=encode)
    found = model.predict(ROWS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, want, atol=0.03)
    report = ak.audit(model, data(frame), checks=[ak.GroupFairness()], on_error="raise")
    assert report.findings
    three = nn.Sequential(nn.Linear(9, 5), nn.Softmax(1)).to(dtype)
    rows = ak.Model(three, task="multiclass", outputs="probabilities").predict(ROWS)
    assert rows.shape == (N, 5)
