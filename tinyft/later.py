"""Names that a package imports at their first use (PEP 562): importing stays fast."""

import importlib
import sys


def names(package, table, parts=(), each=lambda value: value, missing=None):
    """(__getattr__, __dir__) for `package`.

    `table` is {module: "its names that the package shows"}, `parts` names submodules.
    each(value) is what the package shows of a value; missing(name) is the error for a
    name that it does not have.
    """
    found = {name: module for module, text in table.items() for name in text.split()}

    def get(name):
        if name in found:
            value = each(getattr(importlib.import_module(found[name]), name))
            setattr(sys.modules[package], name, value)
            return value
        if name in parts:
            return importlib.import_module(f"{package}.{name}")
        if missing is not None:
            raise missing(name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listing():
        return sorted({*vars(sys.modules[package]), *found, *parts})

    return get, listing
