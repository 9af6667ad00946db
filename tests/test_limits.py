"""The limits that other tests trust."""

import time

import numpy as np

from tests.limits import run


def test_limits_see_time_memory_and_errors() -> None:
    assert run(lambda: 3).value == 3
    assert run(lambda: int("x")).error == "ValueError"
    assert run(lambda: time.sleep(5), seconds=0.2).error == "killed"
    assert run(lambda: np.ones(2**29), megabytes=200).error == "MemoryError"
    assert 90 < run(lambda: np.ones(100 * 2**17).sum()).megabytes < 130
