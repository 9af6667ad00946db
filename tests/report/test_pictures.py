"""Images and texts on the page: numbered regions shaded by the numbers of the table, examples, words in their order."""

from __future__ import annotations

import base64
import html
import re

import pytest

from auditkit.explain.cases.pictures import png
from auditkit.records import Cases, Estimate, Finding, GroupEstimates, Picture, Pictures, Region, Report
from auditkit.report.html import pictures
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from tests.report import fixtures, seen


def part(page: str, anchor: str) -> str:
    return page.split(f'<section id="{anchor}"')[1].split("</section>")[0]


def explanation(report: Report) -> tuple[Finding, Pictures, GroupEstimates]:
    return next(
        (f, x, y)
        for f in report.findings
        for x in f.exhibits
        if isinstance(x, Pictures)
        for y in f.exhibits
        if isinstance(y, GroupEstimates)
    )


def test_regions_are_shaded_by_the_numbers_of_the_table() -> None:
    report = seen.images()
    f, x, table = explanation(report)
    view = pictures.view(Lookup(report), f, x)
    outline = {id: r.name for (id, _), r in zip(view.paths, x.regions, strict=True)}
    told, most = {}, max(es[i].value or 0.0 for _, es in table.rows for i in (1, 2))
    for pic, i in zip(view.pics, (1, 2), strict=True):
        assert table.groups[i] == {"hand": ("heavy", "light")[i - 1]}
        of = {outline[s.path]: float(s.opacity) / pictures.DARKEST for s in pic.shades}
        for name, es in table.rows:
            assert of[name] == pytest.approx((es[i].value or 0.0) / most, abs=2e-3)
        told[i] = of
    assert told[1]["region 5"] == 1.0, "the planted region of the planted group"
    assert max(v for n, v in told[1].items() if n != "region 5") < 0.1


def test_a_linear_net_gives_the_numbers_in_closed_form() -> None:
    """φ of a pixel is its weight times how far it lies from the mean; of a region their sum; here its mean size."""
    import numpy as np

    report, frame = seen.images(), seen.pictures()
    _, _, table = explanation(report)
    x = frame[seen.PIXELS].to_numpy(np.float32).astype(float)
    own = (x - x.mean(0)) * seen.weights()[0]
    region = np.arange(seen.SIDE).repeat(seen.SIDE) // 2 * seen.GRID + np.tile(np.arange(seen.SIDE), seen.SIDE) // 2
    rows = dict(table.rows)
    for hand, i in (("heavy", 1), ("light", 2)):
        for r in (seen.STRONG, 0, 15):
            size = np.abs(own[:, region == r].sum(1))[(frame.hand == hand).to_numpy()].mean()
            assert rows[f"region {r}"][i].value == pytest.approx(size, rel=1e-3)


def test_numbers_stand_in_their_regions_and_name_the_rows() -> None:
    page = part(render(seen.images()), "why")
    found = {n: (float(x), float(y)) for x, y, n in re.findall(r"class=no x=([\d.]+) y=([\d.]+)>(\d+)<", page)}
    assert set(found) == {str(i) for i in range(16)}
    for n, (x, y) in found.items():
        assert int(y // 2) * 4 + int(x // 2) == int(n)
    assert "<div class=lab>region 5</div>" in page
    assert "Region 5 moves the score most" in page
    assert not re.search(r"\bcolumns?\b", re.sub(r"<[^>]*>", " ", page), re.IGNORECASE)


def test_examples_are_drawn_only_where_they_were_asked_for() -> None:
    asked, unasked = (render(seen.images(examples)) for examples in (True, False))
    assert part(asked, "why").count("<img ") == 2
    assert "<img " not in unasked
    assert part(unasked, "why").count("<image ") == 2, "the mean pictures stand all the same"
    report = seen.images()
    cases = {c.png for f in report.findings for x in f.exhibits if isinstance(x, Cases) for c in x.cases}
    for encoded in re.findall(r'<img [^>]*src="data:image/png;base64,([^"]+)"', part(asked, "why")):
        assert encoded in cases


def by_hand(regions: tuple[Region, ...], groups: tuple[dict[str, str], ...], encoded: str = "") -> Finding:
    """An explanation of two regions with pictures of these groups."""
    import numpy as np

    encoded = encoded or base64.b64encode(png(np.zeros((2, 4, 1), np.uint8))).decode()
    shares = GroupEstimates(
        title="How much each column moves the scores",
        unit="log-odds",
        series=("overall",),
        rows=tuple((r.name, (Estimate(value=1.0 / (1 + i), low=0.1, high=2.0),)) for i, r in enumerate(regions)),
        groups=({},),
    )
    means = Pictures(
        title="Mean pictures",
        width=4,
        height=2,
        regions=regions[::-1],
        pictures=tuple(Picture(group=g, n=20, png=encoded) for g in groups),
    )
    return Finding(
        id="explanation/integrated_gradients/overall",
        concern="explanation",
        title="t",
        statement="One column leads.",
        metric="integrated_gradients",
        comparison="overall",
        estimate=Estimate(value=0.5),
        exhibits=(shares, means),
    )


REGIONS = (Region(name="mouth", boxes=((0, 0, 2, 2),)), Region(name="<b>eyes</b>", boxes=((2, 0, 2, 2),)))


def test_regions_with_names_of_their_own_are_numbered_by_what_they_move() -> None:
    f = by_hand(REGIONS, ({},))
    assert pictures.numbers(f) == {"mouth": "1", "<b>eyes</b>": "2"}
    report = fixtures.adult().model_copy(update={"findings": (f,)})
    page = render(report)
    assert "<div class=lab>1: mouth</div>" in page
    assert "2: &lt;b&gt;eyes" in page
    assert "<b>eyes" not in page
    assert "One region leads." in page


def test_more_than_two_groups_are_drawn_without_a_mark_and_hostile_pictures_not_at_all() -> None:
    groups = ({}, *({"race": r} for r in ("Black", "Other", "White")))
    f = by_hand(REGIONS, groups)
    report = fixtures.adult().model_copy(update={"findings": (*fixtures.adult().findings, f)})
    view = pictures.view(Lookup(report), f, f.exhibits[1])  # type: ignore[arg-type]
    assert [p.label for p in view.pics] == ["Black", "Other", "White"]
    assert {p.tone for p in view.pics} == {"n"}
    bad = by_hand(REGIONS, groups, '"><script>alert(1)</script>')
    page = render(report.model_copy(update={"findings": (*fixtures.adult().findings, bad)}))
    assert "alert(1)" not in page
    assert "<image" not in page


def test_regions_too_fine_to_draw_leave_the_picture() -> None:
    many = tuple(Region(name=f"region {i}", boxes=((i % 4, i // 4, 1, 1),) * 900) for i in range(8))
    f = by_hand(many, ({},))
    view = pictures.view(Lookup(fixtures.adult()), f, f.exhibits[1])  # type: ignore[arg-type]
    assert view.paths == ()
    assert view.numbers == ()
    assert len(view.pics) == 1


def test_a_text_stands_in_its_order_with_its_strongest_words_weighed() -> None:
    report = seen.texts()
    page = part(render(report), "cases")
    cases = [c for f in report.findings for x in f.exhibits if isinstance(x, Cases) for c in x.cases]
    drawn = re.findall(r"<p class=tokens>(.*?)</p>", page, re.DOTALL)
    assert len(drawn) == len(cases)
    strongest = max(abs(v) for c in cases for _, v in c.tokens)
    for text, case in zip(drawn, cases, strict=True):
        plain = re.sub(r"<sub>.*?</sub>", "", text)
        assert html.unescape(re.sub(r"<[^>]*>", "", plain)).split() == [t for t, _ in case.tokens]
        marked = re.findall(r"<mark class=([ud])(\d)>(\w+)<sub> ([+−])([\d.]+)</sub>", text)
        for side, step, word, sign, size in marked:
            (v,) = {v for t, v in case.tokens if t == word and abs(abs(v) - float(size)) < 0.006}
            assert (side, sign) == (("u", "+") if v > 0 else ("d", "−"))
            assert int(step) == min(5, 1 + int(5 * abs(v) / strongest)), "one scale for all texts"
    nurse = [c for c in cases if any(t == "nurse" for t, _ in c.tokens)]
    assert nurse
    assert "“nurse”" in page
