"""`make simulate`: every setting in full, and the table of what was seen; names or parts of names choose settings."""

from __future__ import annotations

import csv
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.simulations.setting import Share, settings

RESULTS = Path(__file__).with_name("results")
"""A table a kind: the first word of its settings' names."""
COLUMNS = ("setting", "statistic", "share", "low", "high", "least", "most", "draws", "seed")


def _run(name: str) -> tuple[str, list[Share], float]:
    began = time.perf_counter()
    return name, settings()[name].run(), time.perf_counter() - began


def _row(share: Share) -> dict[str, str]:
    low, high = share.limits
    numbers = (share.value, low, high, share.least, share.most)
    cells = [share.setting, share.statistic, *(f"{x:.4g}" for x in numbers), str(share.draws), str(share.seed)]
    return dict(zip(COLUMNS, cells, strict=True))


def table(kind: str) -> list[dict[str, str]]:
    """The rows kept of one kind; none where there is no table yet."""
    path = RESULTS / f"{kind}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _keep(name: str, shares: list[Share]) -> None:
    """Put the shares of one setting in the place of what was kept of it."""
    kind = settings()[name].kind
    others = [r for r in table(kind) if r["setting"] != name and r["setting"] in settings()]
    rows = sorted([*others, *map(_row, shares)], key=lambda r: (r["setting"], r["statistic"]))
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(asked: list[str]) -> int:
    """Run the settings asked for, keep what was seen, and name those that do not keep a bound."""
    chosen = [n for n in settings() if not asked or any(a in n for a in asked)]
    broken = 0
    with ProcessPoolExecutor() as pool:
        for done in as_completed([pool.submit(_run, n) for n in chosen]):
            name, shares, seconds = done.result()
            _keep(name, shares)
            for share in shares:
                broken += not share.kept
                seen = f"{share.statistic} {share.value:.4f} of {share.draws:,}"
                print(f"{' ' if share.kept else '!'} {name}: {seen} ({seconds:.0f} s)", flush=True)
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
