"""The first configuration reads back to what was answered, whatever the names; every one of its lines can be used."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.errors import DataError, PolicyError
from auditkit.gate.config import config_from
from auditkit.gate.toml import Document, scan
from auditkit.gate.toml_text import key_text, value_text
from auditkit.inputs.source import FrameSource
from auditkit.starting import guess
from auditkit.starting.answers import Answers
from auditkit.starting.asking import Asking, ask
from auditkit.starting.draft import asked, drafted
from auditkit.starting.look import Look, crossed, look_of
from auditkit.starting.scores import outward

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ODD = st.sampled_from(
    ["a\nb", 'say "no"', "[rule]", "# no", "x]\n[[rule]]", "ü = 'ß'", "\\", "\x7f\x00", "\u2028", "positive"]
)
NAME = NAMES | ODD


def look(columns: dict[str, Any], path: str = "rows.parquet") -> Look:
    return look_of(Path(path), FrameSource(pd.DataFrame(columns)))


def loaded(text: str) -> dict[str, Any]:
    """The document, once it is a configuration."""
    data = tomllib.loads(text)
    config_from(Document("auditkit.toml", data, scan(text)))
    return data


@settings(max_examples=30)
@given(st.lists(NAME, min_size=5, max_size=5, unique=True), st.lists(NAME, min_size=2, max_size=2, unique=True))
def test_whatever_the_names(names: list[str], labels: list[str]) -> None:
    truth, decision, score, first, second = names
    rows = look(
        {
            truth: labels * 20,
            decision: labels[::-1] * 20,
            score: np.linspace(0, 1, 40),
            first: ["u", "v", *labels] * 10,
            second: [True, False] * 20,
        }
    )
    given = Answers(y_true=(truth,), y_pred=(decision,), score=score, sensitive=(first, second), metric="accuracy")
    answered = ask(rows, given, Asking(None), task=None, positive=labels[1])
    text = drafted(rows, answered, folder=Path(), name="rows")
    data = loaded(text)
    wanted = asked(rows, answered, Path())
    assert {part: data[part] for part in wanted} == wanted
    assert (data["data"]["y_true"], data["data"]["positive"]) == (truth, labels[1])
    assert [rule["by"] for rule in data["rule"]] == [[first], [second]] * 2
    assert len({rule["id"] for rule in data["rule"]}) == 4
    uncommented = loaded(re.sub(r'(?m)^#(?=[\[\w"])', "", text))
    assert "waiver" in uncommented
    assert first in uncommented["words"] or first == "positive"
    inside = tomllib.loads(drafted(rows, answered, folder=Path(), name="rows", prefix="tool.auditkit"))
    assert inside == {"tool": {"auditkit": data}}


@given(
    st.recursive(
        NAMES
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.dates(),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(NAME, x, max_size=3),
        max_leaves=6,
    ),
    NAME,
)
def test_what_is_written_as_toml_is_read_again(value: Any, name: str) -> None:
    text = f"{key_text(name, name)} = {value_text(value)}\n"
    assert tomllib.loads(text) == {name: {name: value}}
    assert len(text.splitlines()) == 1


# ---- guesses, held to data whose meaning is known


@pytest.mark.parametrize(
    ("columns", "truth", "task", "positive"),
    [
        ({"y_true": [0, 1] * 9, "y_pred": [1, 0] * 9}, "y_true", "binary", 1),
        ({"hired": ["no", "yes"] * 9, "decision": ["no", "no"] * 9}, "hired", "binary", "yes"),
        ({"ok": [True, False] * 9, "pred": [True, True] * 9}, "ok", "binary", True),
        ({"grade": list("abc") * 6, "prediction": list("aab") * 6}, "grade", "multiclass", None),
        ({"hours": np.linspace(1, 9, 18), "predicted_hours": np.linspace(1, 8, 18)}, "hours", "regression", None),
        ({"paid back": [1.0, 0.0, None] * 6, "decided": [1, 0, 1] * 6}, "paid back", "binary", 1),
    ],
)
def test_what_is_predicted(columns: dict[str, Any], truth: str, task: str, positive: Any) -> None:
    rows = look({"sex": ["f", "m"] * 9, **columns})
    answered = ask(rows, Answers(), Asking(None), task=None, positive=None)
    assert (answered.y_true, answered.task, answered.positive) == ((truth,), task, positive)
    assert answered.sensitive == ("sex",)
    assert {"y_true", "y_pred", "task", "sensitive sex", "limit"} <= set(answered.guessed)
    loaded(drafted(rows, answered, folder=Path(), name="rows"))


def test_who_is_compared_and_why() -> None:
    rows = look(
        {
            "Gender": ["a", "b"] * 30,
            "col7": ["f", "m"] * 30,
            "grp": ["White", "Black", "Asian"] * 20,
            "age": range(60),
            "income": range(60),
            "nationality": [f"n{i}" for i in range(60)],
            "city": ["x", "y"] * 30,
            "ethnicGroup": ["p", "q"] * 30,
            "one": ["m"] * 60,
        }
    )
    assert dict(guess.sensitive(rows)) == {
        "Gender": "sex, by its name",
        "col7": "sex, by its values alone",
        "grp": "race or ethnicity, by its values alone",
        "age": "age, by its name",
        "ethnicGroup": "race or ethnicity, by its name",
    }
    assert [g.name for g in guess.too_many_groups(rows)] == ["nationality"]


def test_weights_ids_and_scores_are_only_told() -> None:
    n = 40
    rows = look(
        {
            "case_id": range(n),
            "sex": ["f", "m"] * 20,
            "y": [0, 1] * 20,
            "pred": [1, 0] * 20,
            "p_score": np.linspace(0, 1, n),
            "decile_score": np.arange(n),
            "weight": np.linspace(1, 2, n),
        }
    )
    answered = ask(rows, Answers(), Asking(None), task=None, positive=None)
    assert answered.score == "p_score"
    text = drafted(rows, answered, folder=Path(), name="rows")
    data = loaded(text)["data"]
    assert not {"weights", "row_id"} & set(data)
    uncommented = tomllib.loads(re.sub(r'(?m)^#(?=[\[\w"])', "", text))["data"]
    assert (uncommented["weights"], uncommented["row_id"]) == ("weight", "case_id")


def test_numbers_are_compared_in_bins() -> None:
    n = 80
    rows = look({"age": np.arange(n) + 15, "income": np.arange(n) * 100.0, "y": [0, 1] * 40, "pred": [1, 0] * 40})
    answered = ask(rows, Answers(sensitive=("age", "income")), Asking(None), task=None, positive=None)
    assert answered.bins == {"age": [0, 30, 45, 60, 120], "income": [0, 1900, 3900, 5900, 7900]}
    text = drafted(rows, answered, folder=Path(), name="rows")
    data = loaded(text)
    assert data["data"]["bins"] == answered.bins
    assert "# age: [60, 120] 35 (51.4% 1); [0, 30) 15 (46.7% 1); [30, 45) 15" in text
    assert ask(rows, Answers(), Asking(None), task=None, positive=None).sensitive == ("age",), "income by no name"


@pytest.mark.parametrize("given", [Answers(), Answers(score="p_score"), Answers(score="p_score", threshold=0.3)])
def test_scores_decide_where_nothing_else_does(given: Answers) -> None:
    rows = look({"sex": ["f", "m"] * 20, "y": [0, 1] * 20, "p_score": np.linspace(0, 1, 40)})
    threshold = 0.5 if given.threshold is None else given.threshold
    answered = ask(rows, given, Asking(None), task=None, positive=None)
    said = loaded(drafted(rows, answered, folder=Path(), name="rows"))["predictions"]
    assert said == {"score": "p_score", "threshold": threshold}
    assert asked(rows, answered, Path())["predictions"] == said
    asking, _ = answering("y", "p_score", "1", "sex", "")
    assert ask(rows, Answers(), asking, task=None, positive=None).threshold == 0.5


def test_scores_of_another_range_are_no_decisions() -> None:
    rows = look({"sex": ["f", "m"] * 30, "y": [0, 1] * 30, "pred": np.linspace(300, 850, 60)})
    with pytest.raises(DataError, match=r"'pred' holds numbers from 300 to 850.*threshold and score_range"):
        ask(rows, Answers(y_true=("y",)), Asking(None), task=None, positive=None)


# ---- a lender's file: what was decided is not what turned out


def loans(*left_out: str) -> dict[str, Any]:
    n = 120
    rng = np.random.default_rng(3)
    score = rng.integers(302, 849, n)
    columns = {
        "sex": ["f", "m"] * 60,
        "age": rng.integers(18, 80, n),
        "region": ["north", "south", "east"] * 40,
        "income": rng.gamma(2.0, 20_000, n),
        "id": range(n),
        "repaid": np.where(rng.random(n) < (score - 200) / 700, "yes", "no"),
        "score": score,
        "approved": np.where(score > 580, "yes", "no"),
        "approved_v2": np.where(score > 600, "yes", "no"),
    }
    return {k: v for k, v in columns.items() if k not in left_out}


GIVEN = [{}, *({"y_pred": (n,)} for n in ("approved", "approved_v2")), {"sensitive": ("region",)}, {"factory": "a:b"},
         {"score": "score", "threshold": 580.0}, {"score": "score", "y_pred": ("approved_v2",)}]  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
def test_the_truth_is_the_same_whatever_else_is_said(given: dict[str, Any]) -> None:
    answered = ask(look(loans()), Answers(**given), Asking(None), task=None, positive=None)
    assert (answered.y_true, answered.guessed["y_true"]) == (("repaid",), "by its name")
    if "y_pred" in answered.guessed:
        assert answered.guessed["y_pred"] == "by its name; so could be 'approved_v2'", "which model is audited is asked"


@pytest.mark.parametrize("given", GIVEN)
def test_a_decision_is_never_taken_for_the_truth(given: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"'approved', 'approved_v2' are named like decisions.*: give --y-true COLUMN"):
        ask(look(loans("repaid")), Answers(**given), Asking(None), task=None, positive=None)


@pytest.mark.parametrize("name", ["approved", "loanDecision", "predicted", "y_pred", "accepted_by_model", "denied"])
@pytest.mark.parametrize("alone", [True, False])
def test_names_of_decisions(name: str, alone: bool) -> None:
    columns = {"sex": ["f", "m"] * 9, **({} if alone else {"prediction": [1, 0] * 9}), name: [0, 1] * 9}
    assert guess.target(look(columns)) is None
    assert guess.target(look({**columns, "defaulted": [0, 1] * 9})) == ("defaulted", "by its name")
    assert guess.target(look({**columns, f"actual_{name}": [0, 1] * 9})) is not None


def test_labels_shared_by_two_columns_say_nothing() -> None:
    columns = {"a": [0, 1] * 9, "b": [1, 0] * 9, "decision": [1, 0] * 9}
    assert guess.target(look(columns)) is None
    assert guess.target(look({k: v for k, v in columns.items() if k != "b"})) == (
        "a",
        "it holds the labels of 'decision'",
    )


def test_the_last_column_is_a_truth_where_nothing_is_decided() -> None:
    columns = {"sex": ["f", "m"] * 9, "x": np.arange(18.0), "spam": [0, 1] * 9}
    assert guess.target(look(columns)) == ("spam", "the last column, of few values")
    assert guess.target(look({"prediction": list("abc") * 6, **columns})) is None


def test_what_was_guessed_is_named_where_yes_gives_up() -> None:
    with pytest.raises(
        DataError, match=r"give --sensitive COLUMN. Guessed until then: y_true = repaid \(by its name\)"
    ):
        ask(look(loans("sex", "age")), Answers(), Asking(None), task=None, positive=None)


@pytest.mark.parametrize(
    ("said", "written"),
    [(None, [300, 850]), ([250.0, 900.0], [250, 900]), ("ranks", "ranks")],
)
@pytest.mark.parametrize("y_pred", [(), ("approved",)])
def test_scores_that_are_no_probabilities_get_a_range(said: Any, written: Any, y_pred: tuple[str, ...]) -> None:
    rows = look(loans())
    given = Answers(score="score", threshold=None if y_pred else 580.0, score_range=said, y_pred=y_pred)
    answered = ask(rows, given, Asking(None), task=None, positive=None)
    assert ("score_range" in answered.guessed) == (said is None)
    text = drafted(rows, answered, folder=Path(), name="rows")
    assert (
        loaded(text)["predictions"]["score_range"]
        == written
        == asked(rows, answered, Path())["predictions"]["score_range"]
    )
    assert ("score_range = [300, 850]  # guessed: the scores lie from" in text) == (said is None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"score": "score"}, "from which on is the decision positive. Give --threshold NUMBER"),
        ({"score": "score", "threshold": 900.0}, "--threshold 900 lies outside the scores' range, 300 to 850"),
        ({"score": "score", "threshold": 580.0, "score_range": [400.0, 800.0]}, "--score-range must hold them all"),
        ({"score": "score", "threshold": 580.0, "score_range": [9.0, 1.0]}, r"as in \[300, 850\]"),
        ({"score": "sex", "threshold": 1.0}, "the score 'sex' holds text"),
        ({"score_range": [1.0, 2.0], "y_pred": ("approved",)}, "--score-range goes with --score"),
        ({"y_pred": ("sex",)}, "'sex' is no decision about 'repaid': it holds f, m, and the truth (yes, no|no, yes)"),
        (
            {"y_pred": ("approved", "approved_v2")},
            "1 column of truths takes as many of decisions: for 'repaid' got 'appr",
        ),
    ],
)
def test_what_cannot_decide_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        ask(look(loans()), Answers(**given), Asking(None), task=None, positive=None)


def test_the_range_is_that_of_all_rows() -> None:
    """The first part holds probabilities alone."""
    n = 150_000
    score = np.where(np.arange(n) < n - 5, 0.25, 7.0)
    answered = ask(look({"sex": ["f", "m"] * (n // 2), "y": [0, 0, 1] * (n // 3), "s": score}),
                   Answers(score="s", threshold=0.5), Asking(None), task=None, positive=None)  # fmt: skip
    assert answered.score_range == [0, 7]


@settings(max_examples=60)
@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_ends_hold_what_they_are_made_of(low: float, more: float) -> None:
    least, greatest = outward(low, low + more)
    assert least <= low <= low + more <= greatest
    assert least < greatest
    assert more < 1e-3 or greatest - least <= 2 * more + 1e-6 * abs(low)


def test_somebody_who_errs_is_told_what_there_is() -> None:
    columns = {"called": loans()["repaid"], "came_back": loans()["repaid"], **loans("repaid", "approved_v2")}
    columns |= {"verdict": columns.pop("approved"), "note": [f"n{i}" for i in range(120)]}
    rows = look(columns)
    asking, said = answering("", "came_back", "", "sex,region", "verdict,called", "verdict", "", "", "")
    answered = ask(rows, Answers(), asking, task=None, positive=None)
    assert (answered.y_true, answered.y_pred) == (("came_back",), ("verdict",))
    lines = [line for line in said if line.startswith("  ") and not line.endswith(": ")]
    assert [all(word in line for word in words) for line, words in zip(lines, (
        ("An answer is needed. Such as", "'called'", "'came_back'", "Ctrl-C ends"),
        ("An answer is needed. Such as", "'called'", "'verdict'", "Ctrl-C ends"),
        ("'sex' is no decision about 'came_back': it holds", "could be in 'called', 'verdict'", "Ctrl-C ends"),
        ("1 column of truths takes as many of decisions: for 'came_back' got 'verdict', 'called'", "Ctrl-C ends"),
    ), strict=True)] == [True] * 4, lines  # fmt: skip
    asking, _ = answering("came_back", "score >= x", "score >= 580", "", "", "")
    answered = ask(rows, Answers(), asking, task=None, positive=None)
    assert (answered.score, answered.threshold, answered.score_range) == ("score", 580, [300, 850])


# ---- counts


def test_sizes_and_base_rates_are_those_of_all_rows(tmp_path: Path) -> None:
    """Sorted by group, so that the first part holds one group alone."""
    n = 200_000
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"sex": np.repeat(["f", "m"], n // 2), "y": rng.random(n) < np.repeat([0.2, 0.6], n // 2)})
    frame.loc[::1000, "sex"] = None
    path = tmp_path / "rows.parquet"
    frame.to_parquet(path)
    from auditkit.inputs.sources import source_of

    rows = look_of(path, source_of(path))
    assert rows.rows == n
    assert rows.columns["sex"].values == frame["sex"].value_counts().to_dict()
    assert rows.columns["sex"].missing == frame["sex"].isna().sum()
    table = crossed(rows, ["sex"], "y")["sex"]
    truth = frame.groupby("sex", dropna=False)["y"].agg(["sum", "size"])
    for group, (positive, size) in truth.iterrows():
        here = table[None if pd.isna(group) else group]
        assert (here[True], sum(here.values())) == (positive, size)


def test_small_groups_are_named_by_what_the_rule_counts() -> None:
    n = 400
    sex = np.repeat(["f", "m"], n // 2)
    y = np.r_[np.arange(n // 2) < 20, np.arange(n // 2) < 150].astype(int)
    rows = look({"sex": sex, "y": y, "pred": y})
    told = drafted(rows, ask(rows, Answers(), Asking(None), task=None, positive=None), folder=Path(), name="x")
    assert "sex: f 200 (10.0% 1); m 200 (75.0% 1)." in told
    assert "Few rows whose truth is 1: f (20)." in told.replace("\n# ", " ")
    answered = ask(rows, Answers(metric="selection_rate"), Asking(None), task=None, positive=None)
    assert "Few rows" not in drafted(rows, answered, folder=Path(), name="x")


# ---- questions


PEOPLE = {
    "sex": ["f", "m"] * 30,
    "place": [f"p{i}" for i in range(60)],
    "hired": ["no", "yes"] * 30,
    "decision": ["yes", "no"] * 30,
}


def answering(*lines: str) -> tuple[Asking, list[str]]:
    said, left = [], iter(lines)

    def read(prompt: str) -> str:
        said.append(prompt)
        line = next(left, None)
        if line is None:
            raise EOFError
        return line

    return Asking(read, said.append), said


def test_enter_takes_what_is_shown() -> None:
    asking, said = answering("", "", "", "", "")
    answered = ask(look(PEOPLE), Answers(), asking, task=None, positive=None)
    assert answered == ask(look(PEOPLE), Answers(), Asking(None), task=None, positive=None)
    assert asking.asked == 5, "with the file six"
    assert [re.findall(r"\[(.*)\]:", p)[0] for p in said if p.endswith(": ")] == [
        "hired", "decision", "yes", "sex", "true_positive_rate 0.1",
    ]  # fmt: skip


def test_answers_are_held_to_the_names_that_there_are() -> None:
    asking, said = answering("hird", "hired", "decison", "decision", "jes", "no", "place", "sexx, ", "sex", "tpr x",
                             "acuracy", "accuracy 3", "accuracy 0,05")  # fmt: skip
    answered = ask(look(PEOPLE), Answers(), asking, task=None, positive=None)
    assert (answered.y_true, answered.positive, answered.sensitive) == (("hired",), "no", ("sex",))
    assert (answered.metric, answered.at_most) == ("accuracy", 0.05)
    assert set(answered.guessed) == {"task"}, "what somebody said is no guess"
    told = "\n".join(said)
    for words in ("Did you mean 'hired'?", "Did you mean 'decision'?", "no label 'jes'", "'place' holds too many",
                  "Did you mean 'sex'?", "Did you mean 'accuracy'?", "must lie between 0 and 1: got 3"):  # fmt: skip
        assert words in told


def test_a_model_is_an_answer() -> None:
    asking, _ = answering("hired", "income.model:build income.safetensors", "yes", "sex", "")
    answered = ask(look(PEOPLE), Answers(), asking, task=None, positive=None)
    assert (answered.factory, answered.weights, answered.y_pred) == ("income.model:build", "income.safetensors", ())
    data = loaded(drafted(look(PEOPLE), answered, folder=Path(), name="x"))
    assert data["model"] == {"factory": "income.model:build", "weights": "income.safetensors"}


def test_flags_are_not_asked() -> None:
    asking, _ = answering()
    given = Answers(y_true=("hired",), y_pred=("decision",), sensitive=("sex",), metric="accuracy", at_most=0.2)
    assert ask(look(PEOPLE), given, asking, task=None, positive="yes").guessed.keys() <= {"task"}
    assert asking.asked == 0


def test_answers_that_end_write_nothing() -> None:
    with pytest.raises(PolicyError, match="nothing was written"):
        ask(look(PEOPLE), Answers(), answering("hired")[0], task=None, positive=None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y_true": ("hird",)}, "no column 'hird' for the truth; the columns are .*Did you mean 'hired'"),
        ({"y_pred": ("decison",)}, "Did you mean 'decision'"),
        ({"sensitive": ("sx",)}, "Did you mean 'sex'"),
        ({"sensitive": ("place",)}, "'place' holds too many values"),
        ({"sensitive": ("hired",)}, "its groups cannot be compared"),
        ({"y_pred": ("hired",), "y_true": ("hired",)}, "cannot be both"),
        ({"y_true": ("hired", "sex")}, "2 columns of truths take as many of decisions"),
        ({"score": "scor"}, "no column 'scor'"),
        ({"factory": "model"}, "write package.module:function"),
        ({"metric": "acuracy"}, "Did you mean 'accuracy'"),
        ({"metric": "roc_auc"}, "no difference of 'roc_auc'"),
        ({"metric": "accuracy", "at_most": 7.0}, "must lie between 0 and 1"),
        ({"y_true": ("place",), "y_pred": ("decision",)}, "'place' holds too many values to be labels"),
    ],
)
def test_wrong_flags_are_named(given: dict[str, Any], said: str) -> None:
    task = "binary" if given.get("y_true") == ("place",) else None
    with pytest.raises((DataError, PolicyError), match=said):
        ask(look(PEOPLE), Answers(**given), Asking(None), task=task, positive=None)


def test_nothing_that_says_it_is_an_error_with_its_flag() -> None:
    for missing, flag in (("sex", "--sensitive"), ("decision", "--y-pred COLUMN, or --factory")):
        columns = {k: v for k, v in PEOPLE.items() if k != missing}
        with pytest.raises(DataError, match=f"give {flag}"):
            ask(look(columns), Answers(y_true=("hired",)), Asking(None), task=None, positive=None)
