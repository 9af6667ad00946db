"""Which sets of attributes a check crosses, and which crossings have too many groups to compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from auditkit.catalogue.index import resolve
from auditkit.errors import PolicyError, choices, listing
from auditkit.evidence.frames import Columns, occurring
from auditkit.question import Question
from auditkit.records import Concern, NotMeasured

Attributes = tuple[str, ...]
MOST_CROSSED = 1_000
"""Groups of a crossing that are compared, each with each: of more, the crossing is not measured."""


class Compared(NamedTuple):
    """Sets of attributes whose groups are compared, and the absence of those with too many."""

    sets: tuple[Attributes, ...]
    absent: tuple[NotMeasured, ...]


def sets_of(asked: Iterable[Iterable[str]] | None, declared: Sequence[str]) -> list[Attributes]:
    """The sets asked for; None: each declared attribute alone, and all of them crossed.

    Raises PolicyError, naming the nearest, for an attribute that is not declared.

    >>> sets_of(None, ["sex", "race"])
    [('sex',), ('race',), ('sex', 'race')]
    """
    if asked is None:
        return [*((b,) for b in declared), *([tuple(declared)] if len(declared) > 1 else [])]
    sets = [tuple(b) for b in asked]
    for name in {name for b in sets for name in b}:
        if name not in declared:
            raise PolicyError(f"no sensitive feature '{name}'; declared are {choices(name, declared)}")
    return sets


def named(metrics: Iterable[str], known: Sequence[str], else_: str) -> tuple[str, ...]:
    """The metrics that names or aliases stand for, each once; PolicyError "'x' is … ; known are …" for another.

    >>> named(["recall", "true_positive_rate"], ["true_positive_rate"], "is no rate; known are")
    ('true_positive_rate',)
    """
    names = tuple(dict.fromkeys(resolve(m)[0] for m in metrics))
    for name in names:
        if name not in known:
            raise PolicyError(f"'{name}' {else_} {listing(known, most=30)}")
    return names


def compared(sets: Iterable[Attributes], counts: Columns, *, what: str, concern: Concern) -> Compared:
    """The sets with few enough groups in the counts; of the others, that `what` is not measured by them, and why.

    Only crossings are bounded here: of one attribute, a thousand values is all that a dataset takes.
    """
    few: list[Attributes] = []
    absent = []
    for by in sets:
        groups = occurring(counts, by) if len(by) > 1 else 1
        if groups <= MOST_CROSSED:
            few.append(by)
            continue
        why = (
            f"{groups:,} crossed groups have rows, and at most {MOST_CROSSED:,} are compared: put values into fewer "
            "groups before they are declared, or name smaller sets, as in by=[['"
            f"{by[0]}'], ['{by[1]}']]"
        )
        absent.append(NotMeasured(what=f"{what} by {' and '.join(by)}", why=why, concern=concern))
    return Compared(tuple(few), tuple(absent))


def crossed(declared: Sequence[str], counts: Columns, asked: Question) -> int:
    """How many groups a question compares: crossed groups of its attributes that have a row; 0 where it has none."""
    return occurring(counts, asked.by) if asked.by and set(asked.by) <= set(declared) else 0
