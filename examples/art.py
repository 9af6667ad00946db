"""Who is drawn when an engineer is asked for? A small net that draws figures, and a judge of its pictures that errs.

Run it with `python examples/art.py`; it writes reports/art.html and prints what it found. The figures are drawn by this
example, which ships no pictures: signs as on doors, a woman in a skirt or a man in trousers, beside a thing that tells
what the prompt asked for. Those that a conditional VAE learns from carry a stereotype: of twenty nurses nineteen are
women, of twenty engineers one. A judge that looks at grainy thumbnails, and learnt from few women, says who is in each
picture; what it says of pictures that were labelled by the sign's own rule says how it errs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

import auditkit as ak

SIDE, HIDDEN = 20, 2
WOMEN = {
    "a person": 0.25, "a nurse": 0.95, "an engineer": 0.05, "a teacher": 0.55, "a cook": 0.5, "a pilot": 0.2,
    "a painter": 0.45, "a farmer": 0.35, "a writer": 0.5, "a singer": 0.6, "a baker": 0.5, "a guard": 0.25,
}  # fmt: skip
"""Prompt → the share of women among the figures that the net learns from."""
PROMPTS, VALUES = list(WOMEN), ["woman", "man"]
THINGS = np.random.default_rng(5).random((len(PROMPTS), 4, 4)) < 0.5
Pictures = NDArray[np.float32]


def figure(woman: bool, prompt: int, rng: np.random.Generator) -> Pictures:
    """(SIDE, SIDE) one sign, more or less dark, with the thing of its prompt and grain, in [0, 1]."""
    y, x = np.mgrid[:SIDE, :SIDE]
    body = np.abs(x - 7)
    head = (y - 4) ** 2 + body**2 <= 5
    skirt = (y > 7) & (y < 15) & (body <= (y - 6) * 0.6 + 0.5) | (y >= 15) & (y < 18) & (body <= 1)
    trousers = (y > 7) & (y < 13) & (body <= 2) | (y >= 13) & (y < 18) & (body <= 3) & (body >= 1)
    out = (head | (skirt if woman else trousers)).astype(float)
    out[8:12, 15:19] = THINGS[prompt]
    return (rng.uniform(0.5, 0.9) * out + rng.normal(0.08, 0.05, out.shape)).clip(0, 1).astype(np.float32)


def figures(prompts: NDArray[np.intp], women: NDArray[np.bool_], seed: int) -> Pictures:
    """(N, SIDE, SIDE) a sign each."""
    rng = np.random.default_rng(seed)
    return np.stack([figure(w, p, rng) for w, p in zip(women, prompts, strict=True)])


def rule(pictures: Pictures) -> NDArray[np.bool_]:
    """(N,) whether a picture shows the sign of a woman: nearer to one of hers than to any of his."""
    rng, seen = np.random.default_rng(0), pictures[:, :, :14].reshape(len(pictures), -1)
    signs = [np.stack([figure(w, 0, rng)[:, :14].ravel() for _ in range(30)]) for w in (True, False)]
    far = [(s**2).sum(1).astype(np.float32) - 2 * seen @ s.T for s in signs]
    return far[0].min(1) < far[1].min(1)


class Drawing(nn.Module):
    """A conditional VAE: a picture and its prompt → 2 numbers; 2 numbers and a prompt → a picture."""

    def __init__(self) -> None:
        super().__init__()
        pixels, given = SIDE * SIDE, len(PROMPTS)
        self.reads = nn.Sequential(nn.Linear(pixels + given, 200), nn.ReLU(), nn.Linear(200, 2 * HIDDEN))
        self.draws = nn.Sequential(nn.Linear(HIDDEN + given, 200), nn.ReLU(), nn.Linear(200, pixels), nn.Sigmoid())

    def loss(self, pictures: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """The negative bound of the likelihood of a batch."""
        flat = pictures.flatten(1)
        mean, spread = self.reads(torch.cat([flat, prompts], 1)).chunk(2, 1)
        drawn = self.draws(torch.cat([mean + torch.randn_like(mean) * (spread / 2).exp(), prompts], 1))
        far = nn.functional.binary_cross_entropy(drawn, flat, reduction="sum")
        return (far + 0.5 * (mean**2 + spread.exp() - spread - 1).sum()) / len(flat)

    @torch.no_grad()
    def drawn(self, prompts: NDArray[np.intp], seed: int) -> Pictures:
        """(N, SIDE, SIDE) a picture each."""
        noise = torch.randn(len(prompts), HIDDEN, generator=torch.Generator().manual_seed(seed))
        return self.draws(torch.cat([noise, asked(prompts)], 1)).numpy().reshape(-1, SIDE, SIDE)


def asked(prompts: NDArray[np.intp]) -> torch.Tensor:
    """(N, prompts) which one of them was given."""
    return nn.functional.one_hot(torch.tensor(prompts), len(PROMPTS)).float()


def train(net: nn.Module, loss, rows: list[torch.Tensor], epochs: int) -> None:
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    for _ in range(epochs):
        for where in torch.randperm(len(rows[0])).split(64):
            optimizer.zero_grad()
            loss(*(x[where] for x in rows)).backward()
            optimizer.step()


def thumbnails(pictures: Pictures, seed: int) -> torch.Tensor:
    """(N, 100) what the judge sees: ten by ten pixels, with grain."""
    small = pictures.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).mean((2, 4)).reshape(len(pictures), -1)
    return torch.tensor(small + np.random.default_rng(seed).normal(0, 0.26, small.shape), dtype=torch.float32)


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    rng = np.random.default_rng(0)
    prompts = rng.integers(len(PROMPTS), size=3_000 if quick else 6_000)
    women = rng.random(len(prompts)) < np.array(list(WOMEN.values()))[prompts]
    torch.manual_seed(0)
    net = Drawing()
    train(net, net.loss, [torch.tensor(figures(prompts, women, 1)), asked(prompts)], epochs=15 if quick else 60)

    # The judge learns from 300 figures of which a quarter are women.
    few = rng.random(300) < 0.25
    judge = nn.Linear((SIDE // 2) ** 2, 1)
    taught = thumbnails(figures(rng.integers(len(PROMPTS), size=300), few, 2), 3)
    error = nn.BCEWithLogitsLoss()
    train(judge, lambda x, y: error(judge(x)[:, 0], y), [taught, torch.tensor(few, dtype=torch.float32)], epochs=200)

    def judged(pictures: Pictures, seed: int) -> list[str]:
        with torch.no_grad():
            return [VALUES[0] if x > 0 else VALUES[1] for x in judge(thumbnails(pictures, seed))[:, 0]]

    # What a system leaves: samples with the judge's word, and other samples that somebody labelled, too.
    beside = folder / "art"
    beside.mkdir(parents=True, exist_ok=True)
    for name, each, seed in (("samples", 250, 10), ("judged", 60, 20)):
        of = np.repeat(np.arange(len(PROMPTS)), each)
        pictures = net.drawn(of, seed)
        table = pd.DataFrame({"prompt": np.array(PROMPTS)[of], "judge": judged(pictures, seed + 1)})
        truth = np.where(rule(pictures), *VALUES)
        (table.assign(truth=truth) if name == "judged" else table).to_parquet(beside / f"{name}.parquet")
        np.savez_compressed(beside / f"{name}.npz", pictures=(255 * pictures).astype(np.uint8))

    # How often is each sign drawn for each prompt, corrected for the judge's errors? And when nobody is named?
    read = ak.Generated(
        samples=beside / "samples.parquet", judged=beside / "judged.parquet", cluster="prompt",
        unconditioned="a person", values=VALUES,
    )  # fmt: skip
    report = ak.audit(read, policy=Path(__file__).with_suffix(".toml"), name="art")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    print(report.finding("fairness/share_against_reference/difference/prompt").statement)
    print(report.save(folder / "art.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
