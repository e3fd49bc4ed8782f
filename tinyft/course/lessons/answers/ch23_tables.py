"""Chapter 23: what its tables say: baselines, forgetting, packed rows, the verdict."""

from collections import Counter

import numpy as np

from tinyft import data, no_grad, objectives
from tinyft.course.experiment import SEEDS, interval, loss_on, said, text_parts
from tinyft.course.lessons.answers import ch23_instruction_tuning as lesson


def constant(split):
    """{task: share right} of the answer that is commonest on training words, always."""
    words, told = lesson.some_words(split), data.instruction_words("train")
    found = {}
    for task in lesson.TASKS:
        (best, _), *_ = Counter(answer(task, w) for w in told).most_common(1)
        found[task] = float(np.mean([answer(task, w) == best for w in words]))
    return found


def plain_text(task, word, shown=()):
    """A question as lines of text, behind the same task solved for the words `shown`."""
    lines = [f"{task}: {w}\n{answer(task, w)}\n\n" for w in shown]
    return "".join(lines) + f"{task}: {word}\n"


def answer(task, word):
    """The right answer's text."""
    return data.instruction(task, word)[1]["content"]


def plain(model, tokens, shots=0):
    """{task: share} of test words answered exactly as lines of text, up to the line end.

    shots: so many solved examples in front, on random training words. No special token
    is used, so this is the form of the texts that the base has read.
    """
    rng, told = np.random.default_rng(23), data.instruction_words("train")
    found = {}
    for task in lesson.TASKS:
        rows = []
        for word in lesson.some_words("test"):
            asked = tokens.encode(plain_text(task, word, rng.choice(told, shots)))
            ids = np.r_[asked, tokens.encode(answer(task, word) + "\n")]
            rows.append(objectives.shifted(ids, np.arange(len(ids)) >= len(asked)))
        x, y = objectives.collate(rows, tokens.pad_id)
        found[task] = float(lesson.exact(model, x, y).mean())
    return found


def own_text(model, tokens):
    """Nats per character on held-out Bible and Shakespeare, what the base has read."""
    parts = {
        name: text_parts(name, tokens)["test"] for name in ("bible", "shakespeare")
    }
    return {name: loss_on(model, ids) for name, ids in parts.items()}


def wilson(right, n, z=1.96):
    """The 95 % interval of a share of `right` in n independent answers (Wilson)."""
    p, w = right / n, z**2 / n
    half = z * np.sqrt(p * (1 - p) / n + w / (4 * n))
    return (p + w / 2 - half) / (1 + w), (p + w / 2 + half) / (1 + w)


def by_place(model, packed, mask, positions):
    """A row of a table: exact answers in packed rows, all, the first of a row, the others.

    mask: "causal" or "block"; positions: "running" (over the row) or "restarted".
    """
    inputs = objectives.inputs_of(packed, model)
    given = {"mask": mask == "block", "positions": positions == "restarted"}
    inputs = {name: inputs[name] for name, wanted in given.items() if wanted}
    with no_grad(), model.evaluating():
        best = model(objectives.there(model, packed.x), **inputs).numpy().argmax(-1)
    good = (best == packed.y) | (packed.y == data.IGNORE)
    first, later = [], []
    for row, documents in zip(good, packed.document):
        for d in range(documents.max() + 1):
            (later if d else first).append(row[documents == d].all())
    shares = np.mean(first + later), np.mean(first), np.mean(later)
    return [f"packed, {mask}", positions, *(f"{share:.1%}" for share in shares)]


def verdict(gap, best):
    """What the paired differences of exact answers (points) settle, in words.

    The plan was SEEDS; seeds after them came from a second look.
    """
    rates = {name: found[0]["settings"]["lr"] for name, found in best.items()}
    shown = "; ".join(f"{name} at {lr:g}" for name, lr in rates.items())
    planned, more = len(SEEDS), len(gap) - len(SEEDS)
    mean, half = interval(gap[:planned])
    settled = "not settled" if abs(mean) <= half else "settled"
    text = (
        f"Each at its best rate ({shown}), mean of the eight tasks: "
        f"{' minus '.join(best)} is {mean:+.1f} ± {half:.1f} points with the {planned} "
        f"seeds of the plan: **{settled}**."
    )
    if not more:
        return text
    return (
        f"{text} After seeing this, {more} more seeds were run; all {len(gap)} give "
        f"{said(gap, 1, sign=True)}: **suggestive**, no more. That is a second look at the "
        "same question, so this interval is too optimistic (it misses more often than one "
        f"time in twenty); and we stopped at {len(gap)} because time ran out, by no rule."
    )
