"""Chapter 17: what a merge into 4 bits keeps, one block in a picture, code shares."""

import numpy as np

from tinyft import no_grad, peft, quantise, tensor
from tinyft.backend import asnumpy
from tinyft.course.lessons.quantise.ch17_qlora import rounded
from tinyft.course.plot import COLOURS, show


def code_shares(weights, levels, block=64):
    """How often each code is used, shares (16,), for {path: W} in blocks."""
    rows = np.concatenate([W.reshape(-1, block) for W in weights.values()])
    middles = (levels[1:] + levels[:-1]) / 2
    k = np.searchsorted(middles, rows / np.abs(rows).max(axis=1, keepdims=True))
    return np.bincount(k.ravel(), minlength=len(levels)) / k.size


def changes(model):
    """[(W, ΔW)] of the adapted layers of a dense model, host arrays."""
    with no_grad():
        places = [
            m for _, m in model.named_modules() if hasattr(m, "weight") and m.deltas()
        ]
        pairs = [(m.parameter("weight").numpy(), m.weight.numpy()) for m in places]
    return [(W, adapted - W) for W, adapted in pairs]


def merging(model):
    """[lost, kept, codes changed] as text, means over the layers.

    Of a model in floats: against its own weights, rounded without the adapter.
    """
    if any(m.packed_size for m in model.modules()):
        found = list(peft.merging_error(model).values())
    else:
        found = [_dense(W, change) for W, change in changes(model)]
    lost, kept, moved = np.mean(found, axis=0)
    return [f"{lost:.2f}", f"{kept:.2f}", f"{moved:.1%}"]


def _dense(W, change):
    before, after = (
        quantise.quantise(tensor(V).data, double=False) for V in (W, W + change)
    )
    Q, R = (rounded(V, "nf4") for V in (W, W + change))
    size = (change**2).sum()
    pairs = [np.divmod(asnumpy(p.codes), 16) for p in (before, after)]
    moved = np.mean([a != b for a, b in zip(*pairs)])
    noise = np.linalg.norm(R - W - change) / np.sqrt(size)
    return noise, ((R - Q) * change).sum() / size, moved


def one_block(model, levels, count=16):
    """(w, Δw, m) of `count` weights of a block of a dense model's adapted layers.

    Neighbours chosen to show the difference: many changes cross a middle, but none would
    from the nearest level.
    """
    rows = [[a.reshape(-1, 64) for a in pair] for pair in changes(model)]
    w, dw = (np.concatenate(part) for part in zip(*rows))
    m = np.abs(w).max(axis=1, keepdims=True)
    middles = (levels[1:] + levels[:-1]) / 2
    code = np.searchsorted(middles, w / m)
    beside = code != np.searchsorted(middles, (w + dw) / m)
    on = code != np.searchsorted(middles, levels[code] + dw / m)
    count_of = np.lib.stride_tricks.sliding_window_view
    score = count_of(beside - 64.0 * on, count, axis=1).sum(-1)
    i, at = np.unravel_index(score.argmax(), score.shape)
    return w[i, at : at + count], dw[i, at : at + count], float(m[i, 0])


def draw_merge(w, dw, m, levels, times=1):
    """Figure 5: the same small change on a rounded and on an unrounded block."""
    import matplotlib.pyplot as plt

    middles = m * (levels[1:] + levels[:-1]) / 2
    starts = {
        "rounded before: ŵ on levels": _nearest(w, m * levels),
        "not rounded: w": w,
    }
    fig, axes = plt.subplots(1, 2, figsize=(9.4, 3.6), sharey=True)
    crossed, at = [], np.arange(len(w))
    for ax, (title, start) in zip(axes, starts.items()):
        end = start + times * dw
        moved = np.searchsorted(middles, start) != np.searchsorted(middles, end)
        ax.hlines(middles, -1, len(w), colors="0.8", linestyle=":", linewidth=0.8)
        ax.plot(at, start, "o", color=COLOURS["sky"], markersize=4, label="start")
        ax.vlines(at, start, end, color="0.3", linewidth=2, label="Δw")
        ax.plot(
            at[moved], end[moved], "x", color=COLOURS["vermilion"], label="new code"
        )
        ax.set(title=title, xlabel="place in the block", xlim=(-1, len(w)))
        ax.grid(visible=False)
        crossed.append(int(moved.sum()))
    near = 1.3 * np.abs(w).max()
    axes[0].set(ylabel="value", ylim=(-near, near))
    axes[1].legend(fontsize=8)
    caption = (
        f"Figure 5. {len(w)} weights and the change that 50 steps at 0.0005 made, "
        "neighbours chosen to show the difference. Dotted: the middles between levels; "
        f"crosses: a new code. That happens {crossed[0]} times from levels, {crossed[1]} "
        "times beside them."
    )
    show(
        fig,
        f"Two panels of weights, changes and middles between levels. {caption}",
        caption,
    )


def _nearest(w, levels):
    return levels[np.abs(w[:, None] - levels).argmin(axis=1)]


def quadrature(levels, N):
    """(error of normal weights in blocks of N, mean of m), by sums on a grid."""
    levels, m = np.asarray(levels), np.arange(0.3, 6.5, 0.01)
    u = np.linspace(-1, 1, 8001)  # w / m
    nearest = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, u)]
    phi = np.exp(-((m[:, None] * u) ** 2) / 2)
    inner = (phi * (m[:, None] * (u - nearest)) ** 2).sum(1) / phi.sum(1)
    inside = phi.sum(1) * (u[1] - u[0]) * m / np.sqrt(2 * np.pi)  # P(|w| < m)
    density = N * inside ** (N - 1) * 2 * np.exp(-(m**2) / 2) / np.sqrt(2 * np.pi)
    density /= density.sum()
    return (N - 1) / N * (density @ inner), density @ m
