"""The embedded default: the data are what they claim, the net is good and blind, and the files cannot execute."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score

from auditkit import demo
from auditkit.demo import income
from auditkit.demo.income import IncomeEncoder, Number
from auditkit.errors import DataError, ModelError
from auditkit.inputs.model import Model
from auditkit.records import Rule

ROOT = Path(__file__).parents[2]
UNSEEN = ("gender", "race", "fnlwgt", "education", "income")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.read_parquet(income.DATA)


@pytest.fixture(scope="module")
def model() -> Model:
    return demo.model()


@pytest.fixture(scope="module")
def encode(model: Model) -> IncomeEncoder:
    assert isinstance(model.preprocess, IncomeEncoder)
    return model.preprocess


# ---- data


def test_data_are_the_test_rows_of_adult(frame: pd.DataFrame) -> None:
    adult = pd.read_parquet(ROOT / "examples" / "data" / "adult.parquet")
    test = adult[np.arange(len(adult)) % 10 <= 2].reset_index(drop=True)
    assert len(frame) == 14_654
    pd.testing.assert_frame_equal(frame, test)


def test_missing_stays_a_category_of_its_own(frame: pd.DataFrame) -> None:
    assert not frame.isna().any(axis=None)
    assert (frame["workclass"] == "?").sum() > 500


def test_data_door_declares_target_and_sensitive_features() -> None:
    pytest.importorskip("auditkit.inputs.dataset")
    assert demo.data().sensitive_features == ("gender", "race")


def test_artefacts_are_small_and_cannot_execute() -> None:
    shipped = [p for p in income.HERE.iterdir() if p.is_file() and p.suffix != ".py"]
    assert {p.suffix for p in shipped} == {".parquet", ".safetensors", ".json", ".toml"}
    assert sum(p.stat().st_size for p in shipped) <= 1_000_000


def test_notice_attributes_adult() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for needed in ("Becker, B. & Kohavi, R. (1996)", "10.24432/C5XW20", "CC BY 4.0", "income.parquet"):
        assert needed in notice


# ---- net (oracle: scikit-learn)


def test_held_out_accuracy_and_auc(model: Model, frame: pd.DataFrame) -> None:
    score = model.predict(frame.drop(columns="income"))
    truth = frame["income"] == ">50K"
    assert accuracy_score(truth, score >= model.threshold) >= 0.85
    assert roc_auc_score(truth, score) >= 0.90


@pytest.mark.parametrize("column", UNSEEN)
def test_net_does_not_react_to_what_it_is_not_shown(model: Model, frame: pd.DataFrame, column: str) -> None:
    other = frame.assign(**{column: frame[column].sample(frac=1, random_state=0).to_numpy()})
    assert not other[column].equals(frame[column])
    np.testing.assert_array_equal(model.predict(other), model.predict(frame))


def test_net_reacts_to_everything_it_is_shown(model: Model, frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    for column in (*encode.numbers, *encode.categories):
        other = frame.assign(**{column: frame[column].sample(frac=1, random_state=0).to_numpy()})
        assert not np.array_equal(model.predict(other), model.predict(frame)), column


def test_build_has_no_effects() -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), torch.get_num_threads()  # type: ignore[index]
    first, second = income.build(), income.build()
    after = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), torch.get_num_threads()  # type: ignore[index]
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert first.module is not second.module
    assert first.state_sha256() == second.state_sha256()


def test_weights_must_fit_exactly(tmp_path: Path) -> None:
    narrow = tmp_path / "encoder.json"
    narrow.write_text(IncomeEncoder({"age": Number(40.0, 10.0)}, {}).to_json(), encoding="utf-8")
    with pytest.raises(RuntimeError, match="size mismatch"):
        income.load(income.WEIGHTS, narrow)


def test_import_of_demo_loads_no_torch() -> None:
    code = "import sys, auditkit.demo as d; d.config_path(); sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- preprocessing


def test_encoding_matches_a_slow_twin(frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    rows = frame.sample(200, random_state=0)
    twin = np.array([_encoded(row, encode) for _, row in rows.iterrows()])
    assert encode(rows).dtype == np.float32
    np.testing.assert_allclose(encode(rows), twin, atol=1e-6)


def _encoded(row: pd.Series, encode: IncomeEncoder) -> list[float]:
    out = []
    for column, number in encode.numbers.items():
        value = np.log1p(row[column]) if number.log else row[column]
        out.append((value - number.mean) / number.std)
    for column, known in encode.categories.items():
        out += [float(row[column] == category) for category in known]
    return out


def test_feature_map_names_each_position_once(model: Model, frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    found = model.feature_map(frame)
    assert found is not None
    assert sorted(i for positions in found.values() for i in positions) == list(range(encode.width))
    assert not set(found) & set(UNSEEN)
    other = frame.assign(relationship="Wife")
    moved = np.flatnonzero((encode(other) != encode(frame)).any(axis=0))
    assert set(moved) <= set(found["relationship"])


@pytest.mark.parametrize("value", ["Astronaut", None, float("nan"), 3])
def test_unseen_or_missing_category_leaves_its_block_at_zero(
    frame: pd.DataFrame, encode: IncomeEncoder, value: object
) -> None:
    rows = frame.head(3).assign(occupation=pd.Series([value] * 3, dtype=object))
    block = encode.feature_map()["occupation"]
    assert not encode(rows)[:, block].any()
    assert (encode(rows).sum(axis=1) < encode(frame.head(3)).sum(axis=1)).all()


def test_categorical_columns_and_column_order_make_no_difference(frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    rows = frame.head(50)
    other = rows[rows.columns[::-1]].astype(dict.fromkeys(encode.categories, "category")).set_index(np.arange(50) * 7)
    np.testing.assert_array_equal(encode(other), encode(rows))


def test_missing_column_is_named(frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    with pytest.raises(DataError, match=r"no column 'hours-per-week'.*Did you mean 'hours_per_week'\?"):
        encode(frame.rename(columns={"hours-per-week": "hours_per_week"}).drop(columns=["fnlwgt", "education"]))


def test_text_where_a_number_belongs_is_refused(frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    with pytest.raises(DataError, match=r"column 'age' must hold numbers.*to_numeric"):
        encode(frame.assign(age=frame["age"].astype(str)))


def test_missing_number_is_refused_by_the_model(model: Model, frame: pd.DataFrame) -> None:
    rows = frame.head(5).astype({"age": "Int64"})
    rows.loc[3, "age"] = pd.NA
    with pytest.raises(ModelError, match="first for row 3"):
        model.predict(rows)


def test_no_rows_encode_to_no_rows(frame: pd.DataFrame, encode: IncomeEncoder) -> None:
    assert encode(frame.head(0)).shape == (0, encode.width)


def test_encoder_survives_json(encode: IncomeEncoder) -> None:
    assert IncomeEncoder.from_json(encode.to_json()) == encode


# ---- policy


def test_policy_rules_are_rules_on_declared_attributes() -> None:
    config = tomllib.loads(demo.config_path().read_text(encoding="utf-8"))
    rules = [Rule.model_validate(rule) for rule in config["rule"]]
    assert len({rule.id for rule in rules}) == len(rules) == 9
    assert {by for rule in rules for by in rule.by} == set(config["data"]["sensitive_features"])
    assert (demo.config_path().parent / config["data"]["path"]) == income.DATA


# ---- training


@pytest.mark.slow
def test_training_again_reproduces_the_shipped_metrics() -> None:
    script = ROOT / "examples" / "train_income.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("reproduces the shipped metrics")
