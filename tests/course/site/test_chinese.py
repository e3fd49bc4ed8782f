"""The Chinese edition: two pages translated, and a search that finds Chinese words."""

import io
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

import tinyft
from tinyft.course.site import assemble, browser, build, cheat_sheet

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, (*build.NEEDED, "jieba"))),
    reason="the site needs: python -m pip install -e '.[docs]'",
)
ROOT = Path(tinyft.__file__).resolve().parents[1]
LINK = re.compile(r"\[([^\]]*)\]\((chapters/[^)]*|glossary.md)\)")


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """Its start page, cheat sheet and search alone: a few seconds."""
    room = tmp_path_factory.mktemp("chinese")
    to = room / "sources"
    shutil.copytree(ROOT / "docs" / "site", to)
    (to / "told.json").write_text('{"language": "zh_CN"}', "utf-8")
    (to / "extra").mkdir()
    for name, made in (
        ("start", {"tracks": assemble.tracks()}),
        ("cheat_sheet", {"table": cheat_sheet.table()}),
    ):
        assemble._fill(to / f"{name}.md", **made)
    for name in ("errata.md", "glossary.md"):
        (to / name).unlink()
    (to / "index.md").write_text(
        "# t\n\n```{toctree}\nstart\ncheat_sheet\n```\n", "utf-8"
    )
    with (to / "conf.py").open("a", encoding="utf-8") as file:
        file.write("suppress_warnings += ['myst.xref_missing']\n")
    build._sphinx("html", to, room / "made")
    build._mend_chinese_search(room / "made" / "_static" / "language_data.js")
    return room / "made"


def test_both_pages_are_translated_whole(edition):
    start = (edition / "start.html").read_text("utf-8")
    assert 'lang="zh-CN"' in start and "从这里开始" in start and "三条路线" in start
    body = re.search(r"<article.*?</article>", start, re.S)[0]
    text = re.sub(r"<pre>.*?</pre>|<code.*?</code>|<[^>]+>", " ", body, flags=re.S)
    english = [
        w for w in re.findall(r"\b[a-z]{4,}", text) if w not in ("notebook", "token")
    ]
    assert not english
    assert "学习率" in (edition / "cheat_sheet.html").read_text("utf-8")


def test_the_catalogues_fit_the_pages_as_they_are():
    """A sentence that was changed in English would silently fall back to English."""
    from babel.messages.pofile import read_po

    made = {"start": assemble.tracks(), "cheat_sheet": cheat_sheet.table()}
    for name, filled in made.items():
        source = (ROOT / "docs" / "site" / f"{name}.md").read_text("utf-8") + filled
        plain = " ".join(source.replace("\\|", "|").split())
        folder = ROOT / "docs" / "site" / "locale" / "zh_CN" / "LC_MESSAGES"
        for message in read_po(io.BytesIO((folder / f"{name}.po").read_bytes())):
            if message.id:
                assert message.id in plain, message.id
                links = [target for _, target in LINK.findall(message.id)]
                assert sorted(links) == sorted(
                    t for _, t in LINK.findall(message.string)
                )


@pytest.mark.skipif(
    not (browser.find() and find_spec("playwright")),
    reason="needs Chromium, playwright",
)
def test_search_finds_a_chinese_word(edition):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=browser.find(), args=["--no-sandbox"]
        )
        page = chromium.new_page()
        page.goto((edition / "search.html").as_uri() + "?q=微调")
        page.wait_for_selector("#search-results li")
        assert "速查表" in page.locator("#search-results").inner_text()
        chromium.close()
