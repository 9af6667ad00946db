"""Texts: pieces of a tokenizer among the ids that a net reads, words of any script, and what cannot be read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.errors import ModelError
from auditkit.inputs.texts import ADDED, LOST, PADDING, Tokens, reading_of, tokens, written_out
from auditkit.inputs.words import folded, whole_words, word_spans

VOCABULARY = {"un": 5, "likely": 6, "good": 7, "film": 8, "a": 9, ",": 10}
UNKNOWN = 4


def pieces(text: str) -> list[tuple[int, int, int]]:
    """By spaces and commas; "unlikely" in two pieces, begun and ended by tokens of its own."""
    out, k = [(2, 0, 0)], 0
    for word in text.replace(",", " , ").split():
        at = text.index(word, k)
        k = at + len(word)
        if word.lower() == "unlikely":
            out += [(5, at, at + 2), (6, at + 2, k)]
        else:
            out.append((VOCABULARY.get(word.lower(), UNKNOWN), at, k))
    return [*out, (3, len(text), len(text))]


def read(text: str | None, ids: list[int], **options: Any) -> tuple[list[str], list[int], int, int]:
    reading = reading_of(tokens(pieces, unknown=UNKNOWN, **options), text, ids)
    return reading.words, reading.at.tolist(), reading.cut, reading.unknown


P, A, L = PADDING, ADDED, LOST


@pytest.mark.parametrize(
    ("ids", "at", "cut"),
    [
        ([2, 7, 5, 6, 8, 3, 0, 0], [A, 0, 1, 1, 2, A, P, P], 0),  # as the tokenizer gives them, padded
        ([0, 0, 2, 7, 5, 6, 8, 3], [P, P, A, 0, 1, 1, 2, A], 0),  # padded in front
        ([7, 5, 6, 8, 0, 0, 0, 0], [0, 1, 1, 2, P, P, P, P], 0),  # without what it adds
        ([1, 2, 7, 5, 6, 8, 3, 1], [A, A, 0, 1, 1, 2, A, A], 0),  # with more than it adds
        ([2, 7, 5, 6, 3, 0, 0, 0], [A, 0, 1, 1, A, P, P, P], 1),  # cut, and ended
        ([2, 7, 5, 3, 0, 0, 0, 0], [A, 0, 1, A, P, P, P, P], 2),  # cut within a word
        ([2, 5, 6, 8, 3, 0, 0, 0], [A, 0, 0, 1, A, P, P, P], 1),  # its beginning cut
        ([91, 92, 93, 94, 0, 0, 0, 0], [L] * 8, 0),  # ids of another tokenizer
    ],
)
def test_pieces_are_found_among_the_ids_that_the_net_reads(ids: list[int], at: list[int], cut: int) -> None:
    _, found, lost, _ = read("good unlikely film", ids)
    assert found == at
    if at[0] != LOST:
        assert lost == cut


def test_words_are_as_written_and_the_unknown_are_counted() -> None:
    words, at, cut, unknown = read("Good, UNLIKELY zzz", [2, 7, 10, 5, 6, 4, 3, 0])
    assert words == ["Good", ",", "UNLIKELY", "zzz"]
    assert (at, cut, unknown) == ([A, 0, 1, 2, 2, 3, A, P], 0, 1)


@pytest.mark.parametrize("text", ["", "   ", None])
def test_a_text_without_words_has_none(text: str | None) -> None:
    words, at, cut, _ = read(text, [2, 3, 0, 0])
    assert (words, at, cut) == ([], [A, A, P, P], 0)


@pytest.mark.parametrize(
    ("text", "spans", "words"),
    [
        ("don't stop", [(0, 2), (2, 5), (6, 10)], ["don't", "don't", "stop"]),
        ("New York", [(0, 8)], ["New York"]),  # a piece over two words
        ("café cafe\u0301", [(0, 4), (5, 9), (9, 10)], ["café", "cafe\u0301", "cafe\u0301"]),
        ("देवी", [(0, 2), (2, 4)], ["देवी", "देवी"]),  # its vowel signs are no letters to `\w`
        ("日本語", [(0, 2), (2, 3)], ["日本", "語"]),  # without spaces: a piece is a word
        ("a 🎉!", [(0, 1), (2, 3), (2, 3), (3, 4)], ["a", "🎉", "🎉", "!"]),  # bytes of one sign
        (" good", [(0, 5)], ["good"]),  # the space before, as byte-level tokenizers have it
        ("x  y", [(1, 3)], [None]),
    ],
)
def test_pieces_are_joined_to_words_of_any_script(text: str, spans: list[Any], words: list[str | None]) -> None:
    found = word_spans(text, spans)
    assert [None if s is None else text[slice(*s)] for s in found] == words


def test_whole_words_in_any_case() -> None:
    found = whole_words([folded(w) for w in ("she", "STRASSE", "new york", "她")])
    for text, there in [
        ("SHE left", True), ("she's here", True), ("ashes", False), ("Straße", True),
        ("New\nYork", True), ("newyork", False), ("是她的", True), ("she\u0301", False), ("", False),
    ]:  # fmt: skip
        assert bool(found.search(folded(text))) == there, text


@pytest.mark.parametrize(
    "given",
    [
        lambda t: [(7, 0, 4)],
        lambda t: ([7], [(0, 4)]),
        lambda t: {"input_ids": [7], "offset_mapping": [(0, 4)]},
        lambda t: [np.array([7, 0, 4]).tolist()],
    ],
)
def test_forms_of_pieces(given: Any) -> None:
    assert tokens(given).pieces("good") == [(7, 0, 4)]


def test_three_ids_and_three_offsets_are_no_pieces() -> None:
    found = tokens(lambda t: ([5, 6, 7], [(0, 1), (1, 2), (2, 3)])).pieces("abc")
    assert [tuple(p) for p in found] == [(5, 0, 1), (6, 1, 2), (7, 2, 3)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda t: [7, 8], "without offsets"),
        (lambda t: "good", "without offsets"),
        (lambda t: None, "without offsets"),
        (lambda t: {"input_ids": [7]}, "expected pieces with offsets"),
        (lambda t: ([7, 8], [(0, 4)]), "do not fit"),
        (lambda t: [(7, 0, 99)], "from 0 to 99 of a text of 4 characters"),
        (lambda t: [(7, 3, 1)], "from 3 to 1"),
        (lambda t: [("good", 0, 4)], "do not fit"),
        (lambda t: torch.tensor([7, 8]), "without offsets"),
    ],
)
def test_a_tokenizer_without_offsets_is_one_clear_line(given: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said) as e:
        tokens(given).pieces("good")
    assert "[(id, start, end), …]" in str(e.value)
    assert "\n" not in str(e.value)


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

        def encode(self, text: str) -> list[int]:
            return [1]

    with pytest.raises(ModelError, match="pass the fast tokenizer"):
        tokens(Slow())
    with pytest.raises(ModelError, match="takes a tokenizer"):
        tokens(3)
    with pytest.raises(ModelError, match="at least 1"):
        tokens(pieces, length=0)


def test_the_column_of_texts() -> None:
    frame = pd.DataFrame({"review": ["a", None], "n": [1, 2], "title": ["b", "c"]})
    assert tokens(pieces).column_in(frame[["review", "n"]]) == "review"
    with pytest.raises(ModelError, match=r"which column holds the texts.*review.*title"):
        tokens(pieces).column_in(frame)
    with pytest.raises(ModelError, match="no column 'x'"):
        tokens(pieces, column="x").column_in(frame)
    with pytest.raises(ModelError, match="holds a int among its texts"):
        tokens(pieces, column="n").texts(frame)
    assert tokens(pieces, column="review").texts(frame) == ["a", None]


def test_a_model_encodes_with_its_tokenizer() -> None:
    frame = pd.DataFrame({"review": ["good film", None, "", "a a a a a a"]})
    ids = Tokens(pieces, length=5)(frame)
    assert ids.tolist() == [[2, 7, 8, 3, 0], [2, 3, 0, 0, 0], [2, 3, 0, 0, 0], [2, 9, 9, 9, 9]]
    net = nn.Sequential(nn.Embedding(11, 3), nn.Flatten(), nn.Linear(15, 1))
    model = ak.Model(net, feature_map=ak.tokens(pieces, length=5), outputs="logits")
    assert torch.equal(model.encode(frame), torch.as_tensor(ids))  # type: ignore[arg-type]
    assert model.features(frame) == ("review",)


def test_a_text_is_one_feature_beside_others() -> None:
    frame = pd.DataFrame({"review": ["good"], "age": [1.0]})
    text, one = ak.tokens(pieces, column="review"), torch.zeros(1, 4)
    assert written_out(text, one, frame) == {"review": [0, 1, 2, 3]}
    assert written_out(text, {"input_ids": one, "attention_mask": one}, frame) == {
        "input_ids": "review", "attention_mask": "review",
    }  # fmt: skip
    assert written_out({"ids": text, "rest": {"age": [0]}}, {}, frame) == {"ids": "review", "rest": {"age": [0]}}
    assert written_out((text, {"age": [0]}), (one, one), frame) == ("review", {"age": [0]})
    assert written_out([[0, 0]], one, frame) == ([0, 0],)


def hugging_face() -> Any:
    """A tokenizer of `tokenizers`, trained here; nothing is downloaded."""
    found = pytest.importorskip("tokenizers")
    out = found.Tokenizer(found.models.WordPiece(unk_token="[UNK]"))
    out.pre_tokenizer = found.pre_tokenizers.BertPreTokenizer()
    trainer = found.trainers.WordPieceTrainer(vocab_size=40, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    out.train_from_iterator(["good film", "unlikely film", "a good likely film"], trainer)
    special = [("[CLS]", 2), ("[SEP]", 3)]
    out.post_processor = found.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    return out


def test_a_tokenizer_of_the_tokenizers_package() -> None:
    given = tokens(hugging_face(), length=12)
    assert (given.padding, given.unknown) == (0, 1)
    own = given.pieces("good film")
    assert (own[0].id, own[-1].id) == (2, 3)
    assert own[0].start == own[0].end
    reading = reading_of(given, "good film ⊕", given(pd.DataFrame({"t": ["good film ⊕"]}))[0].tolist())
    assert reading.words == ["good", "film", "⊕"]
    assert reading.unknown == 1


def test_a_fast_tokenizer_of_transformers_names_its_inputs() -> None:
    fast = pytest.importorskip("transformers").PreTrainedTokenizerFast
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    given = tokens(fast(tokenizer_object=hugging_face(), **names), length=6)
    assert (given.padding, given.unknown) == (0, 1)
    out = given(pd.DataFrame({"t": ["good", "good film good film good film"]}))
    assert set(out) == {"input_ids", "attention_mask"}
    assert out["input_ids"][1, -1] == 3  # cut, and still ended
    assert out["attention_mask"].sum(1).tolist()[1] == 6
