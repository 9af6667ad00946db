"""All trust checks of the demo's explanation, 256 rows: beside the explanation itself."""

from __future__ import annotations

from auditkit import demo
from auditkit.evidence.sample import Sample, row_keys
from auditkit.explain.attributions.study import explain
from auditkit.explain.methods.catalogue import METHODS
from auditkit.explain.trust.findings import readings
from auditkit.explain.trust.study import tried
from tests.benchmarks.timing import median_seconds, one_thread

REACH = 2.0
"""Seconds."""


def main() -> None:
    with one_thread():
        compare()


def compare() -> None:
    model, method = demo.model(), METHODS["integrated_gradients"]
    rows = next(iter(demo.data().batches()))
    sample = Sample.of(rows, row_keys(rows), k=2000).draw(2000)
    explained = explain(model, sample)

    def all_checks() -> None:
        readings(tried(model, sample, explained, method))

    seconds = median_seconds(all_checks)
    itself = median_seconds(lambda: explain(model, sample))
    print(
        f"  {'all trust checks, 256 rows':46} {'':9} ours {seconds:9.4f} s  (reach ≤ {REACH:.0f} s; the explanation of "
        f"{len(sample.features):,} rows itself {itself:.4f} s)",
        flush=True,
    )


if __name__ == "__main__":
    main()
