"""Nets of every kind that layers are found in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

WIDTH = 6


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


class Image(nn.Module):
    """A small CNN with pooling, normalisation and an activation in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.pool(self.act(self.norm(self.conv(x)))).flatten(1))
        return out


class Sequence(nn.Module):
    """An LSTM that is read at its last step."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.lstm = nn.LSTM(3, 5, batch_first=batch_first)
        self.states = First()
        self.head = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        if not self.batch_first:
            x = x.transpose(0, 1)
        states = self.states(self.lstm(x))
        out: Tensor = self.head(states[:, -1] if self.batch_first else states[-1])
        return out


class First(nn.Module):
    """The first of several outputs, as a layer that Captum can listen to."""

    def forward(self, outputs: tuple[Tensor, ...]) -> Tensor:
        return outputs[0]


class Reused(nn.Module):
    """One activation that is called twice, one in a loop, one module that is never called, and integers on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(WIDTH, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.act, self.loop, self.never = nn.Tanh(), nn.Identity(), nn.Linear(2, 2)
        self.sign = Sign()

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.second(self.act(self.first(x))))
        self.sign(h)
        for _ in range(9):
            h = self.loop(h)
        out: Tensor = self.head(h)
        return out


class Sign(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).long()


class Residual(nn.Module):
    """Something flows around `branch`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch, self.head = nn.Linear(WIDTH, 8), nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.stem(x))
        out: Tensor = self.head(h + torch.tanh(self.branch(h)))
        return out


class Attention(nn.Module):
    """A sequence (N, 4, 8) through self-attention."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed, _ = self.attention(x, x, x)
        out: Tensor = self.head(self.norm(mixed).mean(1))
        return out


class Words(nn.Module):
    """Token ids, embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 5)
        self.hidden = nn.Linear(5, 7)
        self.head = nn.Linear(7, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.hidden(self.embedding(ids.long()))).mean(1))
        return out


def mlp(inplace: bool = False) -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU(inplace), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ids(rows: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 20, (rows, 4), generator=torch.Generator().manual_seed(seed))


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[int], Tensor]]] = {
    "MLP": (mlp, lambda n: draw(n, WIDTH)),
    "MLP in place": (lambda: mlp(inplace=True), lambda n: draw(n, WIDTH)),
    "CNN": (Image, lambda n: draw(n, 1, 6, 6)),
    "LSTM": (Sequence, lambda n: draw(n, 4, 3)),
    "LSTM, time first": (lambda: Sequence(batch_first=False), lambda n: draw(n, 4, 3)),
    "reused": (Reused, lambda n: draw(n, WIDTH)),
    "residual": (Residual, lambda n: draw(n, WIDTH)),
    "attention": (Attention, lambda n: draw(n, 4, 8)),
}
"""Name → (how it is made, N rows of its input)."""
