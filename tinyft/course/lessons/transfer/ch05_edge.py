"""Chapter 05, small models: a walk, noise, the edge of stability, what a step costs."""

import contextlib
import time
from itertools import pairwise

import numpy as np

from tinyft import nn, no_grad, optim, peft, tensor, transfer
from tinyft.course import experiment, toys
from tinyft.course.lessons.transfer import ch05_digits as digits
from tinyft.course.plot import COLOURS, curves, show
from tinyft.training.pretrained import load_pretrained

RANKS = (1, 2, 4, 8)


def features(model, count=200):
    """(X, Y): the ResNet's last features of inverted digits, and the labels as 0 and 1.

    X (count, 64) is what `fc` reads; float64.
    """
    x, y = (part[:count] for part in digits.held_out("inverted")["test"])
    maps = transfer.drift.features(model, x, ["layer3"])["layer3"]
    return tensor(maps).numpy().mean((2, 3)).astype(float), np.eye(10)[y]


def untouched():
    """The Bible's GPT on Python's documentation, untrained on it: test loss, nats."""
    model, tokens = load_pretrained("gpt_kjv")[:2]
    return experiment.loss_on(model, experiment.text_parts("pydoc", tokens)["test"])


def linear(W):
    """A linear layer without bias that starts from W (out, in) and trains."""
    layer = nn.Linear(*W.shape[::-1], bias=False, dtype=str(W.dtype))
    layer.weight.data = tensor(W).data
    return layer


def walk(theta0, x, y, rule, lr, steps):
    """θ before and after each step of `rule` on ½‖xθ − y‖²: (steps + 1, d), float64."""
    layer, path = linear(theta0[None]), [theta0]
    step = rule(layer.parameters(), lr=lr)
    for _ in range(steps):
        step.zero_grad()
        (((layer(tensor(x)) - tensor(y[:, None])) ** 2).sum() * 0.5).backward()
        step.step()
        path.append(layer.weight.numpy()[0].copy())
    return np.array(path)


def descent(X, Y, lr, steps=60, r=None, alpha=8.0, rslora=False):
    """Losses of descent on one linear layer: all of W, or B of a LoRA whose A is frozen."""
    model = toys.frozen(np.zeros((Y.shape[1], X.shape[1])))
    params = list(model.parameters())
    if r is not None:
        spec = peft.LoRA(r=r, alpha=alpha, rslora=rslora)
        delta = peft.attach(model, spec, "body", rng=0).deltas["body"]
        params = [delta.B]
    x, y, n = tensor(X), tensor(Y), len(X)
    return toys.descend(
        params, lambda: ((model(x) - y) ** 2).sum() * (1 / (2 * n)), steps, lr
    )


def start_of_A(shape, r, rng=0):
    """The A that `descent` starts from, (r, in)."""
    model = toys.frozen(np.zeros(shape))
    delta = peft.attach(model, peft.LoRA(r=r, alpha=1), "body", rng=rng).deltas["body"]
    return delta.A.numpy()


def edge_of_full(X):
    """The largest stable rate of a linear layer of which everything trains, (5.4)."""
    return 2 * len(X) / np.linalg.norm(X, 2) ** 2


def edge(X, A, alpha, rslora=False):
    """The largest stable rate of B while A is frozen, (5.10)."""
    s = alpha / (len(A) ** 0.5 if rslora else len(A))
    return 2 * len(X) / (s * np.linalg.norm(X @ A.T, 2)) ** 2


def edges(X, outputs, alpha, rslora, draws=40):
    """{r: the median over draws of A of the largest stable rate}."""
    shape = outputs, X.shape[1]
    return {
        r: float(
            np.median(
                [
                    edge(X, start_of_A(shape, r, seed), alpha, rslora)
                    for seed in range(draws)
                ]
            )
        )
        for r in RANKS
    }


def draw_edges(full, plain, root):
    """Figure 5, from the edge of full fine-tuning and {r: edge} under both scales."""
    curves(
        {"LoRA, α/r": list(plain.values()), "LoRA, α/√r": list(root.values())},
        "rank r",
        "largest stable rate",
        "Figure 6. Real features, B trains; medians of 40 draws of A. Under α/r the edge "
        "rises with the rank, under α/√r it stays. Under α/r it is not a fixed "
        "multiple of full fine-tuning's.",
        x=list(plain),
        levels={"full fine-tuning": full},
        xscale="log",
        yscale="log",
    )


def draw_run(rows):
    """Figure 1: the training loss, two held-out losses and the accuracy, a panel each."""
    import matplotlib.pyplot as plt

    fig, (left, right, last) = plt.subplots(1, 3, figsize=(9.6, 3.2))
    left.plot(rows["step"], rows["training loss"], color=COLOURS["black"])
    left.set(xlabel="training step", yscale="log", ylabel="training loss (nats)")
    dashes = {"held-out loss": "-", "loss of the wrong answers": "--"}
    for (name, dash), colour in zip(dashes.items(), ("blue", "vermilion")):
        right.plot(rows["step"], rows[name], dash, color=COLOURS[colour], label=name)
    right.set(xlabel="training step", ylabel="held-out loss (nats)", ylim=(0, None))
    right.legend(fontsize=8)
    last.plot(rows["step"], rows["accuracy"], color=COLOURS["green"])
    last.set(xlabel="training step", ylabel="held-out accuracy", ylim=(0, 1))
    caption = (
        "Figure 1. Sixteen labels, all parameters trained. Left: the training loss goes "
        "to zero (logarithmic axis). Middle: the held-out loss falls, then rises again; "
        "dashed, the mean loss of the pictures that are answered wrongly at that step. "
        "Right: the accuracy rises and stays."
    )
    show(fig, f"Three panels against training step. {caption}", caption)


def draw_way(theta0, end, paths, line):
    """Figure 2: two parameters, one equation. paths {name: (steps, 2)}, line (2, 2)."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(5.6, 4.0))
    ax.plot(*line.T, color="0.5", label="all θ with xθ = y")
    for (name, path), colour, mark in zip(paths.items(), ("blue", "vermilion"), "ov"):
        look = {"color": COLOURS[colour], "marker": mark, "markersize": 3}
        ax.plot(*path.T, label=name, **look)
    ax.plot(
        *paths["Adam"][-1], "*", color=COLOURS["vermilion"], ms=14, label="Adam's end"
    )
    ax.plot(*theta0, "s", color=COLOURS["orange"], label="start θ0")
    ax.plot(*end, "D", color="black", label="nearest solution, (5.2)")
    ax.set(xlabel="θ₁", ylabel="θ₂", aspect="equal", xlim=(-1.4, 4.4))
    ax.legend(fontsize=9, loc="upper right")
    caption = (
        "Figure 2. One example, two parameters: every point of the grey line has zero "
        "loss. Plain descent walks straight to the nearest one, Adam to another (star)."
    )
    show(fig, f"Two paths from the start to a line. {caption}", caption)


# --- what a step costs -------------------------------------------------------------------
def work(sizes, r=None):
    """Multiplications of a step for one example of a chain of linear layers, (5.13)."""
    total = 0
    for i, (a, b) in enumerate(pairwise(sizes)):
        below = int(i > 0)
        total += a * b * (2 + below) if r is None else a * b * (1 + below)
        total += 0 if r is None else 3 * r * b + r * a * (2 + below)
    return total


WORK = {"forward": 1, "forward and backward": 3, "a whole step of Adam": 3}


def passes(width, layers):
    """{name: a function that does that part of a step} of a chain of square layers.

    The input takes a gradient too, so every matrix is used three times, as `WORK` says;
    an optimiser multiplies each weight a few times, whatever the batch: not counted.
    """
    shapes = [(width, width)] * layers
    model = nn.Sequential(*(nn.Linear(*s, bias=False, rng=0) for s in shapes))
    rule, x = optim.Adam(model.parameters(), lr=1e-6), np.ones((256, width), "f4")

    def forward(grad=False):
        with contextlib.nullcontext() if grad else no_grad():
            return (model(tensor(x, requires_grad=grad)) ** 2).sum()

    def backward():
        forward(grad=True).backward()

    def step():
        backward()
        rule.step()
        rule.zero_grad()

    return dict(zip(WORK, (forward, backward, step)))


def chain(width, layers, r=None):
    """A step of SGD on a chain of square layers: all weights, or LoRA on each."""
    sizes = [width] * (layers + 1)
    model = nn.Sequential(
        *(nn.Linear(a, b, bias=False, rng=0) for a, b in pairwise(sizes))
    )
    params = list(model.parameters())
    if r is not None:
        params = peft.attach(model, peft.LoRA(r=r, alpha=8), r"\d+", rng=0).parameters()
    rule, x = optim.SGD(list(params), lr=1e-6), tensor(np.ones((256, width), "f4"))

    def step():
        (model(x) ** 2).sum().backward()
        rule.step()
        rule.zero_grad()

    return step


def quickest(steps, rounds=5, calls=6):
    """{name: the least processor seconds of some rounds, per call}, in alternation.

    A round is several calls: some clocks tick a hundred times a second.
    """
    seconds = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            began = time.process_time()
            for _ in range(calls):
                step()
            seconds[name].append((time.process_time() - began) / calls)
    return {name: min(values) for name, values in seconds.items()}
