"""TOML or a dict → Config and Policy; every mistake is named with file, line and the nearest right name."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auditkit.errors import PolicyError, choices, listing, nearest
from auditkit.gate.extending import extended, refuse
from auditkit.gate.named_baseline import named_baseline
from auditkit.gate.presets import PRESETS, Attributes, Preset, preset_of
from auditkit.gate.ruling import rules_of
from auditkit.gate.tables import DefaultsTable, PolicyTable, Written, written
from auditkit.gate.toml import Document, read
from auditkit.looks import spent
from auditkit.records import Baseline, Context, PolicyInfo, Rule, SignOff, Waiver, Words
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
    held: Baseline | None = None
    """What the file of its baseline holds; None: it names none, or the file is not there (yet)."""
    max_regression: float | None = None
    """Of the rules of presets."""

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
        given = {"max_regression": self.max_regression}
        ours = (rule.model_copy(update=given) for preset in self.presets for rule in preset.rules(declared))
        rules = (*self.rules, *ours)
        ids = [r.id for r in rules]
        for id in ids:
            if ids.count(id) > 1:
                raise PolicyError(f"{self.source or 'policy'}: two rules have the id '{id}', one of them by a preset")
        whole = self.model_copy(update={"rules": rules, "presets": (), "sha256": _sha256(rules, self)})
        refuse(whole)
        for w in self.waivers:
            whole.waivable(w.rule)
        return whole

    def waivable(self, rule: str) -> None:
        """PolicyError where no rule has that id."""
        ids = [r.id for r in self.rules]
        if rule.partition("[")[0] not in {*ids, *(id.partition("[")[0] for id in ids)} and rule not in ids:
            raise PolicyError(f"a waiver of '{rule}', and no rule has that id.{nearest(rule, ids)}")

    def info(self, on: datetime.date | None = None) -> PolicyInfo:
        """What a report keeps beside the verdicts, judged on a day."""
        known = {k: getattr(self, k) for k in PolicyInfo.model_fields}
        late = on is not None and self.review_by is not None and self.review_by < on
        return PolicyInfo(**known | {"overdue": late})


def policy_from(document: Document, tables: Written | None = None) -> Policy:
    """The policy in a parsed document; a mistake in its other tables is a mistake."""
    tables = written(document) if tables is None else tables
    whole = extended(document, tables, _alone)
    _waivers(document, whole)
    return whole.model_copy(update={"sha256": _sha256(whole.rules, whole)})


def _alone(document: Document, tables: Written) -> Policy:
    """What the tables of one file say."""
    policy, defaults = tables.policy, tables.defaults
    rules = tuple(_of_one_look(r, policy.looks) for r in rules_of(document, tables))
    return Policy(
        **policy.model_dump(include={"version", "owner", "review_by"}),
        id=policy.id or policy.preset or "",
        presets=_presets(document, policy, defaults),
        confidence=spent(defaults.confidence, policy.looks),
        looks=policy.looks,
        correction=defaults.correction,
        rules=rules,
        words=tables.words.known,
        context=_context(document, tables.context),
        sign_off=tables.sign_off,
        source=document.name,
        **named_baseline(document, tables),
        waivers=tuple(Waiver(**w.model_dump()) for w in tables.waiver),
    )


def _of_one_look(rule: Rule, looks: int) -> Rule:
    """The rule as each of so many audits judges it: also one with a confidence of its own spends one error."""
    if rule.confidence is None or looks == 1:
        return rule
    return rule.model_copy(update={"confidence": spent(rule.confidence, looks)})


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


def _presets(document: Document, policy: PolicyTable, defaults: DefaultsTable) -> tuple[Preset, ...]:
    columns = {k: getattr(policy, k) for k in ("by", "sex", "race", "threshold")}
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


def _sha256(rules: tuple[Rule, ...], policy: Policy) -> str:
    # what a rule does not use is left out, so that its hash stays what it was before the language knew it
    absent = [{k for k in ("label", "of", "features") if not getattr(r, k)} for r in rules]
    asked = [r.model_dump(mode="json", exclude={"line"} | a) for r, a in zip(rules, absent, strict=True)]
    looks = [] if policy.looks == 1 else [{"looks": policy.looks}]
    text = json.dumps([asked, policy.confidence, policy.correction, *looks], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
