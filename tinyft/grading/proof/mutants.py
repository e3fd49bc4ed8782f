"""Blind small changes of a solution: what a grader must notice without being told.

Inside the # YOUR CODE blocks only, one change at a time: signs flipped, terms dropped,
operands swapped, constants off by one and doubled, comparisons flipped, transposes and
keywords removed, branches and neighbouring arguments swapped, statements left out.
What algebra proves equal, (a − b)² and (b − a)², is not made.
"""

import ast
import copy
from functools import partial

from tinyft.grading.exercise import BEGIN, END

FLIPS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPPOSITE = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
ORDERED = (ast.Sub, ast.Div, ast.MatMult, ast.Pow, ast.FloorDiv, ast.Mod)
DROPS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow)
NAMES = {}
PAIRS = """sum mean, max min, argmax argmin, maximum minimum, sin cos, zeros ones,
exp log, zeros_like ones_like, triu tril, any all, floor ceil"""
for _one, _other in map(str.split, PAIRS.split(",")):
    NAMES |= {_one: _other, _other: _one}
EVEN = ("abs", "square", "norm", "absolute")


def mutants(source):
    """[(name, text)]: every change of a solution's blocks, named "old → new"."""
    lines, found, seen = block_lines(source), [], {}
    for node, name, text in edits(ast.parse(source)):
        if getattr(node, "lineno", 0) in lines:
            seen[name] = seen.get(name, 0) + 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""
            found.append((name, text()))
    return found


def edits(tree, changes=None):
    """(node, "old → new", its text when called) of every change of a tree.

    changes(node, holder): the nodes that may replace this one; None: the changes above.
    """
    for holder, field, place, node in _nodes(tree):
        for new in (changes or replacements)(node, holder):
            name = f"{_said(node)} → {_said(new)}"
            yield node, name, partial(_with, tree, holder, field, place, new)


def block_lines(source):
    inside, lines = False, set()
    for number, line in enumerate(source.splitlines(), 1):
        inside = (inside or bool(BEGIN.match(line))) and not END.match(line)
        if inside:
            lines.add(number)
    return lines


def _nodes(tree):
    """(holder, field, index or None, node) of every node, in the order of the text."""
    for field, value in ast.iter_fields(tree):
        several = isinstance(value, list)
        for place, one in enumerate(value) if several else [(None, value)]:
            if isinstance(one, ast.AST):
                yield tree, field, place, one
                yield from _nodes(one)


def _said(node):
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."


def _with(tree, holder, field, place, new):
    """The text of the tree with one node replaced; the tree stays as it was."""
    old = getattr(holder, field)
    changed = new if place is None else [*old[:place], new, *old[place + 1 :]]
    setattr(holder, field, changed)
    try:
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    finally:
        setattr(holder, field, old)


def replacements(node, holder):
    """The nodes that may stand instead of this one."""
    kind = type(node).__name__.lower()
    return list(globals().get(f"_of_{kind}", lambda *_: ())(node, holder))


def edit(node, **fields):
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _of_binop(node, holder):
    left, op, right = node.left, type(node.op), node.right
    if op in OPPOSITE:
        yield edit(node, op=OPPOSITE[op]())
    if op in ORDERED and not (op is ast.Sub and _even(holder)):
        yield edit(node, left=right, right=left)
    if op in DROPS:
        yield left
    if op in (ast.Add, ast.Sub, ast.Mult, ast.MatMult):
        yield right


def _even(holder):
    """True where the sign of a value makes no difference: squared, or its norm."""
    if isinstance(holder, ast.BinOp) and isinstance(holder.op, ast.Pow):
        return isinstance(holder.right, ast.Constant) and holder.right.value == 2
    return isinstance(holder, ast.Call) and _name(holder.func) in EVEN


def _name(function):
    return getattr(function, "attr", getattr(function, "id", ""))


def _of_unaryop(node, holder):
    yield node.operand


def _of_constant(node, holder):
    value = node.value
    if isinstance(value, bool):
        yield edit(node, value=not value)
    elif isinstance(value, (int, float)):
        news = [value + 1, value - 1, 2 * value] if isinstance(value, int) else []
        news = news or [value + 1, 2 * value]
        for new in dict.fromkeys(one for one in news if one != value):
            yield edit(node, value=new)


def _of_compare(node, holder):
    first, rest = node.ops[0], node.ops[1:]
    for new in FLIPS.get(type(first), ()):
        yield edit(node, ops=[new(), *rest])


def _of_boolop(node, holder):
    other = ast.Or if isinstance(node.op, ast.And) else ast.And
    yield edit(node, op=other())
    for i in range(len(node.values)):
        rest = node.values[:i] + node.values[i + 1 :]
        yield rest[0] if len(rest) == 1 else edit(node, values=rest)


def _of_attribute(node, holder):
    if node.attr in ("T", "mT"):
        yield node.value
    elif node.attr in NAMES:
        yield edit(node, attr=NAMES[node.attr])


def _of_name(node, holder):
    called = isinstance(holder, ast.Call) and holder.func is node
    if called and node.id in NAMES:
        yield edit(node, id=NAMES[node.id])


def _of_call(node, holder):
    for i in range(len(node.args) - 1):
        swapped = list(node.args)
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
        if _name(node.func) not in ("maximum", "minimum", "max", "min"):
            yield edit(node, args=swapped)
    for i in range(len(node.keywords)):
        yield edit(node, keywords=node.keywords[:i] + node.keywords[i + 1 :])
    if _name(node.func) in ("transpose", "swapaxes"):
        is_method = not (node.args and _name(getattr(node.func, "value", None)) == "np")
        yield node.func.value if is_method else node.args[0]


def _of_ifexp(node, holder):
    yield edit(node, body=node.orelse, orelse=node.body)


def _of_if(node, holder):
    yield edit(node, test=ast.UnaryOp(ast.Not(), node.test))


def _of_augassign(node, holder):
    if type(node.op) in OPPOSITE:
        yield edit(node, op=OPPOSITE[type(node.op)]())
    yield ast.Pass()


def _of_expr(node, holder):
    if not isinstance(node.value, ast.Constant):  # a docstring does nothing
        yield ast.Pass()


def _of_slice(node, holder):
    for end in ("lower", "upper", "step"):
        if getattr(node, end) is not None:
            yield edit(node, **{end: None})
