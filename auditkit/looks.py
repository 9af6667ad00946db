"""A gate that is asked repeatedly: one error, spent in equal shares over all its audits.

Each of L looks is judged at error α/L. By Boole's inequality the chance that a true claim is rejected at any of them is
then at most α, whatever the audits have to do with each other: the same data that grow, new data, a model that changes.
Bounds that spend less (Pocock's, O'Brien and Fleming's, or Lan and DeMets' spending functions) need the joint law of
the looks, and hold only for one growing set of independent rows; a team that changes its model between two audits has
no such law. What is shared is the error of a rule; rules share theirs within a look, by Holm, as they always do.
"""

from __future__ import annotations

from statistics import NormalDist

MOST = 10_000
"""Looks that a policy plans, at most."""
POWER = 0.8
"""The chance at which a gap counts as one that is seen."""


def spent(confidence: float, looks: int) -> float:
    """The confidence at which each of so many looks is judged.

    >>> round(spent(0.95, 12), 5), spent(0.95, 1)
    (0.99583, 0.95)
    """
    return confidence if looks == 1 else 1 - (1 - confidence) / looks


def declared(confidence: float, looks: int) -> float:
    """The confidence over all looks together, of that of one: the reverse of `spent`.

    >>> round(declared(spent(0.9, 12), 12), 12)
    0.9
    """
    return confidence if looks == 1 else 1 - (1 - confidence) * looks


def dearer(confidence: float, looks: int) -> float:
    """How many times as large the smallest gap becomes that two groups are seen to have, with power .8.

    (z(1 − α/2L) + z₈₀) / (z(1 − α/2) + z₈₀), with `confidence` = 1 − α over all looks together.

    >>> round(dearer(0.95, 12), 2)
    1.32
    """
    z = NormalDist().inv_cdf
    one, each = (z((1 + c) / 2) + z(POWER) for c in (confidence, spent(confidence, looks)))
    return each / one


def told(level: float, looks: int) -> str:
    """What a reader has to know of a policy that is asked repeatedly, `level` being that of one look; else nothing.

    >>> told(spent(0.95, 12), 12)[:76]
    'This policy is made to be asked 12 times: each audit is judged at 99.58% con'
    """
    if looks == 1:
        return ""
    whole = declared(level, looks)
    return (
        f"This policy is made to be asked {looks} times: each audit is judged at {_percent(level)} confidence, with "
        f"1/{looks} of the error, so that over all of them together the error is at most {_percent(1 - whole)} "
        "for each claim, however the audits depend on each other. The price: the smallest gap that one audit can be "
        f"expected to see is about {dearer(whole, looks):.2f} times as large as if it were the only one."
    )


def _percent(x: float) -> str:
    return f"{100 * x:.4g}%"
