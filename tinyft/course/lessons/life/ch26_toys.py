"""Chapter 26: small experiments with a known truth."""

import numpy as np

from tinyft import nn, optim, tensor
from tinyft.transfer import continual, l2sp
from tinyft.transfer.continual import linear

OPTIMISERS = {
    "SGD, momentum": lambda ps: optim.SGD(ps, 0.02, 0.9),
    "SGD, momentum, decay of W": lambda ps: optim.SGD(ps, 0.02, 0.9, weight_decay=0.1),
    "Adam": lambda ps: optim.Adam(ps, 0.02),
}
GUARDS = ("nothing", "the gradient", "the step")


def layer(W):
    """A Linear layer without a bias, float64, with a copy of these weights (out, in)."""
    made = nn.Linear(*W.shape[::-1], bias=False, dtype="float64")
    made.weight.data[...] = tensor(W).data
    return made


def leaks():
    """A row per optimiser: its name, the leak with each of GUARDS as text."""
    return [[o, *(f"{leak(o, g):.0e}" for g in GUARDS)] for o in OPTIMISERS]


def leak(optimiser, guard, k=4, steps=100):
    """How far a 10 × 14 layer leaves what OSF holds: max(|D V|, |Uᵀ D|)."""
    rng = np.random.default_rng(11)
    model = layer(rng.normal(size=(10, 14)))
    x, y = tensor(rng.normal(size=(60, 14))), tensor(rng.normal(size=(60, 10)))
    held = continual.Complement(model, continual.top_subspaces(model, k))
    step = OPTIMISERS[optimiser](model.parameters())
    for _ in range(steps):
        step.zero_grad()
        E = model(x) - y
        ((E * E).sum() / 120).backward()
        if guard == "the gradient":
            held.project_gradients()
        step.step()
        if guard == "the step":
            held.hold()
    return held.leak()


def two_tasks(n=20):
    """(X1, y1, X2, y2): two weights; the old inputs lie almost on one line."""
    rng = np.random.default_rng(2)
    along, across = np.array([[0.9, 0.5]]), np.array([[-0.5, 0.9]])
    X1 = 1.3 * rng.normal(size=(n, 1)) * along + 0.12 * rng.normal(size=(n, 1)) * across
    X2 = rng.normal(size=(n, 2)) @ np.array([[1.0, 0.3], [0.0, 0.7]])
    return X1, X1 @ np.array([0.0, -1.0]), X2, X2 @ np.array([0.2, 2.0])


def ends(old, new, w1):
    """{method: (strength or "", w)} after the new task, all at GPM's new loss.

    old, new: (X, y) of two weights; w1: the old solution.
    """
    (X1, y1), (X2, y2) = old, new
    H1 = X1.T @ X1 / len(X1)
    along = np.linalg.svd(X1)[2][1], np.array([-w1[1], w1[0]]) / np.linalg.norm(w1)
    gpm, osf = (_line(X2, y2, w1, free) for free in along)
    paths = {
        "L2-SP": lambda s: l2sp.closed_form(X2, y2, w1, s),
        "EWC": lambda s: linear.ewc_solution(X2, y2, w1, s * np.diag(np.diag(H1))),
        "LwF": lambda s: linear.lwf_solution(X2, y2, w1, s),
        "rehearsal, all kept": lambda s: linear.rehearsed(X2, y2, X1, y1, s / (1 + s)),
    }
    found = {"nothing": ("", np.linalg.lstsq(X2, y2, rcond=None)[0])}
    for name, path in paths.items():
        s = _strength(path, X2, y2, half_square(X2, y2, gpm))
        found[name] = f"{s:.2f}", path(s)
    return found | {"OSF": ("", osf), "GPM": ("", gpm)}


def half_square(X, y, w):
    """|Xw − y|²/2n."""
    return float(((X @ w - y) ** 2).mean() / 2)


def _line(X, y, w, free):
    """The least loss on the line from w along `free`."""
    z = X @ free
    return w + free * (z @ (y - X @ w)) / (z @ z)


def _strength(path, X, y, target):
    """The strength at which a path of solutions has this new loss, by halving."""
    low, high = -9.0, 9.0  # logarithms
    for _ in range(60):
        middle = (low + high) / 2
        below = half_square(X, y, path(np.exp(middle))) < target
        low, high = (middle, high) if below else (low, middle)
    return float(np.exp(low))


def rehearsal_path(seed, d=6, n1=3, n2=2):
    """(forgetting, |w₂ − w*|) for 0 ... n1 kept examples: least squares, one teacher."""
    rng = np.random.default_rng(seed)
    X1, X2, w = rng.normal(size=(n1, d)), rng.normal(size=(n2, d)), rng.normal(size=d)
    w1 = linear.next_solution(np.zeros(d), X1, X1 @ w)
    found = []
    for kept in range(n1 + 1):
        X = np.vstack([X2, X1[:kept]])
        w2 = linear.next_solution(w1, X, X @ w)
        found.append((np.mean((X1 @ (w2 - w)) ** 2), np.linalg.norm(w2 - w)))
    return np.transpose(found)


def one_example_tasks(degrees, w):
    """(forgetting by descent, |(I − P₁)w|²) of two unit inputs at an angle, in 2-D."""
    a = np.deg2rad(degrees)
    X1, X2 = np.array([[1.0, 0.0]]), np.array([[np.cos(a), np.sin(a)]])
    w1 = linear.next_solution(np.zeros(2), X1, X1 @ w)
    w2 = linear.next_solution(w1, X2, X2 @ w)
    return float(((X1 @ (w2 - w)) ** 2).mean()), float(w[1] ** 2)
