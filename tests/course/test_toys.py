"""toys: small frozen models, plain descent, and draws against their expectation."""

import numpy as np
import pytest

from tinyft import tensor
from tinyft.course.toys import (
    descend,
    frozen,
    rounded,
    set_random,
    z_mean,
    z_variance,
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_frozen_is_a_product_of_its_matrices(dtype):
    rng = np.random.default_rng(0)
    W, C, x = (rng.normal(size=s).astype(dtype) for s in ((3, 4), (2, 3), (5, 4)))
    model = frozen(W, C)
    y = model(tensor(x)).numpy()
    assert y.dtype == dtype
    np.testing.assert_allclose(y, x @ W.T @ C.T, rtol=0, atol=1e-5)
    model.body.weight.data += 1
    assert W.max() < 4  # a copy: the array given stays as it was


def test_set_random_keeps_shapes_and_dtypes():
    model = frozen(np.zeros((300, 40), "f4"))
    (p,) = set_random(model.parameters(), np.random.default_rng(0), 0.5)
    assert p.shape == (300, 40) and p.dtype == "float32"
    assert abs(p.numpy().std() - 0.5) < 0.02  # 12 000 draws: ± 0.003


def test_descend_on_a_parabola():
    """½ a x²: the distance shrinks by 1 − lr·a a step, runs side by side."""
    a, x = np.array([1.0, 3.0]), tensor(np.array([2.0, 1.0]), requires_grad=True)
    path = descend([x], lambda: x * x * tensor(a) * 0.5, 4, 0.1)
    k = np.arange(4)[:, None]
    want = a / 2 * np.array([2.0, 1.0]) ** 2 * (1 - 0.1 * a) ** (2 * k)
    np.testing.assert_allclose(path, want, rtol=1e-13)
    np.testing.assert_allclose(x.numpy(), [2.0, 1.0] * (1 - 0.1 * a) ** 4, rtol=1e-13)


def test_z_scores_know_right_from_wrong():
    x = np.random.default_rng(1).normal(3.0, 2.0, size=(20000, 4))
    assert np.abs(z_mean(x, 3.0)).max() < 4
    assert np.abs(z_mean(x, 3.2)).min() > 8  # 0.2 is 14 standard errors
    assert np.abs(z_variance(x, 4.0)).max() < 4
    assert np.abs(z_variance(x, 4.6)).min() > 8


def test_rounding_to_bfloat16():
    """Eight bits of mantissa, ties to even: 1 + 2^-8 is halfway to 1 + 2^-7."""
    x = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3.140625])
    want = [1.0, 1.0, 1 + 2**-6, 1 + 2**-7, -3.140625]
    assert rounded(x, "bfloat16").tolist() == want
    assert rounded(x, "float16").dtype == "float16"
