"""A padded batch with a prefix or prompt: each text as if it stood alone.

What is expected comes from the model without padding: the text on its own, or the
prompt's words written in front of it. Padding on the left then lies *between* prompt and
text in the row, and must not count, neither as a position nor as a distance.
"""

import numpy as np
import pytest

import tinyft
from tinyft import models, peft, tensor

TOLERANCE = 1e-12  # float64: two layers on numbers of order 1
KINDS = {
    "learned": ("gpt2", {}),
    "rotary": ("llama", {}),
    "sinusoidal": ("gpt2", {"positions": "sinusoidal"}),
    "alibi": ("gpt2", {"positions": "alibi"}),
    "window": ("gpt2", {"window": 3}),
    "rotary, window": ("llama", {"window": 3}),
    "bidirectional": ("gpt2", {"causal": False}),
    "rotary, bidirectional": ("llama", {"causal": False}),
    "bert": ("bert", {"types": 2}),
    "bert, alibi": ("bert", {"positions": "alibi"}),
    "roberta": ("bert", {"positions": "roberta", "pad": 0}),
}
METHODS = {
    "prefix": lambda: peft.Prefix(3),
    "projected": lambda: peft.Prefix(3, hidden=4),
    "prompt": lambda: peft.Prompt(3),
    "p-tuning": lambda: peft.PTuning(3, hidden=4),
}
WORDS = [3, 7, 2]
IDS = np.random.default_rng(2).integers(1, 11, (2, 6))
REAL = {
    "left": np.arange(6) >= np.array([[0], [2]]),
    "right": np.arange(6) < np.array([[6], [4]]),
}


def build(kind="gpt2", **changes):
    """A model in float64 whose attention is not uniform."""
    sizes = {"vocab": 11, "dim": 12, "length": 24, "tied": False, "heads": 3}
    grouped = {"heads": 6, "kv_heads": 2, "hidden": 10} if kind == "llama" else {}
    model = getattr(models, f"{kind}_tiny")(
        0, "float64", **{**sizes, **grouped, **changes}
    )
    for p in model.parameters():
        p.data = p.data * 8 if p.ndim > 1 else p.data
    return model.eval()


def run(model, ids, **options):
    with tinyft.no_grad():
        return model(tensor(ids), **options).numpy()


def far(got, want):
    return np.abs(got - want).max() / np.abs(want).max()


def padded(side):
    real = REAL[side]
    return np.where(real, IDS, 0), real


def made(kind, method=None):
    name, changes = KINDS[kind]
    model = build(name, **changes)
    if method is not None:
        peft.attach(model, method, rng=1)
    return model


@pytest.mark.parametrize("side", REAL)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_no_text(kind, method, side):
    ids, real = padded(side)
    model = made(kind, METHODS[method]())
    got = run(model, ids, mask=real)
    for row, keep, logits in zip(ids, real, got):
        assert far(logits[keep], run(model, row[keep][None])[0]) < TOLERANCE


@pytest.mark.parametrize("side", REAL)
@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_from_words_is_the_words_in_front_of_the_text(kind, side):
    ids, real = padded(side)
    got = run(made(kind, peft.Prompt(3, words=WORDS)), ids, mask=real)
    bare = made(kind)
    for row, keep, logits in zip(ids, real, got):
        written = np.concatenate([WORDS, row[keep]])[None]
        assert far(logits[keep], run(bare, written)[0, 3:]) < TOLERANCE


CAUSAL = ["learned", "rotary", "sinusoidal", "alibi", "window", "rotary, window"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", CAUSAL)
def test_a_cache_of_a_padded_batch(kind, method):
    """In pieces, the first of which is padding only for one of the texts."""
    ids, real = padded("left")
    model = made(kind, METHODS[method]())
    whole, cache = run(model, ids, mask=real), model.new_cache()
    pieces = [
        run(model, ids[:, a:b], mask=real[:, :b], cache=cache)
        for a, b in ((0, 1), (1, 3), (3, 4), (4, 6))
    ]
    got = np.concatenate(pieces, axis=1)
    assert far(got[real], whole[real]) < TOLERANCE


@pytest.mark.parametrize("length", [1, 3])
def test_the_prompt_is_in_front_once_in_training_too(length):
    model = build()
    peft.attach(model, peft.Prompt(length), rng=1)
    whole, cache = run(model, IDS), model.train().new_cache()
    pieces = [run(model, IDS[:, a:b], cache=cache) for a, b in ((0, 2), (2, 6))]
    assert len(cache[0]) == length + 6
    assert far(np.concatenate(pieces, axis=1), whole) < TOLERANCE


@pytest.mark.parametrize("options", [{"positions": "alibi"}, {"window": 3}])
def test_padding_inside_a_decoder_s_text_counts_as_no_distance(options):
    """As it counts as no position: the text is the one without the gap."""
    real = np.array([[True, True, False, False, True, True]])
    model = build(**options)
    got = run(model, IDS[:1], mask=real)[real]
    assert far(got, run(model, IDS[:1][real][None])[0]) < TOLERANCE
