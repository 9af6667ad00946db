"""FlipTest: what if only the sensitive attribute, or what a swap exchanges, were another? Torch only in `examine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from auditkit.arrays import Floats
from auditkit.batch import MISSING, Batch
from auditkit.check import Assessment, BaseCheck, attributes_asked
from auditkit.errors import NotExplained
from auditkit.evidence.grouped import FEWEST, GroupSums
from auditkit.evidence.sample import weights_of
from auditkit.inputs.tasks.registry import task_of
from auditkit.options import checked_options
from auditkit.progress import tell
from auditkit.records import NotMeasured, Task
from auditkit.robustness.findings import flip_findings
from auditkit.robustness.flip_rows import CHANGED, DELTA, UP, WAY, FlipRows, swap_column
from auditkit.robustness.lexicon import Exchanged, exchanged
from auditkit.robustness.parts import together
from auditkit.robustness.swap_findings import swap_findings
from auditkit.robustness.swaps import differing, effects, loaded, said, swaps_of

if TYPE_CHECKING:
    from auditkit.inputs.model import Model


class _NoInput(NotExplained):
    """What the net is given is made of other columns alone, and was seen to be the same, whatever the attribute."""


@dataclass(frozen=True)
@checked_options
class FlipTest(BaseCheck):
    """Which decisions change, and how far scores move, when only a sensitive attribute is changed in a row.

    Every sampled row is given every other value of the attribute in turn; all else stays as it is. An attribute that
    does not reach the net cannot be flipped, which is said. A net that ignores the attribute can still tell the groups
    apart by what goes with it: see `Proxies`.

    What no column holds (the background of a picture, a name in a text) is changed by `swap`, a callable of yours: the
    frame of rows that a model is given → the same rows swapped, in a frame with their row labels. Of one column alone,
    an array or a list will do. Counted are the rows that change for the net, and what becomes of their decisions.

    Reference: Black, Yeom & Fredrikson (2020), FlipTest, FAT*; Kusner et al. (2017), Counterfactual fairness, NeurIPS.

    >>> FlipTest(attributes=["gender"]).options()
    {'attributes': ['gender']}
    """

    NAME: ClassVar[str] = "flip_test"
    attributes: Sequence[str] = ()
    """Which of the sensitive features; empty: all, and none beside a swap."""
    swap: Any = None
    """A callable, `package.module:function`, or a table of names to such; None: nothing is swapped."""
    PATHS: ClassVar[tuple[str, ...]] = ("swap",)
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")

    def __post_init__(self) -> None:
        swaps_of(self.swap)

    def options(self) -> dict[str, Any]:
        """The options, as JSON: of a swap, the name of its function."""
        swaps = {name: said(one) for name, one in swaps_of(self.swap).items()}
        return {"attributes": list(self.attributes), **({"swap": swaps} if swaps else {})}

    def examine(self, model: Model, sample: Batch) -> FlipRows:
        """A row a sampled row: `changed:…` 0 or 1 and `delta:…`, the score's change, for each attribute=value given.

        The change is of the score of the class that was decided (multiclass), or of the predicted number. PolicyError
        for an attribute that is none.
        """
        from auditkit.explain.asking import answering
        from auditkit.explain.preflight import undisturbed

        swaps = {name: loaded(one) for name, one in swaps_of(self.swap).items()}
        attributes = attributes_asked(self.attributes, sample, "to flip") if self.attributes or not swaps else []
        columns: dict[str, Floats] = {}
        reasons: dict[str, str] = {}
        settled: list[str] = []
        with undisturbed(model):
            before = model.predict(sample.features)
            for i, attribute in enumerate(attributes):
                tell("flipping attributes", i, len(attributes))
                try:
                    with answering(f"the net cannot be run on rows with another {attribute}"):
                        columns |= _flipped(model, sample, attribute, before)
                except NotExplained as e:
                    reasons[attribute] = str(e)
                    settled += [attribute] if isinstance(e, _NoInput) else []
            told = []
            for i, (name, swap) in enumerate(swaps.items()):
                tell("swapping", i, len(swaps))
                why, found = "", Exchanged({}, None)
                try:
                    with answering("the swap, or the net on swapped rows, fails"):
                        columns |= effects(model, sample, i, swap, before)
                        found = exchanged(swap, sample.features, FEWEST)
                except NotExplained as e:
                    why = str(e)
                told.append({"name": name, "not_measured": why, **found.facts})
                if found.way is not None:
                    columns[swap_column(i, WAY)] = found.way
        facts: dict[str, Any] = {"attributes": attributes, "not_measured": reasons, "task": sample.task}
        if settled:
            facts["no_input"] = settled
        if swaps:
            facts["swaps"] = told
        return FlipRows({**weights_of(sample).columns(), **columns}, sample.labels(), facts)

    def together(self, one: FlipRows | GroupSums, other: FlipRows | GroupSums) -> GroupSums:
        """By the rows that each part's sampled rows stand for; rows that were kept are sums then."""
        return together(one.sums(), other.sums())

    def assess(self, evidence: FlipRows | GroupSums, *, level: float = 0.95) -> Assessment:
        """Two findings an attribute that reaches the net: decisions that change, scores that move."""
        seen = evidence.sums()
        reasons: dict[str, str] = seen.facts["not_measured"]
        whys = {f"what flipping {a} changes": why for a, why in reasons.items()}
        settled = {f"what flipping {a} changes" for a in seen.facts.get("no_input", [])}
        swaps = seen.facts.get("swaps", [])
        whys |= {f"what swapping by {s['name']} changes": why for s in swaps if (why := s["not_measured"])}
        flipped = (f for a in seen.facts["attributes"] for f in flip_findings(seen, a, level=level))
        swapped = (f for i in range(len(swaps)) for f in swap_findings(seen, i, level=level))
        return Assessment(
            (*flipped, *swapped),
            tuple(
                NotMeasured(what=what, why=why, concern="robustness", settled=what in settled)
                for what, why in whys.items()
            ),
        )


def _flipped(model: Model, sample: Batch, attribute: str, before: Floats) -> dict[str, Floats]:
    """What changes for each value of the attribute; NotExplained where it cannot be flipped."""
    still = f"; columns that tell {attribute} can still make a gap"
    if attribute not in sample.features:
        # a column of its own, or made of columns that the net may read: a group of one-hot columns, say
        raise NotExplained(f"{attribute} is no column that the model is given: it came beside the features{still}")
    groups = sample.groups[attribute].astype("str")
    values = sorted(set(groups) - {MISSING})
    if len(values) < 2:
        raise NotExplained(f"the sample holds one value of {attribute}: there is nothing to flip it to")
    frames = {value: with_value(sample.features, attribute, groups, value) for value in values}
    if not any(some.any() for some in differing(model, sample.features, *frames.values())):
        read = _read(model, sample)
        if read is not None and attribute not in read:
            # nor is an input made of it: columns that auditkit makes are no features
            raise _NoInput(f"nothing, by construction: the net has no input {attribute}{still}")
        named = " (though the feature map names it)" if read is not None else ""
        raise NotExplained(f"{attribute} reaches no input of the model: flipping it changes no output{named}{still}")
    out: dict[str, Floats] = {}
    for value, rows in frames.items():
        changed, delta = task_of(model.task).changed(before, model.predict(rows), threshold=model.threshold)
        own = (groups == value).to_numpy()
        changed[own], delta[own] = 0.0, 0.0
        out |= {f"{DELTA}{attribute}={value}": delta}
        if not sample.kind.numeric:
            out[f"{CHANGED}{attribute}={value}"] = changed
        if sample.kind.yes_no:
            out[f"{UP}{attribute}={value}"] = changed * (delta > 0)
    return out


def _read(model: Model, sample: Batch) -> set[str] | None:
    """The columns that the feature map says are read; None where nobody can know."""
    groups = model.groups(model.encode(sample.features.head(2)), sample.features)
    return None if groups is None else {part for name in groups.names for part in (name, *name.split(" + "))}


def with_value(features: pd.DataFrame, attribute: str, groups: pd.Series[str], value: str) -> pd.DataFrame:
    """The rows with the attribute's own raw value (its type and spelling) of the group `value`, everywhere.

    >>> frame = pd.DataFrame({"sex": [1.0, 2.0], "x": [5, 6]})
    >>> with_value(frame, "sex", pd.Series(["1", "2"]), "2")["sex"].tolist()
    [2.0, 2.0]
    """
    first = int(np.flatnonzero((groups == value).to_numpy())[0])
    column = features[attribute]
    given = pd.Series([column.iloc[first]] * len(features), index=features.index).astype(column.dtype)
    return features.assign(**{attribute: given})
