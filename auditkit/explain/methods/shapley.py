"""Shapley values by permutations: any function of which features come from one row and which from another.

Batched over rows and permutations, in bounded memory. Captum's own loops run row by row; these do not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from auditkit.explain.captum_calls import Tensors, halving, rows_per_call, written_together
from auditkit.explain.methods.shapley_regression import design, solved
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import mixed
from auditkit.progress import tell

Value = Callable[[Tensor, Tensor], Tensor]
"""(chosen (M, G) of booleans, row (M,) of positions) → F, (M,) or (M, T) for T functions at once."""

MOST_EXACT = 12
"""Features up to which all 2^G sets may be asked for."""
PERMUTATIONS = 16
FEW = 8
"""Permutations below which there are too few sets for a regression."""
CALLS = 2**13
"""Sets asked for in one call, at most."""


class Shapley(NamedTuple):
    """Values of N rows."""

    phi: Tensor
    """(N, G) or (N, G, T), float64."""
    error: Tensor
    """Monte-Carlo standard error of each; 0 where all sets were asked for, NaN for a single pair of permutations."""
    exact: bool
    """Whether all sets were asked for."""


def shapley(
    value: Value,
    features: int,
    *,
    rows: int,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    most: int = CALLS,
    exact: bool | None = None,
    device: torch.device | str = "cpu",
    what: str = "explaining rows",
) -> Shapley:
    """Shapley values of F over `features` players, for each of `rows` rows.

    φ_j = Σ_S |S|! (G − |S| − 1)! / G! · (F(S ∪ j) − F(S)), exactly where 2^G sets are no more than the permutations
    would ask for (G ≤ 12; `exact` overrides that choice). Otherwise the mean gain of j over random orders, each with
    its reverse; every order telescopes, so Σφ = F(all) − F(none) to rounding. Each row draws its own orders.
    With no interactions of more than two features, one order and its reverse are exact.

    Parameters
    ----------
    value
        F at M sets of features, for the rows at these positions.
    permutations
        Orders a row, reverses counted; an even number, at least 2.
    most
        Sets of one call; half as many whenever memory runs out.

    Raises ValueError for no features, an odd number of permutations, or `exact` with more than 12 features.

    >>> shapley(lambda chosen, row: chosen.double() @ torch.tensor([1.0, 3.0]).double(), 2, rows=1).phi.tolist()
    [[1.0, 3.0]]
    """
    if features < 1 or permutations < 2 or permutations % 2:
        raise ValueError(f"needs features and an even number of permutations, got {features} and {permutations}")
    cheaper = features <= MOST_EXACT and 2**features <= permutations * (features - 1) + 2
    if exact and features > MOST_EXACT:
        raise ValueError(f"{features} features have too many sets: at most {MOST_EXACT} exactly")
    if cheaper if exact is None else exact:
        return _enumerated(value, features, rows, most, device, what)
    generator = torch.Generator().manual_seed(seed)
    ends = [_asked(value, torch.full((rows, features), full, device=device), torch.arange(rows, device=device), most)
            for full in (False, True)]  # fmt: skip
    step = max(1, CALLS // (permutations * max(1, features - 1)))  # whatever memory allows: the same draws
    phi, error = [], []
    for start in range(0, rows, step):
        where = torch.arange(start, min(rows, start + step), device=device)
        gains = _gains(value, _orders(len(where), features, permutations, generator).to(device), where, ends, most)
        pairs = gains.reshape(len(where), 2, -1, *gains.shape[2:]).mean(1)  # an order and its reverse are one draw
        phi.append(pairs.mean(1))
        error.append(_standard_error(pairs))
        tell(what, start + len(where), rows)
    return Shapley(torch.cat(phi), torch.cat(error), exact=False)


def shapley_values(
    at: Surface,
    baseline: Tensors,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    exact: bool | None = None,
    by: Literal["regression", "orders"] = "regression",
    value: Value | None = None,
) -> Shapley:
    """Shapley values (N, G) of a surface's rows from `baseline` (1, …) or (N, …): whole features, taken or left.

    A feature left out has the baseline's entries in all its positions. `fixed` goes along unmoved. As many sets are
    asked for as `permutations` orders have: all, where there are no more (12 features at most); by regression from 8
    orders on, or along the orders, `by="orders"`: less exact, but a feature that nobody reads gets exactly 0.
    `value` answers in the place of the surface.
    """

    def asked(chosen: Tensor, row: Tensor) -> Tensor:
        part = at.take(row)
        else_ = tuple(b.expand(len(row), *b.shape[1:]) if len(b) == 1 else b[row] for b in baseline)
        return part.at(mixed(at.groups, chosen, part.points, else_))

    g = len(at.groups.names)
    options: dict[str, Any] = {"rows": len(at), "seed": seed, "device": at.points[0].device}
    most = min(CALLS, rows_per_call(at, copies=1))
    samples = permutations * (g - 1) + 2
    every = (g <= 3 or 2**g <= samples) if exact is None else exact
    value = value or asked
    if not every and by == "regression" and permutations >= FEW and g > 3:
        return regressed(value, g, samples=samples, most=most, **options)
    return shapley(value, g, permutations=permutations, exact=every, most=most, **options)


def regressed(
    value: Value,
    features: int,
    *,
    rows: int,
    samples: int,
    seed: int = 0,
    most: int = CALLS,
    device: torch.device | str = "cpu",
) -> Shapley:
    """Shapley values (N, G) by regression on about `samples` sets a row (`shapley_regression`).

    Nearer to the truth than as many sets along permutations, since each set tells of all features; biased by less than
    its error, where permutations have no bias. Σφ = F(all) − F(none) to rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    step, phi, error = max(1, CALLS // samples), [], []
    for start in range(0, rows, step):
        where = torch.arange(start, min(rows, start + step), device=device)
        n = len(where)
        d = design(n, features, samples - 2, generator)
        ends = torch.tensor([[False], [True]]).expand(2, features)
        chosen = torch.cat([ends.expand(n, 2, features), d.chosen], dim=1)
        m = chosen.shape[1]
        asked = _asked(value, chosen.flatten(0, 1).to(device), where.repeat_interleave(m), most).reshape(n, m)
        found = solved(d, asked[:, 2:], asked[:, 0], asked[:, 1])
        phi.append(found[0])
        error.append(found[1])
        tell("explaining rows", start + n, rows)
    return Shapley(torch.cat(phi), torch.cat(error), exact=False)


def _standard_error(pairs: Tensor) -> Tensor:
    """Of the mean over dimension 1; NaN for one draw."""
    n = pairs.shape[1]
    if n < 2:
        return torch.full_like(pairs[:, 0], math.nan)
    away = pairs - pairs.mean(1, keepdim=True)  # several times faster than `std` along a dimension in the middle
    return (away.square_().sum(1) / (n * (n - 1))).sqrt()


def _asked(value: Value, chosen: Tensor, row: Tensor, most: int) -> Tensor:
    """F in double precision, in calls of at most `most` sets."""
    asked = halving(lambda where: value(chosen[where], row[where]).double(), len(row), most)
    return written_together(((found,) for _, found in asked), len(row))[0]


def _orders(rows: int, features: int, permutations: int, generator: torch.Generator) -> Tensor:
    """(rows, permutations, features): random orders, then the reverse of each."""
    drawn = torch.rand(rows, permutations // 2, features, generator=generator).argsort(2)
    return torch.cat([drawn, drawn.flip(2)], dim=1)


def _gains(value: Value, orders: Tensor, row: Tensor, ends: list[Tensor], most: int) -> Tensor:
    """(rows, permutations, G[, T]): what each feature adds in each order."""
    n, p, g = orders.shape
    place = orders.argsort(2)  # of each feature
    k = torch.arange(1, g, device=orders.device)
    chosen = place[:, :, None, :] < k[None, None, :, None]  # (n, p, G − 1, G): the first k features of each order
    inside = _asked(value, chosen.flatten(0, 2), row.repeat_interleave(p * (g - 1)), most) if g > 1 else None
    first, last = (e[row][:, None, None].expand(n, p, 1, *e.shape[1:]) for e in ends)
    path = [first, last] if inside is None else [first, inside.reshape(n, p, g - 1, *inside.shape[1:]), last]
    steps = torch.cat(path, dim=2).diff(dim=2)
    at = place if steps.ndim == 3 else place[..., None].expand_as(steps)
    return steps.gather(2, at)


def _enumerated(value: Value, g: int, rows: int, most: int, device: torch.device | str, what: str) -> Shapley:
    """All sets, by the textbook's weights."""
    sets = torch.tensor(list(itertools.product((False, True), repeat=g)), device=device)
    size = sets.sum(1)
    share = torch.tensor(
        [1 / (g * math.comb(g - 1, s)) for s in range(g)], dtype=torch.float64, device=device
    )  # of a set of s others
    inside = share[(size - 1).clamp(min=0)][:, None] * sets
    outside = share[size.clamp(max=g - 1)][:, None] * ~sets
    weights = inside - outside  # (2^G, G)
    step, phi = max(1, most // len(sets)), []
    for start in range(0, rows, step):
        where = torch.arange(start, min(rows, start + step), device=device)
        asked = _asked(value, sets.repeat(len(where), 1), where.repeat_interleave(len(sets)), most)
        by_row = asked.reshape(len(where), len(sets), *asked.shape[1:])
        by_row = by_row - by_row[:, :1]  # so that large constants do not eat digits
        phi.append(torch.einsum("sg,ns...->ng...", weights, by_row))
        tell(what, start + len(where), rows)
    found = torch.cat(phi)
    return Shapley(found, torch.zeros_like(found), exact=True)
