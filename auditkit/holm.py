"""Holm's order: how many tests share one error, each at its step. Plain numbers, so that a gate can do without numpy.

Source: Holm (1979), Scandinavian Journal of Statistics 6:65.
"""

from __future__ import annotations

from collections.abc import Sequence


def left(p: Sequence[float], alpha: Sequence[float]) -> list[int]:
    """Of m tests with errors of their own: how many are left at the step of each, itself among them; from m to 1.

    In the order of p / α a test is rejected, and no longer counts, while p < α / left; from the first that is not the
    number stays. So a test is rejected exactly where its p is below its own α / left.

    >>> left([0.4, 0.001, 0.03], [0.05] * 3)
    [2, 3, 2]
    """
    found, remaining, rejecting = [0] * len(p), len(p), True
    for i in sorted(range(len(p)), key=lambda i: p[i] / alpha[i]):
        rejecting = rejecting and p[i] < alpha[i] / remaining
        found[i] = remaining
        remaining -= rejecting
    return found


def limit(p: Sequence[float], alpha: float) -> float:
    """The p below which tests that share the error α are rejected: α / those left at the first that is not.

    >>> round(limit([0.001, 0.02, 0.03, 0.9], 0.05), 4)
    0.0167
    """
    return alpha / min(left(p, [alpha] * len(p)), default=1)
