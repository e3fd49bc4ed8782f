"""The HTML pages: formulas, code and checks readable with the network cut."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from tinyft.course import show
from tinyft.course.run import page

ROOT = Path(__file__).parents[2]
# what makes a browser fetch something when a page is opened (<a href> does not)
FETCHES = {"src", "srcset", "data", "poster", "background", "action", "xlink:href"}


class Found(HTMLParser):
    """Tags of a page, and what a browser would fetch for it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.fetched = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Collect the tag and its addresses; <link> and <script> always fetch or run."""
        self.tags.add(tag)
        told = FETCHES | ({"href"} if tag == "link" else set())
        self.fetched += [value for name, value in attributes if name in told]


def built(*cells, **outputs):
    """The page of Markdown cells and one code cell that displayed `outputs`."""
    made = [nbformat.v4.new_markdown_cell(cell) for cell in cells]
    data = {name.replace("_", "/"): text for name, text in outputs.items()}
    shown = [nbformat.v4.new_output("display_data", data)] if data else []
    made.append(nbformat.v4.new_code_cell("x = 1  # code", outputs=shown))
    return page.to_html(nbformat.v4.new_notebook(cells=made), "a < b")


def test_nothing_is_fetched():
    text = built(
        "# Title\n\n$x^2$ ![dot](data:image/png;base64,iVBOR)", image_png="iVBOR"
    )
    found = Found(text)
    assert not {"script", "link", "iframe", "object"} & found.tags
    assert found.fetched and all(url.startswith("data:") for url in found.fetched)
    assert "@import" not in text and "url(" not in text
    assert "<title>a &lt; b</title>" in text


def test_formulas_are_mathml_and_tags_stand_beside():
    text = built("in $\\frac{a}{b}$ line\n\n$$E = \\big\\| x \\big\\| \\tag{9.1}$$")
    assert re.search("<mfrac>.*<mi>a</mi>.*<mi>b</mi>.*</mfrac>", text)
    assert "<mtable" in built("\\begin{matrix} a \\end{matrix}")
    assert 'display="block"' in text and "<span>(9.1)</span>" in text and "‖" in text
    assert "\\" not in re.sub(r"(?s)<style>.*</style>", "", text) and "$" not in text


def test_a_formula_that_is_not_tex_is_shown_as_it_is():
    assert page.mathml("a < b^2^2") == "<code>a &lt; b^2^2</code>"


def test_bars_have_no_space_around_them():
    assert page.mathml(r"|f| + \big| x \big|").count('lspace="0" rspace="0"') == 4


def test_code_and_the_source_of_the_library_are_highlighted():
    text = built(text_markdown="```python\ndef f():\n    return 1\n```")
    assert '<span class="k">def</span>' in text and '<span class="nf">f</span>' in text
    assert '<span class="c1"># code</span>' in text
    for rule in ("prefers-color-scheme: dark", ".highlight .k", "monospace"):
        assert rule in text


def test_folded_checks_open_without_a_script():
    record = {"name": "one", "bound": 1.0, "why": "why", "relative": False, "ok": True}
    record |= {"got": 1.0, "want": 1.5, "discrepancy": 0.5, "shape": []}
    record |= {"index": [], "problem": None}
    text = built(text_html=show.folded_html([record, record]))
    assert "<details><summary>✓ 2 checks hold, worst at 0.5 of its bound" in text


NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_of_the_chapters_is_understood(path):
    """In Markdown cells and in what `say` displayed: no command of TeX is left over."""
    texts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            texts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            texts.append("".join(output.get("data", {}).get("text/markdown", "")))
    exporter = page.Exporter(template_name="basic")
    made = exporter.markdown2html("\n\n".join(texts))
    formulas = re.findall(r"(?s)<math.*?</math>", made)
    assert len(formulas) > 20
    assert not [formula for formula in formulas if "\\" in formula]
    assert not re.findall(r"<code>[^<]*\\[a-z]+\{", made)
