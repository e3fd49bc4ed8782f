"""Chapter 21: what a training step costs, with all weights and with LoRA."""

import numpy as np

from tinyft import backend
from tinyft.course.experiment import cost, race, training_step
from tinyft.course.lessons.pretraining.ch21_continued_pretraining import (
    EVERYWHERE,
    LENGTH,
    ROWS,
    fresh,
    ids,
)
from tinyft.course.prose import holds
from tinyft.objectives.language import causal
from tinyft.peft import LoRA, attach


def cost_rows():
    """Rows: full and LoRA; numbers that train, Adam's state, peak, seconds of a step."""
    batch = causal(ids("new"), LENGTH)(np.random.default_rng(0), ROWS)
    full, small = fresh()[0], fresh()[0]
    attach(small, LoRA(8, 16), EVERYWHERE, rng=0)
    models = {"full": full, "LoRA, r = 8": small}
    rows = {name: cost(model, batch) for name, model in models.items()}
    seconds = race({k: training_step(m, batch) for k, m in models.items()}, rounds=5)
    host = backend.device_of(full.embed.weight.data) == "cpu"  # fused: a lower peak
    small, large = rows["LoRA, r = 8"], rows["full"]
    part = {k: small[k] / large[k] for k in small}
    # 7.4 % of the numbers train; what stays also counts some 0.2 MB of Python's objects
    holds(
        part["file per task (MB)"] < 0.1
        and part["Adam's state (MB)"] < 0.15
        and 0.8 < part["beside the base, at the peak (MB)"] < (0.9 if host else 1.0),
        "that LoRA saves Adam's state and the file, and little at the peak",
    )
    digits = {"trained parameters": ",", "file per task (MB)": ".2f",
              "Adam's state (MB)": ".2f",
              "beside the base, at the peak (MB)": ".0f"}  # fmt: skip
    return [
        [name, *(f"{one[k]:{d}}" for k, d in digits.items()), f"{seconds[name]:.2f}"]
        for name, one in rows.items()
    ]


HEAD = ["a step of 20 rows of 48", "trained numbers", "file (MB)", "Adam's state (MB)",
        "memory beside the model, peak (MB)", "seconds"]  # fmt: skip
