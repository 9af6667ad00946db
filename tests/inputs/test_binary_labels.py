"""Labels and decisions of the binary task: coded, or refused with what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from auditkit.errors import DataError
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.scales import scaled
from auditkit.inputs.tasks.binary import BinaryTarget


def coded(y: Any, positive: Any = None) -> list[int]:
    column = pd.Series(y)
    return BinaryTarget.of(column, "y", positive=positive).code(column, "y").tolist()


@pytest.mark.parametrize(
    ("y", "positive", "expected"),
    [
        ([0, 1, 1], None, [0, 1, 1]),
        ([0.0, 1.0, np.nan], None, [0, 1, -1]),
        ([False, True], None, [0, 1]),
        (pd.array([1, None, 0], dtype="Int64"), None, [1, -1, 0]),
        (pd.array([True, None], dtype="boolean"), None, [1, -1]),
        (["yes", "no", None], "yes", [1, 0, -1]),
        (["yes", "no"], "no", [0, 1]),
        (pd.Categorical(["b", "a", None]), "b", [1, 0, -1]),
        ([0, 1], 0, [1, 0]),
        ([0, 1], "0", [1, 0]),
        ([1.0, 2.0, np.nan], "2", [0, 1, -1]),
        ([1, 2], 2, [0, 1]),
        ([True, False], "True", [1, 0]),
        ([True, False], False, [0, 1]),
        ([1, 1], None, [1, 1]),
        ([0, 0], None, [0, 0]),
        (["no", "no"], "yes", [0, 0]),
        (["yes", "yes"], "yes", [1, 1]),
    ],
)
def test_targets(y: Any, positive: Any, expected: list[int]) -> None:
    assert coded(y, positive) == expected


@pytest.mark.parametrize(
    ("y", "positive", "message"),
    [
        (
            ["yes", "no"],
            None,
            r"the labels of 'y' are no, yes: say which is positive, e\.g\. positive='yes' \(--positive yes",
        ),
        (["yes", "no"], "Yes", r"no label 'Yes' in 'y'; its labels are no, yes\. Did you mean 'yes'\?"),
        ([0, 2], None, "say which is positive"),
        (["0", "1"], None, "say which is positive"),
        ([0.1, 0.7, 0.4], None, "it looks like probabilities: y_true takes labels"),
        (["a", "b", "c"], "a", r"has 3 different values \(a, b, c\); a binary audit needs two"),
        ([None, None], None, "every value of the target 'y' is missing"),
    ],
)
def test_doubtful_targets(y: Any, positive: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        coded(y, positive)


def decisions(pred: Any, y: Any = ("yes", "no", "yes"), positive: Any = "yes") -> list[int]:
    frame = pd.DataFrame({"g": ["f", "m", "f"], "y": list(y), "p": pred})
    data = Dataset(frame, y_true="y", positive=positive, sensitive_features="g")
    return Predictions("p").outputs(data)[0].tolist()


@pytest.mark.parametrize(
    ("pred", "expected"),
    [
        (["yes", "no", "no"], [1, 0, 0]),
        ([1, 0, 1], [1, 0, 1]),
        ([1.0, 0.0, np.nan], [1, 0, -1]),
        ([True, False, True], [1, 0, 1]),
        (["no", None, "no"], [0, -1, 0]),
        ([None, None, None], [-1, -1, -1]),
        ([1, 1, 1], [1, 1, 1]),
        (["yes", "yes", "yes"], [1, 1, 1]),
    ],
)
def test_decisions(pred: Any, expected: list[int]) -> None:
    assert decisions(pred) == expected


def test_decisions_as_numbers_follow_positive_zero() -> None:
    """Where 0 is the positive *label*, a column of the same labels means the same."""
    assert decisions([0, 1, 0], y=[0, 1, 1], positive=0) == [1, 0, 1]


def test_one_class_only_does_not_hide_the_other_label_of_the_decisions() -> None:
    assert decisions(["yes", "no", "no"], y=["yes"] * 3) == [1, 0, 0]
    assert decisions(["yes", "no", "no"], y=["no"] * 3) == [1, 0, 0]
    assert decisions([1, 1, 0], y=["yes"] * 3) == [1, 1, 0]
    assert decisions([1, 1, 1], y=["yes"] * 3) == [1, 1, 1]
    with pytest.raises(DataError, match="holds maybe, no, yes"):
        decisions(["yes", "no", "maybe"], y=["yes"] * 3)


@pytest.mark.parametrize(
    ("pred", "message"),
    [
        (
            [0.2, 0.9, 0.5],
            r"'p' holds probabilities \(0\.2 to 0\.9\) where decisions are expected: pass it as the score",
        ),
        (["yes", "nope", "no"], r"'p' holds no, nope, yes; expected 0 and 1, or the target's labels no, yes"),
        ([0, 1, 2], "'p' holds 0, 1, 2; expected 0 and 1"),
        ([-1, 1, 1], "'p' holds -1, 1; expected 0 and 1"),
        (["Yes", "No", "No"], "'p' holds No, Yes; expected"),
    ],
)
def test_doubtful_decisions(pred: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decisions(pred)


def test_scores() -> None:
    data = Dataset({"g": ["a", "b"], "y": [0, 1]}, y_true="y", sensitive_features="g")

    def read(values: Any) -> Any:
        return scaled(data, pd.Series(values, name="s"), None)

    np.testing.assert_array_equal(read([0, 0.5, None]), [0, 0.5, np.nan])
    np.testing.assert_array_equal(read(pd.array([1, None], dtype="Int64")), [1, np.nan])
    with pytest.raises(DataError, match=r"the score 's' lies between -0\.1 and 2; expected \[0, 1\]"):
        read([-0.1, 2])
    with pytest.raises(DataError, match="the score 's' holds text"):
        read(["high", "low"])


@pytest.mark.parametrize("positive", [None, "1", 1])
def test_labels_of_mixed_types_are_named_as_such(positive: object) -> None:
    with pytest.raises(DataError, match=r"'y' holds labels of mixed types \((1, '1'|'1', 1)\): make them all text"):
        BinaryTarget.of(pd.Series([1, "1", 1, "1"], dtype=object), "y", positive=positive)
