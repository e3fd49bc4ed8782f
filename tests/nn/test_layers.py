"""Each layer: its values against NumPy, its gradients against finite differences.

Values in float64 to 1e-12 (rounding of sums of at most a few hundred terms), gradients
by gradcheck (its bound: 1e-6, the error of a central difference is near 1e-9).
"""

import math

import numpy as np
import pytest
from layers import check_gradients

from tinyft import nn, tensor

RNG = np.random.default_rng(1)
TIGHT = {"rtol": 1e-12, "atol": 1e-12}


def draw(*shape):
    return RNG.standard_normal(shape)


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(lead, bias):
    layer, x = nn.Linear(3, 4, bias, rng=0, dtype="f8"), draw(*lead, 3)
    y = layer(tensor(x)).numpy()
    want = x @ layer.weight.numpy().T + (layer.bias.numpy() if bias else 0)
    np.testing.assert_allclose(y, want, **TIGHT)
    assert check_gradients(layer, x)


def test_conv2d_is_the_sum_of_its_definition():
    layer = nn.Conv2d(
        4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2, rng=0, dtype="f8"
    )
    x, W, b = draw(2, 4, 5, 6), layer.weight.numpy(), layer.bias.numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    want = np.zeros((2, 6, 3, 5))
    for o in range(6):
        first = 2 * (o // 3)  # the channels of this output's group
        for i in range(3):
            for j in range(5):
                window = padded[:, first : first + 2, 2 * i : 2 * i + 3, j : j + 2]
                want[:, o, i, j] = (window * W[o]).sum(axis=(1, 2, 3)) + b[o]
    np.testing.assert_allclose(layer(tensor(x)).numpy(), want, **TIGHT)
    assert check_gradients(layer, x)


def test_pooling_layers():
    x = draw(2, 3, 6, 4)
    cells = x.reshape(2, 3, 3, 2, 2, 2)
    pairs = [
        (nn.MaxPool2d(2), cells.max(axis=(3, 5))),
        (nn.AvgPool2d(2), cells.mean(axis=(3, 5))),
        (nn.AdaptiveAvgPool2d((3, 2)), cells.mean(axis=(3, 5))),
        (nn.AdaptiveAvgPool2d(1), x.mean(axis=(2, 3), keepdims=True)),
    ]
    for layer, want in pairs:
        np.testing.assert_allclose(layer(tensor(x)).numpy(), want, **TIGHT)
        assert check_gradients(layer, x)


def test_embedding_rows_and_gradient_of_repeated_ids():
    layer, ids = nn.Embedding(5, 2, rng=0, dtype="f8"), np.array([[1, 3], [1, 0]])
    y = layer(ids)
    np.testing.assert_array_equal(y.numpy(), layer.weight.numpy()[ids])
    y.sum().backward()
    want = np.array([1, 2, 0, 1, 0.0])[:, None] * np.ones(2)  # how often each was used
    np.testing.assert_array_equal(layer.weight.grad.numpy(), want)
    assert check_gradients(layer, ids)
    with pytest.raises(IndexError, match="5"):
        layer(np.array([5]))


@pytest.mark.parametrize(
    "layer, want",
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
        (nn.Tanh(), np.tanh),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.GELU(), lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2),
        (
            nn.GELU("tanh"),
            lambda x: (
                x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
            ),
        ),
        (nn.Softmax(1), lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)),
        (nn.Flatten(), lambda x: x.reshape(len(x), -1)),
        (nn.Identity(), lambda x: x),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, nn.Module) else "",
)
def test_functions_as_layers(layer, want):
    x = draw(3, 4, 2)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), want(x), **TIGHT)
    assert check_gradients(layer, x)


def test_normalisations():
    x = draw(3, 4, 5)
    mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    layer = nn.LayerNorm(5, eps=0.1, dtype="f8")
    layer.weight.data, layer.bias.data = draw(5), draw(5)
    want = (x - mean) / np.sqrt(var + 0.1) * layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(layer(tensor(x)).numpy(), want, **TIGHT)
    rms = nn.RMSNorm(5, eps=0.1, dtype="f8")
    want = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(rms(tensor(x)).numpy(), want, **TIGHT)
    group = nn.GroupNorm(2, 4, eps=0.1, dtype="f8")
    halves = x.reshape(3, 2, 10)
    mean, var = halves.mean(axis=2, keepdims=True), halves.var(axis=2, keepdims=True)
    want = ((halves - mean) / np.sqrt(var + 0.1)).reshape(x.shape)
    np.testing.assert_allclose(group(tensor(x)).numpy(), want, **TIGHT)
    for each in (layer, nn.LayerNorm(5, bias=False), rms, group):
        assert check_gradients(each, x)


# --- dropout ------------------------------------------------------------------------


def test_dropout_keeps_the_expectation_and_the_rate():
    p, n = 0.3, 40_000
    y = nn.Dropout(p, rng=0)(tensor(np.ones(n))).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)], rtol=1e-6)
    z = ((y == 0).mean() - p) / math.sqrt(p * (1 - p) / n)
    assert abs(z) < 4  # a fair mask fails this once in 16,000 seeds; this seed is fixed


def test_dropout_is_the_identity_in_evaluation_and_at_zero():
    x = tensor(draw(4))
    assert nn.Dropout(0.5).eval()(x) is x and nn.Dropout(0.0)(x) is x
    assert (nn.Dropout(1.0, rng=0)(x).numpy() == 0).all()


def test_dropout_is_reproducible_and_moves_on():
    x = tensor(np.ones(64))
    first, second = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=3)
    a, b = first(x).numpy(), first(x).numpy()
    np.testing.assert_array_equal(a, second(x).numpy())
    np.testing.assert_array_equal(b, second(x).numpy())
    assert (a != b).any()  # an integer seed is one generator, not a mask that repeats
    drawn = nn.Dropout(0.5, rng=np.random.default_rng(3))(x).numpy()
    np.testing.assert_array_equal(drawn, a)


def test_dropout_follows_the_manual_seed_also_inside_a_model():
    layer, x = nn.Sequential(nn.Dropout(0.5)), tensor(np.ones(64))
    runs = []
    for _ in range(2):
        nn.manual_seed(5)
        runs.append(layer(x).numpy())
    np.testing.assert_array_equal(*runs)


# --- errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: nn.Linear(0, 2),
            "Linear: in_features must be a positive integer, got 0",
        ),
        (lambda: nn.Linear(2, 2.0), "Linear: out_features must be .* got 2.0"),
        (lambda: nn.Linear(True, 2), "Linear: in_features must be .* got True"),
        (
            lambda: nn.Conv2d(3, 4, 3, groups=2),
            "Conv2d: groups=2 must divide in_channels=3",
        ),
        (lambda: nn.Conv2d(3, 4, (1, 2, 3)), r"a pair .*, got \(1, 2, 3\)"),
        (lambda: nn.Conv2d(3, 4, 0), "Conv2d: kernel_height must be .* got 0"),
        (lambda: nn.Embedding(4, -1), "Embedding: embedding_dim must be .* got -1"),
        (lambda: nn.LayerNorm(0), "LayerNorm: size must be"),
        (lambda: nn.RMSNorm("4"), "RMSNorm: size must be .* got '4'"),
        (lambda: nn.GroupNorm(3, 4), "GroupNorm: groups=3 must divide channels=4"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features must be"),
        (lambda: nn.LSTM(2, 3, 0), "LSTM: layers must be"),
        (lambda: nn.Dropout(1.5), r"Dropout: p must be in \[0, 1\], got 1.5"),
        (lambda: nn.Rotary(3), "Rotary: head_dim must be even, got 3"),
        (lambda: nn.MultiHeadAttention(6, 4), "heads=4 must divide dim=6"),
        (lambda: nn.MultiHeadAttention(8, 4, 3), "kv_heads=3 must divide heads"),
    ],
)
def test_impossible_sizes_are_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    "layer, shape, words",
    [
        (nn.Linear(3, 2), (4, 5), r"linear: x has shape \(4, 5\) and weight \(2, 3\)"),
        (nn.Conv2d(3, 2, 3), (1, 4, 8, 8), "conv2d.*4"),
        (nn.Conv2d(3, 2, 3), (3, 8, 8), "conv2d.*expected four axes"),
        (nn.Conv2d(3, 2, 3), (1, 3, 2, 2), "conv2d.*larger image"),
        (nn.LayerNorm(3), (2, 4), "layer_norm: weight has shape"),
        (nn.RMSNorm(3), (2, 4), "rms_norm: weight has shape"),
        (nn.GroupNorm(2, 4), (2, 6, 3), "group_norm"),
        (nn.BatchNorm2d(3), (2, 4), "batch_norm: x has shape"),
        (nn.BatchNorm2d(3), (1, 3), "one value for each channel"),
        (nn.LSTM(3, 2), (4, 3), r"LSTM: x has shape \(4, 3\)"),
        (nn.LSTM(3, 2), (0, 4, 3), "at least one step"),
        (
            nn.LSTM(3, 2, batch_first=True),
            (4, 5, 2),
            r"expected \(B, T, in\) with in = 3",
        ),
        (nn.MultiHeadAttention(4, 2), (2, 3, 5), r"expected \(B, T, 4\)"),
        (nn.MultiHeadAttention(4, 2), (3, 4), r"expected \(B, T, 4\)"),
    ],
)
def test_wrong_inputs_are_refused_in_words(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        layer(tensor(np.zeros(shape, "f4")))


@pytest.mark.parametrize("rng", ["seed", 1.5])
def test_rng_is_a_generator_or_a_seed(rng):
    with pytest.raises(
        TypeError, match=r"rng must be a numpy.random.Generator or an integer"
    ):
        nn.Linear(2, 2, rng=rng)
