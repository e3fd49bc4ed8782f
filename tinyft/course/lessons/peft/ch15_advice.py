"""Chapter 15: the tables of costs and of "What to set", every number computed.

costs(full, cheap, seconds), fits(full, cheap)     section 6
arms(study), advice(study), worse(loss)            sections 9 and 7, from `tinyft study 15`
"""

import numpy as np

from tinyft.course.experiment import said
from tinyft.course.lessons.peft.ch15_lora import BOTH, FROZEN, OTHERS, RANKS, STEPS

# Touvron et al., LLaMA, 2023, 7B: (out, in) of q, k, v, o, gate, up and down
LLAMA = [(4096, 4096)] * 4 + [(11008, 4096)] * 2 + [(4096, 11008)]
BLOCKS, VOCAB, DIM = 32, 32000, 4096


# --- what it costs -----------------------------------------------------------------------
def llama(r):
    """(parameters of Llama-7B, of LoRA of rank r on all linear layers of its blocks)."""
    blocks = BLOCKS * sum(out * inp for out, inp in LLAMA)
    rest = 2 * VOCAB * DIM + (2 * BLOCKS + 1) * DIM  # embedding, output layer, norms
    return blocks + rest, BLOCKS * sum(r * (out + inp) for out, inp in LLAMA)


def costs(full, cheap, seconds, r):
    """(titles, rows) of the table of section 6.

    full, cheap: `experiment.cost` of the two.  seconds: {name: of a step}.
    """
    base, (whole, small) = 4 * full["trained parameters"], llama(r)
    name = "trained parameters"
    rows = [[name, f"{full[name]:,}", f"{cheap[name]:,}", full[name], cheap[name]]]
    rows[0] += [f"{whole / 1e9:.2f} billion", f"{small / 1e6:.0f} million"]
    for name in ("file per task", "Adam's state", "beside the base, at the peak"):
        a, b = (1e6 * one[f"{name} (MB)"] for one in (full, cheap))
        bytes_each = {"file per task": 4, "Adam's state": 8}.get(name, 12)
        rows.append([name, size(a), size(b), a, b])
        rows[-1] += [size(bytes_each * n) for n in (whole, small)]
    rows[-1][-2:] = [f"{text} + activations" for text in rows[-1][-2:]]
    peaks = [base + rows[-1][3], base + rows[-1][4]]
    rows.insert(3, ["the base itself", size(base), size(base), 1, 1])
    rows[3] += [size(4 * whole)] * 2
    rows.append(["total at the peak", *map(size, peaks), *peaks])
    sums = 16 * whole, 4 * whole + 12 * small
    rows[-1] += [f"{size(n)} + activations" for n in sums]
    times = list(seconds.values())
    rows.append(["time of a step", *(f"{1e3 * t:.0f} ms" for t in times), *times])
    rows[-1] += ["", ""]
    head = [
        "",
        "full",
        f"LoRA, r = {r}",
        "LoRA / full",
        "7B: full",
        f"7B: LoRA, r = {r}",
    ]
    return head, [
        [what, a, b, f"{y / x:.1%}", *seven] for what, a, b, x, y, *seven in rows
    ]


def size(count):
    """Bytes as text, in units of a million or a billion."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count > 9.5e6 else f"{count / 1e6:.1f} MB"


def fits(full, cheap):
    """The rule of memory in words, worked with the measured numbers."""
    state, peak = "Adam's state (MB)", "beside the base, at the peak (MB)"
    grads = {k: 4e-6 * v["trained parameters"] for k, v in (("f", full), ("l", cheap))}
    acts, whole = cheap[peak] - cheap[state], llama(1)[0]
    return (
        "**Will it fit?** Memory at the peak = base + Adam's state + the larger of "
        "gradients and activations (they peak at different moments). LoRA: "
        f"{cheap[peak]:.0f} − {cheap[state]:.1f} leaves {acts:.0f} MB, and its gradients "
        f"are {grads['l']:.1f} MB: so the activations take {acts:.0f}. Full: "
        f"{full[state]:.0f} + the larger of {grads['f']:.0f} and {acts:.0f} = "
        f"{full[state] + max(grads['f'], acts):.0f} MB; measured {full[peak]:.0f}. "
        f"(Adam's two float32 numbers for each parameter are {2 * grads['f']:.1f} MB; the "
        f"measured {full[state]:.1f} has a few small objects more.) "
        f"The 7B columns are computed, not measured, in float32; the activations depend on "
        "the batch and can be the larger part; "
        f"in bfloat16 its base takes {size(2 * whole)} instead of {size(4 * whole)}."
    )


# --- what to set -------------------------------------------------------------------------
def arms(study):
    """In words: what was run, with the grids of rates."""
    grids = {
        "LoRA on verses, α = 8": study.where(experiment="rank"),
        "full on verses": study.where(experiment="full"),
        "LoRA with α = 2": study.where(experiment="alpha", alpha=2),
        "LoRA with α = 32": study.where(experiment="alpha", alpha=32),
        "LoRA on Python's help": study.where(experiment="new words", r=64),
        "full on Python's help": study.where(experiment="new words", method="full"),
    }
    rates = "; ".join(
        f"{name}: {', '.join(f'{lr:g}' for lr in found.by('lr', 'valid'))}"
        for name, found in grids.items()
    )
    return (
        f"**{len(study)} runs**, each 100 steps of 4 × 64 tokens from the same base. Every "
        "setting has a grid of rates, two seeds each; the rate with the smallest "
        "validation loss then gets five seeds, and their held-out loss counts. Grids: "
        f"{rates}."
    )


def advice(study):
    """Rows (what, start with, measured) of the table; differences are paired."""
    rows = [*_rate(study), *_scale(study), *_rank(study), *_places(study)]
    rows.append(
        ["start", "A random, B zero", "if both are zero, nothing trains (15.3)"]
    )
    dropout = (
        "by convention (Dettmers et al. 2023 take 0.1 up to 13B); not measured here"
    )
    rows.append(["dropout", "0; up to 0.1 where data are few", dropout])
    return [*rows, *_lora_or_full(study)]


def _best(study, **settings):
    """(best rate on the validation part, test losses of its five seeds)."""
    found = study.where(**settings)
    return found.best_rate(), found.at_best_rate().values("test")


def minus(one, other):
    """The paired difference as text, "—" of a thing from itself."""
    return "—" if one is other else said(np.subtract(one, other), 3, sign=True)


def worse(loss):
    """How full fine-tuning and LoRA end, in words; loss: {name: of each seed}."""
    full, ours = (np.mean(loss[k]) for k in ("full fine-tuning", "r = 64"))
    how = "worse" if full > ours else "better"
    return (
        f"Full fine-tuning, at its own best rate, ends {how}: "
        f"{full:.2f} against {ours:.2f} for LoRA with r = 64, after these {STEPS} steps of "
        "256 tokens."
    )


def _rate(study):
    ours = _best(study, experiment="rank", r=4)[0]
    full = _best(study, experiment="full")[0]
    return [
        [
            "learning rate (AdamW), this model",
            f"{ours:g}, with α = 8",
            f"{ours / full:.0f} times full fine-tuning's best, {full:g}",
        ],
        [
            "the same, a large model",
            "about ten times full's best; without one, 2e-4 with α = 16 and r = 64",
            "by convention: ten times, Schulman et al. 2025; 2e-4, α = 16, r = 64 at 7B "
            "and 13B, Dettmers et al. 2023. Not measured here",
        ],
    ]


def _scale(study):
    found = {a: _best(study, experiment="alpha", r=4, alpha=a) for a in (2, 32)}
    found = {2: found[2], 8: _best(study, experiment="rank", r=4), 32: found[32]}
    rates = ", ".join(f"{lr:g} at α = {a}" for a, (lr, _) in found.items())
    power = np.log(found[2][0] / found[32][0]) / np.log(32 / 2)
    return [
        [
            "scale α",
            "8 by convention, and leave it: tune the rate instead",
            f"minus α = 2, each at its best rate: α = 8 {minus(found[8][1], found[2][1])}, "
            f"α = 32 {minus(found[32][1], found[2][1])}",
        ],
        [
            "if α changes",
            "find the rate again",
            f"best rate {rates}: it falls like 1/α^{power:.1f}, about 1/√α",
        ],
    ]


def _rank(study):
    loss = {r: _best(study, experiment="rank", r=r)[1] for r in RANKS}
    less = ", ".join(f"r = {r} {minus(loss[r], loss[64])}" for r in RANKS[:-1])
    here, grown = (_best(study, experiment=name, r=64)[0] for name in ("rank", "alpha"))
    return [
        [
            "rank r",
            "4 to 16; double it while validation gains",
            f"minus r = 64: {less}",
        ],
        [
            "if r changes",
            "keep α and the rate",
            f"r = 64: best rate {here:g} with α = 8, but {grown:g} with α = 2r = 128",
        ],
    ]


def _places(study):
    ours = _best(study, experiment="rank", r=4)[1]
    found = {p: _best(study, experiment="places", places=p)[1] for p in OTHERS}
    where = ", ".join(f"{p} {minus(loss, ours)}" for p, loss in found.items())
    return [
        [
            "places",
            "every linear layer, or the MLP alone",
            f"at equal parameter count, minus every layer: {where}",
        ]
    ]


def _lora_or_full(study):
    here = _best(study, experiment="rank", r=64)[1]
    words = _best(study, experiment="new words", r=64)[1]
    full, frozen, both = (
        _best(study, experiment="new words", method=method)[1]
        for method in ("full", FROZEN, BOTH)
    )
    style = minus(here, _best(study, experiment="full")[1])
    return [
        ["a new style (verses)", "LoRA", f"r = 64 minus full: {style}"],
        [
            "new words (Python's help)",
            "not LoRA alone",
            f"r = 64 minus full: {minus(words, full)}",
        ],
        [
            "what is missing there?",
            "the embedding",
            f"full with the embedding frozen, minus full: {minus(frozen, full)}",
        ],
        [
            "the remedy",
            "LoRA and a trained embedding",
            f"r = 4 with the embedding trained too, minus full: {minus(both, full)}",
        ],
    ]
