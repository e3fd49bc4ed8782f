"""Chapter 29: the recipe for a model of one's own, and its one long run.

The notebook writes the recipe out and trains the first steps; `run` is the same to its
end, and what it ends with is shipped: the adapter, the losses and the accuracy.

    python -m tinyft.course.lessons.real.ch29_recipe        some four minutes
"""

import csv
import json
import tempfile
from pathlib import Path

import numpy as np

from tinyft import data, no_grad, ops, peft, pretrained
from tinyft.course.experiment import train
from tinyft.course.lessons.real import ch29_reviews as reviews
from tinyft.course.runs import FOLDER
from tinyft.io.huggingface import load_model

ADAPTER = FOLDER / "29_adapter"
PLACES = r"attn\.(q|k|v|o)|mlp\.(up|down)"  # every linear layer of the blocks
ROWS, RATE, STEPS, SIZE, LONGEST = 6000, 1e-3, 400, 16, 40


def write_csv(path, count=ROWS):
    """A CSV with the columns text, label (0 or 1) and film, the films in random order."""
    rows = reviews.reviews()
    films = np.random.default_rng(29).permutation(sorted({film for film, _, _ in rows}))
    rank = {film: i for i, film in enumerate(films)}
    rows = sorted(rows, key=lambda row: rank[row[0]])[:count]
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = [("text", "label", "film"), *((t, label, f) for f, t, label in rows)]
        csv.writer(file).writerows(table)
    return path


def split(rows, every=6):
    """(training rows, held-out rows): every sixth film is held out, whole."""
    held = set(sorted({row["film"] for row in rows})[::every])
    return [[r for r in rows if (r["film"] in held) == out] for out in (False, True)]


def batches_of(rows, tokens):
    """A function rng -> endless batches (ids, mask, labels)."""

    def batches(rng):
        while True:
            some = [rows[i] for i in rng.choice(len(rows), SIZE, replace=False)]
            yield *encoded(some, tokens), np.array([int(r["label"]) for r in some])

    return batches


def encoded(rows, tokens):
    """(ids, mask) of some rows, padded to the longest of them."""
    return tokens.batch([row["text"] for row in rows], length=LONGEST)


def loss(model, ids, mask, labels):
    """Cross-entropy of a batch."""
    return ops.cross_entropy(model(ids, mask=mask), labels)


def accuracy(model, rows, tokens, size=50):
    """The share of rows whose label has the larger logit."""
    rows, right = sorted(rows, key=lambda row: len(row["text"])), 0
    with no_grad(), model.evaluating():
        for i in range(0, len(rows), size):
            some = rows[i : i + size]
            guess = model(*encoded(some, tokens)).numpy().argmax(axis=1)
            right += int(np.sum(guess == [int(r["label"]) for r in some]))
    return right / len(rows)


def words(before, after, count, minutes):
    """What the recipe gained, here and on all held-out rows, and what a head alone does."""
    told, half = stored(), 196 * np.sqrt(after * (1 - after) / count)
    return (
        f"{count} held-out reviews: {before:.0%} right with a random head, {after:.0%} "
        f"(± {half:.0f} points) after {STEPS} steps, {minutes:.0f} minutes of one "
        f"core. All {told['held']} held-out reviews: {told['accuracy']:.1%}; the frozen "
        f"encoder with a head alone, on the same {told['training']} reviews: "
        f"{told['probe']:.1%}. (One seed and one split; section 5 has five.)"
    )


def stored():
    """{"losses", "accuracy"} of the long run."""
    return json.loads((ADAPTER / "run.json").read_text("utf-8"))


def run(folder=ADAPTER, report=print):
    """The whole recipe on MiniLM; writes the adapter and run.json to `folder`."""
    with tempfile.TemporaryDirectory() as made:
        path = write_csv(Path(made) / "mine.csv")
        rows = list(csv.DictReader(path.read_text("utf-8").splitlines(keepends=True)))
    bert, (training, held) = pretrained.fetched("minilm"), split(rows)
    tokens, mine = data.load_tokenizer(bert), load_model(bert, classes=2)
    peft.attach(mine, peft.LoRA(r=8, alpha=16), PLACES, also=["head"], rng=0)
    losses = train(mine, batches_of(training, tokens), RATE, STEPS, 0, loss)
    found = {"losses": losses.tolist(), "accuracy": accuracy(mine, held, tokens)}
    found |= {"held": len(held), "training": len(training), "rate": RATE}
    found["probe"] = probe(training, held)
    peft.save(mine, folder, names="bert", overwrite=True)
    (Path(folder) / "run.json").write_text(json.dumps(found) + "\n", "utf-8")
    report(f"{len(held)} held out, accuracy {found['accuracy']:.3f}")


def probe(training, held):
    """The accuracy of a head alone, on features as in the study, at its best rate."""
    model, found = reviews.Sentiment(reviews.minilm()), []
    for rows in (training, held):
        texts = [row["text"] for row in rows]
        with no_grad(), model.evaluating():
            parts = [
                reviews.encoded(texts[i : i + 50]) for i in range(0, len(texts), 50)
            ]
            X = np.concatenate([model.features(*part).numpy() for part in parts])
        found.append((X, np.array([int(row["label"]) for row in rows])))
    (X, y), (Z, truth) = found
    head, scale = reviews.probe_head(X, y, lr=1e-3, seed=0)
    with no_grad():
        return float((head(Z / scale).numpy().argmax(axis=1) == truth).mean())


if __name__ == "__main__":
    run()
