"""Chapter 16: the runs of `tinyft study 16`, one budget of parameters in seven shapes."""

from functools import cache

from tinyft import peft
from tinyft.course.experiment import loss_on, text_parts, train, windows
from tinyft.course.lessons.peft.ch15_lora import BASE, EVERYWHERE, STEPS, verses
from tinyft.course.runs import CHOOSING
from tinyft.training.pretrained import load_pretrained

SHAPES = {  # name: (size -> the method, the size with about the 34,560 numbers of LoRA)
    "LoRA": (lambda r: peft.LoRA(r, 8), 4),
    "LoHa": (lambda r: peft.LoHa(r, 8), 2),
    "LoKr": (lambda f: peft.LoKr(160, 160, factor=f), 5),
    "HiRA": (peft.HiRA, 4),
    "MiSS": (peft.MiSS, 8),
    "OFT": (peft.OFT, 16),
    "HRA": (peft.HRA, 8),
}
RATES = {  # of the grid; the best is inside
    "LoRA": (2e-3, 5e-3, 1e-2),
    "LoHa": (1e-2, 2e-2, 5e-2),
    "LoKr": (1e-2, 2e-2, 5e-2),
    "HiRA": (2e-2, 5e-2, 1e-1),
    "MiSS": (5e-4, 1e-3, 2e-3, 5e-3),
    "OFT": (2e-3, 5e-3, 1e-2),
    "HRA": (1e-2, 2e-2, 5e-2),
}


MORE = {  # experiment: {(name, size): rates}; chapter 15's study has LoRA at 1 and 16
    "larger": {  # four to six times the numbers
        ("LoHa", 8): (2e-3, 5e-3, 1e-2, 2e-2),
        ("LoKr", 2): (5e-3, 1e-2, 2e-2, 5e-2),
        ("MiSS", 32): (5e-4, 1e-3, 2e-3, 5e-3),
    },
    "tiny": {("LoKr", 16): (1e-2, 2e-2, 5e-2, 1e-1)},  # a quarter of them
}


def plan():
    """The seven shapes at one budget on the verses, then MORE."""
    grids = {"verses": {(n, size): RATES[n] for n, (_, size) in SHAPES.items()}} | MORE
    return [
        {"experiment": what, "method": name, "size": size, "lr": lr, "seed": seed}
        for what, found in grids.items()
        for seed in CHOOSING
        for (name, size), rates in found.items()
        for lr in rates
    ]


@cache
def texts():
    """{"train", "valid", "test": token ids of the verses; "before": of the plain text}."""
    tokens = load_pretrained(BASE)[1]
    plain = text_parts("kjv", tokens)["test"]
    return text_parts("kjv", tokens, verses) | {"before": plain}


def attached(method, seed=0, size=None):
    """(a fresh base, the adapter of a shape on all its linear layers)."""
    model = load_pretrained(BASE)[0]
    make, usual = SHAPES[method]
    return model, peft.attach(model, make(size or usual), EVERYWHERE, rng=seed)


def trained(method, lr, seed=0, size=None):
    """(the model after the steps of the study, its adapter)."""
    model, adapter = attached(method, seed, size)
    train(model, windows(texts()["train"]), lr, STEPS, seed)
    return model, adapter


def run(method, size, lr, seed, experiment=None):
    """{"valid", "test": loss of the verses, "before": of the plain Bible, in nats}."""
    model, _ = trained(method, lr, seed, size)
    return {k: loss_on(model, texts()[k]) for k in ("valid", "test", "before")}
