"""The corpus: every net, what is declared of it, and what is true of it by construction."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.explain.corpus.training import Net
from tests.explain.corpus.worlds import World

GOING = ("sex", "proxy", "copy", "merit")
"""What goes with the group."""
SEX, PROXY, MERIT, NOTHING = (
    {"sex": 1.6, "a": 1.2, "b": 0.5},
    {"proxy": 1.2, "a": 1.2, "b": 0.5},
    {"merit": 1.4, "a": 1.2, "b": 0.5},
    {"a": 1.4, "b": 0.7},
)
CAUSES = {"sex": SEX, "proxy": PROXY, "merit": MERIT, "nothing": NOTHING}
XOR = {"sex*a": 1.6, "b": 0.5}
"""Men's chances rise with a and women's fall: sex decides, and no group is better off."""
KINDS = {"embeddings": "categories", "cnn": "pictures"}
CROSSED = (
    "mlp", "residual", "residual, 8 pre-norm blocks", "wide and deep", "gru, last step", "gru, state", "lstm, h and c",
    "bidirectional gru", "transformer", "experts", "embeddings", "cnn",
)  # fmt: skip
CHEAP = ("mlp", "residual", "wide and deep")
"""Trained with three seeds."""


@dataclass(frozen=True, eq=False)
class Case:
    """A net as it is audited."""

    net: Net
    through: str
    """The quantity through which the largest part of the gap comes; empty: there is no gap."""
    declared: tuple[str, ...] = ()
    """Columns that are declared legitimate."""

    @property
    def name(self) -> str:
        """Of the net, and of what is declared."""
        return self.net.name + (f"; {' and '.join(self.declared)} declared" if self.declared else "")

    @property
    def first(self) -> bool:
        """Whether the net is audited here without declarations, as all are once."""
        return not self.declared

    @property
    def uses(self) -> frozenset[str]:
        """What goes with the group and moves the scores."""
        return (self.net.world.causes & frozenset(GOING) & frozenset(self.net.quantities)) - frozenset(self.net.dead)

    @property
    def women_ahead(self) -> bool:
        """Whether the gap is theirs."""
        return self.net.world.weights.get(self.through, 0.0) < 0

    @property
    def beyond(self) -> frozenset[str]:
        """The same without what is declared legitimate."""
        return self.uses - frozenset(self.declared)

    @property
    def flips(self) -> bool | None:
        """Whether decisions depend on the attribute, all else equal; None: no column of the net's says it."""
        told = "sex" in self.net.quantities and self.net.world.kind != "pictures"
        return "sex" in self.uses if told else None


@functools.cache
def cases() -> tuple[Case, ...]:
    """All of them; nets are trained when they are first asked for, and once."""
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    for architecture in CROSSED:
        for cause, weights in CAUSES.items():
            for seed in range(3 if architecture in CHEAP else 1):
                net = _net(f"{architecture}: {cause}", architecture, weights, seed)
                yield Case(net, "" if cause == "nothing" else cause)
                some = architecture == "mlp" or (cause == "proxy" and architecture in CROSSED[::2])
                if cause == "merit" or (some and seed == 0):
                    yield Case(net, "" if cause == "nothing" else cause, ("merit",))
    for seed in range(3):
        mixed = _net("mlp: sex by interaction alone", "mlp", XOR, seed)
        yield Case(mixed, "")
        yield Case(mixed, "", ("merit",))
        both = _net("mlp: proxy and merit", "mlp", {"proxy": 1.1, "merit": 0.6, "a": 1.0}, seed)
        yield Case(both, "proxy")
        yield Case(both, "proxy", ("merit",))
        noisy = World(NOTHING, noise=0.45)
        taught = Net(_named("mlp: noise in women's labels", seed), "mlp", noisy, seed=seed)
        yield Case(taught, "sex")
        yield Case(taught, "sex", ("merit",))
        copies = World({"proxy": 1.2, "a": 1.2}, copies=0.01)
        yield Case(Net(_named("mlp: a proxy and its copy", seed), "mlp", copies, seed=seed), "proxy")
        for architecture, cause in (("linear", "sex"), ("linear", "proxy"), ("mlp", "merit")):
            name = _named(f"{architecture}: {cause}, a in other units", seed)
            units = {"a": (8.0, 5.0)}
            yield Case(Net(name, architecture, World(CAUSES[cause]), times=2, units=units, seed=seed), cause)
        for cause in ("sex", "proxy"):
            less = CAUSES[cause] | {cause: -CAUSES[cause][cause]}
            yield Case(_net(f"mlp: {cause}, women ahead", "mlp", less, seed), cause)
        for term, weight in (("|merit|", 3.0), ("step(merit)", 2.6)):
            curved = _net(f"mlp: {term}", "mlp", {term: weight, "a": 1.0}, seed)
            yield Case(curved, "merit")
            yield Case(curved, "merit", ("merit",))
    yield Case(_net("gru, state: sex by interaction alone", "gru, state", XOR), "")
    yield Case(Net("transformer: sex by interaction alone", "transformer", World(XOR), times=3), "")
    yield Case(_net("experts, proxy in the gate: proxy", "experts, proxy in the gate", PROXY), "proxy")
    yield Case(Net("gru, state: noise in women's labels", "gru, state", World(NOTHING, noise=0.45)), "sex")
    for cause, dead in (("sex", ("proxy",)), ("merit", ("sex", "proxy")), ("nothing", ("sex", "proxy"))):
        for architecture in ("mlp", "wide and deep"):
            gone = tuple(c for c in dead if c == "proxy" or architecture == "mlp")
            net = Net(f"{architecture}: {cause}, false trail", architecture, World(CAUSES[cause]), dead=gone)
            yield Case(net, "" if cause == "nothing" else cause)
            if cause == "merit":
                yield Case(net, cause, ("merit",))
    blind = ("proxy", "merit", "a", "b")
    for cause in ("proxy", "merit"):
        net = Net(f"mlp: {cause}, sex is no input", "mlp", World(CAUSES[cause]), inputs=blind)
        yield Case(net, cause)


def _named(name: str, seed: int) -> str:
    return f"{name} ({seed + 1})" if seed else name


def _net(name: str, architecture: str, weights: dict[str, float], seed: int = 0) -> Net:
    return Net(_named(name, seed), architecture, World(weights, KINDS.get(architecture, "table")), seed=seed)
