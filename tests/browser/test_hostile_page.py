"""All hostile names at once, as attributes, groups, features and rules of one net's audit, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import torch

import auditkit as ak
from auditkit.records import Report
from auditkit.report.html import script
from tests.browser.test_page import opened
from tests.hostile import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ROWS = 240
NAMES = [f"{i}{s}" for i, s in enumerate(HOSTILE) if not any(0xD800 <= ord(c) < 0xE000 for c in s)]


def _many() -> Report:
    """All names as attributes, groups, features and rules of one net's audit."""
    rng = np.random.default_rng(1)
    features = {f"x{s}": rng.normal(size=ROWS) for s in NAMES}
    groups = {f"a{s}": np.array([s, f"not {s}"], object)[rng.integers(0, 2, ROWS)] for s in NAMES}
    truth = rng.integers(0, 2, ROWS)
    data = ak.Dataset(pd.DataFrame({**features, **groups, "y": truth}), y_true="y", sensitive_features=list(groups))
    model = ak.Model(
        torch.nn.Linear(len(features), 1),
        preprocess=lambda f: f[list(features)].to_numpy(),
        feature_map={name: [i] for i, name in enumerate(features)},
        outputs="logits",
    )
    rules = [
        {"id": s, "metric": "selection_rate", "comparison": "difference", "by": [a], "at_most": 0.3}
        for s, a in zip(NAMES, groups, strict=True)
    ]
    checks = [ak.GroupFairness(by=[[a] for a in groups]), ak.Attribution()]
    return ak.audit(model, data, checks=checks, policy={"rule": rules}, on_error="raise")


@pytest.mark.slow
def test_all_names_at_once(browser: Browser, tmp_path: Path) -> None:
    assert len(NAMES) >= 60
    path = _many().save(tmp_path / "many.html")
    with opened(browser, path.as_uri()) as (page, seen):
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        page.wait_for_timeout(200)
        text = page.locator("body").inner_text()
        assert seen == [f"request {path.as_uri()}"]
        assert page.locator("iframe, img, object, embed, form, math, link, base").count() == 0
        assert page.locator("script").all_text_contents() == [script.text()]
        assert page.locator("input:not(.filter > input)").count() == 0
    assert "<img src=x onerror=alert(1)>" in text
    assert "{{ 7*7 }}" in text
