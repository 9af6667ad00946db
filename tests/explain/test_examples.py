"""Single cases: which rows are chosen, that their contributions are Captum's, and that no row is shown unasked."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.errors import DataError, ModelError, PolicyError
from auditkit.explain.cases.check import Examples
from auditkit.explain.cases.findings import CasesSeen
from auditkit.explain.cases.local import explain
from auditkit.explain.cases.pictures import picture, png
from auditkit.explain.cases.shown import tokens_of
from auditkit.inputs.model import Model
from auditkit.records import Case, Cases, Finding
from tests.explain.test_attribution import mlp, sample
from tests.helpers import run_cli


def decided(model: Model, batch: Batch) -> Batch:
    from dataclasses import replace

    score = model.predict(batch.features)
    truth = (np.random.default_rng(1).random(len(score)) < 0.5).astype(np.int8)
    return replace(batch, y_true=truth, y_pred=(score >= model.threshold).astype(np.int8), score=score)


def cases(finding: Finding) -> tuple[Case, ...]:
    (exhibit,) = finding.exhibits
    assert isinstance(exhibit, Cases)
    return exhibit.cases


def test_chosen_rows_against_a_slow_twin() -> None:
    model = Model(mlp())
    batch = decided(model, sample(200))
    seen = Examples(2).examine(model, batch)
    x = batch.features.to_numpy()
    assert batch.score is not None
    wrong = batch.y_true != batch.y_pred
    expected = []
    for group in sorted(set(batch.groups["sex"])):
        rows = [i for i in range(200) if wrong[i] and batch.groups["sex"].iloc[i] == group]
        scale = x[wrong].std(axis=0)
        middle = x[rows].mean(axis=0)
        typical = sorted(rows, key=lambda i: float((((x[i] - middle) / scale) ** 2).sum()))[:2]
        far = sorted(rows, key=lambda i: -abs(float(batch.score[i]) - 0.5))[:2]  # type: ignore[index]
        expected += [*typical, *far]
    shown = [f"{batch.score[i]:.3f}" for i in expected]
    assert seen.cases.labels["score"] == shown
    assert seen.cases.labels["why"] == [*["typical"] * 2, *["consequential"] * 2] * 2


def test_contributions_are_captums() -> None:
    net = mlp()
    frame = sample(40).features
    found = explain(Model(net), frame.iloc[:5], background=frame, n_steps=64)
    x = torch.tensor(frame.to_numpy(), dtype=next(net.parameters()).dtype)
    oracle = IntegratedGradients(lambda t: net(t).reshape(len(t))).attribute(
        x[:5], baselines=x.mean(0, keepdim=True), n_steps=64, method="gausslegendre"
    )
    np.testing.assert_allclose(found.frame.to_numpy(), oracle.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(found.frame.sum(axis=1), found.delta, atol=1e-3)
    assert found.holds.all()
    assert list(found.frame.index) == list(frame.index[:5])
    assert "<table" in found._repr_html_()


def test_cases_add_and_survive_json() -> None:
    model = Model(mlp())
    batch = decided(model, sample(200))
    seen = Examples(2).examine(model, batch)
    read = CasesSeen.from_json(json.loads(json.dumps(seen.to_json(), allow_nan=False)))
    (a,), (b,) = (Examples(2).assess(s).findings for s in (seen, read))
    assert cases(a) == cases(b)
    (twice,) = Examples(2).assess(seen + seen).findings
    assert len(cases(twice)) == len(cases(a)) == 8
    assert cases(twice)[0] == cases(twice)[1] == cases(a)[0]


def test_a_failed_row_says_so() -> None:
    class Step(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x[:, 0] > 0).float() * 3 + 0.01 * x[:, 1]

    model = Model(Step())
    batch = decided(model, sample(100))
    (finding,) = Examples(3).assess(Examples(3).examine(model, batch)).findings
    assert any("does not hold" in c.note for c in cases(finding))
    assert not finding.trust[1].passed


def test_a_net_that_cannot_be_explained_still_shows_its_cases() -> None:
    model = Model(mlp(), preprocess=lambda f: f.to_numpy(copy=True))
    batch = decided(model, sample(100))
    (finding,) = Examples(1).assess(Examples(1).examine(model, batch)).findings
    assert [c.contributions for c in cases(finding)] == [()] * 4
    assert any(n.startswith("not explained: columns not mapped") for n in finding.notes)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(task: Any) -> None:
    from dataclasses import replace

    torch.manual_seed(0)
    model = Model(nn.Linear(6, 3 if task == "multiclass" else 1), task=task)
    batch = sample(200)
    out = model.predict(batch.features)
    rng = np.random.default_rng(0)
    if task == "multiclass":
        truth = rng.integers(0, 3, 200).astype(np.int16)
        batch = replace(batch, y_true=truth, y_pred=out.argmax(1).astype(np.int16), score=out, classes=("u", "v", "w"))
    else:
        batch = replace(batch, y_true=rng.normal(size=200), y_pred=out, score=None)
    (finding,) = Examples(2).assess(Examples(2).examine(model, replace(batch, task=task))).findings
    assert len(cases(finding)) == 8
    for case in cases(finding):
        assert len(case.contributions) == 6
        assert case.note == ""


def test_images_become_pictures() -> None:
    from dataclasses import replace

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 64)), columns=[f"p{i}" for i in range(64)])
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 1))
    model = Model(
        net,
        preprocess=lambda f: f.to_numpy(np.float32).reshape(-1, 1, 8, 8),
        feature_map=np.arange(64).reshape(8, 8) // 2,
    )
    batch = decided(model, replace(sample(80), features=frame))
    (finding,) = Examples(1).assess(Examples(1).examine(model, batch)).findings
    data = base64.b64decode(cases(finding)[0].png)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 56
    assert cases(finding)[0].contributions[0][0].startswith("region")


def test_texts_become_tokens() -> None:
    from dataclasses import replace

    words = ["a", "good", "bad", "film", "plot"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, rng.integers(2, 5))) for _ in range(80)]

    def ids(f: pd.DataFrame) -> np.ndarray[Any, Any]:
        out = np.zeros((len(f), 4), dtype=np.int64)
        for i, text in enumerate(f["text"]):
            found = [words.index(w) + 1 for w in text.split()]
            out[i, : len(found)] = found
        return out

    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embed, self.out = nn.Embedding(6, 4, padding_idx=0), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.tanh(self.embed(x).sum(1)))[:, 0]

    model = Model(Reads(), preprocess=ids, feature_map=np.arange(4))
    batch = decided(model, replace(sample(80), features=pd.DataFrame({"text": texts})))
    (finding,) = Examples(1).assess(Examples(1).examine(model, batch)).findings
    for case in cases(finding):
        assert " ".join(t for t, _ in case.tokens) in texts


def test_a_word_of_id_0_is_a_word() -> None:
    words = ["a", "good", "film"]
    net = nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(6, 1))
    texts = pd.DataFrame({"text": ["a good film", "good a a"]})
    model = Model(
        net,
        preprocess=lambda f: np.array([[words.index(w) for w in t.split()] for t in f["text"]]),
        feature_map=np.arange(3),
    )
    found = tokens_of(model, texts, [f"token {k}" for k in range(3)])
    assert found == [["a", "good", "film"], ["good", "a", "a"]]


def test_a_png_is_a_png() -> None:
    """Slow twin: the image data, unpacked again."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    data = png(pixels)
    start = data.index(b"IDAT") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big")
    lines = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8).reshape(2, 10)
    np.testing.assert_array_equal(lines[:, 1:], pixels.reshape(2, 9))
    assert zlib.crc32(data[start - 4 : start + length]) == int.from_bytes(data[start + length :][:4], "big")
    big = base64.b64decode(picture(np.zeros((3, 500, 250)), np.ones((500, 250))))
    assert int.from_bytes(big[20:24], "big") <= 112


def test_no_row_is_shown_unasked(tmp_path: Path) -> None:
    config = str(ak.demo.config_path())
    common = ["run", config, "--check", "attribution", "--sample", "200", "-q", "--out", str(tmp_path)]
    run_cli([*common, "--name", "none"])
    run_cli([*common, "--name", "some", "--include-examples", "1"])
    none, some = (ak.Report.load(tmp_path / f"{n}.json") for n in ("none", "some"))
    assert not [f for f in none.findings if f.metric == "examples"]
    assert [f.by for f in some.findings if f.metric == "examples"] == [("gender",), ("race",)]
    (case, *_) = cases(some.finding("explanation/examples/overall/gender"))
    assert dict(case.facts)["gender"] == "Female"


def test_what_is_wrong_is_said() -> None:
    frame = sample(10).features
    with pytest.raises(PolicyError, match="from 1 to 20; got 50"):
        Examples(50)
    with pytest.raises(ModelError, match="Did you mean 'integrated_gradients'"):
        explain(Model(mlp()), frame, method="integrated_gradient")
    with pytest.raises(DataError, match="no rows"):
        explain(Model(mlp()), frame.iloc[:0])
    with pytest.raises(ModelError, match="label="):
        explain(Model(nn.Linear(6, 3), task="multiclass"), frame)


def test_explain_is_the_function_whatever_was_imported_first() -> None:
    import importlib

    importlib.import_module("auditkit.explain.attributions.check")
    assert callable(ak.explain)
    assert ak.explain is explain


@pytest.mark.parametrize("method", ["shapley", "expected_gradients", "input_x_gradient", "saliency", "captum:DeepLift"])
def test_every_method_explains_single_rows(method: str) -> None:
    frame = sample(60).features
    found = explain(Model(mlp()), frame.iloc[:4], background=frame, method=method)
    assert found.frame.shape == (4, 6)
    assert found.frame.to_numpy().any()
    if method == "shapley":
        np.testing.assert_allclose(found.frame.sum(axis=1), found.delta, atol=1e-4)
