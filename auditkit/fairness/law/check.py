"""ImpactRatios and ScoringRates: the tables of the four-fifths rule and of NYC Local Law 144."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from auditkit.batch import Batch
from auditkit.catalogue.impact import LAWS, Law, LawName
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError
from auditkit.evidence.scoring import ScoreCounts
from auditkit.evidence.tally import Tally
from auditkit.fairness.law import findings
from auditkit.fairness.law.impact import ImpactRatios as Ratios
from auditkit.fairness.law.laws import Selections, sex_and_race
from auditkit.fairness.sets import Attributes, compared, sets_of
from auditkit.formatting import plain
from auditkit.options import checked_options
from auditkit.records import Finding, NotMeasured

LARGEST_SHARE = 0.02
"""NYC: a category may be left out of the impact ratios only if it is less than 2 % of the data."""


@dataclass(frozen=True)
@checked_options
class ImpactRatios(BaseCheck):
    """Selection rates and impact ratios (rate over the highest rate), in the table that a law asks for, with tests.

    Parameters
    ----------
    law
        `four-fifths`: a ratio strictly below 0.8 is flagged. `nyc-ll144`: tables for sex, race/ethnicity and both
        crossed; the law sets no limit.
    by
        Four-fifths: sets of attributes, each crossed; None: each declared attribute alone.
    sex, race
        NYC: the columns of sex and of race/ethnicity.
    minimum_share, justification
        NYC: leave categories with a smaller share of all rows, at most 0.02, out of the impact ratios, and why; their
        number and rate are shown all the same.

    Rows with a decision count, whether or not their truth is known; rows of unknown category are counted and in no
    group. Raises PolicyError for options that the law does not have, and for attributes that are not declared.

    >>> check = ImpactRatios(law="four-fifths")
    >>> tally = Tally.of({"sex": ["f"] * 50 + ["m"] * 50}, y_true=[0] * 100, y_pred=[0] * 60 + [1] * 40)
    >>> check.assess(tally).findings[0].statement[:42]
    'The smallest impact ratio by sex is 0.00 ('
    """

    law: LawName = "four-fifths"
    by: Iterable[Iterable[str]] | None = None
    sex: str = "sex"
    race: str = "race"
    minimum_share: float = 0.0
    justification: str = ""

    def __post_init__(self) -> None:
        if self.law == "nyc-ll144" and self.by is not None:
            raise PolicyError("nyc-ll144 has its own three tables: name the columns by sex=… and race=…, without by")
        if self.law != "nyc-ll144" and self.minimum_share:
            raise PolicyError(f"minimum_share belongs to nyc-ll144; {self.law} leaves no group out")
        _check_exclusion(self.minimum_share, self.justification)

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return f"impact_ratios:{self.law}"

    def options(self) -> dict[str, Any]:
        """The options, as JSON: of the law that is asked."""
        nyc = ("sex", "race", "minimum_share", "justification")
        return {k: v for k, v in super().options().items() if self.law == "nyc-ll144" or k not in nyc}

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch."""
        return Tally.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """One finding a table, of concern `fairness`."""
        nyc, asked = self.law == "nyc-ll144", [(a,) for a in evidence.by] if self.by is None else self.by
        tables = sex_and_race(evidence.by, self.sex, self.race) if nyc else sets_of(asked, evidence.by)
        sets = compared(tables, evidence.columns, what="impact ratios", concern="fairness")
        notes = _of_decisions(evidence)
        selections = {by: Selections.of(evidence, by) for by in sets.sets}
        return Assessment(_found("impact_ratio", LAWS[self.law], self, selections, notes, level), sets.absent)


@dataclass(frozen=True)
@checked_options
class ScoringRates(BaseCheck):
    """NYC Local Law 144 for scores: the share of each category above the median score, and its ratio to the highest.

    The median is that of the full sample, rows of unknown category included, before any category is left out; it is
    exact (a report rounds it), and costs memory for every distinct score. Options as of `ImpactRatios`.

    >>> ScoringRates(minimum_share=0.02)
    Traceback (most recent call last):
    auditkit.errors.PolicyError: categories are left out only with a reason: give justification='…' with minimum_share
    """

    NAME: ClassVar[str] = "scoring_rates"
    NO_SUM: ClassVar[str] = (
        "each part kept who is above its own median score, and of who is above the median of all rows nothing follows"
    )
    sex: str = "sex"
    race: str = "race"
    minimum_share: float = 0.0
    justification: str = ""

    def __post_init__(self) -> None:
        _check_exclusion(self.minimum_share, self.justification)

    def gather(self, batch: Batch) -> ScoreCounts:
        """Count the scores of a batch."""
        return ScoreCounts.of(batch)

    def assess(self, evidence: ScoreCounts, *, level: float = 0.95) -> Assessment:
        """Three findings of concern `fairness`; not measured without scores."""
        tables = sex_and_race(evidence.by, self.sex, self.race)
        median = evidence.median()
        if median is None:
            why = "no row has a score: name the column of scores, Predictions(y_pred=…, score=…)"
            return Assessment((), (NotMeasured(what="scoring rates", why=why, concern="fairness"),))
        about = "" if evidence.middle is None else ", rounded to a fiftieth where fewer than ten rows hold it"
        notes = [f"median score of the full sample, unknown categories included: {plain(median)}{about}"]
        if evidence.unscored:
            notes.append(f"{evidence.unscored:,} rows without a score are left out")
        counts = {str(c): evidence.cells[c].to_numpy() for c in evidence.cells}
        sets = compared(tables, counts, what="scoring rates", concern="fairness")
        selections = {by: Selections(*evidence.over_score(median, *by)) for by in sets.sets}
        return Assessment(_found("scoring_rate", LAWS["nyc-ll144"], self, selections, notes, level), sets.absent)


def _found(
    metric: str, law: Law, of: ImpactRatios | ScoringRates, selections: Mapping[Attributes, Selections],
    notes: Sequence[str], level: float,
) -> tuple[Finding, ...]:  # fmt: skip
    """A finding a table."""
    ratios = (Ratios.of(by, s, minimum_share=of.minimum_share, level=level) for by, s in selections.items())
    return tuple(findings.finding(metric, law, r, justification=of.justification, about=notes) for r in ratios)


def _check_exclusion(minimum_share: float, justification: str) -> None:
    if not 0 <= minimum_share <= LARGEST_SHARE:
        raise PolicyError(
            f"minimum_share = {minimum_share:g}: categories below {LARGEST_SHARE:g} of the rows can be left out, "
            f"expected 0 to {LARGEST_SHARE:g}"
        )
    if minimum_share and not justification.strip():
        raise PolicyError("categories are left out only with a reason: give justification='…' with minimum_share")
    if justification and not minimum_share:
        raise PolicyError("a justification leaves nobody out by itself: give minimum_share with it, at most 0.02")


def _of_decisions(tally: Tally) -> tuple[str, ...]:
    """Rows that count here and not elsewhere, or not at all."""
    truth, decision, n = (tally.cells[c].to_numpy() for c in ("y_true", "y_pred", "n"))
    undecided, untold = int(n[decision < 0].sum()), int(n[(decision >= 0) & (truth < 0)].sum())
    notes = [f"{undecided:,} rows without a decision are left out"] if undecided else []
    if untold:
        notes.append(f"{untold:,} rows whose truth is missing count here: a selection needs none")
    return tuple(notes)
