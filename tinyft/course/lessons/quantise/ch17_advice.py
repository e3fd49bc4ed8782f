"""Chapter 17: losses and errors of rounded weights, and "What to set"."""

import numpy as np

from tinyft import nn, quantise, tensor
from tinyft.course.experiment import interval, loss_on, said, text_parts
from tinyft.course.lessons.peft.ch15_advice import minus
from tinyft.course.lessons.quantise.ch17_qlora import BASE, STEPS
from tinyft.course.plot import curves
from tinyft.course.prose import table
from tinyft.quantise.packed import bits_per_weight
from tinyft.training.pretrained import load_pretrained


def rounded_loss(rounding, ids, spoil=False):
    """Loss of a fresh base whose block matrices W are replaced by rounding(W).

    ids: token ids (N,).  spoil: plant W[0, 0] = 20 standard deviations before.
    """
    model = load_pretrained(BASE)[0]
    for layer in linears(model).values():
        W = layer.weight.numpy().copy()
        W[0, 0] = 20 * W.std() if spoil else W[0, 0]
        layer.weight.data = nn.Parameter(rounding(W), dtype="float32").data
    return loss_on(model, ids)


def both(rounding):
    """(loss, loss with planted outliers) on a text of the kind that the base knows."""
    ids = text_parts("shakespeare", load_pretrained(BASE)[1])["test"]
    return rounded_loss(rounding, ids), rounded_loss(rounding, ids, spoil=True)


def loss_table(losses):
    """Show {name: `both`} as a table."""
    rows = zip(("our GPT", "with planted outliers"), zip(*losses.values()))
    table(
        ["test loss", *losses],
        [[name, *(f"{v:.3f}" for v in row)] for name, row in rows],
    )


def draw_run(losses, first):
    """Figure 4, from the losses of both runs; first: the float base's, on one batch."""
    gap = np.abs(losses[0] - losses[1]).max()
    curves(
        {"LoRA on NF4": losses[0]},
        "training step",
        "loss (nats per token)",
        f"Figure 4. The first loss is {losses[0][0]:.4f}; the base in floats has "
        f"{first:.4f}. Packed and unpacked run differ by {gap} in all 50 steps.",
        smooth=10,
    )


def linears(model):
    """{path: the Linear layers of the model's blocks}."""
    found = model.blocks.named_modules("blocks")
    return {path: m for path, m in found if isinstance(m, nn.Linear)}


# --- errors ------------------------------------------------------------------------------
def real_error(weights, code, block):
    """Mean squared error of {path: W}, as a share of the weights' variance."""
    size = sum(W.size for W in weights.values())
    errors = [
        quantise.measured_error(W, block, code, double=False) * W.size
        for W in weights.values()
    ]
    spread = sum(float(W.astype("f8").var()) * W.size for W in weights.values())
    return sum(errors) / spread, sum(errors) / size


def error_lines(weights, blocks=(16, 32, 64, 128, 256)):
    """{code: (bits of each block, errors)} with float32 constants, on real weights."""
    return {
        code: (
            [bits_per_weight(b, double=False, affine=code == "int4") for b in blocks],
            [real_error(weights, code, b)[0] for b in blocks],
        )
        for code in ("nf4", "int4")
    }


# --- the study ---------------------------------------------------------------------------
NAMES = {"none": "floats, 32 bits", "nf4": "NF4", "int4": "affine int4"}
NAMES |= {"nf3": "8 levels (3 bits)", "nf2": "4 levels (2 bits)"}


def arms(study):
    """{name: (best rate, its runs)} of the study's arms."""
    found = {}
    for one in study:
        s = one["settings"]
        keys = {k: s[k] for k in ("code", "block", "loftq")}
        name = NAMES[s["code"]] + (f", blocks of {s['block']}" if s["block"] else "")
        name += f", LoftQ {s['loftq']}" if s["loftq"] else ""
        if name not in found:
            runs = study.where(**keys)
            found[name] = runs.best_rate(), runs.at_best_rate()
    return found


def study_rows(study):
    """A row per arm: best rate, held-out loss, minus floats, lost by merging."""
    found = arms(study)
    dense = found[NAMES["none"]][1].values("test")
    rows = []
    for name, (rate, runs) in found.items():
        test, merged = runs.values("test"), runs.values("merged")
        less, lost = minus(test, dense), minus(merged, test)
        first = name == NAMES["none"]
        compared = ("—", "—") if first else (less, lost)
        rows.append([name, f"{rate:g}", said(test, 3), *compared])
    return rows


def pair(study, one, other):
    """The paired difference of two arms, and whether five seeds settle it."""
    found = arms(study)
    a, b = (found[name][1].values("test") for name in (one, other))
    mean, half = interval(np.subtract(a, b))
    verdict = "not settled" if abs(mean) <= half else "worse" if mean > 0 else "better"
    return f"{minus(a, b)} ({verdict})"


def lost_by_merging(study, name):
    """Loss merged into 4 bits minus the live one, paired."""
    runs = arms(study)[name][1]
    return minus(runs.values("merged"), runs.values("test"))


def doubled():
    """The relative change of NF4's error by double quantisation, on normal weights."""
    W = np.random.default_rng(0).normal(size=(512, 1024)).astype("f4")
    with_, without = (
        quantise.measured_error(tensor(W).data, double=d) for d in (True, False)
    )
    return with_ / without - 1


def verdicts(study, base):
    """What the table settles and what not, in words.  base: test loss before training."""
    floats = arms(study)[NAMES["none"]][1].values("test")
    told = {"worse": [], "better": [], "not settled": []}
    for name in list(arms(study))[1:]:
        verdict = pair(study, name, NAMES["none"]).rpartition("(")[2][:-1]
        told[verdict].append(name)
    parts = "; ".join(
        f"**{k}**: {' · '.join(told[k]) or 'none'}" for k in ("worse", "better")
    )
    return (
        f"The untrained base has {base:.3f}. Against LoRA on floats "
        f"({np.mean(floats):.3f}), five paired seeds: {parts}; **not settled**: the other "
        f"{len(told['not settled'])}. (Of so many comparisons, one in twenty leaves out "
        f"zero by chance.) The last column: {_merged_worse(study)}."
    )


def _merged_worse(study):
    """Which arms lose by merging into their own code book, as far as seeds settle it."""
    lost = {}
    for name, (_, runs) in list(arms(study).items())[1:]:
        gap = np.subtract(runs.values("merged"), runs.values("test"))
        lost[name] = interval(gap)
    worse = [name for name, (mean, half) in lost.items() if mean > half]
    four = [name for name in worse if "levels" not in name]
    return (
        f"the merge is settled to be worse in {len(worse)} of {len(lost)} arms, "
        f"{len(four)} of them in 4 bits, there by at most "
        f"{max(lost[n][0] for n in four):.3f}"
    )


def advice(study, memory, seconds):
    """Rows (what, start with, measured) of "What to set".

    memory: bytes {dense, packed} of the block matrices.  seconds: {name: of a step}.
    """
    cost = (
        f"matrices {memory['dense'] / memory['packed']:.2f} times smaller than float32, "
        f"{memory['dense'] / memory['packed'] / 2:.1f} times than 16 bits; a step "
        f"{seconds['packed'] / seconds['dense']:.2f} times as long"
    )
    price = ["what it costs", "time for memory", cost]
    return [*_storage(study), *_training(study), price]


NF4, TWO = "NF4, blocks of 64", "4 levels (2 bits), blocks of 64"


def _storage(study):
    """Rows of bits, code book, block and double quantisation."""
    floats, three = NAMES["none"], "8 levels (3 bits), blocks of 64"
    bits = (
        f"minus floats: 4 bits {pair(study, NF4, floats)}; 3 bits "
        f"{pair(study, three, floats)}; 2 bits {pair(study, TWO, floats)}. 3 bits lose "
        "more in a merge (section 6), and do not fill bytes"
    )
    book = (
        "NF4 minus affine int4 at blocks of 64: "
        f"{pair(study, NF4, 'affine int4, blocks of 64')}; fewer constants (section 3)"
    )
    block = (
        f"128 minus 64: {pair(study, 'NF4, blocks of 128', NF4)}; "
        f"32 minus 64: {pair(study, 'NF4, blocks of 32', NF4)}"
    )
    double = (
        f"{bits_per_weight():.3f} bits instead of {bits_per_weight(double=False)}; "
        f"error of normal weights {doubled():+.2%}"
    )
    return [
        ["bits", "4", bits],
        ["code book", "NF4", book],
        ["block", "64", block],
        ["double quantisation", "on", double],
    ]


def _training(study):
    """Rows of rate, LoftQ and merging."""
    rate, floats = (arms(study)[name][0] for name in (NF4, NAMES["none"]))
    lora = (
        f"best rate {rate:g}, on floats {floats:g} (r = 4, α = 8, {STEPS} steps); all "
        "layers: by convention (Dettmers et al. 2023)"
    )
    loftq = (
        f"2 bits: one round minus none {pair(study, f'{TWO}, LoftQ 1', TWO)}; five minus "
        f"one {pair(study, f'{TWO}, LoftQ 5', f'{TWO}, LoftQ 1')}; at 4 bits not measured "
        "after training"
    )
    merging = (
        f"into 4 bits, at rate {rate:g}: {lost_by_merging(study, NF4)}; at 2 bits "
        f"{lost_by_merging(study, TWO)}; a small ΔW loses most (section 7)"
    )
    return [
        ["rate, r, α, layers", "as for LoRA (chapter 15); all linear layers", lora],
        ["LoftQ", "off; at 2 bits at most one round", loftq],
        ["merging", "into floats", merging],
    ]
