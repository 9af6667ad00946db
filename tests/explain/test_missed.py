"""Missed objects with what moves the net's score at their boxes: held to Captum, and to nets that are known."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

import auditkit as ak
from auditkit.errors import DataError, ModelError, NotExplained, PolicyError
from auditkit.explain.cases.pictures import pixels_of
from auditkit.explain.missed.chosen import Place, missed_most, pairs
from auditkit.explain.missed.looking import looked
from auditkit.explain.missed.scoring import shown
from auditkit.explain.missed.seen import Looked
from auditkit.inputs.told import Seeing
from auditkit.records import Case, Cases, Finding, Report
from auditkit.report.html.page import render

SIDE, CAR = 24, (4.0, 6.0, 6.0, 4.0)
"""Pixels of a picture, and the box of the one object in each: left, top, width, height."""


class Filter(nn.Module):
    """How much of a pattern is in a picture (n, 1, 24, 24): linear, so that every attribution is known."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum((1, 2, 3))


def reading(left: int, top: int, side: int = 4) -> Filter:
    """A net that reads one square of the picture alone."""
    weight = torch.zeros(1, SIDE, SIDE)
    weight[:, top : top + side, left : left + side] = 1.0
    return Filter(weight)


def pictures(n: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {str(i): rng.random((1, SIDE, SIDE)).astype(np.float32) for i in range(n)}


def whole(net: nn.Module, x: Tensor, boxes: Tensor) -> Tensor:
    """The net's score, wherever it is asked."""
    out: Tensor = net(x)
    return out


def detections(net: Any = None, given: Any = None, score_at: Any = whole, n: int = 40, **more: Any) -> ak.Detections:
    """A car a scene; in the dark (every other) three of four are missed, by day none."""
    truths = [
        {"boxes": [CAR], "labels": ["car"], "scene": str(i), "light": "dark" if i % 2 else "bright"} for i in range(n)
    ]
    found = [i % 2 == 0 or i % 8 == 1 for i in range(n)]
    results = [
        {"scene": str(i), "boxes": [CAR], "labels": ["car"], "scores": [0.9 if f else 0.2]} for i, f in enumerate(found)
    ]
    asked = {} if net is None else {"net": net, "pictures": pictures(n) if given is None else given}
    asked |= {} if net is None else {"score_at": score_at}
    options: dict[str, Any] = {
        **{"truths": truths, "results": results, "sensitive_features": ["light"], "at_score": 0.5},
        **{"box_format": "xywh", **asked, **more},
    }
    return ak.Detections(**options)


def audited(*args: Any, **more: Any) -> Report:
    return ak.audit(detections(*args, **more))


def finding(report: Report) -> Finding:
    return report.finding("explanation/missed_objects/overall/light")


def cases(f: Finding) -> tuple[Case, ...]:
    (found,) = f.exhibits
    assert isinstance(found, Cases)
    return found.cases


def place(i: int, *, found: bool, kind: str = "car", scene: str = "", box: tuple[float, ...] = CAR) -> Place:
    left, top, width, height = box
    return Place(i, scene or str(i), kind, (left, top, width, height), found, scene or str(i))


def seen_by(net: nn.Module, score_at: Any = whole) -> Any:
    """Twelve objects, as `looked` attributes them."""
    there, lost = shown(Seeing(net, pictures(), score_at, 0.5), [place(i, found=i % 2 == 0) for i in range(12)])
    assert there is not None
    assert not lost
    return there, looked(there, "integrated_gradients", drawn=2)


def test_contributions_are_those_of_captum_called_directly() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 5), nn.Tanh(), nn.Flatten(), nn.Linear(3 * 20 * 20, 1)).eval()

    def score(net: nn.Module, x: Tensor, boxes: Tensor) -> Tensor:
        out: Tensor = net(x)[:, 0] * boxes[:, 2]  # the box counts, too
        return out

    there, looks = seen_by(net, score)
    x = torch.tensor(np.stack([pictures()[str(i)] for i in range(12)]))
    phi = IntegratedGradients(lambda x, b: score(net, x, b)).attribute(
        x, baselines=x.mean(0, keepdim=True), additional_forward_args=there.boxes, n_steps=32
    )
    flat, box = phi.detach().sum(1).numpy(), np.zeros((SIDE, SIDE), bool)
    box[6:10, 4:10] = True
    np.testing.assert_allclose(looks.inside, flat[:, box].sum(1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(looks.outside, flat[:, ~box].sum(1), rtol=1e-3, atol=1e-4)
    size = np.abs(flat)
    np.testing.assert_allclose(looks.share, size[:, box].sum(1) / size.sum((1, 2)), rtol=1e-3)
    assert looks.area == pytest.approx(24 / 576)


@pytest.mark.parametrize(("left", "top", "share"), [(4, 6, 1.0), (15, 15, 0.0), (8, 6, 0.5)])
def test_a_detector_that_reads_a_patch_has_its_mass_there(left: int, top: int, share: float) -> None:
    """All of it in the box, elsewhere, or half in it (in the mean: pixels of a patch count by their size)."""
    _, looks = seen_by(reading(left, top))
    assert looks.share.mean() == pytest.approx(share, abs=0.1 if share == 0.5 else 1e-6)
    raw = base64.b64decode(looks.png[0])
    picture = pixels_of(raw, (72, 72, 3)).astype(int)
    coloured = np.ptp(picture, axis=2) > 0  # the picture itself is grey
    rows, columns = np.nonzero(coloured)
    assert rows.min() >= 3 * top - 3
    assert columns.max() <= 3 * (left + 4) + 3
    assert looks.png[2:] == ("",) * 10


def test_a_report_shows_missed_objects_of_the_group_that_is_missed_most_beside_found_ones() -> None:
    report = audited(reading(15, 15))
    f = finding(report)
    assert f.by_group[0].group == {"light": "dark"}
    assert f.estimate.value == pytest.approx(0.0, abs=1e-9)
    every = cases(f)
    assert [c.title for c in every] == ["dark: missed, car", "dark: found, car"] * 2
    for case, score in zip(every, ("0.20", "0.90") * 2, strict=True):
        told = dict(case.facts)
        assert told["score"] == f"{score} (found from 0.50 on)"
        assert told["in its box, the frame"] == "0.0% of what moves the score, and 4.2% of the picture"
        assert case.png
        moved = {name: x for name, _, x in case.contributions}
        assert moved["inside its box"] == 0.0
    page = render(report)
    assert "missed, car" in page
    assert "rows shown as examples" in page
    assert str(every[0].png) in page


def test_nothing_is_said_without_a_net() -> None:
    report = audited()
    assert not [f for f in report.findings if f.metric == "missed_objects"]
    assert "missed_objects" not in str(report.not_measured)
    asked = ak.audit(detections(), checks=["missed_objects"])
    assert [n.why for n in asked.not_measured] == [
        "no net was given: ak.Detections(net=…, pictures=…, score_at=…) lets it be asked"
    ]


def test_where_nothing_is_missed_nothing_is_measured() -> None:
    read = detections(reading(4, 6))
    every = [{**r, "scores": [0.9]} for r in read.results]
    report = ak.audit(detections(reading(4, 6), results=every))
    assert ("missed_objects", "no object was missed") in [(n.what, n.why) for n in report.not_measured]


@pytest.mark.parametrize("few", [2, 6, 9])
def test_too_few_objects_of_every_group_are_not_measured(few: int) -> None:
    report = ak.audit(detections(reading(4, 6), n=2 * few))
    assert [n.what for n in report.not_measured if "missed_objects" in n.what] == ["missed_objects, light"]


@pytest.mark.parametrize(
    ("score_at", "said"),
    [
        (lambda net, x, boxes: net(x)[:, None], r"shape \(2,\); got \(2, 1\) of torch.float32"),
        (lambda net, x, boxes: net(x).sum(), r"got \(\) of torch.float32"),
        (lambda net, x, boxes: net(x).tolist(), "got list"),
        (lambda net, x, boxes: net(x).long(), "got .* of torch.int64"),
        (lambda net, x: net(x), "failed with TypeError"),
    ],
)
def test_a_score_that_is_no_number_a_box_is_one_clear_error(score_at: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        audited(reading(4, 6), score_at=score_at)


def test_a_score_without_a_gradient_is_an_absence() -> None:
    report = audited(reading(4, 6), score_at=lambda net, x, boxes: net(x).detach())
    (why,) = [n.why for n in report.not_measured if n.what == "missed_objects"]
    assert "no gradient" in why


def test_a_score_whose_rows_influence_each_other_is_refused() -> None:
    with pytest.raises(ModelError, match="influence each other"):
        audited(reading(4, 6), score_at=lambda net, x, boxes: net(x) - net(x).mean())


def test_pictures_that_are_missing_are_counted_and_named() -> None:
    given = pictures()
    gone = sorted(given)[::5]
    report = audited(reading(15, 15), {k: v for k, v in given.items() if k not in gone})
    f = finding(report)
    assert any(n.startswith("no picture was given of") for n in f.notes)
    assert not any(dict(c.facts)["scene"] in gone for c in cases(f))
    none = audited(reading(15, 15), {"no scene": given["0"]})
    (why,) = [n.why for n in none.not_measured if n.what == "missed_objects, light"]
    assert why.startswith("no picture was given of the")


def test_pictures_are_given_by_a_function_and_without_channels() -> None:
    given = pictures()

    class Flat(Filter):
        def forward(self, x: Tensor) -> Tensor:
            assert x.ndim == 3
            return super().forward(x[:, None])

    one, other = audited(reading(4, 6)), audited(Flat(reading(4, 6).weight.detach()), lambda i: given[i][0])
    assert finding(one).exhibits == finding(other).exhibits
    numbered = {int(i): x for i, x in given.items()}
    assert finding(audited(reading(4, 6), numbered)).exhibits == finding(one).exhibits


def test_pictures_of_several_shapes_are_an_absence_and_bytes_are_refused() -> None:
    given: dict[str, Any] = {i: x[:, : SIDE - int(i) % 3] for i, x in pictures().items()}
    with pytest.raises(NotExplained, match="several shapes"):
        shown(Seeing(reading(4, 6), given, whole, 0.5), [place(i, found=True) for i in range(3)])
    with pytest.raises(ModelError, match="floats as the net takes them"):
        audited(reading(4, 6), {i: (255 * x).astype(np.uint8) for i, x in pictures().items()})


def test_an_explanation_that_fails_a_test_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A score that is asked of another net than the one given is the same for nets with new weights: T4 fails."""
    other = reading(4, 6)
    torch.manual_seed(0)
    other.weight.data = torch.randn_like(other.weight)
    report = audited(reading(4, 6), score_at=lambda net, x, boxes: other(x))
    f = finding(report)
    assert [t.id for t in f.trust if t.failed] == ["T4"]
    assert "is not told: the explanation failed a test" in f.statement
    for case in cases(f):
        assert "failed a test (model randomisation)" in case.note
        assert not case.contributions
        picture = pixels_of(base64.b64decode(case.png), (72, 72, 3)).astype(int)
        assert not np.ptp(picture, axis=2).any(), "grey: no map is laid over it"


def test_the_net_is_left_as_it_was_found() -> None:
    net = nn.Sequential(nn.BatchNorm2d(1), reading(4, 6)).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    audited(net)
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_net_pictures_and_score_are_given_together() -> None:
    with pytest.raises(DataError, match="given together; pictures and score_at is lacking"):
        ak.Detections(truths=[], results=[], sensitive_features=["light"], at_score=0.5, net=reading(4, 6))
    with pytest.raises(DataError, match="got str, dict, function"):
        detections("net.pt", {"0": 1})


def test_a_report_for_the_public_holds_no_picture() -> None:
    with pytest.raises(PolicyError, match="leave one of them out"):
        ak.audit(detections(reading(4, 6)), disclosure=ak.Disclosure(profile="public"))
    report = ak.audit(detections(reading(4, 6)))
    kept = report.evidence["missed_objects"].data
    assert set(kept["overview"]["light"]) == {"facts", "tables"}, "sums alone, of the objects that are not shown"


def test_evidence_is_read_again_as_it_was_written() -> None:
    report = audited(reading(15, 15))
    again = Looked.from_json(report.evidence["missed_objects"].data)
    found = ak.MissedObjects().assess(again)
    assert found.findings[0].statement == finding(report).statement
    assert found.findings[0].exhibits == finding(report).exhibits


def test_merging_drops_it_with_a_reason() -> None:
    parts = [audited(reading(15, 15), n=n) for n in (40, 48)]
    merged = ak.merge(*parts, apart=True)
    assert not [f for f in merged.findings if f.metric == "missed_objects"]
    assert [n.why for n in merged.not_measured if n.what == "missed_objects"] == [ak.MissedObjects.NO_SUM]


def test_a_stored_report_is_drawn_without_torch(tmp_path: Path) -> None:
    audited(reading(15, 15)).save(tmp_path / "r.json")
    code = (
        "import sys; import auditkit as ak\n"
        f"page = ak.Report.load({str(tmp_path / 'r.json')!r}).save({str(tmp_path / 'r.html')!r})\n"
        "assert not {'torch', 'captum'} & set(sys.modules), 'torch was loaded'\n"
        f"assert 'missed, car' in open({str(tmp_path / 'r.html')!r}).read()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hostile_names_are_escaped() -> None:
    read = detections(reading(4, 6))
    hostile = "<script>alert(1)</script>"
    truths = [{**t, "labels": [hostile]} for t in read.truths]
    results = [{**r, "labels": [hostile]} for r in read.results]
    page = render(ak.audit(detections(reading(4, 6), truths=truths, results=results)))
    assert "<script>alert" not in page


def test_who_is_drawn_depends_on_no_order() -> None:
    known = [place(i, found=i % 3 == 0) for i in range(30)]
    chosen = pairs(sorted(known, key=lambda p: p.order), most=5)
    assert [p.order for p, _ in chosen] == sorted(p.order for p in known if not p.found)[:5]
    assert len({p.cluster for pair in chosen for p in pair if p}) == 10
    small, large = place(40, found=True, box=(0, 0, 2, 2)), place(41, found=True, box=(0, 0, 9, 9))
    (pair,) = pairs([place(42, found=False, box=(0, 0, 8, 8)), small, large], most=1)
    assert pair.found == large
    labels = ["a" if i % 2 else "b" for i in range(30)]
    assert missed_most([place(i, found=i % 2 == 0) for i in range(30)], labels) == "a"
