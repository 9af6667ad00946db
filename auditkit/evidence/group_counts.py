"""Rows of every crossed group by truth and decision: what small groups are found by, before anything is told."""

from __future__ import annotations

from typing import Any

import numpy as np

from auditkit.batch import Batch, missing
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError
from auditkit.evidence import suppression
from auditkit.evidence.classes import ClassTally


def group_counts(batch: Batch) -> ClassTally:
    """The rows of a batch by the sensitive features, truth and decision; of numbers, 0 is known and -1 missing."""
    codes: list[Any] = [batch.y_true, batch.y_pred]
    if batch.kind.numeric:
        codes = [-missing(v).astype(np.int8) for v in codes]
    return ClassTally.of(batch.groups, batch.classes or ("0", "1"), y_true=codes[0], y_pred=codes[1])


def group_disclosure(counts: ClassTally, disclosure: Disclosure) -> GroupDisclosure:
    """The disclosure, with the recoding that these groups need.

    DataError where groups are to be suppressed, and all groups together have few rows of one truth or decision.
    """
    fewest = disclosure.suppress_below
    if not fewest:
        return GroupDisclosure(**disclosure.model_dump(), attributes=counts.by)
    for what, rows in suppression.parts_of(counts.cells, counts.classes).items():
        if 0 < rows.sum() < fewest:
            raise DataError(
                f"{rows.sum()} {what}: a report that suppresses groups below {fewest} needs as many, or none"
            )
    recoding = suppression.recoding_of(counts.by, suppression.counted(counts.cells, counts.by), fewest)
    return GroupDisclosure(**disclosure.model_dump(), attributes=counts.by, recoding=recoding)
