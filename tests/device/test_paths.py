"""One suite for the three paths of an operation: NumPy, compiled kernels, a card's.

NumPy's path is the specification. Values: every path in float32 against NumPy's own path
in float64, to 3e-6 of the largest entry (at least 1), some 25 roundings of 1.2e-7, as for
the kernels alone in test_kernels.py. What is not finite: every path in float32 against
NumPy's path in float32, with the same NaN and infinities in the same places.

Without numba the compiled path is skipped, without g++ the card's.
"""

import contextlib

import cpu_kernels
import numpy as np
import pytest
from scenarios import run as run_row
from table import TABLE

from tinyft import backend, grad, kernels, ops, optim, tensor
from tinyft.kernels import compiled

TOLERANCE = 3e-6
INF, NAN = np.inf, np.nan
MISSING = compiled.why_not()
needs_numba = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
PATHS = [
    "numpy",
    pytest.param("compiled", marks=needs_numba),
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(
            cpu_kernels.compiler() is None, reason="needs g++ to run on the CPU"
        ),
    ),
]


@pytest.fixture(params=PATHS)
def path(request):
    """The name of the path that operations take inside the test."""
    if request.param == "cuda":
        request.getfixturevalue("cuda")
    with kernels.use(request.param != "numpy"):
        yield request.param


def form(y):
    """The path whose form of an operation made y, or what y is made of."""
    found, nodes = "numpy", [y._node]
    while nodes:
        node = nodes.pop()
        for path in ("compiled", "cuda"):
            found = path if f".{path}." in node.function.__module__ else found
        nodes += [p for p in node.parents if hasattr(p, "function")]
    return found


def outcome(function, arrays, path, gy=None, dtype="f4"):
    """(y and its gradients on the host, who made y); `gy` multiplies y."""
    device = "cuda" if path == "cuda" else "cpu"
    xs = [
        tensor(np.asarray(a, dtype), requires_grad=True, device=device) for a in arrays
    ]
    with np.errstate(all="ignore"):
        y = function(*xs)
        made_by = form(y)
        gy = np.cos(np.arange(y.size)).reshape(y.shape) if gy is None else gy
        gxs = grad([y], xs, [tensor(np.asarray(gy, dtype), device=device)])
    return [t.numpy() for t in (y, *gxs)], made_by


def specification(function, arrays, **options):
    with kernels.use(False):
        return outcome(function, arrays, "numpy", **options)[0]


def limit(name):
    """The tolerance of a case; a mean of 30 deviations is rounded 30 times as coarsely."""
    return TOLERANCE * (30 if "far" in name else 1)


def agree(got, want, tolerance=TOLERANCE):
    """The same NaN, the same infinities, and the finite entries close."""
    assert len(got) == len(want)
    for a, b in zip(got, want):
        assert a.shape == b.shape
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_array_equal(a[np.isinf(b)], b[np.isinf(b)])
        a, b = a[np.isfinite(b)].astype("f8"), b[np.isfinite(b)].astype("f8")
        worst = np.abs(a - b).max(initial=0) / max(1, np.abs(b).max(initial=0))
        assert worst < tolerance, worst


def normal(*shape, seed=0, scale=1.0):
    values = np.random.default_rng(seed).standard_normal(shape) * scale
    return values.astype("f4")


def ids(n, classes, every=None):
    y = np.random.default_rng(5).integers(0, classes, n)
    if every:
        y[::every] = -100
    return y


def cross_entropy(every=None, **options):
    def loss(x):
        y = tensor(ids(len(x), x.shape[1], every), device=x.device)
        return ops.cross_entropy(x, y, **options)

    return loss


def batch_norm(x, w=None, b=None):
    return ops.batch_norm(x, None, None, w, b, training=True)


def frozen_norm(x, w, b):
    mean, var = (
        tensor(np.linspace(0.5, 2, x.shape[1], dtype="f4"), device=x.device)
        for _ in range(2)
    )
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    return ops.batch_norm(x, mean, var, w, b, training=False)


def attend(mask=None, **options):
    def function(q, k, v):
        there = None if mask is None else tensor(mask, device=q.device)
        return ops.attention(q, k, v, mask=there, **options)

    return function


def depthwise(**options):
    return lambda x, w, b: ops.conv2d(x, w, b, groups=x.shape[1], **options)


def lstm(**options):
    """y and the last h and c in one array, so that each has a gradient."""

    def function(x, *weights):
        y, h, c = ops.lstm(x, *weights, **options)
        return ops.concatenate([y, h[None], c[None]], axis=0)

    return function


LSTM = [normal(6, 3, 5), normal(68, 5), normal(68, 17, scale=0.3), *[normal(68)] * 2]
W, B = normal(33, seed=1), normal(33, seed=2)
Q, K, V = (normal(2, 4, 9, 8, seed=i) for i in range(3))
K2, V2 = normal(2, 2, 70, 8, seed=3), normal(2, 2, 70, 8, seed=4)
SOME = np.random.default_rng(6).random((2, 1, 9, 9)) < 0.6
CASES = {
    "gelu": (ops.gelu, [normal(7, 33, scale=3)]),
    "gelu, one entry": (ops.gelu, [normal(1)]),
    "gelu tanh": (lambda x: ops.gelu(x, "tanh"), [normal(7, 33, scale=3)]),
    "silu": (ops.silu, [normal(70, 33, scale=4)]),
    "relu": (ops.relu, [normal(70, 33)]),
    "clip": (lambda x: ops.clip(x, -0.5, 1.0), [normal(70, 33)]),
    "clip below": (lambda x: ops.clip(x, low=0.0), [normal(70, 33)]),
    "softmax": (ops.softmax, [normal(3, 5, 33, scale=5)]),
    "softmax, one column": (ops.softmax, [normal(5, 1)]),
    "softmax, wide": (ops.softmax, [normal(2, 1025, scale=5)]),
    "softmax, axis 0": (lambda x: ops.softmax(x, axis=0), [normal(5, 33)]),
    "layer norm": (ops.layer_norm, [normal(3, 5, 33), W, B]),
    "layer norm, plain": (ops.layer_norm, [normal(200, 33)]),
    "layer norm, far from 0": (ops.layer_norm, [normal(200, 33) + 30, W, B]),
    "rms norm": (ops.rms_norm, [normal(3, 5, 33), W]),
    "rms norm, plain": (ops.rms_norm, [normal(3, 33)]),
    "batch norm": (batch_norm, [normal(9, 33, 5, 4), W, B]),
    "batch norm, plain": (batch_norm, [normal(1000, 7)]),
    "batch norm, frozen": (frozen_norm, [normal(9, 33, 5, 4), W, B]),
    "attention": (attend(), [Q, K, V]),
    "attention, causal": (attend(causal=True), [Q, K, V]),
    "attention, cached": (attend(causal=True), [normal(2, 4, 65, 8), K2, V2]),
    "attention, blind": (attend(causal=True), [normal(2, 2, 80, 8), K2, V2]),
    "attention, masked": (attend(mask=SOME), [Q, K, V]),
    "attention, no row": (attend(mask=SOME & False), [Q, K, V]),
    "attention, both": (attend(mask=SOME, causal=True), [Q, K, V]),
    "cross-entropy": (cross_entropy(), [normal(70, 33, scale=4)]),
    "cross-entropy, ignored": (cross_entropy(every=3), [normal(70, 33, scale=4)]),
    "cross-entropy, smooth": (
        cross_entropy(every=3, label_smoothing=0.1),
        [normal(70, 33, scale=4)],
    ),
    "cross-entropy, each": (cross_entropy(reduction="none"), [normal(70, 33)]),
    "cross-entropy, two classes": (cross_entropy(reduction="sum"), [normal(9, 2)]),
}
CASES |= {
    "depthwise": (
        depthwise(padding=1),
        [normal(3, 7, 9, 8), normal(7, 1, 3, 3), W[:7]],
    ),
    "depthwise, strided": (
        depthwise(stride=2, padding=(1, 2), dilation=2),
        [normal(3, 7, 9, 8), normal(7, 1, 3, 3), W[:7]],
    ),
    "depthwise, any taps": (
        depthwise(stride=(1, 3), padding=(4, 0)),
        [normal(3, 7, 9, 8), normal(7, 1, 5, 2), W[:7]],
    ),
    "lstm": (lstm(), LSTM),
    "lstm, backwards": (lstm(reverse=True), LSTM),
    "lstm, lengths": (lstm(lengths=np.array([6, 1, 4])), LSTM),
}
HERE_ONLY = (
    "relu",
    "clip",
    "depthwise",
    "lstm",
)  # operations without a form for a card
GENERIC = {("softmax, axis 0", "compiled"), ("softmax, axis 0", "cuda")}
GENERIC |= {(name, "cuda") for name in CASES if name.startswith(HERE_ONLY)}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, path):
    function, arrays = CASES[name]
    got, made_by = outcome(function, arrays, path)
    assert made_by == ("numpy" if (name, path) in GENERIC else path)
    agree(got, specification(function, arrays, dtype="f8"), limit(name))


@pytest.mark.parametrize("name", CASES)
def test_no_entry_is_nothing(name, path):
    function, (x, *others) = CASES[name]
    if name.startswith(("cross", "attention", "lstm")):
        pytest.skip("an error by name, in the operation's own tests")
    empty = [x[:0], *others]
    agree(outcome(function, empty, path)[0], specification(function, empty))


SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1e-40, -1e-40, 1.2e-38, -1.2e-38, 5.0, -5.0]
SPECIAL += [86.5, -86.5, 88.0, -88.0, 104.0, -104.0, 1e4, -1e4, 1e18, -1e18]


@pytest.mark.parametrize("name", ["gelu", "gelu tanh", "silu", "relu", "clip"])
def test_entries_at_the_edge(name, path):
    if path == "cuda" and "gelu" in name:
        pytest.skip("the slope at infinity is 0 or 1 there")
    function, x = CASES[name][0], np.array(SPECIAL, "f4")
    for gy in (1.0, -2.0, 0.0, NAN, *([INF] if name in ("relu", "clip") else [])):
        gy = np.full(x.shape, gy)
        agree(outcome(function, [x], path, gy)[0], specification(function, [x], gy=gy))


def special_rows(width=33):
    """A row for each special value, at its place 3; then rows of one value."""
    x = normal(len(SPECIAL), width)
    x[:, 3] = SPECIAL
    same = np.array([-INF, 0.0, 1e-40, 1e4, 1e18], "f4")
    return np.concatenate([x, np.repeat(same[:, None], width, axis=1)])


@pytest.mark.parametrize("name", ["softmax", "cross-entropy, each"])
def test_rows_at_the_edge(name, path):
    function, x = CASES[name][0], special_rows()
    got, want = outcome(function, [x], path)[0], specification(function, [x])
    agree(got, want)
    if name == "softmax":
        assert not got[0][-5].any()  # -inf everywhere: zeros


@pytest.mark.parametrize("name", ["layer norm", "layer norm, plain", "rms norm"])
def test_normalised_rows_at_the_edge(name, path):
    function, (_, *others) = CASES[name]
    x = special_rows()[:-2]
    if path != "cuda":  # squares that leave the range, where the formula is needed
        x = np.concatenate([x, 1e25 * normal(2, 33), 1e25 * np.ones((1, 33), "f4")])
    got = outcome(function, [x, *others], path)[0]
    agree(got, specification(function, [x, *others]), 1e-5)


def test_columns_at_the_edge(path):
    x, function = normal(70, 12), batch_norm
    x[5] = [NAN, INF, -INF, 1e-40, -1e-40, 1e4, -1e4, 0, 1, 2, 3, 4]
    agree(outcome(function, [x], path)[0], specification(function, [x]), 1e-5)


@pytest.mark.parametrize("name", ["depthwise", "depthwise, strided"])
def test_pixels_at_the_edge(name, path):
    function, (x, *others) = CASES[name]
    x = x.copy()
    x[0, 1, 0, 0], x[1, 2, 4, 4], x[2, 3, 8, 7], x[0, 4] = NAN, INF, -INF, 1e-40
    arrays = [x, *others]
    agree(outcome(function, arrays, path)[0], specification(function, arrays))


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e-40, 1e4, -1e4])
def test_states_at_the_edge(value, path):
    x, *others = LSTM
    x = x.copy()
    x[2, 1, 3] = value
    got = outcome(lstm(), [x, *others], path)[0]
    agree(got, specification(lstm(), [x, *others]), 1e-5)


def test_scores_at_the_edge(path):
    """A NaN or an infinity among q, k or v, with every kind of mask."""
    if path == "cuda":
        pytest.skip("a causal corner is not added to NaN there")
    for options in ({}, {"mask": SOME}, {"mask": SOME & False}):
        for place, value in ((0, NAN), (1, INF), (2, NAN), (1, 1e4), (0, 1e-40)):
            arrays = [Q.copy(), K.copy(), V.copy()]
            arrays[place][1, 2, 4, 5] = value
            got = outcome(attend(**options), arrays, path)[0]
            agree(got, specification(attend(**options), arrays), 1e-5)


def test_an_additive_mask_of_infinities(path):
    """Padding as scores: a row without a key is 0, and gradients stay finite."""
    mask = np.where(SOME, 0, -INF).astype("f4")
    mask[0, :, 3] = -INF

    got = outcome(attend(mask), [Q, K, V], path)[0]
    assert not got[0][0, :, 3].any()
    agree(got, specification(attend(mask), [Q, K, V]))


LAYOUTS = {
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "every other": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "read only": lambda x: np.frombuffer(x.tobytes(), "f4").reshape(x.shape),
    "unaligned": lambda x: np.frombuffer(b"1" + x.tobytes(), "f4", offset=1).reshape(
        x.shape
    ),
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [n for n in CASES if n not in ("gelu, one entry",)])
def test_any_layout(layout, name, path):
    """The array itself reaches the operation: no Tensor copies it before."""
    if path == "cuda":
        pytest.skip("the stand-in owns its memory")
    function, (x, *others) = CASES[name]
    flat = x.reshape(len(x), -1) if x.ndim > 2 else np.atleast_2d(x)
    there = LAYOUTS[layout](flat)
    laid = there if x.ndim == 2 else there.reshape(x.shape)
    values = [laid, *others]
    made = [tensor(a, requires_grad=True) for a in values]
    made[0]._data = laid
    y = function(*made)
    gy = tensor(np.cos(np.arange(y.size)).reshape(y.shape).astype("f4"))
    got = [t.numpy() for t in (y, *grad([y], made, [gy]))]
    # a column of one value: 1/s is 1/sqrt(eps) = 316, and so grows the mean's rounding
    even = layout == "broadcast" and "batch norm" in name
    bound = limit(name) * (316 if even else 1)
    agree(got, specification(function, values, dtype="f8"), bound)


@pytest.mark.parametrize("row", TABLE, ids=lambda r: r.name)
@needs_numba
def test_the_table_of_operations(row):
    """Every operation of the library, whether it has a compiled form or not."""
    with np.errstate(all="ignore"):
        y, gxs = run_row(row, "cpu", "float32")
        with kernels.use(True, "compiled"):
            there, others = run_row(row, "cpu", "float32")
    agree([there, *others], [y, *gxs], 1e-5)


STEPS = {
    "adamw": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.1),
    "adam": lambda p: optim.Adam(p, lr=0.1),
    "adam, coupled": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    "amsgrad": lambda p: optim.AdamW(p, lr=0.1, amsgrad=True),
    "no momentum": lambda p: optim.AdamW(p, lr=0.1, betas=(0.0, 0.0)),
}


def trained(make, path, dtype):
    """Parameters after five steps, one of them not contiguous, with odd gradients."""
    device = "cuda" if path == "cuda" else "cpu"
    values = [normal(300, 300), normal(7), normal(5, 33).T]
    made = [tensor(a.astype(dtype), requires_grad=True, device=device) for a in values]
    rule = make(made)
    for i in range(5):
        for j, p in enumerate(made):
            g = normal(*p.shape, seed=10 * i + j) * (1e-3 if i % 2 else 10.0)
            g.reshape(-1)[0] = 1e-30  # its square is denormal
            p.grad = tensor(g.astype(dtype), device=device)
        rule.step()
    return [p.numpy() for p in made]


@pytest.mark.parametrize("name", STEPS)
def test_steps_of_adam(name, path):
    """Steps are of size 0.1 and the entries of size 1: one rounding of each of 5."""
    with kernels.use(False):
        want = trained(STEPS[name], "numpy", "f8")
    agree(trained(STEPS[name], path, "f4"), want, 1e-5)


@needs_numba
def test_a_rule_of_ones_own_is_never_replaced():
    """Adam's kernel serves Adam's rule; a subclass with another rule keeps its own."""

    class Still(optim.AdamW):
        def rule(self, p, g, state, t, group):
            pass

    for make, moves in ((optim.AdamW, True), (Still, False)):
        p = tensor(normal(9), requires_grad=True)
        p.grad, before = tensor(normal(9)), p.numpy().copy()
        with kernels.use(True, "compiled"):
            rule = make([p], lr=0.1)
            rule.step()
            kernel = rule.rule_on(rule._slabs[0][0]) != rule.rule
        assert kernel == moves == bool((p.numpy() != before).any())


def test_what_serves_is_said(path):
    found = "numpy" if path == "numpy" or MISSING else "compiled"
    assert kernels.path() == found
    with kernels.use(False):
        assert kernels.path("cpu") == "numpy" and kernels.path("cuda") == "cupy"
    with kernels.use(True, "cuda"):
        assert kernels.path("cuda") == "cuda"


@needs_numba
def test_it_is_off_unless_asked_for():
    assert kernels.path() == "numpy" and not kernels.on("compiled")
    with kernels.use(True, "compiled"):
        assert kernels.path() == "compiled"
        with contextlib.suppress(KeyError), kernels.use(False):
            raise KeyError
        assert kernels.path() == "compiled"
    assert kernels.path() == "numpy"
    with pytest.raises(ValueError, match="there is no target 'gpu'"):
        with kernels.use(True, "gpu"):
            pass


@needs_numba
def test_float64_takes_the_formula():
    with kernels.use(True, "compiled"):
        y = ops.gelu(tensor(normal(4).astype("f8"), requires_grad=True))
    assert form(y) == "numpy" and y.dtype == backend.float64
