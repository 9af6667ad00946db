"""Who is not seen by a car? A small detector of pedestrians that has hardly ever been out at night.

Run it with `python examples/cars.py`; it writes reports/cars.html. The scenes are drawn by this example: people near
and far, among lamp posts and bins, by day and in the dark. The detector (points of centres, as in CenterNet) is taught
by 600 scenes, of which 30 are dark, and tried on others, of which half are: what it has hardly seen, it misses. Of a
few missed people the report shows what moves the net's score where they stand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import auditkit as ak

SIDE, STEP, HEIGHT = 96, 4, {"near": (34, 44), "far": (15, 21)}


def figure(picture: np.ndarray, x: int, y: int, h: int, shade: float) -> list[float]:
    """A person of height h whose feet stand at (x, y): head, body and two legs; the box around it."""
    w = max(5, round(0.42 * h))
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    picture[(rows - (y - 7 * h / 8)) ** 2 + (columns - x) ** 2 <= (h / 8) ** 2] = shade
    picture[y - round(0.78 * h) : y - round(0.4 * h), x - w // 2 : x + (w + 1) // 2] = shade
    for left in (x - w // 2, x + (w + 1) // 2 - max(1, w // 3)):
        picture[y - round(0.4 * h) : y, left : left + max(1, w // 3)] = shade
    return [x - w // 2, y - h, w, h]


def street(rng: np.random.Generator, *, dark: bool) -> tuple[np.ndarray, list[dict]]:
    """A scene of up to four people, and what is true of each."""
    picture = np.full((SIDE, SIDE), 0.55, np.float32)
    picture[60:] = 0.4
    for x in rng.integers(4, SIDE - 4, rng.integers(1, 4)):  # lamp posts
        picture[rng.integers(5, 30) : 72, x : x + 2] = rng.uniform(0.05, 0.95)
    for x in rng.integers(6, SIDE - 12, rng.integers(0, 3)):  # bins
        y = rng.integers(62, 84)
        picture[y : y + 9, x : x + 7] = rng.uniform(0.05, 0.95)
    people = []
    for x in rng.permutation(np.arange(14, SIDE - 13, 20))[: rng.integers(0, 5)]:
        distance = str(rng.choice(["near", "far"]))
        h = int(rng.integers(*HEIGHT[distance]))
        y = int(rng.integers(78, 92) if distance == "near" else rng.integers(64, 72))
        shade = rng.choice([rng.uniform(0.0, 0.2), rng.uniform(0.8, 1.0)])
        people.append({"bbox": figure(picture, int(x + rng.integers(-3, 4)), y, h, shade), "distance": distance})
    light = 0.45 if dark else 1.0
    return (light * picture + rng.normal(0, 0.05, picture.shape)).clip(0, 1).astype(np.float32), people


class Detector(nn.Module):
    """A picture → at every fourth pixel: is there the centre of a person, how far off, and how wide and high?"""

    def __init__(self) -> None:
        super().__init__()
        shapes = [(1, 16, 2, 1), (16, 24, 2, 1), (24, 24, 1, 1), (24, 24, 1, 2), (24, 24, 1, 4)]
        each = [(nn.Conv2d(a, b, 3, s, d, d), nn.BatchNorm2d(b), nn.ReLU()) for a, b, s, d in shapes]
        self.layers = nn.Sequential(*(x for three in each for x in three), nn.Conv2d(24, 5, 1))
        nn.init.constant_(self.layers[-1].bias[:1], -3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x[:, None])


def targets(people: list[dict]) -> np.ndarray:
    """(6, 24, 24): centres, blurred; offsets, sizes; and where there is a centre."""
    out = np.zeros((6, SIDE // STEP, SIDE // STEP), np.float32)
    rows, columns = np.mgrid[0 : SIDE // STEP, 0 : SIDE // STEP]
    for x, y, w, h in (person["bbox"] for person in people):
        cx, cy = (x + w / 2) / STEP, (y + h / 2) / STEP
        i, j = int(cy), int(cx)
        out[0] = np.maximum(out[0], np.exp(-((rows - i) ** 2 + (columns - j) ** 2) / 1.2))
        out[1:, i, j] = cx - j, cy - i, np.log(w / 10), np.log(h / 25), 1
    return out


def train(net: Detector, scenes: list[tuple[np.ndarray, list[dict]]], steps: int) -> None:
    """Focal loss of the centres, and L1 of offsets and sizes there (Zhou, Wang & Krähenbühl, 2019)."""
    x, y = (torch.tensor(np.stack(z)) for z in zip(*((p, targets(people)) for p, people in scenes), strict=True))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (16,))
        said, true = net(x[rows]), y[rows]
        p, centre = said[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4), true[:, 5]
        focal = centre * (1 - p) ** 2 * p.log() + (1 - centre) * (1 - true[:, 0]) ** 4 * p**2 * (1 - p).log()
        off = (centre[:, None] * (said[:, 1:] - true[:, 1:5]).abs()).sum()
        optimizer.zero_grad()
        ((off - focal.sum()) / centre.sum().clamp(min=1)).backward()
        optimizer.step()
        schedule.step()


def boxes(net: Detector, picture: np.ndarray) -> list[tuple[list[float], float]]:
    """Its boxes with their scores: where a centre is more likely than around it."""
    with torch.no_grad():
        said = net(torch.tensor(picture)[None])
        score = said[0, 0].sigmoid()
        top = (nn.functional.max_pool2d(score[None], 3, 1, 1)[0] == score) & (score > 0.05)
    found = []
    for i, j in top.nonzero().tolist():
        dx, dy, (w, h) = *said[0, 1:3, i, j].tolist(), (said[0, 3:, i, j].exp() * torch.tensor([10, 25])).tolist()
        found.append(([(j + dx) * STEP - w / 2, (i + dy) * STEP - h / 2, w, h], float(score[i, j])))
    return found


def score_at(net: Detector, pictures: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """(n,) log-odds of a person whose centre is that of each box: left, top, right, bottom."""
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / (2 * STEP)).long().clamp(0, SIDE // STEP - 1).unbind(1)
    return net(pictures)[torch.arange(len(boxes)), 0, y, x]


def tried(net: Detector, scenes: int, folder: Path) -> dict:
    """What a test of a detector leaves: truths and results, as COCO writes them; and the net, which can be asked."""
    truths = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    pictures, results = {}, []
    for i in range(scenes):
        pictures[str(i)], people = street(np.random.default_rng(10_000 + i), dark=i % 2 == 1)
        of = {"image_id": i, "category_id": 1}
        truths["images"].append({"id": i, "light": "dark" if i % 2 else "bright"})
        truths["annotations"] += [{"id": 10 * i + k, **of, **person} for k, person in enumerate(people)]
        results += [{**of, "bbox": b, "score": s} for b, s in boxes(net, pictures[str(i)])]
    (folder / "truths.json").write_text(json.dumps(truths))
    (folder / "results.json").write_text(json.dumps(results))
    files = {name: folder / f"{name}.json" for name in ("truths", "results")}
    return {**files, "net": net, "pictures": pictures, "score_at": score_at}


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    torch.manual_seed(0)
    taught = [street(np.random.default_rng(i), dark=i % 20 == 0) for i in range(200 if quick else 600)]
    train(net := Detector(), taught, steps=100 if quick else 400)
    (beside := folder / "cars").mkdir(parents=True, exist_ok=True)
    asked = tried(net.eval(), 200 if quick else 600, beside)
    # Who is missed at the score from which on the car would brake, who is found less surely at any, and what moves it?
    read = ak.Detections(**asked, sensitive_features=["light", "distance"], at_score=0.3)
    report = ak.audit(read, policy=Path(__file__).with_suffix(".toml"), name="cars")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    print(report.finding("explanation/missed_objects/overall/light").statement)
    print(report.save(folder / "cars.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
