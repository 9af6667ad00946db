"""Pairs of texts: shares against the pairs themselves, what is held against ½, and pairs that say too little."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.errors import AuditkitError, DataError
from auditkit.gate.audited import ReadTable
from auditkit.readers.preferences import Preferences
from auditkit.report import changes
from tests.helpers import run_cli

WON = {"age": 0.5, "origin": 0.62, "sex": 0.85}


def scored(seed: int = 0, won: dict[str, float] = WON, templates: int = 30, each: int = 4) -> pd.DataFrame:
    """Pairs whose log-likelihoods are known; those of a template go one way more often than others."""
    rng, rows = np.random.default_rng(seed), []
    for about, p in won.items():
        for t in range(templates):
            own = rng.beta(4 * p, 4 * (1 - p))
            for i in range(each):
                gap = rng.exponential() * (1 if rng.random() < own else -1)
                low = -20 - rng.exponential()
                both = (low, low - gap)
                rows.append((about, f"{about} {t}", f"{about} {t} is a{i}", f"{about} {t} is b{i}", *both))
    columns = ["about", "template", "stereotype", "antistereotype", "s", "a"]
    return pd.DataFrame(rows, columns=columns)


def asked(frame: pd.DataFrame, **more: Any) -> Preferences:
    return Preferences(
        **{"pairs": frame, "category": "about", "cluster": "template", "log_likelihoods": ("s", "a"), **more}
    )


def by_group(report: ak.Report, kind: str = "group_max") -> dict[str, Any]:
    found = report.finding(f"fairness/stereotype_preference/{kind}/about")
    return {g.group["about"]: g.estimate for g in found.by_group}


def test_shares_are_those_of_the_pairs_and_held_against_one_half() -> None:
    frame = scored()
    twin = (frame.s > frame.a).groupby(frame.about).mean()
    report = ak.audit(asked(frame))
    assert {k: e.value for k, e in by_group(report).items()} == pytest.approx(twin.to_dict())
    most, least = (report.finding(f"fairness/stereotype_preference/group_{k}/about") for k in ("max", "min"))
    assert most.surest is not None
    assert most.surest.groups == ({"about": "sex"},)
    assert most.p is not None
    assert most.p < 1e-4
    assert least.p is None
    assert "50.0% is no preference" in most.statement
    margin = ak.audit(asked(frame), checks=[ak.Measured("margin", unit="nats", better="neither")])
    assert margin.finding("performance/measured[margin]/overall").estimate.value == pytest.approx(
        (frame.s - frame.a).mean()
    )


def test_templates_are_clusters() -> None:
    """Held to statsmodels' cluster-robust error within what 500 replicates leave open."""
    sm = pytest.importorskip("statsmodels.api")
    frame = scored(templates=60)
    fit = sm.OLS((frame.s > frame.a).astype(float), pd.get_dummies(frame.about).astype(float)).fit(
        cov_type="cluster", cov_kwds={"groups": frame.template}
    )
    together, apart = by_group(ak.audit(asked(frame))), by_group(ak.audit(asked(frame, cluster=None)))
    for about, e in together.items():
        assert (e.high - e.low) / (2 * 2.0 * fit.bse[about]) == pytest.approx(1, abs=0.15)
        assert e.high - e.low > apart[about].high - apart[about].low


def test_ties_are_apart_and_told() -> None:
    frame = scored()
    tied = frame.index < 12
    frame.loc[tied, "a"] = frame.loc[tied, "s"] * (1 + 1e-9)
    report = ak.audit(asked(frame))
    rest = frame[~tied]
    twin = (rest.s > rest.a).groupby(rest.about).mean().to_dict()
    assert {k: e.value for k, e in by_group(report).items()} == pytest.approx(twin)
    assert "12 of 360 pairs have two texts as likely as each other: no preference" in " ".join(report.provenance.notes)
    assert report.provenance.data.missing_prediction in (0, 12)


def test_two_nets_are_compared_on_the_same_pairs() -> None:
    old, new = scored(0), scored(1, dict.fromkeys(WON, 0.5))
    report = ak.audit(asked(new.sample(frac=1, random_state=0)), against=asked(old))
    change = report.finding("change/stereotype_preference/lowest_change/about")
    told = {g.group["about"]: g.estimate.value for g in change.by_group}
    twin = ((new.s > new.a).astype(float) - (old.s > old.a)).groupby(new.about).mean().to_dict()
    assert told == pytest.approx(twin)
    assert change.surest is not None
    assert change.surest.groups == ({"about": "sex"},)
    assert change.estimate.high is not None
    assert change.estimate.high < 0
    flips = report.finding("change/decisions_flipped/overall")
    now, before = ((x.s > x.a).to_numpy() for x in (new, old))
    assert f"{(now & ~before).sum()} are positive now and were not" in flips.statement
    assert "right" not in flips.statement
    words = changes.told(report)
    assert words.startswith("Won by the stereotype")
    assert "worse" not in words
    with pytest.raises(DataError, match="are compared on the same rows, by 'pair of texts'"):
        ak.audit(asked(new), against=asked(old.assign(stereotype=old.stereotype + " now")))


def test_configuration_command_line_and_gate(tmp_path: Path) -> None:
    scored().to_csv(tmp_path / "pairs.csv", index=False)
    config = tmp_path / "pairs.toml"
    config.write_text(
        '[data]\npath = "pairs.csv"\ntask = "preferences"\ncategory = "about"\ncluster = "template"\n'
        'log_likelihoods = ["s", "a"]\n[policy]\nid = "pairs"\nversion = "1"\n[[rule]]\nid = "even"\n'
        'metric = "stereotype_preference"\ncomparison = "group_max"\nby = ["about"]\nat_most = 0.6\n'
    )
    assert run_cli(["run", str(config), "--out", str(tmp_path), "--quiet"])[::2] == (1, "")
    assert run_cli(["gate", str(tmp_path / "preferences.json"), "--policy", str(config)])[0] == 1
    config.write_text(config.read_text().replace("stereotype_preference", "accuracy"))
    assert run_cli(["run", str(config), "--out", str(tmp_path), "--quiet"])[0] == 3
    (verdict,) = ak.Report.load(tmp_path / "preferences.json").verdicts
    assert verdict.status == "not_measured"


class Letters(nn.Module):
    """Logits of the next letter: those that the table has for the last."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(128, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.table(x)


def letters(text: str) -> list[int]:
    return [ord(c) for c in text]


def test_a_net_scores_the_texts_itself() -> None:
    torch.manual_seed(0)
    net, frame = Letters(), scored(templates=4)
    log_p = net.table.weight.log_softmax(-1).detach().numpy()
    twin = [[sum(log_p[a, b] for a, b in pairwise(t)) for t in map(letters, frame[c])]
            for c in ("stereotype", "antistereotype")]  # fmt: skip
    of: dict[str, Any] = {"model": net, "tokenizer": letters, "likelihood": "causal", "log_likelihoods": None}
    rows = asked(frame, **of).reading.data.frame
    assert rows["margin"].to_numpy() == pytest.approx(np.subtract(*twin), abs=1e-5)
    assert rows["stereotype_log_likelihood"].to_numpy() == pytest.approx(np.array(twin[0]), abs=1e-5)
    longer = frame.assign(stereotype=frame.stereotype + "xx")
    said = " ".join(asked(longer, **of).reading.data.cautions)
    assert "48 of 48 pairs one text has fewer tokens, which a sum favours: the stereotype in 0" in said
    each = asked(longer, **of, per_token=True).reading.data.frame["stereotype_log_likelihood"]
    whole = asked(longer, **of).reading.data.frame["stereotype_log_likelihood"]
    assert (whole / each).to_numpy() == pytest.approx(longer.stereotype.str.len().to_numpy() - 1)


def test_a_causal_net_needs_something_before_what_tells_texts_apart() -> None:
    frame = scored(templates=4)
    frame["stereotype"] = "z" + frame["stereotype"]
    of: dict[str, Any] = {"model": Letters(), "tokenizer": letters, "likelihood": "causal", "log_likelihoods": None}
    with pytest.raises(DataError, match=r"48 pairs differ in their first token.*Give bos="):
        asked(frame, **of).read()
    assert asked(frame, **of, bos=1).reading.data.frame["margin"].notna().all()


def test_a_masked_net_scores_all_tokens_or_those_shared() -> None:
    frame = scored(templates=4)
    of: dict[str, Any] = {"model": Letters(), "tokenizer": letters, "likelihood": "masked", "log_likelihoods": None}
    with pytest.raises(DataError, match="needs its mask"):
        asked(frame, **of).read()
    log_p = of["model"].table.weight.log_softmax(-1).detach().numpy()
    rows = asked(frame, **of, mask=0).reading.data.frame  # a net that sees its own position alone sees the mask
    twin = [sum(log_p[0, c] for c in letters(t)) for t in frame.stereotype]
    assert rows["stereotype_log_likelihood"].to_numpy() == pytest.approx(np.array(twin), abs=1e-4)
    shared = asked(frame, **of, mask=0, shared=True).reading
    assert shared.data.frame["margin"].to_numpy() == pytest.approx(np.zeros(48), abs=1e-4)
    assert any("that both texts have" in c for c in shared.data.notes)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({}, {"log_likelihoods": None}, "scored by a net, or were"),
        ({}, {"log_likelihoods": ("s",)}, "names two columns"),
        ({}, {"log_likelihoods": ("s", "b")}, "no column 'b' for log_likelihoods"),
        ({"s": 3.0}, {}, r"'s' is 3 in row 0: the log-likelihood of a text is at most 0"),
        ({"s": -np.inf}, {}, "at most 0, and finite"),
        ({"s": "much"}, {}, "something else than numbers"),
        ({"stereotype": None}, {}, "'stereotype' has no text in 360 rows"),
        ({"stereotype": "x", "antistereotype": "x"}, {}, "row 0 has the same text twice"),
        ({"stereotype": "x", "antistereotype": "y"}, {}, "359 pairs stand twice"),
        ({}, {"category": "abuot"}, "no column 'abuot' for category.*Did you mean 'about'"),
        ({}, {"cluster": "place"}, "no column 'place' for cluster"),
        ({"template": None}, {}, "missing"),
        ({}, {"model": 3, "log_likelihoods": None, "tokenizer": len, "likelihood": "causal"}, "model is a torch net"),
        ({}, {"model": nn.Linear(1, 1), "log_likelihoods": None}, "a net needs tokenizer"),
        ({}, {"likelihood": "causal"}, "are of a net"),
        ({}, {"likelihood": "casual"}, "Did you mean 'causal'"),
        ({"margin": "a"}, {"category": "margin"}, "is a name kept for rows of pairs"),
    ],
)
def test_pairs_that_say_too_little_are_refused(change: dict[str, Any], options: dict[str, Any], says: str) -> None:
    with pytest.raises(AuditkitError, match=says):
        asked(scored().assign(**change), **options).read()


def test_a_category_of_one_pair_is_seen_and_compared_with_none() -> None:
    frame = scored()
    frame.loc[0, "about"] = "rare"
    report = ak.audit(asked(frame))
    assert by_group(report)["rare"].state == "sparse"
    assert "left out, fewer than 10 to count" in " ".join(
        report.finding("fairness/stereotype_preference/group_max/about").notes
    )


def test_only_paths_into_a_log_are_cut_to_their_last_part() -> None:
    """A column may have a dot in its name; rules ask of it by its whole name."""

    def features(task: str, **options: Any) -> tuple[str, ...]:
        return ReadTable.model_validate({"path": "p", "task": task, **options}).features

    assert features("verification", sensitive_features=["sex.at.birth"]) == ("sex.at.birth",)
    assert features("preferences", category="doc.topic") == ("doc.topic",)
    assert features("answers", category="doc.topic") == ("topic",)
