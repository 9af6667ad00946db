"""The corpus against brute force: what is said of each net to be true is so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.explain.corpus.cases import CAUSES, CROSSED, Case, cases
from tests.explain.corpus.questions import UNSETTLED, pushes_of, question
from tests.explain.corpus.training import gap, scores
from tests.explain.corpus.truths import Moved, Seen, contradictions, pushes, seen

QUICK = (
    "mlp: sex", "mlp: merit", "mlp: merit; merit declared", "mlp: nothing", "wide and deep: proxy", "embeddings: proxy",
    "mlp: sex by interaction alone", "mlp: noise in women's labels", "mlp: a proxy and its copy",
    "wide and deep: sex, false trail",
)  # fmt: skip
NAMED = {case.name: case for case in cases()}
KNOWN = ("linear: sex, a in other units",)
QUIET = 0.003
"""A push below which retraining says nothing of its sign."""


def test_what_there_is() -> None:
    assert len({case.net.name for case in cases()}) >= 40
    assert len(NAMED) == len(cases())
    for architecture in CROSSED:
        for cause in CAUSES:
            assert f"{architecture}: {cause}" in NAMED
        assert f"{architecture}: merit; merit declared" in NAMED


@pytest.mark.parametrize("name", QUICK)
def test_labels_are_what_brute_force_shows(name: str) -> None:
    assert contradictions(NAMED[name]) == []


@pytest.mark.slow_one_in(4)
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMED if name not in QUICK])
def test_all_labels_are_what_brute_force_shows(name: str) -> None:
    assert contradictions(NAMED[name]) == []


def test_a_wrong_label_is_seen() -> None:
    """Each label the other way round is contradicted."""
    sex, none, merit = (NAMED[f"mlp: {cause}"] for cause in ("sex", "nothing", "merit"))
    assert contradictions(Case(sex.net, "proxy")) != []
    assert contradictions(Case(sex.net, "")) != []
    assert contradictions(Case(none.net, "merit")) != []
    assert contradictions(Case(merit.net, "merit")) == []
    found = seen(merit.net)
    assert found.moved["merit"].scores > 0.2 > 0.01 > found.moved["proxy"].given


def test_a_net_and_its_truth_are_the_same_twice() -> None:
    net = NAMED["mlp: sex"].net
    state = torch.random.get_rng_state()
    again = net.trained()
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(net.module.parameters(), again.parameters(), strict=True))
    (frame, _), (other, _) = net.audited, net.world.drawn(len(net.audited[0]), f"{net.name}: audited")
    assert frame.equals(other)


def test_labels_are_drawn_with_their_chances() -> None:
    """Labels follow the world: chance alone leaves no gap where there is none."""
    for cause in CAUSES:
        frame, y = NAMED[f"mlp: {cause}"].net.world.drawn(20_000, "labels")
        rates = gap(y.astype(float), frame["sex"])
        assert abs(rates) > 0.12 if cause != "nothing" else abs(rates) < 0.015
        assert 0.4 < y.mean() < 0.6


def test_brute_force_of_a_net_that_is_known() -> None:
    """A linear net, whose moves have a closed form."""

    class Known(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x[:, :1] - 1

    net = NAMED["mlp: sex"].net
    fresh = type(net)("known", "mlp", net.world)
    fresh.__dict__["module"] = Known().eval()
    found = seen(fresh)
    high, low = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))
    assert found.gap == pytest.approx(high - low)
    assert found.flips == 1.0
    assert found.moved["sex"].scores == pytest.approx((high - low) / 2, abs=0.01)
    assert found.moved["sex"].gap == pytest.approx(high - low, abs=0.02)
    assert found.moved["proxy"] == Moved(0.0, 0.0, 0.0)
    assert isinstance(found, Seen)


@pytest.mark.parametrize("name", KNOWN)
def test_training_rows_push_as_labelled(name: str) -> None:
    _pushes_as_labelled(NAMED[name])


@pytest.mark.slow_one_in(4)
@pytest.mark.slow
@pytest.mark.parametrize("name", [case.name for case in cases() if case.first and case.through])
def test_all_training_rows_push_as_labelled(name: str) -> None:
    _pushes_as_labelled(NAMED[name])


def _pushes_as_labelled(case: Case) -> None:
    asked = question("Influence", case)
    assert asked is not None
    assert asked.truth == pushes_of(case)
    for cell, push in pushes(case.net).items():
        settled = cell not in UNSETTLED.get(case.name, ())
        assert (f"{cell} {'widens' if push > 0 else 'narrows'}" in asked.truth) == settled, (cell, push)
        assert abs(push) > QUIET or not settled, (cell, push)


def test_scores_are_those_of_the_net() -> None:
    net = NAMED["mlp: sex"].net
    x = net.encode(net.audited[0])
    with torch.no_grad():
        by_hand = 1 / (1 + np.exp(-net.module(torch.tensor(x)).numpy()[:, 0].astype(float)))
    assert scores(net.module, x) == pytest.approx(by_hand, abs=1e-6)
