"""How far groups and values go together: Cramér's V as the answer to a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import is_established
from auditkit.fairness.families.family import estimated, nothing_to_compare
from auditkit.fairness.notes import finding, p_text
from auditkit.formatting import interval_in, plain
from auditkit.records import Comparison, Estimate, Finding
from auditkit.stats.association import Association, association_p, cramers_v
from auditkit.stats.rates import Floats


@dataclass(frozen=True)
class AssociationFamily:
    """Cramér's V of groups (P,) and values (K,), over rows that a judge told the value of."""

    metric: str
    by: tuple[str, ...]
    groups: Sequence[tuple[str, ...]]
    table: Floats
    """(P, K) counts."""
    values: tuple[str, ...]
    level: float
    judged: bool
    """Whether the judge's errors are known."""

    def found(self) -> Association:
        """V with its limits and p."""
        return cramers_v(self.table, level=self.level)

    def estimate(self, v: Association) -> Estimate:
        """V; undefined where a side has one category."""
        n = int(self.table.sum())
        if v.value != v.value:
            few = "fewer than two prompts have samples, or the judge says one value only"
            none = nothing_to_compare(2, few, level=self.level, n=n)
            return none.model_copy(update={"state": "undefined"})
        return estimated(
            v.value, v.low, v.high, level=self.level, n=n, method="noncentral χ² turned round; bias-corrected (Bergsma)"
        )

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        v = self.found()
        e, head = self.estimate(v), METRICS[self.metric].title
        if e.value is None:
            said = f"{head}: {sentences.incomparable(self.by, e.note)}"
        else:
            size = f"V = {plain(e)} ({interval_in(e, plain)}; {p_text(v.p, 'p = ', 'p is less than ')})"
            none = "the value judged is not established to go with the prompt"
            goes = "the value judged goes with the prompt"
            said = f"{head}: {goes if is_established(kind, e) else none}, {size}."
        return finding(self.metric, kind, self.by, e, said, notes=self.notes(v))

    def notes(self, v: Association) -> tuple[str, ...]:
        """What a reader must know of V."""
        known = (
            "the judge's errors make it smaller where they are the same for all prompts: of what is drawn it is no less"
        )
        told = [known if self.judged else "of the judge's words, whose errors are not known"]
        if v.least_expected < _LEAST:
            told.append(
                f"the smallest count that is expected is {plain(v.least_expected)}: χ² and the limits are rough"
            )
        return tuple(told)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        return association_p(self.table, limit, above=above)


_LEAST = 5
