"""`tinyft site`: the committed notebooks, docs and docstrings as a book, offline.

read first: `assemble` (what becomes a page), then `build` (Sphinx, PDF, EPUB)
"""
