"""The threshold explorer, driven: what the page shows at every position is what the rows give, computed by others."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score
from statsmodels.stats.proportion import confint_proportions_2indep

import auditkit as ak
from auditkit.explorer import Explorer
from auditkit.records import Estimate, Report, Words
from tests.browser.axe import violations
from tests.browser.test_page import opened
from tests.fairness.test_threshold_explorer import rows
from tests.hostile import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

RULES: list[dict[str, Any]] = [
    {"id": "selected", "metric": "selection_rate", "comparison": "ratio", "by": ["sex"], "at_least": 0.8},
    {"id": "found", "metric": "true_positive_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1},
    {"id": "wrongly", "metric": "false_positive_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.05},
    {"id": "sure", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.2,
     "confidence": 0.9},
    {"id": "right", "metric": "accuracy", "comparison": "overall", "at_least": 0.7},
    {"id": "race", "metric": "accuracy", "comparison": "difference", "by": ["race"], "at_most": 0.05},
    {"id": "point", "metric": "precision", "comparison": "difference", "by": ["sex"], "at_most": 0.1,
     "decision": "point"},
]  # fmt: skip
COUNTED = {"selected": "sel", "sure": "sel", "found": "tpr", "wrongly": "fpr", "point": "ppv", "race": "acc"}
WORDS = Words(positive="pay back", groups={"sex": {"f": "women", "m": "men"}})
SHAPES = {"fail": "#s-fail", "pass": "#s-pass", "inconclusive": "#s-inconclusive", "not_measured": "#s-not_measured"}


@cache
def frame() -> pd.DataFrame:
    """Rows of few distinct scores, of which every group has enough: no bin is parted anywhere."""
    return rows(8000, values=8, seed=2)


def audited(data: pd.DataFrame, rules: list[dict[str, Any]] = RULES, by: tuple[str, ...] = ("sex", "race")) -> Report:
    asked = ak.Dataset(data, y_true="y", positive=1, sensitive_features=list(by))
    checks = ["group_fairness", "scores"]
    made = ak.audit(ak.Predictions("p", "score"), asked, checks=checks, policy={"rule": rules}, name="lender")
    return made.model_copy(update={"words": WORDS})


@cache
def report() -> Report:
    return audited(frame())


def explorer() -> Explorer:
    found = report().explorer
    assert found is not None
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report().save(tmp_path_factory.mktemp("explorer") / "lender.html").as_uri()


# ---- what the rows say


def cells(p: pd.Series, group: str, value: str) -> tuple[int, int, int, int]:
    own = frame()[group] == value
    y, k = frame().loc[own, "y"], p[own]
    return tuple(int(((y == t) & (k == d)).sum()) for t, d in ((0, 0), (0, 1), (1, 0), (1, 1)))  # type: ignore[return-value]


def share(what: str, c: tuple[int, int, int, int]) -> tuple[int, int]:
    tn, fp, fn, tp = c
    return {
        "sel": (fp + tp, sum(c)),
        "tpr": (tp, tp + fn),
        "fpr": (fp, fp + tn),
        "ppv": (tp, tp + fp),
        "acc": (tp + tn, sum(c)),
    }[what]


def donner_zou(a: tuple[int, int], b: tuple[int, int], level: float) -> tuple[float, float]:
    """MOVER-R of a/b from Wilson's limits by scipy: the roots in Donner & Zou (2012), as they stand there."""
    (pa, la, ua), (pb, lb, ub) = (
        (k / n, *binomtest(k, n).proportion_ci(level, "wilson")) for k, n in (a, b)
    )  # fmt: skip

    def root(l1: float, u2: float, sign: int) -> float:
        inside = (pa * pb) ** 2 - l1 * u2 * (2 * pa - l1) * (2 * pb - u2)
        return (pa * pb + sign * math.sqrt(max(inside, 0.0))) / (u2 * (2 * pb - u2))

    return root(la, ub, -1), root(ua, lb, 1)


def of_rows(rule: dict[str, Any], p: pd.Series) -> tuple[str, str, str]:
    """(value, interval, verdict) as the page writes them, of decisions; by scipy, statsmodels and arithmetic."""
    level = rule.get("confidence", 0.95)
    if rule["comparison"] == "overall":
        k, n = int((frame()["y"] == p).sum()), len(p)
        low, high = binomtest(k, n).proportion_ci(level, "wilson")
        return _said(rule, k / n, low, high, f"{100 * (k / n):.1f}%", 100, 1)
    by = rule["by"][0]
    a, b = (share(COUNTED[rule["id"]], cells(p, by, v)) for v in sorted(frame()[by].unique()))
    if min(a[1], b[1]) < 10 or (rule["comparison"] == "ratio" and a[0] == b[0] == 0):
        return "–", "", "not_measured"
    if rule["comparison"] == "ratio":
        if a[0] / a[1] > b[0] / b[1]:
            a, b = b, a
        low, high = donner_zou(a, b, level) if a[0] else (0.0, _zero_ratio_high(a, b, level))
        value = (a[0] / a[1]) / (b[0] / b[1])
        folded = high if high < 1 else 1 / low if low > 1 else 1.0
        return _said(rule, value, min(low, 1 / high), folded, f"{value:.2f}", 1, 2)
    d = a[0] / a[1] - b[0] / b[1]
    low, high = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff", alpha=1 - level)
    return _said(rule, abs(d), max(0.0, low, -high), max(-low, high), f"{100 * abs(d):.1f}", 100, 1)


def _zero_ratio_high(a: tuple[int, int], b: tuple[int, int], level: float) -> float:
    """The upper limit where nobody of the one is counted: its own upper limit over √(l (2p − l)) of the other."""
    ua = binomtest(*a).proportion_ci(level, "wilson").high
    pb, lb = b[0] / b[1], binomtest(*b).proportion_ci(level, "wilson").low
    return float(ua / math.sqrt(lb * (2 * pb - lb)))


def _said(
    rule: dict[str, Any], value: float, low: float, high: float, text: str, scale: int, digits: int
) -> tuple[str, str, str]:
    most, limit = "at_most" in rule, rule.get("at_most", rule.get("at_least"))
    near, far = (low, high) if most else (-high, -low)
    bound = limit if most else -limit
    status = "fail" if near > bound else "pass" if far <= bound else "inconclusive"
    if rule.get("decision") == "point":
        status = "pass" if (value if most else -value) <= bound else "fail"
    return text, f"{scale * low:.{digits}f}–{scale * high:.{digits}f}", status


def rates(p: pd.Series) -> dict[str, list[str]]:
    """Selected, found and wrongly selected by fairlearn, as text."""
    told = MetricFrame(
        metrics={"a": selection_rate, "b": true_positive_rate, "c": false_positive_rate},
        y_true=frame()["y"],
        y_pred=p,
        sensitive_features=frame()["sex"],
    ).by_group
    return {sex: [f"{100 * x:.1f}%" for x in told.loc[sex, ["a", "b", "c"]]] for sex in ("f", "m")}


# ---- what the page says

READ = """() => {
  const f = document.querySelector('#explorer'), all = (s, e = f) => [...e.querySelectorAll(s)];
  return {
    rates: all('.x-head').slice(0, 2).map(h => all('span b', h).map(b => b.textContent)),
    rules: all('.x-rules li').map(li => [li.querySelector('span b').textContent, li.querySelector('i').textContent,
      li.querySelector('use').getAttribute('href'), li.querySelector('.sr').textContent]),
    lines: all('.x-at').map(l => l.getAttribute('x1')),
    says: f.querySelector('[aria-live]').textContent,
    values: all('input[type=range]').map(s => [s.value, s.getAttribute('aria-valuetext')]),
    names: all('.x-slide > label > span').map(s => s.textContent),
  };
}"""


def slider(page: Page, i: int = 0) -> Locator:
    return page.locator("#explorer input[type=range]").nth(i)


def held_to(got: dict[str, Any], p: pd.Series, *, only: set[str] | None = None) -> None:
    """Rates, gaps, intervals and verdicts of the page, against those of decisions."""
    assert got["rates"] == list(rates(p).values())
    for rule, (value, interval, shape, word) in zip(RULES, got["rules"], strict=True):
        if only is not None and rule["id"] not in only:
            assert (value, interval, shape) == ("–", "", "#s-not_measured")
            continue
        told = of_rows(rule, p)
        assert (value, interval, shape) == (*told[:2], SHAPES[told[2]]), rule["id"]
        assert word == {"fail": "Failed", "pass": "Passed", "inconclusive": "Undecided"}.get(told[2], "Not measured")


def sentence(i: int, p: pd.Series) -> str:
    found = explorer()
    states = [of_rows(rule, p)[2] for rule in RULES]
    begin = "As audited, at a common" if i == found.today else "At a common"
    told = ", ".join(
        f"{states.count(s)} {w}"
        for s, w in (
            ("pass", "met"),
            ("fail", "failed"),
            ("inconclusive", "undecided"),
            ("not_measured", "not measured"),
        )
        if s != "not_measured" or states.count(s)
    )
    right = f"{100 * accuracy_score(frame()['y'], p):.1f}%"
    return f"{begin} threshold of {named(found.threshold[i])}: of 7 rules {told}; {right} decided rightly."


def named(t: float) -> str:
    return f"{t:.{max(2, 1 - math.floor(math.log10(min(t, 1 - t))))}f}"


@pytest.mark.slow
def test_every_position_says_what_the_rows_say(browser: Browser, address: str) -> None:
    found = explorer()
    assert len(found.threshold) >= 7
    assert not any(any(g.open) for g in found.groups), "every threshold here is one of stored edges"
    with opened(browser, address) as (page, seen):
        handle = slider(page)
        handle.focus()
        page.keyboard.press("Home")
        shown = set()
        for i, t in enumerate(found.threshold):
            p = (frame()["score"] >= t).astype(int)
            got = page.evaluate(READ)
            assert got["values"][0] == [str(i), named(t)]
            held_to(got, p)
            assert got["says"] == sentence(i, p)
            where = [float(x.rstrip("%")) for x in got["lines"]]
            assert where == pytest.approx([100 * i / (len(found.threshold) - 1)] * 4)
            shown.add(json.dumps([got["rates"], got["rules"]]))
            page.keyboard.press("ArrowRight")
        assert len(shown) == len(found.threshold), "every position shows something of its own"
        assert seen == [f"request {address}"]


def plainly(x: float | None, unit: str) -> str:
    """As the page writes it at every position: one decimal of shares, two of ratios."""
    if x is None:
        return "–"
    text = f"{x:.2f}" if unit == "ratio" else f"{100 * x:.1f}"
    return (text + "%" * (unit == "percent")).replace("-", "−")


@pytest.mark.slow
def test_where_bins_are_parted_every_position_is_as_python_counted_it_within_its_bound(
    browser: Browser, tmp_path: Path
) -> None:
    data = rows(3000, values=None, seed=4)
    made = audited(data)
    found = made.explorer
    assert found is not None
    assert len(found.threshold) > 50
    told = {r.rule: r for r in found.rules}
    with opened(browser, made.save(tmp_path / "a.html").as_uri()) as (page, _):
        for i, t in enumerate(found.threshold):
            slider(page).fill(str(i))
            got = page.evaluate(READ)
            for j, sex in enumerate(("f", "m")):
                own = [g for g in found.groups if g.group["sex"] == sex]
                n = sum(g.negatives + g.positives for g in own)
                k = sum(g.false[i] + g.true[i] for g in own)
                assert got["rates"][j][0] == f"{100 * (k / n):.1f}%"
                truly = ((data["sex"] == sex) & (data["score"] >= t)).sum()
                assert abs(k - truly) <= sum(g.open[i] for g in own)
            for rule, (value, interval, shape, _word) in zip(RULES, got["rules"], strict=True):
                r = told[rule["id"]]
                unit = {"ratio": "ratio", "overall": "percent"}.get(rule["comparison"], "points")
                e = Estimate(value=r.value[i], low=r.low[i], high=r.high[i])
                ends = [plainly(x, unit).removesuffix("%") for x in (e.low, e.high)]
                assert (value, interval) == (plainly(e.value, unit), "" if "–" in ends else "–".join(ends))
                assert shape == SHAPES[r.status[i]]
            open_ = sum(g.open[i] for g in found.groups)
            assert (f"Up to {open_:,} people may stand on its other side." in got["says"]) == (open_ > 0)


def test_without_the_script_it_stands_as_audited(browser: Browser, address: str) -> None:
    found = explorer()
    assert found.today is not None
    with opened(browser, address, java_script_enabled=False) as (page, _):
        assert page.locator("#explorer input, #explorer button, #explorer select").count() == 5
        assert not any(x.is_visible() for x in page.locator("input, button, select").all())
        figure = page.locator("#explorer")
        p = (frame()["score"] >= found.threshold[found.today]).astype(int)
        assert figure.locator("[aria-live]").inner_text() == sentence(found.today, p)
        for i, sex in enumerate(("f", "m")):
            told = figure.locator(".x-head").nth(i).locator("span b").all_inner_texts()
            assert told == rates(p)[sex]
        for rule, item in zip(RULES, figure.locator(".x-rules li").all(), strict=True):
            told = of_rows(rule, p)
            assert item.locator("span b").inner_text() == told[0]
            assert item.locator("use").get_attribute("href") == SHAPES[told[2]]
        for drawn in (".x-all", ".x-true", ".x-band", ".x-line", ".x-zone", ".limit", ".x-at"):
            box = figure.locator(drawn).first.bounding_box()
            assert box is not None, drawn
            assert max(box["width"], box["height"]) > 20, drawn


@pytest.mark.slow
def test_two_thresholds_say_what_the_rows_say(browser: Browser, address: str) -> None:
    found, only = explorer(), {r["id"] for r in RULES} - {"race"}
    steps = len(found.threshold)
    pairs = [(i, j) for i in range(steps) for j in range(steps)][::3]
    with opened(browser, address) as (page, _):
        assert not slider(page, 1).is_visible()
        page.locator("#explorer input[type=checkbox]").check()
        assert slider(page, 1).is_visible()
        assert not page.locator("#explorer .x-gap").is_visible()
        for i, j in pairs:
            slider(page, 0).fill(str(i))
            slider(page, 1).fill(str(j))
            cut = np.where(frame()["sex"] == "f", found.threshold[i], found.threshold[j])
            p = (frame()["score"] >= cut).astype(int)
            got = page.evaluate(READ)
            held_to(got, p, only=only)
            right = f"{100 * accuracy_score(frame()['y'], p):.1f}%"
            a, b = (x[0] for x in rates(p).values())
            assert got["names"] == [f"Women {named(found.threshold[i])}", f"Men {named(found.threshold[j])}"]
            assert got["says"] == (
                f"Women from {named(found.threshold[i])}, Men from {named(found.threshold[j])}: {a} and {b} selected; "
                f"{right} decided rightly. Rules without a value are not computed here."
            )
        page.locator("#explorer input[type=checkbox]").uncheck()
        assert not slider(page, 1).is_visible()
        page.locator("#explorer .x-slide button").click()
        got = page.evaluate(READ)
        assert got["values"][0][0] == str(found.today)
        assert got["names"][0].startswith("Threshold ")
        held_to(got, frame()["p"])


def test_the_sentence_is_said_on_change_and_not_while_moving(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        before = page.evaluate(READ)
        page.evaluate(
            "s => { s.value = 1; s.dispatchEvent(new Event('input')) }", slider(page).element_handle()
        )  # fmt: skip
        moving = page.evaluate(READ)
        assert moving["says"] == before["says"]
        assert moving["rates"] != before["rates"]
        page.evaluate("s => s.dispatchEvent(new Event('change'))", slider(page).element_handle())
        assert page.evaluate(READ)["says"] != before["says"]


def test_the_curve_of_every_rule_is_drawn_as_the_first_is(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        select = page.locator("#explorer select")
        labels = page.locator("#explorer .x-rules li > b").all_inner_texts()
        assert select.locator("option").all_inner_texts() == labels
        read = """() => { const b = document.querySelector('.x-gap');
          return ['.x-line', '.x-band'].map(s => b.querySelector(s).getAttribute('d')).concat(
            [...b.querySelectorAll('text')].map(t => t.textContent), b.querySelector('.x-zone').getAttribute('y')) }"""
        lead = int(select.evaluate("s => s.selectedIndex"))
        first, drawn = page.evaluate(read), set()
        for k, label in enumerate(labels):
            select.select_option(index=k)
            drawn.add(json.dumps(page.evaluate(read)))
            assert page.locator("#explorer .x-curves .x-head b").first.inner_text() == label
        assert len(drawn) == len(labels)
        select.select_option(index=lead)
        again = page.evaluate(read)
        assert again[2:5] == first[2:5]
        for a, b in zip(first[:2], again[:2], strict=True):
            points = [np.array([float(x) for x in d.replace("M", " ").replace("z", " ").split()]) for d in (a, b)]
            assert np.abs(points[0] - points[1]).max() <= 1, "rounded values lie within a pixel of a half"


@pytest.mark.slow
@pytest.mark.parametrize("media", ["light", "dark", "print"])
def test_axe_finds_nothing_with_the_explorer_open(browser: Browser, address: str, media: str) -> None:
    scheme: Any = media if media != "print" else "light"
    with opened(browser, address, 375 if media == "dark" else 1440, color_scheme=scheme, bypass_csp=True) as (page, _):
        page.locator("#explorer input[type=checkbox]").check()
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        if media == "print":
            page.emulate_media(media="print")
        assert violations(page, complete=False, whole="#explorer") == []


def test_nothing_overflows(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        page.locator("#explorer input[type=checkbox]").check()
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        for width in (320, 375, 768, 1000, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            assert wide <= room, f"at {width} px"


def test_the_thumb_stands_under_the_line(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        for i in (0, 3, len(explorer().threshold) - 1):
            slider(page).fill(str(i))
            left, width, line = page.evaluate(
                """() => { const s = document.querySelector('#explorer input[type=range]').getBoundingClientRect();
                  return [s.left, s.width, document.querySelector('#explorer .x-at').getBoundingClientRect().left] }"""
            )
            thumb = left + 12 + (width - 24) * i / (len(explorer().threshold) - 1)
            assert abs(thumb - line) <= 1.5


def test_hostile_names_stay_text_and_three_groups_have_one_slider(browser: Browser, tmp_path: Path) -> None:
    names = [s for s in HOSTILE if s.strip() and not any(0xD800 <= ord(c) < 0xE000 for c in s)][:3]
    data = rows(900, values=None).rename(columns={"sex": "<b onclick=x>"})
    data["race"] = np.array(names, object)[np.random.default_rng(0).integers(0, 3, len(data))]
    rules = [
        {"id": "</script>", "metric": "selection_rate", "comparison": "difference", "by": ["race"], "at_most": 0.1}
    ]
    path = audited(data, rules, ("race", "<b onclick=x>")).save(tmp_path / "a.html")
    with opened(browser, path.as_uri()) as (page, seen):
        assert page.locator("#explorer .x-head span").count() == 3
        assert page.locator("#explorer input").count() == 1
        slider(page).focus()
        page.keyboard.press("ArrowLeft")
        assert page.locator("#explorer [aria-live]").inner_text().startswith("At a common threshold of ")
        assert seen == [f"request {path.as_uri()}"]
