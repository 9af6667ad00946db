"""The net inside what people train with: skorch, pipelines of scikit-learn, Lightning, compiled and parallel modules.

None of these libraries is imported: what a thing is follows from the names of its classes and its public attributes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from auditkit.errors import ModelError
from auditkit.records import NUMERIC, SEVERAL, TASK_KINDS, YES_NO

_WRAPPERS = {
    "OptimizedModule": "_orig_mod",  # torch.compile
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "AveragedModel": "module",  # torch.optim.swa_utils
}
"""Modules around a module that give the same outputs: class → where the inner one is."""
_SEARCHES = ("best_estimator_",)
"""Where searches of scikit-learn keep what they chose."""
_LOSSES: dict[str, Any] = {
    "BCEWithLogitsLoss": "logits",
    "CrossEntropyLoss": "logits",
    "BCELoss": "probabilities",
    "NLLLoss": torch.exp,  # of log-probabilities
}
"""Loss → what a net that is trained with it gives."""
_OF_NUMBERS = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")


class Found(NamedTuple):
    """A net, and what is known of it as options of `Model`."""

    net: nn.Module
    options: dict[str, Any]


def found_in(anything: Any, given: dict[str, Any]) -> Found:
    """The net in it, with the options that follow from what it is, and those that are `given`, which stand.

    Raises ModelError, saying what to pass, where no net is found, or where what is around it changes its outputs.
    """
    for name in _SEARCHES:
        if hasattr(anything, name) and not isinstance(anything, nn.Module):
            return found_in(getattr(anything, name), given)
    if hasattr(anything, "steps") and hasattr(anything, "named_steps"):
        return _of_pipeline(anything, given)
    if "NeuralNet" in _classes(anything):
        return _of_skorch(anything, given)
    if isinstance(anything, nn.Module):
        return _of_module(anything, given)
    raise no_net(anything)


def no_net(thing: Any) -> ModelError:
    """The error for what is no module, with the module that is in it where one is."""
    inside = next(
        (n for n in ("module_", "module", "model", "net") if isinstance(getattr(thing, n, None), nn.Module)), ""
    )
    what = f"expected a torch.nn.Module, got {type(thing).__name__}"
    if inside:
        return ModelError(f"{what}: pass its .{inside}")
    if hasattr(thing, "predict") and not isinstance(thing, type):
        return ModelError(
            f"{what}, in which no net was found: pass the net itself, ak.Model(net, preprocess=…, outputs=…), or put "
            "what it predicts into the data and audit ak.Predictions"
        )
    return ModelError(what)


def _of_pipeline(pipeline: Any, given: dict[str, Any]) -> Found:
    """The last step is the net; those before it are how it is given raw columns."""
    *before, (name, last) = pipeline.steps
    try:
        found = found_in(last, given)
    except ModelError as e:
        raise ModelError(f"the last step of the pipeline, '{name}': {e}") from None
    if not before or "preprocess" in given:
        return found
    if "preprocess" in found.options:
        raise ModelError(
            "both the pipeline and a pipeline inside it prepare rows: pass the net itself, "
            "ak.Model(net, preprocess=…, outputs=…)"
        )
    steps = pipeline[:-1] if len(before) > 1 else before[0][1]
    real = steps is not None and not isinstance(steps, str)  # "passthrough"
    return Found(found.net, {"preprocess": steps, **found.options} if real else found.options)


def _of_skorch(net: Any, given: dict[str, Any]) -> Found:
    """What the net gives follows from its criterion, as skorch itself infers it (`predict_nonlinearity="auto"`)."""
    module = getattr(net, "module_", None)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{type(net).__name__} has no module_ yet: fit (or initialize) it, or load its parameters first"
        )
    classes = _classes(net)
    inner = _inner(module)
    if "NeuralNetRegressor" in classes:
        return Found(inner, {"task": NUMERIC, **given})
    options: dict[str, Any] = {}
    if "NeuralNetBinaryClassifier" in classes:
        options["threshold"] = float(getattr(net, "threshold", 0.5))
    elif "NeuralNetClassifier" in classes:
        known = getattr(net, "classes_", None)
        if known is None and "task" not in given:
            raise ModelError(
                "how many classes this NeuralNetClassifier knows is not said: pass task='binary' or 'multiclass'"
            )
        options["task"] = YES_NO if known is None or len(known) == 2 else SEVERAL
    elif "task" not in given:
        raise ModelError(
            f"what {type(net).__name__} predicts is not known: pass task=…, and outputs=… unless it is regression"
        )
    if "outputs" not in given and not _numeric(given.get("task", options.get("task"))):
        options["outputs"] = _skorch_outputs(net)
    return Found(inner, {**options, **given})


def _skorch_outputs(net: Any) -> Any:
    """`auto` reads logits of the losses that take logits; with NLLLoss skorch itself takes the logarithm."""
    shaped = getattr(net, "predict_nonlinearity", "auto")
    if callable(shaped):
        return shaped
    loss = _name_of_loss(getattr(net, "criterion_", None) or getattr(net, "criterion", None))
    if shaped in (None, False):  # what the net gives is taken as it is
        return "probabilities"
    if loss == "NLLLoss":
        return "probabilities"
    if loss not in _LOSSES:
        raise ModelError(
            f"what a net trained with {loss or 'this criterion'} gives is not known: pass outputs='logits' or "
            "outputs='probabilities'"
        )
    return _LOSSES[loss]


def _of_module(module: nn.Module, given: dict[str, Any]) -> Found:
    inner = _inner(module)
    if "LightningModule" not in _classes(inner):
        return Found(inner, dict(given))
    owner = next((c for c in type(inner).__mro__ if "forward" in vars(c)), nn.Module)
    if owner.__name__ in ("LightningModule", "Module"):
        net = next((n for n, child in inner.named_children() if not _is_loss(child)), "net")
        raise ModelError(
            f"{type(inner).__name__} has no forward of its own: pass its net, as in ak.Model.of(module.{net})"
        )
    losses = {_name_of_loss(c) for c in inner.children() if _is_loss(c)}
    known = losses.pop() if len(losses) == 1 else ""
    if known in _OF_NUMBERS:
        return Found(inner, {"task": NUMERIC, **given})
    options: dict[str, Any] = {} if known not in _LOSSES else {"outputs": _LOSSES[known]}
    if known in ("CrossEntropyLoss", "NLLLoss") and "task" not in given:
        widths = [m.out_features for m in inner.modules() if isinstance(m, nn.Linear)]
        if not widths:
            raise ModelError(
                f"how many classes {type(inner).__name__} knows is not said: pass task='binary' or 'multiclass'"
            )
        options["task"] = SEVERAL if widths[-1] > 2 else YES_NO
    if _numeric(given.get("task")):
        options.pop("outputs", None)
    return Found(inner, {**options, **given})


def _inner(module: nn.Module) -> nn.Module:
    """The module inside wrappers that change no output."""
    while type(module).__name__ in _WRAPPERS:
        inner = getattr(module, _WRAPPERS[type(module).__name__], None)
        if not isinstance(inner, nn.Module):
            break
        module = inner
    return module


def _numeric(task: Any) -> bool:
    """Whether numbers are predicted; a task that nobody knows is refused later, by name."""
    return task in TASK_KINDS and TASK_KINDS[task].numeric


def _classes(thing: Any) -> set[str]:
    return {c.__name__ for c in type(thing).__mro__}


def _is_loss(module: Any) -> bool:
    return isinstance(module, nn.modules.loss._Loss)


def _name_of_loss(loss: Any) -> str:
    """The name of a loss, or of the class of one."""
    return (loss if isinstance(loss, type) else type(loss)).__name__ if loss is not None else ""
