"""Chapter 19: the table of "What to set", every number from the study or a plan."""

import numpy as np

from tinyft import efficiency
from tinyft.course.experiment import interval, said
from tinyft.course.lessons.efficiency import ch19_efficiency as lesson

SEVEN = {"batch": 1, "length": 512}


def gb(size):
    return f"{size / 1e9:.1f} GB"


def peak_shares():
    """PEFT's runs, the best first: (GB of the plan with activations, its share of the
    peak). Their batches: 4 texts of at most 768 tokens."""
    found = []
    for row in sorted(efficiency.benchmark(), key=lambda row: -row["accuracy"]):
        optimizer = "adamw16" if row["method"] == "full" else "adamw"
        options = row["options"] | {"optimizer": optimizer, "batch": 4, "length": 768}
        made = efficiency.plan("llama-3.2-3b", row["method"], **options)
        found.append((made.total / 1e9, made.total / row["peak"]))
    return found


def to_fit():
    """Rows [question, answer, from]: what to do about memory and time, in order."""
    full = efficiency.plan("llama-7b", "full", **SEVEN)
    lora = efficiency.plan("llama-7b", "lora", r=16, target=lesson.LINEARS, **SEVEN)
    above = 1 / min(share for _, share in peak_shares())
    return [
        [
            "will it fit?",
            "plan, activations included, and leave 0.65 GB; a *peak* may lie far above the "
            f"plan (section 7: up to {above:.1f} times), so measure the second step",
            "sections 7 and 8",
        ],
        *_parts(full, lora),
        ["how long is a step?", _seconds(full, lora), "section 3; 0.4 by custom"],
        ["a step is too slow", _speed(), "sections 3 and 5; Reference, Images"],
    ]


def to_learn(found, peak):
    """Rows of method and rate; found: tables.results; peak: measured MB of two."""
    return [
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
            "LoRA: 7B from "
            f"{gb(full.gradients + full.states)} to "
            f"{gb(lora.gradients + lora.states)}",
            "figure 1",
        ],
        [
            "weights are the largest part",
            f"4 bits (QLoRA): 7B from {gb(lora.weights)} to {gb(packed.weights)} "
            "(the price: chapter 17)",
            "figure 1",
        ],
        [
            "activations are the largest part",
            f"recompute: 7B by QLoRA from {gb(packed.activations)} to "
            f"{gb(again.activations)}, for {_more(packed, again):.0%} more work (full: "
            f"{_more(full, redone):.0%}), nearly all that LoRA had saved. Then a shorter "
            "text or a smaller batch; then another method (section 5)",
            "figure 1, sections 4 and 5",
        ],
    ]


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
    lora, least = (lesson.price(n).flops / full for n in ("LoRA r=4", "parallel"))
    top, whole = (lesson.price(n, True).flops for n in ("last layer", "full"))
    top /= whole
    return (
        f"LoRA takes {lora:.2f} of the FLOPs, parallel {least:.2f}; training only the top "
        f"saves up to two thirds (a ResNet's last layer: {top:.2f}). A smaller model or "
        "shorter texts save more"
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
    top = found[best_of(found)]["gain"]
    names = [n for n in beside(found) if n != best_of(found)]
    each = [f"{n} ({said(found[n]['gain'] - top, 1, sign=True)} points)" for n in names]
    also = ", ".join(each) or "no other"
    return (
        "LoRA on all linear layers first (common practice): it merges into W, so that the "
        f"finished model costs nothing more. *{best_of(found)}* stays in the model and "
        f"gains most here; not measurably worse: {also}"
    )


def _rates(found):
    rates = {name: one["lr"] for name, one in found.items()}
    low, high = min(rates, key=rates.get), max(rates, key=rates.get)
    return (
        f"sweep it for each method, a factor of 3 apart. Here {rates[low]:g} ({low}) to "
        f"{rates[high]:g} ({high}). For a 7B model begin LoRA at 2e-4, full fine-tuning at "
        "1e-5 (common practice: QLoRA's paper; PEFT's run above)"
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
    top, both = best_of(found), ("full", "LoRA r=4")
    gaps = [
        f"{name} minus full {said(gap, 2, sign=True)}"
        + ("" if abs(np.mean(gap)) > interval(gap)[1] else " (not settled)")
        for name in (top, "LoRA r=4")
        for gap in [found[name]["gain"] - found["full"]["gain"]]
    ]
    ratio = np.divide(*(peak[n] for n in both))
    return (
        f"not here: {'; '.join(gaps)} points (the best of many is flattered); full takes "
        f"{ratio:.1f} × LoRA's measured memory. Not measured: a far task, long training"
    )


def rate_table(study, names):
    """Rows [method, "rate: validation loss, gain"...]: two seeds each, all rates tried."""
    rows = []
    for name in names:
        runs = study.where(experiment="text", method=name)
        cells = []
        for lr in sorted(runs.by("lr", "valid")):
            one = runs.where(lr=lr)
            gain = 100 * np.subtract(one.values("accuracy"), one.values("before"))
            best = " (chosen)" if lr == runs.best_rate() else ""
            loss = np.mean(one.values("valid")[:2])
            cells.append(f"{lr:g}: {loss:.2f}, {gain[:2].mean():+.1f}{best}")
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
