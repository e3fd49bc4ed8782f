"""Three figures with a slider, drawn here as SVG; docs/site/_static/slider.js moves them.

Without JavaScript each is a static figure: all lines in grey and the middle one in blue.
Values are those that the chapters' notebooks show: a study, or a closed form that they
check.
"""

import html
import math

import nbformat
import numpy as np

from tinyft.course import runs
from tinyft.transfer import l2sp

LEFT, TOP, WIDTH, HEIGHT = 60, 16, 560, 260
FIGURE = """<figure class="slider" data-name="{name}">
<svg viewBox="0 0 660 330" role="img" aria-label="{alt}">
{drawn}
</svg>
<figcaption>{caption}</figcaption>
</figure>"""


def insert(notebook, number, folder):
    """Put the chapter's figure, if it has one, behind the cell that it belongs to."""
    if number not in FIGURES:
        return
    made, mark = FIGURES[number]
    found = [i for i, c in enumerate(notebook.cells) if mark in c.source]
    if not found:
        raise LookupError(f"sliders: no cell of chapter {number} contains {mark!r}")
    cell = nbformat.v4.new_markdown_cell(made(), id=f"slider-{number}")
    notebook.cells.insert(found[0] + 1, cell)


def strength():
    """09: how far L2-SP moves along each singular direction, by λ."""
    sizes = np.array([2.0, 1.5, 1.0, 0.7, 0.4, 0.2]) * math.sqrt(6)
    ones, start = np.ones(6), np.zeros(6)
    lines = {
        f"λ = {lam:g}": l2sp.closed_form(np.diag(sizes), sizes * ones, start, lam)
        for lam in (0.01, 0.03, 0.1, 0.3, 1, 3)
    }
    caption = (
        "Move λ: each direction of the data goes its own share s²/(s² + 2nλ) of the way "
        "from the start to the least-squares solution. Strong directions (left) hardly "
        "notice a λ that holds weak ones at the start."
    )
    axes = "direction, strongest first", "share of the way"
    return figure("strength", np.arange(1, 7), lines, axes, caption)


def momentum():
    """10: the share of the target in a running mean, by momentum and batches seen."""
    seen = np.arange(0, 61, 2)
    lines = {
        f"momentum {m:g}": 1 - (1 - m) ** seen for m in (0.01, 0.03, 0.1, 0.3, 0.9)
    }
    caption = (
        "Move the momentum (the weight of the new batch): how much of a running mean comes "
        "from the target after so many batches, 1 − (1 − m)ᵏ. A large m follows at once, "
        "and keeps the noise of the last batch."
    )
    return figure(
        "momentum", seen, lines, ("batches seen", "share of the target"), caption
    )


def ranks():
    """15: validation loss over the rate, by rank: the study of the chapter."""
    study = runs.load("15_lora").where(experiment="rank")
    lines, rates = {}, None
    for r in (1, 4, 16, 64):
        found = study.where(r=r).by("lr", "valid")
        rates = rates or sorted(found)
        lines[f"r = {r}"] = np.array([np.mean(found[lr][:2]) for lr in rates])
    caption = (
        "Move the rank: validation loss against the learning rate (each point the mean of "
        "two seeds, α = 8). The best rate moves by one step at most."
    )
    axes = "learning rate", "validation loss, nats per token"
    return figure("rank", np.array(rates), lines, axes, caption, log=True)


FIGURES = {  # chapter: the figure, and what the cell before it contains
    "09": (strength, "figures.draw_path("),
    "10": (momentum, "results.draw_walk("),
    "15": (ranks, 'study.where(experiment="rank"'),
}


def figure(name, x, lines, axes, caption, log=False):
    """The HTML of a figure: a polyline per value; the middle one is switched on."""
    at = np.log(x) if log else np.asarray(x, float)
    every = np.concatenate(list(lines.values()))
    low, high = every.min(), every.max()
    across = LEFT + WIDTH * (at - at.min()) / (at.max() - at.min())
    drawn = [_frame(axes), *_ticks(x, across, low, high)]
    for i, (label, y) in enumerate(lines.items()):
        up = TOP + HEIGHT * (1 - (y - low) / (high - low))
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
        on = " on" if i == len(lines) // 2 else ""
        said = "; ".join(f"{a:g}: {b:.4g}" for a, b in _some(x, y))
        drawn.append(
            f'<polyline class="value{on}" data-label="{html.escape(label)}" '
            f'data-said="{html.escape(said)}" points="{points}"/>'
        )
    alt = f"{axes[1]} against {axes[0]}, a line for each of: {', '.join(lines)}. "
    return FIGURE.format(
        name=name, alt=html.escape(alt), drawn="\n".join(drawn), caption=caption
    )


def _some(x, y):
    """Five of the points, for those who hear the figure."""
    some = np.unique(np.linspace(0, len(x) - 1, 5).round().astype(int))
    return [(x[i], y[i]) for i in some]


def _frame(axes):
    middle, bottom = LEFT + WIDTH / 2, TOP + HEIGHT
    return (
        f'<path class="axis" d="M{LEFT},{TOP} V{bottom} H{LEFT + WIDTH}"/>'
        f'<text x="{middle}" y="{bottom + 42}" text-anchor="middle">{axes[0]}</text>'
        f'<text transform="translate(14 {TOP + HEIGHT / 2}) rotate(-90)" '
        f'text-anchor="middle">{axes[1]}</text>'
    )


def _ticks(x, across, low, high):
    bottom = TOP + HEIGHT
    for i in np.unique(np.linspace(0, len(x) - 1, 6).round().astype(int)):
        yield (
            f'<text x="{across[i]:.1f}" y="{bottom + 20}" text-anchor="middle">'
            f"{x[i]:g}</text>"
        )
    for share in (0, 0.5, 1):
        yield (
            f'<text x="{LEFT - 6}" y="{bottom - HEIGHT * share + 4:.1f}" '
            f'text-anchor="end">{low + share * (high - low):.2f}</text>'
        )
