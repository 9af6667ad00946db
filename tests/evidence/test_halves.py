"""Halves by key and by count, and how many rows share a key. Truths: the binomial law, exact counts, older reports."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from auditkit.errors import EvidenceError
from auditkit.evidence import halves
from auditkit.evidence.copies import Copies, Seen
from auditkit.evidence.sample import shuffled


def keys(n: int, seed: int = 0) -> np.ndarray:
    return shuffled(np.arange(n, dtype=np.uint64), seed)


@pytest.mark.parametrize("n", [1, 2, 7, 64, 65, 200])
def test_copies_are_halved_by_the_binomial_law(n: int) -> None:
    second = halves.of_counts(keys(40_000), np.full(40_000, n))
    assert second.min() >= 0
    assert second.max() <= n
    law = binom.pmf(np.arange(n + 1), n, 0.5) * 40_000
    seen = np.bincount(second, minlength=n + 1)
    often = law >= 5
    observed, expected = [*seen[often], seen[~often].sum()], [*law[often], law[~often].sum()]
    observed, expected = (observed, expected) if expected[-1] >= 1 else (observed[:-1], expected[:-1])
    expected = np.array(expected) * sum(observed) / sum(expected)
    assert chisquare(observed, expected).pvalue > 1e-4


def test_another_count_is_another_draw_and_contents_are_drawn_apart() -> None:
    drawn = np.array([halves.of_counts(keys(3_000), np.full(3_000, n)) for n in (250, 251, 252)], dtype=float)
    assert np.abs(np.corrcoef(drawn) - np.eye(3)).max() < 0.08
    order = np.random.default_rng(0).permutation(3_000)
    counts = np.random.default_rng(1).integers(0, 300, 3_000)
    np.testing.assert_array_equal(
        halves.of_counts(keys(3_000)[order], counts[order]), halves.of_counts(keys(3_000), counts)[order]
    )


def test_many_copies_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.array([10_000_000, 0, 1, 129, 5_000])
    whole, few = halves.of_counts(keys(5), counts), halves.of_counts(keys(4), counts[1:])
    monkeypatch.setattr(halves, "_CHUNK", 7)
    np.testing.assert_array_equal(halves.of_counts(keys(4), counts[1:]), few)
    assert abs(whole[0] - 5_000_000) < 5 * 1_582
    assert halves.of_counts(keys(0), np.zeros(0, np.int64)).tolist() == []


@pytest.mark.parametrize("contents", [1, 24, 1_023, 3_000, 200_000])
@pytest.mark.parametrize("law", ["equal", "Zipf", "one heavy"])
def test_how_many_rows_share_a_key(contents: int, law: str) -> None:
    """Exact while keys are few, and within .6 % beyond (4 standard errors are asked), with frequent keys too."""
    rank = np.random.default_rng(0).permutation(contents)
    counts = {
        "equal": np.full(contents, 5),
        "Zipf": 20_000 // (1 + rank) + 1,
        "one heavy": np.where(rank == 0, 30_000, 1),
    }[law]
    rows = np.repeat(keys(contents), counts)
    truth = float((counts.astype(float) ** 2).sum() / counts.sum())
    whole = Copies.of(rows)
    tolerance = 1e-12 if contents < 1_024 else 4 * (2 / 2**16) ** 0.5 * (1 + counts.sum() / 2**16) ** 0.5
    assert whole.average == pytest.approx(truth, rel=tolerance)
    order = np.random.default_rng(1).permutation(len(rows))
    parts = [Copies.of(part) for part in np.array_split(rows[order], 3)]
    total = parts[2] + (parts[0] + parts[1])
    assert total.reduced() == whole.reduced()
    assert isinstance(total.seen, Seen)
    assert Copies.from_json(whole.to_json()).average == pytest.approx(whole.average, rel=1e-9)


def test_older_reports_keep_the_counts_of_some_keys() -> None:
    old = Copies.from_json({"keys": "", "counts": "1 1 4"})
    assert (old.rows, old.squares, old.average) == (6, 18.0, 3.0)
    assert (old + old).average == 3.0


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"rows": 3}, "lacks squares"),
        ({"rows": 3, "squares": 2.0}, "expected a number from 3 to 9"),
        ({"rows": -1, "squares": 2.0}, "expected a whole number"),
        ({"keys": "", "counts": "0 1"}, "below 1"),
        ([], "a list; expected an object"),
    ],
)
def test_what_no_rows_give_is_refused(data: object, match: str) -> None:
    with pytest.raises(EvidenceError, match=match):
        Copies.from_json(data)
