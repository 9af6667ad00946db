"""Tasks by name. Each is loaded when it is asked for, so that importing this loads none."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from auditkit.errors import DataError, listing, nearest
from auditkit.records import Task

if TYPE_CHECKING:
    from auditkit.inputs.tasks.task import AuditTask

TASKS: dict[Task, str] = {
    "binary": "auditkit.inputs.tasks.binary:Binary",
    "multiclass": "auditkit.inputs.tasks.multiclass:Multiclass",
    "regression": "auditkit.inputs.tasks.regression:Regression",
    "multilabel": "auditkit.inputs.tasks.multilabel:Multilabel",
    "verification": "auditkit.inputs.tasks.verification:Verification",
    "identification": "auditkit.inputs.tasks.identification:Identification",
    "generation": "auditkit.inputs.tasks.generation:Generation",
    "ranking": "auditkit.inputs.tasks.ranking:Ranking",
    "detection": "auditkit.inputs.tasks.detection:Detection",
    "answers": "auditkit.inputs.tasks.answers:Answers",
    "preferences": "auditkit.inputs.tasks.preferences:Preferences",
}
"""Name → module:class."""


@functools.cache
def task_of(name: Task) -> AuditTask:
    """The task of a name.

    >>> task_of("multiclass").part
    'binary'
    """
    module, _, kind = TASKS[name].partition(":")
    found: AuditTask = getattr(importlib.import_module(module), kind)()
    return found


def known_task(task: Task, *, positive: Any, classes: Sequence[Any] | None) -> Task:
    """The task, if it is known and takes what is given; else DataError."""
    if task not in TASKS:
        raise DataError(f"unknown task {task!r}; known are {listing(TASKS)}.{nearest(str(task), TASKS)}")
    if positive is not None and "positive" not in task_of(task).takes:
        raise DataError(f"positive names a label of a binary target; a {task} target has none")
    if classes is not None and "classes" not in task_of(task).takes:
        raise DataError(f"classes names the labels of a multiclass target; this task is {task}")
    return task
