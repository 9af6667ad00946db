"""`python -m tests.explain.trust_table`: the trust corpus in full, and the table of which check rejects what.

A line a case is kept as it is made, so that a run that was stopped goes on; what is asked is done anew.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path

from tests.explain.trust_corpus import Case, bad_cases, good_cases, judged

TABLE = Path(__file__).with_name("trust_corpus.csv")
CHECKS = tuple(f"T{i}" for i in range(13))
COLUMNS = ("good", "kind", "net", "seed", "which", "rejected", *CHECKS)


def lines() -> list[dict[str, str]]:
    """What is kept; none where there is no table yet."""
    if not TABLE.exists():
        return []
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def line_of(case: Case) -> dict[str, str]:
    """A case and what each check says of it: passed, failed, caution, not sure, or empty where it does not apply."""
    found = judged(case)
    said = {
        id_: "" if not t.applies else "passed" if t.passed else "failed" if t.failed else
        "caution" if t.cautions else "not sure" for id_, t in found.items()
    }  # fmt: skip
    rejected = any(t.failed for t in found.values())
    return key_of(case) | {"rejected": "yes" if rejected else "no"} | said


def key_of(case: Case) -> dict[str, str]:
    return {
        "good": "yes" if case.good else "no",
        "kind": case.kind,
        "net": case.net,
        "seed": str(case.seed),
        "which": str(case.which),
    }


def by_kind(kept: list[dict[str, str]]) -> list[tuple[str, int, int, dict[str, int]]]:
    """(kind, cases, rejected, check → cases that it fails), bad ones first."""
    out = []
    for good, kind in dict.fromkeys((r["good"], r["kind"]) for r in sorted(kept, key=lambda r: r["good"])):
        own = [r for r in kept if (r["good"], r["kind"]) == (good, kind)]
        caught = Counter(c for r in own for c in CHECKS if r[c] == "failed")
        out.append((f"{'right: ' if good == 'yes' else ''}{kind}", len(own), sum(r["rejected"] == "yes" for r in own),
                    {c: caught[c] for c in CHECKS if caught[c]}))  # fmt: skip
    return out


def main(asked: list[str]) -> int:
    cases = [c for pair in zip_longest(list(bad_cases()), list(good_cases())) for c in pair if c is not None]
    kept = [r for r in lines() if any(all(r[k] == v for k, v in key_of(c).items()) for c in cases)]
    for case in cases:
        done = [r for r in kept if all(r[k] == v for k, v in key_of(case).items())]
        if done and not (asked and any(a in case.name for a in asked)):
            continue
        kept = [r for r in kept if r not in done] + [line_of(case)]
        _keep(kept, cases)
    _keep(kept, cases)
    for kind, n, rejected, caught in by_kind(kept):
        print(f"{kind:34} {rejected:3} of {n:3} rejected  {' '.join(f'{c} {k}' for c, k in caught.items())}")
    return 0


def _keep(kept: list[dict[str, str]], cases: list[Case]) -> None:
    order = {tuple(key_of(c).values()): i for i, c in enumerate(sorted(cases, key=lambda c: c.good))}
    rows = sorted(kept, key=lambda r: order[tuple(r[k] for k in COLUMNS[:5])])
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
