"""Prose and code in a notebook that cannot drift: numbers and sources come from cells.

say(f"The risk is {risk:.3f}.")      Markdown whose numbers are variables
table(["λ", "accuracy"], rows)       a Markdown table
source(l2sp.closed_form)             the library's own code, as it runs
holds(gap > 0, "that early layers win")   stops a cell whose sentence is no longer true
"""

import inspect
import textwrap

from tinyft.course.check import in_notebook


def say(text):
    """Show Markdown `text`; plain text outside a notebook."""
    text = textwrap.dedent(text).strip()
    if not in_notebook():
        print(text, flush=True)
        return
    from IPython.display import Markdown, display

    display(Markdown(text))


def table(head, rows):
    """Show `rows`, each a list of texts or numbers, under the titles in `head`."""
    lines = [head, ["---"] * len(head), *rows]
    say("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))


def holds(condition, what):
    """Raise AssertionError if a sentence is no longer what the numbers of its cell say.

    what: the claim, "that ..."; nothing is shown while it is true.
    """
    if not condition:
        raise AssertionError(f"the text says {what}; its numbers no longer do")


def source(*things):
    """Show the source of functions, methods or classes of the library."""
    texts = [textwrap.dedent(inspect.getsource(thing)).rstrip() for thing in things]
    say("```python\n" + "\n\n\n".join(texts) + "\n```")
