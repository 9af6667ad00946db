"""Who is told how far the work is: set once by the audit, told by whoever loops."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Progress = Callable[[str, int, int], None]
"""Told (what, done, total) as the work goes on."""

_MARK = "_auditkit_listener"
_LISTENER: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextlib.contextmanager
def told_to(listener: Progress | None) -> Iterator[None]:
    """While it lasts, `tell` reaches `listener`."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def is_told() -> bool:
    """Whether somebody listens."""
    return _LISTENER.get() is not None


def tell(what: str, done: int, total: int) -> None:
    """Tell the listener, if there is one.

    >>> with told_to(lambda *told: print(told)):
    ...     tell("rows", 1, 2)
    ('rows', 1, 2)
    """
    listener = _LISTENER.get()
    if listener is None:
        return
    try:
        listener(what, done, total)
    except BaseException as e:
        e.__dict__[_MARK] = True
        raise


def raised_by_listener(e: BaseException) -> bool:
    """Whether it was raised by who was told: to stop the work is their right, and no accident of the work."""
    return _MARK in e.__dict__
