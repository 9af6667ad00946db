"""What flags and a configuration file ask for together: the model, the data, and the audit of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import auditkit as ak
from auditkit.errors import choices
from auditkit.gate.audited import reads
from auditkit.timings import spent

if TYPE_CHECKING:
    from auditkit.cli.delivery import Place
    from auditkit.gate.config import Config
    from auditkit.records import Report


def overridden(config: Config, *, checks: bool = False, **parts: dict[str, Any]) -> Config:
    """The configuration with what the flags say; flags for predictions replace a model, and the other way round.

    `checks`: whether some are named, which may need neither a truth nor decisions, and say so.
    """
    given = {part: {k: v for k, v in flags.items() if v is not None and v != []} for part, flags in parts.items()}
    if given["model"] and given["predictions"]:
        raise ak.PolicyError(
            "give either --factory (a model) or --y-pred, --score (predictions made already), not both"
        )
    raw = config.model_dump(exclude_none=True, exclude={"policy", "folder", "checks", "data_at"})
    for part, flags in given.items():
        if flags:
            raw[part] = {**raw.get(part, {}), **flags}
    if "threshold" in given["predictions"]:
        raw["predictions"].pop("y_pred", None)
    if "y_pred" in given["predictions"]:
        raw["predictions"].pop("threshold", None)
    if "sample_weight" in given["data"]:
        raw["data"].pop("weights", None)
    by_reader = reads(raw.get("data", {}).get("task"))
    if by_reader and given["model"]:
        raise ak.PolicyError(
            f"rows of task {raw['data']['task']} bring their decisions: leave --factory and --weights away"
        )
    for part, other in (("model", "predictions"), ("predictions", "model")):
        if given[part]:
            raw.pop(other, None)
    if by_reader:  # which is data and decisions, and may call groups otherwise
        raw["data"] |= raw.pop("predictions", {})
        from auditkit.records import TASK_KINDS

        groups = TASK_KINDS[raw["data"]["task"]].groups[0]
        if "sensitive_features" in given["data"]:
            raw["data"][groups] = raw["data"].pop("sensitive_features")
    truth = {} if checks or by_reader else {"y_true": "--y-true"}
    named = {} if by_reader else {"sensitive_features": "--sensitive"}  # a reader asks for what it needs itself
    missing = [
        flag
        for part, needed in (
            ("data", {"path": "--data", **truth, **named}),
            ("model", {} if raw.get("model", {}).get("trust") else {"factory": "--factory"}),
            (
                "predictions",
                {} if {"y_pred", "threshold"} & set(raw.get("predictions", {})) else {"y_pred": "--y-pred"},
            ),
        )
        if part in raw or part == "data"
        for key, flag in needed.items()
        if key not in raw.get(part, {})
    ]
    if not checks and not by_reader and not {"model", "predictions"} & set(raw):
        missing.append("--factory or --y-pred (or --score with --threshold)")
    if missing:
        raise ak.PolicyError(f"still needed: {', '.join(missing)} (or a config file that says it; see auditkit run -h)")
    built = type(config)(**raw)
    kept = ("folder", "policy", "checks", *(() if "path" in given["data"] else ("data_at",)))
    return built.model_copy(update={k: getattr(config, k) for k in kept})


def one_of(flag: str, value: str | None, *known: str) -> str | None:
    """The value of a flag that takes one of a few words."""
    if value not in (None, *known):
        raise ak.PolicyError(f"{flag} must be {' or '.join(known)}, got '{value}'")
    return value


def known_name(what: str, name: str | None, known: Iterable[str]) -> str | None:
    """A name, if it is one of those that there are."""
    if name is not None and name not in known:
        raise ak.PolicyError(f"unknown {what} '{name}'; known are {choices(name, known)}")
    return name


def one_or_more(names: list[str] | None, several: bool) -> str | list[str] | None:
    """All columns for several labels; else the last, as of any flag that is given twice."""
    return names if several or not names else names[-1]


def from_here(path: str | None) -> str | None:
    """A path of the command line is relative to where one stands, not to the config file."""
    return None if path is None else str(Path(path).resolve())


def run_audit(config: Config, place: Place, *, command: str, quiet: bool, include_examples: int = 0) -> Report:
    from auditkit.configured import audited, inputs
    from auditkit.progress_bar import shown

    place.paths(config.audit.name)
    with spent("import"):
        importlib.import_module("auditkit.audit")
    with shown(False if quiet else None):
        assert config.data is not None, "no audit is asked without data"
        with spent("look at the data, and load the model"):
            model, data = inputs(config)
        place.paths(config.audit.name or model.name)
        return audited(config, model, data, command=command, include_examples=include_examples)
