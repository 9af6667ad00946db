"""Which raw column does each encoded position come from? Answered by position: encoded names can collide."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from auditkit.errors import ModelError, listing, nearest

FeatureMap = dict[str, list[int]]
"""Raw column → the encoded positions that it fills."""


def feature_map_of(transformer: Any, columns: Sequence[str], width: int) -> FeatureMap:
    """Raw column → encoded positions, for a fitted scikit-learn transformer.

    Follows ColumnTransformer, Pipeline, FeatureUnion, OneHotEncoder and everything that keeps one column one column.
    Where a transformer mixes its columns (PCA, say), they become one feature named `a + b`.

    Raises ModelError when the positions found do not cover the `width` encoded columns.

    >>> import numpy as np
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> encoder = OneHotEncoder().fit(np.array([["x", "p"], ["y", "q"], ["z", "q"]]))
    >>> feature_map_of(encoder, ["first", "second"], 5)
    {'first': [0, 1, 2], 'second': [3, 4]}
    """
    sources = _sources(transformer, list(columns), width)
    if len(sources) != width:
        raise ModelError(
            f"the transformer gives {width} encoded columns, of which {len(sources)} could be mapped back to raw "
            "columns: pass feature_map={'column': [positions]} beside preprocess"
        )
    out: FeatureMap = {}
    for position, source in enumerate(sources):
        out.setdefault(source, []).append(position)
    return out


def checked(feature_map: Mapping[str, Sequence[int]], width: int, of: str = "") -> FeatureMap:
    """The map as given, if it names every encoded position (`of` an input) exactly once; else ModelError."""
    try:
        out = {str(k): [operator.index(i) for i in v] for k, v in feature_map.items()}
    except TypeError:
        wrong_one = next(k for k, v in feature_map.items() if not _are_positions(v))
        raise ModelError(
            f"feature_map gives each column{of} a list of its encoded positions, as in {{'age': [0], 'job': [1, 2]}}; "
            f"it gives '{wrong_one}' {feature_map[wrong_one]!r:.80}"
        ) from None
    positions = sorted(i for v in out.values() for i in v)
    if positions != list(range(width)):
        missing = sorted(set(range(width)) - set(positions))
        extra = sorted(set(positions) - set(range(width)))
        twice = sorted({i for i in positions if positions.count(i) > 1})
        wrong = [
            f"{what} {listing(where)}"
            for what, where in (("does not name", missing), ("names too much:", extra), ("names twice", twice))
            if where
        ]
        raise ModelError(f"feature_map must name each of the {width} encoded columns{of} once; it {'; '.join(wrong)}")
    return out


def each_input(given: Any, inputs: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    """What `feature_map` says of each of several inputs, in their order: a map, a mask, or the name of one feature.

    Of inputs by name it names those that it takes apart, or all of them by masks; any other is a feature of its own.

    >>> each_input({"numeric": {"age": [0], "hours": [1]}}, {"numeric": ..., "job": ...})
    [{'age': [0], 'hours': [1]}, 'job']
    """
    if isinstance(inputs, Mapping):
        if isinstance(given, Mapping) and set(given) <= set(inputs):
            return [given.get(name, name) for name in inputs]
        wrong = next((k for k in given if k not in inputs), None) if isinstance(given, Mapping) else None
        said = f"it is a {type(given).__name__}" if wrong is None else f"it names '{wrong}'"
        first = next(iter(inputs))
        raise ModelError(
            f"the inputs are {listing(inputs)}: feature_map says of each by its name where its columns are, as in "
            f"{{'{first}': {{'age': [0], 'hours': [1]}}}}; {said}.{nearest(str(wrong), inputs)}"
        )
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != len(inputs):
        raise ModelError(
            f"for {len(inputs)} inputs, feature_map must be as many maps of columns, as in ({{'age': [0]}}, …), or as "
            "many masks of whole numbers"
        )
    return list(given)


def checked_each(
    maps: Sequence[Any], widths: Sequence[int], names: Sequence[str] | None = None
) -> list[FeatureMap | str]:
    """The maps of several inputs of these widths, each `checked`; ModelError for masks among them."""
    out: list[FeatureMap | str] = []
    for i, (given, width) in enumerate(zip(maps, widths, strict=True)):
        of = f" of input {i}" if names is None else f" of '{names[i]}'"
        if not isinstance(given, Mapping | str):
            raise ModelError(
                f"feature_map gives some inputs maps of columns, {{'age': [0]}}, and that{of} is a "
                f"{type(given).__name__}: give each a map, or each a mask of whole numbers"
            )
        out.append(given if isinstance(given, str) else checked(given, width, of))
    return out


def _are_positions(value: object) -> bool:
    return isinstance(value, Iterable) and all(hasattr(i, "__index__") for i in value)


def _sources(transformer: Any, names: list[str], width: int | None) -> list[str]:
    """The raw column of every output position; `width` is the number of outputs where the caller knows it."""
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return names
    if isinstance(transformer, str):  # "drop"
        return []
    if hasattr(transformer, "transformers_"):  # ColumnTransformer
        return _column_transformer(transformer, names)
    if hasattr(transformer, "steps"):  # Pipeline
        for i, (_, step) in enumerate(transformer.steps):
            names = _sources(step, names, width if i == len(transformer.steps) - 1 else None)
        return names
    if hasattr(transformer, "transformer_list"):  # FeatureUnion
        return [s for _, part in transformer.transformer_list for s in _sources(part, names, None)]
    return _leaf(transformer, names, width)


def _column_transformer(transformer: Any, names: list[str]) -> list[str]:
    sources: dict[int, str] = {}
    for name, part, _ in transformer.transformers_:
        where = transformer.output_indices_[name]
        # positions, whatever the choice was written as: names, positions, a mask, a slice, a function
        chosen = [names[i] for i in transformer._transformer_to_input_indices[name]]
        found = _sources(part, chosen, where.stop - where.start)
        if len(found) == where.stop - where.start:
            sources |= zip(range(where.start, where.stop), found, strict=True)
    return [sources[i] for i in sorted(sources)]


def _leaf(transformer: Any, names: list[str], width: int | None) -> list[str]:
    from sklearn.base import OneToOneFeatureMixin

    blocks = getattr(transformer, "_n_features_outs", None)  # OneHotEncoder: categories kept, a column each
    if blocks is not None:
        return [n for n, k in zip(names, blocks, strict=True) for _ in range(k)]
    keeps = isinstance(transformer, OneToOneFeatureMixin) or type(transformer).__name__ == "FunctionTransformer"
    if keeps and width in (None, len(names)):
        return names
    if width is None:
        width = len(transformer.get_feature_names_out())
    if type(transformer).__name__ == "SimpleImputer" and width == len(names):
        return names
    return [" + ".join(names)] * width
