"""What would help, on the page. Truths: policies that one remedy meets, several, or none, by planted data; by hand."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import auditkit as ak
from auditkit.records import Frontier, Remedies, Remedy, RemedyAnswer, Report
from auditkit.report.html import remedies
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from tests.report import samples
from tests.report.fixtures import HOSTILE
from tests.report.scripts import without_ours


def rows(n: int, base: tuple[float, float], shift: float, *, apart: float = 3.0, seed: int = 0) -> pd.DataFrame:
    """Two sexes with these base rates, whose log-odds lie `shift` apart at equal truth."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    y = (rng.random(n) < np.where(sex == "f", *base)).astype(int)
    s = np.round(expit(rng.normal(apart * (y - 0.5) + shift * (np.where(sex == "m", 0.5, -0.5)), 1)), 4)
    return pd.DataFrame({"sex": sex, "y": y, "s": s, "p": (s >= 0.5).astype(int)})


def audited(r: pd.DataFrame, *rules: dict[str, Any], **more: Any) -> Report:
    given = ak.Dataset(r, y_true="y", positive=1, sensitive_features=["sex"])
    policy = {"rule": [{"id": f"r{i}", "by": ["sex"], **rule} for i, rule in enumerate(rules)]} if rules else None
    checks = ["group_fairness", "scores"]
    return ak.audit(ak.Predictions("p", "s"), given, checks=checks, policy=policy, on_error="raise", **more)


def selected(at_most: float) -> dict[str, Any]:
    return {"metric": "selection_rate", "comparison": "difference", "at_most": at_most}


def found(at_most: float) -> dict[str, Any]:
    return {"metric": "true_positive_rate", "comparison": "difference", "at_most": at_most}


@cache
def unequal() -> pd.DataFrame:
    return rows(4_000, (0.2, 0.7), 0.0)


def lead(report: Report) -> str:
    view = remedies.view(Lookup(report))
    assert view is not None
    return view.lead


def states(report: Report) -> dict[str, list[str | None]]:
    assert report.remedies is not None
    return {
        f"{r.words}{'+lots' if r.lots else ''}": [None if a is None else a.status for a in r.answers]
        for r in report.remedies.rows
    }


def test_one_remedy_meets_the_rule() -> None:
    report = audited(unequal(), selected(0.1))
    met = [name for name, s in states(report).items() if s == ["pass"]]
    assert met == ["equal selection rates"]
    assert lead(report).startswith("Only equal selection rates by sex meet the one rule. Of many remedies some look")


def test_no_remedy_meets_both() -> None:
    """Base rates of 20 % and 70 %: equal selection and equal accuracy among the positives cannot both be had."""
    report = audited(unequal(), selected(0.1), found(0.05))
    assert ["pass", "pass"] not in states(report).values()
    assert lead(report).startswith("None of these meets both rules.")


def test_several_remedies_meet_all() -> None:
    """Equal base rates, and scores that are lower for one sex at equal truth: a threshold each mends everything."""
    report = audited(rows(6_000, (0.5, 0.5), 2.0), selected(0.1), found(0.1))
    met = [name for name, s in states(report).items() if s == ["pass", "pass"]]
    assert len(met) >= 3
    assert "" not in met
    assert "one threshold for all" not in met
    told = lead(report)
    assert "meet both rules." in told
    assert "nly" not in told
    assert "audit what you choose on new rows" in told


def test_what_is_not_decided_is_told_as_such() -> None:
    report = audited(rows(400, (0.5, 0.5), 2.0), selected(0.1), found(0.1))
    told, found_ = lead(report), states(report)
    open_ = [n for n, s in found_.items() if "fail" not in s and set(s) != {"pass"}]
    assert open_
    assert ["pass", "pass"] not in found_.values()
    assert told.startswith("None of these is established to meet both rules.")
    assert "undecided" in told


def test_today_may_meet_all() -> None:
    report = audited(rows(6_000, (0.5, 0.5), 0.0), selected(0.2))
    assert states(report)[""] == ["pass"]
    assert "today's model" in lead(report).lower() or "of these meet the one rule" in lead(report)


@cache
def small() -> Report:
    return audited(rows(300, (0.5, 0.5), 0.0), selected(0.1), found(0.1))


def answer(status: str) -> RemedyAnswer:
    return RemedyAnswer(status=status, value=0.1, low=0.0, high=0.2)  # type: ignore[arg-type]


def row(words: str, *states_: str | None, accuracy: float = 0.8, by: tuple[str, ...] = ("sex",)) -> Remedy:
    told = tuple(None if s is None else answer(s) for s in states_)
    return Remedy(words=words, by=by if words and words != "one" else (), accuracy=accuracy, answers=told)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ([("", "fail", "fail"), ("one", "fail", "fail"), ("a", "fail", "pass"), ("b", "fail", "inconclusive")],
         "None of these meets both rules. A by sex fail the fewest, one; today's model fails two."),
        ([("", "fail", "fail"), ("one", "fail", "fail"), ("a", "fail", "fail")],
         "None of these meets both rules. None fails fewer than today's model, which fails two."),
        ([("", "pass", "pass"), ("one", "fail", "fail"), ("a", "fail", "pass")],
         "Only today's model meets both rules."),
        ([("", "fail", "fail"), ("one", "pass", "pass"), ("a", "inconclusive", "pass")],
         "One meets both rules. Of a by sex it is not decided. Of many remedies some look good by chance: audit what "
         "you choose on new rows."),
        ([("", "fail", "fail"), ("one", "pass", "not_measured"), ("a", "fail", "pass")],
         "None of these is established to meet both rules. One fails none, and is undecided, or not measured, on "
         "some."),
        ([("", "fail", "fail"), ("one", "fail", None), ("a", "pass", None)],
         "Only a by sex meet the one rule (of two, that which thresholds can change). Of many remedies some look good "
         "by chance: audit what you choose on new rows."),
        ([("", "fail", "fail"), ("one", None, None), ("a", None, None)],
         "The policy has no rule that a threshold could change."),
    ],
)  # fmt: skip
def test_the_sentence_is_the_table(table: list[tuple[str, ...]], told: str) -> None:
    """Truth: by hand."""
    report = small()
    made = report.model_copy(update={"remedies": Remedies(rows=tuple(row(*r) for r in table))})
    assert lead(made) == told
    text = render(made)
    assert ("Remedies under every rule" in text) == ("no rule that a threshold" not in told)


def test_what_another_outdoes_is_folded_and_nothing_is_lost() -> None:
    report = audited(unequal(), selected(0.1), found(0.05))
    view = remedies.view(Lookup(report))
    assert view is not None
    assert report.remedies is not None
    assert len(view.rows) + len(view.folded) == len(report.remedies.rows)
    assert view.rows[0].label == "Today's model"
    every = [r for r in report.remedies.rows if r.by]
    order = ("pass", "inconclusive", "not_measured", "fail")
    for r in every:
        label = remedies._row(Lookup(report), r, view.columns)
        better = [
            o
            for o in report.remedies.rows
            if o is not r
            and all(
                order.index(a.status) <= order.index(b.status)  # type: ignore[union-attr, arg-type]
                for a, b in zip(o.answers, r.answers, strict=True)
            )
            and round(o.accuracy, 3) >= round(r.accuracy, 3)
        ]
        assert (label in view.folded) <= bool(better)


def test_the_page_without_a_policy_has_gaps() -> None:
    report = audited(unequal())
    text = re.sub(r"<[^>]+>", " ", render(report))
    assert re.search(r"leaves? the smallest difference in who is selected, by sex: [\d.]+ points, today [\d.]+", text)
    assert "points apart" in text


def test_older_reports_and_those_without_remedies_keep_their_tables() -> None:
    report = audited(unequal(), selected(0.1)).model_copy(update={"remedies": None})
    page = render(Report.from_json(report.to_json()))
    assert "Remedies by sex: what remains, what it costs" in page
    assert "Remedies under every rule" not in page
    for name, what in (("classes", "one of several classes"), ("numbers", "numbers")):
        text = render(getattr(samples, name)())
        assert f"Remedies are thresholds on scores of yes or no; this model predicts {what}." in text
    assert "no score column" in render(samples.predicted(samples.table(), [samples.rule("r")], checks=("scores",)))


def test_hostile_names_stay_text() -> None:
    r = unequal().rename(columns={"sex": "s<x>"}).replace({"f": HOSTILE})
    given = ak.Dataset(r, y_true="y", positive=1, sensitive_features=["s<x>"])
    rule = {"id": '"}</style><script>x', "by": ["s<x>"], **selected(0.1)}
    checks = ["group_fairness", "scores"]
    report = ak.audit(ak.Predictions("p", "s"), given, checks=checks, policy={"rule": [rule]})
    page = render(report)
    assert "<script" not in without_ours(page)
    assert page.count("</style>") == 1
    assert "<img src=x" not in page
    assert "by s&lt;x&gt;" in page


def test_the_figure_shows_today_and_the_limit() -> None:
    report = audited(unequal(), selected(0.1))
    view = remedies.view(Lookup(report))
    assert view is not None
    f, told = view.frontier, report.remedies
    assert f is not None
    assert told is not None
    assert told.frontier is not None
    assert f.limits == (f.x.at(0.1),)
    assert f.today[0] == f.x.at(told.frontier.today[0])
    assert [label.text for label in f.labels] == ["Today's model", "limit: ≤ 10 points"]
    assert f.x.unit == "points"


def test_answers_to_other_rules_are_not_shown() -> None:
    """Somebody edited the verdicts: the gate judges again, and the page has its older tables."""
    report = small()
    text = report.model_copy(update={"remedies": Remedies(rows=(row("", "fail"),))}).to_json()
    page = render(Report.from_json(text))
    assert "Remedies under every rule" not in page
    assert "Remedies by sex: what remains, what it costs" in page


@pytest.mark.parametrize(
    ("gaps", "accuracy", "today", "title"),
    [
        ((0.002, 0.1), (0.84, 0.86), (0.167, 0.857),
         "To bring 16.7 points between selection rates down to 0.20 would cost 1.7 points of accuracy"),
        ((0.002, 0.1), (0.87, 0.88), (0.167, 0.857),
         "To bring 16.7 points between selection rates down to 0.20 would cost no accuracy"),
        ((0.02, 0.1), (0.84, 0.86), (0.005, 0.857),
         "Thresholds by group would not bring selection rates nearer than they are, 0.50 points apart"),
    ],
)  # fmt: skip
def test_the_title_is_the_figure(
    gaps: tuple[float, ...], accuracy: tuple[float, ...], today: tuple[float, float], title: str
) -> None:
    """Truth: by hand."""
    f = Frontier(by=("sex",), gap=gaps, ratio=(0.9, 0.5), accuracy=accuracy, today=today)
    report = small()
    assert report.remedies is not None
    made = report.model_copy(update={"remedies": report.remedies.model_copy(update={"frontier": f})})
    view = remedies.view(Lookup(made))
    assert view is not None
    assert view.frontier is not None
    assert view.frontier.title == title
    assert title in render(made)
