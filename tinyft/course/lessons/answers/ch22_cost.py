"""Chapter 22: what each way costs, and what to set, from the values of the notebook."""

import time

from tinyft import ops, optim
from tinyft.course.experiment import race
from tinyft.course.lessons.answers import ch22_pattern_exploiting as lesson
from tinyft.course.lessons.answers import ch22_results as results
from tinyft.course.lessons.answers import ch22_setting as setting
from tinyft.course.lessons.answers import ch22_words as words
from tinyft.course.prose import holds


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


HEAD = ["if", "do", "gain", "price", "section"]


def what_to_set(study, spent, no_label, unseen, assumed, sets, by_count):
    """The rows of "What to set", each with the section that varied it.

    spent: of `costs`; no_label, unseen: {way: accuracy}; assumed: {share: accuracy};
    sets: {words: [accuracies]} of section 4; by_count: {n: accuracies} of recentring.
    """
    return [
        _unlabelled(no_label, unseen, by_count),
        _shares(assumed),
        _words(sets),
        _patterns(),
        *_of_labels(study, spent, no_label["recentred"]),
        [
            "you choose the rate",
            "biases: 0.01; else by the small development set",
            "a set of 100 gained nothing settled (head)",
            "each rate tried is a training",
            "6; Reference, D",
        ],
        [
            "anything else",
            "20 steps, 4 verses, 48 tokens: by custom",
            "",
            "",
            "not varied",
        ],
    ]


def _unlabelled(no_label, unseen, by_count):
    worse = float((by_count[10] < no_label["raw"]).mean())
    holds(worse > 0.2, "that ten unlabelled texts are too few")
    holds(no_label["recentred"] > no_label["raw"], "that recentring gains")
    return [
        "you have no label, but 50 or more unlabelled texts of known class shares",
        "a pattern, recentred on them",
        f"{no_label['raw']:.1%} → {no_label['recentred']:.1%}; unseen books "
        f"{unseen['raw']:.1%} → {unseen['recentred']:.1%}",
        f"a pass per text; with 10 texts {worse:.0%} of the draws were worse than raw",
        "4",
    ]


def _shares(assumed):
    wrong = 100 * (assumed[0.5] - assumed[0.4])
    holds(wrong > 3, "that a wrong share costs")
    return [
        "you do not know the shares",
        "label a few texts; do not recentre, and not by content-free prompts",
        "",
        f"0.4 assumed for a true 0.5: {wrong:.0f} points",
        "4",
    ]


def _words(sets):
    seen = {name: row[2] for name, row in sets.items()}
    good = [v for name, v in seen.items() if "For" not in name]
    holds(min(good) > seen["And / For"] + 0.05, "that only *For* was bad")
    return [
        "you choose words",
        "likely ones of one token each; recentre",
        f"of eight sets tried seven reach {min(good):.1%} to {max(good):.1%}, *For* "
        f"{seen['And / For']:.1%}",
        "phrases were as good and need a pass per gap",
        "3, 4, 5",
    ]


def _patterns():
    found = [
        [words.calibrated(template=t, task=k)["recentred"] for t in words.PATTERNS]
        for k in ("saying", "poetry")
    ]
    best = [row.index(max(row)) for row in found]
    holds(best[0] != best[1], "that no pattern was best on both")
    return [
        "you choose a pattern",
        "a plain one; with labels, try several",
        f"four tried, recentred: {min(found[0]):.1%} to {max(found[0]):.1%}; unseen books "
        f"{min(found[1]):.1%} to {max(found[1]):.1%}",
        "none was best on both: without labels you cannot know",
        "4",
    ]


def _of_labels(study, spent, no_label):
    """The rows on a few labels, and on pattern or new head."""
    biases, head = "pattern, biases", "fresh head, mean"
    gain = results.over_no_label(study, no_label, biases)
    lead = {n: results.difference(study, biases, head, n, "recentred") for n in (4, 32)}
    there = results.difference(study, *lesson.OTHER_TASK, 16, "recentred", "poetry")
    ratio = spent["pattern, whole model"][0] / spent[biases][0]
    holds("not settled" in gain[4] and "not" not in gain[8], "a gain from 8 on")
    return [
        [
            "you have 8 to 32 labels",
            "train the biases from the pattern, recentre again",
            f"over no label: {gain[8]} (8 labels), {gain[32]} (32); with 4 {gain[4]}",
            f"{spent[biases][1]:.0f} ms a step, {4e-6 * spent[biases][0]:.2f} MB per task, "
            f"{ratio:.0f} times fewer numbers than the whole model",
            "6; Reference, D",
        ],
        [
            "you wonder about a new head",
            "the pattern, if labels are few",
            f"biases minus new head, recentred: {lead[4]} (4 labels), {lead[32]} (32)",
            f"not seen on the unseen books: whole model, 16 labels {there}",
            "6",
        ],
    ]
