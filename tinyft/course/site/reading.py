"""Built pages, read as a browser would: headings, links, anchors, pictures, files."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

LOADS = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
}


class Page(HTMLParser):
    """What is asked of one page."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.ids, self.links, self.loaded, self.headings = set(), [], [], []
        self.pictures, self.description, self.language = [], "", ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        """Take down ids, links, what the page loads, headings and pictures."""
        found = dict(attrs)
        self.ids.add(found.get("id") or found.get("name"))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in LOADS and found.get(LOADS[tag]) and found.get("rel") != "canonical":
            self.loaded.append(found[LOADS[tag]])
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.headings.append(tag)
        if tag == "img":
            self.pictures.append(found)
        if tag == "meta" and found.get("name") == "description":
            self.description = found.get("content", "")
        if tag == "html":
            self.language = found.get("lang", "")


def read(folder):
    """{path: Page} of every HTML page below a folder."""
    return {path: Page(path) for path in sorted(Path(folder).rglob("*.html"))}


BACK = re.compile(r'(class="viewcode-back" href="([^"#]+)#)([^"]+)"')


def mend_back_links(folder):
    """Sphinx's way back from a module's source takes one package for all of its names."""
    ids = {}

    def mended(found, page):
        target = (page.parent / found[2]).resolve()
        if target not in ids:
            ids[target] = {i for i in Page(target).ids if i}
        name = found[3]
        same = [i for i in ids[target] if name == i or _last(i, 2) == _last(name, 2)]
        same += [i for i in ids[target] if _last(i, 1) == _last(name, 1)]
        return f'{found[1]}{name if name in same else same[0]}"'

    for page in (Path(folder) / "_modules").rglob("*.html"):
        text = page.read_text("utf-8")
        new = BACK.sub(lambda found, page=page: mended(found, page), text)
        page.write_text(new, "utf-8")


def _last(name, n):
    return name.rsplit(".", n)[1:]


def broken(pages, folder):
    """(page, link) of every internal link whose file or anchor is not there."""
    for path, page in pages.items():
        for link in {*page.links, *page.loaded}:
            if urlparse(link).scheme or link.startswith("//"):
                continue
            address, anchor = urldefrag(link)
            address = address.partition("?")[0]
            target = (path.parent / unquote(address)).resolve() if address else path
            if target.is_dir():
                target = target / "index.html"
            there = target.exists() and folder in target.parents
            if there and anchor and target in pages:
                there = unquote(anchor) in pages[target].ids
            if not there:
                yield str(path.relative_to(folder)), link
