"""Every check against the corpus: no false acquittal, two false convictions at most, four of five questions told."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.explain.corpus.cases import cases
from tests.explain.corpus.questions import question
from tests.explain.corpus.reading import Read, Said, quantities
from tests.explain.corpus.scoring import CHECKS, Row, Score, scored, shortfalls, summary
from tests.explain.corpus.test_corpus import NAMED

MLP = {cause: NAMED[f"mlp: {cause}"] for cause in ("sex", "proxy", "merit", "nothing")}
XOR, COPY = NAMED["mlp: sex by interaction alone"], NAMED["mlp: a proxy and its copy"]
DECLARED, BOTH = NAMED["mlp: merit; merit declared"], NAMED["mlp: proxy and merit; merit declared"]
USE: tuple[tuple[str, Said, Score], ...] = (
    ("mlp: sex", "accuses", "right"),
    ("mlp: sex", "goes with", "right"),
    ("mlp: sex", "acquits", "false acquittal"),
    ("mlp: sex", "no gap", "false acquittal"),
    ("mlp: merit", "accuses", "false conviction"),
    ("mlp: merit", "goes with", "right"),
    ("mlp: merit", "acquits", "false acquittal"),
    ("mlp: merit; merit declared", "accuses", "false conviction"),
    ("mlp: merit; merit declared", "goes with", "not measured"),
    ("mlp: merit; merit declared", "acquits", "right"),
    ("mlp: merit; merit declared", "no gap", "false acquittal"),
    ("mlp: proxy and merit; merit declared", "accuses", "right"),
    ("mlp: proxy and merit; merit declared", "goes with", "not measured"),
    ("mlp: proxy and merit; merit declared", "acquits", "false acquittal"),
    ("mlp: nothing", "accuses", "false conviction"),
    ("mlp: nothing", "goes with", "false conviction"),
    ("mlp: nothing", "acquits", "right"),
    ("mlp: nothing", "no gap", "right"),
    ("mlp: sex by interaction alone", "no gap", "not measured"),
    ("mlp: sex by interaction alone", "acquits", "false acquittal"),
)


@pytest.mark.parametrize(("name", "said", "score"), USE)
def test_answers_about_use(name: str, said: Said, score: Score) -> None:
    for check in ("LayerAudit", "Concepts"):
        asked = question(check, NAMED[name])
        assert asked is not None
        assert asked.score(Read(said)) == score
        assert asked.score(Read("not measured")) == "not measured"


def test_answers_about_causes() -> None:
    def score(check: str, name: str, said: Said, *causes: str) -> Score:
        asked = question(check, NAMED[name])
        assert asked is not None
        return asked.score(Read(said, causes))

    assert score("GapAttribution", "mlp: proxy", "accuses", "proxy") == "right"
    assert score("GapAttribution", "mlp: proxy", "accuses", "merit") == "false conviction"
    assert score("GapAttribution", "mlp: proxy", "no gap") == "false acquittal"
    assert score("GapAttribution", "mlp: nothing", "accuses", "a") == "false conviction"
    assert score("GapAttribution", COPY.name, "accuses", "proxy") == "false conviction"
    assert score("GapAttribution", COPY.name, "accuses", *quantities("copy + proxy")) == "right"
    assert score("Influence", "mlp: sex", "accuses", "f negative widens") == "right"
    assert score("Influence", "mlp: sex", "accuses", "f negative widens", "f positive widens") == "false conviction"
    assert score("Influence", "mlp: nothing", "accuses", "f negative widens") == "false conviction"
    assert score("Influence", "mlp: sex", "no gap") == "false acquittal"
    assert score("FlipTest", "mlp: sex", "acquits") == "false acquittal"
    assert score("FlipTest", "mlp: merit", "accuses", "sex") == "false conviction"


def test_questions_that_do_not_apply() -> None:
    assert question("FlipTest", NAMED["cnn: sex"]) is None
    assert question("FlipTest", NAMED["mlp: proxy, sex is no input"]) is None
    assert question("Influence", DECLARED) is None
    asked = Counter(check for case in cases() for check in CHECKS if question(check, case) is not None)
    assert min(asked.values()) >= 40


def test_what_falls_short_is_told() -> None:
    def rows(*scores: Score) -> list[Row]:
        return [Row("net", "LayerAudit", "", "", "", s, "") for s in scores]

    assert shortfalls(rows(*["right"] * 8, "not measured", "not measured", *["not applicable"] * 5)) == []
    assert shortfalls(rows(*["right"] * 7, *["not measured"] * 2)) == ["LayerAudit: 2 of 9 not measured"]
    assert shortfalls(rows(*["right"] * 9, "false acquittal")) == ["LayerAudit: 1 false acquittals"]
    assert shortfalls(rows(*["right"] * 9, *["false conviction"] * 2)) == []
    assert shortfalls(rows(*["right"] * 9, *["false conviction"] * 3)) == ["LayerAudit: 3 false convictions"]


@pytest.mark.parametrize("name", ["mlp: sex", "mlp: nothing"])
def test_a_few_nets(name: str) -> None:
    wrong = [row for row in scored(NAMED[name]) if row.score != "right"]
    assert wrong == []


@pytest.mark.slow
def test_all_nets() -> None:
    rows = [row for case in cases() for row in scored(case)]
    assert {row.check: row.question for row in rows}.keys() == set(CHECKS)
    assert shortfalls(rows) == [], summary(rows)
