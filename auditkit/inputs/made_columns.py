"""Which columns of a Dataset are made of others: what is joined first, then one-hot groups, then bins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from auditkit.errors import DataError, listing, nearest
from auditkit.inputs.bins import bins_of
from auditkit.inputs.grouping import names_of
from auditkit.inputs.join import Join as Join
from auditkit.inputs.join import Joined
from auditkit.inputs.one_hot import split
from auditkit.inputs.prepared import PreparedSource, Step
from auditkit.inputs.source import Source


class MadeColumns(NamedTuple):
    """A source with the columns that are made, and what they mean."""

    source: Source
    sensitive: tuple[str, ...]
    control: tuple[str, ...]
    column_of: Mapping[str, str]
    """Feature → the column that holds its groups, where that has another name."""
    not_inputs: frozenset[str]
    """Columns that are not shown to a model."""


def made_columns(
    source: Source, sensitive_features: Any, control_features: Any, *, bins: Mapping[str, Any] | None, join: Any
) -> MadeColumns:
    """What is to be made; the source as it is where nothing is. DataError for what does not fit."""
    given, one_hot = split(sensitive_features)
    sensitive = names_of(given, "sensitive_features")
    control = names_of(control_features, "control_features")
    binned = bins_of(bins, (*sensitive, *control))
    joined = [] if join is None else [Joined(Join.of(join), list(source.schema))]
    first: list[Step] = [*joined, *one_hot]
    steps: list[Step] = [*first, *binned]
    if not steps:
        return MadeColumns(source, sensitive, control, {}, frozenset())
    known = [*source.schema, *(n for step in first for n in step.makes)]
    for name in (n for step in steps[len(joined) :] for n in step.needs):
        if name not in known:
            raise DataError(f"no column '{name}'; the columns are {listing(known)}.{nearest(name, known)}")
    hidden = {name for step in steps for name in step.makes} | {name for step in joined for name in step.needs}
    return MadeColumns(
        PreparedSource(source, steps),
        sensitive,
        control,
        {b.name: b.column for b in binned},
        frozenset(hidden),
    )


def left_out(given: Any, labels: Sequence[str], known: Callable[[str, str], None]) -> frozenset[str]:
    """Columns that are said to be no features; DataError for the target, which never is one, and for unknown ones."""
    names = names_of(given, "leave_out")
    for name in names:
        known(name, "leave_out")
        if name in labels:
            raise DataError(f"'{name}' is the target, which is no feature: leave it out of leave_out")
    return frozenset(names)
