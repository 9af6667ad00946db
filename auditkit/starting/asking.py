"""At most six questions, each with an answer that Enter takes; with `yes` every one is taken, or missed by name."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import Any

from auditkit.errors import AuditkitError, DataError, PolicyError, listing
from auditkit.formatting import printable
from auditkit.records import BY_LABEL, Task
from auditkit.starting import answers as checked
from auditkit.starting import guess, scores
from auditkit.starting.answers import Answers
from auditkit.starting.guess import Guess
from auditkit.starting.look import Look

Read = Callable[[str], str]
"""prompt → what somebody writes."""


class Asking:
    """How questions are asked: of somebody at a terminal, or, without `read`, of the defaults."""

    def __init__(self, read: Read | None, tell: Callable[[str], None] = print) -> None:
        self._read, self._tell = read, tell
        self.asked = 0

    def __call__(
        self,
        question: str,
        *,
        default: str | None,
        take: Callable[[], Any],
        check: Callable[[str], Any],
        flag: str,
        why: str = "",
        could_be: Sequence[str] = (),
    ) -> tuple[Any, bool]:
        """The checked answer, and whether it is the default (which `take` makes). A wrong one is told and asked again.
        `could_be`: what an answer can be, told where there is none.

        DataError where nobody can be asked and there is no default: it names the flag.
        """
        if self._read is None:
            if default is None:
                raise DataError(f"{question} {printable(why) or 'Nothing in the data says it'}: give {flag}")
            return take(), True
        self.asked += 1
        shown = "" if default is None else f" [{printable(default)}]"
        self._tell(f"\n{self.asked}. {question}{f' ({printable(why)})' if why else ''}")
        while True:
            try:
                said = self._read(f"  {flag.split()[0].lstrip('-')}{shown}: ").strip()
            except EOFError:
                raise PolicyError("the answers ended; nothing was written (--yes takes every default)") from None
            if not said and default is None:
                among = f" Such as {_some(could_be)}." if could_be else ""
                self._tell(f"  An answer is needed.{among} Ctrl-C ends, and nothing is written.")
                continue
            try:
                return (check(said), False) if said else (take(), True)
            except AuditkitError as e:
                self._tell(f"  {printable(str(e).rstrip('.'))}. Ctrl-C ends, and nothing is written.")


def ask(look: Look, given: Answers, asking: Asking, *, task: Task | None, positive: str | None) -> Answers:
    """`given` with an answer to every question; what flags said is not asked."""
    try:
        _truth(look, given, asking)
        _decisions(look, given, asking)
        _task(look, given, task)
        scores.set_range(look, given)
        _positive(look, given, asking, positive)
        _sensitive(look, given, asking)
        _limit(look, given, asking)
    except DataError as e:
        told = _told(given)
        raise DataError(f"{str(e).rstrip('.')}. Guessed until then: {told}" if told else str(e)) from e
    return given


def _truth(look: Look, given: Answers, asking: Asking) -> None:
    if given.y_true:
        given.y_true = checked.columns(look, given.y_true, "the truth")
        return
    known = [*given.y_pred, *([] if given.score is None else [given.score])]
    found = guess.target(look, but=known)
    named = [c.name for c in guess.like_decisions(look)]
    are = f"{_some(named)} {'are' if len(named) > 1 else 'is'} named like decisions, and not taken for the truth"
    given.y_true, default = asking(
        f"Which column holds the truth: what turned out, for each row? There are {_some(look.columns)}.",
        default=None if found is None else found.name,
        take=lambda: (found.name,) if found else (),
        check=lambda said: checked.columns(look, _names(look, said), "the truth"),
        flag="--y-true COLUMN",
        why=_why(found) or (are if named else ""),
        could_be=[c.name for c in look.few if c.name not in {*known, *named}],
    )
    _note(given, "y_true", found, default)


def _decisions(look: Look, given: Answers, asking: Asking) -> None:
    """A column of decisions, or the function that builds the model."""
    if given.factory is not None:
        given.factory = checked.module(given.factory)
        return
    if given.score is not None:
        checked.column(look, given.score, "the score")
    if given.score is not None and not given.y_pred:
        scores.decide_by(look, given, given.score)
    elif given.y_pred:
        given.y_pred = checked.decisions(look, given.y_pred, given.y_true)
    else:
        could = checked.could_decide(look, given.y_true)
        other = [name for name in look.columns if could and name not in could]
        found = guess.decisions(look, but=(*given.y_true, *other)) or _scores(look, given)
        said, default = asking(
            "Which column holds the decisions, or the scores that decide (as in score >= 0.5)? Or which function "
            "builds the model (package.module:function, and a file of weights after it)?",
            default=None if found is None else found.name,
            take=lambda: _column_or_model(look, [found.name] if found else [], given),
            check=lambda text: _column_or_model(look, text, given),
            flag="--y-pred COLUMN, or --factory package.module:function",
            why=_why(found),
            could_be=could,
        )
        given.y_pred, given.factory, weights = said
        given.weights = given.weights or weights
        if len(given.y_pred) == 1 and checked.is_score(look.columns[given.y_pred[0]], look.columns[given.y_true[0]]):
            scores.decide_by(look, given, given.y_pred[0])
        _note(given, "y_pred" if given.y_pred else "score", found, default)


def _scores(look: Look, given: Answers) -> Guess | None:
    found = guess.score(look, but=given.y_true)
    fits = found is not None and checked.is_score(look.columns[found.name], look.columns[given.y_true[0]])
    return found if fits else None


def _column_or_model(
    look: Look, said: str | list[str], given: Answers
) -> tuple[tuple[str, ...], str | None, str | None]:
    text = said if isinstance(said, str) else ""
    names = _names(look, said) if isinstance(said, str) else said
    first, _, weights = text.partition(" ")
    if text not in look.columns and ":" in first and first not in look.columns:
        return (), checked.module(first), weights.strip() or None
    if (by := scores.from_on(look, text)) is not None:
        given.score, given.threshold = by
        scores.ends(look, given.score)
        return (), None, None
    alone = look.columns.get(names[0]) if len(names) == 1 and names[0] not in given.y_true else None
    if alone is not None and checked.is_score(alone, look.columns[given.y_true[0]]):
        return (alone.name,), None, None
    return checked.decisions(look, names, given.y_true), None, None


def _task(look: Look, given: Answers, task: Task | None) -> None:
    truth = look.columns[given.y_true[0]]
    decided = look.columns[given.y_pred[0]] if given.y_pred else None
    found = guess.task(truth, decided)
    given.task = task or (BY_LABEL if len(given.y_true) > 1 else found.name)  # type: ignore[assignment]
    if task is None:
        given.guessed["task"] = found.why
    if given.kind.numeric and truth.kind != "number":
        raise DataError(f"'{truth.name}' holds no numbers: nothing that regression could predict")
    if not given.kind.numeric and not truth.few:
        raise DataError(
            f"'{truth.name}' holds too many values to be labels: name another column, or --task regression for numbers"
        )
    if given.kind.yes_no and len(truth.values) > 2:
        raise DataError(f"'{truth.name}' holds {len(truth.values)} values; yes or no takes two: --task multiclass")
    if given.kind.yes_no and given.y_pred and given.score is None:
        scored = guess.score(look, but=(*given.y_true, *given.y_pred))
        if scored is not None:
            given.score = scored.name
            given.guessed["score"] = scored.why


def _positive(look: Look, given: Answers, asking: Asking, positive: str | None) -> None:
    if not given.kind.yes_no:
        if positive is not None:
            raise DataError(f"--positive goes with a target of two labels; '{given.y_true[0]}' is {given.task}")
        return
    truth = look.columns[given.y_true[0]]
    if positive is not None:
        given.positive = checked.label(look, truth.name, positive)
        return
    found = guess.positive(truth)
    given.positive, default = asking(
        f"Which label of '{printable(truth.name)}' is the positive one: what people hope for, or what is looked for? "
        f"There are {_some(truth.labels)}.",
        default=None if found is None else found.name,
        take=lambda: checked.label(look, truth.name, found.name if found else ""),
        check=lambda said: checked.label(look, truth.name, said),
        flag="--positive LABEL",
        why=_why(found),
    )
    _note(given, "positive", found, default)


def _sensitive(look: Look, given: Answers, asking: Asking) -> None:
    taken = (*given.y_true, *given.y_pred, *([] if given.score is None else [given.score]))
    if given.sensitive:
        given.sensitive = checked.groups(look, given.sensitive, but=taken)
        _bins(look, given)
        return
    found = guess.sensitive(look, but=taken)
    decided = {c.name for c in guess.like_decisions(look)}
    few = [c.name for c in look.few if c.name not in {*taken, *decided}]
    given.sensitive, default = asking(
        f"Whose groups are compared? Columns, parted by commas. Of few values are {_some(few)}.",
        default=", ".join(g.name for g in found) if found else None,
        take=lambda: checked.groups(look, [g.name for g in found], but=taken),
        check=lambda said: checked.groups(look, _names(look, said), but=taken),
        flag="--sensitive COLUMN",
        why="; ".join(f"{g.name}: {g.why}" for g in found),
    )
    if default:
        given.guessed |= {f"sensitive {g.name}": g.why for g in found}
    _bins(look, given)


def _bins(look: Look, given: Answers) -> None:
    """Numbers are compared in bins, whose edges are a guess."""
    given.bins = {n: guess.bins(look.columns[n]) for n in given.sensitive if guess.in_bins(look.columns[n])}
    given.guessed |= {f"bins of {name}": ", ".join(f"{x:g}" for x in edges) for name, edges in given.bins.items()}


def _limit(look: Look, given: Answers, asking: Asking) -> None:
    if given.metric:
        given.metric, given.at_most = checked.compared(given.metric, given.at_most, given.task)
        return
    metric, at_most = _usual(look, given)
    (given.metric, given.at_most), default = asking(
        "What may not differ much between groups, and by how much at most? A metric (`auditkit explain all` lists "
        f"them) and a number{'' if given.kind.numeric else ': 0.1 is ten points'}. No number is right by "
        "itself: it is yours to choose.",
        default=f"{metric} {at_most:g}",
        take=lambda: (metric, at_most),
        check=lambda said: _metric(said, at_most, given.task),
        flag="--metric METRIC --at-most NUMBER",
    )
    if default:
        given.guessed["limit"] = "a usual place to begin"


def _usual(look: Look, given: Answers) -> tuple[str, float]:
    """What is compared unless somebody says otherwise, and its limit: of numbers a tenth of their spread."""
    if given.kind.numeric:
        return "mean_absolute_error", float(f"{0.1 * (look.columns[given.y_true[0]].spread or 1.0):.1g}")
    return ("macro_recall" if given.kind.several else "true_positive_rate"), 0.1


def _metric(said: str, at_most: float, task: Task) -> tuple[str, float]:
    name, _, number = said.strip().partition(" ")
    try:
        return checked.compared(name, float(number.replace(",", ".")) if number.strip() else at_most, task)
    except ValueError as e:
        if isinstance(e, AuditkitError):
            raise
        raise PolicyError(
            f"'{number}' is no number; write a metric and a number, as in true_positive_rate 0.1"
        ) from None


# ---- names of columns on a line


def _names(look: Look, said: str) -> list[str]:
    """One column that is called so, or several parted by commas; quotes keep a comma."""
    if said in look.columns:
        return [said]
    try:
        return [n for n in next(csv.reader([said], skipinitialspace=True, strict=True), []) if n]
    except csv.Error:
        return [said]


def _some(names: Any) -> str:
    return printable(listing([f"'{n}'" for n in names], most=12)) or "none"


def _told(given: Answers) -> str:
    """What was guessed, with why."""
    values = {k: getattr(given, k, None) for k in given.guessed}
    shown = {k: ", ".join(map(str, v)) if isinstance(v, tuple | list) else v for k, v in values.items()}
    return "; ".join(f"{k} = {v} ({given.guessed[k]})" for k, v in shown.items() if v not in (None, ""))


def _why(found: Guess | None) -> str:
    return "" if found is None else f"guessed: {found.why}"


def _note(given: Answers, answer: str, found: Guess | None, default: bool) -> None:
    if default and found is not None:
        given.guessed[answer] = found.why
