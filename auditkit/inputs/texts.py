"""Texts as people have them: a tokenizer that gives pieces with offsets says which ids of a net are which words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from auditkit.arrays import Ints
from auditkit.errors import ModelError, foreign, listing
from auditkit.inputs.packing import Inputs, leaves
from auditkit.inputs.words import word_spans

LENGTH = 128
"""Pieces a text that a net is given, where nobody says how many."""
OFFSETS = "expected pieces with offsets, [(id, start, end), …] or (ids, offsets), in characters of the text"


class Piece(NamedTuple):
    """What a tokenizer makes of a part of a text; `start == end` for a token that it adds."""

    id: int
    start: int
    end: int


@dataclass(frozen=True)
class Tokens:
    """A raw column of texts, and the tokenizer whose ids a net reads: see `tokens`.

    Called with raw rows it encodes them, (N, length) of ids with padding behind; with a tokenizer of Hugging Face,
    which names its inputs, a dict of ids and mask.
    """

    tokenizer: Any
    column: str | None = None
    padding: int = 0
    """The id of padding, whose vector stands for "no word"."""
    unknown: int | None = None
    """The id of what the tokenizer does not know; None: it knows all, or nobody can tell."""
    length: int = LENGTH

    def pieces(self, text: str) -> list[Piece]:
        """The pieces of a text, in their order; ModelError for what a tokenizer of such a kind never gives."""
        with foreign("the tokenizer"):
            given = _encoded(self.tokenizer, text)
        return _pieces(given, len(text))

    def column_in(self, features: pd.DataFrame) -> str:
        """The column of texts; ModelError where it is none, or nobody can know which."""
        if self.column is not None:
            if self.column not in features:
                raise ModelError(
                    f"tokens: no column '{self.column}' of texts; the columns are {listing(features.columns)}"
                )
            return self.column
        texts = [str(c) for c in features if features[c].map(lambda v: isinstance(v, str)).any()]
        if len(texts) != 1:
            found = f"there are {listing(texts)}" if texts else f"the columns are {listing(features.columns)}"
            raise ModelError(f"tokens: say which column holds the texts, tokens(…, column=…); {found}")
        return texts[0]

    def texts(self, features: pd.DataFrame) -> list[str | None]:
        """(N,) the texts; None for those that are missing. ModelError for anything else."""
        name = self.column_in(features)
        column = features[name]
        missing = column.isna().to_numpy()
        out: list[str | None] = [None if gone else v for v, gone in zip(column, missing, strict=True)]
        odd = next((v for v in out if v is not None and not isinstance(v, str)), None)
        if odd is not None:
            raise ModelError(f"tokens: '{name}' holds a {type(odd).__name__} among its texts; expected texts")
        return out

    def __call__(self, features: pd.DataFrame) -> Any:
        ids = np.full((len(features), self.length), self.padding, dtype=np.int64)
        there = np.zeros_like(ids)
        for i, text in enumerate(self.texts(features)):
            own = [p.id for p in self.pieces(text or "")]
            if len(own) > self.length and _added(self.tokenizer):  # what ends a text stays
                own = [*own[: self.length - 1], own[-1]]
            own = own[: self.length]
            ids[i, : len(own)], there[i, : len(own)] = own, 1
        return {"input_ids": ids, "attention_mask": there} if _is_hugging_face(self.tokenizer) else ids


def tokens(
    tokenizer: Any,
    *,
    column: str | None = None,
    padding: int | None = None,
    unknown: int | None = None,
    length: int = LENGTH,
) -> Tokens:
    """What `Model(feature_map=…)` is told of a raw column of texts: which ids of the net are which words.

    Parameters
    ----------
    tokenizer
        A fast tokenizer of Hugging Face (`transformers`), a `tokenizers.Tokenizer`, or any callable from a text to its
        pieces: `[(id, start, end), …]`, or `(ids, [(start, end), …])`, offsets in characters. A piece of no characters
        is a token that the tokenizer adds. Neither package is imported by auditkit.
    column
        The raw column; None: the only one that holds texts.
    padding
        The id whose vector stands for "no word", from which contributions are counted; None: the tokenizer's, else 0.
    unknown
        The id of what the tokenizer does not know, to count it; None: the tokenizer's, if it says.
    length
        Without `preprocess`, the model encodes with the tokenizer, and cuts or pads each text to so many pieces.

    Raises ModelError for a tokenizer that gives no offsets.

    >>> def words(text):
    ...     return [(len(w), text.index(w), text.index(w) + len(w)) for w in text.split()]
    >>> tokens(words, length=4)(pd.DataFrame({"review": ["so good"]})).tolist()
    [[2, 4, 0, 0]]
    """
    if not callable(tokenizer) and not hasattr(tokenizer, "encode"):
        raise ModelError(f"tokens takes a tokenizer, or a callable from a text to its pieces; got {tokenizer!r:.60}")
    if getattr(tokenizer, "is_fast", True) is False:
        raise ModelError(
            f"{type(tokenizer).__name__} gives no offsets, so that nobody knows which ids are which words: pass the "
            "fast tokenizer, AutoTokenizer.from_pretrained(…, use_fast=True), or a callable that gives them"
        )
    if length < 1:
        raise ModelError(f"tokens: length must be at least 1, got {length}")
    return Tokens(
        tokenizer,
        None if column is None else str(column),
        _own(tokenizer, "pad", padding) or 0,
        _own(tokenizer, "unk", unknown),
        int(length),
    )


def written_out(feature_map: Any, first: Inputs, features: pd.DataFrame) -> Any:
    """The feature map with the names of columns in the place of `Tokens`: a text is one feature, its column."""
    if isinstance(feature_map, Tokens):
        name = feature_map.column_in(features)
        if isinstance(first, Tensor):
            return {name: list(range(first.shape[1]))}
        return dict.fromkeys(first, name) if isinstance(first, dict) else tuple(name for _ in first)

    def named(given: Any) -> Any:
        return given.column_in(features) if isinstance(given, Tokens) else given

    if isinstance(feature_map, Mapping):
        return {k: named(v) for k, v in feature_map.items()}
    return tuple(map(named, feature_map)) if isinstance(feature_map, tuple | list) else feature_map


def tokens_in(feature_map: Any) -> Tokens | None:
    """The tokens that a feature map is, or holds; None without texts."""
    if isinstance(feature_map, Tokens):
        return feature_map
    held = [*feature_map.values()] if isinstance(feature_map, Mapping) else feature_map
    return next((v for v in held if isinstance(v, Tokens)), None) if isinstance(held, list | tuple) else None


def place_of(feature_map: Any, inputs: Inputs) -> int | None:
    """Which of the inputs holds the ids of the text; None where none can."""
    parts = leaves(inputs)
    if isinstance(feature_map, Mapping) and isinstance(inputs, dict):
        return next((i for i, name in enumerate(inputs) if isinstance(feature_map.get(name), Tokens)), None)
    if isinstance(feature_map, tuple | list):
        return next((i for i, v in enumerate(feature_map) if isinstance(v, Tokens)), None)
    if isinstance(inputs, dict) and "input_ids" in inputs:
        return list(inputs).index("input_ids")
    whole = (i for i, t in enumerate(parts) if t.ndim == 2 and not t.is_floating_point())
    return next(whole, None)


class Reading(NamedTuple):
    """What each id that a net reads of a text is."""

    words: list[str]
    """The words, as they are written, in their order."""
    at: Ints
    """(L,) the word that the id belongs to; `PADDING`, `ADDED`, or `LOST` for those of a text that is not found."""
    cut: int
    """Pieces of the text that the net is not given."""
    unknown: int
    """Pieces that the tokenizer does not know."""


PADDING, ADDED, LOST = -1, -2, -3


def reading_of(tokens: Tokens, text: str | None, ids: Sequence[int]) -> Reading:
    """Which word each of the `ids` (L,) of a text is part of: pieces are found among them by their ids.

    >>> def split(text):
    ...     return [(7, 0, 2), (8, 2, 5), (9, 6, 9)]
    >>> reading_of(tokens(split), "abcde fgh", [1, 7, 8, 9, 2, 0])
    Reading(words=['abcde', 'fgh'], at=array([-2,  0,  0,  1, -2, -1]), cut=0, unknown=0)
    """
    pieces = tokens.pieces(text or "")
    within = [i for i, p in enumerate(pieces) if p.end > p.start]
    pieces = pieces[within[0] : within[-1] + 1] if within else []  # without what is added before and behind
    own = [p.id for p in pieces]
    at = np.full(len(ids), ADDED, dtype=np.int64)
    first, skipped, n = _found(own, ids)
    spans = word_spans(text or "", [(p.start, p.end) for p in pieces])
    names: dict[tuple[int, int], int] = {}
    for i, span in enumerate(spans[skipped : skipped + n]):
        if span is not None:
            at[first + i] = names.setdefault(span, len(names))
    outside = np.ones(len(ids), dtype=bool)
    outside[first : first + n] = False
    empty = at == ADDED
    at[empty & (np.asarray(ids) == tokens.padding)] = PADDING
    real = [p for p in pieces if p.end > p.start]
    if real and not names and bool((outside & (at != PADDING)).any()):
        at[:] = LOST
    told = sum(p.end > p.start for p in pieces[skipped : skipped + n])
    unknown = sum(p.id == tokens.unknown for p in real)
    return Reading([(text or "")[a:b] for a, b in names], at, len(real) - told, unknown)


def _found(own: Sequence[int], ids: Sequence[int]) -> tuple[int, int, int]:
    """(where in `ids`, how many pieces before, how many pieces) of the longest run of pieces there that begins with
    the first piece, or ends with the last one: what a text is cut to."""
    n, ids = len(own), list(ids)
    for first in range(len(ids) - n + 1):
        if n and ids[first] == own[0] and ids[first : first + n] == own:
            return first, 0, n
    best = (0, 0, 0)
    for first in range(len(ids)):
        run = 0
        while run < n and first + run < len(ids) and ids[first + run] == own[run]:
            run += 1
        if run > best[2]:
            best = (first, 0, run)
        back = 0
        while back < min(n, first + 1) and ids[first - back] == own[n - 1 - back]:
            back += 1
        if back > best[2]:
            best = (first - back + 1, n - back, back)
    return best


def _is_hugging_face(tokenizer: Any) -> bool:
    """Of `transformers`, which is not imported for the question."""
    return any(t.__module__.split(".")[0] == "transformers" for t in type(tokenizer).__mro__)


def _added(tokenizer: Any) -> bool:
    """Whether texts end in a token that the tokenizer adds."""
    return _is_hugging_face(tokenizer)


def _encoded(tokenizer: Any, text: str) -> Any:
    if _is_hugging_face(tokenizer):
        return tokenizer(text, return_offsets_mapping=True, truncation=False, padding=False)
    call: Callable[[str], Any] = tokenizer if callable(tokenizer) else tokenizer.encode
    return call(text)


def _pieces(given: Any, length: int) -> list[Piece]:
    """The pieces that came, of a text of so many characters."""
    if isinstance(given, Mapping) or (hasattr(given, "data") and isinstance(given.data, Mapping)):
        if "input_ids" in given and "offset_mapping" in given:
            ids, offsets = given["input_ids"], given["offset_mapping"]
        else:
            raise ModelError(f"the tokenizer gives {listing(given)}; {OFFSETS}")
    elif hasattr(given, "ids") and hasattr(given, "offsets"):
        ids, offsets = given.ids, given.offsets
    elif isinstance(given, tuple) and len(given) == 2 and all(_is_sequence(p, 2) for p in given[1]):
        ids, offsets = given
    else:
        listed = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
        odd = next((p for p in listed if not _is_sequence(p, 3)), None)
        if odd is not None or (listed and not isinstance(given, Sequence)):
            raise ModelError(f"the tokenizer gives {str(odd)[:60]!r} of a text, without offsets; {OFFSETS}")
        ids, offsets = [p[0] for p in listed], [p[1:] for p in listed]
    try:
        found = [
            Piece(operator.index(i), operator.index(a), operator.index(b))
            for i, (a, b) in zip(ids, offsets, strict=True)
        ]
    except (TypeError, ValueError):
        raise ModelError(f"the tokenizer gives ids and offsets that do not fit each other; {OFFSETS}") from None
    wrong = next((p for p in found if not 0 <= p.start <= p.end <= length), None)
    if wrong is not None:
        raise ModelError(
            f"the tokenizer gives a piece from {wrong.start} to {wrong.end} of a text of {length} characters; {OFFSETS}"
        )
    return found


def _is_sequence(given: Any, n: int) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str) and len(given) == n


def _own(tokenizer: Any, kind: str, given: int | None) -> int | None:
    """The id of padding ("pad") or of what is unknown ("unk"): as given, or as the tokenizer says."""
    if given is not None:
        return int(given)
    named = getattr(tokenizer, f"{kind}_token_id", None)
    if named is not None:
        return int(named)
    told = getattr(tokenizer, "padding", None)
    if kind == "pad" and isinstance(told, Mapping) and "pad_id" in told:
        return int(told["pad_id"])
    known = getattr(tokenizer, "token_to_id", None)
    texts = {"pad": ("[PAD]", "<pad>"), "unk": ("[UNK]", "<unk>")}[kind]
    return next((int(i) for t in texts if (i := known(t)) is not None), None) if callable(known) else None
