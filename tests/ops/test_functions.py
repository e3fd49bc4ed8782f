"""Particular values: precision of erf, edges, ties, zeros, constants, conversions."""

import math

import numpy as np
import pytest

from tinyft import backend, grad, gradcheck, ops, tensor


def leaf(values, dtype="float64"):
    return tensor(values, requires_grad=True, dtype=dtype)


def slope(fn, values, dtype="float64"):
    x = leaf(values, dtype)
    return grad([fn(x).sum()], x).numpy()


# --- erf and sigmoid ----------------------------------------------------------------

GRID = np.concatenate([np.linspace(-7, 7, 20001), np.logspace(-300, 0, 601)])
ERF = np.array(
    [math.erf(v) for v in GRID]
)  # the C library's, below 1 unit in the last place


def test_erf_float64_to_three_units_in_the_last_place():
    y = ops.erf(GRID).numpy()
    assert np.max(np.abs(y - ERF) / np.spacing(np.abs(ERF))) <= 3
    assert np.max(np.abs(y - ERF)) <= 2.3e-16


def test_erf_float32_to_four_units_in_the_last_place():
    x = GRID[np.abs(GRID) > 1e-37].astype("float32")  # the numbers with full precision
    want = np.array([math.erf(v) for v in x])
    y = ops.erf(x).numpy()
    units = np.abs(y - want) / np.spacing(np.abs(want).astype("float32"))
    assert y.dtype == np.float32 and units.max() <= 4
    assert np.abs(y - want).max() <= 1.3e-7


def test_erf_at_the_edges():
    y = ops.erf([0.0, -0.0, np.inf, -np.inf, np.nan, 30.0]).numpy()
    np.testing.assert_array_equal(y, [0, 0, 1, -1, np.nan, 1])
    assert np.signbit(y[1])
    half = ops.erf(np.array([0.5, -2], "float16")).numpy()
    np.testing.assert_allclose(
        half, [0.5205, -0.9953], rtol=1e-3
    )  # float16 has 11 bits


def test_sigmoid_never_overflows():
    y = ops.sigmoid([-1000.0, -80.0, 0.0, 80.0, 1000.0]).numpy()
    np.testing.assert_allclose(y, [0, math.exp(-80), 0.5, 1, 1], rtol=2e-7)
    assert slope(ops.sigmoid, [-1000.0, 1000.0, 0.0]).tolist() == [0, 0, 0.25]


# --- powers -------------------------------------------------------------------------


def test_powers_at_zero():
    x = [0.0, 2.0, -3.0]
    assert slope(lambda x: x**2, x).tolist() == [0, 4, -6]
    assert slope(lambda x: x**3, x).tolist() == [0, 12, 27]
    assert slope(lambda x: x**1, x).tolist() == [1, 1, 1]
    assert slope(lambda x: x**0, x).tolist() == [0, 0, 0]
    assert slope(lambda x: x**2.5, x[:2]).tolist() == [0, pytest.approx(2.5 * 2**1.5)]
    exponents = np.array([2.0, 1.0, 0.0])
    assert slope(lambda x: x**exponents, [0.0, 0.0, 0.0]).tolist() == [0, 1, 0]
    assert slope(lambda y: 0.0**y, [1.0, 2.0]).tolist() == [0, 0]
    assert slope(lambda y: np.array([0.0, 1.0]) ** y, [2.0, 2.0]).tolist() == [0, 0]
    assert slope(lambda y: 2.0**y, [3.0])[0] == pytest.approx(
        8 * math.log(2), rel=1e-15
    )


def test_power_of_the_second_order_at_zero():
    x = leaf([0.0, 1.0])
    g = grad([(x**2).sum()], x, create_graph=True)
    assert grad([g.sum()], x).tolist() == [2, 2]


def test_power_keeps_small_exponents_away_from_the_library():
    x = np.float32(1.1) + np.zeros(3, "float32")
    np.testing.assert_array_equal((tensor(x) ** 3).numpy(), x * x * x)
    np.testing.assert_array_equal((tensor(x) ** 4.0).numpy(), (x * x) * (x * x))
    assert ops.pow(tensor([2, 3]), 2).tolist() == [4, 9]
    assert ops.pow(tensor([2, 4]), -1).tolist() == [0.5, 0.25]
    assert ops.pow(tensor([2, 3]), tensor([3, 2])).dtype == np.int64
    assert (tensor([4.0]) ** math.inf).tolist() == [math.inf]


# --- ties and kinks: the subgradients of PyTorch ------------------------------------


def test_ties_of_maximum_give_half_to_each():
    for fn in (ops.maximum, ops.minimum):
        x, y = leaf([1.0, 2.0, 3.0]), leaf([1.0, 5.0, 0.0])
        gx, gy = grad([fn(x, y).sum()], [x, y])
        larger = [0.5, 0, 1] if fn is ops.maximum else [0.5, 1, 0]
        assert gx.tolist() == larger and gy.tolist() == [1 - g for g in larger]


def test_ties_of_max_share_evenly():
    values = [[2.0, 7.0, 7.0], [7.0, 1.0, 0.0]]
    assert slope(ops.max, values).tolist() == [[0, 1 / 3, 1 / 3], [1 / 3, 0, 0]]
    assert slope(lambda x: ops.max(x, 1), values).tolist() == [[0, 0.5, 0.5], [1, 0, 0]]
    assert slope(lambda x: ops.min(-x, 0), values).tolist() == [[0, -1, -1], [-1, 0, 0]]


def test_clip_passes_the_gradient_at_its_bounds():
    assert slope(lambda x: ops.clip(x, 0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0]).tolist() == [
        0,
        1,
        1,
        1,
        0,
    ]


def test_abs_has_slope_zero_at_zero():
    assert slope(ops.abs, [-2.0, 0.0, 3.0]).tolist() == [-1, 0, 1]


def test_where_stops_the_gradient_of_the_other_branch():
    def safe_log(x):
        inside = x > 0
        return ops.where(inside, ops.log(ops.where(inside, x, 1.0)), 0.0)

    assert slope(safe_log, [-1.0, 0.0, 4.0]).tolist() == [0, 0, 0.25]


def test_a_value_that_is_not_a_number_passes_its_gradient_on():
    """It goes where NaN came from, and no row says 0 that is not."""
    nan = math.nan
    assert slope(ops.max, [1.0, nan, 3.0]).tolist() == [0, 1, 0]
    assert slope(ops.min, [nan, nan, 3.0]).tolist() == [0.5, 0.5, 0]
    assert slope(ops.relu, [nan, -1.0, 0.0, 2.0]).tolist() == [1, 0, 0, 1]
    with np.errstate(invalid="ignore"):
        assert np.isnan(slope(ops.logsumexp, [math.inf, 1.0])).tolist() == [True, False]
        assert np.isnan(slope(ops.logsumexp, [nan, 1.0])).all()
        kl = ops.kl_div([0.0, 0.0], leaf([-1.0, 0.0]), "none").numpy()
    np.testing.assert_array_equal(kl, [nan, 0])


# --- sorting ------------------------------------------------------------------------


def test_sort_sends_each_gradient_to_the_place_its_entry_came_from():
    x = leaf([3.0, 1.0, 2.0])
    ((ops.sort(x) * tensor([1.0, 10.0, 100.0])).sum() + x.sum()).backward()
    assert x.grad.tolist() == [101, 2, 11]


def test_equal_entries_keep_their_order_and_nan_comes_last():
    x = leaf([2.0, math.nan, 1.0, 2.0])
    assert ops.argsort(x).tolist() == [2, 0, 3, 1]
    g = grad([(ops.sort(x) * tensor([1.0, 10.0, 100.0, 1000.0])).sum()], x)
    assert g.tolist() == [10, 1000, 1, 100]


def test_a_median_and_a_quantile_made_of_sort_have_gradients():
    x = leaf([[5.0, 1.0, 3.0], [2.0, 4.0, 0.0]])
    assert slope(lambda x: ops.sort(x, 1)[:, 1], x.numpy()).tolist() == [
        [0, 0, 1],
        [1, 0, 0],
    ]
    gradcheck(lambda x: ops.lerp(ops.sort(x, 1)[:, 0], ops.sort(x, 1)[:, 1], 0.3), x)


# --- one axis of a scalar -------------------------------------------------------------

ALONG_ONE_AXIS = {
    "sum": 3, "mean": 3, "max": 3, "min": 3, "prod": 3, "var": 0, "std": 0, "norm": 3,
    "logsumexp": 3, "cumsum": 3, "sort": 3, "argsort": 0, "argmax": 0, "argmin": 0,
    "softmax": 1, "log_softmax": 0, "flip": 3, "squeeze": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", ALONG_ONE_AXIS)
@pytest.mark.parametrize("axis", [0, -1])
def test_a_scalar_is_one_entry_along_its_axis(name, axis):
    """As in PyTorch for all of these, and in NumPy for most."""
    x = leaf(3.0)
    y = getattr(ops, name)(x, axis=axis)
    assert y.shape == () and y.item() == ALONG_ONE_AXIS[name]
    if y.requires_grad:
        g = grad([y], x)
        assert g.shape == () and g.item() in (0, 1)
    with pytest.raises((ValueError, IndexError), match="1"):
        getattr(ops, name)(x, axis=1)


def test_other_functions_of_a_scalar():
    x = leaf(3.0)
    assert ops.swapaxes(x, 0, -1).item() == ops.moveaxis(x, 0, -1).item() == 3
    assert ops.gather(x, np.array(0), 0).item() == 3
    assert ops.repeat(x, 2, 0).tolist() == [3, 3]


# --- reductions ---------------------------------------------------------------------


def test_products_with_zeros():
    values = [[2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 0.0, 4.0]]
    want = [[12, 8, 6], [0, 8, 0], [0, 0, 0]]
    assert slope(lambda x: ops.prod(x, 1), values).tolist() == want
    gradcheck(lambda x: ops.prod(x, 1), leaf(values), order=2)
    assert ops.prod([2, 3]).dtype == np.int64 and ops.prod([]).item() == 1
    assert ops.prod(tensor([True, True])).item() == 1


def test_constant_rows_have_std_and_norm_slope_zero():
    assert slope(lambda x: ops.std(x, 1), [[3.0, 3.0], [1.0, 3.0]]).tolist() == [
        [0, 0],
        [-0.5, 0.5],
    ]
    assert slope(lambda x: ops.norm(x, 1), [[0.0, 0.0], [0.0, 4.0]]).tolist() == [
        [0, 0],
        [0, 1],
    ]


def test_logsumexp_of_hidden_rows():
    inf = math.inf
    x = leaf([[-inf, -inf], [-inf, 1.0], [1000.0, 1000.0]])
    y = ops.logsumexp(x, 1)
    np.testing.assert_allclose(y.numpy(), [-inf, 1.0, 1000 + math.log(2)], rtol=1e-15)
    want = [[0, 0], [0, 1], [0.5, 0.5]]  # x - y loses 3 of 16 digits at 1000
    np.testing.assert_allclose(grad([y.sum()], x).numpy(), want, rtol=1e-13)
    assert ops.logsumexp(np.zeros((2, 0)), 1).tolist() == [-inf, -inf]


def test_reductions_of_nothing():
    nothing = np.ones((0, 3), "float32")
    assert ops.sum(nothing).item() == 0 and ops.prod(nothing, 0).tolist() == [1, 1, 1]
    assert np.isnan(ops.mean(nothing).numpy()) and np.isnan(
        ops.var([1.0], ddof=1).numpy()
    )
    assert ops.all(nothing).item() is True and ops.any(nothing).item() is False


def test_integers_meet_float_functions():
    ids = tensor([1, 2, 4])
    for fn in (
        ops.mean,
        ops.exp,
        ops.sqrt,
        ops.var,
        ops.std,
        ops.logsumexp,
        ops.norm,
        ops.erf,
    ):
        assert fn(ids).dtype == np.float32
    assert ops.mean(ids).item() == pytest.approx(7 / 3, rel=1e-7)
    assert ops.sum(ids).dtype == np.int64 and ops.sum(tensor([True, True])).item() == 2
    assert (ids / 2).dtype == np.float32 and ops.reciprocal(ids).tolist() == [
        1,
        0.5,
        0.25,
    ]
    assert ops.concatenate([ids, tensor([0.5])]).dtype == np.float32
    assert ops.matmul(ids, tensor([0.5, 1.0, 1.0])).dtype == np.float32


def test_float16_sums_are_carried_in_float32():
    x = np.full(70_000, 1.0, "float16")  # the sum itself is beyond float16
    assert ops.mean(x).item() == 1.0
    assert (
        ops.sum(np.full(4096, 1.0, "float16")).item() == 4096
    )  # stuck at 2048 in float16


def test_python_numbers_and_lists_are_inputs():
    assert ops.exp(0.0).item() == 1.0 and ops.exp(0).dtype == np.float32
    assert ops.add(1, 2).item() == 3 and ops.add([1.0, 2.0], 1).tolist() == [2, 3]
    assert ops.sum([1.0, 2.0]).item() == 3 and ops.sum(3.0).item() == 3
    assert ops.neg(2.0).item() == -2 and ops.square(3).item() == 9
    assert ops.reshape(1.0, (1, 1)).shape == (1, 1) and ops.transpose(
        [[1, 2]]
    ).shape == (2, 1)
    assert ops.where(True, 1.0, 2.0).dtype == np.float32
    assert ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist() == [[11]]
    assert ops.maximum(1.0, 2.0).item() == 2 and ops.clip(5, 0, 2).item() == 2
    assert (
        ops.stack([1.0, 2.0]).tolist() == [1, 2] and ops.index([1, 2, 3], 1).item() == 2
    )


def test_numpy_scalars_do_not_raise_the_precision():
    x = tensor([1.0, 2.0])
    for y in (x * np.float64(2), np.float64(2) * x,
        ops.clip(x, np.float64(0.0), np.float64(9.0)),
              x ** np.float64(2), ops.where(x > 1, np.float64(1.0), x)):  # fmt: skip
        assert y.dtype == np.float32


def test_an_option_that_wants_a_gradient_is_refused():
    """An option is a constant: its gradient would be lost without a word."""
    x, a = leaf([1.0, -2.0]), leaf(0.5)
    calls = {
        "alpha": lambda: ops.elu(x, a),
        "slope": lambda: ops.leaky_relu(x, a),
        "scale": lambda: ops.attention(*[x.reshape(1, 1, 2)] * 3, scale=a),
        "value": lambda: ops.pad(x, 1, a),
        "delta": lambda: ops.huber_loss(x, x, a),
    }
    for name, call in calls.items():
        with pytest.raises(TypeError, match=f"{name} is a Tensor that requires"):
            call()
    for fn in (lambda: ops.full((2,), a), lambda: ops.full_like(x, a)):
        with pytest.raises(TypeError, match="the value requires a gradient"):
            fn()
    for weight in (ops.cross_entropy, ops.nll_loss):
        with pytest.raises(ValueError, match="no gradient goes to its weight"):
            weight(leaf([[1.0, 2.0]]), [0], weight=x)
    assert ops.elu(x, a.item()).requires_grad


# --- constants ----------------------------------------------------------------------

X = np.array([[-1.5, 0.0, 2.5], [np.nan, np.inf, -0.5]])
Y = np.array([1.0, 0.0, 2.5])


@pytest.mark.parametrize(
    "name",
    ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
    + ["logical_and", "logical_or"],
)
def test_comparisons_equal_numpy_and_are_off_the_tape(name):
    got = getattr(ops, name)(leaf(X), leaf(Y))
    assert got.dtype == bool and not got.requires_grad
    np.testing.assert_array_equal(got.numpy(), getattr(np, name)(X, Y))


@pytest.mark.parametrize(
    "name", "isnan isinf isfinite logical_not sign floor ceil round".split()
)
def test_pointwise_constants_equal_numpy(name):
    got = getattr(ops, name)(leaf(X))
    assert not got.requires_grad
    np.testing.assert_array_equal(got.numpy(), getattr(np, name)(X))


def test_positions_and_orders_equal_numpy():
    a = np.array([[3, 1, 2, 3], [0, 5, 5, 1]])
    for name in ("argmax", "argmin", "all", "any"):
        for axis in (None, 0, -1):
            got = getattr(ops, name)(tensor(a), axis)
            np.testing.assert_array_equal(got.numpy(), getattr(np, name)(a, axis))
    np.testing.assert_array_equal(ops.argsort(a).numpy(), np.argsort(a, kind="stable"))
    np.testing.assert_array_equal(ops.sort(a, 0).numpy(), np.sort(a, 0))
    assert ops.argmax(a, 1, keepdims=True).shape == (2, 1)
    np.testing.assert_array_equal(ops.remainder(a, 2).numpy(), a % 2)
    np.testing.assert_array_equal(ops.floor_divide(a, 2).numpy(), a // 2)


def test_one_hot():
    got = ops.one_hot(np.array([[2, 0]], "uint8"), 3)
    assert got.tolist() == [[[0, 0, 1], [1, 0, 0]]] and got.dtype == np.float32
    assert ops.one_hot(tensor([1]), 2, dtype="float64").dtype == np.float64


def test_creation():
    for name, args in [
        ("zeros", ((2, 3),)), ("ones", ((2,),)), ("full", ((2, 2), 7.0)),
        ("full", (2, 3)),
        ("arange", (5,)), ("arange", (2, 8, 3)), ("arange", (0.0, 1.0, 0.25)),
        ("eye", (3,)),
        ("eye", (2, 3, 1)),
    ]:  # fmt: skip
        got, want = getattr(ops, name)(*args), getattr(np, name)(*args)
        np.testing.assert_array_equal(got.numpy(), want)
        assert got.dtype == (np.float32 if want.dtype == np.float64 else want.dtype)
    x = leaf([1.0, 2.0])
    for name, value in [("zeros_like", 0), ("ones_like", 1)]:
        got = getattr(ops, name)(x)
        assert (
            got.tolist() == [value] * 2
            and got.dtype == x.dtype
            and not got.requires_grad
        )
    assert ops.full_like(x, 4).tolist() == [4, 4]


# --- shapes and indices -------------------------------------------------------------


def test_views_share_memory_and_copies_do_not():
    x = tensor(np.arange(6.0).reshape(2, 3))
    views = [x.reshape(3, 2), x.T, x[0], x[:, 1:], x[None], ops.flip(x), x.squeeze(),
             ops.broadcast_to(x, (4, 2, 3)), x.detach(),
             ops.swapaxes(x, 0, 1)]  # fmt: skip
    copies = [
        x.clone(),
        x[[0, 1]],
        x[x > 2],
        ops.concatenate([x]),
        x + 0.0,
        ops.roll(x, 1),
    ]
    assert [np.shares_memory(v.numpy(), x.numpy()) for v in views] == [True] * len(
        views
    )
    assert [np.shares_memory(c.numpy(), x.numpy()) for c in copies] == [False] * len(
        copies
    )


def test_conversions_return_the_gradient_in_the_dtype_of_the_input():
    x = leaf([1.0, 2.0], "float32")
    y = x.double() * 3.0
    assert y.dtype == np.float64
    g = grad([y.sum()], x)
    assert g.dtype == np.float32 and g.tolist() == [3, 3]
    assert ops.astype(x, "float32") is x and ops.to_device(x, "cpu") is x


def test_mixed_precision_gives_each_its_dtype():
    x, y = leaf([1.0, 2.0], "float32"), leaf([3.0, 4.0], "float64")
    for fn in (ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.maximum, ops.matmul):
        z = fn(x, y)
        assert z.dtype == np.float64
        assert [g.dtype for g in grad([z.sum()], [x, y])] == [np.float32, np.float64]


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64"]
)
def test_ids_of_any_integer_type(dtype):
    w = leaf(np.arange(12.0).reshape(4, 3))
    ids = np.array([[1, 1], [3, 0]], dtype)
    g = grad([ops.embedding(ids, w).sum()], w)
    assert g.numpy()[:, 0].tolist() == [1, 2, 0, 1]
    assert w[tensor(ids)].shape == (2, 2, 3)


def test_many_repeated_ids_add_up():
    """More than 64 ids take the sorted path of backend.scatter_add; all must agree."""
    rng = np.random.default_rng(0)
    ids = rng.integers(-7, 7, (20, 5))
    rows = rng.standard_normal((20, 5, 2, 3))
    want = np.zeros((7, 2, 3))
    for i, row in zip(ids.reshape(-1), rows.reshape(-1, 2, 3)):
        want[i] += row
    got = np.zeros((7, 2, 3))
    backend.scatter_add(got, ids, rows)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    w = leaf(np.zeros((7, 2, 3)))
    g = grad([w[ids]], w, [tensor(rows)])
    np.testing.assert_allclose(g.numpy(), want, rtol=1e-13, atol=1e-14)


def test_ids_changed_in_place_are_noticed():
    w, ids = leaf(np.ones((4, 2))), tensor([0, 1])
    y = ops.embedding(ids, w).sum()
    ids[0] = 3
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_gather_with_fewer_rows_and_take_along_axis_with_one():
    x = np.arange(12.0).reshape(3, 4)
    assert ops.gather(x, [[3, 3]], 1).tolist() == [[3, 3]]
    got = ops.take_along_axis(x, np.array([[1]]), 1)
    np.testing.assert_array_equal(
        got.numpy(), np.take_along_axis(x, np.array([[1]]), 1)
    )
    assert ops.take_along_axis(x, np.array([5, 0]), None).tolist() == [5, 0]
    order = ops.argsort(-tensor(x), 1)
    assert ops.take_along_axis(x, order, 1).tolist() == x[:, ::-1].tolist()


def test_take_along_axis_broadcasts_the_array_too():
    a = np.array([[3.0, 1.0, 2.0]])
    ids = np.array([[0, 2], [1, 1], [2, 0]])
    x = tensor(a, requires_grad=True)
    y = ops.take_along_axis(x, ids, 1)
    np.testing.assert_array_equal(y.numpy(), np.take_along_axis(a, ids, 1))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[2, 2, 2]])  # each was taken twice


def test_remainder_has_slope_one_and_minus_the_quotient():
    x = tensor([7.5, -7.5, 1.0], requires_grad=True, dtype="float64")
    y = tensor([2.0, 2.0, -3.0], requires_grad=True, dtype="float64")
    (x % y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1, 1, 1])
    np.testing.assert_array_equal(y.grad.numpy(), [-3, 4, 1])  # -floor(x / y)


def test_slope_of_a_power_of_zero_in_its_exponent():
    y = tensor([-1.0, 0.0, 2.0], requires_grad=True, dtype="float64")
    with np.errstate(divide="ignore"):  # 0^-1 and log 0 are infinite
        ops.pow(tensor(np.zeros(3)), y).sum().backward()
    np.testing.assert_array_equal(y.grad.numpy(), [-np.inf, 0, 0])


def test_numpy_integers_pad_and_lists_are_inputs_of_layers():
    assert ops.pad(np.ones((2, 3)), np.int64(1)).shape == (4, 5)
    np.testing.assert_allclose(ops.linear([1.0, 2.0], [[3.0, 4.0]]).numpy(), [11.0])
    np.testing.assert_allclose(ops.layer_norm([[1.0, 3.0]], eps=0.0).numpy(), [[-1, 1]])
    assert ops.max_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2).item() == 4.0
    assert ops.conv2d([[[[2.0]]]], [[[[3.0]]]]).item() == 6.0
    assert ops.relu(-1.0).dtype == np.float32
