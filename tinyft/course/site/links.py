"""Links of the repository's Markdown, as links of the site.

Written for the repository: ../notebooks/15_lora.ipynb, gpu.md, ../tinyft/nn/module.py.
On the site: the chapter's page, the doc's page, the source as the reference shows it.
"""

import posixpath
import re

LINK = re.compile(r"(?<!\!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def rewrite(text, here, sources, repository=""):
    """The text of the file `here` (such as docs/gpu.md) with the site's links.

    sources: modules whose source the site shows ("tinyft.nn.module"); a file that it does
    not show is linked to the repository, or is plain text while that has no address
    """

    def link(found):
        words, target, anchor = found[1], found[2], found[3] or ""
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        return _link(words, path, anchor, here, sources, repository)

    return LINK.sub(link, text)


def _link(words, path, anchor, here, sources, repository):
    up = "" if here == "README.md" else "../"
    if path == "README.md":
        return f"[{words}]({up}index.md)"
    if path.startswith("notebooks/"):
        return f"[{words}]({up}chapters/{path.partition('/')[2]}{anchor})"
    if path.startswith("docs/") and path.endswith(".md"):
        return f"[{words}]({up}{path}{anchor})"
    module = path.removesuffix(".py").replace("/", ".")
    if path.endswith(".py") and module in sources:
        page = f"{up}_modules/{module.replace('.', '/')}.html"
        return f'<a href="{page}">{_plain(words)}</a>'
    if repository:
        return f"[{words}](https://github.com/{repository}/blob/main/{path})"
    return words


def _plain(words):
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", words)
