"""Model: a trained torch module, how raw columns become tensors, and how outputs become decisions."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auditkit.errors import DataError, ModelError, foreign, listing, nearest
from auditkit.inputs.columns import FeatureMap, checked, feature_map_of
from auditkit.inputs.groups import Groups, by_mask, by_name, by_position
from auditkit.inputs.packing import Inputs, called, leaves, n_rows, taken, takes_ids
from auditkit.records import TASKS, Task

Outputs = Literal["logits", "probabilities"] | Callable[[Any], Tensor]


class Model:
    """A trained torch module with everything that an audit must know of it.

    Parameters
    ----------
    module
        A trained `torch.nn.Module`. It is always run in eval mode, without gradients to its parameters, and left
        exactly as it was found.
    task
        `"binary"`, `"multiclass"`, `"regression"` or `"multilabel"`.
    preprocess
        From raw columns (a pandas frame without target and predictions, N rows) to encoded inputs (N, d): any
        callable, or a fitted scikit-learn transformer. None: every column is numeric and enters as it is, in order.
        A callable may give a tuple of arrays (passed by position) or a dict of them (passed by name), N rows each.
    feature_map
        Raw column → encoded positions, e.g. `{"age": [0], "job": [1, 2, 3]}`. Found by itself for scikit-learn
        transformers, for None, and for inputs by name (each is a feature); any other callable needs it for
        attributions, and only for those. For images, a mask of whole numbers, one a segment, that broadcasts to one
        input; for several tensors, a tuple of such masks.
    outputs
        What the module returns, a tensor or an object with `.logits`: `"logits"` or `"probabilities"`, of shape (N,),
        (N, 1) or (N, 2) with the positive class last, or a callable from that output to the probability of the
        positive class, (N,). Multiclass: (N, C), the classes in the order of `Dataset(classes=…)`; multilabel: (N, L),
        the labels in the order of `Dataset(y_true=[…])`; regression: (N,) or (N, 1) numbers, for which leave it at
        `"logits"` (as they are).
    threshold
        A row is selected when its probability is at least this, in (0, 1). Binary and multilabel only.
    device
        Where to run, e.g. `"cuda"`; None: where the module is. The module is moved back afterwards.
    batch_size
        Rows a forward pass.

    Raises
    ------
    ModelError
        For a wrong option; later, for outputs of a wrong shape, outside [0, 1], or not finite.

    >>> model = Model(nn.Linear(1, 1), outputs="logits")
    >>> model.predict(pd.DataFrame({"age": [30.0, 40.0]})).shape
    (2,)
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        task: Task = "binary",
        preprocess: Any = None,
        feature_map: Mapping[str, Sequence[int]] | Any = None,
        outputs: Outputs = "logits",
        threshold: float = 0.5,
        device: str | torch.device | None = None,
        batch_size: int = 8192,
        name: str = "",
    ) -> None:
        if not isinstance(module, nn.Module):
            raise ModelError(f"expected a torch.nn.Module, got {type(module).__name__}")
        if task not in TASKS:
            raise ModelError(f"unknown task {task!r}; known are {listing(TASKS)}.{nearest(str(task), TASKS)}")
        if task == "regression" and outputs == "probabilities":
            raise ModelError("a regression gives numbers, not probabilities: leave outputs away, or pass a callable")
        if task in ("multiclass", "regression") and threshold != 0.5:
            raise ModelError(f"a {task} model decides without a threshold; leave threshold away")
        if not callable(outputs) and outputs not in ("logits", "probabilities"):
            raise ModelError(
                f"unknown outputs {outputs!r}; expected 'logits', 'probabilities' or a callable."
                f"{nearest(str(outputs), ['logits', 'probabilities'])}"
            )
        if not 0 < threshold < 1:
            raise ModelError(f"threshold must lie between 0 and 1, got {threshold}")
        if batch_size < 1:
            raise ModelError(f"batch_size must be at least 1, got {batch_size}")
        if preprocess is not None and not callable(preprocess) and not hasattr(preprocess, "transform"):
            raise ModelError(f"preprocess must be a callable or a fitted transformer, got {type(preprocess).__name__}")
        self.module = module
        self.task: Task = task
        self.preprocess = preprocess
        self.outputs = outputs
        self.threshold = float(threshold)
        self.device = torch.device(device) if device is not None else None
        self.batch_size = int(batch_size)
        self.name = name or type(module).__name__
        self._feature_map = feature_map

    def replaced(self, **options: Any) -> Model:
        """The same module with other options (threshold, device, …); the module is shared."""
        own = {
            "task": self.task,
            "preprocess": self.preprocess,
            "feature_map": self._feature_map,
            "outputs": self.outputs,
            "threshold": self.threshold,
            "device": self.device,
            "batch_size": self.batch_size,
            "name": self.name,
        }
        return Model(self.module, **{**own, **options})

    def with_module(self, module: nn.Module) -> Model:
        """Another module under the same options."""
        out = copy.copy(self)
        out.module = module
        return out

    def of_output(self, i: int) -> Model:
        """The binary model of one class, or of one label of several: its score is the probability of output `i`."""

        def probability(out: Tensor) -> Tensor:
            return self.probabilities(self._shaped(out, len(out)))[:, i]

        return self.replaced(task="binary", outputs=probability)

    # ---- what the audit asks of it

    def predict(self, features: pd.DataFrame, *, batch_size: int | None = None) -> NDArray[np.float64]:
        """Probability of the positive class for every row: (N,), float64, in [0, 1].

        Multiclass: of every class, (N, C); multilabel: of every label, (N, L); regression: the predicted numbers, (N,).
        Raises ModelError when outputs are not finite, have a wrong shape, or are no probabilities.
        """
        step = batch_size or self.batch_size
        parts = []
        with self.inspecting(), torch.no_grad():
            for start in range(0, len(features), step):
                rows = features.iloc[start : start + step]
                out = self.probabilities(self.decision(self.encode(rows)))
                parts.append(_finite(out, start) if self.task == "regression" else _probabilities(out, start))
                if self.task == "multiclass":
                    _sum_to_one(parts[-1])
        return np.concatenate(parts) if parts else np.zeros(0)

    def probabilities(self, decision: Tensor) -> Tensor:
        """From `decision` to what `predict` gives."""
        if self.outputs != "logits" or self.task == "regression":
            return decision
        return torch.softmax(decision.double(), 1) if self.task == "multiclass" else torch.sigmoid(decision.double())

    def decision(self, inputs: Inputs) -> Tensor:
        """The scalar that the decision is made from, (N,): the logit, or the probability if the net gives only that.

        Differentiable in `inputs` (N, d). With two logits it is their difference, positive minus negative. Multiclass
        and multilabel: all outputs, (N, C).
        """
        with foreign("the model's forward"):
            out = called(self.module, inputs)
        return self._shaped(out, n_rows(inputs))

    def _shaped(self, out: Any, n: int) -> Tensor:
        if callable(self.outputs):
            with foreign("outputs"):
                out = self.outputs(out)
        elif not isinstance(out, Tensor):
            out = out.get("logits", out) if isinstance(out, Mapping) else getattr(out, "logits", out)
        if not isinstance(out, Tensor):
            raise ModelError(
                f"the module returns {type(out).__name__}, not a tensor: pass outputs=a callable that takes it and "
                "returns the probability of the positive class"
            )
        if self.task in ("multiclass", "multilabel"):
            if out.ndim == 2 and len(out) == n and out.shape[1] > 1:
                return out
            raise ModelError(
                f"a {self.task} model must give {n} rows of outputs, one a class or label, for {n} rows; it gives "
                f"shape {tuple(out.shape)}"
            )
        if out.shape in ((n,), (n, 1)) or (n == 1 and out.ndim == 0):  # a bare squeeze() drops a single row
            return out.reshape(n)
        if out.shape == (n, 2) and self.task == "binary" and not callable(self.outputs):
            return out[:, 1] - out[:, 0] if self.outputs == "logits" else out[:, 1]
        shapes = f"({n},) or ({n}, 1)" if self.task == "regression" else f"({n},), ({n}, 1) or ({n}, 2)"
        raise ModelError(
            f"a {self.task} model must give {n} outputs of shape {shapes} for {n} rows; it gives {tuple(out.shape)}"
        )

    def encode(self, features: pd.DataFrame) -> Inputs:
        """Encoded inputs (N, d) of raw rows, on the model's device; ModelError if `preprocess` gives anything else."""
        with foreign("preprocess"):
            encoded = self._preprocessed(features)
        if isinstance(encoded, tuple):
            return tuple(self._tensor(part, features, least=1) for part in encoded)
        if isinstance(encoded, dict) or (isinstance(encoded, Mapping) and not isinstance(encoded, pd.DataFrame)):
            return {str(name): self._tensor(part, features, least=1) for name, part in encoded.items()}
        return self._tensor(encoded, features)

    def _tensor(self, encoded: Any, features: pd.DataFrame, *, least: int = 2) -> Tensor:
        if hasattr(encoded, "toarray"):
            encoded = encoded.toarray()
        try:
            # a copy: pandas gives read-only views, and a net may write to its inputs
            inputs = encoded if isinstance(encoded, Tensor) else torch.as_tensor(np.array(encoded))
        except TypeError:
            kinds = features.dtypes[[not pd.api.types.is_numeric_dtype(t) for t in features.dtypes]]
            raise ModelError(
                f"preprocess gives {type(encoded).__name__} that is no array of numbers"
                + (f"; columns {listing(kinds.index)} hold no numbers: pass preprocess=" if len(kinds) else "")
            ) from None
        if inputs.ndim < least or len(inputs) != len(features):
            raise ModelError(
                f"preprocess must give one encoded row for each of {len(features)} rows, (N, d); it gives shape "
                f"{tuple(inputs.shape)}"
            )
        dtype, device = self._placement()
        if inputs.is_floating_point() or not takes_ids(self.module):
            inputs = inputs.to(dtype)
        return inputs.to(device)

    def encoded_numbers(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Every entry of the encoded inputs as a number, (N, d)."""
        parts = [t.detach().double().cpu().numpy().reshape(len(t), -1) for t in leaves(self.encode(features))]
        return np.concatenate(parts, axis=1)

    def feature_map(self, features: pd.DataFrame) -> FeatureMap | None:
        """Raw column → encoded positions of one tensor; None for a bare callable without `feature_map`."""
        found = self.groups(self.encode(features.head(2)), features)
        return None if found is None else found.positions

    def groups(self, inputs: Inputs, features: pd.DataFrame) -> Groups | None:
        """The features that the entries of the encoded `inputs` belong to; None where nobody can know."""
        first = taken(inputs, slice(1))
        given = self._feature_map
        if not isinstance(first, Tensor):
            return self._groups_of_several(first)
        if given is not None and not isinstance(given, Mapping):
            return by_mask(given, first)
        if given is not None:
            return by_position(checked(given, first.shape[1]), first)
        if self.preprocess is not None and not hasattr(self.preprocess, "transform"):
            return None
        names = [str(c) for c in features.columns]
        if self.preprocess is None:
            return by_position({name: [i] for i, name in enumerate(names)}, first)
        names = [str(c) for c in getattr(self.preprocess, "feature_names_in_", names)]
        return by_position(feature_map_of(self.preprocess, names, first.shape[1]), first)

    def _groups_of_several(self, first: Inputs) -> Groups | None:
        """By name; or by one mask a tensor, whose numbers count through all of them."""
        if self._feature_map is None:
            return by_name(first) if isinstance(first, dict) else None
        masks = self._feature_map
        if not isinstance(masks, Sequence) or len(masks) != len(leaves(first)):
            raise ModelError(f"for {len(leaves(first))} inputs, feature_map must be as many masks of whole numbers")
        pairs = list(zip(masks, leaves(first), strict=True))
        wide = torch.cat([torch.as_tensor(m).expand(t[:1].shape).flatten() for m, t in pairs])
        whole = by_mask(wide, torch.zeros(1, len(wide)))
        parts = torch.split(whole.masks[0][0], [t[:1].numel() for _, t in pairs])
        shaped = (m.reshape(t[:1].shape) for m, t in zip(parts, leaves(first), strict=True))
        return Groups(whole.names, tuple(shaped))

    @contextlib.contextmanager
    def inspecting(self) -> Iterator[nn.Module]:
        """Eval mode, no gradients to parameters, on the chosen device; everything is restored, also on an error.

        Attention takes its ordinary way: the fast one hands nested tensors on, which nothing can look into.
        """
        modes = [(m, m.training) for m in self.module.modules() if hasattr(m, "training")]  # frozen TorchScript: none
        grads = [(p, p.requires_grad) for p in self.module.parameters()]
        _, home = self._placement(None)
        fast = torch.backends.mha.get_fastpath_enabled()
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            try:
                self.module.eval()
            except NotImplementedError:  # exported modules: their mode is in their graph, the flag means nothing
                for m, _ in modes:
                    m.training = False
            for p, _ in grads:  # TorchScript modules have no requires_grad_ of their own
                p.requires_grad_(False)
            if self.device is not None:
                self.module.to(self.device)
            yield self.module
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            if self.device is not None:
                self.module.to(home)
            for m, training in modes:
                m.training = training
            for p, requires_grad in grads:
                p.requires_grad_(requires_grad)

    def state_sha256(self) -> str:
        """SHA-256 of every parameter and buffer: name, dtype, shape, bytes."""
        digest = hashlib.sha256()
        for name, tensor in sorted([*self.module.named_parameters(), *self.module.named_buffers()]):
            array = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
            digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.module.parameters())

    # ---- details

    def _placement(self, device: torch.device | Literal["own"] | None = "own") -> tuple[torch.dtype, torch.device]:
        """dtype of the floating parameters, and where to run (`device=None`: where the module is)."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.get_default_dtype())
        where = tensors[0].device if tensors else torch.device("cpu")
        wanted = self.device if device == "own" else device
        return dtype, (wanted if isinstance(wanted, torch.device) else where)

    def _preprocessed(self, features: pd.DataFrame) -> Any:
        if self.preprocess is None:
            return _numbers(features)
        if not hasattr(self.preprocess, "transform"):
            return self.preprocess(features)
        wanted = [str(c) for c in getattr(self.preprocess, "feature_names_in_", features.columns)]
        absent = [c for c in wanted if c not in features.columns]
        rows = features[[c for c in wanted if c not in absent]]
        nameless = hasattr(self.preprocess, "n_features_in_") and not hasattr(self.preprocess, "feature_names_in_")
        try:
            return self.preprocess.transform(rows.to_numpy() if nameless else rows)  # as it was fitted
        except (ValueError, KeyError) as e:
            if not absent:
                raise
            # a ColumnTransformer does without the columns that it drops, often the target it was fitted beside
            raise DataError(
                f"no column '{absent[0]}' for the model's preprocessing; the columns are "
                f"{listing(features.columns)}.{nearest(absent[0], map(str, features.columns))}"
            ) from e


def _numbers(features: pd.DataFrame) -> Any:
    """Numeric columns as one array; booleans and nullable numbers beside floats would make an array of objects."""
    mixed = features.dtypes.nunique() > 1 or any(pd.api.types.is_extension_array_dtype(t) for t in features.dtypes)
    if mixed and all(pd.api.types.is_numeric_dtype(t) for t in features.dtypes):
        return features.to_numpy(dtype=np.float64, na_value=np.nan)
    return features.to_numpy()


def _finite(score: Tensor, start: int) -> NDArray[np.float64]:
    out: NDArray[np.float64] = score.detach().double().cpu().numpy()
    bad = ~np.isfinite(out.reshape(len(out), -1)).all(axis=1)
    if bad.any():
        raise ModelError(
            f"the model gives NaN or infinite outputs, first for row {start + int(bad.argmax())} (from 0), "
            f"{int(bad.sum())} in that batch: check its inputs for missing or extreme values"
        )
    return out


def _sum_to_one(out: NDArray[np.float64]) -> None:
    off = np.abs(out.sum(axis=1) - 1)
    if off.size and off.max() > 1e-3:
        raise ModelError(
            f"the outputs of a row sum up to {out.sum(axis=1)[off.argmax()]:.3g}, not to 1: they are no probabilities "
            "of classes. Say outputs='logits' if they are logits"
        )


def _probabilities(score: Tensor, start: int) -> NDArray[np.float64]:
    out = _finite(score, start)
    if out.size and (out.min() < -1e-6 or out.max() > 1 + 1e-6):
        raise ModelError(
            f"outputs lie between {out.min():.3g} and {out.max():.3g}, not in [0, 1]: they are no probabilities. "
            "Say outputs='logits' if they are logits"
        )
    return np.clip(out, 0.0, 1.0)
