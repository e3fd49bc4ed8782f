"""Chapter 13's small helpers: layers that one can solve by hand, estimates, pictures."""

import matplotlib.pyplot as plt
import numpy as np

from tinyft import evaluation, nn, no_grad, ops, optim, tensor
from tinyft.course.experiment import race, said, step_memory
from tinyft.course.lessons.peft import ch13_bitfit as lesson
from tinyft.course.plot import COLOURS, show


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def centred(b):
    return b - b.mean()


def marginal_bias(z, pi, sweeps=2000):
    """The bias that matches the class frequencies π: (13.12), from b = 0, centred."""
    b = np.zeros(len(pi))
    for _ in range(sweeps):
        b = b + np.log(pi) - np.log(softmax(z + b).mean(0))
    return centred(b)


def misplaced(pi, seed):
    """Total variation: the share of images that π puts into a wrong class."""
    return np.abs(pi - lesson.target(seed)["prior"]).sum() / 2


def gap_of_classes(z, y):
    """The share of images that the mean prediction puts into a wrong class."""
    return (
        np.abs(softmax(z).mean(0) - np.bincount(y, minlength=z.shape[1]) / len(y)).sum()
        / 2
    )


def shrunk(C, mu, strength):
    """The class shares of (13.7)."""
    theta = C.T @ (mu - C.sum(1))
    w = 1 + np.linalg.solve(C.T @ C + strength * np.eye(len(C)), theta)
    pi = np.maximum(w * C.sum(0), 0)
    return pi / pi.sum()


def shrinking(z, y, seeds, images, strengths):
    """{strength: misplaced share for each seed}, from few target images."""
    C = evaluation.confusion(softmax(z), y)
    model = lesson.source_model()
    mu = [
        softmax(lesson.logits(model, lesson.target(s)["more"][:images])).mean(0)
        for s in seeds
    ]
    return {
        k: [misplaced(shrunk(C, m, k), s) for m, s in zip(mu, seeds)] for k in strengths
    }


def linear(rng, inputs, outputs, bias=True):
    return nn.Linear(inputs, outputs, bias=bias, rng=rng, dtype="float64")


def half_mean(out, y):
    return ((out - tensor(y)) ** 2).sum() * (0.5 / len(y))


def descend(model, x, y, parameters, lr, steps, loss=half_mean, decay=0.0):
    """Plain gradient descent on all rows; the losses before each step."""
    step, seen = optim.SGD(parameters, lr=lr, weight_decay=decay), []
    for _ in range(steps):
        value = loss(model(tensor(x)), y)
        seen.append(float(value.data))
        value.backward()
        step.step()
        step.zero_grad()
    return seen


def predict(model, x):
    """The model's outputs, float64, without a tape."""
    with no_grad():
        return model(tensor(x)).numpy().astype(float)


def step_costs():
    """{method: (MB of a step beyond the model, its time as a share of full's)}."""
    x, y = lesson.target(0)["train"]
    steps = {name: _step(make(lesson.source_model()), x, y) for name, make in _makes()}
    peak = {name: step_memory(step)[1] * 2**20 / 1e6 for name, step in steps.items()}
    seconds = race(steps, rounds=5)
    full = seconds["full fine-tuning"]
    return {name: (peak[name], seconds[name] / full) for name in steps}


def _makes():
    return [(name, make) for name, (make, _) in lesson.METHODS.items()]


def _step(trained, x, y):
    model = getattr(trained, "model", trained).train()
    parameters = [p for p in trained.parameters() if p.requires_grad]
    step = optim.Adam(parameters, lr=1e-4)

    def once():
        ops.cross_entropy(model(tensor(x)), y).backward()
        step.step()
        step.zero_grad()

    return once


def draw_shares(truth, predicted):
    """Figure 1: true and predicted class shares, the most frequent first."""
    order = np.argsort(-truth)
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    for i, (name, p, colour) in enumerate(
        [("true share", truth, "black"), ("predicted, on average", predicted, "orange")]
    ):
        at = np.arange(10) + 0.4 * i - 0.2
        ax.bar(at, p[order], 0.4, label=name, color=COLOURS[colour])
    ax.set(
        xticks=range(10),
        xticklabels=order,
        xlabel="digit",
        ylabel="share of the images",
    )
    ax.legend()
    show(
        fig,
        "Bars for the ten digits, most frequent first: the true shares fall steeply, "
        "the shares that the frozen model predicts fall much less.",
        "Figure 1. One target (seed 0). The model spreads its predictions over digits "
        "that hardly occur in this place.",
    )


def draw_scales(scales, kl):
    """Figure 3: distance to the true posterior against the scale of the logits."""
    fig, ax = plt.subplots(figsize=(6.2, 3.7))
    for row, label, colour, style in (
        (0, "no correction", "black", "^:"),
        (1, "log πt/πs", "orange", "s--"),
        (2, "best bias", "blue", "o-"),
    ):
        ax.plot(scales, kl[:, row], style, color=COLOURS[colour], label=label)
    ax.axvline(1, color="0.7", linewidth=0.8)
    ax.annotate("calibrated", (1.03, kl.max() * 0.9))
    ticks = [0.25, 0.5, 1, 2, 4]
    ax.set(xscale="log", xticks=ticks, xticklabels=["¼", "½", "1", "2", "4"])
    ax.set(xlabel="scale κ of the logits (1: calibrated)")
    ax.set(ylabel="KL to the true posterior (nats)")
    ax.minorticks_off()
    ax.legend()
    show(
        fig,
        "KL divergence against the scale of the logits, three curves. With calibrated "
        "logits the log-ratio bias and the best bias both reach zero; away from scale "
        "one both rise, the log ratio more; without a correction it is far larger.",
        "Figure 3. Only at κ = 1 does a bias lead to the true posterior. Logits that are "
        "too large (right) cost more than logits that are too small (left).",
    )


def draw_biases(ratios, biases, seen):
    """Figure 4: trained biases against the log ratio, by the number of labels."""
    fig, ax = plt.subplots(figsize=(6.0, 3.8))
    for chosen, name, colour, marker in (
        (seen > 2, "3 labels or more", "blue", "o"),
        ((seen > 0) & (seen < 3), "1 or 2 labels", "orange", "s"),
        (seen == 0, "no label", "vermilion", "x"),
    ):
        ax.plot(
            ratios[chosen], biases[chosen], marker, color=COLOURS[colour], label=name
        )
    ends = [ratios.min(), ratios.max()]
    ax.plot(ends, ends, "--", color="0.5", label="log ratio (13.3)")
    ax.set(
        xlabel="log πt/πs, centred (nats)", ylabel="trained change of the bias (nats)"
    )
    ax.legend(fontsize=8)
    show(
        fig,
        "Trained biases against the log ratio of priors scatter about the diagonal; "
        "classes without a label form a flat row.",
        "Figure 4. Fifty biases: ten classes, five targets. The dashed line is (13.3).",
    )


def off(estimates):
    """The misplaced share over the targets as text, with ±."""
    return said([misplaced(pi, seed) for seed, pi in enumerate(estimates)])


def learned_biases(lr, prior):
    """(log ratios, trained biases, labels seen), of ten classes of five targets."""
    before, found = lesson.source_model().fc.bias, []
    for seed in range(5):
        target = lesson.target(seed)
        moved = lesson.tuned("last bias", lr, seed).fc.bias - before
        labels = np.bincount(target["train"][1], minlength=10)
        ratio = np.log(target["prior"] / prior)
        found.append((centred(ratio), centred(moved.numpy()), labels))
    return [np.concatenate(column) for column in zip(*found)]


def with_shares(calibrate, old, estimates, z_test):
    """(accuracies, losses) of five targets: logits calibrated for the shares `old`."""
    found = []
    for seed, (z, pi) in enumerate(zip(z_test, estimates)):
        bias = np.log((pi + 1e-3) / old)  # a class at 0 keeps a finite bias
        found.append(
            lesson.scores(calibrate(z) + bias, *lesson.target(seed)["test"][1:])
        )
    return np.array(found).T
