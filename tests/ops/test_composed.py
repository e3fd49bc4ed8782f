"""ops.composed: equal to the fused operations, and differentiable twice.

One row for each function: inputs that have a gradient, and calls with every option. The
sizes differ, float64 throughout. 1e-10 of the largest entry: sums of some hundred terms.
"""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyft import Function, Tensor, grad, gradcheck, nn, ops, tensor

sys.path.insert(0, str(Path(__file__).parent))
from twins import compare


def draw(*shapes):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.standard_normal(s) for s in shapes]


def apart(*shapes):
    """Entries at least 0.07 from each other and from 0: no kink, no tie."""
    rng, sizes = np.random.default_rng(1), [int(np.prod(s)) for s in shapes]
    values = rng.permutation((np.arange(sum(sizes)) - sum(sizes) / 2 + 0.3) * 0.07)
    return [
        v.reshape(s) for v, s in zip(np.split(values, np.cumsum(sizes)[:-1]), shapes)
    ]


def positive(*shapes):
    """Entries between 0.2 and 0.9."""
    return [0.2 + 0.7 * np.abs(np.sin(a)) for a in draw(*shapes)]


class Drawn:
    """An rng option: the same draws for every call."""

    def __init__(self, seed):
        self.seed = seed

    def fresh(self):
        return np.random.default_rng(self.seed)


RNG = Drawn(0)
QKV = (1, 4, 3, 2), (1, 2, 5, 2), (1, 2, 5, 2)
IMAGE = (2, 4, 5, 6)
SEEN = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 0, 1, 1, 1]], bool)
STATS = {"running_mean": np.full(4, 0.3), "running_var": np.full(4, 0.7)}
NONE = {"running_mean": None, "running_var": None}
LABELS, MANY = np.array([3, -100, 0]), np.array([[0, 3], [-100, 1], [2, 2]])
SOFT = np.random.default_rng(2).dirichlet(np.ones(4), 3)
REDUCED = [{"reduction": how} for how in ("none", "mean", "sum")]


def classified(**options):
    return [{"targets": LABELS, **options, **how} for how in REDUCED]


CASES = {
    # name: [(inputs, options, ...), ...]; inputs have gradients, options are by keyword
    "linear": [(draw((2, 3), (4, 3)), {}), (draw((5, 2, 3), (4, 3), (4,)), {})],
    "embedding": [(draw((5, 3)), {"ids": np.array([[0, 4], [4, 2]])})],
    "dropout": [(draw((4, 5)), {"p": 0.3, "rng": RNG}, {"p": 1.0, "rng": RNG},
                 {"p": 0.0}, {"training": False})],
    "layer_norm": [(draw((2, 3, 5)), {}, {"eps": 0.3}), (draw((2, 5), (5,), (5,)), {})],
    "rms_norm": [(draw((2, 3, 5)), {}, {"eps": 0.3}), (draw((2, 5), (5,)), {})],
    "group_norm": [(draw((2, 6, 3)), {"groups": 2}), (draw((2, 6, 2, 3)), {"groups": 3}),
                   (draw((3, 4, 2), (4,), (4,)), {"groups": 2, "eps": 0.1})],
    "batch_norm": [(draw(IMAGE), NONE, STATS, STATS | {"training": True}),
                   (draw((3, 4), (4,), (4,)), NONE, STATS | {"eps": 0.1},
                    STATS | {"training": True, "momentum": 0.4})],
    "relu": [(apart((3, 4)), {})],
    "relu6": [(apart((3, 4)), {}), ([7 + np.abs(apart((3, 4))[0])], {})],
    "leaky_relu": [(apart((3, 4)), {}, {"slope": 0.3})],
    "elu": [(apart((3, 4)), {}, {"alpha": 0.3})],
    "silu": [(draw((3, 4)), {})],
    "softplus": [(draw((3, 4)), {}), ([np.array([0.0, -40.0, 40.0])], {})],
    "logsigmoid": [(draw((3, 4)), {})],
    "gelu": [(draw((3, 4)), {}, {"approximate": "tanh"})],
    "softmax": [(draw((2, 3, 4)), {}, {"axis": 0}, {"axis": 1})],
    "log_softmax": [(draw((2, 3, 4)), {}, {"axis": 0}, {"axis": 1})],
    "logsumexp": [(draw((2, 3, 4)), {}, {"axis": 1}, {"axis": (0, 2)},
                   {"axis": -1, "keepdims": True})],
    "attention": [(draw(*QKV), {}, {"causal": True}, {"scale": 0.3}, {"mask": SEEN},
                   {"mask": SEEN.astype(int)}, {"dropout_p": 0.4, "rng": RNG}),
                  (draw(*[s[1:] for s in QKV]), {"causal": True}),
                  (draw(*QKV, (4, 3, 5)), {})],
    "attention_weights": [(draw(*QKV[:2]), {}, {"causal": True}, {"mask": SEEN})],
    "conv2d": [(draw(IMAGE, (3, 4, 2, 3)), {}, {"stride": 2, "padding": 1}),
               (draw(IMAGE, (6, 2, 3, 2), (6,)), {"groups": 2, "dilation": (1, 2)})],
    "conv1d": [(draw((2, 4, 7), (3, 4, 3)), {}, {"stride": 2, "padding": 1}),
               (draw((2, 4, 7), (6, 2, 2), (6,)), {"groups": 2, "dilation": 3})],
    "conv_transpose2d": [
        (draw((2, 4, 3, 2), (4, 3, 2, 3)), {}, {"stride": (2, 3), "padding": 1},
         {"stride": 2, "output_padding": 1}, {"dilation": 2, "padding": (0, 2)},
         {"stride": (3, 2), "padding": (2, 0)}),
        (draw((2, 4, 3, 2), (4, 3, 3, 2), (6,)), {"groups": 2, "stride": 2})],
    "lstm": [
        (draw((4, 3, 2), (20, 2), (20, 5)), {}, {"reverse": True}),
        (draw((4, 3, 2), (20, 2), (20, 5), (20,), (20,), (3, 5), (3, 5)), {},
         {"lengths": np.array([2, 4, 1])}, {"lengths": [3, 1, 2], "reverse": True})],
    "max_pool2d": [(apart(IMAGE), {"size": 2}, {"size": 3, "stride": 2, "padding": 1},
                    {"size": (1, 2), "stride": 1})],
    "avg_pool2d": [(draw(IMAGE), {"size": 2}, {"size": 3, "stride": 2, "padding": 1},
                    {"size": (2, 3), "stride": 1, "padding": (1, 0),
                     "count_include_pad": False})],
    "adaptive_avg_pool2d": [(draw(IMAGE), {"size": 1}, {"size": (2, 4)},
                             {"size": (None, 3)})],
    "cross_entropy": [
        (draw((3, 4)), *classified(), *classified(label_smoothing=0.2),
         *classified(weight=np.array([1.0, 0.5, 2.0, 0.0])),
         *classified(weight=np.array([1.0, 0.5, 2.0, 3.0]), label_smoothing=0.2),
         {"targets": SOFT, "label_smoothing": 0.1}, {"targets": SOFT},
         {"targets": SOFT, "weight": np.array([1.0, 0.5, 2.0, 3.0])}),
        (draw((3, 4, 2)), {"targets": MANY}, {"targets": MANY, "reduction": "none"}),
        (draw((4,)), {"targets": np.array(2)}, {"targets": SOFT[0]})],
    "nll_loss": [(draw((3, 4)), *classified(),
                  *classified(weight=np.array([1.0, 0.5, 2.0, 3.0]))),
                 (draw((3, 4, 2)), {"targets": MANY, "reduction": "none"}),
                 (draw((4,)), {"targets": np.array(2)})],
    "mse_loss": [(draw((2, 3), (2, 3)), *REDUCED)],
    "l1_loss": [(apart((2, 3), (2, 3)), *REDUCED)],
    "huber_loss": [(apart((2, 3), (2, 3)), *REDUCED, {"delta": 0.2})],
    "smooth_l1_loss": [(apart((2, 3), (2, 3)), *REDUCED, {"beta": 0.2}, {"beta": 0})],
    "bce_with_logits": [
        (positive((2, 3), (2, 3)), *REDUCED, {"weight": np.array([1.0, 2.0, 0.5])},
         {"pos_weight": np.array([1.0, 2.0, 0.5])})],
    "kl_div": [(positive((2, 3), (2, 3)), *REDUCED, {"reduction": "batchmean"},
                {"log_target": True})],
}  # fmt: skip

CALLS = [
    (name, inputs, options)
    for name, rows in CASES.items()
    for inputs, *choices in rows
    for options in choices
]
calls = pytest.mark.parametrize(
    ("name", "inputs", "options"), CALLS, ids=[c[0] for c in CALLS]
)


def calling(namespace, name, options):
    """The function of its inputs alone; options are copied, so that each call is alike."""
    fn = getattr(namespace, name)
    names = [p for p in inspect.signature(fn).parameters if p not in options]

    def call(*xs):
        fresh = {k: _fresh(v) for k, v in options.items()}
        y = fn(**dict(zip(names, xs)), **fresh)
        return y if isinstance(y, Tensor) else ops.concatenate([a.ravel() for a in y])

    return call


def _fresh(value):
    if isinstance(value, Drawn):
        return value.fresh()
    return value.copy() if isinstance(value, np.ndarray) else value


@calls
def test_equals_the_fused_form(name, inputs, options):
    pair = [calling(namespace, name, options) for namespace in (ops, ops.composed)]
    compare(*pair, *inputs, rtol=1e-10)


@calls
def test_has_a_second_derivative(name, inputs, options):
    xs = [tensor(a, requires_grad=True) for a in inputs]
    gradcheck(calling(ops.composed, name, options), *xs, order=2)


def test_every_function_is_compared_and_has_the_arguments_of_the_fused_one():
    assert sorted(CASES) == ops.composed.__all__
    for name in ops.composed.__all__:
        fused, composed = getattr(ops, name), getattr(ops.composed, name)
        assert inspect.signature(fused) == inspect.signature(composed)
        assert composed.__doc__


def test_running_statistics_move_as_those_of_the_fused_form():
    (x,), moved = draw((6, 4, 3)), []
    for namespace in (ops, ops.composed):
        stats = [np.full(4, 0.3), np.full(4, 0.7)]
        namespace.batch_norm(tensor(x), *stats, training=True, momentum=0.4)
        moved.append(stats)
    np.testing.assert_allclose(*moved, rtol=1e-13)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_rows_of_minus_infinity(name):
    found = []
    for fn in (getattr(ops, name), getattr(ops.composed, name)):
        x = [[-np.inf, -np.inf], [-np.inf, 1.0], [800.0, 700.0]]
        x = tensor(x, requires_grad=True, dtype="float64")
        y = fn(x, axis=1)
        found.append([y.numpy(), grad([y.sum()], x).numpy()])
    for got, want in zip(*found):
        np.testing.assert_allclose(got, want, rtol=1e-13)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "leaky_relu", "elu", "softplus", "max_pool2d"]
)
def test_kinks_ties_and_nan_are_those_of_the_fused_form(name):
    x = np.array([0.0, -0.0, np.nan, 1.0, 1.0, -2.0])
    x = x.reshape(1, 1, 2, 3) if name == "max_pool2d" else x
    options = {"size": 2, "stride": 1} if name == "max_pool2d" else {}
    compare(*[calling(n, name, options) for n in (ops, ops.composed)], x)


def test_softplus_has_its_second_derivative_at_0():
    x = tensor(0.0, requires_grad=True, dtype="float64")
    g = grad([ops.composed.softplus(x)], x, create_graph=True)
    assert (g.item(), grad([g], x).item()) == (0.5, 0.25)


def test_cross_entropy_sends_gradients_to_targets_and_weights():
    xs = [tensor(a, requires_grad=True) for a in (*draw((3, 4)), SOFT, SOFT[0] + 1)]
    gradcheck(lambda x, q, w: ops.composed.cross_entropy(x, q, w), *xs, order=2)


# --- the error that names the form ------------------------------------------------


def first_order_functions():
    """Every Function of tinyft.ops that is marked second_order = False."""
    found = []
    for module in pkgutil.walk_packages(ops.__path__, "tinyft.ops."):
        if module.name.startswith("tinyft.ops.compiled."):
            continue  # needs numba; its forms are subclasses of the others
        for value in vars(importlib.import_module(module.name)).values():
            own = getattr(value, "__module__", "") == module.name
            if own and isinstance(value, type) and issubclass(value, Function):
                found += [] if value.second_order else [value]
    return found


@pytest.mark.parametrize("function", first_order_functions(), ids=lambda f: f.__name__)
def test_what_has_no_second_derivative_names_the_form_that_has_one(function):
    name, arguments = re.fullmatch(
        r"ops\.composed\.(\w+)\((.*?)(?:, \.\.\.)?\)", function.instead
    ).groups()
    parameters = list(inspect.signature(getattr(ops.composed, name)).parameters)
    assert parameters[: len(arguments.split(", "))] == arguments.split(", ")
    assert name in CASES


@pytest.mark.parametrize(
    "name",
    ["gelu", "layer_norm", "rms_norm", "group_norm", "batch_norm", "attention"]
    + ["attention_weights", "max_pool2d", "cross_entropy"],
)
def test_the_sentence_of_the_second_derivative(name):
    inputs, options = CASES[name][0][:2]
    xs = [tensor(a, requires_grad=True) for a in inputs]
    y = calling(ops, name, options)(*xs).sum()
    form = name.removesuffix("_weights")
    message = rf"no second derivative: .* Write ops\.composed\.{form}\("
    with pytest.raises(RuntimeError, match=message):
        grad([y], xs, create_graph=True)


def test_a_checkpoint_names_the_module_itself():
    layer = nn.checkpoint(nn.Linear(2, 3, rng=0))
    y = layer(tensor([[1.0, 2.0]], requires_grad=True)).sum()
    with pytest.raises(RuntimeError, match=r"Write the module without nn\.checkpoint"):
        y.backward(create_graph=True)
