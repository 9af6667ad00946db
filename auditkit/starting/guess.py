"""What columns are likely to be, and why: by their names, and by their few values. A guess says that it is one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from auditkit.errors import listing
from auditkit.records import NUMERIC, SEVERAL, YES_NO
from auditkit.starting.look import Column, Look

MOST_GROUPS = 20
"""Values of a column, up to which it is compared unless somebody asks."""
_TRUTH = ("y_true", "target", "truth", "ground_truth", "label", "outcome", "actual", "observed", "y", "class")
"""Names of a truth, whatever it is about."""
_OUTCOMES = (
    *("repaid", "paid_back", "paid", "defaulted", "default", "delinquent", "charged_off", "survived", "died"),
    *("churned", "churn", "recidivism", "reoffended", "readmitted", "graduated", "fraud", "income"),
    *("zurückgezahlt", "bezahlt", "ausgefallen", "hired", "admitted"),
)
"""Names of what turned out; those that somebody decided too stand last."""
_DECISIONS = (
    *("y_pred", "y_hat", "yhat", "pred", "preds", "prediction", "predictions", "predicted", "decision", "decisions"),
    *("decided", "forecast", "entscheidung", "vorhersage", "prognose"),
)
"""Names of what a model says."""
_DECIDED = (
    *("approved", "approval", "accepted", "granted", "selected", "shortlisted", "invited", "recommended", "flagged"),
    *("rejected", "denied", "declined", "refused", "bewilligt", "genehmigt", "angenommen", "abgelehnt"),
)
"""Names of what somebody or something decided: never taken for a truth."""
_TRUE = {"true", "actual", "truth", "observed"}
_SCORES = ("score", "scores", "proba", "prob", "probability", "y_score", "y_prob", "y_proba", "risk", "confidence")
_SENSITIVE = {
    "sex": ("sex", "gender", "geschlecht", "sexe", "genre", "sexo", "genero"),
    "race or ethnicity": ("race", "ethnicity", "ethnic", "ethnie", "skin", "skintone", "hispanic"),
    "age": ("age", "agegroup", "ageband", "alter", "edad"),
    "religion": ("religion", "faith"),
    "disability": ("disability", "disabled", "handicap"),
    "origin": ("nationality", "citizenship", "nativity", "origin", "birthplace", "native", "migration"),
    "language": ("language", "mothertongue"),
    "family": ("marital", "pregnant", "pregnancy", "parental"),
    "orientation": ("orientation", "lgbt", "lgbtq"),
}
_WOMEN = {"f", "female", "woman", "women", "w", "girl", "frau", "weiblich", "femme"}
_MEN = {"m", "male", "man", "men", "boy", "mann", "männlich", "homme", "h"}
_RACES = {
    *("white", "black", "asian", "hispanic", "latino", "latina", "latinx", "caucasian", "african-american"),
    *("african american", "native american", "pacific islander", "amer-indian-eskimo", "asian-pac-islander"),
}
_WEIGHTS = ("weight", "weights", "sample_weight", "fnlwgt", "pweight", "wgt")
_IDS = ("id", "uuid", "key", "case", "number", "nr", "no")
_POSITIVE = (
    *(
        "1",
        "yes",
        "y",
        "true",
        "positive",
        "pos",
        "approved",
        "approve",
        "accept",
        "accepted",
        "hired",
        "hire",
        "granted",
    ),
    *("admitted", "good", "pass", "passed", "high", "ja", "oui", "si", "sí"),
)


class Guess(NamedTuple):
    """A column, and why it is taken for something."""

    name: str
    why: str


def tokens(name: str) -> set[str]:
    """The words of a name: the name itself, its parts, and neighbours joined.

    >>> sorted(tokens("ageGroup_2"))
    ['2', 'age', 'agegroup', 'agegroup2', 'group', 'group2']
    """
    parts = [p for p in re.split(r"[\W_]+", re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).lower()) if p]
    joined = ("".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, min(i + 3, len(parts)) + 1))
    return {*joined}


def _named(columns: Iterable[Column], words: Iterable[str]) -> Column | None:
    """The column whose name says it most plainly: by the order of the words."""
    known = list(columns)
    for word in words:
        found = next((c for c in known if _plain(c.name) == _plain(word)), None)
        if found is not None:
            return found
    for word in words:
        found = next((c for c in known if _plain(word) in tokens(c.name)), None)
        if found is not None and len(word) > 1:
            return found
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def decisions(look: Look, *, but: Iterable[str] = ()) -> Guess | None:
    """The column of decisions, by its name."""
    free = [c for c in look.columns.values() if c.name not in set(but) and (c.few or c.kind == "number")]
    found = _named(free, _DECISIONS) or _named(free, _DECIDED)
    if found is None:
        return None
    free_names = {c.name for c in free} - {found.name}
    others = [f"'{c.name}'" for c in like_decisions(look) if c.name in free_names]
    return Guess(found.name, f"by its name; so could be {listing(others, most=6)}" if others else "by its name")


def score(look: Look, *, but: Iterable[str] = ()) -> Guess | None:
    """The column of probabilities: by its name, and numbers from 0 to 1."""
    free = [
        c
        for c in look.columns.values()
        if c.name not in set(but) and c.kind == "number" and c.low is not None and c.low >= 0 and (c.high or 0) <= 1
    ]
    found = _named([c for c in free if not c.whole], _SCORES)
    return None if found is None else Guess(found.name, "by its name, and numbers from 0 to 1")


def sensitive(look: Look, *, but: Iterable[str] = ()) -> list[Guess]:
    """Columns that say of what group somebody is: by their names, or, which is said, by their values."""
    out = []
    for c in look.columns.values():
        if c.name in set(but) or not (2 <= len(c.values) <= MOST_GROUPS or in_bins(c)):
            continue
        by_name = next((what for what, words in _SENSITIVE.items() if tokens(c.name) & set(words)), None)
        if in_bins(c) and by_name != "age":
            continue
        labels = {x.strip().lower() for x in c.labels}
        if by_name is not None:
            out.append(Guess(c.name, f"{by_name}, by its name"))
        elif labels & _WOMEN and labels & _MEN:
            out.append(Guess(c.name, "sex, by its values alone"))
        elif len(labels & _RACES) > 1:
            out.append(Guess(c.name, "race or ethnicity, by its values alone"))
    return out


def in_bins(c: Column) -> bool:
    """Whether a column is compared in bins: numbers, too many to be groups."""
    return c.kind == "number" and bool(c.quartiles) and not 0 < len(c.values) <= MOST_GROUPS


def bins(c: Column) -> list[float]:
    """Edges of bins: usual ones of ages in years, else about the quartiles."""
    assert c.low is not None
    assert c.high is not None
    if any(w in tokens(c.name) for w in _SENSITIVE["age"]) and c.low >= 0 and 1 < c.high <= 120:
        return [0, 30, 45, 60, 120]
    edges = sorted({c.low, *c.quartiles, c.high})
    return [int(x) if float(x).is_integer() else float(f"{x:.6g}") for x in edges]


def too_many_groups(look: Look, *, but: Iterable[str] = ()) -> list[Guess]:
    """Columns whose names say that they are sensitive, and that hold too many values to be compared one by one."""
    return [
        Guess(c.name, what)
        for c in look.columns.values()
        for what, words in _SENSITIVE.items()
        if c.name not in set(but)
        and tokens(c.name) & set(words)
        and not 0 < len(c.values) <= MOST_GROUPS
        and not in_bins(c)
    ]


def like_decisions(look: Look) -> list[Column]:
    """The columns that are named like decisions: what a model, or somebody, said before it turned out."""
    words = {_plain(word) for word in (*_DECISIONS, *_DECIDED)}
    return [c for c in look.columns.values() if tokens(c.name) & words and not tokens(c.name) & _TRUE]


def target(look: Look, *, but: Iterable[str] = ()) -> Guess | None:
    """The column of the truth: by its name, by that of a decision, by the labels that it alone shares with one, or,
    where no column is named like a decision, as the last. None that is named like one; `but` are those that are known
    to be something else."""
    named = like_decisions(look)
    taken = {*but, *(c.name for c in named), *(g.name for g in sensitive(look))}
    free = [c for c in look.columns.values() if c.name not in taken and (c.few or c.kind == "number")]
    if any(c.few for c in named):  # about labels, so that the truth is one too
        free = [c for c in free if c.few]
    if found := _named(free, _TRUTH):
        return Guess(found.name, "by its name")
    for decided in named:
        if within := next((c for c in free if _plain(c.name) in tokens(decided.name)), None):
            return Guess(within.name, f"its name is in that of '{decided.name}'")
    labels = [c for c in free if 2 <= len(c.values) <= MOST_GROUPS and not c.each_its_own]
    if found := _named(labels, _OUTCOMES):
        return Guess(found.name, "by its name")
    for decided in [*named, *(look.columns[n] for n in but if n in look.columns)]:
        own = set(decided.labels)
        more = [c for c in labels if own and own < set(c.labels) and (len(c.labels) <= 2 or c.kind == "text")]
        same = [c for c in labels if own == set(c.labels)] or more
        if len(same) == 1:
            return Guess(same[0].name, f"it holds the labels of '{decided.name}'")
    last = next((c for c in labels if c.name == list(look.columns)[-1] and not named), None)
    return None if last is None else Guess(last.name, "the last column, of few values")


def positive(column: Column) -> Guess | None:
    """The label that counts as positive: by its name, or the rarer one."""
    labels = column.labels
    named = next((x for word in _POSITIVE for x in labels if x.strip().lower() == word), None)
    if named is not None:
        return Guess(named, "by its name")
    return Guess(labels[-1], "the rarer one") if labels else None


def weights(look: Look, *, but: Iterable[str] = ()) -> Guess | None:
    """A column of weights, by its name and its numbers."""
    free = [c for c in look.columns.values() if c.name not in set(but) and c.kind == "number" and (c.low or 0) >= 0]
    found = _named(free, _WEIGHTS)
    return None if found is None else Guess(found.name, "by its name")


def ids(look: Look, *, but: Iterable[str] = ()) -> Guess | None:
    """A column that names each row: by its name, and no two rows of those looked at share a value."""
    for c in look.columns.values():
        if c.name not in set(but) and c.each_its_own and c.rows > 1 and tokens(c.name) & set(_IDS):
            return Guess(c.name, "by its name; no two rows that were looked at share a value")
    return None


def task(truth: Column, decided: Column | None) -> Guess:
    """What is predicted, by the values of the truth (and of the decisions)."""
    if truth.few and len(truth.values) <= 2:
        return Guess(YES_NO, f"'{truth.name}' holds {len(truth.values)} values")
    numbers = truth.kind == "number"
    fractions = decided is not None and decided.kind == "number" and not decided.whole
    if numbers and (fractions or not truth.whole or len(truth.values) > MOST_GROUPS or not truth.few):
        return Guess(NUMERIC, f"'{truth.name}' holds numbers")
    return Guess(SEVERAL, f"'{truth.name}' holds {len(truth.values)} values")
