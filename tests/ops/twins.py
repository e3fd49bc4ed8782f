"""Comparing a fused operation with its composed form, ops.composed.<name>."""

import numpy as np

from tinyft import grad, tensor


def compare(fused, composed, *arrays, rtol=1e-12, dtype="float64", **options):
    """Assert that the two agree in value and in the gradient of every array.

    1e-12 in float64: a few hundred roundings of 1e-16 at values of order 1, with slack.
    """
    results = []
    for fn in (fused, composed):
        xs = [tensor(a.astype(dtype), requires_grad=True) for a in arrays]
        y = fn(*xs, **options)
        gy = np.cos(np.arange(y.size)).reshape(y.shape).astype(dtype)
        results.append([y, *grad([y], xs, [tensor(gy)])])
    for got, want in zip(*results):
        assert got.dtype == want.dtype == dtype and got.shape == want.shape
        scale = max(1.0, np.abs(want.numpy()).max(initial=0))
        np.testing.assert_allclose(
            got.numpy(), want.numpy(), rtol=rtol, atol=rtol * scale
        )
    return results[0]
