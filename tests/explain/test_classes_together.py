"""Classes that are put on trial together: the numbers are those of one trial after the other, of far fewer passes."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.explain.attributions.study import explain_classes
from auditkit.explain.trust import study
from auditkit.explain.trust.together import Together
from auditkit.inputs.groups import segments
from auditkit.inputs.model import Model

CLASSES, ROWS = 3, 10


class Counted(nn.Module):
    """The rows that a net is asked about, kept outside of it."""

    def __init__(self, body: nn.Module, rows: list[int]) -> None:
        super().__init__()
        self.body = body
        object.__setattr__(self, "_count", rows.append)

    def forward(self, x: Tensor) -> Tensor:
        self._count(len(x))  # type: ignore[operator]
        out: Tensor = self.body(x)
        return out

    def __deepcopy__(self, memo: object) -> Counted:
        return Counted(copy.deepcopy(self.body), [])


def of_columns(rows: list[int]) -> tuple[Model, pd.DataFrame]:
    body = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, CLASSES))
    x = torch.randn(ROWS, 6).numpy()
    return Model(Counted(body, rows), task="multiclass", outputs="logits"), pd.DataFrame(x, columns=list("abcdef"))


def of_images(rows: list[int]) -> tuple[Model, pd.DataFrame]:
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 9, CLASSES))
    images = torch.randn(ROWS, 1, 8, 8).numpy()
    model = Model(
        Counted(body, rows), task="multiclass", outputs="logits", feature_map=segments(8, 8, grid=(2, 3)),
        preprocess=lambda f: images[f["image"].to_numpy(dtype=int)],
    )  # fmt: skip
    return model, pd.DataFrame({"image": np.arange(ROWS)})


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("made", "method"),
    [
        (of_columns, "integrated_gradients"),
        (of_images, "integrated_gradients"),
        (of_columns, "gradient_shap"),
        (of_columns, "shapley"),
        (of_columns, "captum:FeatureAblation"),
    ],
)
def test_oracle_one_trial_after_the_other(monkeypatch: pytest.MonkeyPatch, made: object, method: str) -> None:
    rows: list[int] = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, frame = made(rows)  # type: ignore[operator]
    y = np.arange(ROWS, dtype=np.int8) % CLASSES
    batch = Batch(frame, pd.DataFrame({"g": (y % 2).astype(str)}), y, y, task="multiclass",
                  classes=tuple("abc"))  # fmt: skip
    each = explain_classes(model, batch, method=method, n_steps=4, max_steps=8)
    rows.clear()
    found = study.of_classes(model, batch, each)
    asked = sum(rows)
    # alone: every trial asks for itself, as where a net has one output
    monkeypatch.setattr(Together, "once", lambda self, asked, answer: answer())
    rows.clear()
    alone = study.of_classes(model, batch, each)
    alone_asked = sum(rows)
    for a, b in zip(found, alone, strict=True):
        assert a.columns.keys() == b.columns.keys()
        for name, values in a.columns.items():
            np.testing.assert_array_equal(values, b.columns[name], err_msg=name)
        assert a.facts == b.facts
    assert asked < alone_asked / (2 if method == "integrated_gradients" else 1)


def test_oracle_the_model_of_one_class() -> None:
    """Of numbers nothing is filled in, so that every number is that of the class's own model put on trial alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, frame = of_columns([])
    y = np.arange(ROWS, dtype=np.int8) % CLASSES
    batch = Batch(frame, pd.DataFrame({"g": (y % 2).astype(str)}), y, y, task="multiclass",
                  classes=tuple("abc"))  # fmt: skip
    each = explain_classes(model, batch)
    one = Batch(frame, batch.groups, y, y)
    for k, (found, own) in enumerate(zip(study.of_classes(model, batch, each), each, strict=True)):
        alone = study.of_method(model.of_output(k), one, own)
        assert found.columns.keys() == alone.columns.keys()
        for name, values in alone.columns.items():
            np.testing.assert_allclose(found.columns[name], values, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_net_is_left_as_found() -> None:
    model, frame = of_columns([])
    y = np.arange(ROWS, dtype=np.int8) % CLASSES
    batch = Batch(frame, pd.DataFrame({"g": (y % 2).astype(str)}), y, y, task="multiclass",
                  classes=tuple("abc"))  # fmt: skip
    before = model.state_sha256()
    study.of_classes(model, batch, explain_classes(model, batch))
    assert model.state_sha256() == before
    assert all(p.requires_grad for p in model.module.parameters())
    assert not any(m._forward_hooks for m in model.module.modules())
