"""Chapter 19: figures and tables from the study, from plans and from PEFT's benchmark."""

import numpy as np

from tinyft import efficiency
from tinyft.course import experiment
from tinyft.course.experiment import said
from tinyft.course.lessons.efficiency import ch19_efficiency as lesson
from tinyft.course.lessons.peft import ch13_bitfit as sensor
from tinyft.course.prose import table

WORDS = {  # what each trains, for readers who have not met it
    "full": "every number of the model",
    "last block": "the last of three blocks",
    "last layer": "the last layer",
    "LoRA r=1": "B A beside each linear layer, rank 1",
    "LoRA r=4": "the same, rank 4",
    "LoRA r=16": "the same, rank 16",
    "LoRA r=4, q v": "rank 4 on q and v alone",
    "LoRA-FA": "rank 4, A frozen: only B trains",
    "DoRA": "LoRA, and the length of each row of W",
    "PiSSA": "LoRA that starts from W's largest directions",
    "AdaLoRA": "LoRA whose rank is shared out among layers",
    "VeRA": "fixed random B and A, two vectors of factors",
    "LoHa": "two LoRA products, multiplied entry by entry",
    "LoKr": "a Kronecker product, one small block repeated",
    "HiRA": "W times a low-rank product, entry by entry",
    "MiSS": "LoRA with A = [I … I], only B trains",
    "OFT": "a turn of the inputs, in blocks of 16",
    "HRA": "a turn of the inputs, by 8 mirrors",
    "IA3": "a factor for each feature of k, v and the MLP",
    "BitFit": "a change of each bias",
    "norms": "scale and shift of the norms",
    "Houlsby": "two small networks in each block",
    "Pfeiffer": "one small network in each block",
    "parallel": "one small network beside each MLP",
    "adapters": "a small network after each block",
    "prefix": "10 keys and values in each attention",
    "prompt": "10 vectors before the text, random at first",
    "prompt, words": "10 vectors, words at first",
    "P-tuning": "10 vectors, made by a small network",
}
PARTS = ("weights", "gradients", "states", "activations")


def results(study, experiment="text"):
    """{method: {"lr", "gain": percentage points for each seed, "cost": its Cost}}."""
    images, found = experiment == "images", {}
    for name in lesson.IMAGES if images else lesson.TEXT:
        runs = study.where(experiment=experiment, method=name).at_best_rate()
        after, before = runs.values("accuracy"), runs.values("before")
        found[name] = {
            "lr": runs[0]["settings"]["lr"],
            "gain": 100 * np.subtract(after, before),
            "cost": lesson.price(name, images),
        }
    return found


def points(found):
    """{method: (mean gain, trained numbers, FLOPs of a step, bytes of a step)}."""
    return {
        name: (
            float(one["gain"].mean()),
            one["cost"].trainable,
            one["cost"].flops,
            one["cost"].bytes,
        )
        for name, one in found.items()
    }


def scores(found):
    """{method: (M with the whole step for c, M with what it adds to the forward pass)}."""
    named = points(found)
    _, p, c, _ = named["full"]
    base = found["full"]["cost"].forward  # a base that trains whole adds nothing to it
    extra = {name: max(0, one["cost"].forward - base) for name, one in found.items()}
    return {
        name: (
            efficiency.score(gain, numbers / p, flops / c),
            efficiency.score_by_extra(gain, numbers / p, extra[name] / c),
        )
        for name, (gain, numbers, flops, _) in named.items()
    }


def rows(found, base="LoRA r=4"):
    """Table rows, the largest gain first; the last column is paired with `base`."""
    full, shown, M = found["full"]["cost"], [], scores(found)
    for name, one in sorted(found.items(), key=lambda kv: -kv[1]["gain"].mean()):
        c, gap = one["cost"], one["gain"] - found[base]["gain"]
        versus = "" if name == base else said(gap, 2, sign=True) + settled(gap)
        shown.append(
            [
                name,
                f"{one['lr']:g}",
                said(one["gain"], 1),
                versus,
                f"{c.trainable:,}",
                f"{c.flops / full.flops:.2f}",
                f"{c.bytes / 1e6:.1f}",
                *(f"{m:.0f}".replace("inf", "∞") for m in M[name]),
            ]
        )
    return shown


def settled(differences):
    """A mark where the 95 % interval has zero inside."""
    return "" if experiment.settled(differences) else " ○"


def deviations(images=False):
    """[name, words, and for each quantity predicted and measured] of every method.

    The quantities: FLOPs forward, backward, bytes kept; of a step of the study.
    """
    found, size = [], (sensor.LABELS, 8) if images else (lesson.BATCH, lesson.LENGTH)
    for name in lesson.IMAGES if images else lesson.TEXT:
        model = lesson.prepared(name, 0, images)
        model.train()
        c = efficiency.cost(model, *size)
        with efficiency.counted() as seen:
            loss = lesson.one_loss(model, images)
            kept = efficiency.kept_bytes(loss, model)
            loss.backward()
        want = np.array([c.forward, c.backward, c.activations], dtype=float)
        got = np.array([seen.forward, seen.backward, kept], dtype=float)
        found.append((name, WORDS[name], c, want, got))
    return found


def deviation_rows(found):
    """Table rows: GFLOP and MB, measured / predicted as a percentage off."""
    shown = []
    for name, words, c, want, got in found:
        off = [f"{100 * (g / w - 1):+.2f}" for g, w in zip(got, want)]
        shown.append(
            [
                name,
                words,
                f"{c.trainable:,}",
                f"{want[:2].sum() / 1e9:.2f}",
                f"{want[2] / 1e6:.1f}",
                " / ".join(off),
            ]
        )
    return shown


def sides(study, experiment="text"):
    """{method: (milder, worse) loss of gain, in points, at a third and three times the
    chosen rate}: means over the seeds of both."""
    found = {}
    for name in lesson.IMAGES if experiment == "images" else lesson.TEXT:
        runs = study.where(experiment=experiment, method=name)
        rates, best, gains = sorted(runs.by("lr", "valid")), runs.best_rate(), {}
        i = rates.index(best)
        for lr in rates[i - 1 : i + 2]:
            one = runs.where(lr=lr)
            both = (one.values(score)[:2] for score in ("accuracy", "before"))
            gains[lr] = 100 * np.mean(np.subtract(*both))
        lost = [gains[best] - gain for lr, gain in gains.items() if lr != best]
        found[name] = tuple(sorted(lost))
    return found


def reading(priced):
    """Three rows of the table in words; priced: {method: its Cost}."""
    full, bias, loha = (priced[name] for name in ("full", "BitFit", "LoHa"))
    least = min(priced, key=lambda name: priced[name].flops)
    return (
        f"*BitFit* trains {bias.trainable / full.trainable:.1%} of the "
        f"numbers and still takes {bias.flops / full.flops:.0%} of the arithmetic: almost "
        f"the whole signal goes back. Of these, *{least}* takes least, "
        f"{priced[least].flops / full.flops:.0%}, as nothing below the first place where "
        f"it sits wants a gradient. *LoHa* trains {loha.trainable / full.trainable:.0%} of "
        f"the numbers and keeps {loha.activations / full.activations:.1f} times what full "
        "fine-tuning keeps. What surprises: *VeRA*'s fixed B and A have rank 64, "
        "much for a width of 160; *IA3* forms a changed W where it scales a "
        "matrix's inputs, and wants that matrix's gradient; *prompts* make each text 10 "
        "tokens longer; *DoRA*, *OFT* and *HRA* form W' too."
    )


def side_by_side(found):
    """Show {what: {arm: number}} with a column for LoRA / full."""
    shown = []
    for what, row in found.items():
        values = [f"{v:,}" if isinstance(v, int) else f"{v:.3g}" for v in row.values()]
        shown.append([what, *values, f"{row['LoRA r=4'] / row['full']:.0%}"])
    table(["our GPT", "full", "LoRA r=4", "LoRA / full"], shown)


def benchmark_plan(row):
    """Weights, gradients and states of one of PEFT's runs: full ones keep no float32."""
    optimizer = "adamw16" if row["method"] == "full" else "adamw"
    options = row["options"] | {"optimizer": optimizer}
    made = efficiency.plan("llama-3.2-3b", row["method"], **options)
    return made.weights + made.gradients + made.states


def benchmark_rows():
    """PEFT's runs, the best first: accuracy, numbers, left over, plan, peak."""
    ordered = sorted(efficiency.benchmark(), key=lambda row: -row["accuracy"])
    return [
        [
            row["name"],
            f"{row['accuracy']:.3f}",
            f"{row['trainable'] / 1e6:.2f}",
            f"{row['allocated'] / 1e9:.2f}",
            f"{benchmark_plan(row) / 1e9:.2f}",
            f"{row['peak'] / 1e9:.1f}",
        ]
        for row in ordered
    ]


def benchmark_gaps():
    """Bytes left over beyond the plan, for each run."""
    return [row["allocated"] - benchmark_plan(row) for row in efficiency.benchmark()]


def plan_rows(asked):
    """Table rows of plans; asked: (model, method, r or None, recompute) each."""
    shown = []
    for model, method, r, recompute in asked:
        options = {"r": r, "target": lesson.LINEARS} if r else {}
        plan = efficiency.plan(model, method, recompute=recompute, **options)
        parts = [f"{getattr(plan, part) / 1e9:.1f}" for part in PARTS]
        sites = ("all linear", r) if r else ("all numbers", "")
        row = [model, method, *sites, "yes" if recompute else "no", *parts]
        together = f"**{plan.total / 1e9:.1f}**"
        shown.append([*row, together, f"{100 * plan.share:.3g} %"])
    return shown


def claim_rows(claims, lines=None):
    """The sources' claims: verdict and the condition; lines: those (source, line) alone."""
    return [
        [f"{c.source}, line {c.line}", c.claim, f"**{c.verdict}**", c.says]
        for c in claims
        if lines is None or (c.source, c.line) in lines
    ]
