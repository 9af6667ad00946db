"""Callables that a configuration names: `package.module:function`, found beside it or among what is installed."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from auditkit.errors import AuditkitError, ModelError, foreign, nearest
from auditkit.inputs.running import said


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """The folder stands first on `sys.path` meanwhile."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)


def named(text: str, folder: Path, role: str) -> Callable[..., Any]:
    """The function that a text names; `folder` is importable while its module is read. ModelError says what is wrong.

    >>> named("math:sqrt", Path("."), "factory")(4)
    2.0
    """
    module_name, _, attribute = text.partition(":")
    if not module_name or not attribute:
        raise ModelError(f"{role} must read 'package.module:function', got '{text}'")
    with importable(folder):
        module = _imported(module_name, f"{role} '{text}'")
    function = getattr(module, attribute, None)
    if not callable(function):
        names = [n for n in vars(module) if not n.startswith("_")]
        raise ModelError(f"no function '{attribute}' in {module_name}.{nearest(attribute, names)}")
    found: Callable[..., Any] = function
    return found


def _imported(name: str, what: str) -> Any:
    """The module; whatever stops its import is one line, with where in its code that was."""
    try:
        with foreign(f"importing '{name}' for {what}"):
            return importlib.import_module(name)
    except (AuditkitError, MemoryError):
        raise
    except ImportError as e:
        hint = f". A module is named without .py: '{name.removesuffix('.py')}'" if name.endswith(".py") else ""
        raise ModelError(f"cannot import '{name}' for {what}: {' '.join(str(e).split())}{hint}") from e
    except SyntaxError as e:
        where = f"{Path(e.filename or name).name}, line {e.lineno}"
        raise ModelError(f"cannot import '{name}' for {what}: {type(e).__name__} in {where}: {e.msg}") from e
    except Exception as e:
        raise ModelError(f"cannot import '{name}' for {what}: {said(e)}{_where(e)}") from e


def _where(e: BaseException) -> str:
    """The last line of code outside the library of imports."""
    own = [f for f in traceback.extract_tb(e.__traceback__) if "importlib" not in f.filename and f.filename != __file__]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
