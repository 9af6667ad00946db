"""The architectures: small nets of every kind whose layers an audit must find its way through. No auditkit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

HIDDEN = 12


def mlp(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))


class Residual(nn.Module):
    """Blocks whose outputs are added to a stream; normed before, as transformers do, or not at all."""

    class Block(nn.Module):
        def __init__(self, normed: bool) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(HIDDEN) if normed else nn.Identity()
            self.up, self.act, self.down = nn.Linear(HIDDEN, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, HIDDEN)

        def forward(self, h: Tensor) -> Tensor:
            return h + self.down(self.act(self.up(self.norm(h))))

    def __init__(self, width: int, blocks: int, *, normed: bool) -> None:
        super().__init__()
        self.lift = nn.Linear(width, HIDDEN)
        self.blocks = nn.ModuleList(self.Block(normed) for _ in range(blocks))
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.lift(x)
        for block in self.blocks:
            h = block(h)
        return self.head(h)


class WideDeep(nn.Module):
    """A linear part of the columns in `wide` beside a deep part of all others."""

    def __init__(self, width: int, wide: tuple[int, ...]) -> None:
        super().__init__()
        self.columns = wide
        self.others = tuple(i for i in range(width) if i not in wide)
        self.wide = nn.Linear(len(wide), 1, bias=False)
        self.deep = nn.Sequential(nn.Linear(len(self.others), 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU())
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.wide(x[:, self.columns]) + self.head(self.deep(x[:, self.others]))


class Tokens(nn.Module):
    """Every column a token: its number times a vector of its own, and another vector of its own."""

    def __init__(self, width: int, size: int = HIDDEN) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(width, size) / 2)
        self.place = nn.Parameter(torch.randn(width, size) / 2)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., None] * self.scale + self.place


class Recurrent(nn.Module):
    """Columns as a sequence, read one after the other; `read` says what the head gets."""

    def __init__(self, width: int, read: str) -> None:
        super().__init__()
        self.read, two = read, read == "both ways"
        kind = nn.LSTM if read == "h and c" else nn.GRU
        self.tokens = Tokens(width)
        self.rnn = kind(HIDDEN, HIDDEN, batch_first=True, bidirectional=two)
        self.head = nn.Linear(HIDDEN * (2 if two or read == "h and c" else 1), 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tokens(x)
        if self.read == "last":
            return self.head(self.rnn(x)[0][:, -1])
        if self.read == "h and c":
            _, (h, c) = self.rnn(x)
            return self.head(torch.cat([h[-1], c[-1]], 1))
        _, h = self.rnn(x)
        return self.head(torch.cat([h[0], h[1]], 1) if self.read == "both ways" else h[-1])


class Transformer(nn.Module):
    """Columns as tokens, an encoder layer, and the mean over the tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(HIDDEN, 2, 2 * HIDDEN, dropout=0.0, batch_first=True, norm_first=True)
        self.tokens = Tokens(width)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.tokens(x)).mean(1))


class Experts(nn.Module):
    """Each row goes to the expert that its gate prefers, and that expert's answer counts by the gate's confidence.

    The gate gets the columns `gated`, and the experts all others; with none, both get all.
    """

    def __init__(self, width: int, gated: tuple[int, ...] = (), experts: int = 3) -> None:
        super().__init__()
        self.gated = gated or tuple(range(width))
        self.others = tuple(i for i in range(width) if i not in gated)
        self.gate = nn.Linear(len(self.gated), experts)
        own = len(self.others)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(own, 8), nn.ReLU()) for _ in range(experts))
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate, x = self.gate(x[:, self.gated]).softmax(1), x[:, self.others]
        chosen = gate.argmax(1)
        out = x.new_zeros(len(x), 8)
        for i, expert in enumerate(self.experts):
            rows = (chosen == i).nonzero()[:, 0]
            out = out.index_put((rows,), expert(x[rows]) * gate[rows, i, None])
        return self.head(out)


class Embedded(nn.Module):
    """Categories as codes, a table for each column, and an MLP on what they give."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(4, 3) for _ in range(width))
        self.body = nn.Sequential(nn.Linear(3 * width, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh())
        self.head = nn.Linear(8, 1)

    def forward(self, codes: Tensor) -> Tensor:
        found = [table(codes[:, i]) for i, table in enumerate(self.tables)]
        return self.head(self.body(torch.cat(found, 1)))


class Convolved(nn.Module):
    """Two convolutions, and a linear head on what they show where."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 2, stride=2)
        self.head = nn.Linear(54, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))).flatten(1))


ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "linear": lambda width: nn.Linear(width, 1),
    "mlp": mlp,
    "residual": lambda width: Residual(width, 2, normed=False),
    "residual, 8 pre-norm blocks": lambda width: Residual(width, 8, normed=True),
    "wide and deep": lambda width: WideDeep(width, (1,)),
    "gru, last step": lambda width: Recurrent(width, "last"),
    "gru, state": lambda width: Recurrent(width, "state"),
    "lstm, h and c": lambda width: Recurrent(width, "h and c"),
    "bidirectional gru": lambda width: Recurrent(width, "both ways"),
    "transformer": Transformer,
    "experts": Experts,
    "experts, proxy in the gate": lambda width: Experts(width, (1,)),
    "embeddings": Embedded,
    "cnn": lambda _: Convolved(),
}
"""Name → a net of so many columns, sex first and the proxy second."""
