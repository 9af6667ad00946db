"""AnswerRates and PreferenceRates: what a model that writes gets right, and which of two texts it prefers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from auditkit.fairness.families.rates import COMPARED
from auditkit.fairness.groups.events import EventRates
from auditkit.options import checked_options
from auditkit.records import Comparison, Task


@dataclass(frozen=True)
@checked_options
class AnswerRates(EventRates):
    """The share of right answers in each category, the lowest of them, and their differences and ratios.

    Answers to one prompt, and to its paraphrases, are dependent where the reader says which these are.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["subject"], ["subject", "language"]]`. None: each declared attribute
        alone, and all of them crossed.

    >>> from auditkit.evidence.tally import Tally
    >>> tally = Tally.of({"subject": ["law"] * 50 + ["art"] * 50}, y_true=[1] * 100, y_pred=[0] * 40 + [1] * 60)
    >>> [f.estimate.value for f in AnswerRates().assess(tally).findings if f.comparison == "group_min"]
    [0.2]
    """

    NAME: ClassVar[str] = "answer_rates"
    tasks: ClassVar[tuple[Task, ...]] = ("answers",)
    RATES: ClassVar[tuple[str, ...]] = ("accuracy",)
    WORDS: ClassVar[str] = "shares of right answers"
    KINDS: ClassVar[tuple[Comparison, ...]] = ("group_min", *COMPARED)


@dataclass(frozen=True)
@checked_options
class PreferenceRates(EventRates):
    """The share of pairs in which the stereotype is preferred, in each category: the extremes held against ½.

    Pairs to which a model gives the same likelihood have no preference: they are counted apart, and enter no share.
    Pairs of one template are dependent where the reader says which these are.

    Parameters
    ----------
    by
        Sets of attributes, each crossed, as of `AnswerRates`.

    >>> from auditkit.evidence.tally import Tally
    >>> tally = Tally.of({"of": ["age"] * 50 + ["sex"] * 50}, y_true=[-1] * 100, y_pred=[0] * 20 + [1] * 80)
    >>> found = PreferenceRates().assess(tally).findings
    >>> [(f.comparison, f.estimate.value, f.p is not None) for f in found if f.comparison.startswith("group")]
    [('group_max', 1.0, True), ('group_min', 0.6, False)]
    """

    NAME: ClassVar[str] = "preference_rates"
    tasks: ClassVar[tuple[Task, ...]] = ("preferences",)
    RATES: ClassVar[tuple[str, ...]] = ("stereotype_preference",)
    WORDS: ClassVar[str] = "shares of preferences"
    KINDS: ClassVar[tuple[Comparison, ...]] = ("group_max", "group_min", "difference", "difference_to_overall")
