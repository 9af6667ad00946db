"""What a model drew or wrote as rows: the prompt of each sample, and what a judge says that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from auditkit.batch import MISSING
from auditkit.catalogue.generated import as_reference
from auditkit.errors import DataError, choices, foreign, listing
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.tasks.registry import task_of
from auditkit.inputs.told import ToldDataset
from auditkit.options import checked_options
from auditkit.readers.pairs import column_of, frame_of, ids_of
from auditkit.readers.reader import Reader, Reading
from auditkit.records import Task
from auditkit.values import coded

_WORD = "judged to show"
_CHECK = "generated_shares"
Names = list[str | None]


@dataclass(frozen=True, kw_only=True)
@checked_options
class Generated(Reader):
    """Samples that a model drew or wrote for prompts, and a judge that says which value of an attribute each shows.

    Parameters
    ----------
    samples
        One row a sample: a frame, a dict of columns, or the path of a parquet or CSV file.
    prompt
        The column that says what was asked for; a missing value: nothing was.
    sensitive_features
        Columns by which samples are grouped, the prompt first; it is one of them in any case.
    judge
        The column with the judge's word; or the judge: a callable, a frame of N samples → N words, or an `ak.Model` of
        as many outputs as there are `values`. A missing word is counted, and is in no share.
    values
        The values of the attribute, in the order of the outputs of a judge that is a model; None: those that the judge,
        the labelled sample and the reference name, sorted.
    reference
        What shares are held against: `{"woman": 0.5, "man": 0.5}`, `"uniform"`, or `"unconditioned"`.
    unconditioned
        The prompt that names nobody (`"a person"`); None: samples without a prompt, where there are any.
    judged
        A labelled sample of the judge, other than the samples: a frame, a dict or a path, with the column `truth`, and
        the judge's word in a column as in `samples`, unless `judge` is the judge itself. None: there is none; judge and
        model are then audited together.
    truth, cluster
        Columns of `judged`: what a row really shows; and what the judge's errors may have in common, as a rule the
        prompt (None: its rows are independent).

    >>> drawn = {"prompt": ["nurse"] * 4, "judge": ["woman", "woman", "woman", "man"]}
    >>> read = Generated(samples=drawn, judged={"truth": ["man", "woman"] * 2, "judge": ["man", "woman"] * 2})
    >>> read.reading.data.classes, read.reading.data.known["generated_shares"]["judged"]["counts"]
    (('man', 'woman'), [[[2, 0], [0, 2]]])
    """

    tasks: ClassVar[tuple[Task, ...]] = ("generation",)
    PATHS: ClassVar[tuple[str, ...]] = ("samples", "judged")
    samples: Any
    prompt: str = "prompt"
    sensitive_features: Sequence[str] = ()
    judge: Any = "judge"
    values: Sequence[Any] | None = None
    reference: Any = "uniform"
    unconditioned: str | None = None
    judged: Any = None
    truth: str = "truth"
    cluster: str | None = None

    def read(self) -> Reading:
        """See `Reader`."""
        frame = frame_of(self.samples, "the samples")
        prompts = _names(column_of(frame, self.prompt, "prompt"))
        groups = {self.prompt: prompts}
        for name in self.sensitive_features:
            groups.setdefault(name, _names(column_of(frame, name, "sensitive_features")))
        if _WORD in groups:
            raise DataError(f"'{_WORD}' is no name of a group here: rows of samples have a column of that name")
        words = self._words(frame, "the samples")
        sample = None if self.judged is None else frame_of(self.judged, "the labelled sample")
        truths = [] if sample is None else _names(column_of(sample, self.truth, "truth"))
        again = [] if sample is None else self._words(sample, "the labelled sample")
        values = self._values(words, again, truths)
        unnamed, said = self._unconditioned(prompts)
        known: dict[str, Any] = {"reference": self._reference(values, unnamed), "unconditioned": unnamed}
        if sample is None:
            said.append(_TOGETHER)
        else:
            known["judged"], told, note = self._counted(sample, truths, again, values)
            said += told
        data = ToldDataset(
            pd.DataFrame({**groups, _WORD: pd.Series(words, dtype=object)}),
            y_true=None,
            classes=list(values),
            task=self.tasks[0],
            sensitive_features=list(groups),
        )
        data.known = {_CHECK: known}
        data.cautions = (*data.cautions, *said)
        data.notes = (*data.notes, *([note] if sample is not None else []))
        return Reading(Predictions(y_pred=_WORD), data)

    def _words(self, frame: pd.DataFrame, what: str) -> Names:
        """What the judge says of each row; None where it says nothing."""
        if isinstance(self.judge, str):
            return _names(column_of(frame, self.judge, f"the judge's word in {what}"))
        if hasattr(self.judge, "scored"):
            return self._decided(frame)
        if not callable(self.judge):
            raise DataError(
                f"judge is a column, a callable or an ak.Model, got {type(self.judge).__name__}: name the column with "
                "its words, as in judge='judge'"
            )
        with foreign("the judge"):
            found = self.judge(frame)
        words = pd.Series(list(found), dtype=object, name="judge")
        if len(words) != len(frame):
            raise DataError(f"the judge gives {len(words):,} words for {len(frame):,} rows of {what}: one a row")
        return _names(words)

    def _decided(self, frame: pd.DataFrame) -> Names:
        """The words of a judge that is a model."""
        if self.values is None:
            raise DataError("a judge that is a model needs the values in the order of its outputs: values=[…]")
        names = [str(v) for v in self.values]
        model = self.judge
        said, _ = model.scored(frame)
        words, _ = task_of(model.task).decided(said, threshold=model.threshold, classes=tuple(names))
        if said.ndim == 1 and len(names) != 2:
            raise DataError(f"the judge decides between two values; values names {len(names)}")
        return [names[int(w)] for w in words]

    def _values(self, words: Names, again: Names, truths: Names) -> tuple[str, ...]:
        """The values in their order; DataError for fewer than two, and for one that is not among those named."""
        named = list(self.reference) if isinstance(self.reference, Mapping) else []
        seen = dict.fromkeys(w for part in (words, again, truths) for w in part if w is not None)
        if self.values is None:
            values = tuple(sorted({*seen, *map(str, named)}))
            if len(values) < 2:
                only = f"'{values[0]}' alone" if values else "nothing"
                raise DataError(f"the judge says {only}: name all values that there are, values=['…', '…']")
            return values
        values = tuple(map(str, self.values))
        unknown = [w for w in seen if w not in values]
        if unknown:
            raise DataError(
                f"the judge or its labelled sample says {listing(unknown)}, which is no value; the values are "
                f"{choices(unknown[0], values)}"
            )
        return values

    def _reference(self, values: tuple[str, ...], unnamed: str | None) -> str | dict[str, float]:
        """DataError for a share of what is no value; a value without one has none."""
        held = as_reference(self.reference, unnamed)
        if isinstance(held, str):
            return held
        unknown = [v for v in held if v not in values]
        if unknown:
            raise DataError(
                f"reference gives a share of {listing(unknown)}, which is no value; the values are "
                f"{choices(unknown[0], values)}"
            )
        return {v: held.get(v, 0.0) for v in values}

    def _unconditioned(self, prompts: Names) -> tuple[str | None, list[str]]:
        """The prompt that names nobody, and what was taken for it."""
        seen = dict.fromkeys(MISSING if p is None else p for p in prompts)
        if self.unconditioned is None:
            if MISSING not in seen:
                return None, []
            return MISSING, ["Samples without a prompt are taken as those in which no one is named."]
        if self.unconditioned not in seen:
            raise DataError(
                f"no sample has the unconditioned prompt '{self.unconditioned}'; prompts are "
                f"{choices(self.unconditioned, list(seen))}"
            )
        return self.unconditioned, []

    def _counted(
        self, sample: pd.DataFrame, truths: Names, words: Names, values: tuple[str, ...]
    ) -> tuple[dict[str, Any], list[str], str]:
        """The labelled sample by cluster, truth and word, what was left out of it, and what it is for."""
        place = {v: i for i, v in enumerate(values)}
        kept = [i for i, (t, w) in enumerate(zip(truths, words, strict=True)) if t is not None and w is not None]
        if not kept:
            raise DataError(f"no row of the labelled sample has both a truth ('{self.truth}') and the judge's word")
        names: list[str] = []
        at = [0] * len(truths)
        if self.cluster is not None:
            code, found = pd.factorize(ids_of(column_of(sample, self.cluster, "cluster")), sort=True)
            names, at = [str(x) for x in found], code.tolist()
        counts = [[[0] * len(values) for _ in values] for _ in range(max(len(names), 1))]
        for i in kept:
            counts[at[i]][place[str(truths[i])]][place[str(words[i])]] += 1
        lost = len(truths) - len(kept)
        told = [
            f"{lost:,} of {len(truths):,} labelled rows have no truth, or no word of the judge, and are left out."
        ] * (lost > 0)
        said = f"Shares are corrected for the judge's errors, by {len(kept):,} labelled samples"
        grouped = f", those of one {self.cluster} taken together ({len(names):,} clusters)" if names else ""
        return {"counts": counts, "clusters": names}, told, f"{said}{grouped}; both errors are in the intervals."


_TOGETHER = (
    "Judge and model are audited together: no labelled sample of the judge was given (judged=…), and whatever it gets "
    "wrong is in every share."
)


def _names(column: pd.Series[Any]) -> Names:
    """(N,) labels, None where missing."""
    found = coded(column, str(column.name))
    labels = [*found.labels, None]
    return [labels[i] for i in found.codes.tolist()]
