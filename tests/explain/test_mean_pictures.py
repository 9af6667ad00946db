"""Mean pictures: numpy's means, exact regions, sums that add, eight bits in JSON, and no picture of a few."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditkit as ak
from auditkit.disclosure import GroupDisclosure
from auditkit.errors import EvidenceError
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.kept import picture_sums
from auditkit.explain.attributions.pictures import (
    SIDE,
    MeanPictures,
    PictureSum,
    boxes,
    least_told,
    thinned,
    thinned_regions,
)
from auditkit.explain.attributions.sums import AttributionRows, AttributionSums
from auditkit.explain.cases.pictures import pixels_of, png
from auditkit.records import Pictures, Report
from tests.report import seen


def drawn(exhibit: Pictures, group: dict[str, str], channels: int = 1) -> Any:
    picture = next(p for p in exhibit.pictures if p.group == group)
    return pixels_of(base64.b64decode(picture.png), (exhibit.height, exhibit.width, channels))


def exhibit_of(report: Report) -> Pictures:
    (found,) = [x for f in report.findings for x in f.exhibits if isinstance(x, Pictures)]
    return found


def test_each_mean_picture_is_that_of_numpy() -> None:
    report, frame = seen.images(), seen.pictures()
    x = frame[seen.PIXELS].to_numpy(np.float32).astype(float)
    rows = {"": np.ones(len(x), bool), **{h: (frame.hand == h).to_numpy() for h in ("heavy", "light")}}
    means = {h: x[at].mean(0).reshape(seen.SIDE, seen.SIDE) for h, at in rows.items()}
    low, high = min(m.min() for m in means.values()), max(m.max() for m in means.values())
    exhibit = exhibit_of(report)
    for hand, mean in means.items():
        told = low + drawn(exhibit, {"hand": hand} if hand else {})[..., 0] / 255 * (high - low)
        np.testing.assert_allclose(told, mean, atol=(high - low) / 509)
    assert {p.group.get("hand", ""): p.n for p in exhibit.pictures} == {h: int(at.sum()) for h, at in rows.items()}


def test_regions_cover_the_mask_once() -> None:
    exhibit, mask = exhibit_of(seen.images()), ak.segments(seen.SIDE, seen.SIDE, grid=(seen.GRID, seen.GRID))
    painted = np.full(mask.shape, -1)
    for region in exhibit.regions:
        for x, y, w, h in region.boxes:
            assert (painted[y : y + h, x : x + w] == -1).all()
            painted[y : y + h, x : x + w] = int(region.name.split()[1])
    np.testing.assert_array_equal(painted, mask)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_boxes_cover_any_region_once(height: int, width: int, seed: int) -> None:
    where = np.random.default_rng(seed).random((height, width)) < 0.5
    painted = np.zeros(where.shape, int)
    for x, y, w, h in boxes(where):
        painted[y : y + h, x : x + w] += 1
    np.testing.assert_array_equal(painted, where.astype(int))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (56, 56), (57, 100), (224, 224), (1, 300)])
def test_large_pictures_are_averaged_over_squares(height: int, width: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, height, width))
    found = thinned(x)
    step = -(-max(height, width) // SIDE)
    assert max(found.shape[2:]) <= SIDE
    for i, j in ((0, 0), (found.shape[2] - 1, found.shape[3] - 1)):
        square = x[:, :, i * step : (i + 1) * step, j * step : (j + 1) * step]
        np.testing.assert_allclose(found[:, :, i, j], square.mean((2, 3)))
    assert thinned_regions(np.zeros((height, width), int)).shape == found.shape[2:]


def of(pixels: Any, labels: dict[str, list[str]] | None = None, fewest: int = 10) -> MeanPictures | None:
    """Mean pictures of rows (N, C, H, W) of one region."""
    groups = {
        a: {g: PictureSum(int(at.sum()), float(at.sum()), float(at.sum()), pixels[at].sum(0)) for _, g, at in told}
        for a in (labels or {})
        for told in [[t for t in least_told(labels or {}, len(pixels)) if t[0] == a]]
    }
    n = float(len(pixels))
    everybody = PictureSum(len(pixels), n, n, pixels.sum(0))
    region = np.zeros(pixels.shape[2:], int)
    return MeanPictures(("region 0",), region, everybody, groups, 0.0, 1.0).reduced({}, fewest)


def test_sums_add_and_json_keeps_eight_bits() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 3, (90, 3, 5, 4))
    labels = {"sex": ["f", "m", "f"] * 30}
    parts = [of(x[at], {"sex": [labels["sex"][i] for i in range(90)[at]]}) for at in (slice(0, 40), slice(40, 90))]
    whole = of(x, labels)
    assert parts[0] is not None
    assert parts[1] is not None
    assert whole is not None
    both = parts[0] + parts[1]
    for a, b in ((both.everybody, whole.everybody), (both.groups["sex"]["f"], whole.groups["sex"]["f"])):
        assert (a.n, a.w) == (b.n, b.w)
        assert a.mean is not None
        np.testing.assert_allclose(a.mean, b.mean, rtol=1e-12)
    assert both.exhibit() == whole.exhibit()
    text = json.dumps(whole.to_json(), sort_keys=True)
    again = MeanPictures.from_json(json.loads(text))
    assert again.exhibit() == whole.exhibit(), "what was written once is written alike ever after"
    assert json.dumps(again.to_json(), sort_keys=True) == text
    assert again.everybody.mean is not None
    np.testing.assert_allclose(again.everybody.mean, whole.everybody.mean, atol=(whole.high - whole.low) / 509)
    with pytest.raises(EvidenceError, match="other regions"):
        whole + replace(whole, names=("region 1",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape": [2, 5, 4]}, "one or three channels"),
        ({"shape": [3, 5, 400]}, "side"),
        ({"shape": [3, 4, 4]}, "picture of 4 by 4"),
        ({"low": 9.0}, "end below"),
        ({"names": []}, "without a name"),
        ({"region": "iVBORw0KGgo="}, "picture of"),
        ({"region": 3}, "expected a text"),
        ({"more": 1}, "unknown fields"),
        ({"everybody": {"n": 9, "w": 9.0, "w2": 9.0, "png": ""}}, "nothing of everybody"),
        ({"everybody": {"n": -1, "w": 9.0, "w2": 9.0, "png": ""}}, "whole number"),
    ],
)
def test_what_cannot_be_mean_pictures_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    found = of(np.random.default_rng(0).uniform(size=(30, 3, 5, 4)))
    assert found is not None
    with pytest.raises(EvidenceError, match=said):
        MeanPictures.from_json({**found.to_json(), **change})


def test_a_picture_that_unpacks_to_more_than_it_says_is_refused() -> None:
    bomb, small = png(np.zeros((4000, 4000, 1), np.uint8)), png(np.zeros((5, 4, 1), np.uint8))
    begins = small.index(b"IDAT") - 4
    for data in (
        bomb,
        small[:begins] + bomb[begins:],
        small[:begins],
        small[:begins] + b"\x00\x00\x00\x03IDATabc",
        b"",
    ):
        with pytest.raises(ValueError, match="no picture of ours"):
            pixels_of(data, (5, 4, 1))


def test_no_mean_is_kept_over_few_pictures_nor_where_a_difference_of_two_would_be() -> None:
    """Nine people are a small group; and a group that is another one and three people more shows those three."""
    sex = ["f"] * 9 + ["m"] * 60 + ["x"] * 31
    ward = ["old"] * 12 + ["new"] * 88  # the nine and three more
    told = [(a, g) for a, g, _ in least_told({"sex": sex, "ward": ward}, 100)]
    assert ("sex", "f") not in told
    assert ("sex", "x") not in told, "or everybody less m and x would be f"
    near = ["f"] * 60 + ["m"] * 40
    other = ["a"] * 63 + ["b"] * 37
    assert [(a, g) for a, g, _ in least_told({"sex": near, "ward": other}, 100)] == [("sex", "f"), ("sex", "m")]
    apart = ["a"] * 75 + ["b"] * 25
    assert len(list(least_told({"sex": near, "ward": apart}, 100))) == 4
    assert len(list(least_told({"sex": near, "ward": near}, 100))) == 4, "the same rows tell nothing more"


@pytest.mark.parametrize("fewest", [10, 25])
def test_a_disclosure_withholds_what_fewer_pictures_make_and_joins_recoded_groups(fewest: int) -> None:
    x = np.random.default_rng(0).uniform(size=(100, 1, 4, 4))
    labels = {"sex": ["f"] * 20 + ["m"] * 50 + ["x"] * 30}
    found = of(x, labels)
    assert found is not None
    less = found.reduced({}, fewest)
    assert less is not None
    shown = {g for g, s in less.groups["sex"].items() if s.total is not None}
    assert shown == ({"f", "m", "x"} if fewest == 10 else {"m"})
    joined = found.reduced({"sex": {"f": "others", "x": "others"}}, fewest)
    assert joined is not None
    assert joined.groups["sex"]["others"].mean is not None
    np.testing.assert_allclose(joined.groups["sex"]["others"].mean, np.r_[x[:20], x[70:]].mean(0))
    assert of(x[:9]) is None


def test_one_picture_many_times_is_no_mean_and_neither_is_one_that_weighs_most() -> None:

    frame = seen.pictures().copy()
    light = frame.index[frame.hand == "light"]
    frame.loc[light, seen.PIXELS] = frame.loc[light[0], seen.PIXELS].to_numpy()  # one person's picture, 144 times
    assert picture_sums(seen.of_images(), batch_of(frame)) is None, "the mean of all would show it, too"
    frame = seen.pictures().copy()
    few = frame.index[frame.hand == "light"][:100]
    frame.loc[few, seen.PIXELS] = frame.loc[few % 9, seen.PIXELS].to_numpy()
    frame.loc[few, "hand"] = "copied"  # a hundred rows of nine pictures
    found = picture_sums(seen.of_images(), batch_of(frame))
    assert found is not None
    shown = {g for g, s in found.groups["hand"].items() if s.total is not None}
    assert "copied" not in shown
    assert found.groups["hand"]["copied"].n == 9
    weight = np.where(np.arange(240) == 0, 1e6, 1.0)
    assert picture_sums(seen.of_images(), replace(batch_of(seen.pictures()), weight=weight)) is None


def batch_of(frame: Any) -> Any:
    from auditkit.batch import Batch

    n = len(frame)
    return Batch(
        features=frame[seen.PIXELS],
        groups=frame[["hand"]].astype("category"),
        y_true=frame.y.to_numpy(float),
        y_pred=np.zeros(n),
        score=np.full(n, 0.5),
    )


def test_tables_and_older_reports_have_no_pictures() -> None:
    from tests.report import samples

    stored = samples.made("only attributions").evidence["attribution:integrated_gradients"]
    assert stored.type == "GroupSums"
    assert "pictures" not in stored.data
    report = seen.images()
    evidence = report.evidence["attribution:integrated_gradients"]
    assert evidence.type == "AttributionSums"
    old = {k: v for k, v in evidence.data.items() if k != "pictures"}
    sums = AttributionSums.from_json(old)
    assert sums.pictures is None
    assert not [x for f in Attribution().assess(sums).findings for x in f.exhibits if isinstance(x, Pictures)]
    again = Attribution().assess(AttributionSums.from_json(json.loads(json.dumps(evidence.data)))).findings[0]
    assert exhibit_of(report) in again.exhibits


def test_a_public_report_keeps_no_evidence_and_no_small_group() -> None:
    frame = seen.pictures().copy()
    frame["hand"] = np.where(np.arange(len(frame)) < 12, "left", frame.hand)
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["hand"])
    told = ak.Disclosure(profile="regulator", suppress_below=15)
    report = ak.audit(seen.of_images(), data, checks=[ak.Attribution()], sample=240, disclosure=told)
    groups = {p.group.get("hand") for p in exhibit_of(report).pictures}
    assert "left" not in groups
    assert all(p.n >= 15 for p in exhibit_of(report).pictures)


def test_rows_that_are_kept_keep_the_same_pictures() -> None:
    rows = Attribution().examine(seen.of_images(), batch_of(seen.pictures()))
    kept = rows.reduced(GroupDisclosure(keep_rows=True))
    assert isinstance(kept, AttributionRows)
    again = AttributionRows.from_json(json.loads(json.dumps(kept.to_json())))
    assert rows.pictures is not None
    assert again.pictures is not None
    assert again.pictures.exhibit() == rows.pictures.exhibit()
    assert (rows + rows).pictures is not None
