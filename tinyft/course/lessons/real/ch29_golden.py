"""Chapter 29: numbers that other programs computed with the same three models.

MiniLM and SmolLM2: transformers, in float64 (SmolLM2 from the same GGUF file, which
transformers decodes and whose rows it puts in order itself). MobileNetV2: PyTorch in
float64, a photograph resized by torch's interpolate; tests/parity/test_mobilenet.py
computes it again.
"""

import importlib
import warnings

import numpy as np

from tinyft import models, no_grad
from tinyft.course.check import CheckFailed, check, measure
from tinyft.course.prose import say
from tinyft.course.show import show

# --- MiniLM: two texts of unequal length, with special tokens ---------------------------
TEXTS = ["A man is eating food.", "迁移学习 (transfer learning) 2024"]
IDS = [
    [101, 1037, 2158, 2003, 5983, 2833, 1012, 102, 0, 0, 0, 0],
    [101, 100, 100, 1817, 100, 1006, 4651, 4083, 1007, 16798, 2549, 102],
]
PLACES = (0, 1, 2, -1)  # of the tokens that are not padding
EMBEDDINGS = [
    [0.03324157, 0.00440606, -0.00627694, 0.04837871],
    [-0.02752216, -0.0047536, 0.07790987, -0.00515694],
]

# --- SmolLM2: the most likely token at every position, and its logit --------------------
PROMPT = "The capital of France is"
LIKELY = [29, 282, 260, 314, 7042]
LARGEST = [27.353361, 22.056051, 12.942571, 23.77208, 17.371261]
GREEDY = [7042, 30, 198, 198, 504, 2988, 314, 42, 216, 34, 32, 33]

# --- MobileNetV2: a photograph in colour, {class: logit} --------------------------------
ESPRESSO = {
    967: 20.820489,
    925: 14.866784,
    809: 14.654784,
    968: 14.523159,
    504: 13.337691,
}


def transformers():
    """The package transformers without its notices; None where it or torch is missing."""
    warnings.filterwarnings("ignore", module=r"(tqdm|transformers|peft|torch)(\.|$)")
    try:
        found = importlib.import_module("transformers")
        importlib.import_module("torch")
    except ImportError:
        say("Left out: transformers or torch is not installed.")
        return None
    found.utils.logging.disable_progress_bar()
    found.utils.logging.set_verbosity_error()
    return found


def embeddings(model, tokens, masked=True):
    """What EMBEDDINGS holds, by this model and tokenizer: (2, 4); masked=False: wrongly."""
    batch = tokens.batch(TEXTS)
    mask = batch.mask if masked else np.ones_like(batch.mask)
    return models.sentence_embedding(model, batch.ids, mask).numpy()[:, :4]


def at_positions(model, tokens):
    """The logits of LIKELY at the positions of PROMPT: what LARGEST holds."""
    with no_grad():
        logits = model(np.array(tokens.encode(PROMPT))[None]).numpy()[0]
    return logits[np.arange(len(LIKELY)), LIKELY]


def scatter(theirs):
    """Normal random numbers in every parameter of a PyTorch model."""
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.3)


def refusal(model):
    """What the loader says to the model's own weights without the first of them."""
    state = model.state_dict()
    del state[next(iter(state))]
    try:
        model.load_state_dict(state)
    except (KeyError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    raise CheckFailed("a file with a tensor missing was loaded without a word")


def at_places(states, mask):
    """States (B, T, C) at the positions PLACES of each text: (B, 4, C)."""
    lengths = np.asarray(mask).sum(axis=1).astype(int)
    return np.stack([row[:n][list(PLACES)] for row, n in zip(states, lengths)])


def means(bert, batch):
    """The library's mean states of the texts, and the same by hand: (B, C) each."""
    states = bert.states(batch.ids, batch.mask)
    each = zip(states.numpy(), np.asarray(batch.mask), strict=True)
    by_hand = np.stack([row[real].mean(axis=0) for row, real in each])
    return models.mean_tokens(states, batch.mask), by_hand


def caught(name, got, want, bound=0, why="to the bit"):
    """A check that a wrong model must fail: shown as failed; an error if it passes."""
    record = {"name": name, "bound": float(bound), "why": why, "relative": False}
    record |= {"headline": False} | measure(got, want)
    record["ok"] = record["discrepancy"] <= record["bound"]
    show(record)
    if record["ok"]:
        raise CheckFailed(f"{name}: the wrong model passed, so this check is too weak")
    check(f"{name}: rejected", record["ok"], False)
