"""What the script adds to any page: sorting and filtering tables, links, CSV, the current section, light and dark."""

from __future__ import annotations

import csv
import io
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditkit.report.html.page import render
from tests.browser.test_page import opened
from tests.report import fixtures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LONG = "[...document.querySelectorAll('table')].findIndex(t => t.tBodies[0].rows.length > 12 && t.tHead)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of many groups, whose figures are given ids."""
    numbers = itertools.count()
    html = re.sub("<figure(?! id)", lambda _: f'<figure id="f{next(numbers)}"', render(fixtures.many()))
    path = tmp_path_factory.mktemp("controls") / "many.html"
    path.write_text(html)
    return path.as_uri()


def column(page: Page, table: int, i: int) -> list[str]:
    found: list[str] = page.evaluate(
        "([t, i]) => [...document.querySelectorAll('table')[t].tBodies[0].rows].filter(r => !r.hidden)"
        ".map(r => r.cells[i].textContent.trim())",
        [table, i],
    )
    return found


def numbers(texts: list[str]) -> list[float]:
    return [float(t.split()[0].rstrip("%").replace(",", "").replace("−", "-")) for t in texts if t[:1].isdigit()]


def all_open(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


@pytest.mark.slow
def test_a_table_is_sorted_by_each_of_its_heads(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["many"]) as (page, seen):
        all_open(page)
        table = int(page.evaluate(LONG))
        heads = page.locator("table").nth(table).locator("thead th")
        before = column(page, table, 0)
        for i in range(heads.count()):
            heads.nth(i).locator("button").focus()
            page.keyboard.press("Enter")
            assert heads.nth(i).get_attribute("aria-sort") == "ascending"
            up = numbers(column(page, table, i))
            page.keyboard.press("Enter")
            assert heads.nth(i).get_attribute("aria-sort") == "descending"
            down = numbers(column(page, table, i))
            assert up == sorted(up)
            assert down == sorted(down, reverse=True)
            assert page.locator("table").nth(table).locator("[aria-sort]").count() == 1
        assert sorted(column(page, table, 0)) == sorted(before), "no row is lost"
        assert seen == [f"request {pages['many']}"]


def test_long_tables_are_filtered(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["many"]) as (page, _):
        all_open(page)
        table = int(page.evaluate(LONG))
        words = column(page, table, 0)
        box = page.locator("label.filter input").first
        assert box.is_visible()
        near = "[...document.querySelectorAll('table')].indexOf(document.querySelector('.filter ~ .scroll table'))"
        assert page.evaluate(near) == table
        wanted = words[3].lower()
        box.fill(wanted)
        left = column(page, table, 0)
        assert 0 < len(left) < len(words)
        told = page.locator("label.filter + span").first.inner_text()
        assert told.strip() == f"{len(left)} of {len(words)} rows"
        box.fill("")
        assert column(page, table, 0) == words


def test_short_tables_and_odd_ones_are_left_alone(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["adult"]) as (page, _):
        assert page.locator(".matrix button, .sheet button, .requirements button").count() == 0
        few = page.evaluate(
            "[...document.querySelectorAll('table')].filter(t => t.tBodies[0].rows.length <= 12)"
            ".filter(t => t.closest('.scroll') && t.closest('.scroll').previousElementSibling &&"
            " t.closest('.scroll').previousElementSibling.closest('.filter')).length"
        )
        assert few == 0


def test_a_figure_gives_its_table_as_csv_and_its_link(browser: Browser, address: str, tmp_path: Path) -> None:
    with opened(browser, address, accept_downloads=True) as (page, seen):
        figure = page.locator("figure[id]:has(table)").first
        rows: list[list[str]] = figure.locator("table").first.evaluate(
            "t => [...t.rows].map(r => [...r.cells].map(c => c.textContent.replace(/\\s+/g, ' ').trim()))"
        )
        with page.expect_download() as told:
            figure.locator(".tools button", has_text="CSV").click()
        told.value.save_as(tmp_path / "a.csv")
        name = str(figure.get_attribute("id"))
        assert told.value.suggested_filename == f"{name}.csv"
        got = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8-sig"))))
        assert [len(r) for r in got] == [len(r) for r in rows]
        assert got[0] == rows[0]
        assert [r[0] for r in got] == [r[0] for r in rows]
        figure.locator(".tools button", has_text="Copy link").click()
        figure.locator(".tools button", has_text="Link ").wait_for()
        assert page.url == f"{address}#{name}"
        assert [s for s in seen if not s.startswith(("request file:", "request blob:"))] == []


def test_csv_of_hostile_names_holds_no_formula(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["hostile"]) as (page, _):
        text = page.evaluate(
            "csv([...document.querySelectorAll('table tr')].map(r => [...r.cells].map(c => c.textContent))"
            ".concat([['=1+1', '@SUM(A1)', '+1', '-1', '\\t=1']]))"
        )
        cells = [c for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) for c in row]
        assert "'=1+1" in cells
        assert [c for c in cells if c[:1] in "=+@\t\r" and c] == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_switched_and_nothing_is_stored(
    browser: Browser, pages: dict[str, str], scheme: Any
) -> None:
    colours = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 24, 29)"}
    with opened(browser, pages["adult"], color_scheme=scheme) as (page, _):
        paper = "getComputedStyle(document.body).backgroundColor"
        button = page.locator(".side .theme button")
        for mode in ("auto", "light", "dark", "auto"):
            assert button.inner_text() == f"Colours: {mode}"
            assert page.evaluate(paper) == colours[scheme if mode == "auto" else mode]
            if mode == "dark":
                page.emulate_media(media="print")
                assert page.evaluate(paper) == colours["light"], "paper stays white"
                page.emulate_media(media="screen")
            button.click()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_the_contents_mark_the_current_section(browser: Browser, pages: dict[str, str]) -> None:
    with opened(browser, pages["adult"]) as (page, _):
        for anchor in ("gate", "fairness", "appendix", "gate"):
            page.evaluate("a => document.getElementById(a).scrollIntoView()", anchor)
            if anchor == "appendix":  # too short to reach the top
                page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            page.wait_for_function(
                "a => document.querySelector('.side .toc > li > [aria-current]')?.hash === '#' + a",
                arg=anchor,
                timeout=3000,
            )
            assert page.locator(".side .toc > li > [aria-current]").count() == 1
            inside = page.locator(".side .toc ol [aria-current]")
            assert inside.count() <= 1
            assert all(x.is_visible() for x in inside.all())


def test_controls_are_not_printed(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        assert page.locator(".tools").first.is_visible()
        page.emulate_media(media="print")
        assert not any(x.is_visible() for x in page.locator(".tools, .filter, .theme").all())
