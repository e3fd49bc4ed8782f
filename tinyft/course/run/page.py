r"""An executed notebook as one HTML page that needs nothing from the network.

Formulas become MathML, which browsers draw themselves; code is coloured by Pygments; the
style is page.css. There is no script and no link to a font, a style or an image.
"""

import html
import logging
import re
from pathlib import Path

from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

STYLE = Path(__file__).with_name("page.css")
TAG = re.compile(r"\\tag\{([^}]*)\}")
# what latex2mathml leaves as text, most of it behind \big
SPELLED = {
    r"\|": "‖",
    r"\lfloor": "⌊",
    r"\rfloor": "⌋",
    r"\lceil": "⌈",
    r"\rceil": "⌉",
    r"\arg": r"\operatorname{arg}",
}
BAR = re.compile(r"<mo([^>]*)>(&#x0007C;|\||‖)</mo>")  # |x|, in TeX without spaces
SPELLING = re.compile(r"\\\\|\\\||\\(?:[lr]floor|[lr]ceil|arg)(?![a-zA-Z])")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def to_html(notebook, title):
    """The page of an executed notebook, as text."""
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # "alternative text missing"
    exporter = Exporter(template_name="basic")
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    resources = {"metadata": {"name": title}}
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return PAGE.format(title=html.escape(title), style=style(), body=body)


def style():
    """page.css and the colours of code, for light and dark."""
    light, dark = (
        HtmlFormatter(style=name).get_style_defs(".highlight")
        for name in ("friendly", "github-dark")
    )
    dark = f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
    return "\n".join([light, dark, STYLE.read_text(encoding="utf-8")])


class Exporter(HTMLExporter):
    """nbconvert's exporter, with formulas as MathML."""

    def markdown2html(self, source):
        """The HTML of a Markdown cell or output."""
        renderer = Renderer(escape=False, exclude_anchor_links=True)
        return MarkdownWithMath(renderer=renderer).render(source)


class Renderer(IPythonRenderer):
    """nbconvert's Markdown, with formulas as MathML."""

    def inline_math(self, body):
        """$...$"""
        return mathml(body)

    def block_math(self, body):
        r"""$$...$$, its \tag at the right."""
        tags = "".join(
            f"<span>({html.escape(tag)})</span>" for tag in TAG.findall(body)
        )
        formula = mathml(TAG.sub("", body), "block")
        return f'<span class="equation"><span class="formula">{formula}</span>{tags}</span>'

    def latex_environment(self, name, body):
        r"""\begin{name}...\end{name} outside of dollars."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def mathml(formula, display="inline"):
    """A TeX formula as MathML; its own text, in a fixed-width font, if it is not TeX."""
    spelled = SPELLING.sub(lambda m: SPELLED.get(m[0], m[0]), formula)
    try:
        made = convert(spelled.strip(), display=display)
    except Exception:  # latex2mathml raises many kinds; each means the same here
        return f"<code>{html.escape(formula)}</code>"
    return BAR.sub(r'<mo\1 lspace="0" rspace="0">\2</mo>', made)
