"""Checks that break raise; hypothesis without deadlines (the machine may be busy), the same examples every time, one
thread a worker, and modules compiled once for all children."""

import gc
import os

from hypothesis import settings

for library in ("OMP", "OPENBLAS", "MKL"):  # before any of them is imported: threads that wait for a core cost time
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

os.environ.setdefault("AUDITKIT_ON_ERROR", "raise")  # a check that breaks breaks its test: nothing hides

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of a hundred children compiles all of auditkit again

gc.set_threshold(50_000, 20, 100)  # 700 objects are one small page: the collector took a tenth of the whole suite

settings.register_profile("auditkit", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("auditkit")


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through it again at every pass."""
    gc.freeze()
