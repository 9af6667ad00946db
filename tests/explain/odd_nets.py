"""Nets that some explanation cannot read: each a way in which a net can be unlike a chain of layers on one tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

WIDTH = 4
COLUMNS = tuple(f"f{i}" for i in range(WIDTH))


class Odd(NamedTuple):
    """How one is made, and how raw columns go in."""

    make: Callable[[], nn.Module]
    preprocess: Any = None
    missing: bool = False
    """Whether a column has missing values."""
    outputs: Any = "logits"
    feature_map: Any = None


def mlp(*, out: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, 6), nn.Tanh(), nn.Linear(6, out))


class Around(nn.Module):
    """Something done around an ordinary net."""

    def __init__(self, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.inner = mlp() if inner is None else inner


class ZeroForMissing(Around):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(torch.nan_to_num(x))


class MissingByCopy(Around):
    """Missing values become a value of the column beside them, and say so in a flag."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Linear(2 * WIDTH, 6), nn.ReLU(), nn.Linear(6, 1)))

    def forward(self, x: Tensor) -> Tensor:
        gone = x.isnan()
        return self.inner(torch.cat([torch.where(gone, x[:, :1].expand_as(x), x), gone.to(x)], 1))


class Padded(nn.Module):
    """A transformer's encoder with a padding mask, which runs on nested tensors when nobody looks."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.1, batch_first=True)
        self.lift, self.encoder, self.head = nn.Linear(1, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        padding = x < -1.5
        padding = padding & ~padding.all(1, keepdim=True)
        padding[:, 0] = False
        states = self.encoder(self.lift(x[..., None]), src_key_padding_mask=padding)
        return self.head(states[:, 0])


class Packed(nn.Module):
    """Sequences of lengths of their own, packed."""

    def __init__(self, read: str = "state") -> None:
        super().__init__()
        self.read = read
        self.rnn, self.head = nn.GRU(1, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        length = (x[:, 0] > 0).long() * 2 + 2
        packed = nn.utils.rnn.pack_padded_sequence(x[..., None], length.cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.rnn(packed)
        if self.read == "state":
            return self.head(last[-1])
        padded, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
        return self.head(padded.sum(1))


class PackedModule(nn.Module):
    """A module that hands packed sequences on."""

    class Pack(nn.Module):
        def forward(self, x: Tensor) -> Any:
            length = torch.full((len(x),), WIDTH)
            return nn.utils.rnn.pack_padded_sequence(x[..., None], length, batch_first=True, enforce_sorted=False)

    def __init__(self) -> None:
        super().__init__()
        self.pack, self.rnn, self.head = self.Pack(), nn.LSTM(1, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        _, (last, _) = self.rnn(self.pack(x))
        return self.head(last[-1])


class Inference(Around):
    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class NoGrad(Around):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class HalfNoGrad(Around):
    """The body without gradients, the head with them."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Linear(WIDTH, 6), nn.Tanh()))
        self.head = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            states = self.inner(x)
        return self.head(states)


class Detached(Around):
    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.inner(x).detach().numpy().copy())


class Attending(nn.Module):
    """Scaled dot-product attention, whose quick forms have no second derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.qkv, self.head = nn.Linear(1, 8), nn.Linear(8, 24), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t[:, None] for t in self.qkv(self.lift(x[..., None])).chunk(3, -1))
        return self.head(nn.functional.scaled_dot_product_attention(q, k, v)[:, 0].mean(1))


class Spectral(nn.Module):
    """Complex numbers inside, and in what a layer gives."""

    class Fourier(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.fft.fft(x)

    class Size(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.cat([z.real, z.imag], 1)

    def __init__(self) -> None:
        super().__init__()
        self.fourier, self.size, self.head = self.Fourier(), self.Size(), nn.Linear(2 * WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.size(self.fourier(x)))


class ComplexWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(WIDTH, 3, dtype=torch.complex64))
        self.head = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x.to(torch.complex64) @ self.weight).abs())


class Experts(nn.Module):
    """Each row goes to one expert; an expert may see no row."""

    def __init__(self, *, skips: bool, far: bool = False) -> None:
        super().__init__()
        self.skips, self.far = skips, far
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, 5), nn.Tanh()) for _ in range(3))
        self.head = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        to = torch.where(x[:, 0] > 50, 2, (x[:, 0] > 0.5).long()) if not self.far else (x[:, 0] > 2.2).long()
        states = x.new_zeros(len(x), 5)
        for i, expert in enumerate(self.experts):
            rows = (to == i).nonzero()[:, 0]
            if len(rows) or not self.skips:
                states = states.index_put((rows,), expert(x[rows]))
        return self.head(states)


class Shuffled(nn.Module):
    """The rows in another order inside, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(WIDTH, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        order = x[:, 0].argsort(descending=True)
        states = torch.tanh(self.first(x[order]))
        return self.head(states[order.argsort()])


class TwiceInPlace(nn.Module):
    """An in-place activation twice on one tensor: autograd refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.sigmoid, self.head = nn.Linear(WIDTH, 6), nn.Sigmoid(), nn.Linear(6, 1)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        states = self.sigmoid(self.first(x))
        both = states * states
        self.act(states)
        states.mul_(2)
        self.act(states)
        return self.head(states + both)


class OnAView(Around):
    """Writes into views, which autograd forbids of some."""

    def forward(self, x: Tensor) -> Tensor:
        for column in x.unbind(1):
            column.mul_(0.5)
        return self.inner(x)


class Writing(Around):
    def forward(self, x: Tensor) -> Tensor:
        x[:, 0] = x[:, 0].clamp(-1, 1)
        return self.inner(x)


class NearlyConstant(Around):
    """Constant but for rounding."""

    def forward(self, x: Tensor) -> Tensor:
        p = torch.softmax(self.inner(x).expand(-1, 3) * torch.arange(1.0, 4.0), 1)
        return p.sum(1) * 0.7


class Constant(Around):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * 0 + 0.3


class Repeated(nn.Module):
    """Every layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.act = nn.Linear(WIDTH, WIDTH), nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = self.act(self.layer(x))
        return x.sum(1)


class Tupled(Around):
    def forward(self, x: Tensor) -> Any:
        return self.inner(x), x


class Named(nn.Module):
    """By name in and out, a row's numbers without a dimension of their own."""

    def __init__(self, *, words: bool = False) -> None:
        super().__init__()
        self.inner = mlp()
        self.table = nn.Embedding(3, 2) if words else None
        self.more = nn.Linear(2, 1) if words else None

    def forward(self, a: Tensor, b: Tensor, rest: Tensor, code: Tensor | None = None) -> Any:
        logits = self.inner(torch.cat([a[:, None], b[:, None], rest], 1))
        if self.table is not None and code is not None:
            assert self.more is not None
            logits = logits + self.more(self.table(code))
        return {"logits": logits}


def named(rows: pd.DataFrame) -> dict[str, Any]:
    f = rows.to_numpy(dtype=np.float32)
    return {"a": f[:, 0], "b": f[:, 1], "rest": f[:, 2:]}


def coded(rows: pd.DataFrame) -> dict[str, Any]:
    return {**named(rows), "code": (rows["f3"].to_numpy() > 0).astype(np.int64)}


class Lengths(nn.Module):
    """A sequence and a vector of its lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(1, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        states, _ = self.rnn(x[..., None])
        return self.head(states[torch.arange(len(x)), lengths.long().clamp(1, WIDTH) - 1])


def with_lengths(rows: pd.DataFrame) -> tuple[Any, ...]:
    f = rows.to_numpy(dtype=np.float32)
    return f, (f[:, 0] > 0).astype(np.float32) * 2 + 2


class Backwards(torch.autograd.Function):
    """A step that lets gradients through as they are; it has no second derivative and no forward mode."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x * 4) / 4

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class Straight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(WIDTH, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(Backwards.apply(torch.tanh(self.first(x))))


class Refusing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        raise NotImplementedError("no derivative of row 17: 4711.25")


class NoBackward(Around):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(Refusing.apply(x))


class Hooked(Around):
    """Hooks of the user's own, one of which changes what a layer gives."""

    def __init__(self) -> None:
        super().__init__()
        self.inner[1].register_forward_hook(lambda _m, _i, out: out * 2)
        self.inner[0].register_forward_pre_hook(lambda _m, given: (given[0] + 0.1,))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class ValueDependent(Around):
    """Asks the values of its rows: nothing for vmap."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.inner(x)
        return torch.stack([o * (2.0 if o.item() > 0 else 1.0) for o in out])


class Strict(Around):
    """Takes only what it has seen: whole codes in the last column."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        codes = x[:, 3]
        if not bool((codes == codes.round()).all()):
            raise ValueError(f"not a code: {codes.tolist()}")
        return self.inner(x) + self.table(codes.long() + 2)


def with_codes(rows: pd.DataFrame) -> Any:
    f = rows.to_numpy(dtype=np.float32).copy()
    f[:, 3] = f[:, 3].clip(-2, 2).round()
    return f


class Strided(Around):
    def __init__(self) -> None:
        super().__init__(mlp(out=3))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x).T[1]


class Frozen(nn.Module):
    """Batch normalisation and dropout, which follow eval."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 6), nn.Dropout(0.5), nn.ReLU(inplace=True), nn.Linear(6, 1)
        )
        self.net.train()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Bilinear(Around):
    """Quantised on the way: rounded to whole numbers, and back."""

    def forward(self, x: Tensor) -> Tensor:
        q = torch.quantize_per_tensor(x, 0.05, 0, torch.qint8)
        return self.inner(q.dequantize())


class QuantModule(nn.Module):
    """A module that gives quantised tensors."""

    class Quant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.quantize_per_tensor(x, 0.05, 0, torch.qint8)

    class Dequant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.dequantize()

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant, self.inner = self.Quant(), self.Dequant(), mlp()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.dequant(self.quant(x)))


class Sparse(nn.Module):
    class ToSparse(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.to_sparse()

    def __init__(self) -> None:
        super().__init__()
        self.sparse, self.weight = self.ToSparse(), nn.Parameter(torch.randn(WIDTH, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sparse.mm(self.sparse(x), self.weight)


class HalfPrecision(Around):
    """Half precision inside."""

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.bfloat16().float())


class Bool(nn.Module):
    """Thresholds its columns: no slope anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x > 0).float())


class Exits(Around):
    """Ends the process where a row is unlike those that it knows."""

    def forward(self, x: Tensor) -> Tensor:
        if bool(((x * 100 - (x * 100).round()).abs() > 1e-2).any()):
            raise SystemExit(0)
        return self.inner(x)


class ListOutput(Around):
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(WIDTH, 3), nn.Linear(WIDTH, 2)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"a": self.a(x), "b": self.b(x)}

    def __init__(self) -> None:
        super().__init__(self.Heads())
        self.head = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.inner(x)
        return self.head(torch.cat([out["a"], out["b"]], 1))


class LearntPositions(nn.Module):
    """Positions from an embedding that ignores what it is given."""

    class Positions(nn.Embedding):
        def forward(self, x: Tensor) -> Tensor:
            return self.weight[: x.shape[1]]

    def __init__(self) -> None:
        super().__init__()
        self.lift, self.place, self.head = nn.Linear(1, 5), self.Positions(WIDTH + 2, 5), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.lift(x[..., None]) + self.place(x)).mean(1))


class GhostNorm(nn.Module):
    """Normalises sixteen rows at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(WIDTH, 6), nn.BatchNorm1d(6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(torch.cat([self.norm(part) for part in self.first(x).split(16)])))


class Folding(Around):
    """Takes its batch normalisation into the layer before it when it first runs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm: nn.Module = nn.BatchNorm1d(1)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.norm, nn.BatchNorm1d):
            self.inner[2] = nn.utils.fusion.fuse_linear_bn_eval(self.inner[2], self.norm)  # type: ignore[index,operator]
            self.norm = nn.Identity()
        return self.norm(self.inner(x))


class Deciding(nn.Module):
    """A decoder that hears its own words."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.words, self.say, self.head = nn.GRUCell(3, 5), nn.Embedding(4, 3), nn.Linear(5, 4), mlp()
        self.first = nn.Linear(WIDTH, 5)
        self.last = nn.Linear(5, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        state, word = torch.tanh(self.first(x)), torch.zeros(len(x), dtype=torch.long)
        for _ in range(2):
            state = self.cell(self.words(word), state)
            word = self.say(state).argmax(1)
        return self.head(self.last(state))


class Renormed(nn.Module):
    """Looks its last column up in a table that the look-up rewrites."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(5, 3, max_norm=0.5), nn.Linear(WIDTH + 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cat([x[:, :3], self.table((x[:, 3].clamp(-2, 2).round() + 2).long())], 1))


def compiled() -> nn.Module:
    return torch.compile(mlp(), backend="eager")


def exported() -> nn.Module:
    from torch.export import Dim, export

    return export(mlp().eval(), (torch.zeros(3, WIDTH),), dynamic_shapes=({0: Dim("n", min=1)},)).module()


def weight_normed() -> nn.Module:
    net = mlp()
    nn.utils.parametrizations.weight_norm(net[0])
    return net


ODD: dict[str, Odd] = {
    "nan_to_num": Odd(ZeroForMissing, missing=True),
    "missing by copy": Odd(MissingByCopy, missing=True),
    "padding mask": Odd(Padded),
    "packed": Odd(Packed),
    "packed and padded": Odd(lambda: Packed("states")),
    "packing module": Odd(PackedModule),
    "inference mode": Odd(Inference),
    "no_grad": Odd(NoGrad),
    "half no_grad": Odd(HalfNoGrad),
    "numpy inside": Odd(Detached),
    "attention": Odd(Attending),
    "complex": Odd(Spectral),
    "complex weights": Odd(ComplexWeights),
    "experts that skip": Odd(lambda: Experts(skips=True)),
    "experts that do not": Odd(lambda: Experts(skips=False)),
    "a rare expert": Odd(lambda: Experts(skips=True, far=True)),
    "rows in another order": Odd(Shuffled),
    "in place twice": Odd(TwiceInPlace),
    "in place on a view": Odd(OnAView),
    "writes to its input": Odd(Writing),
    "constant up to rounding": Odd(NearlyConstant),
    "constant": Odd(Constant),
    "layers twice": Odd(Repeated),
    "a tuple": Odd(Tupled, outputs=lambda out: torch.sigmoid(out[0][:, 0])),
    "by name, vectors": Odd(Named, named),
    "by name, ids": Odd(lambda: Named(words=True), coded),
    "a vector of lengths": Odd(Lengths, with_lengths, feature_map=(np.arange(WIDTH)[None], np.array([WIDTH]))),
    "straight through": Odd(Straight),
    "no backward": Odd(NoBackward),
    "hooks": Odd(Hooked),
    "asks values": Odd(ValueDependent),
    "only codes": Odd(Strict, with_codes, feature_map={c: [i] for i, c in enumerate(COLUMNS)}),
    "strided": Odd(Strided),
    "train mode": Odd(Frozen),
    "quantised tensors": Odd(Bilinear),
    "quantised layers": Odd(QuantModule),
    "sparse": Odd(Sparse),
    "bfloat16 inside": Odd(HalfPrecision),
    "thresholds": Odd(Bool),
    "heads in a dict": Odd(ListOutput),
    "script": Odd(lambda: torch.jit.script(mlp())),
    "trace": Odd(lambda: torch.jit.trace(mlp(), torch.zeros(3, WIDTH))),
    "script inside": Odd(lambda: nn.Sequential(torch.jit.script(mlp()), nn.Tanh())),
    "DataParallel": Odd(lambda: nn.DataParallel(mlp())),
    "compiled": Odd(compiled),
    "exported": Odd(exported),
    "weight norm": Odd(weight_normed),
    "learnt positions": Odd(LearntPositions),
    "once for sixteen rows": Odd(GhostNorm),
    "folds when it first runs": Odd(Folding),
    "hears its own words": Odd(Deciding),
    "a table that is rewritten": Odd(Renormed, with_codes, feature_map={c: [i] for i, c in enumerate(COLUMNS)}),
}
