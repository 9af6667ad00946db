"""From sums of words to findings: what moves scores, and what makes the gap between groups. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from auditkit.catalogue.gaps import TARGETS
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import not_causes
from auditkit.evidence.census import CensusMeans
from auditkit.evidence.sums import Moments
from auditkit.explain.all_rows import Means
from auditkit.explain.estimates import Cell, estimated, mean_of, undefined
from auditkit.explain.gaps.splits import Split, together
from auditkit.explain.gaps.statements import MISSED, amount, gap_words, no_gap, p_of, statement
from auditkit.explain.gaps.sums import Contrast, Units
from auditkit.explain.words.parts import PARTS
from auditkit.explain.words.sums import WordSums, difference
from auditkit.formatting import interval_in, plain, points
from auditkit.records import TASK_KINDS, Contribution, Contributions, Estimate, Finding, Table, TrustCheck
from auditkit.stats.rates import critical_value

TOLD, SHOWN = 40, 12
"""Words in the table, and parts of a gap that are shown one by one."""
FORM = "words"
"""How the gap is split: see `Contrast`."""


class _Surest(NamedTuple):
    """The word whose contribution is surest, among all that are told."""

    word: str
    estimate: Estimate
    p: float
    unseen: float
    """The largest mean contribution, of any word whose mean can be told, that the intervals leave possible."""
    untold: int
    """Words of which a few large values carry the mean: nothing is said of them."""


def word_findings(seen: WordSums, *, level: float) -> tuple[Finding, ...]:
    """`explanation/word_effect/overall`, and `explanation/word_gap[<of>]/difference/<attribute>` of each attribute."""
    if seen.not_measured:
        return ()
    splits = [s for a in seen.facts["by"] if (s := _split(seen, a, level)) is not None]
    found = (_overall(seen, level), *(_gap(seen, s, level) for s in splits))
    label = seen.facts.get("label")
    return found if label is None else tuple(f.of_label(label) for f in found)


def quoted(word: str) -> str:
    """A word as sentences name it; what is no word stands in brackets already."""
    return word if word.startswith("(") else f"“{word}”"


def _overall(seen: WordSums, level: float) -> Finding:
    m, facts = METRICS["word_effect"], seen.facts
    first = _surest(_ordered(seen), max(facts["told"], len(seen.words)), level)
    return Finding(
        id="explanation/word_effect/overall",
        concern="explanation",
        title="Which words move scores",
        statement=_statement(seen, first),
        metric="word_effect",
        comparison="overall",
        caveat=f"{not_causes()}.",
        estimate=undefined("no word can be told", level=level) if first is None else first.estimate,
        p=None if first is None else first.p,
        exhibits=(_table(seen, level),) if seen.words else (),
        notes=(
            _told(seen),
            "contributions are counted from the text without words (the vectors of padding), and summed over the "
            "pieces of a word and its places in a text; case does not tell words apart",
            *facts["notes"],
            f"completeness (T1): {_trust(seen)[1].note}",
        ),
        references=(m.reference,),
        trust=_trust(seen),
    )


def _told(seen: WordSums) -> str:
    """Which words are told one by one."""
    facts = seen.facts
    if PARTS in facts:
        return (
            f"{len(seen.words):,} words stand in ten distinct texts or more of each of {facts[PARTS]} parts, and are "
            f"among those that move scores most there; of up to {facts['told']:,} that a part tells; the others are "
            "told together"
        )
    return (
        f"{facts['told']:,} of {facts['words']:,} words stand in ten distinct texts or more; the others are told "
        "together"
    )


def _ordered(seen: WordSums) -> dict[str, Moments]:
    """The words that are told, those that move scores most first: a report stores them by their letters."""
    return {w: seen.words[w] for w in seen.facts["order"] if w in seen.words}


def _trust(seen: WordSums) -> tuple[TrustCheck, ...]:
    return tuple(TrustCheck.model_validate(t) for t in seen.facts["trust"])


def _surest(words: Mapping[str, Moments], among: int, level: float) -> _Surest | None:
    """The word whose interval lies farthest from 0, each being one of so many (Bonferroni)."""
    z = critical_value(1 - (1 - level) / max(1, among))
    best: tuple[float, str, Cell] | None = None
    unseen, untold = 0.0, 0
    for word, moments in words.items():
        cell = mean_of(moments)
        if not cell.kept or cell.unstable:
            untold += 1
            continue
        low, high = cell.limits(z)
        away, unseen = max(low, -high), max(unseen, high, -low)
        if best is None or away > best[0]:
            best = away, word, cell
    if best is None:
        return None
    _, word, cell = best
    method = f"{cell.method}; one of {among:,} words (Bonferroni)"
    e = estimated(cell.value, cell.limits(z), n=cell.n, level=level, method=method)
    return _Surest(word, e, min(1.0, cell.p * among), unseen, untold)


def _statement(seen: WordSums, first: _Surest | None) -> str:
    facts = seen.facts
    if not seen.words and PARTS in facts:
        return f"No word is told by each of {facts[PARTS]} parts: none is told of all {facts['texts']:,} texts."
    if not seen.words:
        return f"No word stands in ten or more of {facts['texts']:,} texts: none is told."
    if first is None:
        return f"What words do to scores is not told: a few large values carry the mean of each: {not_causes()}."
    numeric = TASK_KINDS[facts["task"]].numeric
    of = f"Of {facts['told']:,} words that stand in ten texts or more"
    if PARTS in facts:
        of = f"Of {len(seen.words):,} words that each of {facts[PARTS]} parts tells"
    e, write = first.estimate, plain if numeric else points
    unit = "" if numeric else " points"
    if not e.excludes_zero:
        left = f"; of {first.untold:,} nothing is told, a few large values carry their mean" if first.untold else ""
        return (
            f"{of}, none moves the score one way beyond doubt (a mean contribution below {write(first.unseen)}{unit} "
            f"could have gone unseen{left}): {not_causes()}."
        )
    way = "raises" if (e.value or 0.0) > 0 else "lowers"
    size = Estimate(**{**e.model_dump(), **_sizes(e)})
    return (
        f"{of}, {quoted(first.word)} most surely {way} the score where it stands, by {write(size.value)}{unit} on "
        f"average ({interval_in(size, write)}{unit}): {not_causes()}."
    )


def _sizes(e: Estimate) -> dict[str, float | None]:
    """The ends of an estimate without its sign."""
    ends = sorted(abs(x) for x in (e.low, e.high) if x is not None)
    return {"value": None if e.value is None else abs(e.value), "low": ends[0], "high": ends[-1]}


def _table(seen: WordSums, level: float) -> Table:
    unit = "" if TASK_KINDS[seen.facts["task"]].numeric else "points"
    first = [*_ordered(seen).items()][:TOLD]
    cells = [(w, mean_of(m).estimate(level)) for w, m in first]
    told = len(seen.words) if PARTS in seen.facts else seen.facts["told"]
    shown = f" ({len(first)} of {told:,} words)" if len(first) < told else ""
    return Table(
        title=f"Words that move scores most{shown}",
        columns=("Word", "Texts with it", "Mean contribution where it stands", "From", "To"),
        rows=tuple((w, e.n, e.value, e.low, e.high) for w, e in cells),
        units=("", "", unit, unit, unit),
    )


def _split(seen: WordSums, attribute: str, level: float) -> Split | None:
    """The gap of the pair that differs most surely, over all rows where these are known; None of fewer than two."""
    units, numeric = seen.units.get(attribute, {}), TASK_KINDS[seen.facts["task"]].numeric
    if len(units) < 2:
        return None
    target = TARGETS["mean_prediction" if numeric else "mean_score"]
    means = _all_rows(seen, attribute, level)
    pair = None if means is None else means.surest(units.keys())
    whole = None if means is None or pair is None else means.pair(*pair)
    high, low = pair or _apart(units, level)
    contrast = Contrast(attribute, target.name, FORM, high, low)
    return Split.of(contrast, difference(units[high], units[low]), level, whole, len(units), len(seen.facts["by"]))


def _all_rows(seen: WordSums, attribute: str, level: float) -> Means | None:
    if seen.census is None or seen.facts.get("label") is not None:
        return None
    numeric = TASK_KINDS[seen.facts["task"]].numeric
    target = TARGETS["mean_prediction" if numeric else "mean_score"]
    return Means.of_census(CensusMeans(seen.census), [attribute], target, numeric=numeric, level=level)


def _apart(units: Mapping[str, Units], level: float) -> tuple[str, str]:
    """The two groups of the sample whose mean scores differ most surely, the higher first."""
    z, best = critical_value(level), (-np.inf, ("", ""))
    for high in units:
        for low in units:
            if high != low:
                d = difference(units[high], units[low])
                sure = float(d.mean[-1]) - z * max(float(d.covariance[-1, -1]), 0.0) ** 0.5
                best = max(best, (sure, (high, low)))
    return best[1]


def _gap(seen: WordSums, split: Split, level: float) -> Finding:
    c, m = split.contrast, METRICS["word_gap"]
    means = _all_rows(seen, c.by, level)
    told = split._replace(names=tuple(map(quoted, split.names)))
    largest = None if means is None else means.largest()
    first = split.names[int(np.argmax(np.abs(split.values)))]
    parts = split.units.mean[:-1].sum()
    sums = f"in the sample the parts add up to {parts:.6g}, and the gap there is {split.units.mean[-1]:.6g}"
    adds_up = TrustCheck(
        id="T1", name="completeness", value=split.missed, limit=MISSED, passed=split.missed <= MISSED, note=sums
    )
    return Finding(
        id=f"explanation/word_gap[{c.of}]/difference/{c.by}",
        concern="explanation",
        title=f"Words by which {split.high_words} and {split.low_words} differ in {split.target.words}",
        statement=statement(told, no_gap(told, (c.by,), largest)),
        metric="word_gap",
        comparison="difference",
        of=c.of,
        by=(c.by,),
        caveat=f"{not_causes()}.",
        estimate=split.share((first,), level),
        p=None if split.missed > MISSED else p_of(split),
        exhibits=(_contributions(told, None if means is None else split.total.value),),
        notes=(
            f"the mean contribution of each word over the texts of {split.high_words} less that over those of "
            f"{split.low_words}: how often a word stands in a text, and what it does there, both count",
            f"the {len([n for n in split.names if not n.startswith('(')])} words that move scores most are parts of "
            "their own; in how many texts of a group a word stands is not told",
            f"the gap of the {split.units.n:,} sampled rows is {amount(split.target, split.sampled.value)}: parts are "
            "moved by their regression on it to the gap of all rows",
            *seen.facts["notes"],
        ),
        references=(m.reference,),
        trust=(adds_up,),
    )


def _contributions(split: Split, of_all: float | None) -> Contributions:
    order = [int(k) for k in np.argsort(-np.abs(split.values), kind="stable")]
    shown = [k for k in order if split.values[k]][:SHOWN]
    others = [k for k in order if k not in shown]
    total = split.total.value if split.gap_is_sure else None

    def row(name: str, e: Estimate) -> Contribution:
        return Contribution(label=name, estimate=e, share=e.value / total if total and e.value is not None else None)

    rows = [row(split.names[k], split.parts[k]) for k in shown]
    if others:
        rows.append(row(f"the other {len(others)}", together(split, others)))
    return Contributions(
        title=f"Words that make the gap {gap_words(split)}",
        unit=split.target.unit,
        rows=tuple(rows),
        total=split.total,
        of_all=of_all,
        between=(split.high_words, split.low_words),
    )
