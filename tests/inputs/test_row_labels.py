"""pandas objects side by side: rows belong together by their labels, or are refused; never by accident of order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditkit.errors import DataError
from auditkit.evidence.errors import ErrorSums
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.fairness.reweighing import reweigh
from auditkit.fairness.scores.mitigation import mitigate
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions

N = 60
RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.arange(1000, 1000 + N))
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "y": RNG.integers(0, 2, N),
        "sex": RNG.choice(["f", "m"], N),
        "job": RNG.choice(["a", "b"], N),
        "w": RNG.integers(1, 5, N).astype(float),
        "who": RNG.integers(0, 20, N),
    },
    index=LABELS,
)
ORDER = RNG.permutation(N)
SHUFFLED = FRAME.iloc[ORDER]
ROLES = ("y_true", "sensitive_features", "control_features", "sample_weight", "cluster")


def given(frame: pd.DataFrame, **instead: Any) -> dict[str, Any]:
    parts = {
        "X": frame[["x"]],
        "y_true": frame["y"],
        "sensitive_features": frame["sex"],
        "control_features": frame["job"],
        "sample_weight": frame["w"],
        "cluster": frame["who"],
    }
    return parts | instead


def rows(data: Dataset) -> list[tuple[Any, ...]]:
    (b,) = data.batches()
    assert b.controls is not None
    columns = (b.features["x"], b.y_true, b.groups["sex"], b.controls["job"], b.sample_weight, b.cluster)
    return list(zip(*(np.asarray(c, dtype=object).tolist() for c in columns), strict=True))


RIGHT = [(r.x, r.y, r.sex, r.job, r.w, str(r.who)) for r in FRAME.itertuples()]
FORMS: dict[str, Any] = {
    "Series": lambda s: s,
    "frame": lambda s: s.to_frame(),
    "dict of Series": lambda s: {s.name: s},
    "category": lambda s: s.astype("category"),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("form", FORMS)
def test_permuted_rows_are_put_back(role: str, form: str) -> None:
    if form == "dict of Series" and role in ("sample_weight", "cluster"):
        pytest.skip("one column, no dict")
    if form == "category" and role == "sample_weight":
        pytest.skip("weights are numbers")
    parts = given(FRAME, **{role: FORMS[form](given(SHUFFLED)[role])})
    if form == "dict of Series" and role == "y_true":
        parts["y_true"] = SHUFFLED["y"]
    assert rows(Dataset.from_arrays(parts.pop("X"), **parts)) == RIGHT


def test_every_part_permuted_at_once() -> None:
    parts = given(FRAME.sample(frac=1, random_state=1), X=FRAME[["x"]], cluster=SHUFFLED["who"])
    assert rows(Dataset.from_arrays(parts.pop("X"), **parts)) == RIGHT


def test_arrays_are_taken_as_they_stand() -> None:
    plain = {k: (v.to_numpy() if k != "X" else v) for k, v in given(FRAME).items()}
    plain["sensitive_features"], plain["control_features"] = (
        {"sex": FRAME["sex"].to_numpy()},
        {"job": list(FRAME["job"])},
    )
    assert rows(Dataset.from_arrays(plain.pop("X"), **plain)) == RIGHT


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("form", ["other labels", "reset", "repeated", "text labels"])
def test_other_row_labels_are_refused(role: str, form: str) -> None:
    part = given(FRAME)[role]
    labels = {
        "other labels": LABELS + 1,
        "reset": np.arange(N),
        "repeated": np.r_[LABELS[:-1], LABELS[0]],
        "text labels": LABELS.astype(str),
    }[form]
    parts = given(FRAME, **{role: part.set_axis(labels)})
    with pytest.raises(DataError, match=rf"{role}.*(different row labels|repeat themselves)"):
        Dataset.from_arrays(parts.pop("X"), **parts)


def test_repeated_labels_in_one_order_are_rows() -> None:
    twice = FRAME.set_axis(np.repeat(np.arange(N // 2), 2))
    parts = given(twice)
    assert rows(Dataset.from_arrays(parts.pop("X"), **parts)) == RIGHT
    parts = given(twice, y_true=twice["y"].iloc[ORDER])
    with pytest.raises(DataError, match="repeat themselves and stand in different orders"):
        Dataset.from_arrays(parts.pop("X"), **parts)


def test_an_array_without_labels_is_said_to_stand_in_the_order_of_the_target() -> None:
    parts = given(FRAME, X=FRAME[["x"]].to_numpy(), sensitive_features=SHUFFLED["sex"])
    data = Dataset.from_arrays(parts.pop("X"), **parts)
    (batch,) = data.batches()
    assert batch.groups["sex"].tolist() == FRAME["sex"].tolist()
    assert batch.y_true.tolist() == FRAME["y"].tolist()
    assert "rows of X were taken to stand in the order of y_true" in data.cautions[-1]


def test_a_dict_of_series_is_a_table_by_row_labels() -> None:
    data = Dataset({"x": FRAME["x"], "y": SHUFFLED["y"], "sex": SHUFFLED["sex"]}, y_true="y", sensitive_features="sex")
    (batch,) = data.batches()
    assert batch.y_true.tolist() == FRAME["y"].tolist()
    assert batch.groups["sex"].tolist() == FRAME["sex"].tolist()
    with pytest.raises(DataError, match="different row labels"):
        Dataset({"y": FRAME["y"], "sex": FRAME["sex"].reset_index(drop=True)}, y_true="y", sensitive_features="sex")


def test_counts_and_remedies_match_rows_by_their_labels() -> None:
    score = pd.Series(RNG.random(N).round(2), index=LABELS)
    y, decided, groups = FRAME["y"], (score >= 0.5).astype(int), FRAME[["sex"]]
    other = {"y": y.iloc[ORDER], "p": decided.iloc[::-1], "s": score.iloc[ORDER], "g": groups.iloc[ORDER]}
    assert Tally.of(groups, y_true=y, y_pred=decided).to_json() == (
        Tally.of(other["g"], y_true=y, y_pred=other["p"]).to_json()
    )
    assert Tally.of(groups, y_true=y, y_pred=decided, sample_weight=FRAME["w"], cluster=FRAME["who"]).to_json() == (
        Tally.of(groups, y_true=y, y_pred=decided, sample_weight=SHUFFLED["w"], cluster=SHUFFLED["who"]).to_json()
    )
    histogram = ScoreHistogram.of(groups, y_true=y, y_pred=decided, score=score)
    assert histogram.to_json() == (
        ScoreHistogram.of({"sex": other["g"]["sex"]}, y_true=other["y"], y_pred=other["p"], score=score).to_json()
    )
    assert ErrorSums.of(groups, y_true=y, y_pred=score).to_json() == (
        ErrorSums.of(groups, y_true=other["y"], y_pred=other["s"]).to_json()
    )
    remedy = mitigate(histogram, "sex")
    assert remedy.predict(score, groups).tolist() == remedy.predict(score, other["g"]).tolist()
    assert remedy.predict(score, FRAME["sex"]).tolist() == remedy.predict(score, SHUFFLED["sex"]).tolist()
    weights = reweigh(Tally.of(groups, y_true=y, y_pred=decided), ["sex"])
    assert weights.weights(groups, y)[ORDER].tolist() == weights.weights(other["g"], y).tolist()
    for call in (
        lambda g: Tally.of(g, y_true=y, y_pred=decided),
        lambda g: ScoreHistogram.of(g, y_true=y, y_pred=decided, score=score),
        lambda g: ErrorSums.of(g, y_true=y, y_pred=score),
        lambda g: remedy.predict(score, g),
        lambda g: weights.weights(g, y),
    ):
        with pytest.raises(DataError, match="different row labels"):
            call(groups.set_axis(LABELS + 1))


@pytest.mark.parametrize(
    "role", ["y_true", "sensitive_features", "weights", "cluster", "row_id", "sample_weight", "control_features"]
)
def test_a_column_where_a_name_is_expected(role: str) -> None:
    named: dict[str, Any] = {"y_true": "y", "sensitive_features": "sex"}
    with pytest.raises(DataError, match=f"(weights|{role}) takes .*(Series|frame).*from_arrays"):
        Dataset(FRAME, **(named | {role: FRAME["sex"]}))


@pytest.mark.parametrize("options", [{"y_pred": FRAME["y"]}, {"y_pred": "y", "score": FRAME["x"]}, {"y_pred": [1, 2]}])
def test_predictions_name_columns(options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"takes the name.* of .*columns? of the data"):
        Predictions(**options)


def test_what_stands_beside_may_have_any_name() -> None:
    frame = FRAME.rename(columns={"x": "y_true", "sex": "sample_weight"})
    data = Dataset.from_arrays(
        frame[["y_true"]], y_true=frame["y"], sensitive_features=frame[["sample_weight"]], sample_weight=frame["w"]
    )
    (batch,) = data.batches()
    assert list(batch.features) == ["y_true"]
    assert batch.groups["sample_weight"].tolist() == FRAME["sex"].tolist()
    assert np.asarray(batch.sample_weight).tolist() == FRAME["w"].tolist()
