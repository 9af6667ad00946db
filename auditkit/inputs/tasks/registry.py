"""Tasks by name. Each is loaded when it is asked for, so that importing this loads none."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING

from auditkit.records import Task

if TYPE_CHECKING:
    from auditkit.inputs.tasks.task import AuditTask

TASKS: dict[Task, str] = {
    "binary": "auditkit.inputs.tasks.binary:Binary",
    "multiclass": "auditkit.inputs.tasks.multiclass:Multiclass",
    "regression": "auditkit.inputs.tasks.regression:Regression",
    "multilabel": "auditkit.inputs.tasks.multilabel:Multilabel",
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
