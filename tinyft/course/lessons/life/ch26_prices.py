"""Chapter 26: what each method costs, in time and memory."""

import time

import numpy as np

from tinyft import transfer
from tinyft.course.experiment import race
from tinyft.course.lessons.life import ch26_forgetting as lesson
from tinyft.course.lessons.life import ch26_grids as grids
from tinyft.course.lessons.life import ch26_guards as guards
from tinyft.transfer import continual

TIMED = {
    grids.NONE: 0.0,
    grids.BARE: 0.0,
    grids.SPRING: 0.03,
    grids.EWC: 100.0,
    grids.LWF: 0.3,
    grids.GPM: 0.9,
    grids.KEPT: 20,
}


def rows(gpm):
    """A row per method: numbers stored after four tasks, a step, the end of a task.

    gpm: the GPM guard of a whole sequence.
    """
    steps, ends, sizes = step_costs(), end_costs(), stored(gpm)
    ranges = {m: f"{min(r):.2f} to {max(r):.2f}" for m, r in steps.items()}
    return [[m, f"{sizes[m]:,}", ranges[m], ends.get(m, "–")] for m in ranges]


def stored(gpm):
    """{method: numbers kept between tasks, beside the model}, four tasks being old.

    The fifth end of a task is not counted for GPM's bases: no task follows it.
    """
    named = dict(lesson.network(0).named_parameters())
    weights = sum(p.size for p in named.values())
    matrices = sum(p.size for p in named.values() if p.ndim == 2)
    bases = sum(V.size for _, V in gpm.held.values())
    return {
        grids.NONE: 0,
        grids.BARE: 0,
        grids.SPRING: weights,
        grids.EWC: 2 * weights,
        grids.LWF: weights,
        grids.GPM: matrices + bases,
        grids.KEPT: 4 * TIMED[grids.KEPT] * (64 + 1),
    }


def step_costs(steps=20, races=5):
    """{method: [processor time of a step on the second task, relative to "nothing"]},
    one number per race."""
    every, entrants = lesson.tasks(), {}
    for method, strength in TIMED.items():
        model, rng = lesson.network(0), np.random.default_rng(0)
        guard = guards.make(method, strength)
        guard.begin(model, 0, "domains", rng)
        guard.end(model, *every[0]["train"], rng)
        hooks = guard.begin(model, 1, "domains", rng)
        entrants[method] = _learning(model, every[1]["train"], steps, rng, hooks)
    found = [race(entrants, rounds=3, clock=time.process_time) for _ in range(races)]
    return {m: [t[m] / t[grids.NONE] for t in found] for m in TIMED if m != grids.NONE}


def _learning(model, xy, steps, rng, hooks=(None, None)):
    return lambda: lesson.learn(model, *xy, steps, 1e-4, rng, *hooks)


def end_costs(steps=20):
    """{method: how many plain steps cost as much as the end of a task}, as text."""
    model, (x, y) = lesson.network(0), lesson.tasks()[0]["train"]
    few = [(x[: guards.FISHER_IMAGES], y[: guards.FISHER_IMAGES])]
    some = x[: guards.SPAN_IMAGES]
    seconds = race(
        {
            "steps": _learning(model, (x, y), steps, np.random.default_rng(0)),
            grids.EWC: lambda: transfer.fisher_diagonal(model, few),
            grids.GPM: lambda: continual.input_subspaces(model, some, 0.9),
        },
        rounds=3,
        clock=time.process_time,
    )
    unit = seconds.pop("steps") / steps
    return {m: f"{t / unit:.0f} plain steps" for m, t in seconds.items()}
