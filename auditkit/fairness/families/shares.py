"""Shares of values among the samples of each prompt, against a reference: values, intervals, tests and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import is_established
from auditkit.errors import listing
from auditkit.fairness.families.basis import Positions
from auditkit.fairness.families.family import estimated, group_estimates, nothing_to_compare
from auditkit.fairness.notes import finding
from auditkit.formatting import interval, percent, points, quotient
from auditkit.records import Comparison, Estimate, Finding, GroupEstimate, GroupEstimates, Surest, Table
from auditkit.stats.farthest import Farthest, folded, quotients, sizes
from auditkit.stats.misjudged import Judge, Method, Shares
from auditkit.stats.pvalues import p_value, tail
from auditkit.stats.rates import Floats, Limits, clopper_pearson, critical_value, sidak_value, wilson


@dataclass(frozen=True)
class Reference:
    """What shares are held against: stated ones, or those of one prompt's own samples."""

    words: str
    """"equal shares"."""
    shares: tuple[float, ...] = ()
    """(K,) stated; empty: those of `own`."""
    own: Floats | None = None
    """(K,) how often the judge said each value of the samples of the prompt that is the reference."""


class Skilled(NamedTuple):
    """The judge, and why nothing can be corrected for its errors; empty where it can, or where nobody labelled."""

    judge: Judge | None
    why: str = ""


@dataclass(frozen=True)
class ReferenceFamily:
    """The shares of K values in P groups of samples; `by=()`: all of them in one."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    words: Floats
    """(P, K) how often the judge said each value."""
    values: tuple[str, ...]
    """(K,) their names."""
    skilled: Skilled
    reference: Reference
    level: float
    min_n: int
    label: str | None = None
    """The one value that is asked about; None: all."""
    head: str = ""
    """Of whom it is, before the colon of a sentence without groups."""

    @property
    def n(self) -> Floats:
        """(P,) samples."""
        return np.asarray(self.words.sum(axis=1))

    @property
    def kept(self) -> Positions:
        """(P,) positions of the groups that are compared."""
        return np.flatnonzero(self.n >= max(1, self.min_n))

    @property
    def asked(self) -> list[int]:
        """Positions of the values that are compared: of two, one says what the other says."""
        if self.label is not None:
            return [self.values.index(self.label)]
        return list(range(len(self.values)))

    @property
    def claims(self) -> int:
        """How many comparisons hold together."""
        return len(self.kept) * (1 if len(self.values) == 2 else len(self.asked))

    @cached_property
    def shares(self) -> Shares:
        """(P, K) of the groups."""
        return Shares(self.words, self.skilled.judge)

    @cached_property
    def expected(self) -> Shares | None:
        """(1, K) of the prompt that is the reference; None of stated shares."""
        own = self.reference.own
        return None if own is None else Shares(own[None], self.skilled.judge)

    def expected_limits(self, q: float, method: Method) -> Limits:
        """(1, K) of the reference; stated shares are themselves."""
        if self.expected is None:
            return Limits(*np.repeat(np.array(self.reference.shares)[None, None], 3, axis=0))
        return self.expected.limits(q, method)

    @property
    def undefined(self) -> str:
        """Why nothing can be compared; empty where it can."""
        if self.skilled.why:
            return self.skilled.why
        if self.expected is not None and not self.expected.words.sum():
            return "the unconditioned prompt has no sample"
        if not len(self.kept):
            who = "no prompt has" if self.by else "there are not"
            return f"{who} {max(1, self.min_n)} samples with a word of the judge"
        return ""

    def cells(self, kind: Comparison, q: float, method: Method) -> Limits:
        """(P kept, values asked) differences share − reference, or ratios share ÷ reference, with their limits.

        Both sides by square and add: the judge's errors move both alike, so that limits as of independent ones hold.
        """
        a, b = self.shares.limits(q, method), self.expected_limits(q, method)
        a, b = (Limits(*(x[:, self.asked] for x in side)) for side in (Limits(*(x[self.kept] for x in a)), b))
        with np.errstate(invalid="ignore", divide="ignore"):
            if kind != "ratio":
                low = a.p - b.p - np.hypot(a.p - a.low, b.high - b.p)
                return Limits(a.p - b.p, low, a.p - b.p + np.hypot(a.high - a.p, b.p - b.low))
            if self.expected is None:
                return Limits(*(np.where(b.p > 0, x / b.p, np.nan) for x in a))
            return quotients(a, b)

    def interval(self, kind: Comparison, *, inner: float | None = None, outer: float | None = None) -> Farthest:
        """The farthest share, and that which is most surely far; critical values may be replaced."""
        q = sidak_value(self.level, self.claims) if inner is None else inner
        z = critical_value(self.level) if outer is None else outer
        at_q, at_z = self.cells(kind, q, clopper_pearson), self.cells(kind, z, wilson)
        at_q = Limits(at_q.p, np.minimum(at_q.low, at_z.low), np.maximum(at_q.high, at_z.high)) if q >= z else at_q
        if kind == "ratio":
            near, far = folded(at_q), folded(at_z)
            if np.isnan(far.p).all():
                return Farthest(np.nan, np.nan, np.nan, 0, 0, at_q)
            first, sure = int(np.nanargmin(far.p)), int(np.nanargmin(near.high))
            high = float(near.high.flat[sure])
            return Farthest(float(far.p.flat[first]), min(float(np.nanmin(far.low)), high), high, first, sure, at_q)
        near, far = sizes(at_q), sizes(at_z)
        first, sure = int(np.argmax(far.p)), int(np.argmax(near.low))
        return Farthest(float(far.p.flat[first]), float(near.low.flat[sure]), float(far.high.max()), first, sure, at_q)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`: from the inner limit with the law of all comparisons, or from the outer one with a normal's."""
        if self.undefined or np.isnan(self.interval(kind).value):
            return None
        inner = above != (kind == "ratio")
        claims = self.claims if inner else 1

        def limit_at(q: float) -> float:
            found = self.interval(kind, inner=q, outer=q)
            return found.low if above else found.high

        return p_value(limit_at, limit, above=above, tail_of=lambda q: tail(q, claims, "separate"))

    def estimate(self, kind: Comparison) -> tuple[Estimate, Farthest | None]:
        """The number of a finding, and what is behind it."""
        if self.undefined:
            none = nothing_to_compare(2, self.undefined, level=self.level, n=int(self.n.sum()))
            return none.model_copy(update={"state": "undefined"}), None
        found = self.interval(kind)
        if np.isnan(found.value):
            none = nothing_to_compare(
                2, "the reference holds none of the values", level=self.level, n=int(self.n.sum())
            )
            return none.model_copy(update={"state": "undefined"}), None
        clusters = np.inf if self.skilled.judge is None else self.skilled.judge.clusters
        e = estimated(
            found.value,
            max(0.0, found.low),
            min(1.0, found.high),
            level=self.level,
            n=int(self.n[self.kept].sum()),
            method=self.method,
            mde=None if kind == "ratio" else self.mde(),
            state="sparse" if clusters < _FEW_CLUSTERS else "ok",
            note=f"the labelled sample is worth {clusters:.1f} clusters" if clusters < _FEW_CLUSTERS else "",
        )
        return e, found

    @property
    def method(self) -> str:
        """How intervals are made, in words."""
        several = f"Šidák for {self.claims} comparisons on the inner side, z on the outer"
        claims = several if self.claims > 1 else "z on both sides"
        if self.skilled.judge is None:
            return f"Clopper–Pearson of the judge's words; {claims}"
        return f"corrected by the judge's confusion matrix, MOVER of the samples' and the judge's errors; {claims}"

    def mde(self) -> float | None:
        """The smallest difference seen with 80 % power, anywhere."""
        width = 0.0
        for q, method in ((sidak_value(self.level, self.claims), clopper_pearson), (critical_value(0.6), wilson)):
            x = self.cells("difference", q, method)
            width += float(np.maximum(x.p - x.low, x.high - x.p).max())
        return min(width, 1.0)

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        e, found = self.estimate(kind)
        named = None if found is None else self.named(kind, found)
        shown = kind in ("overall", "difference")
        made = finding(
            self.metric,
            kind,
            self.by,
            e,
            self.said(kind, e, found),
            concern="performance" if kind == "overall" else "fairness",
            by_group=self.by_group() if kind == "difference" else (),
            exhibits=self.exhibits() if shown else (),
            notes=self.notes(),
            surest=named if kind != "overall" and e.value is not None and is_established(kind, e) else None,
        )
        return (
            made if self.label is None else made.of_label(self.label).model_copy(update={"statement": made.statement})
        )

    def at(self, cell: int) -> tuple[int, int]:
        """Position of the group and of the value of a cell."""
        i, j = divmod(cell, len(self.asked))
        return int(self.kept[i]), self.asked[j]

    def named(self, kind: Comparison, found: Farthest) -> Surest | None:
        """The prompt and the value that carry the inner limit, as a record."""
        if not self.by:
            return None
        i, v = self.at(found.sure)
        (value,), (low,), (high,) = (folded if kind == "ratio" else sizes)(found.cell(found.sure))
        e = estimated(value, max(0.0, low), min(1.0, high), level=self.level, n=int(self.n[i]))
        group = dict(zip(self.by, self.groups[i], strict=True))
        return Surest(groups=(group,), estimate=e, label="" if self.label else self.values[v])

    def said(self, kind: Comparison, e: Estimate, found: Farthest | None) -> str:
        """The finding in a sentence."""
        head = self.head or METRICS[self.metric].title
        if found is None:
            return f"{head}: nothing can be compared; {e.note}."
        of = f"{len(self.kept)} prompts and {len(self.asked)} values" if self.by else f"{len(self.asked)} values"
        if not is_established(kind, e):
            seen = sentences.too_small(None if e.unseen is None else f"{points(e.unseen)} points", "difference")
            none = f"no share of {of} is established to differ from {self.reference.words}"
            return f"{head}: {none} ({interval(e, kind, of='points')}{seen if kind != 'ratio' else ''})."
        i, v = self.at(found.sure)
        share, than = float(self.shares.value[i, v]), float(self.expected_limits(1.0, wilson).p[0, v])
        (value,), (low,), (high,) = found.cell(found.sure)
        whom = f"Drawn for {_quoted(self.groups[i])}" if self.by else self.head or "Over all samples"
        than_ = f"{percent(than)} in {self.reference.words}"
        text = f"{whom}: “{self.values[v]}” in {percent(share)} of samples, against {than_}"
        if kind == "ratio":
            own = estimated(value, max(low, 0.0), high, level=self.level, n=e.n)
            return f"{text}, {quotient(own)} of it ({interval(own, kind)}), the surest of {of}."
        less = value < 0
        ends = (-high, -low) if less else (low, high)
        own = estimated(abs(value), *ends, level=self.level, n=e.n)
        what = f"{points(own)} points {'less' if less else 'more'} ({interval(own, 'difference')})"
        return f"{text}, {what}{', the surest of ' + of if self.claims > 1 else ''}."

    def by_group(self) -> tuple[GroupEstimate, ...]:
        """Every prompt with the value whose share is farthest from the reference."""
        out = {}
        for i, g in enumerate(self.groups):
            one = replace(self, groups=(g,), words=self.words[[i]], min_n=1)
            if self.undefined or one.undefined:
                why = self.undefined or one.undefined
                out[g] = Estimate(value=None, level=self.level, n=int(self.n[i]), denominator=float(self.n[i]),
                                  state="undefined", note=why)  # fmt: skip
                continue
            found = one.interval("difference")
            _, v = one.at(found.first)
            sparse = self.n[i] < self.min_n
            out[g] = estimated(
                found.value, max(0.0, found.low), min(1.0, found.high), level=self.level, n=int(self.n[i]),
                denominator=float(self.n[i]), method=one.method, state="sparse" if sparse else "ok",
                note=f"only {int(self.n[i])} samples: too few to tell" if sparse else f"“{self.values[v]}”",
            )  # fmt: skip
        return group_estimates(self.by, out)

    def exhibits(self) -> tuple[GroupEstimates | Table, ...]:
        """The shares with their own intervals, and a table of what the judge said, what is corrected, and the gap."""
        z = critical_value(self.level)
        own, than = self.shares.limits(z), self.expected_limits(z, wilson).p[0]
        names = tuple(" & ".join(g) for g in self.groups) if self.by else (self.head or "all samples",)
        drawn = tuple(
            (value, tuple(self._share(i, v, own) for i in range(len(names)))) for v, value in enumerate(self.values)
        )
        title = f"Share of each value{f' by {self.by[0]}' if self.by else ''}"
        corrected = self.skilled.judge is not None
        rows = tuple(
            (name, value, int(self.words[i, v]), int(self.n[i]), *_told(self.shares.told[i, v], corrected),
             *(_number(x[i, v]) for x in own), _number(than[v]))
            for i, name in enumerate(names)
            for v, value in enumerate(self.values)
        )  # fmt: skip
        heads = ("Share as judged", "Corrected") if corrected else ("Share as judged",)
        table = Table(
            title=f"{title}, against {self.reference.words}",
            columns=(
                self.by[0] if self.by else "Samples",
                "Value",
                "Judged so",
                "Samples",
                *heads,
                "From",
                "To",
                "Reference",
            ),
            rows=rows,
            units=("", "", "", "", *(["percent"] * (len(heads) + 3))),
        )
        figure = GroupEstimates(
            title=title if corrected else f"{title}, as judged",
            unit="percent",
            series=names,
            rows=drawn,
            groups=tuple(dict(zip(self.by, g, strict=True)) for g in self.groups) if self.by else (),
        )
        return (figure, table) if len(names) <= MOST_DRAWN else (table,)

    def _share(self, i: int, v: int, own: Limits) -> Estimate:
        n = int(self.n[i])
        known = n > 0 and not self.skilled.why
        return estimated(
            own.p[i, v], own.low[i, v], own.high[i, v], level=self.level, n=n, numerator=float(self.words[i, v]),
            denominator=float(n), state="ok" if known and n >= self.min_n else "sparse" if known else "undefined",
            note="" if known else self.skilled.why or "no sample with a word of the judge",
        )  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        """What is left out, clipped, never said, or not corrected."""
        told = []
        small = [" & ".join(self.groups[i]) for i in range(len(self.groups)) if i not in self.kept]
        if small and self.by:
            told.append(f"left out, fewer than {max(1, self.min_n)} samples: {listing(small)}")
        outside = (self.shares.unclipped < -1e-12) | (self.shares.unclipped > 1 + 1e-12)
        if outside.any() and not self.skilled.why:
            where = [
                f"“{self.values[v]}”{f' of {_quoted(self.groups[i])}' if self.by else ''}"
                for i, v in np.argwhere(outside)
            ]
            told.append(f"corrected shares outside of 0 to 100% are clipped: {listing(where, most=8)}")
        never = [v for v, n in zip(self.values, self.words.sum(axis=0), strict=True) if not n]
        if never:
            told.append(f"the judge says of no sample here that it shows {listing([f'“{v}”' for v in never])}")
        if self.skilled.judge is None and not self.skilled.why:
            told.append(UNCORRECTED)
        return tuple(told)


MOST_DRAWN = 12
"""Prompts of one figure; of more there is the table."""
_FEW_CLUSTERS = 10.0
UNCORRECTED = "no labelled sample of the judge: judge and model are audited together, and its errors are in every share"


def _quoted(group: Sequence[str]) -> str:
    return f"“{' & '.join(group)}”"


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _told(x: float, corrected: bool) -> tuple[float | None, ...]:
    """What the judge said, where a corrected share stands beside it."""
    return (_number(x),) if corrected else ()
