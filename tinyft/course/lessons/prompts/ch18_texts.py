"""Chapter 18: the texts that its runs train and are judged on, in windows."""

from functools import cache

import numpy as np

from tinyft import data, no_grad, tensor
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

WINDOW = 48
WORDS = "The Python statement returns an object of the class; see help()"


@cache
def texts():
    """{"stream" (N,), "valid", "test", "source": (inputs, targets) of windows}."""
    _, tokens, _ = load_pretrained("gpt_text")
    ids = tokens.encode(data.load_text("pydoc", "train"))
    stream, rest = np.split(ids, [9 * len(ids) // 10])
    held = {
        n: tokens.encode(data.load_text(n, "valid")) for n in ("pydoc", "shakespeare")
    }
    return {
        "stream": stream,
        "valid": windows(rest, 14),
        "test": windows(held["pydoc"], 28),
        "source": windows(held["shakespeare"], 10),
    }


def windows(ids, rows):
    """`rows` windows spread over ids, as (inputs, targets)."""
    starts = np.linspace(0, len(ids) - WINDOW - 1, rows).astype(int)
    cut = np.stack([ids[s : s + WINDOW + 1] for s in starts])
    return tensor(cut[:, :-1]), tensor(cut[:, 1:])


def loss_on(model, part):
    """Mean loss on windows: a name of `texts`, or (inputs, targets)."""
    pair = texts()[part] if isinstance(part, str) else part
    with no_grad(), model.evaluating():
        return lm_loss(model, *pair).item()


def words(count=12):
    """Token ids of an instruction, repeated or cut to `count`."""
    return np.resize(load_pretrained("gpt_text")[1].encode(WORDS), count)
