"""Consistency: are rows that are alike decided alike? Over nearest neighbours in a random sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError, listing
from auditkit.evidence.grouped import FEWEST, Grouped, GroupSums, PersonRows, hidden
from auditkit.evidence.sums import Moments
from auditkit.fairness.families.family import tested
from auditkit.fairness.rows.encoding import encoded, standardised
from auditkit.fairness.scores.findings import Readings
from auditkit.fairness.scores.values import Reading
from auditkit.options import checked_options
from auditkit.question import SPARSE
from auditkit.records import Comparison, NotMeasured, State
from auditkit.stats.means import share_limits_of
from auditkit.stats.rates import Floats

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

MOST_ROWS = 5_000
"""Rows that neighbours are sought among."""
_EVERYBODY = ""
"""The table of everybody."""


@dataclass(frozen=True)
class AgreementRows(PersonRows):
    """A row a sampled row: its `agreement` with its neighbours."""

    def sums(self, fewest: int = 1) -> GroupSums:
        """A table of everybody, and one an attribute."""
        x = {"agreement": self.columns["agreement"]}
        one = np.ones(len(self))
        tables = {a: Grouped.of(x, one, label, fewest=fewest) for a, label in self.labels.items()}
        return GroupSums(self.facts, {_EVERYBODY: Grouped.of(x, one, fewest=fewest), **tables})


@dataclass(frozen=True)
@checked_options
class Consistency(BaseCheck):
    """Share of a row's nearest neighbours that are decided as it is, overall and by group.

    Neighbours are the `neighbours` rows at the smallest Euclidean distance, the row itself left out, over what the
    model reads, each input standardised; with predictions only, over all features but the sensitive ones. They are
    sought within a simple random sample of at most 5,000 rows: in a denser one they would be nearer.

    >>> Consistency(0)
    Traceback (most recent call last):
    auditkit.errors.PolicyError: neighbours is a number from 1 to 100; got 0
    """

    NAME: ClassVar[str] = "consistency"
    NO_SUM: ClassVar[str] = (
        "neighbours were sought among the rows of each part: among those of all parts others are nearer"
    )
    neighbours: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.neighbours <= 100:
            raise PolicyError(f"neighbours is a number from 1 to 100; got {self.neighbours}")

    def study(self, sample: Batch, model: Model | None) -> AgreementRows:
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
        return AgreementRows(
            {"agreement": agreement(x, sample.y_pred[rows], self.neighbours) if known else np.zeros(0)},
            {str(a): groups[a].astype("str").tolist() if known else [] for a in groups},
            {**facts, "rows": len(rows), "left_out": left_out},
        )

    def assess(self, evidence: AgreementRows | GroupSums, *, level: float = 0.95) -> Assessment:
        """Overall, and the gap and the smallest by each attribute."""
        seen = evidence.sums()
        facts = seen.facts
        if not seen.tables or not seen.tables[_EVERYBODY].everybody.n:
            why = "no input varies" if not facts["inputs"] else f"{facts['rows']} rows with a decision in the sample"
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="fairness"),))
        notes = self._notes(seen)
        everybody = Readings("consistency", (), ((),), (_reading(seen.tables[_EVERYBODY].everybody),), level)
        findings = [everybody.finding("overall", notes=notes)]
        compared: tuple[Comparison, ...] = ("difference", "group_min")
        for attribute, table in seen.tables.items():
            if attribute == _EVERYBODY:
                continue
            names, read = list(table.groups), tuple(map(_reading, table.groups.values()))
            by_group = Readings("consistency", (attribute,), tuple((n,) for n in names), read, level)
            findings += [tested(by_group, c, notes=notes) for c in compared]
        return Assessment(tuple(findings))

    def _notes(self, evidence: GroupSums) -> tuple[str, ...]:
        facts = evidence.facts
        inputs = "inputs of the model" if facts["of_model"] else "numbers made of the features, sensitive ones left out"
        rows = evidence.tables[_EVERYBODY].everybody.n
        notes = [
            f"{facts['neighbours']} nearest of {rows:,} rows drawn at random, over {facts['inputs']} {inputs}"
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
    return np.asarray(1 - np.abs(y_pred - y_pred[nearest].mean(axis=1)))


def _reading(moments: Moments) -> Reading:
    n, mean = moments.n, float(moments.mean[0])
    state: State = "ok" if n >= SPARSE else "sparse"
    note = "" if n >= SPARSE else f"only {n} rows in the sample: too few to tell"
    if hidden(moments):
        state = "undefined"
        note = f"{n} rows in the sample: not shown, they would tell of fewer than {FEWEST}"
    squares = float(moments.wx2[0]) - n * mean**2
    if squares <= 1e-12 * max(1.0, float(moments.wx2[0])):  # of values all alike, nothing but rounding
        squares = 0.0
    spread = (squares / (n - 1)) ** 0.5 if n > 1 else 0.0
    limits = partial(share_limits_of, mean, spread, n)
    error = spread / n**0.5 if n > 1 else float("nan")
    return Reading(mean, limits, n, "Student's t over rows, approximate", error, state, note)
