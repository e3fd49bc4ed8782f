"""Grader of prefix_gradients. The reference is the complex step: exact to rounding."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [  # T, n, l, d, e: no two sizes of a draw are equal
    (5, 6, 3, 4, 7),
    (4, 2, 5, 3, 6),
    (1, 5, 2, 6, 4),
    (7, 3, 1, 5, 2),
]


def problem(rng, T, n, length, d, e):
    shapes = (T, d), (n, d), (n, e), (length, d), (length, e), (T, e)
    q, k, v, P_k, P_v, g = (rng.normal(size=shape) for shape in shapes)
    return 1.3 * q, k, v + 0.5, P_k, P_v - 0.5, g


def forward(q, k, v, P_k, P_v):
    w = np.exp(q @ np.concatenate([P_k, k]).T / q.shape[1] ** 0.5)
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
    front, text = (
        np.exp(q @ P_k.T / q.shape[1] ** 0.5),
        np.exp(q @ k.T / q.shape[1] ** 0.5),
    )
    own, rest = front.sum(1, keepdims=True), text.sum(1, keepdims=True)
    o = forward(q, k, v, P_k, P_v)
    return front / (own + rest), front / own, o, text @ v / rest


def text_rows(q, k, v, P_k, P_v, g):
    """The shares of the first l rows of [text; prefix] in the whole softmax."""
    w = np.exp(q @ np.concatenate([k, P_k]).T / q.shape[1] ** 0.5)
    return (w / w.sum(axis=1, keepdims=True))[:, : len(P_k)]


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_keys(student, rng, draw):
    """The gradient of P_k."""
    given = problem(rng, *draw)
    q, _, _, _, P_v, g = given
    w, inside, o, text = parts(*given)
    want, other = reference(*given)

    def keys(w=w, o=o, root=q.shape[1] ** 0.5):
        return (w * (g @ P_v.T - (g * o).sum(1, keepdims=True))).T @ q / root

    known = {
        "1/√d is missing in the gradient of P_k": keys(root=1.0),
        "1/√d is missing in the scores too": unscaled(*given)[0],
        "o is not subtracted: the softmax's own slope": keys(o=0 * o),
        "the text's o instead of the whole o": keys(o=text),
        "a softmax over the prefix alone": keys(w=inside),
        "w² instead of w": keys(w=w * w),
        "w is missing": keys(w=1.0 + 0 * w),
        "the sign of gP_k is wrong": -want,
        "1/d instead of 1/√d": keys(root=q.shape[1]),
        "o is added, not subtracted": keys(o=-o),
        "only the diagonal of the softmax's slope, w(1 − w)": keys(w * (1 - w), 0 * o),
        "the prefix was put behind the text, the first rows taken": (
            keys(w=text_rows(*given))
        ),
        "the mean over the queries instead of the sum": want / len(q),
        "gP_k and gP_v are swapped": other,
    }
    compare(
        student.prefix_gradients(*given)[0],
        want=want,
        mistakes=shaped(want, known),
        tol=TOL,
        equation="(18.10)",
    )


def unscaled(q, k, v, P_k, P_v, g):
    """Both gradients of an attention without 1/√d."""
    gP_k, gP_v = reference(q.shape[1] ** 0.5 * q, k, v, P_k, P_v, g)
    return gP_k, gP_v


def shaped(want, known):
    """Without the mistakes that give the right answer on this draw: one query, say."""
    return {
        name: got
        for name, got in known.items()
        if got.shape != want.shape or not np.allclose(got, want, 1e-6)
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_values(student, rng, draw):
    """The gradient of P_v."""
    given = problem(rng, *draw)
    g, (w, inside, _, _) = given[-1], parts(*given)
    want = reference(*given)[1]
    known = {
        "a softmax over the prefix alone": inside.T @ g,
        "1/√d is missing in the scores too": unscaled(*given)[1],
        "w² instead of w": (w * w).T @ g,
        "the weights of P_v are forgotten": np.tile(g.sum(0), (len(given[3]), 1)),
        "the mean over the queries instead of the sum": w.T @ g / len(g),
        "the gradient that comes from above is missing": w.T @ np.ones_like(g),
        "the sign of gP_v is wrong": -w.T @ g,
        "the prefix was put behind the text, the first rows taken": (
            text_rows(*given).T @ g
        ),
    }
    compare(
        student.prefix_gradients(*given)[1],
        want=want,
        mistakes=shaped(want, known),
        tol=TOL,
        equation="(18.10)",
    )


@pytest.mark.draws((5, 6, 3, 4, 7), (2, 4, 5, 6, 3))
def test_unseen_row(student, rng, draw):
    """A row that no query looks at gets no gradient, neither key nor value."""
    q, k, v, P_k, P_v, g = problem(rng, *draw)
    q = np.abs(q) + 0.2
    P_k[0] = -900.0  # scores below −200 for every query
    got = student.prefix_gradients(q, k, v, P_k, P_v, g)
    want = 0 * P_k[0], 0 * P_v[0]
    compare(
        (got[0][0], got[1][0]),
        want=want,
        mistakes={"the weights of P_v are forgotten": (want[0], g.sum(0))},
        tol=TOL,
        scale=1,  # e^−200 is no number of this size
        equation="(18.10)",
    )


def descended(q, k, v, P_k, P_v, target, lr, steps, of=1.0, **how):
    """(P_k, P_v) after so many steps by slopes of L = ‖o − target‖²/(2T) · of."""

    def L(P_k, P_v):
        o = forward(q, k, v, P_k, P_v)
        return of * np.sum((o - target) ** 2) / (2 * len(q))

    def step(P_k, P_v, first):
        gk = slope(lambda a: L(a, P_v), P_k)
        moved = P_k - lr * gk if how.get("one_by_one") else P_k
        gv = slope(lambda a: L(moved, a), P_v)
        gk, gv = first if how.get("same_gradient") and first else (gk, gv)
        on_k, on_v = how.get("moves", (1, 1))
        return (P_k - lr * on_k * gk, P_v - lr * on_v * gv), (gk, gv)

    first = None
    for _ in range(steps):
        (P_k, P_v), now = step(P_k, P_v, first)
        first = first or now
    return P_k, P_v


@pytest.mark.points(3)
@pytest.mark.draws((5, 6, 3, 4, 7, 2), (4, 2, 5, 3, 6, 3), (6, 4, 2, 5, 3, 2))
def test_training(student, rng, draw):
    """A few steps on a squared loss."""
    *sizes, steps = draw
    q, k, v, P_k, P_v, target = problem(rng, *sizes)
    lr = float(rng.uniform(0.4, 0.8))
    given = q, k, v, P_k, P_v, target, lr, steps
    want = descended(*given)
    known = {
        "the gradient is not divided by T": descended(*given, of=len(q)),
        "divided by T·e, all entries": descended(*given, of=1 / target.shape[1]),
        "2/T instead of 1/T: the ½ of L is lost": descended(*given, of=2.0),
        "the steps go up the gradient": descended(*given, of=-1.0),
        "P_v's step uses the new P_k": descended(*given, one_by_one=True),
        "every step uses the first gradient": descended(*given, same_gradient=True),
        "only P_v moves": descended(*given, moves=(0, 1)),
        "only P_k moves": descended(*given, moves=(1, 0)),
        "one step only": descended(*given[:-1], 1),
        "one step too many": descended(*given[:-1], steps + 1),
        "P_k and P_v are returned in the wrong order": want[::-1],
    }
    compare(
        student.train_prefix(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(18.10)",
    )
