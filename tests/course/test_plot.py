"""Plots carry a text, their axes have labels, and prose shows what cells computed."""

import sys
import types

import matplotlib
import matplotlib.pyplot as plt
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
