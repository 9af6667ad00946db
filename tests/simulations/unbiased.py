"""Nets trained on rows without bias, and what the explaining checks assert of them: of use, of a cause, of a gap.

The group is a column that the net gets and does not read, and nothing else tells it; or a merit goes with it, on which
the outcome depends, and which is declared: then a gap is there, and nothing may be said beyond it. Architectures,
outcomes and sizes of groups are drawn anew each time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.assertions import p_of
from auditkit.explain.concepts.check import Concepts
from auditkit.explain.influence.check import Influence
from auditkit.explain.layers.check import LayerAudit
from auditkit.records import Finding, Layers, Report
from tests.simulations.setting import Outcome, Setting

COLUMNS = ("merit", "a", "b", "c", "d", "e")
TRAINED, AUDITED, SAMPLED = 300, 1_200, 300
STEPS = 60


class Convolved(nn.Module):
    """Columns beside each other, under two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv1d(6, 6, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(6 * len(COLUMNS), 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x[:, None]).flatten(1))


class Read(nn.Module):
    """Columns one after the other, through a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(len(COLUMNS), 4) / 2)
        self.rnn, self.head = nn.GRU(5, 10, batch_first=True), nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = torch.cat([x[..., None], self.place.expand(len(x), -1, -1)], -1)
        return self.head(self.rnn(tokens)[0][:, -1])


class Attended(nn.Module):
    """Columns as tokens of a small transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.place = (nn.Parameter(torch.randn(len(COLUMNS), 8) / 2) for _ in range(2))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x[..., None] * self.scale + self.place).mean(1))


class Blind(nn.Module):
    """A net that gets the group first, and does not read it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x[:, 1:])


ARCHITECTURES = {
    "mlp": lambda: nn.Sequential(nn.Linear(len(COLUMNS), 12), nn.Tanh(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1)),
    "cnn": Convolved,
    "gru": Read,
    "transformer": Attended,
}


def drawn(rng: np.random.Generator, n: int, groups: int, apart: float, weights: np.ndarray) -> pd.DataFrame:
    """Rows: the group has nothing to do with anything but the merit, which is `apart` by group."""
    shares = rng.dirichlet(np.full(groups, 8.0))
    group = rng.choice(groups, n, p=np.maximum(shares, 0.06) / np.maximum(shares, 0.06).sum())
    x = rng.normal(size=(n, len(COLUMNS)))
    x[:, 0] += apart * group / (groups - 1)
    odds = x @ weights + 0.7 * np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
    y = rng.random(n) < 1 / (1 + np.exp(np.median(odds) - odds))
    x[:, 0] = np.round(2 * x[:, 0]) / 2  # a grade
    frame = pd.DataFrame(x, columns=list(COLUMNS)).round(6)
    return frame.assign(group=np.array(list("pqrst"))[group], y=y.astype(int))


def encode(frame: pd.DataFrame) -> np.ndarray:
    """(N, 7) the group's code, and the columns."""
    codes = frame["group"].map({g: i for i, g in enumerate("pqrst")})
    return np.column_stack([codes, frame[list(COLUMNS)]]).astype(np.float32)


def taught(rng: np.random.Generator, architecture: str, frame: pd.DataFrame) -> nn.Module:
    """A net trained on the rows."""
    torch.manual_seed(int(rng.integers(2**31)))
    net = Blind(ARCHITECTURES[architecture]())
    x, y = torch.tensor(encode(frame)), torch.tensor(frame["y"].to_numpy(), dtype=torch.float32)
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=1e-3)
    for _ in range(STEPS):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(net(x)[:, 0], y).backward()
        optimiser.step()
    return net.eval()


def audited(net: nn.Module, frame: pd.DataFrame, train: pd.DataFrame, controls: Sequence[str]) -> Report:
    """All explaining checks, in one report, whose assertions share their error."""
    feature_map = {name: [i] for i, name in enumerate(("group", *COLUMNS))}
    model = ak.Model(net, preprocess=encode, feature_map=feature_map)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["group"], control_features=list(controls))
    checks = [
        ak.GapAttribution(shuffles=1, permutations=2),
        LayerAudit(random=0),
        Concepts(permutations=199),
        Influence(train=train, y_true="y", positive=1),
        ak.FlipTest(),
    ]
    return ak.audit(model, data, checks=checks, sample=SAMPLED, on_error="raise")


def asserts(f: Finding) -> bool:
    """Whether the finding is one that the report asserts."""
    p = p_of(f)
    return p is not None and p < 0.05 and not f.alone


def of_use(f: Finding, beyond: bool) -> bool:
    """Whether a layer audit says that the net uses the group, or what goes with it (`beyond` what was declared)."""
    (layers,) = (x for x in f.exhibits if isinstance(x, Layers))
    return layers.use in (("beyond_declared",) if beyond else ("goes_with", "beyond_declared")) and not f.alone


def of_cause(f: Finding, beyond: bool) -> bool:
    """Whether a split gap is asserted; `beyond`: whether it names a column that was not declared."""
    if not beyond:
        return asserts(f)
    named = set(re.findall(r"(?:through|points through|;) (\w+)", f.statement)) & {"group", *COLUMNS}
    return f.of in ("mean_score", "selection_rate") and asserts(f) and bool(named - {"merit"})


def of_concept(f: Finding, beyond: bool) -> bool:
    """Whether decisions are said to go along with the group, or to do so beyond what was declared."""
    return asserts(f) and (not beyond or "beyond what was declared legitimate" in f.statement)


def unbiased(name: str, groups: int, apart: float, replications: int) -> Setting:
    """Nets of one number of groups; with a merit that is `apart`, what is asserted beyond it is false."""
    beyond = apart > 0

    def once(rng: np.random.Generator) -> Outcome:
        architecture = str(rng.choice(list(ARCHITECTURES)))
        weights = rng.normal(size=len(COLUMNS)) * 0.8
        weights[0] = 1.2
        with torch.random.fork_rng():
            train, frame = (drawn(rng, n, groups, apart, weights) for n in (TRAINED, AUDITED))
            net = taught(rng, architecture, train)
            report = audited(net, frame, train, ["merit"] if beyond else [])
        by = {m: [f for f in report.findings if f.metric == m] for m in METRICS}
        said = {
            "GapAttribution": any(of_cause(f, beyond) for f in by["gap_share"]),
            "LayerAudit": any(of_use(f, beyond) for f in by["layer_audit"]),
            "Concepts": any(of_concept(f, beyond) for f in by["concepts"]),
            "Influence": None if beyond else any(asserts(f) for f in by["influence"]),
            "FlipTest": any((f.estimate.low or 0) > 0 for f in by["flip_rate"]),
        }
        anything = any(said.values())
        each = {f"false by {check}": true for check, true in said.items()}
        return each | {"false anything": anything, f"told anything of {architecture}": anything}

    return Setting(f"unbiased: {name}", once, replications)


METRICS = ("gap_share", "layer_audit", "concepts", "influence", "flip_rate")
SETTINGS = (
    unbiased("two groups", 2, 0.0, 28),
    unbiased("five groups", 5, 0.0, 16),
)
OPEN = (
    unbiased("two groups, a merit that goes with them declared", 2, 0.8, 60),
    unbiased("five groups, a merit that goes with them declared", 5, 1.0, 60),
)
"""Not judged yet: with two groups GapAttribution named a second column beside the merit in two of 16 draws, with
five in none of 9; whether that is chance is not known."""
