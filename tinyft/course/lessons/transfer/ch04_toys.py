"""Chapter 04: two small worlds whose right answer is known.

Two long clouds, and what a small and a large penalty make of them; two linear layers,
fine-tuned from two heads.
"""

import numpy as np

from tinyft import nn, tensor, transfer
from tinyft.course.plot import COLOURS, show


def clouds(seed=4):
    """(Z (60, 2), y): two classes, both long in one direction, apart across it."""
    rng, y = np.random.default_rng(seed), np.repeat([0, 1], 30)
    Z = rng.normal(size=(60, 2)) * (2.0, 0.25)
    Z += np.where(y[:, None] == 1, (1.0, 0.6), (-1.0, -0.6))
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    return Z @ turn, y


def two_directions():
    """Draw the border of a probe for a small and a huge λ; returns their errors."""
    import matplotlib.pyplot as plt

    Z, y = clouds()
    fig, ax = plt.subplots(figsize=(5.4, 4.2))
    for k, (mark, colour) in enumerate((("o", "sky"), ("^", "orange"))):
        look = {"color": COLOURS[colour], "label": f"class {k}"}
        ax.plot(*Z[y == k].T, mark, markersize=5, **look)
    errors = [
        _border(ax, Z, y, 1e-6, "small λ", "black", "-"),
        _border(ax, Z, y, 10.0, "large λ", "vermilion", "--"),
    ]
    ax.set(xlabel="feature 1", ylabel="feature 2", aspect="equal")
    ax.set(xlim=(-5.2, 5.2), ylim=(-4.2, 4.2))
    ax.legend(fontsize=9, loc="lower right")
    caption = (
        "Figure 1. Each line is a border between the classes, its arrow the direction of "
        f"W. Small λ: {errors[0]} of 60 wrong; large λ, the class means: {errors[1]}."
    )
    text = "Two long parallel clouds in two dimensions with two straight borders. "
    show(fig, text + caption, caption)


def _border(ax, Z, y, relative, name, colour, dashes):
    probe = transfer.linear_probe(Z, y, relative * transfer.spread(Z))
    w = probe.weight[1] - probe.weight[0]
    w, offset = w / np.linalg.norm(w), (probe.bias[0] - probe.bias[1])
    middle = w * offset / np.linalg.norm(probe.weight[1] - probe.weight[0])
    along = np.array([-w[1], w[0]]) * 8
    ends = np.stack([middle - along, middle + along])
    look = {"color": COLOURS[colour], "linestyle": dashes}
    errors = int(np.sum(probe.predict(Z) != y))
    ax.plot(*ends.T, label=f"{name}: {errors} wrong", **look)
    arrow = {"arrowstyle": "->", "color": COLOURS[colour], "linewidth": 2}
    ax.annotate("", middle + 1.5 * w, middle, arrowprops=arrow)
    return errors


def two_layers(B, V):
    """x → x Bᵀ → · Vᵀ without biases: the modules "body" and "head", float64."""
    model = nn.Sequential(
        {
            name: nn.Linear(*W.shape[::-1], bias=False, dtype="float64")
            for name, W in (("body", B), ("head", V))
        }
    )
    for p, W in zip(model.parameters(), (B, V)):
        p.data = tensor(W).data
    return model


def distortion(seed=4):
    """(X, U, Y, B, V, truth): 8 rows that use 3 of 6 inputs, U the other 3; Y = X truthᵀ.

    B (4, 6) is right: some head on it, truth = head B, fits everything. V is random.
    """
    rng = np.random.default_rng(seed)
    X = np.c_[rng.normal(size=(8, 3)), np.zeros((8, 3))]
    B = np.linalg.qr(rng.normal(size=(6, 4)))[0].T
    B[:, :3] = np.linalg.qr(rng.normal(size=(4, 3)))[0]
    B[3] = 0.0  # three features, each seen in training
    head = np.c_[rng.normal(size=(2, 3)), np.zeros((2, 1))]
    V = np.c_[rng.normal(size=(2, 3)), np.zeros((2, 1))]
    return X, np.eye(6)[3:], X @ (head @ B).T, B, V, head @ B


def best_head(features, Y):
    """The least-squares head (K, k) on features (n, k), without a bias."""
    return (np.linalg.pinv(features) @ Y).T


def half_mean(model, X, Y):
    """L of (4.4): ‖model(X) − Y‖² / 2n."""
    return ((model(tensor(X)) - tensor(Y)) ** 2).sum() * (1 / (2 * len(X)))
