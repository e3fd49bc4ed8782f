"""Possible faults of a library file: one small change of a statement that was executed.

Changed are the bodies of functions and lambdas the notebook ran: signs, terms, factors,
operands, constants, comparisons, transposes and slices as in the graders' blind mutants,
and beside them a condition ignored, another tensor of the same shape, a gradient cut by
detach(). Messages, guards that only raise, and what would merely crash are left alone.
"""

import ast
import difflib
import random
import re
from collections import defaultdict
from dataclasses import dataclass, replace

from tinyft.course.run.execute import CourseError
from tinyft.grading.proof.mutants import edits, replacements

SILENT = re.compile("__repr__|__str__|extra_repr|_*(check|require|refuse|warn)")
JOINED = (ast.List, ast.ListComp, ast.Tuple, ast.JoinedStr)  # + joins, - is an error
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Fault:
    """One changed file: where, its new text, and the change as a diff."""

    file: str
    line: int
    where: str
    text: str = ""
    diff: str = ""
    why: str = ""

    @property
    def label(self):
        """What tells it apart in a chapter: the function and the line, old → new."""
        old, new = (" ".join(self._lines(mark)) for mark in "-+")
        return f"{self.file} {self.where}: {old} → {new or '(nothing)'}"

    def _lines(self, mark):
        lines = self.diff.splitlines()
        return [line[1:].strip() for line in lines if line.startswith(mark)]


def sample(package, seen, count, seed):
    """`count` faults drawn from the files in `seen`; count None: all, in order.

    package: the folder of the package.  seen: {file: {"lines", "names"}}, what a run
    of the notebook executed.  A statement is drawn first, then one change of it, so a
    long formula does not crowd out the short ones.
    """
    statements = defaultdict(list)
    for file in sorted(seen):
        for place, fault in possible(package / file, file, **seen[file]):
            statements[file, place].append(fault)
    if count is None:
        return [draw() for draws in statements.values() for draw in draws]
    rng = random.Random(seed)
    pools = [rng.sample(draws, len(draws)) for draws in statements.values()]
    rng.shuffle(pools)
    drawn = [pool[turn] for turn in range(99) for pool in pools if turn < len(pool)]
    return [draw() for draw in drawn[:count]]


def possible(path, file, lines, names):
    """(statement's line, function that makes the Fault) of every change of one file.

    lines: executed ones.  names: {line of a function: {name: kind}}, see trial.Watch.
    """
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    homes = Homes(tree, set(lines)).found

    def changes(node, holder):
        home = homes.get(id(node))
        if home:
            kinds = names.get(str(home[1].lineno), {})
            yield from _sensible(node, replacements(node, holder), kinds)
            yield from _more(node, holder, kinds)

    plain = ast.unparse(tree) + "\n"
    for node, _, text in edits(tree, changes):
        statement, _, where = homes[id(node)]
        fault = Fault(file, getattr(node, "lineno", statement.lineno), where)
        yield statement.lineno, _maker(fault, plain, text)


def _maker(fault, plain, text):
    def make():
        new = text()
        return replace(fault, text=new, diff=difference(plain, new))

    return make


def difference(old, new):
    """The lines that differ, as - and +."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if line[:3] not in ("---", "+++", "@@ "))


def _sensible(node, changes, kinds):
    """The changes that a slip of the pen could be, and that Python would not notice."""
    for new in changes:
        if isinstance(node, ast.Call) and isinstance(new, ast.Call):
            if len(new.keywords) == len(node.keywords) and _alike(node, new, kinds):
                yield new
        elif not (isinstance(node, ast.Expr) or _texts_or_lists(node)):
            yield new


def _alike(node, new, kinds):
    """True when the arguments that changed places are arrays of one kind."""
    pairs = zip(node.args, new.args, strict=False)
    moved = {kinds.get(ast.unparse(old)) for old, now in pairs if old is not now}
    return len(moved) == 1 and None not in moved


def _texts_or_lists(node):
    sides = (getattr(node, "left", node), getattr(node, "right", node))
    if not isinstance(node, ast.BinOp):
        return isinstance(getattr(node, "value", None), JOINED)
    return any(isinstance(side, JOINED) or _text(side) for side in sides)


def _text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))


def _more(node, holder, kinds):
    """Faults of a library that an exercise does not have."""
    if isinstance(node, ast.If):
        for value in (True, False):
            yield ast.If(ast.Constant(value), node.body, node.orelse)
    used = isinstance(getattr(node, "ctx", None), ast.Load)
    text = ast.unparse(node) if used and not isinstance(holder, ast.Attribute) else ""
    kind = kinds.get(text)
    others = [other for other in kinds if kinds[other] == kind and other != text]
    if kind and others:
        yield ast.parse(others[0], mode="eval").body
    if kind and kind.startswith("tensor"):
        yield ast.parse(f"{text}.detach()", mode="eval").body


class Homes(ast.NodeVisitor):
    """{id(node): (statement, function, qualified name)} of what may be changed."""

    def __init__(self, tree, lines):
        self.lines, self.found = lines, {}
        self.path, self.functions = [], []
        self.visit(tree)

    def visit(self, node):
        """Names on the way down; statements in executed functions are entered."""
        named = isinstance(node, (*FUNCTIONS, ast.ClassDef))
        if named:
            self.path.append(node.name)
        if isinstance(node, FUNCTIONS):
            self._function(node)
        elif isinstance(node, ast.stmt) and self.functions:
            self._statement(node)
        elif isinstance(node, ast.Lambda) and node.body.lineno in self.lines:
            self._claim(node.body, node, node)
        else:
            self.generic_visit(node)
        if named:
            self.path.pop()

    def _function(self, node):
        if not SILENT.match(node.name):
            self.functions.append(node)
            for child in node.body:
                self.visit(child)
            self.functions.pop()

    def _statement(self, node):
        if _executed(node, self.lines) and not _guard(node):
            self._claim(node, node, self.functions[-1])
        for child in _statements(node):
            self.visit(child)

    def _claim(self, node, statement, function):
        where = ".".join(self.path) or "lambda"
        self.found[id(node)] = statement, function, where
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.stmt, ast.JoinedStr, ast.excepthandler)):
                self._claim(child, statement, function)


def _statements(node):
    """The statements nested in a statement."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.excepthandler, ast.match_case)):
            yield from child.body


def _executed(node, lines):
    nested = [child.lineno for child in _statements(node)]
    end = max(node.lineno, min(nested) - 1) if nested else node.end_lineno
    return any(line in lines for line in range(node.lineno, end + 1))


def _guard(node):
    """True for what only refuses or warns: no chapter is about a message."""
    if isinstance(node, ast.If):
        return isinstance(node.body[-1], ast.Raise) and not node.orelse
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return bool(SILENT.match(ast.unparse(node.value.func)))
    return isinstance(node, (ast.Raise, ast.Assert, ast.AnnAssign, ast.Import))


def by_hand(package, note):
    """The Fault that a note in the chapter's TOML describes."""
    source = (package / note["file"]).read_text(encoding="utf-8")
    count = source.count(note["old"])
    if count != 1:
        raise CourseError(
            f"a fault by hand must name text that occurs once: {note['old']!r} occurs "
            f"{count} times in {note['file']}"
        )
    text = source.replace(note["old"], note["new"])
    try:
        ast.parse(text)
    except SyntaxError as error:
        said = f"{note['new']!r} is not Python in {note['file']}: {error}"
        raise CourseError(f"a fault by hand must leave valid Python: {said}") from None
    line = source[: source.index(note["old"])].count("\n") + 1
    diff = difference(source, text)
    return Fault(note["file"], line, "by hand", text, diff, note["why"])
