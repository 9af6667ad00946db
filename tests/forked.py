"""`python -m MODULE …` in a child of this warm process: as from a shell, and nothing is imported again."""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn

from _pytest.assertion.rewrite import AssertionRewritingHook


def python(module: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What `python -m module arguments` comes to: exit status, stdout and stderr, by the file descriptors.

    A fork has its own folder, streams, warnings and exit status, as a process from a shell has; only what this process
    has imported is there already. What must be seen in a fresh interpreter (what is loaded, and when) is asked there.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child waits for no thread
            pid = os.fork()
        if pid == 0:
            _child(module, arguments, cwd, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([module, *arguments], status, *said)


def _child(module: str, arguments: tuple[str, ...], cwd: Path | None, out: int, err: int) -> NoReturn:
    """Never returns: whatever happens, the fork must not go on with the tests of its parent."""
    status = 70
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin = io.TextIOWrapper(io.BytesIO())
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), "utf-8")
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "wb", closefd=False), "utf-8", line_buffering=True)
        os.chdir(cwd or ".")
        _at_start()
        sys.argv = [module, *arguments]
        sys.path.insert(0, os.getcwd())
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            status = 0
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
            if e.code is not None and e.code != status:
                print(e.code, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        status = 1
    finally:
        os._exit(status)


def _at_start() -> None:
    """The finders and warnings of an interpreter that has just begun."""
    sys.meta_path = [finder for finder in sys.meta_path if not isinstance(finder, AssertionRewritingHook)]
    warnings.showwarning = _shown  # pytest's would keep them for the summary of the parent
    warnings.resetwarnings()
    for kind in (ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning):
        warnings.simplefilter("ignore", kind)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")


def _shown(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))
