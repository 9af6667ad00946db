"""Names of attribution methods. No torch: options are checked before anything heavy is loaded."""

from __future__ import annotations

from auditkit.catalogue.explanations import METRICS
from auditkit.errors import ModelError, choices, listing, nearest

PREFIX = "captum:"
NAMES = tuple(m.name for m in METRICS if not m.name.startswith(PREFIX))
CLASSES = tuple(m.name.removeprefix(PREFIX) for m in METRICS if m.name.startswith(PREFIX))
"""Captum's classes that need no more than a model, rows, baselines and a feature mask."""
LAYERS = "it explains a layer or a neuron, not the inputs: LayerAudit looks into the net"
UNFIT = {
    "NoiseTunnel": "it wraps another method",
    "LimeBase": "it needs an interpretable model and a distance: captum:Lime has both",
    "DataLoaderAttribution": "it wraps another method",
    "GuidedGradCam": "it needs a layer: grad_cam finds the last convolutional block by itself",
    "InternalInfluence": LAYERS,
    "LLMAttribution": "it explains generated text",
    "LLMGradientAttribution": "it explains generated text",
    "RemoteLLMAttribution": "it explains generated text",
}
"""Captum's classes that cannot be asked by name alone, and why."""

MOST_STEPS, STEPS_LIMIT = 512, 4096
"""Steps of a quadrature up to which rows that do not add up go again: unless it is said, and at most."""

MEAN_ROW = "the weighted mean of the sample's encoded rows"
ROW_ITSELF = "the row itself (no baseline)"
DRAWN_ROWS = "rows of the sample, drawn by weight"
_DRAWN = {"expected_gradients", "gradient_shap", "captum:GradientShap", "captum:DeepLiftShap"}
_NONE = {
    "saliency", "grad_cam", "captum:Saliency", "captum:InputXGradient", "captum:GuidedBackprop",
    "captum:Deconvolution", "captum:LRP", "captum:FeaturePermutation",
}  # fmt: skip


GRAD_CAM = "grad_cam"


def with_layer(name: str) -> tuple[str, str | None]:
    """The method that is run, and the layer that it looks at: `grad_cam:features.7` names one.

    >>> with_layer("grad_cam:features.7"), with_layer("captum:Saliency")
    (('grad_cam', 'features.7'), ('captum:Saliency', None))
    """
    plain, _, layer = name.partition(":") if isinstance(name, str) else (name, "", "")
    return (plain, layer) if plain == GRAD_CAM and layer else (name, None)


def baseline_of(name: str) -> str:
    """What a method starts from, in words; every sample has its own.

    >>> baseline_of("saliency")
    'the row itself (no baseline)'
    """
    if name in _NONE:
        return ROW_ITSELF
    return DRAWN_ROWS if name in _DRAWN else MEAN_ROW


def of_the_sample(name: str) -> bool:
    """Whether contributions of a row depend on the other rows of its sample: on their mean, or on draws of them.

    >>> of_the_sample("integrated_gradients"), of_the_sample("saliency")
    (True, False)
    """
    return name not in _NONE or name == "captum:FeaturePermutation"


def checked_steps(n_steps: int | None, max_steps: int) -> None:
    """ModelError unless 1 ≤ n_steps ≤ max_steps ≤ 4096, whole numbers.

    >>> checked_steps(1024, 512)
    Traceback (most recent call last):
    auditkit.errors.ModelError: n_steps must be a whole number between 1 and 512 (max_steps), got 1024
    """
    for name, steps, most, said in (
        ("max_steps", max_steps, STEPS_LIMIT, f"{STEPS_LIMIT}"),
        ("n_steps", n_steps, max_steps, f"{max_steps} (max_steps)"),
    ):
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= most):
            raise ModelError(f"{name} must be a whole number between 1 and {said}, got {steps}")


def checked_name(name: str) -> str:
    """The name, if there is such a method; ModelError naming the nearest otherwise.

    >>> checked_name("captum:LayerConductance")
    Traceback (most recent call last):
    auditkit.errors.ModelError: captum:LayerConductance does not fit: it explains a layer or a neuron, not the inputs...
    """
    if not isinstance(name, str):
        raise ModelError(f"an attribution method is a name, as 'shapley'; got {type(name).__name__}")
    if name in NAMES:
        return name
    if name == "conductance":
        raise ModelError(f"conductance is no attribution to columns: {LAYERS}")
    if not name.startswith(PREFIX):
        raise ModelError(
            f"unknown attribution method {name!r}; this version knows: "
            f"{listing(NAMES, most=20)}, and captum:<ClassName>.{nearest(name, NAMES)}"
        )
    of = name.removeprefix(PREFIX)
    if of in CLASSES:
        return name
    why = UNFIT.get(of) or (LAYERS if of.startswith(("Layer", "Neuron")) else None)
    if why is not None:
        raise ModelError(f"{name} does not fit: {why}")
    raise ModelError(
        f"no attribution method '{of}' in Captum that explains inputs by name; there are "
        f"{choices(of, CLASSES, most=20)}"
    )
