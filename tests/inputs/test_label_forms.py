"""Labels in every form beside decisions in every form: the meaning is that of brute force, or one clear error."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.report.html.page import render

TRUTH = [0, 1, 1, 0, 1, 0, None, 1]
DECISION = [1, 1, 0, 0, 1, 1, 0, None]

Form = Callable[[list[Any]], Any]


def _each(write: Callable[[int], Any], dtype: Any = object) -> Form:
    return lambda values: pd.Series([None if v is None else write(v) for v in values], dtype=dtype)


FORMS: dict[str, Form] = {
    "float": lambda v: pd.Series([np.nan if x is None else float(x) for x in v]),
    "float32": lambda v: pd.Series([np.nan if x is None else float(x) for x in v], dtype="float32"),
    "Int64": lambda v: pd.Series(v, dtype="Int64"),
    "UInt8": lambda v: pd.Series(v, dtype="UInt8"),
    "Float64": lambda v: pd.Series(v, dtype="Float64"),
    "boolean": lambda v: pd.Series([None if x is None else bool(x) for x in v], dtype="boolean"),
    "bool[pyarrow]": lambda v: pd.Series([None if x is None else bool(x) for x in v], dtype="bool[pyarrow]"),
    "int64[pyarrow]": lambda v: pd.Series(v, dtype="int64[pyarrow]"),
    "double[pyarrow]": lambda v: pd.Series([None if x is None else float(x) for x in v], dtype="double[pyarrow]"),
    "object of bool": _each(bool),
    "object of np.bool_": _each(np.bool_),
    "object of int": _each(int),
    "object of Decimal": _each(lambda x: Decimal(f"{x}.00")),
    "category of bool": lambda v: _each(bool)(v).astype("category"),
    "category of float": lambda v: _each(float)(v).astype("category"),
    "text 1": _each(str),
    "text 1.0": _each(lambda x: f"{x}.0"),
    "text True": _each(lambda x: str(bool(x))),
    "text true": _each(lambda x: str(bool(x)).lower()),
    "string[pyarrow] TRUE": _each(lambda x: str(bool(x)).upper(), "string[pyarrow]"),
    "category of text True": lambda v: _each(lambda x: str(bool(x)))(v).astype("category"),
}
POSITIVE: dict[str, Any] = {repr(x): x for x in (None, 1, "1", 1.0, True, "True", 0, "0", False, "False", "yes", 2)}
TEXT = {name for name in FORMS if "text" in name or "TRUE" in name}


def coded(values: list[Any], positive: int) -> list[int]:
    """Brute force: what each value means."""
    return [-1 if v is None else int(v == positive) for v in values]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("positive", POSITIVE)
def test_every_form_beside_every_form(positive: str) -> None:
    given = POSITIVE[positive]
    told = {"1": 1, "True": 1, "1.0": 1, "None": 1, "0": 0, "False": 0}.get(str(given))
    decisions = {f"p {name}": form(DECISION) for name, form in FORMS.items()}
    for truth in FORMS:
        frame = pd.DataFrame({"g": list("fmfmfmfm"), "y": FORMS[truth](TRUTH), **decisions})
        if told is None:
            with pytest.raises(DataError, match="no label"):
                Dataset(frame, y_true="y", positive=given, sensitive_features="g")
            continue
        if given is None and truth in TEXT:
            with pytest.raises(DataError, match="say which is positive"):
                Dataset(frame, y_true="y", positive=given, sensitive_features="g")
            continue
        data = Dataset(frame, y_true="y", positive=given, sensitive_features="g")
        (batch,) = data.batches(without=list(decisions))
        assert batch.y_true.tolist() == coded(TRUTH, told), truth
        for name in decisions:
            assert Predictions(name).outputs(data)[0].tolist() == coded(DECISION, told), (truth, name)


WORDS = {"yes": ("no", "yes"), "Y": ("N", "Y"), "2": (1, 2), "+1": (-1, 1), "f": (Decimal("1.5"), Decimal("2.5"))}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("decision", FORMS)
def test_labels_that_are_no_0_and_1_beside_0_and_1(word: str, decision: str) -> None:
    """0 and 1 mean negative and positive, unless one of them is a label that means the other."""
    no, yes = WORDS[word]
    frame = pd.DataFrame({"g": list("fmfmfmfm"), "p": FORMS[decision](DECISION)})
    frame["y"] = pd.Series([None if v is None else (no, yes)[v] for v in TRUTH], dtype=object)
    frame["own"] = pd.Series([None if v is None else (no, yes)[v] for v in DECISION], dtype=object)
    for positive, says in ((yes, 1), (no, 0)):
        data = Dataset(frame, y_true="y", positive=positive, sensitive_features="g")
        assert Predictions("own").outputs(data)[0].tolist() == coded(DECISION, says)
        contrary = (word == "2" and positive == 2) or (word == "+1" and positive == -1)
        if contrary:
            with pytest.raises(DataError, match="0 and 1 could mean either"):
                Predictions("p").outputs(data)
        else:
            assert Predictions("p").outputs(data)[0].tolist() == coded(DECISION, 1)


@pytest.mark.parametrize("truth", FORMS)
@pytest.mark.parametrize("only", [0, 1])
def test_one_class_only_is_said_and_decisions_keep_their_meaning(truth: str, only: int) -> None:
    decisions = {f"p {name}": form(DECISION) for name, form in FORMS.items()}
    frame = pd.DataFrame({"g": list("fmfmfmfm"), "y": FORMS[truth]([only] * 8), **decisions})
    data = Dataset(frame, y_true="y", positive="1", sensitive_features="g")
    for name in decisions:
        assert Predictions(name).outputs(data)[0].tolist() == coded(DECISION, 1), (truth, name)
    wanted = "no row is negative" if only else "never occurs in the target 'y'"
    assert any(wanted in c for c in data.cautions), (truth, data.cautions)


def test_a_positive_that_never_occurs() -> None:
    frame = {"g": ["f", "m"], "y": ["no", "no"], "p": ["yes", "no"]}
    data = Dataset(frame, y_true="y", positive="yes", sensitive_features="g")
    assert data.cautions == (
        "The positive label yes never occurs in the target 'y', whose every value is no: no row is positive.",
    )
    assert Predictions("p").outputs(data)[0].tolist() == [1, 0]
    report = ak.audit(Predictions("p"), data, checks=[ak.GroupFairness()])
    assert report.provenance.cautions == data.cautions
    assert "The positive label yes never occurs" in render(report)
    for positive in ("Yes", "yes ", "YES"):
        with pytest.raises(DataError, match="Did you mean 'yes'"):
            Dataset({"g": ["f", "m"], "y": ["yes", "yes"]}, y_true="y", positive=positive, sensitive_features="g")
    with pytest.raises(DataError, match="no label 'ja' in 'y'; its labels are no, yes"):
        Dataset({"g": ["f", "m"], "y": ["yes", "no"]}, y_true="y", positive="ja", sensitive_features="g")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "1"], "labels of mixed types"),
        ([True, "True"], "labels of mixed types"),
        (["1", "1.0"], "'1' and '1.0', which mean the same|'1.0' and '1', which mean the same"),
        (["True", "true"], "which mean the same"),
        ([[1], [0]], "lists or other values that are no labels"),
        ([np.array([1]), np.array([0])], "lists or other values that are no labels"),
        ([{"a": 1}, {"a": 0}], "lists or other values that are no labels"),
        ([object(), object()], "that are no labels"),
        ([1j, 0j], "that are no labels"),
    ],
)
def test_columns_that_are_no_labels(values: list[Any], message: str) -> None:
    frame = pd.DataFrame({"g": ["f", "m"], "ok": [0, 1]}).assign(y=pd.Series(values, dtype=object))
    with pytest.raises(DataError, match=message):
        Dataset(frame, y_true="y", positive=1, sensitive_features="g")
    with pytest.raises(DataError, match=message):
        Predictions("y").outputs(Dataset(frame, y_true="ok", sensitive_features="g"))


def test_decisions_that_could_mean_two_things() -> None:
    data = Dataset({"g": ["f", "m"], "y": ["yes"] * 2, "p": ["1", "1"], "q": ["YES", "yes"], "r": ["yes", "1"]},
                   y_true="y", positive="yes", sensitive_features="g")  # fmt: skip
    assert Predictions("p").outputs(data)[0].tolist() == [1, 1]  # and not: the other label
    for column in ("q", "r"):
        with pytest.raises(DataError, match=rf"'{column}' holds .*expected 0 and 1, or the target's labels yes"):
            Predictions(column).outputs(data)


def test_labels_of_a_csv_file(tmp_path: Path) -> None:
    """What pandas makes of "True", "true", "1.0" and "yes", with and without gaps."""
    writings = {"bool": ("False", "True"), "lower": ("false", "true"), "float": ("0.0", "1.0"), "int": ("0", "1")}
    for (a, truth), (b, decision) in itertools.product(writings.items(), writings.items()):
        rows = [f"{g},{truth[t]},{decision[d]}" for g, t, d in zip("fmfm", (0, 1, 1, 0), (1, 1, 0, 0), strict=True)]
        for gaps in ([], ["f,,"]):
            path = tmp_path / "rows.csv"
            path.write_text("\n".join(["g,y,p", *rows, *gaps]) + "\n")
            data = Dataset(path, y_true="y", sensitive_features="g")
            (batch,) = data.batches(without=["p"])
            assert batch.y_true.tolist() == [0, 1, 1, 0, *[-1] * len(gaps)], (a, b)
            assert Predictions("p").outputs(data)[0].tolist() == [1, 1, 0, 0, *[-1] * len(gaps)], (a, b)


@pytest.mark.parametrize("form", FORMS)
def test_from_arrays_reads_the_same(form: str) -> None:
    values = FORMS[form](TRUTH)
    for y in (values, values.to_frame("y"), values.array, list(values)):
        data = Dataset.from_arrays(np.zeros((8, 1)), y_true=y, positive="1", sensitive_features={"g": list("fmfmfmfm")})
        (batch,) = data.batches()
        assert batch.y_true.tolist() == coded(TRUTH, 1)


@pytest.mark.parametrize("form", FORMS)
def test_multilabel_and_multiclass_read_the_same_or_say_so(form: str) -> None:
    frame = pd.DataFrame({"g": list("fmfmfmfm"), "a": FORMS["Int64"](TRUTH), "b": FORMS["float"](DECISION)})
    frame["p"], frame["q"] = FORMS[form](DECISION), FORMS[form](TRUTH)
    data = Dataset(frame, y_true=["a", "b"], task="multilabel", sensitive_features="g")
    for i, label in enumerate("ab"):
        one = Predictions(["p", "q"]).of_label(i, 2)
        assert one.outputs(data.of_label(label))[0].tolist() == coded([DECISION, TRUTH][i], 1)
    classes = Dataset(frame, y_true="a", task="multiclass", sensitive_features="g")
    if form in TEXT:
        with pytest.raises(DataError, match=r"the classes are numbers and 'p' holds text|which is no class"):
            Predictions("p").outputs(classes)
    else:
        assert Predictions("p").outputs(classes)[0].tolist() == coded(DECISION, 1)


def test_an_ordered_categorical_says_the_order_of_classes() -> None:
    order = ["low", "middle", "high", "extreme"]
    values = pd.Categorical(["high", "low", "middle", None], categories=order, ordered=True)
    data = Dataset({"g": list("fmfm"), "y": values}, y_true="y", task="multiclass", sensitive_features="g")
    assert data.classes == tuple(order)
    (batch,) = data.batches()
    assert batch.y_true.tolist() == [2, 0, 1, -1]
    stated = Dataset({"g": list("fmfm"), "y": values}, y_true="y", task="multiclass", classes=["high", "middle", "low"],
                     sensitive_features="g")  # fmt: skip
    assert stated.classes == ("high", "middle", "low")
    loose = pd.Categorical(["high", "low", "middle", None], categories=order)
    unordered = Dataset({"g": list("fmfm"), "y": loose}, y_true="y", task="multiclass", sensitive_features="g")
    assert unordered.classes == ("high", "low", "middle")
