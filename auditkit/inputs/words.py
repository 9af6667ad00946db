"""What a word of a text is: runs of letters, digits and marks, in any script; where words have no spaces, pieces."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that are written without spaces: there a piece of the tokenizer is told as a word."""
JOINING = "'’\u2010-"
"""What stands inside a word, between letters."""

Span = tuple[int, int]


@cache
def marks() -> str:
    """Combining marks (category M) as a class of a regular expression: letters of a word, though `\\w` has them not."""
    codes = [c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c))[0] == "M"]
    runs: list[list[int]] = []
    for c in codes:
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in runs)


@cache
def word_pattern() -> re.Pattern[str]:
    """A word of a script with spaces: letters, digits, marks, joined by an apostrophe or a hyphen.

    >>> word_pattern().findall("Don’t panic, naïve café: देवी 好看")
    ['Don’t', 'panic', 'naïve', 'café', 'देवी']
    """
    letter = rf"(?:(?![{UNSPACED}])\w|[{marks()}])"
    return re.compile(rf"{letter}+(?:[{JOINING}]{letter}+)*")


def folded(word: str) -> str:
    """A word as it is compared: case folded, in the composed form.

    >>> folded("Straße") == folded("STRASSE"), folded("cafe\\u0301") == folded("Café")
    (True, True)
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", word).casefold()).replace("’", "'")


def word_spans(text: str, pieces: Sequence[Span]) -> list[Span | None]:
    """The word that each piece is part of, by its place in the text; None for a piece without a character of one.

    A piece over several words joins them; one outside of all words (a sign, a script without spaces) is its own.

    >>> word_spans("unlikely, so", [(0, 2), (2, 8), (8, 9), (9, 12), (12, 12)])
    [(0, 8), (0, 8), (8, 9), (10, 12), None]
    """
    spans = [m.span() for m in word_pattern().finditer(text)]
    joined: list[Span] = []
    k = 0
    for start, end in sorted(p for p in pieces if p[1] > p[0]):
        while k < len(spans) and spans[k][1] <= start:
            k += 1
        over = [s for s in spans[k : k + 64] if s[0] < end and s[1] > start]
        if len(over) > 1:
            joined.append((over[0][0], over[-1][1]))
    return [_word_of(text, piece, spans, joined) for piece in pieces]


def _word_of(text: str, piece: Span, spans: Sequence[Span], joined: Sequence[Span]) -> Span | None:
    start, end = piece
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    within = next((s for s in joined if s[0] < end and s[1] > start), None)
    return within or _overlapping(spans, start, end) or (start, end)


def _overlapping(spans: Sequence[Span], start: int, end: int) -> Span | None:
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] <= start:
            low = middle + 1
        else:
            high = middle
    return spans[low] if low < len(spans) and spans[low][0] < end else None


def whole_words(words: Sequence[str], *, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Any of the words or phrases, whole; of scripts without spaces, anywhere. The longest comes first.

    >>> [m[0] for m in whole_words(["she", "she said", "她"]).finditer("she said ashes, 是她的")]
    ['she said', '她']
    """
    inside = rf"[\w{marks()}]"

    def one(word: str) -> str:
        parts = word.split()
        text = r"\s+".join(map(re.escape, parts))
        before = "" if re.match(f"[{UNSPACED}]", word.strip()) else f"(?<!{inside})"
        after = "" if re.search(f"[{UNSPACED}]$", word.strip()) else f"(?!{inside})"
        return f"{before}{text}{after}"

    return re.compile("|".join(one(w) for w in sorted(words, key=lambda w: (-len(w), w))), flags)
