"""Chapter 24b: what the study found, as rows of tables."""

import numpy as np

from tinyft.course import runs
from tinyft.course.experiment import said, said_gap, settled
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
    less = "–" if found is against else gap(found, against)
    return [
        name,
        f"{lr:g}",
        said(found.values("test reward"), 3),
        said(found.values("test KL"), 2),
        said(found.values("test tokens"), 1),
        said(aim(found), 3),
        less,
    ]


HEAD = ["", "rate", "reward", "KL, nats", "tokens", "reward − 0.05 KL", "minus RLOO's"]


def methods():
    """A row per method."""
    rloo = method("RLOO")
    others = (m for m in lesson.METHODS if m != "RLOO")
    return [row("RLOO", rloo, rloo), *(row(m, method(m), rloo) for m in others)]


def others():
    """A row per change of RLOO."""
    rloo = method("RLOO")
    names = {
        "no price: β = 0": {"beta": 0.0},
        "β = 0.2": {"beta": 0.2},
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
            some = [
                found.where(lr=lr, seed=seed)[0]["scores"] for seed in runs.CHOOSING
            ]
            mean, tokens = (
                np.mean([s[k] for s in some]) for k in ("valid", "valid tokens")
            )
            cells.append(f"{-mean:.3f}, {tokens:.0f} tokens")
        rows.append([name, *cells])
    return rows


def rates_found(base):
    """What the table of rates shows, as Markdown; base: the base's reward on valid."""
    aims = {}  # {method: [mean aim at each rate]}
    for name in lesson.METHODS:
        rows = study().where(method=name, **lesson.PLAIN)
        aims[name] = [
            np.mean([aim(rows.where(lr=lr, seed=s), "valid")[0] for s in runs.CHOOSING])
            for lr in lesson.RATES
        ]
    first = [a[0] for a in aims.values()]
    centred = np.array([a for name, a in aims.items() if name != "REINFORCE"])
    third, three = centred[:, 2] - centred[:, 1], centred[:, 2] - centred[:, 3]
    return f"""
At the smallest rate 20 batches reach {min(first):.2f} to {max(first):.2f}, from the
base's {base:.2f}: a beginning. For the three methods with a baseline, a third of the best
rate costs {third.min():.2f} to {third.max():.2f}, and three times the best rate
{three.min():.2f} to {three.max():.2f}; at their best rate these methods differ by at
most {np.ptp(centred[:, 2]):.2f}.
"""


def gap(found, against=None, digits=3):
    """The paired difference of reward − 0.05 KL on test to RLOO's, as text."""
    against = against or method("RLOO")
    return said_gap(aim(found) - aim(against), digits)


def got(found):
    """The reward and what it cost on test: "0.91 ± 0.03 for 4.6 ± 0.5 nats"."""
    reward, kl = (found.values(f"test {what}") for what in ("reward", "KL"))
    return f"{said(reward)} for {said(kl, 1)} nats"


def several(**how):
    """The runs of four steps per batch."""
    return changed(updates=4, **how)


COMPARED = {  # what the chapter's sentences say of reward − 0.05 KL, minus RLOO's
    "GRPO": (lambda: method("GRPO"), 0),
    "Dr. GRPO": (lambda: method("Dr. GRPO"), 0),
    "REINFORCE": (lambda: method("REINFORCE"), -1),
    "ρ k3 in the loss": (lambda: changed(kl="loss, rho k3"), 0),
    "k3 in the loss": (lambda: changed(kl="loss, k3"), 0),
    "4 steps, clipped": (lambda: several(clip=True), -1),
}


def verdicts():
    """Two lists: how each comparison of COMPARED is settled, and what the text says."""
    against = aim(method("RLOO"))
    pairs = [
        (settled(aim(runs_of()) - against), told) for runs_of, told in COMPARED.values()
    ]
    return tuple(map(list, zip(*pairs)))


def found():
    """What the study found, as Markdown; the checks of `verdicts` hold its words."""
    rloo, worst = method("RLOO"), several()
    gaps = {name: gap(runs_of()) for name, (runs_of, _) in COMPARED.items()}
    rewards = ", ".join(f"{r:.2f}" for r in worst.values("test reward"))
    slow, slow_clip = (several(lr=lesson.SLOWER, **how) for how in ({}, {"clip": True}))
    return f"""
**What was found.** The differences below are those of the last column.

- **The price works.** At β = 0.05 RLOO earns {got(rloo)}. At β = 0.2 it earns
  {got(changed(beta=0.2))}. Without a price it earns everything, for more than a hundred.
  The last two columns charge every row 0.05 per nat; these two were trained at other
  prices, so their low values are not a defeat.
- **A baseline helps.** REINFORCE, which has none, ends lower: {gaps["REINFORCE"]}.
  Between RLOO and GRPO or Dr. GRPO five seeds settle nothing: the bias of section 3 does
  not show in this run.
- **The place of the KL is not settled** by twenty batches: {gaps["ρ k3 in the loss"]}
  with ρ k3 in the loss, {gaps["k3 in the loss"]} with k3 without ρ.
- **Four steps on a batch need care.** At the same rate and without a clip, the five seeds
  end at rewards of {rewards}, with {said(worst.values("test tokens"), 1)} tokens per
  answer, its end included: they have collapsed. With the clip they survive, but end lower:
  {gaps["4 steps, clipped"]}. At a third of the rate nothing is settled: {gap(slow)}
  without the clip, {gap(slow_clip)} with it.
"""


def advice():
    """What to set: question, what to do, what it gave here, its price, the section."""
    place, rloo = gap(changed(kl="loss, rho k3")), method("RLOO")
    slow = gap(several(clip=True, lr=lesson.SLOWER))
    return [
        [
            "Which method?",
            "RLOO: the simplest with a baseline and an exact gradient",
            f"REINFORCE {gap(method('REINFORCE'))}; GRPO {gap(method('GRPO'))}",
            "several answers per prompt",
            "2, 3, 6",
        ],
        [
            "Where does the KL go?",
            "k1 in the reward: with a baseline it ends at (24b.7)",
            f"ρ k3 in the loss {place}",
            "one pass of the base per batch",
            "5, 6",
        ],
        [
            "Which β?",
            "try two or three, and read the samples of each",
            f"0.05: {got(rloo)}; 0.2: {got(changed(beta=0.2))}",
            "a run for each",
            "6",
        ],
        [
            "Which rate?",
            f"sweep it; {lesson.RATE:g} here (LoRA, AdamW)",
            *("see the table of rates", "a run for each", "Reference, B"),
        ],
        [
            "How many steps per batch?",
            "one; if sampling is slow, four at a lower rate with the clip",
            f"four at {lesson.SLOWER:g}, clipped: {slow}",
            "a collapse at too large a rate",
            "4, 6",
        ],
        ["How many answers per prompt?", "8, by custom", "not varied", "–", "–"],
    ]
