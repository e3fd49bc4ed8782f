"""Chapter 10: TENT at too high a rate, on digits that it could read half of."""

import numpy as np

from tinyft import no_grad, tensor, transfer
from tinyft.course.experiment import SEEDS, interval, said
from tinyft.course.lessons.safeguards import ch10_batchnorm as lesson
from tinyft.course.lessons.safeguards.ch10_results import points
from tinyft.course.plot import COLOURS, DASHES, show

MARKS = (0, 5, 10, 20, 40, 60)


def collapse(name, lr, diversity, marks=MARKS, batch=16, seeds=SEEDS):
    """{"entropy", "accuracy", "share": (seeds, marks)} on test images, along TENT's steps.

    share: of the images that get the commonest answer. TENT runs from mark to mark, and
    its momentum starts again at each.
    """
    found = {
        k: np.empty((len(seeds), len(marks))) for k in ("entropy", "accuracy", "share")
    }
    for i, seed in enumerate(seeds):
        model, x = lesson.base(seed), lesson.target(name, "adapt", seed)[0]
        rng = np.random.default_rng(seed)
        for j, count in enumerate(np.diff((0, *marks))):
            some = [x[rng.choice(len(x), batch, False)] for _ in range(count)]
            transfer.tent(model, some, lr, diversity)
            for key, value in _scores(model, lesson.target(name, "test", seed)).items():
                found[key][i, j] = value
    return found


def _scores(model, part):
    x, y = part
    with no_grad():
        z = model(tensor(x))
        H = transfer.entropy(z).item()
    answers = z.numpy().argmax(1)
    share = np.bincount(answers).max() / len(y)
    return {"entropy": H, "accuracy": (answers == y).mean(), "share": share}


def draw_collapse(found, marks=MARKS):
    """Figure 5: entropy and accuracy against steps, {method: what `collapse` returns}."""
    import matplotlib.pyplot as plt

    fig, panels = plt.subplots(1, 2, figsize=(8.6, 3.3))
    for ax, key in zip(panels, ("entropy", "accuracy")):
        for i, (name, values) in enumerate(found.items()):
            mean, half = np.transpose([interval(v) for v in values[key].T])
            look = {"color": COLOURS[("blue", "orange")[i]], "linestyle": DASHES[i]}
            ax.plot(marks, mean, marker="os"[i], label=name, **look)
            ax.fill_between(
                marks, mean - half, mean + half, color=look["color"], alpha=0.18
            )
        ax.set(xlabel="steps of TENT", ylabel=f"{key} on moved digits")
    panels[0].legend(fontsize=9)
    ends = {k: (v["entropy"][:, -1].mean(), v["accuracy"][:, -1].mean())
            for k, v in found.items()}  # fmt: skip
    text = "; ".join(
        f"{k}: entropy {h:.2f}, accuracy {a:.2f}" for k, (h, a) in ends.items()
    )
    show(fig, f"Two panels against steps of TENT, entropy and accuracy; at the end {text}.",
         "Figure 5. Moved digits, batches of 16, rate 1, five seeds, bands 95 %. Step 0: "
         "test images normalised by themselves. Both entropies fall.")  # fmt: skip


def rows(found):
    """Method, accuracy before and after, the paired difference, the commonest answer."""
    ends = {k: (v["accuracy"][:, 0], v["accuracy"][:, -1]) for k, v in found.items()}
    return [
        [name, said(old, 3), said(new, 3), points(new, old),
         said(found[name]["share"][:, -1])]
        for name, (old, new) in ends.items()
    ]  # fmt: skip
