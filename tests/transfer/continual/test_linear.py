"""Least squares in sequence: each closed form against descent or counting.

1e-9: descent of some thousand steps that contracts by less than 0.99 a step.
"""

import numpy as np
import pytest

from tinyft.transfer.continual import linear

rng0 = np.random.default_rng(0)


def descend(gradient, w, lr, steps=6000):
    for _ in range(steps):
        w = w - lr * gradient(w)
    return w


def tasks(d=6, n1=12, n2=9, seed=0):
    rng = np.random.default_rng(seed)
    X1, X2 = rng.normal(size=(n1, d)), rng.normal(size=(n2, d))
    return X1, rng.normal(size=n1), X2, rng.normal(size=n2)


def least(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0]


def test_descent_from_the_old_solution_ends_at_the_next():
    X, y, w = rng0.normal(size=(3, 7)), rng0.normal(size=3), rng0.normal(size=7)
    got = linear.next_solution(w, X, y)
    top = np.linalg.norm(X, 2) ** 2
    want = descend(lambda v: X.T @ (X @ v - y), w, 1 / top)
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_rehearsal_is_the_minimiser_and_joining_has_its_share():
    X1, y1, X2, y2 = tasks()
    for share in (0.1, 0.5, 0.9):
        want = descend(
            lambda w, s=share: (
                s * X1.T @ (X1 @ w - y1) / len(X1)
                + (1 - s) * X2.T @ (X2 @ w - y2) / len(X2)
            ),
            np.zeros(6),
            0.2,
        )
        got = linear.rehearsed(X2, y2, X1, y1, share)
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9)
    joined = least(np.vstack([X1, X2]), np.concatenate([y1, y2]))
    got = linear.rehearsed(X2, y2, X1, y1, len(X1) / (len(X1) + len(X2)))
    np.testing.assert_allclose(got, joined, rtol=1e-10)


def test_ewc_with_the_full_hessian_is_the_joint_minimum_of_three_tasks():
    X1, y1, X2, y2 = tasks()
    X3, y3, _, _ = tasks(seed=5)
    H1, H2, H3 = (X.T @ X / len(X) for X in (X1, X2, X3))
    w1 = least(X1, y1)
    w2 = linear.ewc_solution(X2, y2, w1, H1)
    right = [X.T @ y / len(X) for X, y in ((X1, y1), (X2, y2), (X3, y3))]
    np.testing.assert_allclose(w2, np.linalg.solve(H1 + H2, sum(right[:2])), rtol=1e-10)
    got = linear.ewc_solution(X3, y3, w2, H1 + H2)  # one anchor, the summed Hessians
    np.testing.assert_allclose(
        got, np.linalg.solve(H1 + H2 + H3, sum(right)), rtol=1e-10
    )
    twice = H1 @ (w1 - w2)  # what a second spring, to w1, would add
    assert np.abs(np.linalg.solve(H1 + H2 + H3, twice)).max() > 1e-2


def test_lwf_is_a_line_between_two_solutions():
    X1, y1, X2, y2 = tasks()
    w1, w2 = least(X1, y1), least(X2, y2)
    for strength in (0.0, 0.3, 4.0):
        got = linear.lwf_solution(X2, y2, w1, strength)
        want = w1 + (w2 - w1) / (1 + strength)
        np.testing.assert_allclose(got, want, rtol=1e-9)
        slope = X2.T @ (X2 @ got - y2) + strength * X2.T @ (X2 @ (got - w1))
        assert np.abs(slope).max() < 1e-11


def test_the_overlap_of_random_tasks():
    rng, d, k = np.random.default_rng(3), 6, 2
    w, found = rng.normal(size=d), []
    for _ in range(3000):
        Q1, Q2 = (np.linalg.qr(rng.normal(size=(d, k)))[0] for _ in range(2))
        rest = w - Q1 @ (Q1.T @ w)
        found.append(((Q1.T @ (Q2 @ (Q2.T @ rest))) ** 2).sum())
    z = np.mean(found) - linear.expected_overlap(d, k) * (w @ w)
    assert abs(z) < 4 * np.std(found) / len(found) ** 0.5
    assert linear.expected_overlap(5, 5) == 0


def test_bad_input_is_refused():
    X1, y1, X2, y2 = tasks()
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"share=.* should be in \[0, 1\]"):
            linear.rehearsed(X2, y2, X1, y1, share)
    with pytest.raises(ValueError, match="0 kept"):
        linear.rehearsed(X2, y2, X1[:0], y1[:0], 0.5)
    with pytest.raises(ValueError, match="not unique"):
        linear.rehearsed(X2[:2], y2[:2], X1[:2], y1[:2], 0.5)
    with pytest.raises(ValueError, match="ewc_solution: strength=-1"):
        linear.ewc_solution(X2, y2, y2[:6], X1.T @ X1, -1)
    with pytest.raises(ValueError, match="lwf_solution: strength=-1"):
        linear.lwf_solution(X2, y2, y2[:6], -1)
    with pytest.raises(ValueError, match="k=7, d=6"):
        linear.expected_overlap(6, 7)
