"""T6 and T7: do contributions predict what happens when features are taken away?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats
from auditkit.explain.trust.impute import is_image
from auditkit.explain.trust.moves import Found, Untried
from auditkit.explain.trust.set_sums import CHANGES, column
from auditkit.explain.trust.subject import Trial

DRAWS = 20
"""Sets of features that are taken away, a row: one half fits β, the other is read."""
PERMUTATIONS = 4
"""Times that a row's φ is dealt to other features."""
ORDERS = 10
LEVELS = 15
"""Points of a deletion curve, at most."""


def effects(trial: Trial) -> Found:
    """T6: for random sets S of each row, Σ_S φ beside F(x) − F(x with the baseline in S), as sums of products.

    `own` is φ, `dealt` the same φ permuted among the features, `best` the Shapley values, the additive account of F
    that fits best over all sets. Sums over the first half of the sets fit β ≥ 0, the second is read
    (`set_sums.missed`). No `best` for methods that draw their baselines, nor for more than 200 features.
    """
    n, g = len(trial.at), trial.features
    if g < 2:
        raise Untried("one feature cannot be mistaken for another")
    generator = trial.generator(6)
    away = subsets(n * DRAWS, g, generator)
    row = torch.arange(n).repeat_interleave(DRAWS)
    whole = trial.values(torch.ones(n, g, dtype=torch.bool), torch.arange(n))
    delta = (whole[row] - trial.values(~away, row)).reshape(n, DRAWS)
    phi = torch.as_tensor(trial.phi)
    deals = torch.rand(n, PERMUTATIONS, g, generator=generator).argsort(2)
    other = phi[:, None].expand(n, PERMUTATIONS, g).gather(2, deals)
    sets = away.reshape(n, DRAWS, g).double()
    own = torch.einsum("ndg,ng->nd", sets, phi)[:, None]
    dealt = torch.einsum("ndg,npg->npd", sets, other)
    change = delta[:, None]
    columns = {CHANGES: _sum(change[..., DRAWS // 2 :] ** 2)}
    each = {"own": own, "dealt": dealt}
    if trial.drawn is None and trial.shapley is not None:
        each["best"] = torch.einsum("ndg,ng->nd", sets, trial.shapley.phi.cpu())[:, None]
    for whose, sums in each.items():
        for half, where in (("fit", slice(DRAWS // 2)), ("read", slice(DRAWS // 2, None))):
            of = sums[..., where]
            columns[column(whose, half, "squares")] = _sum(of**2)
            columns[column(whose, half, "products")] = _sum(of * change[..., where])
    return columns, {}


def subsets(rows: int, features: int, generator: torch.Generator) -> Tensor:
    """(rows, features) of booleans: sets of 1 to features − 1 members, every size alike."""
    size = torch.randint(1, features, (rows, 1), generator=generator)
    place = torch.rand(rows, features, generator=generator).argsort(1).argsort(1)
    return place < size


def _sum(products: Tensor) -> Floats:
    """Over sets; the mean over permutations."""
    out: Floats = products.sum(-1).mean(-1).numpy()
    return out


def orders(trial: Trial, delta: Floats) -> Found:
    """T7: how much better than 10 random orders the order of φ is, a row, as areas under F in the unit of F.

    Features go over from the baseline to the row (insertion) or from the row to the baseline (deletion), those first
    that push hardest towards the row's own score. Both gains are positive where the order is better than random.
    Regions of images go over to what their neighbours make likely, not to the baseline.
    """
    n, g = len(trial.at), trial.features
    if g < 2:
        raise Untried("one feature has no order")
    sign = torch.as_tensor(np.where(delta < 0, -1.0, 1.0))
    own = (-torch.as_tensor(trial.phi) * sign[:, None]).argsort(1)
    drawn = torch.rand(n, ORDERS, g, generator=trial.generator(7)).argsort(2)
    first = torch.as_tensor(np.unique(np.linspace(1, g - 1, min(LEVELS, g - 1)).round().astype(int)))
    image = is_image(trial.at)

    def area(order: Tensor, away: bool, offset: int) -> Tensor:
        """(n,) mean F along orders (n, …, G)."""
        inserted = order.argsort(-1)[..., None, :] < first[:, None]
        chosen = (~inserted if away else inserted).reshape(-1, g)
        row = torch.arange(n).repeat_interleave(len(chosen) // n)
        return trial.values(chosen, row, impute=offset if image else None).reshape(n, -1).mean(1)

    columns = {}
    for name, away, better in (("insertion", False, 1.0), ("deletion", True, -1.0)):
        gain = better * sign * (area(own, away, 70) - area(drawn, away, 71))  # the random ones serve all classes
        columns[f"T7:{name}"] = gain.numpy()
    return columns, {"T7:imputed": image}
