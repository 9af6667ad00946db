"""The README's pictures: the first screen of the sample report, and its explorer. `make reports` takes them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import ARGUMENTS, executable

SAMPLES = Path("reports/samples").resolve()


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto((SAMPLES / "income.html").as_uri())
        page.screenshot(path=SAMPLES / "income.png")
        page.locator("#explorer").screenshot(path=SAMPLES / "explorer.png")
        browser.close()


if __name__ == "__main__":
    main()
