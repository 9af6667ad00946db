"""Mutations of texts and of parsed documents, and the one judgement of all of them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

import auditkit as ak
from auditkit import errors
from tests.fuzz.budget import MEGABYTES, SECONDS
from tests.limits import Ran, run

CORPUS = Path(__file__).parent / "corpus"
DECLARED = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
JUNK: tuple[Any, ...] = (
    "", "x", "sex", "age", "y", "a\0b", "\u202e", "::error::x", "é" * 300, " ", "NaN", "-1", "selection_rate", 0, 1,
    -1, 2, 7, 10**6, 10**12, 2**63, -(2**70), 10**400, 0.0, 0.5, 1.0, -0.1, 1e-300, 1e300, math.inf, -math.inf,
    math.nan, True, False, None, [], [[]], [""], ["sex"], ["sex", "sex"], [["sex"], ["age"]], [1, "a"], [0.1, 0.9],
    [0.9, 0.1], {}, {"": 1}, {"sex": "m"}, {"sex": {"f": 2.0}}, {"sex": {"f": 0.5, "m": 0.5}}, b"bytes",
    datetime.date(2027, 5, 1), 1j, object, {"a", "b"}, ("sex",),
)  # fmt: skip
"""Values that options, keys and cells are not, mostly."""
_TOKENS = (
    "[", "]", "[[", "]]", "{", "}", '"', "'", '"""', "=", ",", ".", "\n", "#", "\0", "\r", "\ufeff", "🙂", "é", "-",
    "nan", "inf", "-inf", "1e999", "9" * 5_000, "[" * 3_000, "true", "1979-05-27", "0x", "_", '"\\u0000"', "[rule]",
    "[[rule]]", "[[check]]", "[policy]", 'by = "sex"', "at_most = 1", 'name = "proxies"', "seed = -1", "= []", "= {}",
)  # fmt: skip


def judged(call: Callable[[], Any]) -> Ran:
    """Run it within the limits of a case: it returns, or raises one declared error of one line."""
    ran = run(call, seconds=SECONDS, megabytes=MEGABYTES)
    assert ran.error == "" or ran.error in DECLARED, f"{ran.error}: {ran.message[:2_000]}"
    assert ran.error == "" or 10 <= len(ran.message) < 3_000, ran.message[:3_000]
    assert "\n" not in ran.message, ran.message
    return ran


def texts(folder: str) -> list[str]:
    """The corpus of a kind, as text."""
    return [p.read_text() for p in sorted((CORPUS / folder).glob("*.toml"))]


@st.composite
def mutated(draw: st.DrawFn, seeds: list[str]) -> str:
    """A text of the corpus with up to four places changed: cut, doubled, moved, or something else put in."""
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        kind = draw(st.sampled_from(("cut", "double", "token", "value", "text")))
        if kind == "value":  # what follows the next "="
            at = text.find("= ", start)
            line = text.find("\n", at)
            start, end = (at + 2, line) if at >= 0 and line >= 0 else (start, end)
        put = {"cut": "", "double": text[start:end] * 2}.get(kind)
        if put is None:
            put = draw(st.text(max_size=8) if kind == "text" else st.sampled_from(_TOKENS))
        text = text[:start] + put + text[end:]
    return text


@st.composite
def changed(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """A parsed document with up to three of its values replaced, removed, or put under another key."""
    out: Any = _copied(document)
    for _ in range(draw(st.integers(1, 3))):
        at = out
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and draw(st.booleans()):
                at = at[key]
                continue
            kind = draw(st.sampled_from(("junk", "remove", "rename", "wrap")))
            if kind == "remove":
                del at[key]
            elif kind == "rename" and isinstance(at, dict):
                at[draw(st.sampled_from(("x", "by", "metric", "id", "at_most", "rule", "")))] = at.pop(key)
            elif kind == "wrap":
                at[key] = [at[key]]
            else:
                at[key] = _copied(draw(st.sampled_from(JUNK)))  # a later change may reach into it
            break
    return dict(out)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    return [_copied(v) for v in value] if isinstance(value, list) else value


def rows(n: int = 120) -> pd.DataFrame:
    """A few rows with all that the corpus names."""
    i = pd.Series(range(n))
    return pd.DataFrame(
        {
            "sex": i.map(lambda k: "fm"[k % 2]), "age": i.map(lambda k: "xyz"[k % 3]),
            "c": i.map(lambda k: "ab"[k % 5 % 2]),
            "y": (i * 7 % 10 < 4).astype(int), "p": (i * 3 % 10 < 5).astype(int), "s": (i * 37 % 100) / 100,
            "x0": i * 1.5 % 11, "x1": i % 4, "w": 1.0 + i % 3,
        }
    )  # fmt: skip


def report() -> ak.Report:
    """An audit of those rows."""
    data = ak.Dataset(rows().drop(columns="w"), y_true="y", sensitive_features=["sex", "age"])
    checks = [ak.GroupFairness(), ak.Scores(), ak.ImpactRatios()]
    return ak.audit(ak.Predictions("p", "s"), data, checks=checks, on_error="raise")
