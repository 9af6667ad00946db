"""Pictures in every form that people have them: the audit of files, of arrays and of a torch data set is one."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.data import Dataset as TorchDataset

import auditkit as ak
from auditkit.errors import AuditkitError, DataError, ModelError
from auditkit.evidence.contents import content_key
from auditkit.inputs.pictures import Files, Picture, Unread, hold
from auditkit.scratch import Scratch

N, SIDE = 60, 12


def drawn(n: int = N) -> np.ndarray[Any, Any]:
    """(n, 12, 12, 3) bytes."""
    return np.random.default_rng(0).integers(0, 256, (n, SIDE, SIDE, 3)).astype(np.uint8)


def people(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"sex": rng.choice(["f", "m"], n), "y": rng.integers(0, 2, n)})


def net(channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 1)
    )


def model(column: str = "file", **options: Any) -> ak.Model:
    """A net of pictures of a column, four regions."""
    regions = ak.segments(SIDE, SIDE, grid=(2, 2))
    return ak.Model(net(), preprocess=ak.pixels(column, **options), feature_map=regions, outputs="logits", name="net")


def written(folder: Path, pictures: Any, suffix: str = "png") -> list[str]:
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{i}.{suffix}")
    return [f"{i}.{suffix}" for i in range(len(pictures))]


def audited(model: ak.Model, data: ak.Dataset, **options: Any) -> dict[str, Any]:
    """Findings as JSON."""
    report = ak.audit(model, data, checks=[ak.GroupFairness(), ak.Attribution()], **options)
    assert not [n for n in report.not_measured if n.what == "attribution"]
    return {f.id: f.model_dump(mode="json") for f in report.findings}


@pytest.mark.slow
def test_files_arrays_and_a_torch_data_set_are_one_audit(tmp_path: Path) -> None:
    """The same pictures, in whatever form: the same sample, and the same numbers."""
    pictures, rows = drawn(), people()
    told: dict[str, Any] = {"y_true": "y", "sensitive_features": ["sex"]}
    rows.assign(file=written(tmp_path, pictures)).to_csv(tmp_path / "rows.csv", index=False)
    files = ak.Dataset(tmp_path / "rows.csv", pictures="file", **told)
    arrays = ak.Dataset(rows.assign(file=[*pictures]), **told)
    named = ak.Dataset({"file": pictures, "sex": rows.sex, "y": rows.y}, pictures=["file"], **told)
    beside = ak.Dataset.from_arrays(pictures, y_true=rows.y, sensitive_features=rows[["sex"]])
    want = audited(model(), arrays)
    assert audited(model(), files) == want
    assert audited(model(), named) == want
    x = torch.tensor(pictures).permute(0, 3, 1, 2) / torch.tensor(255.0)
    rows_of = TensorDataset(x, torch.tensor(rows.y.to_numpy()))
    plain = ak.Model(net(), feature_map=ak.segments(SIDE, SIDE, grid=(2, 2)), outputs="logits", name="net")
    for given in (rows_of, DataLoader(rows_of, batch_size=7, shuffle=True)):
        torch_rows = ak.Dataset.from_torch(given, sensitive_features=rows[["sex"]])
        for told_of in (audited(plain, torch_rows), audited(model("picture"), beside)):
            assert told_of.keys() == want.keys()
            for key, found in told_of.items():
                assert found["estimate"]["value"] == pytest.approx(want[key]["estimate"]["value"], abs=1e-6)
    assert torch_rows.cautions == ("The DataLoader shuffles: its data set was read in order instead.",)


def test_what_cannot_be_read_leaves_its_row_and_is_told(tmp_path: Path) -> None:
    """Eight broken pictures, each of another kind: the audit is that of the other rows, and no name is told."""
    pictures, rows = drawn(), people()
    names: list[Any] = written(tmp_path, pictures)
    (tmp_path / names[3]).write_bytes(b"no picture")
    (tmp_path / names[5]).write_bytes((tmp_path / names[5]).read_bytes()[:200])
    (tmp_path / names[8]).unlink()
    (tmp_path / names[11]).write_bytes(b"")
    Image.fromarray(np.full((SIDE, SIDE), 40_000, np.uint16)).save(tmp_path / names[13])
    names[20], names[21], names[30] = None, str(tmp_path), "http://example.org/a.png"
    data = ak.Dataset(
        rows.assign(file=[n if n is None else str(tmp_path / n) for n in names]),
        y_true="y",
        sensitive_features=["sex"],
        pictures="file",
    )
    lost = [3, 5, 8, 11, 13, 20, 21, 30]
    assert len(data) == N - len(lost)
    (said,) = data.cautions
    assert "8 of 60 pictures of 'file' cannot be read" in said
    assert "no picture, or a damaged one: 3" in said
    assert "no file that can be read: 3" in said
    assert "; no picture: 1" in said
    assert "more than eight bits a channel: 1" in said
    assert "rows 3, 5, 8, 11, 13, … (counted from 0): these rows are left out." in said
    assert "example.org" not in said
    kept = np.setdiff1d(np.arange(N), lost)
    rest = rows.iloc[kept].reset_index(drop=True).assign(file=[*pictures[kept]])
    want = audited(model(), ak.Dataset(rest, y_true="y", sensitive_features=["sex"]))
    assert audited(model(), data) == want


def test_none_that_can_be_read_is_an_error() -> None:
    rows = people().assign(file="nowhere.png")
    with pytest.raises(DataError, match=r"none of the 60 pictures of 'file'.*\(no file that can be read: 60\)"):
        ak.Dataset(rows, y_true="y", sensitive_features=["sex"], pictures="file")
    with pytest.raises(DataError, match=r"no column 'fil' for pictures.*Did you mean 'file'"):
        ak.Dataset(rows, y_true="y", sensitive_features=["sex"], pictures="fil")


def test_odd_sizes_are_told_and_one_clear_error_where_a_net_wants_one() -> None:
    pictures: list[Any] = [*drawn()]
    pictures[7], pictures[9] = pictures[7][:8], pictures[9][..., 0]
    rows = people().assign(file=pictures)
    data = ak.Dataset(rows, y_true="y", sensitive_features=["sex"], pictures="file")
    (said,) = data.cautions
    assert said == ("Pictures of 'file' have 3 sizes: 58 have 12 × 12 × 3, 2 others, rows 7, 9 (counted from 0).")
    with pytest.raises(ModelError, match=r"most are 3 × 12 × 12, 2 of 60 are not.*ak.pixels\('file', size="):
        model().predict(data.frame)
    resized = model(size=(SIDE, SIDE), channels=3)
    assert audited(resized, data)
    alone = resized.predict(data.frame.iloc[[7]])
    assert alone == pytest.approx(resized.predict(data.frame)[7:8])


@pytest.mark.parametrize("bad", [None, np.nan, "text", np.zeros(0), np.full((2, 2), np.nan), np.array(["a"]), object()])
def test_arrays_that_are_no_pictures(bad: Any) -> None:
    cells: list[Any] = [*drawn()]
    cells[4] = bad
    data = ak.Dataset(people().assign(file=cells), y_true="y", sensitive_features=["sex"], pictures="file")
    assert len(data) == N - 1
    assert "1 of 60 pictures of 'file' cannot be read" in data.cautions[0]
    assert "row 4 (counted from 0)" in data.cautions[0]


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", "png"), ("RGBA", "png"), ("P", "gif"), ("1", "bmp"), ("RGB", "tiff")]
)
def test_files_are_read_as_pillow_converts_them(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.fromarray(drawn(1)[0]).convert(mode)
    image.save(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as again:
        want = np.asarray(again.convert("RGB"))
    np.testing.assert_array_equal(Files(tmp_path)(f"a.{suffix}"), want)


def test_no_file_runs_another_program(tmp_path: Path) -> None:
    """PostScript is a picture to Pillow, drawn by another program: no picture to us; nor is a bomb."""
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    for name in ("a.eps", "bomb.png"):
        with pytest.raises(Unread):
            Files(tmp_path)(name)


class Augmented(TorchDataset[Any]):
    """Changes its pictures at random."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        return torch.rand(3, SIDE, SIDE), i % 2


def cells(read: Any, positions: range) -> pd.DataFrame:
    found = [Picture(read, i, content_key(read(i))) for i in positions]
    return pd.DataFrame({"file": pd.Series(found, dtype=object)})


def test_pictures_that_are_kept_are_read_once_and_stay_what_they_are() -> None:
    pictures, asked = drawn(), []

    def read(i: int) -> Any:
        asked.append(i)
        return pictures[i].copy()

    features = cells(read, range(N))
    hold(features)
    asked.clear()
    for _ in range(2):
        for i, cell in enumerate(features["file"]):
            np.testing.assert_array_equal(np.asarray(cell), pictures[i])
            np.asarray(cell)[:] = 0  # what somebody writes into it is not kept
    assert not asked
    again = pickle.loads(pickle.dumps(Picture(np.asarray, pictures[3], content_key(pictures[3]))))
    np.testing.assert_array_equal(np.asarray(again), pictures[3])


@pytest.mark.parametrize("there", [True, False])
def test_arrays_are_kept_as_they_are_and_pictures_are_decoded_again_without_room(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    pictures = drawn()

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Scratch, "write" if there else "__init__", full)
    own = pd.Series([Picture(np.asarray, x, content_key(x)) for x in pictures], dtype=object)
    hold(pd.DataFrame({"file": own}))
    assert all(np.shares_memory(np.asarray(cell), x) for cell, x in zip(own, pictures, strict=True))
    features = cells(lambda i: pictures[i].copy(), range(N))
    hold(features)
    for i, cell in enumerate(features["file"]):
        np.testing.assert_array_equal(np.asarray(cell), pictures[i])


def test_random_changes_are_told() -> None:
    plain = ak.Model(net(), feature_map=ak.segments(SIDE, SIDE, grid=(2, 2)), outputs="logits")
    with pytest.raises(AuditkitError, match="a picture is another one when it is read again"):  # by some pandas at once
        plain.predict(ak.Dataset.from_torch(Augmented(), sensitive_features=people()[["sex"]]).frame)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from ()


def test_loaders_whose_rows_are_not_those_of_their_data_set() -> None:
    rows = TensorDataset(torch.zeros(N, 3, SIDE, SIDE), torch.arange(N) % 2)
    samplers: list[Any] = [
        WeightedRandomSampler([1.0] * N, N),
        SubsetRandomSampler(range(30)),
        RandomSampler(rows, replacement=True),
        RandomSampler(rows, num_samples=10),
    ]
    loaders = [DataLoader(rows, sampler=s) for s in samplers]
    loaders.append(DataLoader(rows, batch_sampler=_Odd(RandomSampler(rows), 4, drop_last=False)))
    for loader in loaders:
        with pytest.raises(DataError, match=r"the DataLoader draws rows by .*give the data set itself"):
            ak.Dataset.from_torch(loader, sensitive_features=people()[["sex"]])
    for other in (Endless(), DataLoader(Endless()), object()):
        with pytest.raises(DataError, match=r"has no len and \[i\]"):
            ak.Dataset.from_torch(other, sensitive_features=people()[["sex"]])


class _Odd(BatchSampler):
    pass


class Folders(TorchDataset[Any]):
    """As torchvision's ImageFolder: images of Pillow, numbers of classes, names of classes."""

    classes = ("cat", "dog", "horse")

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        if i == 5:
            raise OSError("cannot identify image file '/home/anna.png'")
        return Image.fromarray(drawn()[i]), i % 2


def test_classes_of_a_data_set_and_those_that_it_lacks() -> None:
    data = ak.Dataset.from_torch(Folders(), sensitive_features=people()[["sex"]], task="multiclass")
    assert data.classes == Folders.classes
    assert len(data) == N - 1
    assert "the data set gives no such row (OSError): 1), row 5" in data.cautions[0]
    assert "anna" not in "".join(data.cautions)
    for wrong in ({"task": "multiclass", "classes": ["cat", "dogs"]}, {"positive": "dogs"}):
        with pytest.raises(DataError, match=r"the data set has no class 'dogs'; .*dog"):
            ak.Dataset.from_torch(Folders(), sensitive_features=people()[["sex"]], **wrong)
    positive = ak.Dataset.from_torch(Folders(), sensitive_features=people()[["sex"]], positive="dog")
    assert next(positive.batches()).y_true[:4].tolist() == [0, 1, 0, 1]


def test_what_a_row_of_a_data_set_may_be() -> None:
    x = torch.rand(N, 3, SIDE, SIDE)
    sexes = people()[["sex"]]
    pairs = [((x[i], x[i] * 2), i % 2) for i in range(N)]
    data = ak.Dataset.from_torch(pairs, sensitive_features=sexes)
    assert list(next(data.batches()).features) == ["picture 0", "picture 1"]
    by_key = [{"left": x[i], "label": i % 2} for i in range(N)]
    data = ak.Dataset.from_torch(by_key, sensitive_features=sexes)
    assert list(next(data.batches()).features) == ["left"]
    alone = ak.Dataset.from_torch(list(x), sensitive_features=sexes, target=np.arange(N) % 2)
    batch = next(alone.batches())
    assert isinstance(batch.features["picture"].iloc[0], Picture)
    assert batch.y_true[:3].tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="hold no target: give target="):
        ak.Dataset.from_torch(list(x), sensitive_features=sexes)
    with pytest.raises(DataError, match=r"59 rows, X has 60|has 59"):
        ak.Dataset.from_torch(pairs, sensitive_features=sexes.head(59))


def test_bytes_are_no_inputs_by_themselves() -> None:
    data = ak.Dataset(people().assign(file=[*drawn()]), y_true="y", sensitive_features=["sex"])
    plain = ak.Model(net(), outputs="logits")
    with pytest.raises(ModelError, match=r"say how it was given them, as in preprocess=ak.pixels\('file'"):
        plain.predict(data.frame[["file"]])


def test_pixels_are_those_of_to_tensor_and_normalize() -> None:
    """x / 255, channels first, (x − mean) / std: the definition."""
    x = drawn(4)
    frame = pd.DataFrame({"file": [*x]})
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    want = (np.moveaxis(x, 3, 1) / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(ak.pixels("file", mean=mean, std=std)(frame), want, rtol=1e-5, atol=1e-6)
    grey = np.stack([np.asarray(Image.fromarray(p).convert("L")) for p in x])
    np.testing.assert_allclose(ak.pixels("file", channels=1)(frame)[:, 0] * 255, grey, atol=1)
    small = np.stack([np.asarray(Image.fromarray(p).resize((5, 6), Image.Resampling.BILINEAR)) for p in x])
    np.testing.assert_allclose(ak.pixels("file", size=(6, 5))(frame) * 255, np.moveaxis(small, 3, 1), atol=1.5)


def test_by_configuration(tmp_path: Path) -> None:
    """Through the command line's own configuration: paths are relative to the data."""
    from auditkit.configured import audited as run
    from auditkit.configured import inputs
    from auditkit.gate.config import load_config

    (tmp_path / "data").mkdir()
    rows = people().assign(file=written(tmp_path / "data", drawn()))
    rows.to_csv(tmp_path / "data" / "rows.csv", index=False)
    (tmp_path / "own_picture_net.py").write_text(
        "import torch\nfrom torch import nn\nimport auditkit as ak\n"
        "def build():\n    torch.manual_seed(0)\n"
        "    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))\n"
        "    return ak.Model(net, preprocess=ak.pixels('file'), outputs='logits')\n"
    )
    (tmp_path / "auditkit.toml").write_text(
        '[model]\nfactory = "own_picture_net:build"\n[data]\npath = "data/rows.csv"\ny_true = "y"\n'
        'sensitive_features = ["sex"]\npictures = ["file"]\n[[check]]\nname = "group_fairness"\n'
    )
    config = load_config(tmp_path / "auditkit.toml")
    report = run(config, *inputs(config))
    assert report.finding("fairness/accuracy/difference/sex").estimate.n == N
    assert json.loads(report.to_json())["provenance"]["data"]["rows"] == N
