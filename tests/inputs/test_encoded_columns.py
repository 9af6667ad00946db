"""Raw columns behind encoded positions, held to an oracle: change one raw column, see which positions move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from torch import nn

from auditkit.errors import ModelError
from auditkit.inputs.columns import checked, feature_map_of
from auditkit.inputs.model import Model

N = 400


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rare = rng.choice(["p", "q", "r", "s"], N, p=[0.5, 0.46, 0.02, 0.02])
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, N),
            "a": rng.choice(["b_c", "x"], N),
            "hours": rng.normal(38, 5, N),
            "a_b": rng.choice(["c", "y", "z"], N),
            "rare": rare,
        }
    )


NUMBERS, WORDS = ["age", "hours"], ["a", "a_b", "rare"]
TRANSFORMERS: dict[str, Any] = {
    "one-hot and scaler": ColumnTransformer([("o", OneHotEncoder(), WORDS), ("s", StandardScaler(), NUMBERS)]),
    "drop first": ColumnTransformer([("o", OneHotEncoder(drop="first"), WORDS), ("s", StandardScaler(), NUMBERS)]),
    "drop if binary": ColumnTransformer([("o", OneHotEncoder(drop="if_binary"), WORDS), ("s", "passthrough", NUMBERS)]),
    "infrequent": ColumnTransformer(
        [("s", StandardScaler(), NUMBERS), ("o", OneHotEncoder(min_frequency=0.1, sparse_output=False), WORDS)]
    ),
    "pipelines inside": ColumnTransformer(
        [
            ("n", Pipeline([("i", SimpleImputer()), ("s", StandardScaler())]), NUMBERS),
            ("w", Pipeline([("i", SimpleImputer(strategy="most_frequent")), ("o", OneHotEncoder())]), WORDS),
        ]
    ),
    "remainder passthrough": ColumnTransformer([("o", OneHotEncoder(), ["rare", "a"])], remainder=OrdinalEncoder()),
    "dropped": ColumnTransformer(
        [("o", OneHotEncoder(), ["a_b"]), ("d", "drop", ["a"]), ("p", "passthrough", ["age"])]
    ),
    "mask": ColumnTransformer(
        [("n", StandardScaler(), [True, False, True, False, False]), ("o", OneHotEncoder(), WORDS)]
    ),
    "array mask": ColumnTransformer([("n", StandardScaler(), np.array([True, False, True, False, False]))]),
    "positions": ColumnTransformer([("o", OneHotEncoder(), [4, 1]), ("n", "passthrough", [2, -5])]),
    "slice of positions": ColumnTransformer(
        [("o", OneHotEncoder(), slice(3, 5)), ("n", StandardScaler(), slice(0, 1))]
    ),
    "slice of names": ColumnTransformer(
        [("o", OneHotEncoder(), slice("a_b", "rare")), ("n", StandardScaler(), ["hours"])]
    ),
    "selector": ColumnTransformer(
        [("n", StandardScaler(), make_column_selector(dtype_include=np.number))], remainder=OneHotEncoder()
    ),
    "one name": ColumnTransformer(
        [("f", FunctionTransformer(lambda s: s.to_frame() * 2), "age"), ("o", OneHotEncoder(), WORDS)]
    ),
    "nested": ColumnTransformer(
        [("all", ColumnTransformer([("o", OneHotEncoder(), ["a"]), ("p", "passthrough", ["hours"])]), ["hours", "a"])]
    ),
    "bare encoder": OneHotEncoder(),
    "pipeline outside": Pipeline(
        [
            ("c", ColumnTransformer([("o", OneHotEncoder(sparse_output=False), WORDS), ("s", "passthrough", NUMBERS)])),
            ("scale", StandardScaler()),
        ]
    ),
    "second choice by position": Pipeline(
        [
            ("c", ColumnTransformer([("o", OrdinalEncoder(), WORDS), ("s", "passthrough", NUMBERS)])),
            ("again", ColumnTransformer([("o", OneHotEncoder(), [1]), ("p", "passthrough", [4, 0])])),
        ]
    ),
    "union": ColumnTransformer(
        [
            ("u", FeatureUnion([("raw", "passthrough"), ("scaled", StandardScaler())]), NUMBERS),
            ("o", OneHotEncoder(), ["a"]),
        ]
    ),
}


def encoded(transformer: Any, frame: pd.DataFrame) -> np.ndarray:
    out = transformer.transform(frame)
    return np.asarray(out.toarray() if hasattr(out, "toarray") else out, dtype=float)


def moved(transformer: Any, frame: pd.DataFrame) -> dict[str, list[int]]:
    """The oracle: shuffle one raw column at a time."""
    before, out = encoded(transformer, frame), {}
    for column in frame:
        other = frame.assign(**{column: np.roll(frame[column].to_numpy(), 1)})
        positions = np.flatnonzero((encoded(transformer, other) != before).any(axis=0)).tolist()
        if positions:
            out[column] = positions
    return out


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_positions_are_those_that_move(name: str, frame: pd.DataFrame) -> None:
    transformer = TRANSFORMERS[name].fit(frame)
    width = encoded(transformer, frame).shape[1]
    found = feature_map_of(transformer, list(frame), width)
    assert found == moved(transformer, frame)
    assert Model(nn.Linear(width, 1), preprocess=transformer).feature_map(frame) == found


def test_names_do_collide(frame: pd.DataFrame) -> None:
    """The reason for positions: "a" = "b_c" and "a_b" = "c" encode under one name."""
    names = OneHotEncoder().fit(frame[["a", "a_b"]]).get_feature_names_out()
    assert len(set(names)) < len(names)


def test_fitted_on_arrays(frame: pd.DataFrame) -> None:
    scaler = StandardScaler().fit(frame[NUMBERS].to_numpy())
    model = Model(nn.Linear(2, 1), preprocess=scaler)
    rows = frame[NUMBERS]
    np.testing.assert_allclose(model.encode(rows).numpy(), scaler.transform(rows.to_numpy()), rtol=1e-6)
    assert model.feature_map(rows) == {"age": [0], "hours": [1]}


def test_mixed_columns_become_one_feature(frame: pd.DataFrame) -> None:
    mixed = ColumnTransformer([("pca", PCA(2), NUMBERS), ("o", OneHotEncoder(), ["a"])]).fit(frame)
    assert feature_map_of(mixed, list(frame), 4) == {"age + hours": [0, 1], "a": [2, 3]}


def test_what_cannot_be_mapped_asks_for_the_map(frame: pd.DataFrame) -> None:
    fitted = StandardScaler().fit(frame[NUMBERS])
    with pytest.raises(ModelError, match=r"pass feature_map=\{'column': \[positions\]\}"):
        feature_map_of(Pipeline([("s", fitted), ("none", "passthrough")]), NUMBERS, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": [0], "b": [1]}, "does not name 2"),
        ({"a": [0, 1], "b": [2, 3]}, "names too much: 3"),
        ({"a": [0, 1], "b": [1, 2]}, "names twice 1"),
        ({"a": [-1, 0, 1, 2]}, "names too much: -1"),
    ],
)
def test_explicit_maps_are_checked(given: dict[str, list[int]], message: str) -> None:
    with pytest.raises(ModelError, match=f"each of the 3 encoded columns once; it .*{message}"):
        checked(given, 3)
    with pytest.raises(ModelError, match=message):
        Model(nn.Linear(3, 1), feature_map=given).feature_map(pd.DataFrame(np.ones((2, 3)), columns=list("abc")))


def test_explicit_map_is_taken() -> None:
    rows = pd.DataFrame(np.ones((2, 3)), columns=list("abc"))
    assert Model(nn.Linear(3, 1), preprocess=lambda f: f.to_numpy()).feature_map(rows) is None
    given = {"a": [0, 2], "bc": [1]}
    assert Model(nn.Linear(3, 1), preprocess=lambda f: f.to_numpy(), feature_map=given).feature_map(rows) == given


def test_a_missing_raw_column_names_the_nearest(frame: pd.DataFrame) -> None:
    transformer = TRANSFORMERS["one-hot and scaler"].fit(frame)
    model = Model(nn.Linear(11, 1), preprocess=transformer)
    with pytest.raises(ValueError, match=r"no column 'hours' for the model's preprocessing.*Did you mean 'hour'\?"):
        model.predict(frame.rename(columns={"hours": "hour"}))
