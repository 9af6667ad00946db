"""Little nets work on one thread, others on as many as before, and nothing stays changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_info
from torch import Tensor, nn

from auditkit.inputs.model import Model
from auditkit.inputs.threads import by_work, little

NUMBERS = pd.DataFrame(np.ones((4, 3)), columns=list("abc"))


class Bare(nn.Module):
    """A parameter of its own: nobody knows how often it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


def images(frame: pd.DataFrame) -> Tensor:
    return torch.zeros(len(frame), 1, 8, 8)


def broken(frame: pd.DataFrame) -> Tensor:
    raise ValueError(len(frame))


def made(layers: list[nn.Module], preprocess: Callable[[pd.DataFrame], Tensor] | None = None) -> Model:
    return Model(nn.Sequential(*layers), preprocess=preprocess, outputs="logits")


CASES = {
    "small": (made([nn.Linear(3, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 1)]), True),
    "wide": (made([nn.Linear(3, 300), nn.ReLU(), nn.Linear(300, 300), nn.Linear(300, 1)]), False),
    "convolution": (made([nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 1)], images), False),
    "a layer at each place": (made([nn.Linear(8, 1), nn.Flatten(), nn.Linear(8, 1)], images), False),
    "a parameter of its own": (Model(Bare(), outputs="logits"), False),
    "refuses two rows": (made([nn.Linear(3, 1)], broken), False),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_of_numbers_through_few_parameters_are_little_work(name: str) -> None:
    model, expected = CASES[name]
    assert little(model, NUMBERS) == expected


@pytest.mark.parametrize("name", ["small", "wide"])
def test_one_thread_while_it_lasts_and_as_many_as_before_afterwards(name: str) -> None:
    model, expected = CASES[name]
    own = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        before = [(i["filepath"], i["num_threads"]) for i in threadpool_info()]
        with contextlib.suppress(KeyError), by_work(model, NUMBERS):
            assert torch.get_num_threads() == (1 if expected else 2)
            inside = {i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"}
            assert not expected or inside == {1}
            raise KeyError
        assert torch.get_num_threads() == 2
        assert [(i["filepath"], i["num_threads"]) for i in threadpool_info()] == before
    finally:
        torch.set_num_threads(own)


def test_without_a_net_or_rows_nothing_changes() -> None:
    own = torch.get_num_threads()
    for given in ((None, NUMBERS), (CASES["small"][0], None)):
        with by_work(*given):
            assert torch.get_num_threads() == own
