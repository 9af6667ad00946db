"""Groups whose labels say nothing alone: whatever says something of them says of what they are "yes" or "0"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.catalogue.sentences import group_words, says_nothing_alone
from auditkit.explain.all_rows import words_of
from auditkit.explain.recourse.check import Recourse
from auditkit.fairness.groups.conditional import ConditionalParity
from auditkit.inputs.mentions import GROUPS
from auditkit.records import Finding, Report, Words
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from tests.report import fixtures
from tests.report.test_answers import words

ALONE = {"tall": ("0", "1"), "curvy": ("mentioned", "not mentioned")}
NAMED = {"tall": ("ba", "bb"), "curvy": ("ca", "cb")}
"""The same groups by labels that say what they are, in the same order."""
CHECKS = (
    *("group_fairness", "scores", "gap_attribution", "flip_test", "layer_audit", "consistency"),
    *("data_profile", "impact_ratios", "net_benefit"),
)


def encoded(frame: pd.DataFrame) -> np.ndarray:
    second = [labels[1] for labels in (*ALONE.values(), *NAMED.values())]
    own = [frame[a].isin(second) for a in ALONE]
    return np.column_stack([frame[["a", "b"]], *own]).astype(np.float32)


@cache
def audited(named: bool) -> Report:
    rng = np.random.default_rng(3)
    n, labels = 700, NAMED if named else ALONE
    frame = pd.DataFrame(rng.normal(size=(n, 2)).round(6), columns=["a", "b"])
    frame["region"] = rng.choice(["north", "south"], n)
    for (a, (no, yes)), share in zip(labels.items(), (0.4, 0.5), strict=True):
        of = rng.random(n) < share
        frame["a"] += 0.7 * of
        frame[a] = np.where(of, yes, no)
    frame["y"] = (frame["a"] + rng.normal(size=n) > 0.5).astype(int)
    net = nn.Linear(4, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.5, 0.2, 0.6, -0.4]]))
        net.bias.fill_(-0.5)
    places = {name: [i] for i, name in enumerate(("a", "b", *ALONE))}
    model = ak.Model(net.eval(), preprocess=encoded, feature_map=places, outputs="logits")
    data = ak.Dataset(frame, y_true="y", sensitive_features=list(ALONE), control_features=["region"])
    checks = [*CHECKS, ConditionalParity(control=["region"]), Recourse(actionable=["a"])]
    rule = {"id": "r", "metric": "true_positive_rate", "comparison": "difference", "by": ["tall"], "at_most": 0.01}
    return ak.audit(model, data, checks=checks, policy={"rule": [rule]}, on_error="raise")


def said(f: Finding) -> Iterator[str]:
    yield from (f.statement, f.caveat, *f.notes, *(t.note for t in f.trust))
    yield from (x.title for x in f.exhibits)


def by_name(text: str) -> str:
    """The sentence as it would be with labels that say what they are."""
    for a, labels in ALONE.items():
        for alone, named in zip(labels, NAMED[a], strict=True):
            text = re.sub(rf"\b{a} = {alone}\b", named, text)
    return text


def test_every_sentence_is_that_of_labels_that_say_what_they_are() -> None:
    alone, named = audited(named=False), audited(named=True)
    assert [f.id for f in alone.findings] == [f.id for f in named.findings]
    several = 0
    for one, other in zip(alone.findings, named.findings, strict=True):
        for text, twin in zip(said(one), said(other), strict=True):
            groups = set(re.findall(r"\b[abc][ab]\b", twin))
            several += len(groups) > 1
            told = set(re.findall(r"\b[abc][ab]\b", by_name(text)))
            assert told == groups, f"{one.id}: {text}\n{twin}"
    assert several > 100, "sentences that tell two groups apart"
    for v, twin_ in zip(alone.verdicts, named.verdicts, strict=True):
        assert by_name(v.reason) == twin_.reason


def test_the_page_says_of_what_each_group_is_yes_or_no() -> None:
    page = words(render(audited(named=False)))
    assert "tall = 0" in page
    assert not re.search(r"\b(?:than|of|for|between|and|those of) (?:not mentioned|mentioned)\b(?! \w)", page)
    assert "tall = 0 &amp; curvy = mentioned" in page
    assert not re.search(
        r"\b0 &amp; |&amp; (?:not )?mentioned\b", re.sub(r"\w+ = ", "= ", page).replace("= 0 &amp; =", "")
    )


def test_words_of_the_report_stand_for_them_and_no_other_word_is_touched() -> None:
    report = audited(named=False)
    mine = Words(groups={"tall": {"0": "shorter women", "1": "tall women"}, "curvy": {"mentioned": "curvy women"}})
    page = words(render(report.model_copy(update={"words": mine})))
    assert "shorter women" in page.lower()
    assert "curvy women" in page.lower()
    assert not re.findall(r"(?:tall = |curvy = mentioned).{30}", page)


def test_a_word_for_no_stands_for_no_group_only() -> None:
    """ "No decision changes" speaks of no group."""
    report = fixtures.adult()
    f = report.findings[0].model_copy(update={"statement": "No gap; no decision of smokes = no rows changes."})
    mine = Words(groups={"smokes": {"no": "abstainers"}})
    told = retold(report.model_copy(update={"words": mine, "findings": (f,)})).findings[0]
    assert told.statement == "No gap; no decision of abstainers changes."


@pytest.mark.parametrize("label", [*GROUPS, "Yes", "NO", "true", "False", "0", "1", "-1", "2.5", "3,5"])
def test_labels_that_say_nothing_alone(label: str) -> None:
    assert says_nothing_alone(label)
    assert group_words(["a"], [label]) == f"a = {label}"


@pytest.mark.parametrize("label", ["women", "[0, 65)", "25-34", "60+", "other", "", "none at all", "1st"])
def test_labels_that_do(label: str) -> None:
    assert not says_nothing_alone(label)
    assert group_words(["a", "b"], [label, "x"]) == f"{label} & x"


def test_ranges_and_numbers_behind_their_attribute_are_told_in_words() -> None:
    """A condition of a subgroup keeps its attribute; that of a bare number is a part of the label."""
    mine = Words(groups={"age": {"60+": "older people", "1": "young people"}})
    f = fixtures.adult().findings[0].model_copy(update={"by": ("age",), "statement": "Of age = 60+ and of age = 1."})
    told = retold(fixtures.adult().model_copy(update={"words": mine, "findings": (f,)})).findings[0]
    assert told.statement == "Of age = older people and of young people."


@pytest.mark.parametrize("name", ["a\rb, no", "a\nb, no", '"x, y", no', "", ", "])
def test_a_crossing_of_odd_labels_has_a_name(name: str) -> None:
    assert words_of(["sex", "tall"], name).replace("tall = ", "").replace(" & ", ", ") == name
