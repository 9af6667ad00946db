"""TOML or a dict → Config and Policy; every mistake is named with file, line and the nearest right name."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, field_validator

from auditkit.catalogue.gaps import GAPS
from auditkit.catalogue.index import METRICS, resolve
from auditkit.disclosure import Disclosure
from auditkit.errors import PolicyError, choices, listing, nearest
from auditkit.gate.audited import AuditTable, CheckTable, DataTable, ModelTable, PredictionsTable
from auditkit.gate.parts import Names, between, read_as
from auditkit.gate.presets import PRESETS, Attributes, Preset, preset_of
from auditkit.gate.toml import Document, read
from auditkit.records import Comparison, Context, Decision, Handling, PolicyInfo, Record, Rule, SignOff, Waiver, Words
from auditkit.requirements.sources import source_ids


class Policy(PolicyInfo):
    """The rules of a gate.

    >>> rule = {"id": "tpr", "metric": "true_positive_rate", "comparison": "difference", "by": ["sex"]}
    >>> Policy.from_dict({"rule": [rule | {"at_most": 0.1}]}).rules[0].limit
    0.1
    """

    rules: tuple[Rule, ...] = ()
    presets: tuple[Preset, ...] = ()
    """Presets whose rules wait for the sensitive features of the data."""
    words: Words = Words()
    """Display words that stand in the same file."""
    context: Context | None = None
    """What its `[context]` says of the model's use; None: it has none."""
    sign_off: SignOff | None = None
    """Who decides, of its `[sign_off]`; likewise."""
    waivers: tuple[Waiver, ...] = ()
    """At most one a rule."""

    @classmethod
    def preset(
        cls, name: str, *, by: Sequence[str | Sequence[str]] | None = None, sex: str | None = None,
        race: str | None = None,
    ) -> Policy:  # fmt: skip
        """A policy by name: `four-fifths`, `equalized-odds`, `clinical` (by: sets of attributes; None: each alone), or
        `nyc-ll144` (sex, race).

        Four-fifths asks that the smallest impact ratio of each set is at least 0.8, decided by its interval. NYC Local
        Law 144 sets no limit: its rules pass once the ratios by sex, race/ethnicity and both crossed are measured.
        Equalized odds: differences of at most 10 points. Clinical: sensitivity, specificity and calibration in the
        large within 5 points. These limits are a place to begin.
        Raises PolicyError for unknown presets, and for arguments that a preset does not take.

        >>> Policy.preset("four-fifths").for_features(("sex",)).rules[0].limit
        0.8
        """
        options = {"preset": name, "by": by, "sex": sex, "race": race}
        return cls.from_dict({"policy": {k: v for k, v in options.items() if v is not None}})

    @classmethod
    def from_dict(cls, policy: dict[str, Any]) -> Policy:
        """A policy from the dict that its TOML would give; PolicyError names the key and the nearest right one."""
        return policy_from(Document("", policy, {}))

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """The policy in a TOML file, or in `[tool.auditkit]` of a pyproject.toml, or the preset of that name.

        PolicyError if it has neither rules nor a preset.
        """
        name = str(path)
        if "\0" in name:
            raise PolicyError(f"{name!r} is no path of a policy: it holds a NUL character")
        if not os.path.exists(path) and not Path(path).suffix and Path(path).name == name:
            if name not in PRESETS:
                raise PolicyError(
                    f"'{name}' is no file, and no preset; presets are {listing(PRESETS)}.{nearest(name, PRESETS)}"
                )
            return cls.preset(name)
        policy = policy_from(read(Path(path)))
        if not policy.rules and not policy.presets:
            raise PolicyError(f"{path} has no [[rule]]: a gate needs at least one, or a preset in [policy]")
        return policy

    def for_features(self, declared: Attributes) -> Policy:
        """The policy with the rules of its presets, over the sensitive features that data declare.

        Raises PolicyError if a preset needs one that is not declared.
        """
        if not self.presets:
            return self
        rules = (*self.rules, *(rule for preset in self.presets for rule in preset.rules(declared)))
        ids = [r.id for r in rules]
        for id in ids:
            if ids.count(id) > 1:
                raise PolicyError(f"{self.source or 'policy'}: two rules have the id '{id}', one of them by a preset")
        whole = self.model_copy(update={"rules": rules, "presets": (), "sha256": _sha256(rules, self)})
        for w in self.waivers:
            whole.waivable(w.rule)
        return whole

    def waivable(self, rule: str) -> None:
        """PolicyError where no rule has that id."""
        ids = [r.id for r in self.rules]
        if rule.partition("[")[0] not in {*ids, *(id.partition("[")[0] for id in ids)} and rule not in ids:
            raise PolicyError(f"a waiver of '{rule}', and no rule has that id.{nearest(rule, ids)}")

    def info(self) -> PolicyInfo:
        """What a report keeps beside the verdicts."""
        return PolicyInfo(**{k: getattr(self, k) for k in PolicyInfo.model_fields})


Level = Annotated[StrictFloat, AfterValidator(lambda x: between(x, 0.5, 1.0, "confidence"))]


class _Policy(Record):
    id: str = ""
    version: str = ""
    owner: str = ""
    review_by: datetime.date | None = None
    preset: str | None = None
    by: Annotated[tuple[Names, ...], BeforeValidator(lambda x: (x,) if isinstance(x, str) else x)] | None = None
    sex: str | None = None
    race: str | None = None


class _Defaults(Record):
    confidence: Level = 0.95
    correction: Literal["holm", "none"] = "holm"
    decision: Decision = "interval"
    on_inconclusive: Handling = "warn"
    on_not_measured: Handling = "fail"
    min_n: StrictInt = Field(default=10, ge=1)


class _Rule(Record):
    id: str = Field(min_length=1)
    metric: str
    comparison: str | None = None
    by: Names = ()
    reference: str | dict[str, str] | None = None
    label: str | StrictInt | None = None
    of: str | None = None
    features: Names = ()
    at_most: StrictFloat | None = None
    at_least: StrictFloat | None = None
    confidence: Level | None = None
    decision: Decision | None = None
    on_inconclusive: Handling | None = None
    on_not_measured: Handling | None = None
    min_n: StrictInt | None = Field(default=None, ge=1)
    severity: Literal["error", "warning"] = "error"
    refs: tuple[str, ...] = ()


class _Waiver(Waiver):
    """As it is written."""

    @field_validator("reason", "approved_by")
    @classmethod
    def _said(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("is blank: a waiver says why, and who answers for it")
        return text


class _Words(Record):
    model_config = ConfigDict(extra="allow")

    positive: str = ""
    __pydantic_extra__: dict[str, dict[str, str]]


class Written(Record):
    """A configuration as it is written: its tables."""

    model: ModelTable | None = None
    predictions: PredictionsTable | None = None
    data: DataTable | None = None
    audit: AuditTable = AuditTable()
    report: Disclosure = Disclosure()
    check: tuple[CheckTable, ...] = ()
    words: _Words = _Words()
    context: Context | None = None
    sign_off: SignOff | None = None
    policy: _Policy = _Policy()
    defaults: _Defaults = _Defaults()
    rule: tuple[_Rule, ...] = ()
    waiver: tuple[_Waiver, ...] = ()


def written(document: Document) -> Written:
    """The tables of a parsed document; PolicyError for what no configuration has."""
    tables = read_as(document, Written)
    if tables.model is not None and tables.predictions is not None:
        raise PolicyError(f"{document.where(('predictions',))}: declare [model] or [predictions], not both")
    return tables


def policy_from(document: Document, tables: Written | None = None) -> Policy:
    """The policy in a parsed document; a mistake in its other tables is a mistake."""
    tables = written(document) if tables is None else tables
    policy, defaults = tables.policy, tables.defaults
    rules = _rules(document, tables)
    whole = Policy(
        **policy.model_dump(include={"version", "owner", "review_by"}),
        id=policy.id or policy.preset or "",
        presets=_presets(document, policy, defaults),
        confidence=defaults.confidence,
        correction=defaults.correction,
        rules=rules,
        words=Words(positive=tables.words.positive, groups=tables.words.model_extra),
        context=_context(document, tables.context),
        sign_off=tables.sign_off,
        source=document.name,
        waivers=tuple(Waiver(**w.model_dump()) for w in tables.waiver),
        sha256=_sha256(rules, defaults),
    )
    _waivers(document, whole)
    return whole


def _waivers(document: Document, policy: Policy) -> None:
    """PolicyError for two waivers of one rule, and for one of no rule; rules of presets are known with the data."""
    for i, w in enumerate(policy.waivers):
        at = document.where(("waiver", i, "rule"))
        if w.rule in [other.rule for other in policy.waivers[:i]]:
            raise PolicyError(f"{at}: two waivers of the rule '{w.rule}'")
        if not policy.presets:
            try:
                policy.waivable(w.rule)
            except PolicyError as e:
                raise PolicyError(f"{at}: {e}") from None


def _context(document: Document, context: Context | None) -> Context | None:
    """PolicyError for a set of requirements that nobody knows."""
    for i, name in enumerate(context.requirements if context else ()):
        if name not in source_ids():
            at = document.where(("context", "requirements", i))
            raise PolicyError(f"{at}: no requirements '{name}'; known are {choices(name, source_ids())}")
    return context


def _presets(document: Document, policy: _Policy, defaults: _Defaults) -> tuple[Preset, ...]:
    columns = {k: getattr(policy, k) for k in ("by", "sex", "race")}
    if policy.preset is None:
        for key, value in columns.items():
            if value is not None:
                raise PolicyError(f"{document.where(('policy', key))}: '{key}' goes with preset = \"…\" in [policy]")
        return ()
    options = {k: getattr(defaults, k) for k in ("min_n", "on_inconclusive", "on_not_measured")}
    try:
        return (preset_of(policy.preset, **columns, **options),)
    except PolicyError as e:
        raise PolicyError(f"{document.where(('policy', 'preset'))}: {e}") from None


def _rules(document: Document, tables: Written) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for i, spec in enumerate(tables.rule):
        if any(r.id == spec.id for r in rules):
            raise PolicyError(f"{document.where(('rule', i, 'id'))}: two rules have the id '{spec.id}'")
        rules.append(_rule(document, i, spec, tables.defaults))
    return tuple(rules)


def _rule(document: Document, i: int, spec: _Rule, defaults: _Defaults) -> Rule:
    try:
        metric, implied = resolve(spec.metric)
    except PolicyError as e:
        raise PolicyError(f"{document.where(('rule', i, 'metric'))}: {e}") from None
    _share(document, i, spec, metric)
    m = METRICS[metric]
    comparison = spec.comparison or implied or ("difference" if m.kind == "gap" else None)
    at, by = (document.where(("rule", i, key)) for key in ("comparison", "by"))
    if comparison is None:
        raise PolicyError(f"{at}: rule '{spec.id}' needs a comparison: {listing(m.comparisons)}")
    if implied is not None and comparison != implied:
        raise PolicyError(f"{at}: '{spec.metric}' is a {implied}; the rule says {comparison}")
    if comparison not in get_args(Comparison):
        raise PolicyError(f"{at}: unknown comparison '{comparison}'.{nearest(comparison, get_args(Comparison))}")
    if m.kind == "check":
        raise PolicyError(f"{at}: '{metric}' is shown in the report; no rule can judge it in this version")
    if comparison not in m.comparisons:
        raise PolicyError(f"{at}: '{metric}' knows {listing(m.comparisons)}, not {comparison}")
    if (comparison == "overall") != (not spec.by):
        need = "takes no 'by'" if comparison == "overall" else "needs by = [...]: the attributes to compare"
        raise PolicyError(f"{by}: rule '{spec.id}' ({comparison}) {need}")
    if len(set(spec.by)) < len(spec.by):
        raise PolicyError(f"{by}: rule '{spec.id}' names an attribute twice in 'by'")
    if (spec.at_most is None) == (spec.at_least is None):
        raise PolicyError(f"{document.where(('rule', i))}: rule '{spec.id}' needs exactly one of at_most and at_least")
    for key in ("at_most", "at_least"):
        limit = getattr(spec, key)
        try:
            if limit is not None:
                between(limit, *m.limits, key)
        except ValueError as e:
            raise PolicyError(f"{document.where(('rule', i, key))}: '{key}': {e}") from None
    if not m.tested and (spec.decision or defaults.decision) != "point":
        raise PolicyError(
            f"{at}: '{metric}' has no interval: a rule about it needs decision = \"point\", which leaves chance out"
        )
    handled = ("decision", "on_inconclusive", "on_not_measured", "min_n")
    label = None if spec.label is None else str(spec.label)
    return Rule(
        **spec.model_dump(exclude={"metric", "comparison", "reference", "label", *handled}),
        metric=metric,
        comparison=cast(Comparison, comparison),
        reference=_reference(document, i, spec, comparison),
        label=label,
        line=document.lines.get(("rule", i)),
        **{k: getattr(defaults if getattr(spec, k) is None else spec, k) for k in handled},
    )


def _share(document: Document, i: int, spec: _Rule, metric: str) -> None:
    """A share says of which gap, and of which columns; nothing else does."""
    if METRICS[metric].kind != "gap":
        for key in ("of", "features"):
            if getattr(spec, key):
                raise PolicyError(f"{document.where(('rule', i, key))}: '{key}' goes with metric = \"gap_share\"")
        return
    if spec.of not in GAPS:
        got = "" if spec.of is None else f", got '{spec.of}'.{nearest(spec.of, GAPS)}"
        raise PolicyError(
            f"{document.where(('rule', i, 'of'))}: rule '{spec.id}' needs of = one of {listing(GAPS)}{got}"
        )
    if not spec.features or len(set(spec.features)) < len(spec.features):
        raise PolicyError(
            f"{document.where(('rule', i, 'features'))}: rule '{spec.id}' needs features = [...]: columns, each once"
        )


def _reference(document: Document, i: int, spec: _Rule, comparison: str) -> dict[str, str] | None:
    """The reference group by attribute: one value for one attribute, a table for a crossing."""
    at = document.where(("rule", i, "reference"))
    if not comparison.endswith("to_reference"):
        if spec.reference is not None:
            raise PolicyError(f"{at}: rule '{spec.id}' ({comparison}) takes no 'reference'")
        return None
    if isinstance(spec.reference, str) and len(spec.by) == 1:
        return {spec.by[0]: spec.reference}
    if isinstance(spec.reference, dict) and set(spec.reference) == set(spec.by):
        return {name: spec.reference[name] for name in spec.by}
    example = '"…"' if len(spec.by) == 1 else "{ " + ", ".join(f'{name} = "…"' for name in spec.by) + " }"
    raise PolicyError(
        f"{at}: rule '{spec.id}' ({comparison}) needs reference = {example}: a group of {listing(spec.by)}"
    )


def _sha256(rules: tuple[Rule, ...], defaults: _Defaults | Policy) -> str:
    # what a rule does not use is left out, so that its hash stays what it was before the language knew it
    absent = [{k for k in ("label", "of", "features") if not getattr(r, k)} for r in rules]
    asked = [r.model_dump(mode="json", exclude={"line"} | a) for r, a in zip(rules, absent, strict=True)]
    text = json.dumps([asked, defaults.confidence, defaults.correction], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
