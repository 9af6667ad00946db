"""Real reports of every task and check, small, and mutations of their JSON."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import auditkit as ak
from tests.gate.test_rederived import REPORTS

NUMBERS: tuple[Any, ...] = (
    -1, 0, 1, 2, 5, 0.5, -0.5, 1e-300, 1e308, -1e308, 2**31, 2**53 + 1, 10**30, float("inf"), float("nan"), True,
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", "x", "::error::x", "\u202e", "\n", [], {}, [[]], [None], {"a": 1}, "9" * 5000, ["f"] * 3000, *NUMBERS,
)  # fmt: skip


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(task, JSON) of one judged report each."""
    found = []
    for name, (make, _) in REPORTS.items():
        metric = "mean_absolute_error" if name == "numbers" else "selection_rate"
        rule: dict[str, Any] = {"id": "g", "metric": metric, "comparison": "difference", "by": ["sex"], "at_most": 0.1}
        rules = [{**rule, "label": "u"} if name == "classes" else rule]
        found.append((name, ak.judge(make(), {"rule": rules}).to_json()))
    return tuple(found)


def policies(name: str) -> dict[str, Any]:
    """Rules that read every kind of evidence of that report."""
    asked: dict[str, list[tuple[str, str]]] = {
        "binary": [
            ("selection_rate", "difference"), ("f1", "ratio"), ("roc_auc", "group_min"),
            ("calibration_error", "difference"), ("conditional_selection_rate", "difference"),
        ],
        "classes": [("macro_recall", "difference"), ("accuracy", "overall")],
        "numbers": [("mean_absolute_error", "difference"), ("root_mean_squared_error", "overall")],
    }  # fmt: skip
    rules: list[dict[str, Any]] = [
        {"id": f"{m}-{c}", "metric": m, "comparison": c, "at_most": 0.1, **({} if c == "overall" else {"by": ["sex"]})}
        for m, c in asked.get(name, [("selection_rate", "difference"), ("accuracy", "overall")])
    ]
    if name == "gaps":
        share = {"id": "share", "metric": "gap_share", "of": "mean_score", "features": ["x"], "by": ["sex"]}
        rules.append({**share, "at_most": 0.5})
    return {"rule": rules}


def mutated(text: str, rng: random.Random, *, under: str | None = None) -> str | bytes:
    """One to three mutations of the text, or of a value in it (`under`: of one part only)."""
    if under is None and rng.random() < 0.25:
        return _bits(text, rng)
    raw = json.loads(text)
    for _ in range(rng.randint(1, 3)):
        rng.choice(_MUTATIONS)(raw if under is None else raw[under], rng)
    return json.dumps(raw)


def _bits(text: str, rng: random.Random) -> bytes:
    raw = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return bytes(raw[: rng.randrange(len(raw))] if rng.random() < 0.1 else raw)


def _place(raw: Any, rng: random.Random) -> tuple[Any, Any] | None:
    """A container somewhere inside, and a key of it; deep places are as likely as shallow ones."""
    at = raw
    for _ in range(rng.randint(0, 8)):
        inner = [v for v in (at.values() if isinstance(at, dict) else at) if isinstance(v, dict | list) and v]
        if not inner:
            break
        at = rng.choice(inner)
    keys = list(at) if isinstance(at, dict) else list(range(len(at)))
    return (at, rng.choice(keys)) if keys else None


def _swap(raw: Any, rng: random.Random) -> None:
    if (place := _place(raw, rng)) is not None:
        place[0][place[1]] = copy.deepcopy(rng.choice(ODD))


def _number(raw: Any, rng: random.Random) -> None:
    for _ in range(20):
        place = _place(raw, rng)
        if place is not None and type(place[0][place[1]]) in (int, float):
            place[0][place[1]] = rng.choice((*NUMBERS, -place[0][place[1]], place[0][place[1]] + 0.5))
            return


def _drop(raw: Any, rng: random.Random) -> None:
    if (place := _place(raw, rng)) is not None:
        del place[0][place[1]]


def _twice(raw: Any, rng: random.Random) -> None:
    place = _place(raw, rng)
    if place is None:
        return
    at, key = place
    if isinstance(at, list):
        at.insert(key, copy.deepcopy(at[key]))
    else:
        at[f"{key}x"] = copy.deepcopy(at[key])


def _grown(raw: Any, rng: random.Random) -> None:
    for _ in range(20):
        place = _place(raw, rng)
        if place is not None and isinstance(place[0][place[1]], list) and place[0][place[1]]:
            place[0][place[1]] = place[0][place[1]] * rng.choice((2, 50))
            return


_MUTATIONS: tuple[Callable[[Any, random.Random], None], ...] = (_swap, _number, _drop, _twice, _grown)
