"""docs/efficiency.md is what the code says."""

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[2] / "docs" / "efficiency.py"
spec = importlib.util.spec_from_file_location("page", PATH)
page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page)


def test_the_page_is_current():
    text = page.PAGE.read_text("utf-8")
    assert text == page.page(), "run python docs/efficiency.py"


def test_the_page_has_every_part():
    text = page.page()
    assert text.count("$ tinyft plan") == len(page.EXAMPLES)
    for words in ("001, line 29", "llama-70b", "does NOT fit", "ChatGLM"):
        assert words in text
