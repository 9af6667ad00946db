"""Pages of pairs: an audit of faces whose group has a hostile name, with every rule that pairs know."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np

import auditkit as ak
from auditkit.records import Report

RULES = (
    {"id": "fmr", "metric": "FMR", "comparison": "ratio", "at_least": 0.5},
    {"id": "fnmr", "metric": "FNMR", "comparison": "group_max", "at_most": 0.3},
    {"id": "discrepancy", "metric": "fairness_discrepancy_rate", "at_least": 0.9},
    {"id": "worst", "metric": "false_match_rate_inequity", "comparison": "group_max", "at_most": 2.0},
)


@cache
def faces(hostile: str) -> Report:
    """Two images of each of 60 people; those of the group with the hostile name are alike."""
    rng = np.random.default_rng(2)
    of = np.arange(60) % 3
    names = np.array(["a", "b", hostile])
    people = rng.normal(size=(60, 6)) + np.where(of == 2, 1.3, 0.1)[:, None]
    vectors = np.repeat(people, 2, axis=0) + 0.4 * rng.normal(size=(120, 6))
    ids = [f"s{i}" for i in range(120)]
    samples = {"sample": ids, "person": np.repeat(np.arange(60), 2), "skin": np.repeat(names[of], 2)}
    first, second = zip(*combinations(ids, 2), strict=True)
    read = ak.Verification(
        pairs={"a": first, "b": second},
        samples=samples,
        embeddings=vectors,
        threshold=0.8,
        sensitive_features=["skin"],
    )
    return ak.audit(read, name="faces", policy={"rule": [{**r, "by": ["skin"]} for r in RULES]})
