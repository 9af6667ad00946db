"""The embedded default: a real data set and a trained model inside the package.

Adult census rows that the model never saw in training, and a small net that predicts whether somebody earns more than
$50K. The net is not shown gender and race, and the gap is there all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.model import Model


def model() -> Model:
    """The trained income model: raw Adult columns in, probability of earning more than $50K out.

    >>> model().name
    'income-mlp'
    """
    from auditkit.demo.income import build

    return build()


def data() -> Dataset:
    """The 14,654 held-out rows of Adult, with `income` as target and gender and race as sensitive features."""
    from auditkit.demo.income import DATA
    from auditkit.inputs.dataset import Dataset

    return Dataset(DATA, y_true="income", positive=">50K", sensitive_features=["gender", "race"])


def config_path() -> Path:
    """Path of the demo's `auditkit.toml`: the model, the data and the policy in one file.

    >>> config_path().name
    'auditkit.toml'
    """
    from pathlib import Path

    return Path(__file__).with_name("auditkit.toml")
