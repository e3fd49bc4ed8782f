"""Grader of prefix_gradients. The reference is the complex step: exact to rounding."""

import numpy as np
import pytest

from tinyft.grading import compare, fail

TOL = 1e-9
T, N, L, D, E = 5, 6, 3, 4, 7


def problem(seed):
    rng = np.random.default_rng(seed)
    shapes = (T, D), (N, D), (N, E), (L, D), (L, E), (T, E)
    q, k, v, P_k, P_v, g = (rng.normal(size=shape) for shape in shapes)
    return 1.3 * q, k, v + 0.5, P_k, P_v - 0.5, g


def forward(q, k, v, P_k, P_v):
    w = np.exp(q @ np.concatenate([P_k, k]).T / D**0.5)
    return (w / w.sum(axis=1, keepdims=True)) @ np.concatenate([P_v, v])


def slope(loss, at, h=1e-30):
    """∂loss/∂at by Im loss(at + ih e)/h for every entry e."""
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = loss(moved).imag / h
    return found


def reference(q, k, v, P_k, P_v, g):
    """The slopes of Σ g∘o: a loss whose gradient for o is g."""
    return (
        slope(lambda a: np.sum(g * forward(q, k, v, a, P_v)), P_k),
        slope(lambda a: np.sum(g * forward(q, k, v, P_k, a)), P_v),
    )


def parts(q, k, v, P_k, P_v, g):
    """(share of each prefix row, the same inside the prefix, o, o of the text alone)."""
    front, text = np.exp(q @ P_k.T / D**0.5), np.exp(q @ k.T / D**0.5)
    own, rest = front.sum(1, keepdims=True), text.sum(1, keepdims=True)
    o = forward(q, k, v, P_k, P_v)
    return front / (own + rest), front / own, o, text @ v / rest


def text_rows(q, k, v, P_k, P_v, g):
    """The shares of the first L rows of the text in the whole softmax."""
    w = np.exp(q @ np.concatenate([k, P_k]).T / D**0.5)
    return (w / w.sum(axis=1, keepdims=True))[:, :L]


@pytest.mark.points(3)
def test_keys(student, seed):
    """The gradient of P_k."""
    given = problem(seed)
    q, _, _, _, P_v, g = given
    got = student.prefix_gradients(*given)
    w, inside, o, text = parts(*given)

    def keys(w=w, o=o, root=D**0.5):
        return (w * (g @ P_v.T - (g * o).sum(1, keepdims=True))).T @ q / root

    compare(
        got[0],
        want=reference(*given)[0],
        mistakes={
            "1/√d is missing in the gradient of P_k": lambda: keys(root=1.0),
            "o is not subtracted: the softmax's own slope": lambda: keys(o=0 * o),
            "the text's o in place of the whole o": lambda: keys(o=text),
            "a softmax over the prefix alone": lambda: keys(w=inside),
            "w² in place of w": lambda: keys(w=w * w),
            "the sign of gP_k is wrong": lambda: -keys(),
            "1/d in place of 1/√d": lambda: keys(root=D),
            "o is added, not subtracted": lambda: keys(o=-o),
            "only the diagonal of the softmax's slope, w(1 − w)": lambda: keys(
                w=w * (1 - w), o=0 * o
            ),
            "the prefix was put behind the text, the first rows taken": lambda: keys(
                w=text_rows(*given)
            ),
            "the mean over the queries in place of the sum": lambda: keys() / T,
            "gP_k and gP_v are swapped": lambda: w.T @ g,
        },
        tol=TOL,
        equation="(18.6)",
    )


@pytest.mark.points(2)
def test_values(student, seed):
    """The gradient of P_v."""
    given = problem(seed)
    g = given[-1]
    w, inside, _, _ = parts(*given)
    compare(
        student.prefix_gradients(*given)[1],
        want=reference(*given)[1],
        mistakes={
            "a softmax over the prefix alone": inside.T @ g,
            "w² in place of w": (w * w).T @ g,
            "the weights of P_v are forgotten": np.tile(g.sum(0), (L, 1)),
            "the mean over the queries in place of the sum": w.T @ g / T,
            "the gradient that comes from above is missing": w.T @ np.ones_like(g),
            "the prefix was put behind the text, the first rows taken": (
                text_rows(*given).T @ g
            ),
        },
        tol=TOL,
        equation="(18.6)",
    )


def test_unseen_row(student, seed):
    """A row that no query looks at gets no gradient, neither key nor value."""
    q, k, v, P_k, P_v, g = problem(seed)
    q, P_k = np.abs(q), P_k.copy()
    P_k[0] = -300.0  # scores below −100 for every query
    got = student.prefix_gradients(q, k, v, P_k, P_v, g)
    want = np.zeros(D), np.zeros(E)
    compare(
        (got[0][0], got[1][0]),
        want=want,
        mistakes={
            "the weights of P_v are forgotten": (np.zeros(D), g.sum(0)),
        },
        tol=TOL,
        scale=1,  # e^−100 is no number of this size
        equation="(18.6)",
    )
