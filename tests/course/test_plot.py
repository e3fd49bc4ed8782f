"""Plots carry a text, their axes have labels, and prose shows what cells computed."""

import sys
import types

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from tinyft.course import plot, prose

matplotlib.use("Agg")
ALT = "A line that rises from 0 to 1 with time."


@pytest.fixture
def fig():
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    axes.set(xlabel="time (s)", ylabel="height (m)")
    yield figure
    plt.close(figure)


@pytest.fixture
def notebook(monkeypatch):
    """Pretend to be a notebook; returns the list of what it was asked to display."""
    shown = []
    display = types.ModuleType("IPython.display")
    display.display = lambda thing, metadata=None, raw=False: shown.append(
        thing if metadata is None else (thing, metadata)
    )
    display.Markdown = lambda text: text
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    for module in (plot, prose):
        monkeypatch.setattr(module, "in_notebook", lambda: True)
    return shown


def test_a_plot_becomes_an_image_with_its_text(fig, notebook):
    plot.show(fig, ALT + ' "Quoted" & <b>')
    ((shown, metadata),) = notebook
    assert metadata == {"image/png": {"alt": ALT + ' "Quoted" & <b>'}}
    assert shown["image/png"].startswith("iVBOR")
    assert ALT in shown["text/plain"]
    assert not plt.fignum_exists(fig.number)


def test_outside_a_notebook_the_text_is_printed(fig, capsys):
    plot.show(fig, ALT)
    assert capsys.readouterr().out == f"[plot] {ALT}\n"


@pytest.mark.parametrize("alt", ["", "a plot", None])
def test_no_text_is_refused(fig, alt):
    with pytest.raises(ValueError, match="say in a sentence"):
        plot.show(fig, alt)


def test_an_axis_without_a_label_is_refused(fig):
    fig.axes[0].set_xlabel("")
    with pytest.raises(ValueError, match="axes 0 has no label"):
        plot.show(fig, ALT)


def test_shared_and_switched_off_axes_need_none_of_their_own(capsys):
    figure, axes = plt.subplots(1, 3, sharey=True)
    axes[0].set(xlabel="a (1)", ylabel="b (1)")
    axes[1].set(xlabel="c (1)")
    axes[2].axis("off")
    plot.show(figure, ALT)
    assert ALT in capsys.readouterr().out


def test_the_style_is_the_okabe_ito_palette():
    with plt.rc_context():
        plot.use_style()
        cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert cycle == list(plot.COLOURS.values()) and len(set(cycle)) == 8


def test_say_dedents_and_prints(capsys):
    prose.say("""
        two
        lines""")
    assert capsys.readouterr().out == "two\nlines\n"


def test_say_is_markdown_in_a_notebook(notebook):
    prose.say("**bold**")
    assert notebook == ["**bold**"]


def test_table_is_markdown(capsys):
    prose.table(["λ", "acc"], [[0.1, "0.9"], [1, "0.8"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["| λ | acc |", "| --- | --- |", "| 0.1 | 0.9 |", "| 1 | 0.8 |"]


def test_source_shows_the_code_as_it_is(capsys):
    prose.source(prose.table, plot.use_style)
    out = capsys.readouterr().out
    assert out.startswith("```python\ndef table(head, rows):")
    assert "\n\n\ndef use_style():" in out and out.endswith("\n```\n")


def test_a_colour_bar_needs_one_label(capsys):
    for label in ("weight", ""):
        figure, axes = plt.subplots()
        axes.set(xlabel="key", ylabel="query")
        figure.colorbar(axes.imshow([[0, 1], [1, 0]]), ax=axes, label=label)
        if label:
            plot.show(figure, ALT)
        else:
            with pytest.raises(ValueError, match="axes 1 has no label"):
                plot.show(figure, ALT)
            plt.close(figure)
    assert capsys.readouterr().out == f"[plot] {ALT}\n"


# --- figures that chapters share -----------------------------------------------------


def test_a_caption_is_seen_by_everyone(fig, notebook):
    plot.show(fig, ALT, "What to see.")
    assert notebook[1] == "*What to see.*"


def shown(monkeypatch):
    """Catch the figure before it is closed; returns the list that will hold its axes."""
    kept = []
    monkeypatch.setattr(plot, "_close", lambda fig: kept.append(fig.axes[0]))
    return kept


def test_curves_write_their_ends_into_the_text(monkeypatch, capsys):
    axes = shown(monkeypatch)
    plot.curves(
        {"ours": [4.0, 3.0, 2.5], "theirs": [4.0, 3.5, 3.25]},
        "step",
        "loss (nats)",
        "It falls.",
        levels={"floor": 2.0},
    )
    out = capsys.readouterr().out
    assert "loss (nats) against step: ours from 4 to 2.5; theirs from 4 to 3.25" in out
    assert out.endswith("It falls.\n*It falls.*\n")
    lines = axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["ours", "theirs"]
    assert len({(line.get_color(), str(line.get_linestyle())) for line in lines}) == 2
    (floor,) = axes[0].collections
    assert floor.get_label() == "floor" and floor.get_segments()[0][:, 1].tolist() == [
        2,
        2,
    ]
    assert floor.get_segments()[0][:, 0].tolist() == list(axes[0].get_xlim())


def test_a_running_mean_is_of_what_came_before(monkeypatch):
    np.testing.assert_allclose(plot.running_mean([4, 2, 0, 6], 2), [4, 3, 1, 3])
    axes = shown(monkeypatch)
    plot.curves({"a": [4, 2, 0, 6]}, "step", "loss (nats)", "Noisy.", smooth=2)
    faint, line = axes[0].get_lines()
    assert faint.get_alpha() < 1 and line.get_label() == "a, mean of 2"
    assert line.get_ydata().tolist() == [4, 3, 1, 3]


def test_several_seeds_are_a_mean_and_a_band(monkeypatch):
    """Seeds 1, 2, 3 at each of two points: mean 2, half-width 4.303 / sqrt(3)."""
    axes = shown(monkeypatch)
    seeds = [[1, 1], [2, 2], [3, 3]]
    plot.curves({"a": seeds}, "rate", "loss (nats)", "Flat.", x=[0.1, 1], xscale="log")
    (line,) = axes[0].get_lines()
    assert line.get_ydata().tolist() == [2, 2]
    (band,) = axes[0].collections
    top = band.get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(2 + 4.303 / 3**0.5, abs=5e-4)  # a printed table
    assert [t.get_text() for t in axes[0].get_xticklabels()] == ["0.1", "1"]


def test_every_seed_is_a_dot(monkeypatch, capsys):
    axes = shown(monkeypatch)
    plot.per_seed({"a": [1, 2, 3], "b": [2, 2, 2]}, "loss (nats)", "Two methods.")
    dots = [line for line in axes[0].get_lines() if line.get_marker() == "o"]
    assert [line.get_ydata().tolist() for line in dots] == [[1, 2, 3], [2, 2, 2]]
    assert "a 2 ± 2.5; b 2 ± 0" in capsys.readouterr().out


def test_bars_are_in_the_order_given(monkeypatch, capsys):
    axes = shown(monkeypatch)
    plot.bars({"full": 133.0, "LoRA": 14.0}, "memory (MiB)", "Nine times less.")
    assert [bar.get_width() for bar in axes[0].patches] == [133, 14]
    assert "full 133; LoRA 14" in capsys.readouterr().out


def test_boxes_keep_the_proportions_of_their_shapes(monkeypatch, capsys):
    axes = shown(monkeypatch)
    plot.boxes(
        [("W", (200, 100), "blue", "frozen"), "+", ("B", (200, 2), "orange", "thin")],
        "A matrix and a thin one.",
    )
    W, B = axes[0].patches
    assert (W.get_height(), W.get_width()) == (1.0, 0.5)
    assert B.get_height() == 1.0 and B.get_width() == 0.07  # as thin as can be seen
    assert "W 200 × 100, frozen; B 200 × 2, thin" in capsys.readouterr().out
