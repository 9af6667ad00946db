"""Explanations that are wrong by construction, of many kinds, and right ones: what the trust checks say of each.

A wrong one is a method that does something else than it says, wherever it is asked: on the rows, from other starting
points, of copies with new weights, of planted effects. It is material: what is moved between columns is a good part of
the scores' spread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.study import surface_of
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.catalogue import METHODS, Method
from auditkit.explain.surface import Surface
from auditkit.explain.untrained import untrained
from auditkit.inputs.groups import summed
from auditkit.inputs.model import Model
from auditkit.records import TrustCheck
from tests.explain.trust_nets import INTEGRATED, Net, altered, batch, checks, finding_by, finding_of, trained

ROWS = 256


class Steps(nn.Module):
    """A number a step, read by a GRU; the last state decides."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.read, self.out = nn.GRU(1, width, batch_first=True), nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.read(x[:, :, None])[0][:, -1])
        return out


class Tokens(nn.Module):
    """Categories through an embedding, beside each other."""

    def __init__(self, fields: int, many: int) -> None:
        super().__init__()
        self.words = nn.Embedding(many, 5)
        self.out = nn.Sequential(nn.Linear(5 * fields, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.out(self.words(ids).flatten(1))
        return out


def layers(*widths: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        parts += [nn.Linear(a, b), activation()]
    return nn.Sequential(*parts[:-1])


def learnt(net: nn.Module, x: np.ndarray, z: np.ndarray, seed: int, *, steps: int = 150) -> nn.Module:
    """Trained to tell whether z, in standard deviations and with logistic noise, is above its median."""
    z = (z - np.median(z)) / z.std()
    y = 3 * z + np.random.default_rng(seed + 99).logistic(size=len(z)) > 0
    given = torch.tensor(x, dtype=torch.long if np.issubdtype(x.dtype, np.integer) else torch.float32)
    return trained(net, given, torch.tensor(y, dtype=torch.float32), steps=steps)


def truth(x: np.ndarray, seed: int) -> np.ndarray:
    """Effects of very different size and either sign, one bent, and two interactions."""
    rng, d = np.random.default_rng(seed), x.shape[1]
    w = rng.permutation(2.0 * 0.75 ** np.arange(d)) * rng.choice([-1, 1], d)
    out: np.ndarray = x @ w + np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    return out


def numbers(seed: int, d: int, net: Callable[[], nn.Module], *, z: Callable[..., np.ndarray] = truth,
            correlated: float = 0.0, steps: int = 150) -> Net:  # fmt: skip
    """A net on d numbers of other means than 0, and 256 rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, d))
    x = (x + correlated * x[:, :1]) / np.sqrt(1 + correlated**2)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = learnt(net(), x, z(x, seed), seed, steps=steps)
    return Model(module), batch(pd.DataFrame(x[:ROWS], columns=[f"x{j}" for j in range(d)]), seed)


def pictures(seed: int) -> Net:
    """8 × 8 images of which two corners decide, in 16 squares."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(800, 1, 8, 8))
    z = x[:, 0, :3, :3].sum((1, 2)) - 1.5 * x[:, 0, 5:, 5:].sum((1, 2)) + 2 * x[:, 0, 1, 6] * x[:, 0, 2, 6]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 1))
        module = learnt(net, x, z, seed, steps=80)
    squares = np.arange(8)[:, None] // 2 * 4 + np.arange(8)[None] // 2
    model = Model(module, preprocess=lambda f: x[f["i"].to_numpy()].astype(np.float32), feature_map=squares)
    return model, batch(pd.DataFrame({"i": np.arange(ROWS)}), seed)


def categories(seed: int) -> Net:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 12, (1000, 6))
    z = (rng.normal(size=(6, 12)) * [[2], [1.5], [1], [0.7], [0.4], [0.2]])[np.arange(6), ids].sum(1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = learnt(Tokens(6, 12), ids, z, seed, steps=80)
    return Model(module), batch(pd.DataFrame(ids[:ROWS], columns=list("abcdef")), seed)


def product(x: np.ndarray, seed: int) -> np.ndarray:
    """Nothing but interactions, and one small effect."""
    out: np.ndarray = 2 * x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + 0.5 * x[:, 4]
    return out


def straight(x: np.ndarray, seed: int) -> np.ndarray:
    out: np.ndarray = x @ np.random.default_rng(seed).normal(size=x.shape[1])
    return out


NETS: dict[str, Callable[[int], Net]] = {
    "tanh 4": lambda s: numbers(s, 4, lambda: layers(4, 24, 1, activation=nn.Tanh)),
    "tanh 8": lambda s: numbers(s, 8, lambda: layers(8, 32, 16, 1, activation=nn.Tanh)),
    "relu 8": lambda s: numbers(s, 8, lambda: layers(8, 32, 16, 1, activation=nn.ReLU)),
    "relu 20": lambda s: numbers(s, 20, lambda: layers(20, 48, 16, 1, activation=nn.ReLU)),
    "deep silu 10": lambda s: numbers(s, 10, lambda: layers(10, 24, 24, 24, 24, 1, activation=nn.SiLU)),
    "linear 6": lambda s: numbers(s, 6, lambda: nn.Linear(6, 1), z=straight),
    "correlated tanh 8": lambda s: numbers(s, 8, lambda: layers(8, 32, 1, activation=nn.Tanh), correlated=1.0),
    "categories 6": categories,
    "pictures 16": pictures,
    "gru 7": lambda s: numbers(s, 7, Steps, steps=80),
}
"""Name → seed → a trained net and rows. The number is that of its features."""
HARD: dict[str, Callable[[int], Net]] = {
    "product relu 6": lambda s: numbers(s, 6, lambda: layers(6, 48, 24, 1, activation=nn.ReLU), z=product, steps=400),
    "product tanh 6": lambda s: numbers(s, 6, lambda: layers(6, 48, 24, 1, activation=nn.Tanh), z=product, steps=400),
    "overfit relu 12": lambda s: numbers(s, 12, lambda: layers(12, 64, 64, 1, activation=nn.ReLU), steps=400),
}
"""Nets whose features mostly interact: right explanations of them must pass as well."""


@cache
def net_of(name: str, seed: int) -> Net:
    return (NETS | HARD)[name](seed)


Make = Callable[[Model, Surface, np.random.Generator], Method]


def tampered(change: Callable[[Tensor, Tensor, Tensor], Tensor], **flags: bool) -> Make:
    """Of (φ, x, b), each (n, D) flat over all entries of the (one) input, without a column that is added by T9."""

    def make(_model: Model, _at: Surface, _rng: np.random.Generator) -> Method:
        return altered(lambda phi, at, b: flat_change(change, phi, at, b), **flags)

    return make


def flat_change(change: Callable[[Tensor, Tensor, Tensor], Tensor], phi: Tensors, at: Surface, b: Tensors) -> Tensors:
    n, one = len(at), phi[0]
    flat = [t[0].reshape(len(t[0]), -1).expand(n, -1) for t in (phi, at.points, b)]
    return (change(*flat).reshape(one.shape), *phi[1:])


def scaled_to(found: Tensor, total: Tensor) -> Tensor:
    """Each row so that it adds up to `total` (n, 1); evenly where its own sum is nearly 0."""
    own = found.sum(1, keepdim=True)
    small = own.abs() <= 0.1 * found.abs().sum(1, keepdim=True)
    return torch.where(small, found + (total - own) / found.shape[1], found * total / torch.where(small, 1.0, own))


def noise_like(x: Tensor, seed: int = 5) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)


def total(phi: Tensor) -> Tensor:
    return phi.sum(1, keepdim=True)


def of_net(other: Callable[[Model, int], Model]) -> Make:
    """Integrated Gradients of another net, whichever is asked about."""

    def make(model: Model, at: Surface, rng: np.random.Generator) -> Method:
        module = other(model, int(rng.integers(1000))).module

        def attribute(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
            def forward(x: Tensor, *_: Tensor) -> Tensor:
                if isinstance(module, Tokens):  # the outputs of the embedding are what is moved
                    return module.out(x.flatten(1))[:, 0]
                return module(x)[:, 0]

            return INTEGRATED.attribute(replace(at, forward=forward), baseline, n_steps=n_steps, seed=seed)

        return Method(attribute, quadrature=True)

    return make


def retrained(model: Model, seed: int) -> Model:
    """The net of another question: each weight taken from another place, so that its effects are others."""
    net = untrained(model, seed=seed)
    with torch.no_grad():
        for p, q in zip(net.module.parameters(), model.module.parameters(), strict=True):
            p.copy_(
                q.flatten()[torch.randperm(q.numel(), generator=torch.Generator().manual_seed(seed))].reshape(q.shape)
            )
    return net


def leading(model: Model, at: Surface) -> list[tuple[int, int]]:
    """(entry that varies most, feature) of each feature, those that move the score most first."""
    b = tuple(p.mean(0, keepdim=True) for p in at.points)
    found = INTEGRATED.attribute(at, b, n_steps=16)
    order = summed(at.groups, found).abs().mean(0).argsort(descending=True).tolist()
    mask, spread = at.groups.masks[0].flatten(), at.points[0].reshape(len(at), -1).std(0)
    return [(int(torch.where(mask == j, spread, -1.0).argmax()), j) for j in order]


def offset(size: float, a: int, b: int) -> Make:
    """k (x_a − b_a) taken from one column and given to another; columns by rank; k in shares of the scores' spread."""

    def make(model: Model, at: Surface, rng: np.random.Generator) -> Method:
        lead = leading(model, at)
        (i, _), (j, _) = lead[a % len(lead)], lead[b % len(lead)]
        score = at.at(at.points)
        k = size * float((score - score.mean()).abs().mean()) / float(at.points[0].reshape(len(at), -1)[:, i].std())

        def change(phi: Tensor, x: Tensor, start: Tensor) -> Tensor:
            out, moved = phi.clone(), k * (x[:, i] - start[:, i])
            out[:, i] -= moved
            out[:, j] += moved
            return out

        return altered(lambda phi, at, b: flat_change(change, phi, at, b))

    return make


def by_columns(permuted: Callable[[list[int]], dict[int, int]]) -> Make:
    """Features' contributions under other features' names: `permuted` of features by rank gives new → old."""

    def make(model: Model, at: Surface, rng: np.random.Generator) -> Method:
        moves = permuted([j for _, j in leading(model, at)])

        def change(phi: Tensors, at: Surface, b: Tensors) -> Tensors:
            mask = at.groups.masks[0].flatten()
            flat = phi[0].reshape(len(phi[0]), -1)
            sums = {j: flat[:, mask == j].sum(1, keepdim=True) for j in {*moves, *moves.values()}}
            out = flat.clone()
            for new, old in moves.items():
                where = mask == new
                out[:, where] = (sums[old] / int(where.sum())).to(out.dtype)
            return (out.reshape(phi[0].shape), *phi[1:])

        return altered(change)

    return make


def elsewhere(start: Callable[[Tensor, Tensor], Tensor]) -> Make:
    """Integrated Gradients from another baseline than the one that is told."""

    def make(model: Model, at: Surface, rng: np.random.Generator) -> Method:
        sigma = at.points[0].std(0, keepdim=True)

        def attribute(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
            moved = (start(baseline[0], sigma), *baseline[1:])
            return INTEGRATED.attribute(at, moved, n_steps=n_steps, seed=seed)

        return Method(attribute, quadrature=True)

    return make


def saliency_scaled(model: Model, at: Surface, rng: np.random.Generator) -> Method:
    def attribute(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
        sizes = METHODS["saliency"].attribute(at, baseline)
        delta = (at.at(at.points) - at.at(baseline))[:, None]
        one = scaled_to(sizes[0].reshape(len(at), -1), delta)
        return (one.reshape(sizes[0].shape), *(torch.zeros_like(t) for t in sizes[1:]))

    return Method(attribute)


def coarse(model: Model, at: Surface, rng: np.random.Generator) -> Method:
    """One step, at the baseline: a gradient that does not go the way."""

    def attribute(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
        near = tuple(b + 0.02 * (p - b) for p, b in zip(at.points, baseline, strict=True))
        found = METHODS["input_x_gradient"].attribute(replace(at, points=near), baseline)
        return tuple(50.0 * t for t in found)

    return Method(attribute, quadrature=True)


BAD: dict[str, list[Make]] = {
    "offset moved between columns": [offset(0.5, 0, 1), offset(0.5, 3, 2), offset(-0.5, 0, 2)],
    "columns shuffled": [tampered(lambda p, x, b: p.roll(p.shape[1] // 2 or 1, 1))],
    "two columns swapped": [
        by_columns(lambda r: {r[0]: r[1], r[1]: r[0]}),
        by_columns(lambda r: {r[0]: r[-1], r[-1]: r[0]}),
    ],
    "another net": [of_net(retrained)],
    "the untrained net": [of_net(lambda m, s: untrained(m, seed=s))],
    "sign flipped": [tampered(lambda p, x, b: -p)],
    "noise of the right sum": [tampered(lambda p, x, b: scaled_to(noise_like(p) * p.abs().mean(), total(p)))],
    "noise added": [tampered(lambda p, x, b: p + (n := noise_like(p) * p.abs().mean() * 2) - n.mean(1, keepdim=True))],
    "saliency scaled to the sum": [saliency_scaled],
    "wrong baseline": [elsewhere(lambda b, s: b + s), elsewhere(lambda b, s: b - 0.5 * s)],
    "stale rows": [tampered(lambda p, x, b: p.roll(1, 0))],
    "missing factor": [
        tampered(lambda p, x, b: p / torch.where((x - b).abs() < 1e-3, 1e-3, x - b)),
        tampered(lambda p, x, b: 0.5 * p),
    ],
    "too few steps": [coarse],
    "spread over all columns": [tampered(lambda p, x, b: total(p).expand_as(p) / p.shape[1])],
    "mean of all rows": [
        tampered(lambda p, x, b: p.abs().mean(0, keepdim=True).expand_as(p)),
        tampered(lambda p, x, b: scaled_to(p.abs().mean(0, keepdim=True).expand_as(p), total(p))),
    ],
    "same for every input": [tampered(lambda p, x, b: noise_like(p[:1], 3).expand_as(p) * p.abs().mean())],
    "constant weights": [tampered(lambda p, x, b: scaled_to((x - b) * noise_like(p[:1], 4), total(p)))],
    "sizes without signs": [tampered(lambda p, x, b: p.abs()), tampered(lambda p, x, b: scaled_to(p.abs(), total(p)))],
    "all to the largest": [
        tampered(lambda p, x, b: torch.zeros_like(p).scatter(1, p.abs().argmax(1, keepdim=True), total(p)))
    ],
    "mixed up in each row": [tampered(lambda p, x, b: p.gather(1, noise_like(p, 6).argsort(1)))],
    "one column's effect given away": [by_columns(lambda r: {r[0]: r[-1]})],
}  # fmt: skip
"""Kind → methods."""


def wrong_class(model: Model, at: Surface, rng: np.random.Generator) -> Method:
    """Another output of the same net: same hidden layers, another last row of weights."""
    other = untrained(model, seed=0)
    last = [p for p in other.module.parameters() if p.ndim == 2][-1]
    with torch.no_grad():
        for p, q in zip(other.module.parameters(), model.module.parameters(), strict=True):
            p.copy_(q)
        last.copy_(last[:, torch.randperm(last.shape[1], generator=torch.Generator().manual_seed(3))])
        last.mul_(torch.randn(last.shape, generator=torch.Generator().manual_seed(4)).sign())
    return of_net(lambda _m, _s: other)(model, at, rng)


BAD["wrong class"] = [wrong_class]

GOOD = ("integrated_gradients", "shapley", "gradient_shap", "deep_lift")
"""Right on every net of modules."""
GOOD_LINEAR = ("ablation", "input_x_gradient", "occlusion", "captum:DeepLift", "captum:FeatureAblation")


NOT_FOR_DEEP_LIFT = ("gru 7", "deep silu 10", "pictures 16")
"""Captum's rules know no SiLU, nor what happens inside a GRU, and do not add up over max-pooling (T1 shows it)."""


class Case(NamedTuple):
    good: bool
    kind: str
    net: str
    seed: int
    which: int = 0

    @property
    def name(self) -> str:
        return f"{self.kind}[{self.which}] of {self.net}, seed {self.seed}"


def bad_cases() -> Iterator[Case]:
    """Every method on five of the ten nets, others for each."""
    methods = [(kind, which) for kind, makes in BAD.items() for which in range(len(makes))]
    for j, net in enumerate(NETS):
        for i, (kind, which) in enumerate(methods):
            if (i + j) % 2 == 0 and sensible(kind, net):
                yield Case(False, kind, net, 0, which)


def sensible(kind: str, net: str) -> bool:
    """Whether the tampering makes a wrong explanation of this net."""
    return not (kind == "too few steps" and net == "linear 6")


def good_cases(seeds: tuple[int, ...] = (0, 1)) -> Iterator[Case]:
    """What is right on every net, on all of them; what is right where nothing interacts, on a linear one."""
    for seed in seeds:
        for net in (*NETS, *HARD):
            methods = [m for m in GOOD if not (m == "deep_lift" and net in NOT_FOR_DEEP_LIFT)]
            methods += GOOD_LINEAR if net == "linear 6" else ()
            for method in methods:
                yield Case(True, method, net, seed)


def judged(case: Case) -> dict[str, TrustCheck]:
    """Trust checks of a case by id."""
    model, sample = net_of(case.net, case.seed)
    if case.good:
        check = Attribution(case.kind)
        return checks(finding_of(check.examine(model, sample)))
    at = surface_of(model, sample.features)
    method = BAD[case.kind][case.which](model, at, np.random.default_rng(case.seed))
    smooth = isinstance(model.module, Tokens | Steps) or any(
        isinstance(m, nn.Tanh | nn.SiLU) for m in model.module.modules()
    )
    return checks(finding_by(model, sample, method, n_steps=32 if smooth else 128))
