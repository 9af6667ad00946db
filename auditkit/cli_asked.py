"""What flags and a configuration file ask for together: the model, the data, and the audit of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import auditkit as ak
from auditkit.cli_terminal import told_progress

if TYPE_CHECKING:
    from auditkit.cli_delivery import Place
    from auditkit.records import Report


def overridden(config: Any, **parts: dict[str, Any]) -> Any:
    """The configuration with what the flags say; flags for predictions replace a model, and the other way round."""
    given = {part: {k: v for k, v in flags.items() if v is not None and v != []} for part, flags in parts.items()}
    if given["model"] and given["predictions"]:
        raise ak.PolicyError("give either --factory (a model) or --y-pred (decisions made already), not both")
    raw = config.model_dump(exclude_none=True, exclude={"policy", "folder", "checks"})
    for part, flags in given.items():
        if flags:
            raw[part] = {**raw.get(part, {}), **flags}
    if "sample_weight" in given["data"]:
        raw["data"].pop("weights", None)
    for part, other in (("model", "predictions"), ("predictions", "model")):
        if given[part]:
            raw.pop(other, None)
    missing = [
        flag
        for part, needed in (
            ("data", {"path": "--data", "y_true": "--y-true", "sensitive_features": "--sensitive"}),
            ("model", {} if raw.get("model", {}).get("trust") else {"factory": "--factory"}),
            ("predictions", {"y_pred": "--y-pred"}),
        )
        if part in raw or part == "data"
        for key, flag in needed.items()
        if key not in raw.get(part, {})
    ]
    if missing or not ({"model", "predictions"} & set(raw)):
        missing += [] if {"model", "predictions"} & set(raw) else ["--factory or --y-pred"]
        raise ak.PolicyError(f"still needed: {', '.join(missing)} (or a config file that says it; see auditkit run -h)")
    built = type(config)(**raw)
    return built.model_copy(update={k: getattr(config, k) for k in ("folder", "policy", "checks")})


def known_kind(kind: str | None) -> str | None:
    if kind not in (None, "sampling", "frequency"):
        raise ak.PolicyError(f"--weights-kind must be sampling or frequency, got '{kind}'")
    return kind


def known_on_error(asked: str | None) -> str | None:
    if asked not in (None, "not_measured", "raise"):
        raise ak.PolicyError(f"--on-error must be not_measured or raise, got '{asked}'")
    return asked


def known_outputs(name: str | None) -> str | None:
    if name not in (None, "logits", "probabilities"):
        raise ak.PolicyError(f"--outputs must be logits or probabilities, got '{name}'")
    return name


def one_or_more(names: list[str] | None, several: bool) -> str | list[str] | None:
    """All columns for several labels; else the last, as of any flag that is given twice."""
    return names if several or not names else names[-1]


def known_profile(name: str | None) -> str | None:
    from typing import get_args

    from auditkit.disclosure import Profile
    from auditkit.errors import listing, nearest

    known = get_args(Profile)
    if name is not None and name not in known:
        raise ak.PolicyError(f"unknown profile '{name}'; known are {listing(known)}.{nearest(name, known)}")
    return name


def known_task(name: str | None) -> str | None:
    from auditkit.errors import listing, nearest
    from auditkit.records import TASK_KINDS

    if name is not None and name not in TASK_KINDS:
        raise ak.PolicyError(f"unknown task '{name}'; known are {listing(TASK_KINDS)}.{nearest(name, TASK_KINDS)}")
    return name


def several_columns(task: str | None) -> bool:
    """Whether the target of a task is several columns."""
    from auditkit.records import TASK_KINDS

    return any(kind.by_label for name, kind in TASK_KINDS.items() if name == task)


def from_here(path: str | None, config: Any) -> str | None:
    """A path of the command line is relative to where one stands, not to the config file."""
    return None if path is None else str(Path(path).resolve())


def run_audit(config: Any, place: Place, *, command: str, quiet: bool, include_examples: int = 0) -> Report:
    from auditkit.checks import check_of
    from auditkit.progress import told_to

    place.check(config.audit.name)
    with told_progress(quiet) as progress:
        with told_to(progress):
            model, data = _subject(config), _dataset(config)
        place.check(config.audit.name or model.name)
        return ak.audit(
            model,
            data,
            checks=[check_of(c.name, c.options, where=c.where, folder=config.folder) for c in config.checks] or None,
            policy=config.policy if config.policy.rules or config.policy.presets else None,
            words=config.policy.words,
            sample=config.audit.sample,
            seed=config.audit.seed,
            on_error=config.audit.on_error,
            name=config.audit.name,
            command=command,
            include_examples=include_examples,
            disclosure=config.report,
            progress=progress,
        )


def _subject(config: Any) -> Any:
    if config.predictions is not None:
        return ak.Predictions(config.predictions.y_pred, config.predictions.score)
    m = config.model
    options = {k: getattr(m, k) for k in ("task", "outputs", "threshold", "device") if getattr(m, k) is not None}
    if config.data.task is not None:
        options.setdefault("task", config.data.task)
    weights = None if m.weights is None else Path(config.folder) / m.weights
    return ak.load_model(m.factory, weights, folder=config.folder, weights_key=m.weights_key, trust=m.trust, **options)


def _dataset(config: Any) -> Any:
    from auditkit.records import DEFAULT_TASK

    d = config.data
    return ak.Dataset(
        Path(config.folder) / d.path,
        y_true=d.y_true,
        positive=d.positive,
        sensitive_features=d.sensitive_features,
        control_features=d.control_features,
        weights=d.weights,
        sample_weight=d.sample_weight,
        weights_kind=d.weights_kind,
        cluster=d.cluster,
        **{k: getattr(d, k) for k in ("sep", "encoding", "na_values", "decimal", "thousands")},
        task=d.task or (config.model.task if config.model is not None else None) or DEFAULT_TASK,
        classes=d.classes,
    )
