"""Cuts of any net, found by patching. Truth: the graph, read by eye; and what a head sees, changed by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.explain.layers.check import LayerAudit
from auditkit.explain.layers.cuts import layers_and_cuts
from auditkit.explain.layers.erasure import leace
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.probes import halves
from auditkit.inputs.model import Model
from auditkit.records import Layers
from tests.explain.nets import Image, Residual, draw, seeded

STEPS, WIDE = 4, 3


class Recurrent(nn.Module):
    """What is read of a recurrent net: the outputs' last step, the state, or both states of an LSTM."""

    def __init__(self, read: str) -> None:
        super().__init__()
        self.read = read
        two = read == "both ways"
        self.rnn = (nn.LSTM if read == "h and c" else nn.GRU)(WIDE, 5, batch_first=True, bidirectional=two)
        self.head = nn.Linear(10 if read in ("both ways", "h and c") else 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), -1, WIDE)
        if self.read == "last":
            return self.head(self.rnn(x)[0][:, -1])
        if self.read == "h and c":
            _, (h, c) = self.rnn(x)
            return self.head(torch.cat([h[-1], c[-1]], 1))
        _, h = self.rnn(x)
        return self.head(h[-1] if self.read == "state" else torch.cat([h[0], h[1]], 1))


class WideDeep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(1, 1)
        self.deep = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU())
        self.head = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.wide(x[:, :1]) + self.head(self.deep(x[:, 1:]))


class Stream(nn.Module):
    """Pre-norm blocks in one loop: the stream is no module's output."""

    def __init__(self, blocks: int = 3) -> None:
        super().__init__()
        self.lift = nn.Linear(6, 8)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(blocks))
        self.maps = nn.ModuleList(nn.Linear(8, 8) for _ in range(blocks))
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.lift(x)
        for norm, linear in zip(self.norms, self.maps, strict=True):
            h = h + torch.tanh(linear(norm(h)))
        return self.head(h)


class Routed(nn.Module):
    """Each row sees one expert alone."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(6, 2)
        self.experts = nn.ModuleList(nn.Linear(6, 4) for _ in range(2))
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.gate(x).argmax(1)
        out = x.new_zeros(len(x), 4)
        for i, expert in enumerate(self.experts):
            out[chosen == i] = expert(x[chosen == i])
        return self.head(out)


class Bypassed(nn.Module):
    """Past every module, something of the input goes to the output."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(6, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.inner(x)))[:, 0] + x[:, 0]


def look(make: Callable[[], nn.Module], x: Tensor, batch_size: int | None = None) -> dict[str, Layer]:
    model = Model(seeded(make), batch_size=batch_size)
    with model.inspecting():
        return {y.name: y for y in layers_and_cuts(model, x, None)}


GRAPHS: dict[str, tuple[Callable[[], nn.Module], int, list[str]]] = {
    "last step": (lambda: Recurrent("last"), 12, ["rnn", "into head", "head"]),
    "state": (lambda: Recurrent("state"), 12, ["rnn", "head"]),
    "h and c": (lambda: Recurrent("h and c"), 12, ["into head", "head"]),
    "both ways": (lambda: Recurrent("both ways"), 12, ["rnn", "into head", "head"]),
    "wide and deep": (WideDeep, 6, ["wide + deep.3"]),
    "stream": (Stream, 6, ["lift", "into head", "head"]),
    "residual": (Residual, 6, ["stem", "into head", "head"]),
    "routed": (Routed, 6, ["into head", "head"]),
    "bypassed": (Bypassed, 6, []),
}


@pytest.mark.parametrize("batch_size", [None, 15])
@pytest.mark.parametrize("name", GRAPHS)
def test_cuts_are_those_of_the_graph(name: str, batch_size: int | None) -> None:
    make, width, expected = GRAPHS[name]
    assert [y.name for y in look(make, draw(200, width), batch_size).values() if y.cut] == expected


def test_positions_that_are_read_are_told_from_the_others() -> None:
    layer = look(lambda: Recurrent("last"), draw(200, 12))["rnn"]
    assert (layer.positions, layer.read, layer.entry) == (STEPS, (STEPS - 1,), (0,))
    assert look(lambda: Recurrent("state"), draw(200, 12))["rnn"].entry == (1,)
    both = look(lambda: Recurrent("h and c"), draw(200, 12))
    assert [both[n].entry for n in ("rnn (h)", "rnn (c)")] == [(1, 0), (1, 1)]
    assert look(Image, draw(200, 1, 6, 6))["conv"].read is None, "all of them"


def test_a_way_that_few_rows_take_is_seen() -> None:
    """Of 500 rows two go past the hidden layer: on 64 rows it looks like a cut."""

    class Rarely(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = nn.Linear(6, 4), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            out = self.head(self.inner(x))[:, 0]
            return torch.where(x[:, 1] > 90, x[:, 0], out)

    x = draw(500, 6)
    assert look(Rarely, x)["inner"].cut
    x[[100, 301], 1] = 100.0
    assert not look(Rarely, x)["inner"].cut


def rows(n: int = 1_200, width: int = 12, *, place: int = 1, seed: int = 0) -> Batch:
    """One column differs between two groups by two standard deviations; the labels follow it, and others."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n).astype(bool)
    x = rng.normal(size=(n, width))
    x[:, place] += 2.0 * z
    y = rng.random(n) < 1 / (1 + np.exp(1.5 - 1.5 * x[:, place] - x[:, 2]))
    return Batch(
        features=pd.DataFrame(x, columns=[f"x{j}" for j in range(width)]),
        groups=pd.DataFrame({"sex": pd.Categorical(np.where(z, "b", "a"))}),
        y_true=y.astype(np.int8),
        y_pred=np.full(n, -1, dtype=np.int8),
    )


def taught(make: Callable[[], nn.Module], batch: Batch, steps: int = 60) -> nn.Module:
    net = seeded(make).train()
    x = torch.tensor(batch.features.to_numpy(), dtype=torch.float32)
    y = torch.as_tensor(batch.y_true, dtype=torch.float32)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(x).reshape(-1), y).backward()
        optimiser.step()
    return net.eval()


def read_by_head(net: nn.Module, x: Tensor) -> tuple[nn.Module, Tensor]:
    """The head, and what goes into it, taken by hand."""
    seen: list[Tensor] = []
    handle = net.head.register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
    with torch.no_grad():
        net(x)
    handle.remove()
    return net.head, seen[0]


@pytest.mark.parametrize("name", ["last step", "state", "h and c", "both ways", "stream", "routed"])
def test_erasing_at_the_told_layer_is_erasing_by_hand_what_the_head_reads(name: str) -> None:
    """Brute force: LEACE of the head's own input, fitted on one half and read on the other, and the rest of the net."""
    make, width, _ = GRAPHS[name]
    batch = rows(width=width)
    net = taught(make, batch)
    x = torch.tensor(batch.features.to_numpy(), dtype=torch.float32)
    z = (batch.groups["sex"] == "b").to_numpy()
    head, h = read_by_head(net, x)
    after = np.zeros(len(z))
    for half in halves(z, seed=0):
        eraser = leace(h[half.fit].double().numpy(), z[half.fit])
        with torch.no_grad():
            put = torch.as_tensor(eraser(h[half.read].double().numpy()), dtype=torch.float32)
            after[half.read] = torch.sigmoid(head(put))[:, 0].numpy()
    check = LayerAudit(random=0)
    (finding,) = check.assess(check.examine(Model(net), batch)).findings
    exhibit = finding.exhibits[0]
    assert isinstance(exhibit, Layers)
    told = next(y for y in reversed(exhibit.layers) if y.cut and y.name != "head")
    assert told.before is not None
    assert told.after is not None
    assert (told.before.value or 0) > 0.2
    by_hand = after[z].mean() - after[~z].mean()
    assert told.after.value == pytest.approx(by_hand, abs=0.01), "but for the ridge"
    assert abs(told.after.value or 0) < 0.15 * (told.before.value or 0)
    assert exhibit.use == "goes_with"
    assert "nothing here shows" not in finding.statement


def test_a_proxy_in_the_wide_part_is_not_acquitted() -> None:
    batch = rows(width=6, place=0)
    net = taught(WideDeep, batch, steps=80)
    check = LayerAudit(random=0)
    (finding,) = check.assess(check.examine(Model(net), batch)).findings
    assert finding.statement.startswith("The layer 'wide + deep.3' linearly tells a from b in ")
    exhibit = finding.exhibits[0]
    assert isinstance(exhibit, Layers)
    by_name = {y.name: y for y in exhibit.layers}
    deep, both = by_name["deep.3"], by_name["wide + deep.3"]
    assert deep.closed is not None
    assert both.closed is not None
    assert both.before is not None
    assert abs(deep.closed.value or 0) < 0.1 * (both.before.value or 0), "the deep part has nothing to do with it"
    assert (both.closed.value or 0) > 0.8 * (both.before.value or 0)
    assert exhibit.use == "goes_with"


def test_what_bypasses_every_layer_is_erased_at_the_input_or_not_measured() -> None:
    batch = rows(width=6, place=0)
    check = LayerAudit(random=0)
    (finding,) = check.assess(check.examine(Model(seeded(Bypassed)), batch)).findings
    assert finding.statement.startswith("The input linearly tells a from b in ")
    assert "nothing here shows" not in finding.statement
    missing = batch.features.copy()
    missing.iloc[0, 3] = np.nan

    class Filled(Bypassed):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.nan_to_num(x))

    gone = Batch(**{**vars(batch), "features": missing})
    (finding,) = check.assess(check.examine(Model(seeded(Filled)), gone)).findings
    exhibit = finding.exhibits[0]
    assert isinstance(exhibit, Layers)
    assert exhibit.use == "not_measured"
    assert "what the net uses of sex was not measured" in finding.statement
