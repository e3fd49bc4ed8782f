"""Chapter 21: how long, how much old text, how many bytes per row; `tinyft study 21`.

length   10 to 80 steps, without replay and with 25 %
memory   replay from 1 % or 10 % of the old text, or from texts that the model itself
         has written before it is trained on
bytes    new tokens, mean rows: rows of 48 tokens, or of 25, as many bytes as 48 old
"""

import numpy as np

from tinyft.course.experiment import SEEDS, train
from tinyft.course.lessons.pretraining.ch21_continued_pretraining import (
    GOOD,
    LENGTH,
    ROWS,
    STEPS,
    base,
    fresh,
    ids,
    own_tokens,
    texts,
)
from tinyft.objectives.language import causal, replay, text_bits
from tinyft.transfer.vocabulary import change_vocabulary

LENGTHS = (10, 20, 80)  # 40: the study of the chapter's other runs
SHARES = (0, 0.25)
MEMORIES = ("1 %", "10 %", "own samples")
WIDTHS = {48: 64, 25: 33}  # a row's tokens in training: in the test, for as many bytes
SAMPLED = 200  # rows: as many as 40 steps with 5 old rows read


def old_ids(memory, seed):
    """Tokens of the old text that replay draws from: "1 %", "10 %" or "own samples"."""
    if memory == "own samples":
        return written(seed).ravel()
    whole = ids("old")
    size = len(whole) * int(memory.split()[0]) // 100
    start = np.random.default_rng(seed).integers(0, len(whole) - size)
    return whole[start : start + size]


def written(seed, rows=SAMPLED):
    """Rows (rows, 1 + LENGTH) that gpt_text writes after a line end, temperature 1."""
    model, tokens = fresh()
    rng = np.random.default_rng(seed + 100)
    first = np.tile(tokens.encode("\n"), (rows, 1))
    return model.generate(first, LENGTH, rng=rng)


def plan():
    """Every run at the rate that was best for the 40 steps of the main study."""
    rate = GOOD["CLM"]
    runs = [_one("memory", rate, memory=m) for m in MEMORIES]
    runs += [_one("bytes", rate, width=w) for w in WIDTHS]
    runs += [_one("length", rate, steps=n, share=w) for n in LENGTHS for w in SHARES]
    return [one | {"seed": seed} for one in runs for seed in SEEDS]


def _one(experiment, lr, **settings):
    return {"experiment": experiment, "lr": lr} | settings


def run(experiment, lr, seed, steps=STEPS, share=0.25, memory=None, width=LENGTH):
    """Bits per byte of both texts: {"valid", "test", "old", "old test"}.

    "bytes": also in rows of as many bytes as 64 old tokens, "short" and so on.
    """
    (model, tokens), row = fresh(), ids("new")
    if experiment == "bytes":
        tokens, share = own_tokens(), 0
        model = change_vocabulary(model, base()[1], tokens, rng=seed)
        row = tokens.encode(texts()["new"]["train"])
    old = old_ids(memory, seed) if memory else ids("old")
    draws = causal(row, width), causal(old, width)
    train(model, replay(*draws, share, ROWS), lr, steps, seed)
    scores = _scores(model, tokens, 64)
    if experiment == "bytes":
        short = _scores(model, tokens, WIDTHS[25])
        scores |= {f"short {k}": v for k, v in short.items()}
    return scores


def _scores(model, tokens, length):
    """Both texts, on the validation part (12,000 characters) and on the test part."""
    names = {"valid": ("new", "valid"), "test": ("new", "test")}
    names |= {"old": ("old", "valid"), "old test": ("old", "test")}
    ends = {"valid": 12_000, "test": None}
    return {
        name: text_bits(model, tokens, texts()[k][part][: ends[part]], length)
        for name, (k, part) in names.items()
    }
