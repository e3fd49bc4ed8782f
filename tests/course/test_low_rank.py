"""What a run has changed: differences, singular values, cuts."""

import numpy as np

from tinyft import models
from tinyft.course import low_rank
from tinyft.course.toys import frozen

W = np.random.default_rng(0).normal(size=(4, 6)).astype("f4")
D = np.random.default_rng(1).normal(size=(4, 6)).astype("f4")


def test_changes_cut_and_put_back():
    """float32: one rounding of each sum and of each product."""
    found = low_rank.changes(frozen(W + D), frozen(W), "body")
    np.testing.assert_allclose(found["body"], D, atol=1e-6)
    again = low_rank.add_cut(frozen(W), found, 4)
    np.testing.assert_allclose(again.body.weight.numpy(), W + D, atol=1e-5)
    tail = np.linalg.svd(D)[1]
    for r in (1, 2, 3):
        error = np.linalg.norm(low_rank.truncated(D, r) - D)
        np.testing.assert_allclose(error, np.sqrt(np.sum(tail[r:] ** 2)), rtol=1e-5)


def test_energy_of_known_singular_values():
    diagonal = {"a": np.diag([4.0, 2.0, 0.0]), "b": np.diag([2.0, 2.0, 1.0])}
    shares = [0, (0.8 + 4 / 9) / 2, (1 + 8 / 9) / 2, 1]
    np.testing.assert_allclose(low_rank.energy(diagonal), shares)
    noise = low_rank.noise_like(diagonal, np.random.default_rng(0))
    assert {k: M.shape for k, M in noise.items()} == {"a": (3, 3), "b": (3, 3)}


def test_changes_of_a_convolution_are_flat():
    base, other = models.resnet_tiny(0), models.resnet_tiny(1)
    found = low_rank.changes(other, base, r"conv1")
    assert all(D.ndim == 2 for D in found.values())
    assert found["conv1"].shape == (16, 9)
