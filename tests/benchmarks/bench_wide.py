"""Default audits, with their pages, of many columns, many groups and many crossings: seconds of one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import auditkit as ak
from auditkit.report.html.page import render
from tests.fairness.test_many_crossings import frame as crossed
from tests.fairness.test_wide_data import whole, wide


def groups(attributes: list[str], first: int, second: int) -> None:
    """Every crossing of `first` and `second` groups, in 20,000 rows with scores."""
    rows = crossed(first, second, 20_000).drop(columns=["c", "cls", "k"])
    data = ak.Dataset(rows, y_true="y", sensitive_features=attributes)
    render(ak.audit(ak.Predictions("p", score="s"), data))


def timed(what: str, call: Callable[[], object], reach: float) -> None:
    started = time.process_time()
    call()
    print(f"  {what:58} {time.process_time() - started:6.1f} s  (reach {reach:g} s)", flush=True)


def main() -> None:
    whole(wide(4), 4)  # imports what the rest needs
    for columns, rows in ((71, 5_000), (500, 5_000), (500, 20_000)):
        table = wide(columns, rows=rows)
        for net in (None, columns):
            what = f"{columns} columns, {rows:,} rows, {'predictions' if net is None else 'a net'}"
            timed(what, partial(whole, table, net), 20)
    timed("a thousand groups, 20,000 rows", partial(groups, ["g"], 1_000, 2), 15)
    for first, second in ((1_000, 2), (60, 60), (400, 50)):
        timed(f"{first:,} × {second} crossed groups, 20,000 rows", partial(groups, ["g", "h"], first, second), 15)
    report = ak.audit(ak.Predictions("p"), ak.Dataset(crossed(50, 1, 20_000), y_true="y", sensitive_features="g"))
    timed("the page of fifty groups", lambda: render(report), 1)


if __name__ == "__main__":
    main()
