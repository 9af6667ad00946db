"""The first configuration as text: every answer in its place, what was guessed said beside it, the rest explained."""

from __future__ import annotations

import datetime
import os
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auditkit.catalogue.index import METRICS
from auditkit.clock import now
from auditkit.errors import DataError
from auditkit.files import slug
from auditkit.formatting import printable
from auditkit.gate.toml_text import key_text, value_text
from auditkit.inputs.tasks.registry import task_of
from auditkit.records import DEFAULT_TASK
from auditkit.starting import guess
from auditkit.starting.answers import Answers
from auditkit.starting.look import Look
from auditkit.starting.sizes import MOST_SHOWN, told_groups
from auditkit.values import written

WIDTH = 110


class Draft:
    """Lines of a configuration; `prefix` is `tool.auditkit` in a pyproject.toml."""

    def __init__(self, prefix: str = "") -> None:
        self.lines: list[str] = []
        self._prefix = [prefix] if prefix else []

    def say(self, text: str) -> None:
        """A comment."""
        self.lines += textwrap.wrap(printable(text), WIDTH, initial_indent="# ", subsequent_indent="# ")

    def table(self, *names: str, several: bool = False, off: bool = False) -> None:
        """A header, after a blank line; `off`: as a comment."""
        name = ".".join([*self._prefix, key_text(*names)])
        self.lines += ["", f"{'#' if off else ''}{f'[[{name}]]' if several else f'[{name}]'}"]

    def key(self, name: str, value: Any, note: str = "", *, off: bool = False) -> None:
        """A key, with a note behind it."""
        line = f"{'#' if off else ''}{key_text(name)} = {value_text(value)}"
        self.lines.append(f"{line}  # {printable(note)}" if note else line)

    @property
    def text(self) -> str:
        """The whole."""
        return "\n".join(self.lines).strip("\n") + "\n"


def drafted(look: Look, given: Answers, *, folder: Path, name: str, prefix: str = "") -> str:
    """The configuration in a folder: the same for the same answers."""
    d = Draft(prefix)
    d.say(
        "What is audited, and what must hold. Made by `auditkit init`; every line is yours to change. "
        "`auditkit explain config` tells every key. For an editor, `#:schema PATH` in the first line, with the path "
        "that `auditkit explain schema` prints."
    )
    if given.guessed:
        d.say("What nobody said was guessed, and says so: look at each `guessed` once.")
    _data(d, look, given, folder)
    _subject(d, given)
    d.table("audit")
    d.key("name", name)
    _checks(d, given)
    _policy(d, look, given)
    _words(d, look, given)
    return d.text


def relative(path: Path, folder: Path) -> str:
    """A path as a configuration in that folder gives it; DataError for what would be read as a variable."""
    try:
        said = os.path.relpath(path.absolute(), folder.absolute())
    except ValueError:  # on another drive
        said = str(path.absolute())
    if "${" in said:
        raise DataError(f"{path}: in a configuration ${{…}} stands for a variable: name the file otherwise")
    return Path(said).as_posix()


def _data(d: Draft, look: Look, given: Answers, folder: Path) -> None:
    several = len(given.y_true) > 1
    d.table("data")
    d.key("path", relative(look.path, folder), "relative to this file; ${NAME} stands for an environment variable")
    for option, value in _csv(look, given).items():
        d.key(option, value, "" if option in given.options else "guessed: from the file")
    if (read_as := getattr(look.source, "read_as", "")) and not _csv(look, given):
        d.say(f"It was read with {read_as}; `sep`, `encoding`, `decimal` say it for good.")
    d.key("y_true", list(given.y_true) if several else given.y_true[0], _note(given, "y_true"))
    if given.task != DEFAULT_TASK:
        d.key("task", given.task, _note(given, "task"))
    if given.positive is not None:
        d.key("positive", _plain(given.positive), _note(given, "positive"))
    notes = [f"{n} ({given.guessed[f'sensitive {n}']})" for n in given.sensitive if f"sensitive {n}" in given.guessed]
    if notes:
        d.say(f"guessed: {'; '.join(notes)}")
    d.key("sensitive_features", list(given.sensitive))
    if given.bins:
        d.key("bins", given.bins, "guessed: edges of the bins that are compared")
    for line in told_groups(look, given):
        d.say(line)
    used = _used(given)
    for found in guess.too_many_groups(look, but=used):
        d.say(
            f"'{found.name}' ({found.name} looks like {found.why}) holds too many values to compare one by one: "
            "a column of a few bands of it can stand among the sensitive features."
        )
    weights, ids = guess.weights(look, but=used), guess.ids(look, but=used)
    if weights is not None:
        d.say(f"'{weights.name}' looks like weights of the rows. If it is, take the # away:")
        d.key("weights", weights.name, off=True)
    if ids is not None:
        d.say(f"'{ids.name}' looks like the id of a row ({ids.why}). If it is, take the # away:")
        d.key("row_id", ids.name, off=True)


def _csv(look: Look, given: Answers) -> dict[str, Any]:
    """How the CSV file is written: as somebody said, and as was guessed, so that no report guesses it again."""
    return {**getattr(look.source, "guessed", {}), **given.options}


def _subject(d: Draft, given: Answers) -> None:
    if given.factory is not None:
        d.table("model")
        d.key("factory", given.factory, "returns the net, or an ak.Model with its preprocessing")
        if given.weights is not None:
            d.key("weights", given.weights)
        else:
            d.key("weights", "model.safetensors", "where the factory does not load them itself", off=True)
        d.key(
            "outputs",
            given.outputs or "logits",
            'what the net returns: "logits" or "probabilities"; else auditkit looks',
            off=given.outputs is None,
        )
        return
    d.table("predictions")
    if given.y_pred:
        d.key("y_pred", list(given.y_pred) if len(given.y_pred) > 1 else given.y_pred[0], _note(given, "y_pred"))
    if given.score is not None:
        d.key("score", given.score, _note(given, "score"))
    if given.score_range is not None:
        usual = (
            "their order alone counts" if given.score_range == "ranks" else "the least and the greatest there can be"
        )
        d.key("score_range", _range(given), _note(given, "score_range") or usual)
    if given.threshold is not None:
        d.key("threshold", _plain(given.threshold), _note(given, "threshold") or "positive from this score on")


def _range(given: Answers) -> Any:
    """The ends of the scores, whole numbers without a point."""
    return [_plain(x) for x in given.score_range] if isinstance(given.score_range, list) else given.score_range


def _checks(d: Draft, given: Answers) -> None:
    d.lines.append("")
    d.say(
        "Without any [[check]] the usual questions of the task are asked; one that stands here is asked in place of "
        "them (`auditkit explain all` lists checks)."
    )
    d.table("check", several=True, off=True)
    d.key("name", task_of(given.task).checks[0], off=True)


def _policy(d: Draft, look: Look, given: Answers) -> None:
    d.table("policy")
    d.key("id", "first")
    d.key("owner", "who answers for these rules", off=True)
    d.key("review_by", _in(365), "when somebody looks at them again", off=True)
    d.table("defaults")
    d.key("confidence", 0.95, "an interval holds the true value in 95 of 100 audits")
    d.key("correction", "holm", "the rules of one severity share that error")
    d.say("A rule is undecided where its interval holds the limit: there are too few rows to tell.")
    d.key("on_inconclusive", "warn", '"fail": the gate stops; "warn": it says so and goes on; "pass": it goes on')
    d.say("A rule is not measured where a column is gone, or no two groups are large enough.")
    d.key("on_not_measured", "fail", "likewise")
    d.key("min_n", 10, "groups with fewer rows to count leave a rule, by name")
    metric = METRICS[given.metric]
    d.lines.append("")
    d.say(
        f"{metric.title}: the largest difference between two groups. {_meant(given)} A rule fails where the whole "
        "interval lies beyond the limit, and passes where it lies within."
    )
    if "limit" in given.guessed:
        d.say(f"guessed: metric and limit are {given.guessed['limit']}; which are right is yours to say.")
    for id, attribute in _ids(given):
        d.table("rule", several=True)
        d.key("id", id, "stays: reports, waivers and baselines know the rule by it")
        d.key("metric", given.metric)
        d.key("comparison", "difference")
        d.key("by", [attribute])
        d.key("at_most", given.at_most)
    if given.kind.yes_no and given.metric != "selection_rate":
        d.lines.append("")
        d.say(
            "The four-fifths rule of US employment law: the least selected group, beside the most selected one. As a "
            "warning it is shown and stops nothing."
        )
        for id, attribute in _ids(given, "four-fifths"):
            d.table("rule", several=True)
            d.key("id", id)
            d.key("metric", "selection_rate")
            d.key("comparison", "ratio")
            d.key("by", [attribute])
            d.key("at_least", 0.8)
            d.key("severity", "warning")
    d.lines.append("")
    d.say("A rule that cannot be met yet may be missed for a while, if somebody answers for it:")
    d.table("waiver", several=True, off=True)
    d.key("rule", _ids(given)[0][0], off=True)
    d.key("reason", "why it cannot be met yet", off=True)
    d.key("approved_by", "who answers for it", off=True)
    d.key("expires", _in(90), "the last day on which it holds", off=True)


def _words(d: Draft, look: Look, given: Answers) -> None:
    d.lines.append("")
    d.say("How the page speaks, and what no number knows. Take the # away and say it:")
    d.table("words", off=True)
    d.key("positive", "get a loan", "what a positive decision does, after a plural noun", off=True)
    for name in given.sensitive:
        if name in ("positive", "unit", "target_unit") or name in given.bins:
            continue  # these are words of the page, or bins
        d.table("words", name, off=True)
        for value in look.columns[name].labels[:MOST_SHOWN]:
            d.key(value, value, "a plural noun, such as women", off=True)
    d.table("context", off=True)
    d.key("purpose", "what the model is used for", off=True)
    d.key("affected", "who is affected by its decisions", off=True)
    d.key("decided_by", "who decides in the end", off=True)


def _ids(given: Answers, begin: str = "") -> list[tuple[str, str]]:
    """(id, attribute) of a rule on each attribute, no id twice."""
    out: list[tuple[str, str]] = []
    for name in given.sensitive:
        plain = slug(f"{begin or given.metric.replace('_', '-')}-{name}")
        taken = {id for id, _ in out}
        free = next(id for i in range(len(out) + 1) if (id := plain if not i else f"{plain}-{i + 1}") not in taken)
        out.append((free, name))
    return out


def _in(days: int) -> datetime.date:
    return now().date() + datetime.timedelta(days=days)


def _meant(given: Answers) -> str:
    if METRICS[given.metric].unit == "share":
        points = 100 * given.at_most
        return f"At most {given.at_most:g} means {points:g} points, such as 30% and {30 + points:g}%."
    return f"At most {given.at_most:g}, in the units of the metric."


def _note(given: Answers, answer: str) -> str:
    return f"guessed: {given.guessed[answer]}" if answer in given.guessed else ""


def _used(given: Answers) -> list[str]:
    score: Iterable[str] = () if given.score is None else (given.score,)
    return [*given.y_true, *given.y_pred, *score, *given.sensitive]


def _plain(value: Any) -> Any:
    """A value of the data as TOML holds it: numbers that are whole without a point."""
    if isinstance(value, bool | str):
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, int | float):
        return int(value) if float(value).is_integer() and abs(value) < 2**63 else float(value)
    return written(value)


def asked(look: Look, given: Answers, folder: Path) -> Mapping[str, Any]:
    """What the draft must read back to, whatever the names: the tables of data and of what is judged."""
    data: dict[str, Any] = {"path": relative(look.path, folder), **_csv(look, given)}
    data["y_true"] = list(given.y_true) if len(given.y_true) > 1 else given.y_true[0]
    data["sensitive_features"] = list(given.sensitive)
    if given.bins:
        data["bins"] = given.bins
    if given.task != DEFAULT_TASK:
        data["task"] = given.task
    if given.positive is not None:
        data["positive"] = _plain(given.positive)
    if given.factory is not None:
        model = {"factory": given.factory, "weights": given.weights, "outputs": given.outputs}
        return {"data": data, "model": {k: v for k, v in model.items() if v is not None}}
    y_pred = list(given.y_pred) if len(given.y_pred) > 1 else next(iter(given.y_pred), None)
    said = {"y_pred": y_pred, "score": given.score, "threshold": given.threshold, "score_range": _range(given)}
    return {"data": data, "predictions": {k: v for k, v in said.items() if v is not None}}
