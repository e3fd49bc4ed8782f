"""Sentences on what went wrong in an answer's process: what, where, what to change."""

import re

from tinyft.grading.check import context

# control and escape characters, marks that turn the direction of a text, lone surrogates
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
KNOWN = {
    "RecursionError": "calls itself without end: give the recursion a last case",
    "SystemExit": "ends Python (SystemExit): remove sys.exit or exit()",
    "KeyboardInterrupt": "raises KeyboardInterrupt: remove that line",
}
ALONE = (
    "An answer may read only Python and NumPy, write nothing outside its own folder, and "
    "start no process or thread"
)


def clean(text, keep=""):
    """A text on one line that a terminal, a page and a table show as it is."""
    return UNSAFE.sub(lambda found: found[0] if found[0] in keep else "?", text)


def _called():
    return f"Called {context.called}. " if context.called else ""


def raised(told, file):
    """The sentence on an exception, told by the answer's process."""
    kind, name, said = (
        told.get("kind"),
        told.get("name") or "an error",
        told.get("said"),
    )
    line, said = told.get("line"), said or ""
    where = f"{file}, line {line}" if type(line) is int and line else file
    if kind == "SyntaxError" and name in (
        "SyntaxError",
        "IndentationError",
        "TabError",
    ):
        return _syntax(told, where, said)
    if name == "Hidden":
        line, _, module = said.partition(" ")
        where = f"{file}, line {line}"
        return f"{where} uses {module}, which is the answer itself: remove the line."
    if kind == "NotImplementedError":
        return said or f"{where}: not implemented yet."
    if kind in KNOWN:
        return f"{_called()}{where} {KNOWN[kind]}."
    if kind == "MemoryError":
        asks = f"{_called()}{where} asks for more memory than a check may use"
        return f"{asks}: {said or kind}."
    if kind == "ImportError":
        return f"{where}: {_import(said, str(told.get('module') or ''))}"
    hint = f". {ALONE}." if name == "PermissionError" else ""
    return f"{_called()}{where} raises {name}: {said}{hint}"


def _syntax(told, where, said):
    code = told.get("code")
    shown = f": {code!r}" if type(code) is str and code else ""
    return (
        f"{where} is not valid Python ({said}){shown}. Mend that line; nothing can be "
        "graded before."
    )


def _import(said, module):
    if module.split(".")[0] == "tinyft":
        return (
            f"{module} is not there for this task: use only what the stub imports, and "
            "remove this line."
        )
    return f"{said}. Only Python's own modules and NumPy are there: remove the line."


def refused(reply):
    """The sentence on a value of a kind that cannot be graded."""
    what, inside = clean(str(reply["refused"]))[:200], reply.get("inside")
    held = (
        f"a {clean(inside)[:20]} with {what} in it"
        if type(inside) is str and inside
        else what
    )
    advice = "return NumPy arrays and plain numbers"
    if "Tensor" in what:
        advice = "return x.numpy() instead of x"
    elif "array of object" in what:
        advice = "are its rows of unequal length?"
    elif "kind of ndarray" in what:
        advice = "return np.asarray(...) of it"
    elif re.fullmatch("an? (map|zip|generator|range|filter|set|dict_.*)", what):
        advice = "put list(...) or np.array(list(...)) around it"
    asked = "where arrays and numbers are asked"
    end = "" if advice.endswith("?") else "."
    return f"{_called()}It returned {held}, {asked}: {advice}{end}"


def unfit(name, count, functions, reply):
    """The sentence on a function that does not take the stub's arguments."""
    takes = f"{name}{functions.get(name, ('(...)',))[0]}"
    why = clean(str(reply["unfit"]))[:200]
    return (
        f"{name} is called with {count} arguments, but yours is {takes} ({why}): give "
        "the parameters back as in the stub."
    )


def gone(error, file, seconds, where="in this check"):
    """The sentence on an answer whose process ended, or did not."""
    clause = str(error).replace("{seconds:g}", f"{seconds:g}")
    end = "" if clause.endswith("?") else "."
    return f"{_called()}{file} {where} {clause}{end}"


def surprise(error, file):
    """The sentence on a check that could not go on with what an answer returned."""
    lines = str(error).strip().splitlines()
    said = clean(lines[0])[:300] if lines else ""
    return (
        f"{_called()}The check could not go on with what {file} returned: "
        f"{type(error).__name__}: {said}."
    )
