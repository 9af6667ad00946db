"""Checks by name, as configurations and the command line call them."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.check import BaseCheck, Check, Judge
from auditkit.errors import AuditkitError, PolicyError, foreign, listing, nearest
from auditkit.files import expanded
from auditkit.inputs.tasks.registry import task_of
from auditkit.options import typed
from auditkit.records import DEFAULT_TASK, Task

if TYPE_CHECKING:
    from auditkit.lists import Lists

CHECKS: dict[str, str] = {
    "group_fairness": "auditkit.fairness.groups.check:GroupFairness",
    "class_fairness": "auditkit.fairness.groups.classes:ClassFairness",
    "regression_fairness": "auditkit.fairness.groups.regression:RegressionFairness",
    "gap_heterogeneity": "auditkit.fairness.groups.heterogeneity:GapHeterogeneity",
    "measured": "auditkit.fairness.groups.measured:Measured",
    "match_rates": "auditkit.fairness.groups.matches:MatchRates",
    "identification_rates": "auditkit.fairness.groups.matches:IdentificationRates",
    "generated_shares": "auditkit.fairness.groups.generated:GeneratedShares",
    "exposure": "auditkit.fairness.groups.exposure:Exposure",
    "detection_rates": "auditkit.fairness.groups.detections:DetectionRates",
    "detection_curves": "auditkit.fairness.groups.detections:DetectionCurves",
    "answer_rates": "auditkit.fairness.groups.written:AnswerRates",
    "preference_rates": "auditkit.fairness.groups.written:PreferenceRates",
    "scores": "auditkit.fairness.scores.check:Scores",
    "net_benefit": "auditkit.fairness.clinical.check:NetBenefit",
    "error_tradeoff": "auditkit.fairness.scores.tradeoff:ErrorTradeoff",
    "data_profile": "auditkit.fairness.profile.check:DataProfile",
    "conditional_parity": "auditkit.fairness.groups.conditional:ConditionalParity",
    "subgroups": "auditkit.fairness.search.check:Subgroups",
    "impact_ratios": "auditkit.fairness.law.check:ImpactRatios",
    "scoring_rates": "auditkit.fairness.law.check:ScoringRates",
    "unknown_demographics": "auditkit.fairness.law.unknowns:UnknownDemographics",
    "proxies": "auditkit.fairness.rows.proxies:Proxies",
    "consistency": "auditkit.fairness.rows.consistency:Consistency",
    "continuous_attribute": "auditkit.fairness.rows.continuous:ContinuousAttribute",
    "attribution": "auditkit.explain.attributions.check:Attribution",
    "gap_attribution": "auditkit.explain.gaps.check:GapAttribution",
    "word_attribution": "auditkit.explain.words.check:WordAttribution",
    "layer_audit": "auditkit.explain.layers.check:LayerAudit",
    "concepts": "auditkit.explain.concepts.check:Concepts",
    "examples": "auditkit.explain.cases.check:Examples",
    "missed_objects": "auditkit.explain.missed.check:MissedObjects",
    "influence": "auditkit.explain.influence.check:Influence",
    "recourse": "auditkit.explain.recourse.check:Recourse",
    "flip_test": "auditkit.robustness.check:FlipTest",
    "change": "auditkit.fairness.change.check:Change",
    "class_change": "auditkit.fairness.change.check:ClassChange",
    "regression_change": "auditkit.fairness.change.numbers:RegressionChange",
}
"""Name → module:class. Other packages add theirs by the entry point `auditkit.checks`."""

JUDGES: dict[str, str] = {
    "group_fairness": "auditkit.fairness.judges:GroupFairnessRules",
    "class_fairness": "auditkit.fairness.judges:ClassFairnessRules",
    "regression_fairness": "auditkit.fairness.judges:RegressionFairnessRules",
    "measured": "auditkit.fairness.judges:MeasuredRules",
    "match_rates": "auditkit.fairness.judges:MatchRatesRules",
    "identification_rates": "auditkit.fairness.judges:IdentificationRatesRules",
    "generated_shares": "auditkit.fairness.judges:GeneratedSharesRules",
    "exposure": "auditkit.fairness.judges:ExposureRules",
    "detection_rates": "auditkit.fairness.judges:DetectionRatesRules",
    "detection_curves": "auditkit.fairness.judges:DetectionCurvesRules",
    "answer_rates": "auditkit.fairness.judges:AnswerRatesRules",
    "preference_rates": "auditkit.fairness.judges:PreferenceRatesRules",
    "conditional_parity": "auditkit.fairness.judges:ConditionalParityRules",
    "scores": "auditkit.fairness.judges:ScoresRules",
    "net_benefit": "auditkit.fairness.clinical.judges:NetBenefitRules",
    "gap_attribution": "auditkit.explain.gaps.judge:GapAttributionRules",
    "change": "auditkit.fairness.change.judges:ChangeRules",
    "class_change": "auditkit.fairness.change.judges:ClassChangeRules",
    "regression_change": "auditkit.fairness.change.judges:RegressionChangeRules",
}
"""Name → module:class of what answers rules from its evidence; others come by the entry point `auditkit.judges`."""

GROUP = "auditkit.checks"


def check_names() -> list[str]:
    """Every check that can be asked by name, those of other packages too."""
    return list(dict.fromkeys([*CHECKS, *(p.name for p in entry_points(group=GROUP))]))


def judges(asked: Iterable[str] = ()) -> dict[str, type[Judge]]:
    """Check → what answers rules from its evidence: of ours, and of those of other packages that are `asked`.

    Raises PolicyError for a judge of another package that is none.
    """
    others = {name for name in asked if name not in CHECKS}
    found = entry_points(group="auditkit.judges") if others else ()
    ours = {name: _loaded(place) for name, place in JUDGES.items()}
    return ours | {p.name: _plugin(p, "", Judge) for p in found if p.name in others}


def is_judged(key: str) -> bool:
    """Whether rules are answered from the evidence that has this key, of a check of ours or of another package's.

    >>> is_judged("group_fairness[urgent]"), is_judged("subgroups:error_rate")
    (True, False)
    """
    check = re.split(r"[:\[]", key)[0]
    return check in JUDGES or any(p.name == check for p in entry_points(group="auditkit.judges"))


def default_checks(task: Task = DEFAULT_TASK, lists: Lists | None = None) -> tuple[Check, ...]:
    """The checks of an audit that names none, which its task says; of rows that are users, what their lists tell."""
    return tuple(check_of(name, options) for name, options in task_of(task).asks(lists))


def with_changes(asked: tuple[Check, ...], task: Task) -> tuple[Check, ...]:
    """What is asked, and what changed from an older model, unless that is asked already."""
    name, options = task_of(task).changes, task_of(task).change_options
    return asked if any(c.name == name for c in asked) else (*asked, check_of(name, options))


def check_of(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    where: str = "",
    lines: Mapping[str, str] | None = None,
    folder: str | Path = "",
) -> Check:
    """The check of a name, with options as a configuration gives them; `where` begins the error, or what `lines` say
    of an option (of the name: as `name`).

    Options that a check names in its `PATHS` are relative to `folder`, and know the environment's variables.

    Raises PolicyError for an unknown name or option, naming the nearest.

    >>> check_of("subgroups", {"depth": 2}).depth
    2
    """

    def of(option: str) -> str:
        return f"{said}: " if (said := (lines or {}).get(option, where)) else ""

    at = of("")
    found = {p.name: p for p in entry_points(group=GROUP)}
    if name not in CHECKS and name not in found:
        known = [*CHECKS, *found]
        raise PolicyError(
            f"{of('name')}unknown check '{name}'; there are {listing(known, most=16)}.{nearest(name, known)}"
        )
    kind = _loaded(CHECKS[name]) if name in CHECKS else _plugin(found[name], at, BaseCheck)
    fields = [f.name for f in dataclasses.fields(kind) if f.init]
    for option in options or {}:
        if option not in fields:
            known_options = listing(fields, most=30) or "none"
            raise PolicyError(
                f"{of(option)}check '{name}' has no option '{option}'; known are {known_options}."
                f"{nearest(option, fields)}"
            )
    missing = [
        f.name
        for f in dataclasses.fields(kind)
        if f.init
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
        and f.name not in (options or {})
    ]
    if missing:
        raise PolicyError(f"{at}check '{name}' needs {listing(missing)}")
    held: dict[str, Any] = {}
    for option, value in (options or {}).items():
        try:
            held |= typed(kind, {option: value})
            held[option] = _within(held[option], folder) if option in kind.PATHS else held[option]
        except PolicyError as e:
            raise PolicyError(f"{of(option)}check '{name}': {e}") from None
    try:
        with foreign(f"check '{name}'"):
            check: Check = kind(**held)
    except AuditkitError as e:
        raise type(e)(f"{at}{e}") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as e:
        raise PolicyError(f"{at}check '{name}': {e}") from None
    return check


def kind_of(name: str) -> type[BaseCheck] | None:
    """The class of the check of a name, ours or another package's; None where there is none here.

    >>> kind_of("subgroups").__name__, kind_of("no such check")
    ('Subgroups', None)
    """
    if name in CHECKS:
        kind: type[BaseCheck] = _loaded(CHECKS[name])
        return kind
    point = next((p for p in entry_points(group=GROUP) if p.name == name), None)
    return None if point is None else _plugin(point, "", BaseCheck)


def _within(value: Any, folder: str | Path) -> Any:
    """A path, or each of several (of a dict: of its values, but not of tables there), seen from a folder."""
    if isinstance(value, str):
        if "\0" in value:
            raise PolicyError("a path of a file holds no NUL character")
        if not str(folder):
            return value
        try:
            return str(Path(folder) / expanded(value))
        except ValueError as e:
            raise PolicyError(str(e)) from None
    if isinstance(value, Mapping):
        return {k: v if isinstance(v, Mapping) else _within(v, folder) for k, v in value.items()}
    return [_within(v, folder) for v in value] if isinstance(value, list | tuple) else value


def described(name: str) -> str | None:
    """What a check asks, and its options: its own words; None where no check has that name (nor its class).

    >>> described("FlipTest").splitlines()[0]
    'flip_test: Which decisions change, and how far scores move, when only a sensitive attribute is changed in a row.'
    """
    classes = {place.partition(":")[2]: key for key, place in CHECKS.items()}
    key = classes.get(name, name)
    point = next((p for p in entry_points(group=GROUP) if p.name == key), None) if key not in CHECKS else None
    if key not in CHECKS and point is None:
        return None
    kind = _loaded(CHECKS[key]) if point is None else _plugin(point, "", BaseCheck)
    text = inspect.cleandoc(kind.__doc__ or "").partition(">>>")[0].rstrip()
    options = [f.name for f in dataclasses.fields(kind) if f.init]
    return f"{key}: {text}\n\nOptions  {', '.join(options) or 'none'}"


def _loaded(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


_KINDS: dict[type, tuple[str, str]] = {
    BaseCheck: ("check", "a dataclass below `BaseCheck`"),
    Judge: ("judge", "a class below `Judge` with all that is abstract in it"),
}
"""What other packages bring → (its word, what it must be)."""


def _plugin(point: EntryPoint, at: str, below: type) -> Any:
    """A check or judge of another package; refused by name and file where it is none."""
    word, needed = _KINDS[below]
    try:
        with foreign(f"{word} '{point.name}' of {point.value}"):
            kind = point.load()
    except Exception as e:
        raise PolicyError(f"{at}{word} '{point.name}' of {point.value} cannot be loaded: {e}") from None
    whole = isinstance(kind, type) and issubclass(kind, below) and not inspect.isabstract(kind)
    if not whole or (below is BaseCheck and not dataclasses.is_dataclass(kind)):
        raise PolicyError(f"{at}{word} '{point.name}' ({point.value}) is no {word}: {needed}")
    return kind


def asked_for(checks: Sequence[Check | str]) -> tuple[Check, ...]:
    """Checks as a caller names them: instances, or names; PolicyError for anything else."""
    if isinstance(checks, str) or not isinstance(checks, Iterable):
        raise PolicyError(f"checks must be a list, as in [ak.GroupFairness()]; got {_shown_check(checks)}")
    return tuple(check_of(c) if isinstance(c, str) else _instance(c) for c in checks)


def told_apart(checks: Sequence[Check]) -> None:
    """PolicyError where two checks have one name: their evidence would be one."""
    names = [c.name for c in checks]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PolicyError(f"two checks have the name '{twice[0]}': their evidence would be one; ask one of them")


def _instance(check: Any) -> Check:
    parts = ("name", "options", "assess", "tasks", "uses_weights")
    if isinstance(check, type) or not all(hasattr(check, part) for part in parts):
        below = "" if isinstance(check, type) or not hasattr(check, "assess") else ", which lacks a part of `BaseCheck`"
        raise PolicyError(f"a check is an instance, as ak.GroupFairness(), or a name; got {_shown_check(check)}{below}")
    found: Check = check
    return found


def _shown_check(check: Any) -> str:
    if isinstance(check, type):
        return f"the class {check.__name__}: write {check.__name__}()"
    return f"'{check}'" if isinstance(check, str) else type(check).__name__
