"""`extends = "company.toml"`: a policy on top of another file's, and never below what that file requires.

Of the other file come its rules (unless the project asks the same as strictly), presets and waivers, and what the
project leaves unsaid of `[defaults]`, `looks`, `[words]`, `[context]` and `[sign_off]`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from auditkit.clock import now
from auditkit.errors import PolicyError, listing
from auditkit.gate.below import about, as_strict, below, looser
from auditkit.gate.declared import undeclared, unlooked
from auditkit.gate.floor import floor_of
from auditkit.gate.keys import key_of
from auditkit.gate.tables import Written, written
from auditkit.gate.toml import Document, read
from auditkit.records import Floor, PolicyInfo, Record, Rule, Waiver, Words

SHARED = ("extends", "require", "policy", "defaults", "rule", "waiver", "words", "context", "sign_off")
"""What a file may hold that others extend: nothing of one model and its data."""
MOST = 20
"""Files in one chain, at most."""
R = TypeVar("R", bound=Record)


P = TypeVar("P", bound=PolicyInfo)
"""A policy: `Policy` itself, which this file cannot name, since it is read by way of this one."""
Alone = Callable[[Document, Written], P]
"""A document and its tables → its policy, as if it stood alone."""


def extended(document: Document, tables: Written, alone: Alone[P]) -> P:
    """The policy of a document on top of those that it extends; PolicyError where it asks less than they require."""
    if tables.extends is None and tables.require is None:
        return alone(document, tables)
    files = _inherited(list(_chain(document, tables)))
    policies: list[Any] = [alone(d, t) for d, t in files]
    own, *others = policies
    floors = tuple(f for d, t in files if (f := floor_of(d, t)) is not None)
    whole: P = own.model_copy(
        update={
            "rules": _rules(own, others, floors),
            "presets": tuple(dict.fromkeys(p for each in (own, *others) for p in each.presets)),
            "waivers": _waivers([own, *others]),
            "words": next((p.words for p in (own, *others) if p.words != Words()), own.words),
            "context": next((p.context for p in (own, *others) if p.context), None),
            "sign_off": next((p.sign_off for p in (own, *others) if p.sign_off), None),
            "floors": floors,
        }
    )
    refuse(whole, document, tables)
    return whole


def refuse(policy: Any, document: Document | None = None, tables: Written | None = None) -> None:
    """PolicyError with a line for each point at which the policy asks less than is required of it.

    What nobody asks is told only once the rules of its presets are there. Waivers count from today where the file is a
    configuration, or asks less anyway; what is required of attributes that its [data] does not declare is told with the
    rest, and else is a verdict of the audit.
    """
    where = None if document is None else document.where
    data = None if tables is None else tables.data

    def told(on: datetime.date | None) -> list[str]:
        floors, whole = policy.floors, not policy.presets
        each = (below(policy, policy.rules, policy.waivers, f, where=where, whole=whole, on=on) for f in floors)
        return [line for lines in each for line in lines]

    found = told(None)
    if document is not None and (found or data is not None):
        found = told(now().date())
    if found and data is not None and document is not None:
        found += undeclared(policy.rules, data.features, document.name)
        found += unlooked(policy.floors, data.features, document.where(("data", "sensitive_features")))
    if found:
        raise PolicyError("\n".join(dict.fromkeys(found)))


def under(policy: P, floors: Sequence[Floor]) -> P:
    """A policy that takes the place of another whose files require something: that stays required of it."""
    own = {f.sha256 for f in policy.floors}
    held: P = policy.model_copy(update={"floors": (*policy.floors, *(f for f in floors if f.sha256 not in own))})
    refuse(held)
    return held


def _chain(document: Document, tables: Written) -> Iterator[tuple[Document, Written]]:
    """The document and those that it extends, the nearest first."""
    yield document, tables
    seen = [document]
    while tables.extends is not None:
        at = document.where(("extends",))
        if "\0" in tables.extends or not tables.extends:
            raise PolicyError(f"{at}: extends = {tables.extends!r} is no path of a file")
        path = Path(document.path).parent / tables.extends
        known = [Path(d.path).resolve() for d in seen if d.path]
        if path.resolve() in known:
            names = [d.name for d in seen if d.path][known.index(path.resolve()) :]
            raise PolicyError(f"{at}: files extend each other in a circle: {' → '.join([*names, path.name])}")
        if len(seen) == MOST:
            raise PolicyError(f"{at}: more than {MOST} files extend each other")
        try:
            document = read(path)
            tables = written(document)
        except PolicyError as e:
            raise PolicyError(f"{at}: extends = {str(path.name)!r}: {e}") from None
        _only_shared(at, document)
        seen.append(document)
        yield document, tables


def _only_shared(at: str, document: Document) -> None:
    for key in document.data:
        if key not in SHARED:
            raise PolicyError(
                f"{document.where((key,))}: [{key}] is of one audit; a file that others extend ({at}) holds "
                f"{listing(SHARED, most=len(SHARED))}"
            )


def _inherited(files: list[tuple[Document, Written]]) -> list[tuple[Document, Written]]:
    """Every file's tables with what it leaves unsaid and a file above it says; the looks are the project's for all."""
    found: list[tuple[Document, Written]] = []
    above: Written | None = None
    for document, tables in reversed(files):
        if above is not None:
            looks = {} if "looks" in tables.policy.model_fields_set else {"looks": above.policy.looks}
            policy = tables.policy.model_copy(update=looks)
            tables = tables.model_copy(update={"defaults": _over(above.defaults, tables.defaults), "policy": policy})
        above = tables
        found.insert(0, (document, tables))
    all_looks = {"looks": found[0][1].policy.looks}
    return [(d, t.model_copy(update={"policy": t.policy.model_copy(update=all_looks)})) for d, t in found]


def _over(base: R, own: R) -> R:
    """What the own record says, and the base's for what it does not."""
    said = {k: getattr(own, k) for k in own.model_fields_set}
    return base.model_copy(update=said)


def _rules(own: Any, others: Sequence[Any], floors: Sequence[Floor]) -> tuple[Rule, ...]:
    """The project's rules, and those of the others that it does not ask as strictly."""
    found = list(own.rules)
    for other in others:
        pinned = None if other.confidence == own.confidence else other.confidence
        for rule in other.rules:
            _added(found, rule.model_copy(update={"confidence": rule.confidence or pinned}), own, other.source)
    for floor in floors:
        for required in floor.rules:
            same = [r for r in found if key_of(r) == key_of(required)]
            strict = any(about(r, required) and not looser(r, required) for r in same)
            refused = any(about(r, required) and looser(r, required) for r in own.rules)
            if required.exact and not strict and not refused:
                _added(found, required, own, floor.source)
    return tuple(found)


def _added(found: list[Rule], rule: Rule, own: Any, source: str) -> None:
    """Put the rule beside the others, without the line that it has in another file."""
    if any(as_strict(r, rule, own.confidence) for r in found):
        return
    if any(r.id == rule.id for r in found):
        raise PolicyError(
            f"{own.source or 'policy'}: the rule '{rule.id}' asks less than, or something else than, that of "
            f"{source}, which it extends: give it another id (both are judged then), or ask no less"
        )
    found.append(rule.model_copy(update={"line": None}))


def _waivers(policies: Sequence[Any]) -> tuple[Waiver, ...]:
    """Of all files; of two of one rule the nearer one."""
    found: dict[str, Waiver] = {}
    for policy in policies:
        for w in policy.waivers:
            found.setdefault(w.rule, w)
    return tuple(found.values())
