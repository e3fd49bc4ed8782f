"""Chapter 29: more labels and more places, LoRA against a head and a bag of words.

LoRA has one rate, a third of the best one in section 5 because it sits on three times as
many matrices; it was tried once, on the valid part of seed 0. The head's rate is swept.
"""

from functools import cache

import numpy as np

from tinyft import models, no_grad, peft
from tinyft.course.experiment import SEEDS, train
from tinyft.course.lessons.real import ch29_reviews as reviews

PLACES = r"attn\.(q|k|v|o)|mlp\.(up|down)"  # every linear layer of the blocks
PARTS = {"train": 5000, "valid": 1000, "test": 1000}
STEPS = 400
RATES = {"lora": (1e-3,), "q and v": (1e-3,), "head": (3e-4, 1e-3, 3e-3, 1e-2)}


def run(method, lr, seed):
    """{"valid": loss, "accuracy", "test": accuracy} after a training."""
    parts = reviews.review_parts(seed, PARTS)
    if method == "head":
        return reviews.probe(lr, seed, {p: rows_of(*parts[p]) for p in parts})
    model = reviews.Sentiment(reviews.minilm(), rng=seed)
    places = reviews.PLACES if method == "q and v" else PLACES
    peft.attach(model, peft.LoRA(r=8, alpha=16), places, also=["head"], rng=seed)
    batches = reviews.review_batches(*parts["train"])
    train(model, batches, lr, STEPS, seed, reviews.review_loss)
    valid, test = (reviews.scores(model, *parts[part]) for part in ("valid", "test"))
    return {
        "valid": valid["loss"],
        "accuracy": valid["accuracy"],
        "test": test["accuracy"],
    }


def rows_of(texts, labels):
    """(features (n, C), labels) of a part."""
    known = features()
    return np.stack([known[text] for text in texts]), labels


@cache
def features():
    """{sentence: the mean of the frozen encoder's states}, of all sentences."""
    model, found = reviews.minilm(), {}
    texts = sorted((row[1] for row in reviews.reviews()), key=len)
    with no_grad(), model.evaluating():
        for i in range(0, len(texts), 50):
            some = texts[i : i + 50]
            ids, mask = reviews.encoded(some)
            means = models.mean_tokens(model.states(ids, mask), mask).numpy()
            found |= dict(zip(some, means))
    return found


def plan():
    """Every rate with every seed."""
    return [
        {"method": method, "lr": lr, "seed": seed}
        for method, rates in RATES.items()
        for seed in SEEDS
        for lr in rates
    ]
