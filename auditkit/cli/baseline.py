"""`auditkit baseline update`: values that a later model must not fall behind."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit.cli.app import Quiet, app
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard

baselines = typer.Typer(rich_markup_mode=None, help="Keep what was accepted once: a later model must not be worse.")
app.add_typer(baselines, name="baseline")


@baselines.command(
    epilog="""\b
Example: auditkit baseline update reports/income.json --reason "model 2, retrained" --approved-by "risk board"
Commit the file. In the policy: baseline = "auditkit-baseline.json" in [policy], max_regression = 0.02 in [defaults].
"""
)
@answering
def update(
    report: Annotated[Path, typer.Argument(help="A report.json, judged by a policy.")],
    reason: Annotated[str, typer.Option("--reason", help="Why these values are accepted; kept in the file.")],
    approved_by: Annotated[str, typer.Option("--approved-by", help="Who answers for it.")] = "",
    baseline: Annotated[Path, typer.Option("--baseline", help="The file to make, or to move.")] = Path(
        "auditkit-baseline.json"
    ),
    accept_worse: Annotated[
        bool, typer.Option("--accept-worse", help="Take values that are surely worse too; the history says so.")
    ] = False,
    quiet: Quiet = False,
) -> int:
    """Move a baseline where a rule is surely better; a rule that is surely worse is refused by name."""
    from auditkit import stored
    from auditkit.clock import now
    from auditkit.formatting import printable
    from auditkit.gate.named_baseline import load
    from auditkit.gate.ratchet import updated
    from auditkit.verifying import verify

    text = stored.read(report)
    told = ak.Report.from_json(text, source=str(report)).rejoined(report)
    wrong = next((c for c in verify(told).checked if c.state == "differs"), None)
    if wrong is not None:
        raise ak.ReportError(f"{report} is not what its evidence says ({wrong.what}: {wrong.said}): audit again")
    old = load(baseline) if baseline.exists() else None
    made, moved = updated(
        old,
        told,
        stored.digest(text),
        reason=reason,
        approved_by=approved_by,
        on=now().date(),
        accept_worse=accept_worse,
    )
    _write(baseline, made.to_json())
    if not quiet:
        with while_heard():
            for m in moved:
                print(printable(f"{_SIGNS[m.what]} {m.statement}"))
            print(printable(f"{baseline} holds {len(made.rules)} rules, of {made.report}"))
    return 0


_SIGNS = {"new": "+", "better": "✓", "kept": "–", "worse": "×"}


def _write(path: Path, text: str) -> None:
    """Whole, or not at all."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except (OSError, ValueError) as e:
        with contextlib.suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)
        raise ak.ReportError(f"cannot write {path}: {getattr(e, 'strerror', None) or e}") from None
