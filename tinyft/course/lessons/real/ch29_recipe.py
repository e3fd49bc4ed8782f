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
from tinyft.course.lessons.real.ch29_words import WordCounts
from tinyft.course.runs import FOLDER
from tinyft.io.huggingface import load_model

ADAPTER = FOLDER / "29_adapter"
PLACES = r"attn\.(q|k|v|o)|mlp\.(up|down)"  # every linear layer of the blocks
ROWS, RATE, STEPS, SIZE, LONGEST = 6000, 1e-3, 400, 16, 40
CUT = {"padding": True, "truncation": True, "max_length": LONGEST}  # of transformers
CUT |= {"return_tensors": "pt"}


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


def read(path, group="film"):
    """(rows, labels): a CSV with the columns text and label, and the one that groups rows.

    rows: dicts with "text", "label" as its place in labels, "group".  labels: the sorted
    labels of the file.  group: a column, or None if every row stands alone.  Raises
    ValueError for a missing column, an empty cell, and fewer than two labels.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    columns = ["text", "label", *([group] if group else [])]
    _require_columns(path, table, columns)
    names = sorted({row["label"] for row in table})
    if len(names) < 2:
        raise ValueError(
            f"{path}: one label in all rows, {names}; two or more are needed"
        )
    rows = [
        {"text": r["text"], "label": names.index(r["label"]), "group": r.get(group, i)}
        for i, r in enumerate(table)
    ]
    return rows, names


def _require_columns(path, table, columns):
    found = list(table[0]) if table else []
    missing = [name for name in columns if name not in found]
    if missing:
        raise ValueError(
            f"{path} has the columns {found}, but not {missing}. Needed: text, label, and "
            "GROUP, the column of what must not be known from training (a film, an "
            "author, a patient, a day); GROUP = None if every row stands alone"
        )
    for line, row in enumerate(table, 2):
        empty = [name for name in columns if not (row[name] or "").strip()]
        if empty:
            raise ValueError(f"{path}, row {line}: nothing in {', '.join(empty)}")


def split(rows, every=6):
    """(training rows, held-out rows): every sixth group is held out, whole.

    Raises ValueError where that leaves a part without a label, or less than a batch.
    """
    held = set(sorted({row["group"] for row in rows})[::every])
    parts = [[r for r in rows if (r["group"] in held) == out] for out in (False, True)]
    labels = {row["label"] for row in rows}
    if {row["label"] for row in parts[0]} != labels or len(parts[0]) < SIZE:
        raise ValueError(
            f"split: {len(parts[0])} rows to train and {len(parts[1])} held out, from "
            f"{len({row['group'] for row in rows})} groups; training needs {SIZE} rows or "
            "more and every label. Group by a column with more values"
        )
    return parts


def simple(training, held, classes):
    """Rows (what costs nothing, its share of held-out rows that are right)."""
    (texts, labels), (others, truth) = (
        ([r["text"] for r in rows], [r["label"] for r in rows])
        for rows in (training, held)
    )
    often = np.bincount(labels, minlength=classes).argmax()
    counts = WordCounts(texts, labels, classes=classes)
    return [
        ["the most frequent label", f"{np.mean(np.array(truth) == often):.1%}"],
        ["a bag of words (α = 1)", f"{counts.accuracy(others, truth):.1%}"],
    ]


def batches_of(rows, tokens):
    """A function rng -> endless batches (ids, mask, labels)."""

    def batches(rng):
        while True:
            some = [rows[i] for i in rng.choice(len(rows), SIZE, replace=False)]
            yield *encoded(some, tokens), np.array([r["label"] for r in some])

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
            right += int(np.sum(guess == [r["label"] for r in some]))
    return right / len(rows)


def words(before, after, count, minutes):
    """What the recipe gained on `count` held-out rows, and what all its steps take."""
    half = 196 * np.sqrt(after * (1 - after) / count)
    return (
        f"{count} held-out texts: {before:.0%} right with a random head, {after:.0%} "
        f"(± {half:.0f} points) after {STEPS} steps, {minutes:.1f} minutes of one core."
    )


def stored():
    """{"losses", "accuracy"} of the long run."""
    return json.loads((ADAPTER / "run.json").read_text("utf-8"))


def run(folder=ADAPTER, report=print):
    """The whole recipe on MiniLM; writes the adapter and run.json to `folder`."""
    with tempfile.TemporaryDirectory() as made:
        rows, _ = read(write_csv(Path(made) / "mine.csv"))
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
        found.append((X, np.array([row["label"] for row in rows])))
    (X, y), (Z, truth) = found
    head, scale = reviews.probe_head(X, y, lr=1e-3, seed=0)
    with no_grad():
        return float((head(Z / scale).numpy().argmax(axis=1) == truth).mean())


if __name__ == "__main__":
    run()
