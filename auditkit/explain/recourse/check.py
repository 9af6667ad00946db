"""Recourse: what would a refused row have to change to be decided otherwise, and whom does it cost more?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats, Positions
from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError, choices, listing
from auditkit.evidence.grouped import GroupSums
from auditkit.evidence.sample import row_copies, weights_of
from auditkit.evidence.sums import Weights
from auditkit.explain.recourse.findings import CHANGES, MOVES, RecourseRows, recourse_findings
from auditkit.options import checked_options
from auditkit.progress import tell
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

Direction = Literal["up", "down", "any"]
CALL_ROWS = 8192
"""Changed rows that are predicted at a time."""
MOST_DEPTH, MOST_GRID, MOST_ACTIONS = 3, 50, 20_000


class Column(NamedTuple):
    """An actionable column: what it may become, and where its values stand among the rows."""

    name: str
    values: list[Any]
    """Candidates, raw."""
    place: Floats
    """(candidates,) their quantiles; zeros for categories."""
    own: Floats
    """(N,) the quantiles of the rows' own values; NaN for a missing one."""
    codes: Positions
    """(N,) which candidate a row has already, −1 for none of them."""
    numeric: bool
    direction: str

    def cost(self, k: int) -> Floats:
        """(N,) of moving to candidate k: quantiles passed, or 1 for another category; ∞ where it is not allowed."""
        if not self.numeric:
            return np.where(self.codes == k, np.inf, 1.0)
        shift = self.place[k] - self.own
        allowed = (self.codes != k) & (shift != 0) & ~np.isnan(shift)
        if self.direction != "any":
            allowed &= shift > 0 if self.direction == "up" else shift < 0
        return np.where(allowed, np.abs(shift), np.inf)


@dataclass(frozen=True)
@checked_options
class Recourse(BaseCheck):
    """The smallest change of actionable columns that turns a refusal, by group: how many have one, at what cost.

    Numbers move over a grid of quantiles of the sample and cost the share of rows that they pass; categories become
    any observed value at cost 1; costs of several columns add. All actions of up to `depth` columns are tried.

    Reference: Ustun, Spangher & Liu (2019), Actionable recourse in linear classification, FAT*.

    >>> Recourse(actionable=["hours"], directions={"hours": "upp"})
    Traceback (most recent call last):
    auditkit.errors.PolicyError: 'hours' in directions of Recourse must be one of up, down, any, got 'upp' (str)...
    """

    NAME: ClassVar[str] = "recourse"
    actionable: Sequence[str]
    """Raw columns that a person can change."""
    directions: Mapping[str, Direction] | None = None
    """Numeric column → `up` or `down`; others may go either way."""
    depth: int = 2
    """Columns changed at once, at most: 1 to 3."""
    grid: int = 10
    """Quantile steps of a number: 2 to 50."""
    rows: int = 1_000
    """Refused rows of the sample that are tried, at most."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)
    NO_SUM: ClassVar[str] = (
        "values to try, and what they cost, are quantiles of each part's own rows: the same step is another one "
        "elsewhere"
    )

    def __post_init__(self) -> None:
        if not self.actionable:
            raise PolicyError("recourse: actionable is a list of one or more columns")
        for name in self.directions or {}:
            if name not in self.actionable:
                raise PolicyError(
                    f"recourse: '{name}' has a direction and is not actionable; the actionable columns are "
                    f"{choices(name, self.actionable)}"
                )
        self._within("depth", 1, MOST_DEPTH)
        self._within("grid", 2, MOST_GRID)
        self._within("rows", 10, 100_000)

    def examine(self, model: Model, sample: Batch) -> RecourseRows:
        """A row a refused row: `success` 0 or 1, `cost` (0 where there is none), `changes:<column>` 0 or 1.

        Rows that lack a number in an actionable column are counted apart: nobody knows where they stand.
        PolicyError for a column that is none, a direction of a column without order, or too many actions.
        """
        from auditkit.explain.preflight import undisturbed

        columns = [self._column(name, sample) for name in self.actionable]
        self._few_enough(columns)
        refused = np.flatnonzero(sample.y_pred == 0)
        lacking = np.any([np.isnan(c.own[refused]) for c in columns], axis=0)
        chosen, weights = _spread(sample, refused[~lacking], self.rows)
        with undisturbed(model):
            found = _searched(model, sample.features, chosen, columns, self.depth)
        copies = row_copies(sample)
        facts = {**self.options(), "refused": int(copies[refused].sum()), "sampled": int(copies.sum())}
        if lacking.any():
            facts["lacking"] = int(copies[refused[lacking]].sum())
            facts["lacked"] = [c.name for c in columns if np.isnan(c.own[refused]).any()]
        return RecourseRows({**weights.columns(), **found}, sample.labels(chosen), facts)

    def assess(self, evidence: RecourseRows | GroupSums, *, level: float = 0.95) -> Assessment:
        """Success and cost an attribute; pure."""
        seen = evidence.sums()
        if not seen.facts["tried"]:
            why = "no sampled row is refused"
            if seen.facts.get("lacking"):
                why = f"every refused row lacks a number in {listing(seen.facts['lacked'])}"
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="explanation"),))
        return Assessment(recourse_findings(seen, level=level))

    def _column(self, name: str, sample: Batch) -> Column:
        features = sample.features
        if name not in features:
            raise PolicyError(
                f"recourse: no column '{name}' to act on; the columns are {choices(name, features.columns)}"
            )
        direction = (self.directions or {}).get(name, "any")
        values = features[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            return _number(name, values, sample.weight, self.grid, direction)
        if direction != "any":
            raise PolicyError(f"recourse: '{name}' has no order, so that '{direction}' means nothing for it")
        codes, observed = pd.factorize(values, sort=False)
        nothing = np.zeros(len(values))
        return Column(name, list(observed), np.zeros(len(observed)), nothing, np.asarray(codes), False, "any")

    def _few_enough(self, columns: Sequence[Column]) -> None:
        sizes = [len(c.values) for c in columns]
        total = sum(
            int(np.prod(subset)) for d in range(1, self.depth + 1) for subset in itertools.combinations(sizes, d)
        )
        if total > MOST_ACTIONS:
            raise PolicyError(
                f"recourse: {total:,} actions to try, more than {MOST_ACTIONS:,}: make depth or grid smaller, or leave "
                f"out the column of most values, '{columns[int(np.argmax(sizes))].name}' ({max(sizes)})"
            )


def _number(name: str, values: pd.Series[Any], weight: Floats | None, grid: int, direction: str) -> Column:
    """Observed values at `grid` + 1 quantiles; a value's place is the share of rows below it, ties counted half."""
    x = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isnan(x).all():
        return Column(name, [], np.zeros(0), x, np.full(len(x), -1), True, direction)
    w = np.where(np.isnan(x), 0.0, np.ones(len(x)) if weight is None else weight)
    order = np.argsort(x, kind="stable")
    levels, first = np.unique(x[order], return_index=True)
    below = np.concatenate([[0.0], np.cumsum(w[order])])
    ends = np.append(first[1:], len(x))
    middle = (below[first] + below[ends]) / 2 / w.sum()
    real = ~np.isnan(levels)
    levels, middle, upto = levels[real], middle[real], below[ends][real] / w.sum()
    picks = np.unique(np.minimum(np.searchsorted(upto, np.linspace(0, 1, grid + 1) - 1e-12), len(levels) - 1))
    own = np.where(np.isnan(x), np.nan, middle[np.clip(np.searchsorted(levels, x), 0, len(levels) - 1)])
    candidates = levels[picks]
    at = np.clip(np.searchsorted(candidates, x), 0, len(candidates) - 1)
    codes = np.where(candidates[at] == x, at, -1)
    raw = values.dropna().iloc[[int(np.flatnonzero(values.dropna().to_numpy(float) == v)[0]) for v in candidates]]
    return Column(name, raw.tolist(), middle[picks], own, codes, True, direction)


def _spread(sample: Batch, refused: Positions, most: int) -> tuple[Positions, Weights]:
    """At most so many refused rows, shared out over the crossed groups; weights make up for those left out."""
    own = weights_of(sample).at(refused)
    if len(refused) <= most or not len(refused):
        return refused, own
    crossed = sample.groups.astype("str").agg("\x1f".join, axis=1).to_numpy()[refused]
    names, where, counts = np.unique(crossed, return_inverse=True, return_counts=True)
    quota = np.full(len(names), 0)
    left = most
    for rank, i in enumerate(np.argsort(counts, kind="stable")):  # what small groups leave goes to the others
        quota[i] = min(counts[i], left // (len(names) - rank))
        left -= quota[i]
    place = pd.Series(where).groupby(where).cumcount().to_numpy()
    keep = place < quota[where]
    if own.copies is None:
        scaled = own.weight * counts[where] / np.maximum(quota[where], 1)
        return refused[keep], Weights(scaled[keep])
    whole, seen = (np.bincount(where, own.weight * part) for part in (np.ones(len(keep)), keep))
    times = (whole / np.maximum(seen, 1e-300))[where][keep]
    kept = own.at(keep)
    scaled = kept.weight * times
    return refused[keep], Weights(scaled, np.maximum(kept.added * times, scaled * scaled), kept.copies)


Action = tuple[tuple[int, int], ...]
"""(column, candidate) for each column that changes."""


def _actions(columns: Sequence[Column], depth: int) -> Iterator[Action]:
    """Single columns first, so that what they find saves dearer combinations."""
    for d in range(1, depth + 1):
        for subset in itertools.combinations(range(len(columns)), d):
            for picks in itertools.product(*(range(len(columns[j].values)) for j in subset)):
                yield tuple(zip(subset, picks, strict=True))


def _searched(
    model: Model, features: pd.DataFrame, rows: Positions, columns: Sequence[Column], depth: int
) -> dict[str, Floats]:
    """The cheapest action of each row that turns its decision, by trying all that are cheaper than the best so far."""
    best = np.full(len(rows), np.inf)
    action_of = np.full(len(rows), -1)
    actions = list(_actions(columns, depth))
    before = model.predict(features.iloc[rows]) if len(rows) else np.zeros(0)
    moved = np.zeros(len(columns))
    waiting: list[tuple[int, Positions, Floats]] = []
    size = 0
    for i, action in enumerate(actions):
        cost = np.sum([columns[j].cost(k)[rows] for j, k in action], axis=0)
        worth = np.flatnonzero(cost < best - 1e-12)
        if len(worth):
            waiting.append((i, worth, cost[worth]))
            size += len(worth)
        if waiting and (size >= CALL_ROWS or i == len(actions) - 1 or len(actions[i + 1]) > len(action)):
            tell("recourse", i + 1, len(actions))
            score = _tried(model, features, rows, columns, [(actions[a], where) for a, where, _ in waiting])
            for (a, where, price), after in zip(waiting, score, strict=True):
                if len(actions[a]) == 1:
                    j = actions[a][0][0]
                    moved[j] = max(moved[j], float(np.abs(after - before[where]).max()))
                better = (after >= model.threshold) & (price < best[where] - 1e-12)
                best[where[better]], action_of[where[better]] = price[better], a
            waiting, size = [], 0
    success = np.isfinite(best)
    out = {"success": success.astype(float), "cost": np.where(success, best, 0.0)}
    for j, column in enumerate(columns):
        uses = np.array([any(c == j for c, _ in actions[a]) if a >= 0 else False for a in action_of], dtype=float)
        out[f"{CHANGES}{column.name}"] = uses
        out[f"{MOVES}{column.name}"] = np.full(len(rows), float(moved[j] > 0))
    return out


def _tried(
    model: Model,
    features: pd.DataFrame,
    rows: Positions,
    columns: Sequence[Column],
    tries: Sequence[tuple[Action, Positions]],
) -> list[Floats]:
    """Scores of the rows after each action, predicted together."""
    from auditkit.explain.asking import answering

    where = np.concatenate([w for _, w in tries])
    frame = features.iloc[rows[where]].reset_index(drop=True)
    starts = np.cumsum([0, *(len(w) for _, w in tries)])
    changed = sorted({j for action, _ in tries for j, _ in action})
    for j in changed:
        column = columns[j]
        pick = np.full(len(frame), -1)
        for (action, _), a, b in zip(tries, starts[:-1], starts[1:], strict=True):
            pick[a:b] = dict(action).get(j, -1)
        values = pd.Series(column.values, dtype=features[column.name].dtype)
        given = values.iloc[np.maximum(pick, 0)].reset_index(drop=True)
        frame[column.name] = frame[column.name].where(pd.Series(pick < 0), given)
    with answering("the net cannot be run on changed rows"):
        score = model.predict(frame, batch_size=min(model.batch_size, CALL_ROWS))
    return [score[a:b] for a, b in itertools.pairwise(starts)]
