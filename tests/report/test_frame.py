"""`to_frame` holds every estimate of the JSON, and nothing else."""

from __future__ import annotations

import json
import math

import pytest

from tests.report import fixtures


@pytest.mark.parametrize("name", fixtures.ALL)
def test_a_row_is_an_estimate_of_the_json(name: str) -> None:
    report = fixtures.ALL[name]()
    asked = []
    for f in json.loads(report.to_json())["findings"]:
        own = f["id"], f["metric"], f["comparison"], " & ".join(f["by"])
        asked.append((*own, "", f["estimate"]))
        asked += [
            (*own, " & ".join(dict(g["group"]).get(a, "") for a in f["by"] or g["group"]), g["estimate"])
            for g in f["by_group"]
        ]
    frame = report.to_frame()
    assert list(frame.columns) == [
        *("finding", "metric", "comparison", "by", "group", "value", "low", "high", "level", "n", "state")
    ]
    assert len(frame) == len(asked)
    for row, (finding, metric, comparison, by, group, e) in zip(frame.itertuples(index=False), asked, strict=True):
        assert tuple(row[:5]) == (finding, metric, comparison, by, group)
        for told, key in zip(row[5:9], ("value", "low", "high", "level"), strict=True):
            assert told == e[key] if e[key] is not None else math.isnan(told)
        assert tuple(row[9:]) == (e["n"], e["state"])
