"""What a board is given to read: the demo's report in pages, words, pixels and bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
DEMO = Path(__file__).parents[2] / "reports" / "samples" / "income.html"


def test_the_demo_keeps_its_budget(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(DEMO.as_uri())
    height = page.evaluate("document.documentElement.scrollHeight")
    words = page.evaluate("document.body.innerText").split()  # of what is folded the browser gives no text
    first = page.locator("#next").bounding_box()
    sheets = len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(format="A4")))
    page.close()
    assert DEMO.stat().st_size <= 400_000
    assert height <= 16_000
    assert 3_000 < len(words) <= 5_000
    assert 5 < sheets <= 15
    assert first is not None
    assert first["y"] + first["height"] <= 900
