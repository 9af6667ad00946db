"""The threshold explorer of a detector, driven: every position shows what the record holds, in the words of boxes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditkit.report.html.steps import score
from tests.browser.axe import violations
from tests.browser.test_explorer import READ, SHAPES, plainly, slider
from tests.browser.test_page import opened
from tests.readers.test_detection_thresholds import RULES, of, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report().save(tmp_path_factory.mktemp("boxes") / "detector.html").as_uri()


@pytest.mark.slow
def test_every_position_is_as_python_counted_it(browser: Browser, address: str) -> None:
    found = of(report())
    told = {r.rule: r for r in found.rules}
    with opened(browser, address) as (page, seen):
        assert page.locator("#explorer input").count() == 1
        for i, t in enumerate(found.threshold):
            slider(page).fill(str(i))
            slider(page).dispatch_event("change")
            got = page.evaluate(READ)
            assert got["values"][0] == [str(i), score(t)]
            for j, light in enumerate(("bright", "dark")):
                own = [g for g in found.groups if g.group["light"] == light]
                n, k = sum(g.positives for g in own), sum(g.true[i] for g in own)
                (scenes,) = (s for s in found.scenes if s.group["light"] == light)
                assert got["rates"][j] == [
                    f"{100 * (k / n):.1f}%", f"{100 * ((n - k) / n):.1f}%", f"{scenes.alarms[i] / scenes.scenes:.2f}"
                ]  # fmt: skip
            for rule, (value, interval, shape, _) in zip((r for r in RULES if r["id"] in told), got["rules"],
                                                         strict=True):  # fmt: skip
                r = told[rule["id"]]
                of_scenes = rule["metric"] == "false_alarms_per_scene"
                kinds = {"ratio": "ratio", "difference": "points"}
                unit = "ratio" if of_scenes else kinds.get(rule["comparison"], "percent")
                ends = [plainly(x, unit).removesuffix("%") for x in (r.low[i], r.high[i])]
                assert (value, interval) == (plainly(r.value[i], unit), "" if "–" in ends else "–".join(ends))
                assert shape == SHAPES[r.status[i]]
            k = sum(g.true[i] for g in found.groups) / sum(g.positives for g in found.groups)
            alarms = sum(s.alarms[i] for s in found.scenes) / sum(s.scenes for s in found.scenes)
            assert got["says"].endswith(f"; {100 * k:.1f}% of objects found, {alarms:.2f} false alarms a scene.")
            assert got["says"].startswith("As audited" if i == found.today else "At a common")
        assert seen == [f"request {address}"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [375, 1440])
def test_nothing_overflows_and_axe_finds_nothing(browser: Browser, address: str, width: int, tmp_path: Path) -> None:
    with opened(browser, address, width, bypass_csp=True) as (page, _):
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= room
        page.locator("#explorer select").select_option(index=4)
        assert violations(page, complete=False, whole="#explorer") == []
