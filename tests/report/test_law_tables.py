"""Fairness draws the tables that laws ask for, data the bounds of unknown rows; rates stay as they were."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.formatting import BOUNDS
from auditkit.records import Estimate
from auditkit.report.html.exhibits import level_of
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from tests.report.test_answers import section, words

REASON = "too few to tell <b>"


def data() -> ak.Dataset:
    rng = np.random.default_rng(0)
    n = 1_500
    sex = rng.choice(np.array(["f", "m", None], dtype=object), n, p=[0.45, 0.5, 0.05])
    race = rng.choice(np.array(["a", "b", "rare", None], dtype=object), n, p=[0.55, 0.38, 0.01, 0.06])
    score = rng.beta(2, 2, n) - 0.15 * (sex == "f")
    score = np.clip(score.astype(float), 0, 1)
    frame = pd.DataFrame({"sex": sex, "race": race, "y": rng.integers(0, 2, n), "p": score > 0.5, "s": score})
    return ak.Dataset(frame, y_true="y", sensitive_features=["sex", "race"])


@cache
def report(*, law: bool) -> ak.Report:
    checks = [
        ak.ImpactRatios(),
        ak.ImpactRatios(law="nyc-ll144", minimum_share=0.02, justification=REASON),
        ak.ScoringRates(),
        ak.UnknownDemographics(),
    ]
    asked = [ak.GroupFairness(), *(checks if law else [])]
    return ak.audit(ak.Predictions("p", "s"), data(), checks=asked, policy="four-fifths")


@cache
def page(*, law: bool = True) -> str:
    return render(report(law=law))


def captions(html: str) -> list[str]:
    return re.findall(r"<caption>([^<]*)</caption>", html)


def test_every_table_of_every_law_is_drawn_once() -> None:
    told = captions(section(page(), "fairness"))
    for start, end, bys in (
        ("Impact ratios", "the four-fifths rule", ("sex", "race")),
        ("Impact ratios", "NYC Local Law 144", ("sex", "race", "sex and race")),
        ("Scoring rates", "NYC Local Law 144", ("sex", "race", "sex and race")),
    ):
        for by in bys:
            assert told.count(f"{start} by {by}, {end}") == 1
    assert len(told) == len(set(told))


def test_the_laws_columns_counts_and_reasons_stand_in_the_page() -> None:
    text = section(page(), "fairness")
    assert "Applicants" in text
    assert "Fisher’s mid‑p" in text
    assert "rows fall within an unknown category of sex and race" in text
    assert "Justification: too few to tell &lt;b&gt;" in text
    assert "left out: share too small" in text
    told = words(text)
    assert "highest rate" in told
    assert "(empty)" not in told


def test_laws_are_figures_apart() -> None:
    told = words(section(page(), "fairness"))
    assert told.count("Impact ratio, the four-fifths rule. Line: 95% interval.") == 1
    assert told.count("Impact ratio, NYC Local Law 144. Line: 95% interval.") == 1
    assert told.count("Scoring rate, NYC Local Law 144. Line: 95% interval.") == 1


def test_rates_and_gaps_are_drawn_as_without_them() -> None:
    with_law, without = (Lookup(report(law=law)) for law in (True, False))
    assert with_law.metrics() == without.metrics()
    assert with_law.bys() == without.bys()
    for by in without.bys():
        assert with_law.rows_by_group(by) == without.rows_by_group(by)
    drawn = [
        {a: re.sub(r"<(summary|details).*", "", f, flags=re.DOTALL) for a, f in figures(law)} for law in (True, False)
    ]
    assert {"f-all-gaps", "f-rates-by-group"} <= drawn[1].keys() <= drawn[0].keys()
    assert all(drawn[0][anchor] == figure for anchor, figure in drawn[1].items())


def figures(law: bool) -> list[tuple[str, str]]:
    return re.findall(r'<figure id="([^"]+)"(.*?)(?=<figure|</figure>)', section(page(law=law), "fairness"), re.DOTALL)


def test_bounds_are_not_called_an_interval() -> None:
    text = words(section(page(), "data"))
    assert "Unknown demographics. Line: from the worst case to the best, no interval of chance." in text
    assert "What the rows of unknown sex and race could do to impact ratios" in text
    assert level_of(Estimate(value=0.5, low=0.4, high=0.6, method=f"{BOUNDS} …")).startswith("Line: from the worst")
    assert level_of(Estimate(value=0.5, low=0.4, high=0.6, method="Wilson")) == "Line: 95% interval."


@pytest.mark.parametrize("law", [True, False])
def test_a_stored_report_gives_the_same_page(law: bool) -> None:
    assert render(ak.Report.from_json(report(law=law).to_json())) == page(law=law)
