"""A configuration file: what is audited, what is asked, and the policy."""

from __future__ import annotations

from pathlib import Path

from auditkit.gate.audited import Audited, audited_from
from auditkit.gate.policy import Policy, policy_from
from auditkit.gate.toml import Document, read


class Config(Audited):
    """A whole configuration file: what is audited, and the policy."""

    folder: str = "."
    """The folder of the file: its paths are relative to it."""
    policy: Policy = Policy()


def load_config(path: str | Path) -> Config:
    """The configuration in a TOML file, or in `[tool.auditkit]` of a pyproject.toml."""
    path = Path(path)
    config = config_from(read(path))
    return config.model_copy(update={"folder": str(path.parent)})


def config_from(document: Document) -> Config:
    """Check a parsed document against the language of configurations."""
    audited = audited_from(document)
    return Config(**{k: getattr(audited, k) for k in Audited.model_fields}, policy=policy_from(document))
