"""Chapter 16, section 10: what a step costs, and what to set."""

import numpy as np

from tinyft.course import experiment
from tinyft.course.experiment import said
from tinyft.course.lessons.peft.ch16_advice import NAMES, more, rates, scores
from tinyft.course.lessons.peft.ch16_loha_lokr import SHAPES, attached

LLAMA = 32 * (
    4 * 4096**2 + 3 * 4096 * 11008
)  # weights in the linear layers of Llama-7B

STARTS = {  # name: start with
    "LoRA": "r = 4, α = 8 (s = 2)",
    "LoHa": "half of LoRA's r, at least 3 to gain rank; α = 8",
    "LoKr": "factor 5, W₂ whole, α = r (s = 1)",
    "HiRA": "LoRA's r, no α",
    "MiSS": "twice LoRA's r, no α",
    "OFT": "blocks of 16, exact or 6 terms",
    "HRA": "twice LoRA's r, even (odd cannot start at W)",
}
WORK = {  # name: the multiplications that a layer's forward pass takes on top of W x
    "LoRA": "r (in + out) a token",
    "LoHa": "2r in · out a call",
    "LoKr": "in · out/f + f out a token",
    "HiRA": "r in · out a call",
    "MiSS": "r out a token",
    "OFT": "b in · out a call",
    "HRA": "2r in · out a call",
}


def measured(batch):
    """({method: seconds of a step}, {method: MiB at its peak, and at half the batch})."""
    x, y = batch
    half = x[: len(x) // 2], y[: len(y) // 2]
    steps = _steps(batch)
    races = [experiment.race(steps, rounds=1) for _ in range(8)]
    seconds = {n: min(race[n] for race in races) for n in SHAPES}  # the least disturbed
    peaks = [
        {name: experiment.step_memory(step)[1] for name, step in _steps(one).items()}
        for one in (batch, half)
    ]
    return seconds, {name: (peaks[0][name], peaks[1][name]) for name in SHAPES}


def _steps(batch):
    return {name: experiment.training_step(attached(name)[0], batch) for name in SHAPES}


def prices(seconds, peaks):
    """(titles, rows) of the table of costs."""
    whole, half = peaks["LoRA"]
    head = ["", "extra multiplications", "time of a step / LoRA's"]
    head += ["peak, 4 × 64 tokens"]
    head += ["minus LoRA's", "the same at 2 × 64 tokens"]
    return head, [
        [
            NAMES[name],
            WORK[name],
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
        f"One float32 copy of all {len(layers)} weights is {mib:.1f} MiB here. LoHa keeps "
        f"about {kept['LoHa']:.0f} such copies ($B_1A_1$, $B_2A_2$, $W'$), HiRA "
        f"{kept['HiRA']:.0f} ($W'$), at either batch. A Llama of 7B has "
        f"{LLAMA / 1e9:.1f} billion weights in its linear layers: at 2 bytes each a copy "
        f"is **{gib:.0f} GiB**, so about {kept['LoHa'] * gib:.0f} GiB for LoHa and "
        f"{kept['HiRA'] * gib:.0f} GiB for HiRA in tinyft's graph, whatever the batch. "
        "(By its source, PEFT's LoHa computes the two products anew in the backward pass "
        "and keeps one copy; not measured.)"
    )


def why_miss(model, batch, peaks):
    """In words: the memory and the time of MiSS against LoRA."""
    tokens, widths = batch[0].size, [160, 160, 160, 640]  # q k v share; o, up, down
    inputs = 4 * tokens * sum(widths) * len(model.blocks) / 2**20
    x, A = np.ones((tokens, 160), "float32"), np.ones((160, 4), "float32")
    adding, product = lambda: x.reshape(tokens, -1, 8).sum(1), lambda: x @ A
    seconds = experiment.race({"adding": adding, "product": product}, rounds=11)
    return (
        "**MiSS.** LoRA keeps the inputs $x$ of all layers for the gradient of $A$: "
        f"{inputs:.1f} MiB here. MiSS keeps sums of $r$ numbers, and its peak lies "
        f"{peaks['LoRA'][0] - peaks['MiSS'][0]:.1f} MiB lower. It multiplies less, but "
        f"adding up pieces of 8 takes NumPy {seconds['adding'] / seconds['product']:.0f} "
        "times as long as LoRA's product $Ax$: a matter of NumPy, not of the method."
    )


def settings(study):
    """(titles, rows) of "What to set": start, rate, the ground."""
    best, test = rates(study), scores(study)
    ratio = {name: best[name] / best["LoRA"] for name in SHAPES}
    tiny = more(study, "LoKr", 16).values("test")
    head = ["", "start with", "rate here (over LoRA's)", "backed by"]
    backed = dict.fromkeys(SHAPES, "rate and loss: 5 seeds at this size")
    backed["LoHa"] += " and r = 8; α by custom"
    backed["LoKr"] = f"factors 2, 5, 16 (16: {said(tiny, 3)}); s = 1 by custom"
    backed["LoRA"] += f"; least loss: {min(test, key=lambda n: np.mean(test[n]))}"
    backed["MiSS"] += " and r = 32"
    backed["OFT"] += "; other blocks not measured"
    return head, [
        [n, start, f"{best[n]:g} ({ratio[n]:g}×)", backed[n]]
        for n, start in STARTS.items()
    ]


def worked(inputs, outputs, r):
    """(titles, rows): each method on one layer, with about the numbers of LoRA at r."""
    budget = r * (inputs + outputs)
    head = ["", "rule", "value", "numbers (of LoRA's)", "in PEFT"]
    return head, [
        [name, rule, value, f"{count:,} ({count / budget:.2f}×)", f"`{flag}`"]
        for name, rule, value, count, flag in [
            *_products(inputs, outputs, r),
            *(_lokr(f, inputs, outputs) for f in factors(inputs, outputs, r)),
            *_turns(inputs, budget),
        ]
    ]


def factors(inputs, outputs, r):
    """LoKr's factors around LoRA's budget: the divisors of both sides next to the rule."""
    rule = (inputs * outputs / (r * (inputs + outputs))) ** 0.5
    both = divisors(np.gcd(inputs, outputs))
    around = [max(f for f in both if f <= rule), *(f for f in both if f > rule)]
    return around[:2]


def divisors(n):
    """The divisors of n, rising."""
    return [d for d in range(1, n + 1) if n % d == 0]


def _products(inputs, outputs, r):
    both, half = inputs + outputs, max(r // 2, 1)
    miss = round(r * both / outputs)
    return [
        ("LoRA", "r", f"r = {r}", r * both, f"LoraConfig(r={r}, lora_alpha=8)"),
        ("LoHa", "r/2", f"r = {half}, s = {8 / half:g}", 2 * half * both,
         f"LoHaConfig(r={half}, alpha=8)"),
        ("HiRA", "r", f"r = {r}", r * both, f"HiraConfig(r={r})"),
        ("MiSS", "r (in + out)/out", f"r = {miss}", miss * outputs,
         f"MissConfig(r={miss})"),
    ]  # fmt: skip


def _lokr(factor, inputs, outputs):
    k, n = outputs // factor, inputs // factor
    r = -(-max(k, n) // 2)  # below it W₂ is a product of rank r
    rule = "f ≈ √(in · out/(r (in + out))), LoKr's own r ≥ max(k, n)/2"
    flag = f"LoKrConfig(r={r}, alpha={r}, decompose_factor={factor})"
    return "LoKr", rule, f"f = {factor}, r = {r}", factor**2 + k * n, flag


def _turns(inputs, budget):
    near = 1 + 2 * budget / inputs
    b = min(divisors(inputs), key=lambda d: abs(d - near))
    flag = f"OFTConfig(r=0, oft_block_size={b}, use_cayley_neumann=False)"
    r = max(2 * round(budget / inputs / 2), 2)
    rule = "b ≈ 1 + 2r (in + out)/in; 4r + 1 on a square"
    return [
        ("OFT", rule, f"b = {b}", inputs * (b - 1) // 2, flag),
        ("HRA", "r (in + out)/in, even", f"r = {r}", r * inputs, f"HRAConfig(r={r})"),
    ]
