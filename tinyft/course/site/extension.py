"""What Sphinx learns for this site: MathML, our docstrings, a description of every page."""

import html
import re

from docutils import nodes

from tinyft.course.run.page import TAG, mathml

LONGEST = 160  # characters of a description
ALIGNED = re.compile(r"\S {2,}\S")
MARKED = re.compile(r"`([^`\s][^`]*)`|([\\*|`_])")  # code, or what must be escaped


def setup(app):
    """Sphinx calls this."""
    renderers = (_inline, None), (_block, None)
    app.add_html_math_renderer("mathml", *renderers)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("html-page-context", _describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator, node):
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator, node):
    tags = "".join(
        f"<span>({html.escape(t)})</span>" for t in TAG.findall(node.astext())
    )
    formula = mathml(TAG.sub("", node.astext()), "block")
    made = f'<div class="equation"><div class="formula">{formula}</div>{tags}</div>\n'
    translator.body.append(made)
    raise nodes.SkipNode


def _docstring(app, what, name, obj, options, lines):
    lines[:] = restructured(lines)


def restructured(lines):
    """A docstring, which is plain text, as reStructuredText with the same look.

    Paragraphs stay paragraphs; what is indented or aligned by spaces is shown as it is.
    """
    made = []
    for block in "\n".join(lines).strip("\n").split("\n\n"):
        rows = [row for row in block.split("\n") if row.strip()]
        if not rows:
            continue
        if rows[0][:1] == " " or any(
            row[:1] == " " or ALIGNED.search(row) for row in rows
        ):
            made += [".. code-block:: text", "", *(f"   {row}" for row in rows), ""]
        else:
            made += [*map(_escaped, rows), ""]
    return made


def _escaped(row):
    made = MARKED.sub(lambda m: f"``{m[1]}``" if m[1] else f"\\{m[2]}", row)
    return re.sub(r"^([-+*•]|\d+[.)]|\.\.|:)(\s)", r"\\\1\2", made)


def _describe(app, pagename, templatename, context, doctree):
    """A description for search engines: the first paragraph."""
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    first = next((p.astext() for p in doctree.findall(nodes.paragraph)), pagename)
    words = " ".join(first.split())
    if len(words) > LONGEST:
        words = words[:LONGEST].rsplit(" ", 1)[0] + " …"
    tag = f'<meta name="description" content="{html.escape(words)}" />'
    context["metatags"] = context.get("metatags", "") + "\n" + tag
