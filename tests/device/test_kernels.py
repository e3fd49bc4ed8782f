"""The fused kernels' own source, run on the CPU, against NumPy's values in float64.

The references are the formulas at the head of each kernel, in plain NumPy. Errors are
relative to the largest entry (at least 1): in float32 3e-6, some 25 roundings of 1.2e-7,
for sums of up to 1,025 terms by trees; in float64 1e-14, some 45 of its own. Outputs are
poisoned with NaN before the launch and lie between guards. Each kernel runs twice, its
threads in ascending and in descending order, and must give the same bits: a kernel that
misses a barrier does not, as a test shows by taking each barrier away.
"""

import importlib
import math
import os
import subprocess
import sys
from pathlib import Path

import cpu_kernels
import numpy as np
import pytest

from tinyft import autograd, backend, kernels, nn, ops, optim, tensor
from tinyft.kernels import compiled, functions, launch, registry
from tinyft.ops.neural import gelu as ops_gelu

SOURCE = launch.SOURCE.read_text("utf-8")
TOLERANCE = {"f4": 3e-6, "f8": 1e-14}
SIZES = [(1, 1), (3, 31), (70, 33), (2, 1000), (5, 1025), (200, 2), (1000, 7)]
pytestmark = pytest.mark.skipif(
    cpu_kernels.compiler() is None, reason="the kernels need g++ to run on the CPU"
)


class Bench:
    """Device arrays between guards; `run` calls a function of kernels.functions twice."""

    def __init__(self, stand_in, dtype):
        self.stand_in, self.dtype, self.rooms = stand_in, np.dtype(dtype), []
        self.rng = np.random.default_rng(0)

    def empty(self, shape, dtype=None, order="C"):
        """Memory full of NaN, with 64 guards on both sides."""
        shape = shape if isinstance(shape, tuple) else (shape,)
        room = np.full(math.prod(shape) + 128, np.nan, dtype or self.dtype)
        room[:64] = room[-64:] = 7.0
        self.rooms.append(room)
        return self.stand_in.ndarray._of(room[64:-64].reshape(shape))

    def put(self, values):
        """A device array of these values; integers stay integers."""
        values = np.asarray(values)
        if values.dtype.kind == "i":
            return self.stand_in.ndarray._of(values.copy())
        there = self.empty(values.shape)
        there._a[...] = values
        return there

    def normal(self, *shape, scale=1.0, shift=0.0):
        """Numbers as the kernel's dtype holds them, as float64."""
        x = self.rng.standard_normal(shape) * scale + shift
        return x.astype(self.dtype).astype("f8")

    def launch(self, function, *values, **options):
        """function(*device arrays); the results and the (changed) arguments, on the
        host."""
        args = [self.put(v) if isinstance(v, np.ndarray) else v for v in values]
        found = function(*args, **options)
        found = found if isinstance(found, tuple) else (found,)
        assert all(a is None or a.dtype == self.dtype for a in found)
        arrays = [a for a in (*found, *args) if isinstance(a, self.stand_in.ndarray)]
        for room in self.rooms:
            assert (room[:64] == 7).all() and (room[-64:] == 7).all(), "out of bounds"
        self.rooms.clear()
        return [a._a.copy() for a in arrays]

    def run(self, function, *values, **options):
        """As `launch`, in both orders of the threads."""
        once = self.launch(function, *values, **options)
        cpu_kernels.Kernels.backwards = True
        try:
            again = self.launch(function, *values, **options)
        finally:
            cpu_kernels.Kernels.backwards = False
        for a, b in zip(once, again):
            np.testing.assert_array_equal(a, b, "the order of the threads matters")
        return once

    def close(self, got, *want):
        for a, b in zip(got, want):
            b = np.asarray(b, "f8").reshape(a.shape)
            np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
            scale = max(1.0, np.nanmax(np.abs(b), initial=0.0))
            worst = np.nanmax(np.abs(a - b), initial=0.0) / scale
            assert worst < TOLERANCE[self.dtype.str[1:]], worst


@pytest.fixture(params=["f4", "f8"])
def bench(request, cuda, monkeypatch):
    made = Bench(cuda, request.param)
    monkeypatch.setattr(cuda.library, "empty", made.empty)
    cuda.launched.clear()
    return made


ERF = np.vectorize(math.erf)


def phi(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def check_gelu_none(b, n, width):
    x = b.normal(n, width, scale=3.0)
    Phi = (1 + ERF(x / math.sqrt(2))) / 2
    got = b.run(functions.gelu, x, approximate="none", keep=True)
    b.close(got, x * Phi, Phi + x * phi(x))
    b.close(b.run(functions.gelu, x, approximate="none", keep=False)[:1], x * Phi)


def check_gelu_tanh(b, n, width):
    x = b.normal(n, width, scale=3.0)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    t = np.tanh(u)
    slope = (1 + t) / 2 + x * du * (1 - t * t) / 2
    got = b.run(functions.gelu, x, approximate="tanh", keep=True)
    b.close(got, x * (1 + t) / 2, slope)


def check_silu(b, n, width):
    x = b.normal(n, width, scale=4.0)
    b.close(b.run(functions.silu, x)[:1], x * sigmoid(x))


def check_silu_gradient(b, n, width):
    x, gy = b.normal(n, width, scale=4.0), b.normal(n, width)
    s = sigmoid(x)
    b.close(b.run(functions.silu_gradient, x, gy)[:1], gy * (s + x * s * (1 - s)))


def shares(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def check_softmax(b, n, width):
    x = b.normal(n, width, scale=5.0)
    b.close(b.run(functions.softmax, x)[:1], shares(x))
    x = b.normal(2, n, width, scale=5.0)  # attention: n queries, `width` keys, causal
    sees = np.tri(n, width, width - n) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(sees, shares(np.where(sees, x, -np.inf)), 0.0)
        L = np.log(np.where(sees, np.exp(x), 0.0).sum(axis=-1, keepdims=True))
    got = b.run(functions.attention_weights, x, np.zeros((2, n, 1)), causal=True)
    alive = sees.any(axis=1)  # with fewer keys than queries the first see nothing
    b.close([got[0], got[1][:, alive]], p, L[:, alive])


def check_softmax_gradient(b, n, width):
    p, gy = shares(b.normal(n, width)), b.normal(n, width)
    p = p.astype(b.dtype).astype("f8")
    inner = (p * gy).sum(axis=1, keepdims=True)
    b.close(b.run(functions.softmax_gradient, p, gy)[:1], p * (gy - inner))


def check_softmax_again(b, n, width):
    x, L = b.normal(2, n, width), b.normal(2, n, 1, shift=3.0)
    want = np.where(np.tri(n, width, width - n) > 0, np.exp(x - L), 0.0)
    b.close(b.run(functions.attention_weights_again, x, L, causal=True)[:1], want)
    want = np.exp(x - L)
    b.close(b.run(functions.attention_weights_again, x, L, causal=False)[:1], want)


def smoothed(x, y, ignore, smoothing, mean):
    """(losses, G) of cross-entropy, from dense targets t."""
    keep = (y != ignore).astype("f8")
    k = keep / keep.sum() if mean else keep
    t = (1 - smoothing) * np.eye(x.shape[1])[y % x.shape[1]] + smoothing / x.shape[1]
    t = t * k[:, None]
    z = x - x.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    losses = np.where(k > 0, -(t * log_p).sum(axis=1), 0.0)
    return losses, k[:, None] * np.exp(log_p) - t


def check_cross_entropy(b, n, width):
    x, y = b.normal(n, width, scale=4.0), b.rng.integers(0, width, n)
    y[1::3] = -100
    for smoothing in (0.0, 0.1):
        for mean in (True, False):
            options = {"ignore_index": -100, "smoothing": smoothing, "mean": mean}
            want = smoothed(x, y, -100, smoothing, mean)
            b.close(b.run(functions.cross_entropy, x, y, **options, keep=True), *want)
    got = b.run(functions.cross_entropy, x, y, **options, keep=False)
    b.close(got[:1], want[0])


def normalised(x, eps, centred):
    x = x - x.mean(axis=1, keepdims=True) if centred else x
    scale = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + eps)
    return x * scale, scale


def check_normalise_rows(b, n, width):
    x, w, c = b.normal(n, width), b.normal(width), b.normal(width)
    xh, scale = normalised(x, 1e-5, True)
    got = b.run(functions.normalise_rows, x, w, c, eps=1e-5, centred=True, keep=True)
    b.close([got[0], got[1]], w * xh + c, xh)
    b.close([got[2] / scale], np.ones_like(scale))
    xh, _ = normalised(x, 1e-6, False)
    options = {"eps": 1e-6, "centred": False, "keep": False}
    b.close(b.run(functions.normalise_rows, x, w, None, **options)[:1], w * xh)
    b.close(b.run(functions.normalise_rows, x, None, None, **options)[:1], xh)


def check_normalise_rows_gradient(b, n, width):
    g, xh, w = b.normal(n, width), b.normal(n, width), b.normal(width)
    scale = np.abs(b.normal(n, 1)) + 0.5
    scale = scale.astype(b.dtype).astype("f8")
    for weight in (w, None):
        h = g if weight is None else g * weight
        slope = (h * xh).mean(axis=1, keepdims=True)
        mean = h.mean(axis=1, keepdims=True)
        for centred in (True, False):
            want = (h - mean * centred - xh * slope) * scale
            run = functions.normalise_rows_gradient
            b.close(b.run(run, g, xh, weight, scale, centred)[:1], want)


def check_column_sums(b, n, width):
    g, x = b.normal(n, width), b.normal(n, width)
    b.close(b.run(functions.column_sums, g, x), g.sum(axis=0), (g * x).sum(axis=0))
    mean, scale = b.normal(width), b.normal(width)
    want = (g * (x - mean) * scale).sum(axis=0)
    b.close(b.run(functions.column_sums, g, x, mean, scale), g.sum(axis=0), want)


def check_column_moments(b, n, width):
    """Many parts, and a mean far from 0, 300 deviations: the rounding of a deviation
    grows by that factor (kappa of Chan, Golub and LeVeque)."""
    x = b.normal(n + 300, width, shift=300.0)
    got = b.run(functions.batch_statistics, x, (), momentum=0.1, eps=1e-5)
    b.close([got[0] / 300], x.mean(axis=0) / 300)
    off = got[1] * np.sqrt(x.var(axis=0) + 1e-5) - 1
    assert np.abs(off).max() < 300 * np.finfo(b.dtype).eps


def check_batch_statistics(b, n, width):
    x, mean, var = b.normal(n + 1, width), b.normal(width), np.abs(b.normal(width))

    def moved(x, mean, var):
        return functions.batch_statistics(x, (mean, var), 0.3, 1e-5)

    got = b.run(moved, x, mean, var)
    scale = 1 / np.sqrt(x.var(axis=0) + 1e-5)
    want = [x.mean(axis=0), 0.7 * mean + 0.3 * x.mean(axis=0)]
    want.append(0.7 * var + 0.3 * x.var(axis=0, ddof=1))
    b.close([got[0], got[3], got[4]], *want)
    b.close([got[1] / scale], np.ones(width))


def check_normalise_columns(b, n, width):
    x, *of_columns = b.normal(n, width), *(b.normal(width) for _ in range(4))
    mean, scale, w, c = of_columns
    got = b.run(functions.normalise_columns, x, mean, scale, w, c)
    b.close(got[:1], w * (x - mean) * scale + c)
    b.close(b.run(functions.normalise_columns, x, None, scale)[:1], x * scale)


def check_batch_norm_gradient(b, n, width):
    g, x = b.normal(n, width), b.normal(n, width)
    mean, scale, w, gb, gw = (b.normal(width) for _ in range(5))
    want = w * scale * (g - gb / n - (x - mean) * scale * gw / n)
    run = functions.batch_norm_gradient
    b.close(b.run(run, g, x, mean, scale, w, gb, gw)[:1], want)


def check_adam(b, n, width):
    shape = (n * width,)
    p, g, m = (b.normal(*shape) for _ in range(3))
    v, top = np.abs(b.normal(*shape)), np.abs(b.normal(*shape))
    v, top = v.astype(b.dtype).astype("f8"), top.astype(b.dtype).astype("f8")
    beta1, beta2, step, eps, coupled, shrink = numbers = 0.9, 0.99, 0.1, 1e-3, 0.2, 0.7
    G = g + coupled * p
    m1 = beta1 * m + (1 - beta1) * G
    v1 = beta2 * v + (1 - beta2) * G * G
    for largest in ([], [top]):

        def one(p, g, *state):
            functions.adam(p, g, state, numbers)

        under = np.maximum(v1, top) if largest else v1
        p1 = shrink * p - step * m1 / (np.sqrt(under) + eps)
        b.close(b.run(one, p, g, m, v, *largest), p1, g, m1, v1, under)

    def first(p, g, m, v):  # both betas 0: exactly g and g²
        functions.adam(p, g, (m, v), (0.0, 0.0, *numbers[2:4], 0.0, 1.0))

    got = b.run(first, p, g, m * 1e6, v * 1e6)
    np.testing.assert_array_equal(got[2], g.astype(b.dtype))


CHECKS = {n[6:]: f for n, f in list(globals().items()) if n.startswith("check_")}


def test_every_kernel_has_its_check():
    assert CHECKS.keys() == cpu_kernels.signatures(SOURCE).keys()
    assert f"#define MOST {launch.MOST} " in SOURCE


@pytest.mark.parametrize("n, width", SIZES)
@pytest.mark.parametrize("name", CHECKS)
def test_a_kernel_gives_numpys_values(name, n, width, bench):
    CHECKS[name](bench, n, width)
    assert name in bench.stand_in.launched


def test_softmax_of_extreme_rows(bench):
    """Large logits, a masked row, a row of -inf (zeros), NaN and +inf (NaN)."""
    inf = np.inf
    x = np.array(
        [[1e4, -1e4, 0], [-inf, 2, 2], [-inf] * 3, [np.nan, 0, 1], [inf, 0, 1]]
    )
    nan = [np.nan] * 3
    want = [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0], nan, nan]
    bench.close(bench.run(functions.softmax, x)[:1], want)


def test_cross_entropy_of_extreme_rows(bench):
    """Large logits, -inf at another class, at the target's (inf), a row that is ignored,
    a class out of range (wraps round, as CuPy's indices do)."""
    inf = np.inf
    x = np.array([[1e4, 0, -1e4], [0, -inf, 0], [0, -inf, 0], [-inf, 0, 0], [0, 0, 0]])
    y, options = (
        np.array([1, 0, 1, -100, 4]),
        dict(smoothing=0.0, mean=False, keep=True),
    )
    losses, G = bench.run(functions.cross_entropy, x, y, -100, **options)[:2]
    assert losses[2] == inf
    bench.close([losses[[0, 1, 3, 4]]], [1e4, math.log(2), 0, math.log(3)])
    assert (G[3] == 0).all() and G[4, 1] < 0 < G[4, 0]
    bench.close([G[:2]], [[1, -1, 0], [-0.5, 0, 0.5]])
    nothing = np.full(5, -100)
    options |= {"mean": True}
    losses, _ = bench.run(functions.cross_entropy, x, nothing, -100, **options)[:2]
    assert np.isnan(losses).all()  # the mean of nothing


def test_norms_of_constant_rows_and_far_from_zero(bench):
    x = np.full((2, 33), 5.0)
    options = {"eps": 1e-5, "centred": True, "keep": True}
    bench.close(
        bench.run(functions.normalise_rows, x, None, None, **options)[:1], 0 * x
    )
    x = bench.normal(3, 1000, shift=1000.0)
    xh, _ = normalised(x, 1e-5, True)
    got = bench.run(functions.normalise_rows, x, None, None, **options)[0]
    # the mean is one rounding of 1,000 off at worst, and xh with it
    assert np.abs(got - xh).max() < 1000 * np.finfo(bench.dtype).eps * 3


def test_gelu_where_exp_underflows(bench):
    x = np.array([0.0, -0.0, 30.0, -30.0, 6.0, -6.0])
    for form in ("none", "tanh"):
        y, slope = bench.run(functions.gelu, x, approximate=form, keep=True)[:2]
        bench.close([y[:4], slope[:4]], [0, 0, 30, 0], [0.5, 0.5, 1, 0])


# --- when they run -------------------------------------------------------------------


def step_of_everything():
    """A forward and backward through every fused operation, and an optimiser's step."""
    rng = np.random.default_rng(0)
    x = tensor(rng.standard_normal((6, 2, 8)).astype("f4"), requires_grad=True)
    weight = [ops.ones((8,)) for _ in range(2)]
    w = [tensor(a.numpy(), requires_grad=True, device="cuda") for a in weight]
    y = ops.layer_norm(x.to("cuda"), *w)
    y = ops.silu(ops.gelu(y) + ops.gelu(y, "tanh")) + ops.softmax(y)
    q = y.reshape(3, 2, 2, 8)
    y = ops.attention(q, q, q, causal=True).reshape(12, 8)
    y = ops.batch_norm(y, None, None, *w)
    rule = optim.AdamW(w, lr=0.1)
    loss = ops.cross_entropy(y, backend.to(np.arange(12) % 8, "cuda"))
    loss.backward()
    rule.step()
    return [loss.numpy(), x.grad.numpy(), *(p.numpy() for p in w)]


def test_every_kernel_runs_in_a_step_and_none_when_switched_off(cuda):
    cuda.launched.clear()
    on = step_of_everything()
    assert set(cuda.launched) == set(CHECKS)
    cuda.launched.clear()
    with kernels.use(False):
        off = step_of_everything()
    assert not cuda.launched
    for a, b in zip(on, off):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


OPERATIONS = [
    f
    for path in Path(ops.__file__).parent.joinpath("neural").glob("[a-z]*.py")
    for f in vars(importlib.import_module(f"tinyft.ops.neural.{path.stem}")).values()
    if getattr(f, "fused", None) and f.__module__.endswith(f".neural.{path.stem}")
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda f: f.__name__)
def test_a_named_form_exists_and_is_its_operation(operation):
    here = {"cuda"} if compiled.why_not() else {"cuda", "compiled"}
    for target in here.intersection(operation.fused):
        form = registry.load(operation, target)
        assert issubclass(form, operation) and form is not operation
        assert form.__name__ == operation.__name__ and callable(form.fits)


def test_every_form_is_named_by_an_operation():
    """A form that no operation names would never run."""
    from tinyft.ops import cuda as forms

    found = set()
    for path in Path(forms.__file__).parent.glob("[a-z]*.py"):
        module = importlib.import_module(f"tinyft.ops.cuda.{path.stem}")
        found |= {n for n, f in vars(module).items() if hasattr(f, "fits")}
    assert found == {f.__name__ for f in OPERATIONS if "cuda" in f.fused}


def test_no_formula_mentions_the_kernels():
    """The registry chooses; the text of an operation has no branch for a card."""
    for folder in ("array", "blocked", "neural"):
        for path in Path(ops.__file__).parent.joinpath(folder).glob("*.py"):
            assert "kernels" not in path.read_text("utf-8"), path


def test_a_target_of_ones_own(monkeypatch):
    """An entry of ON_HOST and a form: a host array takes it, where it fits."""

    class Double(ops_gelu.GELU):
        fits = staticmethod(lambda x, approximate: x.size == 2)
        forward = staticmethod(lambda ctx, x, approximate: 2 * x)

    monkeypatch.setitem(registry.ON_HOST, "compiled", lambda x: True)
    monkeypatch.setitem(registry._forms, (ops_gelu.GELU, "compiled"), Double)
    monkeypatch.setattr(ops_gelu.GELU, "fused", ("cuda", "compiled"))
    assert ops.gelu(tensor([1.0, 3.0])).numpy().tolist() == [2.0, 6.0]
    assert ops.gelu(tensor([0.0, 0.0, 0.0])).numpy().tolist() == [0.0] * 3


@pytest.mark.parametrize("name", ["silu", "softmax"])
def test_second_derivatives_on_a_card_are_the_formulas(name, cuda):
    x = np.random.default_rng(1).standard_normal((2, 5))

    def second(device):
        t = tensor(x, requires_grad=True, device=device)
        weights = tensor(np.arange(10.0).reshape(2, 5), device=device)
        (g,) = autograd.grad(
            (getattr(ops, name)(t) * weights).sum(), [t], create_graph=True
        )
        return autograd.grad((g * g).sum(), t).numpy()

    np.testing.assert_allclose(second("cuda"), second("cpu"), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["silu", "softmax", "layer_norm", "rms_norm"])
def test_a_gradient_of_another_dtype_is_read_as_numbers(name, cuda):
    """A kernel given float64 memory as float32 would read other numbers."""
    rng = np.random.default_rng(2)
    x, gy = rng.standard_normal((3, 5)).astype("f4"), rng.standard_normal((3, 5))

    def slope(device):
        t = tensor(x, requires_grad=True, device=device)
        getattr(ops, name)(t).backward(tensor(gy, device=device))
        return t.grad.numpy()

    np.testing.assert_allclose(slope("cuda"), slope("cpu"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_of_a_gradient_of_another_dtype(training, cuda):
    rng = np.random.default_rng(3)
    x, gy = rng.standard_normal((6, 3)).astype("f4"), rng.standard_normal((6, 3))

    def slopes(device):
        t = tensor(x, requires_grad=True, device=device)
        w = tensor(np.ones(3, "f4"), requires_grad=True, device=device)
        mean, var = (tensor(np.full(3, v, "f4"), device=device) for v in (0.1, 2.0))
        y = ops.batch_norm(t, mean, var, w, training=training)
        y.backward(tensor(gy, device=device))
        return np.concatenate([t.grad.numpy(), w.grad.numpy()[None]])

    np.testing.assert_allclose(slopes("cuda"), slopes("cpu"), rtol=1e-5, atol=1e-6)


def test_they_are_switched_off_by_the_environment():
    code = "from tinyft import kernels; print(kernels.on())"
    for value, said in (("0", "False"), ("1", "True"), (None, "True")):
        env = {k: v for k, v in os.environ.items() if k != "TINYFT_GPU_KERNELS"}
        env |= {"PYTHONPATH": str(launch.SOURCE.parents[2])}
        env |= {} if value is None else {"TINYFT_GPU_KERNELS": value}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True
        )
        assert done.stdout.decode().strip() == said


def test_whole_numbers_among_the_options_of_adam(cuda):
    """An int passed for a double would be read as another number."""
    p = nn.Parameter(tensor(np.ones(3, "f4"), device="cuda"))
    p.grad = tensor(np.zeros(3, "f4"), device="cuda")
    optim.AdamW([p], lr=0.5, weight_decay=1, betas=(0, 0), eps=1).step()
    assert cuda.launched[-1] == "adam" and p.numpy().tolist() == [0.5] * 3


def test_mixed_precision_attention_goes_the_generic_way(cuda):
    q = tensor(np.ones((1, 2, 3, 4), "f4"), device="cuda")
    k = tensor(np.ones((1, 2, 3, 4), "f8"), device="cuda")
    cuda.launched.clear()
    assert ops.attention(q, k, k).shape == (1, 2, 3, 4) and not cuda.launched


def test_other_dtypes_and_empty_arrays_go_the_generic_way(cuda):
    cuda.launched.clear()
    half = tensor(np.ones((2, 3), "f2"), device="cuda")
    empty = tensor(np.ones((0, 3), "f4"), device="cuda")
    mixed = tensor(np.ones(3, "f8"), device="cuda")
    assert ops.gelu(half).dtype == "float16"
    assert [*cuda.launched] == ["gelu_none"]  # on a float32 copy, see Function.carried
    cuda.launched.clear()
    assert ops.softmax(empty).shape == (0, 3)
    ops.layer_norm(tensor(np.ones((2, 3), "f4"), device="cuda"), mixed)
    assert not cuda.launched


def test_a_rule_of_ones_own_is_never_replaced(cuda):
    class Own(optim.Adam):
        def rule(self, p, g, state, t, group):
            p -= g

    p = nn.Parameter(tensor(np.ones(3, "f4"), device="cuda"))
    p.grad = tensor(np.ones(3, "f4"), device="cuda")
    cuda.launched.clear()
    Own([p]).step()
    assert p.numpy().tolist() == [0, 0, 0] and not cuda.launched


def test_kernels_that_do_not_compile_are_a_warning_and_the_generic_way(
    cuda, monkeypatch
):
    def broken(code, options):
        raise RuntimeError("nvrtc: error: invalid value for --gpu-architecture")

    monkeypatch.setattr(launch, "_modules", {})
    monkeypatch.setattr(cuda.library, "RawModule", broken)
    x = tensor(np.ones((2, 3), "f4"), device="cuda")
    with pytest.warns(UserWarning, match="fused kernels do not compile .*--gpu-arch"):
        y = ops.softmax(x)
    assert ops.softmax(x).numpy().tolist() == y.numpy().tolist()  # no second warning


# --- the checks can fail ---------------------------------------------------------------

BARRIERS = SOURCE.count("__syncthreads();")


@pytest.mark.parametrize("which", range(BARRIERS))
def test_a_missing_barrier_is_found(which, cuda, monkeypatch):
    parts = SOURCE.split("__syncthreads();")
    text = "__syncthreads();".join(parts[: which + 1])
    text += ";" + "__syncthreads();".join(parts[which + 1 :])
    made = cuda.RawModule(text, options=("-DREAL=float",))
    assert made.kernels.signatures.keys() == CHECKS.keys()
    key = cuda.library, backend.float32
    monkeypatch.setitem(launch._modules, key, made)
    bench, found = Bench(cuda, "f4"), 0
    monkeypatch.setattr(cuda.library, "empty", bench.empty)
    for name in ("softmax", "normalise_rows", "column_sums", "column_moments"):
        try:
            CHECKS[name](bench, 70, 33)
        except AssertionError:
            found += 1
    assert found


def test_a_write_out_of_bounds_is_found(cuda, monkeypatch):
    text = SOURCE.replace("EACH(i, n) { y[i]", "EACH(i, n + 1) { y[i]")
    assert text != SOURCE
    made = cuda.RawModule(text, options=("-DREAL=float",))
    monkeypatch.setitem(launch._modules, (cuda.library, backend.float32), made)
    bench = Bench(cuda, "f4")
    monkeypatch.setattr(cuda.library, "empty", bench.empty)
    with pytest.raises(AssertionError, match="out of bounds"):
        check_silu(bench, 3, 31)
