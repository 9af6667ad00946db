"""Options of every check: held or refused in one line, by name and in Python; what is held runs without an accident."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import auditkit as ak
from auditkit.checks import CHECKS, _loaded, check_of
from tests.fuzz.budget import fuzzed
from tests.fuzz.settings_mutations import JUNK, judged, report, rows

pytestmark = pytest.mark.fuzz
_KINDS: dict[str, Any] = {name: _loaded(place) for name, place in CHECKS.items()}
_RUN = {name for name, place in CHECKS.items() if place.startswith("auditkit.fairness")}
"""Checks that run on predictions alone."""
_NEEDED: dict[str, dict[str, Any]] = {
    "conditional_parity": {"control": "c"},
    "continuous_attribute": {"column": "x0"},
    "recourse": {"actionable": ["x0"]},
    "measured": {"number": "x0"},
    "gap_heterogeneity": {"over": "sex"},
    "flip_test": {"attributes": ["sex"]},
    "influence": {"train": "train.csv", "y_true": "y", "checkpoints": ["a.safetensors"], "learning_rates": [0.1]},
    "concepts": {"attributes": ["sex"]},
}
_NEARLY = st.one_of(
    st.sampled_from(JUNK), st.integers(-3, 50), st.floats(), st.text(max_size=5),
    st.lists(st.sampled_from(("sex", "age", "c", "x0", "selection_rate", "accuracy")), max_size=3),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What a case needs is imported before it is measured."""
    report()
    _audited("conditional_parity", {"control": "c"}, by_name=True)()


def _options(name: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    fields = [f.name for f in dataclasses.fields(_KINDS[name]) if f.init and f.name not in ("tasks", "coding")]
    needed = _NEEDED.get(name, {})
    drawn = st.dictionaries(st.sampled_from(fields), _NEARLY, min_size=1, max_size=2)
    return drawn.map(lambda found: (name, {**needed, **found}))


def _audited(name: str, options: dict[str, Any], *, by_name: bool) -> Callable[[], Any]:
    def call() -> str:
        check = check_of(name, options, where="audit.toml:7") if by_name else _KINDS[name](**options)
        if name not in _RUN:
            return "held"
        task = {"class_fairness": "multiclass", "regression_fairness": "regression"}.get(name, "binary")
        said = {"y_true": "y", "sensitive_features": ["sex", "age"], "control_features": ["c"]}
        data = ak.Dataset(rows().drop(columns="w"), task=task, **said)
        model = ak.Predictions("p", "s" if task == "binary" else None)
        report = ak.audit(model, data, checks=[check], sample=100, on_error="raise")
        return report.model_dump_json()[:1]

    return call


@fuzzed
@given(st.sampled_from(sorted(CHECKS)).flatmap(_options), st.booleans())
@example(("group_fairness", {"n_boot": 10**12}), True)
@example(("group_fairness", {"n_boot": 10, "random_state": -1}), True)
@example(("scores", {"by": "sex"}), False)
def test_options(asked: tuple[str, dict[str, Any]], by_name: bool) -> None:
    judged(_audited(*asked, by_name=by_name))
