"""Chapter 16: planted tasks, the best fit of each shape, and the pictures.

planted(D)                 a layer W and a task whose answer is W + D
kept(D, shape)             the share of ‖D‖² that a shape can write, exactly
draw_changes, draw_blocks  figures 2 and 5
"""

import itertools

import numpy as np

from tinyft import nn, peft
from tinyft.course.experiment import train
from tinyft.course.low_rank import truncated
from tinyft.course.plot import curves, show
from tinyft.peft.methods.structured.kronecker import rearranged


# --- planted tasks -----------------------------------------------------------------------
def planted(D, n=64):
    """(a linear layer W, batches): Y = X (W + D)ᵀ with XᵀX/n = I, always the same batch.

    So the loss |Y' − Y|²/2n of a change ΔW is ‖ΔW − D‖²/2. D: (out, in), in <= n.
    """
    rng, (out, inp) = np.random.default_rng(0), D.shape
    linear = nn.Linear(inp, out, bias=False, rng=0)
    X = n**0.5 * np.linalg.qr(rng.normal(size=(n, inp)))[0]
    Y = X @ (linear.weight.numpy() + D).T
    same = X.astype("f4"), Y.astype("f4")
    return linear, lambda rng: itertools.repeat(same)


def half_square(model, x, y):
    """|model(x) − y|² / 2n: summed over outputs, mean over the n examples, one half."""
    return ((model(x) - y) ** 2).sum() * (1 / (2 * len(x)))


def attached(linear, method, seed=0):
    """(the layer with a method of the library on it, its delta)."""
    model = nn.Sequential({"fc": linear})
    return model, peft.attach(model, method, "fc", rng=seed).deltas["fc"]


def fitted(D, method, lr, steps=200, seed=0):
    """(losses, ΔW) of a method of the library trained on the planted change D."""
    linear, batches = planted(D)
    W = linear.weight.numpy().copy()
    model, _ = attached(linear, method, seed)
    losses = train(model, batches, lr, steps, seed, loss=half_square)
    return losses, model.fc.weight.numpy() - W


def same_in_every_head(heads=4, width=8):
    """I ⊗ P: one change P (width, width) of Frobenius norm 1, the same in each head."""
    P = np.random.default_rng(3).normal(size=(width, width))
    return np.kron(np.eye(heads), P / np.linalg.norm(P)), P / np.linalg.norm(P)


# --- the best fit of each shape, without training ----------------------------------------
def best_kronecker(D, factor):
    """The nearest W₁ ⊗ W₂ with W₁ (factor, factor)."""
    W1, W2, _ = peft.nearest_kronecker(D, (factor, factor))
    return np.kron(W1, W2)


def best_miss(D, r):
    """The nearest Dᵀ [I … I]: each column is the mean over the columns r apart."""
    A = np.tile(np.eye(r), -(-D.shape[1] // r))[:, : D.shape[1]]
    return D @ A.T @ np.linalg.inv(A @ A.T) @ A


def best_turn(W, D, block):
    """W Rᵀ − W nearest to D, R orthogonal in blocks: Procrustes for each block."""
    parts = []
    for start in range(0, W.shape[1], block):
        part = slice(start, start + block)
        target, own = (W + D)[:, part].T, W[:, part].T
        R, _ = peft.orthogonal.procrustes(target, own)
        parts.append((R @ own).T)
    return np.concatenate(parts, axis=1) - W


def best_fits(W, D):
    """{shape: its best ΔW at the chapter's budget}: exact, by a closed form each."""
    return {
        "LoRA, r = 4": truncated(D, 4),
        "LoKr, factor 5": best_kronecker(D, 5),
        "MiSS, r = 8": best_miss(D, 8),
        "OFT, blocks of 16": best_turn(W, D, 16),
    }


def shares(weights, changes):
    """{shape: the share of ‖D‖² that its best fit catches, mean over the matrices}."""
    found = {}
    for path, D in changes.items():
        for name, fit in best_fits(weights[path], D).items():
            share = 1 - np.sum((D - fit) ** 2) / np.sum(D**2)
            found.setdefault(name, []).append(share)
    return {name: float(np.mean(values)) for name, values in found.items()}


# --- pictures ----------------------------------------------------------------------------
def _image(ax, matrix, title, every=(0, 0)):
    """A heat map with thin lines after every so many rows and columns (0: none)."""
    top = np.abs(matrix).max()
    ax.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top)
    for line, step, size in zip((ax.axhline, ax.axvline), every, matrix.shape):
        for at in range(step, size if step else 0, step or 1):
            line(at - 0.5, color="black", linewidth=0.7)
    ax.set_title(title, fontsize=9)
    ax.axis("off")


def draw_changes(changes, every, caption):
    """Figure 2, from {title: ΔW}: red is positive, blue negative, white zero.

    every: {name: (rows, columns)}: thin lines every so many, on the map of that name.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 4, figsize=(8.4, 4.9))
    for ax in axes.flat:
        ax.axis("off")
    for ax, (title, D) in zip(axes.flat, changes.items()):
        _image(ax, D, title, every.get(title.split(":")[0], (0, 0)))
    names = "; ".join(title.replace("\n", ", ") for title in changes)
    show(fig, f"Heat maps of one change for each method: {names}. {caption}", caption)


def draw_blocks(pairs, shape, caption):
    """Figure of rows(D) beside D, from {name: D}; `shape`: of the grid of blocks."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(len(pairs), 2, figsize=(8.4, 2.6 * len(pairs)))
    for (left, right), (name, D) in zip(np.atleast_2d(axes), pairs.items()):
        _image(left, D, name)
        _image(right, rearranged(D, shape), "rows(ΔW): a block per row")
    alt = f"Heat maps of {' and '.join(pairs)}, each beside its rows. {caption}"
    show(fig, alt, caption)


def noise_of(changes):
    """{path: a Gaussian matrix of the shape and size of ΔW}."""
    rng = np.random.default_rng(0)
    return {path: rng.normal(size=D.shape) * D.std() for path, D in changes.items()}


def draw_spectra(W, D):
    """Figure 3: the singular values of one change and of its best fits."""
    found = {"the free change": D, **best_fits(W, D)}
    curves(
        {name: np.linalg.svd(M)[1] + 1e-12 for name, M in found.items()},
        "index",
        "singular value",
        "Figure 3. One 160 × 160 change and its best fits at equal numbers of parameters. "
        "LoRA keeps the 4 largest values, MiSS has 8; LoKr and OFT act in many "
        "directions, and weakly.",
        yscale="log",
        ylim=(1e-4, 1.0),
    )
