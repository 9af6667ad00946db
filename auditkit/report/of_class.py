"""A report's words for one class of several, or one label: "told “high”" where a binary audit says "selected"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditkit.catalogue.of_class import CLASS_WORDS, LABEL_WORDS, ClassWords
from auditkit.records import Words
from auditkit.report.vocabulary import Vocabulary, base_of, shown, upper_first


class OfClass(Vocabulary):
    """The words of one class.

    >>> say = OfClass(Words(groups={"sex": {"f": "women", "m": "men"}}), "high")
    >>> say.frequencies("true_positive_rate", [({"sex": "f"}, 0.614), ({"sex": "m"}, 0.83)])
    'Of the people who are really “high”, 61 of every 100 women are told “high” and 83 of every 100 men.'
    >>> say.frequencies("true_positive_rate", [({"sex": "f"}, 13 / 15), ({"sex": "m"}, 1.0)], (15, 65))
    'Of the people who are really “high”, 13 of 15 women are told “high” and 65 of 65 men.'
    >>> say.clause("selection_rate", {"sex": "f"}, {"sex": "m"}), say.really()
    ('women are told “high” less often than men', 'are really “high”')
    """

    def __init__(self, words: Words, name: str, *, label: bool = False) -> None:
        self.name = shown(name)
        self._table = LABEL_WORDS if label else CLASS_WORDS
        yes = f"have “{self.name}”" if label else f"are “{self.name}”"
        super().__init__(words.model_copy(update={"positive": yes}))

    def _own(self, metric: str) -> ClassWords | None:
        return self._table.get(metric)

    def phrase(self, metric: str) -> str:
        """See `Vocabulary`."""
        own = self._own(metric)
        return own.head.format(c=self.name) if own else f"{super().phrase(metric)}, “{self.name}”"

    def short(self, metric: str) -> str:
        """See `Vocabulary`; whom it is about stands beside it."""
        own = self._own(metric)
        return own.head.format(c=self.name).split(",")[0] if own else super().short(metric)

    def gap(self, target: str) -> str:
        """See `Vocabulary`: "in scores of “high”"."""
        return super().gap(target).replace("in scores", f"in scores of “{self.name}”", 1)

    def frequencies(
        self, metric: str, groups: Sequence[tuple[Mapping[str, str], float]], sizes: Sequence[int] = ()
    ) -> str:
        """See `Vocabulary`; of few people as numbers, where the sizes of the groups are given."""
        own = self._own(metric)
        if own is None:
            return super().frequencies(metric, groups, sizes)
        base = base_of([value for _, value in groups])
        of = sizes or [base] * len(groups)
        every = "" if sizes else "every "
        first, *others = (
            f"{round(n * v):,} of {every}{n:,} {self.people(g)}" for (g, v), n in zip(groups, of, strict=True)
        )
        rest = "".join(f" and {them}" for them in others)
        return upper_first(own.frequencies.format(c=self.name, first=first, rest=rest))

    def clause(self, metric: str, low: Mapping[str, str], high: Mapping[str, str]) -> str:
        """See `Vocabulary`."""
        own = self._own(metric)
        if own is None:
            return super().clause(metric, low, high)
        return own.less_often.format(c=self.name, low=self.people(low), high=self.people(high))
