"""The task of objects in scenes: is each of them found, and what is found where none is?"""

from __future__ import annotations

from typing import ClassVar

from auditkit.inputs.tasks.verification import Verification
from auditkit.records import Task


class Detection(Verification):
    """Yes or no of each object, and of each scene beside them; `auditkit.readers.detections` makes the rows."""

    name: ClassVar[Task] = "detection"
    checks: ClassVar[tuple[str, ...]] = ("detection_rates", "detection_curves")
