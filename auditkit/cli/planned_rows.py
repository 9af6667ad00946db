"""What `auditkit plan` counts: the file of flags, or that of [data] in the policy's own file, read as that says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import auditkit as ak
from auditkit.cli import made
from auditkit.gate.audited import reads

if TYPE_CHECKING:
    from auditkit.gate.audited import DataTable
    from auditkit.planning.rows import Rows


def rows(
    data: str | None,
    policy: Path | None,
    *,
    sensitive: list[str] | None,
    one_hot: list[str] | None,
    bins: list[str] | None,
    y_true: str | None,
    positive: str | None,
    assumed: bool,
) -> Rows | None:
    """None where neither flags nor the file name any rows; `assumed`: base rates are said, and no truth is read."""
    from auditkit.planning.rows import AS_WRITTEN, holds, rows_of

    table, folder = _table(policy)
    if data is None and table is None:
        return None
    path = data if data is not None or table is None else str(folder / table.path)
    own = _said(table, folder, assumed=assumed) if table is not None else {}
    written = {k: own[k] for k in AS_WRITTEN if k in own}
    if data is not None and "join" not in own and "y_true" in own and not holds(path, own["y_true"], **written):
        own = {k: v for k, v in own.items() if k not in ("y_true", "positive")}  # of rows that nobody labelled yet
    flags = {
        "sensitive_features": made.features(sensitive, one_hot),
        "bins": made.bins(bins),
        "y_true": y_true,
        "positive": positive,
    }
    asked: dict[str, Any] = {**own, **{k: v for k, v in flags.items() if v is not None}}
    if not asked.get("sensitive_features"):
        raise ak.PolicyError(
            "--data needs --sensitive: the columns whose groups are counted (or [data] in the file of --policy)"
        )
    return rows_of(path, **asked)


def _table(policy: Path | None) -> tuple[DataTable | None, Path]:
    if policy is None or not policy.is_file():
        return None, Path()  # a preset, or no file, which is told where the policy is read
    config = ak.load_config(policy)
    if config.data is not None and reads(config.data.task):
        raise ak.PolicyError(
            f"{config.data_at}: a plan counts rows as they are given, and a reader makes those of task "
            f"{config.data.task}: say --group (repeatable) with their sizes"
        )
    return cast("DataTable | None", config.data), Path(config.folder)


def _said(table: DataTable, folder: Path, *, assumed: bool) -> dict[str, Any]:
    """What [data] says of its rows; a truth of two labels alone, since a plan is made of rates."""
    from auditkit.planning.rows import AS_WRITTEN
    from auditkit.records import YES_NO

    said = {k: getattr(table, k) for k in ("sensitive_features", "bins", *AS_WRITTEN)}
    if not assumed and isinstance(table.y_true, str) and table.task in (None, YES_NO):
        said |= {"y_true": table.y_true, "positive": table.positive}
    if table.join is not None:
        said["join"] = {**table.join.model_dump(exclude_none=True), "path": folder / table.join.path}
    return {k: v for k, v in said.items() if v is not None}
