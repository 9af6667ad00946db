"""From sums to findings: what each layer knows of an attribute, what the net uses, and a sentence. No torch."""

from __future__ import annotations

from typing import Any

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import not_causes
from auditkit.check import Assessment
from auditkit.errors import listing
from auditkit.explain.all_rows import PairGap, of_scores, words_of
from auditkit.explain.estimates import undefined
from auditkit.explain.layers.readings import Seen, apart, given, mean_of, reading_of
from auditkit.explain.layers.statements import About, reader_p, statement, tells
from auditkit.explain.layers.sums import CUT, LayerSums
from auditkit.explain.layers.use import LayerReading, told_of, use_of
from auditkit.explain.trust.records import preflight_check
from auditkit.formatting import percent
from auditkit.records import TASK_KINDS, Finding, Layers, NotMeasured, Table, TrustCheck, Unit, Use


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
    readings = [reading_of(f, sums.get(f["name"], {}), gap, level) for f in seen.facts["layers"]]
    told = told_of(readings)
    known, truth = sums[""]["truth"]
    guess = max(truth / known, 1 - truth / known) if known else None
    unit: Unit = "points" if TASK_KINDS[seen.facts["task"]].yes_no else ""
    knows = told.record.knows or undefined("no layer could be probed", level=level)
    all_rows = of_scores(seen.census, attribute, numeric=not unit, level=level)
    largest = None if all_rows is None else all_rows.largest()
    gap_of = None if all_rows is None else all_rows.pair(fact["high"], fact["low"])
    groups = 2 + len(fact["others"])
    pairs = groups * (groups - 1) // 2
    gap_seen = largest if all_rows is not None else told.record.before
    use = use_of(readings, told, gap_seen)
    if use == "beyond_declared" and _p_beyond(sums[told.record.name], pairs) > 1 - level:
        use = "goes_with" if gap_seen is not None and gap_seen.excludes_zero else "open"
    held = tuple(seen.facts.get("held", ()))
    said = About(
        words_of([attribute], fact["low"]), words_of([attribute], fact["high"]), attribute, held, unit, guess, pairs
    )
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
        p=_p(told, sums.get(told.record.name, {}), gap_of, use, pairs),
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
        notes=_notes(seen, sums, fact, readings, said),
        references=(METRICS["layer_audit"].reference,),
        trust=(preflight_check(), *_sums_check(readings, sums, gap)),
    )


def _p(told: LayerReading, seen: Seen, all_rows: PairGap | None, use: Use, pairs: int) -> float | None:
    """p of H0: something that the statement says is not there: that the layer knows the group, that there is a gap,
    that erasing closes a part of it. Of several groups it is one of so many `pairs`, chosen as the one that differs
    most surely, and what makes scores differ by chance can be read from layers and erased there, too (Bonferroni)."""
    closed = told.record.closed
    readers = (told.record.knows, told.record.curved)
    p = [reader_p(e, pairs) for e in readers if e is not None and tells(e, pairs)][:1]  # the second without the first
    if use == "beyond_declared":
        p.append(_p_beyond(seen, pairs))
    gap = told.record.before if all_rows is None else all_rows.estimate
    if gap is not None and gap.excludes_zero and "low_scores" in seen:
        before, _, gone = apart(seen)
        p.append(min(1.0, pairs * before.p) if all_rows is None else all_rows.p or 0.0)
        p += [pairs * gone.p] if closed is not None and closed.excludes_zero else []
    elif all_rows is not None and all_rows.p is not None and not p:
        p.append(all_rows.p)
    return min(1.0, max(p)) if p else None


def _p_beyond(seen: Seen, pairs: int) -> float:
    """p of H0: at equal legitimate columns erasing closes nothing."""
    return min(1.0, pairs * given(seen).p)


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
    steps = mean_of(flows[worst].get("steps"))
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
    seen: LayerSums, sums: dict[str, Seen], fact: dict[str, Any], readings: list[LayerReading], about: About
) -> tuple[str, ...]:
    low, high = (round(x) for x in sums[""]["rows"])
    out = [
        f"compares {about.high} ({high:,} sampled rows) with {about.low} ({low:,}): the two groups whose mean "
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
            f"{percent(told.knows)}, and one of the same layer before any training in {percent(told.untrained)}: "
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
