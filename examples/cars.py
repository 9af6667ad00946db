"""Who is not seen by a car? A small detector of pedestrians that has hardly ever been out at night.

Run it with `python examples/cars.py`; it writes reports/cars.html and prints what it found. The scenes are drawn by
this example: people of two sizes, near and far, among lamp posts and bins, by day and in the dark. The detector (points
of centres, as in CenterNet) is taught by 600 scenes, of which 30 are dark, and tried on others, of which half are: what
it has hardly seen, it misses. Of a few missed people the report shows what moves the net's score where they stand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import auditkit as ak

SIDE, STEP = 96, 4
HEIGHT = {"near": (34, 44), "far": (15, 21)}
Picture = NDArray[np.float32]


def figure(picture: Picture, x: int, y: int, h: int, shade: float) -> list[float]:
    """A person of height h whose feet stand at (x, y): head, body and two legs; the box around it."""
    w = max(5, round(0.42 * h))
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    picture[(rows - (y - 7 * h / 8)) ** 2 + (columns - x) ** 2 <= (h / 8) ** 2] = shade
    picture[y - round(0.78 * h) : y - round(0.4 * h), x - w // 2 : x + (w + 1) // 2] = shade
    for left in (x - w // 2, x + (w + 1) // 2 - max(1, w // 3)):
        picture[y - round(0.4 * h) : y, left : left + max(1, w // 3)] = shade
    return [x - w // 2, y - h, w, h]


def street(rng: np.random.Generator, *, dark: bool) -> tuple[Picture, list[dict]]:
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


def targets(people: list[dict]) -> Picture:
    """(6, 24, 24): centres, blurred; offsets, sizes; and where there is a centre."""
    out = np.zeros((6, SIDE // STEP, SIDE // STEP), np.float32)
    rows, columns = np.mgrid[0 : SIDE // STEP, 0 : SIDE // STEP]
    for x, y, w, h in (person["bbox"] for person in people):
        cx, cy = (x + w / 2) / STEP, (y + h / 2) / STEP
        i, j = int(cy), int(cx)
        out[0] = np.maximum(out[0], np.exp(-((rows - i) ** 2 + (columns - j) ** 2) / 1.2))
        out[1:, i, j] = cx - j, cy - i, np.log(w / 10), np.log(h / 25), 1
    return out


def train(net: Detector, scenes: list[tuple[Picture, list[dict]]], steps: int) -> None:
    """Focal loss of the centres, and L1 of offsets and sizes there (Zhou, Wang & Krähenbühl, 2019)."""
    x = torch.tensor(np.stack([p for p, _ in scenes]))
    y = torch.tensor(np.stack([targets(people) for _, people in scenes]))
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


def boxes(net: Detector, picture: Picture) -> list[tuple[list[float], float]]:
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


def scene(i: int) -> tuple[Picture, list[dict]]:
    """The scenes that it is tried on: every other one is dark."""
    return street(np.random.default_rng(10_000 + i), dark=i % 2 == 1)


def score_at(net: Detector, pictures: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """(n,) log-odds of a person whose centre is that of each box: left, top, right, bottom."""
    x, y = ((boxes[:, i] + boxes[:, i + 2]).div(2 * STEP).long().clamp(0, SIDE // STEP - 1) for i in (0, 1))
    return net(pictures)[torch.arange(len(boxes)), 0, y, x]


def tried(net: Detector, scenes: int, folder: Path) -> None:
    """What a test of a detector leaves: the truths and the results, as COCO writes them."""
    truths = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    results = []
    for i in range(scenes):
        picture, people = scene(i)
        truths["images"].append({"id": i, "light": "dark" if i % 2 else "bright"})
        for person in people:
            truths["annotations"].append({"id": len(truths["annotations"]), "image_id": i, "category_id": 1, **person})
        results += [{"image_id": i, "category_id": 1, "bbox": b, "score": s} for b, s in boxes(net, picture)]
    (folder / "truths.json").write_text(json.dumps(truths))
    (folder / "results.json").write_text(json.dumps(results))


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    torch.manual_seed(0)
    taught = [street(np.random.default_rng(i), dark=i % 20 == 0) for i in range(200 if quick else 600)]
    net = Detector()
    train(net, taught, steps=100 if quick else 400)
    beside = folder / "cars"
    beside.mkdir(parents=True, exist_ok=True)
    tried(net.eval(), 200 if quick else 600, beside)

    # Who is missed at the score from which on the car would brake, and who is found less surely at any score?
    files = {"truths": beside / "truths.json", "results": beside / "results.json"}
    asked = {"net": net, "pictures": lambda i: scene(int(i))[0], "score_at": score_at}
    read = ak.Detections(**files, sensitive_features=["light", "distance"], at_score=0.3, **asked)
    report = ak.audit(read, policy=Path(__file__).with_suffix(".toml"), name="cars")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in ("miss_rate/difference/light", "average_precision/difference/light", "miss_rate/difference/distance"):
        print(report.finding(f"fairness/{name}").statement)
    print(report.save(folder / "cars.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
