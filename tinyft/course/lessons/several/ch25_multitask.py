"""Chapter 25: the runs of `tinyft study 25`.

worlds    one question in two worlds: A plain, B altered; B's loss times a factor
units     which digit, and how much ink, in three units of ink
helper    a question with few labels, and a second task with many
"""

from functools import partial

import numpy as np

from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.several import ch25_setting as setting
from tinyft.course.runs import Runs

TEN = (*SEEDS, 5, 6, 7, 8, 9)
RATES = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
SMALL = 3e-4, 1e-3, *RATES[:3]  # "helper" with 30 labels, without the helper "digit"
FACTOR = float(setting.BATCH)  # B's loss summed over the batch, not averaged
WIDE, NARROW = (64, 64, 16), (64, 64, 4)  # the trunks of "helper" and "narrow"
UNITS = {
    "share": lambda ink: ink,
    "percent": lambda ink: 100 * ink,
    "standard": lambda ink: (ink - INK[0]) / INK[1],
    "spread 1": lambda ink: ink / INK[1],  # standardised, but the mean stays
    "centred": lambda ink: 100 * (ink - INK[0]),  # in percent, but the mean goes
}
ALONE = {"A alone": "A", "B alone": "B"}
INK_TIMES = {f"sum, ink × {a}": float(a) for a in (10, 100)}  # weights of ink's loss
PARITY = "digit alone"  # no label of "even": the parity of the likeliest digit
_pool = setting.question("ink", "pool")[1]
INK = float(_pool.mean()), float(_pool.std())  # of the pool: nothing from valid or test


# --- worlds -----------------------------------------------------------------------------


def worlds(other, factor, way, lr, seed, head="one"):
    """(model, {"A", "B": world}) trained on a plain and on another world."""
    names = {"A": "plain", "B": other}
    tasks = {task: setting.world(name, "pool") for task, name in names.items()}
    if way in ALONE:
        tasks = {ALONE[way]: tasks[ALONE[way]]}
    one = head == "one"
    tops = dict.fromkeys(names, 10)
    model = setting.one_head(seed) if one else setting.heads(tops, seed)
    setting.fit(model, tasks, way, lr, seed, {"B": factor})
    return model, names


def world_scores(model, names, part):
    """{task: error rate} in both worlds."""
    return {
        task: float(setting.errors(model, task, *setting.world(name, part)).mean())
        for task, name in names.items()
    }


def _worlds(other, factor, way, head, lr, seed):
    model, names = worlds(other, factor, way, lr, seed, head)
    valid, test = (world_scores(model, names, part) for part in ("valid", "test"))
    judged = ALONE.get(way, "AB")
    return {"valid": np.mean([valid[t] for t in judged]), **test}


# --- units ------------------------------------------------------------------------------


def in_percent(part):
    """(x, ink in percent): a part of the data."""
    x, ink = setting.question("ink", part)
    return x, UNITS["percent"](ink).astype(np.float32)


def units(unit, way, lr, seed):
    """(model, UncertaintyWeights or None) trained on digit and ink."""
    x, ink = setting.question("ink", "pool")
    scaled = UNITS[unit](ink).astype(np.float32)
    tasks = {"digit": setting.question("digit", "pool"), "ink": (x, scaled)}
    tops = {task: setting.OUTPUTS[task] for task in tasks}
    model = setting.heads(tops, seed)
    weights = {"digit": 1.0, "ink": INK_TIMES[way]} if way in INK_TIMES else None
    return model, setting.fit(model, tasks, way, lr, seed, weights=weights)


def unit_scores(model, unit, part):
    """{"digit": error rate, "ink": share of its variance that is left}."""
    x, y = setting.question("digit", part)
    ink = UNITS[unit](setting.question("ink", part)[1])
    return {
        "digit": float(setting.errors(model, "digit", x, y).mean()),
        "ink": setting.unexplained(model, "ink", x, ink),
    }


def _units(unit, way, lr, seed):
    model, _ = units(unit, way, lr, seed)
    valid, test = (unit_scores(model, unit, part) for part in ("valid", "test"))
    return {"valid": min(sum(valid.values()), 99.0), **test}


# --- helper -----------------------------------------------------------------------------


def helper(main, other, labels, weight, way, lr, seed, widths=WIDE):
    """A model trained on `labels` images of a question, and on all of another one."""
    rows = np.random.default_rng(1000 + seed).permutation(
        len(setting.parts()["pool"][1])
    )
    tasks = {main: setting.question(main, "pool", rows[:labels])} if labels else {}
    if other != "none":
        tasks[other] = setting.question(other, "pool")
    tops = {main: setting.OUTPUTS[main], other: setting.OUTPUTS.get(other, 2)}
    model = setting.heads(tops, seed, widths)  # the same start for every helper
    chosen = {main: 1.0, other: weight} if len(tasks) == 2 else None
    setting.fit(model, tasks, way, lr, seed, weights=chosen)
    return model


def _helper(main, other, labels, weight, way, lr, seed, widths=WIDE):
    model = helper(main, other, labels, weight, way, lr, seed, widths)
    scored = parity_errors if way == PARITY else partial(setting.errors, task=main)
    valid, test = (
        float(np.mean(scored(model, x=x, y=y)))
        for x, y in (setting.question(main, part) for part in ("valid", "test"))
    )
    return {"valid": valid, "test": test}


def parity_errors(model, x, y):
    """1 where the likeliest digit has the wrong parity; y: 1 for even, (N,)."""
    digit = setting.outputs(model, "digit", x).argmax(axis=1)
    return (1 - digit % 2 != y).astype(int)


# --- tinyft study 25 ----------------------------------------------------------------------

RUNS = {
    "worlds": _worlds,
    "units": _units,
    "helper": _helper,
    "narrow": partial(_helper, widths=NARROW),
}


def plan():
    """Every rate with every seed: a run takes a quarter of a second."""
    arms = [(arm, RATES, SEEDS) for arm in _world_arms()]
    arms += [(arm, (*RATES, 1.0), SEEDS) for arm in _unit_arms()]
    arms += [(arm, _rates(arm), TEN) for arm in _helper_arms()]
    return [
        arm | {"lr": lr, "seed": seed}
        for arm, rates, seeds in arms
        for lr in rates
        for seed in seeds
    ]


def _rates(arm):
    much = arm["other"] in ("digit", "loop") or arm["labels"] != 30
    few = arm["part"] == "helper" and not much
    return SMALL if few else RATES


def _world_arms():
    def arm(other, factor, way, head="one"):
        return dict(part="worlds", other=other, factor=factor, way=way, head=head)

    yield from (arm("upside down", 1.0, way) for way in ALONE)
    for other in ("shifted", "upside down", "renamed"):
        for way in ("sum", "PCGrad", "started"):
            yield from (arm(other, factor, way) for factor in (1.0, FACTOR))
    yield arm("upside down", FACTOR, "uncertainty")
    for other in ("upside down", "renamed"):
        yield from (arm(other, factor, "sum", "two") for factor in (1.0, FACTOR))


def _unit_arms():
    for unit in ("share", "percent"):
        for way in ("sum", "PCGrad", "uncertainty", "started"):
            yield dict(part="units", unit=unit, way=way)
    for unit in ("standard", "spread 1", "centred"):
        for way in ("sum", "started"):
            yield dict(part="units", unit=unit, way=way)
    for way in INK_TIMES:
        yield dict(part="units", unit="standard", way=way)


def _helper_arms():
    def arm(main, other, labels=30, weight=1.0, way="sum", part="helper"):
        return dict(
            part=part, main=main, other=other, labels=labels, weight=weight, way=way
        )

    for main in ("even", "loop"):
        yield from (arm(main, other) for other in ("none", "digit", "side", "noise"))
    for other in ("digit", "side"):
        yield from (arm("even", other, weight=w) for w in (0.1, 10.0))
        yield arm("even", other, way="PCGrad")
    yield arm("even", "loop")
    for part in ("helper", "narrow"):
        yield arm("even", "digit", 0, way=PARITY, part=part)
    for labels in (100, 300):
        yield from (arm("even", other, labels) for other in ("none", "digit", "side"))
    for other in ("none", "digit", "side"):
        yield arm("even", other, part="narrow")
    yield arm("even", "side", weight=10.0, part="narrow")


def run(part, lr, seed, **arm):
    """One run: its score on valid, smaller is better, and its test errors."""
    scores = RUNS[part](lr=lr, seed=seed, **arm)
    return {name: round(float(value), 4) for name, value in scores.items()}


def chosen(found):
    """The runs of an arm at its best rate: the least mean of "valid" over all seeds.

    Raises ValueError when that is the largest rate tried; at the smallest the curve is
    flat (see the notebook's Reference), and nothing is lost by it.
    """
    mean = {lr: np.mean(values) for lr, values in found.by("lr", "valid").items()}
    rate = min(mean, key=mean.get)
    if rate == max(mean):
        raise ValueError(f"chosen: {rate} is the largest rate tried; try larger ones")
    return Runs(found.where(lr=rate))
