"""Which words move scores, and which make the gap? The check. Torch only in `examine`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, attributes_asked, class_explained
from auditkit.errors import NotExplained
from auditkit.evidence.grouped import FEWEST
from auditkit.evidence.sample import weights_of
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.gaps.sums import Units
from auditkit.explain.trust.records import completeness_check, preflight_check
from auditkit.explain.words.findings import word_findings
from auditkit.explain.words.parts import together
from auditkit.explain.words.sums import OTHER, WordSums
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.explain.words.study import Texts
    from auditkit.inputs.model import Model

MOST_WORDS, MOST_PARTS = 500, 100
"""Words whose contributions are kept, and words that a gap is split onto, of those that move scores most."""
LONGEST = 60
"""Characters of a word that is told; longer ones are addresses, keys and the like."""


@dataclass(frozen=True)
class WordAttribution(BaseCheck):
    """Which words of the texts move the score, and which make the gap between groups.

    The model needs `feature_map=ak.tokens(tokenizer)`. Contributions are Integrated Gradients of the embedding's
    output, from the vectors of padding ("no words"), summed over the pieces of each word; what is no word (special
    tokens, padding, other columns) is told apart, so that parts add up to the score. A word counts once a row, without
    regard to case. Words of fewer than ten distinct texts (of ten clusters, where rows have them) are told together.

    >>> WordAttribution().name
    'word_attribution'
    """

    NAME: ClassVar[str] = "word_attribution"
    by: Sequence[str] = ()
    """Which of the sensitive features; empty: all."""
    label: str | None = None
    """Multiclass: the class whose probability is explained."""
    tasks: ClassVar[tuple[Task, ...]] = ("binary", "multiclass", "regression")

    def examine(self, model: Model, sample: Batch) -> WordSums:
        """Sums of the contributions of the sampled texts; ModelError when the preflight (T0) fails.

        PolicyError for an attribute that is not declared. What cannot be explained is in the evidence, with its reason.
        """
        from auditkit.explain.preflight import examined
        from auditkit.explain.words.study import texts_explained

        by = attributes_asked(self.by, sample, "whose words to tell")
        facts: dict[str, Any] = {"task": sample.task, "by": by, "label": self.label}
        try:
            i = class_explained(self.label, sample, "WordAttribution")
            model = model if i is None else model.of_output(i)
            with examined(model, sample.features):
                found = texts_explained(
                    model, sample.features, sample.weight, scale="decision" if sample.kind.numeric else "score"
                )
        except NotExplained as e:
            return WordSums(facts, census=sample.census, not_measured={self.name: str(e)})
        return _sums(found, sample, facts)

    def together(self, one: WordSums, other: WordSums) -> WordSums:
        """Of the words that both tell, by the rows that each part's sampled texts stand for."""
        return together(one, other)

    def assess(self, evidence: WordSums, *, level: float = 0.95) -> Assessment:
        """A finding of all texts, and one an attribute whose groups can be compared; pure."""
        absent = tuple(NotMeasured(what=w, why=why, concern="explanation") for w, why in evidence.not_measured.items())
        return Assessment(word_findings(evidence, level=level), absent)


def _sums(found: Texts, sample: Batch, facts: dict[str, Any]) -> WordSums:
    weights, names = weights_of(sample), found.names()
    rows: defaultdict[str, list[int]] = defaultdict(list)
    values: defaultdict[str, list[float]] = defaultdict(list)
    for i, word, value in found.entries():
        rows[word].append(i)
        values[word].append(value)
    told = {w for w, own in rows.items() if len(w) <= LONGEST and len(_people(own, sample)) >= FEWEST}
    size = {w: float(weights.weight[rows[w]] @ np.abs(values[w])) for w in told}
    order = sorted(told, key=lambda w: (-size[w], w))
    kept = order[:MOST_WORDS]
    words = {names[w]: Moments.of(np.array(values[w])[:, None], weights.at(rows[w])) for w in kept}
    facts |= {
        "method": found.method,
        "texts": weights.rows,
        "words": len(rows),
        "told": len(told),
        "order": [names[w] for w in kept],
        "notes": list(found.notes),
        "trust": [
            t.model_dump(mode="json") for t in (preflight_check(), completeness_check(found.epsilon, found.steps))
        ],
    }
    columns = {names[w]: _column(rows[w], values[w], len(found.phi)) for w in order[:MOST_PARTS]}
    every = np.array([own.sum() for own in found.phi])
    columns[OTHER] = every - sum(columns.values(), np.zeros(len(every)))
    seen = WordSums(facts, words, census=sample.census)
    return replace(seen, units=_by_group(seen, {**columns, **found.beside}, found.score, weights, sample))


def _people(rows: Sequence[int], sample: Batch) -> set[Any]:
    """Distinct rows, or the clusters that they are of."""
    return set(rows) if sample.cluster is None else {str(sample.cluster[i]) for i in rows}


def _column(rows: Sequence[int], values: Sequence[float], n: int) -> Floats:
    out = np.zeros(n)
    out[list(rows)] = values
    return out


def _by_group(
    seen: WordSums, columns: Mapping[str, Floats], score: Floats, weights: Weights, sample: Batch
) -> dict[str, dict[str, Units]]:
    """Of each group of ten rows or more, the parts of its scores."""
    parts = np.column_stack([*columns.values(), score - _constant(columns, score)])
    out: dict[str, dict[str, Units]] = {}
    for attribute in seen.facts["by"]:
        label = sample.groups[attribute].astype("str").to_numpy()
        members = {g: np.flatnonzero(label == g) for g in sorted(set(label))}
        out[attribute] = {
            g: Units.of(tuple(columns), [parts[own]], weights.at(own))
            for g, own in members.items()
            if weights.at(own).rows >= FEWEST
        }
    return out


def _constant(columns: Mapping[str, Floats], score: Floats) -> float:
    """The score without words, where it is the same for all rows: no part of any gap."""
    from auditkit.explain.words.study import START

    if START in columns or not len(score):
        return 0.0
    return float(np.median(score - sum(columns.values(), np.zeros(len(score)))))
