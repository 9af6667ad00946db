"""Nets that are trained in a second, and what their explanations are tried with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.explain.attributions.findings import attribution_findings
from auditkit.explain.attributions.study import Explained, surface_of, weighted_mean
from auditkit.explain.attributions.sums import AttributionRows
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.catalogue import METHODS, Method
from auditkit.explain.preflight import undisturbed
from auditkit.explain.surface import Surface
from auditkit.explain.trust.records import completeness
from auditkit.explain.trust.study import tried
from auditkit.explain.trust.subject import Trial
from auditkit.inputs.groups import summed
from auditkit.inputs.model import Model
from auditkit.records import Finding, TrustCheck

INTEGRATED = METHODS["integrated_gradients"]
Net = tuple[Model, Batch]


def trained(net: nn.Module, x: Tensor, y: Tensor, *, steps: int = 150) -> nn.Module:
    """Logistic regression of y (N,) on the net's one output. In double precision, whose rounding does not grow to
    another net where another processor sums in another order; the net is of single precision, as it was."""
    x, y = (t.double() if t.is_floating_point() else t for t in (x, y))
    optimiser = torch.optim.Adam(net.double().parameters(), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(x).reshape(-1), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.float().eval()


def batch(features: pd.DataFrame, seed: int = 0) -> Batch:
    n, rng = len(features), np.random.default_rng(seed)
    return Batch(
        features=features,
        groups=pd.DataFrame({"sex": pd.Categorical(rng.choice(["a", "b"], n))}),
        y_true=np.zeros(n, np.int8),
        y_pred=np.zeros(n, np.int8),
        weight=np.ones(n),
    )


def tabular(seed: int = 0, *, activation: Callable[[], nn.Module] = nn.SiLU, width: int = 8, rows: int = 300) -> Net:
    """A trained multilayer perceptron on numbers of very different importance, with an interaction."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, width))
    z = x @ (2.0 * 0.6 ** np.arange(width)) + np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    y = z + rng.logistic(size=1000) > 0
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(width, 32), activation(), nn.Linear(32, 16), activation(), nn.Linear(16, 1))
        trained(net, torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
    return Model(net), batch(pd.DataFrame(x[:rows], columns=[f"x{j}" for j in range(width)]), seed)


def tried_by(model: Model, sample: Batch, method: Method, *, n_steps: int = 32) -> AttributionRows:
    """The evidence of a check whose method is `method`."""
    with undisturbed(model):
        at = surface_of(model, sample.features)
        baseline = weighted_mean(at, sample.weight)
        phi = summed(at.groups, method.attribute(at, baseline, n_steps=n_steps, seed=0)).numpy()
        delta = (at.at(at.points) - at.at(baseline)).double().numpy()
    steps = np.full(len(phi), n_steps)
    explained = Explained(phi, at.groups.names, delta, completeness(phi.sum(1), delta), steps)
    assert explained.epsilon is not None
    columns = {f"phi:{name}": phi[:, j] for j, name in enumerate(explained.columns)}
    rest = {"weight": np.ones(len(phi)), "delta": delta, "epsilon": explained.epsilon, "steps": steps.astype(float)}
    facts = {"method": "integrated_gradients", "explained": "logit", "baseline": "b", "unread": []}
    labels = {str(c): sample.groups[c].astype("str").tolist() for c in sample.groups}
    return AttributionRows({**columns, **rest}, labels, facts, tried(model, sample, explained, method))


def finding_of(seen: AttributionRows) -> Finding:
    (found,) = attribution_findings(seen.sums(), level=0.95)
    return found


def finding_by(model: Model, sample: Batch, method: Method, *, n_steps: int = 32) -> Finding:
    return finding_of(tried_by(model, sample, method, n_steps=n_steps))


def checks(finding: Finding) -> dict[str, TrustCheck]:
    return {t.id: t for t in finding.trust}


def failed(finding: Finding) -> set[str]:
    return {t.id for t in finding.trust if t.failed}


def trial_of(model: Model, sample: Batch, *, method: Method = INTEGRATED, n_steps: int = 32) -> tuple[Trial, Surface]:
    """What is on trial, for single checks."""
    whole = surface_of(model, sample.features)
    at, baseline = whole.take(slice(256)), weighted_mean(whole, sample.weight)
    phi = summed(at.groups, method.attribute(at, baseline, n_steps=n_steps, seed=0)).numpy()
    return Trial(at, baseline, method, phi, np.full(len(at), n_steps), n_steps), whole


def altered(change: Callable[[Tensors, Surface, Tensors], Tensors], **flags: Any) -> Method:
    """Integrated Gradients, tampered with."""

    def attribute(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
        return change(INTEGRATED.attribute(at, baseline, n_steps=n_steps, seed=seed), at, baseline)

    return Method(attribute, **{"quadrature": True, **flags})


def of_another(forward: Callable[[Tensor], Tensor]) -> Method:
    """Integrated Gradients of another function than the one that is explained."""

    def attribute(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
        other = replace(at, forward=lambda *given: forward(given[0]))
        return INTEGRATED.attribute(other, baseline, n_steps=n_steps, seed=seed)

    return Method(attribute, quadrature=True)
