"""Pictures of the sample reports: those of the README, and a small first screen of each. `make reports` takes them."""

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
        small = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light", device_scale_factor=0.5)
        for sample in sorted(SAMPLES.glob("*.html")):
            small.goto(sample.as_uri())
            small.screenshot(path=SAMPLES / "first" / f"{sample.stem}.jpg", type="jpeg", quality=80)
        browser.close()


if __name__ == "__main__":
    main()
