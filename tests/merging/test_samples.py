"""Samples of parts, merged: the truth of what was planted, and the audit of all rows, lie within what is said.

Rows that are dealt out at random have the mean row of all; sites that differ have their own, and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, reduce
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.arrays import Floats
from auditkit.errors import EvidenceError
from auditkit.evidence.grouped import GroupSums
from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.attributions import sums
from auditkit.explain.attributions.findings import RATIO, WIDEST, attribution_findings
from auditkit.explain.attributions.parts import PARTS, SHIFT, together
from auditkit.explain.attributions.sums import AttributionRows
from auditkit.explain.gaps.parts import together as gaps_together
from auditkit.explain.gaps.sums import Contrast, GapSums, Units
from auditkit.explain.trust.parts import worst
from auditkit.explain.trust.records import checked, judged, unmeasured, weighed
from auditkit.explain.words.parts import together as words_together
from auditkit.explain.words.sums import OTHER, WordSums
from auditkit.records import Contributions, Estimate, Finding, GroupEstimates, Pictures
from auditkit.robustness.parts import together as flips_together
from tests.explain import test_words as words
from tests.merging.test_merge import ROWS, SITES, at, numbers
from tests.merging.test_merge import audited as audited_rows
from tests.report import seen
from tests.report.test_everything_stands import not_once

ONE = (1.0, 1.0, 1.0, 1.0)
FALLING = (3.0, 2.0, 1.0, 0.5)


def part(rng: np.random.Generator, m: int, of: int, slopes: Sequence[float], spread: Sequence[float]) -> GroupSums:
    """What a linear score keeps of m rows that stand for so many, from their mean."""
    x = rng.normal(size=(m, len(slopes))) * spread
    phi = (x - x.mean(0)) * slopes
    columns = {f"phi:{j}": phi[:, j] for j in range(len(slopes))}
    columns |= {"weight": np.full(m, of / m), "delta": phi.sum(1), "steps": np.ones(m)}
    facts = {"method": "integrated_gradients", "baseline": "the mean", "unread": [], "explained": "logit"}
    return AttributionRows(columns, {"sex": rng.choice(["f", "m"], m).tolist()}, facts).sums(10)


SETTINGS: dict[str, tuple[Sequence[int], Sequence[int], Sequence[Sequence[float]], Sequence[float], str]] = {
    "thirds": ((1_000,) * 3, (200,) * 3, (ONE,) * 3, FALLING, RATIO),
    "one of many rows": ((50_000, 300, 300), (400, 300, 300), ((2.0, 1, 1, 1), ONE, ONE), FALLING, RATIO),
    "the fewest vary most": ((5_000,) * 3, (100, 1_000, 1_000), ((4.0, 3, 2, 1), ONE, ONE), FALLING, RATIO),
    "others lead": ((3_000, 2_000, 1_000), (200,) * 3, ((3.0, 1, 1, 1), (1.0, 3, 1, 1), (1.0, 1, 3, 1)), ONE, WIDEST),
}
"""Rows of the parts, rows that are drawn of them, spreads of their columns, slopes; how the share is told."""


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", SETTINGS)
def test_what_moves_scores_within_parts_is_covered(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The truth is the mean size of normal contributions, σ·√(2/π) each."""
    monkeypatch.setattr(sums, "ranked", lambda *_: None)  # 1,000 bootstraps of each, which parts cannot add
    of, drawn, spreads, slopes, method = SETTINGS[name]
    weight = np.array(of) / sum(of)
    truth = np.sqrt(2 / np.pi) * weight @ np.array(spreads) * slopes
    held: list[list[bool]] = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        each = zip(drawn, of, spreads, strict=True)
        merged = reduce(together, [part(rng, m, n, slopes, s) for m, n, s in each])
        (f,) = attribution_findings(merged, level=0.95)
        sized = f.exhibits[0]
        assert isinstance(sized, GroupEstimates)
        assert f.estimate.method == method
        led = sum(truth[int(feature)] for feature, _ in sized.rows[:2]) / truth.sum()
        held.append([within(truth[int(feature)], cells[0]) for feature, cells in sorted(sized.rows)])
        held[-1].append(within(led, f.estimate))
    assert np.mean(held, axis=0).min() >= 0.92


def within(value: float, e: Estimate) -> bool:
    assert e.low is not None
    assert e.high is not None
    return bool(e.low <= value <= e.high)


def test_a_mean_of_strata_is_as_sure_as_they_make_it() -> None:
    """Beside the variance of a stratified mean, Σ W²s²/n; plain sums miss it by half where the fewest vary most."""
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=100) * 5, rng.normal(size=2_000)
    a, b = Moments.of(few[:, None], np.full(100, 50.0)), Moments.of(many[:, None], np.full(2_000, 2.5))
    strata = np.sqrt(0.25 * few.var(ddof=1) / 100 + 0.25 * many.var(ddof=1) / 2_000)
    for both in (a.beside(b), b.beside(a)):
        assert both.mean == pytest.approx((a + b).mean)
        assert both.standard_error[0] == pytest.approx(strata, rel=0.05)
        assert both.standard_error[0] >= strata
    assert (a + b).standard_error[0] < 0.8 * strata
    assert a.beside(a).standard_error == pytest.approx((a + a).standard_error, rel=0.01)
    alone = Moments.of([[1.0]], Weights(np.array([3.0])))
    assert alone.beside(b).w == alone.w + b.w  # of one row no variance is known


COLUMNS = ["a", "b", "c", "male"]


def rows(n: int, *, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Three parts, in which a column may have other means."""
    rng = np.random.default_rng(seed)
    male, site = rng.integers(0, 2, n), rng.integers(0, 3, n)
    x = rng.normal(size=(n, 3))
    x[:, 0] += male * 1.2 + shift * (site == 1)
    y = x @ [1, 0.5, -0.4] + rng.logistic(size=n) > 0.3
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(male=male, site=site, y=y.astype(int))


@cache
def net() -> ak.Model:
    frame = rows(2_000, seed=9)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x, y = (torch.tensor(frame[c].to_numpy(np.float32)) for c in (COLUMNS, ["y"]))
    optimiser = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(200):
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(module(x), y).backward()
        optimiser.step()
    return ak.Model(
        module.eval(),
        preprocess=lambda frame: torch.tensor(frame[COLUMNS].to_numpy(np.float32)),
        feature_map={c: [i] for i, c in enumerate(COLUMNS)},
    )


CHECKS = [ak.Attribution(), ak.FlipTest(), ak.GapAttribution()]


def audited(frame: pd.DataFrame, **how: Any) -> ak.Report:
    own = frame[[*COLUMNS, "y"]].reset_index(drop=True)
    data = ak.Dataset(own, y_true="y", positive=1, sensitive_features=["male"])
    return ak.audit(net(), data, checks=how.pop("checks", CHECKS), **how)


def merged(frame: pd.DataFrame, **how: Any) -> ak.Report:
    return ak.merge(*(audited(frame[frame.site == k], **how) for k in range(3)))


def told(report: ak.Report) -> dict[str, Estimate]:
    """Every number of the three checks."""
    found = {f.id: f.estimate for f in report.findings}
    for f in report.findings:
        for x in f.exhibits:
            if isinstance(x, Contributions):
                found |= {f"{f.id}: {r.label}": r.estimate for r in x.rows}
            elif isinstance(x, GroupEstimates) and "column moves" in x.title:
                found |= {f"{x.title} {row} {s}": e for row, es in x.rows for s, e in zip(x.series, es, strict=True)}
        found |= {f"{f.id} {g.group}": g.estimate for g in f.by_group}
    return found


@pytest.mark.one_in(2)
@pytest.mark.parametrize("sample", [2_000, 200])
def test_parts_dealt_out_at_random_are_the_whole_within_their_intervals(sample: int) -> None:
    """Of all rows each value lies within the other's interval; of samples the two intervals meet."""
    frame = rows(1_800)
    one, other = told(audited(frame, sample=3 * sample)), told(merged(frame, sample=sample))
    assert one.keys() == other.keys()
    for key, e in one.items():
        m = other[key]
        if e.value is None or e.low is None or e.high is None:
            assert (m.value is None, m.low is None) == (e.value is None, e.low is None), key
            continue
        assert m.value is not None, key
        assert m.low is not None, key
        assert m.high is not None, key
        if sample == 2_000:
            assert e.low <= m.value <= e.high, key
            assert m.low <= e.value <= m.high, key
        assert max(e.low, m.low) <= min(e.high, m.high), key


@pytest.mark.slow
def test_sites_that_differ_are_told_within_and_how_far_they_lie_apart() -> None:
    frame = rows(1_800, shift=2.0)
    report = merged(frame, checks=[ak.Attribution()])
    f = report.finding("explanation/integrated_gradients/overall")
    assert f.statement.startswith("Within the 3 parts: a and b carry ")
    facts = report.evidence["attribution:integrated_gradients"].data["facts"]
    sites = [frame[frame.site == k].a for k in range(3)]
    apart = abs(sites[1].mean() - sites[0].mean()) / np.sqrt((sites[0].var() + sites[1].var()) / 2)
    assert facts[PARTS] == 3
    assert facts[SHIFT] == pytest.approx(apart, rel=0.1)
    assert any("what moves scores from one part to another is in none" in n for n in f.notes)
    key = "How much each column moves the scores a overall"
    assert not within(told(report)[key].value or 0.0, told(audited(frame))[key])  # which is why it is said
    plain = merged(frame, checks=[ak.Attribution("saliency")]).findings[0]
    assert not plain.statement.startswith("Within")  # it has no baseline: means are those of all rows


@pytest.mark.slow
def test_merged_samples_are_merged_again_and_say_what_their_evidence_says() -> None:
    frame = rows(900)
    parts = [audited(frame[frame.site == k]) for k in range(3)]
    once, again = ak.merge(*parts), ak.merge(ak.merge(*parts[:2]), parts[2])
    assert again.evidence["flip_test"] == once.evidence["flip_test"]
    assert [f.statement for f in again.findings] == [f.statement for f in once.findings]
    for key, e in told(again).items():  # evidence is rounded each time that it is stored
        np.testing.assert_allclose(numbers(e), numbers(told(once)[key]), rtol=1e-6, atol=1e-9, err_msg=key)
    for report in (once, again):
        assert ak.verify(report).agrees, [c for c in ak.verify(report).checked if c.state == "differs"]
    f: Finding = once.finding("explanation/integrated_gradients/overall")
    trust = {t.id: t for t in f.trust}
    assert trust["T2"].note.startswith("the worst of 3 parts: ")
    assert not trust["T10"].applies
    assert ak.Report.from_json(once.to_json()) == once
    assert not_once(once) == []


@pytest.mark.slow
def test_pictures_of_parts_are_drawn_of_all() -> None:
    def asked(frame: pd.DataFrame) -> ak.Report:
        data = ak.Dataset(frame.reset_index(drop=True), y_true="y", positive=1, sensitive_features=["hand"])
        return ak.audit(seen.of_images(), data, checks=[ak.Attribution()])

    frame = seen.pictures(480)
    report = ak.merge(*(asked(frame[frame.index % 2 == k]) for k in range(2)))
    (evidence,) = report.evidence.values()
    assert evidence.type == "AttributionSums"
    (pictures,) = (x for f in report.findings for x in f.exhibits if isinstance(x, Pictures))
    assert {p.group.get("hand", ""): p.n for p in pictures.pictures} == {"": 480, "heavy": 192, "light": 288}
    assert ak.verify(report).agrees


def test_halves_of_parts_judge_remedies_as_those_of_the_whole_within_their_intervals() -> None:
    """Each half of the rows by the thresholds of the other, drawn of bins of scores."""
    asked: dict[str, Any] = {"predictions": ak.Predictions(score="s", threshold=0.5)}
    checks = [ak.GroupFairness(by=[["sex"]]), ak.Scores(by=[["sex"]])]
    one = audited_rows(ROWS, checks, **asked)
    other = ak.merge(*(audited_rows(at(s), checks, **asked) for s in SITES))
    found = [r.finding("mitigation/price_of_parity/overall/sex").estimate for r in (one, other)]
    for a, b in (found, found[::-1]):
        assert a.value is not None
        assert within(a.value, b)


@pytest.mark.slow
def test_rows_that_were_kept_are_added_as_sums() -> None:
    kept = {"disclosure": ak.Disclosure(keep_rows=True), "checks": [ak.Attribution(), ak.FlipTest()]}
    report = merged(rows(300), **kept)
    assert {e.type for e in report.evidence.values()} == {"GroupSums"}
    assert told(report).keys() == told(merged(rows(300), checks=kept["checks"])).keys()


def test_the_worst_of_all_trials_counts() -> None:
    stored = [
        t.model_dump(mode="json")
        for t in (
            unmeasured("T2", "few"), judged("T2", 0.01, ""), judged("T2", 0.04, ""), judged("T2", 0.06, ""),
            weighed("T3", 0.9, 0.8, 1.0, ""), weighed("T3", 0.72, 0.6, 0.8, ""), weighed("T3", 0.2, 0.1, 0.3, ""),
            checked("T7", 0.5, True, ""), checked("T7", 0.1, True, ""), checked("T7", -0.1, False, ""),
        )
    ]  # fmt: skip
    for i, less in enumerate(stored):
        for more in stored[i:]:
            if more["id"] == less["id"]:
                assert worst([less], [more]) == worst([more], [less]) == [more]
    assert [t["id"] for t in worst(stored[:1], stored[4:5])] == ["T2", "T3"]


def test_attributions_that_are_no_parts_of_one_are_refused_by_what_differs() -> None:
    rng = np.random.default_rng(0)
    own = part(rng, 40, 40, FALLING, ONE)
    (each,) = own.facts["each"]
    renamed = {**each, "features": ["0", "1", "2", "x + y"]}
    for other, said in (
        (replace(own, facts={"method": "shapley", "not_measured": "all scores are equal"}), "all scores are equal"),
        (replace(own, facts={**own.facts, "method": "shapley"}), "with other facts: method"),
        (replace(own, facts={**own.facts, "each": [{**each, "label": "cat"}]}), "other classes"),
        (replace(own, facts={**own.facts, "each": [renamed]}), "3, x \\+ y"),
        (replace(own, facts={**own.facts, "each": [{**each, "attributes": []}]}), "by other attributes"),
    ):
        with pytest.raises(EvidenceError, match=said):
            together(own, other)


def units(mean: float, n: int, rng: np.random.Generator) -> Units:
    parts = rng.normal(size=(n, 2)) * 0.1 + [mean, 0]
    return Units.of(("a", "b"), [np.column_stack([parts, parts.sum(1)])], np.ones(n))


def gaps(of: dict[tuple[str, str, str], float], seed: int = 0) -> GapSums:
    rng = np.random.default_rng(seed)
    facts: dict[str, Any] = {"task": "binary", "by": ["sex", "race"], "features": ["a", "b"]}
    found = {Contrast(by, "mean_score", "shapley", *pair): units(m, 100, rng) for (by, *pair), m in of.items()}
    return GapSums(facts, found, {(c.by, c.high, c.low): np.ones((2, 2)) for c in found})


def test_the_same_groups_the_other_way_round_are_the_same_gap_and_others_are_told_as_lost() -> None:
    one = gaps({("sex", "m", "f"): 0.3, ("race", "a", "b"): 0.1})
    other = gaps({("sex", "f", "m"): 0.1, ("race", "a", "c"): 0.2}, seed=1)
    both = gaps_together(one, other)
    ((contrast, found),) = both.units.items()
    assert (contrast.high, contrast.low) == ("m", "f")
    assert found.mean == pytest.approx([0.1, 0, 0.1], abs=0.04)  # (0.3 − 0.1) / 2
    back = gaps_together(other, one)
    assert back.units[contrast].mean == pytest.approx(found.mean)
    assert back.units[contrast].covariance == pytest.approx(found.covariance)
    assert both.tells.keys() == {("sex", "m", "f")}
    assert list(both.not_measured) == ["gap_share of mean_score by race"]
    with pytest.raises(EvidenceError, match="they share none"):
        gaps_together(gaps({("sex", "m", "f"): 0.3}), gaps({("race", "a", "b"): 0.3}))


def test_words_that_every_part_tells_have_the_means_of_all_texts() -> None:
    """From the same text without words, so that the whole is met, whatever the parts."""
    frame = words.texts(600).assign(y=np.arange(600) % 2)
    model = ak.Model(
        words.Bag(lovely=2.0, bad=-1.0, very=0.4).eval(),
        feature_map=ak.tokens(words.split, length=words.LENGTH, column="review"),
        outputs="logits",
    )

    def asked(some: pd.DataFrame) -> ak.Report:
        own = some.reset_index(drop=True)
        data = ak.Dataset(own, y_true="y", positive=1, sensitive_features=["sex"])
        return ak.audit(model, data, checks=[ak.WordAttribution()])

    whole = asked(frame)
    both = ak.merge(*(asked(frame[frame.index % 3 == k]) for k in range(3)))
    a, b = (WordSums.from_json(r.evidence["word_attribution"].data) for r in (whole, both))
    assert set(b.words) <= set(a.words)
    assert {"lovely", "very"} <= set(b.words)
    for word, m in b.words.items():
        assert m.mean == pytest.approx(a.words[word].mean, abs=1e-3), word
        assert m.n == a.words[word].n
    for group, u in b.units["sex"].items():
        own = a.units["sex"][group]
        assert u.mean[-1] == pytest.approx(own.mean[-1], abs=1e-9)  # copies of a text are rows
        for i, name in enumerate(u.names):
            if name != OTHER and name in own.names:
                assert u.mean[i] == pytest.approx(own.mean[own.names.index(name)], abs=1e-3)
    first, again = whole.finding("explanation/word_effect/overall"), both.finding("explanation/word_effect/overall")
    assert "“lovely” most surely raises" in first.statement
    assert "“lovely” most surely raises" in again.statement
    assert again.statement.startswith("Of 13 words that each of 3 parts tells") or "each of 3 parts" in again.statement
    assert ak.verify(both).agrees
    assert b.facts["texts"] == 600


def test_a_word_that_one_part_does_not_tell_goes_to_the_others() -> None:
    rng = np.random.default_rng(0)

    def told_of(names: Sequence[str]) -> WordSums:
        x: Floats = rng.normal(size=(30, len(names)))
        parts = np.column_stack([x, x.sum(1)])
        facts = {"by": ["sex"], "texts": 30, "words": 9, "told": len(names), "order": [], "notes": [], "trust": []}
        return WordSums(facts, {w: Moments.of(x[:, :1]) for w in names if w != OTHER},
                        {"sex": {"f": Units.of(tuple(names), [parts], np.ones(30))}})  # fmt: skip

    one, other = told_of(["a", "b", OTHER]), told_of(["c", "a", OTHER])
    both = words_together(one, other)
    assert list(both.words) == ["a"]
    u, (a, b) = both.units["sex"]["f"], (x.units["sex"]["f"] for x in (one, other))
    assert u.names == ("a", OTHER)
    assert u.mean[-1] == pytest.approx((a.mean[-1] + b.mean[-1]) / 2)
    assert u.mean[0] == pytest.approx((a.mean[0] + b.mean[1]) / 2)
    assert u.mean[:-1].sum() == pytest.approx(u.mean[-1])


def test_words_of_lexicons_are_counted_over_all_parts() -> None:
    def swapped(words: list[list[Any]], rare: int) -> GroupSums:
        swap = {"name": "she", "not_measured": "", "ways": ["x"], "words": words, "rare_words": rare}
        return GroupSums({"attributes": [], "swaps": [swap]})

    both = flips_together(swapped([["she", "he", 12]], 3), swapped([["she", "he", 20], ["her", "him", 11]], 1))
    (swap,) = both.facts["swaps"]
    assert swap["words"] == [["she", "he", 32], ["her", "him", 11]]
    assert swap["rare_words"] == 3
    with pytest.raises(EvidenceError, match="other facts"):
        flips_together(swapped([], 0), GroupSums({"attributes": ["sex"]}))
