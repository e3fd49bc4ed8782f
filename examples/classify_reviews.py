"""From a BERT, DistilBERT or RoBERTa and a CSV (text,label) to an adapter for PEFT.

python examples/classify_reviews.py MODEL_FOLDER reviews.csv NEW_FOLDER --epochs 3
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from tinyft import data, io, ops, optim, peft
from tinyft.training import accuracy, evaluate, fit

OPTIONS = {"r": 8, "lr": 1e-3, "epochs": 3, "batch": 16, "length": 128, "seed": 0}
FAMILIES = {"bert": "bert", "distilbert": "distilbert"}  # model_type: names in PEFT
FAMILIES |= dict.fromkeys(("roberta", "xlm-roberta", "camembert"), "roberta")


def read(path):
    """The texts of the CSV, the names of their labels, and each text's place in these."""
    table = csv.DictReader(path.read_text("utf-8-sig").splitlines(keepends=True))
    rows = [row for row in table if row.get("text") and row.get("label")]
    names, y = np.unique([row["label"] for row in rows], return_inverse=True)
    if len(names) < 2 or len(rows) < 10:
        raise ValueError(f"{path}: needs text,label with 2 labels in 10 rows or more")
    return [row["text"] for row in rows], names.tolist(), y


def opened(folder, classes):
    """A folder's model with a new head, its tokenizer, and whose names PEFT expects."""
    model = io.huggingface.load_model(folder, classes=classes)
    kind = json.loads((folder / "config.json").read_text("utf-8"))["model_type"]
    if kind not in FAMILIES:
        raise ValueError(f"{folder} holds a {kind}, expected {', '.join(FAMILIES)}")
    tokenizer = data.load_tokenizer(folder)
    if not tokenizer.before:  # a vocab.json alone
        raise ValueError(f"{folder} needs the tokenizer.json: how does a text begin?")
    return model, tokenizer, FAMILIES[kind]


def walk(arrays, rows, batch, rng):
    """Batches (ids, mask, labels) of some rows, each as wide as its longest text."""
    for at in np.split(rng.permutation(rows), range(batch, len(rows), batch)):
        *texts, y = (array[at] for array in arrays)
        yield *(array[:, : texts[1].sum(axis=1).max()] for array in texts), y


def main(a):
    texts, names, y = read(a.csv)
    model, tokenizer, family = opened(a.model, len(names))
    arrays = *tokenizer.batch(texts, a.length), y
    rng = np.random.default_rng(a.seed)
    held, train = np.split(rng.permutation(len(y)), [len(y) // 5])
    lora = peft.LoRA(r=a.r, alpha=2 * a.r)
    adapter = peft.attach(model, lora, r"attn\.(q|v)", also="head|pooler", rng=a.seed)
    peft.save(model, a.adapter, names=family)  # a full folder is refused here
    loss = lambda model, ids, mask, y: ops.cross_entropy(model(ids, mask), y)
    judge = lambda: evaluate(model, walk(arrays, held, 64, rng), accuracy=accuracy)
    batches = lambda: walk(arrays, train, a.batch, rng)
    optimizer = optim.AdamW(adapter.parameters(), lr=a.lr)
    history = fit(model, loss, batches, optimizer, epochs=a.epochs, evaluate=judge)
    peft.save(model, a.adapter, names=family, overwrite=True)
    (a.adapter / "labels.json").write_text(json.dumps(names), "utf-8")
    print("accuracy per epoch:", *(f"{value:.3f}" for value in history["accuracy"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("model", "csv", "adapter"):
        parser.add_argument(name, type=Path)
    for name, default in OPTIONS.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    try:
        main(parser.parse_args())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{parser.prog}: {error}") from None
