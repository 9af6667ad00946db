"""Attributes called like a column of the counts: everything is as with the column renamed."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import auditkit as ak
from auditkit.check import Check
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.errors import ErrorSums
from auditkit.evidence.frames import COUNTS, Framed, column
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.moments import Valued
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.scoring import ScoreCounts
from auditkit.evidence.tally import Tally
from auditkit.report.html.page import render

ODD = ("count", "group", "group:n", "group:group:n", "self", "index", "level_0", "by", "cells", "weight")
NAMES = [*sorted(COUNTS), *ODD]
PLAIN = ("zqa", "zqb", "zqc")
"""What the attributes are called where they are renamed: found in no other text, and in the same order as by name."""
TRIPLES = [tuple(sorted((NAMES * 2)[i : i + 3])) for i in range(0, len(NAMES), 3)]
FIRST = [("n", "s", "w"), ("bin", "y_pred", "y_true"), ("count", "group:n", "score")]
CASES = [*FIRST, *(pytest.param(t, marks=pytest.mark.slow) for t in TRIPLES)]
ROWS = 600


def frame(names: tuple[str, ...], rows: int = ROWS) -> pd.DataFrame:
    """Two attributes and a control feature of these names, a number, truth, decision, score, weight and cluster."""
    rng = np.random.default_rng(0)
    a, b, c = (rng.choice(list(v), rows, p=p) for v, p in (("fm", (0.4, 0.6)), ("xyz", (0.5, 0.3, 0.2)), ("uv", None)))
    signal = rng.normal(size=rows) + (a == "m") * 0.5
    scored = 1 / (1 + np.exp(-signal))
    known = dict(zip(names, (np.where(rng.random(rows) < 0.02, None, a), b, c), strict=True))
    return pd.DataFrame(known).assign(
        **{"A signal ": signal, "truth ": (rng.random(rows) < scored).astype(int), "says ": (scored > 0.5).astype(int)},
        **{"scored ": scored, "times ": rng.integers(1, 4, rows), "person ": [f"p{i % 200}" for i in range(rows)]},
        **{"class ": np.array(["a", "b", "c"])[rng.integers(0, 3, rows)], "number ": signal + rng.normal(size=rows)},
    )


def dataset(names: tuple[str, ...], part: slice = slice(None), **options: Any) -> ak.Dataset:
    asked = {"y_true": "truth ", "sensitive_features": names[:2], "control_features": names[2], **options}
    rows = frame(names).iloc[part]
    beside = [str(c) for c in rows if c.endswith(" ") and c not in asked.values() and c not in ("says ", "scored ")]
    return ak.Dataset(rows.drop(columns=[c for c in beside if c != "A signal "]), **asked)


def counting(names: tuple[str, ...]) -> list[Check]:
    """Every check that asks no net, all of whose evidence counts by groups."""
    a, b, c = names
    return [
        ak.GroupFairness(
            metrics=["selection_rate", "true_positive_rate", "false_positive_rate", "f1", "equalized_odds_mean"],
            reference={a: "m"},
            n_boot=20,
        ),
        ak.Scores(),
        ak.DataProfile({a: {"f": 0.5, "m": 0.5}}),
        ak.Subgroups(),
        ak.ConditionalParity(c),
        ak.ImpactRatios(),
        ak.ImpactRatios("nyc-ll144", sex=a, race=b),
        ak.ScoringRates(sex=a, race=b),
        ak.UnknownDemographics(),
        ak.Proxies(),
        ak.Consistency(),
    ]


def said(report: ak.Report, names: tuple[str, ...]) -> str:
    """Findings and absences as JSON; under plain names, with these in their place."""
    told = json.dumps([x.model_dump(mode="json") for x in (*report.findings, *report.not_measured)], sort_keys=True)
    for plain, name in zip(PLAIN, names, strict=True):
        told = told.replace(plain, name).replace(plain.capitalize(), name.capitalize())
    return json.dumps(json.loads(told), sort_keys=True)


PREDICTIONS = ak.Predictions("says ", score="scored ")


@pytest.fixture(scope="module")
def plain() -> ak.Report:
    return ak.audit(PREDICTIONS, dataset(PLAIN), checks=counting(PLAIN))


@pytest.mark.slow_one_in(4)
@pytest.mark.one_in(12)
@pytest.mark.parametrize("names", CASES, ids="-".join)
def test_counts_under_these_names_say_what_they_say_renamed(names: tuple[str, ...], plain: ak.Report) -> None:
    checks = counting(names)
    report = ak.audit(PREDICTIONS, dataset(names), checks=checks)
    assert said(report, names) == said(plain, names)

    # parts add (subgroups would need the edges of one fit)
    apart = [c for c in checks if not isinstance(c, ak.Subgroups | ak.Proxies | ak.Consistency)]
    observed = [ak.observe(PREDICTIONS, dataset(names, part), checks=apart) for part in (slice(250), slice(250, None))]
    merged = ak.conclude(observed[0] + observed[1], PREDICTIONS, dataset(names), checks=apart)
    known = {f.id: f for f in report.findings}
    assert len(merged.findings) > 50
    assert all(f == known[f.id] for f in merged.findings)

    # stored, read and judged again
    stored = ak.Report.model_validate_json(report.model_dump_json())
    rules = [
        {"id": f"{metric}{i}", "metric": metric, "comparison": "difference", "by": by, "at_most": limit}
        for i, by in enumerate(([names[0]], list(names[:2])))
        for metric, limit in (("selection_rate", 0.1), ("roc_auc", 0.3), ("conditional_selection_rate", 0.2))
    ]
    judged = ak.judge(stored, {"rule": rules})
    assert all(v.status != "not_measured" for v in judged.verdicts)
    assert judged.verdicts == ak.judge(report, {"rule": rules}, exhibits=False).verdicts
    assert names[0] in render(judged)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("kind", ["multiclass", "regression", "weights", "public"])
def test_other_evidence_under_these_names(kind: str) -> None:
    """Classes, numbers, weights with clusters, and groups that are recoded."""
    options: dict[str, dict[str, Any]] = {
        "multiclass": {"y_true": "class ", "task": "multiclass"},
        "regression": {"y_true": "number ", "task": "regression"},
        "weights": {"weights": "times ", "cluster": "person "},
        "public": {},
    }
    column_of = {"multiclass": "class ", "regression": "A signal "}.get(kind, "says ")
    checks: dict[str, list[Check]] = {
        "multiclass": [ak.ClassFairness()],
        "regression": [ak.RegressionFairness(), ak.Subgroups(metric="mean_error")],
    }
    disclosure = ak.Disclosure(profile="regulator", suppress_below=40) if kind == "public" else None

    def audited(names: tuple[str, ...]) -> ak.Report:
        asked = checks.get(kind, [ak.GroupFairness(), ak.ConditionalParity(names[2]), ak.DataProfile(), ak.Scores()])
        data = dataset(names, **options[kind])
        predictions = ak.Predictions(column_of, score="scored " if kind in ("weights", "public") else None)
        return ak.audit(predictions, data, checks=asked, disclosure=disclosure)

    renamed = audited(PLAIN)
    for names in FIRST if kind in checks else [("w", "w2", "y_true")]:
        report = audited(names)
        assert said(report, names) == said(renamed, names)
        for stored in report.evidence.values():
            kinds = {k.__name__: k for k in (Tally, ClassTally, ErrorSums, ScoreHistogram)}
            if stored.type in kinds:
                assert kinds[stored.type].from_json(stored.data).to_json() == stored.data


NETS = [("w", "y_pred", "y_true"), ("selected", "w2", "what")]
"""In the order of the plain names, after all other columns: keys of rows, and the pairs that are drawn, follow it."""


@pytest.mark.slow_one_in(4)
@pytest.mark.slow
@pytest.mark.parametrize("names", NETS, ids="-".join)
def test_explanations_under_these_names(names: tuple[str, ...]) -> None:
    """Everything that a default audit of a net asks."""

    def audited(names: tuple[str, ...]) -> ak.Report:
        net = nn.Linear(1, 1)
        nn.init.constant_(net.weight, 1.0)
        nn.init.constant_(net.bias, -0.25)
        model = ak.Model(
            net, preprocess=lambda f: f[["A signal "]].to_numpy(np.float32), feature_map={"A signal ": [0]}
        )
        return ak.audit(model, dataset(names), include_examples=2)

    assert said(audited(names), names) == said(audited(PLAIN), names)


def test_every_column_of_counts_is_known() -> None:
    """A column that a table gets and that is not known as one could be taken for groups."""
    g, binary, score = {"g": ["a", "b"] * 20}, np.array([0, 1] * 20), np.linspace(0, 1, 40)
    weighed = Tally.of(g, y_true=binary, y_pred=binary, sample_weight=score + 1)
    batch = next(dataset(PLAIN).batches())
    tables: list[Any] = [
        weighed,
        ClassTally.of(g, ("a", "b"), y_true=binary, y_pred=binary),
        ErrorSums.of(g, y_true=score, y_pred=score),
        NumberSums.of(g, values=score, sample_weight=score + 1),
        ScoreHistogram.of(g, y_true=binary, y_pred=binary, score=score),
        ScoreCounts.of(batch),
    ]
    for evidence in tables:
        frames = [v for f in fields(evidence) if isinstance(v := getattr(evidence, f.name), pd.DataFrame)]
        assert frames
        for table in frames:
            assert {str(c) for c in table} - {column(b) for b in evidence.by} <= COUNTS
    assert {type(t) for t in tables} >= {*Framed.__subclasses__(), *Valued.__subclasses__()} - {Valued}


def test_an_older_report_names_columns_by_the_attributes() -> None:
    """`score` is no column of a tally, so that reports have tallies with an attribute of this name."""
    tally = Tally.of({"score": ["a", "b"] * 10}, y_true=[0, 1] * 10, y_pred=[1] * 20)
    stored = tally.to_json()
    assert list(stored["cells"]) == [column("score"), "y_true", "y_pred", "n"]
    older = {**stored, "cells": {"score": stored["cells"][column("score")], **stored["cells"]}}
    del older["cells"][column("score")]
    assert Tally.from_json(older).to_json() == stored
