"""Chapter 17: does it fit, what stays in memory, and what a step takes."""

import gc
import time
import tracemalloc

from tinyft import models, nn, peft, quantise
from tinyft.course.experiment import race, training_step
from tinyft.course.lessons.peft.ch15_lora import EVERYWHERE
from tinyft.course.lessons.quantise.ch17_advice import linears
from tinyft.quantise.packed import bits_per_weight, packed_bytes

DIM = 384
PARTS = ("weights", "gradients", "states", "activations", "total")


def budget_rows(plans):
    """A row per {name: efficiency.Plan}: GB of each part, and whether it fits."""
    return [
        [name, *(f"{getattr(p, part) / 1e9:.2f}" for part in PARTS), answer(p.fits)]
        for name, p in plans.items()
    ]


def answer(fits):
    """A truth value in words."""
    return "yes" if fits else "no"


def larger(packed=False):
    """Chapter 15's GPT of 11.5 million parameters with LoRA, r = 16, on its blocks."""
    options = {"dim": DIM, "layers": 6, "heads": 6, "length": 256, "tied": False}
    model = models.gpt2(0, vocab=1000, **options)
    if packed:
        nn.quantise_linears(model, EVERYWHERE)
    peft.attach(model, peft.LoRA(r=16, alpha=8), EVERYWHERE, rng=0)
    return model


def resident(model, **options):
    """Bytes of the matrices in 4 bits, by the allocator and by (17.5); and in floats."""
    layers = linears(model)
    weights = {path: m.weight.numpy() for path, m in layers.items()}
    quantise.quantise(weights[next(iter(weights))], **options)  # tables are made once
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    held = [quantise.quantise(W, **options) for W in weights.values()]
    gc.collect()
    found = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    formula = sum(packed_bytes(p.shape, p.block) for p in held)
    return found, formula, sum(W.nbytes for W in weights.values())


def cost_table(rest, memory, seconds, peaks):
    """(titles, rows): bytes of the matrices and the model, memory of a step, its time.

    rest: bytes of what is not packed.  memory, seconds, peaks: of {dense, packed}, memory
    of the matrices alone.
    """
    peak = {k: 1e6 * v["beside the base, at the peak (MB)"] for k, v in peaks.items()}
    whole = {k: v + rest for k, v in memory.items()}
    rows = [
        ("the matrices of the blocks", memory),
        ("the whole base", whole),
        ("beside it, at the peak of a step", peak),
        ("total at the peak", {k: whole[k] + peak[k] for k in whole}),
    ]
    lines = [[name, *_pair(v, 1e6, "MB", 2)] for name, v in rows]
    lines.append(["processor time of a step", *_pair(seconds, 1e-3, "ms", 0)])
    return ["", "floats + LoRA", "NF4 + LoRA", "ratio"], lines


def _pair(values, unit, name, digits):
    a, b = values["dense"], values["packed"]
    return (
        f"{a / unit:.{digits}f} {name}",
        f"{b / unit:.{digits}f} {name}",
        f"{b / a:.2f}",
    )


def step_seconds(models, batch):
    """Median processor time of a training step of each, in alternation."""
    steps = {name: training_step(model, batch) for name, model in models.items()}
    return race(steps, rounds=3, clock=time.process_time)


def cost_in_words(rest, memory, seconds, peaks):
    """The rule of memory and time, worked with the measured numbers.

    seconds: of a step with 256 tokens and of one with four times as many.
    """
    peak = {k: v["beside the base, at the peak (MB)"] for k, v in peaks.items()}
    largest = 4 * 4 * DIM**2 / 1e6
    slow, less = (one["packed"] / one["dense"] - 1 for one in seconds)
    return (
        f"**The rule.** Packed matrices: {bits_per_weight():.3f}/8 bytes per weight, here "
        f"{memory['packed']:,} bytes instead of {memory['dense']:,}. What is not packed "
        f"stays: {rest:,} bytes. Beside the base a step needs {peak['packed']:.1f} MB "
        f"instead of {peak['dense']:.1f}. One matrix at a time is unpacked, at most "
        f"{largest:.2f} MB of floats; the peak stands where less than that is alive. "
        f"Unpacking adds {slow:.0%} to the processor time of a step of 256 tokens and "
        f"{less:.0%} to one of 1024: the work is the same, whatever the batch."
    )


def total_cost(plans):
    """What a 7B model costs by each way, in words, from {name: efficiency.Plan}."""
    full, lora, qlora = (p.total / 1e9 for p in plans.values())
    return (
        f"**In total**, for 7B at one text of 512 tokens: full {full:.0f} GB, LoRA on 16 "
        f"bits {lora:.1f} GB, QLoRA {qlora:.1f} GB (computed by `efficiency.plan`; driver "
        "and allocator are not counted)."
    )
