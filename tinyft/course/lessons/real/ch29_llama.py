"""Chapter 29: SmolLM2 on its own 4-bit blocks, and the study of LoRA on them."""

from dataclasses import replace
from functools import cache

import numpy as np

from tinyft import data, models, nn, no_grad, peft, pretrained
from tinyft.course.experiment import train
from tinyft.course.lessons.real.ch29_reviews import PLACES, here
from tinyft.course.runs import CHOOSING
from tinyft.io.llamacpp import load_gguf
from tinyft.training.recipes import lm_loss

LLAMA = {"vocab": 49152, "dim": 576, "layers": 30, "heads": 9, "kv_heads": 3}
LLAMA |= {"hidden": 1536, "length": 2048}
# computed by PyTorch from the same file
PROMPT = "The capital of France is"
LIKELY = [29, 282, 260, 314, 7042]
FIVE = [7042, 260, 4528, 2250, 1315]
LOGITS = [17.37126179, 14.88858934, 13.2449764, 13.00946851, 12.95151542]
GREEDY = [7042, 30, 198, 198, 504, 2988, 314, 42, 216, 34, 32, 33]
WINDOW, STEPS = 128, 30
RATES = (1e-3, 3e-3, 1e-2)


def smollm2(packed=True):
    """SmolLM2-135M-Instruct, its linear layers as they lie in the file; or random."""
    if here("smollm2"):
        return load_gguf(pretrained.fetched("smollm2"), packed=packed)
    small = LLAMA | {"layers": 2, "vocab": 2000}
    return models.llama(rng=0, **small)


def as_in_the_file(model):
    """The rows of q and k in the order of the file: (29.2) undone. Returns the model."""
    width = model.config.head_width
    for path, layer in model.named_modules():
        if path.endswith((".attn.q", ".attn.k")):
            W = layer.weight.numpy()
            halves = W.reshape(
                -1, 2, width // 2, W.shape[1]
            )  # heads, half, i, features
            rows = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(W.shape)
            layer.weight.data = nn.Parameter(rows, dtype=rows.dtype).data
    return model


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
