"""Run the benchmarks that are named, or all."""

import importlib
import sys

for name in sys.argv[1:] or (
    "start",
    "init",
    "fairness",
    "scores",
    "audit",
    "wide",
    "lists",
    "subgroups",
    "explain",
    "shapley",
    "layers",
    "trust",
    "sources",
    "costs",
    "examples",
):
    print(f"\n{name}")
    importlib.import_module(f"tests.benchmarks.bench_{name}").main()
