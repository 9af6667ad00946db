"""Presets: the rules that a law, or a field, asks for, once it is known which sensitive features the data declare.

A law with a limit is a rule with that limit, decided by the interval. A law that only asks for the numbers is a rule
that any value keeps: it passes once they are measured. Limits that no law gives are a place to begin, and no advice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from auditkit.catalogue.clinical import BENEFIT, OVER_ALL, metric_of
from auditkit.catalogue.impact import LAWS, Law
from auditkit.errors import PolicyError, listing, nearest
from auditkit.records import Comparison, Decision, Handling, Record, Rule

Attributes = tuple[str, ...]


class Line(NamedTuple):
    """What a preset asks of each set of attributes."""

    metric: str
    comparison: Comparison
    at_most: float | None = None
    at_least: float | None = None
    decision: Decision = "interval"
    refs: tuple[str, ...] = ()
    name: str = ""
    """What tells it from the other lines of its preset."""


def _of_law(law: Law) -> Line:
    decided: Decision = "interval" if law.limit is not None else "point"
    return Line("selection_rate", "ratio", at_least=law.limit or 0.0, decision=decided, refs=(law.reference,))


PRESETS: dict[str, tuple[Line, ...]] = {
    **{name: (_of_law(law),) for name, law in LAWS.items()},
    "equalized-odds": (Line("equalized_odds", "difference", at_most=0.1),),
    "clinical": (
        Line("true_positive_rate", "difference", at_most=0.05, refs=("tripod-ai:3c",), name="sensitivity"),
        Line("true_negative_rate", "difference", at_most=0.05, refs=("tripod-ai:3c",), name="specificity"),
        Line("calibration_in_the_large", "difference", at_most=0.05, refs=("tripod-ai:3c",), name="calibration"),
    ),
}
"""Name → what it asks. Equalized odds: Hardt, Price and Srebro (2016). Clinical: sensitivity, specificity and
calibration in the large by group, as TRIPOD+AI asks them to be reported; with the threshold at which one treats, which
is no preset's to choose, net benefit too."""


def net_benefit(threshold: float) -> tuple[Line, ...]:
    """What `clinical` asks of a score that decides at a threshold: that it serves no group worse than treating nobody
    would, and none worse than treating everybody.

    >>> [line.metric for line in net_benefit(0.1)]
    ['net_benefit@0.1', 'net_benefit_over_all@0.1']
    """
    asked = ((BENEFIT, "net-benefit"), (OVER_ALL, "net-benefit-over-all"))
    return tuple(
        Line(metric_of(m, threshold), "group_min", at_least=0.0, refs=("tripod-ai:23a",), name=name)
        for m, name in asked
    )


class Preset(Record):
    """A preset as a policy asks for it."""

    name: str
    by: tuple[Attributes, ...] | None = None
    """Sets of attributes; None: each declared attribute alone. Not of NYC."""
    sex: str = "sex"
    """NYC: the column of sex."""
    race: str = "race"
    """NYC: the column of race/ethnicity."""
    threshold: float | None = None
    """Clinical: the risk from which on one treats; None: nothing is asked of net benefit."""
    min_n: int = 10
    on_inconclusive: Handling = "warn"
    on_not_measured: Handling = "fail"

    def rules(self, declared: Attributes) -> tuple[Rule, ...]:
        """Its rules over the declared sensitive features; PolicyError says which argument names a missing column.

        >>> [r.id for r in Preset(name="four-fifths").rules(("sex", "race"))]
        ['four-fifths/sex', 'four-fifths/race']
        >>> [r.id for r in Preset(name="clinical").rules(("sex",))]
        ['clinical/sensitivity/sex', 'clinical/specificity/sex', 'clinical/calibration/sex']
        >>> [r.metric for r in Preset(name="clinical", threshold=0.1).rules(("sex",))][3:]
        ['net_benefit@0.1', 'net_benefit_over_all@0.1']
        >>> [r.id for r in Preset(name="nyc-ll144", sex="gender").rules(("gender", "race"))]
        ['nyc-ll144/gender', 'nyc-ll144/race', 'nyc-ll144/gender+race']
        """
        return tuple(
            Rule(
                id="/".join(filter(None, (self.name, line.name, "+".join(by)))),
                metric=line.metric,
                comparison=line.comparison,
                by=by,
                at_most=line.at_most,
                at_least=line.at_least,
                decision=line.decision,
                min_n=self.min_n,
                on_inconclusive=self.on_inconclusive,
                on_not_measured=self.on_not_measured,
                refs=line.refs,
            )
            for by in self._sets(declared)
            for line in self._lines
        )

    @property
    def _lines(self) -> tuple[Line, ...]:
        return (*PRESETS[self.name], *(() if self.threshold is None else net_benefit(self.threshold)))

    def _sets(self, declared: Attributes) -> list[Attributes]:
        if self.name != "nyc-ll144":
            sets: list[Attributes] = [(name,) for name in declared] if self.by is None else list(self.by)
            for name in (name for by in sets for name in by):
                if name not in declared:
                    raise PolicyError(f"preset '{self.name}': {_absent(name, declared)}")
            return sets
        for role, name in (("sex", self.sex), ("race", self.race)):
            if name not in declared:
                column = next((a for a in declared if a not in (self.sex, self.race)), "…")
                raise PolicyError(
                    f"preset 'nyc-ll144' needs the column of {'race/ethnicity' if role == 'race' else role}: "
                    f'{_absent(name, declared)} Say which: {role} = "{column}" beside the preset'
                )
        return [(self.sex,), (self.race,), (self.sex, self.race)]


def preset_of(
    name: str,
    *,
    by: tuple[Attributes, ...] | None,
    sex: str | None,
    race: str | None,
    threshold: float | None = None,
    **options: Any,
) -> Preset:
    """A preset, checked; PolicyError names the nearest preset, or the argument that it does not take."""
    if name not in PRESETS:
        raise PolicyError(f"unknown preset '{name}'; known are {listing(PRESETS)}.{nearest(name, PRESETS)}")
    if name == "nyc-ll144" and by is not None:
        raise PolicyError("preset 'nyc-ll144' takes no 'by': it has three tables; name the columns by sex and race")
    if name != "nyc-ll144" and (sex, race) != (None, None):
        raise PolicyError(f"preset '{name}' takes no 'sex' and 'race': say by = [...], the attributes to compare")
    if threshold is not None and name != "clinical":
        raise PolicyError(
            f"preset '{name}' takes no 'threshold': it is the risk from which on one treats, of 'clinical'"
        )
    if by is not None and not all(by):
        raise PolicyError(f"preset '{name}': by = [] names nothing to compare")
    if sex is not None and sex == (race or "race"):
        raise PolicyError(f"preset 'nyc-ll144' needs two columns, sex and race/ethnicity; both are '{sex}'")
    columns = {k: v for k, v in (("sex", sex), ("race", race)) if v is not None}
    return Preset(name=name, by=by, threshold=threshold, **columns, **options)


def _absent(name: str, declared: Attributes) -> str:
    return f"no sensitive feature '{name}'; declared are {listing(declared)}.{nearest(name, declared)}"
