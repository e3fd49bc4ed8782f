"""Chapter 22: what each way costs, and what to set, from the values of the notebook."""

import time

from tinyft import ops, optim
from tinyft.course.experiment import race
from tinyft.course.lessons.answers import ch22_pattern_exploiting as lesson
from tinyft.course.lessons.answers import ch22_results as results
from tinyft.course.lessons.answers import ch22_setting as setting


def costs(labels=4):
    """{method: (trained numbers, processor milliseconds per step, rates tried)}; a step is
    one of AdamW on 4 verses; the steps alternate."""
    few, _ = setting.draw(labels, 0)
    made = {m: lesson.build(m, 0) for m in lesson.METHODS}
    seconds = race(
        {m: step(one, few) for m, one in made.items()},
        rounds=5,
        clock=time.process_time,
    )
    return {
        m: (
            sum(p.size for p in one.parameters()),
            1e3 * seconds[m],
            len(lesson.METHODS[m]),
        )
        for m, one in made.items()
    }


def step(made, few):
    """A function that takes one step."""
    params = made.parameters()
    adam = optim.AdamW(params, lr=1e-5)
    (texts, labels), *_ = lesson.batches(few, 0, 1)

    def one_step():
        ops.cross_entropy(made(texts), labels).backward()
        adam.step()
        adam.zero_grad()

    return one_step


def what_to_set(study, spent, no_label, unseen, assumed):
    """The rows of "What to set", each with the section that varied it.

    spent: of `costs`; no_label, unseen: {way: accuracy}; assumed: {share: accuracy}.
    """
    way, ratio = "recentred", spent["pattern, whole model"][0]
    ratio /= spent["pattern, biases"][0]
    wrong = 100 * (assumed[0.5] - assumed[0.4])
    return [
        [
            "no label",
            f"a pattern, recentred: {no_label[way]:.1%}; unseen books {unseen[way]:.1%}",
            "4",
        ],
        [
            "calibration",
            "unlabelled texts of known shares; 0.4 for a true 0.5 costs "
            f"{wrong:.0f} points. Not content-free prompts, on this model",
            "4",
        ],
        ["words", "one token each (one pass); recentred, only *For* was bad", "3, 5"],
        *_of_labels(study, no_label[way], unseen[way]),
        [
            "what trains",
            f"biases: {ratio:.0f} times fewer numbers than whole, no settled loss",
            "6; Reference, D",
        ],
        [
            "rate",
            "chosen most often over all sizes (draws): "
            f"{results.rate_advice(study)}. Only the biases' rate stands out",
            "6; Reference, D",
        ],
        ["steps, batch, length", "20, 4 verses, 48 tokens", "by custom, not varied"],
    ]


def _of_labels(study, no_label, unseen, way="recentred"):
    """The rows on a few labels, and on pattern or new head."""
    biases, head = "pattern, biases", "fresh head, mean"
    gain = results.over_no_label(study, no_label, biases)
    lead = {n: results.difference(study, biases, head, n, way) for n in lesson.SHOTS}
    there = {
        m: results.over_no_label(study, unseen, m, way, "poetry")[16]
        for m in lesson.OTHER_TASK
    }
    control = results.difference(study, *lesson.OTHER_TASK, 16, way, "poetry")
    return [
        [
            "are a few labels worth it?",
            f"biases over no label, points: 4 labels {gain[4]}; 16 labels {gain[16]}. "
            "Unseen books, 16 labels: "
            + "; ".join(f"{m} {text}" for m, text in there.items()),
            "6",
        ],
        [
            "pattern or new head",
            f"biases minus new head, recentred: 4 labels {lead[4]}; 32 labels {lead[32]}. "
            f"Unseen books, 16 labels, whole model minus new head: {control}",
            "6",
        ],
    ]
