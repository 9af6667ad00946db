"""How likely texts are to nets: a loop of torch's cross_entropy, and the losses of transformers, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.errors import ForwardError, ModelError
from auditkit.inputs import likelihood
from auditkit.inputs.likelihood import Asked

WORDS, MASK = 40, 39


class Recurrent(nn.Module):
    """Logits that depend on what stands before, or on all, where it reads both ways."""

    def __init__(self, *, both: bool) -> None:
        super().__init__()
        self.embed, self.drop = nn.Embedding(WORDS, 8), nn.Dropout(0.5)
        self.read = nn.GRU(8, 8, batch_first=True, bidirectional=both)
        self.out = nn.Linear(16 if both else 8, WORDS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.drop(self.read(self.embed(x))[0]))


def texts(n: int = 20, seed: int = 0) -> list[tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    return [tuple(int(x) for x in rng.integers(0, MASK, rng.integers(2, 9))) for _ in range(n)]


def whole(ids: tuple[int, ...]) -> Asked:
    return Asked(ids, tuple(range(1, len(ids))))


@torch.no_grad()
def test_a_causal_net_is_summed_as_a_loop_of_cross_entropy() -> None:
    torch.manual_seed(0)
    net = Recurrent(both=False).train()
    found = likelihood.causal(net, [whole(t) for t in texts()])
    assert net.training
    assert net.drop.training
    net.eval()
    for ids, total in zip(texts(), found, strict=True):
        twin = 0.0
        for t in range(1, len(ids)):
            logits = net(torch.tensor([ids[:t]]))[0, -1]
            twin -= float(nn.functional.cross_entropy(logits[None], torch.tensor([ids[t]])))
        assert total == pytest.approx(twin, abs=1e-5)


@torch.no_grad()
def test_a_masked_net_is_asked_a_token_at_a_time() -> None:
    torch.manual_seed(0)
    net = Recurrent(both=True).eval()
    asked = [Asked(t, tuple(range(0, len(t), 2))) for t in texts()]
    found = likelihood.masked(net, asked, MASK)
    for a, total in zip(asked, found, strict=True):
        twin = 0.0
        for t in a.scored:
            hidden = torch.tensor([*a.ids[:t], MASK, *a.ids[t + 1 :]])
            twin -= float(nn.functional.cross_entropy(net(hidden[None])[0, t][None], torch.tensor([a.ids[t]])))
        assert total == pytest.approx(twin, abs=1e-5)


def configured(kind: str) -> Any:
    """A tiny net of transformers, built from its configuration: nothing is downloaded."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: `make examples` does")
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(vocab_size=WORDS, n_positions=16, n_embd=16, n_layer=2, n_head=2)
        return transformers.GPT2LMHeadModel(config)
    config = transformers.BertConfig(
        vocab_size=WORDS, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    return transformers.BertForMaskedLM(config)


@torch.no_grad()
def test_a_gpt2_is_as_likely_as_its_own_loss_says() -> None:
    net = configured("gpt2").eval()
    found = likelihood.causal(net, [whole(t) for t in texts()])
    for ids, total in zip(texts(), found, strict=True):
        x = torch.tensor([ids])
        assert total == pytest.approx(-float(net(x, labels=x).loss) * (len(ids) - 1), abs=1e-4)


@torch.no_grad()
def test_a_bert_is_as_likely_as_its_own_loss_says() -> None:
    net = configured("bert").eval()
    asked = [Asked(t, tuple(range(len(t)))) for t in texts(6)]
    for a, total in zip(asked, likelihood.masked(net, asked, MASK), strict=True):
        twin = 0.0
        for t in a.scored:
            hidden, labels = torch.tensor([a.ids]), torch.full((1, len(a.ids)), -100)
            labels[0, t], hidden[0, t] = a.ids[t], MASK
            twin -= float(net(hidden, labels=labels).loss)
        assert total == pytest.approx(twin, abs=1e-4)


def test_one_pass_or_many_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Recurrent(both=False)
    asked = [whole(t) for t in texts(60)]
    found = likelihood.causal(net, asked)
    monkeypatch.setattr(likelihood, "MOST_LOGITS", 1)
    assert likelihood.causal(net, asked) == pytest.approx(found, abs=1e-5)


def test_shared_tokens_are_those_of_both_texts_in_order() -> None:
    a, b = ["the", "old", "nurse", "is", "slow"], ["the", "young", "nurse", "is", "slow", "too"]
    code = {w: i for i, w in enumerate([*a, *b])}
    first, second = likelihood.shared_positions(tuple(code[w] for w in a), tuple(code[w] for w in b))
    assert [a[i] for i in first] == [b[j] for j in second] == ["the", "nurse", "is", "slow"]


class Fixed(nn.Module):
    def __init__(self, out: Any) -> None:
        super().__init__()
        self.given = out

    def forward(self, x: Tensor) -> Any:
        return self.given(x)


@pytest.mark.parametrize(
    ("out", "says"),
    [
        (lambda x: x.float(), r"gives logits \(B, T, V\)"),
        (lambda x: torch.zeros(1, 1, WORDS), r"gives logits \(B, T, V\)"),
        (lambda x: "a", r"gives logits \(B, T, V\).*str"),
        (lambda x: torch.full((*x.shape, WORDS), torch.nan), "NaN or infinite"),
        (lambda x: 1 / 0, "the net fails on ids of shape"),
    ],
)
def test_a_net_that_gives_something_else_is_told(out: Any, says: str) -> None:
    with pytest.raises(ForwardError, match=says):
        likelihood.causal(Fixed(out), [whole((1, 2, 3))])


def test_a_tokenizer_of_another_net_is_told() -> None:
    with pytest.raises(ModelError, match="the net knows 40 tokens: they are not of one model"):
        likelihood.causal(Fixed(lambda x: torch.zeros(*x.shape, WORDS)), [whole((1, 2, 90))])
    with pytest.raises(ModelError, match="gives no ids for 'a'"):
        likelihood.tokens_of(lambda text: [], "a")
    with pytest.raises(ForwardError, match="the tokenizer fails on 'a': KeyError"):
        likelihood.tokens_of(lambda text: {}[text], "a")
    assert likelihood.tokens_of(lambda text: {"input_ids": [5, 6]}, "a") == (5, 6)
