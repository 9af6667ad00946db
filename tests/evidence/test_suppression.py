"""Small groups: one recoding for a report, by which no count that is withheld follows from those that are told."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import auditkit as ak
from auditkit.batch import Batch
from auditkit.disclosure import GroupDisclosure
from auditkit.errors import DataError
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.errors import ErrorSums
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.profile import Profile
from auditkit.evidence.scoring import ScoreCounts
from auditkit.evidence.suppression import SMALL, GroupCounts, recoding_of
from auditkit.evidence.tally import Tally

counts = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), st.integers(1, 40), min_size=1, max_size=12
).filter(lambda c: sum(c.values()) >= 10)


def recoded(found: dict[tuple[str, ...], int], recoding: dict[str, dict[str, str]]) -> dict[tuple[str, ...], int]:
    out: dict[tuple[str, ...], int] = {}
    for key, n in found.items():
        told = tuple(recoding.get(a, {}).get(v, v) for a, v in zip(("g", "h"), key, strict=True))
        out[told] = out.get(told, 0) + n
    return out


@settings(max_examples=150, deadline=None)
@given(counts)
def test_no_withheld_count_can_be_recovered(found: dict[tuple[str, ...], int]) -> None:
    """An attacker knows every label, every count told of every crossing, and that counts are at least 0."""
    recoding = recoding_of(("g", "h"), found, 10)
    told = recoded(found, recoding)
    assert min(told.values()) >= 10
    keys = [(g, h) for g in "abcd" for h in "xyz"]
    rows, total = [], []
    for size in (0, 1, 2):
        for by in combinations((0, 1), size):
            sums: dict[tuple[str, ...], int] = {}
            for key, n in told.items():
                part = tuple(key[i] for i in by)
                sums[part] = sums.get(part, 0) + n
            for part, n in sums.items():
                named = [tuple(recoding.get("gh"[i], {}).get(k[i], k[i]) for i in by) == part for k in keys]
                rows.append(named)
                total.append(n)
    for axis, name in enumerate("gh"):
        for value in recoding.get(name, {}):
            withheld = np.array([k[axis] == value for k in keys], float)
            ends = [
                linprog(sign * withheld, A_eq=np.array(rows, float), b_eq=total, bounds=(0, None)).fun * sign
                for sign in (1, -1)
            ]
            assert ends[1] - ends[0] >= 9.999, (name, value, ends)


def test_a_lone_small_value_takes_another_with_it() -> None:
    assert recoding_of(["g"], {("a",): 50, ("b",): 30, ("c",): 3}, 10) == {"g": {"b": SMALL, "c": SMALL}}
    assert recoding_of(["g"], {("a",): 50, ("b",): 3}, 10) == {"g": {"a": SMALL, "b": SMALL}}
    assert recoding_of(["g"], {("a",): 50, ("b",): 30}, 10) == {}
    with pytest.raises(DataError, match="needs as many"):
        recoding_of(["g"], {("a",): 5}, 10)


def test_counts_add_and_do_not_depend_on_the_order() -> None:
    frame = pd.DataFrame({"g": list("aabbbc"), "h": list("xyxyxx")})
    whole = GroupCounts.of(frame)
    assert (GroupCounts.of(frame[4:]) + GroupCounts.of(frame[:4])).counts == whole.counts


def test_every_kind_of_evidence_speaks_of_the_same_groups() -> None:
    rng = np.random.default_rng(0)
    g = np.array(["a"] * 60 + ["b"] * 30 + ["c"] * 4)
    y, p, s = rng.integers(0, 2, 94), rng.integers(0, 2, 94), rng.random(94)
    groups = pd.DataFrame({"g": g})
    batch = Batch(groups.assign(f=np.where(rng.random(94) < 0.3, np.nan, 1.0)), groups, y, p, score=s)
    told = GroupCounts.of(groups).told(ak.Disclosure(profile="regulator"))
    assert isinstance(told, GroupDisclosure)
    kinds = [
        Tally.of(groups, y_true=y, y_pred=p, cluster=np.arange(94) // 3),
        ClassTally.of(groups, ("n", "y"), y_true=y, y_pred=p),
        ErrorSums.of(groups, y_true=y * 1.5, y_pred=s),
        ScoreHistogram.of(groups, y_true=y, y_pred=p, score=s),
        ScoreCounts.of(batch),
        Profile.of(batch),
    ]
    for evidence in kinds:
        text = str(evidence.reduced(told).to_json())
        assert SMALL in text, type(evidence)
        assert "'c'" not in text.replace("{'b': '(small groups)', 'c': '(small groups)'}", ""), type(evidence)
        same = type(evidence).from_json(evidence.reduced(told).to_json())
        assert str(same.to_json()) == text
