"""Chapter 26: the settings of `tinyft study 26`, and which of them a method chooses."""

import numpy as np

from tinyft.course.experiment import SEEDS
from tinyft.course.lessons.life import ch26_words as words
from tinyft.course.runs import CHOOSING

RATES = (1e-3, 3e-3, 1e-2)
FISHERS = ("true", "sampled", "empirical", "argmax", "batch")
FISHER_RATE, STRENGTHS = 3e-3, (1.0, 1e1, 1e2, 1e3, 1e4, 1e5)
COPIED = 1e2  # the λ of the true Fisher, given to all five
SIZES = (1, 5, 20, 50)
NONE, SPRING, LWF, OSF, GPM, KEPT = "nothing", "L2-SP", "LwF", "OSF", "GPM", "rehearsal"
EWC, ALL, BARE, RANDOM = "EWC, true", "all at once", "biases frozen", "GPM, random"
ARM = "kind", "method", "strength", "lr"
BEYOND = {  # where the best rate of RATES was at the edge
    "domains": {NONE: (3e-4,), LWF: (3e-4,), GPM: (3e-2,)},
    "digits": {SPRING: (3e-2, 1e-1), EWC: (3e-4,), LWF: (3e-2,), OSF: (3e-4,)},
}
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
        SPRING: (0.01, 0.1, 1.0, 3.0, 10.0),
        EWC: (1e1, 1e2, 1e3, 1e4, 1e5, 1e6),
        LWF: (0.03, 0.1, 0.3, 1.0, 3.0),
        OSF: (0.1, 0.25),
        GPM: (0.6, 0.8, 0.9, 0.95),
        KEPT: SIZES,
        ALL: (0.0,),
    },
}
CONTROLS = {
    "domains": {BARE: (0.0,), RANDOM: (0.8, 0.9, 0.95)},
    "digits": {BARE: (0.0,), RANDOM: (0.6, 0.8, 0.9)},
}
CAN_BORROW = (SPRING, EWC, LWF, OSF, GPM)


def other(kind):
    """The other one of the two sequences."""
    return {"domains": "digits", "digits": "domains"}[kind]


def rates(kind, method):
    """The rates that a method may choose from, sorted."""
    return tuple(sorted((*RATES, *BEYOND[kind].get(method, ()))))


def pairs(kind, method):
    """Every (strength, rate) that a method may choose from."""
    strengths = (GRIDS[kind] | CONTROLS[kind]).get(method, ())
    found = [(s, lr) for s in strengths for lr in rates(kind, method)]
    if kind == "domains" and method.startswith("EWC, "):
        found += [(s, FISHER_RATE) for s in STRENGTHS]
    return list(dict.fromkeys(found))


def settings():
    """Every strength at every rate, on both sequences; five Fishers at one rate; the
    students of the aside."""
    arms = [
        (kind, method, *pair)
        for kind in GRIDS
        for method in (GRIDS[kind] | CONTROLS[kind])
        for pair in pairs(kind, method)
    ]
    arms += [
        ("domains", f"EWC, {f}", *pair)
        for f in FISHERS[1:]
        for pair in pairs("domains", f"EWC, {f}")
    ]
    students = [
        {"kind": words.KIND, "method": m, "strength": 0.0, "lr": lr, "seed": seed}
        for m, (_, _, _, some) in words.ARMS.items()
        for lr in some
        for seed in SEEDS[:3]
    ]
    return [dict(zip(ARM, a)) | {"seed": s} for s in CHOOSING for a in arms] + students


def more(study):
    """The other seeds: each method at what the first two chose on valid.

    Each size of the buffer at its own best rate; each Fisher at its own best strength
    and at COPIED; "nothing" at every rate that some method chose, also with its biases
    frozen; each method at what it chose in the other sequence.
    """
    arms = []
    for kind in GRIDS:
        best = {m: choice(study, kind, m) for m in (GRIDS[kind] | CONTROLS[kind])}
        arms += [(kind, m, *pair) for m, pair in best.items()]
        arms += [(kind, KEPT, *choice(study, kind, KEPT, size)) for size in SIZES]
        arms += [(kind, m, 0.0, lr) for _, lr in best.values() for m in (NONE, BARE)]
        arms += [
            (kind, m, *choice(study, other(kind), m)) for m in CAN_BORROW if m in best
        ]
    for f in FISHERS:
        of_best = choice(study, "domains", f"EWC, {f}", lr=FISHER_RATE)
        arms += [("domains", f"EWC, {f}", *of_best)]
        arms += [("domains", f"EWC, {f}", COPIED, FISHER_RATE)]
    arms = [dict(zip(ARM, arm)) for arm in dict.fromkeys(arms)]
    planned = settings()
    wanted = [arm | {"seed": seed} for seed in SEEDS for arm in arms]
    return [one for one in wanted if one not in planned]


def choice(study, kind, method, strength=None, lr=None):
    """(strength, rate) of the least validation error, an average of the seeds of
    CHOOSING; strength, lr: this one only."""
    found = study.where(kind=kind, method=method)
    allowed = [
        (s, rate)
        for s, rate in pairs(kind, method)
        if strength in (None, s) and lr in (None, rate)
    ]

    def error(pair):
        values = found.where(strength=pair[0], lr=pair[1]).values("valid")
        return np.mean(values[: len(CHOOSING)])

    return min(sorted(allowed), key=error)


def chosen(study, kind, method, strength=None, lr=None):
    """The runs, one per seed, of what a method chose."""
    s, rate = choice(study, kind, method, strength, lr)
    return study.where(kind=kind, method=method, strength=s, lr=rate)
