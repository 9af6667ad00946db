"""Searches of a gallery: both rates against a slow twin from their definition, search by search."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.readers.identification import Identification

ENROLLED, OTHERS, THRESHOLD = 40, 40, 0.7


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    """Three searches of each person; those of the group f are taken for others more often."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(3 * (ENROLLED + OTHERS)):
        person = number % (ENROLLED + OTHERS)
        group = "f" if person % 2 else "m"
        for entry in range(ENROLLED):
            own = entry == person
            score = rng.beta(8, 2) if own else rng.beta(2.5 if group == "f" else 1.6, 9)
            rows.append((number, f"p{person}", f"p{entry}", group, score))
    return pd.DataFrame(rows, columns=["search", "person", "candidate", "sex", "score"])


def twin(found: pd.DataFrame, group: str, *, mated: bool, rank: int | None) -> tuple[int, int]:
    """Errors and searches of a group."""
    errors = searches = 0
    for _, own in found[found["sex"] == group].groupby("search"):
        mine = own[own["person"] == own["candidate"]]
        if bool(len(mine)) != mated:
            continue
        searches += 1
        if mated:
            score = mine["score"].iloc[0]
            ahead = int((own["score"] >= score).sum()) - 1
            errors += not (score >= THRESHOLD and (rank is None or ahead < rank))
        else:
            errors += bool((own["score"] >= THRESHOLD).any())
    return errors, searches


@pytest.mark.parametrize("rank", [None, 1])
def test_both_rates_are_those_of_the_definition(found: pd.DataFrame, rank: int | None) -> None:
    rows = found.sample(frac=1.0, random_state=0)
    threshold = THRESHOLD
    report = ak.audit(Identification(candidates=rows, threshold=threshold, rank=rank, sensitive_features=["sex"]))
    for metric, mated in (("false_positive", False), ("false_negative", True)):
        f = report.finding(f"fairness/{metric}_identification_rate/difference/sex")
        for g in f.by_group:
            errors, searches = twin(found, g.group["sex"], mated=mated, rank=rank)
            assert (g.estimate.numerator, g.estimate.denominator) == (errors, searches)
    weighting = report.provenance.data.weighting
    assert weighting is not None
    assert weighting.cluster == "person searched for"
    assert any("one gallery" in c for c in report.provenance.cautions)


def test_rules_ask_by_the_fields_names_and_no_others(found: pd.DataFrame) -> None:
    rules = [
        {"id": "fpir", "metric": "FPIR", "comparison": "group_max", "by": ["sex"], "at_most": 0.9},
        {"id": "fnir", "metric": "FNIR", "comparison": "overall", "at_most": 0.9},
        {"id": "fmr", "metric": "FMR", "comparison": "overall", "at_most": 0.9},
    ]
    read = Identification(candidates=found, threshold=THRESHOLD, sensitive_features=["sex"])
    report = ak.audit(read, policy={"rule": rules})
    assert {v.rule.id: v.status for v in report.verdicts} == {"fpir": "pass", "fnir": "pass", "fmr": "not_measured"}


def test_a_list_cut_short_misses_whom_it_does_not_hold(found: pd.DataFrame) -> None:
    mated = found["person"].isin([f"p{i}" for i in range(ENROLLED)]).astype(int)
    short = found.assign(enrolled=mated)[found["candidate"] != found["person"]]
    read = Identification(candidates=short, threshold=THRESHOLD, mated="enrolled", sensitive_features=["sex"])
    report = ak.audit(read)
    assert report.finding("performance/false_negative_identification_rate/overall").estimate.value == 1.0


def test_a_search_with_a_missing_score_is_counted_as_not_decided(found: pd.DataFrame) -> None:
    holes = found.assign(score=found["score"].where(found.index != 5))
    read = Identification(candidates=holes, threshold=THRESHOLD, sensitive_features=["sex"])
    assert ak.audit(read).provenance.data.missing_prediction == 1


SEARCHES: dict[str, Any] = {
    "search": [1, 1, 2, 2],
    "person": ["a", "a", "e", "e"],
    "candidate": ["a", "b", "a", "b"],
    "score": [0.9, 0.6, 0.3, 0.7],
    "sex": ["f", "f", "m", "m"],
    "in": [1, 1, 0, 0],
}


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"person": ["a", "b", "e", "e"]}, {}, "search '1' says two things of 'person searched for'"),
        ({"sex": ["f", "m", "m", "m"]}, {}, "search '1' says two things of 'sex'"),
        ({"in": [0, 0, 0, 0]}, {"mated": "in"}, "contradicts the candidates of 1 searches"),
        ({}, {"rank": 0}, "at least 1"),
        ({}, {"search": "serach"}, "no column 'serach'.*Did you mean 'search'"),
        ({"score": list("abcd")}, {}, "score"),
    ],
)
def test_doubtful_searches_are_one_clear_line(columns: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ak.DataError, match=message):
        ak.audit(
            Identification(candidates={**SEARCHES, **columns}, threshold=0.5, sensitive_features=["sex"], **options)
        )


ODD: tuple[Any, ...] = (None, True, -1, 3, 0.5, 1e400, "", "no such", [], [1, 2], {}, {"g": 5})


@pytest.mark.parametrize("option", [f.name for f in fields(Identification) if f.name != "candidates"])
def test_whatever_a_configuration_says_is_an_audit_or_one_clear_line(option: str, tmp_path: Path) -> None:
    pd.DataFrame(SEARCHES).to_csv(tmp_path / "searches.csv", index=False)
    for value in ODD:
        options = {"threshold": 0.5, "sensitive_features": ["sex"], option: value}
        said = ""
        try:
            ak.audit(Identification.of("searches.csv", options, tmp_path))
        except ak.AuditkitError as e:
            said = str(e)
        assert "\n" not in said, value
