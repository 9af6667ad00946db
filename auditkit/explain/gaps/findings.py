"""From sums over units to findings about gaps: one a gap, with what it is made of. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import not_causes
from auditkit.catalogue.trust import THRESHOLDS
from auditkit.errors import PolicyError, choices
from auditkit.explain.estimates import undefined
from auditkit.explain.gaps.alongside import READ, alongside, note, sentence, table
from auditkit.explain.gaps.legitimate import legitimate, p_of_rest, unread
from auditkit.explain.gaps.splits import SHARE, Split, headlines, means_of, named_parts, of_all, read, together
from auditkit.explain.gaps.statements import (
    DISAGREE,
    MISSED,
    furthest,
    gap_words,
    no_gap,
    notes,
    p_of,
    second_opinion,
    share_statement,
    statement,
)
from auditkit.explain.gaps.sums import REST, GapSums
from auditkit.question import Question
from auditkit.records import Contribution, Contributions, Estimate, Finding, Table, TrustCheck
from auditkit.stats.fieller import fieller_p

SHOWN = 12
"""Parts shown one by one; a last one gathers the others."""


def gap_findings(seen: GapSums, *, level: float) -> tuple[Finding, ...]:
    """A finding a gap: `explanation/gap_share[<of>]/difference/<by>`; its estimate is the share of the largest part.

    Of a class that was chosen as the surest of several each interval and p is one of as many (Bonferroni).
    """
    classes = int(seen.facts.get("of_classes", 1))
    level = 1 - (1 - level) / classes
    found = [_finding(seen, split, (), level) for split in headlines(seen, level)]
    return tuple(f.model_copy(update={"p": None if f.p is None else min(1.0, f.p * classes)}) for f in found)


def reassess(seen: GapSums, asked: Question) -> Finding | None:
    """The finding about some features' share of a gap; PolicyError for a feature that the model does not read.

    The share is undefined where the smaller group has fewer than `min_n` rows in the sample, and where only some of the
    columns are asked about that are told as one.
    """
    split = _headline(seen, asked)
    if split is None:
        return None
    parts, torn = named_parts(seen.facts, split.names, asked.features)
    for name in parts:
        if name not in split.names:
            raise PolicyError(f"gap_share: no feature '{name}' in the model; it reads {choices(name, split.names)}")
    few = f"the smaller group has {split.units.n} sampled rows, fewer than {asked.min_n}"
    note = torn or (few if split.units.n < asked.min_n else "")
    return _finding(seen, split, asked.features, asked.level, parts, note)


def p_value(seen: GapSums, asked: Question, limit: float, *, above: bool) -> float | None:
    """p of H0: the share of the features is at most (`above`), or at least, the limit; None without such a gap."""
    split = _headline(seen, asked)
    if split is None:
        return None
    parts, torn = named_parts(seen.facts, split.names, asked.features)
    return None if torn else fieller_p(split.ratio(parts), limit, above=above)


def _headline(seen: GapSums, asked: Question) -> Split | None:
    gap = (asked.of, frozenset(asked.by))
    found = headlines(seen, asked.level)
    return next((s for s in found if (s.contrast.of, frozenset(seen.attributes(s.contrast.by))) == gap), None)


def _finding(
    seen: GapSums, split: Split, features: tuple[str, ...], level: float, parts: tuple[str, ...] = (), absent: str = ""
) -> Finding:
    """About the features that were asked about, which are these `parts`; `absent` says why they have no share."""
    c, target = split.contrast, split.target
    parts = parts or (split.names[int(np.argmax(np.abs(split.values)))],)
    share = undefined(absent, n=split.units.n, level=level, method=SHARE) if absent else split.share(parts, level)
    label = seen.facts.get("label")
    by, all_rows = seen.attributes(c.by), means_of(seen, c, level)
    largest = None if all_rows is None else all_rows.largest()
    asked = f"[{'+'.join(features)}]" if features else ""
    beside = None if features else alongside(seen, split, level)
    found = Finding(
        id=f"explanation/gap_share[{c.of}]{asked}/difference/{c.by}",
        concern="explanation",
        title=f"Why {split.high_words} and {split.low_words} differ in {target.words}",
        statement=share_statement(split, features, share)
        if features
        else (
            statement(split, no_gap(split, by, largest), READ if beside else "")
            + legitimate(seen, split)
            + sentence(beside)
        ),
        metric="gap_share",
        comparison="difference",
        of=c.of,
        features=features,
        by=by,
        caveat=f"{not_causes()}.",
        estimate=share,
        p=None if features or split.missed > MISSED else _p(seen, split),
        exhibits=() if features else (*_exhibits(seen, split, level), *table(beside)),
        notes=(*notes(seen, split, parts, level), *note(beside), *unread(seen)),
        references=(METRICS["gap_share"].reference,),
        trust=(_sums(split), *_agreement(seen, split, level)),
    )
    return found if label is None else found.of_label(label)


def _p(seen: GapSums, split: Split) -> float | None:
    """p of H0: something of what the statement says is not there."""
    own = p_of(split)
    return None if own is None else max(own, p_of_rest(seen, split))


def _exhibits(seen: GapSums, split: Split, level: float) -> tuple[Contributions | Table, ...]:
    rest = [read(seen, c, level) for c in seen.units
            if (c.by, c.of, c.low) == (split.contrast.by, split.contrast.of, REST)]  # fmt: skip
    tables = [_two_ways(split, other)] if (other := second_opinion(seen, split, level)) else []
    return (contributions(seen, split), *tables, *([_table(rest)] if rest else []))


def _two_ways(split: Split, path: Split) -> Table:
    """The parts by Shapley values and by Integrated Gradients, side by side."""
    at = dict(zip(path.names, path.values, strict=True))
    order = np.argsort(-np.abs(split.values), kind="stable")
    rows = [(split.names[k], float(split.values[k]), at.get(split.names[k])) for k in order[:SHOWN]]
    return Table(
        title=f"Two ways to split the gap {gap_words(split)}",
        columns=("Column", "Shapley values", "Integrated Gradients"),
        rows=tuple((name, v, None if w is None else float(w)) for name, v, w in rows),
        units=("", split.target.unit, split.target.unit),
    )


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
        e = together(split, others)
        rows.append(_row(split, f"the other {len(others)}", e, None))
    return Contributions(
        title=f"What makes the gap {gap_words(split)}",
        unit=split.target.unit,
        rows=tuple(rows),
        total=split.total,
        of_all=of_all(seen, split),
        beside=f"tells {split.high_words} from {split.low_words} (AUC)" if auc else "",
        between=(split.high_words, split.low_words),
    )


def _row(split: Split, name: str, e: Estimate, beside: float | None) -> Contribution:
    total = split.total.value
    share = e.value / total if split.gap_is_sure and total and e.value is not None else None
    return Contribution(label=name, estimate=e, share=share, beside=beside)


def _table(rest: Sequence[Split]) -> Table:
    """Each group against everybody else."""
    target, rows = rest[0].target, []
    for split in sorted(rest, key=lambda s: -abs(s.total.value or 0.0)):
        first, second = [*np.argsort(-np.abs(split.values), kind="stable"), None, None][:2]
        rows.append((
            split.contrast.high, split.total.value, split.total.low, split.total.high,
            *(x for k in (first, second) for x in (
                ("–", None) if k is None else (split.names[k], float(split.values[k])))),
        ))  # fmt: skip
    return Table(
        title=f"Each group against everybody else, {target.words}",
        columns=("Group", "Gap", "From", "To", "Largest part", "Its size", "Second part", "Size of the second"),
        rows=tuple(rows),
        units=("", *[target.unit] * 3, "", target.unit, "", target.unit),
    )


def _agreement(seen: GapSums, split: Split, level: float) -> tuple[TrustCheck, ...]:
    """T8 of a gap: how far the two ways to split it lie apart; a failure is a caution, for both are sound."""
    found = furthest(seen, split, level)
    if found is None:
        return ()
    feature, part = found
    note = f"Integrated Gradients and Shapley values differ most on {feature}, the value is that part of the gap"
    t, agree = THRESHOLDS["T8"], part <= DISAGREE
    meaning = "" if agree else t.failure
    said = {"note": f"{note}; {meaning}" if meaning else note, "meaning": meaning}
    return (TrustCheck(id=t.id, name=t.name, value=part, limit=DISAGREE, passed=agree, blocking=False, **said),)


def _sums(split: Split) -> TrustCheck:
    parts = split.units.mean[:-1].sum()
    note = f"in the sample the parts add up to {parts:.6g}, and the gap there is {split.units.mean[-1]:.6g}"
    return TrustCheck(
        id="T1", name="completeness", value=split.missed, limit=MISSED, passed=split.missed <= MISSED, note=note
    )
