"""Options are held to their annotations, in Python and by name: one PolicyError that says what was expected."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.checks import CHECKS, _loaded, check_of
from auditkit.errors import AuditkitError, PolicyError

WRONG: dict[str, tuple[Any, ...]] = {
    "int": ("2", 2.0, True, [2], {}, None, 1j, float("nan"), 10**400, np.float64(3), datetime.date(2027, 1, 1)),
    "float": ("0.1", True, [0.1], {}, None, 1j, float("nan"), float("inf"), 10**400, b"1"),
    "str": (1, 1.0, True, ["a"], {}, None, b"a", object()),
    "Sequence[float]": (1.0, True, {}, None, b"a", ["a"], [None], [[0.1]], 3j),
    "Iterable[Iterable[str]] | None": (1, True, {"a": 1}, b"a", [1], [[1]], [None], [[["a"]]], object()),
    "Sequence[str] | None": (1, True, {"a": 1}, b"a", [1], [["a"]], [None]),
    "Mapping[str, Mapping[str, float]] | None": (1, "a", ["a"], {"a": 1}, {"a": {"b": "c"}}, {1: {"b": 1.0}}),
    "Mapping[str, str]": (1, "a", ["a"], {"a": 1}, {1: "a"}, None),
}
FIELDS = [
    (name, f.name, kind)
    for name, place in CHECKS.items()
    for f in dataclasses.fields(_loaded(place))
    if f.init and (kind := str(f.type)) in WRONG
]
NEEDED: dict[str, dict[str, Any]] = {
    "conditional_parity": {"control": "c"},
    "continuous_attribute": {"column": "c"},
    "measured": {"number": "c"},
    "gap_heterogeneity": {"over": "c"},
}


@pytest.mark.parametrize(("name", "option", "kind"), FIELDS)
def test_every_wrong_type_is_one_clear_error(name: str, option: str, kind: str) -> None:
    for value in WRONG[kind]:
        options = {**NEEDED.get(name, {}), option: value}
        if name == "recourse":
            options = {"actionable": ["x"], **options}
        with pytest.raises(PolicyError, match=rf"{option} .*(must be|has more)|'.*' in {option}") as direct:
            _loaded(CHECKS[name])(**options)
        with pytest.raises(PolicyError, match=f"^audit.toml:7: check '{name}': ") as by_name:
            check_of(name, options, where="audit.toml:7")
        assert str(by_name.value).endswith(str(direct.value))
        assert "\n" not in str(direct.value)


def test_what_means_the_same_is_held_alike() -> None:
    plain = ak.GroupFairness(by=[["sex", "race"]], metrics=["accuracy"])
    assert ak.GroupFairness(by=(x for x in [("sex", "race")]), metrics=pd.Index(["accuracy"])) == plain
    assert ak.Scores(by="sex") == ak.Scores(by=["sex"]) == ak.Scores(by=[["sex"]])
    assert ak.Subgroups(depth=np.int64(2)) == ak.Subgroups(depth=2)
    assert type(ak.Subgroups(depth=np.int64(2)).depth) is int
    assert ak.UnknownDemographics(limit=1) == ak.UnknownDemographics(limit=1.0)


TWICE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a metric": ({"metrics": ["accuracy", "accuracy"]}, {"metrics": ["accuracy"]}),
    "a metric by two names": ({"metrics": ["recall_score", "true_positive_rate"]}, {"metrics": ["true_positive_rate"]}),
    "a set": ({"by": [["sex"], ["sex"], "sex"]}, {"by": [["sex"]]}),
    "an attribute in a set": ({"by": [["sex", "sex"]]}, {"by": [["sex"]]}),
}


@pytest.mark.parametrize("what", TWICE)
@pytest.mark.parametrize("name", ["group_fairness", "class_fairness", "scores", "conditional_parity", "impact_ratios"])
def test_what_is_named_twice_is_asked_once(name: str, what: str) -> None:
    twice, once = TWICE[what]
    if not set(twice) <= {f.name for f in dataclasses.fields(_loaded(CHECKS[name]))}:
        return
    if name == "class_fairness" and what == "a metric by two names":
        twice, once = {"metrics": ["accuracy_score", "accuracy"]}, {"metrics": ["accuracy"]}
    assert check_of(name, {**NEEDED.get(name, {}), **twice}) == check_of(name, {**NEEDED.get(name, {}), **once})


def test_an_audit_that_names_everything_twice() -> None:
    frame = pd.DataFrame({"sex": ["f", "m"] * 30, "c": ["a", "a", "b"] * 20, "y": [0, 1, 1] * 20, "p": [0, 1] * 30})
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex", "sex"], control_features=["c", "c"])
    metrics = ["selection_rate", "selection_rate"]
    asked = [
        ak.GroupFairness(by=[["sex"], ["sex", "sex"]], metrics=metrics),
        ak.ConditionalParity(control=["c", "c"], metrics=metrics, by=["sex", "sex"]),
        ak.ImpactRatios(by=["sex", "sex"]),
        ak.UnknownDemographics(by=["sex", "sex"]),
        ak.Proxies(by=["sex", "sex"]),
        ak.Subgroups(columns=["sex", "sex"]),
    ]
    report = ak.audit(ak.Predictions("p"), data, checks=asked)
    assert len({f.id for f in report.findings}) == len(report.findings) > 6


def test_options_give_the_same_check_again() -> None:
    for name in CHECKS:
        if name in ("recourse", "influence", "conditional_parity", "continuous_attribute", "measured", *NEEDED):
            continue
        check = check_of(name)
        assert check_of(name, {k: v for k, v in check.options().items() if k != "coding"}) == check


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
@pytest.mark.parametrize(("name", "option"), [("attribution", "seed"), ("group_fairness", "random_state")])
def test_seeds_that_no_generator_takes(name: str, option: str, seed: int) -> None:
    with pytest.raises(AuditkitError, match=f"{option} of"):
        check_of(name, {option: seed})


def test_more_replicates_than_anybody_waits_for() -> None:
    with pytest.raises(PolicyError, match="n_boot must be at most 100,000, got 1,000,000,000,000"):
        ak.GroupFairness(n_boot=10**12)
