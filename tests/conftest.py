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
    """`one_in(n)`: of the cases of one test the quick suite takes every n-th; the slow suite has the others.

    `slow_one_in(n)`: of the slow cases of one test the slow suite takes every n-th; `make test-full` has the others.
    """
    cases, slow = Counter[str](), Counter[str]()
    for item in items:
        test = item.nodeid.partition("[")[0]
        marker = item.get_closest_marker("one_in")
        if marker is not None and cases[test] % marker.args[0]:
            item.add_marker(pytest.mark.slow)
        cases[test] += 1
        marker = item.get_closest_marker("slow_one_in")
        if marker is not None and item.get_closest_marker("slow") is not None:
            if slow[test] % marker.args[0]:
                item.add_marker(pytest.mark.full)
            slow[test] += 1


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through it again at every pass."""
    gc.freeze()
