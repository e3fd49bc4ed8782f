"""Chapter 18's dark corners: starts, words in front, and padded batches, encoders."""

import numpy as np

from tinyft import nn, peft, tensor
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


# --- P-tuning in plain NumPy ---------------------------------------------------------


def encoders(ids):
    """P-tuning's MLP and LSTM against plain NumPy, and its starts."""
    rng = np.random.default_rng(8)
    for kind in ("mlp", "lstm"):
        model = small("gpt2")
        made = peft.attach(model, peft.PTuning(3, kind, 4, 1), rng=1).deltas["embed"]
        for p in made.parameters():  # large, so that the ReLU bends
            p.data = tensor(rng.normal(size=p.shape)).data
        want = by_hand(made, kind)
        yield f"P-tuning's {kind} by hand", made.vectors(), want, 1e-12
        again = small("gpt2")
        stored = peft.attach(again, peft.Prompt(3)).deltas["embed"]
        stored.P.data = made.vectors().detach().data
        yield f"P-tuning ({kind}) as a prompt", run(again, ids), run(model, ids), 1e-12
        made.vectors().sum().backward()
        yield (
            f"P-tuning ({kind}): E trains",
            np.abs(made.P.grad.numpy()).max() > 0,
            True,
            0,
        )


def by_hand(made, kind):
    """The vectors of a P-tuning delta in plain NumPy."""
    x, layers = (
        made.P.numpy(),
        [[p.numpy() for p in m.parameters()] for m in made.linears],
    )
    if kind == "lstm":
        p = {name: a.numpy() for name, a in made.lstm.named_parameters()}
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ways = [("", 1), ("_reverse", -1)]
        x = np.concatenate(
            [lstm(x[::t], *(p[f"{k}_l0{end}"] for k in names))[::t] for end, t in ways],
            1,
        )
    for i, (W, b) in enumerate(layers):  # a ReLU between the linear layers only
        x = (np.maximum(x, 0) if i else x) @ W.T + b
    return x


def lstm(x, W, U, b, c):
    """An LSTM's states, step by step; its gates are i, f, g, o."""
    h, cell, states = np.zeros(U.shape[1]), np.zeros(U.shape[1]), []
    for row in x:
        i, f, g, o = np.split(W @ row + b + U @ h + c, 4)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(cell)
        states.append(h)
    return np.array(states)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))
