"""Every odd net, through every explanation, is answered or not measured for a true reason: no check breaks.

Where a net has an ordinary twin that computes the same, its explanations are the twin's.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.checks import default_checks
from auditkit.errors import NotExplained
from auditkit.explain.asking import answering
from auditkit.explain.attributions.study import explain
from auditkit.explain.gaps.splitting import _filled
from auditkit.explain.layers.study import Options, study
from auditkit.records import Report
from tests.explain import odd_nets
from tests.explain.odd_nets import COLUMNS, ODD, WIDTH

ROWS = 90


def rows(missing: bool = False, n: int = ROWS) -> tuple[pd.DataFrame, Any, Any]:
    rng = np.random.default_rng(0)
    group = np.where(rng.random(n) < 0.5, "A", "B")
    x = rng.normal(size=(n, WIDTH))
    x[:, 0] += group == "A"
    y = (x[:, 0] + rng.normal(size=n) > 0.5).astype(int)
    if missing:
        x[::7, 2] = x[1::5, 1] = np.nan
    return pd.DataFrame(x.round(2), columns=list(COLUMNS)), y, group


def model_of(name: str, **options: Any) -> ak.Model:
    odd = ODD[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = odd.make()
    return ak.Model(net, preprocess=odd.preprocess, feature_map=odd.feature_map, outputs=odd.outputs, **options)


def data_of(name: str) -> ak.Dataset:
    x, y, group = rows(ODD[name].missing)
    return ak.Dataset.from_arrays(x, y_true=y, sensitive_features={"g": group})


def all_checks() -> list[Any]:
    x, y, group = rows()
    train = x.assign(y=y, g=group)
    return [
        ak.Attribution(),
        ak.GapAttribution(permutations=2, shuffles=1),
        ak.LayerAudit(random=1),
        ak.FlipTest(),
        ak.Concepts(permutations=99),
        ak.Influence(train=train, y_true="y", positive=1),
        ak.Recourse(actionable=["f0"], depth=1, grid=3),
        ak.Examples(n=1),
    ]


def audited(name: str, checks: Any = None) -> Report:
    found = ak.audit(
        model_of(name), data_of(name), checks=all_checks() if checks is None else checks, on_error="not_measured"
    )
    json.loads(found.to_json())
    return found


QUICK = (
    "nan_to_num", "inference mode", "attention", "complex", "rows in another order",
    "in place twice", "constant up to rounding", "layers twice", "by name, vectors",
    "no backward", "script", "DataParallel",
)  # fmt: skip
"""Those that are no slower than an ordinary net, and that no other net here stands for."""


@pytest.mark.slow_one_in(3)
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ODD])
def test_no_check_breaks(name: str) -> None:
    report = audited(name)
    assert not [n for n in report.not_measured if n.accident]
    for absent in report.not_measured:
        assert not any(mark in absent.why for mark in ("4711", "version", "Traceback")), "no words but ours"


@pytest.mark.slow_one_in(3)
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_no_usual_check_breaks(name: str) -> None:
    report = ak.audit(model_of(name), data_of(name), on_error="not_measured")
    assert not [n for n in report.not_measured if n.accident]


# ---- the answers


def brute_force(model: ak.Model, x: np.ndarray[Any, Any], baseline: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(N, d) Shapley values by their definition, over all sets of columns."""
    d = x.shape[1]
    value = {}
    for s in itertools.chain.from_iterable(itertools.combinations(range(d), k) for k in range(d + 1)):
        mixed = np.where(np.isin(np.arange(d), s), x, baseline)
        with model.inspecting(), torch.no_grad():
            value[s] = model.decision(torch.as_tensor(mixed, dtype=torch.float32)).double().numpy()
    phi = np.zeros(x.shape)
    for s, v in value.items():
        for j in set(range(d)) - set(s):
            share = math.factorial(len(s)) * math.factorial(d - len(s) - 1) / math.factorial(d)
            phi[:, j] += share * (value[tuple(sorted((*s, j)))] - v)
    return phi


def sample_of(name: str) -> Any:
    from auditkit.batch import Batch

    x, y, group = rows(ODD[name].missing)
    return Batch(
        features=x,
        y_true=y.astype(np.int8),
        groups=pd.DataFrame({"g": pd.Categorical(group)}),
        y_pred=y.astype(np.int8),
        score=np.full(len(y), 0.5),
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nan_to_num", "missing or infinite"),
        ("in place twice", "cannot be differentiated"),
        ("inference mode", "detached"),
        ("no backward", "cannot be differentiated"),
        ("in place on a view", "cannot be run with gradients"),
    ],
)
def test_without_gradients_the_answer_is_shapley_values(name: str, why: str) -> None:
    model, sample = model_of(name), sample_of(name)
    found = explain(model, sample)
    assert found.method == "shapley"
    assert why in found.switched
    x = sample.features.to_numpy(np.float32)
    np.testing.assert_allclose(found.phi, brute_force(model, x, np.nanmean(x, axis=0)), atol=2e-5)


def test_layers_behind_a_missing_value_are_those_of_a_net_that_sees_no_missing_value() -> None:
    """The hidden layers of `nan_to_num` on missing rows are those of its twin on rows filled with 0."""
    sample, model = sample_of("nan_to_num"), model_of("nan_to_num")
    plain = ak.Model(model.module.inner)
    filled = sample.__class__(**{**vars(sample), "features": sample.features.fillna(0.0)})
    own, twin = (study(m, s, Options(None, None, 1, 0)).sums["g"] for m, s in ((model, sample), (plain, filled)))
    for layer in ("0", "1"):
        for what in ("low_right", "high_right", "auc", "low_scores"):
            np.testing.assert_allclose(own[f"inner.{layer}"][what], twin[layer][what], rtol=1e-5)
    assert "flow" in twin["0"]
    assert "flow" not in own["inner.0"], "no gradient leads to what is missing"
    assert {"low_right", "control"} <= set(own["input"]), "the input is read with its missing entries as they are"


def test_a_layer_that_has_no_numbers_is_not_measured_and_the_rest_is() -> None:
    model, sample = model_of("nan_to_num"), sample_of("nan_to_num")
    net = nn.Sequential(nn.Identity(), model.module)
    found = study(ak.Model(net), sample, Options(None, None, 0, 0))
    reasons = {y["name"]: y["reason"] for y in found.facts["layers"]}
    bad = int(sample.features.isna().any(axis=1).sum())
    assert reasons["0"] == f"its output is NaN or infinite for {bad} of {ROWS} rows"
    assert not reasons["1.inner.0"]


def test_experts_that_see_some_rows_are_not_measured_and_the_head_is() -> None:
    sample = sample_of("a rare expert")
    # the first rows, by which layers are found, all go to one expert
    sample = sample.__class__(**{**vars(sample), "features": sample.features.sort_values("f0").reset_index(drop=True)})
    found = study(model_of("a rare expert"), sample, Options(None, None, 0, 0))
    reasons = {y["name"]: y["reason"] for y in found.facts["layers"]}
    assert reasons["experts.0.0"] == reasons["experts.0.1"] == "it is not called with every row"
    assert not reasons["head"]
    assert "low_right" in found.sums["g"]["head"]
    assert "experts.0.0" not in found.sums["g"]


def test_attention_takes_its_ordinary_way_and_the_switch_is_as_before() -> None:
    model = model_of("padding mask")
    x = rows()[0]
    before = torch.backends.mha.get_fastpath_enabled()
    own = model.predict(x)
    assert torch.backends.mha.get_fastpath_enabled() == before
    with torch.no_grad():
        quick = torch.sigmoid(model.module.eval()(torch.tensor(x.to_numpy(np.float32))))
    np.testing.assert_allclose(own, quick[:, 0].double().numpy(), atol=1e-5)


def influence_of(model: ak.Model) -> Any:
    x, y, group = rows()
    check = ak.Influence(train=x.assign(y=y, g=group), y_true="y", positive=1)
    score = model.predict(x)
    sample = sample_of("DataParallel")
    return check.examine(model, sample.__class__(**{**vars(sample), "score": score})).cells.columns


class Plain(odd_nets.Attending):
    """Attention as in the textbook, with any number of derivatives."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.lift(x[..., None])).chunk(3, -1)
        share = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, -1)
        return self.head((share @ v).mean(1))


def test_influence_of_nets_that_stand_in_the_way_is_that_of_their_twins() -> None:
    many = model_of("DataParallel")
    attending = model_of("attention")
    plain = Plain()
    plain.load_state_dict(attending.module.state_dict())
    for own, twin in ((many, ak.Model(many.module.module)), (attending, ak.Model(plain))):
        a, b = influence_of(own), influence_of(twin)
        assert a.keys() == b.keys()
        assert len(a)
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-3, atol=1e-6)


def test_vectors_by_name_are_split_as_columns_are() -> None:
    own, sample = model_of("by name, vectors"), sample_of("by name, vectors")
    twin = ak.Model(
        own.module.inner, feature_map={"a": [0], "b": [1], "rest": [2, 3]}, preprocess=lambda f: f.to_numpy()
    )
    check = ak.GapAttribution()
    a, b = check.examine(own, sample), check.examine(twin, sample)
    assert a.units.keys() == b.units.keys()
    for contrast, units in a.units.items():
        np.testing.assert_allclose(units.mean, b.units[contrast].mean, atol=1e-5)
    assert a.outside == b.outside
    layers, plain = (study(m, sample, Options(None, None, 0, 0)).sums["g"]["input"]["flow"] for m in (own, twin))
    np.testing.assert_allclose(layers, plain, rtol=1e-4)


def test_wrong_names_still_stop_the_audit() -> None:
    for check, error in (
        (ak.LayerAudit(layers=["nowhere"]), "no layer 'nowhere'"),
        (ak.Concepts(layers=["nowhere"]), "no layer 'nowhere'"),
        (ak.LayerAudit(by="sox"), "no sensitive attribute 'sox'"),
        (ak.GapAttribution(by="sox"), "no sensitive feature 'sox'"),
        (ak.FlipTest(attributes="sox"), "no sensitive feature 'sox'"),
        (ak.Recourse(actionable=["f9"]), "no column 'f9'"),
    ):
        with pytest.raises(ak.AuditkitError, match=error):
            audited("hooks", [check])


def test_a_net_that_leaves_on_changed_rows_costs_what_changes_them() -> None:
    x, y, group = rows()
    model = ak.Model(odd_nets.Exits())
    report = ak.audit(
        model,
        ak.Dataset.from_arrays(x, y_true=y, sensitive_features={"g": group}),
        checks=[ak.Attribution(), ak.GroupFairness()],
        on_error="not_measured",
    )
    assert {n.what: n.why for n in report.not_measured} == {
        "attribution:integrated_gradients": "the net cannot be run on changed rows (SystemExit)"
    }
    assert {f.concern for f in report.findings} >= {"performance", "fairness"}


class Outputs(nn.Module):
    """A net's logit as the one number of a regression, or as those of three classes."""

    def __init__(self, inner: nn.Module, outputs: int) -> None:
        super().__init__()
        self.inner, self.outputs = inner, outputs

    def forward(self, *given: Any, **named: Any) -> torch.Tensor:
        out = self.inner(*given, **named)
        out = (out["logits"] if isinstance(out, dict) else out).reshape(-1, 1)
        return torch.cat([out * (k - 0.7) for k in range(self.outputs)], 1) if self.outputs > 1 else out


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("name", ["nan_to_num", "inference mode", "in place twice", "by name, vectors", "complex"])
def test_no_check_breaks_in_other_tasks(name: str, task: Any) -> None:
    model, (x, y, group) = model_of(name), rows(ODD[name].missing)
    label = {"label": "1"} if task == "multiclass" else {}
    data = ak.Dataset.from_arrays(x, y_true=y + np.arange(len(y)) % 2, sensitive_features={"g": group}, task=task)
    report = ak.audit(
        ak.Model(Outputs(model.module, 3 if label else 1), task=task, preprocess=model.preprocess),
        data,
        checks=[*default_checks(task), ak.Concepts(permutations=99, **label), ak.Examples(n=1)]
        + ([ak.GapAttribution(**label)] if label else []),
        on_error="not_measured",
    )
    assert not [n for n in report.not_measured if n.accident]


# ---- reasons


class Blank(nn.Module):
    """Gives no number where its first column is another than 0 or 1."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = odd_nets.mlp()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        known = (x[:, :1] == 0) | (x[:, :1] == 1)
        return torch.where(known, self.inner(x), torch.nan)


def test_no_numbers_on_changed_rows_is_a_reason_of_the_check_that_changes_them() -> None:
    x, y, group = rows()
    x = x.assign(f0=(x.f0 > 0).astype(float), f1=(group == "A") * 2.0)
    model = ak.Model(Blank(), outputs="logits")
    data = ak.Dataset.from_arrays(x, y_true=y, sensitive_features={"g": group, "f1": x.f1.to_numpy()})
    report = ak.audit(
        model,
        data,
        checks=[ak.GapAttribution(permutations=2, shuffles=1), ak.Attribution(), ak.FlipTest(attributes="f1")],
        on_error="not_measured",
    )
    assert not [n for n in report.not_measured if n.accident]
    why = {n.what: n.why for n in report.not_measured}
    assert "are NaN or infinite" in why["attribution:integrated_gradients"]
    assert any(f.metric == "gap_share" for f in report.findings), "mixed rows have whole numbers still"


def test_recourse_and_flips_say_what_the_net_refuses() -> None:
    class OnlySeen(nn.Module):
        """Knows the rows of the data, and no other."""

        def __init__(self, x: torch.Tensor) -> None:
            super().__init__()
            self.inner, self.seen = odd_nets.mlp(), {tuple(r) for r in x.tolist()}

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if any(tuple(r) not in self.seen for r in x.tolist()):
                raise KeyError("never seen: Mrs Ogilvy")
            return self.inner(x)

    x, y, group = rows()
    x = x.assign(f1=(group == "A") * 1.0)
    model = ak.Model(OnlySeen(torch.tensor(x.to_numpy(np.float32))))
    data = ak.Dataset.from_arrays(x, y_true=y, sensitive_features={"f1": x.f1.to_numpy()})
    report = ak.audit(
        model,
        data,
        checks=[ak.FlipTest(), ak.Recourse(actionable=["f0"], depth=1, grid=3), ak.GapAttribution(), ak.Examples(n=1)],
        on_error="not_measured",
    )
    why = {n.what: n.why for n in report.not_measured}
    assert why["what flipping f1 changes"] == "the net cannot be run on rows with another f1 (KeyError)"
    assert why["recourse"] == "the net cannot be run on changed rows (KeyError)"
    assert why["gap_attribution"] == "the net cannot be run on rows mixed of two rows (KeyError)"
    assert not any(n.accident for n in report.not_measured)
    assert "Ogilvy" not in report.to_json()


def test_a_layer_that_gives_no_numbers_is_no_place_for_a_concept() -> None:
    model, sample = model_of("nan_to_num"), sample_of("nan_to_num")
    net = nn.Sequential(nn.Identity(), model.module)
    found = ak.Concepts(permutations=99)
    assessed = found.assess(found.examine(ak.Model(net), sample))
    bad = int(sample.features.isna().any(axis=1).sum())
    why = f"layer '0': its output is NaN or infinite for {bad} of {ROWS} rows"
    assert why in {n.why for n in assessed.not_measured}
    assert assessed.findings


def test_missing_entries_count_in_how_far_mixed_rows_lie_from_the_data() -> None:
    real = torch.tensor([[0.0, torch.nan], [1.0, 4.0], [2.0, 6.0]]).double()
    made = torch.tensor([[5.0, torch.nan]]).double()
    a, b = _filled(real, made)
    assert a.tolist() == [[0.0, 5.0, 1.0], [1.0, 4.0, 0.0], [2.0, 6.0, 0.0]]
    assert b.tolist() == [[5.0, 5.0, 1.0]]


def test_our_own_words_are_kept_and_those_of_others_are_not() -> None:
    with pytest.raises(NotExplained, match=r"refused \(the model gives NaN\)"), answering("refused"):
        raise ak.ModelError("the model gives NaN")
    converted = ak.ModelError("the net says: row 4711")
    converted.__cause__ = KeyError("row 4711")
    with pytest.raises(NotExplained, match=r"refused \(KeyError\)$"), answering("refused"):
        raise converted
    with pytest.raises(MemoryError), answering():
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), answering():
        raise KeyboardInterrupt
