"""What every benchmark shares."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: threads that wait for a core would be timed as work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def median_seconds(f: Callable[[], object], repeat: int = 5) -> float:
    """Median wall time of `repeat` calls, after one that warms up where there is more than one."""
    if repeat > 1:
        f()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def row(work: str, reference: float, ours: float, reach: str) -> None:
    """Print one aligned line; the ratio is ours / reference for a reach of "≤ …", else reference / ours."""
    ratio = ours / reference if reach.startswith("≤") else reference / ours
    seconds = f"reference {reference:9.4f} s  ours {ours:9.4f} s"
    print(f"  {work:46} {seconds}  ratio {ratio:8.2f}  (reach {reach})", flush=True)
