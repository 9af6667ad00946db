"""What a check's findings say of a net, as one of a few verdicts: by fields where there are any, else by stable words.

A finding that stands out alone is not asserted, so that nothing is established by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from auditkit.records import Contributions, Finding, Layers, Report
from tests.explain.corpus.cases import Case
from tests.explain.corpus.worlds import PATCHES

Said = Literal["accuses", "goes with", "no gap", "acquits", "not measured"]
"""`accuses`: use of the attribute, or a cause, is established. `goes with`: only that what goes with the attribute
carries the gap, which accuses nobody of use. `no gap`: no gap is established, and nothing is said of use. `acquits`:
use, or a cause, is said not to be there."""


class Read(NamedTuple):
    """A check's answer."""

    said: Said
    causes: tuple[str, ...] = ()
    """Whom it accuses: quantities, or cells of training rows with the way that they push."""
    sentence: str = ""


def read(check: str, report: Report, case: Case) -> Read:
    """The answer of one check."""
    metric = METRICS[check]
    for f in report.findings:
        if f.metric == metric and (check != "GapAttribution" or f.of == "mean_score"):
            if any(t.failed for t in f.trust):
                return Read("not measured", (), f.statement)
            found = READERS[check](f, case)
            return found._replace(sentence=f.statement)
    said = [f"{n.what}: {n.why}" for n in report.not_measured if metric.split("_")[0] in n.what or "flipping" in n.what]
    return Read("not measured", (), "; ".join(said) or "nothing is said")


def _layers(f: Finding, case: Case) -> Read:
    (layers,) = (x for x in f.exhibits if isinstance(x, Layers))
    use = getattr(layers, "use", None)
    if use is not None:
        said: dict[str, Said] = {
            "beyond_declared": "accuses", "nothing_beyond_declared": "acquits", "not_used": "acquits",
            "goes_with": "goes with", "open": "no gap", "not_measured": "not measured",
        }  # fmt: skip
        established = not (f.alone and use in ("beyond_declared", "goes_with"))
        return Read(said[use] if established else "not measured")
    if "nothing here shows that the net uses it" in f.statement:
        return Read("acquits")
    if "there is no sure gap in scores" in f.statement:
        return Read("no gap")
    if f.alone or "which is no more than erasing anything else does" in f.statement:
        return Read("not measured")
    closed = re.search(r"erasing sex there closes (all|[\d.]+%) of the gap", f.statement)
    if closed is None:
        return Read("not measured")
    most = closed[1] == "all" or float(closed[1].rstrip("%")) >= 100 * PART
    return Read("accuses", ("sex",)) if most else Read("not measured")


PART = 0.25
"""Part of the gap that must go with the attribute where a report has no field that says what was shown."""


def _concepts(f: Finding, case: Case) -> Read:
    for words, said in CONCEPTS.items():
        if words in f.statement:
            established = not f.alone or said not in ("accuses", "goes with")
            return Read(said if established else "not measured")
    if f.alone or "The net's decisions go along with sex" not in f.statement:
        return Read("not measured")
    # which speaks of use only where something was to be held equal
    return Read("accuses", ("sex",)) if case.declared else Read("goes with")


CONCEPTS: dict[str, Said] = {
    "beyond what was declared legitimate": "accuses",
    "nothing shows that the net goes by sex beyond those": "acquits",
    "decisions hardly go along with sex": "acquits",
    "of the whole net this was not measured": "not measured",
    "that the net does without sex is not shown": "not measured",
    "nothing shows that they go along with it": "acquits",
    "or with what goes with it": "goes with",
}
"""Words of a statement about a concept, and what they say; the first that it holds count."""


def _gaps(f: Finding, case: Case) -> Read:
    named = [quantities(x) for x in re.findall(r"come?s? through ([\w+ ]+?)(?=,| and \d|;|:|\.| \()", f.statement)]
    (parts,) = (x for x in f.exhibits if isinstance(x, Contributions))
    if "no gap in mean score" in f.statement.lower():
        hidden = "hides causes that cancel" in f.statement and not f.alone
        return Read("accuses", quantities(parts.rows[0].label)) if hidden else Read("no gap")
    if f.alone or "no single part is established" in f.statement or not named:
        return Read("not measured")
    return Read("accuses", named[0])


def quantities(label: str) -> tuple[str, ...]:
    """What a feature's name stands for: columns told as one, or what a patch of a picture shows.

    >>> quantities("proxy + copy"), quantities("region 2"), quantities("region 5")
    (('proxy', 'copy'), ('proxy',), ('region 5',))
    """
    shown = {f"region {number}": name for name, number in PATCHES.items()}
    return tuple(shown.get(x, x) for x in re.split(r" \+ | and ", label.strip()))


def _flips(f: Finding, case: Case) -> Read:
    e = f.estimate
    if e.value is None or e.low is None or e.high is None or e.state != "ok":
        return Read("not measured")
    if e.high <= FEW:
        return Read("acquits")
    return Read("accuses", ("sex",)) if e.low >= FEW else Read("not measured")


FEW = 0.025
"""Share of decisions that change with the sex, below which a net is said not to depend on it."""


def _influence(f: Finding, case: Case) -> Read:
    said = f.statement
    if re.search(r"no gap .* is established", said, re.IGNORECASE):
        return Read("no gap")
    if f.alone:
        return Read("not measured")
    named = tuple(_cells(said))
    return Read("accuses", named) if named else Read("not measured")


def _cells(said: str) -> Iterator[str]:
    """Cells of training rows and the way they push; a clause tells one way.

    >>> list(_cells("m rows labelled positive (5%) and f rows labelled negative (4%) widen the gap; f rows labelled \
positive narrow it."))
    ['m positive widens', 'f negative widens', 'f positive narrows']
    """
    for clause in said.split(";"):
        verb = re.search(r"\b(widen|narrow) (?:the|it)\b", clause)
        for group, label in re.findall(r"\b([fm]) rows labelled (positive|negative)", clause) if verb else ():
            yield f"{group} {label} {verb[1]}s"


METRICS = {
    "LayerAudit": "layer_audit", "Concepts": "concepts", "Influence": "influence", "GapAttribution": "gap_share",
    "FlipTest": "flip_rate",
}  # fmt: skip
READERS: dict[str, Callable[[Finding, Case], Read]] = {
    "LayerAudit": _layers, "Concepts": _concepts, "Influence": _influence, "GapAttribution": _gaps, "FlipTest": _flips,
}  # fmt: skip
