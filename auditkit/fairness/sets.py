"""Which sets of attributes a check crosses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditkit.errors import PolicyError, listing, nearest


def sets_of(asked: Iterable[Iterable[str]] | None, declared: Sequence[str]) -> list[tuple[str, ...]]:
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
            raise PolicyError(
                f"no sensitive feature '{name}'; declared are {listing(declared)}.{nearest(name, declared)}"
            )
    return sets
