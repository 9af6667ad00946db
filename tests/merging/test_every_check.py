"""The table of docs/merge.md: every check stands in it once, and is merged or not measured as it says.

The truth of what is merged exactly is the audit of all rows.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.checks import CHECKS
from auditkit.records import Task
from tests.explain import test_words as words
from tests.report.test_everything_stands import (
    FEATURES,
    POSITIVE,
    PREDICTED,
    TARGETS,
    WITH_NET,
    boxes_of,
    kind_of,
    net,
    options,
    table,
)

PAGE = Path(__file__).parents[2] / "docs" / "merge.md"
CHANGES = ("change", "class_change", "regression_change")


def said() -> dict[str, str]:
    """Name of a check's class → how it is merged, by the page."""
    out: dict[str, str] = {}
    for line in PAGE.read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split(" | ")]
        for name in re.findall(r"`(\w+)`", cells[1]) if line.startswith("|") and len(cells) == 3 else ():
            assert name not in out, f"{name} stands twice"
            out[name] = cells[2]
    return out


def lists(users: Any) -> ak.Rankings:
    """Of these users ten items each, of whose kinds one is shown lower."""
    user, item = np.repeat(np.asarray(users), 10), np.tile(np.arange(10), len(users))
    rng = np.random.default_rng(1)
    rows = {"user": user, "item": item, "relevant": rng.integers(0, 2, len(user))}
    more = {"score": rng.random(len(user)) - (item % 2) / 2, "kind": np.where(item % 2, "a", "b")}
    named = {"user_groups": ["sex"], "item_groups": ["kind"]}
    return ak.Rankings(items={**rows, **more, "sex": np.where(user % 4 < 2, "f", "m")}, score="score", k=[3], **named)


def audited(check: str, task: Task, rows: pd.DataFrame) -> ak.Report:
    if check == "exposure":
        return ak.audit(lists(rows.index[:40]), checks=["exposure"], name="p")
    if check == "word_attribution":
        frame = words.texts(400).iloc[rows.index]
        data = ak.Dataset(frame.assign(y=np.arange(len(frame)) % 2), y_true="y", positive=1, sensitive_features=["sex"])
        reads = ak.tokens(words.split, length=words.LENGTH, column="review")
        bag = ak.Model(words.Bag(lovely=2.0, bad=-1.0).eval(), feature_map=reads, outputs="logits")
        return ak.audit(bag, data, checks=[check], name="p")
    truth, outputs = TARGETS[task], () if check in WITH_NET else PREDICTED[task]
    listed = [c for given in (truth, *outputs) for c in (given if isinstance(given, list) else [given])]
    own = rows.reset_index(drop=True)
    if task == "detection":  # whole scenes are in a part
        own = own.assign(boxes=boxes_of(own))
    own = own[[*FEATURES, "sex", "race", "region", "boxes", *listed]]
    own = own.assign(old=own[truth]) if check in CHANGES else own  # a model that is always right
    named: Any = {"sensitive_features": ["sex", "race"], "control_features": ["region"]}
    data = ak.Dataset(own, y_true=truth, task=task, **named, **POSITIVE[task])
    asked = kind_of(check)(**options(check, task, table()[[c for c in own if c in table()]]))
    model = net(task) if check in WITH_NET else ak.Predictions(*outputs)
    older = ak.Predictions("old") if check in CHANGES else None
    return ak.audit(model, data, checks=[asked], sample=120, against=older, name="p")


@cache
def parts(check: str) -> tuple[ak.Report, ak.Report, Any]:
    """Both halves of the rows, and all of them, lazily."""
    knows = kind_of(check).tasks
    task = "binary" if "binary" in knows else knows[0]
    rows = table()[table().race != "c"].reset_index(drop=True)
    one = rows.index % 2 == 0
    return audited(check, task, rows[one]), audited(check, task, rows[~one]), lambda: audited(check, task, rows)


def test_the_table_names_every_check_once_and_nothing_else() -> None:
    assert set(said()) == {kind_of(check).__name__ for check in CHECKS}


@pytest.mark.one_in(5)
@pytest.mark.parametrize("check", CHECKS)
def test_a_check_is_merged_or_dropped_as_the_table_says(check: str) -> None:
    kind, (one, other, _) = kind_of(check), parts(check)
    how = said()[kind.__name__]
    assert one.evidence, one.not_measured
    (key,) = one.evidence
    merged = ak.merge(one, other, apart=True)
    lost = [n.why for n in merged.not_measured if n.what == key]
    if how.startswith("not measured"):
        assert merged.evidence == {}
        assert lost == [kind.NO_SUM] != [""]
    elif check == "subgroups":  # without a file of bins
        assert "auditkit fit" in lost[0]
    else:
        assert list(merged.evidence) == [key]
        assert lost == []
        assert not kind.NO_SUM
        assert bool(merged.findings) == bool(one.findings)
        assert ak.verify(merged).agrees
    assert "by weight" not in how or hasattr(kind, "examine")


@pytest.mark.one_in(5)
@pytest.mark.parametrize("check", [c for c in CHECKS if c not in ("exposure", "detection_rates")])
def test_what_is_merged_exactly_is_that_of_the_whole(check: str) -> None:
    if said()[kind_of(check).__name__] != "exactly":
        return
    one, other, whole = parts(check)
    found = {f.id: f for f in ak.merge(one, other, apart=True).findings}
    for f in whole().findings:
        assert found[f.id].estimate.value == pytest.approx(f.estimate.value, abs=1e-6), f.id
        assert found[f.id].estimate.low == pytest.approx(f.estimate.low, abs=1e-6), f.id
