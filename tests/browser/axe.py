"""What axe finds on a page, all of it, or what it is slow at on a few elements of each kind.

Contrast takes axe five times as long as its fifty other rules together, and a page repeats itself: cells, ticks and
notes are written the same way hundreds of times. Elements of one kind stand in the same chain of tags and classes and
are computed to the same ink, paper and letters; of each kind the first ones are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

DEAR = ("color-contrast",)
OF_A_KIND = 2
"""Elements of each kind that are looked at."""

_MARK = """([most, whole]) => {
  const seen = new Map();
  const step = e => `${e.tagName}.${[...e.classList].sort().join('.')}`;
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(c => c.nodeType === 3 && c.textContent.trim())) continue;
    const chain = [], style = getComputedStyle(e);
    for (let a = e; a !== document.body; a = a.parentElement) chain.push(step(a));
    for (const p of ['color', 'fill', 'backgroundColor', 'fontSize', 'fontWeight', 'opacity']) chain.push(style[p]);
    const kind = chain.join('|'), n = (seen.get(kind) || 0) + 1;
    seen.set(kind, n);
    if (n <= most || (whole && e.closest(whole))) e.setAttribute('data-looked-at', '');
  }
}"""


def violations(
    page: Page, *, complete: bool = True, whole: str = "", colors: bool = False
) -> list[tuple[str, str, list[str]]]:
    """(rule, impact, up to three elements) of every violation.

    Unless `complete`, contrast is looked at on a few elements of each kind, and on all inside of `whole` (a selector);
    `colors`: nothing else is, where the page was looked at in other colours.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def ran(context: Any = None, **options: Any) -> list[dict[str, Any]]:
        found = axe.run(page, context, {"resultTypes": ["violations"], **options})
        return list(found.response["violations"])

    if complete:
        found = ran()
    else:
        found = [] if colors else ran(rules={rule: {"enabled": False} for rule in DEAR})
        page.evaluate(_MARK, [OF_A_KIND, whole])
        found += ran({"include": [["[data-looked-at]"]]}, runOnly={"type": "rule", "values": list(DEAR)})
    return [(v["id"], v["impact"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found]
