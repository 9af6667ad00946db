"""Evidence as a report stores it, and the second file, for evidence that no judge reads.

NAME.json alone is judged and drawn. NAME.evidence.json holds what is needed to add reports, and to derive again what no
rule asks for; the report names it by its SHA-256, so that who expects the one expects the other.
"""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from auditkit import stored
from auditkit.errors import ReportError
from auditkit.estimates import Record, Terse

SCHEMA = "auditkit.evidence/1"
ENDING = ".evidence.json"
MOST_WITHIN = 64_000
"""Characters of evidence that no judge reads and that stays in the report: less is not worth a second file."""


class StoredEvidence(Terse):
    """The evidence of one check, enough to assess it again."""

    TOLD: ClassVar = ("judged",)

    type: str
    version: int = 1
    options: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    judged: bool = True
    """Whether rules are answered from it; absent from JSON where true, as in all older reports."""


class Elsewhere(Record):
    """Evidence that lies in NAME.evidence.json beside the report."""

    sha256: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    """Of that file."""
    checks: tuple[str, ...] = Field(min_length=1)
    """The keys of the evidence in it."""


def path_of(report: Path) -> Path:
    """Where the second file of a report lies.

    >>> path_of(Path("reports") / "income.json").name
    'income.evidence.json'
    """
    stem = report.name[: -len(".json")] if report.name.lower().endswith(".json") else report.name
    return report.with_name(f"{stem}{ENDING}")


def parted(evidence: dict[str, StoredEvidence]) -> tuple[dict[str, StoredEvidence], Elsewhere | None, str]:
    """What stays in the report, what the report says of the second file, and its text; None and "" where there is none.

    All stays where `MOST_WITHIN` characters, or less, could go.
    """
    told = {k: e.model_dump(mode="json") for k, e in evidence.items() if not e.judged}
    text = stored.text({"schema_version": SCHEMA, "evidence": told}) + "\n" if told else ""
    if len(text) <= MOST_WITHIN:
        return evidence, None, ""
    elsewhere = Elsewhere(sha256=stored.digest(text.encode()), checks=tuple(sorted(told)))
    return {k: e for k, e in evidence.items() if e.judged}, elsewhere, text


def read(path: Path, expected: Elsewhere, *, of: Path) -> dict[str, StoredEvidence]:
    """The evidence in the second file; ReportError unless it is the one that the report `of` names."""
    content = stored.read(path)
    if stored.digest(content) != expected.sha256:
        raise ReportError(
            f"{path} is not the evidence of {of}: it has {stored.digest(content)}, the report names {expected.sha256}. "
            "Put the file there that was written with the report, or none"
        )
    raw = stored.parsed(content, str(path))
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    held = raw.get("evidence") if isinstance(raw, dict) else None
    if version != SCHEMA or not isinstance(held, dict) or tuple(sorted(held)) != tuple(sorted(expected.checks)):
        raise ReportError(f"{path} is no {SCHEMA} with the evidence of {', '.join(expected.checks)[:200]}")
    try:
        return {k: StoredEvidence.model_validate(v) for k, v in held.items()}
    except ValidationError as e:
        raise ReportError(f"{path} is no {SCHEMA}: {e.errors()[0]['msg'][:300]}") from None
