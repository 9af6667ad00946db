"""The task of lists: how good is the list of each user, and which items does it show?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.inputs.tasks.regression import Regression
from auditkit.records import Task

if TYPE_CHECKING:
    from auditkit.lists import Lists


class Ranking(Regression):
    """Numbers of each user's list; `auditkit.readers.rankings` makes the rows. Nothing is predicted of a user."""

    name: ClassVar[Task] = "ranking"
    checks: ClassVar[tuple[str, ...]] = ("exposure",)
    gap_targets: ClassVar[tuple[str, ...]] = ()

    def asks(self, lists: Lists | None) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """See `AuditTask`: each number of the lists, and what groups of items they show."""
        if lists is None:
            return super().asks(lists)
        numbers = [
            ("measured", {"number": n, "better": better, "distributions": False}) for n, better in lists.numbers.items()
        ]
        return (*numbers, *(super().asks(lists) if lists.items else ()))
