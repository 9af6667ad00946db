"""What two audits were made of: model, data, auditkit, what was asked; and whether that can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditkit.comparing.changes import InputChange
from auditkit.errors import ReportError, listing
from auditkit.records import Report

_MODEL = {
    "name": "the model's name",
    "kind": "what was audited (a net, or predictions)",
    "sha256": "the SHA-256 of the model's weights",
    "parameters": "the number of parameters",
    "threshold": "the threshold of decisions",
    "weights": "where the weights come from",
}
_DATA = {
    "name": "the name of the data",
    "rows": "the number of rows",
    "sha256": "the SHA-256 of the rows",
    "y_true": "the target",
    "positive": "the label that counts as positive",
    "classes": "the classes",
    "missing_target": "the number of rows without a target",
    "missing_prediction": "the number of rows without a prediction",
    "weighting": "how rows count",
    "row_id": "the column that names rows",
}


def comparable(old: Report, new: Report, names: tuple[str, str]) -> None:
    """ReportError for reports of other tasks: their metrics are not the same questions."""
    a, b = (r.provenance.data.task for r in (old, new))
    if a != b:
        raise ReportError(
            f"{names[0]} audits a {a} task and {names[1]} a {b} one: only reports of one task can be compared"
        )


def input_changes(old: Report, new: Report) -> tuple[InputChange, ...]:
    """What is another in what was audited, and in how."""
    a, b = old.provenance, new.provenance
    found = [
        *_of("model", _MODEL, a.model, b.model),
        *_of("data", _DATA | _decided(old, new), a.data, b.data),
        *_of("auditkit", {"auditkit": "the version of auditkit"}, a, b),
        *_of("report", {"seed": "the seed", "sample": "the rows that explanations use"}, a, b),
        *_features(old, new),
        *_checks(old, new),
    ]
    for package in sorted({*a.versions, *b.versions}):
        was, now = a.versions.get(package, ""), b.versions.get(package, "")
        if was != now:
            found.append(_change("auditkit", package, f"the version of {package}", was, now))
    return tuple(found)


def cautions(old: Report, new: Report) -> Iterator[str]:
    """What a reader must know before believing any difference."""
    a, b = old.provenance, new.provenance
    if a.data.y_true != b.data.y_true or a.data.positive != b.data.positive or a.data.classes != b.data.classes:
        yield "The reports predict something else (target, positive label or classes): two questions are compared."
    if same_rows(old, new):
        yield (
            "Both audits read the same rows. The intervals below do not know that, and are too wide: an audit of both "
            "models at once, ak.audit(new, data, against=old), pairs the rows and sees smaller changes."
        )
    if (a.data.weighting is None) != (b.data.weighting is None):
        yield "Rows count otherwise in one of the reports (weights or clusters)."
    if b.created < a.created:
        yield "The report that was given as the new one was made before the old one."


def same_rows(old: Report, new: Report) -> bool | None:
    """Whether both audits read the same rows, whatever was decided of them; None: not known."""
    a, b = old.provenance, new.provenance
    known = a.data.same_rows(b.data)
    nets = a.model.kind == b.model.kind == "torch" and a.data.sha256 and b.data.sha256
    return False if known is None and nets else known  # the hash of a net's rows holds no decisions


def cause(old: Report, new: Report) -> str:
    """To what a difference can be due: one sentence."""
    a, b = old.provenance.model.sha256, new.provenance.model.sha256
    rows = same_rows(old, new)
    if rows is None:
        return "Whether the rows are the same is not known: a difference can be due to them as well as to the model."
    if a is None or b is None:
        if rows:
            return "The rows are the same people and truths: what differs is due to the decisions."
        return "The rows are others, so that a difference can be due to them as well as to the model."
    if a == b:
        return "" if rows else "The model is the same and the rows are others: what differs is due to the rows."
    if rows:
        return "The model is another and the rows are the same: what differs is due to the model."
    return "Model and rows are others: a difference can be due to either."


def _of(what: Any, keys: dict[str, str], old: Any, new: Any) -> Iterator[InputChange]:
    for key, words in keys.items():
        a, b = getattr(old, key), getattr(new, key)
        if a != b:
            yield _change(what, key, words, _told(a), _told(b))


def _decided(old: Report, new: Report) -> dict[str, str]:
    """The hash of the rows of predictions covers their decisions: people and truths can be the same all the same."""
    if all(r.provenance.model.kind == "torch" for r in (old, new)):
        return {}
    same = " (the people and truths are the same)" if same_rows(old, new) else ""
    return {"sha256": f"the SHA-256 of the rows with their decisions{same}"}


def _features(old: Report, new: Report) -> Iterator[InputChange]:
    a, b = old.provenance.data.sensitive_features, new.provenance.data.sensitive_features
    if set(a) != set(b):
        yield _change("data", "sensitive_features", "the sensitive features", listing(a), listing(b))


def _checks(old: Report, new: Report) -> Iterator[InputChange]:
    """Checks by their evidence, and their options; a public report has neither."""
    if any(r.disclosure is not None and r.disclosure.profile == "public" for r in (old, new)):
        return
    for key in sorted({*old.gathered, *new.gathered}):
        a, b = old.evidence.get(key), new.evidence.get(key)
        if key in old.gathered and key in new.gathered and (a is None or b is None):
            continue  # both asked; the options of evidence that lies elsewhere are not known
        if a is None or b is None:
            said = f"The check {key} is {'new' if a is None else 'no longer asked, or gave nothing'}."
            yield InputChange(what="checks", key=key, old=_there(a), new=_there(b), statement=said)
            continue
        for option in sorted({*a.options, *b.options}):
            x, y = _told(a.options.get(option)), _told(b.options.get(option))
            if x != y:
                yield _change("checks", f"{key}.{option}", f"the option {option} of the check {key}", x, y)


def _there(x: object) -> str:
    return "" if x is None else "asked"


def _change(what: Any, key: str, words: str, old: str, new: str) -> InputChange:
    said = f"{words[0].upper()}{words[1:]}: {_short(old)}, now {_short(new)}."
    return InputChange(what=what, key=key, old=old, new=new, statement=said)


def _told(x: Any) -> str:
    if x is None or x == () or x == "":
        return ""
    if isinstance(x, tuple | list):
        return listing(x)
    return f"{x:,}" if isinstance(x, int) and not isinstance(x, bool) else str(x)


def _short(text: str) -> str:
    digest = len(text) == 64 and all(c in "0123456789abcdef" for c in text)
    return f"{text[:12]}…" if digest else text or "none"
