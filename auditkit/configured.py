"""An audit as a configuration file asks it: for the command line, and for tests."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

import auditkit as ak
from auditkit.errors import AuditkitError, DataError, PolicyError, nearest
from auditkit.gate.audited import ModelTable, ReadTable
from auditkit.readers.reader import Reader, as_rows, reader_of
from auditkit.records import Report

if TYPE_CHECKING:
    from auditkit.check import Check
    from auditkit.gate.audited import DataTable
    from auditkit.gate.config import Config
    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.model import Model
    from auditkit.inputs.predictions import Predictions


def inputs(config: Config) -> tuple[Model | Predictions, Dataset]:
    """What is audited, and on what; PolicyError where the configuration names no data, or no model."""
    if config.data is None:
        raise PolicyError("the configuration has no [data]: nothing can be audited")
    if isinstance(config.data, ReadTable):
        _there(config, config.data.path)
        return _reader(config, config.data).reading
    return _subject(config, config.data), _dataset(config, config.data)


def audited(
    config: Config, model: Model | Predictions, data: Dataset, *, command: str = "", include_examples: int = 0
) -> Report:
    """The report, judged where the configuration has rules."""
    checks = checks_of(config)
    if config.audit.fitted is not None:
        from auditkit.audit import asked_of
        from auditkit.fitting import with_fitted

        checks = tuple(with_fitted(checks or asked_of(model, data), Path(config.folder) / config.audit.fitted))
    return ak.audit(
        model,
        data,
        against=older(config, data),
        checks=checks or None,
        policy=config.policy if config.policy.rules or config.policy.presets else None,
        words=config.policy.words,
        context=config.policy.context,
        sign_off=config.policy.sign_off,
        sample=config.audit.sample,
        seed=config.audit.seed,
        on_error=config.audit.on_error,
        name=config.audit.name,
        command=command,
        include_examples=include_examples,
        disclosure=config.report,
    )


def checks_of(config: Config) -> tuple[Check, ...]:
    """The checks that the configuration names; none: those of the task."""
    from auditkit.checks import check_of

    return tuple(check_of(c.name, c.options, where=c.where, lines=c.lines, folder=config.folder) for c in config.checks)


def fitted(config: Config) -> str:
    """The checks of a configuration that fit bins, fitted to its data, as the text of a file for `[audit] fitted`."""
    from auditkit.audit import asked_of
    from auditkit.deciding import by_label, columns_of
    from auditkit.fitting import fitted

    named, read = inputs(config)
    model, data, against = as_rows(named, read, older(config, read))
    if data.kind.by_label:  # the rows of each label are the same
        model, data, against = next(iter(dict(by_label(model, data, against)).values()))
    return fitted(checks_of(config) or asked_of(model, data), data.sample(without=columns_of(model, against)))


def older(config: Config, data: Dataset) -> Model | Predictions | Reader | None:
    """The older model that the audited one is compared with; None where the configuration names none."""
    told = config.against
    if told is None:
        return None
    if (told.path is not None) is not isinstance(config.data, ReadTable):
        raise PolicyError(
            "[against] takes a path, and only that, where a reader makes the rows of [data]: of other data it names "
            "the older decisions (y_pred) or the older net (weights)"
        )
    if told.path is not None and isinstance(config.data, ReadTable):
        return _reader(config, config.data.model_copy(update={"path": told.path}))
    if told.decisions is not None:
        return ak.Predictions(**told.decisions, name="older predictions")
    own = config.model
    facts = told.net
    kept = {k: getattr(own, k) for k, v in facts.items() if v is None} if own is not None else {}
    kept |= {"trust": None, "weights_key": None} if told.weights is not None else {}
    table = {**facts, **{k: v for k, v in kept.items() if facts[k] is None}}
    if table["factory"] is None and table["trust"] is None:
        raise PolicyError("[against] needs a factory, as [model] has one: package.module:function that builds the net")
    return _net(config, ModelTable(**table, task=data.task))


def _reader(config: Config, data: ReadTable) -> Reader:
    """The reader with its options; an error about these says where they stand."""
    try:
        return reader_of(data.task).of(data.path, data.options, config.folder)
    except AuditkitError as e:
        raise type(e)(f"{config.data_at}: {e}" if config.data_at else str(e)) from None


def _subject(config: Config, data: DataTable) -> Model | Predictions:
    if config.predictions is not None:
        return ak.Predictions(**{k: getattr(config.predictions, k) for k in type(config.predictions).model_fields})
    m = config.model
    if m is None and not config.checks:
        raise PolicyError(
            "the configuration has neither [model] nor [predictions]: nothing can be audited but by checks that need "
            'neither, as [[check]] with name = "measured"'
        )
    if m is None:
        return ak.Predictions([], name="rows")
    return _net(config, m if data.task is None else m.model_copy(update={"task": m.task or data.task}))


def _net(config: Config, m: ModelTable) -> Model:
    options = {k: getattr(m, k) for k in ("task", "outputs", "threshold", "device") if getattr(m, k) is not None}
    weights = None if m.weights is None else Path(config.folder) / m.weights
    return ak.load_model(m.factory, weights, folder=config.folder, weights_key=m.weights_key, trust=m.trust, **options)


def _there(config: Config, named: str) -> None:
    """DataError, with its line, where the file that the configuration names is not there, and is no pattern."""
    path = Path(config.folder) / named
    if not config.data_at or glob.has_magic(named):
        return
    try:
        path.stat()
    except FileNotFoundError:
        beside = [p.name for p in path.parent.glob("*")]
    except (OSError, ValueError):  # told where it is read
        return
    else:
        return
    where = "" if Path(named).is_absolute() else f" in {Path(config.folder).resolve()}"
    raise DataError(
        f"{config.data_at}: cannot read '{named}'{where}: no such file.{nearest(path.name, beside)}".rstrip(".")
    )


def _dataset(config: Config, data: DataTable) -> Dataset:
    from auditkit.records import DEFAULT_TASK

    _there(config, data.path)
    if data.y_true is None and not config.checks:
        raise PolicyError(
            "'y_true' is missing in [data]: name the column of the truth, or checks that need none, as [[check]] with "
            'name = "group_fairness" (selections) or "measured"'
        )
    given = {k: getattr(data, k) for k in type(data).model_fields if k not in ("path", "task", "join")}
    if data.join is not None:
        given["join"] = {**data.join.model_dump(exclude_none=True), "path": Path(config.folder) / data.join.path}
    task = data.task or (config.model.task if config.model is not None else None) or DEFAULT_TASK
    return ak.Dataset(Path(config.folder) / data.path, task=task, **given)
