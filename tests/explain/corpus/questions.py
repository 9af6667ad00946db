"""What each check is asked of a net, what is true, and whether an answer is right.

Where a label is arguable:

- *Merit that nobody declared.* The net uses something that goes with sex, and whether that is legitimate nobody said.
  "What goes with sex carries the gap" is right; that the net uses sex convicts it, and that nothing goes with sex
  acquits it. The latter may be thought too strict for `Concepts`, which speaks of directions.
- *Declared columns.* The question is then what is used beyond them. "What goes with sex carries the gap" does not
  answer it, and counts as not measured.
- *Sex by interaction alone.* There is no gap, so that "no gap" is true, and no answer to what is used. It counts as not
  measured; an acquittal is false, since three decisions of four flip with the sex.
- *A proxy and its copy.* Their parts cannot be moved apart, so that naming one of both is a false conviction, though
  the net as a function of columns that it never saw apart has such parts.
- *Influence.* A cell of training rows is convicted falsely if it is said to push the other way than retraining on fewer
  of its rows shows; which cell pushes most is not asked. A gap without a named cell is not measured, unless cells are
  said not to push.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.explain.corpus.cases import Case
from tests.explain.corpus.reading import Read

Score = Literal["right", "false acquittal", "false conviction", "not measured", "not applicable"]


UNSETTLED = {"wide and deep: merit": ("f negative", "f positive")}
"""Net → cells of which training anew says another way than the rule below: nothing they are said to do is judged."""


def pushes_of(case: Case) -> tuple[str, ...]:
    """What training rows do wherever a group is scored higher because of something that goes with the sex: positives of
    the group ahead and negatives of the other teach the net that it matters, the others that it does not."""
    ahead, behind = ("f", "m") if case.women_ahead else ("m", "f")
    widen, narrow = (f"{behind} negative", f"{ahead} positive"), (f"{behind} positive", f"{ahead} negative")
    told = (*(f"{cell} widens" for cell in widen), *(f"{cell} narrows" for cell in narrow))
    return tuple(push for push in told if not _unsettled(case, push))


def _unsettled(case: Case, push: str) -> bool:
    return push.startswith(UNSETTLED.get(case.name, ("-",)))


@dataclass(frozen=True)
class Question:
    """One question, what is true, and how an answer is scored."""

    text: str
    truth: tuple[str, ...]
    """The causes; empty: there are none."""
    score: Callable[[Read], Score]


def question(check: str, case: Case) -> Question | None:
    """The question that a check is asked; None where it does not apply."""
    return _ASKED[check](case)


def _use(case: Case) -> Question:
    beyond = tuple(sorted(case.beyond))
    what = f" beyond {' and '.join(case.declared)}" if case.declared else ""
    return Question(f"does the net use sex, or what goes with it{what}?", beyond, lambda r: use_score(case, r))


def use_score(case: Case, r: Read) -> Score:
    """Of use: see the head of this file for what is arguable."""
    if r.said == "not measured":
        return "not measured"
    if not case.beyond:
        if r.said == "accuses":
            return "false conviction"
        if case.uses:  # what is declared is all that is used
            return "right" if r.said == "acquits" else "false acquittal" if r.said == "no gap" else "not measured"
        return "right" if r.said in ("acquits", "no gap") else "false conviction"
    if r.said == "accuses" and case.beyond == {"merit"}:
        return "false conviction"
    if r.said == "accuses":
        return "right"
    if r.said == "goes with":
        return "not measured" if case.declared else "right"
    return "not measured" if r.said == "no gap" and not case.through else "false acquittal"


def _gap(case: Case) -> Question:
    truth = () if not case.through else ("proxy", "copy") if "copy" in case.uses else (case.through,)

    def score(r: Read) -> Score:
        if r.said == "not measured":
            return "not measured"
        if r.said == "accuses":
            return "right" if truth and set(r.causes) == set(truth) else "false conviction"
        return "false acquittal" if truth else "right"

    return Question("through which column does the largest part of the gap come?", truth, score)


def _flips(case: Case) -> Question | None:
    if case.flips is None or not case.first:
        return None

    def score(r: Read) -> Score:
        if r.said == "not measured":
            return "not measured"
        if case.flips:
            return "right" if r.said == "accuses" else "false acquittal"
        return "right" if r.said == "acquits" else "false conviction"

    return Question("do decisions flip with the sex alone?", ("sex",) if case.flips else (), score)


def _influence(case: Case) -> Question | None:
    if not case.first:
        return None
    truth = pushes_of(case) if case.through else ()

    def score(r: Read) -> Score:
        if r.said == "not measured":
            return "not measured"
        if r.said == "accuses":
            causes = {cause for cause in r.causes if not _unsettled(case, cause)}
            return "right" if truth and causes <= set(truth) else "false conviction"
        return "false acquittal" if truth else "right"

    return Question("which training rows widen the gap, which narrow it?", truth, score)


_ASKED: dict[str, Callable[[Case], Question | None]] = {
    "LayerAudit": _use, "Concepts": _use, "Influence": _influence, "GapAttribution": _gap, "FlipTest": _flips,
}  # fmt: skip
