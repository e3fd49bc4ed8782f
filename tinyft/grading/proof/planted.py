"""Constants planted in a solution: what passes only because all draws are alike.

    heads       → first_seen(heads)              a number, as it was at its first use;
    x.shape[-1] → first_seen(x.shape[-1])        x.ndim, len(x) and a < b as well
    a >= b      → a == b
    axis=-1     → axis=first_seen(np.ndim(x) - 1)       counted from the front
    x[..., i]   → x[:, :, i]                            as many as there were at first

The last two are made where a docstring leaves the rank open: "(..., d)".  One run of
the solution with all places marked says which of the first kind are numbers, and which
of these differ between the draws: what never differs passes for certain and is not
run.  What passes fails the self-test, or has a reason in solutions/survivors.toml:

    [planted.closed_form]
    "len(X) → first_seen(len(X))" = "why no check can tell the two apart"
"""

import ast
import re

from tinyft.grading.proof import mutants

SIZES = ("shape", "ndim", "size")
NONE = ast.Is, ast.IsNot
LOOSE = {ast.GtE: ast.Eq, ast.LtE: ast.Eq}
HELPER = """

def first_seen(value, place=None, held={}):
    import numbers

    import numpy as np

    if not isinstance(value, (numbers.Number, np.bool_)):
        return value
    first = held.setdefault(place, value)
    if place is None:
        return first
    same = "same" if first == value else "other"
    if (place, same) not in held:
        held[place, same] = print(f"<{place} {same}>", end="")
    return value
"""


def constants(source):
    """{name: (text, place)} of the numbers that become what they were at first."""
    places = _Places(ast.parse(source))
    return _made(source, lambda node, holder: _held(node, holder, places.named))


def coincidences(source):
    """{name: (text, place)} of comparisons and axes that fit the first draw."""
    is_open = bool(re.search(r"\(\.\.\.|\.\.\.\)", source))
    return _made(source, lambda node, holder: _fitted(node, holder, is_open))


def _made(source, changes):
    lines, seen, found = mutants.block_lines(source), {}, {}
    for node, name, text in mutants.edits(ast.parse(source), changes):
        if getattr(node, "lineno", 0) in lines:
            seen[name] = seen.get(name, 0) + 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""
            found[name] = text() + HELPER, _place(node)
    return found


def marked(source, found):
    """The solution that prints what it finds at the places: for `differing`."""
    numbers = {place: i for i, (_, place) in enumerate(found.values())}
    tree = _Marking(numbers).visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)) + HELPER


def differing(found, printed):
    """({names whose place has numbers}, {those whose numbers differ between draws})."""
    names, both = list(found), []
    for word in ("same", "other"):
        both.append({names[int(i)] for i in re.findall(rf"<(\d+) {word}>", printed)})
    return both


def judge(found, known, passed):
    """Sentences on what passes without a reason, and on reasons for what does not.

    found: names of all that was made; known: {name: reason}; passed: names.
    """
    for name in passed:
        if not known.get(name, "").strip():
            yield f"the draws let this through, as they are all alike there: {name}"
    for name in known:
        if name not in passed:
            made = "is caught" if name in found else "is not made"
            yield f"survivors.toml excuses under planted what {made}: {name}"


def _place(node):
    ends = node.end_lineno, node.end_col_offset
    return type(node).__name__, node.lineno, node.col_offset, *ends


def _first_seen(node, *more):
    return ast.Call(ast.Name("first_seen", ast.Load()), [node, *more], [])


class _Marking(ast.NodeTransformer):
    """Wraps the nodes at the places, from the inside out."""

    def __init__(self, numbers):
        self.numbers = numbers

    def visit(self, node):
        """The node, wrapped when it stands at one of the places."""
        here = getattr(node, "lineno", None) and _place(node)
        node = self.generic_visit(node)
        number = self.numbers.get(here)
        return node if number is None else _first_seen(node, ast.Constant(number))


class _Places(ast.NodeVisitor):
    """The names that may hold a size: parameters, and what is taken from a shape."""

    def __init__(self, tree):
        self.named = set()
        self.visit(tree)

    def visit_FunctionDef(self, node):
        """Parameters."""
        every = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        self.named |= {one.arg for one in every}
        self.generic_visit(node)

    def visit_Assign(self, node):
        """Names on the left of what is read from an array's shape."""
        if any(_is_size(one) for one in ast.walk(node.value)):
            left = [one for target in node.targets for one in ast.walk(target)]
            self.named |= {one.id for one in left if isinstance(one, ast.Name)}


def _is_size(node):
    called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "len"
    return called or (isinstance(node, ast.Attribute) and node.attr in SIZES)


def _held(node, holder, named):
    """The node as a number of the first draw, where it may be a size or a condition."""
    known = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    called = isinstance(holder, ast.Call) and holder.func is node
    attribute = isinstance(holder, ast.Attribute)
    read = isinstance(node, ast.Subscript) and _is_size(node.value)
    compared = isinstance(node, ast.Compare) and not isinstance(holder, ast.While)
    asked = isinstance(holder, ast.Compare) and isinstance(holder.ops[0], NONE)
    if asked or isinstance(holder, ast.FormattedValue):  # None, or an error's text
        return
    if known and node.id in named and not called and not attribute:
        yield _first_seen(node)
    elif read or compared or (_is_size(node) and getattr(node, "attr", "") != "shape"):
        yield _first_seen(node)


def _fitted(node, holder, is_open):
    if isinstance(node, ast.Compare) and type(node.ops[0]) in LOOSE:
        yield mutants.edit(node, ops=[LOOSE[type(node.ops[0])](), *node.ops[1:]])
    if not is_open:
        return
    if isinstance(node, ast.keyword) and node.arg == "axis":
        array, back = _array_of(holder), _negative(node.value)
        if back:
            yield mutants.edit(node, value=_from_front(array, back))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        yield from _without_dots(node)


def _array_of(call):
    """The array whose axis is meant: of a method, or the first argument."""
    owner = getattr(call.func, "value", None)
    is_method = owner is not None and "np" not in ast.unparse(owner).split(".")
    return owner if is_method else call.args[0]


def _negative(node):
    is_minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    constant = is_minus and isinstance(node.operand, ast.Constant)
    return node.operand.value if constant else 0


def _from_front(array, back):
    text = f"first_seen(len(np.shape({ast.unparse(array)})) - {back})"
    return ast.parse(text, mode="eval").body


def _without_dots(node):
    parts = node.slice.elts
    dots = [i for i, p in enumerate(parts) if getattr(p, "value", None) is ...]
    if dots and isinstance(node.ctx, ast.Load):
        used = sum(getattr(part, "value", ...) is not None for part in parts) - 1
        rank = _from_front(node.value, used)
        fill = ast.parse(f"(slice(None),) * {ast.unparse(rank)}", mode="eval").body
        i = dots[0]
        elts = [*parts[:i], ast.Starred(fill, ast.Load()), *parts[i + 1 :]]
        yield mutants.edit(node, slice=ast.Tuple(elts, ast.Load()))
