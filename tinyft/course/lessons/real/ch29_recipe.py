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
    """(training, valid, held-out rows): every sixth group is kept out of training, whole,
    and is in turn held out or in valid.

    valid is for choosing (a rate, a number of steps), held-out for one last look. Raises
    ValueError where a part is empty, or training without a label or less than a batch.
    """
    groups = sorted({row["group"] for row in rows})
    held, valid = (set(groups[first :: 2 * every]) for first in (0, every))
    parts = [[], [], []]
    for row in rows:
        parts[(row["group"] in valid) + 2 * (row["group"] in held)].append(row)
    _require_rows(parts, {row["label"] for row in rows}, len(groups))
    return parts


def _require_rows(parts, labels, groups):
    known, counts = {row["label"] for row in parts[0]}, [len(part) for part in parts]
    if known != labels or counts[0] < SIZE or not min(counts):
        raise ValueError(
            f"split: {counts[0]} rows to train, {counts[1]} to choose by and {counts[2]} "
            f"held out, from {groups} groups; training needs {SIZE} rows or more and "
            "every label, the others a row. Group by a column with more values"
        )


def sizes(parts, tokens):
    """Rows (part, groups, rows, texts that LONGEST cuts) of the parts of `split`."""
    table = []
    for name, rows in zip(("training", "valid", "held out"), parts):
        lengths = tokens.batch([row["text"] for row in rows]).mask.sum(axis=1)
        long, groups = int((lengths > LONGEST).sum()), {row["group"] for row in rows}
        table.append([name, len(groups), len(rows), f"{long} ({long / len(rows):.0%})"])
    return table


def simple(training, held, classes):
    """Rows (what costs nothing, its share of held-out rows that are right)."""
    (texts, labels), (others, truth) = map(_columns, (training, held))
    often = np.bincount(labels, minlength=classes).argmax()
    counts = WordCounts(texts, labels, classes=classes)
    return [
        ["the most frequent label", f"{np.mean(np.array(truth) == often):.1%}"],
        ["a bag of words (α = 1)", f"{counts.accuracy(others, truth):.1%}"],
    ]


def batches_of(rows, tokens, count=STEPS):
    """A function rng -> `count` batches (ids, mask, labels)."""

    def batches(rng):
        for _ in range(count):
            some = [rows[i] for i in rng.choice(len(rows), SIZE, replace=False)]
            yield *encoded(some, tokens), np.array([r["label"] for r in some])

    return batches


def encoded(rows, tokens):
    """(ids, mask) of some rows, padded to the longest of them."""
    return tokens.batch([row["text"] for row in rows], length=LONGEST)


def loss(model, ids, mask, labels):
    """Cross-entropy of a batch."""
    return ops.cross_entropy(model(ids, mask=mask), labels)


def guesses(model, rows, tokens, size=50):
    """(the logits (n, labels) of each row, its label (n,)), short texts first."""
    rows, found = sorted(rows, key=lambda row: len(row["text"])), []
    with no_grad(), model.evaluating():
        for i in range(0, len(rows), size):
            found.append(model(*encoded(rows[i : i + size], tokens)).numpy())
    return np.concatenate(found), np.array([row["label"] for row in rows])


def valid_loss(model, rows, tokens):
    """Mean cross-entropy of rows, by which to choose a rate."""
    return ops.cross_entropy(*guesses(model, rows, tokens)).item()


def accuracy(model, rows, tokens):
    """The share of rows whose label has the largest logit."""
    logits, truth = guesses(model, rows, tokens)
    return float(np.mean(logits.argmax(axis=1) == truth))


def by_label(guessed, names):
    """Rows (label, how many, share that is right ± 95 %), then one of all, of `guesses`."""
    logits, truth = guessed
    right, table = logits.argmax(axis=1) == truth, []
    for name, those in [
        *((name, truth == i) for i, name in enumerate(names)),
        ("all", truth >= 0),
    ]:
        table.append([name, those.sum(), _share(right[those])])
    return table


def minus_words(guessed, training, held, classes, draws=2000):
    """What `guesses` of held-out rows gain over a bag of words on them, as a sentence.

    The interval is the bootstrap's 95 %: whole groups are drawn again, since the rows of
    a group resemble one another.
    """
    rows = sorted(held, key=lambda row: len(row["text"]))  # the order of `guesses`
    logits, truth = guessed
    counts = WordCounts(*_columns(training), classes=classes)
    words = counts.logits([row["text"] for row in rows]).argmax(axis=1) == truth
    gain = (logits.argmax(axis=1) == truth).astype(float) - words
    names, place = np.unique([str(r["group"]) for r in rows], return_inverse=True)
    sums, sizes = np.bincount(place, gain), np.bincount(place)
    drawn = np.random.default_rng(0).integers(0, len(names), (draws, len(names)))
    low, high = np.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), [2.5, 97.5])
    settled = "" if low > 0 or high < 0 else "; not settled: keep the bag of words, or "
    settled += "hold out more rows" if settled else ""
    return (
        f"Adapter minus bag of words, same {len(rows)} texts: {100 * gain.mean():+.1f} "
        f"points, 95 % from {100 * low:+.1f} to {100 * high:+.1f} ({len(names)} whole "
        f"groups drawn again){settled}."
    )


def _columns(rows):
    return [r["text"] for r in rows], [r["label"] for r in rows]


def _share(right):
    if not len(right):
        return "—"
    p = right.mean()
    return f"{p:.0%} ± {196 * np.sqrt(p * (1 - p) / len(right)):.0f}"


def words(rate, loss, count, minutes, own=True):
    """What a training gives on valid, and what all its steps take.

    own: this training; else the shipped run, at its rate whatever `rate` is.
    """
    whose = f"Rate {rate:g}" if own else f"The shipped adapter (rate {RATE:g})"
    return (
        f"{whose}: loss on these {count} texts of valid {loss:.3f} nats; {STEPS} "
        f"steps of {SIZE} texts take {minutes:.1f} minutes of one core."
    )


def stored():
    """{"losses", "accuracy"} of the long run."""
    return json.loads((ADAPTER / "run.json").read_text("utf-8"))


def run(folder=ADAPTER, rate=RATE, report=print):
    """The whole recipe on MiniLM; writes the adapter and run.json to `folder`."""
    with tempfile.TemporaryDirectory() as made:
        rows, _ = read(write_csv(Path(made) / "mine.csv"))
    bert, (training, valid, held) = pretrained.fetched("minilm"), split(rows)
    tokens, mine = data.load_tokenizer(bert), load_model(bert, classes=2)
    peft.attach(mine, peft.LoRA(r=8, alpha=16), PLACES, also=["head"], rng=0)
    losses = train(mine, batches_of(training, tokens), rate, STEPS, 0, loss)
    found = {"losses": losses.tolist(), "rate": rate}
    found["valid"] = valid_loss(mine, valid, tokens)
    found["accuracy"] = accuracy(mine, held, tokens)
    found |= {"held": len(held), "training": len(training)}
    peft.save(mine, folder, names="bert", overwrite=True)
    (Path(folder) / "run.json").write_text(json.dumps(found) + "\n", "utf-8")
    report(f"rate {rate:g}: valid {found['valid']:.4f}, held {found['accuracy']:.3f}")


if __name__ == "__main__":
    run()
