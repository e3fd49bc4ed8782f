"""Docstrings and formulas on their way into Sphinx."""

import pytest

pytest.importorskip("docutils", reason="the site needs: pip install -e '.[docs]'")

from tinyft.course.site.extension import restructured


@pytest.mark.parametrize(
    "given, made",
    [
        (
            ["|a| and *args, x_ of `peft.attach`."],
            r"\|a\| and \*args, x\_ of ``peft.attach``.",
        ),
        (["a `b c"], "a \\`b c"),
        (["- no list", "but text"], "\\- no list\nbut text"),
    ],
)
def test_plain_text_stays_plain(given, made):
    assert "\n".join(restructured(given)).strip() == made


def test_what_is_aligned_is_shown_as_it_is():
    made = restructured(["First.", "", "r      rank", "alpha  scale"])
    assert made[0] == "First." and ".. code-block:: text" in made
    assert "   alpha  scale" in made


def test_docutils_agrees():
    from docutils.core import publish_doctree

    lines = ["W' = W + (α/r) B A; |x|, a*b, `*args`, __init__ and 2^n_.", "", "x   y"]
    tree = publish_doctree("\n".join(restructured(lines)).replace("code-block", "code"))
    assert "W' = W + (α/r) B A; |x|, a*b, *args, __init__ and 2^n_." in tree.astext()
    assert "system_message" not in tree.pformat()
