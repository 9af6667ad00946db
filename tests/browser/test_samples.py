"""Every kind of report in a real browser: nothing for axe to find, nothing wider than the screen, no request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditkit.report.html.page import render
from tests.browser.axe import violations
from tests.browser.test_page import opened
from tests.report import samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS: tuple[tuple[Any, int, Any], ...] = (
    ("light", 1440, "screen"),
    ("dark", 375, "screen"),
    ("light", 1440, "print"),
)
"""Each page is looked at in each, in print for its colours alone; every fourth has the contrast of every element in one
of them (`axe`)."""
OPEN = """document.querySelectorAll('details').forEach(d => { d.open = true });
  const two = document.querySelector('#explorer input[type=checkbox]'); if (two) two.click()"""


@pytest.mark.parametrize("name", samples.ALL)
def test_axe_finds_nothing_in_light_dark_and_print_and_nothing_overflows(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    which, every = divmod(list(samples.ALL).index(name), 4)
    whole = which % len(LOOKS) if every == 0 else None
    file = tmp_path / "page.html"
    file.write_text(render(samples.made(name)), encoding="utf-8")
    for i, (scheme, width, media) in enumerate(LOOKS):
        with opened(browser, file.as_uri(), width, color_scheme=scheme, bypass_csp=True) as (page, seen):
            page.evaluate(OPEN)
            page.emulate_media(media=media)
            assert violations(page, complete=i == whole, colors=media == "print") == [], f"{scheme}, {width}, {media}"
            assert seen == [f"request {file.as_uri()}"]
    with opened(browser, file.as_uri(), 320) as (page, _):
        page.evaluate(OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("name", samples.ALL)
def test_whether_a_perfect_model_would_pass_stands_on_the_first_screen(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "page.html"
    file.write_text(render(samples.made(name)), encoding="utf-8")
    with opened(browser, file.as_uri(), 1440) as (page, _):
        asked = page.locator("p.cause", has_text="Would a perfect model pass?")
        box = asked.bounding_box() if asked.count() else None
        assert box is None or box["y"] + box["height"] <= 900
