"""Sums of lists: they add as their rows do, tell nothing of few, and are read as a stranger's."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from auditkit.disclosure import Disclosure
from auditkit.errors import EvidenceError
from auditkit.evidence.exposures import ExposureSums
from auditkit.evidence.ratios import RatioSums

GROUPS = ("a", "b", "c")


def sums(users: int, seed: int = 0, groups: tuple[str, ...] = GROUPS) -> ExposureSums:
    rng = np.random.default_rng(seed)
    over, under = rng.random((users, len(groups))), rng.integers(0, 3, (users, len(groups)))
    return ExposureSums({("genre", 0): RatioSums.of(groups, over=over, under=under, squares=(3.0, 4.0))}, 10)


def test_they_add_whatever_groups_a_part_has() -> None:
    one, two = sums(20), sums(30, 1, ("a", "c"))
    whole, turned = (one + two).sums["genre", 0], (two + one).sums["genre", 0]
    assert whole.groups == GROUPS
    assert whole.n == 50
    np.testing.assert_allclose(whole.products, turned.products)
    assert whole.under[1] == one.sums["genre", 0].under[1]
    with pytest.raises(EvidenceError, match="cannot add lists"):
        one + ExposureSums(two.sums, 5)


def test_json_gives_the_same_and_few_users_are_not_told() -> None:
    whole = sums(20)
    again = ExposureSums.from_json(json.loads(json.dumps(whole.to_json())))
    np.testing.assert_array_equal(again.sums["genre", 0].products, whole.sums["genre", 0].products)
    few = RatioSums.of(GROUPS, over=np.ones((20, 3)), under=[[1, 1, i < 4] for i in range(20)], squares=(1.0, 1.0))
    told = few.reduced(Disclosure())
    assert told.rows.tolist() == [20, 20, 0]
    assert told.over.tolist() == [20.0, 20.0, 0.0]
    assert not told.products[[2, 5]].any()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seen",), 0),
        (("seen",), "ten"),
        (("sets",), {}),
        (("sets", 0, "groups"), ["b", "a", "c"]),
        (("sets", 0, "groups"), ["a", "a", "c"]),
        (("sets", 0, "rows"), [1, 2]),
        (("sets", 0, "rows"), [1, 2, 999]),
        (("sets", 0, "sums"), [1.0] * 5),
        (("sets", 0, "sums", 0), -1.0),
        (("sets", 0, "products", 3), [1.0]),
        (("sets", 0, "products", 1, 0), 1e9),
        (("sets", 0, "products", 1, 0), float("nan")),
        (("sets", 0, "squares"), [1.0]),
        (("sets", 0, "k"), -1),
        (("sets", 0, "by"), None),
        (("sets", 0, "more"), 1),
    ],
)
def test_what_no_lists_can_give_is_refused(path: tuple[Any, ...], value: object) -> None:
    data = copy.deepcopy(sums(20).to_json())
    at: Any = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(EvidenceError) as e:
        ExposureSums.from_json(data)
    assert "\n" not in str(e.value)
