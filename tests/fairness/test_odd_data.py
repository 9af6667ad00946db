"""Every fairness check on every odd and lawful data set: an answer or a reason, never an accident; saved and drawn."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import auditkit as ak
from auditkit.check import Check
from auditkit.records import Table
from auditkit.report.formats import FORMATS, render
from tests.fairness.odd_data import DATA, Frame

ODD = sorted(DATA)


def _binary() -> list[Check]:
    return [
        ak.DataProfile(), ak.GroupFairness(), ak.Scores(), ak.Subgroups(), ak.Subgroups(metric="mean_error", depth=2),
        ak.ConditionalParity(control="c"), ak.ImpactRatios(), ak.ScoringRates(sex="g", race="h"),
        ak.ImpactRatios(law="nyc-ll144", sex="g", race="h", minimum_share=0.02, justification="few"),
        ak.UnknownDemographics(), ak.Proxies(), ak.Consistency(), ak.ContinuousAttribute(column="x1"),
    ]  # fmt: skip


def _told_apart(checks: list[Check]) -> list[list[Check]]:
    """Two audits where two checks have one name."""
    seen: dict[str, int] = {}
    out: list[list[Check]] = [[], []]
    for c in checks:
        out[seen.setdefault(c.name, 0)].append(c)
        seen[c.name] += 1
    return [part for part in out if part]


def audits(frame: Frame) -> list[ak.Report]:
    """The reports of every fairness check on a frame: plain, weighted, clustered; other tasks."""
    said = {"y_true": "y", "sensitive_features": ["g", "h"], "control_features": ["c"]}
    asked: dict[str, Any] = {"on_error": "raise", "sample": 200}
    plain = frame.drop(columns="w")
    out = [
        ak.audit(ak.Predictions("p", "s"), ak.Dataset(plain, **said), checks=part, **asked)
        for part in _told_apart(_binary())
    ]
    paired = frame.assign(k=np.arange(len(frame)) // 2)
    heavy = ak.Dataset(paired, weights="w", cluster="k", y_true="y", sensitive_features=["g"])
    out.append(ak.audit(ak.Predictions("p"), heavy, checks=[ak.GroupFairness(n_boot=40), ak.DataProfile()], **asked))
    several = plain.assign(y=plain.y.map({0: "no", 1: "yes"}), p=plain.p.map({0: "no", 1: "perhaps"}))
    if several.y.notna().any():
        labels = ak.Dataset(several, task="multiclass", classes=["no", "yes", "perhaps"], **said)
        out.append(ak.audit(ak.Predictions("p"), labels, checks=[ak.ClassFairness()], **asked))
    if plain.s.notna().any() and plain.y.nunique() > 1:
        numbers = ak.Dataset(plain.assign(y=plain.y.astype(float)), task="regression", **said)
        out.append(ak.audit(ak.Predictions("s"), numbers, checks=[ak.RegressionFairness()], **asked))
    twice = ak.Dataset(plain.assign(y2=1 - plain.y), task="multilabel", y_true=["y", "y2"], sensitive_features=["g"])
    out.append(ak.audit(ak.Predictions(["p", "p"]), twice, checks=[ak.GroupFairness()], **asked))
    return out


@pytest.mark.slow_one_in(3)
@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_every_check_answers_or_says_why_not_and_the_report_is_stored_and_drawn(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i, report in enumerate(audits(DATA[name]())):
            assert report.findings or report.not_measured
            assert not [n for n in report.not_measured if n.accident]
            path = report.save(tmp_path / f"{i}.json")
            text = path.read_text()
            json.loads(text, parse_constant=lambda found: pytest.fail(f"{found} in the JSON"))
            stored = ak.Report.load(path)
            assert stored == report
            others = sorted(FORMATS.keys() - {"html", "json"})
            for format in ("html", "json", others[(i + list(ODD).index(name)) % len(others)]):
                assert not re.search(r"(?<![\w-])(?<!= )(nan|inf|Infinity)(?![\w-])", render(stored, format)), format


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", [n for n in ODD if "score" in n or "rare" in n or "net" in n])
def test_scores_of_any_kind_are_answered_without_infinities(name: str) -> None:
    data = ak.Dataset(DATA[name]()[["g", "y", "p", "s"]], y_true="y", sensitive_features=["g"])
    report = ak.audit(ak.Predictions("p", "s"), data, checks=[ak.Scores()], on_error="raise")
    assert report.findings
    stored = render(report, "json")
    json.loads(stored, parse_constant=lambda found: pytest.fail(f"{found} in the JSON"))
    assert ak.Report.from_json(stored) == report


def test_the_best_common_threshold_may_select_nobody_and_says_so() -> None:
    """Truth: with scores that never reach one half for positives, accuracy is greatest where nobody is selected."""
    frame = DATA["rare positives 0"]()
    best = max(np.unique(frame.s), key=lambda t: ((frame.s >= t) == frame.y).mean())
    assert ((frame.s >= best) == frame.y).mean() < (frame.y == 0).mean()
    data = ak.Dataset(frame[["g", "y", "p", "s"]], y_true="y", sensitive_features=["g"])
    report = ak.audit(ak.Predictions("p", "s"), data, checks=[ak.Scores()], on_error="raise")
    (finding,) = [f for f in report.findings if f.metric == "price_of_parity"]
    (table,) = [x for x in finding.exhibits if isinstance(x, Table) and x.title.startswith("Thresholds")]
    (row,) = [r for r in table.rows if r[0] == "one threshold for all"]
    assert row[2] == "selects nobody"
    assert "selects nobody" in render(report, "html")
