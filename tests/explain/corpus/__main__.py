"""`python -m tests.explain.corpus [--only WORDS] [--seeds N] [--checks NAME …] [--out FILE]`: each net, each check."""

from __future__ import annotations

import argparse
import csv
import sys
import time

import torch

from tests.explain.corpus.cases import cases
from tests.explain.corpus.scoring import CHECKS, Row, scored, shortfalls, summary


def main() -> int:
    """Print what is wrong as it is found, then the scores; 1 where a check falls short."""
    parser = argparse.ArgumentParser(prog="python -m tests.explain.corpus", description=__doc__)
    parser.add_argument("--only", default="", help="nets whose name holds this")
    parser.add_argument("--seeds", type=int, default=3, help="of nets that are trained with several, so many")
    parser.add_argument("--checks", nargs="+", choices=CHECKS, default=CHECKS)
    parser.add_argument("--out", default="corpus.csv")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    with open(asked.out, "w", newline="") as out:
        table = csv.writer(out)
        table.writerow(Row._fields)
        for case in (c for c in cases() if asked.only in c.name and c.net.seed < asked.seeds):
            start = time.perf_counter()
            new = scored(case, asked.checks)
            table.writerows(new)
            out.flush()
            rows += new
            wrong = [f"{r.check}: {r.score}" for r in new if r.score not in ("right", "not applicable")]
            print(f"{time.perf_counter() - start:5.1f} s  {case.name}  {'; '.join(wrong)}", flush=True)
    for check, n in summary(rows).items():
        print(f"{check:16s}", ", ".join(f"{k} {v}" for k, v in n.most_common()))
    short = shortfalls(rows)
    print("\n".join(short) or "every check reaches what is asked of it")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
