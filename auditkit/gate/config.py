"""A configuration file: what is audited, what is asked, and the policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auditkit.disclosure import Disclosure
from auditkit.errors import PolicyError
from auditkit.gate.against import AgainstTable
from auditkit.gate.audited import AnyData, Asked, AuditTable, ModelTable, PredictionsTable
from auditkit.gate.declared import undeclared
from auditkit.gate.policy import Policy, policy_from
from auditkit.gate.tables import written
from auditkit.gate.toml import Document, read
from auditkit.records import Record


class Config(Record):
    """A whole configuration file: what is audited, and the policy."""

    model: ModelTable | None = None
    predictions: PredictionsTable | None = None
    against: AgainstTable | None = None
    """The older model that it is compared with."""
    data: AnyData | None = None
    audit: AuditTable = AuditTable()
    report: Disclosure = Disclosure()
    """What the report gives away: its profile, the size below which groups are suppressed, whether rows are kept."""
    checks: tuple[Asked, ...] = ()
    """What is asked; empty: the default."""
    folder: str = "."
    """The folder of the file: its paths are relative to it."""
    data_at: str = ""
    """file:line of the path of its data."""
    policy: Policy = Policy()


def load_config(path: str | Path) -> Config:
    """The configuration in a TOML file, or in `[tool.auditkit]` of a pyproject.toml.

    PolicyError, with its line, for what is no configuration, and where a rule compares groups of what its `[data]` does
    not declare as a sensitive feature.
    """
    config = as_written(path)
    if config.data is not None:
        refuse_undeclared(config.policy, config.data.features)
    return config


def as_written(path: str | Path) -> Config:
    """The configuration in a file, whose rules may ask of attributes that flags declare."""
    path = Path(path)
    config = config_from(read(path))
    return config.model_copy(update={"folder": str(path.parent)})


def refuse_undeclared(policy: Policy, features: Sequence[str]) -> None:
    """PolicyError with a line for each rule that compares groups of what is no sensitive feature, and for presets."""
    told = list(undeclared(policy.rules, features, policy.source))
    if told:
        raise PolicyError("\n".join(told))
    policy.for_features(tuple(features))


def config_from(document: Document) -> Config:
    """Check a parsed document against the language of configurations."""
    tables = written(document)
    return Config(
        **{k: getattr(tables, k) for k in ("model", "predictions", "against", "data", "audit", "report")},
        checks=tuple(_placed(document, i, c) for i, c in enumerate(tables.check)),
        policy=policy_from(document, tables),
        data_at=document.where(("data", "path")) if tables.data is not None else "",
    )


def _placed(document: Document, i: int, check: Asked) -> Asked:
    """A check that knows where it stands, and where each option of it."""
    lines = {key: document.where(("check", i, key)) for key in ("name", *check.options)}
    return check.model_copy(update={"where": document.where(("check", i)), "lines": lines})
