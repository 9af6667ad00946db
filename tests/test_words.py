"""The words of a metric stand in the catalogue and nowhere else: laws over the source, the catalogue and audits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.catalogue.gaps import GAPS, TARGETS
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.metric import Metric, Wording
from auditkit.fairness.families.statements import value_text
from auditkit.fairness.scores.check import CROSSED, READ
from auditkit.inputs.tasks.registry import TASKS, task_of
from auditkit.records import Task, Words
from auditkit.report.vocabulary import Vocabulary

ROOT = Path(ak.__file__).parent
NAMES = {*METRICS, *GAPS}

OTHER_TABLES = {
    "checks.py": "checks by name; some answer with a metric of their own name",
    "explain/methods/catalogue.py": "the functions that compute attributions",
    "fairness/families/": "formulas, and the functions of fairlearn that are their oracles",
    "fairness/groups/regression.py": "which moments of the evidence, or which distance, a metric is read off",
    "fairness/scores/values.py": "the functions that read a metric off score bins",
    "fairness/scores/mitigation.py": "values that are computed",
    "report/html/whom.py": "what the first screen chooses to say",
}
"""File or folder outside the catalogue that may hold a table whose keys are metrics → what it is for."""


def tables(source: str) -> Iterator[tuple[int, list[str]]]:
    """Line and names of every dict literal with two metrics or more as keys, and of every match with such cases."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            keys = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.Match):
            patterns = (p for case in node.cases for p in ast.walk(case.pattern))
            keys = [p.value for p in patterns if isinstance(p, ast.MatchValue)]
        else:
            continue
        named = [key.value for key in keys if isinstance(key, ast.Constant) and key.value in NAMES]
        if len(named) > 1:
            yield node.lineno, named


def test_a_table_of_metrics_is_seen() -> None:
    assert list(tables('{"accuracy": "right", "x": 1}')) == []
    assert list(tables('{"accuracy": "right", "mean_score": "in scores"}')) == [(1, ["accuracy", "mean_score"])]
    assert [n for n, _ in tables('match m:\n    case "f1":\n        pass\n    case "mcc":\n        pass')] == [1]


def test_no_table_of_metrics_stands_outside_the_catalogue() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {named}"
        for path in sorted(ROOT.rglob("*.py"))
        for line, named in tables(path.read_text(encoding="utf-8"))
        if not path.relative_to(ROOT).as_posix().startswith(("catalogue/", *OTHER_TABLES))
    ]
    assert not found, "words of a metric are fields of its entry in auditkit/catalogue"


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_entry_is_told_in_words(metric: Metric) -> None:
    assert all((metric.title, metric.plain, metric.definition, metric.formula, metric.denominator_words))
    said = {f.name: getattr(metric.wording, f.name) for f in fields(Wording) if f.name != "columns"}
    known = {
        "phrase": {"yes", "no"},
        "short": {"yes", "no"},
        "frequencies": {"yes", "no", "them"},
        "less_often": {"yes", "no", "low", "high"},
        "one": {"x", "along"},
        "two": {"low", "high", "x", "y"},
    }
    for name, text in said.items():
        asked = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
        assert asked <= known.get(name, set()), f"{name} is given no {asked}"


@pytest.mark.parametrize("name", [*READ, *CROSSED, "consistency"])
def test_what_is_read_off_scores_has_its_sentences(name: str) -> None:
    wording = METRICS[name].wording
    assert "{x}" in wording.one
    assert all(part in wording.two for part in ("{low}", "{high}", "{x}", "{y}"))
    assert bool(wording.above) == bool(wording.below)


def data(task: Task) -> tuple[ak.Predictions, ak.Dataset]:
    """Three hundred rows of two attributes, with a target and a prediction."""
    r = np.random.default_rng(0)
    n = 300
    z = r.normal(size=n)
    near = z + r.normal(size=n)
    table = pd.DataFrame({"sex": r.choice(["f", "m"], n), "age": r.normal(size=n)})
    if task == "binary":
        table = table.assign(**{"y": (z > 0).astype(int), "p": (near > 0).astype(int), "s": 1 / (1 + np.exp(-near))})
        of = ak.Dataset(table, y_true="y", positive=1, sensitive_features=["sex"])
        return ak.Predictions("p", "s"), of
    if task == "multilabel":
        table = table.assign(**{"a": z > 0, "b": z > 1, "p": near > 0, "q": near > 1})
        table = table.astype(dict.fromkeys("abpq", int))
        return ak.Predictions(["p", "q"]), ak.Dataset(table, y_true=["a", "b"], task=task, sensitive_features=["sex"])
    if task == "multiclass":
        table = table.assign(
            **{"y": np.digitize(z, [-0.5, 0.5]).astype(str), "p": np.digitize(near, [-0.5, 0.5]).astype(str)}
        )
    else:
        table = table.assign(**{"y": z, "p": near})
    return ak.Predictions("p"), ak.Dataset(table, y_true="y", task=task, sensitive_features=["sex"])


@pytest.mark.parametrize("task", ["binary", "multilabel", "multiclass", "regression"])
def test_what_an_audit_reports_has_its_words_in_the_catalogue(task: Task) -> None:
    model, dataset = data(task)
    report = ak.audit(model, dataset, name="words", sample=100)
    reported = {f.metric for f in report.findings}
    assert reported
    assert reported <= set(METRICS), "a metric without an entry"


def test_words_of_another_metric_need_its_entry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Wording(
        phrase="waved through, of those who {no}",
        short="waved through",
        frequencies="Of those who {no}, the model waves {them} through.",
        less_often="{low} are waved through less often than {high}",
    )
    entry = replace(METRICS["false_positive_rate"], name="waving", decimals=3, wording=told)
    monkeypatch.setitem(METRICS, "waving", entry)
    say = Vocabulary(Words(groups={"sex": {"f": "women", "m": "men"}}, positive="pay back"))
    women, men = {"sex": "f"}, {"sex": "m"}
    assert say.phrase("waving") == "waved through, of those who do not pay back"
    assert say.short("waving") == "waved through"
    assert say.clause("waving", women, men) == "women are waved through less often than men"
    said = say.frequencies("waving", [(women, 0.2), (men, 0.3)])
    assert said == (
        "Of those who do not pay back, the model waves 20 of every 100 women and 30 of every 100 men through."
    )
    assert value_text(METRICS["waving"], 0.5) == "0.500"


def test_gap_targets_are_told_on_the_page_in_plain_words() -> None:
    say = Vocabulary(Words(positive="pay back"))
    assert {name: say.gap(name) for name in GAPS} == {
        "mean_score": "in scores",
        "mean_score_of_positives": "in scores of those who pay back",
        "mean_score_of_negatives": "in scores of those who do not pay back",
        "selection_rate": "in who is selected",
        "true_positive_rate": "in who is found",
        "false_positive_rate": "in who is wrongly selected",
        "log_loss": "in how far scores miss the truth",
        "mean_prediction": "in mean prediction",
    }


def test_every_gap_target_is_of_a_task_and_named_by_the_rule_that_asks() -> None:
    assert {name for task in TASKS for name in task_of(task).gap_targets} == set(TARGETS)
    assert all(name in METRICS["gap_share"].definition for name in GAPS)
