"""Words of texts exchanged by a lexicon: a swap whose case, plurals and pronoun forms are kept, and that says what it
did."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats
from auditkit.errors import NotExplained, PolicyError, listing
from auditkit.inputs.words import whole_words

GENDER = "gender"
"""The name of the lexicon that is there: English words of gender."""
Pairs = tuple[tuple[str, str], ...]
_EXAMPLE = '[["Emily", "Greg"], ["she", "he"]]'
_BEFORE_NOUN = {"her": "his", "his": "her"}
"""Pronouns of two meanings, and their counterparts where a noun follows: her book, his book."""
_ALONE = {"her": "him", "his": "hers"}
"""Likewise where none does: saw her, is his."""
_NO_NOUN = """
    a about after again against all along also although am an and another any anyone anything are around as at away
    back be because been before behind being below beneath beside besides between both but by can could did do does
    down during each either enough even ever every everyone everything for from had has have he her here hers him
    his how i if in inside into is it its just later like may me might more most much must my near neither never
    next no nor not nothing now of off on once one onto or our out outside over past perhaps quite she should since
    so some someone something soon than that the their them then there these they this those though through
    throughout till to today together tomorrow tonight too toward towards under unless until up upon was we well
    were what when where whether which while who whom whose why will with within without would yesterday yet you
    your
"""
"""Words after which "her" and "his" stand for a person, as no noun begins there."""


@dataclass(frozen=True)
class SwapWords:
    """Texts of a column with each word of a pair in the other's place: see `swap_words`."""

    column: str
    pairs: Pairs
    plurals: bool = True
    name: str = "words"
    _of: dict[str, tuple[str, str]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """Word in lower case → the word as the lexicon writes it, and its counterpart."""

    def __post_init__(self) -> None:
        several: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for a, b in self._with_plurals():
            several[a.lower()].append((a, b))
            several[b.lower()].append((b, a))
        for word, found in several.items():
            others = list(dict.fromkeys(b.lower() for _, b in found))
            if len(others) > 1 and {*others} != {_BEFORE_NOUN.get(word), _ALONE.get(word)} and word not in _FIRST:
                raise PolicyError(
                    f"swap_words: '{word}' has two counterparts, {listing(others)}: give each word one (of her, "
                    "him and his, and of his, her and hers, the word that follows tells it)"
                )
            self._of[word] = found[0]

    def _with_plurals(self) -> Pairs:
        """The pairs, and the plurals of those that have none there."""
        known = {w.lower() for pair in self.pairs for w in pair}
        more = [
            (plural(a), plural(b)) for a, b in self.pairs if self.plurals and not {a.lower(), b.lower()} & _PRONOUNS
        ]
        return (*self.pairs, *((a, b) for a, b in more if not {a.lower(), b.lower()} & known))

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with the words of their texts exchanged; missing texts stay. NotExplained without such a column."""
        return rows.assign(
            **{self.column: [self.swapped(v)[0] if isinstance(v, str) else v for v in self._texts(rows)]}
        )

    def done(self, rows: pd.DataFrame) -> list[list[tuple[str, str]]]:
        """(N,) of each row what is exchanged, (word, what it becomes), in lower case."""
        return [self.swapped(v)[1] if isinstance(v, str) else [] for v in self._texts(rows)]

    @property
    def ways(self) -> tuple[str, str, str]:
        """How words can be exchanged in a row: all to the right of their pairs, all to the left, or both."""
        (a, b), more = self.pairs[0], ", …" if len(self.pairs) > 1 else ""
        return f"{a}{more} → {b}{more}", f"{b}{more} → {a}{more}", "both ways"

    def way(self, done: Sequence[tuple[str, str]]) -> int:
        """Which of `ways` it is that these words were exchanged."""
        right = {a in self._left for a, _ in done}
        return 2 if len(right) == 2 else 0 if right == {True} else 1

    def options(self) -> dict[str, Any]:
        """As a configuration writes it."""
        own = [list(p) for p in self.pairs]
        words: Any = GENDER if self.pairs == gender_words() else own
        return {
            "column": self.column,
            "words": words,
            **({} if self.plurals or words == GENDER else {"plurals": False}),
        }

    def note(self) -> str:
        """How words of two meanings are told apart; empty where the lexicon has none."""
        two = [w for w in _ALONE if w in self._of and len({b for a, b in self._both if a == w}) > 1]
        told = [f"“{w}” becomes “{_BEFORE_NOUN[w]}” where a noun can follow, else “{_ALONE[w]}”" for w in two]
        return "; ".join([*told, "each is counted"]) if told else ""

    @property
    def _both(self) -> Iterable[tuple[str, str]]:
        return [(x.lower(), y.lower()) for a, b in self.pairs for x, y in ((a, b), (b, a))]

    @cached_property
    def _left(self) -> set[str]:
        return {a.lower() for a, _ in self._with_plurals()}

    def _texts(self, rows: pd.DataFrame) -> Iterable[Any]:
        if self.column not in rows:
            raise NotExplained(f"the model is given no column '{self.column}' of texts; it has {listing(rows.columns)}")
        return rows[self.column]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return whole_words([*self._of], flags=re.IGNORECASE)

    def swapped(self, text: str) -> tuple[str, list[tuple[str, str]]]:
        """A text with its words exchanged, all at once, and what was done.

        >>> swap_words("t").swapped("HER son thanked her. She smiled.")[0]
        'HIS daughter thanked him. He smiled.'
        """
        given = unicodedata.normalize("NFC", text)
        done: list[tuple[str, str]] = []

        def other(found: re.Match[str]) -> str:
            word = found[0]
            key = " ".join(word.lower().split())
            written, counterpart = self._of[key]
            if key in _ALONE and (key, _BEFORE_NOUN[key]) in self._both and (key, _ALONE[key]) in self._both:
                counterpart = (_BEFORE_NOUN if _noun_follows(given[found.end() :]) else _ALONE)[key]
            done.append((key, counterpart.lower()))
            return cased(word, written, counterpart)

        out = self._pattern.sub(other, given)
        return (out, done) if done else (text, [])


def swap_words(column: str, words: Any = GENDER, *, plurals: bool = True, name: str = "") -> SwapWords:
    """A swap for `FlipTest(swap=…)`: texts with names, pronouns or other words exchanged.

    Parameters
    ----------
    column
        The column of texts.
    words
        Pairs, `[("Emily", "Greg"), …]` or `{"Emily": "Greg"}`: each word becomes the other, both ways, whole words
        only, all at once. `"gender"`: English words of gender (`gender_words()`).
    plurals
        Whether nouns are exchanged in the plural too, by the rules of English (nurse: nurses, woman: women).
    name
        What the swap is called; empty: by the lexicon or its first pair.

    Case is kept (SHE: HE, She: He), possessives with 's as well. "her" and "his" have two counterparts: where a noun
    can follow they are possessive (her book: his book), else not (saw her: saw him); the report counts each. A row
    without any of the words is counted apart.

    Raises PolicyError for words without a counterpart, or with several.

    >>> swap_words("review", {"Emily": "Greg"}).swapped("EMILY and Emily's cat")[0]
    "GREG and Greg's cat"
    """
    pairs = gender_words() if words == GENDER else _pairs(words)
    first = "gender words" if words == GENDER else f"{pairs[0][0]} ↔ {pairs[0][1]}"
    more = f", {len(pairs) - 1} more" if words != GENDER and len(pairs) > 1 else ""
    return SwapWords(str(column), pairs, bool(plurals) and words != GENDER, name or f"{first}{more}"[:80])


def lexicon(name: str, table: Mapping[str, Any]) -> SwapWords:
    """The swap that a configuration writes as a table: `swap = { name = { column = "review", words = "gender" } }`."""
    keys = ("column", "words", "plurals")
    odd = next((k for k in table if k not in keys), None)
    if odd is not None or not isinstance(table.get("column"), str):
        what = "it lacks the name of a column" if odd is None else f"it has '{odd}'"
        raise PolicyError(f"the swap '{name}' has column, words and perhaps plurals; {what}")
    return swap_words(table["column"], table.get("words", GENDER), plurals=bool(table.get("plurals", True)), name=name)


class Exchanged(NamedTuple):
    """What a lexicon did to rows, for a report."""

    facts: dict[str, Any]
    """`words`, (word, what it becomes, rows) of enough rows, `rare_words`, how many others, `ways`, how words can be
    exchanged, and `note`, how words of two meanings are told apart; nothing of other swaps."""
    way: Floats | None
    """(N,) the place in `ways` of what was done in the row."""


def exchanged(swap: Any, rows: pd.DataFrame, fewest: int) -> Exchanged:
    """What a lexicon did, of words of `fewest` rows or more."""
    if not isinstance(swap, SwapWords):
        return Exchanged({}, None)
    each = swap.done(rows)
    done = Counter(change for own in each for change in set(own))
    told = [[a, b, n] for (a, b), n in sorted(done.items(), key=lambda x: (-x[1], x[0])) if n >= fewest]
    facts = {"words": told, "rare_words": len(done) - len(told), "ways": list(swap.ways), "note": swap.note()}
    return Exchanged(facts, np.array([swap.way(own) for own in each], float))


def gender_words() -> Pairs:
    """English words of gender, as pairs (female, male), with their source in the file beside this module.

    >>> gender_words()[:2]
    (('she', 'he'), ('her', 'him'))
    """
    text = (files("auditkit.robustness") / "gender.toml").read_text(encoding="utf-8")
    return tuple((str(a), str(b)) for a, b in tomllib.loads(text)["pairs"])


def cased(word: str, written: str, other: str) -> str:
    """The counterpart in the case of a word that the lexicon writes so.

    >>> [cased(w, "emily", "greg") for w in ("EMILY", "Emily", "emily")], cased("Emily", "Emily", "DJ")
    (['GREG', 'Greg', 'greg'], 'DJ')
    """
    if word == written:
        return other
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other.lower()


def plural(noun: str) -> str:
    """The plural of an English noun, by rule.

    >>> [plural(n) for n in ("nurse", "Chinese", "lady", "boss", "policewoman", "wife", "child")]
    ['nurses', 'Chinese', 'ladies', 'bosses', 'policewomen', 'wives', 'children']
    """
    low = noun.lower()
    if low.endswith("ese"):
        return noun
    if low.endswith("man") and low not in ("human", "german", "roman"):
        return f"{noun[:-2]}en"
    if low in ("child", "grandchild"):
        return f"{noun}ren"
    if low.endswith("person") and low != "person":
        return f"{noun[:-6]}people"
    if low.endswith(("wife", "life", "knife")):
        return f"{noun[:-2]}ves"
    if low.endswith("y") and low[-2:-1] not in (*"aeiou", ""):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if low.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


_PRONOUNS = {
    "she",
    "he",
    "her",
    "him",
    "his",
    "hers",
    "herself",
    "himself",
    "they",
    "them",
    "their",
    "theirs",
    "i",
    "me",
}
_FIRST = frozenset(["dad", "dads"])
"""Words of several counterparts that mean the same, of which the first is taken."""


def _noun_follows(rest: str) -> bool:
    found = re.match(r"[ \t]+(?:[\"“‘'(])?([^\W\d_]+)", rest)
    return found is not None and found[1].lower() not in _NO_NOUN.split()


def _pairs(words: Any) -> Pairs:
    listed = [*words.items()] if isinstance(words, Mapping) else words
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise PolicyError(f"swap_words takes pairs of words, as in {_EXAMPLE}, or '{GENDER}'; got {words!r:.60}")
    out = []
    for pair in listed:
        one = tuple(pair) if isinstance(pair, list | tuple) else ()
        if len(one) != 2 or not all(isinstance(w, str) and re.search(r"\w", w) for w in one) or one[0] == one[1]:
            raise PolicyError(f"swap_words takes pairs of two different words, as in {_EXAMPLE}; got {pair!r:.60}")
        a, b = (" ".join(unicodedata.normalize("NFC", w).split()) for w in one)
        out.append((a, b))
    if not out:
        raise PolicyError(f"swap_words takes one pair or more, as in {_EXAMPLE}")
    return tuple(out)
