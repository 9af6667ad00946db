"""What nets that see and read cost: seconds of one core, and resident memory at its peak, each in a process of its own.

`python -m tests.benchmarks.bench_examples NAME …` measures some of `ASKED`.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURES, SIDE = 3_000, 64


class Reach(NamedTuple):
    """What it may cost."""

    seconds: float
    megabytes: float = 2_000


ASKED: dict[str, Reach] = {
    "digits, training": Reach(30),
    "digits, an audit with defaults": Reach(90),
    "digits.py": Reach(120),
    "dogs_and_cats.py": Reach(120),
    "cancer.py": Reach(120),
    "faces.py": Reach(120),
    "art.py": Reach(120),
    "recommendations.py": Reach(120),
    "cars.py": Reach(120),
    "50,000 boxes": Reach(10),
    "language_model.py": Reach(120),
    "words.py": Reach(120),
    "words.py --transformer": Reach(120),
    "3,000 pictures of 64 × 64": Reach(float("inf"), 700),
}


def digits(*, audited: bool) -> float:
    """Seconds of training the net of the example, or of an audit of it that names no check."""
    import torch

    import auditkit as ak

    own: dict[str, Any] = runpy.run_path(str(EXAMPLES / "digits.py"))
    frame = own["digits"]()
    held_out = frame.index % 10 < 3
    torch.manual_seed(0)
    model, start = own["build"](), time.process_time()
    own["train"](model.module, frame[~held_out], epochs=6)
    if audited:
        with tempfile.TemporaryDirectory() as folder:
            rows = own["saved"](frame[held_out], Path(folder))
            options = {"sensitive_features": list(own["BINS"]), "bins": own["BINS"], "pictures": "picture"}
            data, start = ak.Dataset(rows, y_true="digit", task="multiclass", **options), time.process_time()
            ak.audit(model, data, progress=False)
    return time.process_time() - start


def pictures() -> float:
    """Seconds of an audit of files that asks what one asks by default, with fewer draws and steps: these take time, and
    no memory."""
    import numpy as np
    import pandas as pd
    import torch
    from PIL import Image
    from torch import nn

    import auditkit as ak
    from auditkit.check import Check

    def block(a: int, b: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))

    torch.manual_seed(0)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 1))
    net = nn.Sequential(block(3, 16), block(16, 32), block(32, 32), *head).eval()
    rng = np.random.default_rng(0)
    cheaper: list[Check | str] = [
        ak.GapAttribution(shuffles=1, permutations=2, max_steps=16),
        ak.LayerAudit(random=1, max_steps=24),
        ak.Attribution(n_steps=16, max_steps=16),
    ]
    checks: list[Check | str] = ["data_profile", "group_fairness", "scores", "subgroups", *cheaper, "flip_test"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.png" for i in range(PICTURES)]
        for path in paths:
            Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(path)
        rows = pd.DataFrame({"y": rng.integers(0, 2, PICTURES), "sex": rng.choice(["f", "m"], PICTURES)})
        rows["file"] = [*map(str, paths)]
        start = time.process_time()
        data = ak.Dataset(rows, y_true="y", sensitive_features="sex", pictures="file")
        squares = ak.segments(SIDE, SIDE, grid=(2, 2))
        model = ak.Model(net, preprocess=ak.pixels("file"), feature_map=squares, outputs="logits")
        ak.audit(model, data, checks=checks, progress=False, on_error="raise")
        return time.process_time() - start


def boxes() -> float:
    """Seconds of reading and auditing 50,000 boxes on 33,000 objects of 5,000 scenes, by light and by size."""
    import numpy as np

    import auditkit as ak

    rng, truths, results = np.random.default_rng(0), [], []
    for i in range(5_000):
        place, found = rng.uniform(8, 300, (rng.poisson(6.6), 4)), rng.random(7) < 0.8
        seen = np.concatenate([place + rng.normal(0, 2, place.shape), rng.uniform(20, 300, (5, 4))])
        kept = np.append(np.resize(found, len(place)), [True] * 5)
        score = rng.random(int(kept.sum()))
        truths.append({"boxes": place.tolist(), "labels": ["car"] * len(place), "light": "dark" if i % 3 else "bright"})
        results.append({"boxes": seen[kept].tolist(), "labels": ["car"] * len(score), "scores": score.tolist()})
    start = time.process_time()
    read = ak.Detections(truths=truths, results=results, sensitive_features=["light", "size"], at_score=0.5,
                         box_format="xywh")  # fmt: skip
    ak.audit(read, progress=False, on_error="raise")
    return time.process_time() - start


def example(name: str) -> float:
    """Seconds of a script, in full, with what it imports."""
    script, *flags = name.split()
    sys.argv = [script, *flags]
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    return time.process_time()


PARTS: dict[str, Callable[[], float]] = {
    "digits, training": lambda: digits(audited=False),
    "digits, an audit with defaults": lambda: digits(audited=True),
    "3,000 pictures of 64 × 64": pictures,
    "50,000 boxes": boxes,
}


def measured(name: str) -> tuple[float, float]:
    """(seconds, megabytes) of this process, which has done nothing else."""
    import torch

    torch.set_num_threads(1)
    seconds = PARTS[name]() if name in PARTS else example(name)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return seconds, int(peak.split()[1]) / 1024


def main(*names: str) -> None:
    for name in names or ASKED:
        reach = ASKED[name]
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", __spec__.name, "--own", name]
            ran = subprocess.run(command, cwd=folder, env=_env(), capture_output=True, text=True, check=False)
        if ran.returncode:
            print(f"  {name:32} cannot be run: {ran.stderr.strip().splitlines()[-1][:100]}", flush=True)
            continue
        seconds, megabytes = map(float, ran.stdout.splitlines()[-1].split())
        told = f"{seconds:7.1f} s (reach ≤ {reach.seconds:g})  {megabytes:6.0f} MB (reach ≤ {reach.megabytes:g})"
        print(f"  {name:32} {told}", flush=True)


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--own"]:
        print(*measured(sys.argv[2]))
    else:
        main(*sys.argv[1:])
