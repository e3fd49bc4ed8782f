"""What becomes a page of the site: no Sphinx is needed to see that it is right."""

import base64
import re
from pathlib import Path

import nbformat
import pytest

import tinyft
from tinyft import peft
from tinyft.course import chapters
from tinyft.course.site import build, cheat_sheet, errata, links, notebooks, reference
from tinyft.course.site.sliders import FIGURES, figure

ROOT = Path(tinyft.__file__).resolve().parents[1]
LORA = chapters.one("15")


def notebook(*cells):
    made = nbformat.v4.new_notebook()
    made.cells = list(cells)
    return made


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def picture(alt):
    data = {
        "image/png": base64.b64encode(b"a picture").decode(),
        "text/plain": "[plot]",
    }
    meta = {"image/png": {"alt": alt}}
    shown = nbformat.v4.new_output("display_data", data, metadata=meta)
    cell = nbformat.v4.new_code_cell("draw()")
    cell.outputs = [shown]
    return cell


def test_a_page_has_one_h1(tmp_path):
    given = notebook(
        text("# 15 · LoRA\nwords"), text("# Proofs\n## A\n```\n# no heading\n```")
    )
    made = notebooks.page(given, LORA, tmp_path / "x")
    every = "\n".join(cell.source for cell in made.cells)
    assert re.findall(r"^# .*", every, re.M) == ["# 15 · LoRA", "# no heading"]
    assert "## Proofs\n### A" in every
    assert given.cells[1].source.startswith("# Proofs")  # a copy was changed


def test_the_card_says_goals_minutes_and_what_comes_before(tmp_path):
    made = notebooks.page(notebook(text("# 15 · LoRA\nwords")), LORA, tmp_path / "x")
    card = made.cells[0].source
    assert all(goal in card for goal in LORA.goals)
    assert "(00_autograd.ipynb)" in card and "tinyft course 15" in card
    assert "colab.research" not in card  # the repository has no address


def test_what_is_folded_is_markdown():
    folded = notebooks.unfold("<details><summary>A</summary>so $B=0$.</details>")
    assert folded == "<details><summary>A</summary>\n\nso $B=0$.\n\n</details>"


def test_with_an_address_the_card_opens_colab_and_binder(tmp_path):
    given = notebook(text("# 15 · LoRA\nwords"))
    card = notebooks.page(given, LORA, tmp_path / "x", "who/tinyft").cells[0].source
    assert (
        "colab.research.google.com/github/who/tinyft/blob/gh-pages/colab/15_lora"
        in card
    )
    assert "mybinder.org/v2/gh/who/tinyft/gh-pages" in card


def test_a_picture_becomes_a_file_with_its_alternative_text(tmp_path):
    given = notebook(text("# 15 · LoRA\n"), picture("loss [nats] $x$\nand *more*"))
    made = notebooks.page(given, LORA, tmp_path / "x")
    shown = made.cells[-1].outputs[0].data["text/markdown"]
    (file,) = (tmp_path / "x").iterdir()
    assert shown == rf"![loss \[nats\] \$x\$ and \*more\*](x/{file.name})"
    assert file.read_bytes() == b"a picture"


def test_the_copy_for_colab_installs_only_where_tinyft_is_missing():
    given = notebook(picture("alt"))
    made = notebooks.for_colab(given, "who/tinyft")
    assert "find_spec" in made.cells[0].source
    assert "github.com/who/tinyft" in made.cells[0].source
    assert not made.cells[1].outputs and given.cells[0].outputs
    nbformat.validate(made)


@pytest.mark.parametrize(
    "given, made",
    [
        ("[x](gpu.md)", "[x](../docs/gpu.md)"),
        ("[x](gpu.md#a-b)", "[x](../docs/gpu.md#a-b)"),
        ("[x](../notebooks/15_lora.ipynb)", "[x](../chapters/15_lora.ipynb)"),
        ("[x](../README.md)", "[x](../index.md)"),
        ("[x](https://a.b/c.md)", "[x](https://a.b/c.md)"),
        ("![x](rooms.svg)", "![x](rooms.svg)"),
        (
            "[`f`](../tinyft/a.py)",
            '<a href="../_modules/tinyft/a.html"><code>f</code></a>',
        ),
        ("[f](../tinyft/b.py)", "f"),
    ],
)
def test_links_of_the_repository_become_the_sites(given, made):
    assert links.rewrite(given, "docs/fast.md", {"tinyft.a"}) == made


def test_with_an_address_other_files_are_linked_there():
    made = links.rewrite("[f](../examples/b.py)", "docs/fast.md", set(), "who/tinyft")
    assert made == "[f](https://github.com/who/tinyft/blob/main/examples/b.py)"


def test_each_public_name_is_on_one_page_of_the_reference():
    pages, sources = reference.pages()
    found = re.findall(r"auto(?:class|function):: (\S+)", "\n".join(pages.values()))
    assert len(found) == len(set(found)) > 400
    assert {"tinyft.ops.gelu", "tinyft.peft.LoRA", "tinyft.optim.AdamW"} <= set(found)
    assert "tinyft.peft.methods.lora" in sources
    last = [name.rpartition(".")[2] for name in found]
    assert last.count("Tensor") == last.count("no_grad") == 1


def test_every_erratum_is_shown_by_a_cell():
    found = errata.entries(ROOT)
    assert len(found) >= 28
    for entry in found:
        assert entry["quoted"] and entry["right"].endswith("."), entry["claim"]


def test_an_erratum_that_nothing_shows_is_an_error(tmp_path):
    (tmp_path / "docs" / "site").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    entry = '[[erratum]]\nclaim = "c"\nright = "r"\nchapter = "15"\nshows = "nowhere"\n'
    (tmp_path / "docs" / "site" / "errata.toml").write_text(entry, "utf-8")
    nbformat.write(notebook(picture("alt")), tmp_path / "notebooks" / "15_lora.ipynb")
    with pytest.raises(LookupError, match=r"no result in 15_lora .* 'nowhere'"):
        errata.entries(tmp_path)


def test_the_cheat_sheet_has_every_method_of_the_registry():
    listed = cheat_sheet.settings()
    known = {cls.__name__ for cls in peft.registry.values()}
    left = {"Full", "Fusion", "OffsetLoRA"}  # the base; a mixture; PiSSA's other form
    assert known - left <= set(listed)
    table = cheat_sheet.table()
    assert peft.LoRA.formula in table and "| 110.4 |" in table
    for about in listed.values():
        assert chapters.one(about["chapter"])


def test_a_slider_is_a_whole_figure_without_javascript():
    import numpy as np

    lines = {"a": np.array([0.0, 1.0]), "b": np.array([1.0, 0.5])}
    made = figure("n", np.array([1, 2]), lines, ("x", "y"), "Move it.")
    assert made.count("<polyline") == 2 and made.count('class="value on"') == 1
    assert 'points="60.0,276.0 620.0,16.0"' in made  # from the corner to the corner
    assert 'data-said="1: 1; 2: 0.5"' in made and "\n\n" not in made


@pytest.mark.parametrize("number", sorted(FIGURES))
def test_each_slider_has_its_cell(number):
    made, mark = FIGURES[number]
    source = (ROOT / chapters.one(number).notebook).read_text("utf-8")
    assert mark.replace('"', '\\"') in source
    assert made().startswith("<figure")


def test_without_a_repository_the_command_says_so(tmp_path):
    with pytest.raises(OSError, match="needs a copy of the repository"):
        build._ready(tmp_path)


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    made, out = tmp_path / "made", tmp_path / "out"
    made.mkdir()
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(OSError, match="holds no site"):
        build._replace(made, out)
    assert (out / "thesis.txt").exists()


def test_parts_and_tracks_hold_the_chapters():
    listed = [c.number for part in chapters.parts() for c in part.chapters]
    assert listed == [c.number for c in chapters.every()]
    assert len(chapters.tracks()) == 3
    for track in chapters.tracks():
        assert track.hours == round(sum(c.minutes[0] for c in track.chapters) / 60) > 1
