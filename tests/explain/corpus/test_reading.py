"""Statements, and what they are taken to say."""

from __future__ import annotations

from typing import Any

import pytest

from auditkit.records import ALONE, Contribution, Contributions, Estimate, Finding
from tests.explain.corpus.reading import READERS, Read, Said
from tests.explain.corpus.test_corpus import NAMED

GOES = "The net's decisions go along with sex, or with what goes with it. At 3, moving a row raises it by 1.4."
CONCEPTS: tuple[tuple[str, Said], ...] = (
    (GOES, "goes with"),
    (f"{GOES} At equal merit, 0.1 is left at 3: that it goes by more is neither shown nor ruled out.", "goes with"),
    (f"{GOES} At equal merit, 0.7 is left: the net goes by what goes with sex beyond what was declared legitimate.",
     "accuses"),
    (f"{GOES} At equal merit, hardly any is left: nothing shows that the net goes by sex beyond those.", "acquits"),
    ("The net's decisions hardly go along with sex, or with what goes with it. That is less than a tenth.", "acquits"),
    ("At none of 4 layers does it move decisions: nothing shows that they go along with it.", "acquits"),
    ("At none of 4 layers, on average; but it moves single ones: that the net does without sex is not shown.",
     "not measured"),
    ("At none of 4 layers; but none is crossed by all paths, so that of the whole net this was not measured.",
     "not measured"),
    (f"{GOES}{ALONE}", "not measured"),
)  # fmt: skip


def finding(statement: str, **told: Any) -> Finding:
    given: dict[str, Any] = {"estimate": Estimate(value=1.0, low=0.5, high=1.5), "metric": "concepts", **told}
    return Finding(
        id="explanation/x/overall/sex", concern="explanation", title="x", statement=statement, comparison="overall",
        alone=statement.endswith(ALONE), **given,
    )  # fmt: skip


@pytest.mark.parametrize(("statement", "said"), CONCEPTS)
def test_statements_about_concepts(statement: str, said: Said) -> None:
    for name in ("mlp: merit", "mlp: merit; merit declared"):
        assert READERS["Concepts"](finding(statement), NAMED[name]).said == said


def test_what_ignores_a_declaration_accuses() -> None:
    plain = finding("The net's decisions go along with sex. At 3, moving a row raises the log-odds by 1.4.")
    assert READERS["Concepts"](plain, NAMED["mlp: merit"]).said == "goes with"
    assert READERS["Concepts"](plain, NAMED["mlp: merit; merit declared"]).said == "accuses"


def test_statements_about_gaps() -> None:
    parts = Contributions(
        title="x", unit="points", total=Estimate(value=0.2), rows=(Contribution(label="a", estimate=Estimate(value=1)),)
    )

    def read(statement: str) -> Read:
        return READERS["GapAttribution"](finding(statement, exhibits=(parts,)), NAMED["mlp: proxy"])

    gap = "Of the gap of 24.1 points in mean score between m and f,"
    assert read(f"{gap} 14.0 points (95% interval 12.5 to 15.5) come through proxy and 8.0 points through b: x.") == (
        "accuses", ("proxy",), "")  # fmt: skip
    assert read(f"{gap} 1.0 point (95% interval 0.5 to 1.5) comes through proxy + copy: x.").causes == ("proxy", "copy")
    assert read(f"{gap} 9.0 points (95% interval 8.5 to 9.5) come through region 2: x.").causes == ("proxy",)
    assert read(f"{gap} no single part is established: x.").said == "not measured"
    assert read("No gap in mean score between groups of sex is established (95% interval 0.0 to 1.0).").said == "no gap"
    hides = (
        "No gap in mean score between groups of sex is established. It hides causes that cancel each other: a adds 9."
    )
    assert read(hides) == ("accuses", ("a",), "")
    assert read(f"{gap} 14.0 points (95% interval 12.5 to 15.5) come through proxy: x.{ALONE}").said == "not measured"


def test_statements_about_training_rows() -> None:
    def read(statement: str) -> Read:
        return READERS["Influence"](finding(statement), NAMED["mlp: proxy"])

    one = "Here, f rows labelled negative widen the 9-point gap most (25%); m rows labelled negative narrow it most."
    two = "Among them, f rows labelled negative (25%) and m rows labelled positive (24%) widen the gap in scores."
    assert read(one).causes == ("f negative widens", "m negative narrows")
    assert read(two).causes == ("f negative widens", "m positive widens")
    assert read("No gap in scores between groups of sex is established (0 to 3).").said == "no gap"
    assert read("No group and label of training rows pushes the gap one way beyond doubt.").said == "not measured"
    assert read(one + ALONE).said == "not measured"


def test_shares_of_decisions_that_flip() -> None:
    def read(value: float, low: float, high: float) -> Said:
        told = finding("x", metric="flip_rate", estimate=Estimate(value=value, low=low, high=high))
        return READERS["FlipTest"](told, NAMED["mlp: sex"]).said

    assert read(0.4, 0.37, 0.43) == "accuses"
    assert read(0.0, 0.0, 0.004) == "acquits"
    assert read(0.02, 0.01, 0.04) == "not measured"
