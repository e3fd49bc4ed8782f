"""The site as it is built: once for all tests here, offline, a minute or two."""

import json
from importlib.util import find_spec
from urllib.parse import urlparse

import pytest

from tinyft.course import chapters
from tinyft.course.site import browser, build, reading

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(build._is_there, build.NEEDED)),
        reason="the site needs: python -m pip install -e '.[docs]'",
    ),
]
WITH_A_BROWSER = pytest.mark.skipif(
    not (browser.find() and find_spec("playwright") and find_spec("axe_core_python")),
    reason="needs Chromium, playwright and axe-core-python",
)
TEN = (
    "index start cheat_sheet errata glossary chapters/index chapters/09_l2sp "
    "chapters/15_lora docs/fine_tune_your_own reference/tinyft.peft"
).split()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "site"
    build.build(out, say=lambda _: None)
    return out.resolve()


@pytest.fixture(scope="module")
def found(site):
    return reading.read(site)


def test_every_chapter_doc_and_package_has_a_page(site):
    for chapter in chapters.every():
        assert (site / "chapters" / f"{chapter.name}.html").exists()
        assert (site / "colab" / f"{chapter.name}.ipynb").exists()
    assert (site / "docs" / "performance.html").exists()
    assert (site / "reference" / "tinyft.ops.html").exists()


def test_every_internal_link_and_anchor_resolves(site, found):
    assert not list(reading.broken(found, site))


def test_a_broken_link_would_be_seen(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html"></a><a href="#x"></a>', "utf-8")
    folder = tmp_path.resolve()
    assert len(list(reading.broken(reading.read(folder), folder))) == 2


def test_no_page_loads_anything_from_elsewhere(site, found):
    for path, page in found.items():
        outside = [x for x in page.loaded if urlparse(x).scheme or x.startswith("//")]
        assert not outside, path
    for sheet in site.rglob("*.css"):
        text = sheet.read_text("utf-8")
        assert "url(http" not in text and "@import url" not in text, sheet


def test_each_page_has_one_h1_a_description_and_a_language(site, found):
    for path, page in found.items():
        assert page.headings.count("h1") == 1, path
        if "_modules" not in path.parts and path.stem not in GENERATED:
            assert 10 < len(page.description) <= 170, path
        assert page.language == "en", path


GENERATED = {"genindex", "py-modindex", "search"}


def test_every_figure_has_alternative_text(found):
    pictures = [p for page in found.values() for p in page.pictures]
    assert len(pictures) > 150
    assert all((p.get("alt") or "").strip() for p in pictures)


def test_formulas_are_mathml_and_none_is_left_as_tex(site):
    for chapter in chapters.every():
        text = (site / "chapters" / f"{chapter.name}.html").read_text("utf-8")
        assert "<math" in text and "MathJax" not in text, chapter.name


def test_search_finds_words(site):
    text = (site / "searchindex.js").read_text("utf-8")
    assert text.startswith("Search.setIndex(")
    index = json.loads(text[len("Search.setIndex(") : text.rindex(")")])
    assert "lora" in index["terms"] and len(index["docnames"]) > 70


@WITH_A_BROWSER
def test_axe_finds_no_serious_violation_and_nothing_is_asked_of_the_network(site):
    from axe_core_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    serious, asked = [], []
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=browser.find(), args=["--no-sandbox"]
        )
        for name in TEN:
            page = chromium.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.goto((site / f"{name}.html").as_uri())
            for one in Axe().run(page)["violations"]:
                if one["impact"] in ("serious", "critical"):
                    where = [node["html"][:120] for node in one["nodes"][:3]]
                    serious.append((name, one["id"], where))
            page.close()
        chromium.close()
    assert not serious
    assert all(urlparse(url).scheme in ("file", "data", "blob") for url in asked)


@WITH_A_BROWSER
def test_a_slider_says_what_it_shows(site):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=browser.find(), args=["--no-sandbox"]
        )
        page = chromium.new_page()
        page.goto((site / "chapters" / "15_lora.html").as_uri())
        slider = page.locator("figure.slider input")
        before = page.locator("figure.slider output").text_content()
        slider.press("ArrowRight")
        assert page.locator("figure.slider label").text_content() == "r = 64"
        assert page.locator("figure.slider output").text_content() != before
        assert page.locator("figure.slider .value.on").count() == 1
        chromium.close()
