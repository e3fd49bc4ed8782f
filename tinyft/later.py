"""Names that a package imports at their first use (PEP 562): importing stays fast."""

import importlib
import sys


def names(package, table, parts=()):
    """(__getattr__, __dir__) for `package`.

    `table` is {module: "its names that the package shows"}, `parts` names submodules.
    """
    found = {name: module for module, text in table.items() for name in text.split()}

    def get(name):
        if name in found:
            value = getattr(importlib.import_module(found[name]), name)
            setattr(sys.modules[package], name, value)
            return value
        if name in parts:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listing():
        return sorted({*vars(sys.modules[package]), *found, *parts})

    return get, listing
