"""Attributions of a model's output to what goes in."""

from functools import partial
from typing import NamedTuple

from auditkit.catalogue.metric import shown


class Scale(NamedTuple):
    """What an explanation is of, in words."""

    name: str
    """After "the"."""
    unit: str
    """The unit of contributions."""


SCALES = {
    "logit": Scale("log-odds", "log-odds"),
    "probability": Scale("probability", "probability"),
    "prediction": Scale("prediction", "the unit of the prediction"),
}


_method = partial(
    shown,
    denominator_words="the rows of the sample",
    interval="weighted mean of abs(φ) over the sample, t with Kish's effective rows",
    unit="number",
)

_NAMED = (
    _method(
        "integrated_gradients",
        "Integrated Gradients",
        "what moves the score",
        "How much each column moves the model's output away from the output for the average row: gradients along the "
        "straight path between the two, summed.",
        "φ_j = (x_j − b_j) ∫₀¹ ∂_j F(b + α(x − b)) dα; Σ_j φ_j = F(x) − F(b)",
        reference="Sundararajan, Taly & Yan (2017); captum.attr.IntegratedGradients",
        oracle="Captum",
    ),
    _method(
        "expected_gradients",
        "Expected Gradients, one draw a row",
        "what moves the score, from row to row",
        "How much each column moves the output away from that of other rows: one gradient a row, between it and a row "
        "drawn at random. Noisy for one row, without bias for a mean over rows.",
        "φ_j = (x_j − x'_j) ∂_j F(x' + α(x − x')), x' a row of the sample, α ~ U(0, 1)",
        reference="Erion, Janizek, Sturmfels, Lundberg & Lee (2021); captum.attr.GradientShap",
        oracle="Captum",
    ),
    _method(
        "gradient_shap",
        "GradientSHAP",
        "what moves the score, from other rows",
        "The mean of many draws a row of Expected Gradients.",
        "φ_j = mean over draws of (x_j − x'_j) ∂_j F(x' + α(x − x'))",
        reference="Lundberg & Lee (2017); captum.attr.GradientShap",
        oracle="Captum",
    ),
    _method(
        "input_x_gradient",
        "Input × gradient",
        "how far and how steeply",
        "How far each column is from the average row, times how steeply the output reacts to it at this row.",
        "φ_j = (x_j − b_j) ∂_j F(x)",
        reference="Shrikumar, Greenside, Shcherbina & Kundaje (2016); captum.attr.InputXGradient (b = 0)",
        oracle="Captum, and the formula of a linear net",
    ),
    _method(
        "saliency",
        "Saliency",
        "how steeply the score reacts",
        "How steeply the output reacts to each column at this row, whatever the direction, in output units a unit of "
        "the encoded input.",
        "φ_j = abs(∂_j F(x))",
        reference="Simonyan, Vedaldi & Zisserman (2014); captum.attr.Saliency",
        oracle="Captum",
    ),
    _method(
        "deep_lift",
        "DeepLIFT, rescale rule",
        "what moves the score, layer by layer",
        "How much each column moves the output away from the output for the average row, with differences handed down "
        "layer by layer instead of gradients. Knows activations that are modules, each used once.",
        "multipliers Δout / Δin at every activation; Σ_j φ_j = F(x) − F(b)",
        reference="Shrikumar, Greenside & Kundaje (2017); captum.attr.DeepLift",
        oracle="Captum",
    ),
    _method(
        "shapley",
        "Shapley values by permutations",
        "each column's fair part of the score",
        "What a column adds to the output when it joins columns that joined before it, on average over all orders.",
        "φ_j = mean over orders of F(before and j) − F(before); Σ_j φ_j = F(x) − F(b)",
        reference="Shapley (1953); Castro, Gómez & Tejada (2009); Mitchell, Cooper, Frank & Holmes (2022)",
        oracle="exact enumeration",
    ),
    _method(
        "ablation",
        "Feature ablation",
        "what one column alone takes away",
        "What the output loses when one column takes the value of the average row and all others stay.",
        "φ_j = F(x) − F(x with x_j = b_j)",
        reference="captum.attr.FeatureAblation",
        oracle="Captum, and the formula of a linear net",
    ),
    _method(
        "occlusion",
        "Occlusion",
        "what a covered window takes away",
        "What the output loses when a window of an image, or a step of a sequence, takes the average row's values.",
        "mean over the windows that cover an entry of F(x) − F(x with the window = b), shared out over its entries",
        reference="Zeiler & Fergus (2014); captum.attr.Occlusion",
        oracle="Captum",
    ),
    _method(
        "grad_cam",
        "Grad-CAM",
        "where in the image",
        "Where in an image a layer sees what raises the output, unless it is named the last convolutional block: its "
        "channels weighted by their mean gradients, enlarged to the image.",
        "φ = Σ_k (mean of ∂F/∂A_k) A_k, signed, by bilinear interpolation, shared out over the channels",
        reference="Selvaraju et al. (2017); captum.attr.LayerGradCam",
        oracle="Captum",
    ),
)

_OF_CAPTUM: dict[str, tuple[str, str, str]] = {
    "IntegratedGradients": (
        "Gradients along the straight path from the average row.",
        "(x_j − b_j) ∫₀¹ ∂_j F",
        "Sundararajan, Taly & Yan (2017)",
    ),
    "GradientShap": (
        "Gradients between a row and rows drawn at random.",
        "mean of (x_j − x'_j) ∂_j F(x' + α(x − x'))",
        "Lundberg & Lee (2017)",
    ),
    "DeepLift": (
        "Differences from the average row handed down layer by layer.",
        "multipliers Δout / Δin",
        "Shrikumar, Greenside & Kundaje (2017)",
    ),
    "DeepLiftShap": (
        "DeepLIFT from every row of the sample, averaged.",
        "mean of DeepLIFT over baselines",
        "Lundberg & Lee (2017)",
    ),
    "InputXGradient": ("Input times gradient, from 0.", "x_j ∂_j F(x)", "Shrikumar et al. (2016)"),
    "Saliency": ("Size of the gradient.", "abs(∂_j F(x))", "Simonyan, Vedaldi & Zisserman (2014)"),
    "GuidedBackprop": (
        "Gradients of which ReLU modules let only positive ones pass.",
        "∂_j F(x) with negative gradients cut at every ReLU",
        "Springenberg et al. (2015)",
    ),
    "Deconvolution": (
        "Gradients to which ReLU modules are applied instead of undone.",
        "∂_j F(x) with ReLU of the gradient at every ReLU",
        "Zeiler & Fergus (2014)",
    ),
    "LRP": (
        "Relevance handed down layer by layer so that each layer keeps the total.",
        "ε rule at every layer",
        "Bach et al. (2015)",
    ),
    "FeatureAblation": ("What one feature takes away.", "F(x) − F(x with x_j = b_j)", "Captum"),
    "FeaturePermutation": (
        "What is lost when a feature's values are shuffled over the rows of a call.",
        "F(x) − F(x with x_j of another row)",
        "Breiman (2001)",
    ),
    "Occlusion": ("What a covered window takes away.", "F(x) − F(x with the window = b)", "Zeiler & Fergus (2014)"),
    "ShapleyValueSampling": (
        "Shapley values by random orders, 25 a row.",
        "mean over orders of F(before and j) − F(before)",
        "Castro, Gómez & Tejada (2009)",
    ),
    "ShapleyValues": (
        "Shapley values over all orders: few features only.",
        "mean over all orders of F(before and j) − F(before)",
        "Shapley (1953)",
    ),
    "KernelShap": (
        "Shapley values by a weighted regression on random sets, 25 a row: too few to be stable.",
        "least squares with Shapley's kernel",
        "Lundberg & Lee (2017)",
    ),
    "Lime": (
        "A sparse linear model of the output on random sets of features.",
        "lasso on sets of features, near ones weighing more",
        "Ribeiro, Singh & Guestrin (2016)",
    ),
}

METRICS = (
    *_NAMED,
    *(
        _method(
            f"captum:{name}",
            f"Captum's {name}, as it comes",
            "what moves the score",
            definition,
            formula,
            reference=f"{reference}; captum.attr.{name}",
            oracle="Captum",
        )
        for name, (definition, formula, reference) in _OF_CAPTUM.items()
    ),
)
