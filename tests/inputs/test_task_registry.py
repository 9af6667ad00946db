"""Every task says things that exist: checks that know it, gaps that are split, options that are options."""

from __future__ import annotations

import inspect
from typing import get_args

import numpy as np
import pytest

import auditkit as ak
from auditkit.catalogue.gaps import TARGETS
from auditkit.checks import check_of
from auditkit.errors import DataError, ModelError
from auditkit.inputs.tasks.registry import TASKS, task_of
from auditkit.inputs.tasks.task import Option
from auditkit.records import TASK_KINDS, DataProvenance, Task

every_task = pytest.mark.parametrize("name", TASKS)


@every_task
def test_a_task_is_found_by_its_name(name: Task) -> None:
    assert task_of(name).name == name
    assert task_of(name) is task_of(name)
    assert inspect.getfile(type(task_of(name))).endswith(f"inputs/tasks/{name}.py")


@every_task
def test_an_audit_asks_checks_that_know_the_task(name: Task) -> None:
    task = task_of(name)
    audited = task.part if TASK_KINDS[name].by_label else name
    assert task.checks
    assert len(set(task.checks)) == len(task.checks)
    for check in task.checks:
        assert audited in check_of(check).tasks, check


@every_task
def test_gaps_that_are_split_exist_and_only_where_the_check_knows_the_task(name: Task) -> None:
    task = task_of(name)
    assert set(task.gap_targets) <= set(TARGETS)
    assert {TARGETS[t].of for t in task.gap_targets} <= ({"score", "selected", "loss"} if task.scores else {"score"})


@every_task
def test_options_that_a_task_does_not_take_are_refused(name: Task) -> None:
    takes = task_of(name).takes
    assert takes <= set(get_args(Option))
    rows = {"g": ["a", "b"] * 4, "y": [0, 1, 1, 0] * 2, "z": [1, 0, 1, 0] * 2, "p": [0.2, 0.7] * 4}
    y_true = ["y", "z"] if TASK_KINDS[name].by_label else "y"
    for option, value in (("positive", 1), ("classes", [0, 1])):
        declared = {"y_true": y_true, "sensitive_features": "g", "task": name, option: value}
        if option in takes:
            ak.Dataset(rows, **declared)
        else:
            with pytest.raises(DataError, match=f"{option} names"):
                ak.Dataset(rows, **declared)
    import torch

    net = torch.nn.Linear(1, 1)
    if "threshold" in takes:
        assert ak.Model(net, task=name, threshold=0.4).threshold == 0.4
    else:
        with pytest.raises(ModelError, match="without a threshold"):
            ak.Model(net, task=name, threshold=0.4)
    if not TASK_KINDS[name].by_label:
        data = ak.Dataset(rows, y_true="y", sensitive_features="g", task=name)
        if "score" in takes:
            assert ak.Predictions("z", "p").outputs(data)[1] is not None
        else:
            with pytest.raises(DataError, match="no score"):
                ak.Predictions("z", "p").outputs(data)


@every_task
def test_rows_of_a_task_are_what_its_kind_says(name: Task) -> None:
    rows = {"g": ["a", "b"] * 4, "y": [0, 1, 1, 0] * 2, "z": [1, 0, 1, 0] * 2}
    several = TASK_KINDS[name].by_label
    data = ak.Dataset(rows, y_true=["y", "z"] if several else "y", sensitive_features="g", task=name)
    kind = data.kind
    assert kind is DataProvenance(task=name).kind is TASK_KINDS[name]
    assert sum([kind.yes_no, kind.several, kind.numeric, kind.by_label]) == 1
    assert kind.numeric == (not task_of(name).scores) == (next(data.batches()).y_true.dtype == np.float64)
    assert bool(data.classes) == (kind.several or kind.by_label)
    assert (task_of(name).part is not None) == (kind.several or kind.by_label)


@every_task
def test_words_of_an_outcome_hold_only_places_that_the_page_fills(name: Task) -> None:
    filled = TASK_KINDS[name].outcome.format(y_true="Y", positive="P", n=2, classes="C", labels="L")
    assert "{" not in filled
    assert any(x in filled for x in "YCLP")
