"""What clusters of unequal size are worth: how many of equal size have the same variance, and what it rests on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats


class Clusters(NamedTuple):
    """What clusters of unequal size are worth, (K,)."""

    n: Floats
    """G* = (Σ_c n_c)²/Σ n_c², Kish's number of clusters of equal size."""
    inflation: Floats
    """By what Σ_c (residual of c)², divided by (Σ_c n_c)², falls short of the variance of the mean."""
    df: Floats
    """Degrees of freedom of that variance."""

    @classmethod
    def of_sizes(cls, sizes: Floats) -> Clusters:
        """Of one group, from the sizes of all its clusters, to three digits; G equal ones give G, G/(G − 1) and G − 1.

        With h_c = n_c/Σn and s_k = Σ h^k: G* = 1/s₂. Of clusters whose means are independent and of one variance, the
        sum of squares is a quadratic form of trace t = s₂ − 2s₃ + s₂² and trace of its square u = s₄ − 4s₅ + 4s₂s₄ +
        2s₃² − 4s₂²s₃ + s₂⁴, so that f = s₂/t, and t²/u are its degrees of freedom (Satterthwaite); of rows that are
        independent after all they are G* − 1. The geometric mean of both is taken.
        Source: Kish (1965), section 11.7; Bell & McCaffrey (2002), Survey Methodology 28:169; Carter, Schnepel &
        Steigerwald (2017), Rev. Econ. Stat. 99:698.

        >>> [x.tolist() for x in Clusters.of_sizes(np.full(10, 7.0))]
        [[10.0], [1.11], [9.0]]
        >>> [x.tolist() for x in Clusters.of_sizes(np.array([300.0] + [20.0] * 11))]
        [[2.86], [4.07], [1.65]]
        """
        square = float(sizes @ sizes)
        if square == 0:
            return cls(*np.zeros((3, 1)))
        h = sizes / sizes.sum()
        s2, s3, s4, s5 = (float((h**k).sum()) for k in (2, 3, 4, 5))
        trace = max(s2 - 2 * s3 + s2**2, 1e-9)
        second = max(s4 - 4 * s5 + 4 * s2 * s4 + 2 * s3**2 - 4 * s2**2 * s3 + s2**4, 1e-18)
        df = np.sqrt(max(1 / s2 - 1, 0.0) * trace**2 / second)
        return cls(*(np.array([float(f"{x:.3g}")]) for x in (1 / s2, min(s2 / trace, 1e6), df)))

    @classmethod
    def estimated(cls, total: Floats, square: Floats, counted: Floats) -> Clusters:
        """From totals (K,) and estimates of Σ n_c² (K,): as of G* clusters of equal size.

        `counted` are the distinct clusters, which G* never exceeds. An estimate from 500 replicates has a relative
        error of √(2/500): within three of them from `counted` (19 %) the clusters count as equal.

        >>> Clusters.estimated(np.array([520.0, 99.0]), np.array([94400.0, 1040.0]), np.array([12, 10])).n.round(2)
        array([ 2.86, 10.  ])
        """
        n = np.divide(total**2, square, out=np.zeros(len(square)), where=square > 0)
        n = np.where(n >= counted * (1 - 3 * np.sqrt(2 / 500)), counted, n)
        return cls(n, n / np.maximum(n - 1, 1e-6), np.maximum(n - 1, 0.0))

    def where(self, known: Bools, others: Clusters) -> Clusters:
        """These where they are known, and the others elsewhere."""
        return Clusters(*(np.where(known, a, b) for a, b in zip(self, others, strict=True)))
