"""Clusters as counts: the same readings as from hashes, and neither a hash nor a replicate that gives an id away."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auditkit.disclosure import Disclosure
from auditkit.errors import EvidenceError
from auditkit.evidence.clusters import REPLICATES, cluster_hashes, multiplicities
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import GroupFairness


def tally(weighted: bool) -> Tally:
    rng = np.random.default_rng(0)
    who, n = np.repeat(np.arange(150), 4), 600
    groups = {"sex": rng.choice(["f", "m"], n), "race": rng.choice(["a", "b", "c"], n)}
    y, p = rng.integers(0, 2, n), (rng.random(150) < 0.5)[who].astype(int)
    weight = rng.uniform(0.5, 2, n) if weighted else None
    return Tally.of(groups, y_true=y, y_pred=p, sample_weight=weight, cluster=who)


@pytest.mark.parametrize("weighted", [False, True])
def test_findings_are_those_of_the_hashes(weighted: bool) -> None:
    whole = tally(weighted)
    reduced = Tally.from_json(json.loads(json.dumps(whole.reduced(Disclosure()).to_json())))
    a, b = (GroupFairness().assess(t).findings for t in (whole, reduced))
    for one, other in zip(a, b, strict=True):
        assert (one.id, one.estimate.state, one.notes) == (other.id, other.estimate.state, other.notes)
        for x, y in ((one.estimate.low, other.estimate.low), (one.estimate.high, other.estimate.high)):
            assert x == pytest.approx(y, abs=2e-5, nan_ok=True)


def test_no_hash_and_no_replicate_of_an_id_is_stored() -> None:
    text = json.dumps(tally(False).reduced(Disclosure()).to_json())
    hashes = cluster_hashes(np.arange(150))
    assert "lowest" not in text
    assert not [h for h in hashes.tolist() if str(h >> 11) in text]
    stored = np.array(json.loads(text)["clusters"]["sums"])
    assert stored.shape[1] < REPLICATES
    assert multiplicities(hashes).shape[1] == REPLICATES


def test_reduced_clusters_do_not_add() -> None:
    reduced = tally(False).reduced(Disclosure())
    with pytest.raises(EvidenceError, match="cannot add reduced tallies with clusters"):
        _ = reduced + reduced
