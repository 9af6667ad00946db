"""The baseline that a policy names: read with the policy, so that a broken one is told before an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from auditkit import stored
from auditkit.errors import PolicyError, ReportError
from auditkit.gate.tables import Written
from auditkit.gate.toml import Document
from auditkit.records import BASELINE, Baseline


def named_baseline(document: Document, tables: Written) -> dict[str, Any]:
    """Fields of a policy; PolicyError for a file that is no baseline, and for `max_regression` without one.

    A file that is not there is none yet: rules with `max_regression` are then not measured against it, and say so.
    """
    name, default = tables.policy.baseline, tables.defaults.max_regression
    if name is None:
        for i, rule in enumerate(tables.rule):
            if rule.max_regression is not None:
                raise _homeless(document, ("rule", i, "max_regression"))
        if default is not None:
            raise _homeless(document, ("defaults", "max_regression"))
        return {}
    at, path = document.where(("policy", "baseline")), document.folder / name
    if not name.strip() or "\0" in name:
        raise PolicyError(f"{at}: 'baseline': expected the path of a baseline, as in \"auditkit-baseline.json\"")
    try:
        held = load(path) if path.exists() else None
    except (ReportError, OSError) as e:
        raise PolicyError(f"{at}: {e}") from None
    return {"baseline": name, "held": held, "max_regression": default}


def _homeless(document: Document, where: tuple[str | int, ...]) -> PolicyError:
    return PolicyError(
        f"{document.where(where)}: 'max_regression' needs a baseline: baseline = \"auditkit-baseline.json\" in [policy]"
    )


def load(path: Path) -> Baseline:
    """The baseline in a file; ReportError for anything else."""
    raw = stored.parsed(stored.read(path), str(path))
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != BASELINE:
        newer = ". A newer auditkit wrote it: upgrade to read it" if stored.later(BASELINE, version) else ""
        raise ReportError(f"{path} is no baseline: it has schema_version {version!r}, expected {BASELINE!r}{newer}")
    try:
        return Baseline.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"])[:120]
        raise ReportError(f"{path} is no baseline: {where}: {first['msg'][:300]}") from None
