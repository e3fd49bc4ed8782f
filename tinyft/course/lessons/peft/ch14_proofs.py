"""Chapter 14: what can be known exactly, of Proofs and of the planted kink in Core.

draw_planted(ends, floor)                        section 4: what m ReLUs can express
problem(K), trained(...), best(H, C, Y, m)       section B, (14.5) and (14.6)
fused(d, names, x), scores(delta, y, added)      section C, (14.7)
weights_path(outputs, y, steps), simplex(...)    section D, (14.10)
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np

from tinyft import ops, peft, tensor
from tinyft.course.plot import COLOURS, show
from tinyft.course.toys import descend, frozen, set_random

# --- Core, section 4 ---------------------------------------------------------------------


def draw_planted(ends, floor):
    """ends: {name: last loss of each seed}; floor: the best linear map's loss."""
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    for i, values in enumerate(ends.values()):
        at = i + np.linspace(-0.15, 0.15, len(values))
        ax.plot(at, values, "o", color=COLOURS["blue"])
    ax.axhline(
        floor, linestyle="--", color="0.4", label="best linear map, least squares"
    )
    ax.set(xlabel="adapter", ylabel="loss at the end", ylim=(-0.02, None))
    ax.set_xticks(range(len(ends)), ends)
    ax.legend(loc="center right")
    text = "; ".join(f"{k}: {min(v):.3f} to {max(v):.3f}" for k, v in ends.items())
    caption = (
        "Figure 2. A dot per start (five seeds). No linear adapter gets below the dashed "
        "line, however wide; two ReLUs can reach zero, four do so from every start."
    )
    show(fig, f"Losses at the end for four adapters: {text}. {caption}", caption)


# --- B: reduced-rank regression behind a frozen head C ------------------------------------


def problem(K, n=60, d=5):
    """Centred H (n, d), unequal in its directions; a head C (K, d); Y (n, K)."""
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    H = rng.normal(size=(n, d)) * [1.8, 1.4, 1.1, 0.8, 0.6] @ turn
    C, T = rng.normal(size=(K, d)), rng.normal(size=(d, K))
    Y = H @ (C.T + T) + 0.5 * rng.normal(size=(n, K))
    return H - H.mean(0), C, Y - Y.mean(0)


def trained(H, C, Y, m, seed, steps=1000):
    """The loss where descent with momentum ends: the library's linear adapter."""
    model, n = frozen(np.eye(5), C), len(H)
    adapter = peft.attach(model, peft.Bottleneck(m, "none"), "body", rng=seed)

    def loss():
        return ((model(tensor(H)) - tensor(Y)) ** 2).sum() / (2 * n)

    return descend(adapter.parameters(), loss, steps, 0.08 / len(C), momentum=0.9)[-1]


def best(H, C, Y, m):
    """(M*, L*) by (14.5) and (14.6)."""
    n, P = len(H), C @ np.linalg.pinv(C)
    DR, root, inverse = regression(H, C, Y)
    cut, tail = truncate(P @ DR @ root, m)
    least = np.sum((Y - H @ C.T - H @ DR.T) ** 2) / (2 * n)
    beyond = np.sum(((np.eye(len(C)) - P) @ DR @ root) ** 2)
    return np.linalg.pinv(C) @ cut @ inverse, least + tail / 2 + beyond / 2


def regression(H, C, Y):
    """D_R, Σ^½, Σ^-½."""
    w, V = np.linalg.eigh(H.T @ H / len(H))
    DR = np.linalg.lstsq(H, Y - H @ C.T, rcond=None)[0].T
    return DR, V * w**0.5 @ V.T, V * w**-0.5 @ V.T


def truncate(A, m):
    """(A cut to its m largest singular values, the sum of the other squares)."""
    u, s, v = np.linalg.svd(A, full_matrices=False)
    return u[:, :m] * s[:m] @ v[:m], np.sum(s[m:] ** 2)


def loss_of(M, H, C, Y):
    """1/2n ‖Y − H (I + M)ᵀ Cᵀ‖²."""
    return np.sum((Y - H @ (np.eye(len(M)) + M).T @ C.T) ** 2) / (2 * len(H))


# --- C: fusion ---------------------------------------------------------------------------


def fused(d, names, x):
    """Random adapters after a frozen layer: (model, fusion, y, what each adds to y)."""
    W = np.linalg.qr(np.random.default_rng(7).normal(size=(d, d)))[0]
    model, added = frozen(W), []
    y = model(tensor(x)).numpy()
    for i, name in enumerate(names):
        one = peft.attach(model, peft.Bottleneck(3, "tanh"), "body", name=name, rng=i)
        set_random(one.parameters(), np.random.default_rng(i))
        peft.switch(model, name)
        added.append(model(tensor(x)).numpy() - y)
    fusion = peft.attach(model, peft.Fusion(tuple(names)), name="fusion", rng=5)
    return model, fusion, y, np.stack(added, 1)


def scores(delta, y, added):
    """q·k_n in plain NumPy, (rows, N)."""
    (Q, bq), (K, bk) = (
        [p.numpy() for p in part.parameters()] for part in (delta.query, delta.key)
    )
    return np.einsum("bd,bnd->bn", y @ Q.T + bq, added @ K.T + bk)


# --- D: one weight for all tokens ---------------------------------------------------------


def weights_path(outputs, y, steps):
    """Softmax weights by gradient descent on the logits, rate 1; the path (steps, N)."""
    s, path = tensor(np.zeros(len(outputs)), requires_grad=True), []

    def loss():
        w = ops.softmax(s)
        path.append(w.numpy().copy())
        return ((w @ tensor(outputs) - tensor(y)) ** 2).sum() / (2 * len(y))

    descend([s], loss, steps, 1.0)
    return np.array(path)


def simplex(outputs, y):
    """Least squares over the simplex: every support solved with Σw = 1, the best kept."""
    found = []
    for k in range(1, len(outputs) + 1):
        for pick in map(list, itertools.combinations(range(len(outputs)), k)):
            last, w = outputs[pick[-1]], np.zeros(len(outputs))
            A = (outputs[pick[:-1]] - last).T
            w[pick[:-1]] = np.linalg.lstsq(A, y - last, rcond=None)[0]
            w[pick[-1]] = 1 - w.sum()
            if w.min() >= 0:
                found.append((np.sum((w @ outputs - y) ** 2), tuple(w)))
    return np.array(min(found)[1])
