"""Chapter 29: tables and sentences of the notebook."""

import time

import numpy as np

from tinyft import pretrained
from tinyft.course.experiment import (
    interval,
    said,
    step_memory,
    trained_parameters,
    training_step,
)
from tinyft.course.lessons.peft.ch15_advice import minus
from tinyft.course.lessons.real import ch29_reviews as reviews
from tinyft.course.lessons.real import ch29_words as words
from tinyft.course.lessons.real.ch29_vision import best
from tinyft.course.prose import say, table
from tinyft.course.runs import CHOOSING, load

KINDS = {
    "head": "head on a frozen encoder",
    "lora": "LoRA r = 8 on q and v, and a head",
}
KINDS |= {"full": "full fine-tuning"}
VISION = {"pixels": "raw pixels", "frozen": "frozen features"}
VISION |= {
    "statistics": "frozen features, BatchNorm recomputed",
    "blocks": "last two blocks train",
}


def files(names):
    """What of `tinyft fetch` is here, as a table; a sentence for what is not."""
    found, word = [pretrained.catalogue()[name] for name in names], ("no", "yes")
    rows = [
        [f"`{f.name}`", f.what, f.licence, f"{f.size / 1e6:.0f} MB", word[f.is_here]]
        for f in found
    ]
    table(["name", "what", "licence", "on disk", "here"], rows)
    missing = [f.name for f in found if not f.is_here]
    if missing:
        say(
            f"**Not here: {', '.join(missing)}.** Random values of the same shapes stand "
            "in, so every cell runs, but what it prints means nothing, and checks on real "
            f"values are left out. Fetch them: `tinyft fetch {' '.join(missing)}`"
        )
    return not missing


def chosen(study, **settings):
    """(best rate, its runs) of an arm of a study."""
    runs = study.where(**settings)
    return runs.best_rate(), runs.at_best_rate()


def trainable(model):
    """How many numbers train; the pooler is not used, so its gradient is never made."""
    unused = sum(p.size for p in model.encoder.pooler.parameters() if p.requires_grad)
    return sum(p.size for p in trained_parameters(model)) - unused


def costs(models, batch):
    """[(CPU seconds of a step, of all steps or the head's features, memory of a step)]."""
    steps = {
        n: training_step(m, batch, loss=reviews.review_loss) for n, m in models.items()
    }
    memory = {name: step_memory(step)[1] for name, step in steps.items()}
    seconds = {name: _timed(step) for name, step in steps.items()}  # they are warm
    passes = dict.fromkeys(steps, reviews.STEPS) | {
        "head": reviews.PARTS["train"] // reviews.SIZE
    }
    return [
        (f"{s:.2f}", f"{s * passes[name]:.0f}", f"{memory[name]:.0f} MiB")
        for name, s in seconds.items()
    ]


def _timed(step):
    began = time.process_time()
    step()
    return time.process_time() - began


def review_rows(study, counts):
    """Rows (method, numbers that train, rate, test accuracy, minus the words')."""
    alpha, base = words.best(words.grid())
    rows = [["bag of words", "—", f"α = {alpha:g}", share(base), "—"]]
    for method, name in KINDS.items():
        rate, runs = chosen(study, method=method)
        values = runs.values("test")
        rows.append(
            [name, f"{counts[method]:,}", f"{rate:g}", share(values)]
            + [points(values, base)]
        )
    return rows


def share(values):
    """Accuracies in per cent, mean ± half."""
    return said(100 * np.array(values), 1)


def points(values, others):
    """A paired difference of accuracies in points, and whether the seeds settle it."""
    mean, half = interval(100 * np.subtract(values, others))
    settled = "" if abs(mean) > half else ", not settled"
    return f"{mean:+.1f} ± {half:.1f}{settled}"


def compared(study, one, other):
    """`points` of two methods at their best rates; "words" is the bag of words."""
    found = words.best(words.grid())[1] if "words" in (one, other) else None
    a, b = (
        found if m == "words" else chosen(study, method=m)[1].values("test")
        for m in (one, other)
    )
    return points(a, b)


def vision_rows(study):
    """Rows (how, faces, minus pixels, digits, minus pixels)."""
    rows = []
    for method, name in VISION.items():
        row = [name]
        for task in ("faces", "digits"):
            values, base = (
                best(study, task, m)[1].values("test") for m in (method, "pixels")
            )
            row += [share(values), "—" if method == "pixels" else points(values, base)]
        rows.append(row)
    return rows


def against_frozen(study, task, method):
    """`points` against frozen features on a task."""
    a, b = (best(study, task, m)[1].values("test") for m in (method, "frozen"))
    return points(a, b)


def play_words(study, before):
    """The best rate of LoRA on the packed Llama, and what it gains."""
    rate, runs = chosen(study)
    values = runs.values("test")
    return (
        f"Held-out loss before: {before:.3f} nats per token. After 30 windows of 128 "
        f"tokens at the rate {rate:g}, five seeds: {said(values, 3)}, so "
        f"{minus(values, [before] * len(values))}."
    )


def advice(study, vision):
    """Rows (what, start with, measured here) of "What to set"."""
    head, full = (compared(study, "lora", m) for m in ("head", "full"))
    return [
        [
            "first, on texts",
            "a bag of words",
            f"frozen head minus bag of words: {compared(study, 'head', 'words')}",
        ],
        [
            "encoder, 2000 labelled texts",
            "LoRA r = 8 on q, v",
            f"minus a head: {head}; minus full fine-tuning: {full}",
        ],
        more_labels(load("29_labels")),
        *(rate_row(study, method) for method in ("lora", "full")),
        [
            "base in 4 bits",
            "when floats do not fit",
            "packed = decoded, to the bit (section 6); what 4 bits lose: not measured",
        ],
        *vision_advice(vision),
    ]


def more_labels(study):
    """LoRA against head and words on 5000 texts, and its places against each other."""
    lora, head = study.where(method="lora"), chosen(study, method="head")[1]
    few = study.where(method="q and v").values("test")
    base = words.best(words.grid(5000, 1000, 1000))[1]
    values, rate = lora.values("test"), lora[0]["settings"]["lr"]
    return [
        "encoder, 5000 labelled texts",
        "LoRA r = 8 on every linear layer",
        f"{share(values)} %; minus a head: "
        f"{points(values, head.values('test'))}; minus a bag of words: "
        f"{points(values, base)}; minus LoRA on q, v only: {points(values, few)} "
        f"(400 steps at {rate:g})",
    ]


def rate_row(study, method, level=0.01):
    """The middle of the rates that are level with the best on valid, and all losses."""
    runs = study.where(method=method)
    runs = type(study)(r for r in runs if r["settings"]["seed"] in CHOOSING)
    means = {rate: np.mean(values) for rate, values in runs.by("lr", "valid").items()}
    flat = sorted(r for r, loss in means.items() if loss < min(means.values()) + level)
    losses = ", ".join(f"{r:g}: {loss:.3f}" for r, loss in sorted(means.items()))
    name = {"lora": "LoRA's rate", "full": "full fine-tuning's rate"}[method]
    said = f"loss on *valid* (nats), two seeds: {losses}"
    if method == "lora":
        at = study.where(method=method, lr=reviews.ADVISED).values("test")
        said += f"; test at {reviews.ADVISED:g}: {share(at)} %"
    return [name, f"{flat[(len(flat) - 1) // 2]:g}", said]


def vision_advice(vision):
    """The rows on pictures."""
    blocks, statistics = (
        {task: against_frozen(vision, task, m) for task in ("faces", "digits")}
        for m in ("blocks", "statistics")
    )
    return [
        [
            "CNN: faces, 20 labelled",
            "frozen features",
            f"last blocks minus frozen: {blocks['faces']}",
        ],
        [
            "CNN: digits, 100 labelled",
            "train the last blocks",
            f"last blocks minus frozen: {blocks['digits']}",
        ],
        [
            "BatchNorm's statistics",
            "leave them",
            f"recomputed minus frozen: faces {statistics['faces']}, "
            f"digits {statistics['digits']}",
        ],
    ]
