"""What an explorer counts, in words: people whom scores select, or objects that a detector finds in scenes."""

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.explorer import AlarmSteps, Explorer
from auditkit.report.html.explorer_data import Series, Shown, summed, tenths
from auditkit.report.html.geometry import axis_to
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.steps import score
from auditkit.report.places import ALARMS, MOVED, SEEN
from auditkit.report.vocabulary import listed

_BEYOND = 6
"""An axis of false alarms ends at so many times those of the audit: at low thresholds are many times more."""


class Kind(NamedTuple):
    """What is counted, and how it is told."""

    one: str
    """What is counted, as a singular noun."""
    unit: str
    """The same as a plural noun."""
    moved: tuple[tuple[str, str], ...]
    """What a threshold does to a group: metrics, with the word that follows their value."""
    series: tuple[Series, ...]
    """What it comes to over all groups; the last is drawn below the rules' curve."""
    price: Series | None
    """Which of them tells whether thresholds that meet rules are of use: equally few may be found of all groups."""
    start: int
    """Where the slider starts."""
    untold: str
    """The title where no rule is told."""
    subtitle: str
    below: str
    """Who stands below the first threshold, after a share and before that."""
    chosen: str
    """Why a threshold that is chosen here looks better than it is."""
    counted: str
    even: bool
    """Whether thresholds stand as they come, and not straight in log-odds."""


def kind(look: Lookup, found: Explorer, by: str, groups: Sequence[Shown]) -> Kind:
    """What the explorer of this report counts."""
    whose = listed([look.say.people({by: g.value}) for g in groups]) if by else ""
    return _of_objects(found, whose) if found.scenes else _of_people(look, found, whose)


def _of_people(look: Lookup, found: Explorer, whose: str) -> Kind:
    everybody, steps = summed(found.groups, "", ""), range(len(found.threshold))
    right = tuple(sum(everybody.cells(i)[c] for c in (0, 3)) / everybody.n for i in steps)
    best = max(steps, key=right.__getitem__)
    ends = (int(10 * min(right)) / 10, -int(-10 * max(right) // 1) / 10)
    ends = ends if ends[0] < ends[1] else (ends[0], ends[0] + 0.1)
    n, at, rightly = len(steps), score(found.threshold[best]), tenths(right[best], "percent")
    return Kind(
        one="person",
        unit="people",
        moved=tuple(zip(MOVED, ("selected", "found", "wrongly"), strict=True)),
        series=(Series("Accuracy", right, "percent", "decided rightly", ends),),
        price=None,
        start=best if found.today is None else found.today,
        untold=f"Of {n} common thresholds, {at} decides most people rightly: {rightly}",
        subtitle=f"Scores of {whose or 'everybody'}; right of the line: selected. Strong: {look.say.yes()}; faint: "
        "the others. The axis is stretched at both ends.",
        below="below",
        chosen="A threshold that is chosen on these rows looks better here than it will on others.",
        counted="Counted are the rows with truth, decision and score.",
        even=bool(look.report.provenance.model.scale),
    )


def _of_objects(found: Explorer, whose: str) -> Kind:
    everything, steps = summed(found.groups, "", ""), range(len(found.threshold))
    start = 0 if found.today is None else found.today
    recall = tuple(everything.true[i] / everything.n for i in steps)
    alarms = rate(found.scenes, len(steps))
    top = axis_to(_BEYOND * alarms[start]).high if alarms[start] else max(alarms)
    series = (
        Series("Found", recall, "percent", "of objects found", (0.0, 1.0)),
        Series("False alarms a scene", alarms, "ratio", "false alarms a scene", (0.0, min(top, max(alarms)) or 1.0)),
    )
    ends = " and ".join(s.said(start) for s in series)
    return Kind(
        one="object",
        unit="objects",
        moved=(*zip(SEEN, ("found", "missed"), strict=True), (ALARMS, "false alarms a scene")),
        series=series,
        price=Series("Found", recall, "percent", "of objects are found", (0.0, 1.0)),
        start=start,
        untold=f"As audited, from a score of {score(found.threshold[start])} on: {ends}",
        subtitle=f"Scores of the boxes that are on {whose or 'objects'}; right of the line: found. A score of at least "
        "the threshold counts as seen. Thresholds stand evenly, whatever lies between them.",
        below="without a box or below",
        chosen="A threshold that is chosen on these scenes looks better here than it will on others.",
        counted="Counted are all objects, and all boxes on no object; intervals are those of an audit with this "
        "threshold, and take objects of one scene as dependent.",
        even=True,
    )


def rate(scenes: Sequence[AlarmSteps], steps: int) -> tuple[float, ...]:
    """False alarms a scene at each threshold."""
    n = sum(s.scenes for s in scenes)
    return tuple(sum(s.alarms[i] for s in scenes) / max(1, n) for i in range(steps))
