"""What goes along with one attribute lends no error to another: two labels, of which one has nothing to do with it."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.explain.concepts.findings import ConceptRows, concept_findings
from auditkit.explain.concepts.statements import PROJECTION
from auditkit.records import Finding

LAYERS, ROWS = 8, 80


def found(rng: np.random.Generator, apart: float) -> dict[str, Finding]:
    """Of eight layers that move apart by the first label, and not by the second."""
    labels = {name: rng.permutation(np.repeat(["p", "q"], ROWS // 2)) for name in ("real", "null")}
    u = rng.normal(size=(ROWS, LAYERS)) + apart * (labels["real"] == "q")[:, None]
    facts = {
        "layers": [f"layer{j}" for j in range(LAYERS)],
        "permutations": 399,
        "seed": int(rng.integers(1000)),
        "shares": {},
        "explained": "logit",
        "unusable": {},
    }
    rows = ConceptRows(
        {f"{PROJECTION}layer{j}": u[:, j] for j in range(LAYERS)}, {k: v.tolist() for k, v in labels.items()}, facts
    )
    findings, _ = concept_findings(rows.sums(), level=0.95)
    return {f.by[0]: f for f in findings}


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 1.5])
def test_an_attribute_that_nothing_goes_along_with_is_told_in_five_of_a_hundred_at_most(apart: float) -> None:
    rng, draws = np.random.default_rng(4), 300
    all_ = [found(rng, apart) for _ in range(draws)]
    wrong = [(f["null"].p or 0.0) <= 0.05 for f in all_]
    assert np.mean(wrong) <= 0.05 + 2.6 * (0.05 * 0.95 / draws) ** 0.5
    if apart:
        assert np.mean([(f["real"].p or 1.0) <= 0.05 for f in all_]) >= 0.99


def test_the_p_of_an_attribute_is_its_own() -> None:
    with_real, alone = (found(np.random.default_rng(9), apart) for apart in (3.0, 0.0))
    assert with_real["real"].p == pytest.approx(1 / 400)
    assert with_real["null"].notes[0].endswith("over 8 layers × concepts; sampled rows count alike")
    assert alone["null"].notes == with_real["null"].notes
