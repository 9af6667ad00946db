"""Groups from what texts mention: `sensitive_features=ak.mentions("review", {"women": ["she", "her", "woman"]})`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from auditkit.batch import MISSING
from auditkit.errors import DataError, listing
from auditkit.inputs.prepared import Made
from auditkit.inputs.words import folded, whole_words

GROUPS = ("mentioned", "not mentioned")
KEYS = ("column", "words")
_EXAMPLE = '{"women": {"column": "review", "words": ["she", "her", "woman"]}}'


def mentions(column: str, groups: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Any]]:
    """Sensitive features of what texts mention: each key is an attribute, `mentioned` or `not mentioned`.

    A text may mention several, or none. Words are whole words, or phrases, without regard to case, in any script; of
    scripts without spaces they are found anywhere. A missing text is a group of its own, `(missing)`.

    Parameters
    ----------
    column
        The column of texts.
    groups
        Attribute → the words of which one must stand in the text.

    Raises DataError for what is no such table. It is plain data, as a configuration writes it: `sensitive_features =
    [{ women = { column = "review", words = ["she", "her"] } }]`.

    >>> mentions("review", {"women": ["she", "her"]})
    {'women': {'column': 'review', 'words': ['she', 'her']}}
    """
    if not isinstance(groups, Mapping) or not groups:
        raise DataError('mentions takes attributes and their words, as in {"women": ["she", "her", "woman"]}')
    found = {str(name): {"column": column, "words": words} for name, words in groups.items()}
    of = {name: Mention.of(name, given) for name, given in found.items()}
    return {name: {"column": m.column, "words": list(m.words)} for name, m in of.items()}


@dataclass(frozen=True)
class Mention:
    """One attribute: whether a text holds one of the words.

    >>> part = pd.DataFrame({"review": ["SHE left.", "ashes", None]})
    >>> list(Mention.of("women", {"column": "review", "words": ["she"]}).made(part).columns["women"])
    ['mentioned', 'not mentioned', nan]
    """

    name: str
    column: str
    words: tuple[str, ...]
    cautions: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, given: Any) -> Mention:
        """DataError unless it names a column and its words."""
        if not isinstance(given, Mapping) or {*given} != {*KEYS}:
            keys = listing(given) if isinstance(given, Mapping) else type(given).__name__
            raise DataError(f"'{name}' has a column and words, as in {_EXAMPLE}; got {keys}")
        words = given["words"]
        words = (words,) if isinstance(words, str) else tuple(words) if isinstance(words, Iterable) else ()
        odd = [w for w in words if not isinstance(w, str) or not re.search(r"\w", w)]
        if not words or odd or not isinstance(given["column"], str):
            what = f"{odd[0]!r:.40} among them" if odd else f"got {given['words']!r:.40} of {given['column']!r:.40}"
            raise DataError(
                f"'{name}' needs a column and one word or more that its texts mention, as in {_EXAMPLE}; {what}"
            )
        return cls(name, given["column"], tuple(dict.fromkeys(words)))

    @property
    def makes(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self.name,)

    @property
    def needs(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self.column,)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return whole_words([folded(w) for w in self.words])

    def made(self, part: pd.DataFrame) -> Made:
        """See `Step`; DataError for values that are no texts."""
        gone = part[self.column].isna().to_numpy()
        codes = np.array([-1 if g else self._code(v) for v, g in zip(part[self.column], gone, strict=True)], np.int64)
        categories = pd.Categorical.from_codes(codes, categories=pd.Index(GROUPS, dtype=object))
        return Made({self.name: categories}, Counter({GROUPS[0]: int((codes == 0).sum()), MISSING: int(gone.sum())}))

    def _code(self, text: Any) -> int:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise DataError(
                f"'{self.column}' holds values that are no texts ({kind}); '{self.name}' is what its texts mention"
            )
        return 0 if self._pattern.search(folded(text)) else 1

    def said(self, counts: Counter[str], rows: int) -> tuple[str, ...]:
        """See `Step`."""
        words = listing([f"“{w}”" for w in self.words])
        lost = (f"'{self.name}': of {rows:,} rows, {counts[MISSING]:,} have no text: '{MISSING}'.",)
        none = (f"'{self.name}': none of {rows:,} texts mentions {words}.",)
        return (*(lost if counts[MISSING] else ()), *(() if counts[GROUPS[0]] or not rows else none))
