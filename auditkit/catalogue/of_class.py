"""The rates of one class against the rest, and of one label of several, in words: "told “high”", not "selected"."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from auditkit.catalogue.metric import Metric
    from auditkit.records import Finding


MISTAKEN = "mistaken_class"
"""What classes are mistaken for."""


class ClassWords(NamedTuple):
    """A rate of one class `{c}`; `{first}` is "20 of every 100 women", `{rest}` " and 64 of every 100 men" or empty."""

    head: str
    """Of what the rate is, before a colon."""
    frequencies: str
    """The first sentence that a reader sees."""
    less_often: str
    """That `{low}` has a lower rate than `{high}`, as a clause."""
    any: str
    """The head where no class is named."""


CLASS_WORDS = {
    "selection_rate": ClassWords(
        "told “{c}”",
        "{first} are told “{c}”{rest}.",
        "{low} are told “{c}” less often than {high}",
        "who is told which class",
    ),
    "base_rate": ClassWords(
        "really “{c}”",
        "{first} are really “{c}”{rest}.",
        "{low} are really “{c}” less often than {high}",
        "who is really of which class",
    ),
    "true_positive_rate": ClassWords(
        "told “{c}”, of those who are really “{c}”",
        "Of the people who are really “{c}”, {first} are told “{c}”{rest}.",
        "of those who are really “{c}”, {low} are told so less often than {high}",
        "told the true class, of those who are of it",
    ),
    "false_negative_rate": ClassWords(
        "told something else, of those who are really “{c}”",
        "Of the people who are really “{c}”, {first} are told something else{rest}.",
        "of those who are really “{c}”, {high} are told something else more often than {low}",
        "told another class, of those who are of one",
    ),
    "false_positive_rate": ClassWords(
        "told “{c}”, of those who are something else",
        "Of the people who are really something else, {first} are told “{c}”{rest}.",
        "of those who are something else, {high} are told “{c}” more often than {low}",
        "told a class, of those who are of another",
    ),
    "true_negative_rate": ClassWords(
        "rightly not told “{c}”, of those who are something else",
        "Of the people who are really something else, {first} are rightly not told “{c}”{rest}.",
        "of those who are something else, {low} are spared “{c}” less often than {high}",
        "rightly not told a class, of those who are of another",
    ),
    "precision": ClassWords(
        "really “{c}”, of those told “{c}”",
        "Of the people who are told “{c}”, {first} really are{rest}.",
        "{low} who are told “{c}” really are so less often than {high}",
        "really of the class that they are told",
    ),
}
"""Metric → its words, of one class of several."""

LABEL_WORDS = {
    "selection_rate": ClassWords(
        "given “{c}”",
        "{first} are given the label “{c}”{rest}.",
        "{low} are given the label “{c}” less often than {high}",
        "who is given which label",
    ),
    "base_rate": ClassWords(
        "truly “{c}”",
        "{first} truly have the label “{c}”{rest}.",
        "{low} truly have the label “{c}” less often than {high}",
        "who truly has which label",
    ),
    "true_positive_rate": ClassWords(
        "given “{c}”, of those who truly have it",
        "Of the people who truly have the label “{c}”, {first} are given it{rest}.",
        "of those who truly have “{c}”, {low} are given it less often than {high}",
        "given a label, of those who truly have it",
    ),
    "false_negative_rate": ClassWords(
        "not given “{c}”, of those who truly have it",
        "Of the people who truly have the label “{c}”, {first} are not given it{rest}.",
        "of those who truly have “{c}”, {high} are not given it more often than {low}",
        "not given a label, of those who truly have it",
    ),
    "false_positive_rate": ClassWords(
        "given “{c}”, of those who do not have it",
        "Of the people without the label “{c}”, {first} are wrongly given it{rest}.",
        "of those without “{c}”, {high} are wrongly given it more often than {low}",
        "given a label, of those who do not have it",
    ),
    "true_negative_rate": ClassWords(
        "rightly not given “{c}”, of those who do not have it",
        "Of the people without the label “{c}”, {first} are rightly not given it{rest}.",
        "of those without “{c}”, {low} are spared it less often than {high}",
        "rightly not given a label, of those who do not have it",
    ),
    "precision": ClassWords(
        "truly “{c}”, of those given it",
        "Of the people who are given the label “{c}”, {first} truly have it{rest}.",
        "{low} who are given “{c}” truly have it less often than {high}",
        "truly of the label that they are given",
    ),
    "accuracy": ClassWords(
        "right about “{c}”",
        "About the label “{c}”, the model is right for {first}{rest}.",
        "about “{c}”, the model is less often right for {low} than for {high}",
        "right about a label",
    ),
}
"""Metric → its words, of one label that a row may have beside others."""


def worded(f: "Finding", metric: "Metric | None", label: str, *, several_labels: bool = False) -> "Finding":
    """A binary audit's finding as that of one class, or of one label of several: its sentence says which.

    "Selected, of everybody: women 20.1%, …" becomes "Told “high”: women 20.1%, …".
    """
    own = (LABEL_WORDS if several_labels else CLASS_WORDS).get(f.metric)
    said, found = f.statement, f.of_label(label)
    if own is None or metric is None:
        return found
    head = own.head.format(c=label)
    start, is_, told = f"Of {metric.denominator_words}, ", f" are {metric.plain} (", said
    if said.startswith(f"{metric.head}:"):
        told = said.removeprefix(metric.head)
    elif said.startswith(start) and is_ in said:
        told = f": {said.removeprefix(start).replace(is_, ' (', 1)}"
    else:
        return found
    return found.model_copy(update={"statement": f"{head[:1].upper()}{head[1:]}{told}"})
