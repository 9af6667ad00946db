"""Gaps between groups, split onto features: Shapley over pairs of rows, and Integrated Gradients from row to row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats, Ints
from auditkit.batch import Batch
from auditkit.catalogue.gaps import GapTarget
from auditkit.errors import NotExplained
from auditkit.evidence.census import NEEDS_TRUTH, log_loss
from auditkit.evidence.sample import weights_of
from auditkit.evidence.sums import Weights
from auditkit.explain.all_rows import Means
from auditkit.explain.asking import answering, finite
from auditkit.explain.attributions.gradient import differentiable
from auditkit.explain.captum_calls import rows_at_once, rows_per_call, written_together
from auditkit.explain.gaps.pairs import Pairs, paired, shared
from auditkit.explain.gaps.sums import REST, Contrast, Units
from auditkit.explain.methods.catalogue import METHODS
from auditkit.explain.methods.names import MOST_STEPS
from auditkit.explain.methods.shapley import CALLS, Value, shapley
from auditkit.explain.surface import surface, whole
from auditkit.explain.trust.records import T1_LIMIT, completeness
from auditkit.inputs import batching
from auditkit.inputs.groups import Groups, mixed, summed
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, packed, slices, taken
from auditkit.question import SPARSE

MISSED = 0.002
"""Part of Σ abs(φ) by which the IG form may miss the gap before it goes again at twice the steps."""
FIRST_STEPS = 16
MOST_FEATURES = 64
"""Features up to which the Shapley form is computed, and shown one by one."""
OUTCOME = "how often the outcome occurs"
"""The part of a gap in loss that comes from how often the outcome occurs, not from any column."""


@dataclass(frozen=True)
class Scene:
    """The sampled rows, encoded, and what the model says of them."""

    model: Model
    inputs: Inputs
    groups: Groups
    outputs: dict[str, Floats]
    """(N,) each: score, selected, loss."""
    y: Ints
    """(N,) truth, -1 where it is not known; zeros where the task has no classes."""
    weights: Weights
    binary: bool
    seed: int
    shuffles: int
    permutations: int
    done: dict[tuple[object, ...], tuple[list[Pairs], Tensor]] = field(default_factory=dict)
    """Splits that several targets share."""

    @classmethod
    def of(
        cls,
        model: Model,
        sample: Batch,
        groups: Groups,
        inputs: Inputs,
        *,
        seed: int,
        shuffles: int,
        permutations: int,
    ) -> Scene:
        """The scene of sampled rows, whether their truth is known or not."""
        n = len(sample.features)
        binary = not sample.kind.numeric
        y = sample.y_true.astype(np.int64) if binary else np.zeros(n, np.int64)
        scene = cls(model, inputs, groups, {}, y, weights_of(sample), binary, seed, shuffles, permutations)
        parts = ((scene.scored(taken(inputs, at)),) for at in slices(n, model.batch_size))
        (score,) = written_together(parts, n)
        said = scene.said(score, torch.as_tensor(y))
        scene.outputs.update(zip(("score", "selected", "loss"), said.numpy().T, strict=False))
        return scene

    @property
    def weight(self) -> Floats:
        """(N,) rows of the data that each stands for."""
        return self.weights.weight

    def scored(self, inputs: Inputs) -> Tensor:
        """(M,) scores of encoded rows, in double precision."""
        with torch.no_grad(), answering("the net cannot be run on rows mixed of two rows"):
            score = self.model.probabilities(self.model.decision(inputs)).double().cpu()
        if not score.isfinite().all():
            raise NotExplained("the model gives NaN or infinite outputs for rows mixed of two rows")
        return score

    def said(self, score: Tensor, y: Tensor) -> Tensor:
        """(M, 3) score, selected, loss of rows of these scores and truths; (M, 1) of a regression."""
        if not self.binary:
            return score[:, None]
        loss = torch.as_tensor(log_loss(score.numpy(), y.cpu().numpy()))
        return torch.stack([score, (score >= self.model.threshold).double(), loss], dim=1)

    def mean(self, target: GapTarget, rows: Ints) -> float:
        """Weighted mean of a target over rows."""
        return float(np.average(self.outputs[target.of][rows], weights=self.weight[rows]))

    def under(self, target: GapTarget, rows: Ints) -> Ints:
        """Those of the rows that the target is about, and that have what it needs."""
        y = self.y[rows]
        about = y == target.y if target.y is not None else (y >= 0) | (target.of not in NEEDS_TRUTH)
        out: Ints = rows[about]
        return out

    def pairs(self, high: Ints, low: Ints) -> list[Pairs]:
        """Pairs as many times as there are shuffles, in positions of the scene."""
        found = []
        for shuffle in range(self.shuffles):
            rng = np.random.default_rng([self.seed, shuffle, len(high), len(low)])
            i, j, w = paired(self.weights.at(high), self.weights.at(low), rng=rng)
            found.append(Pairs(high[i], low[j], w))
        return found


def by_shapley(scene: Scene, target: GapTarget, high: Ints, low: Ints) -> Units:
    """The gap `target` of `high` less that of `low`, feature by feature; a gap in loss has the outcome as a last part.

    All targets over the same rows read the same forward passes.
    """
    high, low = scene.under(target, high), scene.under(target, low)
    keys = [(a.tobytes(), b.tobytes()) for a, b in ((high, low), (low, high))]
    turned = keys[1] in scene.done
    key, first, second = (keys[1], low, high) if turned else (keys[0], high, low)
    if key not in scene.done:
        scene.done[key] = _split(scene, first, second)
    pairs, phi = scene.done[key]
    part = phi[..., ("score", "selected", "loss").index(target.of)].numpy()
    width = len(scene.groups.names) + (target.of == "loss")
    said = scene.outputs[target.of]  # the gap by calls of its own, so that the sum can be wrong
    delta = np.concatenate([said[p.first] - said[p.second] for p in pairs])
    part = np.pad(part, ((0, 0), (0, max(0, width - part.shape[1]))))[:, :width]  # one outcome only: it has no part
    columns = np.concatenate([part, delta[:, None]], axis=1)
    names = (*scene.groups.names, OUTCOME)[:width]
    return units_of(scene, names, pairs, -columns if turned else columns, first, second)


def _split(scene: Scene, first: Ints, second: Ints) -> tuple[list[Pairs], Tensor]:
    pairs = scene.pairs(first, second)
    i, j = (torch.as_tensor(np.concatenate(side)) for side in ([p.first for p in pairs], [p.second for p in pairs]))
    g = len(scene.groups.names)
    # the outcome is a player of its own where it differs: a gap in loss has it as a part
    y = torch.as_tensor(scene.y)
    truths = set(scene.y[np.concatenate([first, second])].tolist())
    outcome = scene.binary and {0, 1} <= truths
    found = shapley(
        _mixing(scene, i, j, y, g),
        g + outcome,
        rows=len(i),
        permutations=scene.permutations,
        seed=scene.seed,
        most=min(CALLS, rows_per_call(whole(scene.model, scene.inputs, scene.groups, scale="score"), copies=1)),
        device=leaves(scene.inputs)[0].device,
        what="splitting gaps",
    )
    return pairs, found.phi.cpu()


def _mixing(scene: Scene, i: Tensor, j: Tensor, y: Tensor, g: int) -> Value:
    tensors = leaves(scene.inputs)
    apart = _apart(scene.groups, tensors, i, j)

    def value(chosen: Tensor, row: Tensor) -> Tensor:
        a, b = i.to(row.device)[row], j.to(row.device)[row]
        new = _new(chosen[:, :g] & apart.index_select(0, row), row)
        at = new.nonzero()[:, 0]
        there, else_ = ([t.index_select(0, rows[at]) for t in tensors] for rows in (a, b))
        sets = chosen.index_select(0, at)[:, :g]
        score = scene.scored(packed(scene.inputs, mixed(scene.groups, sets, there, else_)))
        a, b = a.cpu(), b.cpu()
        of = torch.where(chosen[:, g].cpu(), y[a], y[b]) if chosen.shape[1] > g else y[a]
        return scene.said(score[new.cpu().cumsum(0) - 1], of).to(row.device)

    return value


def _apart(groups: Groups, tensors: Sequence[Tensor], i: Tensor, j: Tensor) -> Tensor:
    """(P, G) whether the two rows of each pair differ in a feature."""
    out = torch.zeros(len(i), len(groups.names), device=tensors[0].device)
    for mask, t in zip(groups.masks, tensors, strict=True):
        for at in slices(len(i), batching.rows_of(batching.row_bytes(t))):
            differs = (t[i[at].to(t.device)] != t[j[at].to(t.device)]).reshape(len(i[at]), -1)
            out[at].index_add_(1, mask.flatten().to(t.device), differs.to(out.dtype))
    return out > 0


def _new(told: Tensor, row: Tensor) -> Tensor:
    """(M,) whether a mixed row is another than the one before: where two rows agree in a feature, a set with it and one
    without it make the same row. Along an order such sets follow one another."""
    first = torch.ones_like(row[:1], dtype=torch.bool)
    return torch.cat([first, (told[1:] != told[:-1]).any(1) | (row[1:] != row[:-1])])


def units_of(
    scene: Scene, names: tuple[str, ...], pairs: Sequence[Pairs], columns: Floats, first: Ints, second: Ints
) -> Units:
    """Means a row of the smaller group over its pairs, round by round, and what rows of the larger group bring."""
    worth = [own.weight.sum() ** 2 / own.added.sum() for own in map(scene.weights.at, (first, second))]
    if worth[1] < worth[0]:
        first, second, pairs = second, first, [Pairs(p.second, p.first, p.weight) for p in pairs]
    place = np.full(len(scene.weight), -1)
    place[first], place[second] = np.arange(len(first)), np.arange(len(second))
    placed = [Pairs(place[p.first], place[p.second], p.weight) for p in pairs]
    rounds, start = [], 0
    for p in placed:
        sums = np.zeros((len(first), columns.shape[1]))
        np.add.at(sums, p.first, p.weight[:, None] * columns[start : start + len(p.weight)])
        start += len(p.weight)
        rounds.append(sums / np.bincount(p.first, p.weight, minlength=len(first))[:, None])
    unit, other = scene.weights.at(first), scene.weights.at(second)
    return Units.of(names, rounds, unit).widened(shared(placed, columns, unit, other))


class Path(NamedTuple):
    """The IG form of a gap."""

    units: Units
    steps: int


def by_gradients(scene: Scene, target: GapTarget, high: Ints, low: Ints, *, max_steps: int = MOST_STEPS) -> Path:
    """The gap in mean score by Integrated Gradients from each row of `low` to its partner in `high`.

    φ_j = Σ w (x_j − x'_j) ∫₀¹ ∂_j s(x' + α(x − x')) dα. Steps double until the sum misses the gap by at most .002 of
    Σ abs(φ) and 95 % of the pairs pass T1, up to `max_steps`, for those that do not pass it yet. Raises NotExplained
    without a gradient.
    """
    high, low = scene.under(target, high), scene.under(target, low)
    at = surface(scene.model, scene.inputs, scene.groups, scale="score")
    if not at.points:
        raise NotExplained("the net has no gradient to its input: it takes integers")
    differentiable(at)
    pairs = scene.pairs(high, low)[:1]
    i, j = (torch.as_tensor(v, device=at.points[0].device) for v in (pairs[0].first, pairs[0].second))
    delta = scene.outputs["score"][pairs[0].first] - scene.outputs["score"][pairs[0].second]
    steps, phi = min(FIRST_STEPS, max_steps), np.zeros((len(delta), len(scene.groups.names)))
    again = np.arange(len(delta))
    while True:
        for where in slices(len(again), rows_at_once(at.points)):
            own = torch.as_tensor(again[where], device=i.device)
            start = tuple(p[j[own]] for p in at.points)
            found = METHODS["integrated_gradients"].attribute(at.take(i[own]), start, n_steps=steps)
            phi[again[where]] = summed(at.groups, found).cpu().numpy()[:, : phi.shape[1]]
        mean = pairs[0].weight @ finite(phi, "the net's gradients on the way from row to row")
        missed = abs(mean.sum() - pairs[0].weight @ delta)
        passed = missed <= MISSED * np.abs(mean).sum()
        off = completeness(phi.sum(1), delta)
        most_pass = np.quantile(off, 0.95) <= T1_LIMIT
        if (passed and most_pass) or steps >= max_steps:
            break
        again = again if most_pass else np.flatnonzero(off > T1_LIMIT)  # a pair that adds up already needs no more
        steps = min(2 * steps, max_steps)
    names, parts = _narrowed(scene.groups.names, phi, mean)
    columns = np.concatenate([parts, delta[:, None]], axis=1)
    return Path(units_of(scene, names, pairs, columns, high, low), steps)


def _narrowed(names: tuple[str, ...], phi: Floats, mean: Floats) -> tuple[tuple[str, ...], Floats]:
    """The features of the largest means, and all others as one, where there are more than `MOST_FEATURES`."""
    if len(names) <= MOST_FEATURES:
        return names, phi
    order = np.argsort(-np.abs(mean), kind="stable")
    first, others = np.sort(order[: MOST_FEATURES - 1]), order[MOST_FEATURES - 1 :]
    kept = (*(names[k] for k in first), f"the other {len(others):,} features")
    return kept, np.concatenate([phi[:, first], phi[:, others].sum(1, keepdims=True)], axis=1)


def driving(
    scene: Scene, target: GapTarget, members: dict[str, Ints], all_rows: Means | None
) -> tuple[str, str] | None:
    """The pair that carries the lower limit of the gap over all rows, among groups of enough sampled rows; of the
    sample, where all rows are not known. None for fewer than two such groups."""
    under = {name: scene.under(target, rows) for name, rows in members.items()}
    enough = {name: at for name, at in under.items() if scene.weights.at(at).rows >= SPARSE}
    if all_rows is None:
        of = {name: (scene.outputs[target.of][at], scene.weights.at(at)) for name, at in enough.items()}
        bounded = scene.binary and target.of != "loss"
        all_rows = Means.of_rows(of, bounded=bounded, level=0.95)
    return None if all_rows is None else all_rows.surest(enough)


def against_the_rest(
    scene: Scene, targets: Sequence[GapTarget], by: str, members: dict[str, Ints]
) -> Iterator[tuple[Contrast, Units]]:
    """Each of more than two groups against everybody else, for the targets over all rows but loss."""
    everybody = np.arange(len(scene.weight))
    for name, rows in members.items():
        others = np.setdiff1d(everybody, rows)
        if len(members) < 3 or min(scene.weights.at(side).rows for side in (rows, others)) < SPARSE:
            continue
        for target in targets:
            if target.y is None and target.of != "loss":
                yield Contrast(by, target.name, "shapley", name, REST), by_shapley(scene, target, rows, others)


OFF_ROWS, OFF_POINTS, ENTRIES = 1_000, 500, 256


def off_the_data(scene: Scene, high: Ints, low: Ints) -> tuple[int, int]:
    """Mixed points farther from their nearest sampled row than 99 % of the sampled rows are from theirs; and looked at.

    Euclidean distances of encoded entries over their standard deviations. A point is a row of `high` with a random
    half-way set of features from a row of `low`.
    """
    g = len(scene.groups.names)
    if g < 2:
        return 0, 0
    generator = torch.Generator().manual_seed(scene.seed)
    rng = np.random.default_rng(scene.seed)
    size = min(OFF_POINTS, len(high) * len(low))
    i, j = (torch.as_tensor(rng.choice(rows, size)) for rows in (high, low))
    order = torch.rand(size, g, generator=generator).argsort(1)
    chosen = order < torch.randint(1, g, (size, 1), generator=generator)
    some = torch.as_tensor(rng.permutation(len(scene.weight))[:OFF_ROWS])
    own, away = torch.zeros(len(some), len(some)).double(), torch.zeros(size, len(some)).double()
    for entries, mask in _some_entries(scene):
        (points,) = mixed(Groups(scene.groups.names, (mask,)), chosen, [entries[i]], [entries[j]])
        real, made = _filled(entries[some].double(), points.double())
        scale = real.std(0)
        scale[scale == 0] = 1.0
        own += torch.cdist(real / scale, real / scale).square()
        away += torch.cdist(made / scale, real / scale).square()
    own.fill_diagonal_(torch.inf)
    limit = float(own.min(1).values.sqrt().quantile(0.99))
    return int((away.min(1).values.sqrt() > limit).sum()), size


def _some_entries(scene: Scene) -> Iterator[tuple[Tensor, Tensor]]:
    """(N, entries) of what goes in, and the features (1, entries) that they belong to, so many at a time: in double
    precision a sample of pictures takes more memory than all else."""
    for t, mask in zip(leaves(scene.inputs), scene.groups.masks, strict=True):
        flat, of = t.reshape(len(t), -1), mask.reshape(1, -1).cpu()
        yield from ((flat[:, at].cpu(), of[:, at]) for at in slices(flat.shape[1], ENTRIES))


def _filled(real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Both with missing entries at the mean of the known `real` ones, and a column that says which were missing."""
    if bool(real.isfinite().all()) and bool(made.isfinite().all()):
        return real, made
    from sklearn.impute import SimpleImputer

    known = [torch.where(x.isfinite(), x, torch.nan).numpy() for x in (real, made)]
    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True).fit(known[0])
    a, b = (torch.as_tensor(imputer.transform(x)) for x in known)
    return a, b
