"""Chapter 24b: what the study found, as rows of tables."""

import numpy as np

from tinyft.course import runs
from tinyft.course.experiment import said, said_gap
from tinyft.course.lessons.alignment import ch24b_policy_gradients as lesson


def study():
    """The committed runs."""
    return runs.load("24b_policy_gradients")


def method(name, of=None):
    """The five runs of a method at β = 0.05, one update, at its rate."""
    of = of or study()
    return of.where(method=name, **lesson.PLAIN).at_best_rate()


def changed(of=None, **how):
    """The five runs of RLOO with something changed, at RLOO's rate."""
    of = of or study()
    return of.where(method="RLOO", **(lesson.PLAIN | how), lr=lesson.RATE)


def aim(found, part="test", beta=lesson.BETA):
    """Reward − β KL of each seed, an array (5,)."""
    reward, kl = (np.array(found.values(f"{part} {what}")) for what in ("reward", "KL"))
    return reward - beta * kl


def row(name, found, against):
    """Name, reward, KL, tokens, aim, and the aim less that of `against`, paired."""
    lr = found[0]["settings"]["lr"]
    gap = "–" if found is against else said_gap(aim(found) - aim(against), 3)
    return [
        name,
        f"{lr:g}",
        said(found.values("test reward"), 3),
        said(found.values("test KL"), 2),
        said(found.values("test tokens"), 1),
        said(aim(found), 3),
        gap,
    ]


HEAD = ["", "rate", "reward", "KL, nats", "tokens", "reward − 0.05 KL", "minus RLOO's"]


def methods():
    """A row per method."""
    rloo = method("RLOO")
    others = (m for m in lesson.METHODS if m != "RLOO")
    return [row("RLOO", rloo, rloo), *(row(m, method(m), rloo) for m in others)]


def others():
    """A row per change of RLOO that keeps β = 0.05."""
    rloo = method("RLOO")
    names = {
        "KL in the loss, ρ k3": {"kl": "loss, rho k3"},
        "KL in the loss, k3 without ρ": {"kl": "loss, k3"},
        "4 updates per batch": {"updates": 4},
        "4 updates per batch, clipped": {"updates": 4, "clip": True},
    }
    return [row(name, changed(**how), rloo) for name, how in names.items()]


def frontier():
    """{β: (KLs, rewards)} of RLOO on test, a value per seed."""
    found = {
        0.0: changed(beta=0.0),
        lesson.BETA: method("RLOO"),
        0.2: changed(beta=0.2),
    }
    return {b: (f.values("test KL"), f.values("test reward")) for b, f in found.items()}


def rates():
    """Reward − 0.05 KL on valid by rate, the two seeds that choose it: a row per method."""
    rows = []
    for name in lesson.METHODS:
        found = study().where(method=name, **lesson.PLAIN)
        means = {}
        for lr in lesson.RATES:
            some = found.where(lr=lr)
            means[lr] = np.mean([-r["scores"]["valid"] for r in some
                                 if r["settings"]["seed"] in runs.CHOOSING])  # fmt: skip
        rows.append([name, *(f"{means[lr]:.3f}" for lr in lesson.RATES)])
    return rows
