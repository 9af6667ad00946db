"""DataProfile: who is in the data, against whom it is to serve; what is missing, and what goes with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.errors import DataError, choices, listing
from auditkit.evidence.profile import Profile
from auditkit.fairness.profile import findings
from auditkit.options import checked_options
from auditkit.records import NotMeasured


@dataclass(frozen=True)
@checked_options
class DataProfile(BaseCheck):
    """Groups and their shares, missing values by group, association of truth and attribute, crossings with nobody.

    Base rates by group are findings of `GroupFairness`.

    >>> DataProfile({"sex": {"f": 0.6, "m": 0.6}})
    Traceback (most recent call last):
    auditkit.errors.DataError: the shares of 'sex' in reference_population add up to 1.2; expected at most 1
    """

    NAME: ClassVar[str] = "data_profile"
    reference_population: Mapping[str, Mapping[str, float]] | None = None
    """Attribute → value → share of the population, in [0, 1]; what is left of 1 are all other values."""

    def __post_init__(self) -> None:
        for attribute, shares in (self.reference_population or {}).items():
            for value, share in shares.items():
                if not 0 <= share <= 1:
                    raise DataError(f"the share of '{value}' of '{attribute}' must lie between 0 and 1, got {share}")
            if not shares:
                raise DataError(f"reference_population names no value of '{attribute}'; expected {{value: share}}")
            if sum(shares.values()) > 1 + 1e-6:
                raise DataError(
                    f"the shares of '{attribute}' in reference_population add up to {sum(shares.values()):.6g}; "
                    "expected at most 1"
                )

    @property
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`."""
        return frozenset()

    def gather(self, batch: Batch) -> Profile:
        """Count a batch; DataError if the reference population names an attribute that is none."""
        declared = [str(a) for a in batch.groups]
        for attribute in self.reference_population or {}:
            if attribute not in declared:
                raise DataError(
                    f"reference_population names '{attribute}', which is no sensitive feature; declared are "
                    f"{choices(attribute, declared)}"
                )
        return Profile.of(batch)

    def assess(self, evidence: Profile, *, level: float = 0.95) -> Assessment:
        """Findings of concern `data`."""
        reference = _recoded(self.reference_population or {}, evidence.recoded)
        by = evidence.tally.by
        out = [findings.shares(evidence, a, level=level) for a in by]
        out += [findings.representation(evidence, a, reference[a], level=level) for a in by if a in reference]
        out += [findings.association(evidence, a, level=level) for a in by]
        out.append(findings.missing_overall(evidence, level=level))
        out += [findings.missing_by_group(evidence, a, level=level) for a in by if evidence.missing]
        if len(by) > 1:
            out.append(findings.crossings(evidence, by, level=level))
        without = [a for a in by if a not in reference]
        why = f"no reference population is given for {listing(without)}"
        skipped = (NotMeasured(what="representation against a population", why=why),) if without else ()
        return Assessment(tuple(out), skipped)


def _recoded(
    reference: Mapping[str, Mapping[str, float]], recoding: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, float]]:
    """The shares of the groups that the evidence speaks of."""
    out: dict[str, dict[str, float]] = {}
    for attribute, shares in reference.items():
        own = out.setdefault(attribute, {})
        for value, share in shares.items():
            label = recoding.get(attribute, {}).get(value, value)
            own[label] = own.get(label, 0.0) + share
    return out
