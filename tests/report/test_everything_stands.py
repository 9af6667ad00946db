"""The law of the page: every statement, note and absence stands on it once, in its section, whatever check made it."""

from __future__ import annotations

import html
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.boxes import Asked, object_row, scene_row
from auditkit.catalogue.index import METRICS
from auditkit.checks import CHECKS
from auditkit.inputs.tasks.registry import TASKS
from auditkit.records import Cases, Concern, Estimate, Exhibit, Finding, GroupEstimate, Report, Task, Words
from auditkit.report.html import gaps
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from auditkit.report.html.views import VIEWS
from auditkit.report.vocabulary import upper_first

HTML = Path(ak.__file__).parent / "report" / "html"
FEATURES = ["x0", "x1", "x2"]
TARGETS: dict[Task, Any] = {
    "binary": "y", "multiclass": "cls", "regression": "num", "multilabel": ["l0", "l1"], "verification": "y",
    "identification": "y", "generation": "cls", "ranking": "num", "detection": "y", "answers": "y", "preferences": "y",
}  # fmt: skip
PREDICTED: dict[Task, tuple[Any, ...]] = {
    "binary": ("p", "score"),
    "multiclass": ("clsp",),
    "regression": ("nump",),
    "multilabel": (["p0", "p1"],),
    "verification": ("p", "score"),
    "identification": ("p", "score"),
    "generation": ("clsp",),
    "ranking": ("nump",),
    "detection": ("p", "score"),
    "answers": ("p",),
    "preferences": ("p",),
}
SECTIONS: dict[Concern, str] = {
    "data": "data",
    "performance": "performance",
    "fairness": "fairness",
    "calibration": "calibration",
    "subgroups": "subgroups",
    "explanation": "why",
    "robustness": "robustness",
    "mitigation": "remedies",
}
POSITIVE: dict[Task, dict[str, Any]] = {t: {"positive": 1} if t == "binary" else {} for t in TASKS}
LABEL: dict[Task, dict[str, Any]] = {t: {"y_true": "l0", "positive": 1} if t == "multilabel" else {} for t in TASKS}
WITH_NET = (
    *("attribution", "gap_attribution", "layer_audit", "concepts", "examples", "influence", "recourse"),
    "flip_test",
)


@cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 400
    sex, race = rng.choice(["Female", "Male"], n), rng.choice(["a", "b", "c"], n, p=[0.6, 0.38, 0.02])
    x = rng.normal(size=(n, 3))
    x[:, 0] += (sex == "Male") * 1.5
    z = x @ [1.5, 0.5, -0.4]
    frame = pd.DataFrame(x, columns=FEATURES).assign(sex=sex, race=race, region=rng.choice(["n", "s"], n))
    frame["y"], frame["score"] = (z + rng.logistic(size=n) > 0.7).astype(int), 1 / (1 + np.exp(0.7 - z))
    frame["p"] = (frame.score > 0.5).astype(int)
    frame["num"], frame["nump"] = z * 3 + rng.normal(size=n), z * 2.5 + (sex == "Female")
    for name, noise in (("cls", 0.8), ("clsp", 0.4)):
        seen = z + noise * rng.normal(size=n)
        frame[name] = np.select([seen < 0, seen > 1.4], ["low", "high"], "mid")
    frame["l0"], frame["p0"] = frame.y, frame.p
    frame["l1"], frame["p1"] = (x[:, 1] > 0).astype(int), (x[:, 1] > 0.2).astype(int)
    frame["boxes"] = boxes_of(frame)
    return frame


def boxes_of(frame: pd.DataFrame) -> list[str]:
    """Every row as an object, or as a scene with the boxes of those of its objects that are found."""
    objects, scenes = (np.flatnonzero(frame.y == y) for y in (1, 0))
    said, out = Asked((0.5, 0.75), 100, 0.5), [""] * len(frame)
    held: dict[int, list[list[Any]]] = {i: [[500, 0, 9, 9, 0.4, "car"]] * (i % 2) for i in scenes}
    for k, i in enumerate(objects):
        scene, box = scenes[k % 40], [20 * (k // 40), 0, 9, 9]
        out[i] = object_row(f"s{scene}", "car", box)
        held[scene] += [[*box, round(float(frame.score[i]), 3), "car"]] if frame.p[i] else []
    for i in scenes:
        out[i] = scene_row(f"s{i}", said, held[i], [])
    return out


def net(task: Task) -> ak.Model:
    import torch
    from torch import nn

    torch.manual_seed(0)
    outputs = {"multiclass": 3, "multilabel": 2}.get(task, 1)
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, outputs))
    x, truth = torch.tensor(table()[FEATURES].to_numpy(np.float32)), table()[TARGETS[task]]
    y = torch.tensor(np.unique(truth, return_inverse=True)[1] if task == "multiclass" else truth.to_numpy(np.float32))
    loss: Any = {"multiclass": nn.CrossEntropyLoss(), "regression": nn.MSELoss()}.get(task, nn.BCEWithLogitsLoss())
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(60):
        optimiser.zero_grad()
        loss(model(x), y if task == "multiclass" or y.ndim == 2 else y[:, None]).backward()
        optimiser.step()
    return ak.Model(
        model.eval(),
        task=task,
        preprocess=lambda rows: torch.tensor(rows[FEATURES].to_numpy(np.float32)),
        feature_map={f: [i] for i, f in enumerate(FEATURES)},
    )


def options(check: str, task: Task, rows: pd.DataFrame) -> dict[str, Any]:
    """What a check must be told, and what keeps it quick."""
    asked: dict[str, dict[str, Any]] = {
        "conditional_parity": {"control": "region"},
        "continuous_attribute": {"column": "x0"},
        "examples": {"n": 1},
        "measured": {"number": "x0", "unit": "ms"},
        "gap_heterogeneity": {"over": "race"},
        "recourse": {"actionable": ["x1", "x2"], "rows": 100},
        "concepts": {"permutations": 99},
        "influence": {"train": rows, "y_true": TARGETS[task], "rows": 200} | POSITIVE[task] | LABEL[task],
        "generated_shares": {"judged": {"counts": [[[30, 5, 0], [4, 25, 6], [0, 3, 40]]]}, "unconditioned": "Male"},
        "group_fairness": {"metrics": ["selection_rate", "true_positive_rate", "f1_score", "accuracy"]},
    }
    return asked.get(check, {})


def audited(check: str, task: Task) -> Report:
    """One check in a small audit, whose policy names groups in words of its own."""
    truth, outputs = TARGETS[task], () if check in WITH_NET else PREDICTED[task]
    listed = [c for given in (truth, *outputs) for c in (given if isinstance(given, list) else [given])]
    rows = table()[[*FEATURES, "sex", "race", "region", "boxes", *listed]]
    data = ak.Dataset(
        rows,
        y_true=truth,
        task=task,
        sensitive_features=["sex", "race"],
        control_features=["region"],
        **POSITIVE[task],
    )
    made = options(check, task, rows)
    asked = kind_of(check)(**made)
    if check == "exposure":  # of lists, which a reader makes
        return ak.audit(lists(), checks=[asked], name="p")
    model = net(task) if check in WITH_NET else ak.Predictions(*outputs)
    report = ak.audit(model, data, checks=[asked], sample=120, name="p")
    return report.model_copy(update={"words": Words(groups={"sex": {"Female": "women", "Male": "men"}})})


def lists() -> ak.Rankings:
    """Of 40 users ten items each, of whose kinds one is shown lower."""
    rng = np.random.default_rng(1)
    user, item = np.repeat(np.arange(40), 10), np.tile(np.arange(10), 40)
    rows = {"user": user, "item": item, "relevant": rng.integers(0, 2, 400), "score": rng.random(400) - (item % 2) / 2}
    more = {"sex": np.where(user % 2, "Female", "Male"), "kind": np.where(item % 2, "a", "b")}
    return ak.Rankings(items={**rows, **more}, score="score", k=[3], user_groups=["sex"], item_groups=["kind"])


def kind_of(check: str) -> Any:
    module, _, name = CHECKS[check].partition(":")
    return getattr(importlib.import_module(module), name)


def asked() -> Iterator[Any]:
    """Every check with every task that it knows; what needs a net is slow."""
    for check in CHECKS:
        known = kind_of(check).tasks
        for task in TASKS:
            if task in known or (task == "multilabel" and "binary" in known):
                yield pytest.param(check, task, marks=[pytest.mark.slow] * (check in WITH_NET), id=f"{check}-{task}")


def sections(page: str) -> dict[str, str]:
    """Anchor → the text of a section, a line a block; a heading ends as the sentence that it is."""
    out = {}
    for anchor, body in re.findall(r'<section id="([^"]+)"[^>]*>(.*?)</section>', page, flags=re.DOTALL):
        body = re.sub(r"</h[1-6]>", ".\n", body)
        body = re.sub(r"</?(b|i|span|strong|a|code|mark)\b[^>]*>", "", body)
        text = html.unescape(re.sub(r"<[^>]*>", "\n", body))
        out[anchor] = re.sub(r"\s*\n\s*", "\n", text)
    return out


def standing(text: str, said: str) -> int:
    """How often a text says it, as whole sentences: in one block, or begun by a heading."""
    words = r"\s".join(map(re.escape, said.split()))
    end = r"(?=\s|$)" if said.endswith(".") else r"(?=\n|$)"
    return len(re.findall(rf"(?:(?<=[.:] )|(?<=\n)|^){words}{end}", text))


def not_once(report: Report) -> list[str]:
    """What the page does not say exactly once, with the section where it should stand."""
    page, told, lines = sections(render(report)), retold(report), []
    for f in told.findings:
        home = "cases" if any(isinstance(x, Cases) for x in f.exhibits) else SECTIONS[f.concern]
        lines += [(home, said) for said in (f.claim, *map(upper_first, f.notes))]
    settled = [n for n in told.not_measured if n.settled]  # known without measuring: a sentence each
    lines += [("unmeasured", f"{upper_first(n.what)}: {n.why}") for n in settled]
    lines += [
        ("unmeasured", f"{upper_first(n.what)}. {upper_first(n.why)}") for n in told.not_measured if not n.settled
    ]
    lines = list(dict.fromkeys(lines))
    within = {said: sum(standing(other, said) for _, other in lines if other != said) for _, said in lines}
    counts = [(standing(page[home], said) - within[said], home, said) for home, said in lines]
    return [f"{n}x in {home}: {said}" for n, home, said in counts if n != 1]


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("check", "task"), list(asked()))
def test_every_statement_note_and_absence_stands_once_in_its_section(check: str, task: Task) -> None:
    report = audited(check, task)
    assert report.findings or report.not_measured
    assert not_once(report) == []


def test_the_gap_in_ranking_stands_once_among_the_gaps_and_so_do_its_curves() -> None:
    report = audited("scores", "binary")
    text = sections(render(report))["fairness"]
    among = gaps.view(Lookup(report), Names())
    assert among is not None
    assert [[r.label for r in block.rows].count("Ranked rightly") for block in among.blocks] == [1, 1, 1]
    assert len(re.findall(r"\nRanked rightly\s+everybody ", text)) == 1, "its values by group"
    assert standing(text, "ROC curves by sex.") == 1
    assert "Area under the ROC curve (AUC): no difference" not in text, "no second figure"


@pytest.mark.one_in(5)
@pytest.mark.parametrize("concern", SECTIONS)
@pytest.mark.parametrize("task", TASKS)
def test_a_metric_that_nobody_knows_is_told_like_ours(concern: Concern, task: Task) -> None:
    def kg(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.5, high=value + 0.5, n=100)

    f = Finding(
        id=f"{concern}/waste/difference/sex",
        concern=concern,
        title="Waste, difference, sex",
        statement="Women are sent 3.7 kg more than men. It was weighed.",
        metric="waste",
        comparison="difference",
        by=("sex",),
        estimate=kg(3.7),
        by_group=tuple(GroupEstimate(group={"sex": s}, estimate=kg(v)) for s, v in (("Female", 9.1), ("Male", 5.4))),
        notes=("scales are read to 0.1 kg",),
    )
    report = audited("data_profile", "binary").model_copy(update={"findings": (f,)})
    data = report.provenance.data.model_copy(update={"task": task})
    report = report.model_copy(update={"provenance": report.provenance.model_copy(update={"data": data})})
    assert not_once(report) == []


def test_every_kind_of_exhibit_has_a_view_and_a_macro() -> None:
    kinds = {kind.model_fields["kind"].default for kind in get_args(get_args(Exhibit)[0])}
    assert set(VIEWS) | {"cases", "confusion"} == kinds  # single cases are a section, matrices the face of one
    macros = (HTML / "templates" / "exhibits.jinja").read_text()
    assert all(f"macro {kind}(" in macros for kind in VIEWS)


def test_no_metric_or_check_is_named_where_the_page_is_drawn() -> None:
    names = {*METRICS, *CHECKS} - set(get_args(Concern))
    words = {"first.py", "whom.py", "leading.py", "summary.py", "causes.py"}  # what the first screen says
    for path in HTML.glob("*.py"):
        told = set(re.findall(r'"([a-z_]+)"', path.read_text())) & names
        assert path.name in words or not told, f"{path.name} names {told}"
