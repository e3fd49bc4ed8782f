"""The tape: what it records, what the walk delivers, what it refuses, what it keeps."""

import gc
import threading
import weakref

import numpy as np
import pytest

import tinyft
from tinyft import (
    Function,
    Tensor,
    detect_anomaly,
    enable_grad,
    grad,
    is_grad_enabled,
    no_grad,
    ops,
    tensor,
)


def leaf(values, dtype="float64"):
    return tensor(values, requires_grad=True, dtype=dtype)


# --- values ------------------------------------------------------------------------


def test_square_at_three_is_six():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6.0


def test_chain_of_ten_thousand_operations():
    x = y = leaf(1.0)
    for _ in range(10_000):
        y = y * 1.0001
    y.backward()
    assert x.grad.item() == pytest.approx(1.0001**10_000, rel=1e-11)  # 1e4 roundings


def test_wide_fan_out_accumulates():
    x = leaf([1.0, 2.0])
    total = x * 0.0
    for k in range(100):
        total = total + x * float(k)
    total.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4950.0, 4950.0])


def test_diamond_waits_for_both_branches():
    x = leaf(2.0)
    a = x * x  # 4
    b = a * 3.0  # short branch
    c = ops.exp(ops.log(a)) * a  # long branch: a²
    (b + c).backward()  # 3 x² + x⁴
    assert x.grad.item() == pytest.approx(6 * 2 + 4 * 8, rel=1e-14)


def test_grad_accumulates_over_calls_and_zero_grad_forgets():
    x = leaf(3.0)
    (x * x).backward()
    (x * x).backward()
    assert x.grad.item() == 12.0
    x.zero_grad()
    assert x.grad is None


def test_third_derivative():
    x = leaf(2.0)
    y = x**4
    for want in (4 * 8.0, 12 * 4.0, 24 * 2.0, 24.0):
        y = grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(want, rel=1e-14)


def test_second_order_through_backward():
    x = leaf([1.0, 2.0])
    (x * x * x).sum().backward(create_graph=True)
    g, x.grad = x.grad, None
    g.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 12.0])


def test_gradient_of_a_gradient_penalty():
    w = leaf([1.0, -2.0])
    x = leaf([3.0, 5.0])
    g = grad(ops.tanh((w * x).sum()), x, create_graph=True)  # (1 - t²) w
    (g * g).sum().backward()
    t = np.tanh(3.0 - 10.0)
    s, ww = 1 - t * t, 5.0
    want = 2 * s * s * w.numpy() + 2 * s * ww * (-2 * t * s) * x.numpy()
    np.testing.assert_allclose(w.grad.numpy(), want, rtol=1e-12)


# --- what starts and ends a walk -----------------------------------------------------


def test_backward_takes_a_gradient():
    x = leaf([1.0, 2.0])
    (x * x).backward([10.0, 1.0])
    np.testing.assert_array_equal(x.grad.numpy(), [20.0, 4.0])


def test_backward_needs_a_scalar_or_a_gradient_of_the_right_shape():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"needs a scalar, but the shape is \(2,\)"):
        (x * x).backward()
    with pytest.raises(RuntimeError, match=r"has shape \(3,\), the tensor \(2,\)"):
        (x * x).backward([1.0, 1.0, 1.0])


def test_backward_on_a_constant_says_so():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        (tensor([1.0]) * 2.0).sum().backward()


def test_a_freed_tape_says_so_and_retain_graph_keeps_it():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_integers_can_not_require_a_gradient():
    with pytest.raises(TypeError, match="int64"):
        tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="bool"):
        tensor([True]).requires_grad_()
    assert not leaf([1.5]).astype("int64").requires_grad


def test_results_can_not_stop_requiring_a_gradient():
    with pytest.raises(RuntimeError, match="detach"):
        (leaf(1.0) * 2.0).requires_grad_(False)


def test_only_leaves_get_a_gradient():
    x = leaf(3.0)
    y = x * x
    (y * y).backward()
    assert y.grad is None and x.grad.item() == 4 * 27.0


def test_detached_and_constant_inputs_get_none():
    x, c = leaf([1.0, 2.0]), tensor([3.0, 4.0])
    (x * c + x.detach() * x).sum().backward()
    assert c.grad is None
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 6.0])


def test_backward_for_a_frozen_input_is_never_computed():
    class Half(Function):
        seen = None

        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, gy):
            Half.seen = list(ctx.needs)
            return gy, gy

    x, y = leaf(1.0), tensor(1.0, dtype="float64")
    Half.apply(x, y).backward()
    assert Half.seen == [True, False] and y.grad is None


def test_backward_of_the_wrong_shape_is_caught_at_the_leaf():
    class Broken(Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum(axis=0)

        @staticmethod
        def backward(ctx, gy):
            return gy

    with pytest.raises(
        RuntimeError, match=r"shape \(3,\) came to a tensor of shape \(2, 3\)"
    ):
        Broken.apply(leaf(np.ones((2, 3)))).sum().backward()


# --- grad() --------------------------------------------------------------------------


def test_grad_leaves_dot_grad_alone():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gx, gw = grad((x * w).sum(), [x, w])
    np.testing.assert_array_equal(gx.numpy(), [3.0, 4.0])
    np.testing.assert_array_equal(gw.numpy(), [1.0, 2.0])
    assert x.grad is None and w.grad is None and not gx.requires_grad


def test_grad_of_intermediate_results_also_when_one_contains_another():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gz, gy, gx = grad(z * 3.0, [z, y, x])
    assert (gz.item(), gy.item(), gx.item()) == (3.0, 24.0, 96.0)


def test_grad_of_duplicates_and_of_the_output_itself():
    x = leaf(2.0)
    y = x * x
    a, b = grad(y, [x, x], retain_graph=True)
    assert a.item() == b.item() == 4.0
    assert grad(y, y).item() == 1.0


def test_grad_of_several_outputs_adds_up():
    x = leaf([1.0, 2.0])
    g = grad([x * x, x * 3.0], x, [tensor([1.0, 0.0]), tensor([0.0, 1.0])])
    np.testing.assert_array_equal(g.numpy(), [2.0, 3.0])


def test_grad_of_an_unused_input():
    x, w = leaf([1.0]), leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"input 1, of shape \(2,\), was not used"):
        grad((x * x).sum(), [x, w])
    assert grad((x * x).sum(), [x, w], allow_unused=True)[1] is None


def test_create_graph_on_a_first_order_function_says_which():
    class Once(Function):
        second_order = False

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gy):
            return gy * 2

    x = leaf(1.0)
    assert grad(Once.apply(x), x).item() == 2.0
    with pytest.raises(RuntimeError, match="Once has no second derivative"):
        grad(Once.apply(x), x, create_graph=True)


# --- recording on and off -------------------------------------------------------------


def test_no_grad_and_enable_grad_nest():
    x = leaf(1.0)
    assert is_grad_enabled()
    with no_grad():
        assert not (x * x).requires_grad
        with enable_grad():
            assert (x * x).requires_grad
            with no_grad():
                assert not is_grad_enabled()
            assert is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_no_grad_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert is_grad_enabled()


def test_no_grad_as_a_decorator_also_recursively():
    @no_grad()
    def f(x, depth):
        assert not is_grad_enabled()
        return f(x, depth - 1) if depth else x * x

    assert not f(leaf(1.0), 3).requires_grad
    assert is_grad_enabled()


def test_recording_is_a_matter_of_each_thread():
    seen = {}
    inside, done = threading.Event(), threading.Event()

    def other():
        inside.wait(5)
        seen["enabled"] = is_grad_enabled()
        x = leaf(2.0)
        (x * x).backward()
        seen["gradient"] = x.grad.item()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        assert done.wait(5)
    thread.join()
    assert seen == {"enabled": True, "gradient": 4.0}


def test_two_threads_differentiate_at_once():
    results = [None] * 4

    def work(k):
        x = leaf(float(k + 1))
        y = x
        for _ in range(300):
            y = y * 1.01
        y.backward()
        results[k] = x.grad.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    np.testing.assert_allclose(results, 1.01**300, rtol=1e-12)


# --- changes in place -----------------------------------------------------------------


def test_a_saved_value_changed_in_place_is_noticed():
    x, w = leaf([1.0, 2.0]), tensor([3.0, 4.0], dtype="float64")
    y = (x * w).sum()
    w.data -= 1.0
    with pytest.raises(RuntimeError, match=r"Mul.backward.*\(2,\).*changed in place"):
        y.backward()


def test_setitem_and_a_saved_result_are_noticed():
    x = leaf([1.0, 2.0])
    w = tensor([3.0, 4.0], dtype="float64")
    y = (x * w).sum()
    w[0] = 7.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    y = ops.exp(x)
    z = y.sum()
    y.data *= 2.0
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


@pytest.mark.parametrize(
    "view",
    [
        lambda w: w.detach(),
        lambda w: w[0:2],
        lambda w: w.reshape(2, 1),
        lambda w: ops.flip(w),
        lambda w: w.T,
    ],
)
def test_a_change_through_a_view_is_noticed(view):
    x = leaf([1.0, 2.0])
    w = tensor([3.0, 4.0], dtype="float64")
    y = (x * w).sum()
    seen = view(w)
    assert np.shares_memory(seen.numpy(), w.numpy())
    seen[...] = 0.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_change_after_backward_or_of_something_unsaved_is_fine():
    x = leaf([1.0, 2.0])
    y = x + x
    x.data -= 1.0  # add saves nothing
    y.sum().backward()
    x.data -= x.grad.numpy()
    np.testing.assert_array_equal(x.numpy(), [-2.0, -1.0])


def test_setitem_on_a_tensor_of_the_tape_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"ops.where"):
        x[0] = 3.0
    with pytest.raises(RuntimeError, match=r"ops.where"):
        (x * 2.0)[0] = 3.0


def test_anomaly_mode_sees_writes_that_the_counter_can_not():
    x = leaf([1.0, 2.0])
    w = tensor([3.0, 4.0], dtype="float64")
    with detect_anomaly():
        y = (x * w).sum()
        w.data[0] = 9.0
        with pytest.raises(RuntimeError, match=r"Mul.*changed in place"):
            y.backward()


def test_anomaly_names_the_operation_forward_and_backward():
    x = leaf([4.0, 0.0])
    with detect_anomaly():
        with np.errstate(divide="ignore"):
            with pytest.raises(
                FloatingPointError, match=r"^Log produced 0 NaN and 1 Inf"
            ):
                ops.log(x)
            y = ops.sqrt(x).sum()
            with pytest.raises(
                FloatingPointError, match=r"^Sqrt produced .* in backward"
            ):
                y.backward()
    with np.errstate(divide="ignore"):
        assert np.isinf(ops.log(x).numpy()[1])  # outside, nothing is checked


# --- memory ---------------------------------------------------------------------------


def step(x, w):
    loss = (ops.tanh(x @ w) ** 2).mean()
    loss.backward()
    w.data = w.data - 0.1 * w.grad.numpy()
    w.grad = None
    return loss


def test_live_arrays_do_not_grow_without_the_collector():
    nodes = []
    original = tinyft.autograd.function.Node.__init__

    def counted(self, *args):
        original(self, *args)
        nodes.append(weakref.ref(self))

    x, w = tensor(np.ones((5, 3))), leaf(np.ones((3, 4)))
    gc.collect()
    gc.disable()
    try:
        tinyft.autograd.function.Node.__init__ = counted
        for _ in range(10):
            step(x, w)
        assert len(nodes) >= 40
        assert [n for n in nodes if n() is not None] == []
    finally:
        tinyft.autograd.function.Node.__init__ = original
        gc.enable()


def test_live_memory_of_a_second_order_step_does_not_grow():
    dropped = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            x = leaf(np.ones(7))
            g = grad((x * x * x).sum(), x, create_graph=True)
            (g * g).sum().backward()
            dropped.append(weakref.ref(g))
            del g, x
        assert [r for r in dropped if r() is not None] == []
    finally:
        gc.enable()


def test_saved_arrays_are_dropped_as_the_walk_passes():
    x = leaf(np.ones(5))
    y = ops.exp(x)
    saved = weakref.ref(y._data)
    z = (y * 2.0).sum()
    del y
    assert saved() is not None  # exp keeps its result for backward
    z.backward()
    assert saved() is None


def test_constants_keep_nothing():
    x = tensor(np.ones(5))
    y = ops.exp(x)
    kept = weakref.ref(y._data)
    z = y * 2.0
    del y
    assert kept() is None and z._node is None


def test_leaf_gradients_never_share_memory():
    x, w, g = leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.ones(2)
    (x + w).backward(tensor(g))
    x.grad.data += 1.0
    np.testing.assert_array_equal(w.grad.numpy(), [1.0, 1.0])
    given = tensor([1.0, 1.0], dtype="float64")
    x.zero_grad()
    x.clone().backward(given)  # clone hands the gradient through as it is
    assert not np.shares_memory(x.grad.numpy(), given.numpy())
    m = leaf(np.ones((2, 3)))
    m.sum().backward()  # a broadcast of one number must become an array of its own
    m.grad.data[0, 0] = 5.0
    np.testing.assert_array_equal(m.grad.numpy(), [[5, 1, 1], [1, 1, 1]])
    a, b = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    ga, gb = grad((a + b).sum(), [a, b])
    assert not np.shares_memory(ga.numpy(), gb.numpy())


def test_accumulated_gradients_do_not_write_into_each_other():
    x = leaf([1.0, 2.0])
    w = leaf([1.0, 2.0])
    s = x + w
    (s * 2.0 + s * 3.0 + x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 6.0])
    np.testing.assert_array_equal(w.grad.numpy(), [5.0, 5.0])


# --- the Tensor itself ----------------------------------------------------------------


def test_tensor_always_copies_and_converts_python_numbers():
    a = np.ones(3)
    x = tensor(a)
    x.data[0] = 5.0
    assert a[0] == 1.0 and x.dtype == np.float64
    assert tensor(1.5).dtype == np.float32 and tensor([1, 2]).dtype == np.int64
    assert (
        tensor([True]).dtype == bool and tensor(x, dtype="float32").dtype == np.float32
    )
    with pytest.raises(TypeError, match="rectangular"):
        tensor([object()])


def test_conversion_to_python_numbers():
    x = tensor([2.5])
    assert float(x) == x.item() == 2.5 and int(x) == 2 and bool(x) and len(x) == 1
    assert tensor([[1, 2]]).tolist() == [[1, 2]] and [10, 20, 30][tensor(1)] == 20
    assert [float(v) for v in tensor([1.0, 2.0])] == [1.0, 2.0]
    with pytest.raises(ValueError, match=r"one element, the shape is \(2,\)"):
        tensor([1.0, 2.0]).item()
    with pytest.raises(TypeError, match="0-d"):
        len(tensor(1.0))


def test_numpy_functions_can_not_swallow_a_gradient():
    with pytest.raises(RuntimeError, match=r"tinyft\.ops"):
        np.exp(np.asarray(leaf([1.0])))
    np.testing.assert_array_equal(np.asarray(tensor([1.0, 2.0])), [1.0, 2.0])


def test_arrays_on_the_left_give_tensors():
    x = leaf([1.0, 2.0])
    a = np.array([3.0, 4.0])
    for y in (a + x, a - x, a * x, a / x, a**x, a @ x, 2.0**x, np.float64(2.0) * x):
        assert isinstance(y, Tensor) and y.requires_grad
    assert isinstance(a == x, Tensor) and isinstance(a < x, Tensor)


def test_repr_says_what_it_is():
    x = leaf([1.0, 2.0])
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2.0) == "tensor([2., 4.], from Mul)"
    assert repr(tensor([1.0])) == "tensor([1.], dtype=float32)"


def test_methods_are_the_operations():
    x = leaf(np.arange(1.0, 7).reshape(2, 3))
    a = x.numpy()
    pairs = [
        (x.sum(0), a.sum(0)), (x.mean(1, True), a.mean(1, keepdims=True)),
        (x.max(), a.max()),
        (x.min(0), a.min(0)), (x.var(1, 1), a.var(1, ddof=1)), (x.std(0), a.std(0)),
        (x.cumsum(1), a.cumsum(1)), (x.argmax(1), a.argmax(1)),
        (x.argmin(0), a.argmin(0)),
        (x.reshape(3, 2), a.reshape(3, 2)), (x.reshape((6,)), a.reshape(6)), (x.T, a.T),
        (x.transpose(1, 0), a.T), (x.transpose(), a.T), (x.swapaxes(0, 1), a.T),
        (x.mT, a.T),
        (x.ravel(), a.ravel()), (x.flatten(), a.ravel()), (x[None].squeeze(), a),
        (x.clip(2, 4), a.clip(2, 4)), (x.exp(), np.exp(a)), (x.log(), np.log(a)),
        (x.sqrt(), np.sqrt(a)), ((-x).abs(), a), (abs(-x), a), (x.tanh(), np.tanh(a)),
        (x.clone(), a), (x.detach(), a), ((x > 2).any(1), (a > 2).any(1)),
        (x @ x.T, a @ a.T),
        ((x > 2).all(), (a > 2).all()), (~(x > 2), ~(a > 2)), (x.double(), a),
        (x != 1, a != 1),
        (x <= 2, a <= 2), (x >= 2, a >= 2), (x == 2, a == 2), (x.to("cpu"), a),
        (2 - x, 2 - a),
    ]  # fmt: skip
    for got, want in pairs:
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-14)
    assert x.float().dtype == np.float32 and x.to("float16").dtype == np.float16
    assert (x.ndim, x.size, x.nbytes, x.device) == (2, 6, 48, "cpu")


def test_operators_of_whole_and_logical_numbers_are_numpys():
    a, m = np.array([[7.0, -7.0, 2.5], [1.0, -0.5, 4.0]]), np.array([True, False, True])
    x, b = tensor(a), tensor(m)
    pairs = [
        (x // 2, a // 2), (7 // x, 7 // a), (a // x, a // a), (x % 2, a % 2),
        (7 % x, 7 % a), (a % tensor(-a - 1), a % (-a - 1)), (+x, a),
        (round(x), np.round(a)), (x.round(1), a.round(1)), (x.prod(0), a.prod(0)),
        (x.argsort(0), a.argsort(0)), (x[0].dot(x[1]), a[0] @ a[1]),
        (b & ~b, m & ~m), (b | m, m), (m ^ b, m ^ m), (True & b, m), (b | True, m | True),
        ((x > 0).any(1, True), (a > 0).any(1, keepdims=True)),
        ((x > 0).all(1, True), (a > 0).all(1, keepdims=True)),
    ]  # fmt: skip
    for got, want in pairs:
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got.numpy(), want)
    assert 2.5 in x and 3.0 not in x and None not in x


@pytest.mark.parametrize("operation", [
    lambda x: x & x, lambda x: 0 | x, lambda x: x ^ True, lambda x: ~x
])  # fmt: skip
def test_logical_operators_are_for_booleans(operation):
    with pytest.raises(TypeError, match=r"is for booleans, got .*; compare first"):
        operation(tensor([1, 2]))


def test_what_is_no_number_equals_no_tensor():
    x = tensor([1.0, 2.0])
    assert not (x == None) and x != None and x != "a"  # noqa: E711
    assert x in [None, x]
    for operation in (lambda: x + None, lambda: "a" * x, lambda: x < "a"):
        with pytest.raises(TypeError, match="takes Tensors, arrays and numbers"):
            operation()


@pytest.mark.parametrize("values", ["a", None, [[1], [1, 2]], ["a", "b"], object()])
def test_tensors_hold_numbers(values):
    with pytest.raises(TypeError, match=r"tensor\(\) needs numbers in a rectangular"):
        tensor(values)


def test_format_and_truth_of_one_number_and_of_many():
    assert f"{tensor(2.5):.3f}" == "2.500" and f"{tensor([3]):d}" == "3"
    assert f"{tensor([1.0, 2.0])}" == "tensor([1., 2.], dtype=float32)"
    with pytest.raises(ValueError, match=r"shape \(2,\) has no answer: use x.any\(\)"):
        bool(tensor([1.0, 2.0]))


# --- x += y ---------------------------------------------------------------------------


def test_an_update_in_no_grad_reaches_the_parameter():
    x, alias = tensor([1.0, 2.0], requires_grad=True), None
    (x * x).sum().backward()
    with no_grad():
        for p in [x]:
            alias = p
            p -= 0.5 * p.grad
            p *= 3.0
            p += 1.0
            p /= 2.0
    assert alias is x and x.tolist() == [0.5, 0.5] and x.requires_grad and x.is_leaf


def test_a_constant_is_changed_in_place_and_a_sum_is_recorded():
    c = tensor([1.0, 2.0])
    same = c
    c += 1.0
    assert same is c and same.tolist() == [2, 3]
    w, total = tensor([1.0, 2.0], requires_grad=True), tensor(0.0)
    for _ in range(3):
        total += (w * w).sum()
    total.backward()
    assert w.grad.tolist() == [6, 12]


def test_in_place_on_a_leaf_that_the_tape_watches_is_refused():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"x -= \.\.\. on a leaf that requires"):
        x -= 1.0
    y = tensor([3.0])
    z = (x * y).sum()
    y += 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()
    with pytest.raises(ValueError, match="does not fit into x"):
        y += np.ones((2, 1))
    ids = tensor([1, 2])
    with pytest.raises(ValueError, match="does not fit into x"):
        ids += 0.5


def test_writing_values_that_want_a_gradient_is_refused():
    x, w = tensor([1.0, 2.0]), tensor(3.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="would lose the gradient of the values"):
        x[0] = w
    with no_grad():
        x[0] = w
    assert x.tolist() == [3, 2]


def test_a_backward_that_forgets_an_input_is_an_error():
    class Forgetful(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, gy):
            return gy

    x, y = (tensor([1.0], requires_grad=True) for _ in range(2))
    with pytest.raises(RuntimeError, match=r"Forgetful\.backward returned 1 gradient"):
        Forgetful.apply(x, y).sum().backward()
    Forgetful.apply(x, y.detach()).sum().backward()
    assert x.grad.tolist() == [1]
