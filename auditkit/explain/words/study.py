"""Contributions of the words of texts: those of the embeddings' output, summed over the pieces of each word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats, Ints
from auditkit.catalogue.sentences import CUT
from auditkit.errors import NotExplained
from auditkit.explain.attributions.study import Setup, attributed, from_there
from auditkit.explain.captum_calls import Tensors
from auditkit.explain.cases.background import mean_point
from auditkit.explain.surface import Scale, Surface
from auditkit.inputs.model import Model
from auditkit.inputs.packing import leaves, slices
from auditkit.inputs.texts import ADDED, LOST, PADDING, Reading, Tokens, place_of, reading_of, tokens_in
from auditkit.inputs.words import folded

BYTES = 2**26
"""Of the points of rows that are explained at a time."""
FOUND = 0.95
"""Part of the texts whose pieces must be found among the ids that the net reads."""
BESIDE = {PADDING: "(padding)", ADDED: "(special tokens)", LOST: "(texts not found)"}
"""What contributions of ids that are no words are called."""
COLUMNS = "(other columns)"
START = "(length of the text)"
"""What differs of the scores before any word stands in the text: how much of it is padding."""


@dataclass(frozen=True)
class Texts:
    """Contributions of the words of N texts, and what came of the texts."""

    readings: list[Reading]
    phi: list[Floats]
    """(words,) of each text, in the order of its words."""
    beside: dict[str, Floats]
    """(N,) what is no word: padding, special tokens, other columns, the score without words. All with the words, and
    the words alone, add up to `score`."""
    score: Floats
    """(N,) F at the texts."""
    epsilon: Floats
    """(N,) T1."""
    steps: Ints
    method: str
    notes: tuple[str, ...]
    """What came of the texts: missing and empty ones, those that are cut, pieces that nobody knows."""

    def names(self) -> dict[str, str]:
        """Word as it is compared → as it is written most."""
        written: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for reading in self.readings:
            for word in reading.words:
                written[folded(word)][word] += 1
        return {w: min(forms, key=lambda f: (-forms[f], f)) for w, forms in written.items()}

    def entries(self) -> Iterator[tuple[int, str, float]]:
        """(row, word as it is compared, its contribution there): once a row and word, all its places together."""
        for i, (reading, own) in enumerate(zip(self.readings, self.phi, strict=True)):
            total: defaultdict[str, float] = defaultdict(float)
            for word, value in zip(reading.words, own, strict=True):
                total[folded(word)] += float(value)
            yield from ((i, word, value) for word, value in total.items())


def texts_explained(
    model: Model, features: pd.DataFrame, weight: Floats | None, *, scale: Scale, method: str = "integrated_gradients"
) -> Texts:
    """The words of each text and their contributions, from the text without words.

    NotExplained where the model has no tokens, where its ids are not those of the tokenizer, and where nothing says
    which vectors belong to which id. Call it where the model is `examined`.
    """
    tokens, ids = ids_of(model, features)
    readings = [reading_of(tokens, text, row) for text, row in zip(tokens.texts(features), ids.tolist(), strict=True)]
    lost = sum(bool((r.at == LOST).any()) for r in readings)
    if lost > (1 - FOUND) * len(readings):
        raise NotExplained(
            f"the ids that the net reads are not those of the tokenizer, in {lost:,} of {len(readings):,} texts: give "
            "tokens(…) the tokenizer that preprocess uses"
        )
    baseline = mean_point(model, features, weight)
    parts = []
    for where in slices(len(features), _rows(baseline)):
        work = partial(_of_entries, baseline=baseline, width=ids.shape[1], column=tokens.column_in(features))
        parts.append(attributed(work, model, features.iloc[where], method, n_steps=None, seed=0, scale=scale))
    entries, others, start, score, epsilon = (np.concatenate(x) for x in list(zip(*parts, strict=True))[:5])
    steps = np.concatenate([p.steps for p in parts])
    phi, beside = _by_word(readings, entries)
    beside |= {name: x for name, x in ((COLUMNS, others), (START, start)) if np.ptp(x) > 1e-9 * np.abs(score).max()}
    told = notes_of(tokens.texts(features), readings, tokens)
    return Texts(readings, phi, beside, score, epsilon, steps, parts[0].method, told)


def ids_of(model: Model, features: pd.DataFrame) -> tuple[Tokens, Ints]:
    """The tokens of a model and the ids (N, L) that its net reads; NotExplained where it has none."""
    tokens = tokens_in(model.feature_map_given)
    if tokens is None:
        raise NotExplained("the model reads no texts: pass Model(feature_map=ak.tokens(tokenizer))")
    inputs = model.encode(features)
    place = place_of(model.feature_map_given, inputs)
    if place is None or leaves(inputs)[place].ndim != 2:
        raise NotExplained("none of the net's inputs is ids of a text, (N, L) of whole numbers")
    return tokens, leaves(inputs)[place].long().cpu().numpy()


class _Entries(NamedTuple):
    """Of some rows."""

    ids: Floats
    """(N, L) contributions of the ids of the text."""
    others: Floats
    """(N,) of other columns."""
    start: Floats
    """(N,) F without words."""
    score: Floats
    epsilon: Floats
    steps: Ints
    method: str


def _of_entries(ready: Setup, *, baseline: Tensors, width: int, column: str) -> _Entries:
    if ready.switched:
        raise NotExplained(ready.switched.split(";")[0])
    at = ready.at
    start = np.broadcast_to(at.at(baseline).double().cpu().numpy(), len(at))
    found, parts = from_there(ready, at, baseline, start)
    ids, others = of_ids(at, parts, column, width)
    assert found.epsilon is not None, "Integrated Gradients promise a sum"
    return _Entries(ids, others, start, start + found.delta, found.epsilon, found.steps, found.method)


def of_ids(at: Surface, parts: Tensors, column: str, width: int) -> tuple[Floats, Floats]:
    """(N, width) contributions of the ids of a text, and (N,) those of everything else; NotExplained where nobody knows
    which vector belongs to which id."""
    text = at.groups.names.index(column)
    if column in at.unmoved:
        raise NotExplained(f"the net looks the ids of '{column}' up in no embedding: nothing can be moved there")
    ids, others = np.zeros((len(at), width)), np.zeros(len(at))
    for phi, mask in zip(parts, at.groups.masks, strict=True):
        own = bool((mask == text).all())
        if own and phi.shape[1] != width:
            raise NotExplained(f"the net looks {phi.shape[1]} vectors up for {width} ids: whose they are nobody knows")
        each = phi.reshape(len(at), phi.shape[1], -1).sum(2).double().cpu().numpy()
        if own:
            ids = ids + each
        else:
            others = others + each.sum(1)
    return ids, others


def words_of_rows(
    model: Model, features: pd.DataFrame, at: Surface, parts: Tensors
) -> tuple[tuple[tuple[str, float], ...], ...]:
    """(N,) the words of each text in reading order, as they are written, with their contributions; what is no word
    stands behind them. NotExplained as `texts_explained`."""
    tokens, ids = ids_of(model, features)
    readings = [reading_of(tokens, text, row) for text, row in zip(tokens.texts(features), ids.tolist(), strict=True)]
    phi, beside = _by_word(readings, of_ids(at, parts, tokens.column_in(features), ids.shape[1])[0])
    rest = [[(name, float(x[i])) for name, x in beside.items() if x[i]] for i in range(len(readings))]
    return tuple(
        (*zip(reading.words, map(float, own), strict=True), *others)
        for reading, own, others in zip(readings, phi, rest, strict=True)
    )


def _rows(baseline: Tensors) -> int:
    """Rows whose points take so many bytes."""
    return max(1, BYTES // max(1, sum(t.numel() * t.element_size() for t in baseline)))


def _by_word(readings: Sequence[Reading], entries: Floats) -> tuple[list[Floats], dict[str, Floats]]:
    """(words,) contributions of each text, and (N,) those of what is no word."""
    phi = []
    beside = {kind: np.zeros(len(readings)) for kind in BESIDE}
    for i, (reading, own) in enumerate(zip(readings, entries, strict=True)):
        words = np.zeros(len(reading.words))
        inside = reading.at >= 0
        np.add.at(words, reading.at[inside], own[inside])
        phi.append(words)
        for kind, total in beside.items():
            total[i] = own[reading.at == kind].sum()
    return phi, {BESIDE[kind]: total for kind, total in beside.items() if total.any()}


def notes_of(texts: Sequence[str | None], readings: Sequence[Reading], tokens: Tokens) -> tuple[str, ...]:
    """What a reader should know of the texts: counted, not dropped."""
    n = len(texts)
    missing, empty = sum(t is None for t in texts), sum(t is not None and not t.strip() for t in texts)
    cut, lost = sum(r.cut > 0 for r in readings), sum(bool((r.at == LOST).any()) for r in readings)
    unknown, known = sum(r.unknown for r in readings), sum(len(r.words) for r in readings)
    told = [
        (missing, f"{missing:,} of {n:,} texts are missing, and have no words"),
        (empty, f"{empty:,} of {n:,} texts are empty"),
        (cut, f"{cut:,} of {n:,} {CUT}: the net is not given all of their pieces"),
        (lost, f"of {lost:,} of {n:,} texts the pieces were not found among the ids that the net reads"),
        (
            unknown,
            f"{unknown:,} pieces of {known:,} words are unknown to the tokenizer, all the same to the net",
        ),
    ]
    return tuple(text for count, text in told if count)
