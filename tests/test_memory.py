"""Memory that is free is given back. Truth: what the kernel says that the process holds."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from auditkit import memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others keep no holes, or have nothing to call")
def test_holes_are_given_back() -> None:
    """In a process of its own, whose heap has nothing else in it."""
    code = """
import ctypes
from pathlib import Path
from auditkit.memory import give_back

def resident():
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("RssAnon"))
    return int(line.split()[1]) / 1024

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
held = []
for i in range(2_000):
    held.append(libc.malloc(100_000))  # below what is asked of the system one by one
    ctypes.memset(held[-1], 1, 100_000)
for p in held[:-1]:
    libc.free(p)  # the last one keeps the heap from getting shorter
before = resident()
done = give_back()
print(done, before - resident() > 100, give_back())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "True True False\n"


def test_at_most_once_a_second_and_nothing_where_there_is_nothing_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def none(name: object) -> object:
        asked.append(name)
        raise OSError("no such library")

    monkeypatch.setattr(memory.ctypes, "CDLL", none)
    monkeypatch.setattr(memory, "_last", -memory.SECONDS)
    assert memory.give_back() is False
    assert memory.give_back() is False
    assert asked == [None]
