"""Chapter 22: what each way costs, and what to set, from the values of the notebook."""

import numpy as np

from tinyft import ops, optim
from tinyft.course.experiment import race
from tinyft.course.lessons.language import ch22_pattern_exploiting as lesson
from tinyft.course.lessons.language import ch22_results as results
from tinyft.course.lessons.language import ch22_setting as setting


def costs(labels=4):
    """{method: (trained numbers, milliseconds per step, rates tried)}; a step is one of
    AdamW on 4 verses; the steps alternate."""
    few, _ = setting.draw(labels, 0)
    made = {m: lesson.build(m, 0) for m in lesson.METHODS}
    seconds = race({m: step(one, few) for m, one in made.items()}, rounds=5)
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


def best_two(study, labels, score="recentred"):
    """(best method, the next, their paired difference as text), by mean accuracy."""
    methods = [m for m in lesson.METHODS if labels in results.shots(m)]
    mean = {m: np.mean(results.values(study, m, labels, score)) for m in methods}
    first, second = sorted(mean, key=mean.get)[::-1][:2]
    return first, second, results.difference(study, first, second, labels, score)
