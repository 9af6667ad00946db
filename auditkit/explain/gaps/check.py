"""Why is there a gap? The check: options, what it looks at, and what it concludes. Torch only in `examine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from auditkit.arrays import Floats, Ints
from auditkit.batch import Batch, missing
from auditkit.catalogue.gaps import TARGETS, GapTarget
from auditkit.check import Assessment, BaseCheck, attributes_asked, class_explained
from auditkit.errors import ModelError, NotExplained, listing
from auditkit.evidence.census import CensusMeans
from auditkit.explain.all_rows import Means, group_name
from auditkit.explain.gaps.findings import gap_findings
from auditkit.explain.gaps.parts import together
from auditkit.explain.gaps.sums import CONDITIONAL, REST, Contrast, GapSums, Units
from auditkit.explain.methods.names import MOST_STEPS, checked_steps
from auditkit.inputs.tasks.registry import task_of
from auditkit.options import checked_options
from auditkit.question import SPARSE
from auditkit.records import NotMeasured, Task
from auditkit.stats.crossfit import category_pairs_won, pairs_won

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.explain.gaps.splitting import Scene
    from auditkit.inputs.model import Model


LEVEL = 0.95
"""At which the pair is chosen that is split."""


@dataclass(frozen=True)
@checked_options
class GapAttribution(BaseCheck):
    """Why is there a gap? Each gap between groups, split onto the columns that make it; the parts add up to it.

    Ints of one group are paired with rows of the other, and each difference of a pair is shared out by Shapley values
    over which columns come from whom: for the mean score, the rates and the loss. Mean scores are split by Integrated
    Gradients from row to row too, and what the two ways disagree about is said. It tells how the model reaches its
    scores, not what causes the outcome.

    >>> GapAttribution(shuffles=0)
    Traceback (most recent call last):
    auditkit.errors.ModelError: shuffles must be at least 1, and at most 10,000; got 0
    """

    by: Sequence[str | Sequence[str]] | None = None
    """Sensitive features, or sets of them to cross; None: each declared one."""
    permutations: int = 4
    """Orders a pair, reverses counted: an even number."""
    shuffles: int = 4
    """Times that rows are paired anew."""
    seed: int = 0
    max_steps: int = MOST_STEPS
    """Quadrature steps up to which Integrated Gradients of pairs that do not add up go again, at most 4096."""
    label: str | None = None
    """Multiclass: the class whose probability is explained; None: the one whose mean differs most surely between
    groups, for which intervals and p then answer as for the worst of all classes. Rules need it named."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")

    def __post_init__(self) -> None:
        if self.by is not None:
            object.__setattr__(self, "by", tuple((s,) if isinstance(s, str) else s for s in self.by))
        checked_steps(None, self.max_steps)
        if not 1 <= self.shuffles <= 10_000:
            raise ModelError(f"shuffles must be at least 1, and at most 10,000; got {self.shuffles}")
        if not 2 <= self.permutations <= 100_000 or self.permutations % 2:
            raise ModelError(
                f"permutations must be an even number, at least 2, and at most 100,000; got {self.permutations}"
            )

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return "gap_attribution" + ("" if self.label is None else f":{self.label}")

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        usual = {"label": None, "max_steps": MOST_STEPS}
        return {k: v for k, v in super().options().items() if k not in usual or v != usual[k]}

    def examine(self, model: Model, sample: Batch) -> GapSums:
        """Split the gaps of the sampled rows; ModelError when the preflight (T0) fails.

        PolicyError for an attribute that is not declared. What cannot be split is in the evidence, with its reason.
        """
        from auditkit.explain.entangled import as_one, facts_of

        sets = self._sets(sample)
        facts = {**self._facts(sample), "by": ["+".join(names) for names in sets]}
        if any("+" in name for names in sets for name in names):
            facts["sets"] = {"+".join(names): list(names) for names in sets}
        try:
            model, together = as_one(model, sample.features)
            facts |= facts_of(together)
            if sample.kind.several and self.label is None:
                return self._of_the_surest(model, sample, sets, facts)
            model, sample = self._of_class(model, sample, self.label)
            return self._split(model, sample, sets, facts)
        except NotExplained as e:
            return GapSums(facts, census=sample.census, not_measured={self.name: str(e)})

    def together(self, one: GapSums, other: GapSums) -> GapSums:
        """Of the gaps that both split, by the rows of the smaller group that each part's sampled ones stand for."""
        return together(one, other)

    def assess(self, evidence: GapSums, *, level: float = 0.95) -> Assessment:
        """A finding a gap, and what could not be split; pure."""
        absent = tuple(
            NotMeasured(what=what, why=why, concern="explanation") for what, why in evidence.not_measured.items()
        )
        return Assessment(gap_findings(evidence, level=level), absent)

    def _facts(self, sample: Batch) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "task": sample.task,
            "seed": self.seed,
            "shuffles": self.shuffles,
            "permutations": self.permutations,
            "features": [],
        }
        if sample.controls is not None:
            facts["controls"] = [str(c) for c in sample.controls]
        return facts if self.label is None else {**facts, "label": self.label}

    def _sets(self, sample: Batch) -> list[tuple[str, ...]]:
        if self.by is None:
            return [(str(a),) for a in sample.groups]
        attributes_asked([name for names in self.by for name in names], sample, "for gap_attribution")
        return [tuple(names) for names in self.by]

    def _of_the_surest(
        self, model: Model, sample: Batch, sets: list[tuple[str, ...]], facts: dict[str, Any]
    ) -> GapSums:
        """Of several classes, the one whose mean differs most surely; nothing where no gap is established."""
        from auditkit.explain.classes import surest

        named = {"+".join(names): names for names in sets}
        members = {by: _members(sample.groups, names) for by, names in named.items()}
        found = surest(sample, model.predict(sample.features), members, level=LEVEL)
        absent = {f"gap_share by {by}": why for by, why in found.not_measured.items()}
        kept = [names for by, names in named.items() if by not in found.not_measured]
        if not kept:
            return GapSums(facts, census=sample.census, not_measured=absent)
        facts = {**facts, "label": found.label, "of_classes": len(sample.classes)}
        seen = self._split(*self._of_class(model, sample, found.label), kept, facts)
        return replace(seen, not_measured={**seen.not_measured, **absent})

    def _of_class(self, model: Model, sample: Batch, label: str | None) -> tuple[Model, Batch]:
        """One class of several as positives and negatives."""
        i = class_explained(label, sample, "GapAttribution")
        if i is None:
            return model, sample
        y = np.where(missing(sample.y_true), -1, sample.y_true == i)
        return model.of_output(i), replace(sample, y_true=y)

    def _split(self, model: Model, sample: Batch, sets: list[tuple[str, ...]], facts: dict[str, Any]) -> GapSums:
        from auditkit.explain.attributions.study import all_equal, groups_of
        from auditkit.explain.gaps import splitting as gap
        from auditkit.explain.preflight import examined
        from auditkit.inputs.packing import leaves

        census = sample.census
        with examined(model, sample.features):
            inputs = model.encode(sample.features)
            groups = groups_of(model, inputs, sample.features)
            options = {"seed": self.seed, "shuffles": self.shuffles, "permutations": self.permutations}
            scene = gap.Scene.of(model, sample, groups, inputs, **options)
            if all_equal(scene.outputs["score"], leaves(inputs)):
                raise NotExplained("all scores are equal: there is no gap to split")
            facts = {**facts, "features": list(groups.names)}
            targets = tuple(TARGETS[name] for name in task_of(sample.task).gap_targets)
            found = _Found(facts, targets, scene, sample, self.max_steps)
            for names in sets:
                found.of_set(names)
        return GapSums(facts, found.units, found.tells, found.outside, census, found.not_measured,
                       tuple(found.notes), found.conditional)  # fmt: skip


class _Found:
    """What is filled while one attribute after the other is looked at."""

    def __init__(
        self, facts: dict[str, Any], targets: tuple[GapTarget, ...], scene: Scene, sample: Batch, max_steps: int
    ) -> None:
        self.facts, self.targets, self.scene, self.sample = facts, targets, scene, sample
        self.max_steps = max_steps
        self.units: dict[Contrast, Units] = {}
        self.conditional: dict[Contrast, Units] = {}
        self.tells: dict[tuple[str, str, str], Floats] = {}
        self.outside: dict[str, tuple[int, int]] = {}
        self.not_measured: dict[str, str] = {}
        self.notes: list[tuple[str, str, str]] = []
        self.means = None if sample.census is None else CensusMeans(sample.census)

    def of_set(self, names: tuple[str, ...]) -> None:
        from auditkit.explain.gaps import splitting as gap

        by, members = "+".join(names), _members(self.sample.groups, names)
        enough = {k: v for k, v in members.items() if self.scene.weights.at(v).rows >= SPARSE}
        if len(enough) < 2:
            why = f"fewer than two groups of {' and '.join(names)} have {SPARSE} rows in the sample"
            self.not_measured[f"gap_share by {by}"] = why
            return
        small = sorted(set(members) - set(enough))
        if small:
            self.notes.append((by, "", f"fewer than {SPARSE} sampled rows, left out: {listing(small)}"))
        wide = len(self.scene.groups.names) > gap.MOST_FEATURES
        for target in self.targets:
            self._of_target(names, target, enough, wide)
        if not wide:
            for contrast, units in gap.against_the_rest(self.scene, self.targets, by, enough):
                self.units[contrast] = units
        for key in {(c.by, c.high, c.low) for c in self.units if c.by == by}:
            low = np.setdiff1d(np.arange(len(self.sample.features)), members[key[1]]) if key[2] == REST else (
                members[key[2]])  # fmt: skip
            self.tells[key] = _tells(self.sample.features, self.facts["features"], members[key[1]], low,
                                     self.scene.weight)  # fmt: skip
        self.scene.done.clear()

    def _of_target(self, names: tuple[str, ...], target: GapTarget, members: dict[str, Ints], wide: bool) -> None:
        from auditkit.explain.gaps import splitting as gap

        by = "+".join(names)
        all_rows = Means.of_census(self.means, names, target, numeric=self.sample.kind.numeric, level=LEVEL)
        pair, what = gap.driving(self.scene, target, members, all_rows), f"gap_share of {target.name} by {by}"
        if pair is None:
            why = f"fewer than two groups of {by} have {SPARSE} sampled rows that it is about"
            self.not_measured[what] = why
            return
        high, low = (members[name] for name in pair)
        if by not in self.outside:
            self.outside[by] = gap.off_the_data(self.scene, high, low)
        if not wide:
            self.units[Contrast(by, target.name, "shapley", *pair)] = gap.by_shapley(self.scene, target, high, low)
            if target.of == "score" and target.y is None:
                self._what_goes_along(by, target, pair, (high, low))
        elif target.of != "score":
            n = len(self.scene.groups.names)
            self.not_measured[what] = (
                f"{n} features: the Shapley form, which rates and loss need, is for {gap.MOST_FEATURES}"
            )
        if target.of != "score":
            return
        try:
            path = gap.by_gradients(self.scene, target, high, low, max_steps=self.max_steps)
        except NotExplained as e:
            if wide:
                self.not_measured[what] = f"{len(self.scene.groups.names)} features, and {e}"
            else:
                self.notes.append((by, target.name, f"no second opinion by Integrated Gradients: {e}"))
            return
        self.units[Contrast(by, target.name, "integrated_gradients", *pair)] = path.units
        self.notes.append((by, target.name, f"Integrated Gradients from row to row, {path.steps} steps"))

    def _what_goes_along(self, by: str, target: GapTarget, pair: tuple[str, str], rows: tuple[Ints, Ints]) -> None:
        from auditkit.explain.gaps.conditional import by_what_goes_along

        try:
            self.conditional[Contrast(by, target.name, CONDITIONAL, *pair)] = by_what_goes_along(
                self.scene, target, *rows
            )
        except NotExplained as e:
            self.notes.append((by, target.name, f"what goes along with the columns was not asked: {e}"))


def _members(groups: pd.DataFrame, names: tuple[str, ...]) -> dict[str, Ints]:
    """Group → its rows, named by `group_name`."""
    columns = [groups[n].astype("str").to_numpy(dtype=object) for n in names]
    values = np.array([group_name(row) for row in zip(*columns, strict=True)], dtype=object)
    return {str(v): np.flatnonzero(values == v) for v in sorted(set(values))}


def _tells(features: pd.DataFrame, names: list[str], high: Ints, low: Ints, weight: Floats) -> Floats:
    """(features, 2) how often each raw column ranks the two groups rightly, of how many pairs; zeros: not known."""
    import pandas as pd

    rows = np.concatenate([high, low])
    y = np.repeat([1, 0], [len(high), len(low)])
    out = np.zeros((len(names), 2))
    for k, name in enumerate(names):
        if name not in features:
            continue
        column = features[name].iloc[rows]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            x = column.to_numpy(dtype=np.float64, na_value=np.nan)
            won, all_ = pairs_won(y, np.where(np.isnan(x), np.nanmedian(x) if (~np.isnan(x)).any() else 0.0, x),
                                  weight[rows])  # fmt: skip
            out[k] = max(won, all_ - won), all_
        else:
            codes, _ = pd.factorize(column.astype("str").where(column.notna()), use_na_sentinel=False)
            out[k] = category_pairs_won(y, codes, weight[rows])
    return out
