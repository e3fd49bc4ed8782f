"""Grader of residual_gradient. Bounds: the complex step is exact to rounding, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL, EPS = 1e-9, 0.3  # an ε that shows
NAMES = ("gx", "gW", "gγ", "gβ")


def problem(seed, M=7, C=4):
    rng = np.random.default_rng(seed)
    x, W, gy = (rng.normal(size=shape) for shape in ((M, C), (C, C), (M, C)))
    return x, W, rng.uniform(0.5, 1.5, C), rng.normal(size=C), gy + 0.4


def before_relu(x, W, gamma, beta, skip=True, still=None, ddof=0, eps=EPS):
    """x + γẑ + β. `still`: (mean, s) that do not depend on x and W."""
    z = x @ W.T
    centred = z - z.mean(axis=0)
    mean, s = still or (
        z.mean(axis=0),
        np.sqrt((centred**2).sum(axis=0) / (len(z) - ddof) + eps),
    )
    return skip * x + gamma * (z - mean) / s + beta


def statistics(x, W):
    z = x @ W.T
    return z.mean(axis=0), np.sqrt(z.var(axis=0) + EPS)


def gradients(x, W, gamma, beta, g, **how):
    """Slopes of ⟨g, before_relu⟩ by the complex step, Im f(a + ih)/h: no formula."""
    values, found = (x, W, gamma, beta), []
    for which, value in enumerate(values):
        slope = np.zeros(value.shape)
        for at in np.ndindex(*value.shape):
            moved = [v.astype(complex) for v in values]
            moved[which][at] += 1e-30j
            slope[at] = np.sum(g * before_relu(*moved, **how)).imag / 1e-30
        found.append(slope)
    return found


def wrong(x, W, gamma, beta, gy):
    """{mistake: (gx, gW, gγ, gβ)}; what is common to all outputs of a mistake."""
    mask = before_relu(x, W, gamma, beta) > 0
    g, args = gy * mask, (x, W, gamma, beta)
    mean, s = statistics(x, W)
    gx, gW, ggamma, gbeta = gradients(*args, g)
    zh = (x @ W.T - mean) / s
    no_mean = gamma / s * (g - zh * (g * zh).mean(axis=0))
    no_var = gamma / s * (g - g.mean(axis=0))
    no_gamma = (g - g.mean(axis=0) - zh * (g * zh).mean(axis=0)) / s
    inside, bare = gradients(*args, gy), gy * (before_relu(*args, skip=False) > 0)
    return {
        "the skip path is forgotten": (gx - g, gW, ggamma, gbeta),
        "the skip path goes round the ReLU": (gx - g + gy, gW, ggamma, gbeta),
        "the ReLU is forgotten": inside,
        "the mask is that of the branch alone": gradients(*args, bare),
        "the mask is that of x": gradients(*args, gy * (x > 0)),
        "the statistics are taken as constants": gradients(*args, g, still=(mean, s)),
        "the term of the mean is missing": (g + no_mean @ W, no_mean.T @ x),
        "the term of the variance is missing": (g + no_var @ W, no_var.T @ x),
        "γ is missing in gz": (g + no_gamma @ W, no_gamma.T @ x),
        "the variance is the unbiased one": gradients(
            *args, gy * (before_relu(*args, ddof=1) > 0), ddof=1
        ),
        "ε is forgotten": gradients(*args, gy * (before_relu(*args, eps=0) > 0), eps=0),
        "gx takes Wᵀ instead of W": (g + (gx - g) @ np.linalg.inv(W) @ W.T,),
        "gW is transposed": (gx, gW.T),
        "gγ and gβ are means": (gx, gW, ggamma / len(x), gbeta / len(x)),
        "gγ takes z instead of ẑ": (gx, gW, (g * (x @ W.T)).sum(axis=0)),
    }


def answers(student, problem):
    got = student.residual_gradient(*(a.copy() for a in problem), eps=EPS)
    assert isinstance(got, tuple) and len(got) == 4, (
        f"residual_gradient must return the tuple (gx, gW, gγ, gβ), it returned {got!r}"
    )
    return got


def one(student, seed, which):
    """Compare output number `which`, naming the mistakes that show in it."""
    *args, gy = data = problem(seed)
    right = gradients(*args, gy * (before_relu(*args) > 0))[which]
    mistakes = {
        said: value[which] for said, value in wrong(*data).items() if len(value) > which
    }
    far = {
        said: value
        for said, value in mistakes.items()
        if np.abs(value - right).max() > 1e-6 * np.abs(right).max()
    }
    compare(
        answers(student, data)[which],
        want=right,
        mistakes=far,
        tol=TOL,
        equation="(3.12)" if which == 0 else "(3.10)",
        called=f"residual_gradient(x, W, γ, β, gy, ε = {EPS})[{which}], {NAMES[which]},",
    )


@pytest.mark.points(2)
def test_gx(student, seed):
    """gx: the skip path and the branch."""
    one(student, seed, 0)


@pytest.mark.points(2)
def test_gW(student, seed):
    """gW: through the batch norm."""
    one(student, seed, 1)


def test_ggamma(student, seed):
    """gγ."""
    one(student, seed, 2)


def test_gbeta(student, seed):
    """gβ."""
    one(student, seed, 3)


def test_zero_gamma(student, seed):
    """γ = β = 0 on x ≥ 0: the identity, W gets nothing, and γ itself can still move."""
    x, W, gamma, beta, gy = problem(seed)
    x = np.maximum(x, 0)  # as behind a ReLU: some entries are exactly 0
    gx, gW, ggamma, _ = answers(student, (x, W, 0 * gamma, 0 * beta, gy))
    compare(
        gx,
        want=np.where(x > 0, gy, 0),
        mistakes={
            "the skip path is forgotten": 0 * gy,
            "the skip path goes round the ReLU": gy,
            "the slope of the ReLU at 0 is taken as 1": gy,
        },
        tol=TOL,
        equation="(3.12)",
        called="residual_gradient with γ = β = 0: gx",
    )
    compare(gW, want=0 * W, tol=TOL, scale=1, equation="(3.13)", called="γ = 0: gW")
    zh = (x @ W.T - statistics(x, W)[0]) / statistics(x, W)[1]
    compare(
        ggamma,
        want=sum(gy[m] * (x[m] > 0) * zh[m] for m in range(len(x))),
        mistakes={"gγ is 0 too: the branch could never wake up": 0 * gamma},
        tol=TOL,
        equation="(3.13)",
        called="residual_gradient with γ = β = 0: gγ",
    )
