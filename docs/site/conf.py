"""Sphinx's settings for the site; `tinyft site` copies this file beside the pages."""

import json
from pathlib import Path

import tinyft

told = json.loads(Path(__file__).with_name("told.json").read_text("utf-8"))

project = "tinyft"
author = "the tinyft authors"
copyright = "the tinyft authors, Apache-2.0"
version = release = tinyft.__version__
language = told["language"]
locale_dirs, gettext_compact = ["locale"], False
if language == "zh_CN":
    import logging

    import jieba  # cuts Chinese into words for the search

    jieba.setLogLevel(logging.WARNING)
    html_search_language = "zh"
    words = Path(__file__).with_name("words_zh.txt")  # of the field, kept whole
    html_search_options = {"dict": str(words)}

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "tinyft.course.site.extension",
]
nb_execution_mode = "off"  # the committed results are shown
nb_merge_streams = True
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a cell may begin with a smaller heading
html_math_renderer = "mathml"  # drawn by the browser: no script, no fonts, no network
autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries = False
copybutton_exclude = ".linenos, .gp, .go"
exclude_patterns = ["colab"]

html_theme = "pydata_sphinx_theme"
html_title = "tinyft"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["slider.js"]
html_extra_path = ["extra"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": True,
    "show_prev_next": True,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
epub_show_urls = "no"
epub_exclude_files = [".nojekyll"]
