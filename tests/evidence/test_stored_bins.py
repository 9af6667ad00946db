"""A stored score histogram and profile, read as a stranger's: what no scores give is refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditkit.disclosure import Disclosure
from auditkit.errors import EvidenceError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.profile import Profile
from auditkit.evidence.score_grid import BINS
from auditkit.evidence.tally import Tally


def histogram() -> ScoreHistogram:
    rng = np.random.default_rng(0)
    score = np.round(rng.uniform(size=300), 3)
    score[:20] = np.nan
    groups = {"sex": rng.choice(["f", "m"], 300), "race": rng.choice(["a", "b"], 300)}
    return ScoreHistogram.of(groups, y_true=rng.integers(0, 2, 300), y_pred=rng.integers(0, 2, 300), score=score)


MERGED = histogram().reduced(Disclosure())


@pytest.mark.parametrize("evidence", [histogram(), MERGED], ids=["as counted", "merged"])
def test_what_was_stored_is_what_is_read(evidence: ScoreHistogram) -> None:
    read = ScoreHistogram.from_json(evidence.to_json())
    assert (read.rows, read.merged) == (evidence.rows, evidence.merged)
    assert read.missing_rows("score") == evidence.missing_rows("score") == 20
    for by in ((), ("sex",), ("race", "sex")):
        for (group, own), (other, found) in zip(evidence.groups(*by), read.groups(*by), strict=True):
            assert group == other
            for a, b in zip(own, found, strict=True):
                np.testing.assert_array_equal(a, b)
    pd.testing.assert_frame_equal(read.cells, evidence.cells, check_dtype=False)
    pd.testing.assert_frame_equal(read.missing, evidence.missing, check_dtype=False)
    assert read.to_json() == evidence.to_json()


def _older(data: dict[str, Any]) -> dict[str, Any]:
    """As it was written before: sums as numbers, and where every run ends."""
    assert data.pop("grains")
    for cell in data["cells"]:
        cell |= {k: [x / 2**32 for x in cell[k]] for k in ("s", "s2")}
        if data.get("merged"):
            cell.setdefault("last", [*(b - 1 for b in cell["bin"][1:]), BINS - 1])
    return data


@pytest.mark.parametrize("evidence", [histogram(), MERGED, MERGED + MERGED], ids=["as counted", "merged", "together"])
def test_the_older_form_reads_equal(evidence: ScoreHistogram) -> None:
    read = ScoreHistogram.from_json(_older(copy.deepcopy(evidence.to_json())))
    pd.testing.assert_frame_equal(read.cells, ScoreHistogram.from_json(evidence.to_json()).cells)
    assert read.to_json() == evidence.to_json()


def first(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda d: [d["cells"][0][k].__setitem__(0, v) for k, v in values.items()]


@pytest.mark.parametrize(
    ("evidence", "change", "said"),
    [
        (histogram(), first(n=-1), "'n' of the cells of a group holds -1"),
        (histogram(), first(n=0), "'n' of the cells of a group holds 0"),
        (histogram(), first(bin=BINS), f"'bin' of the cells of a group holds {BINS}"),
        (histogram(), first(bin=4_000), "repeated, or out of order"),
        (histogram(), first(low=0.999), "scores outside of their bins"),
        (histogram(), first(low=1.5), "'low' of the cells of a group holds 1.5"),
        (histogram(), first(selected=10), "more rows selected than there are"),
        (histogram(), lambda d: d["cells"][0].update(y_true=2), "'y_true' of the histogram is 2"),
        (histogram(), lambda d: d["cells"].append(d["cells"][0]), "names \\('a', 'f', 0\\) twice|twice"),
        (histogram(), lambda d: d["cells"][0].update(group=["f"]), "has 1 items; expected 2"),
        (histogram(), lambda d: d["missing"]["what"].__setitem__(0, "hope"), "'what' of the missing rows is 'hope'"),
        (histogram(), lambda d: d["missing"]["n"].__setitem__(0, -3), "'n' of the missing rows holds -3"),
        (histogram(), lambda d: d.update(steps=10**9), "a score histogram of 1000000000 steps"),
        (MERGED, lambda d: _older(d)["cells"][0]["last"].__setitem__(0, BINS + 7), "'last' of the cells of a group"),
        (MERGED, lambda d: d.update(grains=1), "'grains' of the histogram of scores is neither"),
        (MERGED, lambda d: d.update(grains=False), "'s' of the histogram is no sum of scores"),
        (MERGED, first(s=2**60), "'s' of the histogram is no sum of scores"),
        (MERGED, first(s2=0.0), "Σs² of the histogram is less"),
        (MERGED, lambda d: d["cells"][0].update(alike=[0], score=[1.0]), "'score' of the cells of a group lies out"),
        (MERGED, lambda d: d["cells"][0].update(alike=[10**9], score=[0.5]), "'alike' of the cells of a group holds"),
        (MERGED, lambda d: d.update(merged=3), "neither true nor false"),
    ],
)  # fmt: skip
def test_bins_that_cannot_be_are_refused_by_name(
    evidence: ScoreHistogram, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    data = copy.deepcopy(evidence.to_json())
    change(data)
    with pytest.raises(EvidenceError, match=said):
        ScoreHistogram.from_json(data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["missing"]["age"]["sex"].update(f=-1), "the missing values by 'sex' is -1"),
        (lambda d: d["missing"].update(income={}), "the missing values are of 'income', which the profile does not"),
        (lambda d: d["missing"]["age"].update(shoe={}), "the missing values are of 'shoe'"),
        (lambda d: d.update(columns=["age", "age"]), "names 'age' twice"),
        (lambda d: d.update(recoded={"sex": {"f": 3}}), "a recoded group is a number"),
        (lambda d: d.update(more=1), "the profile has unknown fields: 'more'"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_by_name(change: Callable[[dict[str, Any]], Any], said: str) -> None:
    tally = Tally.of({"sex": ["f", "m"]}, y_true=[1, 0], y_pred=[-1, -1])
    profile = Profile(tally, ("age",), {"age": {"sex": {"f": 1}}}, {"sex": {"x": "(small groups)"}})
    data = copy.deepcopy(profile.to_json())
    assert Profile.from_json(data).to_json() == data
    change(data)
    with pytest.raises(EvidenceError, match=said):
        Profile.from_json(data)
