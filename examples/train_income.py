"""Train the demo's income model, and see that it reproduces the shipped one.

    python examples/train_income.py            # train into a temporary folder, compare with what is shipped
    python examples/train_income.py --write    # train, and replace the shipped model and data

Adult has no official split here: a row whose position modulo 10 is 0, 1 or 2 is held out for the audit, a 9 chooses the
epoch, and the others train. The net is not shown `gender` and `race`, which is what people do who want to be safe;
`relationship` says Husband or Wife, and the audit finds the gap.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from sklearn.metrics import accuracy_score, roc_auc_score
from torch import Tensor, nn

from auditkit.demo import income
from auditkit.demo.income import IncomeEncoder, IncomeNet, Number
from auditkit.inputs.model import Model

ADULT = Path(__file__).parent / "data" / "adult.parquet"
TARGET, POSITIVE = "income", ">50K"
# Not gender and race, which the audit asks about; not fnlwgt, a survey weight; and of the two columns for schooling
# the one that keeps its order.
NUMBERS = {"age": False, "educational-num": False, "capital-gain": True, "capital-loss": True, "hours-per-week": False}
CATEGORIES = ("workclass", "marital-status", "occupation", "relationship", "native-country")

SEED, EPOCHS, BATCH, RATE, DECAY = 0, 30, 256, 3e-3, 1e-2
TOLERANCE = 0.005


class Metrics(NamedTuple):
    """How well a model does on the held-out rows; each in [0, 1], higher is better."""

    accuracy: float
    auc: float


class Split(NamedTuple):
    """Encoded rows (N, width) and their targets (N,), 0 or 1."""

    inputs: Tensor
    targets: Tensor


def split(adult: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training, validation and test rows, by position."""
    tenth = np.arange(len(adult)) % 10
    parts = (tenth > 2) & (tenth < 9), tenth == 9, tenth <= 2
    train, validation, test = (adult[rows].reset_index(drop=True) for rows in parts)
    return train, validation, test


def fit_encoder(train: pd.DataFrame) -> IncomeEncoder:
    """Means, deviations and categories of the training rows."""
    numbers = {}
    for column, log in NUMBERS.items():
        values = train[column].to_numpy(dtype=np.float64)
        values = np.log1p(values) if log else values
        numbers[column] = Number(round(float(values.mean()), 6), round(float(values.std()), 6), log)
    categories = {column: tuple(sorted(train[column].unique())) for column in CATEGORIES}
    return IncomeEncoder(numbers, categories)


def labels(frame: pd.DataFrame) -> NDArray[np.float32]:
    """1 for each row that earns more than $50K."""
    return np.asarray(frame[TARGET] == POSITIVE, dtype=np.float32)


def fit_net(train: Split, validation: Split) -> IncomeNet:
    """AdamW with a cosine schedule; the epoch with the lowest validation loss is kept."""
    torch.manual_seed(SEED)
    order = torch.Generator().manual_seed(SEED)
    net, loss = IncomeNet(train.inputs.shape[1]), nn.BCEWithLogitsLoss()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    lowest, best = float("inf"), net.state_dict()
    for epoch in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(train.targets), generator=order), BATCH):
            optimizer.zero_grad()
            loss(net(train.inputs[rows]), train.targets[rows]).backward()
            optimizer.step()
        schedule.step()
        with torch.no_grad():
            now = float(loss(net(validation.inputs), validation.targets))
        print(f"epoch {epoch + 1:2d}  validation loss {now:.4f}")
        if now < lowest:
            lowest, best = now, {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.load_state_dict(best)
    return net


def train_into(folder: Path, adult: pd.DataFrame) -> Model:
    """Train, and write the model's two files and the test rows to `folder`."""
    train, validation, test = split(adult)
    encode = fit_encoder(train)
    parts = [Split(torch.from_numpy(encode(part)), torch.from_numpy(labels(part))) for part in (train, validation)]
    net = fit_net(*parts)
    weights, encoder = folder / income.WEIGHTS.name, folder / income.ENCODER.name
    weights.write_bytes(save(net.state_dict()))
    encoder.write_text(encode.to_json(), encoding="utf-8")
    test.to_parquet(folder / income.DATA.name, index=False, compression="zstd", compression_level=19)
    return income.load(weights, encoder)


def measure(model: Model, test: pd.DataFrame) -> Metrics:
    """Accuracy and area under the ROC curve on the test rows."""
    score = model.predict(test.drop(columns=TARGET))
    truth = labels(test)
    return Metrics(float(accuracy_score(truth, score >= model.threshold)), float(roc_auc_score(truth, score)))


def main() -> int:
    """0 if the trained model does as well as the shipped one, to `TOLERANCE`; else 1."""
    parser = argparse.ArgumentParser(description="Train the demo's income model.")
    parser.add_argument("--write", action="store_true", help="replace the shipped model and data")
    write = parser.parse_args().write
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    adult = pd.read_parquet(ADULT)
    test = split(adult)[2]
    if write:
        trained = measure(train_into(income.HERE, adult), test)
        print(f"held out: accuracy {trained.accuracy:.4f}, AUC {trained.auc:.4f}; wrote {income.HERE}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        trained = measure(train_into(Path(folder), adult), test)
    shipped = measure(income.build(), pd.read_parquet(income.DATA))
    same = all(abs(a - b) <= TOLERANCE for a, b in zip(trained, shipped, strict=True))
    print(f"trained: accuracy {trained.accuracy:.4f}, AUC {trained.auc:.4f}")
    print(f"shipped: accuracy {shipped.accuracy:.4f}, AUC {shipped.auc:.4f}")
    print("reproduces the shipped metrics" if same else f"differs from the shipped metrics by more than {TOLERANCE}")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
