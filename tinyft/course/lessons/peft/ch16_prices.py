"""Chapter 16, section 10: what a step costs, and what to set."""

import numpy as np

from tinyft.course import experiment
from tinyft.course.experiment import said
from tinyft.course.lessons.peft.ch16_advice import NAMES, more, rates, scores
from tinyft.course.lessons.peft.ch16_loha_lokr import SHAPES, attached

LLAMA = 32 * (
    4 * 4096**2 + 3 * 4096 * 11008
)  # weights in the linear layers of Llama-7B

STARTS = {  # name: (start with, rule, in PEFT)
    "LoRA": (
        "r = 4, α = 8",
        "count r (in + out)",
        "`LoraConfig(r=4, lora_alpha=8)`",
    ),
    "LoHa": (
        "half of LoRA's r, α = 8",
        "same count; the rank r² pays from r = 3",
        "`LoHaConfig(r=2, alpha=8)`",
    ),
    "LoKr": (
        "factor 5, r = α = 160",
        "any r >= max(k, n)/2 keeps W₂ whole; α = r makes s = 1; the least count is "
        "near factor (in · out)^¼",
        "`LoKrConfig(r=160, alpha=160, decompose_factor=5)`",
    ),
    "HiRA": ("LoRA's r, no α", "same count", "`HiraConfig(r=4)`"),
    "MiSS": (
        "twice LoRA's r, no α",
        "same count where in = out",
        "`MissConfig(r=8)`",
    ),
    "OFT": (
        "blocks of 16, exact",
        "count in (block − 1)/2",
        "`OFTConfig(r=0, oft_block_size=16, use_cayley_neumann=False)`, or "
        "`num_cayley_neumann_terms=6`",
    ),
    "HRA": (
        "an even r, twice LoRA's",
        "count r in; an odd r cannot start at W",
        "`HRAConfig(r=8)`",
    ),
}


def measured(batch):
    """({method: seconds of a step}, {method: MiB at its peak, and at half the batch})."""
    x, y = batch
    half = x[: len(x) // 2], y[: len(y) // 2]
    seconds = experiment.race(_steps(batch), rounds=11)
    peaks = [
        {name: experiment.step_memory(step)[1] for name, step in _steps(one).items()}
        for one in (batch, half)
    ]
    return seconds, {name: (peaks[0][name], peaks[1][name]) for name in SHAPES}


def _steps(batch):
    return {name: experiment.training_step(attached(name)[0], batch) for name in SHAPES}


def prices(counts, seconds, peaks):
    """(titles, rows) of the table of costs."""
    whole, half = peaks["LoRA"]
    head = ["", "numbers", "time of a step / LoRA's", "peak, 4 × 64 tokens"]
    head += ["minus LoRA's", "the same at 2 × 64 tokens"]
    return head, [
        [
            NAMES[name],
            f"{counts[name]:,}",
            f"{seconds[name] / seconds['LoRA']:.2f}",
            f"{peaks[name][0]:.1f} MiB",
            f"{peaks[name][0] - whole:+.1f} MiB",
            f"{peaks[name][1] - half:+.1f} MiB",
        ]
        for name in SHAPES
    ]


def on_a_large_model(model, peaks):
    """In words: the kept matrices of LoHa and HiRA, here and on a Llama of 7B."""
    layers = attached("LoRA")[1].deltas
    own = sum(model.get_submodule(path).weight.size for path in layers)
    mib, gib = 4 * own / 2**20, 2 * LLAMA / 2**30
    kept = {n: (peaks[n][1] - peaks["LoRA"][1]) / mib for n in ("LoHa", "HiRA")}
    return (
        f"One float32 copy of all 18 weights is {mib:.1f} MiB here, so LoHa keeps about "
        f"{kept['LoHa']:.0f} such copies and HiRA {kept['HiRA']:.0f}, at either batch. "
        f"A Llama of 7B has {LLAMA / 1e9:.1f} billion weights in its linear layers: at 2 "
        f"bytes each a copy is **{gib:.0f} GiB**, so about {kept['LoHa'] * gib:.0f} GiB "
        f"for LoHa and {kept['HiRA'] * gib:.0f} GiB for HiRA, whatever the batch."
    )


def settings(study):
    """(titles, rows) of "What to set": start, rate, rule, the name in PEFT, the ground."""
    best, test = rates(study), scores(study)
    ratio = {name: best[name] / best["LoRA"] for name in SHAPES}
    tiny = more(study, "LoKr", 16).values("test")
    head = ["", "start with", "rate here (over LoRA's)", "rule", "in PEFT", "backed by"]
    backed = dict.fromkeys(SHAPES, "rate and loss: 5 seeds at this size")
    backed["LoHa"] += " and r = 8; α by custom"
    backed["LoKr"] = f"factors 2, 5, 16 (16: {said(tiny, 3)}); s = 1 by custom"
    backed["LoRA"] += f"; least loss: {min(test, key=lambda n: np.mean(test[n]))}"
    backed["MiSS"] += " and r = 32"
    backed["OFT"] += "; other blocks not measured"
    return head, [
        [n, start, f"{best[n]:g} ({ratio[n]:g}×)", rule, flag, backed[n]]
        for n, (start, rule, flag) in STARTS.items()
    ]
