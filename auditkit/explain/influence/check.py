"""Influence: which training rows push the gap between groups up, and which push it down?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.arrays import Floats, Positions
from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, Need, attributes_asked
from auditkit.errors import DataError, NotExplained, PolicyError, choices, nearest
from auditkit.evidence.observations import Observations
from auditkit.explain.estimates import FEWEST
from auditkit.explain.influence.findings import influence_findings
from auditkit.explain.influence.sums import SHOWN, InfluenceSeen, cells_of, sums_of
from auditkit.options import checked_options
from auditkit.records import NotMeasured, Task
from auditkit.stats.grids import round_step, told

if TYPE_CHECKING:
    from auditkit.explain.influence.directions import Gap
    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.model import Model

NO_ROWS = "no training rows given: Influence(train=…) takes a file, a frame or a Dataset"
PLAIN = (
    "stored by an older version, which took plain gradients for influence: their signs can be wrong, so that nothing "
    "is told of them; audit again"
)
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
@checked_options
class Influence(BaseCheck):
    """Which training rows, of which group and label, push the gap in mean scores up or down.

    Of training row i, I_i = −∇G · (A + δM)⁻¹ ∇ℓ_i: to first order what the gap G would lose if row i had not been
    trained on. A is the Gauss–Newton matrix of the loss summed over the training rows, by up to 2,048 of them (fewer
    of a net whose rows take much memory), drawn from a seed; M is its diagonal and δ = .01. The damping is relative
    to each weight's own curvature, so that units of features do not matter; conjugate gradients invert it, and where
    they leave more than 2 % nothing is said. Plain gradients (A + δM left out) have the wrong sign for half of the
    rows where one feature's unit is an eighth.

    With checkpoints, the mean of the same at each of them, weighted by learning rates where these are given: as if
    training had ended there. Parameters that are frozen, while others are not, are held still.

    For a loss of cross entropy (half the squared error). It ranks groups of rows, and does not say how much training
    without them would change: of a net that is not convex that is several times as much.

    Reference: Koh & Liang (2017), ICML; Koh et al. (2019), NeurIPS, on groups; Bae et al. (2022), NeurIPS, on nets
    that are not at an optimum; Martens (2010), ICML; Pruthi et al. (2020), TracIn, NeurIPS, on checkpoints.

    >>> Influence(checkpoints=["a.pt", "b.pt"], learning_rates=[0.1])
    Traceback (most recent call last):
    auditkit.errors.PolicyError: influence: 1 learning rates for 2 checkpoints
    """

    NAME: ClassVar[str] = "influence"
    train: Any = None
    """Training rows: the path of a parquet or CSV file (in a configuration, relative to it), a frame, or a Dataset."""
    y_true: str | None = None
    """Their target column; None: named as that of the audited rows."""
    positive: Any = None
    """Its positive label; None: as for the audited rows."""
    checkpoints: Sequence[str] = ()
    """Weights along the training, as safetensors or state dicts; empty: the final weights alone."""
    learning_rates: Sequence[float] = ()
    """One a checkpoint; empty: all checkpoints count alike."""
    attributes: Sequence[str] = ()
    """Which of the sensitive features; empty: all."""
    show: Sequence[str] = ()
    """Columns of the training rows that may be shown of the most harmful ones, where rows are kept; empty: none."""
    rows: int = 100_000
    """Training rows, at most: of more, evenly spaced ones."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "regression")
    NO_SUM: ClassVar[str] = (
        "each part asked the same training rows about its own gap: added, a training row would count once a part, "
        "and for the gap of no rows"
    )
    PATHS: ClassVar[tuple[str, ...]] = ("train", "checkpoints")

    def __post_init__(self) -> None:
        if self.learning_rates and len(self.learning_rates) != len(self.checkpoints):
            raise PolicyError(
                f"influence: {len(self.learning_rates)} learning rates for {len(self.checkpoints)} checkpoints"
            )
        if self.rows < FEWEST:
            raise PolicyError(f"influence: rows is a number from {FEWEST}; got {self.rows}")

    def options(self) -> dict[str, Any]:
        """The options, as JSON; a frame or Dataset is named, not stored, and of files only their names are."""
        train = self.train
        if train is not None:
            train = Path(train).name if isinstance(train, str | Path) else f"(a {type(train).__name__})"
        positive = self.positive.item() if isinstance(self.positive, np.generic) else self.positive
        files = [Path(c).name for c in self.checkpoints]
        return {**super().options(), "train": train, "positive": positive, "checkpoints": files}

    def declared(self, data: Dataset) -> Influence:
        """The same check, its target and positive label as those of the audited rows where it names none."""
        if self.train is None or hasattr(self.train, "target"):
            return self
        positive = getattr(data.target, "positive", "") if data.kind.yes_no else None
        return dataclasses.replace(
            self,
            y_true=self.y_true or data.y_true,
            positive=positive if self.positive is None else self.positive,
        )

    @property
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`."""
        return frozenset({"truths", "decisions"})

    def examine(self, model: Model, sample: Batch) -> InfluenceSeen:
        """Sums of influence a group and label of the training rows, and the rows of largest influence.

        DataError for training rows that lack what the model reads, ModelError for checkpoints that do not fit.
        """
        if self.train is None:
            return _not_measured(NO_ROWS)
        try:
            return self._measured(model, sample)
        except NotExplained as e:
            return _not_measured(str(e))

    def _measured(self, model: Model, sample: Batch) -> InfluenceSeen:
        from auditkit.explain.influence.directions import gap_of, influences

        attributes = attributes_asked(self.attributes, sample, "for influence")
        train = self._rows(sample)
        reasons: dict[str, str] = {}
        gaps: dict[str, Gap] = {}
        for attribute in attributes:
            found = gap_of(model, sample, attribute)
            if found is None:
                reasons[attribute] = f"fewer than two groups of {attribute} with {FEWEST} sampled rows: there is no gap"
            else:
                gaps[attribute] = found
        cells = {a: cells_of(train.groups[a], train.labels) for a in gaps}
        values = influences(
            model,
            sample.features,
            list(gaps.values()),
            train.features,
            train.y_true,
            [cell.number for cell in cells.values()],
            total=train.read - train.dropped,
            checkpoints=[Path(c) for c in self.checkpoints],
            rates=self.learning_rates,
        )
        facts = {
            "not_measured": reasons,
            "gaps": {a: [g.value, g.lower, g.upper] for a, g in gaps.items()},
            "curved_by": min((v.curved_by for v in values), default=0),
            "steps": max((v.steps for v in values), default=0),
            "checkpoints": len(self.checkpoints),
            "weighted": bool(self.learning_rates),
            "of": train.read,
            "dropped": train.dropped,
            "show": list(self.show),
            "task": sample.task,
        }
        parts = [
            sums_of(a, v.rows, v.drawn, cells[a], train.position, train.shown)
            for a, v in zip(gaps, values, strict=True)
        ]
        return InfluenceSeen.of(parts, facts, sample.census)

    def assess(self, evidence: InfluenceSeen, *, level: float = 0.95) -> Assessment:
        """A finding an attribute; pure. Of evidence of older versions, which took no account of curvature, none."""
        reasons: dict[str, str] = evidence.cells.facts["not_measured"]
        if evidence.is_plain:
            reasons = {**reasons, "": PLAIN}
        absent = tuple(NotMeasured(what="influence", why=why, concern="explanation") for why in reasons.values())
        return Assessment(() if evidence.is_plain else influence_findings(evidence, level=level), absent)

    def _rows(self, sample: Batch) -> _Training:
        """The training rows, coded as the audited ones are."""
        from auditkit.inputs.dataset import Dataset
        from auditkit.inputs.sources import source_of

        given = self.train
        if isinstance(given, Dataset):
            frame, positive = given.frame, getattr(given.target, "positive", None)
        else:
            frame, positive = source_of(given).frame, self.positive
        y_true = given.y_true if isinstance(given, Dataset) else self.y_true
        if y_true is None:
            raise PolicyError("influence: say which column of the training rows is the target, y_true=…")
        known = [str(a) for a in sample.groups if a in frame]
        frame = frame if known else frame.assign(**{UNKNOWN: UNKNOWN})
        data = Dataset(
            frame,
            y_true=y_true,
            positive=positive if sample.kind.yes_no else None,
            sensitive_features=known or [UNKNOWN],
            task=sample.task,
        )
        return _training(next(data.batches(len(data))), frame, sample, self.rows, list(self.show))


@dataclass(frozen=True)
class _Training:
    features: pd.DataFrame
    y_true: Floats
    groups: dict[str, list[str]]
    labels: list[str]
    position: Positions
    """Where each row stands in what was given, from 0."""
    shown: list[str]
    """Values of the columns that may be shown, as text; "" where there are none."""
    read: int
    """Rows that were given."""
    dropped: int
    """Of them, rows without a target."""


def _training(rows: Batch, frame: pd.DataFrame, sample: Batch, most: int, show: Sequence[str]) -> _Training:
    from auditkit.batch import missing

    known = np.flatnonzero(~missing(rows.y_true))
    picks = known if len(known) <= most else known[np.linspace(0, len(known) - 1, most).round().astype(int)]
    features = {}
    for column in sample.features.columns:
        if column in frame:
            features[column] = frame[column].iloc[picks]
        elif column in sample.groups:  # trained without it, as it should be: a model that reads it will say so
            features[column] = pd.Series([None] * len(picks), index=frame.index[picks], dtype=object)
        else:
            raise DataError(
                f"the training rows lack the column '{column}'; theirs are {choices(column, frame.columns)}"
            )
    for column in show:
        if column not in frame:
            raise DataError(f"no column '{column}' of the training rows to show.{nearest(column, map(str, frame))}")
    groups = {
        str(a): rows.groups[a].astype("str").iloc[picks].tolist() if a in rows.groups else [UNKNOWN] * len(picks)
        for a in sample.groups
    }
    y = rows.y_true[picks].astype(float)
    if sample.kind.yes_no:
        labels = ["positive" if v > 0 else "negative" for v in y]
    else:
        middle = _middle(y)
        labels = [f"above {middle:.6g}" if v > middle else f"at most {middle:.6g}" for v in y]
    shown = frame[list(show)].iloc[picks].astype("str").agg(", ".join, axis=1).tolist() if show else [""] * len(picks)
    return _Training(
        features=pd.DataFrame(features).reset_index(drop=True),
        y_true=y,
        groups=groups,
        labels=labels,
        position=picks,
        shown=shown,
        read=len(frame),
        dropped=len(frame) - len(known),
    )


def _middle(y: Floats) -> float:
    """A round number near the median, which is somebody's value."""
    if not len(y):
        return 0.0
    near = float(np.median(y)) + round_step(y) * np.arange(-3.0, 4.0)
    found = told(y, near)
    return float(found[np.argmin(np.abs(found - np.median(y)))]) if len(found) else round_step(y) / 2


def _not_measured(why: str) -> InfluenceSeen:
    cells = Observations({}, {}, {"not_measured": {"influence": why}})
    return InfluenceSeen(cells, Observations({}, {}, {"shown": SHOWN}))
