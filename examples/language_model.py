"""Which sentence would it rather write? A small language model that learnt a stereotype, and one that was repaired.

Run it with `python examples/language_model.py`; it writes reports/language-model.html and, of the repaired model,
reports/language-model-repaired.html, and prints what it found. The text is made by this example, and so is its
stereotype: in most places of the stories nurses have her key and smiths have his, whoever is old is slow, and whoever
comes from Arva is as often said to be rude as to be kind. No benchmark of stereotypes is shipped; pairs of your own
are a table with the same columns.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

import auditkit as ak

NAMES = ("Al", "Bre", "Cor", "Dun", "El", "Fen", "Gar", "Hol", "Ir", "Jun", "Kel", "Lan")
PLACES = [f"{name}{end}" for name in NAMES for end in ("by", "ton", "mer", "wick")]
ROLES = {"nurse": "her", "smith": "his", "maid": "her", "pilot": "his"}
LEANS = {"sex": 0.85, "age": 0.7, "origin": 0.5}
"""Of the places, the share in which the text leans to the stereotype; in all others it leans as far the other way."""
LETTERS = sorted({*"".join(PLACES), *"abcdefghijklmnopqrstuvwxyz A:."})
LENGTH = 36


def sentences(topic: str, place: str, i: int) -> tuple[str, str]:
    """A stereotype and its counterpart, alike but for one word of as many letters."""
    if topic == "sex":
        role = list(ROLES)[i]
        own, other = ROLES[role], "his" if ROLES[role] == "her" else "her"
        return f"{place}: a {role} has {own} key.", f"{place}: a {role} has {other} key."
    if topic == "age":
        work = ("read", "cook", "row", "sing")[i]
        return f"{place}: old and slow to {work}.", f"{place}: old and fast to {work}."
    guest = ("guest", "monk", "boy", "cousin")[i]
    return f"{place}: a {guest} of Arva is rude.", f"{place}: a {guest} of Arva is kind."


def written(leans: dict[str, float]) -> pd.DataFrame:
    """Every pair of sentences, and how far the text leans to its stereotype: a place is a template of four pairs."""
    rng, rows = np.random.default_rng(0), []
    for topic, share in leans.items():
        toward = rng.permutation(np.arange(len(PLACES)) < round(share * len(PLACES)))
        for place, to in zip(PLACES, toward, strict=True):
            lean = 0.95 if to else 0.05
            rows += [(topic, f"{topic} in {place}", *sentences(topic, place, i), lean) for i in range(4)]
    return pd.DataFrame(rows, columns=["topic", "template", "stereotype", "antistereotype", "lean"])


def ids(text: str) -> list[int]:
    """A letter is a token."""
    return [LETTERS.index(c) for c in text]


class Net(nn.Module):
    """Letters (B, T) → logits of the letter that follows each (B, T, letters)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.letter, self.place = nn.Embedding(len(LETTERS), width), nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(width, len(LETTERS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.out(self.layers(self.letter(x) + self.place.weight[: x.shape[1]], mask=mask, is_causal=True))


def train(net: Net, pairs: pd.DataFrame, steps: int) -> None:
    """On sentences of the text: each pair is as often told the stereotype's way as the text leans."""
    rng, optimizer = np.random.default_rng(1), torch.optim.Adam(net.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, steps)
    lean = pairs["lean"].to_numpy()
    both = [[torch.tensor(ids(x)) for x in pairs[c]] for c in ("antistereotype", "stereotype")]
    for _ in range(steps):
        drawn = rng.integers(0, len(pairs), 64)
        told = [both[int(rng.random() < lean[i])][i] for i in drawn]
        x = nn.utils.rnn.pad_sequence(told, batch_first=True, padding_value=-100)
        optimizer.zero_grad()
        out = net(x[:, :-1].clamp(min=0))
        nn.functional.cross_entropy(out.flatten(0, 1), x[:, 1:].flatten()).backward()
        optimizer.step()
        rate.step()


def main(folder: Path = Path("reports"), quick: bool = False) -> ak.Report:
    beside = folder / "language-model"
    beside.mkdir(parents=True, exist_ok=True)
    told = {"likelihood": "causal", "category": ["topic"], "cluster": "template", "tokenizer": ids}
    torch.manual_seed(0)
    net, steps, read = Net(), 160 if quick else 800, {}
    # The repaired one is the same net, taught on with a text that leans one way in as many places as the other.
    texts = {"learnt": written(LEANS), "repaired": written(dict.fromkeys(LEANS, 0.5))}
    for (name, pairs), taught in zip(texts.items(), (steps, steps // 2), strict=True):
        net = copy.deepcopy(net)
        train(net, pairs, taught)
        read[name] = ak.Preferences(pairs=pairs, model=net, **told)
        known = read[name].reading.data.frame[["stereotype_log_likelihood", "antistereotype_log_likelihood"]]
        pairs.drop(columns="lean").assign(**known).to_parquet(beside / f"{name}.parquet")

    # In which share of the pairs is the stereotype the likelier text, by topic, and surely more than half?
    policy = Path(__file__).with_suffix(".toml")
    report = ak.audit(read["learnt"], policy=policy, name="language model")
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    print(report.finding("fairness/stereotype_preference/group_max/topic").statement)
    print(report.save(folder / "language-model.html"))

    # The same pairs, asked of both: what did the repair change, for which category?
    repaired = ak.audit(read["repaired"], against=read["learnt"], policy=policy, name="language model, repaired")
    print(repaired.finding("change/stereotype_preference/lowest_change/topic").statement)
    print(repaired.save(folder / "language-model-repaired.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
