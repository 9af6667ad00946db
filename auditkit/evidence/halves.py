"""Two halves of the rows, for what is found on one and judged on the other: by hash, so that order does not matter.

A row with a key of its own (a declared id) goes where its key says. Of rows that are told apart by their content alone
only the number is known, and each copy goes where a bit of its own says: drawn from the keys and numbers of all
contents, when all parts have been added and not before. So the halves are those of rows drawn apart, whatever the
contents, and other rows of the same few contents have halves that have nothing to do with these.
"""

from __future__ import annotations

import numpy as np

from auditkit.arrays import Ints, Keys
from auditkit.evidence.sample import shuffled

_BITS = 64
_CHUNK = 2**20
"""Words of bits that are held at once: those of 67 million rows."""


def of_keys(keys: Keys) -> Ints:
    """(N,) the half of each row, 0 or 1, by the last bit of its key: rows of one key share a half.

    >>> of_keys(np.array([4, 7], dtype=np.uint64)).tolist()
    [0, 1]
    """
    return (keys & np.uint64(1)).astype(np.int64)


def of_counts(keys: Keys, counts: Ints) -> Ints:
    """(N,) how many of the `counts` copies of each content go to half 1; Binomial(count, ½), contents apart.

    >>> halved = of_counts(np.arange(3, dtype=np.uint64), np.array([0, 1_000, 1_000_000]))
    >>> halved[0], 430 < halved[1] < 570, 497_000 < halved[2] < 503_000
    (np.int64(0), np.True_, np.True_)
    """
    seeds = shuffled(shuffled(keys, 0) ^ counts.astype(np.uint64), 1)
    seeds = seeds ^ shuffled(seeds[counts > 0].sum(dtype=np.uint64, keepdims=True), 3)
    ends = np.cumsum(-(-counts // _BITS))
    starts = np.concatenate([[0], ends[:-1]])
    out = np.zeros(len(keys), np.int64)
    for first in range(0, int(ends[-1]) if len(ends) else 0, _CHUNK):
        word = np.arange(first, min(first + _CHUNK, int(ends[-1])))
        content = np.searchsorted(ends, word, side="right")
        nth = word - starts[content]
        left = np.minimum(counts[content] - _BITS * nth, _BITS).astype(np.uint64)
        bits = shuffled(seeds[content] + nth.astype(np.uint64), 2) >> (np.uint64(_BITS) - left)
        out += np.bincount(content, np.bitwise_count(bits), minlength=len(out)).astype(np.int64)
    return out
