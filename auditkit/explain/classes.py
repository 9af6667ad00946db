"""Of several classes, the one that an explanation is about where nobody names one: the one surest apart. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.batch import MISSING, Batch, missing
from auditkit.catalogue.sentences import groups_of, none_established, too_small
from auditkit.evidence.sample import weights_of
from auditkit.evidence.sums import Weights
from auditkit.explain.all_rows import Means
from auditkit.formatting import points
from auditkit.records import DEFAULT_TASK, Estimate

LEAST = 20
"""Rows of a group, below which its mean is not compared."""


def one_class(sample: Batch, i: int) -> Batch:
    """One class of several as positives and negatives; of all rows nothing is known of its score."""
    y = np.where(missing(sample.y_true), -1, sample.y_true == i).astype(np.int8)
    unknown = np.full(len(y), -1, np.int8)
    return replace(sample, task=DEFAULT_TASK, classes=(), y_true=y, y_pred=unknown, score=None, census=None)


def worst_class(sample: Batch, scores: Floats, by: Sequence[str] | None) -> str:
    """The class of which two groups' mean scores (N, C) differ most surely: by the lower limit of their difference."""
    least = np.full(len(sample.classes), -1.0)
    for name in by if by is not None else tuple(map(str, sample.groups.columns)):
        labels = sample.groups[name].astype("str").to_numpy()
        members = {g: labels == g for g in sorted(set(labels) - {MISSING})}
        found = largest_gaps(sample, scores, members, level=0.95)
        least = np.maximum(least, [lower(e) for e in found])
    return sample.classes[int(np.argmax(least))]


def largest_gaps(
    sample: Batch, scores: Floats, members: Mapping[str, Bools | Ints], *, level: float
) -> list[Estimate | None]:
    """(C,) class by class, the largest difference of two groups' mean scores (N, C) in the sample.

    None where fewer than two groups have twenty rows.
    """
    weights = distinct_alone(weights_of(sample))
    enough = {g: m for g, m in members.items() if weights.at(m).rows >= LEAST}
    out = []
    for column in scores.T:
        means = Means.of_rows({g: (column[m], weights.at(m)) for g, m in enough.items()}, bounded=True, level=level)
        out.append(None if means is None else means.largest())
    return out


class Surest(NamedTuple):
    """The class that is explained where none is named."""

    label: str
    not_measured: dict[str, str]
    """Name of a set of attributes → why the class has nothing to tell of it."""


def surest(sample: Batch, scores: Floats, sets: Mapping[str, Mapping[str, Bools | Ints]], *, level: float) -> Surest:
    """The class of which two groups of any of the `sets` (name → group → rows) differ most surely in mean score.

    Each limit is one of all classes (Bonferroni). A set between whose groups no gap of the class is established has
    nothing to explain; whether another class has one there is said.
    """
    classes = sample.classes
    inner = 1 - (1 - level) / len(classes)
    found = {name: largest_gaps(sample, scores, members, level=inner) for name, members in sets.items()}
    low = np.array([[lower(e) for e in gaps] for gaps in found.values()]).reshape(len(found), len(classes))
    chosen = int(np.argmax(low.max(0))) if len(low) else 0
    absent = {}
    for (name, gaps), own in zip(found.items(), low, strict=True):
        if own[chosen] > 0:
            continue
        unseen = [e.unseen for e in gaps if e is not None and e.unseen is not None]
        if own.max() > 0:
            label = classes[int(np.argmax(own))]
            absent[name] = (
                f"explained is '{classes[chosen]}', the class surest apart, of which no gap between "
                f"{groups_of([name])} is established; here it is '{label}': GapAttribution(label='{label}')"
            )
        elif any(e is not None and e.state == "unstable" for e in gaps):
            absent[name] = f"a few large scores carry the means of {groups_of([name])}: no interval is to be relied on"
        elif not unseen:
            absent[name] = f"fewer than two groups of {name} have {LEAST} rows in the sample"
        else:
            none = none_established("gap", f"in mean score of any class between {groups_of([name])}")
            unseen_ = too_small(f"{points(max(unseen))} points")
            absent[name] = f"{none} by the sampled rows, the only ones asked of classes{unseen_}; label= names one"
    return Surest(classes[chosen], absent)


def lower(e: Estimate | None) -> float:
    """The lower limit of a difference; −1 where there is none that holds."""
    return -1.0 if e is None or e.low is None or e.state == "unstable" else e.low


def distinct_alone(weights: Weights) -> Weights:
    """Copies of a row are no further draws, even where all of them are known: what is fitted on other rows is read on
    the distinct ones."""
    if weights.squares is None:
        return weights
    return weights._replace(squares=np.maximum(weights.squares, weights.weight**2))
