"""Groups from mentions: against a slow twin, in any case and script, through library, configuration and gate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.inputs.mentions import Mention, mentions
from tests.helpers import run_cli

TEXTS = ["She left.", "HE and she", "ashes", "women's club", None, "", "Sheʼs here", "他 and 她们"]


def frame() -> pd.DataFrame:
    return pd.DataFrame({"review": TEXTS * 5, "y": [0, 1] * 20, "hit": [1, 1, 0, 0] * 10})


def test_each_key_is_an_attribute_and_texts_may_mention_several() -> None:
    words = {"women": ["she", "women", "她"], "men": ["he", "他"]}
    data = ak.Dataset(frame(), y_true="y", sensitive_features=["hit", ak.mentions("review", words)])
    assert data.sensitive_features == ("hit", "women", "men")
    groups = next(iter(data.batches())).groups
    for name, own in words.items():
        for text, group in zip(TEXTS, groups[name], strict=False):
            # ASCII words by \b, signs of scripts without spaces anywhere: a slow twin
            there = text is not None and any(
                re.search(rf"\b{w}\b" if w.isascii() else w, text, re.IGNORECASE) for w in own
            )
            assert group == ("(missing)" if text is None else "mentioned" if there else "not mentioned"), (name, text)
    assert "'women': of 40 rows, 5 have no text: '(missing)'." in data.cautions
    features = next(iter(data.batches())).features
    assert "review" in features
    assert not {"women", "men"} & set(features)


def test_what_nobody_mentions_is_said() -> None:
    data = ak.Dataset(frame(), y_true="y", sensitive_features=ak.mentions("review", {"elves": ["elf", "elves"]}))
    list(data.batches())
    assert "'elves': none of 40 texts mentions “elf”, “elves”." in data.cautions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "takes attributes and their words"),
        (["she"], "takes attributes and their words"),
        ({"women": []}, "one word or more"),
        ({"women": ["she", " ."]}, "' .' among them"),
        ({"women": 3}, "one word or more"),
    ],
)
def test_what_is_no_table_of_words(given: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        mentions("review", given)


def test_a_table_of_a_configuration_that_lacks_something() -> None:
    with pytest.raises(DataError, match=r"has a column and words.*got column"):
        Mention.of("women", {"column": "review"})
    with pytest.raises(DataError, match="no column 'nope'"):
        ak.Dataset(frame(), y_true="y", sensitive_features=ak.mentions("nope", {"women": ["she"]}))
    with pytest.raises(DataError, match="values that are no texts"):
        ak.Dataset(frame(), y_true="y", sensitive_features=ak.mentions("hit", {"women": ["she"]}))


def test_by_configuration_and_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.DataFrame({"review": ["she won", "he won"] * 100, "y": [0, 1] * 100, "hit": [1, 0] * 100})
    rows.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "auditkit.toml").write_text(
        """
        [predictions]
        y_pred = "hit"
        [data]
        path = "rows.parquet"
        y_true = "y"
        sensitive_features = [{ women = { column = "review", words = ["she", "her"] } }]
        [[rule]]
        id = "mentions"
        metric = "selection_rate"
        comparison = "difference"
        by = ["women"]
        at_most = 0.1
        """
    )
    monkeypatch.chdir(tmp_path)
    status, out, err = run_cli(["run", "auditkit.toml"])
    assert status == 1, out + err
    (report,) = (tmp_path / "reports").glob("*.json")
    assert "mentioned" in report.read_text()
