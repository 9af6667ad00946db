"""Words of texts: contributions are Captum's, summed by word; planted words are found and sized; rare ones stay out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import LayerIntegratedGradients
from scipy import stats
from torch import Tensor, nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.errors import ModelError
from auditkit.evidence.sums import Weights
from auditkit.explain.cases.local import explain
from auditkit.explain.gaps.sums import Units
from auditkit.explain.preflight import examined
from auditkit.explain.words.check import WordAttribution
from auditkit.explain.words.study import texts_explained
from auditkit.explain.words.sums import OTHER, WordSums, as_one, difference
from auditkit.records import Contributions, Finding, Table
from auditkit.report.html.page import render
from auditkit.verifying import verify
from tests.helpers import run_cli
from tests.inputs.test_texts import hugging_face

WORDS = ["the", "a", "film", "plot", "was", "is", "very", "good", "bad", "lovely", "awful", "she", "he"]
LENGTH = 14


def split(text: str) -> list[tuple[int, int, int]]:
    """Words, of which those that end in -ly are two pieces; ids from 3, what is not known is 1."""
    out, k = [], 0
    for word in text.split():
        a = text.index(word, k)
        k, low = a + len(word), word.lower()
        own = 3 + WORDS.index(low) if low in WORDS else 1
        out += [(own, a, k - 2), (2, k - 2, k)] if low.endswith("ly") else [(own, a, k)]
    return out


class Gru(nn.Module):
    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.e = nn.Embedding(20, 6, padding_idx=0)
        self.g = nn.GRU(6, 8, batch_first=True)
        self.o = nn.Linear(8, outputs)

    def forward(self, ids: Tensor) -> Tensor:
        return self.o(self.g(self.e(ids))[0].mean(1))


class Bag(nn.Module):
    """The sum of the weights of its ids."""

    def __init__(self, **weights: float) -> None:
        super().__init__()
        self.e = nn.Embedding(20, 1, padding_idx=0)
        with torch.no_grad():
            self.e.weight.zero_()
            for word, weight in weights.items():
                self.e.weight[3 + WORDS.index(word)] = weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.e(ids).sum(1)


def texts(n: int, seed: int = 0, *, f: float = 0.6, m: float = 0.1) -> pd.DataFrame:
    """Texts of women and men, in which “lovely” stands with these chances, and “Bad” with the same of .3."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    out = []
    for s in sex:
        words = [*rng.choice(WORDS[:7], rng.integers(3, 8))]
        words += ["lovely"] * (rng.random() < (f if s == "f" else m)) + ["Bad"] * (rng.random() < 0.3)
        out.append(" ".join(words))
    return pd.DataFrame({"review": out, "sex": sex})


def batch(frame: pd.DataFrame, task: Any = "binary", **more: Any) -> Batch:
    n = len(frame)
    return Batch(
        features=frame[["review"]], groups=frame[["sex"]].astype("category"), y_true=np.zeros(n, np.int8),
        y_pred=np.zeros(n, np.int8), task=task, **more,
    )  # fmt: skip


def model(net: nn.Module, task: Any = "binary", **options: Any) -> ak.Model:
    said = {} if task == "regression" else {"outputs": "logits"}
    return ak.Model(net, task=task, feature_map=ak.tokens(split, length=LENGTH), **said, **options)


def found(net: nn.Module, rows: Batch, **options: Any) -> tuple[Finding, ...]:
    check = WordAttribution(**options)
    return check.assess(check.examine(model(net, rows.task), rows)).findings


def test_contributions_are_captums_on_the_embedding_summed_by_word() -> None:
    frame = texts(12)[["review"]]
    net = Gru().eval()
    own = model(net)
    ids = own.encode(frame)
    assert isinstance(ids, Tensor)
    captum = LayerIntegratedGradients(lambda i: net(i)[:, 0], net.e)
    phi = captum.attribute(ids, baselines=torch.zeros_like(ids), n_steps=128).sum(2).detach().numpy()
    with examined(own, frame):
        seen = texts_explained(own, frame, None, scale="decision")
    told = explain(own, frame, background=frame, progress=False)
    for i, text in enumerate(frame["review"]):
        expected, at = [], 0
        for word in text.split():
            width = 1 + word.lower().endswith("ly")
            expected.append(phi[i, at : at + width].sum())
            at += width
        assert seen.readings[i].words == text.split()
        np.testing.assert_allclose(seen.phi[i], expected, atol=1e-5)
        words = [w for w in told.words[i] if not w[0].startswith("(")]
        assert [w for w, _ in words] == text.split()
        np.testing.assert_allclose([v for _, v in words], expected, atol=1e-5)
        assert sum(v for _, v in told.words[i]) == pytest.approx(told.frame["review"].iloc[i], abs=1e-6)
    assert (seen.epsilon < 0.05).all()


@pytest.mark.parametrize("scale", ["decision", "score"])
def test_words_and_what_is_none_add_up_to_the_score(scale: Any) -> None:
    frame = texts(60)[["review"]]
    frame.loc[0, "review"], frame.loc[1, "review"] = None, ""

    def added(text: str) -> list[tuple[int, int, int]]:
        return [(18, 0, 0), *split(text), (19, len(text), len(text))]

    own = ak.Model(Gru(), feature_map=ak.tokens(added, length=LENGTH), outputs="logits")
    with examined(own, frame):
        seen = texts_explained(own, frame, None, scale=scale)
        nothing = own.decision(torch.zeros(1, LENGTH, dtype=torch.long)).detach()
    start = float(nothing if scale == "decision" else torch.sigmoid(nothing))
    total = np.array([p.sum() for p in seen.phi]) + seen.beside["(special tokens)"]
    np.testing.assert_allclose(total + start, seen.score, atol=1e-4)
    assert "(padding)" not in seen.beside  # from padding to padding nothing moves
    assert seen.notes[0] == "1 of 60 texts are missing, and have no words"
    assert seen.notes[1] == "1 of 60 texts are empty"


def test_a_planted_word_is_found_and_sized() -> None:
    overall, gap = found(Bag(lovely=2.0, bad=-3.0), batch(texts(600), "regression"))
    table = overall.exhibits[0]
    assert isinstance(table, Table)
    effects = {row[0]: row[2] for row in table.rows}
    assert effects["Bad"] == pytest.approx(-3.0)
    assert effects["lovely"] == pytest.approx(2.0)
    assert effects["the"] == pytest.approx(0.0)
    assert "“Bad” most surely lowers the score where it stands, by 3" in overall.statement
    assert "come through “lovely”" in gap.statement
    assert "“Bad”" not in gap.statement
    (parts,) = gap.exhibits
    assert isinstance(parts, Contributions)
    assert sum(row.estimate.value or 0.0 for row in parts.rows) == pytest.approx(parts.total.value, abs=1e-9)


class Turned(Bag):
    """The same, its sign turned by the first word: no word moves scores one way."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids) * (1.0 - 2.0 * (ids[:, :1] % 2))


def test_that_no_word_stands_out_says_what_could_have_gone_unseen() -> None:
    overall, _ = found(Turned(lovely=2.0, bad=-3.0), batch(texts(400), "regression"))
    assert "none moves the score one way beyond doubt" in overall.statement
    told = re.search(r"a mean contribution below ([\d.]+) could have gone unseen", overall.statement)
    assert told is not None
    table = overall.exhibits[0]
    assert isinstance(table, Table)
    ends = [abs(float(x)) for row in table.rows for x in row[3:5] if x is not None]  # of one word each, not of all
    assert max(ends) < float(told[1]) < 2 * max(ends)


def test_no_gap_is_made_of_words_where_there_is_none() -> None:
    _, gap = found(Bag(bad=-3.0), batch(texts(400, f=0.3, m=0.3), "regression"))
    assert "no gap" in gap.statement.lower()
    assert "could have gone unseen" in gap.statement or "in the sample" in gap.statement


@pytest.mark.slow
def test_the_interval_of_a_planted_word_covers() -> None:
    """The part of a word in a bag is weight × difference of its shares: 2 (.6 − .1) = 1, in 20 samples."""
    covered, named, innocent = 0, 0, 0
    for seed in range(20):
        _, gap = found(Bag(lovely=2.0, bad=-3.0), batch(texts(300, seed), "regression"))
        (parts,) = gap.exhibits
        assert isinstance(parts, Contributions)
        own = {row.label: row.estimate for row in parts.rows}
        covered += own["“lovely”"].low <= 1.0 <= own["“lovely”"].high
        innocent += "“Bad”" not in own or own["“Bad”"].low <= 0.0 <= own["“Bad”"].high  # one of exactly 0 is no row
        named += "through “lovely”" in gap.statement
    assert covered >= 17
    assert innocent >= 17
    assert named >= 18


def test_weights_and_copies_count() -> None:
    frame = texts(200)
    twice = pd.concat([frame, frame], ignore_index=True)
    weighted, doubled = (
        found(Bag(lovely=2.0), b)[0]
        for b in (batch(frame, "regression", weight=np.full(200, 2.0)), batch(twice, "regression"))
    )
    assert weighted.estimate.value == pytest.approx(doubled.estimate.value)


def test_rare_words_are_in_no_report() -> None:
    frame = texts(400)
    rows = frame.index[frame["sex"] == "f"][:9]
    frame.loc[rows, "review"] += " Zebedee"
    check = WordAttribution()
    evidence = check.examine(model(Gru()), batch(frame))
    told = json.dumps([evidence.to_json(), [f.model_dump(mode="json") for f in check.assess(evidence).findings]])
    assert "zebedee" not in told.lower()
    frame.loc[frame.index[-1], "review"] += " Zebedee"
    assert "Zebedee" in check.examine(model(Gru()), batch(frame)).words


def test_words_of_one_person_are_in_no_report() -> None:
    frame = texts(400)
    frame.loc[:29, "review"] += " Zebedee"
    cluster = np.array([f"p{max(i, 29)}" for i in range(400)], dtype=object)
    assert "Zebedee" not in WordAttribution().examine(model(Gru()), batch(frame, cluster=cluster)).words


def test_reduced_evidence_tells_fewer_words_and_the_same_gap() -> None:
    check = WordAttribution()
    evidence = check.examine(model(Gru()), batch(texts(300)))
    few = min(evidence.words.values(), key=lambda m: m.n).n + 1
    reduced = evidence.reduced(ak.Disclosure(suppress_below=few))
    assert set(reduced.words) < set(evidence.words)
    before, after = (check.assess(e).findings[1].exhibits[0] for e in (evidence, reduced))
    assert isinstance(before, Contributions)
    assert isinstance(after, Contributions)
    assert before.total.value == pytest.approx(after.total.value)
    assert OTHER in {n for u in reduced.units["sex"].values() for n in u.names}


def test_evidence_comes_back_from_json() -> None:
    check = WordAttribution()
    evidence = check.examine(model(Gru()), batch(texts(300)))
    back = WordSums.from_json(json.loads(json.dumps(evidence.to_json())))
    assert check.assess(back) == check.assess(WordSums.from_json(back.to_json()))
    for one, two in zip(check.assess(evidence).findings, check.assess(back).findings, strict=True):
        assert one.statement == two.statement


def test_a_difference_of_two_groups_is_welchs() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, (40, 3)), rng.normal(0, 1, (25, 3))
    one, two = (Units.of(("x", "y"), [x], np.ones(len(x))) for x in (a, b))
    both = difference(one, two)
    expected = stats.ttest_ind(a[:, 2], b[:, 2], equal_var=False)
    np.testing.assert_allclose(both.mean, a.mean(0) - b.mean(0))
    np.testing.assert_allclose(both.covariance, np.cov(a.T) / 40 + np.cov(b.T) / 25)
    assert both.effective_n - 1 == pytest.approx(expected.df)


def test_parts_as_one_are_those_of_the_sum() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(30, 4)), Weights(rng.uniform(1, 2, 30))
    merged = as_one(Units.of(("a", "b", "rest"), [x], w), {"a"}, "rest")
    expected = Units.of(("rest", "b"), [np.column_stack([x[:, 0] + x[:, 2], x[:, 1], x[:, 3]])], w)
    assert merged.names == expected.names
    np.testing.assert_allclose(merged.covariance, expected.covariance)
    np.testing.assert_allclose(merged.mean, expected.mean)


def test_words_of_strangers_are_escaped_and_long_ones_are_not_told() -> None:
    frame = texts(200).assign(y=np.random.default_rng(0).integers(0, 2, 200))
    long = "x" * 61
    frame["review"] = "<b>film " + frame["review"] + f" {long}"

    def pieces(text: str) -> list[tuple[int, int, int]]:
        return [(4, 0, 7) if a == 0 else (i, a, b) for i, a, b in split(text)]

    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    own = ak.Model(Gru(), feature_map=ak.tokens(pieces, length=LENGTH + 4, column="review"), outputs="logits")
    report = ak.audit(own, data, checks=["word_attribution"], progress=False)
    page = render(report)
    assert "b&gt;film" in page  # a piece over two words joins them
    assert "b>film" not in page
    assert long not in page + report.model_dump_json()


def absent(own: ak.Model, rows: Batch) -> str:
    check = WordAttribution()
    found = check.assess(check.examine(own, rows))
    assert not found.findings
    (only,) = found.not_measured
    assert "\n" not in only.why
    return only.why


def test_what_cannot_be_explained_is_a_reason() -> None:
    rows = batch(texts(100))
    encode = ak.tokens(split, length=LENGTH)
    plain = ak.Model(Gru(), preprocess=encode, outputs="logits")
    assert "pass Model(feature_map=ak.tokens(tokenizer))" in absent(plain, rows)
    other = ak.Model(Gru(), preprocess=encode, feature_map=ak.tokens(lambda t: [(99, 0, len(t))]), outputs="logits")
    assert "not those of the tokenizer, in 100 of 100 texts" in absent(other, rows)

    class OneHot(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e = nn.Embedding(2, 2)  # of nothing that the text holds
            self.o = nn.Linear(20, 1)

        def forward(self, ids: Tensor) -> Tensor:
            return self.o(nn.functional.one_hot(ids, 20).float().sum(1))

    why = absent(ak.Model(OneHot(), feature_map=encode, outputs="logits"), rows)
    assert "gradient" in why or "embedding" in why


def test_a_tokenizer_that_fails_is_one_clear_line() -> None:
    bad = ak.Model(Gru(), feature_map=ak.tokens(lambda t: [3, 4]), outputs="logits")
    with pytest.raises(ModelError, match="without offsets"):
        bad.predict(texts(5)[["review"]])


def test_cut_and_unknown_pieces_are_told() -> None:
    frame = texts(60)
    frame.loc[0, "review"] = "good " * 20
    frame.loc[1, "review"] = "xyzzy film"
    own = ak.Model(Gru(), feature_map=ak.tokens(split, length=LENGTH, unknown=1), outputs="logits")
    check = WordAttribution()
    notes = check.assess(check.examine(own, batch(frame))).findings[0].notes
    assert "1 of 60 texts are cut: the net is not given all of their pieces" in notes
    assert any(n.startswith("1 pieces of ") and "unknown to the tokenizer" in n for n in notes)


def test_several_classes_and_other_columns() -> None:
    frame = texts(200)
    classes = batch(frame, "multiclass", classes=("x", "y", "z"))
    net = ak.Model(Gru(3), task="multiclass", feature_map=ak.tokens(split, length=LENGTH), outputs="logits")
    check = WordAttribution(label="y")
    seen = check.assess(check.examine(net, classes)).findings
    assert [f.id for f in seen] == [
        "explanation/word_effect/overall[y]", "explanation/word_gap[mean_score]/difference/sex[y]",
    ]  # fmt: skip
    assert all(t.passed for f in seen for t in f.trust)

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text, self.o = Gru(), nn.Linear(1, 1)

        def forward(self, ids: Tensor, age: Tensor) -> Tensor:
            return self.text(ids) + self.o(age)

    encode = ak.tokens(split, length=LENGTH, column="review")
    two = ak.Model(
        Both(), preprocess=lambda r: {"ids": encode(r), "age": r[["age"]].to_numpy("float32")},
        feature_map={"ids": encode, "age": {"age": [0]}}, outputs="logits",
    )  # fmt: skip
    aged = replace(batch(frame), features=frame[["review"]].assign(age=np.arange(200.0) / 100))
    evidence = WordAttribution().examine(two, aged)
    assert "(other columns)" in evidence.units["sex"]["f"].names
    assert WordAttribution().assess(evidence).findings[1].trust[0].passed


def test_a_net_of_transformers_by_its_own_tokenizer() -> None:
    transformers = pytest.importorskip("transformers")
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=hugging_face(), **names)
    config = transformers.BertConfig(
        vocab_size=60, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=32,
    )  # fmt: skip
    net = transformers.BertForSequenceClassification(config)
    own = ak.Model(net, feature_map=ak.tokens(fast, length=24), outputs="logits")
    overall, gap = WordAttribution().assess(WordAttribution().examine(own, batch(texts(80)))).findings
    assert all(t.passed for f in (overall, gap) for t in f.trust)
    assert "lovely" in {row[0] for row in overall.exhibits[0].rows}  # type: ignore[union-attr]


def test_cases_show_the_words_in_reading_order() -> None:
    frame = texts(200).assign(y=np.random.default_rng(0).integers(0, 2, 200))
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    own = ak.Model(
        Bag(lovely=2.0, bad=-3.0), feature_map=ak.tokens(split, length=LENGTH, column="review"), outputs="logits"
    )
    report = ak.audit(own, data, checks=["examples"], progress=False)
    told = [c for f in report.findings for x in f.exhibits for c in getattr(x, "cases", ())]
    assert told
    for case in told:
        assert " ".join(w for w, _ in case.tokens) in set(frame["review"])
        assert dict(case.tokens).get("Bad", -3.0) == pytest.approx(-3.0, rel=1e-4)


FACTORY = """
import torch
from torch import nn

import auditkit as ak

WORDS = "the a film plot was is very good bad lovely awful she he".split()


def split(text):
    out, k = [], 0
    for word in text.split():
        a = text.index(word, k)
        k = a + len(word)
        out.append((3 + WORDS.index(word.lower()), a, k))
    return out


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(20, 1, padding_idx=0)
        with torch.no_grad():
            self.e.weight.zero_()
            self.e.weight[12], self.e.weight[11] = 2.0, -3.0  # lovely, bad

    def forward(self, ids):
        return self.e(ids).sum(1)


def build():
    return ak.Model(Bag(), feature_map=ak.tokens(split, length=14, column="review"), outputs="logits")
"""


def test_by_configuration_command_line_and_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "readers_of_texts.py").write_text(FACTORY)
    frame = texts(300).assign(y=np.random.default_rng(0).integers(0, 2, 300))
    frame.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "auditkit.toml").write_text(
        """
        [model]
        factory = "readers_of_texts:build"
        outputs = "logits"
        [data]
        path = "rows.parquet"
        y_true = "y"
        sensitive_features = ["sex", { blame = { column = "review", words = ["bad", "awful"] } }]
        [[check]]
        name = "group_fairness"
        [[check]]
        name = "word_attribution"
        [[check]]
        name = "flip_test"
        swap = { praise = { column = "review", words = { lovely = "bad" } } }
        [[rule]]
        id = "blame"
        metric = "selection_rate"
        comparison = "difference"
        by = ["blame"]
        at_most = 0.05
        """
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # a column of texts is no path
    status, out, err = run_cli(["run", "../auditkit.toml", "--name", "texts"])
    assert status == 1, out + err
    stored = tmp_path / "elsewhere" / "reports" / "texts.json"
    report = ak.Report.load(stored)
    told = {f.id: f.statement for f in report.findings}
    assert "through “lovely”" in told["explanation/word_gap[mean_score]/difference/sex"]
    assert "“Bad”" in told["explanation/word_effect/overall"]
    assert "where only lovely → bad is done" in told["robustness/flip_effect/overall/swap:praise"]
    assert not report.not_measured
    assert verify(report).agrees
    status, out, err = run_cli(["gate", str(stored), "--policy", "../auditkit.toml"])
    assert status == 1, out + err


def test_an_audit_of_texts_asks_for_words_unless_it_is_told() -> None:
    frame = texts(80).assign(y=np.linspace(0, 1, 80))
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"], task="regression")
    own = ak.Model(Bag(lovely=2.0), task="regression", feature_map=ak.tokens(split, length=LENGTH, column="review"))
    assert "word_attribution" in ak.audit(own, data, progress=False).evidence
