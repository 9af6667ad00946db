"""Labels that look alike and are not the same: a reader of the page cannot tell them apart, so it says which."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from auditkit.batch import MISSING

_LETTERS = dict(
    zip(
        # Cyrillic and Greek letters, each over the Latin one that it looks like
        "АВЕЅІЈКМНОРСТУХҮԚԜһаеѕіјорсухүԛԝԁɡ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ" + "‐‑‒–—−’‘ʼ`´“”",
        "ABESIJKMHOPCTYXYQWhaesijopcyxyqwdg" + "ABEZHIKMNOPTYXovp" + "------'''''\"\"",
        strict=True,
    )
)
_ALIKE = str.maketrans(_LETTERS)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_ABSENT = {
    "",
    "-",
    "--",
    ".",
    "?",
    "n/a",
    "na",
    "nan",
    "nil",
    "none",
    "null",
    "<na>",
    "missing",
    "(missing)",
    "unknown",
}
"""What people write where a value is missing; in this form they are looked up."""
MOST = 6
"""Sets of look-alikes that one caution names."""


def lookalikes(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Sets of labels that differ by case, blanks, letters of another script, or how a number is written only.

    >>> lookalikes(["Other ", "Other", "ASIAN", "Asian", "Black", "1", "1.0"])
    [('1', '1.0'), ('ASIAN', 'Asian'), ('Other', 'Other ')]
    """
    sets: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        sets.setdefault(skeleton(label), []).append(label)
    return sorted(tuple(s) for s in sets.values() if len(s) > 1)


def skeleton(label: str) -> str:
    """What two labels have in common that a reader would not tell apart.

    >>> skeleton(" Аsian\\u00a0 Pac") == skeleton("asian pac")
    True
    """
    text = unicodedata.normalize("NFKC", label.translate(_ALIKE))
    shown = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    folded = " ".join(shown.split()).translate(_ALIKE).casefold()
    if _NUMBER.fullmatch(folded):
        return f"{float(folded):.17g}"
    return folded


def cautions(name: str, labels: Sequence[str], *, missing: bool) -> list[str]:
    """The sentences that a column of labels deserves, if any; `missing`: some rows have no value.

    >>> cautions("race", ["", "a"], missing=True)
    ["'race' has rows whose value is missing and rows whose value is '': they count as different groups."]
    """
    found = lookalikes(labels)
    out = []
    if found:
        told = "; ".join(" and ".join(map(quoted, s)) for s in found[:MOST])
        more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
        out.append(f"'{name}' has labels that look alike and count as different: {told}{more}.")
    absent = [x for x in sorted(set(labels)) if skeleton(x) in _ABSENT and x != MISSING]
    if missing and absent:
        values = ", ".join(map(quoted, absent))
        out.append(
            f"'{name}' has rows whose value is missing and rows whose value is {values}: they count as different "
            "groups."
        )
    return out


def quoted(label: str) -> str:
    """A label so that blanks at its ends, and letters of other scripts that pass for Latin ones, can be seen.

    >>> quoted("Other "), quoted("\\u0410sian")
    ("'Other '", "'\u0410sian' (\u0410 is CYRILLIC CAPITAL LETTER A)")
    """
    strange = [c for c in dict.fromkeys(label) if not c.isascii() and (c in _LETTERS or not c.isprintable())]
    if not strange:
        return f"'{label}'"
    told = ", ".join(
        f"{c if c.isprintable() else f'U+{ord(c):04X}'} is {unicodedata.name(c, 'unnamed')}" for c in strange
    )
    return f"'{label}' ({told})"


def of_groups(name: str, groups: Sequence[str]) -> list[str]:
    """Of the groups of a feature, among them the missing."""
    return cautions(name, [g for g in groups if g != MISSING], missing=MISSING in groups)


def read_as_missing(texts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Which texts of which columns were read as missing, and how often."""
    out = []
    for name, counts in texts.items():
        told = ", ".join(f"'{text}' ({n:,} rows)" for text, n in sorted(counts.items()))
        out.append(f"'{name}': {told} read as missing; na_values=[] (--na-value '') keeps such texts as values.")
    return out
