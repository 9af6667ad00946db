"""One layer read off the sums: what it knows, what erasing does, and how sure that is. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from auditkit.explain.estimates import Cell, carried, estimated, less, means_of
from auditkit.explain.layers.sums import CUT, FLAT, moments_in, neurons
from auditkit.explain.layers.use import LayerReading, Moved
from auditkit.records import Estimate, Layer
from auditkit.stats.rates import critical_value, wilson

Seen = dict[str, list[float]]

PROBE = "mean of two Wilson intervals (Kish's effective rows), combined as by Newcombe"


def apart(seen: Seen, what: str = "") -> list[Cell]:
    """Gap before, after and what went (and at equal columns the gap there), each higher group minus lower."""
    sides = [moments_in(seen, f"{what}{side}_scores") for side in ("low", "high")]
    return [less(high, low) for low, high in (means_of(sides, k) for k in range(len(sides[0].wx)))]


def given(seen: Seen) -> Cell:
    """What went of the gap at equal legitimate columns, with the error of the gap there, which chance makes too."""
    _, _, gone, chance = apart(seen, "given_")
    return less(gone, chance, gone.value)


def reading_of(fact: dict[str, Any], seen: Seen, gap: float, level: float) -> LayerReading:
    before, after, closed = _gaps(seen, level)
    accuracy = _accuracy(seen, level)
    knows = _knows(seen, level)
    moved = _moved(seen, "moved", level)
    control = mean_of(seen.get("control"))
    parts = [(j, total / seen["flow"][0]) for j, total in neurons(seen).items()]
    largest = sorted(parts, key=lambda pair: (-abs(pair[1]), pair[0]))[:64]
    record = Layer(
        name=fact["name"],
        type=fact["type"],
        units=fact["units"],
        knows=knows,
        untrained=mean_of(seen.get("untrained")),
        selectivity=None if knows is None or knows.value is None or control is None else knows.value - control,
        auc=seen["auc"][0] / seen["auc"][1] if seen.get("auc") else None,
        before=before,
        after=after,
        closed=closed,
        random=mean_of(seen.get("random")),
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
        ablated = (round(k / n), total / n, mean_of(seen.get("ablated_random")))
    cost = None if accuracy is None else accuracy[2]
    given_moved = _moved(seen, "given_moved", level)
    left = _knows(seen, level, "left_low", "left_high")
    paired = _gaps(seen, level, "given_")[2]
    return LayerReading(fact, record, cost, ablated, moved, given_moved, paired, left, _beyond(seen, level))


def _given(seen: Seen, level: float) -> Estimate | None:
    return _estimate(given(seen), level) if "given_low_scores" in seen else None


def _moved(seen: Seen, what: str, level: float) -> Moved | None:
    if what not in seen:
        return None
    m = moments_in(seen, what)
    return Moved(_estimate(means_of([m])[0], level), *map(float, m.mean[1:]))


def _beyond(seen: Seen, level: float) -> Estimate | None:
    return _estimate(means_of([moments_in(seen, "beyond")])[0], level) if "beyond" in seen else None


def mean_of(pair: list[float] | None) -> float | None:
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


def _gaps(seen: Seen, level: float, what: str = "") -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """The gap before, after, and what went."""
    if f"{what}low_scores" not in seen:
        return None, None, None
    before, after, closed, *_ = (_estimate(cell, level) for cell in apart(seen, what))
    return before, after, closed


def _estimate(cell: Cell, level: float) -> Estimate:
    e = estimated(
        cell.value,
        cell.limits(critical_value(level)),
        n=cell.n,
        level=level,
        method=f"{cell.method}; the eraser counts as given",
        fewest=0,
    )
    return carried(e) if cell.unstable and e.state == "ok" else e


def _accuracy(seen: Seen, level: float) -> tuple[float, float, Estimate] | None:
    if "accuracy" not in seen:
        return None
    m = moments_in(seen, "accuracy")
    was, now, _ = m.mean
    return float(was), float(now), _estimate(means_of([m], 2)[0], level)


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
            parts.append(f"{mean_of(seen[key]):.0f} of the {what} left out: the net cannot read what they leave")
    return "; ".join(parts)
