"""Chapter 24: what a step of DPO and a sampled text cost."""

import time

import numpy as np

from tinyft import objectives
from tinyft.course.experiment import race
from tinyft.course.lessons.alignment import ch24_preferences as lesson
from tinyft.course.lessons.alignment import ch24_setting as setting


def step_times(rounds=3):
    """{way: processor ms} of a step on 16 pairs: the reference each time, or kept; and
    of fine-tuning on the 16 chosen answers."""
    run, kept = lesson.Run("DPO", 1e-3, 0), lesson.Run("DPO", 1e-3, 0)
    kept.loss = lambda x, y: objectives.pair_loss(
        kept.model, x, y, np.full(2 * lesson.BATCH, -90.0)
    )
    steps = {
        "DPO": run.step,
        "the reference computed once": kept.step,
        "the chosen answers alone": lesson.Run("chosen only", 1e-3, 0).step,
    }
    found = race(steps, rounds, clock=time.process_time)
    return {name: 1e3 * seconds for name, seconds in found.items()}


def sampling_time(count=256):
    """CPU ms per text of 24 tokens."""
    gpt, began = setting.gpt(), time.process_time()
    setting.sample(gpt, count, 0)
    return 1e3 * (time.process_time() - began) / count


def fitting_time(x, pairs):
    """CPU ms of fitting the linear reward to these comparisons."""
    began = time.process_time()
    lesson.fit_reward(x, pairs)
    return 1e3 * (time.process_time() - began)


def sizes():
    """MB in float32 of the model, of what LoRA trains with AdamW's two averages."""
    run = lesson.Run("DPO", 1e-3, 0)
    trained = sum(p.data.size for p in run.params)
    every = sum(p.data.size for p in run.model.parameters())
    return 4e-6 * (every - trained), 4e-6 * 3 * trained
