"""The reference: a page per public package, each public name once, from the docstrings."""

import inspect
import types
from importlib import import_module

PACKAGES = (
    "tinyft ops autograd nn models models.vision models.classic peft transfer objectives "
    "evaluation optim training data io io.huggingface pretrained quantise efficiency "
    "kernels backend"
).split()
UNDERLINE = "="
INTRO = """Reference
=========

Every public name once, under the package that you import it from, in the words of its
docstring. Shapes, units and errors are said there; *[source]* shows the file.

.. toctree::
   :maxdepth: 1

"""


def pages():
    """{page: reStructuredText}, "index" first, and the modules whose source is shown."""
    seen, sources, made = set(), set(), {}
    for package in _packages():
        names = list(public(package, seen))
        if names:
            made[package.__name__] = _page(package, names)
        sources |= {_module(value) for _, value in names} - {None}
    index = INTRO + "".join(f"   {name}\n" for name in made)
    return {"index": index, **made}, sources


def public(package, seen):
    """(name, value) of what `package` shows and no package before it has shown.

    seen: identities of what has been shown; what is found is added
    """
    names = getattr(package, "__all__", None) or dir(package)
    for name in sorted(names):
        value = getattr(package, name)
        if name.startswith("_") or not _counts(value, package):
            continue
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _packages():
    for name in PACKAGES:
        yield import_module(name if name == "tinyft" else f"tinyft.{name}")


def _counts(value, package):
    if isinstance(value, types.ModuleType):
        return False
    home = getattr(value, "__module__", None) or ""
    if package.__name__ == "tinyft" and not home.startswith("tinyft"):
        return False
    return callable(value) and home.startswith("tinyft") and bool(_doc(value))


def _doc(value):
    return inspect.getdoc(value) if callable(value) else None


def _module(value):
    return getattr(value, "__module__", None)


def _page(package, names):
    title = package.__name__
    parts = [title, UNDERLINE * len(title), "", f".. automodule:: {title}", ""]
    for name, value in names:
        kind = "autoclass" if inspect.isclass(value) else "autofunction"
        parts += [f".. {kind}:: {title}.{name}"]
        parts += ["   :members:", ""] if inspect.isclass(value) else [""]
    return "\n".join(parts)
