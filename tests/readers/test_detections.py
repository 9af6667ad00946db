"""Boxes of objects, from COCO's files to the gate: held to pycocotools, slow twins, and brute force."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import auditkit as ak
from auditkit.evidence.detected import Detected
from auditkit.evidence.precision import ALARMS, Ranked, average_precision, log_average_miss_rate
from auditkit.readers.detections import Detections
from auditkit.records import Report
from tests.helpers import run_cli

NAMES = {7: "car", 2: "person"}
Crowded = tuple[dict[str, Any], list[dict[str, Any]]]


def crowded(seed: int, scenes: int = 60) -> Crowded:
    """Objects that hide each other, crowds, several boxes on one, scores that are equal; in any order."""
    rng = np.random.default_rng(seed)
    images = [{"id": 3 * i + 1, "light": str(rng.choice(["dark", "bright"]))} for i in range(scenes)]
    notes: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []

    def near(box: Any) -> list[float]:
        moved = np.array(box) + rng.normal(0, 4, 4)
        return [*moved[:2].tolist(), *np.maximum(moved[2:], 2).tolist()]

    for image in images:
        for _ in range(rng.poisson(6)):
            box = [*rng.uniform(0, 60, 2).tolist(), *rng.uniform(15, 50, 2).tolist()]
            kind = int(rng.choice([7, 2]))
            crowd, part = int(rng.random() < 0.08), str(rng.choice(["head", "hand", "foot"]))
            notes.append({"id": len(notes) + 1, "image_id": image["id"], "category_id": kind, "bbox": box,
                          "area": box[2] * box[3], "iscrowd": crowd, "part": part})  # fmt: skip
            for _ in range(rng.poisson(1.2)):
                score = round(float(rng.random()), int(rng.choice([1, 6])))
                results.append({"image_id": image["id"], "category_id": kind, "bbox": near(box), "score": score})
        for _ in range(rng.poisson(2)):
            box = [*rng.uniform(0, 60, 2).tolist(), *rng.uniform(15, 50, 2).tolist()]
            kind = int(rng.choice([7, 2]))
            results.append({"image_id": image["id"], "category_id": kind, "bbox": box, "score": float(rng.random())})
    rng.shuffle(results)  # type: ignore[arg-type]
    return {
        "images": images,
        "annotations": notes,
        "categories": [{"id": k, "name": v} for k, v in NAMES.items()],
    }, results


def asked(of: Crowded, **more: Any) -> Detections:
    return ak.Detections(
        **{"truths": of[0], "results": of[1], "sensitive_features": ["light", "part"], "at_score": 0.3, **more}
    )


def told(read: Detections) -> Detected:
    (batch,) = read.reading.data.batches()
    return ak.DetectionCurves().gather(batch).sums()


def of_coco(of: Crowded, ignored: set[int], most: int) -> Any:
    """pycocotools' evaluation at both overlaps, where some objects are ignored."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed: it is in the extra dev")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truths = COCO()
        truths.dataset = of[0]
        truths.createIndex()
        found = COCOeval(truths, truths.loadRes(copy.deepcopy(of[1])), "bbox")
        found.params.iouThrs, found.params.maxDets = np.array([0.5, 0.75]), [most]
        found.params.areaRng, found.params.areaRngLbl = [[0, 1e10]], ["all"]
        prepare = found._prepare

        def prepared() -> None:
            prepare()
            for objects in found._gts.values():
                for x in objects:
                    x["ignore"] = int(x["iscrowd"] or x["id"] in ignored)

        found._prepare = prepared
        found.evaluate()
        found.accumulate()
    return found


def precision(found: Any) -> dict[str, list[float]]:
    """Class → average precision at both overlaps, NaN where it has no object."""
    each = found.eval["precision"][:, :, :, 0, 0]
    return {
        NAMES[c]: [float(p.mean()) if (p > -1).all() else np.nan for p in each[:, :, k]]
        for k, c in enumerate(found.params.catIds)
    }


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("seed", "most"), [(0, 100), (1, 100), (2, 2)])
def test_average_precision_is_pycocotools_of_each_class_and_of_each_group_with_others_ignored(
    seed: int, most: int
) -> None:
    of = crowded(seed)
    mine = told(asked(of, max_detections=most))
    theirs = precision(of_coco(of, set(), most))
    assert {name: list(values) for name, _, values in mine.classes} == {
        k: pytest.approx(v, abs=1e-6) for k, v in theirs.items()
    }
    light = {image["id"]: image["light"] for image in of[0]["images"]}
    for curves in mine.sets[1:]:
        for g, group in enumerate(curves.groups):
            own = dict(zip(curves.by, group, strict=True))
            others = {
                note["id"]
                for note in of[0]["annotations"]
                if any({"light": light[note["image_id"]], "part": note["part"]}[a] != v for a, v in own.items())
            }
            expected = np.nanmean([*precision(of_coco(of, others, most)).values()], axis=0)
            assert curves.precision[:, g] == pytest.approx(expected, abs=1e-6), group


def test_matches_are_pycocotools() -> None:
    """Which objects are found from the score on, and how many boxes are on none."""
    of = crowded(3)
    report = ak.audit(asked(of), checks=["detection_rates", "detection_curves"])
    images = [x for x in of_coco(of, set(), 100).evalImgs if x is not None]
    best = []
    for x in images:
        score = dict(zip(x["dtIds"], x["dtScores"], strict=True))
        on = zip(x["gtMatches"][0], x["gtIgnore"], strict=True)
        best += [score[int(m)] if m else 0.0 for m, aside in on if not aside]
    found = np.array(best) >= 0.3
    assert report.finding("performance/object_recall/overall").estimate.value == pytest.approx(found.mean())
    e = report.finding("performance/false_alarms_per_scene/overall").estimate
    assert e.value == pytest.approx(_alarms(of).mean())


def test_recall_is_fairlearns_and_false_alarms_scipys() -> None:
    of = crowded(4)
    read = asked(of)
    report = ak.audit(read)
    rows = read.reading.data.frame
    objects, scenes = rows[rows["object"] == 1], rows[rows["object"] == 0]
    frame = fl.MetricFrame(
        metrics=fl.false_negative_rate, y_true=objects["object"], y_pred=objects["score"] >= 0.3,
        sensitive_features=objects["light"],
    )  # fmt: skip
    found = report.finding("fairness/miss_rate/difference/light")
    assert {g.group["light"]: g.estimate.value for g in found.by_group} == pytest.approx(frame.by_group.to_dict())
    e = report.finding("performance/false_alarms_per_scene/overall").estimate
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    assert len(scenes) == len(of[0]["images"])
    counts = _alarms(of)
    low, high = stats.t.interval(0.95, len(counts) - 1, counts.mean(), stats.sem(counts))
    assert (e.value, e.low, e.high) == pytest.approx((counts.mean(), low, high), abs=0.1)


def _alarms(of: Crowded) -> Any:
    images = [x for x in of_coco(of, set(), 100).evalImgs if x is not None]
    out = dict.fromkeys((image["id"] for image in of[0]["images"]), 0)
    for x in images:
        each = zip(x["dtMatches"][0], x["dtIgnore"][0], x["dtScores"], strict=True)
        out[x["image_id"]] += sum(m == 0 and not aside and s >= 0.3 for m, aside, s in each)
    return np.array([*out.values()])


def test_the_log_average_miss_rate_is_its_definition() -> None:
    """At each rate of false alarms, the threshold as low as that allows (Dollár et al., 2012), box by box."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        n, scenes = int(rng.integers(1, 80)), int(rng.integers(5, 40))
        right = rng.random(n) < 0.5
        objects = np.bincount(rng.integers(0, scenes, int(right.sum()) + int(rng.integers(1, 20))), minlength=scenes)
        missed = []
        for f in ALARMS:
            allowed = [k for k in range(n + 1) if (~right[:k]).sum() / scenes <= f]
            missed.append(1 - right[: max(allowed)].sum() / objects.sum())
        expected = np.exp(np.mean(np.log(np.maximum(missed, 1e-10))))
        assert Ranked(right, rng.integers(0, scenes, n), objects).miss_rate == pytest.approx(expected)


def test_replicates_are_the_curves_of_scenes_that_are_repeated() -> None:
    rng = np.random.default_rng(1)
    scenes = 30
    objects = rng.poisson(2, scenes)
    ranked = Ranked(rng.random(60) < 0.6, rng.integers(0, scenes, 60), objects)
    times = rng.poisson(1, (scenes, 12)).astype(np.uint8)
    drawn = ranked.drawn(times, miss_rate=True)
    for r in range(12):
        again = times[ranked.scene, r]
        right = np.repeat(ranked.right, again)
        found = np.arange(1.0, right.sum() + 1)
        false = np.flatnonzero(right) + 1 - found
        n = float(objects @ times[:, r])
        assert drawn[0, r] == pytest.approx(average_precision(found, false, n), abs=0.02)  # within a scene's copies
        assert drawn[1, r] == pytest.approx(log_average_miss_rate(found, false, n, float(times[:, r].sum())), rel=0.05)


@pytest.mark.slow
def test_copies_of_a_scene_give_no_more_certainty_but_copies_of_all_scenes_under_new_names_do() -> None:
    of = crowded(5, scenes=80)
    again = copy.deepcopy(of)
    for image in again[0]["images"]:
        image["id"] += 100_000
    for x in (*again[0]["annotations"], *again[1]):
        x["image_id"] += 100_000
    both = (
        {**of[0], "images": of[0]["images"] + again[0]["images"], "annotations": of[0]["annotations"] + [
            {**n, "id": n["id"] + 100_000} for n in again[0]["annotations"]]},
        of[1] + again[1],
    )  # fmt: skip
    drive = {image["id"]: image["id"] % 100_000 for image in both[0]["images"]}
    for image in both[0]["images"]:
        image["drive"] = drive[image["id"]]
    width = []
    for read in (asked(of), asked(both, cluster="drive"), asked(both)):
        e = ak.audit(read, checks=["detection_curves"]).finding("performance/average_precision/overall").estimate
        assert e.low is not None
        assert e.high is not None
        width.append(e.high - e.low)
    assert width[1] == pytest.approx(width[0], rel=0.1)
    assert width[2] < 0.85 * width[0]


def _parts(of: Crowded, parts: int) -> list[Crowded]:
    out = []
    for i in range(parts):
        images = of[0]["images"][i::parts]
        ids = {x["id"] for x in images}
        notes = [n for n in of[0]["annotations"] if n["image_id"] in ids]
        truths = {**of[0], "images": images, "annotations": notes}
        out.append((truths, [r for r in of[1] if r["image_id"] in ids]))
    return out


def test_parts_add_to_the_whole_and_a_scene_is_in_one_part() -> None:
    of, checks = crowded(6), [ak.DetectionRates(), ak.DetectionCurves()]
    report = ak.audit(asked(of), checks=checks)
    parts = [asked(p) for p in _parts(of, 3)]
    seen = [ak.observe(p, checks=checks) for p in parts]
    whole = ak.conclude(seen[0] + seen[1] + seen[2], asked(of), checks=checks)
    assert {f.id: f.estimate for f in whole.findings} == {f.id: f.estimate for f in report.findings}
    with pytest.raises(ak.AuditkitError, match="comes twice"):
        ak.conclude(seen[0] + seen[0], parts[0], checks=checks)


def test_evidence_is_read_as_it_was_written() -> None:
    mine = told(asked(crowded(7)))
    stored = json.loads(json.dumps(mine.to_json()))
    assert Detected.from_json(stored).to_json() == mine.to_json()
    for wrong in ({"sets": [{}]}, {"classes": [["car", -1, [0.1, 0.2]]]}, {"of_scenes": ["moon"]}, {"asked": {}}):
        with pytest.raises(ak.AuditkitError):
            Detected.from_json({**stored, **wrong})


@pytest.mark.slow
def test_dicts_arrays_tensors_and_corners_are_the_same_audit_as_cocos_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    of = crowded(8, scenes=20)
    report = ak.audit(asked(of))
    for name, data in zip(("truths", "results"), of, strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    from_files = asked(of, truths=tmp_path / "truths.json", results=str(tmp_path / "results.json"))
    truths, results = [], []
    for image in of[0]["images"]:
        notes = [n for n in of[0]["annotations"] if n["image_id"] == image["id"]]
        found = [r for r in of[1] if r["image_id"] == image["id"]]
        box = [np.array([x["bbox"] for x in y], dtype=np.float64).reshape(-1, 4) for y in (notes, found)]
        corners = [np.column_stack([b[:, :2], b[:, :2] + b[:, 2:]]) for b in box]
        truths.append({"scene": image["id"], "light": image["light"], "boxes": corners[0],
                       "labels": [NAMES[n["category_id"]] for n in notes], "part": [n["part"] for n in notes],
                       "crowd": torch.tensor([n["iscrowd"] for n in notes])})  # fmt: skip
        results.append({"boxes": torch.tensor(corners[1]), "labels": [NAMES[r["category_id"]] for r in found],
                        "scores": torch.tensor([r["score"] for r in found], dtype=torch.float64)})  # fmt: skip
    as_dicts = ak.Detections(truths=truths, results=results, sensitive_features=["light", "part"], at_score=0.3,
                             box_format="xyxy")  # fmt: skip
    for read in (from_files, as_dicts):
        same = ak.audit(read)
        assert {f.id: f.estimate.value for f in same.findings} == {
            f.id: None if f.estimate.value is None else pytest.approx(f.estimate.value) for f in report.findings
        }


def test_what_is_made_of_boxes_and_what_is_missing_are_groups() -> None:
    of = crowded(9)
    for note in of[0]["annotations"][::5]:
        del note["part"]
    report = ak.audit(asked(of, sensitive_features=["size", "class", "part"]), checks=["detection_rates"])
    area = [n["bbox"][2] * n["bbox"][3] for n in of[0]["annotations"] if not n["iscrowd"]]
    sizes = {
        g.group["size"]: g.estimate.denominator for g in report.finding("fairness/miss_rate/difference/size").by_group
    }
    assert sizes == {"small": sum(a < 1024 for a in area), "medium": sum(1024 <= a < 9216 for a in area)}
    parts = {g.group["part"] for g in report.finding("fairness/miss_rate/difference/part").by_group}
    assert parts == {"(missing)", "foot", "hand", "head"}


def test_a_scene_without_objects_counts_and_one_without_boxes_does_too() -> None:
    truths = [{"boxes": [[0, 0, 9, 9]], "labels": ["car"], "light": "dark"}] * 10 + [
        {"boxes": [], "labels": [], "light": "bright"}] * 10  # fmt: skip
    results = [{"boxes": [], "labels": [], "scores": []}] * 10 + [
        {"boxes": [[5, 5, 9, 9]], "labels": ["car"], "scores": [0.9]}] * 10  # fmt: skip
    report = ak.audit(ak.Detections(truths=truths, results=results, sensitive_features=["light"], at_score=0.5,
                                    box_format="xywh"))  # fmt: skip
    assert report.finding("performance/object_recall/overall").estimate.value == 0
    assert report.finding("performance/average_precision/overall").estimate.value == 0
    assert report.finding("performance/log_average_miss_rate/overall").estimate.value == 1
    alarms = report.finding("fairness/false_alarms_per_scene/difference/light")
    assert {g.group["light"]: g.estimate.value for g in alarms.by_group} == {"dark": 0, "bright": 1}
    assert report.finding("fairness/average_precision/difference/light").estimate.state == "undefined"


def test_reports_that_suppress_small_groups_join_them_before_any_curve_is_drawn() -> None:
    of = crowded(10)
    notes = [n for n in of[0]["annotations"] if not n["iscrowd"]]
    for note in notes[:4]:
        note["part"] = "ear"
    report = ak.audit(asked(of), disclosure=ak.Disclosure(profile="regulator"))
    groups = {g.group["part"] for g in report.finding("fairness/average_precision/difference/part").by_group}
    assert "ear" not in groups
    assert "(small groups)" in groups


TRUTHS: list[dict[str, Any]] = [
    {"scene": "a", "boxes": [[0, 0, 9, 9]], "labels": ["car"], "g": "x"},
    {"scene": "b", "boxes": [[0, 0, 9, 9]], "labels": ["bus"], "g": "y"},
]
RESULTS: list[dict[str, Any]] = [
    {"scene": "a", "boxes": [[0, 0, 9, 9]], "labels": ["car"], "scores": [0.9]},
    {"scene": "b", "boxes": [], "labels": [], "scores": []},
]
GOOD: dict[str, Any] = {"sensitive_features": ["g"], "at_score": 0.5, "box_format": "xywh"}
COCO: dict[str, Any] = {
    "images": [{"id": 1, "g": "x"}, {"id": 2, "g": "y"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],
    "categories": [{"id": 1, "name": "car"}],
}
BOX: dict[str, Any] = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.9}


def boxed(i: int = 0, **more: Any) -> list[dict[str, Any]]:
    """The results, of which one scene says something else."""
    return [{**r, **more} if j == i else r for j, r in enumerate(RESULTS)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"results": boxed(boxes=[[0, 0, -9, 9]])}, r"box 0 of the results \(scene 'a'\) has width -9 and height 9"),
        ({"results": boxed(boxes=[[0, 0, 0, 9]])}, "has width 0"),
        ({"results": boxed(boxes=[[9, 9, 0, 0]]), "box_format": "xyxy"}, "read as left, top, right, bottom"),
        ({"results": boxed(boxes=[[0, 0, float("nan"), 9]])}, "holds NaN or ∞"),
        ({"results": boxed(boxes=[[0, 0, 9]])}, "expected four numbers"),
        ({"results": boxed(scores=[None])}, "no finite score, the first is in the scene 'a'"),
        ({"results": boxed(scores=[])}, "1 boxes and 0 scores"),
        ({"results": boxed(scores=[1.5])}, r"outside of 0 to 1.*score_range"),
        ({"results": [{k: v for k, v in RESULTS[0].items() if k != "scores"}]}, "lacks scores"),
        ({"results": boxed(scene="c")}, "1 scenes have boxes and are not among those of the truths, the first is 'c'"),
        ({"results": boxed(scene="b")}, "'b' stands there twice"),
        ({"results": boxed(labels=["cat"])}, "of the class 'cat', which the truths do not name.*Did you mean 'car'"),
        ({"results": [{"boxes": [], "labels": [], "scores": []}]}, "of 1 scenes, the truths of 2"),
        ({"results": {"annotations": []}}, "a list of boxes"),
        ({"results": "no such.json"}, "cannot read"),
        ({"truths": [{**TRUTHS[0], "boxes": [[0, 0, 9, 0]]}, TRUTHS[1]]}, "box 0 of the truths"),
        ({"truths": [TRUTHS[0], TRUTHS[0]]}, "'a' stands there twice"),
        ({"truths": [{**TRUTHS[0], "g": ["x", "y"]}, TRUTHS[1]]}, "2 values for 1 objects"),
        ({"truths": [{**TRUTHS[0], "g": ["x"]}, TRUTHS[1]]}, "one value in some scenes"),
        ({"truths": [{"scene": "a", "labels": []}]}, "lacks boxes"),
        ({"truths": []}, "one a scene"),
        ({"truths": {**COCO, "images": None}, "results": []}, "lack images"),
        ({"truths": COCO, "results": [{**BOX, "image_id": 9}]}, "the first is '9'"),
        ({"truths": COCO, "results": [{**BOX, "category_id": 3}]}, "class 3, which"),
        ({"truths": COCO, "results": [{**BOX, "score": None}]}, "no finite score"),
        ({"box_format": None}, "box_format='xywh'"),
        ({"sensitive_features": ["gg"]}, "nothing is called 'gg'.*Did you mean 'g'"),
        ({"sensitive_features": []}, "at least one"),
        ({"at_score": 0}, "at_score is above 0"),
        ({"at_score": 2}, "outside the scores' range"),
        ({"iou": []}, "above 0 and at most 1"),
        ({"iou": [1.5]}, "above 0 and at most 1"),
        ({"max_detections": 0}, "at least 1"),
        ({"score_range": "ranks"}, "least and the greatest"),
        ({"categories": ["car"]}, "'bus', which categories does not name"),
        ({"cluster": "drive"}, "what is said of scenes: scene, g|what is said of scenes: g"),
    ],
)  # fmt: skip
def test_doubtful_boxes_are_one_clear_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ak.AuditkitError, match=message) as e:
        ak.audit(Detections(**{"truths": TRUTHS, "results": RESULTS, **GOOD, **changed}))
    assert "\n" not in str(e.value)


ODD: tuple[Any, ...] = (
    *(None, True, -1, 3, 0.5, 1e400, "", "no such", [], [[]], [1, 2], ["a", "a"], {}, {"g": 5}, {"g": [1, 2]}),
)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("option", [f.name for f in fields(Detections) if f.name != "truths"])
def test_whatever_a_configuration_says_is_an_audit_or_one_clear_line(option: str, tmp_path: Path) -> None:
    for name, data in (("truths", COCO), ("results", [])):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    given = {**GOOD, "results": "results.json", "sensitive_features": ["g"]}
    for value in ODD:
        said = ""
        try:
            ak.audit(Detections.of("truths.json", {**given, option: value}, tmp_path))
        except ak.AuditkitError as e:
            said = str(e)
        assert "\n" not in said, value


CONFIG = """\
[data]
path = "truths.json"
task = "detection"
results = "results.json"
at_score = 0.3
sensitive_features = ["light", "part"]

[[rule]]
id = "missed"
metric = "miss_rate"
comparison = "difference"
by = ["light"]
at_most = 0.4

[[rule]]
id = "found"
metric = "object_recall"
comparison = "group_min"
by = ["part"]
at_least = 0.9

[[rule]]
id = "ap"
metric = "AP"
comparison = "ratio"
by = ["light"]
at_least = 0.2

[[rule]]
id = "lamr"
metric = "LAMR"
comparison = "group_max"
by = ["part"]
at_most = 0.3

[[rule]]
id = "alarms"
metric = "false_alarms_per_scene"
comparison = "difference"
by = ["light"]
at_most = 3
"""


def test_a_configuration_audits_gates_and_names_its_mistakes(tmp_path: Path) -> None:
    of = crowded(11)
    for name, data in zip(("truths", "results"), of, strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    config = tmp_path / "cars.toml"
    config.write_text(CONFIG)
    out = tmp_path / "reports"
    assert run_cli(["run", str(config), "--out", str(out), "--quiet"])[0] == 1
    (stored,) = out.glob("*.json")
    made = Report.load(stored)
    statuses = {v.rule.id: v.status for v in made.verdicts}
    assert statuses == {"missed": "pass", "found": "fail", "ap": "pass", "lamr": "fail", "alarms": "pass"}
    same = {f.id: f.estimate.value for f in made.findings}
    for f in ak.audit(asked(of)).findings:
        assert same[f.id] == f.estimate.value, f.id
    assert run_cli(["gate", str(stored), "--policy", str(config)])[0] == 1
    assert run_cli(["verify", str(stored)])[0] == 0
    for wrong, message in (
        (CONFIG.replace("at_score", "at_skore"), "[data] has no key 'at_skore'"),
        (CONFIG.replace("truths.json", "truth.json"), "cannot read 'truth.json'"),
        (CONFIG.replace('by = ["light"]', 'by = ["lihgt"]'), "lihgt"),
    ):
        config.write_text(wrong)
        status, _, said = run_cli(["run", str(config), "--out", str(out), "--quiet"])
        assert status == 2
        assert message in said


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"metric": "false_alarms_per_scene", "by": ["part"]}, "false alarms are no objects, and have no part"),
        ({"metric": "recall", "by": ["light"]}, "an object_recall and a miss_rate"),
    ],
)
def test_what_cannot_be_answered_says_why(rule: dict[str, Any], why: str) -> None:
    asked_for = {"id": "r", "comparison": "difference", "at_most": 0.1, **rule}
    report = ak.audit(asked(crowded(12, scenes=20)), policy={"rule": [asked_for]})
    assert why in report.verdicts[0].reason


def test_a_crowd_takes_any_number_of_boxes_and_is_no_object() -> None:
    truths = [{"boxes": [[0, 0, 100, 100], [0, 0, 20, 20]], "labels": ["car"] * 2, "crowd": [1, 0], "g": "x"}] * 2
    inside = [[1, 1, 20, 20], [50, 50, 20, 20], [70, 10, 20, 20], [200, 0, 9, 9]]
    results = [{"boxes": inside, "labels": ["car"] * 4, "scores": [0.9, 0.8, 0.7, 0.6]}] * 2
    read = ak.Detections(truths=truths, results=results, **GOOD)
    rows = read.reading.data.frame
    assert isinstance(rows, pd.DataFrame)
    assert rows[["object", "score"]].to_numpy().tolist() == [[1, 0.9], [1, 0.9], [0, 0.6], [0, 0.6]]
    assert any("2 regions are crowds" in c for c in read.reading.data.notes)
