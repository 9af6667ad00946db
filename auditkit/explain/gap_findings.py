"""From sums over units to findings about gaps: parts with intervals, shares, sentences. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError, listing, nearest
from auditkit.explain.gap_sums import REST, Contrast, GapSums, Units
from auditkit.explain.gap_targets import Target, target_of
from auditkit.records import Contribution, Contributions, Estimate, Finding, Table, TrustCheck
from auditkit.stats.fieller import Ratio, fieller, fieller_p
from auditkit.stats.means import t_limits
from auditkit.stats.multiplicity import benjamini_hochberg
from auditkit.wording import percent

Floats = NDArray[np.float64]

SHOWN = 12
"""Parts shown one by one; a last one gathers the others."""
NAMED = 3
"""Parts named in a sentence."""
DISAGREE = 0.1
"""Part of the gap by which the two forms may differ before that is a warning."""
MISSED = 0.01
"""Part of Σ abs(φ) by which a sum may miss the gap."""
CANCEL = 0.5
"""Part of Σ abs(φ) below which a gap hides causes that cancel."""
METHOD = "weighted mean over the rows of the smaller group with all their pairs, t with Kish's effective rows"
SHARE = "ratio of weighted means over the rows of the smaller group, Fieller with t"
CAUTION = "how the model reaches its scores, not what causes the outcome"
FORMS = {"shapley": "Shapley values over pairs of rows", "integrated_gradients": "Integrated Gradients from row to row"}


class Split(NamedTuple):
    """One gap and its parts, read at a level."""

    contrast: Contrast
    target: Target
    names: tuple[str, ...]
    parts: tuple[Estimate, ...]
    total: Estimate
    sure: tuple[bool, ...]
    """Parts that are not 0, after Benjamini–Hochberg over all of them."""
    units: Units

    @classmethod
    def of(cls, contrast: Contrast, units: Units, level: float) -> Split:
        """Read the sums."""
        from scipy.special import stdtr

        mean, error = units.mean, np.sqrt(np.maximum(np.diag(units.covariance), 0.0))
        n = units.effective_n
        low, high = t_limits(mean, error, effective_n=n, level=level)
        estimates = [_estimate(*v, units, level) for v in zip(mean, error, low, high, strict=True)]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(error > 0, np.abs(mean) / error, np.where(np.abs(mean) > 1e-12, np.inf, 0.0))[:-1]
        p = 2 * stdtr(n - 1, -t) if n > 1 else np.ones(len(t))
        sure = benjamini_hochberg(np.clip(p, 0, 1)) <= 1 - level
        return cls(contrast, target_of(contrast.of), units.names, tuple(estimates[:-1]), estimates[-1],
                   tuple(bool(s) for s in sure), units)  # fmt: skip

    @property
    def values(self) -> Floats:
        """(parts,)."""
        return self.units.mean[:-1]

    @property
    def size(self) -> float:
        """Σ abs(φ)."""
        return float(np.abs(self.values).sum())

    @property
    def gap_is_sure(self) -> bool:
        """Whether the gap's interval leaves 0 out."""
        return _leaves_out_0(self.total)

    @property
    def missed(self) -> float:
        """How far the parts miss the gap, over Σ abs(φ)."""
        off = abs(float(self.values.sum()) - float(self.units.mean[-1]))
        return off / self.size if self.size else float(off > 0)

    @property
    def low_words(self) -> str:
        """The other group, in words."""
        return self.contrast.low if self.contrast.low != REST else "everybody else"

    def ratio(self, features: Sequence[str]) -> Ratio:
        """What is needed of the share of some features."""
        pick = np.array([float(name in features) for name in self.names] + [0.0])
        below = np.eye(len(pick))[-1]
        c, mean = self.units.covariance, self.units.mean
        return Ratio(float(pick @ mean), float(mean[-1]), float(pick @ c @ pick), float(c[-1, -1]),
                     float(pick @ c @ below), self.units.effective_n - 1)  # fmt: skip

    def share(self, features: Sequence[str], level: float) -> Estimate:
        """The share of the gap that comes through some features; undefined while the gap may be 0."""
        r, n = self.ratio(features), self.units.n
        if not self.gap_is_sure:
            note = "the gap's own interval contains 0, so that it has no shares"
            return Estimate(value=None, level=level, n=n, method=SHARE, state="undefined", note=note)
        limits = fieller(r, level)
        if limits is None:
            note = f"at {100 * level:.4g}% the gap's interval contains 0: no limits"
            return Estimate(value=r.numerator / r.denominator, level=level, n=n, method=SHARE, note=note)
        return Estimate(
            value=r.numerator / r.denominator, low=limits[0], high=limits[1], level=level, n=n, method=SHARE
        )


def _estimate(value: float, error: float, low: float, high: float, units: Units, level: float) -> Estimate:
    known = bool(np.isfinite(low)) and units.n > 1
    note = "" if known else "one row outweighs all others: no interval"
    limits = {"low": float(low), "high": float(high)} if known else {}
    return Estimate(
        value=float(value), level=level, n=units.n, method=METHOD, state="ok" if known else "sparse", note=note, **limits
    )


def _leaves_out_0(e: Estimate) -> bool:
    return e.low is not None and e.high is not None and (e.low > 0 or e.high < 0)


def headlines(seen: GapSums, level: float) -> Iterator[Split]:
    """A split each attribute and target: by Shapley where that was done, else by Integrated Gradients."""
    for form in FORMS:
        for contrast, units in seen.units.items():
            other = contrast._replace(form="shapley")
            if contrast.form == form and contrast.low != REST and (form == "shapley" or other not in seen.units):
                yield Split.of(contrast, units, level)


def gap_findings(seen: GapSums, *, level: float) -> tuple[Finding, ...]:
    """A finding a gap: `explanation/gap_share[<of>]/difference/<by>`; its estimate is the share of the largest part."""
    return tuple(_finding(seen, split, (), level) for split in headlines(seen, level))


def reassess(
    seen: GapSums, of: str, by: Sequence[str], features: Sequence[str], *, level: float, min_n: int = 0
) -> Finding | None:
    """The finding about some features' share of a gap; PolicyError for a feature that the model does not read.

    The share is undefined where the smaller group has fewer than `min_n` rows in the sample.
    """
    split = _headline(seen, of, by, level)
    if split is None:
        return None
    for name in features:
        if name not in split.names:
            raise PolicyError(
                f"gap_share: no feature '{name}' in the model; it reads {listing(split.names)}."
                f"{nearest(name, split.names)}"
            )
    found = _finding(seen, split, tuple(features), level)
    if split.units.n >= min_n:
        return found
    note = f"the smaller group has {split.units.n} sampled rows, fewer than {min_n}"
    few = Estimate(value=None, level=level, n=split.units.n, method=SHARE, state="undefined", note=note)
    return found.model_copy(update={"estimate": few})


def p_value(
    seen: GapSums, of: str, by: Sequence[str], features: Sequence[str], *, limit: float, above: bool
) -> float | None:
    """p of H0: the share of the features is at most (`above`), or at least, the limit; None without such a gap."""
    split = _headline(seen, of, by, 0.95)
    return None if split is None else fieller_p(split.ratio(features), limit, above=above)


def _headline(seen: GapSums, of: str, by: Sequence[str], level: float) -> Split | None:
    asked = (of, frozenset(by))
    return next((s for s in headlines(seen, level) if (s.contrast.of, frozenset(s.contrast.by.split("+"))) == asked), None)


def _finding(seen: GapSums, split: Split, features: tuple[str, ...], level: float) -> Finding:
    c, target = split.contrast, split.target
    leading = split.names[int(np.argmax(np.abs(split.values)))]
    share = split.share(features or (leading,), level)
    label = seen.facts.get("label")
    by = tuple(c.by.split("+"))
    asked = f"[{'+'.join(features)}]" if features else ""
    return Finding(
        id=f"explanation/gap_share[{c.of}]{asked}/difference/{c.by}" + ("" if label is None else f"[{label}]"),
        concern="explanation",
        title=f"Why {c.high} and {split.low_words} differ in {target.words}",
        statement=_share_statement(split, features, share) if features else _statement(split),
        metric="gap_share",
        comparison="difference",
        of=c.of,
        features=features,
        by=by,
        label=label,
        estimate=share,
        exhibits=() if features else _exhibits(seen, split, level),
        notes=_notes(seen, split, features or (leading,), level),
        references=(METRICS["gap_share"].reference,),
        trust=(_sums(split),),
    )


def _gap_words(split: Split) -> str:
    c = split.contrast
    return f"in {split.target.words} between {c.high} and {split.low_words}"


def _statement(split: Split) -> str:
    """What makes the gap, in one or two sentences."""
    target, total = split.target, split.total
    if split.missed > MISSED:
        return (
            f"This explanation does not hold: its parts miss the gap {_gap_words(split)} by {percent(split.missed)} of "
            f"their size (at most {percent(MISSED)} allowed)."
        )
    adds, takes = _sides(split)
    cancels = bool(adds and takes) and abs(total.value or 0.0) < CANCEL * split.size
    if not split.gap_is_sure:
        seen = f"No gap {_gap_words(split)} is established ({target.amount(total.value)}, {target.limits(total)})"
        if not cancels:
            return f"{seen}, and no causes that cancel each other are."
        return f"{seen}, but causes that cancel are: {_some(split, adds)} to it, {_some(split, takes, off=True)}: {CAUTION}."
    gap = target.amount(total.value)
    of_gap = f"Of the gap of {gap} {_gap_words(split)}"
    if not adds:
        return f"{of_gap}, no single part is established: {CAUTION}."
    first = [f"{target.amount(split.parts[k].value)} come through {split.names[k]}" for k in adds[:1]]
    more = [f"{target.amount(split.parts[k].value)} through {split.names[k]}" for k in adds[1:NAMED]]
    against = f"; {_some(split, takes, off=True)}" if takes else ""
    hides = ", so that it hides larger causes that cancel" if cancels else ""
    return f"{of_gap}, {_joined(first + more)}{against}{hides}: {CAUTION}."


def _sides(split: Split) -> tuple[list[int], list[int]]:
    """Parts that surely add to the gap, and that surely take from it; the largest first."""
    order = np.argsort(-np.abs(split.values), kind="stable")
    sure = [int(k) for k in order if split.sure[k]]
    sign = 1 if (split.total.value or 0.0) >= 0 else -1
    return [k for k in sure if sign * split.values[k] > 0], [k for k in sure if sign * split.values[k] < 0]


def _some(split: Split, which: Sequence[int], *, off: bool = False) -> str:
    def told(k: int) -> str:
        return f"{split.names[k]} {'takes' if off else 'adds'} {split.target.amount(abs(float(split.values[k])))}"

    return _joined([told(k) for k in which[:NAMED]]) + (" off" if off else "")


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _share_statement(split: Split, features: Sequence[str], share: Estimate) -> str:
    what = _joined(list(features))
    if share.value is None:
        return f"No share of the gap {_gap_words(split)} can be given for {what}: {share.note}."
    sure = "" if share.low is None else f" ({100 * share.level:.4g}% interval {percent(share.low)} to {percent(share.high)})"
    return (
        f"Of the gap of {split.target.amount(split.total.value)} {_gap_words(split)}, {percent(share.value)} "
        f"{'comes' if len(features) == 1 else 'come'} through {what}{sure}: {CAUTION}."
    )


def _exhibits(seen: GapSums, split: Split, level: float) -> tuple[Contributions | Table, ...]:
    rest = [Split.of(c, u, level) for c, u in seen.units.items()
            if (c.by, c.of, c.low) == (split.contrast.by, split.contrast.of, REST)]  # fmt: skip
    return (contributions(seen, split), *([_table(rest)] if rest else []))


def contributions(seen: GapSums, split: Split) -> Contributions:
    """The parts of a gap, the largest first."""
    c = split.contrast
    tells = seen.tells.get((c.by, c.high, c.low))
    auc = {name: float(won / of) for name, (won, of) in zip(seen.facts["features"], tells, strict=True) if of} if (
        tells is not None) else {}  # fmt: skip
    order = [int(k) for k in np.argsort(-np.abs(split.values), kind="stable")]
    shown = order if len(order) <= SHOWN + 1 else order[:SHOWN]
    rows = [_row(split, split.names[k], split.parts[k], auc.get(split.names[k])) for k in shown]
    others = [k for k in order if k not in shown]
    if others:
        e = _together(split, others)
        rows.append(_row(split, f"the other {len(others)}", e, None))
    return Contributions(
        title=f"What makes the gap {_gap_words(split)}",
        unit=split.target.unit,
        rows=tuple(rows),
        total=split.total,
        of_all=_of_all(seen, split),
        beside=f"tells {c.high} from {split.low_words} (AUC)" if auc else "",
    )


def _row(split: Split, name: str, e: Estimate, beside: float | None) -> Contribution:
    total = split.total.value
    share = e.value / total if split.gap_is_sure and total and e.value is not None else None
    return Contribution(label=name, estimate=e, share=share, beside=beside)


def _together(split: Split, which: Sequence[int]) -> Estimate:
    pick = np.zeros(len(split.names) + 1)
    pick[list(which)] = 1.0
    value, variance = float(pick @ split.units.mean), float(pick @ split.units.covariance @ pick)
    level = split.total.level
    low, high = t_limits(value, max(variance, 0.0) ** 0.5, effective_n=split.units.effective_n, level=level)
    return _estimate(value, 0.0, float(low), float(high), split.units, level)


def _of_all(seen: GapSums, split: Split) -> float | None:
    """The same gap over all rows of the data."""
    if seen.census is None or seen.facts.get("label") is not None:
        return None
    by, target = split.contrast.by.split("+"), split.target

    def mean(group: str, *, rest: bool = False) -> float | None:
        cell = dict(zip(by, group.split(", ", len(by) - 1), strict=True))
        return seen.census.mean(target.of, cell, y=target.y, rest=rest) if seen.census else None

    rest = split.contrast.low == REST
    high = mean(split.contrast.high)
    low = mean(split.contrast.high, rest=True) if rest else mean(split.contrast.low)
    return None if high is None or low is None else high - low


def _table(rest: Sequence[Split]) -> Table:
    """Each group against everybody else."""
    target, rows = rest[0].target, []
    for split in sorted(rest, key=lambda s: -abs(s.total.value or 0.0)):
        first, second = (list(np.argsort(-np.abs(split.values), kind="stable")) + [None, None])[:2]
        rows.append((
            split.contrast.high, split.total.value, split.total.low, split.total.high,
            *(x for k in (first, second) for x in (
                ("–", None) if k is None else (split.names[k], float(split.values[k])))),
        ))  # fmt: skip
    return Table(
        title=f"Each group against everybody else, {target.words}",
        columns=("Group", "Gap", "From", "To", "Largest part", "Of it", "Second", "Of it "),
        rows=tuple(rows),
        units=("", *[target.unit] * 3, "", target.unit, "", target.unit),
    )


def _sums(split: Split) -> TrustCheck:
    note = f"the parts add up to {split.values.sum():.6g}, the gap of the rows used is {split.units.mean[-1]:.6g}"
    return TrustCheck(
        id="T1", name="completeness", value=split.missed, limit=MISSED, passed=split.missed <= MISSED, note=note
    )


def _notes(seen: GapSums, split: Split, features: Sequence[str], level: float) -> tuple[str, ...]:
    c, units, target = split.contrast, split.units, split.target
    facts = seen.facts
    notes = [
        f"{FORMS[c.form]}; {units.n:,} rows of the smaller group are the units ({units.effective_n:,.0f} effective)",
    ]
    of_all = _of_all(seen, split)
    if of_all is not None:
        notes.append(f"the gap is {target.amount(split.total.value)} in the sample, {target.amount(of_all)} over all rows")
    if c.form == "shapley":
        notes.append(
            f"{facts['permutations']} orders of the features a pair, {facts['shuffles']} pairings: their chance is in the "
            f"intervals; between pairings a part varies by up to {target.amount(float(units.spread[:-1].max()))}"
        )
    notes += _agreement(seen, split, level)
    if not split.gap_is_sure and split.size:
        k = split.names.index(features[0])
        part = abs(float(split.values[k])) / split.size
        notes.append(f"no shares of a gap that may be 0; {features[0]} is {percent(part)} of the parts' sizes, Σ|φ|")
    if c.by in seen.outside and seen.outside[c.by][1]:
        off, of = seen.outside[c.by]
        notes.append(
            f"{percent(off / of)} of {of:,} mixed points lie off the data: farther from every sampled row than 99% of "
            "the sampled rows are from their nearest"
        )
    if target.of == "loss":
        notes.append("log loss of scores kept 1e-7 away from 0 and 1")
    notes += [text for by, of, text in seen.notes if by in ("", c.by) and of in ("", c.of)]
    notes.append("a column that only correlates with the group and interacts with others may get a part")
    return tuple(notes)


def _agreement(seen: GapSums, split: Split, level: float) -> list[str]:
    """What the IG form says of the same gap, where both were computed."""
    other = seen.units.get(split.contrast._replace(form="integrated_gradients"))
    if other is None or split.contrast.form != "shapley":
        return []
    path = Split.of(split.contrast._replace(form="integrated_gradients"), other, level)
    if path.missed > MISSED:
        return [f"Integrated Gradients fail here: their sum misses the gap by {percent(path.missed)} of its parts"]
    at = dict(zip(path.names, path.values, strict=True))
    differences = [abs(at[name] - v) for name, v in zip(split.names, split.values, strict=True) if name in at]
    k = int(np.argmax(differences))
    scale = abs(split.total.value or 0.0) if split.gap_is_sure else split.size
    part = differences[k] / scale if scale else 0.0
    whole = "the gap" if split.gap_is_sure else "the parts' sizes"
    told = f"Integrated Gradients differ most on {split.names[k]}, by {percent(part)} of {whole}"
    return [f"warning: the two ways to split disagree: {told}" if part > DISAGREE else told]
