"""Examples: single wrong decisions, the most typical and the most consequential of each group, explained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.arrays import Bools, Floats, Positions
from auditkit.batch import Batch, missing
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.errors import NotExplained
from auditkit.evidence.observations import Observations
from auditkit.evidence.sample import row_copies, taken, weights_of
from auditkit.explain.cases.findings import (
    KINDS,
    PHI,
    VALUE,
    CasesSeen,
    DecidedRows,
    example_findings,
)
from auditkit.explain.methods.names import checked_name
from auditkit.inputs.tasks.registry import task_of
from auditkit.options import checked_options
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.explain.cases.local import LocalExplanation
    from auditkit.inputs.model import Model


MOST, TOP = 20, 6
"""Cases of a kind and group, at most; features of a case whose values are kept."""
CHUNK = 256
"""Rows encoded at a time, where distances are measured."""


@dataclass(frozen=True)
@checked_options
class Examples(BaseCheck):
    """The `n` most typical and the `n` most consequential wrong decisions of each group, with what moved their scores.

    Most consequential: the score farthest on the wrong side of the threshold (multiclass: the largest margin of the
    class decided on over the true one; regression: the largest miss). Most typical: nearest to the mean of the group's
    wrong decisions, over the model's inputs, each standardised (regression: of the tenth with the largest misses).
    Among the sampled rows. Values of single rows are then in the report.

    >>> Examples(0)
    Traceback (most recent call last):
    auditkit.errors.PolicyError: examples: n is a number from 1 to 20; got 0
    """

    NAME: ClassVar[str] = "examples"
    SHOWS_ROWS: ClassVar[bool] = True
    n: int = 3
    method: str = "integrated_gradients"
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")
    NO_SUM: ClassVar[str] = (
        "single rows were chosen among those of each part, as near the mean or far from the threshold there: the "
        "report of the part shows them"
    )

    def __post_init__(self) -> None:
        self._within("n", 1, MOST)
        checked_name(self.method)

    @property
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`."""
        return frozenset({"truths", "decisions"})

    def examine(self, model: Model, sample: Batch) -> CasesSeen:
        """Which sampled rows are decided wrongly, and the chosen ones with their attributions and leading values."""
        from auditkit.explain.preflight import undisturbed

        rows = np.flatnonzero(~missing(sample.y_true) & ~missing(sample.y_pred))
        known = taken(sample, rows)
        size = task_of(known.task).missed_by(known, threshold=model.threshold)
        wrong = size >= _ninth(size, known) if known.kind.numeric and len(size) else size > 0
        columns = {"wrong": wrong.astype(float), **weights_of(known).columns()}
        overview = DecidedRows(columns, known.labels(), {"task": known.task})
        with undisturbed(model):
            chosen = _chosen(model, known, wrong, size, self.n)
            return CasesSeen(overview, _cases(model, known, chosen, self.method), sample.census)

    def assess(self, evidence: CasesSeen, *, level: float = 0.95) -> Assessment:
        """A finding an attribute, whose exhibit is the cases; pure."""
        if not len(evidence.cases):
            why = (
                "no decision on the sampled rows is wrong"
                if evidence.overview.sums().facts["rows"]
                else "no sampled row has a target"
            )
            return Assessment(not_measured=(NotMeasured(what="examples", why=why, concern="explanation"),))
        return Assessment(example_findings(evidence, n=self.n, level=level))


def _ninth(size: Floats, sample: Batch) -> float:
    """What nine tenths of the rows, copies among them, stay below."""
    if sample.copies is None:
        return float(np.quantile(size, 0.9))
    return float(np.quantile(size, 0.9, weights=row_copies(sample), method="inverted_cdf"))


def _chosen(model: Model, sample: Batch, wrong: Bools, size: Floats, n: int) -> pd.DataFrame:
    """One row a case: position, attribute, group, why, and the measure by which it was chosen (smallest first)."""
    groups = [(a, g) for a in sample.groups for g in sorted(set(sample.groups[a].astype("str")))]
    members = [np.flatnonzero(wrong & (sample.groups[a].astype("str") == g).to_numpy()) for a, g in groups]
    distances = _distances(model, sample, members)
    out = []
    for (attribute, group), rows, distance in zip(groups, members, distances, strict=True):
        for why, measure in zip(KINDS, (distance, -size[rows]), strict=True):
            for k in np.argsort(measure, kind="stable")[:n]:
                out.append((int(rows[k]), str(attribute), group, why, float(measure[k])))
    return pd.DataFrame(out, columns=["row", "attribute", "group", "why", "measure"])


def _distances(model: Model, sample: Batch, members: list[Positions]) -> list[Floats]:
    """To the mean of each set of rows, over standardised inputs that are known; a part at a time, encoded twice."""
    used = np.unique(np.concatenate(members)) if members else np.zeros(0, np.intp)
    sums, counts = [0.0] * len(members), [0.0] * len(members)
    total, squares, n = 0.0, 0.0, 0.0
    for part in _parts(used):
        x, known = _known(model.encoded_numbers(sample.features.iloc[part]))
        total, squares, n = total + x.sum(0), squares + (x * x).sum(0), n + known.sum(0)
        for i, rows in enumerate(members):
            mine = np.isin(part, rows)
            sums[i], counts[i] = sums[i] + x[mine].sum(0), counts[i] + known[mine].sum(0)
    spread = np.sqrt(np.maximum(squares / np.maximum(1, n) - (total / np.maximum(1, n)) ** 2, 0.0))
    scale = np.where(spread > 1e-9, spread, 1.0)
    found = [np.zeros(len(rows)) for rows in members]
    for part in _parts(used):
        x, known = _known(model.encoded_numbers(sample.features.iloc[part]))
        for i, rows in enumerate(members):
            mine = np.isin(part, rows)
            at = np.searchsorted(rows, part[mine])
            away = (x[mine] - sums[i] / np.maximum(1, counts[i])) / scale * known[mine]
            found[i][at] = (away**2).sum(1) if len(rows) else 0.0
    return found


def _known(x: Floats) -> tuple[Floats, Floats]:
    """(N, d) with zeros for entries that are missing or infinite, and 1 for those that are not."""
    known = np.isfinite(x)
    return np.where(known, x, 0.0), known.astype(float)


def _parts(rows: Positions) -> list[Positions]:
    return [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]


def _cases(model: Model, sample: Batch, chosen: pd.DataFrame, method: str) -> Observations:
    """The chosen rows as a table: what they are, their contributions, values of what contributed most."""
    if not len(chosen):
        return Observations({}, {}, {})
    positions = np.unique(chosen["row"])
    facts: dict[str, Any] = {"task": sample.task, "method": method}
    columns = {"measure": chosen["measure"].to_numpy(float)}
    labels = {k: [str(v) for v in chosen[k]] for k in ("attribute", "group", "why")}
    labels |= _told(sample, chosen["row"].to_numpy())
    try:
        found = _explained(model, sample, positions, method)
    except NotExplained as e:
        return Observations(columns, labels, {**facts, "not_explained": str(e)})
    facts |= {"explained": found[0].explained, "method": found[0].method}
    frame = pd.concat([f.frame for f in found])
    at = frame.index.get_indexer(pd.Index(chosen["row"]))
    phi = frame.to_numpy()[at]
    epsilon = np.concatenate([np.zeros(len(f)) if f.epsilon is None else f.epsilon for f in found])
    columns |= {"epsilon": epsilon[at], "steps": np.concatenate([f.steps for f in found])[at].astype(float)}
    columns |= {f"{PHI}{name}": phi[:, j] for j, name in enumerate(frame.columns)}
    names = [str(c) for c in frame.columns]
    leading = np.argsort(-np.abs(phi), axis=1, kind="stable")[:, :TOP]
    raw = sample.features.iloc[chosen["row"].to_numpy()]
    for j, name in enumerate(names):
        here = (leading == j).any(axis=1)
        labels[f"{VALUE}{name}"] = [_text(raw.iloc[i], name) if here[i] else "" for i in range(len(raw))]
    words = [w for f in found for w in f.words]
    if words:
        labels["tokens"] = [json.dumps([(w, float(f"{v:.5g}")) for w, v in words[i]]) for i in at]
    else:
        labels |= _drawn(model, sample, chosen["row"].to_numpy(), phi, names)
    return Observations(columns, labels, facts)


def _explained(model: Model, sample: Batch, positions: Positions, method: str) -> list[LocalExplanation]:
    """Multiclass: each row by the class that was decided on, class by class."""
    from auditkit.explain.cases.local import explain

    def of(rows: Positions, label: int | None = None) -> LocalExplanation:
        return explain(
            model,
            sample.features.iloc[rows],
            method=method,
            background=sample.features,
            weight=sample.weight,
            label=label,
        )

    if not sample.kind.several:
        return [of(positions)]
    decided = sample.y_pred[positions]
    return [of(positions[decided == c], int(c)) for c in np.unique(decided)]


def _told(sample: Batch, rows: Positions) -> dict[str, list[str]]:
    """Truth, decision and score, as text; and the other attributes of the person."""
    worded = task_of(sample.task).worded
    told = {k: worded(v[rows], sample.classes) for k, v in (("truth", sample.y_true), ("decision", sample.y_pred))}
    if sample.kind.yes_no and sample.score is not None:
        told["score"] = [f"{s:.3f}" for s in sample.score[rows]]
    return told | {f"of:{a}": groups for a, groups in sample.labels(rows).items()}


def _text(row: pd.Series[Any], name: str) -> str:
    """The raw value of a feature; of a mixed one (`a + b`) the values of its columns; of a region nothing."""
    parts = [name] if name in row.index else name.split(" + ")
    if not all(p in row.index for p in parts):
        return ""
    values = [f"{row[p]:.6g}" if isinstance(row[p], float | np.floating) else str(row[p]) for p in parts]
    return ", ".join(v if len(v) <= 60 else v[:57] + "…" for v in values)


def _drawn(model: Model, sample: Batch, rows: Positions, phi: Floats, names: list[str]) -> dict[str, list[str]]:
    """`png` for inputs that are images, `tokens` (JSON) for token ids; nothing for columns."""
    from auditkit.explain.cases.pictures import picture
    from auditkit.explain.cases.shown import image_regions, tokens_of

    features = sample.features.iloc[rows]
    images = image_regions(model, features)
    if images is not None:
        pixels, region = images
        return {"png": [picture(x, p[region]) for x, p in zip(pixels, phi, strict=True)]}
    tokens = tokens_of(model, features, names)
    if tokens is None:
        return {}
    return {"tokens": [json.dumps([(t, float(f"{p:.5g}")) for t, p in zip(row, own, strict=True)])
                       for row, own in zip(tokens, phi, strict=True)]}  # fmt: skip
