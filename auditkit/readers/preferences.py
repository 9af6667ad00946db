"""Pairs of texts as rows: which of two, alike but for a stereotype, a language model finds more likely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from auditkit.arrays import Floats
from auditkit.errors import DataError, ModelError, listing
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.options import checked_options
from auditkit.readers.pairs import column_of, frame_of, ids_of
from auditkit.readers.reader import Reader, Reading
from auditkit.readers.text_scores import Scorer, asked, given
from auditkit.records import Task

_PREFERRED, _PAIR, _SHARED = "stereotype preferred", "pair of texts", "template"
MARGIN = "margin"
"""The column of log p(stereotype) − log p(antistereotype), in nats, for `Measured`."""
LOG_LIKELIHOODS = ("stereotype_log_likelihood", "antistereotype_log_likelihood")
"""Columns of the rows with what each text was given, so that a table of them can be kept."""
_ALIKE = 1e-6
"""Log-likelihoods that differ by at most this part of their size are the same: arithmetic is no preference."""


@dataclass(frozen=True, kw_only=True)
@checked_options
class Preferences(Reader):
    """A language model that is asked which of two texts is more likely, one of them a stereotype.

    Parameters
    ----------
    pairs
        One row a pair: a frame, a dict of columns, or the path of a parquet or CSV file.
    stereotype, antistereotype
        The columns of both texts.
    category
        Columns that say whom the stereotype concerns.
    cluster
        The column of what pairs have in common: the template that they were written from. None: pairs are independent.
    log_likelihoods
        The two columns with the log-likelihoods of both texts, in nats, known already. These, or a model.
    model, tokenizer
        A torch net that takes ids (B, T) and gives logits (B, T, V), as those of transformers do, and what makes ids
        of a text: a callable, or a tokenizer of transformers.
    likelihood
        `"causal"`: the sum of log p(token | those before it). `"masked"`: the sum of log p(token | all others), each
        asked with the token masked (pseudo-log-likelihood).
    shared
        Of a masked net: only the tokens that both texts have are scored, as CrowS-Pairs does.
    per_token
        Whether sums are divided by their tokens. A sum alone favours the text of fewer tokens.
    bos
        Id that is put before every text, so that a causal net scores its first token too; None: as the tokenizer
        begins.
    mask, special
        Ids of a masked net's mask and of tokens that are not scored; None: as the tokenizer says.

    A pair whose texts are as likely as each other (to 10⁻⁶ of their size) has no preference: it is counted apart.

    >>> pairs = {"stereotype": ["a b", "a c"], "antistereotype": ["a d", "a e"], "of": ["x", "y"],
    ...          "s": [-2.0, -3.0], "a": [-2.5, -1.0]}
    >>> read = Preferences(pairs=pairs, category="of", log_likelihoods=("s", "a")).reading
    >>> read.model.outputs(read.data)[0].tolist()
    [1, 0]
    """

    tasks: ClassVar[tuple[Task, ...]] = ("preferences",)
    PATHS: ClassVar[tuple[str, ...]] = ("pairs",)
    pairs: Any
    category: Sequence[str]
    stereotype: str = "stereotype"
    antistereotype: str = "antistereotype"
    cluster: str | None = None
    log_likelihoods: Any = None
    model: Any = None
    tokenizer: Any = None
    likelihood: Literal["causal", "masked"] | None = None
    shared: bool = False
    per_token: bool = False
    bos: int | None = None
    mask: int | None = None
    special: Any = None

    def __post_init__(self) -> None:
        if (self.model is None) == (self.log_likelihoods is None):
            raise DataError("pairs are scored by a net, or were: give model=… with tokenizer=…, or log_likelihoods=…")
        columns = self.log_likelihoods
        if columns is not None and (not isinstance(columns, list | tuple) or len(columns) != 2):
            raise DataError("log_likelihoods names two columns: ('of the stereotype', 'of the antistereotype')")
        if self.model is not None and (self.tokenizer is None or self.likelihood is None):
            raise DataError("a net needs tokenizer=… and likelihood='causal' or 'masked': say which it was trained as")
        if self.model is None and (self.tokenizer is not None or self.likelihood is not None):
            raise DataError("tokenizer and likelihood are of a net: leave them away beside log_likelihoods")
        if self.model is not None and not callable(getattr(self.model, "modules", None)):
            raise ModelError(
                f"model is a torch net, got {type(self.model).__name__}: load it first, or give log_likelihoods"
            )
        if self.shared and self.likelihood != "masked":
            raise DataError(
                "shared tokens are scored by a masked net: of a causal one all that follows depends on both"
            )
        if not self.category:
            raise DataError("category names a column that says whom the stereotypes concern")

    def read(self) -> Reading:
        """See `Reader`."""
        pairs = frame_of(self.pairs, "the pairs")
        first, second = (_texts(pairs, name, role) for name, role in
                         ((self.stereotype, "stereotype"), (self.antistereotype, "antistereotype")))  # fmt: skip
        same = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a == b]
        if same:
            raise DataError(f"row {same[0]:,} has the same text twice, {first[same[0]]!r}: no preference can be seen")
        groups = {name: column_of(pairs, name, "category") for name in self.category}
        rows = pd.DataFrame({_PAIR: [f"{a} ↔ {b}" for a, b in zip(first, second, strict=True)], **groups})
        taken = {_PREFERRED, _PAIR, _SHARED, MARGIN, *LOG_LIKELIHOODS} & set(groups)
        if taken:
            raise DataError(f"{listing(sorted(taken))} is a name kept for rows of pairs: rename the category")
        again = rows[_PAIR].duplicated()
        if again.any():
            raise DataError(
                f"{int(again.sum()):,} pairs stand twice, the first is {rows[_PAIR][again].iloc[0]!r}: asked again a "
                "net says the same. Leave each out but once"
            )
        if self.cluster is not None:
            rows[_SHARED] = ids_of(column_of(pairs, self.cluster, "cluster"))
        scored = given(pairs, self.log_likelihoods) if self.model is None else asked(self._scorer, first, second)
        gap = scored.stereotype - scored.antistereotype
        size = np.maximum(np.abs(scored.stereotype), np.abs(scored.antistereotype))
        tied = np.abs(gap) <= _ALIKE * size
        rows = rows.assign(**{LOG_LIKELIHOODS[0]: scored.stereotype, LOG_LIKELIHOODS[1]: scored.antistereotype})
        rows[MARGIN] = gap
        rows[_PREFERRED] = np.where(np.isnan(gap) | tied, np.nan, gap > 0)
        data = Dataset(
            rows,
            y_true=None,
            positive=1,
            task=self.tasks[0],
            sensitive_features=list(groups),
            cluster=None if self.cluster is None else _SHARED,
            row_id=_PAIR,
        )
        data.notes = (*data.notes, *scored.notes, *self._tied(tied))
        data.cautions = (*data.cautions, *scored.cautions, *self._lost(gap))
        return Reading(Predictions(y_pred=_PREFERRED, name=self.tasks[0]), data)

    @property
    def _scorer(self) -> Scorer:
        """How texts are scored by the net."""
        assert self.likelihood is not None, "a net comes with it"
        return Scorer(**{f.name: getattr(self, f.name) for f in fields(Scorer)})

    def _tied(self, tied: Any) -> Iterator[str]:
        if ties := int(tied.sum()):
            alike = "have two texts as likely as each other"
            yield f"{ties:,} of {len(tied):,} pairs {alike}: no preference, counted apart."

    def _lost(self, gap: Floats) -> Iterator[str]:
        if lost := int(np.isnan(gap).sum()):
            yield f"{lost:,} of {len(gap):,} pairs have no log-likelihood: they enter no share."


def _texts(pairs: pd.DataFrame, name: str, role: str) -> list[str]:
    column = column_of(pairs, name, role)
    wrong = [i for i, x in enumerate(column.tolist()) if not isinstance(x, str) or not x.strip()]
    if wrong:
        raise DataError(f"'{name}' has no text in {len(wrong):,} rows, the first is row {wrong[0]:,}")
    return [str(x) for x in column]
