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
from auditkit.evidence.suppression import SMALL, Group, Parts, recoding_of
from auditkit.evidence.tally import Tally

rows = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
counts = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")),
    rows.map(lambda both: (both[0], both[1], both[0] - both[1])),
    min_size=1,
    max_size=12,
).filter(lambda c: all(total == 0 or total >= 10 for total in map(sum, zip(*c.values(), strict=True))))
"""Crossed group → rows, and of these the positives and the negatives."""


def recoded(found: dict[Group, Parts], recoding: dict[str, dict[str, str]], part: int) -> dict[Group, int]:
    out: dict[Group, int] = {}
    for key, parts in found.items():
        told = tuple(recoding.get(a, {}).get(v, v) for a, v in zip(("g", "h"), key, strict=True))
        out[told] = out.get(told, 0) + parts[part]
    return out


@settings(max_examples=40, deadline=None)
@given(counts)
def test_no_withheld_count_can_be_recovered(found: dict[Group, Parts]) -> None:
    """An attacker knows every label, every count told of every crossing, and that counts are at least 0."""
    recoding = recoding_of(("g", "h"), found, 10)
    keys = [(g, h) for g in "abcd" for h in "xyz"]
    for part in range(3):
        told = recoded(found, recoding, part)
        assert all(n == 0 or n >= 10 for n in told.values())
        named_rows, total = [], []
        for size in (0, 1, 2):
            for by in combinations((0, 1), size):
                sums: dict[Group, int] = {}
                for key, n in told.items():
                    group = tuple(key[i] for i in by)
                    sums[group] = sums.get(group, 0) + n
                for group, n in sums.items():
                    named_rows.append(
                        [tuple(recoding.get("gh"[i], {}).get(k[i], k[i]) for i in by) == group for k in keys]
                    )
                    total.append(n)
        for axis, name in enumerate("gh"):
            joined = recoding.get(name, {})
            if not sum(parts[part] for key, parts in found.items() if key[axis] in joined):
                continue  # nobody is in any of them: there is no count to withhold
            for value in joined:
                withheld = np.array([k[axis] == value for k in keys], float)
                ends = [
                    linprog(sign * withheld, A_eq=np.array(named_rows, float), b_eq=total, bounds=(0, None)).fun * sign
                    for sign in (1, -1)
                ]
                assert ends[1] - ends[0] >= 9.999, (name, value, ends)


def test_a_lone_small_value_takes_another_with_it() -> None:
    def of(*sizes: tuple[int, ...]) -> dict[str, dict[str, str]]:
        return recoding_of(["g"], {(v,): s for v, s in zip("abc", sizes, strict=False)}, 10)

    assert of((50,), (30,), (3,)) == {"g": {"b": SMALL, "c": SMALL}}
    assert of((50,), (3,)) == {"g": {"a": SMALL, "b": SMALL}}
    assert of((50,), (30,)) == {}
    assert of((50, 25), (40, 2), (30, 15)) == {"g": {"b": SMALL, "c": SMALL}}
    assert of((50, 25), (40, 0), (30, 15)) == {}, "nobody is a count of nobody"
    with pytest.raises(DataError, match="needs as many"):
        of((5,))


def batch_of(frame: pd.DataFrame) -> Batch:
    return Batch(frame, frame[["g", "h"]], frame["y"].to_numpy(np.int8), frame["p"].to_numpy(np.int8))


def test_counts_add_and_do_not_depend_on_the_order() -> None:
    frame = pd.DataFrame({"g": list("aabbbc"), "h": list("xyxyxx"), "y": [1, 0, -1, 1, 0, 1], "p": [1, 1, 0, 0, 0, -1]})
    whole = ClassTally.of_batch(batch_of(frame))
    parts = ClassTally.of_batch(batch_of(frame[4:])) + ClassTally.of_batch(batch_of(frame[:4]))
    pd.testing.assert_frame_equal(parts.cells, whole.cells, check_dtype=False)
    assert int(whole.cells["n"].sum()) == 6


def test_a_whole_with_few_of_one_truth_or_decision_is_refused_by_name() -> None:
    frame = pd.DataFrame({"g": ["a", "b"] * 30, "h": "x", "y": [1] * 4 + [0] * 56, "p": [1, 0] * 30})
    with pytest.raises(DataError, match="4 rows of truth 1: a report that suppresses groups below 10 needs as many"):
        ClassTally.of_batch(batch_of(frame)).told(ak.Disclosure(profile="public"))
    nobody = ClassTally.of_batch(batch_of(frame.assign(y=0))).told(ak.Disclosure(profile="public"))
    assert nobody.recoding == {}
    assert ClassTally.of_batch(batch_of(frame)).told(ak.Disclosure()).recoding == {}


def test_every_kind_of_evidence_speaks_of_the_same_groups() -> None:
    rng = np.random.default_rng(0)
    g = np.array(["a"] * 60 + ["b"] * 30 + ["c"] * 4)
    y, p, s = rng.integers(0, 2, 94), rng.integers(0, 2, 94), rng.random(94)
    groups = pd.DataFrame({"g": g})
    batch = Batch(groups.assign(f=np.where(rng.random(94) < 0.3, np.nan, 1.0)), groups, y, p, score=s)
    told = ClassTally.of_batch(batch).told(ak.Disclosure(profile="regulator"))
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
