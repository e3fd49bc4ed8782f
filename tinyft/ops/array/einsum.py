"""einsum: products and sums named by letters, Σ over the letters that the result lacks.

A letter that an operand repeats stands for its diagonal, which is read first. A pair of
operands is then brought to (batch, left, summed) and (batch, summed, right) and
multiplied as matrices; more operands go pair by pair from the left. Made of indexing,
transpose, reshape and matmul, it has derivatives of every order and runs at the speed
of BLAS (numpy.einsum of two operands is 15x to 45x slower without `optimize`).
"""

import math

from tinyft import backend
from tinyft.ops.array.elementwise import mul
from tinyft.ops.array.index import Take
from tinyft.ops.array.linalg import matmul
from tinyft.ops.array.reduce import sum as sum_over
from tinyft.ops.array.shape import broadcast_to, reshape, transpose
from tinyft.ops.operands import wrap


def einsum(spec, *xs):
    """Σ of products as `numpy.einsum`: einsum("bij,bjk->bik", x, y). Returns a Tensor.

    Without "->" the result has the letters that occur once, in alphabetical order.
    "..." stands for the axes not named. A letter twice in one operand takes its
    diagonal: "ii->" is the trace. Between operands, axes of size 1 broadcast. Raises
    ValueError for sizes or letters that do not fit.
    """
    xs = [wrap(x) for x in xs]
    terms, out = _parse(spec, [x.shape for x in xs])
    xs, terms = zip(*[_diagonal(spec, x, term) for x, term in zip(xs, terms)])
    xs = _same_sizes(spec, xs, terms)
    x, letters = xs[0], terms[0]
    for i in range(1, len(xs)):
        later = set(out).union(*terms[i + 1 :])
        x, letters = _pair(x, letters, xs[i], terms[i], later)
    x, letters = _sum_out(x, letters, set(out))
    return _arrange(x, letters, out)


def _parse(spec, shapes):
    """Each operand's axes and the result's, as lists of names; ... as numbers < 0."""
    left, arrow, right = spec.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(
            f"einsum: {spec!r} names {len(terms)} operands, {len(shapes)} were given"
        )
    terms = [_names(spec, t, len(shape)) for t, shape in zip(terms, shapes)]
    every = [name for t in terms for name in t]
    dots = sorted({name for name in every if isinstance(name, int)})
    if arrow:
        before, three, after = right.partition("...")
        out = [*before, *(dots if three else ()), *after]
    else:
        once = {n for n in every if isinstance(n, str) and every.count(n) == 1}
        out = [*dots, *sorted(once)]
    if len(set(out)) < len(out) or not set(out) <= set(every):
        raise ValueError(
            f"einsum: the result {right!r} of {spec!r} repeats a letter, or has one "
            "that no operand has"
        )
    return terms, out


def _names(spec, term, ndim):
    before, three, after = term.partition("...")
    free = ndim - len(before) - len(after)
    if free < 0 or (free and not three):
        raise ValueError(f"einsum: {term!r} in {spec!r} does not fit {ndim} axes")
    if not "".join([before, after, "a"]).isalpha():
        raise ValueError(f"einsum: {term!r} in {spec!r}: an axis is named by a letter")
    return [*before, *range(-free, 0), *after]


def _diagonal(spec, x, names):
    """x and its names with one axis for each name: the diagonal of those repeated."""
    for name in sorted({n for n in names if names.count(n) > 1}):
        its = [i for i, n in enumerate(names) if n == name]
        sizes = [x.shape[i] for i in its]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"einsum: {name!r} in {spec!r} names axes of sizes {sizes} in one "
                f"operand, of shape {x.shape}; a diagonal needs equal sizes"
            )
        others = [i for i in range(x.ndim) if i not in its]
        places = backend.xp_of(x._data).arange(sizes[0])
        x = transpose(x, (*its, *others))
        x = Take.apply(x, key=(places,) * len(its), once=True)
        names = [name, *[names[i] for i in others]]
    return x, names


def _same_sizes(spec, xs, terms):
    """Check that a name has one size; broadcast axes of size 1 to it."""
    sizes = {}
    for x, term in zip(xs, terms):
        for name, n in zip(term, x.shape):
            one = sizes.setdefault(name, n)
            if n != one and 1 not in (n, one):
                raise ValueError(
                    f"einsum: {name!r} in {spec!r} is {one} in one operand and {n} in "
                    "another; the shapes are " + " and ".join(str(x.shape) for x in xs)
                )
            sizes[name] = n if one == 1 else one
    full = [tuple([sizes[name] for name in term]) for term in terms]
    return [x if x.shape == s else broadcast_to(x, s) for x, s in zip(xs, full)]


def _pair(x, a, y, b, later):
    """Multiply x (axes a) and y (axes b), summing what `later` does not need."""
    x, a = _sum_out(x, a, later.union(b))
    y, b = _sum_out(y, b, later.union(a))
    batch = [n for n in a if n in b and n in later]
    summed = [n for n in a if n in b and n not in later]
    left, right = [n for n in a if n not in b], [n for n in b if n not in a]
    size = dict(zip([*a, *b], [*x.shape, *y.shape]))

    def grouped(t, axes, *groups):
        t = _arrange(t, axes, batch + groups[0] + groups[1])
        flat = tuple([math.prod([size[n] for n in g]) for g in groups])
        shape = tuple([size[n] for n in batch]) + flat
        return t if t.shape == shape else reshape(t, shape)

    x, y = grouped(x, a, left, summed), grouped(y, b, summed, right)
    z = matmul(x, y) if summed else mul(x, y)  # (batch, left, right)
    names = batch + left + right
    return reshape(z, tuple([size[n] for n in names])), names


def _sum_out(x, names, needed):
    """Sum over the axes whose names are not needed."""
    gone = tuple([i for i, n in enumerate(names) if n not in needed])
    if not gone:
        return x, names
    return sum_over(x, gone), [n for n in names if n in needed]


def _arrange(x, names, order):
    """Transpose from axes `names` to axes `order`."""
    if names == order:
        return x
    return transpose(x, tuple([names.index(n) for n in order]))
