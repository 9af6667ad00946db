"""A headless Chromium without a network, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from auditkit.report.html.page import render
from tests.browser.chromium import ARGUMENTS, executable
from tests.report import fixtures

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def _absent(reason: str) -> NoReturn:
    """Skip with the reason; fail where a browser is required."""
    if os.environ.get("AUDITKIT_REQUIRE_BROWSER") == "1":
        pytest.fail(f"AUDITKIT_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    path = executable()
    if not path:
        _absent("no Chromium is installed (Debian package `chromium`)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("Playwright for Python is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


class Pages(dict[str, str]):
    """Name of a fixture → address of its page, which is drawn when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> str:
        file = self._folder / f"{len(self)}.html"
        file.write_text(render(fixtures.ALL[name]()), encoding="utf-8")
        self[name] = file.as_uri()
        return self[name]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Every page of the fixtures."""
    return Pages(tmp_path_factory.mktemp("pages"))
