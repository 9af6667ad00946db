"""Nets trained on rows without bias, and what the explaining checks assert of them: of use, of a cause, of a gap.

The group is a column that the net gets and does not read, and nothing else tells it; or a merit goes with it, on which
the outcome depends, and which is declared: then a gap is there, and nothing may be said beyond it. Architectures,
outcomes and sizes of groups are drawn anew each time.

What may be said of them: of nets without bias nothing (groups do not differ in anything but chance); with a declared
merit that there is a gap, that merit makes it, that layers hold the group and that decisions go along with it, but of
no other column that it has a part in a gap between all rows, and of nothing that it is used beyond the merit. Among
those of one truth columns go along with each other, so that each has a part, which is not judged.

`python -m tests.simulations.unbiased [words of names]` draws, keeps each draw and goes on where it was broken off.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

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
from tests.simulations.setting import Outcome, Setting, Share

COLUMNS = ("merit", "a", "b", "c", "d", "e")
TRAINED, AUDITED, SAMPLED, TAUGHT_BY = 300, 1_200, 300, 100
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


def drawn(
    rng: np.random.Generator, n: int, groups: int, apart: tuple[float, float], weights: np.ndarray
) -> pd.DataFrame:
    """Rows: the group has nothing to do with anything but the merit and the column d, which are `apart` by group."""
    shares = rng.dirichlet(np.full(groups, 8.0))
    group = rng.choice(groups, n, p=np.maximum(shares, 0.06) / np.maximum(shares, 0.06).sum())
    x = rng.normal(size=(n, len(COLUMNS)))
    for column, by in zip((0, 4), apart, strict=True):
        x[:, column] += by * group / (groups - 1)
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
    """All explaining checks in one report, whose assertions share their error.

    Influence is dear, and silent unless a gap is established over all rows: it is asked where one is, though there is
    none. Where a gap is in the truth some training rows push it, and which ones nobody knows.
    """
    feature_map = {name: [i] for i, name in enumerate(("group", *COLUMNS))}
    model = ak.Model(net, preprocess=encode, feature_map=feature_map)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["group"], control_features=list(controls))
    checks = [ak.GapAttribution(shuffles=1, permutations=2), LayerAudit(random=0), Concepts(permutations=199)]
    checks += [ak.FlipTest()]
    report = ak.audit(model, data, checks=checks, sample=SAMPLED, on_error="raise")
    if controls or (p_of(next(f for f in report.findings if f.of == "mean_score")) or 0.0) >= 0.05:
        return report
    checks += [Influence(train=train, y_true="y", positive=1, rows=TAUGHT_BY)]
    return ak.audit(model, data, checks=checks, sample=SAMPLED, on_error="raise")


def asserts(f: Finding) -> bool:
    """Whether the finding is one that the report asserts."""
    p = p_of(f)
    return p is not None and p < 0.05 and not f.alone


def of_use(f: Finding, beyond: bool) -> bool:
    """Whether a layer audit says that the net uses the group, holds it, or decides by what goes with it; `beyond`:
    by something else than what was declared."""
    (layers,) = (x for x in f.exhibits if isinstance(x, Layers))
    if f.alone or beyond:
        return layers.use == "beyond_declared" and not f.alone
    held = re.search(r"linearly tells \S+ from \S+ in ", f.statement) or "non-linear reader does" in f.statement
    return bool(held) or layers.use in ("goes_with", "beyond_declared")


def of_cause(f: Finding, beyond: bool) -> bool:
    """Whether a split gap is asserted; `beyond`: whether it says that something comes through undeclared columns.

    Of the gaps between all rows: among the truly positive columns go along with each other, and each has a part.
    """
    if not beyond:
        return asserts(f)
    return f.of in ("mean_score", "selection_rate") and asserts(f) and bool(named(f.statement) - {"merit"})


def named(statement: str) -> set[str]:
    """Columns that a sentence on a gap names as a part of it, and "others" where it says that they surely make one."""
    found = {a or b for a, b in re.findall(r"through (\w+)|(\w+) (?:adds|takes|carries|[−\d.]+ points) ", statement)}
    others = {"others"} if re.search(r"through others(?![^.]*which may be)", statement) else set()
    return (found & {"group", *COLUMNS}) | others


def of_concept(f: Finding, beyond: bool) -> bool:
    """Whether decisions are said to go along with the group, or to do so beyond what was declared."""
    return asserts(f) and (not beyond or "beyond what was declared legitimate" in f.statement)


def reported(rng: np.random.Generator, groups: int, apart: float, planted: float = 0.0) -> tuple[str, Report]:
    """An architecture, and the report of a net trained on rows that were drawn; `planted`: how far the groups are
    apart in a column that nobody declared, too."""
    architecture = str(rng.choice(list(ARCHITECTURES)))
    weights = rng.normal(size=len(COLUMNS)) * 0.8
    weights[0] = 1.2
    if planted:
        weights[4] = 1.2
    with torch.random.fork_rng():
        train, frame = (drawn(rng, n, groups, (apart, planted), weights) for n in (TRAINED, AUDITED))
        net = taught(rng, architecture, train)
        return architecture, audited(net, frame, train, ["merit"] if apart else [])


def said(report: Report, beyond: bool) -> dict[str, bool]:
    """Check → whether it asserts something that is only true of a net with bias."""
    by = {m: [f for f in report.findings if f.metric == m] for m in METRICS}
    out = {
        "GapAttribution": any(of_cause(f, beyond) for f in by["gap_share"]),
        "LayerAudit": any(of_use(f, beyond) for f in by["layer_audit"]),
        "Concepts": any(of_concept(f, beyond) for f in by["concepts"]),
        "FlipTest": any((f.estimate.low or 0) > 0 for f in by["flip_rate"]) or any(map(asserts, by["flip_effect"])),
    }
    return out if beyond else out | {"Influence": any(map(asserts, by["influence"]))}


METRICS = ("gap_share", "layer_audit", "concepts", "influence", "flip_rate", "flip_effect")


def unbiased(name: str, groups: int, apart: float, replications: int) -> Setting:
    """Nets of one number of groups; with a merit that is `apart`, what is asserted beyond it is false."""

    def once(rng: np.random.Generator) -> Outcome:
        architecture, report = reported(rng, groups, apart)
        found = said(report, apart > 0)
        anything = any(found.values())
        each = {f"false by {check}": true for check, true in found.items()}
        return each | {"false anything": anything, f"told anything of {architecture}": anything}

    return Setting(f"unbiased: {name}", once, replications)


def planted(name: str, groups: int, apart: float, planted: float, replications: int) -> Setting:
    """Nets that go by a column of which the groups differ, and which nobody declared: what is asserted is true."""

    def once(rng: np.random.Generator) -> Outcome:
        _, report = reported(rng, groups, apart, planted)
        found = said(report, beyond=True)
        return {f"told by {check}": true for check, true in found.items() if check != "FlipTest"}

    return Setting(f"unbiased: {name}", once, replications)


SETTINGS = (
    unbiased("two groups", 2, 0.0, 150),
    unbiased("five groups", 5, 0.0, 150),
    unbiased("two groups, a merit that goes with them declared", 2, 0.8, 150),
    unbiased("five groups, a merit that goes with them declared", 5, 1.0, 150),
)
OPEN = (planted("two groups, a column beside the merit that nobody declared", 2, 0.8, 0.8, 60),)
"""Not judged: with a planted column what is asserted is true, and told is how often it is."""


def draw(name: str, i: int) -> Mapping[str, bool | None]:
    """What came true in one draw, from the file where draws are kept, or from now on in it."""
    (setting,) = (s for s in (*SETTINGS, *OPEN) if s.name == name)
    known = [json.loads(line) for line in DRAWS.read_text("utf-8").splitlines()] if DRAWS.exists() else []
    for one in known:
        if (one["setting"], one["draw"], one["seed"]) == (name, i, setting.seed):
            return one["came true"]  # type: ignore[no-any-return]
    found = setting.once(np.random.default_rng([setting.seed, i]))
    line = {"setting": name, "draw": i, "seed": setting.seed, "came true": dict(found)}
    with DRAWS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return found


DRAWS = Path(__file__).with_name("results") / "unbiased-draws.jsonl"
"""A line a draw, so that what was broken off goes on; a change of what is asserted asks for a new file."""


def seen(setting: Setting) -> list[Share]:
    """The shares of the draws that are kept."""
    lines = [json.loads(line) for line in DRAWS.read_text("utf-8").splitlines()]
    mine = [one["came true"] for one in lines if (one["setting"], one["seed"]) == (setting.name, setting.seed)]
    again = iter(mine)
    return replace(setting, once=lambda _: next(again), replications=len(mine)).run()


def main(asked: Sequence[str]) -> None:
    """All draws of the settings whose names hold one of the words, one of each after the other, and the table of them;
    it goes on where it was."""
    from tests.simulations.__main__ import _keep

    chosen = [s for s in (*SETTINGS, *OPEN) if not asked or any(a in s.name for a in asked)]
    for i in range(max(s.replications for s in chosen)):
        for s in chosen:
            if i < s.replications:
                print(s.name, i, [k for k, true in draw(s.name, i).items() if true], flush=True)
    for s in chosen:
        for share in seen(s):
            low, high = share.limits
            print(f"{s.name}: {share.statistic} {share.hits} of {share.draws}, {low:.3f} to {high:.3f}")
        if s in SETTINGS:
            _keep(s.name, seen(s))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
