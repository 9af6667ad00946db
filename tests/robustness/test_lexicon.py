"""Swaps by a lexicon: forms of words, what is counted, and planted names that matter, or do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.checks import check_of
from auditkit.errors import PolicyError
from auditkit.records import Finding, Table
from auditkit.robustness.check import FlipTest
from auditkit.robustness.lexicon import gender_words, swap_words

NAMES = {"Emily": "Lakisha"}
WORDS = ["emily", "lakisha", "greg", "jamal", "she", "he", "good", "film", "her"]


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("She said he left.", "He said she left."),
        ("SHE AND HIM", "HE AND HER"),
        ("Her book is hers.", "His book is his."),
        ("I saw her. I saw her and left", "I saw him. I saw him and left"),
        ("We gave her the book", "We gave him the book"),
        ("his dog, and it is his", "her dog, and it is hers"),
        ("They love her “new” film", "They love his “new” film"),
        ("the woman's son; women’s club", "the man's daughter; men’s club"),
        ("herself, himself", "himself, herself"),
        ("ashes, there, theory, Herman", "ashes, there, theory, Herman"),
        ("mum and dad", "dad and mom"),
        ("café She", "café He"),
        ("", ""),
    ],
)
def test_gender_words_keep_case_and_form(text: str, swapped: str) -> None:
    found, done = swap_words("t").swapped(text)
    assert found == swapped
    assert bool(done) == (text != swapped)


@pytest.mark.parametrize(
    ("words", "text", "swapped"),
    [
        (NAMES, "EMILY, Emily’s and emily", "LAKISHA, Lakisha’s and lakisha"),
        ({"New York": "Lagos"}, "in NEW\n YORK or Lagos", "in LAGOS or New York"),
        ([("nurse", "doctor")], "Nurses and a doctor", "Doctors and a nurse"),
        ([("lady", "gentleman")], "ladies, gentlemen", "gentlemen, ladies"),
        ([("a b", "c"), ("a", "d")], "a b a", "c d"),  # the longest first
        ([("José", "Ming")], "Jose\u0301 met Ming", "Ming met José"),
        ([("她", "他")], "是她的", "是他的"),
        ([("a", "b"), ("b", "c")], None, None),
    ],
)
def test_words_of_the_user(words: Any, text: str | None, swapped: str | None) -> None:
    if text is None:
        with pytest.raises(PolicyError, match="'b' has two counterparts, a, c"):
            swap_words("t", words)
    else:
        assert swap_words("t", words).swapped(text)[0] == swapped


def test_twice_is_the_text_again_but_for_pronouns_of_two_meanings() -> None:
    swap = swap_words("t", {"Emily": "Lakisha", "woman": "man"})
    for text in ("Emily, LAKISHA and women met a Man", "Emilys and men"):
        assert swap.swapped(swap.swapped(text)[0])[0] == text


def test_words_without_plurals() -> None:
    assert swap_words("t", {"nurse": "doctor"}, plurals=False).swapped("nurses, nurse")[0] == "nurses, doctor"


@pytest.mark.parametrize("words", ["she", 3, [], {}, [("a",)], [("a", "a")], [("a", 1)], [("a", ".")], "x:y"])
def test_what_is_no_lexicon(words: Any) -> None:
    with pytest.raises(PolicyError, match="swap_words takes"):
        swap_words("t", words)


@pytest.mark.parametrize(
    ("swap", "said"),
    [
        ({"x": {"words": "gender"}}, "lacks the name of a column"),
        ({"x": {"column": "t", "word": "gender"}}, "has 'word'"),
        ({"x": {"column": "t", "words": ["she"]}}, "pairs of two different words"),
    ],
)
def test_what_is_no_table_of_a_lexicon(swap: Any, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        FlipTest(swap=swap)


def test_the_words_that_are_there_are_pairs() -> None:
    pairs = gender_words()
    assert len(set(pairs)) == len(pairs) > 40
    assert all(a != b and a == a.lower() and b == b.lower() for a, b in pairs)


class Bag(nn.Module):
    def __init__(self, **weights: float) -> None:
        super().__init__()
        import torch

        self.e = nn.Embedding(11, 1, padding_idx=0)
        with torch.no_grad():
            self.e.weight.zero_()
            for word, weight in weights.items():
                self.e.weight[1 + WORDS.index(word)] = weight

    def forward(self, ids: Any) -> Any:
        return self.e(ids).sum(1)


def pieces(text: str) -> list[tuple[int, int, int]]:
    out, k = [], 0
    for word in text.split():
        a = text.index(word, k)
        k = a + len(word)
        out.append((1 + WORDS.index(word.lower()) if word.lower() in WORDS else 10, a, k))
    return out


def model(**weights: float) -> ak.Model:
    tokens = ak.tokens(pieces, length=6, column="review")
    return ak.Model(Bag(**weights), task="regression", feature_map=tokens)


def batch(n: int = 300, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    first = rng.choice(["Emily", "Lakisha", "Greg", "film"], n)
    texts = [f"{w} good {x}" for w, x in zip(first, rng.choice(["she", "he", "film"], n), strict=True)]
    return Batch(
        features=pd.DataFrame({"review": texts}),
        groups=pd.DataFrame({"sex": pd.Categorical(["a", "b"] * (n // 2))}),
        y_true=np.zeros(n), y_pred=np.zeros(n), task="regression",
    )  # fmt: skip


def found(own: ak.Model, rows: Batch, swap: Any) -> Finding:
    check = FlipTest(swap=swap)
    (finding,) = check.assess(check.examine(own, rows)).findings
    return finding


def test_a_name_that_matters_is_found_and_sized_each_way() -> None:
    rows = batch()
    finding = found(model(emily=2.0, lakisha=0.5), rows, swap_words("review", NAMES))
    named = rows.features["review"].str.contains("Emily|Lakisha")
    assert finding.estimate.n == int(named.sum())
    assert finding.estimate.value == pytest.approx(1.5)
    assert f"({named.sum()} of 300 sampled)" in finding.statement
    assert "rise by 1.5" in finding.statement or "fall by 1.5" in finding.statement
    ways, words = finding.exhibits
    assert isinstance(ways, Table)
    assert isinstance(words, Table)
    told = {row[0]: row for row in ways.rows}
    assert told["Emily → Lakisha"][2] == pytest.approx(-1.5)
    assert told["Lakisha → Emily"][2] == pytest.approx(1.5)
    emily = int(rows.features["review"].str.contains("Emily").sum())
    assert ("emily", "lakisha", emily) in words.rows


def test_a_name_that_does_not_matter_is_not_found() -> None:
    finding = found(model(emily=2.0, lakisha=0.5), batch(), swap_words("review", {"Greg": "Jamal"}))
    assert finding.estimate.value == pytest.approx(0.0)
    assert "beyond doubt" in finding.statement or "whether they move one way" in finding.statement


@pytest.mark.slow
def test_the_interval_of_a_planted_pronoun_covers() -> None:
    """What stands beside a word does not change what it does: .7 each time, in 20 samples, with noise of the names."""
    covered = 0
    for seed in range(20):
        finding = found(model(she=0.7, emily=1.0), batch(200, seed), swap_words("review"))
        low, high = finding.estimate.low, finding.estimate.high
        assert low is not None
        assert high is not None
        covered += low - 1e-6 <= 0.7 <= high + 1e-6
    assert covered >= 18


def test_pronouns_of_two_meanings_are_counted() -> None:
    rows = batch()
    texts = ["her film good", "good her", "his film good", "is his"] * 75
    finding = found(model(good=1.0), Batch(**{**vars(rows), "features": pd.DataFrame({"review": texts})}),
                    swap_words("review"))  # fmt: skip
    words = finding.exhibits[1]
    assert isinstance(words, Table)
    assert set(words.rows) == {("her", "his", 75), ("her", "him", 75), ("his", "her", 75), ("his", "hers", 75)}
    assert any("“her” becomes “his” where a noun can follow, else “him”" in n for n in finding.notes)


def test_rare_words_are_in_no_report() -> None:
    rows = batch()
    rows.features.loc[:3, "review"] = "Jamal good film"
    check = FlipTest(swap=swap_words("review", {"Jamal": "Greg", "Emily": "Lakisha"}))
    evidence = check.examine(model(emily=1.0), rows)
    sums = evidence.reduced(ak.Disclosure())
    told = json.dumps([sums.to_json(), [f.model_dump(mode="json") for f in check.assess(evidence).findings]])
    assert '["jamal", "lakisha"' not in told
    assert '["jamal", "greg"' not in told
    assert "(1 more in too few rows to be told)" in told
    fewer = evidence.reduced(ak.Disclosure(suppress_below=75))
    assert all(n >= 75 for *_, n in fewer.facts["swaps"][0]["words"])
    assert fewer.facts["swaps"][0]["rare_words"] > 1


def test_texts_that_are_missing_or_lack_the_words_are_counted_apart() -> None:
    rows = batch()
    rows.features.loc[:49, "review"] = None
    finding = found(model(emily=2.0), rows, swap_words("review", NAMES))
    named = rows.features["review"].str.contains("Emily|Lakisha", na=False)
    assert finding.estimate.n == int(named.sum())
    other = FlipTest(swap=swap_words("title", NAMES))
    (absent,) = other.assess(other.examine(model(emily=2.0), rows)).not_measured
    assert "no column 'title' of texts" in absent.why
    none = FlipTest(swap=swap_words("review", {"Zed": "Zoe"}))
    (absent,) = none.assess(none.examine(model(emily=2.0), rows)).not_measured
    assert "changes nothing that the net reads" in absent.why


def test_as_a_configuration_writes_it(tmp_path: Path) -> None:
    table = {"names": {"column": "review", "words": [["Emily", "Lakisha"]]}, "gender": {"column": "review"}}
    check = check_of("flip_test", {"swap": table}, folder=tmp_path)
    told = check.options()["swap"]
    assert told == {
        "names": {"column": "review", "words": [["Emily", "Lakisha"]]},
        "gender": {"column": "review", "words": "gender"},
    }
    assert check_of("flip_test", {"swap": told}).options()["swap"] == told
    findings = check.assess(check.examine(model(emily=2.0), batch())).findings
    assert {f.id for f in findings} >= {"robustness/flip_effect/overall/swap:names"}
