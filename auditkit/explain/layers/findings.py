"""From sums to findings: what each layer knows of an attribute, what the net uses, and a sentence. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from auditkit.arrays import Floats
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import not_causes
from auditkit.check import Assessment
from auditkit.errors import listing
from auditkit.evidence.sums import Moments
from auditkit.explain.all_rows import PairGap, of_scores
from auditkit.explain.estimates import estimated, undefined
from auditkit.explain.layers.statements import About, statement
from auditkit.explain.layers.sums import CUT, FLAT, LayerSums, neurons
from auditkit.explain.layers.use import LayerReading, Moved, told_of, use_of
from auditkit.explain.trust.records import preflight_check
from auditkit.formatting import percent
from auditkit.records import TASK_KINDS, Estimate, Finding, Layer, Layers, NotMeasured, Table, TrustCheck, Unit, Use
from auditkit.stats.means import t_limits, t_p
from auditkit.stats.pvalues import tail
from auditkit.stats.rates import critical_value, wilson

Seen = dict[str, list[float]]

PROBE = "mean of two Wilson intervals (Kish's effective rows), combined as by Newcombe"
PAIRED = "difference of weighted means, t with Kish's effective rows; the eraser counts as given"


def layer_assessment(seen: LayerSums, *, level: float) -> Assessment:
    """A finding an attribute; and what could not be measured, of attributes and of the net.

    Of a class that was chosen as the worst of several each interval and p is one of as many (Bonferroni).
    """
    findings: list[Finding] = []
    absent = []
    label, classes = seen.facts.get("label"), seen.facts.get("of_classes", 1)
    level = 1 - (1 - level) / classes
    reasons = [(f["name"], f["reason"]) for f in seen.facts["layers"] if f["reason"]]
    if all(f["reason"] or f["name"] == "input" for f in seen.facts["layers"]):
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons) or "the net has no layers"
        return Assessment(not_measured=(NotMeasured(what="layer_audit", why=why),))
    for attribute, fact in seen.facts["attributes"].items():
        if "why" in fact:
            absent.append(NotMeasured(what=f"layer_audit by {attribute}", why=fact["why"]))
        else:
            found = _finding(seen, attribute, fact, level)
            p = None if found.p is None else min(1.0, found.p * classes)
            found = found.model_copy(update={"p": p})
            findings.append(found if label is None else found.of_label(label))
    absent += [NotMeasured(what=f"layer_audit: layer {name}", why=why) for name, why in reasons]
    return Assessment(tuple(findings), tuple(absent))


def _finding(seen: LayerSums, attribute: str, fact: dict[str, Any], level: float) -> Finding:
    sums = seen.sums[attribute]
    n, total = sums[""]["gap"]
    gap = total / n
    readings = [_reading(f, sums.get(f["name"], {}), gap, level) for f in seen.facts["layers"]]
    told = told_of(readings)
    known, truth = sums[""]["truth"]
    guess = max(truth / known, 1 - truth / known) if known else None
    unit: Unit = "points" if TASK_KINDS[seen.facts["task"]].yes_no else ""
    knows = told.record.knows or undefined("no layer could be probed", level=level)
    all_rows = of_scores(seen.census, attribute, numeric=not unit, level=level)
    largest = None if all_rows is None else all_rows.largest()
    gap_of = None if all_rows is None else all_rows.pair(fact["high"], fact["low"])
    pairs = 1 + len(fact["others"])
    use = use_of(readings, told, largest if all_rows is not None else told.record.before)
    held = tuple(seen.facts.get("held", ()))
    said = About(fact["low"], fact["high"], attribute, held, unit, guess)
    return Finding(
        id=f"explanation/layer_audit/overall/{attribute}",
        concern="explanation",
        title=f"What each layer knows of {attribute}, and what erasing it does",
        statement=statement(readings, told, said, use, all_rows=largest),
        metric="layer_audit",
        comparison="overall",
        by=(attribute,),
        caveat=f"{not_causes()}.",
        estimate=knows,
        p=_p(told, sums.get(told.record.name, {}), gap_of, use, pairs * (pairs + 1) // 2),
        exhibits=(
            Layers(
                title=f"What each layer knows of {attribute}, and what erasing it does",
                unit=unit,
                attribute=attribute,
                layers=tuple(r.record for r in readings),
                guess=guess,
                use=use,
                held=held,
            ),
            *_ablations(readings, unit),
        ),
        notes=_notes(seen, sums, fact, readings),
        references=(METRICS["layer_audit"].reference,),
        trust=(preflight_check(), *_sums_check(readings, sums, gap)),
    )


def _p(told: LayerReading, seen: Seen, all_rows: PairGap | None, use: Use, pairs: int) -> float | None:
    """p of H0: something that the statement says is not there: that the layer knows the group, that there is a gap,
    that erasing closes a part of it. Of several groups in a sample alone, the gap is one of so many `pairs`."""
    p, knows, closed = [], told.record.knows, told.record.closed
    if knows is not None and knows.value is not None and knows.low is not None and knows.low > 0.5:
        z = (knows.value - 0.5) / max(knows.value - knows.low, 1e-9) * critical_value(knows.level)
        p.append(tail(z, 1, "separate"))
    if use == "beyond_declared":
        value, error, df = _errors(seen, "given_")
        p.append(float(t_p(value[2], np.hypot(error[2], error[3]), effective_n=df)))
    gap = told.record.before if all_rows is None else all_rows.estimate
    if gap is not None and gap.excludes_zero and "low_scores" in seen:
        value, error, df = _errors(seen)
        alone = min(1.0, pairs * float(t_p(value[0], error[0], effective_n=df)))
        p.append(alone if all_rows is None else all_rows.p or 0.0)
        p += [float(t_p(value[2], error[2], effective_n=df))] if closed is not None and closed.excludes_zero else []
    elif all_rows is not None and all_rows.p is not None and not p:
        p.append(all_rows.p)
    return max(p, default=None)


def _errors(seen: Seen, what: str = "") -> tuple[Floats, Floats, float]:
    """Gap before, after and what went, each with its error; and effective rows."""
    low, high = _moments(seen[f"{what}low_scores"]), _moments(seen[f"{what}high_scores"])
    error = np.hypot(high.standard_error, low.standard_error)
    return high.mean - low.mean, error, min(low.effective_n, high.effective_n)


def _reading(fact: dict[str, Any], seen: Seen, gap: float, level: float) -> LayerReading:
    before, after, closed = _gaps(seen, level)
    accuracy = _accuracy(seen, level)
    knows = _knows(seen, level)
    moved = _moved(seen, "moved", level)
    control = _mean(seen.get("control"))
    parts = [(j, total / seen["flow"][0]) for j, total in neurons(seen).items()]
    largest = sorted(parts, key=lambda pair: (-abs(pair[1]), pair[0]))[:64]
    record = Layer(
        name=fact["name"],
        type=fact["type"],
        units=fact["units"],
        knows=knows,
        untrained=_mean(seen.get("untrained")),
        selectivity=None if knows is None or knows.value is None or control is None else knows.value - control,
        auc=seen["auc"][0] / seen["auc"][1] if seen.get("auc") else None,
        before=before,
        after=after,
        closed=closed,
        random=_mean(seen.get("random")),
        accuracy_before=None if accuracy is None else accuracy[0],
        accuracy_after=None if accuracy is None else accuracy[1],
        cut=fact.get("cut", _adds_up(seen, gap)),
        curved=_knows(seen, level, "curved_low", "curved_high"),
        given=_given(seen, level),
        moved=None if moved is None else moved.size.value,
        neurons=tuple(float(f"{v:.4g}") for _, v in largest),
        named=tuple(j for j, _ in largest),
        note=_layer_note(fact, seen),
    )
    ablated = None
    if "ablated" in seen:
        n, k, total = seen["ablated"]
        ablated = (round(k / n), total / n, _mean(seen.get("ablated_random")))
    cost = None if accuracy is None else accuracy[2]
    given_moved = _moved(seen, "given_moved", level)
    left = _knows(seen, level, "left_low", "left_high")
    paired = _gaps(seen, level, "given_")[2]
    return LayerReading(fact, record, cost, ablated, moved, given_moved, paired, left, _beyond(seen, level))


def _given(seen: Seen, level: float) -> Estimate | None:
    """What went of the gap at equal legitimate columns, with the error of the gap there, which chance makes too."""
    if "given_low_scores" not in seen:
        return None
    n = sum(_moments(seen[f"given_{side}"]).n for side in ("low_scores", "high_scores"))
    value, error, df = _errors(seen, "given_")
    return _estimate(value[2], float(np.hypot(error[2], error[3])), df, n, level)


def _moved(seen: Seen, what: str, level: float) -> Moved | None:
    if what not in seen:
        return None
    m = _moments(seen[what])
    size, changed, spread = m.mean
    return Moved(_estimate(size, m.standard_error[0], m.effective_n, m.n, level), float(changed), float(spread))


def _beyond(seen: Seen, level: float) -> Estimate | None:
    if "beyond" not in seen:
        return None
    m = _moments(seen["beyond"])
    return _estimate(m.mean[0], m.standard_error[0], m.effective_n, m.n, level)


def _mean(pair: list[float] | None) -> float | None:
    return pair[1] / pair[0] if pair else None


def _knows(seen: Seen, level: float, *sides: str) -> Estimate | None:
    """Balanced accuracy: the mean of both groups' shares, each with Wilson's limits."""
    sides = sides or ("low_right", "high_right")
    if sides[0] not in seen:
        return None
    z = critical_value(level)
    rates = []
    for side in sides:
        w, w2, right, _ = seen[side]
        n = w * w / w2
        rates.append(wilson(np.array(right / w * n), np.array(n), z))
    p = [float(r.p) for r in rates]
    down = sum((float(r.p) - float(r.low)) ** 2 for r in rates) ** 0.5 / 2
    up = sum((float(r.high) - float(r.p)) ** 2 for r in rates) ** 0.5 / 2
    value = sum(p) / 2
    n_rows = round(sum(seen[s][3] for s in sides))
    limits = max(0.0, value - down), min(1.0, value + up)
    return estimated(value, limits, n=n_rows, level=level, method=PROBE, fewest=0)


def _moments(values: list[float]) -> Moments:
    d = (len(values) - 3) // 2
    return Moments(round(values[0]), values[1], values[2], np.array(values[3 : 3 + d]), np.array(values[3 + d :]))


def _gaps(seen: Seen, level: float, what: str = "") -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """The gap before, after, and what went, each higher group minus lower."""
    if f"{what}low_scores" not in seen:
        return None, None, None
    n = sum(_moments(seen[f"{what}{side}"]).n for side in ("low_scores", "high_scores"))
    value, error, df = _errors(seen, what)
    out = [_estimate(v, e, df, n, level) for v, e in zip(value, error, strict=True)]
    return out[0], out[1], out[2]


def _estimate(value: float, error: float, effective_n: float, n: int, level: float) -> Estimate:
    limits = t_limits(value, error, effective_n=effective_n, level=level)
    return estimated(value, limits, n=n, level=level, method=PAIRED, fewest=0)


def _accuracy(seen: Seen, level: float) -> tuple[float, float, Estimate] | None:
    if "accuracy" not in seen:
        return None
    m = _moments(seen["accuracy"])
    was, now, cost = m.mean
    return float(was), float(now), _estimate(cost, m.standard_error[2], m.effective_n, m.n, level)


def _adds_up(seen: Seen, gap: float) -> bool | None:
    """Whether contributions add up to the gap, as they do at a cut."""
    if "flow" not in seen:
        return None
    n, total, size = seen["flow"]
    return abs(total / n - gap) <= CUT * size / n


def _layer_note(fact: dict[str, Any], seen: Seen) -> str:
    if fact["reason"]:
        return str(fact["reason"])
    parts = []
    places = fact.get("read", fact["positions"])
    if fact["positions"] > 1:
        some = "" if places == fact["positions"] else f" of {fact['positions']:,}, those that the net reads on"
        flat = places * fact["units"] <= FLAT
        parts.append(f"{'all' if flat else 'the mean over'} {places:,} positions{some}")
    if fact["units"] > 4096:
        parts.append("probed in a random projection of 1,024 sums; too wide to be erased")
    elif fact["units"] * places == 1:
        parts.append("one number: erased, nothing would be left")
    elif "low_scores" not in seen:
        parts.append("not erased" + ("" if fact["erased"] else ": name it in layers= to have it erased"))
    if "flow" not in seen:
        parts.append("no gradient flows through it")
    for key, what in (("random_lost", "random directions"), ("ablated_random_lost", "random sets of neurons")):
        if key in seen:
            parts.append(f"{_mean(seen[key]):.0f} of the {what} left out: the net cannot read what they leave")
    return "; ".join(parts)


def _sums_check(readings: list[LayerReading], sums: dict[str, Seen], gap: float) -> tuple[TrustCheck, ...]:
    """Where contributions must add up to the gap: at the input and at every cut; the check tells the worst of them."""
    flows = {r.record.name: sums[r.record.name] for r in readings if "flow" in sums.get(r.record.name, {})}
    cuts = [r.record.name for r in readings if r.record.name in flows and r.record.cut is not False]
    if not cuts:
        return ()

    def missed(name: str) -> float:
        n, total, size = flows[name]["flow"]
        return abs(total / n - gap) / (size / n) if size else 0.0

    worst = max(cuts, key=missed)
    failed = [name for name in cuts if missed(name) > CUT]
    steps = _mean(flows[worst].get("steps"))
    after = "" if steps is None else f" after {steps:,.0f} steps"
    note = (
        f"contributions at {len(cuts)} cuts of the net add up to the gap{after}"
        if not failed
        else f"contributions at {listing(failed)} miss the gap{after}: what flows through the neurons is not to be read"
        + ("; LayerAudit(max_steps=…) allows more" if steps is not None else "")
    )
    around = [r.record.name for r in readings if r.record.cut is False]
    if around:
        note += f"; something flows around {listing(around)}: their contributions are a part of the gap"
    value = missed(worst)
    return (TrustCheck(id="T1", name="completeness", value=value, limit=CUT, passed=value <= CUT, note=note),)


def _ablations(readings: list[LayerReading], unit: Unit) -> tuple[Table, ...]:
    rows = tuple(
        (r.record.name, r.ablated[0], r.record.before.value if r.record.before else None, r.ablated[1], r.ablated[2])
        for r in readings
        if r.ablated is not None
    )
    if not rows:
        return ()
    return (
        Table(
            title="The gap with the neurons through which most flows, either way, held at their means",
            columns=("layer", "neurons held", "gap before", "gap after", "with as many random neurons (median)"),
            rows=rows,
            units=("", "", unit, unit, unit),
        ),
    )


def _notes(
    seen: LayerSums, sums: dict[str, Seen], fact: dict[str, Any], readings: list[LayerReading]
) -> tuple[str, ...]:
    low, high = (round(x) for x in sums[""]["rows"])
    out = [
        f"compares {fact['high']} ({high:,} sampled rows) with {fact['low']} ({low:,}): the two groups whose mean "
        "scores differ most surely" + (" over all rows" if seen.census is not None else ""),
        *([f"not compared: {listing(fact['others'])}"] if fact["others"] else []),
        "probes, erasers and the choice of neurons are fitted on one half of these rows and read on the other, and the "
        "other way round",
        f"beside each erasure, the median of {seen.facts['random']} random directions of the same rank, drawn in the "
        f"whitened space; untrained: {seen.facts['untrained']}; seed {seen.facts['seed']}",
        "selectivity is the probe's accuracy beyond that on a control task: a random label a cluster of the raw input",
        "probes and erasure are linear; beside the probe stands a reader with one small hidden layer, at the input and "
        "at the layer that the sentence is about. Whether a layer is a cut is seen by giving it what other rows gave "
        "there: at a cut every output becomes theirs",
    ]
    raw = readings[0].record.knows
    told = told_of(readings).record
    if raw is not None and told.untrained is not None and told.knows is not None:
        out.append(
            f"of all cases, a probe of the raw input is right in {percent(raw.value)}, one of {told.name} in "
            f"{percent(told.knows.value)}, and one of the same layer before any training in {percent(told.untrained)}: "
            "what a layer knows need not have been learned"
        )
    around = [r.record.name for r in readings if r.record.cut is False]
    if around:
        out.append(f"not a cut of the net, so that contributions are a part of the gap: {listing(around)}")
    if seen.facts.get("label") is not None:
        out.append(
            f"of the probability of {seen.facts['label']}; decisions and accuracy are those of one half or more of it"
        )
    if seen.facts.get("of_classes"):
        out.append(
            f"of {seen.facts['of_classes']} classes the one whose mean probability differs most surely between groups; "
            "intervals and p are those of the worst of as many; label= names another"
        )
    if seen.facts.get("held"):
        out.append(
            f"held equal by regression, for what is erased beyond it: {listing(seen.facts['held'])}; what is used "
            "there may be another column that nobody declared"
        )
    return tuple(out)
