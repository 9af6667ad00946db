"""Consistency: are rows that are alike decided alike? Over nearest neighbours in a random sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from auditkit.check import Assessment, Batch
from auditkit.errors import PolicyError, listing
from auditkit.evidence.sample import Observations
from auditkit.fairness.encoding import encoded, standardised
from auditkit.fairness.estimates import SPARSE
from auditkit.fairness.readings import Reading
from auditkit.fairness.score_findings import Readings
from auditkit.options import checked_options
from auditkit.records import Comparison, NotMeasured, State
from auditkit.stats.means import share_limits

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

Floats = NDArray[np.float64]
MOST_ROWS = 5_000
"""Rows that neighbours are sought among."""


@dataclass(frozen=True)
@checked_options
class Consistency:
    """Share of a row's nearest neighbours that are decided as it is, overall and by group.

    Neighbours are the `neighbours` rows at the smallest Euclidean distance, the row itself left out, over what the
    model reads, each input standardised; with predictions only, over all features but the sensitive ones. They are
    sought within a simple random sample of at most 5,000 rows: in a denser one they would be nearer.

    >>> Consistency(0)
    Traceback (most recent call last):
    auditkit.errors.PolicyError: neighbours is a number from 1 to 100; got 0
    """

    neighbours: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.neighbours <= 100:
            raise PolicyError(f"neighbours is a number from 1 to 100; got {self.neighbours}")

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return "consistency"

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        return {"neighbours": self.neighbours}

    def study(self, sample: Batch, model: Model | None) -> Observations:
        """Every row's agreement with its neighbours: no feature is kept."""
        rows = np.flatnonzero(sample.y_pred >= 0)[:MOST_ROWS]
        features, groups = sample.features.iloc[rows], sample.groups.iloc[rows]
        left_out: dict[str, str] = {}
        if model is None:
            found = encoded(features, without=[str(a) for a in groups])
            left_out, x = found.left_out, found.all if found.columns else np.zeros((len(rows), 0))
        else:
            x = standardised(model.encoded_numbers(features))
        facts = {"neighbours": self.neighbours, "inputs": int(x.shape[1]), "of_model": model is not None}
        known = len(rows) > self.neighbours and x.shape[1] > 0
        return Observations(
            {"agreement": agreement(x, sample.y_pred[rows], self.neighbours) if known else np.zeros(0)},
            {str(a): groups[a].astype("str").tolist() if known else [] for a in groups},
            {**facts, "rows": len(rows), "left_out": left_out},
        )

    def assess(self, evidence: Observations, *, level: float = 0.95) -> Assessment:
        """Overall, and the gap and the smallest by each attribute."""
        facts = evidence.facts
        if not len(evidence):
            why = "no input varies" if not facts["inputs"] else f"{facts['rows']} rows with a decision in the sample"
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="fairness"),))
        values, notes = evidence.columns["agreement"], self._notes(evidence)
        everybody = Readings("consistency", (), ((),), (_reading(values),), level)
        findings = [everybody.finding("overall", notes=notes)]
        compared: tuple[Comparison, ...] = ("difference", "group_min")
        for attribute, labels in evidence.labels.items():
            label = np.array(labels, dtype=object)
            names = sorted(set(labels))
            read = tuple(_reading(values[label == name]) for name in names)
            by_group = Readings("consistency", (attribute,), tuple((n,) for n in names), read, level)
            findings += [by_group.finding(c, notes=notes) for c in compared]
        return Assessment(tuple(findings))

    def _notes(self, evidence: Observations) -> tuple[str, ...]:
        facts = evidence.facts
        inputs = "inputs of the model" if facts["of_model"] else "numbers made of the features, sensitive ones left out"
        notes = [
            f"{facts['neighbours']} nearest of {len(evidence):,} rows drawn at random, over {facts['inputs']} {inputs}"
            ", standardised; a row is no neighbour of its own",
            "approximate: the interval takes rows as independent, and rows share neighbours",
        ]
        if facts["left_out"]:
            notes.append(f"features left out: {listing(f'{c} ({why})' for c, why in facts['left_out'].items())}")
        return tuple(notes)


def agreement(x: Floats, y_pred: NDArray[np.int8], neighbours: int) -> Floats:
    """1 − |ŷ_i − mean of ŷ over the nearest rows of x (N, d)|, (N,); a row is not among its own neighbours.

    >>> agreement(np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([1, 1, 0, 0], np.int8), 1).tolist()
    [1.0, 1.0, 0.0, 1.0]
    """
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=neighbours).fit(x).kneighbors(return_distance=False)
    out: Floats = 1 - np.abs(y_pred - y_pred[nearest].mean(axis=1))
    return out


def _reading(values: Floats) -> Reading:
    n = len(values)
    state: State = "ok" if n >= SPARSE else "sparse"
    note = "" if n >= SPARSE else f"only {n} rows in the sample: too few to tell"
    error = float(values.std(ddof=1) / n**0.5) if n > 1 else float("nan")
    limits = partial(share_limits, values)
    return Reading(float(values.mean()), limits, n, "Student's t over rows, approximate", error, state, note)
