"""Run every benchmark."""

import importlib

for name in (
    "start",
    "init",
    "fairness",
    "scores",
    "audit",
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
