"""Grader of train_head. The reference steps by complex-step gradients of J: 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(9, 4, 3, 2), (7, 6, 2, 4), (11, 3, 5, 3), (8, 5, 4, 1)]  # n, d, K, steps


def problem(rng, n, d, K, steps):
    y = rng.permutation(np.arange(n) % K)
    Z, W, b = rng.normal(1, 1, (n, d)), rng.normal(size=(K, d)), rng.normal(size=K)
    lr, penalty = rng.uniform([0.2, 0.2], [0.4, 0.4])
    return Z, y, W, b, float(lr), float(penalty), steps


def cross_entropy(Z, y, W, b):
    scores = Z @ W.T + b
    return np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(y)), y])


def slope(f, at, h=1e-30):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def run(given, fit=1.0, pull=1.0, sign=1.0, on_bias=0.0, bias=1.0, same=False):
    """(W, b, losses); the keywords are the mistakes, at their defaults none."""
    Z, y, W, b, lr, penalty, steps = given
    losses, first = [cross_entropy(Z, y, W, b)], None
    for _ in range(steps):
        gW = fit * slope(lambda w, b=b: cross_entropy(Z, y, w, b), W)
        gW = gW + pull * slope(lambda w: penalty * np.sum(w * w), W)
        gb = fit * slope(lambda c, W=W: cross_entropy(Z, y, W, c), b)
        gb = bias * (gb + on_bias * 2 * penalty * b)
        first = first or (gW, gb)
        gW, gb = first if same else (gW, gb)
        W, b = W - sign * lr * gW, b - sign * lr * gb
        losses.append(cross_entropy(Z, y, W, b))
    return W, b, np.array(losses)


def mistakes(given):
    Z, *_, lr, _, _ = given
    n = len(Z)
    return {
        "the penalty is left out": run(given, pull=0.0),
        "penalty·W instead of 2·penalty·W": run(given, pull=0.5),
        "the penalty has the wrong sign": run(given, pull=-1.0),
        "the penalty is divided by n": run(given, pull=1 / n),
        "the penalty is not multiplied by the learning rate": run(given, pull=1 / lr),
        "the bias is penalised too": run(given, on_bias=1.0),
        "the gradient is not divided by n": run(given, fit=n),
        "the bias is not trained": run(given, bias=0.0),
        "the step goes up the gradient": run(given, sign=-1.0),
        "every step uses the first gradient": run(given, same=True),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_head(student, rng, draw):
    """W and b after a few steps."""
    given = problem(rng, *draw)
    want = run(given)[:2]
    known = {name: got[:2] for name, got in mistakes(given).items()}
    compare(
        student.train_head(*given)[:2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(4.3)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L before every step and after the last."""
    given = problem(rng, *draw)
    want, penalty = run(given)[2], given[5]
    squares = [np.sum(run((*given[:-1], k))[0] ** 2) for k in range(given[-1] + 1)]
    known = {
        "the losses include the penalty": want + penalty * np.array(squares),
        "the losses are sums, not means": len(given[0]) * want,
        "the loss after the last step is missing": want[:-1],
        "the loss before the first step is missing": want[1:],
        "the losses have the wrong sign": -want,
    }
    runs = {name: got[2:] for name, got in mistakes(given).items()}
    known |= {name: got for name, (got,) in runs.items()}
    compare(
        student.train_head(*given)[2],
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(4.3)",
    )


@pytest.mark.draws((6, 3, 2, 2), (5, 4, 3, 1))
def test_large_logits(student, rng, draw):
    """Logits of 900: exp overflows unless the largest is subtracted."""
    Z, y, W, b, lr, penalty, steps = problem(rng, *draw)
    want = run((Z, y, W, b, lr, penalty, steps))
    got = student.train_head(Z, y, W, b + 900.0, lr, penalty, steps)
    shifted = want[0], want[1] + 900.0, want[2]
    compare(got, want=shifted, mistakes={}, tol=TOL, equation="(4.3)")
