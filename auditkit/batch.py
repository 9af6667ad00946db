"""Rows, as every check is given them: what the model saw, what it said, and whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditkit.errors import DataError, EvidenceError
from auditkit.records import DEFAULT_TASK, TASK_KINDS, Task, TaskKind

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Cell = tuple[str, ...]
"""A value of each attribute, then target ("-1": not known) and decision as text ("" where the task has no classes)."""
MISSING = "(missing)"
"""The group of rows without a sensitive value."""
SUMS = 7
"""Sums of a cell of a census."""


@dataclass(frozen=True)
class Census:
    """Sums over all rows whose output is known; they add. `evidence.census` makes and reads them."""

    by: tuple[str, ...]
    """Sensitive attributes."""
    cells: Mapping[Cell, NDArray[np.float64]]
    """Cell → (rows, Σ score or prediction, Σ log loss, then Σ of squares and Σ of cubes about the mean of both), (7,).

    What is about the mean is NaN in the evidence of older reports."""

    def __add__(self, other: Census) -> Census:
        if self.by != other.by:
            raise EvidenceError(f"cannot add a census by {list(self.by)} and one by {list(other.by)}")
        return self._of((*self.cells.items(), *other.cells.items()))

    def recoded(self, recoding: Mapping[str, Mapping[str, str]]) -> Census:
        """The sums of recoded groups."""
        n = len(self.by)
        said = [recoding.get(a, {}) for a in self.by]
        return self._of(
            ((*(r.get(v, v) for r, v in zip(said, cell, strict=False)), *cell[n:]), sums)
            for cell, sums in self.cells.items()
        )

    def _of(self, cells: Iterable[tuple[Cell, NDArray[np.float64]]]) -> Census:
        """By the same attributes; sums of one cell add."""
        found: dict[Cell, NDArray[np.float64]] = {}
        for cell, sums in cells:
            found[cell] = merged_sums(found[cell], sums) if cell in found else sums
        return Census(self.by, found)


def merged_sums(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of D numbers over two sets of rows as those over both: (1 + 3D,) n, Σx, M₂ and M₃, the last two about the
    mean, so that a large mean does not eat their digits.

    Source: Chan, Golub & LeVeque (1983), The American Statistician 37:242; Pébay (2008), SAND2008-6212.
    """
    (n, s, m2, m3), (k, t, q2, q3) = _parts(a), _parts(b)
    if not n or not k:
        return a if n else b
    d, both = t / k - s / n, n + k
    squares = m2 + q2 + d * d * (n * k / both)
    cubes = m3 + q3 + d**3 * (n * k * (n - k) / both**2) + 3 * d * (n * q2 - k * m2) / both
    out: NDArray[np.float64] = a + b
    size = len(s)
    out[1 + size : 1 + 2 * size], out[1 + 2 * size :] = squares, cubes
    return out


def _parts(sums: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    size = (len(sums) - 1) // 3
    return float(sums[0]), sums[1 : 1 + size], sums[1 + size : 1 + 2 * size], sums[1 + 2 * size :]


@dataclass(frozen=True)
class ScoreScale:
    """Scores from `low` to `high`, of which evidence holds (s − low)/(high − low), in [0, 1]; or ranks.

    `evidence.score_scale` reads it.

    >>> import numpy as np
    >>> scale = ScoreScale(300, 850, threshold=575)
    >>> scale.unit(np.array([300, 575])).tolist(), scale.own(0.5), scale.probability
    ([0.0, 0.5], 575.0, False)
    """

    low: float = 0.0
    high: float = 1.0
    ranks: bool = False
    """The share of the known scores of the data below a score, and of half of those that equal it."""
    threshold: float | None = None
    """The score from which on rows are selected, in the units of the evidence, where it was said."""

    @property
    def probability(self) -> bool:
        """Whether scores can be probabilities, which calibration is about."""
        return not self.ranks and (self.low, self.high) == (0.0, 1.0)

    @property
    def words(self) -> str:
        """What the scores are, where they are no probabilities; else empty."""
        if self.ranks:
            return "ranks within the data"
        return "" if self.probability else f"{self.low:g} to {self.high:g}"

    @property
    def why(self) -> str:
        """Why calibration is not measured."""
        if self.ranks:
            return (
                "scores are taken by their ranks, which are no probabilities: they can be neither too high nor too low"
            )
        return f"the score runs from {self.words}, and is no probability: it can be neither too high nor too low"

    def unit(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """In [0, 1]."""
        return scores if self.ranks or self.probability else (scores - self.low) / (self.high - self.low)

    def own(self, x: Any) -> Any:
        """In the units in which scores were given; ranks stay ranks."""
        return x if self.ranks or self.probability else self.low + x * (self.high - self.low)

    def to_json(self) -> dict[str, Any]:
        """As JSON: `ranks`, or the two ends; and the threshold where it was said."""
        said: dict[str, Any] = {"ranks": True} if self.ranks else {"low": self.low, "high": self.high}
        return said if self.threshold is None else {**said, "threshold": self.threshold}


def not_at_hand(name: str) -> NDArray[np.float64]:
    """DataError: these rows have no column of that name beside their features."""
    raise DataError(f"column '{name}' is not at hand: these rows are no part of a source")


@dataclass(frozen=True)
class Batch:
    """Some rows: what the model saw, what it said, and whom it concerns. All arrays have N rows."""

    features: pd.DataFrame
    """(N, columns) raw columns, without target and predictions."""
    groups: pd.DataFrame
    """(N, attributes) sensitive features as categoricals of strings; a missing value is `(missing)`."""
    y_true: NDArray[Any]
    """(N,) binary: int8, 1 positive, 0 negative; multiclass: int16 positions in `classes`; -1 is missing in both.
    Regression: float64, NaN is missing."""
    y_pred: NDArray[Any]
    """(N,) decisions, coded likewise; all missing before the model ran."""
    score: NDArray[np.float64] | None = None
    """(N,) score of the positive class in [0, 1], or (N, C) of every class; None where there is none."""
    weight: NDArray[np.float64] | None = None
    """(N,) rows of the data that each sampled row stands for; None outside the sample."""
    copies: NDArray[np.int64] | None = None
    """(N,) rows of the data that are this very row, itself among them; None: one each."""
    squares: NDArray[np.float64] | None = None
    """(N,) what each sampled row adds to the variance of a weighted mean, as `evidence.sums.Weights` says; None: the
    square of its weight."""
    sample_weight: NDArray[np.float64] | None = None
    """(N,) weights of the data, finite and ≥ 0; None: every row counts alike."""
    weights_kind: str = "sampling"
    """`sampling`: rows of the population that a row stands for; `frequency`: how often it occurs."""
    cluster: NDArray[np.object_] | None = None
    """(N,) what rows have in common (a person, a hospital), as strings; (N, 2) where a row is of two people, the same
    twice where it is of one; None: rows are independent."""
    strata: NDArray[np.object_] | None = None
    """(N,) the stratum within which each row was drawn; None: rows are drawn from all at once."""
    population: Mapping[str, float] | None = None
    """Stratum → rows of it in the population, where known."""
    row_id: NDArray[np.uint64] | None = None
    """(N,) a hash of each row's declared id; None: rows have none, and are told apart by their content."""
    key: NDArray[np.uint64] | None = None
    """(N,) a hash of each row's cluster, of its declared id or else of its content, for checks that halve the rows;
    None: they hash what the batch holds."""
    controls: pd.DataFrame | None = None
    """(N, features) control features as categoricals of strings, like `groups`; None where none are declared."""
    task: Task = DEFAULT_TASK
    classes: tuple[str, ...] = ()
    """(C,) names of the classes in their order; empty unless the task is multiclass."""
    levels: Mapping[str, int] = field(default_factory=dict)
    """Of rows that stand for more: column → how many different values it has in all, as far as they are counted."""
    census: Census | None = None
    """Of a drawn sample: what the model said of all rows, group by group; None: not known."""
    y_old: NDArray[Any] | None = None
    """(N,) decisions of an older model, coded as `y_pred` is; None where there is none."""
    scale: ScoreScale | None = None
    """In which units the scores were given; None: they are as they were given, and may be probabilities."""
    numbers: Callable[[str], NDArray[np.float64]] = not_at_hand
    """Name of a column, a feature or not → its (N,) numbers, NaN where missing; DataError for a column that is not
    there or holds none. Of rows that were drawn into a sample no column is at hand."""

    @property
    def ids(self) -> NDArray[np.object_] | tuple[NDArray[np.object_], ...] | None:
        """The clusters as a `Tally` takes them: (N,) of each row, or of its two people."""
        if self.cluster is None or self.cluster.ndim == 1:
            return self.cluster
        return tuple(self.cluster.T)

    @property
    def of_two(self) -> bool:
        """Whether rows are of two people, so that no halves of them are independent."""
        return self.cluster is not None and self.cluster.ndim > 1

    def labels(self, where: NDArray[np.intp] | slice = slice(None)) -> dict[str, list[str]]:
        """Sensitive feature → the groups of the rows, or of those at `where`."""
        return {str(a): self.groups[a].astype("str").iloc[where].tolist() for a in self.groups}

    @property
    def kind(self) -> TaskKind:
        """What the task predicts: what a check asks, instead of the task's name."""
        return TASK_KINDS[self.task]


def missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) where a target or decision is missing: -1 among codes, NaN among numbers.

    >>> import numpy as np
    >>> missing(np.array([0, -1])).tolist(), missing(np.array([-3.0, float("nan")])).tolist()
    ([False, True], [False, True])
    """
    out: NDArray[np.bool_] = values != values if values.dtype.kind == "f" else values < 0
    return out


def all_missing(like: NDArray[Any]) -> NDArray[Any]:
    """As many targets or decisions, of the same type, all missing.

    >>> import numpy as np
    >>> all_missing(np.array([0, 1])).tolist(), all_missing(np.array([0.5])).tolist()
    ([-1, -1], [nan])
    """
    out = like.copy()
    out.fill(float("nan") if like.dtype.kind == "f" else -1)
    return out
