"""Real reports of every kind, made in this process: what one page may say that another could not.

`python -m tests.report.samples FOLDER` writes those that people are shown, one page a kind (`make reports`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import auditkit as ak
from auditkit.records import Report, Words
from auditkit.report.html.page import render
from tests.report import fixtures, seen
from tests.report.test_everything_stands import FEATURES, net, table

WORDS = Words(positive="earn more than $50K", groups={"sex": {"Female": "women", "Male": "men"}})
RATE = {"metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1}


def rule(id: str, **asked: Any) -> dict[str, Any]:
    limits = {k for k in ("at_most", "at_least") if k in asked}
    return {"id": id, **{k: v for k, v in RATE.items() if k != "at_most" or not limits}, **asked}


def rows(**changed: Any) -> pd.DataFrame:
    """The shared table with other columns; a function is given the frame."""
    frame = table().copy()
    return frame.assign(**changed)


def predicted(
    frame: pd.DataFrame,
    rules: list[dict[str, Any]],
    *,
    by: Any = ("sex", "race"),
    checks: Any = ("group_fairness",),
    outputs: tuple[Any, ...] = ("p",),
    y_true: Any = "y",
    words: Words = WORDS,
    against: ak.Predictions | None = None,
    **data: Any,
) -> Report:
    """An audit of predictions."""
    columns = [c for c in frame if c not in FEATURES]
    positive = {"positive": 1} if data.get("task", "binary") == "binary" else {}
    given = ak.Dataset(frame[columns], y_true=y_true, sensitive_features=list(by), **positive, **data)
    policy = {"rule": rules} if rules else None
    made = ak.Predictions(*outputs)
    report = ak.audit(made, given, against=against, checks=list(checks), name="sample", policy=policy)
    return report.model_copy(update={"words": words})


def explained(checks: list[Any], rules: list[dict[str, Any]] | None = None) -> Report:
    """An audit of a small trained net."""
    columns = [*FEATURES, "sex", "race", "y"]
    data = ak.Dataset(table()[columns], y_true="y", positive=1, sensitive_features=["sex"])
    policy = {"rule": rules} if rules else None
    report = ak.audit(net("binary"), data, checks=checks, sample=120, name="sample", policy=policy)
    return report.model_copy(update={"words": WORDS})


def several_rules() -> Report:
    rules = [
        rule("four-fifths", comparison="ratio", at_least=0.8),
        rule("found", metric="true_positive_rate", at_most=0.3),
        rule("odds", metric="equalized_odds", at_most=0.9),
        rule("race", by=["race"], at_most=0.2),
        rule("right", metric="accuracy", comparison="overall", by=[], at_least=0.5),
        rule("age", metric="accuracy", comparison="group_min", at_least=0.5, severity="warning"),
    ]
    return predicted(table(), rules)


def scores() -> Report:
    return predicted(table(), [rule("r")], checks=("group_fairness", "scores", "subgroups"), outputs=("p", "score"))


def sixty() -> Report:
    rng = np.random.default_rng(1)
    n = 6_000
    g = rng.integers(0, 60, n)
    y = (rng.random(n) < 0.3 + 0.004 * g).astype(int)
    p = np.where(rng.random(n) < 0.15, 1 - y, y)
    frame = pd.DataFrame({"region": [f"region {i:02d}" for i in g], "y": y, "p": p})
    rules = [rule("r", by=["region"], at_most=0.1), rule("o", by=["region"], metric="accuracy", at_most=0.9)]
    return predicted(frame, rules, by=("region",), words=Words())


def nothing() -> Report:
    rng = np.random.default_rng(2)
    frame = rows(y=rng.integers(0, 2, 400), p=rng.integers(0, 2, 400), sex=rng.choice(["Female", "Male"], 400))
    return predicted(frame, [], by=("sex",))


def hostile() -> Report:
    names = {"Female": fixtures.HOSTILE, "Male": "مجموعة\u202e<b>"}
    frame = rows(sex=table().sex.map(names)).rename(columns={"sex": "s<x>"})
    rules = [rule("<script>", by=["s<x>"])]
    return predicted(frame, rules, by=("s<x>",), words=Words())


def clustered() -> Report:
    rng = np.random.default_rng(3)
    return predicted(rows(who=rng.integers(0, 150, 400)), [rule("r")], cluster="who")


def weighted() -> Report:
    rng = np.random.default_rng(4)
    return predicted(rows(w=rng.uniform(0.5, 2, 400)), [rule("r"), rule("l", at_most=0.6)], weights="w")


def without_truths() -> Report:
    rng = np.random.default_rng(5)
    return predicted(rows(y=table().y.astype("Int64").mask(rng.random(400) < 0.2)), [rule("r")])


def classes() -> Report:
    rules = [rule(f"c-{c}", label=c, at_most=0.3) for c in ("low", "high")]
    kind = {"task": "multiclass", "checks": ("class_fairness",), "y_true": "cls", "outputs": ("clsp",)}
    return predicted(table(), rules, **kind)  # type: ignore[arg-type]


def numbers() -> Report:
    rules = [rule("off", metric="mean_absolute_error", at_most=0.1), rule("m", metric="mean_prediction", at_most=9.0)]
    kind = {"task": "regression", "checks": ("regression_fairness",), "y_true": "num", "outputs": ("nump",)}
    return predicted(table(), rules, **kind)  # type: ignore[arg-type]


def labels() -> Report:
    kind = {"task": "multilabel", "y_true": ["l0", "l1"], "outputs": (["p0", "p1"],)}
    return predicted(table(), [rule("r", at_most=0.5)], **kind)  # type: ignore[arg-type]


def crossing_under_holm() -> Report:
    """One interval alone would fail its rule; seven rules that share their error leave it open."""
    rng = np.random.default_rng(11)
    n = 1_000
    sex = np.repeat(["Female", "Male"], n // 2)
    y = rng.integers(0, 2, n)
    p = np.concatenate([np.arange(n // 2) < 200, np.arange(n // 2) < 276]).astype(int)
    frame = pd.DataFrame({"sex": sex, "y": y, "p": p})
    near = rule("near", at_most=0.087)
    met = [rule(f"met-{i}", metric="true_positive_rate", at_most=0.9 + i / 100) for i in range(6)]
    return predicted(frame, [near, *met], by=("sex",))


def against_an_older_model(*rules: dict[str, Any]) -> Report:
    """Women are found less than by the older model, and men more; by race nothing changed much."""
    rng = np.random.default_rng(3)

    def newer(f: pd.DataFrame) -> Any:
        lost = (f["sex"] == "Female") & (rng.random(len(f)) < 0.3)
        won = (f["sex"] == "Male") & (rng.random(len(f)) < 0.2)
        return np.where(lost, 0, np.where(won, f["y"], f["p"]))

    frame = rows(old=lambda f: f["p"], new=newer)
    return predicted(frame, list(rules), outputs=("new",), against=ak.Predictions("old"))


def by_policy_level() -> Report:
    return predicted(table(), [rule("sure", confidence=0.99), rule("few", min_n=200, by=["race"], at_most=0.9)])


ALL: dict[str, Callable[[], Report]] = {
    "several rules": several_rules,
    "predictions only": lambda: predicted(table(), []),
    "scores and subgroups": scores,
    "no display words": lambda: predicted(table(), [rule("r")], words=Words()),
    "one group": lambda: predicted(rows(sex="Female"), [rule("r", comparison="group_min", at_least=0.1)], by=("sex",)),
    "one group, no policy": lambda: predicted(rows(sex="Female"), [], by=("sex",)),
    "one passing rule": lambda: predicted(table(), [rule("r", metric="accuracy", at_most=0.9)]),
    "all passing": lambda: predicted(table(), [rule("a", metric="accuracy", at_most=0.9), rule("b", at_most=0.99)]),
    "a rule about everybody": lambda: predicted(
        table(), [rule("r", metric="accuracy", comparison="overall", by=[], at_least=0.4)]
    ),
    "only warnings": lambda: predicted(table(), [rule("r", severity="warning"), rule("s", at_most=0.99)]),
    "by the point": lambda: predicted(table(), [rule("r", decision="point", metric="accuracy", at_most=0.0001)]),
    "sixty groups": sixty,
    "nothing established": nothing,
    "hostile names": hostile,
    "clusters": clustered,
    "weights": weighted,
    "missing truths": without_truths,
    "classes": classes,
    "classes, no policy": lambda: predicted(
        table(), [], task="multiclass", checks=("class_fairness",), y_true="cls", outputs=("clsp",)
    ),
    "numbers": numbers,
    "numbers, no policy": lambda: predicted(
        table(), [], task="regression", checks=("regression_fairness",), y_true="num", outputs=("nump",)
    ),
    "labels": labels,
    "open only among the rules": crossing_under_holm,
    "other levels": by_policy_level,
    "only recourse": lambda: explained([ak.Recourse(actionable=["x1", "x2"], rows=100)]),
    "only a gap taken apart": lambda: explained([ak.GapAttribution()]),
    "only attributions": lambda: explained([ak.Attribution()]),
    "fairness and why": lambda: explained([ak.GroupFairness(), ak.GapAttribution()], [rule("r")]),
    "an older model": lambda: against_an_older_model(
        rule("found", metric="true_positive_rate", comparison="change", at_least=-0.02),
        rule("gap", metric="true_positive_rate", comparison="gap_change", at_most=0.3),
    ),
    "an older model, no policy": against_an_older_model,
    "by hand": fixtures.adult,
    "images": seen.images,
    "texts": seen.texts,
}


@cache
def made(name: str) -> Report:
    """Each once."""
    return ALL[name]()


SHOWN = {
    "several-rules": "several rules",
    "predictions-only": "predictions only",
    "scores": "scores and subgroups",
    "classes": "classes",
    "numbers": "numbers",
    "labels": "labels",
    "one-group": "one group",
    "sixty-groups": "sixty groups",
    "all-passing": "all passing",
    "nothing-established": "nothing established",
    "weights": "weights",
    "only-recourse": "only recourse",
    "fairness-and-why": "fairness and why",
    "hostile-names": "hostile names",
    "an-older-model": "an older model",
}
"""Name of a page → the report that it shows."""


def main(folder: Path) -> None:
    for stem, name in SHOWN.items():
        report = made(name).model_copy(update={"name": stem})
        (folder / f"{stem}.html").write_text(render(report), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
