"""What a PyTorch user types: every row of the table raises, and its hint gives
PyTorch's result."""

import numpy as np
import pytest

import tinyft
from tinyft import nn, ops, optim, peft, tensor
from tinyft.autograd import hints, spellings

RNG = np.random.default_rng(0)
VALUES = {
    "x": RNG.standard_normal((2, 3)).astype("float32"),
    "y": RNG.standard_normal((2, 3)).astype("float32"),
    "s": RNG.standard_normal((2, 2)).astype("float32"),
    "v": np.array([1.0, -2.0, 3.0], "float32"),
    "mask": np.array([[True, False, True], [False, False, True]]),
    "ids": np.array([[2, 0, 1], [1, 1, 2]]),
}
TABLES = {"TENSOR": spellings.TENSOR, "FUNCTIONS": spellings.FUNCTIONS}
ROWS = [
    pytest.param(table, name, *row, id=f"{table}-{name}")
    for table, rows in TABLES.items()
    for name, row in rows.items()
]


def ours(text):
    """The value of our expression, or of x after our statement."""
    names = {name: tensor(a) for name, a in VALUES.items()}
    names |= {"ops": ops, "tensor": tensor, "rng": np.random.default_rng(0)}
    return run(text, names)


def run(text, names):
    if "= " in text.replace("==", "").replace("!=", "").replace("<=", "").replace(
        ">=", ""
    ) and not text.endswith(")"):
        exec(text, names)
        return names["x"]
    return eval(text, names)


def arrays(value):
    """A result of either library as a list of NumPy arrays."""
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays(v)]
    if hasattr(value, "detach"):
        return [value.detach().numpy()]
    return [np.asarray(value)]


@pytest.mark.parametrize(("table", "name", "theirs", "text"), ROWS)
def test_the_spelling_raises_and_the_sentence_has_what_to_write(
    table, name, theirs, text
):
    owner = tensor(VALUES["x"]) if table == "TENSOR" else ops
    with pytest.raises(AttributeError) as error:
        getattr(owner, name)
    assert str(error.value).endswith(f"that is PyTorch's spelling; write {text}")
    assert error.value.name == name


@pytest.mark.parametrize(
    ("table", "name", "theirs", "text"), [r for r in ROWS if r.values[2]]
)
def test_what_to_write_gives_the_result_of_pytorch(table, name, theirs, text):
    torch = pytest.importorskip("torch")
    names = {key: torch.tensor(a) for key, a in VALUES.items()}
    names |= {"torch": torch, "F": torch.nn.functional}
    assert name in theirs
    with np.errstate(invalid="ignore"):  # logarithms of negative numbers
        want, got = arrays(eval(theirs, names)), arrays(ours(text))
    assert len(got) == len(want)
    for a, b in zip(got, want):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["rand", "randn", "randint", "randperm"])
def test_random_numbers_come_from_a_generator(name):
    assert ours(spellings.FUNCTIONS[name][1]).shape in ((2, 3), (9,))


# --- keywords -----------------------------------------------------------------------

X = tensor(VALUES["x"])
KEYWORDS = {
    # PyTorch's keyword: (the call that fails, the call that it says)
    "dim": (lambda **k: ops.sum(X, **k), 1),
    "dims": (lambda **k: ops.flip(X, **k), 0),
    "keepdim": (lambda **k: ops.max(X, 1, **k), True),
    "unbiased": (lambda **k: ops.var(X, **k), 1),
    "correction": (lambda **k: ops.std(X, **k), 1),
    "min": (lambda **k: ops.clip(X, **k), 0.0),
    "max": (lambda **k: ops.clip(X, **k), 0.0),
    "input": (lambda **k: ops.softmax(**k), X),
    "other": (lambda **k: ops.roll(X, 1, **k), None),
    "target": (lambda **k: ops.cross_entropy(X, **k), [0, 2]),
    "start_dim": (lambda **k: ops.flatten(X, **k), 0),
    "end_dim": (lambda **k: X.flatten(**k), 1),
    "dim0": (lambda **k: ops.swapaxes(X, second=1, **k), 0),
    "dim1": (lambda **k: ops.swapaxes(X, 0, **k), 1),
    "tensors": (lambda **k: ops.concatenate(**k), [X, X]),
    "repeats": (lambda **k: ops.repeat(X, axis=0, **k), 2),
    "shifts": (lambda **k: ops.roll(X, **k), 1),
    "split_size_or_sections": (lambda **k: ops.split(X, axis=1, **k), [1, 2]),
    "num_classes": (lambda **k: ops.one_hot([0, 2], **k), 3),
    "negative_slope": (lambda **k: ops.leaky_relu(X, **k), 0.1),
    "kernel_size": (lambda **k: ops.max_pool2d(X[None, None], **k), 2),
    "output_size": (lambda **k: ops.adaptive_avg_pool2d(X[None, None], **k), 1),
    "num_groups": (lambda **k: ops.group_norm(X, **k), 3),
    "query": (lambda **k: ops.attention(k=X[None], v=X[None], **k), X[None]),
    "attn_mask": (lambda **k: ops.attention(*[X[None]] * 3, **k), [[True, False]]),
    "is_causal": (lambda **k: ops.attention(*[X[None]] * 3, **k), True),
    "normalized_shape": (lambda **k: nn.LayerNorm(**k), 3),
    "num_channels": (lambda **k: nn.GroupNorm(2, **k), 4),
    "embed_dim": (lambda **k: nn.MultiHeadAttention(heads=2, **k), 4),
    "num_heads": (lambda **k: nn.MultiHeadAttention(4, **k), 2),
}


@pytest.mark.parametrize("name", spellings.KEYWORDS)
def test_a_keyword_of_pytorch_names_ours(name):
    if name == "other":
        pytest.skip("arithmetic takes its operands by position")
    call, value = KEYWORDS[name]
    with pytest.raises(TypeError) as error:
        call(**{name: value})
    text = str(error.value)
    word = text.partition(f"PyTorch's {name}= is ")[2].partition("= here")[0]
    assert (
        word in spellings.KEYWORDS[name].split() and f"has no argument '{name}'" in text
    )
    call(**{word: value})


def test_an_unknown_keyword_lists_the_known_ones():
    with pytest.raises(TypeError, match=r"It takes \(x, axis, keepdims\)$"):
        ops.sum(X, axes=1)
    with pytest.raises(
        TypeError, match=r"^Linear\(\) has no argument 'in_dim'\. It takes"
    ):
        nn.Linear(in_dim=3, out_features=4)


def test_a_type_error_inside_is_left_as_it_is():
    with pytest.raises(TypeError, match="axis is an integer, got 'a'"):
        ops.sum(X, axis="a")


# --- modules ------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["NN", "OPTIM", "PEFT"])
def test_names_of_layers_optimisers_and_configs(table):
    package = {"NN": nn, "OPTIM": optim, "PEFT": peft}[table]
    names = {
        "ops": ops,
        "nn": nn,
        "optim": optim,
        "peft": peft,
        "models": tinyft.models,
    }
    for name, text in getattr(spellings, table).items():
        with pytest.raises(AttributeError) as error:
            getattr(package, name)
        assert str(error.value).endswith(f"write {text}")
        first = text.partition("(")[0].partition(",")[0]
        assert eval(first, names) is not None  # what is named exists


def test_names_of_the_package_and_of_a_module():
    with pytest.raises(AttributeError, match=r"write ops\.concatenate"):
        tinyft.cat  # noqa: B018
    layer = nn.Linear(2, 3, rng=0)
    for name, text in spellings.MODULE.items():
        with pytest.raises(AttributeError) as error:
            getattr(layer, name)
        assert str(error.value).endswith(f"holds weight, bias; write {text}")
        if text.startswith("model.to") and "cuda" not in text:
            eval(text, {"model": nn.Linear(2, 3, rng=0)})


def test_names_that_nobody_has_get_no_hint():
    for owner in (X, ops, nn, optim, peft):
        with pytest.raises(AttributeError, match=r"has no attribute 'fly'$"):
            owner.fly  # noqa: B018
    assert "sum" in dir(X) and "view" not in dir(X) and not hasattr(X, "view")
    assert not hasattr(X, "__array_interface__") and not hasattr(X, "__fspath__")


# --- what other libraries hand over -------------------------------------------------


class Foreign:
    """An array of another library: a dtype without a kind."""

    dtype, shape, ndim = "bfloat16", (2, 3), 2


@pytest.mark.parametrize(
    "call",
    [
        lambda x: X + x,
        lambda x: X @ x,
        ops.relu,
        ops.sum,
        ops.softmax,
        ops.layer_norm,
        lambda x: ops.linear(x, X),
        lambda x: nn.Linear(3, 2, rng=0)(x),
        lambda x: X == x,
        lambda x: ops.embedding(x, X),
        lambda x: ops.cross_entropy(X, x),
        lambda x: ops.concatenate([X, x]),
        lambda x: X[x],
    ],
)
def test_an_array_of_another_library_is_named_and_converted(call):
    with pytest.raises(
        TypeError, match=r"got a .*Foreign; .* Convert it: tinyft\.tensor"
    ):
        call(Foreign())


def test_a_torch_tensor_is_told_how_to_come_over():
    torch = pytest.importorskip("torch")
    with pytest.raises(
        TypeError, match=r"torch\.Tensor; .*x\.detach\(\)\.cpu\(\)\.numpy"
    ):
        nn.Linear(3, 2, rng=0)(torch.ones(2, 3))
    assert tensor(torch.ones(2, 3).numpy()).shape == (2, 3)


@pytest.mark.parametrize(
    "function",
    [np.sum, np.mean, np.max, np.var, np.transpose, np.linalg.norm, np.sort]
    + [lambda x: np.concatenate([x, x]), lambda x: np.where(VALUES["mask"], x, 0.0)],
)
def test_functions_of_numpy_take_constants_and_name_ours_otherwise(function):
    np.testing.assert_array_equal(function(X), function(VALUES["x"]))
    x = tensor(VALUES["x"], requires_grad=True)
    with pytest.raises(
        RuntimeError, match=r"would lose; write ops\.\w+ .* x\.detach\(\)"
    ):
        function(x)
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6


def test_shapes_given_as_several_arguments():
    for call, word in [
        (lambda: ops.zeros(2, 3), "zeros"),
        (lambda: ops.ones(2, 3), "ones"),
        (lambda: ops.full(2, 3, 7.0), "full"),
    ]:
        with pytest.raises(
            TypeError, match=rf"^{word}: got .* as the dtype; the shape is"
        ):
            call()
    for call in (
        lambda: ops.zeros(2, 3, 4),
        lambda: ops.reshape(X, 3, 2),
        lambda: ops.transpose(X, 1, 0),
        lambda: ops.tile(X, 2, 2),
        lambda: ops.broadcast_to(X, 4, 2, 3),
    ):
        with pytest.raises(TypeError, match=r"or several axes, is one tuple: \(2, 3\)"):
            call()


def test_an_exchange_that_would_exchange_nothing():
    with pytest.raises(ValueError, match=r"write x\.swapaxes\(0, 1\)"):
        X.transpose(0, 1)
    assert X.transpose(1, 0).shape == X.transpose((1, 0)).shape == (3, 2)
    assert X.transpose((0, 1)).shape == (2, 3)


def test_the_fast_names_stay_the_functions_themselves():
    """Arithmetic is not wrapped, and a wrapped function shows its source and signature."""
    import inspect

    from tinyft.ops.array import elementwise

    assert ops.add is elementwise.add
    assert "axis" in inspect.signature(ops.softmax).parameters
    assert "def softmax" in inspect.getsource(ops.softmax)
    assert hints.hinted(len) is len


# --- other meanings stand in the docstrings -----------------------------------------


@pytest.mark.parametrize(
    "name",
    "var std norm repeat pad split transpose max sort one_hot gather squeeze equal "
    "rms_norm flatten logsumexp cumsum clip attention".split(),
)
def test_a_docstring_says_what_pytorch_does_otherwise(name):
    assert "PyTorch" in getattr(ops, name).__doc__
