"""docs/transfer.md is what the docstrings and chapters.toml say."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_current():
    """`python docs/transfer.py` writes it again."""
    spec = importlib.util.spec_from_file_location("page", ROOT / "docs" / "transfer.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text("utf-8") == page.page()
