"""What scripts a page holds: ours, once, and data that nothing runs."""

from __future__ import annotations

import re

from auditkit.report.html import script


def without_ours(html: str) -> str:
    """The page without its one script and without islands of JSON, which hold no markup: no script may be left."""
    ours = f"<script>{script.text()}</script>"
    assert html.count(ours) == 1
    return re.sub(r'<script type="application/json">[^<>&]*</script>', "", html.replace(ours, ""))
