"""From a GGUF in 4 bits, or a causal folder, and a CSV (prompt,reply) to a LoRA adapter.

python examples/chat_in_four_bits.py model.gguf talks.csv NEW_FOLDER --ask "Who are you?"
"""

import argparse
import csv
from functools import partial
from pathlib import Path

import numpy as np

from tinyft import data, io, ops, optim, peft
from tinyft.training import evaluate, fit

OPTIONS = {"r": 8, "lr": 5e-4, "epochs": 3, "batch": 4, "length": 256, "seed": 0}


def encode(tokens, prompt, reply=None):
    """The ids of a conversation, and how many of them come before the reply."""
    if tokens.template is None:  # a model that was never taught to chat
        parts = tokens.encode(f"{prompt}\n"), tokens.encode(reply or "")
        return np.concatenate(parts), len(parts[0])
    turn = lambda role, text: {"role": role, "content": text}
    turns = [turn("user", prompt), turn("assistant", reply)]
    start = tokens.chat(turns[:1])
    return start if reply is None else tokens.chat(turns, reply=False), len(start)


def read(path, tokens, length):
    """(ids, targets) of each row, both (1, T); only the reply's tokens are targets."""
    rows = csv.DictReader(path.read_text("utf-8-sig").splitlines(keepends=True))
    rows = [(row.get("prompt") or "", row["reply"]) for row in rows if row.get("reply")]
    found = [encode(tokens, *row) for row in rows if all(row)]
    found = [(ids[:length], n) for ids, n in found if n < min(length, len(ids))]
    if len(found) < 4:
        raise ValueError(f"{path}: needs prompt,reply in 4 rows or more of --length")
    hidden = [np.where(np.arange(len(ids)) < n, -100, ids) for ids, n in found]
    return [(ids[None, :-1], y[None, 1:]) for (ids, _), y in zip(found, hidden)]


def nats(logits, y):
    return ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))


def main(a):
    folder, tokens = a.model.is_dir(), data.load_tokenizer(a.model)
    load = io.huggingface.load_model if folder else partial(io.load_gguf, packed=True)
    model, pairs = load(a.model), read(a.csv, tokens, a.length)
    held, train = pairs[::10], [pair for i, pair in enumerate(pairs) if i % 10]
    adapter = peft.attach(model, peft.LoRA(a.r, 2 * a.r), r"attn\.(q|v)", rng=a.seed)
    names = "llama" if model.config.positions == "rotary" else "gpt2"
    peft.save(model, a.adapter, names=names)  # a full folder is refused here, not later

    def judge():
        found, (ids, _) = evaluate(model, held, loss=nats), encode(tokens, a.ask)
        said = model.generate(ids[None], 40, greedy=True)[0, len(ids) :]
        print(f"held-out loss {found['loss']:.3f}; it says: {tokens.decode(said)!r}")
        return found

    judge()
    rng = np.random.default_rng(a.seed)
    loss = lambda model, ids, y: nats(model(ids), y)
    batches = lambda: (train[i] for i in rng.permutation(len(train)))
    options = {"epochs": a.epochs, "accumulate": a.batch, "evaluate": judge}
    fit(model, loss, batches, optim.AdamW(adapter.parameters(), lr=a.lr), **options)
    peft.save(model, a.adapter, names=names, overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("model", "csv", "adapter"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--ask", default="Who are you?", help="a prompt to answer")
    for name, default in OPTIONS.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    try:
        main(parser.parse_args())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{parser.prog}: {error}") from None
