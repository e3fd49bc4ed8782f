"""From a GGUF in 4 bits, or a causal folder, and a CSV (prompt,reply) to a LoRA adapter.

python examples/chat_in_four_bits.py model.gguf talks.csv NEW_FOLDER --ask "Who are you?"
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from tinyft import data, io, ops, optim, peft
from tinyft.training import evaluate, fit

OPTIONS = {"r": 8, "lr": 5e-4, "epochs": 3, "batch": 4, "length": 256, "seed": 0}


def conversation(tokens, prompt, reply=None):
    """The ids of a conversation, and how many of them come before the reply."""
    turn = {"role": "user", "content": prompt}
    if tokens.template is None:  # a model that was never taught to chat
        start = tokens.encode(f"{prompt}\n")
        return np.append(start, tokens.encode(f"{reply or ''}\n")), len(start)
    turns = [turn] if reply is None else [turn, {"role": "assistant", "content": reply}]
    return tokens.chat(turns, reply=reply is None), len(tokens.chat([turn]))


def read(path, tokens, length):
    """(ids, targets) of each row of the CSV; only the reply's tokens are targets."""
    rows = csv.DictReader(path.read_text("utf-8-sig").splitlines(keepends=True))
    pairs = [
        (r["prompt"], r["reply"]) for r in rows if r.get("prompt") and r.get("reply")
    ]
    found = [conversation(tokens, *pair) for pair in pairs]
    found = [(ids[:length], start) for ids, start in found if start < length]
    if len(found) < 4:
        raise ValueError(
            f"{path}: needs prompt,reply in 4 rows or more that fit --length"
        )
    hidden = [np.where(np.arange(len(i)) < start, -100, i) for i, start in found]
    return [(ids[:-1], y[1:]) for (ids, _), y in zip(found, hidden, strict=True)]


def walk(pairs, batch, rng):
    """Batches (ids, targets), padded behind: no token sees what comes after it."""
    order = rng.permutation(len(pairs))
    for at in np.split(order, range(batch, len(order), batch)):
        width = max(len(pairs[i][0]) for i in at)
        ids, y = np.zeros((len(at), width), int), np.full((len(at), width), -100)
        for row, i in enumerate(at):
            ids[row, : len(pairs[i][0])], y[row, : len(pairs[i][1])] = pairs[i]
        yield ids, y


def main(a):
    packed = a.model.suffix == ".gguf"
    model = (
        io.load_gguf(a.model, packed=True)
        if packed
        else io.huggingface.load_model(a.model)
    )
    tokens = data.load_tokenizer(a.model)
    pairs, rng = read(a.csv, tokens, a.length), np.random.default_rng(a.seed)
    held, train = pairs[::10], [pair for i, pair in enumerate(pairs) if i % 10]
    lora = peft.LoRA(r=a.r, alpha=2 * a.r)
    adapter = peft.attach(model, lora, r"attn\.(q|v)", rng=a.seed)
    names = "llama" if model.config.positions == "rotary" else "gpt2"
    peft.save(model, a.adapter, names=names)  # a full folder is refused here, not later

    def nats(logits, y):
        return ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))

    def report():
        found = evaluate(model, walk(held, a.batch, rng), loss=nats)
        ids, _ = conversation(tokens, a.ask)
        said = model.generate(ids[None], 40, greedy=True)[0, len(ids) :]
        print(f"held-out loss {found['loss']:.3f}; it says: {tokens.decode(said)!r}")
        return found

    report()
    optimizer = optim.AdamW(adapter.parameters(), lr=a.lr)
    fit(
        model,
        lambda model, ids, y: nats(model(ids), y),
        lambda: walk(train, a.batch, rng),
        optimizer,
        epochs=a.epochs,
        evaluate=report,
    )
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
