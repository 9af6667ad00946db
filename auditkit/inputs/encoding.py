"""From raw rows to what goes into a net: preprocessing, and the types of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.errors import DataError, ModelError, choices, listing
from auditkit.inputs.packing import Inputs, leaves, packed
from auditkit.inputs.pictures import decoded
from auditkit.inputs.pixels import stacked


def preprocessed(preprocess: Any, features: pd.DataFrame) -> Any:
    """What `preprocess` makes of raw rows, with the columns that a transformer was fitted to."""
    features = decoded(features)
    if preprocess is None:
        return _numbers(features)
    if not hasattr(preprocess, "transform"):
        return preprocess(features)
    wanted = [str(c) for c in getattr(preprocess, "feature_names_in_", features.columns)]
    absent = [c for c in wanted if c not in features.columns]
    rows = features[[c for c in wanted if c not in absent]]
    nameless = hasattr(preprocess, "n_features_in_") and not hasattr(preprocess, "feature_names_in_")
    try:
        return preprocess.transform(rows.to_numpy() if nameless else rows)  # as it was fitted
    except (ValueError, KeyError) as e:
        if not absent:
            raise
        # a ColumnTransformer does without the columns that it drops, often the target it was fitted beside
        raise DataError(
            f"no column '{absent[0]}' for the model's preprocessing; the columns are "
            f"{choices(absent[0], features.columns)}"
        ) from e


def as_inputs(encoded: Any, features: pd.DataFrame, dtype: torch.dtype, module: nn.Module) -> Inputs:
    """One tensor, or several, N rows each, of the types that the module takes; else ModelError."""
    if isinstance(encoded, nn.utils.rnn.PackedSequence):
        raise ModelError(
            "preprocess gives a PackedSequence, whose rows are sorted and woven together: give (padded (N, L, …), "
            "lengths (N,)), and pack them in forward"
        )

    def one(part: Any, which: str) -> Tensor:
        return _checked(_tensor_of(part, dtype, module, several=True), part, features, which)

    if isinstance(encoded, Mapping) and not isinstance(encoded, pd.DataFrame):
        several: Inputs = {str(name): one(part, f"input '{name}'") for name, part in encoded.items()}
    elif isinstance(encoded, tuple):
        several = tuple(one(part, f"input {i}") for i, part in enumerate(encoded))
    else:
        return _checked(_tensor_of(encoded, dtype, module, several=False), encoded, features, "")
    if not leaves(several):
        raise ModelError(f"preprocess gives an empty {type(encoded).__name__}: expected an array for each input")
    return several


def on_device(inputs: Inputs, device: torch.device) -> Inputs:
    """The inputs on `device`."""
    return packed(inputs, [t.to(device) for t in leaves(inputs)])


def _tensor_of(encoded: Any, dtype: torch.dtype, module: nn.Module, *, several: bool) -> Tensor | None:
    """One input as a tensor; None for what holds no numbers.

    Floats are cast to the module's `dtype`. Whole numbers and booleans that come alone are too, unless the module
    embeds; one of `several` inputs keeps its type, since a mask of floats means something else than one of booleans.
    """
    if hasattr(encoded, "toarray"):
        encoded = encoded.toarray()
    try:
        # a copy: pandas gives read-only views, and a net may write to its inputs
        inputs = encoded if isinstance(encoded, Tensor) else torch.as_tensor(np.array(encoded))
    except (TypeError, ValueError):
        return None
    if inputs.is_nested:
        raise ModelError(
            "preprocess gives a nested tensor, whose rows differ in length: give (padded (N, L, …), lengths (N,) or a "
            "mask (N, L)), and nest them in forward"
        )
    if inputs.layout != torch.strided:
        inputs = inputs.to_dense()
    if inputs.is_complex():
        return inputs.to(dtype.to_complex())
    if inputs.is_floating_point() or not (several or takes_ids(module)):
        return inputs.to(dtype)
    return inputs


def _checked(inputs: Tensor | None, encoded: Any, features: pd.DataFrame, which: str) -> Tensor:
    """The input, if it has numbers and a row for each of the rows; `which` of several it is."""
    if inputs is None:
        kinds = features.dtypes[[not pd.api.types.is_numeric_dtype(t) for t in features.dtypes]]
        raise ModelError(
            f"preprocess gives {type(encoded).__name__}{which and f' as {which}'} that is no array of numbers"
            + (
                f"; columns {listing(kinds.index)} hold no numbers: pass preprocess= "
                "(a factory returns ak.Model(net, preprocess=…))"
                if len(kinds)
                else ""
            )
        )
    if inputs.ndim < (1 if which else 2) or len(inputs) != len(features):
        raise ModelError(
            f"preprocess must give one encoded row for each of {len(features)} rows, (N, d); "
            f"{which or 'it'} {'has' if which else 'gives'} shape {tuple(inputs.shape)}"
        )
    return inputs


def _numbers(features: pd.DataFrame) -> Any:
    """Numeric columns as one array; booleans and nullable numbers beside floats would make an array of objects.

    Columns whose cells are arrays, if there are no others: each as one array (N, …), several in a tuple.
    """
    if len(features) and all(isinstance(x, np.ndarray) for x in features.iloc[0]):
        each = tuple(stacked([*features[c]], str(c)) for c in features)
        if any(x.dtype == np.uint8 and x.ndim > 2 for x in each):
            raise ModelError(
                "pictures of bytes are no inputs of a net: say how it was given them, as in preprocess=ak.pixels("
                f"'{features.columns[0]}', size=(64, 64)), which makes (N, channels, height, width) in [0, 1]"
            )
        return each[0] if len(each) == 1 else each
    mixed = features.dtypes.nunique() > 1 or any(pd.api.types.is_extension_array_dtype(t) for t in features.dtypes)
    if mixed and all(pd.api.types.is_numeric_dtype(t) for t in features.dtypes):
        return features.to_numpy(dtype=np.float64, na_value=np.nan)
    return features.to_numpy()


def takes_ids(module: nn.Module) -> bool:
    """Whether whole numbers mean something to the module as they are: it has an embedding, TorchScript's or exported.

    >>> takes_ids(nn.Sequential(nn.Embedding(3, 2))), takes_ids(nn.Linear(3, 2))
    (True, False)
    """
    kinds = {"Embedding", "EmbeddingBag"}
    parts = list(module.modules())
    if any(isinstance(m, nn.Embedding | nn.EmbeddingBag) or getattr(m, "original_name", "") in kinds for m in parts):
        return True
    graphs = (getattr(m, "graph", None) for m in parts)
    return any(
        "aten.embedding" in str(n.target) for g in graphs for n in getattr(g, "nodes", ()) if hasattr(n, "target")
    )
