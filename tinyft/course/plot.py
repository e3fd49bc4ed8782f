"""Plots for everyone: colours that the colour-blind can tell apart, and a text for each.

    use_style()               once, in the first cell
    show(fig, alt)            the figure as a PNG whose alternative text is `alt`

The eight colours are Okabe and Ito's, "Color Universal Design" (2008); their order here
puts those with the largest difference in brightness first. Curves that matter should
differ in marker or dashes too.
"""

import base64
import io

from tinyft.course.check import in_notebook

COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "black": "#000000",
    "sky": "#56B4E9",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
}


def use_style():
    """Set Matplotlib's defaults: these colours, a light grid, no needless frame."""
    import matplotlib as mpl

    mpl.rcParams |= {
        "axes.prop_cycle": mpl.cycler(color=list(COLOURS.values())),
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.dpi": 100,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
    }


def show(fig, alt):
    """Display `fig` with its alternative text and close it; returns None.

    alt: one or two sentences for those who do not see it: kind of plot, axes, and what
    it shows. Raises ValueError when it is missing or too short to say that, or when an
    axis has no label.
    """
    if not (isinstance(alt, str) and len(alt.split()) >= 5):
        raise ValueError(
            f"show(fig, alt): alt={alt!r} should say in a sentence what the plot shows"
        )
    _require_labels(fig)
    picture = io.BytesIO()
    fig.savefig(picture, format="png", metadata={"Software": None})
    _close(fig)
    if not in_notebook():
        print(f"[plot] {alt}", flush=True)
        return
    from IPython.display import display

    code = base64.b64encode(picture.getvalue()).decode()
    shown = {"image/png": code, "text/plain": f"[plot] {alt}"}
    display(shown, metadata={"image/png": {"alt": alt}}, raw=True)


def _require_labels(fig):
    for i, axes in enumerate(fig.axes):
        if axes.get_label() == "<colorbar>" and axes.get_ylabel():
            continue  # one scale, one label
        x = [a.get_xlabel() for a in axes.get_shared_x_axes().get_siblings(axes)]
        y = [a.get_ylabel() for a in axes.get_shared_y_axes().get_siblings(axes)]
        if axes.axison and not (any(x) and any(y)):
            raise ValueError(
                f"show(fig, alt): axes {i} has no label on x or y; set_xlabel and "
                "set_ylabel with the unit, or axes.axis('off')"
            )


def _close(fig):
    import matplotlib.pyplot as plt

    plt.close(fig)
