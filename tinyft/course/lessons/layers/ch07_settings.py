"""Chapter 07: what a step, a readout and trying cost, and the table "What to set"."""

import numpy as np

from tinyft import optim, tensor, transfer
from tinyft.course.experiment import race, step_memory
from tinyft.course.lessons.layers import ch07_advice as advice
from tinyft.course.lessons.layers import ch07_which_layers as lesson


def costs(name="shape"):
    """{part: (parameters, seconds, MB)} of a training step on 32 images.

    What lies below the part is computed beforehand, as `fit` does. MB: gradients,
    stored outputs and the optimiser's state at the peak, beyond the network itself.
    """
    x, y = (a[:32] for a in lesson.labelled(name, 0)["train"])
    steps = {part: one_step(part, x, y) for part in lesson.ARMS}
    seconds = race({part: step for part, (step, _) in steps.items()}, rounds=5)
    return {
        part: (count, seconds[part], step_memory(step)[1] * 2**20 / 1e6)
        for part, (step, count) in steps.items()
    }


def one_step(part, x, y):
    """(a function that trains the part for one step, how many numbers it trains)."""
    net = lesson.network()
    transfer.freeze(net, ".*")
    transfer.unfreeze(net, lesson.BLOCKS[part])
    adam = optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-4)
    h, loss = lesson.below(net, part, x), lesson.above(part)

    def step():
        loss(net, tensor(h), tensor(y)).backward()
        adam.step()
        adam.zero_grad()

    return step, sum(p.size for p in net.parameters() if p.requires_grad)


def readout(depth="layer1", name="shape"):
    """(numbers, seconds) of a linear readout of a depth, from 100 labelled images."""
    net, (x, y) = lesson.network(), lesson.labelled(name, 0)["train"]

    def made():
        F = lesson.outputs(net, x, depth)
        return transfer.linear_probe(F, y, 5e-5 * transfer.spread(F))

    found = made()
    return found.weight.size + found.bias.size, race({depth: made}, rounds=3)[depth]


def trying(cost):
    """(runs, seconds) of every part at every rate of its grid, once. cost: of `costs`."""
    runs = {part: len(rates) for part, rates in lesson.RATES.items()}
    seconds = sum(n * lesson.STEPS * cost[part][1] for part, n in runs.items())
    return sum(runs.values()), seconds


def by_rate(study, name, part):
    """Test accuracy of a part at each rate tried, mean of the seeds: "0.003: 61%, ..."."""
    found = study.where(task=name, block=part)
    mean = {lr: np.mean(found.where(lr=lr).values("test")) for lr in lesson.RATES[part]}
    return ", ".join(f"{lr:g}: {value:.0%}" for lr, value in mean.items())


ADVICE = (  # (what, do, where it was measured)
    ("first", "probe the depths, on validation images", "section 2"),
    ("best depth − end within the margin", "fit the head; it may be enough",
     "section 3, `shape`"),
    ("beyond it", "read out the best depth: no tuning at all", "section 3"),
    ("validation shows too little", "try earlier parts, and all, each at its own rate; fit "
     "the head first if the classes have new names", "section 3, Figure 1"),
    ("the run you keep", "check its own validation accuracy: one run of `all` in five "
     "collapsed", "Reference, H"),
    ("two tasks", "a head or a readout each: one forward pass serves both tasks",
     "by construction"),
)  # fmt: skip


def rows(study, cost):
    """Rows (what, do, measured in) of "What to set"."""
    (_, t0, _), (_, t1, _), (_, t, _) = (cost[b] for b in ("head", "layer1", "all"))
    (n, seconds), (hits, draws) = trying(cost), advice.rgn_hits(study)
    best = "; ".join(f"{b} {span(advice.rates(study, b))}" for b in lesson.ARMS)
    return [
        *ADVICE,
        ["a guess without trying", "the part of largest relative gradient (auto-RGN): the "
         f"best part in {hits} of {draws} draws; its own recipe, a rate per part, was not "
         "trained here", "Reference, G"],
        ["trying", f"{n} runs of {lesson.STEPS} steps, every part at its grid of rates: "
         f"{seconds:.0f} s here, then more seeds", "the times above"],
        ["rate", "its own for each part and task", f"best: {best}"],
        ["cost", "head and readout are nearly free, an early part is not",
         f"time of a step: layer1 {t1 / t:.0%} of all, head {t0 / t:.0%}"],
    ]  # fmt: skip


def span(rates):
    """The values of {task: rate} as text: "0.01" or "0.01 to 1"."""
    low, high = min(rates.values()), max(rates.values())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
