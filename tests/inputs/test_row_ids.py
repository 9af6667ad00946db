"""Ids of rows: what is refused, what the model does not see, and the same audit in any order, with nothing of an id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.evidence.sample import row_keys
from auditkit.report.formats import render
from tests.helpers import run_cli
from tests.inputs.test_sources import Parts


def frame(n: int = 240) -> pd.DataFrame:
    """Rows of few contents, and an id each."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "case": [f"case-{i:05}" for i in rng.permutation(n)],
            "age": rng.integers(0, 3, n) * 20,
            "sex": rng.choice(["f", "m"], n),
            "y": rng.integers(0, 2, n),
            "decision": rng.integers(0, 2, n),
        }
    )


def dataset(data: Any = None, **how: Any) -> ak.Dataset:
    how = {"row_id": "case"} | how
    return ak.Dataset(frame() if data is None else data, y_true="y", sensitive_features=["sex"], **how)


def audited(data: ak.Dataset, **options: Any) -> ak.Report:
    checks = [ak.GroupFairness(), ak.Subgroups(["age", "sex"]), ak.Proxies()]
    return ak.audit(ak.Predictions("decision"), data, checks=checks, name="a", **options)


def changed(value: object) -> pd.DataFrame:
    out = frame()
    out.loc[3, "case"] = value
    return out


@pytest.mark.parametrize(
    ("data", "how", "match"),
    [
        (changed(None), {}, "the row_id 'case' is missing in 1 rows; expected an id in every row"),
        (changed(frame()["case"][9]), {}, r"holds 1 ids more than once \(first in rows 3 and 9\).* go to cluster"),
        (pd.concat([frame()] * 2), {}, r"holds 240 ids more than once \(first in rows 0 and 240\)"),
        (frame().assign(case=[[1]] * 240), {}, "the row_id 'case' holds lists or other values that are no ids"),
        (frame(), {"row_id": "cse"}, "no column 'cse' for row_id; .* Did you mean 'case'"),
        (frame(), {"row_id": "y"}, "'y' is the target; it cannot be row_id too"),
        (frame(), {"row_id": "sex"}, "'sex' is a sensitive feature; it cannot be row_id too"),
        (
            frame(),
            {"row_id": "age", "control_features": ["age"]},
            "'age' is a control feature; it cannot be row_id too",
        ),
    ],
)
def test_what_cannot_be_is_refused(data: pd.DataFrame, how: dict[str, Any], match: str) -> None:
    for given in (data.reset_index(drop=True), Parts(data.reset_index(drop=True), 50)):
        with pytest.raises(ak.DataError, match=match):
            dataset(given, **how)


def test_an_id_that_comes_again_among_many_rows_is_found() -> None:
    many = pd.DataFrame({"id": np.arange(9_000), "sex": "f", "y": 1})
    many.loc[8_999, "id"] = 4_321
    with pytest.raises(ak.DataError, match=r"1 ids more than once \(first in rows 4,321 and 8,999\)"):
        ak.Dataset(Parts(many, 2_000), y_true="y", sensitive_features="sex", row_id="id")


def test_ids_are_keys_and_no_features() -> None:
    batch = next(dataset().batches())
    assert list(batch.features) == ["age", "sex", "decision"]
    assert batch.row_id is not None
    assert len(np.unique(row_keys(batch))) == 240
    assert len(np.unique(row_keys(replace(batch, row_id=None)))) < 30
    plain = next(ak.Dataset(frame(), y_true="y", sensitive_features=["sex"]).batches())
    assert plain.row_id is None
    number = frame().assign(case=np.arange(240))
    for like in (np.arange(240.0), pd.array(np.arange(240), dtype="Int64"), [str(i) for i in range(240)]):
        same = next(dataset(number.assign(case=like)).batches())
        np.testing.assert_array_equal(row_keys(same), row_keys(next(dataset(number).batches())))


def test_arrays_and_columns_are_the_same() -> None:
    f = frame()
    arrays = ak.Dataset.from_arrays(f[["age"]], y_true=f["y"], sensitive_features=f[["sex"]], row_id=f["case"])
    a, b = next(arrays.batches()), next(dataset().batches())
    assert list(a.features) == ["age"]
    np.testing.assert_array_equal(row_keys(a), row_keys(b))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("profile", ["internal", "regulator", "public"])
def test_the_same_audit_in_any_order_and_nothing_of_an_id_in_it(profile: Any) -> None:
    disclosure = ak.Disclosure(profile=profile)
    report = audited(dataset(), disclosure=disclosure)
    assert ak.Report.from_json(report.to_json()) == report
    assert report.provenance.data.row_id == "case"
    assert "Row ids" in render(report, "html")
    text = report.to_json()
    assert "case-0" not in text
    for key in row_keys(next(dataset().batches())).tolist():
        assert str(key) not in text
    mixed = frame().sample(frac=1, random_state=1)
    for other in (mixed.reset_index(drop=True), Parts(mixed, 50)):
        again = audited(dataset(other), disclosure=disclosure)
        assert again.findings == report.findings
        assert again.evidence == report.evidence
        assert again.provenance.data.sha256 == report.provenance.data.sha256


def test_other_ids_are_other_data_and_none_are_said_so() -> None:
    report, plain = audited(dataset()), audited(dataset(row_id=None, data=frame().drop(columns="case")))
    renamed = audited(dataset(frame().assign(case=lambda f: "x" + f["case"])))
    assert len({r.provenance.data.sha256 for r in (report, plain, renamed)}) == 3
    assert '"row_id"' not in plain.to_json()
    assert report.evidence["group_fairness"] == plain.evidence["group_fairness"]


def test_the_command_line_and_the_configuration(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "d.csv", index=False)
    flags = ["--y-true", "y", "--sensitive", "sex", "--y-pred", "decision", "--out", str(tmp_path), "--format", "json"]
    assert run_cli(["run", "--data", str(tmp_path / "d.csv"), *flags, "--row-id", "case", "--name", "a"])[0] == 0
    (tmp_path / "c.toml").write_text(
        '[data]\npath = "d.csv"\ny_true = "y"\nsensitive_features = "sex"\nrow_id = "case"\n'
        '[predictions]\ny_pred = "decision"\n'
    )
    out = ["--out", str(tmp_path), "--format", "json", "--name", "b"]
    assert run_cli(["run", str(tmp_path / "c.toml"), *out])[0] == 0
    a, b = (ak.Report.load(tmp_path / f"{name}.json") for name in "ab")
    assert a.provenance.data.row_id == b.provenance.data.row_id == "case"
    assert a.findings == b.findings
    status, _, err = run_cli(["run", str(tmp_path / "c.toml"), *out, "--row-id", "cse"])
    assert (status, "Did you mean 'case'" in err) == (2, True)
