"""The page in a real browser: no request, no overflow, complete without its script, readable in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditkit.report.html import script
from auditkit.report.html.page import render
from tests.browser.axe import violations
from tests.report import fixtures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

EXPLAINED = ("explained", "explained, hostile", "explained, failed", "explained, undefined", "explained, wide")


@contextmanager
def opened(browser: Browser, address: str, width: int = 1440, **options: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page, with the list of everything that it requested or complained about."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
    page = context.new_page()
    seen: list[str] = []
    page.on("request", lambda r: seen.append(f"request {r.url}"))
    page.on("dialog", lambda d: (seen.append(f"dialog {d.message}"), d.dismiss()))
    page.on("console", lambda m: seen.append(f"console {m.text}"))
    page.on("pageerror", lambda e: seen.append(f"error {e}"))
    page.goto(address)
    try:
        yield page, seen
    finally:
        context.close()


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", fixtures.ALL)
def test_the_file_is_the_only_request(browser: Browser, pages: dict[str, str], name: str) -> None:
    with opened(browser, pages[name]) as (page, seen):
        page.wait_for_timeout(100)
        assert seen == [f"request {pages[name]}"]


def test_complete_without_javascript(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["adult"], java_script_enabled=False) as (page, _):
        text = page.locator("body").inner_text()
        assert "The model selects 9 of every 100 women and 25 of every 100 men." in text
        assert "Three of eight rules fail" in text
        assert page.locator("[hidden]").count() == 0
        assert page.locator("figure").first.is_visible()
        assert page.locator(".hero use").first.is_visible()


def test_hostile_names_harm_nothing(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["hostile"]) as (page, seen):
        page.wait_for_timeout(200)
        assert page.locator("img, iframe").count() == 0
        assert page.locator("script").all_text_contents() == [script.text()]
        assert [s for s in seen if not s.startswith("request file:")] == []
        assert fixtures.HOSTILE in page.locator("body").inner_text()


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", ["adult", "hostile", "many", "empty", "answers", "answers, hostile", *EXPLAINED])
def test_no_sideways_scroll(browser: Browser, pages: dict[str, str], name: str) -> None:
    with opened(browser, pages[name]) as (page, _):
        for width in (320, 360, 375, 768, 1000, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            assert wide <= room, f"at {width} px"


AXE = ["adult", "hostile", "adult, its explanation failed", "answers", "answers, hostile", *EXPLAINED]


QUICK = [(375, "dark"), (1440, "light")]
"""What the quick tests look at on one page, and a slow one with the contrast of every element; every
combination is a slow test."""
FIRST = (5,)
"""Of `AXE`: that page."""


def look(browser: Browser, address: str, width: int, scheme: str, *, complete: bool) -> list[Any]:
    with opened(browser, address, width, color_scheme=scheme, bypass_csp=True) as (page, _):
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        return violations(page, complete=complete, colors=scheme == "dark" and width == 1440)


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        pytest.param(
            name, width, scheme, marks=[] if i in FIRST and (width, scheme) == QUICK[i % 2] else pytest.mark.slow
        )
        for i, name in enumerate(AXE)
        for width in (375, 1440)
        for scheme in ("light", "dark")
    ],
)
def test_axe_finds_nothing(browser: Browser, pages: dict[str, str], name: str, width: int, scheme: str) -> None:
    assert look(browser, pages[name], width, scheme, complete=False) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "of"), [(name, QUICK[i % 2]) for i, name in enumerate(AXE)])
def test_axe_finds_no_element_without_contrast(
    browser: Browser, pages: dict[str, str], name: str, of: tuple[int, str]
) -> None:
    assert look(browser, pages[name], *of, complete=True) == []


@pytest.mark.slow
def test_a_few_elements_of_each_kind_show_the_ink_that_is_too_pale(browser: Browser, pages: dict[str, str]) -> None:
    for place in ("summary", "footer p"):
        with opened(browser, pages["adult"], bypass_csp=True) as (page, _):
            page.evaluate(f"document.querySelectorAll('{place}').forEach(e => {{ e.style.color = '#ccc' }})")
            found = [rule for rule, _, _ in violations(page, complete=False)]
            assert found == ["color-contrast"], place


CONTRAST = """() => {
  const channel = c => { c /= 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4 };
  const light = rgb => .2126 * channel(rgb[0]) + .7152 * channel(rgb[1]) + .0722 * channel(rgb[2]);
  const read = text => text.match(/[0-9.]+/g).map(Number);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const rgba = read(getComputedStyle(e).backgroundColor);
      if (rgba.length === 3 || rgba[3] === 1) return rgba;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest('.sr, .skip')) continue;
    const style = getComputedStyle(e);
    const ink = light(read(e instanceof SVGElement ? style.fill : style.color)), paper = light(behind(e));
    const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
    if (ratio < 4.5) low.push([e.textContent.trim().slice(0, 40), Math.round(ratio * 10) / 10]);
  }
  return low;
}"""


@pytest.mark.one_in(2)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrast(browser: Browser, pages: dict[str, str], scheme: str) -> None:
    for name in ("answers", "explained"):
        with opened(browser, pages[name], color_scheme=scheme, bypass_csp=True) as (page, _):
            assert page.evaluate(CONTRAST) == []


def test_dark_is_dark_and_print_is_light(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["adult"], color_scheme="dark", bypass_csp=True) as (page, _):
        paper = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(paper) == "rgb(18, 24, 29)"
        page.emulate_media(media="print")
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        assert not page.locator("details.more table").first.is_visible()


def test_forced_colours_keep_marks(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["adult"], forced_colors="active", bypass_csp=True) as (page, _):
        fill, paper = page.evaluate(
            "['.gate use.k-fail', 'body'].map((s, i) => "
            "getComputedStyle(document.querySelector(s))[['fill', 'backgroundColor'][i]])"
        )
        assert fill != paper


def test_what_to_do_next_stands_on_the_first_screen(browser: Browser, pages: dict[str, str]) -> None:
    for width in (1440, 390):
        with opened(browser, pages["adult"], width) as (page, _):
            box = page.locator("section.next").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 900
            links = page.locator("section.next a")
            links.first.click()
            assert page.locator(f"[id='{page.url.partition('#')[2]}']").is_visible()


_CROSSED = """() => {
  const paper = getComputedStyle(document.body).backgroundColor, found = [];
  for (const line of document.querySelectorAll(".plot line")) {
    const a = line.getBoundingClientRect();
    if (a.height < 2 || a.width > 8) continue;
    for (const text of line.closest(".plot").querySelectorAll("text")) {
      const b = text.getBoundingClientRect(), own = getComputedStyle(text);
      const across = a.left > b.left + 1 && a.right < b.right - 1;
      if (!across || Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) < 2) continue;
      const over = line.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      const halo = own.stroke === paper && own.paintOrder.startsWith("stroke") && parseFloat(own.strokeWidth) >= 3;
      found.push([text.textContent, Boolean(over && halo)]);
    }
  }
  return found;
}"""
"""Texts of plots that an upright line crosses, and whether they are drawn over it, with a halo."""


def test_a_line_that_crosses_a_text_of_a_chart_stays_clear_of_its_letters(
    browser: Browser, pages: dict[str, str]
) -> None:
    met = 0
    for name, scheme in (("adult", "light"), ("adult", "dark"), ("explained", "light"), ("hostile", "light")):
        with opened(browser, pages[name], 390, color_scheme=scheme, bypass_csp=True) as (page, _):
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            crossed = page.evaluate(_CROSSED)
            assert [text for text, clear in crossed if not clear] == []
            met += len(crossed)
    assert met, "no line crosses any text: the test looks at nothing"


_BROKEN = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (!node.parentElement.closest(".lab, .nums th")) continue;
    for (const word of node.textContent.matchAll(/(?<![\\w/+])[A-Za-z]+(?![\\w/+])/g)) { // an id may break
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) found.push(word[0]);
    }
  }
  return found;
}"""
"""Words of labels, and of heads of rows, that stand on two lines."""


def test_labels_break_at_spaces(browser: Browser, tmp_path: Path) -> None:
    report = fixtures.adult()
    named = {"Female": "Measurements by the second laboratory", "Male": "Measurements by the first laboratory"}
    words = report.words.model_copy(update={"groups": {**report.words.groups, "gender": named}})
    pages = {"renamed": report.model_copy(update={"words": words}), "explained": fixtures.ALL["explained"]()}
    for name, made in pages.items():
        file = tmp_path / f"{name}.html"
        file.write_text(render(made), encoding="utf-8")
        with opened(browser, file.as_uri(), 320, bypass_csp=True) as (page, _):
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            for width in (320, 352, 360, 390):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(_BROKEN) == [], f"{name} at {width} px"
                assert page.evaluate("document.documentElement.scrollWidth") <= width
