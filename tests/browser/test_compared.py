"""The page of a comparison in a real browser: nothing for axe to find, nothing wider than the screen, no request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import auditkit as ak
from tests.browser.test_page import opened
from tests.comparing.test_compare import RULES, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = "for (const d of document.querySelectorAll('details')) d.open = true"


def test_axe_finds_nothing_and_nothing_overflows(browser: Browser, tmp_path: Path) -> None:
    Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
    waiver = {"rule": "gap", "reason": "later", "approved_by": "board", "expires": "2999-01-01"}
    file = tmp_path / "page.html"
    three = (report(1), report(2, gap=0.4, waiver=[waiver]), report(3, rules=RULES[1:]))
    file.write_text(ak.compare(*three).to_html(), encoding="utf-8")
    for scheme, width, media in (("light", 1440, "screen"), ("dark", 375, "screen"), ("light", 1440, "print")):
        with opened(browser, file.as_uri(), width, color_scheme=scheme, bypass_csp=True) as (page, seen):
            page.evaluate(OPEN)
            page.emulate_media(media=media)
            found = Axe().run(page).response["violations"]
            told = [(v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found]
            assert told == [], f"{scheme}, {width}, {media}"
            assert seen == [f"request {file.as_uri()}"]
    with opened(browser, file.as_uri(), 320) as (page, seen):
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        styled = page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight")
        assert styled == "700", "its own style is allowed by its hash"
        assert seen == [f"request {file.as_uri()}"]
