"""Model: a trained torch module, how raw columns become tensors, and how outputs become decisions."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from auditkit.arrays import Floats
from auditkit.errors import AuditkitError, ForwardError, ModelError, choices, listing
from auditkit.evidence.output_range import OutputRange
from auditkit.inputs import batching
from auditkit.inputs import outputs as reading
from auditkit.inputs.as_found import kept_tree, sha256_of
from auditkit.inputs.columns import FeatureMap, checked, checked_each, each_input, feature_map_of
from auditkit.inputs.encoding import as_inputs, on_device, preprocessed
from auditkit.inputs.endings import DOUBTED, against, ending_of, refused, straight_of
from auditkit.inputs.groups import Groups, by_input, by_mask, by_masks, by_name, by_position
from auditkit.inputs.initialised import Weights
from auditkit.inputs.outputs import OneOutput, Outputs
from auditkit.inputs.packing import Inputs, called, leaves, n_rows, packed, slices, taken, unwrapped
from auditkit.inputs.rows_at_once import wanted_rows
from auditkit.inputs.running import net_fails, outputs_fail, preprocess_fails, told, wants
from auditkit.inputs.set_up import placement, set_up
from auditkit.inputs.tasks.registry import TASKS, task_of
from auditkit.inputs.texts import Tokens, written_out
from auditkit.inputs.unwrapping import found_in, no_net
from auditkit.progress import tell
from auditkit.records import DEFAULT_TASK, TASK_KINDS, Task, TaskKind


class Scored(NamedTuple):
    """What a model says of some rows."""

    score: Floats
    """What `Model.predict` gives."""
    seen: OutputRange
    """The range of the outputs that it was read from; empty where the user said what they are."""


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
        A callable may give a tuple of arrays (passed by position) or a dict of them (passed by name), N rows each; a
        module whose `forward` takes one parameter, of a name that is no key, gets the dict or tuple whole. One array
        is cast to the type of the module's parameters (whole numbers stay for embeddings); in a dict or tuple only
        floats are, and booleans, masks and whole numbers stay what they are.
    feature_map
        Raw column → encoded positions, e.g. `{"age": [0], "job": [1, 2, 3]}`. Found by itself for scikit-learn
        transformers, for None, and for inputs by name (each is a feature); any other callable needs it for
        attributions, and only for those. Inputs by name that hold several columns: a map each,
        `{"numeric": {"age": [0], "hours": [1]}}`; by position, a tuple of maps. For images, a mask of whole numbers,
        one a segment, that broadcasts to one input; several tensors: a tuple of masks. Texts: `ak.tokens(tokenizer)`.
    outputs
        What the module returns, a tensor or an object with `.logits`: `"logits"` or `"probabilities"`, of shape (N,),
        (N, 1) or (N, 2) with the positive class last; or a callable from that output to the probability of the
        positive class, in the same shapes; or both, `(callable, "logits")`, where what it gives are logits.
        Multiclass: (N, C), the classes in the order of `Dataset(classes=…)`; multilabel: (N, L), the labels in the
        order of `Dataset(y_true=[…])`; regression: (N,) or (N, 1) numbers, for which omit it (or pass a callable).
        None: look. They are read as logits, and it is an error if the net ends in a sigmoid, softmax or the like, or
        if (over 20 rows or more) all lie in [0, 1] or those of a row add up to 1: then say which they are.
    threshold
        A row is selected when its probability is at least this, in (0, 1). Binary and multilabel only.
    device
        Where to run, e.g. `"cuda"`; None: where the module is. The module is moved back afterwards.
    batch_size
        Rows a forward pass; None: as many as 1 MiB of encoded inputs holds, between 4 and 8,192; of larger rows 1. What
        memory is free is not looked at, so that a report is the same on every machine; a GPU is faster with more.

    Raises
    ------
    ModelError
        For a wrong option; later, where `preprocess` or the net fails, and for outputs of a wrong shape, outside
        [0, 1], not finite, or that nobody has named and that are probabilities.

    >>> model = Model(nn.Linear(1, 1), outputs="logits")
    >>> model.predict(pd.DataFrame({"age": [30.0, 40.0]})).shape
    (2,)
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        task: Task = DEFAULT_TASK,
        preprocess: Any = None,
        feature_map: Any = None,
        outputs: Outputs | None = None,
        threshold: float = 0.5,
        device: str | torch.device | None = None,
        batch_size: int | None = None,
        name: str = "",
    ) -> None:
        if not isinstance(module, nn.Module):
            raise no_net(module)
        if task not in TASKS:
            raise ModelError(f"unknown task {task!r}; known are {choices(task, TASKS)}")
        if threshold != 0.5 and "threshold" not in task_of(task).takes:
            raise ModelError(f"a {task} model decides without a threshold; omit threshold")
        if not 0 < threshold < 1:
            raise ModelError(f"threshold must lie between 0 and 1, got {threshold}")
        if batch_size is not None and batch_size < 1:
            raise ModelError(f"batch_size must be at least 1, got {batch_size}")
        if preprocess is not None and not callable(preprocess) and not hasattr(preprocess, "transform"):
            raise ModelError(f"preprocess must be a callable or a fitted transformer, got {type(preprocess).__name__}")
        self.module = module
        self.task: Task = task
        self.preprocess = feature_map if preprocess is None and isinstance(feature_map, Tokens) else preprocess
        self.said = reading.checked(outputs, task_of(task))
        """What the user says that the outputs are; None: nothing."""
        self.reader, self.outputs = reading.read_as(self.said)
        """What takes them from what the module returns (None: they are that), and what they are read as."""
        self.weights: Weights = "given"
        """Where the parameters come from, as far as `load_model` knows."""
        self._looked = False
        self._sizes: set[int] = set()
        """Numbers of rows that the net has run on at once."""
        self._open = 0
        self._given: Inputs | None = None
        """What the net was first given since it is inspected."""
        self.cautions: tuple[str, ...] = ()
        """What a reader should know of the model before any number; whole sentences."""
        self.threshold = float(threshold)
        self.device = torch.device(device) if device is not None else None
        self._asked_size = None if batch_size is None else int(batch_size)
        self._row_bytes = 0
        """Of one encoded row; 0 before any was encoded."""
        self.name = name or type(module).__name__
        self.feature_map_given = feature_map

    @classmethod
    def of(cls, anything: Any, **options: Any) -> Model:
        """The model in what people train with: a net of skorch, a pipeline of scikit-learn around one, a Lightning, a
        compiled or a parallel module. `preprocess`, `task`, `outputs` and `threshold` follow where they can be known;
        `options` stand. ModelError, saying what to pass, where no net is found or what it gives is not known.
        """
        net, said = found_in(anything, options)
        return cls(net, **said)

    def replaced(self, **options: Any) -> Model:
        """The same module with other options (threshold, device, …); the module is shared."""
        own = {
            "task": self.task,
            "preprocess": self.preprocess,
            "feature_map": self.feature_map_given,
            "outputs": self.said,
            "threshold": self.threshold,
            "device": self.device,
            "batch_size": self._asked_size,
            "name": self.name,
        }
        out = Model(self.module, **{**own, **options})
        out.weights = self.weights
        return out

    def with_module(self, module: nn.Module) -> Model:
        """Another module under the same options."""
        out = copy.copy(self)
        out.module = module
        return out

    def of_output(self, i: int) -> Model:
        """The binary model of one class, or of one label of several: its score is the probability of output `i`."""
        return self.replaced(task=task_of(self.task).part or self.task, outputs=OneOutput(self, i))

    @property
    def kind(self) -> TaskKind:
        """What the task predicts."""
        return TASK_KINDS[self.task]

    @property
    def batch_size(self) -> int:
        """Rows a forward pass: as it was said, or as many as `batching` allows."""
        return self._asked_size or batching.rows_of(self._row_bytes)

    def rows_at_once(self, features: pd.DataFrame) -> int:
        """`batch_size`, of rows like these. Call it `inspecting`."""
        with contextlib.suppress(AuditkitError):  # what is wrong is told of all rows
            _ = self._row_bytes or len(features) < 3 or self.encode(features.head(2))
        return self.batch_size

    @property
    def explained(self) -> Literal["logit", "probability", "prediction"]:
        """What `decision` gives of one output."""
        if not task_of(self.task).scores:
            return "prediction"
        return "logit" if self.outputs == "logits" else "probability"

    # ---- what the audit asks of it

    def predict(self, features: pd.DataFrame, *, batch_size: int | None = None) -> Floats:
        """Probability of the positive class for every row: (N,), float64, in [0, 1].

        Multiclass: of every class, (N, C); multilabel: of every label, (N, L); regression: the predicted numbers, (N,).
        Raises ModelError when `preprocess` or the net fails on the rows, and when outputs are not finite, have a wrong
        shape, are no probabilities, or (where nobody said) end in a sigmoid or the like.
        """
        return self.scored(features, batch_size=batch_size).score

    def scored(self, features: pd.DataFrame, *, batch_size: int | None = None) -> Scored:
        """What `predict` gives, with the range of the outputs behind it."""
        parts, seen = [], OutputRange()
        with self.inspecting(), torch.no_grad():
            for where in slices(len(features), batch_size or self.rows_at_once(features)):
                out, inputs = self.ran(features.iloc[where])
                decision = self._read(out, n_rows(inputs))
                if self.looks:
                    seen += OutputRange.of(reading.finite(self._whole(out), where.start))
                elif self.reader is not None and self.outputs == "probabilities" and decision.ndim == 1:
                    reading.of_two(self.table(out, n_rows(inputs)), where.start)
                parts.append(task_of(self.task).checked(self.probabilities(decision), where.start))
                self.look(inputs)
                tell("asking the net", where.stop, len(features))
        return Scored(np.concatenate(parts) if parts else np.zeros(0), seen)

    def ran(self, features: pd.DataFrame) -> tuple[Any, Inputs]:
        """What the module returns for raw rows, and what went in; ForwardError where it fails. Call it `inspecting`."""
        inputs = self.encode(features)
        try:
            with told(net_fails(features, inputs, self.preprocess)):
                out = self._called(inputs)
        except ForwardError as e:
            wanted = wanted_rows(lambda given: called(self.module, given), inputs, self.module, self._sizes)
            raise e if not wanted else ForwardError(wants(wanted, n_rows(inputs))) from e.__cause__
        self._sizes.add(n_rows(inputs))
        return out, inputs

    def _called(self, inputs: Inputs) -> Any:
        if self._given is None:
            self._given = packed(inputs, [t.detach() for t in leaves(inputs)])
        return called(self.module, inputs)

    def decided(self, features: pd.DataFrame) -> Tensor:
        """`decision` of raw rows, (N,) or (N, C); ForwardError where the net fails. Call it `inspecting`."""
        out, inputs = self.ran(features)
        return self._read(out, n_rows(inputs))

    def probabilities(self, decision: Tensor) -> Tensor:
        """From `decision` to what `predict` gives."""
        return task_of(self.task).probabilities(decision) if self.outputs == "logits" else decision

    def decision(self, inputs: Inputs) -> Tensor:
        """The scalar that the decision is made from, (N,): the logit, or the probability if the net gives only that.

        Differentiable in `inputs` (N, d). With two logits it is their difference, positive minus negative. Multiclass
        and multilabel: all outputs, (N, C).
        """
        return self._read(self._called(inputs), n_rows(inputs))

    def table(self, out: Any, n: int | None = None) -> Tensor:
        """What the module returns as a table: (N,), (N, 2) or (N, C)."""
        return reading.table(out, self.reader, task_of(self.task), n)

    @property
    def looks(self) -> bool:
        """Whether nobody said what the outputs are, so that it has to be looked at."""
        source = self.said.model if isinstance(self.said, OneOutput) else self
        return source.said is None and task_of(source.task).scores

    def look(self, inputs: Inputs) -> None:
        """ModelError if nobody said what the outputs are, and they end in a sigmoid, a softmax or the like; once.

        What the user says stands; that it is logits, of a net that ends so, is a caution, and so are probabilities
        of a callable that come straight out of a linear layer.
        """
        source = self.said.model if isinstance(self.said, OneOutput) else self
        told_logits = source.said is not None and source.outputs == "logits" and task_of(source.task).scores
        doubted = callable(source.said) and task_of(source.task).scores
        if self._looked or not (self.looks or told_logits or doubted) or not n_rows(inputs):
            return
        few, net = taken(inputs, slice(2)), unwrapped(self.module)
        with self.inspecting(), torch.no_grad():
            self._looked = True
            if doubted:
                self.cautions = (DOUBTED,) if straight_of(lambda: self._whole(called(net, few))) else ()
                return
            ending = ending_of(lambda: self._whole(called(net, few)))
            columns = self._whole(called(net, few)).ndim if ending else 0
        if told_logits:
            self.cautions = against(ending)
        else:
            refused(ending, exclusive=columns > 1 and task_of(source.task).exclusive)

    def _whole(self, out: Any) -> Tensor:
        """The outputs as the module gives them, of all labels."""
        return self.said.model.table(out) if isinstance(self.said, OneOutput) else self.table(out)

    def _read(self, out: Any, n: int) -> Tensor:
        with told(outputs_fail(out)) if self.reader is not None else contextlib.nullcontext():
            raw = self.table(out, n)
        return task_of(self.task).decision(raw, logits=self.outputs == "logits")

    def encode(self, features: pd.DataFrame) -> Inputs:
        """Encoded inputs (N, d) of raw rows, on the model's device; ModelError if `preprocess` gives no such."""
        dtype, device = placement(self.module, self.device)
        with told(preprocess_fails(features)):
            encoded = preprocessed(self.preprocess, features)
        inputs = on_device(as_inputs(encoded, features, dtype, self.module), device)
        self._row_bytes = self._row_bytes or batching.row_bytes(inputs)
        return inputs

    def encoded_numbers(self, features: pd.DataFrame) -> Floats:
        """Every entry of the encoded inputs as a number, (N, d)."""
        parts = [t.detach().double().cpu().numpy().reshape(len(t), -1) for t in leaves(self.encode(features))]
        return np.concatenate(parts, axis=1)

    def feature_map(self, features: pd.DataFrame) -> FeatureMap | None:
        """Raw column → encoded positions of one tensor; None for several, or a callable without `feature_map`."""
        found = self.groups(self.encode(features.head(2)), features)
        return None if found is None or len(found.masks) > 1 else found.positions

    def features(self, features: pd.DataFrame) -> tuple[str, ...] | None:
        """The raw columns that the encoded inputs hold; None where nobody can know."""
        found = self.groups(self.encode(features.head(2)), features)
        return None if found is None else found.names

    def groups(self, inputs: Inputs, features: pd.DataFrame) -> Groups | None:
        """The features that the entries of the encoded `inputs` belong to; None where nobody can know."""
        first = taken(inputs, slice(1))
        given = written_out(self.feature_map_given, first, features)
        if not isinstance(first, Tensor):
            return self._groups_of_several(first, given)
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

    def _groups_of_several(self, first: tuple[Tensor, ...] | dict[str, Tensor], given: Any) -> Groups | None:
        """By name; by one map of columns a tensor; or by one mask a tensor, whose numbers count through all of them."""
        if given is None:
            return by_name(first) if isinstance(first, dict) else None
        masks = each_input(given, first)
        if any(isinstance(m, Mapping | str) for m in masks):
            widths = [t.shape[1] if t.ndim > 1 else 1 for t in leaves(first)]
            return by_input(checked_each(masks, widths, [*first] if isinstance(first, dict) else None), leaves(first))
        named = list(first) if isinstance(first, dict) else getattr(self.preprocess, "columns", None)
        return by_masks(masks, leaves(first), named if named and len(named) == len(masks) else None)

    @contextlib.contextmanager
    def inspecting(self) -> Iterator[nn.Module]:
        """Eval mode, no gradients to parameters, on the chosen device; everything is restored, also on an error.

        The tree of modules is put back too. ModelError where what the net made in it is another each time.
        Attention takes its ordinary way: the fast one hands nested tensors on, which nothing can look into.
        """
        self._open += 1
        try:
            with kept_tree(self.module) as changed, set_up(self.module, self.device) as module:
                yield module
        finally:
            self._open -= 1
            given, self._given = self._given, self._given if self._open else None
        if changed and given is not None:
            self._made_alike(given, changed)

    def _made_alike(self, given: Inputs, changed: list[str]) -> None:
        """ModelError unless the net gives the same, whatever is drawn while it makes parts of itself."""
        outs = []
        for seed in range(2):
            with kept_tree(self.module), set_up(self.module, self.device), torch.no_grad():
                torch.manual_seed(seed)
                outs.append(self.table(called(self.module, given)))
        if not torch.allclose(outs[0], outs[1], equal_nan=True):
            raise ModelError(
                f"the net makes or swaps its own modules when it runs ({listing(changed)}), with other weights each "
                "time: they are not trained. Run it once, load the trained weights, and pass it then"
            )

    def state_sha256(self) -> str:
        """SHA-256 of every parameter and buffer: name, dtype, shape, bytes."""
        return sha256_of(self.module)

    def parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.module.parameters())
