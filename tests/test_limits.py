"""The limits that other tests trust."""

import os
import time

import numpy as np

from tests.limits import run


def spin() -> None:
    while True:
        pass


def test_limits_see_time_memory_and_errors() -> None:
    assert run(lambda: 3).value == 3
    assert run(lambda: int("x")).error == "ValueError"
    assert run(lambda: time.sleep(60), seconds=0.05).error == "killed"
    assert run(spin, seconds=0.2).error == "killed"
    assert run(lambda: time.sleep(0.6), seconds=0.4).error == "", "who waits takes no time of a core"
    assert run(lambda: os._exit(3)).error == "died"
    assert run(lambda: np.ones(2**29), megabytes=200).error == "MemoryError"
    assert 90 < run(lambda: np.ones(100 * 2**17).sum()).megabytes < 130
