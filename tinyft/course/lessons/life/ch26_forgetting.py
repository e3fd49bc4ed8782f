"""Chapter 26: five tasks in sequence on digits, and the runs of `tinyft study 26`."""

from functools import cache

import numpy as np

from tinyft import models, no_grad, ops, optim, tensor
from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.life import ch26_guards as guards
from tinyft.course.runs import CHOOSING
from tinyft.data import load_digits, shift
from tinyft.training.metrics import on_device
from tinyft.transfer import continual

DOMAINS = ("plain", "inverted", "rotated", "shifted", "noisy")
PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
STEPS, BATCH = {"domains": 300, "digits": 150}, 32


@cache
def splits():
    """{"train", "valid", "test": (x (N, 1, 8, 8), y (N,))}: 1078, 360 and 359 images."""
    x, y = load_digits("train")
    order = np.random.default_rng(26).permutation(len(y))
    parts = {"train": order[360:], "valid": order[:360]}
    return {k: (x[i], y[i]) for k, i in parts.items()} | {"test": load_digits("test")}


@cache
def tasks(kind="domains"):
    """A list of five tasks, each {part: (x (n, 64), y (n,))}.

    "domains": all ten digits, the pictures of each task changed in another way.
    "digits": two new digits per task, pictures as they are.
    """
    if kind == "digits":
        return [
            {part: _of(pair, *xy) for part, xy in splits().items()} for pair in PAIRS
        ]
    return [
        {part: (flat(changed(x, name, part)), y) for part, (x, y) in splits().items()}
        for name in DOMAINS
    ]


def changed(x, name, part):
    """The pictures x (n, 1, 8, 8) of one of DOMAINS."""
    rng = np.random.default_rng(("train", "valid", "test").index(part))
    return {
        "plain": lambda: x,
        "inverted": lambda: shift(x, "invert"),
        "rotated": lambda: shift(x, "rotate"),
        "shifted": lambda: shift(x, "translate", offset=(2, 0)),
        "noisy": lambda: shift(x, "noise", rng),
    }[name]()


def _of(pair, x, y):
    keep = np.isin(y, pair)
    return flat(x[keep]), y[keep]


def flat(x):
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


def network(seed):
    """64 pixels, twice 64 hidden units, ten classes."""
    return models.mlp(64, 64, 64, 10, rng=seed)


def loss(model, x, y):
    return ops.cross_entropy(model(x), y)


def learn(model, x, y, steps, lr, rng, extra=None, after=None):
    """Adam on random batches; extra(logits, x) joins the loss, after() follows a step."""
    step = optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    for _ in range(steps):
        rows = rng.integers(0, len(y), BATCH)
        inputs, labels = on_device(model, (x[rows], y[rows]))
        logits = model(inputs)
        value = ops.cross_entropy(logits, labels)
        (value + extra(logits, inputs) if extra else value).backward()
        step.step()
        step.zero_grad()
        if after:
            after()


def accuracy(model, xy):
    x, y = xy
    with no_grad():
        return float((model(tensor(x)).numpy().argmax(axis=1) == y).mean())


# --- tinyft study 26 -------------------------------------------------------------------

RATES = (1e-3, 3e-3, 1e-2)
FISHERS = ("true", "sampled", "empirical", "argmax", "batch")
FISHER_RATE, STRENGTHS = 3e-3, (1.0, 1e1, 1e2, 1e3, 1e4, 1e5)
SIZES = (1, 5, 20, 50)
NONE, SPRING, LWF, OSF, GPM, KEPT = "nothing", "L2-SP", "LwF", "OSF", "GPM", "rehearsal"
EWC, ALL = "EWC, true", "all at once"
ARM = "kind", "method", "strength", "lr"
BEYOND = {NONE: 3e-4, LWF: 3e-4, GPM: 3e-2}  # where the best rate was at the edge
GRIDS = {
    "domains": {
        NONE: (0.0,),
        SPRING: (0.003, 0.01, 0.03, 0.1),
        EWC: (1e1, 1e2, 1e3),
        LWF: (0.1, 0.3, 1.0),
        OSF: (0.1, 0.25),
        GPM: (0.8, 0.9, 0.95, 0.97, 0.99),
        KEPT: SIZES,
        ALL: (0.0,),
    },
    "digits": {
        NONE: (0.0,),
        SPRING: (0.01, 0.1),
        EWC: (1e1, 1e3, 1e5, 1e6),
        LWF: (0.3, 1.0, 3.0),
        GPM: (0.6, 0.8, 0.95),
        KEPT: SIZES,
        ALL: (0.0,),
    },
}


def plan():
    """Every strength at every rate, on both sequences; five Fishers at one rate."""
    arms = [
        (kind, method, strength, lr)
        for kind, methods in GRIDS.items()
        for method, strengths in methods.items()
        for strength in strengths
        for lr in (*RATES, BEYOND.get(method))
        if lr and (kind == "domains" or lr in RATES)
    ]
    arms += [
        ("domains", f"EWC, {f}", s, FISHER_RATE) for f in FISHERS for s in STRENGTHS
    ]
    arms = [dict(zip(ARM, arm)) for arm in dict.fromkeys(arms)]
    return [arm | {"seed": seed} for seed in CHOOSING for arm in arms]


def finals(grids):
    """The other seeds: each method at what the first two chose on valid.

    Each size of the buffer at its own best rate; each Fisher at its own best strength.
    """
    found = [chosen(grids, kind, method) for kind in GRIDS for method in GRIDS[kind]]
    found += [chosen(grids, kind, KEPT, size) for kind in GRIDS for size in SIZES]
    found += [chosen(grids, "domains", f"EWC, {f}", lr=FISHER_RATE) for f in FISHERS]
    arms = dict.fromkeys(tuple(runs[0]["settings"][k] for k in ARM) for runs in found)
    others = SEEDS[len(CHOOSING) :]
    return [dict(zip(ARM, arm)) | {"seed": seed} for seed in others for arm in arms]


def run(kind, method, strength, lr, seed):
    """The scores of one sequence: "valid" is an error, the others are on test images."""
    if method == ALL:
        return at_once(kind, lr, seed)
    tables = in_sequence(kind, method, strength, lr, seed)
    R = tables["test"]
    scores = {
        "valid": 1 - continual.final_accuracy(tables["valid"]),
        "final": continual.final_accuracy(R),
        "forgetting": continual.forgetting(R).mean(),
        "just after": continual.just_after(R),
    }
    return {name: round(float(v), 4) for name, v in scores.items()}


def in_sequence(kind, method, strength, lr, seed, steps=None):
    """{"valid", "test": R (5, 5)} of one method, NaN above the diagonal."""
    model, rng = network(seed), np.random.default_rng(seed)
    guard, steps = guards.make(method, strength), steps or STEPS[kind]
    tables = {part: np.full((5, 5), np.nan) for part in ("valid", "test")}
    every = tasks(kind)
    for i, task in enumerate(every):
        extra, after = guard.begin(model, i, kind, rng)
        learn(model, *task["train"], steps, lr, rng, extra, after)
        guard.end(model, *task["train"], rng)
        for part, R in tables.items():
            R[i, : i + 1] = [accuracy(model, one[part]) for one in every[: i + 1]]
    return tables


def at_once(kind, lr, seed):
    """The scores of as many steps on all tasks mixed: nothing can be forgotten."""
    model, every = network(seed), tasks(kind)
    x, y = map(np.concatenate, zip(*(task["train"] for task in every)))
    learn(model, x, y, 5 * STEPS[kind], lr, np.random.default_rng(seed))
    valid, final = (
        float(np.mean([accuracy(model, task[part]) for task in every]))
        for part in ("valid", "test")
    )
    scores = {"valid": 1 - valid, "final": final, "forgetting": 0, "just after": final}
    return {name: round(float(v), 4) for name, v in scores.items()}


def chosen(study, kind, method, strength=None, lr=None):
    """The runs of the strength and rate with the least validation error, an average of
    the seeds of CHOOSING; strength, lr: this one only."""
    found = study.where(kind=kind, method=method)
    pairs = {(r["settings"]["strength"], r["settings"]["lr"]) for r in found}
    pairs = [
        p for p in sorted(pairs) if strength in (None, p[0]) and lr in (None, p[1])
    ]
    runs = [found.where(strength=s, lr=rate) for s, rate in pairs]
    return min(runs, key=lambda some: np.mean(some.values("valid")[: len(CHOOSING)]))
