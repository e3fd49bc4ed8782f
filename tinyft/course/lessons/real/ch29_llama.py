"""Chapter 29: SmolLM2 on its own 4-bit blocks, and the study of LoRA on them."""

import zlib
from dataclasses import replace
from functools import cache

import numpy as np

from tinyft import data, models, nn, no_grad, peft, pretrained
from tinyft.course.experiment import train, training_step
from tinyft.course.lessons.real.ch29_reviews import PLACES, here
from tinyft.course.memory import live_memory
from tinyft.course.runs import CHOOSING, load
from tinyft.io.llamacpp import load_gguf
from tinyft.training.recipes import lm_loss

LLAMA = {"vocab": 49152, "dim": 576, "layers": 30, "heads": 9, "kv_heads": 3}
LLAMA |= {"hidden": 1536, "length": 2048}
WINDOW, STEPS = 128, 30
RATES = (1e-3, 3e-3, 1e-2)


def smollm2(packed=True):
    """SmolLM2-135M-Instruct, its linear layers as they lie in the file; or random."""
    if here("smollm2"):
        return load_gguf(pretrained.fetched("smollm2"), packed=packed)
    small = LLAMA | {"layers": 2, "vocab": 2000}
    return models.llama(rng=0, **small)


def file_order(rows, width):
    """Our row numbers in the order in which llama.cpp's file has them: (29.1)."""
    halves = np.arange(rows).reshape(-1, 2, width // 2)  # heads, half, i
    return halves.swapaxes(1, 2).ravel()


def mib(model):
    """MiB that the linear layers of the blocks take, packed or as floats."""
    layers = [
        m
        for _, m in model.blocks.named_modules()
        if isinstance(m, (nn.Linear, nn.LinearGGUF))
    ]
    arrays = [
        b for m in layers if isinstance(m, nn.LinearGGUF) for b in m.buffers()
    ] or [m.weight.data for m in layers]
    return sum(array.nbytes for array in arrays) / 2**20  # an adapter is left out


def memory(model):
    """MiB of the blocks' linear layers, with the embedding, at the peak of a step."""
    linear = mib(model)
    held = linear + model.embed.weight.data.nbytes / 2**20
    step = training_step(model, next(play_windows(np.random.default_rng(0))), lr=1e-9)
    _, peak = live_memory(step, steps=1)  # what AdamW keeps of an adapter is small
    return linear, held, held + peak


def cost_rows(costs):
    """Rows of {base: (CPU seconds, MiB, MiB, MiB)}, then the ratio of the two."""
    rows = [
        [name, f"{seconds:.1f}", *(f"{m:.0f} MiB" for m in mib)]
        for name, (seconds, *mib) in costs.items()
    ]
    packed, floats = costs.values()
    return [
        *rows,
        ["packed / float", *(f"{a / b:.2f}" for a, b in zip(packed, floats))],
    ]


def checksum(model):
    """CRC-32 over the bytes of everything the model holds, packed blocks too."""
    found = 0
    for array in model.state_dict().values():
        found = zlib.crc32(np.ascontiguousarray(array), found)
    return found


def first_blocks(model, count, dtype, **changes):
    """A Transformer with the first blocks of a model, and random values if none fit."""
    config = replace(model.config, layers=count, **changes)
    small, state = models.Transformer(config, rng=0, dtype=dtype), model.state_dict()
    small.load_state_dict({name: state[name] for name in small.state_dict()})
    return small


@cache
def pieces():
    """SmolLM2's tokenizer, or None where it is not here."""
    return (
        data.load_tokenizer(pretrained.fetched("smollm2")) if here("smollm2") else None
    )


@cache
def play(part):
    """Token ids (N,) of a part of the shipped Shakespeare."""
    if pieces() is None:
        return np.random.default_rng(0).integers(0, 2000, 20000)
    return np.array(pieces().encode(data.load_text("shakespeare", part)[:120000]))


def play_windows(rng):
    """Endless batches (x, y) of one window."""
    ids = play("train")
    while True:
        yield data.lm_batch(rng, ids, 1, WINDOW)


def rate():
    """The study's best rate on its valid part."""
    return load("29_llama").best_rate()


def play_loss(model, part, count=8):
    """Nats per token on `count` windows, evenly spread, one after the other."""
    ids, found = play(part), []
    with no_grad(), model.evaluating():
        for start in np.arange(count) * ((len(ids) - WINDOW - 1) // count):
            row = ids[start : start + WINDOW + 1][None]
            found.append(lm_loss(model, row[:, :-1], row[:, 1:]).item())
    return float(np.mean(found))


def run(lr, seed):
    """{"valid", "test": loss} of LoRA on the packed Llama after STEPS windows."""
    model = smollm2()
    peft.attach(model, peft.LoRA(r=8, alpha=16), PLACES, rng=seed)
    train(model, play_windows, lr, STEPS, seed)
    return {part: play_loss(model, part) for part in ("valid", "test")}


def plan():
    """Three rates with two seeds, the others at the best."""
    return [{"lr": lr, "seed": seed} for lr in RATES for seed in CHOOSING]
