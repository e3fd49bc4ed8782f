"""Grader of fit_reward. The reference steps by complex-step slopes of L: 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(6, 3, 5, 2), (5, 4, 7, 3), (8, 2, 4, 4)]  # texts, features, pairs, steps


def problem(rng, m, d, n, steps):
    a = rng.integers(0, m, n)
    b = (a + rng.integers(1, m, n)) % m
    sure = rng.uniform(0.6, 1.0, n)
    sure[0] = 1.0
    lr, decay = float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.05, 0.1))
    return rng.normal(size=(m, d)), a, b, sure, decay, lr, steps


def loss(X, a, b, sure, decay, w, total=np.mean, gaps=None):
    """L by (24.2), from sums; complex numbers pass."""
    g = X[a] @ w - X[b] @ w if gaps is None else gaps(X[a] @ w, X[b] @ w)
    one = sure if gaps is None else 1.0
    each = one * np.log(1 + np.exp(-g)) + (1 - one) * np.log(1 + np.exp(g))
    return total(each) + decay * (w * w).sum()


def slope(f, w, h=1e-30):
    found = np.empty(len(w))
    for i in range(len(w)):
        moved = w.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def run(given, f=loss, sign=1.0, same=False, shown=None, **changes):
    """(w, losses): descent on f; `shown` is the loss that is reported."""
    X, a, b, sure, decay, lr, steps = given
    sure, decay = changes.get("sure", sure), changes.get("decay", decay)
    a, b = changes.get("a", a), changes.get("b", b)

    def at(w):
        return f(X, a, b, sure, decay, w)

    w, losses, first = np.zeros(X.shape[1]), [], None
    for _ in range(steps):
        losses.append((shown or at)(w))
        g = slope(at, w)
        first = g if first is None else first
        w = w - sign * lr * (first if same else g)
    return w, np.array([*losses, (shown or at)(w)])


def crossed(*given):
    """(n,) − (n, 1): every chosen text against every rejected one."""
    return loss(*given, gaps=lambda r, s: r[None] - s[:, None])


def mistakes(given):
    _, a, b, _, decay, *_ = given
    n = len(a)
    return {
        "`sure` is ignored: every label counts as right": run(given, sure=np.ones(n)),
        "`sure` weighs the pair, the other term is missing": run(
            given,
            lambda X, a, b, s, d, w: np.mean(s * np.log(1 + np.exp(X[b] @ w - X[a] @ w)))
            + d * (w * w).sum(),
        ),
        "chosen and rejected are exchanged": run(given, a=b, b=a),
        "a sum over the pairs, not their mean": run(
            given, lambda *g: loss(*g, total=np.sum)
        ),
        "the penalty is left out": run(given, decay=0.0),
        "the penalty has a half": run(given, decay=decay / 2),
        "the penalty is divided by n": run(given, decay=decay / n),
        "the steps go up the gradient": run(given, sign=-1.0),
        "every step uses the first gradient": run(given, same=True),
        "every chosen text is compared with every rejected one": run(given, crossed),
        "the loss is the square of the gap minus 1": run(
            given,
            lambda X, a, b, s, d, w: np.mean((X[a] @ w - X[b] @ w - 1) ** 2)
            + d * (w * w).sum(),
        ),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_weights(student, rng, draw):
    """w after a few steps."""
    given = problem(rng, *draw)
    compare(
        student.fit_reward(*given)[0],
        want=run(given)[0],
        mistakes={k: v[0] for k, v in mistakes(given).items()},
        tol=TOL,
        equation="(24.2)",
    )


@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L before every step and after the last."""
    given = problem(rng, *draw)
    want = run(given)[1]
    X, a, b, sure, *_ = given
    bare = run(given, shown=lambda w: loss(X, a, b, sure, 0.0, w))[1]
    compare(
        student.fit_reward(*given)[1],
        want=want,
        mistakes={k: v[1] for k, v in mistakes(given).items()}
        | {
            "the losses are without the penalty": bare,
            "the loss after the last step is missing": want[:-1],
            "the loss before the first step is missing": want[1:],
            "the losses have the wrong sign": -want,
        },
        tol=TOL,
        equation="(24.2)",
    )


@pytest.mark.draws((6, 3, 5, 1), (5, 2, 4, 1))
def test_large_rewards(student, rng, draw):
    """Features of 1e4: gaps of thousands, no overflow."""
    given = problem(rng, *draw)
    X, a, b, sure, decay, lr, _ = given
    big = 1e4 * X
    D = big[a] - big[b]
    w = lr * ((sure - 0.5)[:, None] * D).mean(0)
    g = D @ w
    each = sure * np.where(g > 0, 0, -g) + (1 - sure) * np.where(g > 0, g, 0)
    want = np.array([np.log(2.0), each.mean() + decay * w @ w])
    compare(
        student.fit_reward(big, *given[1:])[1],
        want=want,
        mistakes={},
        tol=1e-7,
        equation="(24.2)",
    )
