"""What a section of findings leads with, where the task or the question has a figure of its own."""

from typing import TYPE_CHECKING, NamedTuple

from auditkit.records import Concern
from auditkit.report.html import confusion, errors_by_group, gaps, subgroups
from auditkit.report.html.confusion import Matrices
from auditkit.report.html.errors_by_group import Errors
from auditkit.report.html.figures import Names
from auditkit.report.html.gaps import Gaps
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.subgroups import Subgroups

if TYPE_CHECKING:
    from auditkit.report.html.changed import Changed


class Face(NamedTuple):
    """The figures before the fold of a section."""

    matrices: tuple[Matrices, ...] = ()
    errors: Errors | None = None
    subgroups: Subgroups | None = None
    labels: Gaps | None = None
    changed: "Changed | None" = None


def view(look: Lookup, concern: Concern, names: Names) -> Face | None:
    """The face of a section; None where its findings are drawn one by one."""
    if concern == "subgroups":
        found = subgroups.view(look, names)
        return Face(subgroups=found) if found else None
    if concern == "change":
        from auditkit.report.html import changed

        told = changed.view(look, names)
        return Face(changed=told) if told else None
    if concern != "fairness":
        return None
    if look.report.provenance.data.kind.by_label:
        found_gaps = gaps.of_labels(look, names)
        return Face(labels=found_gaps) if found_gaps else None
    matrices, errors = confusion.views(look, names), errors_by_group.view(look, names)
    return Face(matrices, errors) if matrices or errors else None
