"""The language of policies: what is understood, and every mistake named with file, line and the nearest right name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import auditkit.demo
from auditkit.catalogue.index import ALIASES, METRICS
from auditkit.errors import PolicyError
from auditkit.gate.config import load_config
from auditkit.gate.policy import Policy
from auditkit.records import TASK_KINDS

TASKS = tuple(TASK_KINDS)

RULE = {"id": "r", "metric": "accuracy", "comparison": "overall", "at_least": 0.8}

WAIVER = {"rule": "r", "reason": "n = 41; collecting", "approved_by": "risk board", "expires": "2027-01-31"}


def one(**changes: Any) -> Any:
    rule = {k: v for k, v in {**RULE, **changes}.items() if v is not None}
    return Policy.from_dict({"rule": [rule]}).rules[0]


def toml(tmp_path: Path, text: str, name: str = "gate.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


FULL = """\
[policy]
id = "loan"
version = "3"
owner = "risk team"
review_by = 2027-05-01

[defaults]
confidence = 0.9
on_inconclusive = "fail"
min_n = 30

[words]
positive = "get a loan"
[words.sex]
f = "women"

[[rule]]
id = "tpr"
metric = "equal_opportunity_difference"
by = "sex"
at_most = 0
severity = "warning"
refs = ["eu-aia:10(2)(f)"]

[[rule]]
id = "acc"
metric = "accuracy"
comparison = "overall"
at_least = 0.8
min_n = 5
confidence = 0.99
decision = "point"
on_not_measured = "pass"
"""


def test_a_whole_policy(tmp_path: Path) -> None:
    policy = Policy.load(toml(tmp_path, FULL))
    assert (policy.id, policy.version, policy.owner, str(policy.review_by)) == ("loan", "3", "risk team", "2027-05-01")
    assert (policy.confidence, policy.source) == (0.9, "gate.toml")
    assert policy.words.positive == "get a loan"
    assert policy.words.groups == {"sex": {"f": "women"}}
    first, second = policy.rules
    assert first.model_dump(exclude_none=True) == {
        "id": "tpr", "metric": "true_positive_rate", "comparison": "difference", "by": ("sex",), "at_most": 0.0,
        "decision": "interval", "min_n": 30, "on_inconclusive": "fail", "on_not_measured": "fail",
        "severity": "warning", "refs": ("eu-aia:10(2)(f)",), "line": 17, "features": (),
    }  # fmt: skip
    assert (second.min_n, second.confidence, second.decision, second.on_not_measured) == (5, 0.99, "point", "pass")
    assert (second.limit, second.line) == (0.8, 25)


def test_the_demo_policy_is_valid() -> None:
    config = load_config(auditkit.demo.config_path())
    assert len(config.policy.rules) == 9
    assert config.data is not None
    assert config.data.sensitive_features == ("gender", "race")


@pytest.mark.parametrize("alias", [a for a, (m, _) in ALIASES.items() if METRICS[m].kind != "check"])
def test_aliases(alias: str) -> None:
    metric, implied = ALIASES[alias]
    reference = "m" if str(implied).endswith("to_reference") else None
    by = [] if implied == "overall" else ["sex"]
    rule = one(metric=alias, comparison=None if implied else "difference", by=by, reference=reference)
    assert (rule.metric, rule.comparison) == (metric, implied or "difference")


def test_a_reference_is_a_value_or_a_table() -> None:
    rule = {"metric": "selection_rate", "comparison": "ratio_to_reference"}
    assert one(**rule, by=["sex"], reference="m").reference == {"sex": "m"}
    crossed = {"race": "a", "sex": "m"}
    assert one(**rule, by=["sex", "race"], reference=crossed).reference == crossed


def test_an_alias_that_implies_another_comparison_is_refused() -> None:
    assert one(metric="demographic_parity_ratio", comparison="ratio", by=["s"]).comparison == "ratio"
    with pytest.raises(PolicyError, match="'demographic_parity_ratio' is a ratio; the rule says difference"):
        one(metric="demographic_parity_ratio", comparison="difference", by=["s"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "true_positiv_rate"}, r"unknown metric 'true_positiv_rate'\. Did you mean 'true_positive_rate'\?"),
        ({"metric": 3}, "'metric': Input should be a valid string"),
        ({"comparison": None}, "rule 'r' needs a comparison: overall, group_min"),
        ({"comparison": "diference", "by": ["s"]}, r"unknown comparison 'diference'\. Did you mean 'difference'\?"),
        (
            {"metric": "equalized_odds", "comparison": "group_min", "by": ["s"]},
            "'equalized_odds' knows difference, ratio, not group_min",
        ),
        ({"metric": "integrated_gradients"}, "no rule can judge it in this version"),
        ({"by": ["s"]}, r"rule 'r' \(overall\) takes no 'by'"),
        ({"comparison": "ratio"}, r"rule 'r' \(ratio\) needs by = \[\.\.\.\]"),
        ({"comparison": "ratio", "by": ["s", "s"]}, "names an attribute twice"),
        ({"at_least": None}, "needs exactly one of at_most and at_least"),
        ({"at_most": 0.1}, "needs exactly one of at_most and at_least"),
        ({"at_least": 1.2}, r"at_least = 1\.2 is impossible: it must lie between 0 and 1"),
        ({"at_least": -0.1}, r"at_least = -0\.1 is impossible"),
        ({"at_least": 80}, "at_least = 80 is impossible"),
        ({"at_least": float("nan")}, "'at_least'"),
        ({"at_least": True}, "'at_least': Input should be a valid number"),
        ({"at_least": "0.8"}, "'at_least': Input should be a valid number"),
        ({"confidence": 95}, r"confidence = 95 is impossible: it must lie between 0\.5 and 1"),
        ({"confidence": 1.0}, "confidence = 1 is impossible"),
        ({"confidence": 0.5}, r"confidence = 0\.5 is impossible"),
        ({"min_n": -1}, "'min_n'"),
        ({"min_n": 2.5}, "'min_n'"),
        ({"id": ""}, "'id'"),
        ({"id": None}, r"'id' is missing in \[rule"),
        ({"severity": "fatal"}, "'severity': Input should be 'error' or 'warning', got 'fatal'"),
        ({"decision": "maybe"}, "'decision': Input should be 'interval' or 'point', got 'maybe'"),
        ({"on_inconclusive": "ignore"}, "'on_inconclusive': Input should be"),
        ({"atmost": 0.1}, r"unknown key 'atmost'; known are .*Did you mean 'at_most'\?"),
        ({"max_regression": 0.02}, "'max_regression' needs a baseline: baseline = "),
        ({"label": ["a"]}, r"'label\.str': Input should be a valid string"),
        ({"reference": "m"}, r"rule 'r' \(overall\) takes no 'reference'"),
        (
            {"comparison": "ratio_to_reference", "by": ["sex"]},
            r"rule 'r' \(ratio_to_reference\) needs reference = \"…\": a group of sex",
        ),
        (
            {"comparison": "ratio_to_reference", "by": ["sex", "race"], "reference": "m"},
            r'needs reference = { sex = "…", race = "…" }',
        ),
        (
            {"comparison": "ratio_to_reference", "by": ["sex"], "reference": {"race": "a"}},
            r'needs reference = "…": a group of sex',
        ),
        ({"features": ["zip"]}, r"'features' goes with metric = \"gap_share\""),
        ({"metric": "gap_share", "features": ["zip"]}, "needs of = one of mean_score, .*false_positive_rate"),
        ({"metric": "gap_share", "of": "mean_scor", "features": "a"}, "got 'mean_scor'. Did you mean 'mean_score'?"),
        ({"metric": "gap_share", "of": "mean_score"}, "'?.*needs features = "),
    ],
)
def test_rules_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message) as e:
        one(**changes)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"rules": []}, r"unknown key 'rules'; known are .*Did you mean 'rule'\?"),
        ({"waiver": [{"rule": "r"}]}, r"'(reason|approved_by|expires)' is missing in \[waiver\.0\]"),
        ({"waiver": [WAIVER | {"rule": "s"}], "rule": [RULE]}, "a waiver of 's', and no rule has that id"),
        ({"waiver": [WAIVER, WAIVER], "rule": [RULE]}, "two waivers of the rule 'r'"),
        ({"waiver": [WAIVER | {"reason": " "}], "rule": [RULE]}, "'reason': is blank"),
        ({"waiver": [WAIVER | {"expires": "soon"}], "rule": [RULE]}, "'expires': Input should be a valid date"),
        ({"waiver": [WAIVER | {"expiry": 1}], "rule": [RULE]}, "unknown key 'expiry'.*Did you mean 'expires'"),
        ({"waiver": WAIVER, "rule": [RULE]}, r"write \[\[waiver\]\], with double brackets"),
        ({"rule": RULE}, r"write \[\[rule\]\], with double brackets"),
        ({"rule": [1]}, "must be a table"),
        ({"rule": [RULE, RULE]}, "two rules have the id 'r'"),
        ({"defaults": 3}, "'defaults' must be a table"),
        ({"defaults": {"confidense": 0.9}}, r"unknown key 'confidense'.*Did you mean 'confidence'\?"),
        ({"defaults": {"correction": "bonferroni"}}, "'correction': .*got 'bonferroni'"),
        ({"defaults": {"confidence": 95}}, "confidence = 95 is impossible"),
        ({"defaults": {"min_n": 0}}, "'min_n'"),
        ({"policy": {"review_by": "soon"}}, "'review_by'"),
        ({"policy": {"name": "x"}}, "unknown key 'name'"),
        ({"words": "women"}, "'words' must be a table"),
        ({"words": {"sex": "women"}}, "sex"),
        ({"words": {"positive": 3}}, "positive"),
        ({"audit": {"sample": 0}}, "'sample'"),
        ({"audit": {"sample": "many"}}, "'sample'"),
        ({"data": {"path": "p", "y_true": "y"}}, r"'sensitive_features' is missing in \[data\]"),
        (
            {"data": {"path": "p", "y_true": "y", "sensitive_features": ["s"], "positve": 1}},
            r"Did you mean 'positive'\?",
        ),
        ({"model": {"weights": "w"}}, r"'factory' is missing in \[model\]"),
        (
            {"model": {"factory": "a:b", "task": "translation"}},
            f"'task': Input should be {', '.join(map(repr, TASKS[:-1]))} or {TASKS[-1]!r}, got 'translation'",
        ),
        (
            {"model": {"factory": "a:b"}, "predictions": {"y_pred": "p"}},
            r"declare \[model\] or \[predictions\], not both",
        ),
    ],
)
def test_policies_that_are_refused(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message) as e:
        Policy.from_dict(policy)
    assert str(e.value).startswith("policy: ")
    assert "\n" not in str(e.value)


LINES = """\
[policy]
id = "x"   # line 2
{policy}
[defaults]
confidence = 0.9
{defaults}
[[rule]]
id = "a"
metric = "accuracy"
comparison = "overall"
at_least = 0.5

[[rule]]
id = "b"
by = [
  "sex",   # [[rule]]
  "race",
]
metric = "{metric}"
comparison = "{comparison}"
{rule}
"""


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"policy": "ovner = 'x'"}, 3),
        ({"defaults": "decison = 'point'"}, 6),
        ({"defaults": "min_n = 0"}, 6),
        ({"metric": "acuracy"}, 19),
        ({"comparison": "diff"}, 20),
        ({"comparison": "overall"}, 15),
        ({"rule": "at_mots = 0.1"}, 21),
        ({"rule": '"at_mots" = 0.1'}, 21),
        ({"rule": "at_most = 10"}, 21),
        ({"rule": "at_most = 0.1\nwaiver = 'x'"}, 22),
        ({"rule": "severity = 'warning'"}, 13),
        ({"rule": "at_most = 0.1\n[[rule]]\nid = 'a'\nmetric = 'accuracy'\ncomparison='overall'\nat_least = 0"}, 23),
        ({"rule": "at_most = 0.1\n[wrods]\npositive = 'x'"}, 22),
        ({"rule": "at_most = 0.1\n[words]\npositive = 3"}, 23),
        ({"rule": "at_most = 0.1\n[words]\nsex = 'women'"}, 23),
    ],
)
@pytest.mark.parametrize("where", ["own file", "pyproject"])
def test_lines(tmp_path: Path, changes: dict[str, str], line: int, where: str) -> None:
    blank = {"policy": "", "defaults": "", "metric": "accuracy", "comparison": "difference", "rule": ""}
    text = LINES.format(**{**blank, **changes})
    name = "gate.toml"
    if where == "pyproject":
        name = "pyproject.toml"
        for header in ("policy", "defaults", "rule", "words", "wrods"):
            text = text.replace(f"[{header}]\n", f"[tool.auditkit.{header}]\n").replace(
                f"[[{header}]]\n", f"[[tool.auditkit.{header}]]\n"
            )
    with pytest.raises(PolicyError) as e:
        Policy.load(toml(tmp_path, text, name))
    assert str(e.value).startswith(f"{name}:{line}: "), str(e.value)


def test_a_policy_file_needs_a_rule(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"has no \[\[rule\]\]: a gate needs at least one"):
        Policy.load(toml(tmp_path, "[policy]\nid = 'x'\n"))


def test_one_name_is_a_tuple_of_one() -> None:
    data = {"path": "p", "y_true": "y", "sensitive_features": "sex"}
    from auditkit.gate.config import config_from
    from auditkit.gate.toml import Document

    config = config_from(Document("", {"data": data}, {}))
    assert config.data is not None
    assert config.data.sensitive_features == ("sex",)
    assert one(comparison="ratio", by="sex").by == ("sex",)


@pytest.mark.parametrize("positive", [">50K", 1, True, 1.5])
def test_positive_keeps_its_type(positive: Any) -> None:
    from auditkit.gate.config import config_from
    from auditkit.gate.toml import Document

    data = {"path": "p", "y_true": "y", "sensitive_features": ["s"], "positive": positive}
    config = config_from(Document("", {"data": data}, {}))
    assert config.data is not None
    assert config.data.positive == positive
    assert type(config.data.positive) is type(positive)


def test_the_hash_speaks_of_what_is_asked(tmp_path: Path) -> None:
    before = Policy.load(toml(tmp_path, FULL)).sha256
    assert len(before) == 64
    for same in ("# a comment\n\n" + FULL, FULL.replace("at_most = 0\n", "at_most = 0.0 # none\n"),
                 FULL.replace('owner = "risk team"', 'owner = "nobody"')):  # fmt: skip
        assert Policy.load(toml(tmp_path, same)).sha256 == before
    for old, new in (
        ("at_most = 0", "at_most = 0.01"), ("confidence = 0.9\n", "confidence = 0.91\n"), ("min_n = 30", "min_n = 31"),
        ('severity = "warning"', 'severity = "error"'), ('id = "acc"', 'id = "ac"'), ('by = "sex"', 'by = "race"'),
        ('decision = "point"', 'decision = "interval"'), ('on_inconclusive = "fail"', 'on_inconclusive = "pass"'),
    ):  # fmt: skip
        assert old in FULL
        assert Policy.load(toml(tmp_path, FULL.replace(old, new))).sha256 != before, new


LONG = "9" * 5_000


@pytest.mark.parametrize(
    "text",
    [
        f"[{LONG}]\n",
        f"{LONG} = 1\n",
        f"[policy]\n{LONG} = 1\n",
        f'[[rule]]\nid = "a"\nmetric = "accuracy"\n{LONG} = 1\n',
        f'[[rule]]\nid = "a"\nmetric = "accuracy"\ncomparison = "{LONG}"\nat_least = 0.5\n',
        f'[words]\npositive = "{LONG}"\n{LONG} = []\n',
        f"[data]\ny_true = 1\n{LONG} = 2\n",
        f"[model.{LONG}]\n",
    ],
)
def test_an_error_quotes_little_of_what_a_stranger_wrote(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(PolicyError) as e:
        load_config(path)
    assert len(str(e.value)) < 1_500
    assert "policy.toml:" in str(e.value)
