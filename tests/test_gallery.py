"""Each sample report stands in the gallery, with its picture."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "reports" / "samples"


def test_the_gallery_shows_every_sample_and_nothing_else() -> None:
    text = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    pages = {p.stem for p in SAMPLES.glob("*.html")}
    assert set(re.findall(r"\*\*\[[^]]+\]\(\.\./reports/samples/([\w-]+)\.html\)", text)) == pages
    assert {p.stem for p in (SAMPLES / "first").glob("*.jpg")} == pages
    assert set(re.findall(r"samples/first/([\w-]+)\.jpg", text)) == pages
