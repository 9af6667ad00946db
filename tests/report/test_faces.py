"""The face of each task equals what scikit-learn and fairlearn compute on the rows, and says no more than is sure."""

from __future__ import annotations

import re

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import confusion_matrix, mean_absolute_error

from auditkit.gate.tables import WordsTable
from auditkit.records import Confusion, Words
from auditkit.report.html import confusion, errors_by_group, faces, first, subgroups, summary
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup, established, exhibits_of
from auditkit.report.html.page import render
from auditkit.report.html.retold import retold
from auditkit.report.places import FOUND, MISTAKEN, SIGNED
from tests.report import samples
from tests.report.scripts import without_ours
from tests.report.test_everything_stands import table


def look(name: str, **words: str) -> Lookup:
    report = samples.made(name)
    return Lookup(retold(report.model_copy(update={"words": report.words.model_copy(update=words)})))


def test_matrices_are_those_of_scikit_learn_by_group() -> None:
    here, rows = look("classes, no policy"), table()
    for attribute in ("sex", "race"):
        x = confusion.exhibit_of(here, (attribute,))
        assert x is not None
        for group, counts in zip(x.groups, x.counts, strict=True):
            mine = rows[rows[attribute] == group[attribute]]
            assert np.array_equal(confusion_matrix(mine.cls, mine.clsp, labels=list(x.classes)), counts)


def test_a_matrix_prints_the_shares_of_its_rows_and_frames_what_is_established_alone() -> None:
    here = look("classes, no policy")
    x = confusion.exhibit_of(here, ("sex",))
    assert x is not None
    drawn = next(m for m in confusion.views(here, Names()) if m.name.endswith("by sex"))
    for k, m in enumerate(drawn.tables[:2]):
        for i, (_, cells) in enumerate(m.rows):
            row = x.counts[k][i]
            assert cells[-1].text == f"{sum(row):,}"
            for j, cell in enumerate(cells[:-1]):
                if sum(row) >= 10:
                    assert float(cell.text.rstrip("%")) == pytest.approx(100 * row[j] / sum(row), abs=0.51)
                else:
                    assert cell.text == f"{row[j]} of {sum(row)}"
    sure = {m: established(here.finding(m, "difference", ("sex",))) for m in (FOUND, MISTAKEN)}
    known = {(c.truth, c.told): c for c in x.cells}
    for i, (_, cells) in enumerate(drawn.tables[2].rows):
        for j, cell in enumerate(cells):
            c = known[i, j]
            shares = [x.counts[k][i][j] / sum(x.counts[k][i]) for k in (0, 1)]
            assert float(cell.text.replace("−", "-")) == pytest.approx(100 * (shares[1] - shares[0]), abs=0.051)
            assert (cell.shade == "sure") == (c.low > 0 and sure[FOUND if i == j else MISTAKEN])


def test_what_classes_are_mistaken_for_is_the_largest_cell_off_the_diagonal() -> None:
    here = look("classes, no policy")
    f = here.finding(MISTAKEN, "difference", ("sex",))
    assert f is not None
    (x,) = exhibits_of(f, Confusion)
    off = [abs(c.value) for c in x.cells if c.truth != c.told]
    assert f.estimate.value == pytest.approx(max(off))
    assert len(x.cells) == len(x.classes) ** 2  # sex: each class has ten rows of both


def test_errors_are_those_of_fairlearn() -> None:
    here, rows = look("numbers, no policy"), table()
    off = MetricFrame(
        metrics={"signed": lambda t, p: float(np.mean(p - t)), "size": mean_absolute_error},
        y_true=rows.num,
        y_pred=rows.nump,
        sensitive_features=rows.sex,
    ).by_group
    drawn = errors_by_group.view(here, Names())
    assert drawn is not None
    told = {r.label: r for r in drawn.blocks[0].rows}
    for value, label in (("Female", "Women"), ("Male", "Men")):
        row, signed = told[label], off.loc[value, "signed"]
        assert float(re.match(r"[\d.]+", row.value)[0]) == pytest.approx(abs(signed), rel=0.05)  # type: ignore[index]
        assert ("high" in row.value) == (signed > 0)
        assert float(row.size_words.removeprefix("off by ")) == pytest.approx(off.loc[value, "size"], rel=0.05)
    assert errors_by_group.truth(here, ("sex",), [({"sex": "Female"}, here.report.findings[0].estimate)]) == [
        pytest.approx(rows.num[rows.sex == "Female"].mean())
    ]


def test_the_unit_comes_from_the_configuration_and_the_direction_is_in_words() -> None:
    here = look("numbers, no policy", target_unit="h")
    sides = [(g.group, g.estimate) for g in here.groups(SIGNED, ("sex",))]
    said = errors_by_group.sentence(here, SIGNED, sides)
    assert re.fullmatch(r"The model predicts [\d.]+ h too many for women and [\d.]+ h too few for men\.", said)
    shown = first.view(here)
    assert re.search(r"[\d.]+ h", shown.headline)
    assert " h" in dict(shown.facts)["How sure"]
    assert all(" h" in f"{i.bold} {i.text}" for i in summary.view(here) if "predict" in i.bold)
    page = render(here.report)
    assert "too many for women" in page
    assert "<script" not in without_ours(page)


def test_words_may_name_a_unit_or_an_attribute_that_is_called_so() -> None:
    assert WordsTable(target_unit="h", unit="texts").known == Words(target_unit="h", unit="texts")
    assert WordsTable(target_unit={"a": "wards"}).known == Words(groups={"target_unit": {"a": "wards"}})
    assert not {"unit", "target_unit"} & Words().model_dump().keys()


@pytest.mark.parametrize("name", ["classes", "classes, no policy"])
def test_the_hero_of_classes_is_a_row_of_their_matrices(name: str) -> None:
    here = look(name)
    shown, x = first.view(here), confusion.exhibit_of(here, ("sex",))
    assert x is not None
    assert shown.row is not None
    at = next(i for i, c in enumerate(x.classes) if f"“{c}”" in shown.row.matrix.caption)
    for label, cells in shown.row.matrix.rows[:2]:
        whose = [f"{here.say.label(g)} ({sum(n[at]):,})" for g, n in zip(x.groups, x.counts, strict=True)]
        k = whose.index(label)
        assert [float(c.text.rstrip("%")) for c in cells] == [
            pytest.approx(100 * n / sum(x.counts[k][at]), abs=0.51) for n in x.counts[k][at]
        ]
    assert ("no difference" in shown.row.sentence) == (not any(c.shade == "sure" for c in shown.row.matrix.rows[2][1]))
    for n in re.findall(r"(\d+) of every 100", shown.row.sentence):
        assert any(round(100 * x.counts[k][at][at] / sum(x.counts[k][at])) == int(n) for k in (0, 1))


@pytest.mark.slow
def test_confirmed_subgroups_are_rows_and_the_others_share_a_line() -> None:
    here = look("scores and subgroups")
    drawn = subgroups.view(here, Names())
    assert drawn is not None
    f = next(f for f in here.report.findings if f.concern == "subgroups")
    rows = next(x for x in f.exhibits if "Confirmed" in getattr(x, "columns", ())).rows  # type: ignore[union-attr]
    sure = [r for r in rows if r[1] == "yes"]
    assert [r.label for r in drawn.rows] == [str(r[0]) for r in sure]
    for row, (*_, n, own, rest, _, _, _, _, _) in zip(drawn.rows, sure, strict=True):
        assert row.n == f"n {n:,}"
        assert row.words == subgroups.words(own, rest, "wrong")  # type: ignore[arg-type]
    assert drawn.figure.sentence.startswith("Not confirmed on the other half: ") == (len(sure) < len(rows))


@pytest.mark.parametrize("name", ["labels"])
@pytest.mark.slow
def test_every_label_is_named_beside_its_gap(name: str) -> None:
    here = look(name)
    face = faces.view(here, "fairness", Names())
    assert face is not None
    assert face.labels is not None
    labels = here.report.provenance.data.classes
    assert all(any(f"“{c}”" in r.label for c in labels) for b in face.labels.blocks for r in b.rows)


def test_a_way_out_that_groups_do_not_share_is_a_bullet() -> None:
    here = look("only recourse")
    assert any("have a way to be approved" in i.bold for i in summary.view(here))
