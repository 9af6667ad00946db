"""Checks that break raise; hypothesis without deadlines (the machine may be busy), the same examples every time, one
thread a worker, and modules compiled once for all children."""

import gc
import os
from collections import Counter

import pytest
from hypothesis import settings

for library in ("OMP", "OPENBLAS", "MKL"):  # before any of them is imported: threads that wait for a core cost time
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

os.environ.setdefault("AUDITKIT_ON_ERROR", "raise")  # a check that breaks breaks its test: nothing hides

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of a hundred children compiles all of auditkit again

gc.set_threshold(50_000, 20, 100)  # 700 objects are one small page: the collector took a tenth of the whole suite

settings.register_profile("auditkit", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("auditkit")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`one_in(n)`: of the cases of one test the quick suite takes every n-th; the slow suite has the others."""
    seen: Counter[str] = Counter()
    for item in items:
        marker, test = item.get_closest_marker("one_in"), item.nodeid.partition("[")[0]
        if marker is not None and seen[test] % marker.args[0]:
            item.add_marker(pytest.mark.slow)
        seen[test] += 1


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through it again at every pass."""
    gc.freeze()
