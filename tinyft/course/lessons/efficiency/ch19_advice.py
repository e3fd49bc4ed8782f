"""Chapter 19: the table of "What to set", every number from the study or a plan."""

import numpy as np

from tinyft import efficiency
from tinyft.course.experiment import interval
from tinyft.course.lessons.efficiency import ch19_efficiency as lesson

SEVEN = {"batch": 1, "length": 512}


def gb(size):
    return f"{size / 1e9:.1f} GB"


def advice(found, peak):
    """Rows [question, answer, from]; found: tables.results; peak: measured MB of two."""
    full = efficiency.plan("llama-7b", "full", **SEVEN)
    lora = efficiency.plan("llama-7b", "lora", r=16, target=lesson.LINEARS, **SEVEN)
    return [
        [
            "will it fit?",
            "plan first: it fits if 0.65 GB stay free, what published runs needed above "
            "the plan; then measure the second step",
            "sections 7 and 8",
        ],
        *_parts(full, lora),
        ["how long is a step?", _seconds(full, lora), "section 3; 0.4 by custom"],
        ["a step is too slow", _speed(), "sections 3 and 5; Reference, Images"],
        ["which method?", _first(found), "section 6: one task, 30 steps"],
        ["which rate?", _rates(found), "section 6"],
        ["the file must be tiny", _tiny(found), "section 6"],
        ["train everything instead?", _full(found, peak), "sections 1 and 6"],
    ]


def _parts(full, lora):
    """What to do for the largest part: three rows; full, lora: plans of 7B."""
    packed = efficiency.plan("llama-7b", "qlora", r=16, **SEVEN)
    again = efficiency.plan("llama-7b", "qlora", r=16, recompute=True, **SEVEN)
    redone = efficiency.plan("llama-7b", "full", recompute=True, **SEVEN)
    return [
        [
            "gradients and states are the largest part",
            f"LoRA, or another method of this course: 7B from "
            f"{gb(full.gradients + full.states)} to "
            f"{gb(lora.gradients + lora.states)}",
            "figure 1",
        ],
        [
            "weights are the largest part",
            f"4 bits (QLoRA): 7B from {gb(lora.weights)} to {gb(packed.weights)}. The "
            "price: rounded weights, unpacked at every use (chapter 17 measures both)",
            "figure 1",
        ],
        [
            "activations are the largest part",
            f"recompute: 7B from {gb(packed.activations)} to {gb(again.activations)}, for "
            f"{_more(packed, again):.0%} more work (full: {_more(full, redone):.0%}): all "
            "that LoRA had saved. Then a shorter text or a smaller batch. Then another "
            f"place to train: our GPT, LoRA {_kept('LoRA r=4')}, LoRA-FA "
            f"{_kept('LoRA-FA')}, MiSS {_kept('MiSS')}, adapters beside or after the MLP "
            f"{_kept('parallel')}, the last block alone {_kept('last block')}",
            "figure 1, sections 4 and 5",
        ],
    ]


def _kept(name):
    return f"{lesson.price(name).activations / 1e6:.1f} MB"


def _more(before, after):
    """The work of a step that recomputation adds, as a share."""
    return (after.forward + after.backward) / (before.forward + before.backward) - 1


def _seconds(full, lora):
    whole, small = ((made.forward + made.backward) for made in (full, lora))
    return (
        "FLOPs / (0.4 × the card's peak, from its data sheet): 7B, 512 tokens, a card of "
        f"100 TFLOP/s: {whole / 1e12:.1f} / 40 = {whole / 40e12:.2f} s, LoRA "
        f"{small / 40e12:.2f} s"
    )


def _speed():
    full = lesson.price("full").flops
    few = min(lesson.TEXT, key=lambda name: lesson.price(name).flops)
    lora, least = (lesson.price(n).flops / full for n in ("LoRA r=4", few))
    top, whole = (lesson.price(n, True).flops for n in ("last layer", "full"))
    top /= whole
    return (
        "where the signal must go back to the bottom about a third is saved: LoRA takes "
        f"{lora:.2f} of the FLOPs, an adapter beside the MLP {least:.2f} ({few}). "
        "Training only the top "
        f"can save up to two thirds: a ResNet's last layer alone takes {top:.2f}. A "
        "smaller model or shorter texts save more"
    )


def best_of(found):
    """The method with the largest mean gain."""
    return max(found, key=lambda name: found[name]["gain"].mean())


def beside(found):
    """The methods that are not settled to be worse than the best."""
    top = found[best_of(found)]["gain"]
    gaps = {name: interval(top - one["gain"]) for name, one in found.items()}
    return [name for name, (mean, half) in gaps.items() if mean <= half]


def _first(found):
    names = [n for n in beside(found) if n != best_of(found)]
    also = ", ".join(names) or "no other"
    return (
        f"LoRA on all linear layers first (custom): it merges into W, so that the finished "
        "model costs nothing more, and its rates are known best. An adapter stays in the "
        f"model as layers of its own. If that is no matter: here {best_of(found)} gains "
        f"most; not settled to be worse, each paired with it: {also}"
    )


def _rates(found):
    rates = {name: one["lr"] for name, one in found.items()}
    low, high = min(rates, key=rates.get), max(rates, key=rates.get)
    return (
        f"sweep it for each method, a factor of 3 apart. Here the best run from "
        f"{rates[low]:g} ({low}) to {rates[high]:g} ({high}): a small model, 30 steps. "
        "For a 7B model begin LoRA at 2e-4 and full fine-tuning at 1e-5 (custom: "
        "QLoRA's paper; PEFT's run above)"
    )


def _tiny(found):
    small = [n for n in found if found[n]["cost"].trainable < 10_000]
    name = best_of({n: found[n] for n in small})
    one, top = found[name], found[best_of(found)]
    return (
        f"of those with fewer than 10,000 numbers {name} gains most: "
        f"{one['gain'].mean():.1f} points with {one['cost'].trainable:,} numbers, the best "
        f"of all {top['gain'].mean():.1f} with {top['cost'].trainable:,}"
    )


def _full(found, peak):
    gap = found[best_of(found)]["gain"] - found["full"]["gain"]
    mean, half = interval(gap)
    word = "settled" if abs(mean) > half else "not settled"
    both = "full", "LoRA r=4"
    planned = np.divide(*(found[n]["cost"].bytes for n in both))
    ratio = np.divide(*(peak[n] for n in both))
    return (
        f"not here: the best method is {mean:+.1f} ± {half:.1f} points from it ({word}; "
        f"the best of many is flattered), at {ratio:.1f} × LoRA's memory as measured, "
        f"{planned:.1f} × as planned. A task far from what "
        "the model knows, or long training, is another matter: not measured"
    )


def rate_table(study, names):
    """Rows [method, "rate: gain"...]: points by rate, two seeds each, all rates tried."""
    rows = []
    for name in names:
        runs = study.where(experiment="text", method=name)
        cells = []
        for lr in sorted(runs.by("lr", "valid")):
            one = runs.where(lr=lr)
            gain = 100 * np.subtract(one.values("accuracy"), one.values("before"))
            best = " (chosen)" if lr == runs.best_rate() else ""
            cells.append(f"{lr:g}: {gain[:2].mean():.1f}{best}")
        rows.append([name, *(cells + [""] * 5)[:5]])
    return rows


def top_block():
    """FLOPs of a step that trains the last block's own weights, measured."""
    model = lesson.base()
    model.requires_grad_(False)
    for p in model.blocks[-1].parameters():
        p.requires_grad_(True)
    with efficiency.counted() as flops:
        lesson.one_loss(model).backward()
    return flops.flops
