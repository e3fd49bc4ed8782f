"""Grader of stop_pretraining. The reference has θ_t in closed form: the error from the
source's solution shrinks by (1 − lr h)^t in each eigendirection. Exact to 1e-12."""

import numpy as np
import pytest

from tinyft.grading import compare, fail, take

TOL = 1e-9
# n, m, d, steps, patience, bump: the first step makes V larger if bump > 0
SIZES = [
    (11, 6, 4, 60, 3, 0.0),
    (9, 7, 5, 40, 4, 1.5),  # patience outlasts the bump
    (8, 5, 3, 30, 1, 1.5),  # it does not
    (12, 4, 6, 5, 9, 0.0),  # the steps end first
    (10, 8, 4, 50, 2, 0.0),
]


def problem(rng, n, m, d, steps, patience, bump):
    """Shared directions fall first, then a slow quirk of the source rises."""
    Q = np.linalg.qr(rng.normal(size=(d, d)))[0]
    h = np.geomspace(2.0, 0.05, d)  # the source's curvatures
    X = np.sqrt(n) * np.linalg.qr(rng.normal(size=(n, d)))[0] * np.sqrt(h) @ Q.T
    target = np.where(np.arange(d) < d - 1, 1.0, 0.0) * rng.uniform(0.8, 1.2, d)
    source = target.copy()
    source[-1] += 2.0  # the quirk, where the curvature is smallest
    if bump:
        target[0], source[0] = 0.0, bump  # a quirk that is learned at once
    X_valid = rng.normal(size=(m, d)) * 0.2 + np.sqrt(m) * np.eye(m, d)
    X_valid = X_valid @ Q.T
    start = 0.02 * rng.normal(size=d)
    y, y_valid = X @ Q @ source, X_valid @ Q @ target
    return X, y, X_valid, y_valid, Q @ start, 0.4, steps, patience


def path(X, y, X_valid, y_valid, theta, lr, steps, *_, by=1.0):
    """θ_0 .. θ_steps and their V; by: a factor of the gradient."""
    lam, E = np.linalg.eigh(X.T @ X / len(X))
    goal = np.linalg.lstsq(X, y)[0]
    t = np.arange(steps + 1)[:, None]
    thetas = goal + ((1 - by * lr * lam) ** t * (E.T @ (theta - goal))) @ E.T
    V = np.sum((thetas @ X_valid.T - y_valid) ** 2, axis=1) / (2 * len(X_valid))
    return thetas, V


def stopped(V, patience, first=0, after=0, previous=False):
    """(best step, last step) of the rule, or of a mistaken one."""
    best, bad, t = first, 0, first
    while t + 1 < len(V) and bad < patience + after:
        t += 1
        better = V[t] < V[t - 1 if previous else best]
        best, bad = (t, 0) if better else (best, bad + 1)
    return best, t


def reference(given, **how):
    thetas, V = path(*given)
    best, last = stopped(V, given[-1], **how)
    return thetas[best], best, V[: last + 1]


def mistakes(given):
    X, y, *_, patience = given
    thetas, V = path(*given)
    best, last = stopped(V, patience)
    own = np.sum((thetas @ X.T - y) ** 2, axis=1)
    least = int(V.argmin())
    on_source, end = stopped(own, patience)
    found = {
        "the last θ, not the best one": (thetas[last], best, V[: last + 1]),
        "it never stops: patience is ignored": (thetas[least], least, V),
        "it stops one step too late": reference(given, after=1),
        "V is compared with the step before, not with the smallest": reference(
            given, previous=True
        ),
        "it watches the source's loss": (thetas[on_source], on_source, V[: end + 1]),
        "steps are counted from 1": (thetas[best], best + 1, V[: last + 1]),
        "the last step, not the best one": (thetas[best], last, V[: last + 1]),
        "it stops one step too early": reference(given, after=-1),
    }
    for name, by in {
        "the gradient is not divided by n": len(X),
        "2/n instead of 1/n: the ½ of L is lost": 2.0,
        "the step goes up the gradient": -1.0,
    }.items():
        theirs, W = path(*given, by=by)
        b, e = stopped(W, patience)
        found[name] = theirs[b], b, W[: e + 1]
    return found


def same(a, b):
    return all(
        np.shape(x) == np.shape(z) and np.allclose(x, z, 1e-6) for x, z in zip(a, b)
    )


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_best(student, rng, draw):
    """θ of the smallest V, and its step."""
    given = problem(rng, *draw)
    want = reference(given)[:2]
    known = {k: v[:2] for k, v in mistakes(given).items() if not same(v[:2], want)}
    got = student.stop_pretraining(*given)[:2]
    compare(got, want=want, mistakes=known, tol=TOL, equation="section 7")


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """V from step 0 to the last step taken."""
    given = problem(rng, *draw)
    want = reference(given)[2]
    known = {k: v[2] for k, v in mistakes(given).items() if not same(v[2:], (want,))}
    known |= {
        "V of step 0 is missing": want[1:],
        "V of the last step is missing": want[:-1],
        "V is not divided by 2m": want * 2 * len(given[2]),
        "the ½ of V is missing": want * 2,
        "only the smallest V": want.min(),
    }
    got = student.stop_pretraining(*given)[2]
    compare(got, want=want, mistakes=known, tol=TOL, equation="section 7")


@pytest.mark.draws((2.0, 1.0, 0.3), (1.0, 3.0, 0.7), (4.0, 1.5, 0.2))
def test_where_it_stops(student, rng, draw):
    """One curvature h: V is least where (1 − lr h)^t = b²/(a² + b²)."""
    a, b, h = draw
    X, lr = np.sqrt(2 * h) * np.eye(2), 0.05
    y, y_valid = X @ [a, b], X @ [a, 0.0]
    exact = np.log(b * b / (a * a + b * b)) / np.log(1 - lr * h)
    got = student.stop_pretraining(X, y, X, y_valid, np.zeros(2), lr, 2000, 3)
    _, at, _ = take(got, theta=(2,), step=(), losses=(None,))
    if not np.floor(exact) <= at <= np.ceil(exact):
        fail(
            "it does not stop at the smallest V",
            f"for a = {a:g}, b = {b:g}, h = {h:g} that is at step {exact:.1f}, yours {at}",
            "(12.11)",
        )


@pytest.mark.draws((9, 2), (3, 3), (7, 1))
def test_an_equal_loss_is_no_smaller(student, rng, draw):
    """From the source's solution nothing moves: V stays, and patience runs out."""
    steps, patience = draw
    theta, X = np.array([1.0, -2.0]), np.eye(2)
    V = np.full(patience + 1, 2.5 / 4)  # of the target (0.5, -0.5), both exact
    late = np.full(steps + 1, V[0])
    got = student.stop_pretraining(
        X, X @ theta, X, np.array([0.5, -0.5]), theta.copy(), 0.5, steps, patience
    )
    compare(
        got,
        want=(theta, 0, V),
        mistakes={"an equal V counts as smaller": (theta, steps, late)},
        tol=TOL,
        equation="section 7",
    )
