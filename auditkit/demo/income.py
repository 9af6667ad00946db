"""The demo's net, and how raw Adult columns become its inputs. Trained by `examples/train_income.py`.

Everything fitted lies beside this file, as JSON and safetensors: data that cannot execute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from auditkit.errors import DataError, choices
from auditkit.inputs.model import Model

HERE = Path(__file__).parent
DATA = HERE / "income.parquet"
WEIGHTS = HERE / "income.safetensors"
ENCODER = HERE / "income.encoder.json"


@dataclass(frozen=True)
class Number:
    """How a numeric column is standardised: (x − mean) / std, of log(1 + x) where `log` is set."""

    mean: float
    std: float
    log: bool = False


@dataclass(frozen=True)
class IncomeEncoder:
    """Fitted preprocessing: raw columns to the net's inputs; a `preprocess` for `Model`.

    Numbers come first, standardised; then one block a categorical column, with a 1 at the row's category. A category
    that was not there in training, or a missing one, leaves its block at zero. A missing number stays NaN, which
    `Model` refuses by row rather than invent a value for it. Columns without an entry here are never read.

    >>> encode = IncomeEncoder({"age": Number(40.0, 10.0)}, {"job": ("clerk", "smith")})
    >>> encode(pd.DataFrame({"job": ["smith", "pilot"], "age": [50, 40]})).tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """

    numbers: Mapping[str, Number]
    categories: Mapping[str, Sequence[str]]

    def __call__(self, features: pd.DataFrame) -> NDArray[np.float32]:
        """(N, width) float32 from N raw rows; DataError for a missing column or a number that is none."""
        self._check(features)
        encoded = np.zeros((len(features), self.width), dtype=np.float32)
        for position, (column, number) in enumerate(self.numbers.items()):
            values = features[column].to_numpy(dtype=np.float64, na_value=np.nan)
            with np.errstate(invalid="ignore", divide="ignore"):  # below -1 the logarithm is NaN, like a missing value
                encoded[:, position] = ((np.log1p(values) if number.log else values) - number.mean) / number.std
        start = len(self.numbers)
        for column, known in self.categories.items():
            codes = pd.Index(known).get_indexer(pd.Index(features[column]))
            rows = np.flatnonzero(codes >= 0)
            encoded[rows, start + codes[rows]] = 1.0
            start += len(known)
        return encoded

    @property
    def width(self) -> int:
        """Number of encoded columns."""
        return len(self.numbers) + sum(len(known) for known in self.categories.values())

    def feature_map(self) -> dict[str, list[int]]:
        """Raw column → the encoded positions that it fills.

        >>> IncomeEncoder({"age": Number(40.0, 10.0)}, {"job": ("clerk", "smith")}).feature_map()
        {'age': [0], 'job': [1, 2]}
        """
        positions = {column: [position] for position, column in enumerate(self.numbers)}
        start = len(self.numbers)
        for column, known in self.categories.items():
            positions[column] = list(range(start, start + len(known)))
            start += len(known)
        return positions

    def to_json(self) -> str:
        """The encoder as JSON text; `from_json` reads it."""
        numbers = {column: asdict(number) for column, number in self.numbers.items()}
        categories = {column: list(known) for column, known in self.categories.items()}
        return json.dumps({"numbers": numbers, "categories": categories}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> IncomeEncoder:
        """The encoder that `to_json` wrote."""
        raw: dict[str, dict[str, Any]] = json.loads(text)
        numbers = {column: Number(**fitted) for column, fitted in raw["numbers"].items()}
        return cls(numbers, {column: tuple(known) for column, known in raw["categories"].items()})

    def _check(self, features: pd.DataFrame) -> None:
        for column in (*self.numbers, *self.categories):
            if column not in features.columns:
                raise DataError(
                    f"no column '{column}', which the income model reads; the columns are "
                    f"{choices(column, features.columns)}"
                )
        for column in self.numbers:
            if not pd.api.types.is_numeric_dtype(features[column]):
                raise DataError(
                    f"column '{column}' must hold numbers for the income model; it holds {features[column].dtype}. "
                    "Convert it with pandas.to_numeric"
                )


class IncomeNet(nn.Module):
    """A multilayer perceptron: encoded rows (N, width) to one logit each, (N,).

    SiLU rather than ReLU: on a smooth net Integrated Gradients converges in few steps.
    """

    def __init__(self, width: int, hidden: tuple[int, int] = (64, 32)) -> None:
        super().__init__()
        first, second = hidden
        self.layers = nn.Sequential(
            nn.Linear(width, first),
            nn.SiLU(),
            nn.Linear(first, second),
            nn.SiLU(),
            nn.Linear(second, 1),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.layers(inputs)
        return logits.squeeze(-1)


def build() -> Model:
    """The trained model, ready to audit: the shipped weights, strictly loaded into the shipped net.

    >>> build().parameters()
    7489
    """
    return load(WEIGHTS, ENCODER)


def load(weights: Path, encoder: Path) -> Model:
    """The income model from its two files; RuntimeError when the weights do not fit the net exactly."""
    encode = IncomeEncoder.from_json(encoder.read_text(encoding="utf-8"))
    with torch.random.fork_rng(devices=[]):  # initial weights, overwritten below, must not move the caller's seed
        net = IncomeNet(encode.width)
    net.load_state_dict(load_file(weights), strict=True)
    net.eval()
    return Model(net, preprocess=encode, feature_map=encode.feature_map(), outputs="logits", name="income-mlp")
