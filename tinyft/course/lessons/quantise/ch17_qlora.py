"""Chapter 17: the runs of `tinyft study 17`: LoRA on bases of 32, 4, 3 and 2 bits."""

from functools import cache

import numpy as np

from tinyft import data, nn, no_grad, peft, tensor
from tinyft.course.experiment import loss_on, text_parts, train, windows
from tinyft.course.lessons.peft.ch15_lora import EVERYWHERE, verses
from tinyft.course.low_rank import truncated
from tinyft.course.runs import CHOOSING
from tinyft.quantise import CODES, Code, dequantise, normal_levels, quantise
from tinyft.quantise.blocks import scales
from tinyft.training.pretrained import load_pretrained
from tinyft.training.recipes import lm_loss

BASE = "gpt_text"
STEPS, RATES, RANK, ALPHA = 50, (2e-3, 5e-3, 1e-2, 2e-2), 4, 8
BLOCKS = {"nf4": (32, 64, 128), "int4": (32, 64, 128)}
# fewer levels of the normal's quantiles, in the same blocks and bytes: 8 of them could be
# stored in 3 bits, 4 in 2
FEWER = {
    "nf3": Code("nf3", normal_levels(above=4, below=3)),
    "nf2": Code("nf2", normal_levels(above=2, below=1)),
}
BOOKS = CODES | FEWER


# --- tinyft study 17 -------------------------------------------------------------------
def plan():
    """The grids of rates, two seeds each: code books, blocks, starts of LoRA."""
    arms = [_arm("none", 0)]
    arms += [_arm(code, block) for code, sizes in BLOCKS.items() for block in sizes]
    arms += [_arm(code, 64) for code in FEWER]
    arms += [_arm("nf2", 64, rounds) for rounds in (1, 5)]
    runs = [one | {"lr": lr} for one in arms for lr in RATES]
    return [one | {"seed": seed} for seed in CHOOSING for one in runs]


def _arm(code, block, rounds=0):
    return {"code": code, "block": block, "loftq": rounds}


@cache
def task():
    """{"train", "valid", "test": token ids} of chapter 15's task, for this base.

    The base has read four books of the Bible: their verses are left out.
    """
    seen = set(data.load_text("bible", "train").split("\n"))

    def unseen(text):
        lines = verses(text).splitlines(keepends=True)
        return "".join(v for v in lines if v.partition(". ")[2][:-7] not in seen)

    return text_parts("kjv", load_pretrained(BASE)[1], unseen)


def prepared(code, block, loftq=0, seed=0):
    """(the base with the Linear layers of its blocks in 4 bits, LoRA on each of them).

    code: a key of BOOKS, or "none" for the dense base. loftq: rounds of `peft.loftq`,
    which quantises them itself; 0 is LoRA's usual start.
    """
    model = load_pretrained(BASE)[0]
    options = {"block": block, "code": BOOKS.get(code)}
    if code != "none" and not loftq:
        nn.quantise_linears(model, **options)
    adapter = peft.attach(model, peft.LoRA(RANK, ALPHA), EVERYWHERE, rng=seed)
    if loftq:
        peft.loftq(adapter, loftq, **options)
    return model, adapter


def first_loss(model, batches):
    """Loss of the first batch that `train` with seed 0 sees."""
    with no_grad():
        return lm_loss(model, *next(batches(np.random.default_rng(0)))).item()


def rounded(W, code, block=64):
    """W through 4 bits and back, a float64 host array; scales in float32."""
    packed = quantise(tensor(W).data, block, code, double=False)
    return tensor(dequantise(packed, "float64")).numpy()


def scales_of(packed):
    """The scales of a Packed, (17.5) undone, a host array."""
    return tensor(scales(packed)).numpy()


def rises(W, fixed, r=8, rounds=8):
    """Does a rounding of LoftQ raise the error?  fixed: keep the scales of the first."""
    levels, L, m, last = np.array(CODES["nf4"].levels), 0 * W, None, np.inf
    for _ in range(rounds):
        rows = (W - L).reshape(-1, 64)
        m = m if fixed and m is not None else np.abs(rows).max(axis=1, keepdims=True)
        Q = m * levels[np.abs((rows / m)[..., None] - levels).argmin(-1)]
        Q = Q.reshape(W.shape)
        if np.linalg.norm(W - Q - L) > last * (1 + 1e-12):
            return True
        L = truncated(W - Q, r)
        last = np.linalg.norm(W - Q - L)
    return False


def requantised(model, code, block):
    """The model with its adapter merged into the floats, and these rounded (again)."""
    in_bits = any(m.packed_size for m in model.modules())
    places = nn.dequantise_linears(model) if in_bits else None
    peft.bake(model)
    nn.quantise_linears(model, places, block, BOOKS[code])
    return model


def run(lr, seed, code, block, loftq):
    """Fine-tune once; losses in nats per token.

    "valid" and "test" are of held-out windows; "merged" is "test" after merging into
    4 bits (of a dense base: into floats).
    """
    parts, (model, _) = task(), prepared(code, block, loftq, seed)
    losses = train(model, windows(parts["train"]), lr, STEPS, seed)
    scores = {k: loss_on(model, parts[k]) for k in ("valid", "test")}
    if code == "none":
        peft.bake(model)
    else:
        requantised(model, code, block)
    scores["merged"] = loss_on(model, parts["test"])
    return scores | {"train": losses[-10:].mean()}
