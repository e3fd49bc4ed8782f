"""Chapter 19: sentences and small tables made from the numbers of its cells."""

import numpy as np

from tinyft import efficiency, nn
from tinyft.backend import default_device
from tinyft.course.lessons.efficiency import ch19_efficiency as lesson
from tinyft.course.lessons.efficiency import ch19_tables as tables
from tinyft.course.lessons.efficiency.ch19_advice import peak_shares, top_block
from tinyft.course.prose import say, table

KEPT = [
    "layer 40 → 30",
    "values kept for each token",
    "kept at any batch size, as a multiple of W",
]


def kept_rows(token, fixed, names):
    """Show what a layer keeps with each method of `names`."""
    rows = [[m, f"{token[m]:g}", f"{fixed[m] / 1200:.1f}"] for m in names]
    table(KEPT, rows)


def lora_again():
    """(all kept, recomputed): FLOPs of a LoRA step that ran."""
    found, model = [], lesson.prepared("LoRA r=4")
    for again in (False, True):
        for block in model.blocks if again else ():
            nn.recompute(block)
        with efficiency.counted() as flops:
            lesson.one_loss(model).backward()
        found.append(flops.flops)
    return found


def recomputed(told):
    """Show {"all kept", "recomputed": (GFLOP, MB, MB)} of full, and LoRA's work."""
    rows = [[name, *(f"{v:.2f}" for v in row)] for name, row in told.items()]
    head = ["GFLOP", "MB kept at the end of forward", "the most kept during backward"]
    table(["full, our GPT", *head], rows)
    more = told["recomputed"][0] / told["all kept"][0] - 1
    before, after = lora_again()
    say(
        f"Full: {more:.0%} more work. LoRA r=4: from {before / 1e9:.2f} to "
        f"{after / 1e9:.2f} GFLOP, {after / before - 1:.0%} more; full fine-tuning "
        f"without recomputation takes {told['all kept'][0]:.2f}."
    )


def cheap_words(priced, worst):
    """What is cheap in the table of section 5; priced: {method: its Cost}."""
    full, bias = priced["full"], priced["BitFit"]
    config = lesson.base().config
    tokens = lesson.BATCH * lesson.LENGTH
    output = 2 * 2 * config.vocab * config.dim * tokens / full.flops
    say(
        f"The worst of the numbers is {worst:.2%} off. *BitFit* trains "
        f"{bias.trainable / full.trainable:.1%} of the numbers and takes "
        f"{bias.flops / full.flops:.0%} of the arithmetic: almost the whole signal goes "
        f"back. *parallel* takes {priced['parallel'].flops / full.flops:.0%}: nothing "
        "below its first place wants a gradient. *last block* is `peft.Full`, which "
        "keeps the base beside its own weights and multiplies by both; training that "
        f"block's own weights takes {top_block() / full.flops:.0%} (counted by a step of "
        "`top_block` in this chapter's lesson), less than any method here. (Not less "
        "still: the whole model runs forward, and the signal comes back through the "
        "frozen output layer, whose two products alone are "
        f"{output:.0%} of a full step.)"
    )


def budget(tight, memory=24):
    """A plan that does not fit, step by step: which part is the largest?"""
    again = efficiency.plan(
        "llama-33b", "qlora", r=16, batch=1, length=512, recompute=True
    )
    say(
        f"**Step by step.** 33B on {memory} GB, together {tight.total / 1e9:.1f}. The "
        f"largest part: weights, {tight.weights / 1e9:.1f}, in 4 bits already. The next: "
        f"activations, {tight.activations / 1e9:.1f}; recomputed they are "
        f"{again.activations / 1e9:.1f}. Gradients and states, "
        f"{(tight.gradients + tight.states) / 1e9:.1f}, are too small to matter: a lower "
        f"rank saves little. Now {again.total / 1e9:.1f} GB, below {memory} − 0.65."
    )


def front_words(on, points, lost):
    """The front by bytes, and what the rate moves against what the method moves.

    lost: {method: (milder, worse)} of `tables.sides`.
    """
    gains = sorted((v[0] for v in points.values()), reverse=True)
    milder, worse = np.transpose(list(lost.values()))
    half = (len(gains) + 1) // 2
    say(
        f"By the bytes of a step the front is: {', '.join(on)}. A factor of 3 in the "
        f"rate, to the *worse* side of the chosen one, costs a method "
        f"{np.median(worse):.1f} points (median of {len(worse)}; at most "
        f"{max(worse):.1f}), to the milder side {np.median(milder):.1f}. The best "
        f"{half} methods lie within {gains[0] - gains[half - 1]:.1f} points, all "
        f"{len(gains)} within {gains[0] - gains[-1]:.1f}."
    )


def benchmark_table():
    """PEFT's runs with the plan of what is left over and, with activations, the peak."""
    shares = peak_shares()
    table(
        ["PEFT's run", "accuracy", "millions trained", "left over, GB", "our plan, GB",
         "peak, GB", "plan with activations, GB", "plan / peak"],
        [[*row, f"{total:.1f}", f"{share:.2f}"]
         for row, (total, share) in zip(tables.benchmark_rows(), shares)],
    )  # fmt: skip
    peft = [share for _, share in shares if share < 0.9]
    say(
        f"With activations the plan is {min(peft):.2f} to {max(peft):.2f} of the peak for "
        f"the {len(peft)} methods with a frozen base, {max(s for _, s in shares):.2f} for "
        "full. One float32 array of logits of 4 texts has "
        f"{4 * 4 * 768 * 128_256 / 1e9:.1f} GB; the peak also spans an evaluation of 50 "
        "texts. Which of the two is missing cannot be read off."
    )


def benchmark_words():
    """How far what is left over lies above the plan, and what the accuracies say."""
    gaps = np.array(tables.benchmark_gaps()) / 1e9
    theirs = {row["name"]: row["accuracy"] for row in efficiency.benchmark()}
    best = sorted(theirs.values())[-6:]
    say(
        f"Left over is {gaps.min():.2f} to {gaps.max():.2f} GB above the plan (perhaps the "
        "last batch's logits and, with prompts, more of the batch). IA3 gains "
        f"{theirs['IA3, rate 1e-3'] - theirs['IA3, rate 1e-4']:.3f} by ten times the rate; "
        f"the best six runs lie within {best[-1] - best[0]:.3f}."
    )


def in_flight():
    """How far a peak may exceed the plan, in arrays as large as the logits.

    A device without compiled kernels runs the composed forms, which hold temporaries.
    """
    return 1.5 if default_device() == "cpu" else 4.0


def own(before, most, test):
    """Section 10: the plan, the measured peak (bytes), the losses before and after."""
    say(
        f"Planned {before.total / 1e6:.2f} MB (fits: {before.fits}), peak of two steps "
        f"{most / 1e6:.2f}. Held-out loss {test[0]:.2f} → {test[1]:.2f}, reloaded "
        f"{test[2]:.2f} nats per token."
    )
