"""Chapter 18's dark corners: starts, words in front, and padded batches, one by one."""

import numpy as np

from tinyft import nn, peft
from tinyft.course.lessons.prompts.ch18_referee import run, small

METHODS = {
    "prefix": (peft.Prefix(40), "P"),
    "prefix + MLP": (peft.Prefix(40, hidden=4), "E"),
    "prompt": (peft.Prompt(40), "P"),
    "P-tuning": (peft.PTuning(40), "P"),
}


def starts():
    """(name, mean square of the start, 1, four standard errors of 960 draws)."""
    for label, (method, name) in METHODS.items():
        deltas = peft.attach(small("gpt2"), method, rng=4).deltas.values()
        drawn = [getattr(d, name).numpy().ravel() for d in deltas if hasattr(d, name)]
        mean = (np.concatenate(drawn) ** 2).mean()
        yield f"{label} starts as N(0, 1)", mean, 1.0, 4 * np.sqrt(2 / 960)


def written(ids):
    """A prompt from words = these words written in front; also without positions."""
    model = small("gpt2")
    peft.attach(model, peft.Prompt(5, words=[3, 7]))
    text = np.concatenate([np.tile([3, 7, 3, 7, 3], (2, 1)), ids], axis=1)
    yield "prompt from words", run(model, ids), run(small("gpt2"), text)[:, 5:], 1e-10
    bare = nn.Sequential(
        {
            "embed": nn.Embedding(11, 24, dtype="float64"),
            "attn": nn.MultiHeadAttention(24, 6, causal=True, dtype="float64"),
        }
    )
    want = run(bare, np.concatenate([np.tile([3, 7], (2, 1)), ids], axis=1))[:, 2:]
    peft.attach(bare, peft.Prompt(2, words=[3, 7]))
    yield "prompt without positions", run(bare, ids), want, 1e-12


def ragged(ids):
    """Two texts in a batch, the second padded on the left, against each alone."""
    mask = np.ones((2, 8), bool)
    mask[1, :3] = False
    for kind, changes in {
        "gpt2": {},
        "bert": {"types": 2},
    }.items():  # BERT has token types
        model = small(kind, **changes)
        want = [
            run(model, np.concatenate([[3, 7], row[keep]])[None])[0, 2:]
            for row, keep in zip(ids, mask)
        ]
        peft.attach(model, peft.Prompt(2, words=[3, 7]))
        got = run(model, ids, mask=mask)
        for i in range(2):
            yield (
                f"{kind}, text {i}: its words in front",
                got[i][mask[i]],
                want[i],
                1e-12,
            )
    yield from _positions(ids, mask)


def _positions(ids, mask):
    for label, changes in {
        "learned": {},
        "ALiBi": {"positions": "alibi"},
        "window of 3": {"window": 3},
        "bidirectional": {"causal": False},
    }.items():
        for name, method in {
            "prefix": peft.Prefix(3),
            "prompt": peft.Prompt(3, words=[3, 7, 2]),
        }.items():
            model = small("gpt2", **changes)
            peft.attach(model, method, rng=1)
            got = run(model, ids, mask=mask)[1, 3:]
            want = run(model, ids[1:, 3:])[0]
            yield f"{label}, {name}: padded = alone", got, want, 1e-12
