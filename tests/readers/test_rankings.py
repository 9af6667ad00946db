"""Lists of users: every number against scikit-learn, ranx, statsmodels, or brute force over the rows themselves."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.metrics import ndcg_score

import auditkit as ak
from auditkit.readers.rankings import Rankings
from auditkit.records import Report
from tests.helpers import run_cli

USERS, ITEMS, SEEN = 120, 30, 5
GENRES = ("comedy", "drama", "news")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """A row a user and item, of whom drama is shown lower than it is liked; some items of a list are not ranked."""
    rng = np.random.default_rng(5)
    user, item = np.repeat(np.arange(USERS), ITEMS), np.tile(np.arange(ITEMS), USERS)
    liked = rng.random(len(user)) < np.where(user < 3, 0.0, 0.15)
    grade = liked * rng.integers(1, 4, len(user))
    score = grade + 2 * rng.random(len(user)) - 1.2 * (item % 3 == 1)
    frame = pd.DataFrame({"user": [f"u{u}" for u in user], "item": [f"i{i}" for i in item], "relevant": grade})
    frame["genre"], frame["sold"] = np.array(GENRES)[item % 3], item * 3 % 31
    frame["sex"] = np.where(user % 3 == 0, "f", "m")
    place = frame.assign(score=score).groupby("user")["score"].rank(ascending=False)
    frame["score"] = np.where(place <= 25, score, np.nan)
    return frame.assign(rank=np.where(place <= 25, place, np.nan))


@pytest.fixture(scope="module")
def asked(rows: pd.DataFrame) -> Callable[..., Rankings]:
    def of(frame: pd.DataFrame = rows, **more: Any) -> Rankings:
        given: Any = {"rank": "rank", "k": [3, SEEN], "user_groups": ["sex"], "item_groups": ["genre"]}
        return Rankings(items=frame, **{**given, **more})

    return of


@pytest.fixture(scope="module")
def report(asked: Callable[..., Rankings]) -> Report:
    return ak.audit(asked(popularity="sold", popularity_bins=[0, 10, 30]))


def lists(frame: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    return {str(u): own.to_dict("records") for u, own in frame.groupby("user")}


def exposure(row: dict[str, Any], seen: int = SEEN) -> float:
    return 1 / math.log2(1 + row["rank"]) if row["rank"] <= seen else 0.0


def test_ndcg_of_each_user_is_that_of_scikit_learn(asked: Callable[..., Rankings], rows: pd.DataFrame) -> None:
    found = asked().reading.data.frame.set_index("user")
    for user, own in lists(rows).items():
        truth = [[r["relevant"] for r in own]]
        if not any(truth[0]):
            assert math.isnan(found.loc[user, "ndcg_at_5"])
            continue
        said = [[-1_000.0 - i if math.isnan(r["score"]) else r["score"] for i, r in enumerate(own)]]
        for k in (3, SEEN):
            # what is not ranked stands behind all that is, beyond the k of this test
            assert found.loc[user, f"ndcg_at_{k}"] == pytest.approx(ndcg_score(truth, said, k=k), abs=1e-12)


@pytest.mark.slow  # ranx compiles for minutes
def test_numbers_of_each_user_are_those_of_ranx(asked: Callable[..., Rankings], rows: pd.DataFrame) -> None:
    ranx = pytest.importorskip("ranx", reason="ranx is an oracle where it is installed: pip install ranx")
    known = {u: own for u, own in lists(rows).items() if any(r["relevant"] for r in own)}
    truth = {u: {r["item"]: int(r["relevant"]) for r in own if r["relevant"]} for u, own in known.items()}
    said = {u: {r["item"]: float(r["score"]) for r in own if r["rank"] > 0} for u, own in known.items()}
    measures = ["ndcg@3", f"ndcg@{SEEN}", "recall@3", f"recall@{SEEN}", "mrr"]
    names = ["ndcg_at_3", "ndcg_at_5", "recall_at_3", "recall_at_5", "reciprocal_rank"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's, of ranx's own casts
        each = ranx.evaluate(ranx.Qrels(truth), ranx.Run(said), measures, return_mean=False)
    users = sorted(known)  # as ranx has them
    found = asked().reading.data.frame.set_index("user")
    for measure, name in zip(measures, names, strict=True):
        assert found.loc[users, name].to_numpy() == pytest.approx(each[measure], abs=1e-12), measure


def test_recall_and_reciprocal_rank_are_those_of_the_definition(
    asked: Callable[..., Rankings], rows: pd.DataFrame
) -> None:
    found = asked().reading.data.frame.set_index("user")
    for user, own in lists(rows).items():
        liked = [r["rank"] for r in own if r["relevant"]]
        if liked:
            assert found.loc[user, "recall_at_3"] == pytest.approx(sum(x <= 3 for x in liked) / len(liked))
            best = min((x for x in liked if x > 0), default=math.inf)
            assert found.loc[user, "reciprocal_rank"] == pytest.approx(1 / best)
        else:
            assert found.loc[user, ["recall_at_3", "reciprocal_rank"]].isna().all()


def test_means_by_group_and_their_intervals_are_those_of_a_clustered_regression(
    report: Report, rows: pd.DataFrame, asked: Callable[..., Rankings]
) -> None:
    """Each user's number in all rows of theirs, with users as clusters, is each user's number once."""
    own = asked().reading.data.frame[["user", "sex", "ndcg_at_5"]]
    whole = rows[["user"]].merge(own, on="user").dropna(subset="ndcg_at_5")
    design = sm.add_constant((whole["sex"] == "f").astype(float))
    fit = sm.OLS(whole["ndcg_at_5"].to_numpy(), design.to_numpy()).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(whole["user"])[0]}
    )
    gap = report.finding("fairness/measured[ndcg_at_5]/difference/sex")
    assert gap.estimate.value == pytest.approx(abs(fit.params[1]), abs=1e-12)
    for g in gap.by_group:
        values = own.loc[own["sex"] == g.group["sex"], "ndcg_at_5"].dropna()
        assert g.estimate.value == pytest.approx(values.mean())
        assert g.estimate.n == len(values)
        assert g.estimate.low is not None
        assert g.estimate.high is not None
        half = 1.96 * values.std() / len(values) ** 0.5  # Student's, or wider where skewness asks for it
        assert g.estimate.high - g.estimate.low >= 2 * half
    assert any("rows without a number" in n and "f 1 of 40" in n for n in gap.notes)


def shares_of(frame: pd.DataFrame, column: str) -> dict[str, tuple[float, float]]:
    """Group → its share of exposure, and of relevance."""
    got, merit = dict.fromkeys(frame[column].unique(), 0.0), dict.fromkeys(frame[column].unique(), 0.0)
    for row in frame.to_dict("records"):
        got[row[column]] += exposure(row)
        merit[row[column]] += row["relevant"]
    return {g: (got[g] / sum(got.values()), merit[g] / sum(merit.values())) for g in got}


def test_exposure_for_relevance_is_that_of_the_definition(report: Report, rows: pd.DataFrame) -> None:
    sold = np.where(rows["sold"] < 10, "1 of 2 (0 to under 10)", "2 of 2 (10 to 30)")
    for by, frame in (("genre", rows), ("sold", rows.assign(sold=sold))):
        twin = {g: e / r for g, (e, r) in shares_of(frame, by).items()}
        found = report.finding(f"fairness/exposure_to_relevance/ratio/{by}")
        assert {g.group[by]: g.estimate.value for g in found.by_group} == pytest.approx(twin)
        assert found.estimate.value == pytest.approx(min(twin.values()) / max(twin.values()))
        assert found.estimate.n == USERS
        least = report.finding(f"fairness/exposure_to_relevance/group_min/{by}").estimate
        assert least.value == pytest.approx(min(twin.values()))
        (table,) = found.exhibits
        assert table.kind == "table"
        for g, users, e, r, *_ in table.rows:
            assert (e, r) == pytest.approx(shares_of(frame, by)[str(g)])
            liked = frame[(frame[by] == g) & (frame["relevant"] > 0)]
            assert users == liked["user"].nunique()


def test_the_standard_error_is_that_of_the_linearised_ratio(report: Report, rows: pd.DataFrame) -> None:
    """A regression of each user's part of log (e_a/r_a) − log (e_b/r_b) on a constant, users as clusters."""
    frame = rows.assign(e=[exposure(r) for r in rows.to_dict("records")])
    parts = frame.pivot_table(index="user", columns="genre", values=["e", "relevant"], aggfunc="sum")
    z = sum(
        sign * (parts["e", g] / parts["e", g].sum() - parts["relevant", g] / parts["relevant", g].sum())
        for sign, g in ((1, "drama"), (-1, "comedy"))
    )
    error = USERS * float(sm.OLS(z.to_numpy(), np.ones(USERS)).fit().bse[0])
    twin = {g: e / r for g, (e, r) in shares_of(rows, "genre").items()}
    found = report.finding("fairness/exposure_to_relevance/ratio/genre")
    assert found.surest is not None
    pair = [g["genre"] for g in found.surest.groups]
    assert pair[0] == "drama"
    e = found.surest.estimate
    assert e.low is not None
    assert e.high is not None
    if pair[1] == "comedy":
        width = math.log(e.high / e.low) / (2 * 2.343)  # the studentized range of three groups, ÷ √2
        assert width == pytest.approx(error, rel=0.15)
        assert e.value == pytest.approx(twin["drama"] / twin["comedy"])


def test_ndkl_is_that_of_geyik_and_others(asked: Callable[..., Rankings], rows: pd.DataFrame) -> None:
    declared = {"comedy": 0.5, "drama": 0.3, "news": 0.2}
    for given in (None, declared):
        found = asked(shares=None if given is None else {"genre": given}).reading.data.frame.set_index("user")
        for user, own in list(lists(rows).items())[:20]:
            base = given or {g: sum(r["genre"] == g for r in own) / len(own) for g in GENRES}
            ranked = sorted((r for r in own if r["rank"] <= SEEN), key=lambda r: r["rank"])
            total = weight = 0.0
            for i in range(1, len(ranked) + 1):
                d = {g: sum(r["genre"] == g for r in ranked[:i]) / i for g in GENRES}
                total += sum(x * math.log(x / base[g]) for g, x in d.items() if x) / math.log2(i + 1)
                weight += 1 / math.log2(i + 1)
            assert found.loc[user, "ndkl_of_genre"] == pytest.approx(total / weight)


def test_skew_is_that_of_the_definition_with_a_half_added(report: Report, rows: pd.DataFrame) -> None:
    for k in (3, SEEN):
        shown, expected = dict.fromkeys(GENRES, 0.0), dict.fromkeys(GENRES, 0.0)
        for own in lists(rows).values():
            for g in GENRES:
                shown[g] += sum(r["genre"] == g and r["rank"] <= k for r in own)
                expected[g] += k * sum(r["genre"] == g for r in own) / len(own)
        twin = {g: math.log((shown[g] + 0.5) / (expected[g] + 0.5)) for g in GENRES}
        found = report.finding(f"fairness/skew_at_{k}/difference/genre")
        assert {g.group["genre"]: g.estimate.value for g in found.by_group} == pytest.approx(twin)
        assert found.estimate.value == pytest.approx(max(twin.values()) - min(twin.values()))


def test_an_item_group_of_equal_relevance_that_is_shown_lower_is_found_and_sized() -> None:
    rng = np.random.default_rng(8)
    user, item = np.repeat(np.arange(400), 40), np.tile(np.arange(40), 400)
    liked = rng.random(len(user)) < 0.2
    own = rng.random(len(user)) + 0.5 * liked
    local, dropped = item % 4 == 0, rng.random(len(user)) < 0.5
    score = np.where(local & dropped, own - 10, own)  # half of the local items go to the end, whoever likes them
    frame = pd.DataFrame({"user": user, "item": item, "score": score, "relevant": liked.astype(int)})
    frame["made"], frame["city"] = np.where(local, "local", "abroad"), np.where(user % 2, "north", "south")
    rules = [
        {"id": "local", "metric": "exposure_to_relevance", "comparison": "ratio", "by": ["made"], "at_least": 0.8},
        {"id": "cities", "metric": "ndcg_at_10", "comparison": "ratio", "by": ["city"], "at_least": 0.8},
        {"id": "same", "metric": "measured[ndcg_at_10]", "comparison": "difference", "by": ["city"], "at_most": 0.1},
        {"id": "first", "metric": "skew_at_5", "comparison": "group_min", "by": ["made"], "at_least": -0.2},
        {"id": "other", "metric": "skew_at_7", "comparison": "group_min", "by": ["made"], "at_least": -0.2},
        {"id": "wrong", "metric": "exposure_to_relevance", "comparison": "ratio", "by": ["city"], "at_least": 0.8},
    ]
    read = Rankings(items=frame, score="score", user_groups=["city"], item_groups=["made"])
    report = ak.audit(read, policy={"rule": rules})
    found = {v.rule.id: v for v in report.verdicts}
    status = {name: v.status for name, v in found.items()}
    assert status == {"local": "fail", "cities": "pass", "same": "pass", "first": "fail",
                      "other": "not_measured", "wrong": "not_measured"}  # fmt: skip
    assert "k is 5, 10" in found["other"].absence
    assert "grouped by made" in found["wrong"].absence
    # of the local items every second is left in its place: it is shown half as often as one from abroad, or less often
    # only as far as more items from abroad move up, which all have in common
    e = report.finding("fairness/exposure_to_relevance/ratio/made").estimate
    assert e.low is not None
    assert e.high is not None
    assert e.low <= 0.5 <= e.high
    assert e.high - e.low < 0.15
    assert report.finding("fairness/exposure_to_relevance/ratio/made").surest.groups[0] == {"made": "local"}


def test_parts_add_to_the_whole(asked: Callable[..., Rankings], rows: pd.DataFrame) -> None:
    given = {"popularity": "sold", "popularity_bins": [0, 10, 30]}
    whole, first = asked(**given), rows["user"] < "u5"
    parts = [asked(rows[where], **given) for where in (first, ~first)]
    checks = [ak.Measured("ndcg_at_5"), ak.Exposure()]
    one, two = (ak.observe(p, checks=checks) for p in parts)
    added = ak.conclude(one + two, whole, checks=checks)
    at_once = ak.conclude(ak.observe(whole, checks=checks), whole, checks=checks)
    assert [f.id for f in added.findings] == [f.id for f in at_once.findings]
    for a, b in zip(added.findings, at_once.findings, strict=True):
        assert (a.estimate.value, a.estimate.low) == pytest.approx((b.estimate.value, b.estimate.low), nan_ok=True), (
            a.id
        )


def test_order_of_rows_and_scores_in_place_of_ranks_change_nothing(
    asked: Callable[..., Rankings], rows: pd.DataFrame, report: Report
) -> None:
    more: Any = {"popularity": "sold", "popularity_bins": [0, 10, 30]}
    mixed = ak.audit(asked(rows.sample(frac=1, random_state=1), **more))
    scored = ak.audit(asked(rank=None, score="score", **more))
    for other in (mixed, scored):
        assert {f.id: f.estimate.value for f in other.findings} == pytest.approx(
            {f.id: f.estimate.value for f in report.findings}
        )


def test_what_cannot_be_told_is_said(asked: Callable[..., Rankings], rows: pd.DataFrame, report: Report) -> None:
    assert any("3 of 120 users have no relevant item" in c for c in report.provenance.notes)
    shown = ak.audit(asked(rows[rows["rank"] <= 3], k=[3]))
    assert [n.what for n in shown.not_measured] == ["skew_at_3 by genre"]
    assert "shown whole" in shown.not_measured[0].why
    none = rows.assign(relevant=np.where(rows["genre"] == "news", 0, rows["relevant"]))
    found = ak.audit(asked(none)).finding("fairness/exposure_to_relevance/ratio/genre")
    (news,) = (g.estimate for g in found.by_group if g.group["genre"] == "news")
    assert (news.value, news.state) == (None, "undefined")
    assert any("undefined, nobody to count: news" in n for n in found.notes)
    never = rows.assign(rank=np.nan)
    never["rank"] = rows["rank"].where(rows["genre"] != "news").groupby(rows["user"]).rank()
    found = ak.audit(asked(never)).finding("fairness/exposure_to_relevance/group_min/genre")
    assert (found.estimate.value, found.estimate.low) == (0.0, 0.0)
    assert found.estimate.high is not None
    assert 0 < found.estimate.high < 0.3
    tied = ak.audit(asked(rows.assign(score=rows["relevant"]), rank=None, score="score"))
    assert any("which nobody decided" in c for c in tied.provenance.cautions)


GOOD: dict[str, Any] = {"rank": "rank", "user_groups": ["g"], "k": [1, 2]}
ROWS: dict[str, list[Any]] = {
    "user": ["a", "a", "b", "b"],
    "item": ["x", "y", "x", "y"],
    "rank": [1, 2, 2, 1],
    "relevant": [1, 0, 0, 1],
    "g": ["f", "f", "m", "m"],
    "kind": ["s", "t", "s", "t"],
    "sold": [1, 5, 1, 5],
}


@pytest.mark.parametrize(
    ("changed", "columns", "message"),
    [
        ({}, {"rank": [1, 3, 2, 1]}, "that of 'a' has rank 3 where 2 was expected"),
        ({}, {"rank": [1, 1, 1, 1]}, "in 2 lists they are not: that of 'a' has rank 1 twice"),
        ({}, {"rank": [0, 1, 2, 1]}, "has rank 0 where 1 was expected"),
        ({}, {"rank": [1.5, 2, 2, 1]}, "has rank 1.5"),
        ({}, {"rank": [None] * 4}, "nothing is in any list"),
        ({}, {"rank": ["first", "second", "first", "second"]}, "no numbers"),
        ({"score": "rank"}, {}, "one of rank='…' and score='…'"),
        ({"rank": None}, {}, "one of rank='…' and score='…'"),
        ({"rank": None, "score": "s"}, {"s": [1.0, float("inf"), 0, 1]}, "infinite"),
        ({"rank": "rnk"}, {}, "no column 'rnk' for rank.*Did you mean 'rank'"),
        ({}, {"relevant": [0, 0, 0, 0]}, "no item is relevant to anybody"),
        ({}, {"relevant": [1, None, 0, 1]}, "missing in 1 rows: 0 says that an item is not relevant"),
        ({}, {"relevant": [1, -1, 0, 1]}, "relevance is 0 or more"),
        ({}, {"item": ["x", "x", "x", "y"]}, "1 rows repeat one, the first is item 'x' of user 'a'"),
        ({}, {"user": ["a", None, "b", "b"]}, "the user 'user' is missing in 1 rows"),
        ({}, {"g": ["f", "m", "m", "m"]}, "'g' differs within the rows of 1 users, the first is 'a'"),
        ({"user_groups": []}, {}, "at least one"),
        ({"user_groups": ["h"]}, {}, "no column 'h' for user_groups"),
        ({"k": [0]}, {}, "k is a place of the list"),
        ({"k": []}, {}, "k is a place of the list"),
        ({"seen": 0}, {}, "seen is a place of the list"),
        ({"item_groups": ["kind"]}, {"kind": ["s", "t", "t", "t"]}, "'kind' differs within the rows of 1 items"),
        ({"item_groups": ["g"]}, {"g": ["f", "f", "f", "f"]}, "'g' groups users and items"),
        ({"item_groups": ["kind"], "shares": {"kind": {"s": 1}}}, {}, "lack t"),
        ({"item_groups": ["kind"], "shares": {"kind": {"s": 0.5, "t": 0.6}}}, {}, "add up to 1"),
        ({"item_groups": ["kind"], "shares": {"kind": {"s": 0.0, "t": 1.0}}}, {}, "above 0"),
        ({"item_groups": ["kind"], "shares": {"kind": {"s": 0.5, "u": 0.5}}}, {}, "name 'u'"),
        ({"item_groups": ["kind"], "shares": {"kid": {"s": 0.5, "t": 0.5}}}, {}, "'kid', and items are"),
        ({"shares": 3}, {}, "shares says what lists are held against"),
        ({"popularity": "sold"}, {"sold": [1, 5, 2, 5]}, "'sold' differs within the rows of 1 items"),
        ({"popularity": "sold"}, {"sold": [1, None, 1, None]}, "popularity is a number of each item"),
        ({"popularity": "sold"}, {"sold": [5, 5, 5, 5]}, "there are no bins of it"),
        ({"popularity": "sold", "popularity_bins": 1}, {}, "from 2 to 64"),
        ({"popularity": "sold", "popularity_bins": [5, 1]}, {}, "edges"),
        ({"popularity": "sold", "popularity_bins": "five"}, {}, "number of bins, or edges"),
    ],
)  # fmt: skip
def test_doubtful_lists_are_one_clear_line(changed: dict[str, Any], columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ak.DataError, match=message) as e:
        ak.audit(Rankings(items={**ROWS, **columns}, **{**GOOD, **changed}))
    assert "\n" not in str(e.value)


def test_too_many_groups_of_items_are_refused() -> None:
    rows = {"user": ["a"] * 70, "item": list(range(70)), "rank": list(range(1, 71)), "relevant": [1] * 70,
            "g": ["f"] * 70, "kind": list(range(70))}  # fmt: skip
    with pytest.raises(ak.DataError, match="70 groups of items by 'kind', and at most 64"):
        ak.audit(Rankings(items=rows, rank="rank", user_groups=["g"], item_groups=["kind"]))


ODD: tuple[Any, ...] = (None, True, -1, 3, 0.5, 1e400, "", "no such", [], [[]], [1, 2], ["a", "a"], {}, {"g": 5})


@pytest.mark.parametrize("option", [f.name for f in fields(Rankings) if f.name != "items"])
def test_whatever_a_configuration_says_is_an_audit_or_one_clear_line(option: str, tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_csv(tmp_path / "lists.csv", index=False)
    more = {"item_groups": ["kind"], "popularity": "sold"}
    for value in ODD:
        said = ""
        try:
            assert Rankings.of("lists.csv", {**GOOD, **more, option: value}, tmp_path).reading.data.lists
        except ak.AuditkitError as e:
            said = str(e)
        assert "\n" not in said, value


CONFIG = """\
[data]
path = "lists.csv"
task = "ranking"
rank = "rank"
k = [3, 5]
user_groups = ["sex"]
item_groups = ["genre"]

[[rule]]
id = "drama"
metric = "exposure_to_relevance"
comparison = "ratio"
by = ["genre"]
at_least = 0.8

[[rule]]
id = "sexes"
metric = "ndcg_at_5"
comparison = "difference"
by = ["sex"]
at_most = 0.5
"""


def test_a_configuration_audits_gates_and_names_its_mistakes(
    tmp_path: Path, rows: pd.DataFrame, report: Report
) -> None:
    rows.to_csv(tmp_path / "lists.csv", index=False)
    config = tmp_path / "lists.toml"
    config.write_text(CONFIG)
    out = tmp_path / "reports"
    assert run_cli(["run", str(config), "--out", str(out), "--quiet"])[0] == 1
    (stored,) = out.glob("*.json")
    made = ak.Report.load(stored)
    whole = {f.id: f.estimate.value for f in report.findings}
    assert {f.id: f.estimate.value for f in made.findings} == pytest.approx(
        {k: v for k, v in whole.items() if "sold" not in k}
    )
    assert {v.rule.id: v.status for v in made.verdicts} == {"drama": "fail", "sexes": "pass"}
    assert run_cli(["gate", str(stored), "--policy", str(config)])[0] == 1
    assert run_cli(["verify", str(stored)])[0] == 0
    for wrong, message in (
        (CONFIG.replace('rank = "rank"', 'ranks = "rank"'), "lists.toml:2: [data] has no key 'ranks'"),
        (CONFIG.replace('by = ["genre"]', 'by = ["gender"]'), "[data] declares sex, genre"),
        (CONFIG.replace("lists.csv", "list.csv"), "cannot read 'list.csv'"),
        (CONFIG.replace('metric = "ndcg_at_5"', 'metric = "ncdg_at_5"'), "ncdg_at_5"),
    ):
        config.write_text(wrong)
        status, _, told = run_cli(["run", str(config), "--out", str(out), "--quiet"])
        assert status == 2
        assert message in told
