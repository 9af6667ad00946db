"""Small audits of every kind that looks at single rows: what they find must not depend on how little is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from torch import Tensor, nn

import auditkit as ak
from auditkit.explain.concepts.check import Concepts
from auditkit.explain.influence.check import Influence
from auditkit.explain.recourse.check import Recourse
from auditkit.fairness.rows.consistency import Consistency
from auditkit.fairness.rows.continuous import ContinuousAttribute
from auditkit.fairness.rows.proxies import Proxies

ROWS = 600
NUMBERS = ["x0", "x1", "x2", "x3"]


def people(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Four numbers that no two rows share, two attributes (one that the net reads), and four targets.

    Rounded: a last bit that differs between processors would draw another sample.
    """
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=NUMBERS)
    frame["sex"] = rng.choice(["f", "m"], rows, p=[0.4, 0.6])
    frame["race"] = rng.choice(["p", "q", "r"], rows, p=[0.5, 0.3, 0.2])
    frame["x1"] += 0.8 * (frame["sex"] == "m")
    frame[NUMBERS] = frame[NUMBERS].round(6)
    z = frame["x0"] + frame["x1"] + 0.5 * (frame["sex"] == "m") + rng.normal(size=rows)
    frame["y"] = (z > 0.6).astype(int)
    frame["number"] = z.round(3)
    frame["kind"] = np.array(["low", "middle", "high"])[np.digitize(z, [-0.3, 1.2])]
    return frame


def encode(features: pd.DataFrame) -> Any:
    """(N, 5) float32."""
    x = features[NUMBERS].to_numpy(np.float32)
    return np.column_stack([x, (features["sex"] == "m").to_numpy(np.float32)])


MAP = {**{c: [i] for i, c in enumerate(NUMBERS)}, "sex": [4]}


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


def linear() -> nn.Module:
    """Log-odds that can be turned back into the inputs."""
    net = nn.Linear(5, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.8, -0.5, 0.3, 0.6]]))
        net.bias.fill_(-0.4)
    return net.eval()


def mlp(outputs: int = 1) -> nn.Module:
    return seeded(lambda: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, outputs)))


def model(net: nn.Module, **options: Any) -> ak.Model:
    options.setdefault("outputs", "logits") if options.get("task") != "regression" else None
    return ak.Model(net, preprocess=encode, feature_map=MAP, **options)


def binary(net: nn.Module, *, rows: int = ROWS, more: Sequence[Any] = (), **options: Any) -> ak.Report:
    frame = people(rows)
    train = people(200, seed=5)
    data = ak.Dataset(frame[[*NUMBERS, "sex", "race", "y"]], y_true="y", sensitive_features=["sex", "race"])
    checks = [
        ak.Attribution(),
        ak.FlipTest(),
        Concepts(permutations=99),
        Influence(train=train[[*NUMBERS, "sex", "race", "y"]], y_true="y"),
        Recourse(["x0", "x1"], depth=2),
        Proxies(),
        Consistency(),
        ContinuousAttribute("x0", edges=[0.0]),
    ]
    options.setdefault("checks", [*checks, *more])
    return ak.audit(model(net), data, on_error="raise", **options)


def predictions() -> ak.Report:
    frame = people()
    z = frame[NUMBERS].to_numpy() @ [1.0, 0.8, -0.5, 0.3] + 0.6 * (frame["sex"] == "m").to_numpy() - 0.4
    score = expit(z).round(6)
    frame = frame[[*NUMBERS, "sex", "race", "y"]].assign(score=score, said=(score >= 0.5).astype(int))
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex", "race"])
    checks = [ak.GroupFairness(), Proxies(), Consistency(), ContinuousAttribute("x0", edges=[0.0])]
    return ak.audit(ak.Predictions(y_pred="said", score="score"), data, checks=checks, on_error="raise")


def multiclass() -> ak.Report:
    frame = people()
    data = ak.Dataset(
        frame[[*NUMBERS, "sex", "race", "kind"]], y_true="kind", sensitive_features=["sex", "race"],
        task="multiclass", classes=["low", "middle", "high"],
    )  # fmt: skip
    checks = [ak.Attribution(), ak.FlipTest(), Concepts(label="high", permutations=99)]
    return ak.audit(model(mlp(3), task="multiclass"), data, checks=checks, on_error="raise")


def regression() -> ak.Report:
    frame = people()
    data = ak.Dataset(
        frame[[*NUMBERS, "sex", "race", "number"]], y_true="number", sensitive_features=["sex", "race"],
        task="regression",
    )  # fmt: skip
    checks = [ak.Attribution(), ak.GapAttribution(), ak.FlipTest(), Concepts(permutations=99)]
    return ak.audit(model(mlp(), task="regression"), data, checks=checks, on_error="raise")


def multilabel() -> ak.Report:
    frame = people().assign(z=lambda f: (f["x2"] > 0).astype(int))
    data = ak.Dataset(
        frame[[*NUMBERS, "sex", "race", "y", "z"]], y_true=["y", "z"], sensitive_features=["sex", "race"],
        task="multilabel",
    )  # fmt: skip
    checks = [ak.Attribution(), ak.FlipTest(), Recourse(["x0"])]
    return ak.audit(model(mlp(2), task="multilabel"), data, checks=checks, on_error="raise")


class Picture(nn.Module):
    """A small CNN."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 3, 3), nn.Linear(48, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.conv(x)).flatten(1))
        return out


class Words(nn.Module):
    """Token ids, embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(20, 5), nn.Linear(5, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.embedding(ids)).mean(1))
        return out


def _drawn(x: Any, net: nn.Module, mask: Any) -> ak.Report:
    rng = np.random.default_rng(1)
    group = pd.Series(rng.choice(["f", "m"], len(x)), name="sex")
    flat = pd.DataFrame(x.reshape(len(x), -1)).set_axis([f"p{i}" for i in range(x[0].size)], axis=1)
    data = ak.Dataset.from_arrays(flat, y_true=rng.integers(0, 2, len(x)), sensitive_features=group)

    def back(frame: pd.DataFrame) -> Any:
        return frame.to_numpy().reshape(-1, *x.shape[1:]).astype(x.dtype)

    found = ak.Model(net, preprocess=back, feature_map=mask, outputs="logits")
    return ak.audit(found, data, checks=[ak.Attribution(), Concepts(permutations=99)], on_error="raise")


def pictures(rows: int = 200) -> ak.Report:
    x = np.random.default_rng(2).normal(size=(rows, 1, 6, 6)).round(4).astype(np.float32)
    return _drawn(x, seeded(Picture), np.arange(36).reshape(6, 6) // 9)


def words(rows: int = 200) -> ak.Report:
    return _drawn(np.random.default_rng(2).integers(0, 20, size=(rows, 6)), seeded(Words), np.arange(6))


AUDITS: dict[str, Callable[[], ak.Report]] = {
    "linear": lambda: binary(linear()),
    "mlp, sampled": lambda: binary(mlp(), sample=240, more=[ak.GapAttribution(), ak.LayerAudit()]),
    "cases": lambda: binary(linear(), checks=[ak.Attribution(method="shapley")], include_examples=2),
    "predictions": predictions,
    "multiclass": multiclass,
    "regression": regression,
    "multilabel": multilabel,
    "pictures": pictures,
    "words": words,
    "drawn": lambda: binary(mlp(), checks=[ak.Attribution(method="gradient_shap"), ak.Attribution("saliency")]),
}
"""Name → an audit of it."""

kept = functools.cache(lambda name: AUDITS[name]())
"""The report of an audit, made once."""
