"""Chapter 25: what a step costs, and "What to set", every number from the runs."""

import time

from tinyft import models, optim, tensor, transfer
from tinyft.course.experiment import race, step_memory
from tinyft.course.lessons.several import ch25_multitask as lesson
from tinyft.course.lessons.several import ch25_results as results
from tinyft.course.lessons.several import ch25_setting as setting

BASE, ODD = ("upside down", 1.0), ("upside down", lesson.FACTOR)


COST_TRUNK = 64, 256, 256  # wide enough for memory to show
COST_WAYS = {  # way: (its name, whether each task has a head)
    "sum": ("sum, one head", False),
    "heads": ("sum, a head per task", True),
    "started": ("uncertainty weights, one head", False),
    "PCGrad": ("PCGrad, one head", False),
}


def costs(counts=(2, 8), rounds=15):
    """{(way, tasks): {"parameters", "passes", "MB", "ms"}} of one training step.

    Every task has a batch of its own. MB: the peak beyond the model, Adam's state with
    it; ms: processor time, the median, all ways in alternation.
    """
    arms = [(way, count) for count in counts for way in COST_WAYS]
    made = {arm: _step(*arm) for arm in arms}
    steps = {arm: step for arm, (step, _) in made.items()}
    seconds = race(steps, rounds, time.process_time)
    return {
        arm: {
            "parameters": sum(p.size for p in params),
            "passes": arm[1] if arm[0] == "PCGrad" else 1,
            "MB": step_memory(_step(*arm)[0])[1] * 2**20 / 1e6,
            "ms": 1e3 * seconds[arm],
        }
        for arm, (_, params) in made.items()
    }


def cost_rows(found):
    """Rows (way, tasks, parameters, backward passes, MB, ms, times the sum's)."""
    return [
        [
            COST_WAYS[way][0],
            count,
            f"{one['parameters']:,}",
            one["passes"],
            f"{one['MB']:.1f}",
            f"{one['ms']:.1f}",
            f"{one['ms'] / found['sum', count]['ms']:.1f}",
        ]
        for (way, count), one in found.items()
    ]


def _step(way, count):
    """(one step as a function, the parameters that it trains)."""
    tasks = [f"task {t}" for t in range(count)]
    x, y = setting.world("plain", "pool")
    size = setting.BATCH
    arrays = [
        tensor(v[size * t : size * (t + 1)]) for t in range(count) for v in (x, y)
    ]
    if COST_WAYS[way][1]:
        model = setting.heads(dict.fromkeys(tasks, 10), 0, COST_TRUNK)
    else:
        model = models.mlp(*COST_TRUNK, 10, rng=0)
    own = transfer.UncertaintyWeights(dict.fromkeys(tasks, "classification"))
    params = [*model.parameters(), *(own.parameters() if way == "started" else ())]
    step, project = optim.AdamW(params, lr=1e-3), transfer.PCGrad(params, 0)
    add = own if way == "started" else transfer.weighted_sum

    def one():
        losses = setting.losses(model, tasks, arrays)
        if way == "PCGrad":
            project.backward(losses)
        else:
            add(losses).backward()
        step.step()
        step.zero_grad()

    return one, params


ADVICE = [  # situation, do, what it did here, price
    (
        "any two losses",
        "average both over their examples and add them up",
        "with a factor of 20 on B, A was drowned",
        "none",
    ),
    (
        "you know the task when you use the network",
        "give each task its own head",
        "no difference to a network per camera is settled, and the impossible pair is read",
        "a layer per task: {head:,} weights each beside a trunk of {trunk:,}; "
        "it takes no longer",
    ),
    (
        "one output, and scales that you do not trust",
        "uncertainty weights, started at the first losses",
        "A recovered from the factor 20",
        "B's error rose again; not for tasks that cannot both be learnt",
    ),
    (
        "gradients that conflict, at equal scales",
        "stay with the plain sum",
        "PCGrad made no difference that five seeds settle (the renamed pair: no evidence)",
        "PCGrad: a backward pass per task; a step took {two:.1f} times as long "
        "with 2 tasks, {eight:.1f} with 8",
    ),
    (
        "a regression beside a classification",
        "give the target spread 1, keep a positive mean, add up; or started weights",
        "both ways were good at both tasks; with the mean taken off ink was worse",
        "started weights: some digits as a share, some ink in percent",
    ),
    (
        "few labels, and a second task with many",
        "if it determines the answer, learn it and convert; else try it with `decide`",
        "digit helped much, its parity alone more; side harmed a narrow trunk at a = 10",
        "the second task's labels and a run without them",
    ),
]


def advice(found):
    """The rows of ADVICE, in words; `leans` has the numbers.  found: of `costs`."""
    two, eight = (found["PCGrad", n]["ms"] / found["sum", n]["ms"] for n in (2, 8))
    model = setting.heads({"A": 10, "B": 10}, 0)
    head = sum(p.size for p in model.heads["A"].parameters())
    trunk = sum(p.size for p in model.trunk.parameters())
    known = {"two": two, "eight": eight, "head": head, "trunk": trunk}
    return [[text.format(**known) for text in row] for row in ADVICE]


def leans(study, verdicts):
    """Rows (what minus what, first task, second task, condition, section) of differences
    in points, behind the rows of `advice`, in the same order.

    verdicts: rows of `ch25_helpers.verdicts`.
    """
    pairs = [
        ("20 · B minus B", ODD, BASE, "one head, sum", "1"),
        ("two heads minus one", (*BASE, "sum", "two"), BASE, "× 1, sum", "2"),
        ("two heads minus one", (*ODD, "sum", "two"), ODD, "× 20, sum", "2"),
        ("two heads minus alone", (*BASE, "sum", "two"), None, "× 1, sum", "2"),
        ("started minus sum", (*ODD, "started"), ODD, "one head, × 20", "4"),
        ("PCGrad minus sum", (*BASE, "PCGrad"), BASE, "one head, × 1", "3"),
        ("PCGrad minus sum", (*ODD, "PCGrad"), ODD, "one head, × 20", "3"),
    ]
    rows = []
    for name, first, second, condition, section in pairs:
        gaps = (
            results.gap(
                results.world(study, *first),
                results.world(study, *(second or (*BASE, f"{task} alone"))),
                task,
            )
            for task in "AB"
        )
        rows.append([name, *gaps, f"upside down, {condition}", section])
    for unit in ("share", "percent"):
        arms = results.unit(study, unit, "started"), results.unit(study, unit, "sum")
        gaps = (results.gap(*arms, task) for task in ("digit", "ink"))
        rows.append(["started minus sum", *gaps, f"digit; ink left, as {unit}", "4"])
    for name, gap, verdict, _ in verdicts:
        rows.append(
            [f"{name} minus none", f"{gap} ({verdict})", "", "even, 30 labels", "6"]
        )
    return rows
