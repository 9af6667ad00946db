"""Columns as numbers. Oracle: pandas and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from auditkit.fairness.rows.encoding import encoded


def test_numbers_categories_missing_and_what_cannot_be_used() -> None:
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 10, n)),
            "job": pd.Categorical(rng.choice(["a", "b", None], n)),
            "member": rng.random(n) < 0.5,
            "flat": 3,
            "id": [f"i{i}" for i in range(n)],
            "sex": "f",
        }
    )
    found = encoded(frame, without=["sex"])
    assert found.left_out == {"flat": "one value only", "id": "200 different values"}
    filled = np.column_stack([frame["age"].fillna(frame["age"].median()), frame["age"].isna()])
    assert found.columns["age"] == pytest.approx(StandardScaler().fit_transform(filled))
    dummies = pd.get_dummies(frame["job"].astype("object").fillna("(none)")).to_numpy(float)
    ours = sorted(found.columns["job"].T.round(9).tolist())
    assert ours == sorted(StandardScaler().fit_transform(dummies).T.round(9).tolist())
    assert found.columns["member"].shape == (n, 2)
    assert found.all.shape == (n, 7)
