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


def changed(of=None, lr=lesson.RATE, **how):
    """The five runs of RLOO with something changed, at RLOO's rate or another."""
    of = of or study()
    return of.where(method="RLOO", **(lesson.PLAIN | how), lr=lr)


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
        "4 steps per batch": {"updates": 4},
        "4 steps per batch, clipped": {"updates": 4, "clip": True},
        "4 steps, slower": {"updates": 4, "lr": lesson.SLOWER},
        "4 steps, slower, clipped": {"updates": 4, "clip": True, "lr": lesson.SLOWER},
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
    """Reward − 0.05 KL on valid, and tokens per answer, by rate: a row per method.

    Means over the two seeds that choose the rate.
    """
    rows = []
    for name in lesson.METHODS:
        found = study().where(method=name, **lesson.PLAIN)
        cells = []
        for lr in lesson.RATES:
            some = [found.where(lr=lr, seed=seed)[0]["scores"] for seed in runs.CHOOSING]
            mean, tokens = (np.mean([s[k] for s in some]) for k in ("valid", "valid tokens"))
            cells.append(f"{-mean:.3f}, {tokens:.0f} tokens")
        rows.append([name, *cells])
    return rows


def gap(found, against, digits=3):
    """The paired difference of reward − 0.05 KL on test, as text."""
    return said_gap(aim(found) - aim(against), digits)


def got(found):
    """ "0.91 ± 0.03 for 4.6 ± 0.5 nats", on test."""
    reward, kl = (found.values(f"test {what}") for what in ("reward", "KL"))
    return f"{said(reward)} for {said(kl, 1)} nats"


def advice():
    """What to set: situation, what to do, what it gave, the section that varied it."""
    rloo, clip = method("RLOO"), changed(updates=4, clip=True)
    return [
        ["which method", "RLOO; GRPO or Dr. GRPO will do", f"GRPO {gap(method('GRPO'), rloo)}", "3, 6"],
        ["where the KL goes", "k1 in the reward", f"ρ k3 in the loss {gap(changed(kl='loss, rho k3'), rloo)}", "5, 6"],
        ["the price β", "start where β · 5 nats costs a quarter of the reward", f"0.05: {got(rloo)}; 0.2: {got(changed(beta=0.2))}", "6"],
        ["rate", f"sweep it; here {lesson.RATE:g} (LoRA, Adam)", "a factor of 3 either way costs more than the method", "Reference, B"],
        ["steps per batch", "one; with several, clip", f"4, clipped {gap(clip, rloo)}; 4, not clipped {gap(changed(updates=4), rloo)}", "6"],
        ["answers per prompt", "8, of 4 prompts", "by custom", "–"],
    ]  # fmt: skip
