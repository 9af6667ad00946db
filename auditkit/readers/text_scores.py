"""How likely both texts of each pair are: as columns say, or as a language model does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats
from auditkit.errors import DataError
from auditkit.readers.pairs import column_of

if TYPE_CHECKING:
    from auditkit.inputs.likelihood import Asked, Ids

_AROUND = ("cls_token_id", "sep_token_id", "pad_token_id", "bos_token_id", "eos_token_id")
"""Where a tokenizer of transformers names tokens that are no part of a text."""


class TextScores(NamedTuple):
    """(N,) log-likelihoods of both texts of each pair, how they were made, and what may be wrong with that."""

    stereotype: Floats
    antistereotype: Floats
    notes: tuple[str, ...]
    cautions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A language model and how it is asked, as `Preferences` has it."""

    model: Any
    tokenizer: Any
    likelihood: Literal["causal", "masked"]
    shared: bool
    per_token: bool
    bos: int | None
    mask: int | None
    special: Any


def given(pairs: pd.DataFrame, names: Sequence[str]) -> TextScores:
    """Log-likelihoods that are known; DataError for what can be none."""
    found: list[Floats] = []
    for name in map(str, names):
        column = column_of(pairs, name, "log_likelihoods")
        try:
            values = column.to_numpy(np.float64)
        except (TypeError, ValueError):
            raise DataError(f"'{name}' holds something else than numbers; expected log-likelihoods") from None
        wrong = np.flatnonzero(np.isinf(values) | (values > 0))
        if len(wrong):
            raise DataError(
                f"'{name}' is {values[wrong[0]]:g} in row {wrong[0]:,}: the log-likelihood of a text is at most 0, and "
                "finite. Of losses and perplexities take the negative (logarithm)"
            )
        found.append(values)
    return TextScores(found[0], found[1], (), ("Log-likelihoods were given: how they were made is not known here.",))


def asked(by: Scorer, first: Sequence[str], second: Sequence[str]) -> TextScores:
    """Of both texts of each pair, by a net; DataError where it cannot score what tells them apart."""
    from auditkit.inputs import likelihood

    both = [[likelihood.tokens_of(by.tokenizer, t) for t in texts] for texts in (first, second)]
    if by.likelihood == "causal":
        texts = _causal(both, by.bos)
        found = likelihood.causal(by.model, [a for own in texts for a in own])
        how = "the sum of log p(token | those before it)"
    else:
        texts = _masked(both, by)
        mask = by.mask if by.mask is not None else getattr(by.tokenizer, "mask_token_id", None)
        if mask is None:
            raise DataError("a masked net needs its mask: mask=… (its id), or a tokenizer with a mask_token_id")
        found = likelihood.masked(by.model, [a for own in texts for a in own], int(mask))
        of = " that both texts have" if by.shared else ""
        how = f"the sum of log p(token | all others) over the tokens{of} (pseudo-log-likelihood)"
    sizes = [np.array([len(a.scored) for a in own]) for own in texts]
    empty = np.flatnonzero((sizes[0] == 0) | (sizes[1] == 0))
    if len(empty):
        raise DataError(f"row {empty[0]:,} has a text with no token to be scored: give longer texts, or bos=…")
    each = [x / n if by.per_token else x for x, n in zip(np.split(found, 2), sizes, strict=True)]
    note = f"A text is as likely as the {by.likelihood} net says: {how}{', by token' if by.per_token else ''}."
    return TextScores(each[0], each[1], (note,), tuple(_favoured(by, sizes)))


def _causal(both: Sequence[Sequence[Ids]], bos: int | None) -> list[list[Asked]]:
    """All tokens but the first, which nothing stands before; DataError where texts differ in that one."""
    from auditkit.inputs.likelihood import Asked

    apart = [i for i, (a, b) in enumerate(zip(*both, strict=True)) if a[0] != b[0]]
    if apart and bos is None:
        raise DataError(
            f"{len(apart):,} pairs differ in their first token, the first in row {apart[0]:,}: a causal net gives it "
            "no probability unless something stands before it. Give bos=…, the id that begins its texts"
        )
    whole = [[ids if bos is None else (bos, *ids) for ids in own] for own in both]
    return [[Asked(ids, tuple(range(1, len(ids)))) for ids in own] for own in whole]


def _masked(both: Sequence[Sequence[Ids]], by: Scorer) -> list[list[Asked]]:
    """All tokens but special ones, or of these the ones that both texts have."""
    from auditkit.inputs.likelihood import Asked, shared_positions

    own = by.special if by.special is not None else [getattr(by.tokenizer, k, None) for k in _AROUND]
    around = {int(x) for x in own if x is not None}
    out: list[list[Asked]] = [[], []]
    for two in zip(*both, strict=True):
        where = shared_positions(*two) if by.shared else [tuple(range(len(ids))) for ids in two]
        for side, ids, at in zip(out, two, where, strict=True):
            side.append(Asked(ids, tuple(t for t in at if ids[t] not in around)))
    return out


def _favoured(by: Scorer, sizes: Sequence[Any]) -> Iterator[str]:
    """How many pairs are of unequal length, where a sum counts that."""
    uneven = int((sizes[0] != sizes[1]).sum())
    if uneven and not by.per_token:
        shorter = int((sizes[0] < sizes[1]).sum())
        yield (
            f"In {uneven:,} of {len(sizes[0]):,} pairs one text has fewer tokens, which a sum favours: the stereotype "
            f"in {shorter:,}. per_token=True divides by their number."
        )
