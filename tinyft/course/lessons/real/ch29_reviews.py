"""Chapter 29: MiniLM on film reviews, and the study of a frozen, adapted, trained encoder.

What `tinyft fetch` has not fetched is stood in for by random values of the same shapes, so
that every cell runs; `here` says which it is.
"""

import bz2
import csv
import io
from functools import cache

import numpy as np

from tinyft import data, models, nn, no_grad, ops, peft, pretrained
from tinyft.course.experiment import SEEDS, train
from tinyft.course.runs import CHOOSING
from tinyft.data.public.wordpiece import WordPiece
from tinyft.io.huggingface import load_bert, save_model

BERT = {"vocab": 30522, "dim": 384, "layers": 6, "heads": 12, "hidden": 1536}
BERT |= {"length": 512, "types": 2, "eps": 1e-12}
PLACES = r"attn\.(q|v)"
PARTS = {"train": 2000, "valid": 500, "test": 1000}  # reviews
LONGEST = 40  # tokens of a review; nine of ten are shorter
STEPS, SIZE = 200, 16
RATES = {
    "head": (3e-4, 1e-3, 3e-3, 1e-2),
    "lora": (3e-4, 1e-3, 3e-3, 1e-2),
    "full": (1e-5, 2e-5, 6e-5, 2e-4, 6e-4),
}
ADVISED = 1e-3  # LoRA's rate in "What to set"; its accuracy is shown there


def here(*names):
    """Whether `tinyft fetch` has fetched all of them."""
    return all(pretrained.catalogue()[name].is_here for name in names)


# --- sentences -------------------------------------------------------------------------
def minilm(name="minilm", **options):
    """MiniLM, a BERT of 22.7 million numbers; of random values where it is not here."""
    if here(name):
        return load_bert(pretrained.fetched(name), **options)
    return models.bert(rng=0, **BERT)


@cache
def words():
    """MiniLM's tokenizer, or None where it is not here."""
    return data.load_tokenizer(pretrained.fetched("minilm")) if here("minilm") else None


SMALL = "[PAD] [UNK] [CLS] [SEP] [MASK] film un ##watch ##able".split()


def vocabulary():
    """MiniLM's tokenizer, or one of nine pieces in its place."""
    return words() or WordPiece(SMALL)


def small_folder(folder):
    """A folder with a small random BERT of that vocabulary, in Hugging Face's format."""
    sizes = {"dim": 32, "layers": 2, "heads": 2, "hidden": 64, "length": 64}
    save_model(models.bert(rng=0, vocab=len(SMALL), **sizes), folder)
    (folder / "vocab.txt").write_text("\n".join(SMALL) + "\n", encoding="utf-8")
    return folder


@cache
def reviews():
    """[(film, sentence, 1 if the film is called fresh, else 0)], each sentence once."""
    if not here("tomatoes", "minilm"):
        return [
            (f"film {i % 900}", f"unwatchable film {i}", i % 2) for i in range(8000)
        ]
    packed = pretrained.fetched("tomatoes").read_bytes()
    rows = csv.DictReader(io.StringIO(bz2.decompress(packed).decode("utf-8")))
    kinds = {"fresh": 1, "rotten": 0}
    found = {
        r["text"]: (r["movie_name"], r["text"], kinds[r["category"]])
        for r in rows
        if r["category"] in kinds and r["text"].strip()
    }
    return sorted(found.values())


def review_parts(seed, sizes=None):
    """{"train", "valid", "test": (texts, labels)}; no film is in two of them.

    sizes: of each part, by default PARTS.
    """
    rng, rows = np.random.default_rng(seed), reviews()
    films = rng.permutation(sorted({film for film, _, _ in rows}))
    rank = {film: i for i, film in enumerate(films)}
    rows, parts, at = sorted(rows, key=lambda row: rank[row[0]]), {}, 0
    for part, size in (sizes or PARTS).items():
        chosen, at = rows[at : at + size], at + size
        parts[part] = [r[1] for r in chosen], np.array([r[2] for r in chosen])
    return parts


def encoded(texts):
    """(ids, mask) of texts, padded to the longest of them."""
    if words() is None:
        rng = np.random.default_rng(len(texts))
        mask = np.arange(24) < rng.integers(8, 25, (len(texts), 1))
        return np.where(mask, rng.integers(1000, 30000, mask.shape), 0), mask
    batch = words().batch(list(texts), length=LONGEST)
    return batch.ids, batch.mask


class Sentiment(nn.Module):
    """An encoder, the mean of its states over the tokens, and a head of two classes."""

    def __init__(self, encoder, rng=0):
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.dim, 2, rng=rng)

    def features(self, ids, mask):
        """(B, C), padding left out."""
        return models.mean_tokens(self.encoder.states(ids, mask), mask)

    def forward(self, ids, mask):
        return self.head(self.features(ids, mask))


def review_batches(texts, labels, size=SIZE):
    """A function rng -> endless batches (ids, mask, labels)."""

    def batches(rng):
        while True:
            chosen = rng.choice(len(texts), size, replace=False)
            ids, mask = encoded([texts[i] for i in chosen])
            yield ids, mask, labels[chosen]

    return batches


def review_loss(model, ids, mask, labels):
    """Cross-entropy of a batch."""
    return ops.cross_entropy(model(ids, mask), labels)


def scores(model, texts, labels, size=50):
    """{"loss", "accuracy"} on labelled texts."""
    loss, right = 0.0, 0
    order = np.argsort([len(text) for text in texts])  # little padding
    with no_grad(), model.evaluating():
        for some in np.split(order, range(size, len(order), size)):
            logits, want = model(*encoded([texts[i] for i in some])), labels[some]
            loss += ops.cross_entropy(logits, want).item() * len(want)
            right += int((logits.numpy().argmax(1) == want).sum())
    return {"loss": loss / len(texts), "accuracy": right / len(texts)}


def prepared(method, seed):
    """A Sentiment model whose trainable part is the method's."""
    model = Sentiment(minilm(), rng=seed)
    if method == "lora":
        peft.attach(model, peft.LoRA(r=8, alpha=16), PLACES, also=["head"], rng=seed)
    if method == "head":
        model.encoder.requires_grad_(False)
    return model


def run(method, lr, seed, steps=STEPS):
    """{"valid": loss, "accuracy", "test": accuracy} after a training."""
    if method == "head":
        return probe(lr, seed, features(seed))
    parts = review_parts(seed)
    model = prepared(method, seed)
    train(model, review_batches(*parts["train"]), lr, steps, seed, review_loss)
    found = {part: scores(model, *parts[part]) for part in ("valid", "test")}
    return {
        "valid": found["valid"]["loss"],
        "accuracy": found["valid"]["accuracy"],
        "test": found["test"]["accuracy"],
    }


@cache
def features(seed):
    """{part: (features, labels)} of the frozen encoder."""
    model, found = Sentiment(minilm()), {}
    with no_grad(), model.evaluating():
        for part, (texts, labels) in review_parts(seed).items():
            rows = [
                model.features(*encoded(texts[i : i + 50])).numpy()
                for i in range(0, len(texts), 50)
            ]
            found[part] = np.concatenate(rows), labels
    return found


def probe(lr, seed, found):
    """The scores of a head alone on {part: (features (n, C), labels)}."""
    head, scale = probe_head(*found["train"], lr, seed)
    with no_grad():
        logits = {
            p: (head(found[p][0] / scale), found[p][1]) for p in ("valid", "test")
        }
        right = {
            p: float((z.numpy().argmax(1) == t).mean()) for p, (z, t) in logits.items()
        }
        loss = ops.cross_entropy(*logits["valid"]).item()
    return {"valid": loss, "accuracy": right["valid"], "test": right["test"]}


def probe_head(X, y, lr, seed, steps=400):
    """(a head trained on features X (n, C), the scale (C,) by which they are divided)."""
    scale = X.std(axis=0) + 1e-6

    def batches(rng):
        while True:
            chosen = rng.choice(len(X), 64, replace=False)
            yield X[chosen] / scale, y[chosen]

    head = nn.Linear(X.shape[1], 2, rng=seed)
    train(head, batches, lr, steps, seed, lambda m, x, t: ops.cross_entropy(m(x), t))
    return head, scale


# --- the study -------------------------------------------------------------------------
def plan():
    """Rates by the seeds of CHOOSING, and the rate advised by all; the other seeds
    follow at the best rates."""
    grid = [
        {"method": method, "lr": lr, "seed": seed}
        for method, rates in RATES.items()
        for lr in rates
        for seed in CHOOSING
    ]
    rest = SEEDS[len(CHOOSING) :]
    return grid + [{"method": "lora", "lr": ADVISED, "seed": seed} for seed in rest]
