"""One row for each operation; tests/ops/test_table.py derives every check from it.

To add an operation, append one line to the list of its family:

    Row("name", function, reference, shape, shape, ...)

`function` takes one float Tensor for each shape, `reference` the same as NumPy arrays
(float64); other arguments (axes, index arrays) are written into both. Then say what does
not hold, by keyword:

    draw="normal"       how inputs are drawn: normal, positive (0.5..2), share (0.1..0.9),
                        unit (-0.9..0.9),
                        apart (all entries of all inputs at least 0.1 from each other
                        and from 0: for kinks and ties, where no derivative exists)
    complex_step=True   the function is analytic and its code takes complex numbers:
                        gradients are then also checked to 1e-10 (not only to 1e-6)
    second=True         has a second derivative by create_graph=True
    broadcast=False     True: two inputs that broadcast, as in arithmetic
    empty=None          an input shape with a 0 in it that must work (for every input)
    scalar=False        True: 0-d inputs work
    half=True           float16 in, float16 out
    rtol32=2e-6         float32 against float64: a few roundings (eps is 1.2e-7)

Shapes are small and all sizes differ, so that a transposed gradient cannot pass.
"""

from dataclasses import dataclass, field

import numpy as np

from tinyft import backend, ops


@dataclass
class Row:
    name: str
    function: object
    reference: object
    shapes: tuple
    draw: str = "normal"
    complex_step: bool = True
    second: bool = True
    broadcast: bool = False
    empty: tuple | None = None
    scalar: bool = False
    half: bool = True
    rtol32: float = 2e-6
    extra: dict = field(default_factory=dict)

    def __init__(self, name, function, reference, *shapes, **flags):
        self.name, self.function, self.reference = name, function, reference
        self.shapes, self.extra = shapes, {}
        for key, value in flags.items():
            if key not in type(self).__dataclass_fields__:
                raise TypeError(f"Row {name!r}: no flag {key!r}; see the head of it")
            setattr(self, key, value)

    def arrays(self, dtype="float64", seed=0, shapes=None):
        """The inputs as NumPy arrays, the same numbers in every dtype."""
        rng = np.random.default_rng([seed, sum(map(ord, self.name))])
        shapes = self.shapes if shapes is None else shapes
        return [x.astype(dtype) for x in DRAWS[self.draw](rng, shapes)]


def _apart(rng, shapes):
    sizes = [int(np.prod(shape)) for shape in shapes]
    values = (np.arange(sum(sizes)) + 1) * 0.13 * rng.choice([-1, 1], sum(sizes))
    values = np.split(rng.permutation(values), np.cumsum(sizes)[:-1])
    return [v.reshape(shape) for v, shape in zip(values, shapes)]


DRAWS = {
    "normal": lambda rng, shapes: [rng.standard_normal(s) for s in shapes],
    "positive": lambda rng, shapes: [rng.uniform(0.5, 2.0, s) for s in shapes],
    "share": lambda rng, shapes: [rng.uniform(0.1, 0.9, s) for s in shapes],
    "unit": lambda rng, shapes: [rng.uniform(-0.9, 0.9, s) for s in shapes],
    "apart": _apart,
}


def unary(name, reference, **flags):
    """A function of one argument, entry by entry, called as ops.name(x)."""
    fn = getattr(ops, name)
    return Row(name, fn, reference, (2, 3), **{"empty": (0, 3), "scalar": True} | flags)


def binary(name, reference, **flags):
    """Arithmetic of two broadcasting arguments, called as ops.name(x, y)."""
    flags = {"broadcast": True, "empty": (0, 3), "scalar": True} | flags
    return Row(name, getattr(ops, name), reference, (2, 3), (2, 3), **flags)


def here(constant, x):
    """A constant argument on the device of the input x (tests/device runs these rows)."""
    return backend.to(constant, backend.device_of(x))


def _erf(x):
    import math

    return np.vectorize(math.erf, otypes=[float])(x)


def _logsumexp(x, axis, keepdims=False):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


KINK = {"draw": "apart", "complex_step": False}
POSITIVE = {"draw": "positive"}

ARITHMETIC = [
    binary("add", np.add),
    binary("sub", np.subtract),
    binary("mul", np.multiply),
    binary("div", np.divide, **POSITIVE),
    binary("pow", np.power, **POSITIVE, rtol32=5e-6),
    binary("maximum", np.maximum, **KINK),
    binary("minimum", np.minimum, **KINK),
    unary("neg", np.negative),
    unary("square", np.square),
    unary("reciprocal", np.reciprocal, **POSITIVE),
    *[
        Row(
            f"pow {n}",
            lambda x, n=n: ops.pow(x, n),
            lambda x, n=n: x**n,
            (2, 3),
            **POSITIVE,
        )
        for n in (0, 1, 2, 3, 7, -1, -2, 0.5, -0.5, 2.5)
    ],
    Row(
        "pow 17",
        lambda x: ops.pow(x, 17),
        lambda x: x**17,
        (2, 3),
        **POSITIVE,
        half=False,
    ),
    Row("scalar pow", lambda x: ops.pow(2.0, x), lambda x: 2.0**x, (2, 3)),
    Row("rsub", lambda x: 1.5 - x, lambda x: 1.5 - x, (2, 3), scalar=True),
    Row("rdiv", lambda x: 2 / x, lambda x: 2 / x, (2, 3), **POSITIVE),
    Row(
        "lerp",
        lambda x, y: ops.lerp(x, y, 0.3),
        lambda x, y: x + 0.3 * (y - x),
        (2, 3),
        (3,),
    ),
]

MASK = np.array([[True, False, True], [False, False, True]])

CHOICES = [
    Row("where", lambda x, y: ops.where(here(MASK, x), x, y),
        lambda x, y: np.where(MASK, x, y),
        (2, 3), (3,)),
    Row("where scalar", lambda x: ops.where(here(MASK, x), x, 2.0),
        lambda x: np.where(MASK, x, 2.0),
        (2, 3)),
    Row("masked_fill", lambda x: ops.masked_fill(x, here(MASK, x), -5.0),
        lambda x: np.where(MASK, -5.0, x), (2, 3)),
    Row("clip", lambda x: ops.clip(x, -0.3, 0.41), lambda x: np.clip(x, -0.3, 0.41),
        (2, 3), **KINK, scalar=True, empty=(0, 3)),
    Row("clip low", lambda x: ops.clip(x, -0.3), lambda x: np.clip(x, -0.3, None),
        (2, 3), **KINK),
    Row("clip high", lambda x: ops.clip(x, None, 0.1), lambda x: np.clip(x, None, 0.1),
        (2, 3), **KINK),
    Row("clip tensors", ops.clip, np.clip, (2, 3), (3,), (2, 1), **KINK),
]  # fmt: skip

UNARY = [
    unary("abs", np.abs, **KINK),
    unary("exp", np.exp),
    unary("expm1", np.expm1),
    unary("log", np.log, **POSITIVE),
    unary("log1p", np.log1p, **POSITIVE),
    unary("log2", np.log2, **POSITIVE),
    unary("log10", np.log10, **POSITIVE),
    unary("sqrt", np.sqrt, **POSITIVE),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), **POSITIVE),
    unary("sin", np.sin),
    unary("cos", np.cos),
    unary("tan", np.tan, draw="unit"),
    unary("arcsin", np.arcsin, draw="unit", rtol32=5e-6),
    unary("arccos", np.arccos, draw="unit"),
    unary("arctan", np.arctan),
    unary("sinh", np.sinh),
    unary("cosh", np.cosh),
    unary("tanh", np.tanh),
    unary("erf", _erf),
    unary("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
]


def reductions(name, reference, axes=(None, 0, -1, (0, 2), (-1, 0)), **flags):
    """A reduction over several choices of `axis`, with and without keepdims."""
    fn, empty = getattr(ops, name), flags.pop("empty", None)
    rows = [
        Row(f"{name} axis={axis}{' kept' * kept}",
            lambda x, a=axis, k=kept: fn(x, axis=a, keepdims=k),
            lambda x, a=axis, k=kept: reference(x, axis=a, keepdims=k),
            (2, 3, 4), **flags)
        for axis in axes for kept in (False, True)
    ]  # fmt: skip
    all_axes = Row(name, fn, reference, (2, 3), empty=empty, **{"scalar": True} | flags)
    return [*rows, all_axes]


REDUCTIONS = [
    *reductions("sum", np.sum, empty=(0, 3)),
    *reductions("mean", np.mean),
    *reductions("max", np.max, **KINK),
    *reductions("min", np.min, **KINK),
    *reductions("prod", np.prod, axes=(None, 0, 1, (0, 2)), empty=(0, 3), rtol32=1e-5),
    *reductions("var", np.var, rtol32=1e-5),
    *reductions("std", np.std, rtol32=1e-5, scalar=False),
    *reductions("norm", lambda x, axis=None, keepdims=False: np.sqrt(
        np.sum(x * x, axis=axis, keepdims=keepdims))),
    *reductions("logsumexp", lambda x, axis=None, keepdims=False: _logsumexp(
        x, axis, keepdims)),
    Row("sum nothing", lambda x: ops.sum(x, 0), lambda x: x.sum(0), (0, 3)),
    Row("prod nothing", lambda x: ops.prod(x, -1), lambda x: x.prod(-1), (2, 0)),
    Row("var ddof", lambda x: ops.var(x, 1, 1), lambda x: np.var(x, 1, ddof=1), (2, 5)),
    Row("std ddof", lambda x: ops.std(x, 0, 1), lambda x: np.std(x, 0, ddof=1), (4, 3),
        rtol32=1e-5),
    Row("cumsum", ops.cumsum, np.cumsum, (2, 3), empty=(0, 3), scalar=True),
    *[Row(f"sort {axis}", lambda x, a=axis: ops.sort(x, a), lambda x, a=axis:
        np.sort(x, a), (2, 3, 4), **KINK) for axis in (0, 1, -1, None)],
    Row("cumsum 0", lambda x: ops.cumsum(x, 0), lambda x: np.cumsum(x, 0), (3, 2)),
    Row("cumsum -1", lambda x: ops.cumsum(x, -1), lambda x: np.cumsum(x, -1),
        (2, 3, 4)),
]  # fmt: skip


def pair(name, fn, *shapes, **flags):
    """A row whose function is written once, for ops and for NumPy: fn(xp, x, ...)."""
    return Row(
        name, lambda *xs: fn(ops, *xs), lambda *xs: fn(np, *xs), *shapes, **flags
    )


SHAPES = [
    pair("reshape", lambda xp, x: xp.reshape(x, (4, -1)), (2, 3, 4)),
    pair("reshape flat", lambda xp, x: xp.reshape(x, -1), (2, 3), empty=(0, 3),
        scalar=True),
    pair("transpose", lambda xp, x: xp.transpose(x), (2, 3, 4), empty=(0, 3),
        scalar=True),
    pair("transpose axes", lambda xp, x: xp.transpose(x, (1, -1, 0)), (2, 3, 4)),
    pair("swapaxes", lambda xp, x: xp.swapaxes(x, 0, -1), (2, 3, 4)),
    pair("moveaxis", lambda xp, x: xp.moveaxis(x, 0, -1), (2, 3, 4)),
    pair("moveaxis two", lambda xp, x: xp.moveaxis(x, (0, 1), (-1, 0)), (2, 3, 4)),
    pair("squeeze", lambda xp, x: xp.squeeze(x), (1, 3, 1, 2), scalar=True),
    pair("squeeze one", lambda xp, x: xp.squeeze(x, -2), (1, 3, 1, 2)),
    pair("squeeze two", lambda xp, x: xp.squeeze(x, (0, 2)), (1, 3, 1, 2)),
    pair("expand_dims", lambda xp, x: xp.expand_dims(x, -1), (2, 3), scalar=True),
    pair("expand_dims two", lambda xp, x: xp.expand_dims(x, (0, 2)), (2, 3)),
    pair("broadcast_to", lambda xp, x: xp.broadcast_to(x, (4, 2, 3)), (2, 1)),
    pair("concatenate", lambda xp, *xs: xp.concatenate(xs, axis=0), (2, 3), (1, 3),
        (4, 3)),
    pair("concatenate -1", lambda xp, *xs: xp.concatenate(xs, -1), (2, 3), (2, 1)),
    pair("concatenate empty", lambda xp, *xs: xp.concatenate(xs, 0), (2, 3), (0, 3)),
    pair("stack", lambda xp, *xs: xp.stack(xs, axis=0), (2, 3), (2, 3)),
    pair("stack -1", lambda xp, *xs: xp.stack(xs, -1), (2, 3), (2, 3), (2, 3),
        scalar=True),
    pair("split", lambda xp, x: xp.split(x, 3, 1)[1] * xp.split(x, 3, 1)[2], (2, 6)),
    Row("split sizes", lambda x: ops.split(x, [1, 4], axis=-1)[1], lambda x: x[:, 1:],
        (2, 5)),
    Row("pad", lambda x: ops.pad(x, ((1, 2), (0, 3)), 7.0),
        lambda x: np.pad(x, ((1, 2), (0, 3)), constant_values=7.0), (2, 3),
            empty=(0, 3)),
    pair("pad pair", lambda xp, x: xp.pad(x, (1, 2)), (2, 3)),
    pair("pad int", lambda xp, x: xp.pad(x, 1), (2, 3)),
    pair("tril", lambda xp, x: xp.tril(x), (3, 4)),
    pair("tril k", lambda xp, x: xp.tril(x, -1), (2, 3, 4)),
    pair("triu", lambda xp, x: xp.triu(x, 1), (2, 4, 3)),
    pair("flip", lambda xp, x: xp.flip(x), (2, 3), empty=(0, 3), scalar=True),
    pair("flip axis", lambda xp, x: xp.flip(x, -1), (2, 3)),
    pair("flip axes", lambda xp, x: xp.flip(x, (0, 2)), (2, 3, 4)),
    pair("roll", lambda xp, x: xp.roll(x, 2), (2, 3)),
    pair("roll axes", lambda xp, x: xp.roll(x, (1, -1), (0, 1)), (3, 4)),
    pair("repeat", lambda xp, x: xp.repeat(x, 2, 1), (2, 3, 4)),
    pair("tile", lambda xp, x: xp.tile(x, (2, 1, 3)), (2, 3)),
    Row("flatten", lambda x: ops.flatten(x, 1, -1), lambda x: x.reshape(2, -1),
        (2, 3, 4)),
    Row("clone", ops.clone, np.copy, (2, 3), empty=(0, 3), scalar=True),
]  # fmt: skip

ROWS = np.array([2, 0, 2, 1])
PLACES = np.array([[0, 2, 2], [1, 1, 3]])
KEYS = {
    "int": 1, "slice": slice(0, 2), "step": (slice(None), slice(None, None, -2)),
    "none": (None, slice(1, None), None), "ellipsis": (..., 0),
        "mixed": (1, ..., None, 2),
    "array": ROWS, "list": [0, 0], "table": PLACES % 3,
        "array second": (slice(None), ROWS),
    "two arrays": (np.array([0, 0, 2]), np.array([1, 1, 3])), "last": (..., ROWS, 0),
    "mask": np.array([True, False, True]),
        "row mask": (0, np.array([True, False, True, True])),
    "full mask": np.arange(12).reshape(3, 4) % 2 == 0, "nothing": np.zeros(0, int),
}  # fmt: skip

INDEXING = [
    *[Row(f"index {name}", lambda x, k=key: x[k], lambda x, k=key: x[k], (3, 4))
      for name, key in KEYS.items()],
    pair("take_along_axis", lambda xp, x: xp.take_along_axis(x, here(PLACES, x), 1),
        (2, 4)),
    pair("take_along_axis 0",
        lambda xp, x: xp.take_along_axis(x, here(PLACES[:1, :1], x), 0), (2, 4)),
    pair("take_along_axis one",
        lambda xp, x: xp.take_along_axis(x, here(PLACES[:, :1], x), -1), (2, 4)),
    Row("gather", lambda x: ops.gather(x, here(PLACES[:1], x), 1),
        lambda x: x[:1, PLACES[0]], (2, 4)),
    Row("embedding", lambda w: ops.embedding(here(PLACES, w), w), lambda w: w[PLACES],
        (5, 3)),
    Row("embedding none", lambda w: ops.embedding(here(np.zeros((0, 2), int), w), w),
        lambda w: w[np.zeros((0, 2), int)], (5, 3)),
]  # fmt: skip


def _shifted(A):
    """A + 4 I: far from singular for entries of size one."""
    return A + here(4 * np.eye(A.shape[-1], dtype=A.dtype), A)


SOLVES = {
    "solve": ((3, 3), (3, 2)), "solve vector": ((3, 3), (3,)),
    "solve batch": ((5, 3, 3), (5, 3, 2)), "solve broadcast": ((3, 3), (5, 3, 2)),
    "solve both": ((4, 1, 3, 3), (5, 3, 2)), "solve one": ((5, 3, 3), (3, 1)),
    "solve none": ((0, 3, 3), (3, 2)),
}  # fmt: skip
MATMULS = [
    ((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)), ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((2, 5, 2, 3), (3, 4)),
    ((1, 2, 3), (5, 3, 4)), ((0, 2, 3), (3, 4)),
]  # fmt: skip
EINSUMS = {
    "ij,jk-> ik": ((2, 3), (3, 4)), "ij,jk": ((2, 3), (3, 4)),
        "bij,bjk-> bik": ((5, 2, 3), (5, 3, 4)),
    "ij,ij->": ((2, 3), (2, 3)), "ij,ij->ij": ((2, 3), (2, 3)), "i,j->ji": ((2,), (3,)),
    "ij->ji": ((2, 3),), "ij->": ((2, 3),), "ijk->kj": ((2, 3, 4),),
        "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)),
    "bhqd,bhkd->bhqk": ((2, 3, 4, 5), (2, 3, 6, 5)),
        "...ij,...jk->...ik": ((5, 2, 3), (5, 3, 4)),
    "...i,i": ((2, 3), (3,)), "b...,b...->...": ((2, 3, 4), (2, 1, 4)),
        "ij,k->i": ((2, 3), (4,)),
    "ki,kj,k->ij": ((4, 2), (4, 3), (4,)), ",ij->ij": ((), (2, 3)),
        "ab,cd->dacb": ((2, 3), (4, 5)),
    "ii->i": ((3, 3),), "ii->": ((3, 3),), "ii": ((3, 3),), "iji->j": ((2, 3, 2),),
        "iij->ji": ((2, 2, 3),), "iii->i": ((2, 2, 2),), "iijj->ij": ((2, 2, 3, 3),),
        "iij,jk->ik": ((2, 2, 3), (3, 4)), "ii,jj->": ((2, 2), (3, 3)),
        "...ii->...i": ((4, 3, 3),), "...ii": ((4, 3, 3),), "i...i->...": ((3, 4, 3),),
    "i,i": ((2,), (1,)), "ij,jk->ik": ((2, 3), (1, 4)), "ij,ij->i": ((1, 3), (2, 1)),
        "i,ij->j": ((1,), (2, 3)), "bij,bjk->bik": ((1, 2, 3), (5, 3, 4)),
}  # fmt: skip

LINALG = [
    *[Row(f"matmul {x} {w}", ops.matmul, np.matmul, x, w, rtol32=1e-5) for x,
        w in MATMULS],
    *[Row(f"einsum {spec}", lambda *xs, s=spec: ops.einsum(s, *xs),
          lambda *xs, s=spec: np.einsum(s, *xs), *shapes, rtol32=1e-5)
      for spec, shapes in EINSUMS.items()],
    *[Row(name, lambda A, b: ops.solve(_shifted(A), b),
          lambda A, b: np.linalg.inv(_shifted(A)) @ b, *shapes, rtol32=1e-5)
      for name, shapes in SOLVES.items()],
    pair("outer", lambda xp, x, y: xp.outer(x, y), (2,), (3,)),
    pair("dot", lambda xp, x, y: xp.dot(x, y), (4,), (4,), rtol32=1e-5),
]  # fmt: skip


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _standard(x, axis=-1, eps=1e-5):
    d = x - x.mean(axis=axis, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=axis, keepdims=True) + eps)


def _groups(x, groups):
    return _standard(x.reshape(x.shape[0], groups, -1)).reshape(x.shape)


def _huber(d, delta):
    inside = np.abs(d) <= delta
    return np.where(inside, d * d / 2, delta * (np.abs(d) - delta / 2))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


CLASSES = np.array([3, 0, 2])
REAL = {"complex_step": False}  # takes no complex numbers (max, abs, comparisons)
FUSED = REAL | {"second": False}

ACTIVATIONS = [
    unary("relu", lambda x: np.maximum(x, 0), **KINK),
    unary("relu6", lambda x: np.clip(x, 0, 6), **KINK),
    unary("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), **KINK),
    unary("elu", lambda x: np.where(x > 0, x, np.expm1(x)), **KINK),
    unary("silu", lambda x: x * _sigmoid(x), rtol32=5e-6),
    unary("softplus", lambda x: np.log1p(np.exp(x)), **REAL),
    unary("logsigmoid", lambda x: -np.log1p(np.exp(-x)), **REAL),
    unary("gelu", lambda x: x * (1 + _erf(x / np.sqrt(2))) / 2, second=False),
    Row("gelu tanh", lambda x: ops.gelu(x, "tanh"),
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        (2, 3), second=False, empty=(0, 3), scalar=True),
    Row("softmax", ops.softmax, _softmax, (2, 5), **REAL),
    Row("softmax 0", lambda x: ops.softmax(x, 0), lambda x: _softmax(x, 0), (3, 2),
        **REAL),
    Row("softmax 1", lambda x: ops.softmax(x, 1), lambda x: _softmax(x, 1), (2, 3, 4),
        **REAL),
    Row("log_softmax", ops.log_softmax, lambda x: np.log(_softmax(x)), (2, 5), **REAL),
    Row("log_softmax 0", lambda x: ops.log_softmax(x, 0),
        lambda x: np.log(_softmax(x, 0)),
        (3, 2), **REAL),
]  # fmt: skip

LAYERS = [
    Row("linear", ops.linear, lambda x, W: x @ W.T, (2, 3), (4, 3), rtol32=1e-5),
    Row("linear bias", ops.linear, lambda x, W, b: x @ W.T + b, (2, 3), (4, 3), (4,),
        rtol32=1e-5),
    Row("linear 1-D", ops.linear, lambda x, W, b: x @ W.T + b, (3,), (4, 3), (4,),
        rtol32=1e-5),
    Row("linear 3-D", ops.linear, lambda x, W, b: x @ W.T + b, (2, 5, 3), (4, 3), (4,),
        rtol32=1e-5),
    Row("linear empty", ops.linear, lambda x, W, b: x @ W.T + b, (0, 3), (4, 3), (4,)),
    Row("layer_norm", ops.layer_norm, _standard, (2, 5), **FUSED, rtol32=1e-5),
    Row("layer_norm affine", ops.layer_norm, lambda x, w, b: _standard(x) * w + b,
        (2, 3, 5), (5,), (5,), **FUSED, rtol32=1e-5),
    Row("layer_norm bias", lambda x, b: ops.layer_norm(x, None, b),
        lambda x, b: _standard(x) + b, (2, 5), (5,), **FUSED, rtol32=1e-5),
    Row("layer_norm eps", lambda x, w: ops.layer_norm(x, w, eps=0.5),
        lambda x, w: _standard(x, eps=0.5) * w, (3, 4), (4,), **FUSED, rtol32=1e-5),
    Row("rms_norm", ops.rms_norm,
        lambda x, w: w * x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6),
        (2, 3, 5), (5,), **FUSED, rtol32=1e-5),
    Row("rms_norm plain", ops.rms_norm,
        lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6), (2, 5), **FUSED,
        rtol32=1e-5),
    Row("group_norm", lambda x, w, b: ops.group_norm(x, 2, w, b),
        lambda x, w, b: _groups(x, 2) * w[:, None, None] + b[:, None, None],
        (3, 4, 2, 3), (4,), (4,), **FUSED, rtol32=1e-5),
    Row("group_norm plain", lambda x: ops.group_norm(x, 3), lambda x: _groups(x, 3),
        (2, 6), **FUSED, rtol32=1e-5),
]  # fmt: skip


def losses(name, fn, reference, *shapes, **flags):
    """A loss in its three reductions; `reference` gives the terms."""
    return [
        Row(f"{name} {how}", lambda *xs, how=how: fn(*xs, reduction=how),
            lambda *xs, end=end: end(reference(*xs)), *shapes, **flags)
        for how, end in (("none", np.asarray), ("mean", np.mean), ("sum", np.sum))
    ]  # fmt: skip


LOSSES = [
    *losses("mse_loss", ops.mse_loss, lambda x, y: (x - y) ** 2, (2, 3), (2, 3)),
    *losses("l1_loss", ops.l1_loss, lambda x, y: np.abs(x - y), (2, 3), (2, 3), **KINK),
    *losses("huber_loss", lambda x, y, **how: ops.huber_loss(x, y, 0.3, **how),
            lambda x, y: _huber(x - y, 0.3), (2, 3), (2, 3), draw="unit",
                complex_step=False),
    *losses("smooth_l1_loss", lambda x, y, **how: ops.smooth_l1_loss(x, y, 0.3, **how),
            lambda x, y: _huber(x - y, 0.3) / 0.3, (2, 3), (2, 3), draw="unit",
            complex_step=False),
    *losses("bce_with_logits", lambda x, y, **how: ops.bce_with_logits(x, y, **how),
            lambda x, y: -y * np.log(_sigmoid(x)) - (1 - y) * np.log(_sigmoid(-x)),
            (2, 3), (2, 3), **REAL | {"draw": "share"}, rtol32=5e-6),
    *losses("kl_div", ops.kl_div, lambda x, y: y * (np.log(y) - x), (2, 3), (2, 3),
            **REAL | POSITIVE, rtol32=5e-6),
    *losses("kl_div log", lambda x, y, **how: ops.kl_div(x, y, log_target=True, **how),
            lambda x, y: np.exp(y) * (y - x), (2, 3), (2, 3), rtol32=5e-6),
    *losses("nll_loss", lambda x, **how: ops.nll_loss(x, here(CLASSES, x), **how),
            lambda x: -x[np.arange(3), CLASSES], (3, 4), complex_step=False),
    *losses("cross_entropy", lambda x, **how: ops.cross_entropy(x, here(CLASSES, x), **how),
            lambda x: -np.log(_softmax(x))[np.arange(3), CLASSES], (3, 4), **FUSED),
]  # fmt: skip

TABLE = [*ARITHMETIC, *CHOICES, *UNARY, *REDUCTIONS, *SHAPES, *INDEXING, *LINALG,
         *ACTIVATIONS, *LAYERS, *LOSSES]  # fmt: skip
