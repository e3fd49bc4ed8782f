"""Near the ends of a dtype's range: what is representable is computed.

Every row of the table (and what follows here) is drawn at several sizes in float16 and
float32. The same numbers in float64 give the expected values and gradients; wherever
one of those fits the narrow dtype, the narrow result must be near it. No sum, square or
product on the way may leave the range unless the result does.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from tinyft import grad, nn, ops, optim, tensor

sys.path.insert(0, str(Path(__file__).parent))
from table import TABLE, Row, here

# Normal numbers: float16 has them from 6.1e-5 to 65504, float32 from 1.2e-38 to 3.4e38.
SIZES = {
    "float16": [1e-3, 1.0, 100.0, 3e3, 2e4],
    "float32": [1e-37, 1e-30, 1e-20, 1.0, 1e12, 1e20, 1e30, 1e37],
}
# The terms of a matrix product are products: their sum is left to the library, as is a
# solve. Groups of two entries have gradients that cancel to nothing but rounding.
LEFT_OUT = ("matmul", "einsum", "linear", "dot", "solve", "group_norm plain")


def KEYS(v):
    rng = np.random.default_rng(0)
    return [here(rng.standard_normal(v.shape).astype(v.dtype), v) for _ in range(2)]


def image(name, function, *shapes):
    return Row(name, function, None, *shapes, **{"draw": "normal"})


MORE = [
    image("attention", lambda v: ops.attention(*KEYS(v), v, causal=True), (1, 2, 5, 3)),
    image("avg_pool2d", lambda x: ops.avg_pool2d(x, 2), (2, 3, 4, 6)),
    image("max_pool2d", lambda x: ops.max_pool2d(x, 3, 1), (2, 3, 4, 6)),
    image("global mean", lambda x: ops.adaptive_avg_pool2d(x, 1), (2, 3, 4, 6)),
    image("resample", lambda x: ops.adaptive_avg_pool2d(x, 2), (2, 3, 5, 5)),
    image("sort", lambda x: ops.sort(x, 0), (5, 3)),
    image("conv2d", lambda x: ops.conv2d(x, here(np.full((3, 2, 3, 3), 0.05, x.dtype),
        x), padding=1), (2, 2, 4, 5)),
    image("where", lambda x: ops.where(x > 0, x, 0.1 * x), (3, 4)),
    image("soft targets", lambda x: ops.cross_entropy(x, here(np.full((3, 4), 0.25,
        x.dtype), x)), (3, 4)),
    image("weighted", lambda x: ops.cross_entropy(x, here(np.array([0, 1, 3]), x),
        weight=here(np.array([1.0, 2, 3, 4], x.dtype), x)), (3, 4)),
    image("smoothed", lambda x: ops.cross_entropy(x, here(np.array([0, 1, 3]), x),
        label_smoothing=0.3), (3, 4)),
    image("elu", lambda x: ops.elu(x, 0.7), (3, 4)),
]  # fmt: skip

CASES = [
    (row, dtype, size)
    for row in [*TABLE, *MORE]
    if not row.name.startswith(LEFT_OUT)
    for dtype, sizes in SIZES.items()
    for size in sizes
    if not (row.draw in ("unit", "share") and size > 1)
]


def results(row, arrays):
    """y and its gradients as float64, for an upstream gradient of different entries."""
    xs = [tensor(a, requires_grad=True) for a in arrays]
    y = row.function(*xs)
    gy = (1.5 + np.cos(np.arange(y.size))).reshape(y.shape).astype(y.dtype)
    gs = grad([y], xs, [tensor(gy)])
    return [a.numpy().astype("float64") for a in (y, *gs)]


@pytest.mark.parametrize(
    ("row", "dtype", "size"), CASES, ids=lambda v: str(getattr(v, "name", v))
)
def test_what_is_representable_is_computed(row, dtype, size):
    limits = np.finfo(dtype)
    arrays = [np.asarray(a * size) for a in row.arrays()]
    if max(np.abs(a).max(initial=0) for a in arrays) > limits.max:
        return
    arrays = [a.astype(dtype) for a in arrays]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an overflow of what is not representable
        found = results(row, arrays)
        right = results(row, [a.astype("float64") for a in arrays])
    for got, want in zip(found, right):
        fits = np.abs(want) < float(limits.max)
        got, want = got[fits], want[fits]  # not NaN either
        # 64 roundings; a sum cancels to 1/20 of its largest term; below the normal
        # numbers precision is absolute: steps of 6e-8 in float16, of nothing in float32
        scale = np.maximum(np.abs(want), np.abs(want).max(initial=0) / 20)
        steps = 8 * max(1, row.arrays()[0].size)
        floor = steps * float(limits.smallest_subnormal)
        floor = max(floor, 1e-38) if dtype == "float32" else floor
        assert (np.abs(got - want) <= 64 * float(limits.eps) * scale + floor).all()


# --- one by one -----------------------------------------------------------------------


def leaf(values, dtype="float32"):
    return tensor(values, requires_grad=True, dtype=dtype)


@pytest.mark.parametrize("size", [1e-25, 1e25, 1e-30, 1e30])
def test_a_quotient_of_small_or_large_numbers_has_its_gradient(size):
    """d(x/y)/dy = -x/y², where y² has no float32: -1/y at x = y."""
    x, y = leaf([size]), leaf([size])
    (x / y).backward()
    np.testing.assert_allclose(y.grad.numpy(), [-1 / size], rtol=1e-6)


def test_a_reciprocal_of_a_large_number_has_its_gradient():
    """-1/z² of 1e15 is -1e-30; as 1/(z z z) it would have been lost at 1e19."""
    z = leaf([1e15, 1e18])
    (1 / z + z**-1).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [-2e-30, -2e-36], rtol=1e-6)
    np.testing.assert_allclose((leaf([3e18]) ** -2).numpy(), [(1 / 3e18) ** 2], 1e-6)


def test_scores_of_float16_attention_may_leave_its_range():
    """q k of 1e5 has no float16, and the scale brings it back to a softmax of 10."""
    q, k = (leaf(np.full((1, 1, 2, 1), n), "float16") for n in (1000.0, 100.0))
    v = leaf([[[[1.0], [3.0]]]], "float16")
    assert ops.attention(q, k, v, scale=1e-4).tolist() == [[[[2], [2]]]]


@pytest.mark.parametrize("fn", [ops.norm, ops.std])
def test_norms_of_large_float16(fn):
    """300² has no float16; the norm of (300, -300) is 300 √2, its deviation 300."""
    x = leaf([300.0, -300.0], "float16")
    y = fn(x)
    y.backward()
    want, slope = (300 * 2**0.5, 2**-0.5) if fn is ops.norm else (300, 0.5)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-3)  # one rounding of 2^-11
    np.testing.assert_allclose(x.grad.numpy(), [slope, -slope], rtol=1e-3)
    assert y.dtype == x.grad.dtype == np.float16


def test_scaling_before_squaring_is_exact():
    """By powers of two: norms of ordinary numbers are the same to the last bit."""
    x = np.random.default_rng(0).standard_normal((50, 7)).astype("float32")
    want = np.sqrt((x.astype("float64") ** 2).sum(axis=1)).astype("float32")
    got = ops.norm(x, axis=1).numpy()
    assert np.abs(got - want).max() <= np.spacing(want.max())
    np.testing.assert_array_equal(
        ops.norm(x * 2.0**100, axis=1).numpy(), got * 2.0**100
    )


def test_norms_of_zero_infinite_and_nan():
    x = np.array([[0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0]], "float32")
    np.testing.assert_array_equal(ops.norm(x, axis=1).numpy(), [0, np.inf, np.nan])
    with np.errstate(invalid="ignore"):  # inf - inf
        assert np.isnan(ops.std(x[1:], axis=1).numpy()).all()


def test_the_mean_of_numbers_at_the_end_of_the_range():
    x = np.full((3, 4), 3e38, "float32")
    with np.errstate(over="ignore"):  # of the sum
        np.testing.assert_allclose(ops.mean(x, axis=1).numpy(), [3e38] * 3, rtol=1e-6)
        np.testing.assert_allclose(ops.mean(x).numpy(), 3e38, rtol=1e-6)
    x[0, 0] = np.inf
    assert ops.mean(x[:1], 1).numpy() == np.inf


def test_gradients_of_many_equal_float16_ids_and_rows_add_up():
    """5000 ones; a sum carried in float16 stops at 2048, where 1 is below half a unit."""
    w, b = leaf(np.zeros((2, 3)), "float16"), leaf(np.zeros(3), "float16")
    ops.embedding(np.zeros(5000, int), w).backward(np.ones((5000, 3), "float16"))
    (np.zeros((5000, 3), "float16") + b).backward(np.ones((5000, 3), "float16"))
    assert w.grad.tolist() == [[5000] * 3, [0] * 3] and b.grad.tolist() == [5000] * 3
    assert ops.cumsum(np.ones(5000, "float16")).numpy()[-1] == 5000


def test_float16_layers_agree_with_float32():
    """A block of a Transformer: the float16 result within 2^-10 of its largest entry."""
    x = np.random.default_rng(0).standard_normal((2, 4, 8)).astype("float16")
    for layer in (nn.LayerNorm(8), nn.RMSNorm(8), nn.MultiHeadAttention(8, 2, rng=0)):
        want = layer(tensor(x.astype("float32"))).numpy()
        got = layer.to("float16")(tensor(x * np.float16(1)))
        assert got.dtype == np.float16
        assert np.abs(got.numpy() - want).max() <= np.abs(want).max() * 2**-8


@pytest.mark.parametrize("size", [1e-22, 1e22])
def test_layer_norm_of_large_rows_beside_small_ones(size):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 6)) * np.array([[1.0], [size], [1.0]])
    for fn in (ops.layer_norm, ops.rms_norm, lambda x: ops.group_norm(x, 2)):
        want = fn(tensor(x)).numpy()
        got = fn(tensor(x.astype("float32"))).numpy()
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([300.0, -400.0], "float16"), ([3e30, -4e30], "f4"), ([3e-30, 4e-30], "f4")],
)
def test_clipping_by_a_norm_whose_square_leaves_the_range(values, dtype):
    p, q = leaf([0.0, 0.0], dtype), leaf([0.0], dtype)
    p.grad, q.grad = tensor(np.array(values, dtype)), tensor(np.zeros(1, dtype))
    norm = np.hypot(*np.array(values, dtype).astype("f8"))
    got = optim.clip_grad_norm([p, q], float(norm) / 10)
    np.testing.assert_allclose(got.numpy(), norm, rtol=1e-6)
    if norm > 1:  # below, PyTorch's constant of 1e-6 is the norm
        want = np.array(values) / 10
        np.testing.assert_allclose(p.grad.numpy(), want, rtol=2e-3)
