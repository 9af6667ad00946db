"""A page speaks of its own rows: what n counts, whom a finding is about, and words of a definition that stay."""

from __future__ import annotations

import html
import re
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.perfect import of_right_decisions
from auditkit.origins import TASK_KINDS
from auditkit.readers.generated import Generated
from auditkit.readers.rankings import Rankings
from auditkit.records import Report, Words
from auditkit.report.html import gate, requirements
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.rules import sentence
from auditkit.report.rows import of_rows
from auditkit.report.vocabulary import Vocabulary
from tests.fairness.decision_curves import patients
from tests.report.test_everything_stands import sections

AGE = {"[0, 65)": "patients under 65", "[65, 100]": "patients of 65 or more"}


def plain(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


@cache
def clinic(*, alike: bool = False) -> Report:
    """Patients by bins of age, in clusters; events as common in both, or not."""
    frame = patients(1200)
    old = np.arange(1200) % 2 == 1
    y = frame["y"].to_numpy() * (old | (np.arange(1200) % 6 < 4))
    score = frame["score"].to_numpy()
    if alike:  # the same events, and scores of the one half that say nothing
        y = np.repeat(frame["y"].to_numpy()[::2], 2)
        score = np.where(old, np.random.default_rng(0).permutation(1200) / 2400, np.where(y == 1, 0.6, 0.01))
    table = pd.DataFrame({"y": y, "age": np.where(old, 80, 30), "clinic": np.arange(1200) // 4, "risk": score})
    data = ak.Dataset(table, y_true="y", positive=1, sensitive_features=["age"], bins={"age": [0, 65, 100]},
                      cluster=None if alike else "clinic")  # fmt: skip
    rules = [
        {"id": "found", "metric": "true_positive_rate", "comparison": "group_min", "by": ["age"], "at_least": 0.99},
        {"id": "open", "metric": "accuracy", "comparison": "difference", "by": ["age"], "at_most": 0.05},
    ]
    checks = [ak.GroupFairness(), ak.NetBenefit(thresholds=[0.1])]
    report = ak.audit(ak.Predictions(score="risk", threshold=0.1), data, checks=checks, name="clinic",
                      policy={"rule": rules})  # fmt: skip
    words = Words(positive="have an event", unit="patients", groups={"age": AGE})
    return report.model_copy(update={"words": words})


@cache
def drawn() -> Report:
    rng = np.random.default_rng(1)
    prompts = np.repeat(["a person", "a nurse", "a pilot"], 200)
    values = np.where(rng.random(600) < np.where(prompts == "a nurse", 0.9, 0.5), "woman", "man")
    frame = pd.DataFrame({"prompt": prompts, "judge": values})
    rule = {"metric": "share_against_reference", "comparison": "difference", "by": ["prompt"], "at_most": 0.2}
    return ak.audit(Generated(samples=frame, unconditioned="a person", reference="uniform"),
                    policy={"rule": [{"id": "r", **rule}]})  # fmt: skip


@cache
def listed() -> Report:
    rng = np.random.default_rng(2)
    user, item = np.repeat(np.arange(120), 12), np.tile(np.arange(12), 120)
    frame = pd.DataFrame({"user": user, "item": item, "relevant": rng.integers(2, size=len(user)) * (user > 6)})
    frame["genre"], frame["sex"] = np.where(item % 2, "drama", "comedy"), np.where(user % 2, "f", "m")
    frame["rank"] = frame.assign(x=rng.random(len(user))).groupby("user")["x"].rank()
    return ak.audit(Rankings(items=frame, rank="rank", k=[5], user_groups=["sex"], item_groups=["genre"]))


def test_what_has_no_truth_has_no_perfect_model() -> None:
    known = of_right_decisions("stereotype_preference")
    assert known.value is None
    assert "no truth" in known.why


def test_whom_the_first_screen_is_about_is_named_and_counted_in_its_own_rows() -> None:
    page = plain(render(drawn()))
    assert "For whom A nurse: 200 of the 600 samples tested." in page
    assert "rows tested speak" not in page


def test_a_side_of_which_fewer_count_says_how_many() -> None:
    page = plain(render(clinic()))
    own = re.search(r"For whom Patients [^:]*: 600 of the 1,200 patients tested; ([\d,]+) of these count in this", page)
    assert own, page[:3000]


@pytest.mark.parametrize("report", [drawn, listed])
def test_what_makes_something_predicts_nothing(report: object) -> None:
    page = plain(render(report()))  # type: ignore[operator]
    assert "this model predicts" not in page
    assert re.search(r"this model makes (samples|lists)\.", page)


def test_n_says_what_it_counts_where_that_is_not_rows() -> None:
    page = plain(render(listed()))
    assert re.search(r"drama n 1\d\d lists", page)
    page = plain(render(clinic()))
    assert re.search(r"n \d+ events", page)
    assert {m.counts for m in METRICS.values()} == {"", "events", "lists"}


def test_a_mean_that_leaves_rows_out_says_so() -> None:
    assert re.search(r"NDCG@5, over the 113 of 120 users that have it: ", plain(render(listed())))


def test_definitions_keep_their_own_words() -> None:
    page = sections(render(clinic()))["appendix"]
    assert "treating no one has 0" in page
    assert "and no one else" in page
    assert "the prompt that names no one" in sections(render(drawn()))["appendix"]


def test_bins_without_a_letter_are_told_in_the_words_that_they_have() -> None:
    before, _, rest = plain(render(clinic())).partition("in the data's:")
    assert "[0, 65)" not in before + re.sub(r"age “\[0, 65\)”", "", rest)


def test_the_outcome_is_told_in_one_way() -> None:
    page = plain(render(clinic()))
    assert "are truly positive" not in page.partition("Definitions")[0]
    assert "have an event" in page


def test_events_that_are_as_common_explain_nothing() -> None:
    told = [f.statement for f in clinic(alike=True).findings if "as common in both" in f.statement]
    assert told
    assert all("It depends on how common" not in s for s in told)
    apart = [f.statement for f in clinic().findings if "It depends on how common" in f.statement]
    for s in apart:
        a, b = re.findall(r"([\d.]+%) of \S+", s.partition("It depends")[2])
        assert a != b


def test_note_of_clusters_ends() -> None:
    notes = {n for f in clinic().findings for n in f.notes if n.startswith("rows of one cluster")}
    assert notes
    assert all(n.endswith(("are worth", "of the clusters")) and "by how many" not in n for n in notes)
    assert all("one less than the clusters" in n for n in notes if "Student" in n)


def test_rules_that_fail_are_no_sentence_with_two_verbs() -> None:
    page = plain(render(clinic()))
    assert ": is not met" not in page
    assert ": is not decided" not in page
    here = Lookup(clinic())
    assert "every group of age" in sentence(here.report.verdicts[0].rule, here)


def test_where_a_rule_failed_what_is_forgiven_opens_no_way() -> None:
    assert "in the way of passing" not in gate._open(1, 0, failed=True)
    assert "in the way of passing" in gate._open(1, 0, failed=False)


def test_words_of_ours_for_rows() -> None:
    assert of_rows("About 72 times as many rows would decide", "users") == "About 72 times as many users would decide"
    assert of_rows("chance in who was sampled", "pairs") == "chance in which pairs were drawn"


def test_groups_of_several_words_are_joined_so_that_they_can_be_read() -> None:
    groups = {"light": {"dark": "people in the dark"}, "far": {"1": "people who are far"}}
    say = Vocabulary(Words(groups=groups), unit="objects")
    assert say.people({"light": "dark", "far": "1"}) == "people in the dark who are also far"
    assert say.mention({"sex": "men", "light": "dark"}) == "men & people in the dark"
    assert Vocabulary(Words(groups={"sex": {"m": "men"}})).mention({"race": "White", "sex": "m"}) == "White men"


def test_a_positive_of_a_reader_is_told_by_what_it_is() -> None:
    for task in ("verification", "identification", "detection", "answers"):
        kind = TASK_KINDS[task]  # type: ignore[index]
        assert Vocabulary(Words(), y_true="x", positive="1", have=kind.have).yes() == kind.have
        assert kind.have.startswith("are ")


def test_counts_in_words() -> None:
    found = SimpleNamespace(rows=[SimpleNamespace(state="partly")] * 2)
    assert requirements._sentence(found).startswith("Two requirements: none supported, two partly. ")  # type: ignore[arg-type]


def test_dependent_rows_share_a_value() -> None:
    assert "those that share a value of “clinic”" in plain(render(clinic()))


def test_the_limit_of_the_gate_is_named_where_there_is_no_room() -> None:
    page = render(clinic())
    (label,) = re.findall(r"<text[^>]*>limit</text>", page)
    assert "odd" not in label


def test_the_table_of_rules_breaks_between_words() -> None:
    table = gate.view(Lookup(clinic()), Names()).figure.table  # type: ignore[union-attr]
    assert not any("_" in row[2] for row in table.rows)
    assert len(table.columns) == 11
