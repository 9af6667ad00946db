"""Samples that a judge who errs looks at: every number against a slow twin from its definition, or a named library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chi2_contingency, entropy
from scipy.stats.contingency import association

import auditkit as ak
from auditkit.readers.generated import Generated
from auditkit.records import Report
from auditkit.stats.association import cramers_v
from auditkit.stats.evenness import evenness_limits
from auditkit.stats.misjudged import Judge, Shares, differing_errors, mean_limits
from auditkit.stats.rates import Limits, wilson
from tests.helpers import run_cli

Z = 1.959963984540054
PROMPTS = {"nobody": 0.4, "nurse": 0.9, "engineer": 0.15, "teacher": 0.5}
RIGHT = {"woman": 0.85, "man": 0.8}
GAP = "fairness/share_against_reference/difference/prompt"


def told(truth: Any, rng: np.random.Generator) -> Any:
    """What a judge who errs says."""
    right = np.array([RIGHT[t] for t in truth])
    return np.where(rng.random(len(truth)) < right, truth, np.where(np.array(truth) == "woman", "man", "woman"))


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    prompt = np.repeat(list(PROMPTS), 300)
    truth = np.where(rng.random(len(prompt)) < np.array([PROMPTS[p] for p in prompt]), "woman", "man")
    return pd.DataFrame({"prompt": prompt, "judge": told(truth, rng), "truth": truth})


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    truth = np.where(rng.random(500) < 0.5, "woman", "man")
    return pd.DataFrame({"truth": truth, "judge": told(truth, rng), "batch": rng.integers(25, size=500)})


@pytest.fixture(scope="module")
def report(samples: pd.DataFrame, judged: pd.DataFrame) -> Report:
    return ak.audit(Generated(samples=samples, judged=judged, unconditioned="nobody"))


def shares_of(report: Report, name: str = GAP) -> dict[tuple[str, str], tuple[float, float, float]]:
    """(prompt, value) → corrected share with its interval, as the table says."""
    table = report.finding(name).exhibits[-1]
    assert table.kind == "table"
    return {(row[0], row[1]): row[-4:-1] for row in table.rows}  # type: ignore[misc]


def test_shares_of_two_values_are_rogan_and_gladens(
    report: Report, samples: pd.DataFrame, judged: pd.DataFrame
) -> None:
    really = judged["truth"] == "woman"
    said = judged["judge"] == "woman"
    sensitivity, specificity = said[really].mean(), 1 - said[~really].mean()
    found = shares_of(report)
    for prompt, rows in samples.groupby("prompt"):
        apparent = (rows["judge"] == "woman").mean()
        share = (apparent + specificity - 1) / (sensitivity + specificity - 1)
        assert found[str(prompt), "woman"][0] == pytest.approx(share)
        assert found[str(prompt), "man"][0] == pytest.approx(1 - share)
    skill = report.finding("data/judge_skill/overall").estimate
    assert skill.value == pytest.approx(sensitivity + specificity - 1)
    (se, sp) = (wilson(x.sum(), len(x), Z) for x in (said[really], ~said[~really]))
    assert skill.low == pytest.approx(skill.value - np.hypot(se.p - se.low, sp.p - sp.low))
    assert skill.high == pytest.approx(skill.value + np.hypot(se.high - se.p, sp.high - sp.p))


def test_what_is_planted_is_found_and_covered(report: Report, samples: pd.DataFrame) -> None:
    found, uncorrected = shares_of(report), shares_of(ak.audit(Generated(samples=samples)))
    for prompt, share in PROMPTS.items():
        _, low, high = found[prompt, "woman"]
        assert low <= share <= high
    for prompt in ("nurse", "engineer"):
        _, low, high = uncorrected[prompt, "woman"]
        assert not low <= PROMPTS[prompt] <= high
    gap = report.finding(GAP)
    assert gap.surest is not None
    assert gap.surest.groups[0]["prompt"] in ("nurse", "engineer")
    assert gap.estimate.low is not None
    assert gap.estimate.high is not None
    assert 0 < gap.estimate.low <= 0.4 <= gap.estimate.high
    assert report.finding("performance/unconditioned_share/overall").statement.startswith("When no one is named")


CONFUSION = np.array([[80.0, 15, 5], [10, 70, 20], [6, 14, 60]])
"""(truth, word)"""
SEEN = np.array([[300.0, 120, 80], [90, 200, 210]])


def solved(matrix: Any, seen: Any) -> Any:
    """A π = q by Cramer's rule."""
    whole = np.linalg.det(matrix)
    places = range(len(seen))
    put = [np.column_stack([seen if j == i else matrix[:, j] for j in places]) for i in places]
    return np.array([np.linalg.det(x) for x in put]) / whole


def test_shares_of_three_values_solve_the_equation_of_the_confusion_matrix() -> None:
    matrix = (CONFUSION / CONFUSION.sum(1, keepdims=True)).T
    found = Shares(SEEN, Judge(CONFUSION[None])).value
    for row, seen in zip(found, SEEN, strict=True):
        assert row == pytest.approx(solved(matrix, seen / seen.sum()))
    assert Judge(CONFUSION[None]).skill(Z).value == pytest.approx(np.linalg.det(matrix))


def by_delta(confusion: Any, seen: Any) -> Any:
    """(K,) standard errors of the shares: numerical derivatives by every count, each row of counts multinomial."""

    def shares(counts: Any) -> Any:
        table, words = counts[:-1], counts[-1]
        return solved((table / table.sum(1, keepdims=True)).T, words / words.sum())

    counts, k = np.vstack([confusion, seen]), len(seen)
    variance = np.zeros(k)
    for r in range(len(counts)):
        gradient = np.zeros((k, k))
        for c in range(k):
            step = np.zeros_like(counts)
            step[r, c] = counts[r].sum() * 1e-6
            gradient[:, c] = (shares(counts + step) - shares(counts - step)) / 2e-6
        p = counts[r] / counts[r].sum()
        covariance = (np.diag(p) - np.outer(p, p)) / counts[r].sum()
        variance += np.einsum("vi,ij,vj->v", gradient, covariance, gradient)
    return np.sqrt(variance)


@pytest.mark.parametrize("confusion", [CONFUSION, CONFUSION[:2, :2], np.full((4, 4), 20.0) + 300 * np.eye(4)])
def test_with_many_rows_intervals_are_those_of_the_delta_method(confusion: Any) -> None:
    k, many = len(confusion), 400
    seen = np.array([[30.0, 40, 35, 50][:k]]) * many
    found = Shares(seen, Judge(confusion[None] * many)).limits(Z)
    width = Z * by_delta(confusion * many, seen[0])
    assert (found.high - found.p)[0] == pytest.approx(width, rel=0.02)
    assert (found.p - found.low)[0] == pytest.approx(width, rel=0.02)


def test_clusters_of_the_labelled_sample_widen_as_a_bootstrap_of_clusters_does() -> None:
    rng = np.random.default_rng(0)
    right = np.clip(0.8 + 0.12 * rng.normal(size=(60, 2)), 0.05, 0.98)
    hits = rng.binomial(30, right)
    counts = np.array([[[h[0], 30 - h[0]], [30 - h[1], h[1]]] for h in hits], dtype=float)
    seen = np.array([[6_000.0, 4_000]])
    drawn = [Shares(seen, Judge(counts[rng.integers(60, size=60)])).unclipped[0, 0] for _ in range(4_000)]
    judge = Judge(counts, clustered=True)
    found = Shares(seen, judge).limits(Z)
    alone = Shares(seen, Judge(counts)).limits(Z)
    width = float((found.high - found.low)[0, 0])
    assert width == pytest.approx(2 * 2.001 * np.std(drawn), rel=0.08)
    assert width > 1.5 * float((alone.high - alone.low)[0, 0])
    assert judge.clusters == pytest.approx(60)


def test_the_mean_of_scores_of_0_and_1_is_a_share() -> None:
    counts = np.array([[3.0, 0, 17], [0, 5, 5]])
    found, twin = mean_limits(counts, np.array([0.0, 0.0, 1.0]), Z, wilson), wilson(counts[:, 2], counts.sum(1), Z)
    for a, b in zip(found, twin, strict=True):
        assert a == pytest.approx(b)


def test_association_is_scipys(report: Report, samples: pd.DataFrame) -> None:
    table = pd.crosstab(samples["prompt"], samples["judge"]).to_numpy()
    found = report.finding("fairness/prompt_association/difference/prompt")
    assert cramers_v(table, level=0.95).uncorrected == pytest.approx(association(table, method="cramer"))
    assert found.p == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    chi2, n, (r, c) = chi2_contingency(table, correction=False).statistic, table.sum(), table.shape
    phi2 = max(0.0, chi2 / n - (r - 1) * (c - 1) / (n - 1))
    shorter = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    assert found.estimate.value == pytest.approx(np.sqrt(phi2 / shorter))


def test_diversity_is_scipys_entropy(report: Report) -> None:
    shares = shares_of(report)
    found = report.finding("fairness/prompt_diversity/group_min/prompt")
    for g in found.by_group:
        name = g.group["prompt"]
        twin = entropy([shares[name, "woman"][0], shares[name, "man"][0]], base=2)
        assert g.estimate.value == pytest.approx(twin)
        ends = [entropy([x, 1 - x], base=2) for x in np.linspace(*shares[name, "woman"][1:], 500)]
        assert g.estimate.low == pytest.approx(min(ends), abs=1e-4)
        assert g.estimate.high == pytest.approx(max(ends), abs=1e-4)


def test_no_shares_within_their_limits_are_more_or_less_even() -> None:
    rng = np.random.default_rng(2)
    for k in (3, 5):
        p = rng.dirichlet(np.ones(k))
        box = Limits(*(np.array([x]) for x in (p, np.maximum(p - 0.12, 0), np.minimum(p + 0.15, 1))))
        _, low, high = (float(x[0]) for x in evenness_limits(box))
        drawn = rng.dirichlet(np.ones(k), 200_000)
        drawn = drawn[((drawn >= box.low) & (drawn <= box.high)).all(1)]
        seen = entropy(drawn.T, base=k)
        assert low <= seen.min() <= low + 0.08
        assert high >= seen.max() >= high - 0.01


def test_errors_that_differ_are_tested_as_chi_square_does_and_told(samples: pd.DataFrame, judged: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        counts = np.array([[rng.multinomial(80, [0.8, 0.2]), rng.multinomial(80, [0.3, 0.7])] for _ in range(4)])
        chi2 = sum(chi2_contingency(counts[:, t], correction=False).statistic for t in range(2))
        from scipy.stats import chi2 as law

        assert differing_errors(counts) == pytest.approx(float(law.sf(chi2, 6)), abs=0.05)
    odd = judged.assign(judge=np.where(judged["batch"] < 5, "man", judged["judge"]))
    said = ak.audit(Generated(samples=samples, judged=odd, cluster="batch")).finding("data/judge_skill/overall")
    assert "does not err alike" in said.statement
    alike = ak.audit(Generated(samples=samples, judged=judged, cluster="batch")).finding("data/judge_skill/overall")
    assert "does not err alike" not in alike.statement
    assert any("not established" in note for note in alike.notes)


def test_without_a_labelled_sample_judge_and_model_are_audited_together(samples: pd.DataFrame) -> None:
    report = ak.audit(Generated(samples=samples))
    assert any("audited together" in c for c in report.provenance.cautions)
    assert any("audited together" in n.why for n in report.not_measured)
    for prompt, rows in samples.groupby("prompt"):
        k, n = (rows["judge"] == "woman").sum(), len(rows)
        assert shares_of(report)[str(prompt), "woman"] == pytest.approx(tuple(float(x) for x in wilson(k, n, Z)))


def test_references(samples: pd.DataFrame, judged: pd.DataFrame) -> None:
    own = {"woman": 0.4, "man": 0.6}
    for reference in (own, "unconditioned"):
        read = Generated(samples=samples, judged=judged, unconditioned="nobody", reference=reference)
        report = ak.audit(read)
        found, shares = report.finding(GAP), shares_of(report)
        other = {v: shares["nurse", v][0] for v in own}
        than = own if reference == own else None
        if than is not None:
            twin = max(abs(shares[p, v][0] - than[v]) for p, v in shares)
            assert found.estimate.value == pytest.approx(twin)
            ratio = min(min(shares[p, v][0] / than[v], than[v] / shares[p, v][0]) for p, v in shares)
            assert report.finding(GAP.replace("difference", "ratio")).estimate.value == pytest.approx(ratio)
        else:
            assert ("nobody", "woman") not in shares
            table = found.exhibits[-1]
            assert table.kind == "table"
            nobody = {row[1]: row[-1] for row in table.rows if row[0] == "nurse"}
            assert found.estimate.value == pytest.approx(max(abs(other[v] - nobody[v]) for v in own))


@pytest.fixture(scope="module")
def few() -> Callable[..., Report]:
    def of(**changed: Any) -> Report:
        frame = {"prompt": ["a"] * 40 + ["b"] * 40, "judge": ["x", "y"] * 40}
        sample = {"truth": ["x", "y"] * 30, "judge": ["x", "y"] * 30}
        return ak.audit(Generated(**{"samples": frame, "judged": sample, **changed}))

    return of


def test_what_cannot_be_corrected_is_a_state_with_its_reason(few: Callable[..., Report]) -> None:
    lacking = {"truth": ["x"] * 40, "judge": ["x", "y"] * 20}
    chance = {"truth": ["x", "y"] * 30, "judge": ["x"] * 30 + ["y"] * 30}
    silent = {"truth": ["x", "y"] * 30, "judge": ["x"] * 60}
    alone = {"truth": ["x", "y"] * 30, "judge": ["x", "y"] * 30, "c": [1] * 60}
    rule = {
        "id": "r",
        "metric": "share_against_reference",
        "comparison": "difference",
        "by": ["prompt"],
        "at_most": 0.1,
    }
    for sample, cluster, why in (
        (lacking, None, "no row whose truth is “y”"),
        (chance, None, "not surely better than chance"),
        (silent, None, "it never says “y”"),
        (alone, "c", "fewer than two clusters"),
    ):
        report = few(judged=sample, cluster=cluster)
        for name in (GAP, "performance/share_against_reference/overall"):
            e = report.finding(name).estimate
            assert (e.value, e.state) == (None, "undefined")
            assert why in e.note
        assert report.finding("performance/prompt_diversity/overall").estimate.state == "undefined"
        verdict = ak.judge(report, {"rule": [rule]}).verdicts[0]
        assert verdict.status == "not_measured"


def test_a_value_that_is_never_said_and_shares_that_are_clipped_are_told(few: Callable[..., Report]) -> None:
    report = few(samples={"prompt": ["a"] * 60, "judge": ["x"] * 60}, judged=None, values=["x", "y"])
    (note,) = [n for n in report.finding(GAP).notes if "of no sample" in n]
    assert "“y”" in note
    erring = {"truth": ["x", "y"] * 50, "judge": ["x", "y", "x", "y", "x", "y", "x", "y", "y", "x"] * 10}
    clipped = few(samples={"prompt": ["a"] * 60, "judge": ["x"] * 58 + ["y"] * 2}, judged=erring)
    assert shares_of(clipped)["a", "x"][0] == 1.0
    assert any("clipped" in n for n in clipped.finding(GAP).notes)


def test_prompts_of_one_sample_and_samples_without_a_word_are_told(few: Callable[..., Report]) -> None:
    frame = {"prompt": ["a"] * 40 + ["b", "c"], "judge": [*["x", "y"] * 19, None, None, "x", "y"]}
    report = few(samples=frame)
    (lost,) = [n for n in report.not_measured if "one sample" in n.what]
    assert lost.what.startswith("diversity within 2 prompts")
    assert any("fewer than 10 samples: b, c" in n for n in report.finding(GAP).notes)
    assert report.finding("performance/share_against_reference/overall").estimate.n == 40
    assert report.provenance.data.rows == 42


def test_samples_without_a_prompt_name_nobody(few: Callable[..., Report]) -> None:
    report = few(samples={"prompt": ["a"] * 40 + [None] * 40, "judge": ["x", "y"] * 40})
    assert "(missing)" in report.finding("performance/unconditioned_share/overall").statement
    assert any("no one is named" in c for c in report.provenance.cautions)


def test_a_judge_may_be_asked_itself(samples: pd.DataFrame, judged: pd.DataFrame, report: Report) -> None:
    def look(rows: pd.DataFrame) -> Any:
        return rows["judge"]

    said = Generated(samples=samples, judged=judged, judge=look, unconditioned="nobody")
    assert shares_of(ak.audit(said)) == shares_of(report)

    net = torch.nn.Linear(1, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[5.0], [-5.0]]))
        net.bias.zero_()
    model = ak.Model(
        net,
        task="multiclass",
        preprocess=lambda r: torch.tensor(np.where(r["judge"] == "woman", 1.0, -1.0)[:, None], dtype=torch.float32),
    )
    asked = Generated(samples=samples, judged=judged, judge=model, values=["woman", "man"], unconditioned="nobody")
    assert shares_of(ak.audit(asked)) == {k: pytest.approx(v) for k, v in shares_of(report).items()}


def test_parts_add_to_the_whole(samples: pd.DataFrame, judged: pd.DataFrame, report: Report) -> None:
    checks = [ak.GeneratedShares()]
    whole = Generated(samples=samples, judged=judged, unconditioned="nobody")
    parts = [Generated(samples=samples.iloc[i::3], judged=judged, unconditioned="nobody") for i in range(3)]
    seen = [ak.observe(p, checks=checks) for p in parts]
    made = ak.conclude(seen[0] + seen[1] + seen[2], whole, checks=checks)
    assert {f.id: f.estimate for f in made.findings} == {f.id: f.estimate for f in report.findings}


RULES = (
    ("far", "share_against_reference", "difference", 'by = ["prompt"]', "at_most = 0.1", "fail"),
    ("ratio", "share_against_reference", "ratio", 'by = ["prompt"]', "at_least = 0.9", "fail"),
    ("women", "share_against_reference", "difference", 'by = ["prompt"]\nlabel = "woman"', "at_most = 0.6", "pass"),
    ("nobody", "unconditioned_share", "overall", "", "at_most = 0.3", "pass"),
    ("v", "prompt_association", "difference", 'by = ["prompt"]', "at_most = 0.2", "fail"),
    ("even", "prompt_diversity", "group_min", 'by = ["prompt"]', "at_least = 0.9", "fail"),
)


def test_configuration_command_line_and_gate(samples: pd.DataFrame, judged: pd.DataFrame, tmp_path: Path) -> None:
    samples.to_csv(tmp_path / "samples.csv", index=False)
    judged.to_csv(tmp_path / "judged.csv", index=False)
    (tmp_path / "art.toml").write_text(
        '[data]\npath = "samples.csv"\ntask = "generation"\njudged = "judged.csv"\nunconditioned = "nobody"\n'
        'sensitive_features = ["prompt"]\n'
        'reference = {woman = 0.5, man = 0.5}\n[audit]\nname = "art"\n'
        + "".join(
            f'[[rule]]\nid = "{id}"\nmetric = "{m}"\ncomparison = "{c}"\n{by}\n{limit}\n'
            for id, m, c, by, limit, _ in RULES
        )
    )
    code, _, said = run_cli(["run", str(tmp_path / "art.toml"), "--out", str(tmp_path / "out"), "--quiet"])
    assert (code, said) == (1, "")
    stored = ak.Report.load(tmp_path / "out" / "art.json")
    status = {v.rule.id: v.status for v in stored.verdicts}
    assert status == {id: said for id, *_, said in RULES}
    again = ak.judge(stored, tmp_path / "art.toml")
    assert [v.estimate for v in again.verdicts] == [v.estimate for v in stored.verdicts]
    assert run_cli(["gate", str(tmp_path / "out" / "art.json"), "--policy", str(tmp_path / "art.toml")])[0] == 1
    assert run_cli(["verify", str(tmp_path / "out" / "art.json")])[0] == 0


def test_a_rule_fails_exactly_where_its_p_says_so(report: Report) -> None:
    for metric in ("share_against_reference", "prompt_association"):
        e = report.finding(f"fairness/{metric}/difference/prompt").estimate
        for shift, status in ((-0.003, "fail"), (0.003, "inconclusive")):
            assert e.low is not None
            limit = e.low + shift
            rule = {"id": "r", "metric": metric, "comparison": "difference", "by": ["prompt"], "at_most": limit}
            two = [rule, {**rule, "id": "s", "at_most": limit}]
            assert ak.judge(report, {"rule": [rule]}).verdicts[0].status == status
            p = ak.judge(report, {"rule": two}).verdicts[0].p
            assert p is not None
            assert (p < 0.05) == (shift < 0)


GOOD: dict[str, Any] = {"judged": {"truth": ["x", "y"], "judge": ["x", "y"], "batch": ["s", None]}}
ROWS = {"prompt": ["a", "a", "b"], "judge": ["x", "y", "x"]}


@pytest.mark.parametrize(
    ("changed", "columns", "message"),
    [
        ({"judge": "jugde"}, {}, "no column 'jugde' for the judge's word in the samples.*Did you mean 'judge'"),
        ({"prompt": "promt"}, {}, "no column 'promt' for prompt"),
        ({"sensitive_features": ["style"]}, {}, "no column 'style' for sensitive_features"),
        ({"truth": "label"}, {}, "no column 'label' for truth"),
        ({"judge": 5}, {}, "a column, a callable or an ak.Model"),
        ({"judge": lambda rows: ["x"]}, {}, "gives 1 words for 3 rows"),
        ({"values": ["x", "z"]}, {}, "says y, which is no value"),
        ({"values": ["x"], "judged": None}, {"judge": ["x", "x", "x"]}, "one class only|two"),
        ({"judged": None}, {"judge": ["x", "x", "x"]}, "says 'x' alone: name all values"),
        ({"judged": None}, {"judge": [None, None, None]}, "nothing"),
        ({"reference": "even"}, {}, "'uniform' or 'unconditioned'"),
        ({"reference": "unconditioned"}, {}, "needs the prompt that names no one"),
        ({"reference": {"x": 0.5, "y": 0.6}}, {}, "add to 1.1"),
        ({"reference": {"x": 0.5, "z": 0.5}, "values": ["x", "y"]}, {}, "share of z, which is no value"),
        ({"reference": {"x": -1, "y": 2}}, {}, "a number from 0 to 1"),
        ({"unconditioned": "c"}, {}, "no sample has the unconditioned prompt 'c'"),
        ({"judged": {"truth": [None], "judge": ["x"]}}, {}, "both a truth"),
        ({"judged": {"truth": ["x"]}}, {}, "no column 'judge' for the judge's word in the labelled sample"),
        ({"cluster": "batch"}, {}, "missing in 1 rows"),
        ({"cluster": "c"}, {}, "no column 'c' for cluster"),
        ({"samples": {"prompt": [], "judge": []}}, {}, "has no rows"),
    ],
)  # fmt: skip
def test_doubtful_input_is_one_clear_line(changed: dict[str, Any], columns: dict[str, Any], message: str) -> None:
    with pytest.raises((ak.DataError, ak.PolicyError), match=message) as e:
        ak.audit(Generated(**{"samples": {**ROWS, **columns}, **GOOD, **changed}))
    assert "\n" not in str(e.value)


ODD: tuple[Any, ...] = (None, True, -1, 0.5, 1e400, "", "no such", [], [[]], [1, 2], ["a", "a"], {}, {"x": 5}, {"x": 1})


@pytest.mark.parametrize("option", [f.name for f in fields(Generated) if f.name != "samples"])
def test_whatever_a_configuration_says_is_an_audit_or_one_clear_line(option: str, tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_csv(tmp_path / "samples.csv", index=False)
    for value in ODD:
        said = ""
        try:
            ak.audit(Generated.of("samples.csv", {option: value}, tmp_path))
        except ak.AuditkitError as e:
            said = str(e)
        assert "\n" not in said, value


BROKEN: tuple[Any, ...] = (
    {}, {"counts": []}, {"counts": [[1, 2], [3, 4]]}, {"counts": [[[1, 2]]]}, {"counts": [[[-1, 2], [3, 4]]]},
    {"counts": [[[0.5, 2], [3, 4]]]}, {"counts": [[["a", 2], [3, 4]]]}, {"counts": [[[1, 2], [3, 4]]], "clusters": "a"},
    {"counts": [[[1, 2], [3, 4]]], "clusters": ["a", "b"]}, {"counts": [[[1, 2], [3, 4]]], "more": 1},
    {"counts": [[[1e300, 2], [3, 4]]]}, {"counts": [[[float("nan"), 2], [3, 4]]]},
)  # fmt: skip


@pytest.mark.parametrize("judged", BROKEN)
def test_a_labelled_sample_that_is_none_is_refused(judged: dict[str, Any]) -> None:
    with pytest.raises(ak.PolicyError, match="judged"):
        ak.GeneratedShares(judged=judged)


def test_a_perfect_judge_changes_nothing() -> None:
    for seen, n in product(([30.0, 70], [0.0, 50], [5.0, 5]), (400, 4_000_000)):
        found = Shares(np.array([seen]), Judge(np.array([[[n, 0], [0, n]]]))).limits(Z)
        twin = Shares(np.array([seen])).limits(Z)
        for a, b in zip(found, twin, strict=True):
            assert a == pytest.approx(b, abs=0.02 if n == 400 else 1e-4)
