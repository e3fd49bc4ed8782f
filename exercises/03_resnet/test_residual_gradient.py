"""Grader of residual_gradient. Bounds: the complex step is exact to rounding, 1e-14."""

from collections import namedtuple
from functools import cache

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
DRAWS = (7, 4, 0.3), (5, 2, 0.07), (3, 6, 1.1), (1, 3, 0.4)  # M, C, ε: an ε that shows
NAMES = ("gx", "gW", "gγ", "gβ")
Problem = namedtuple("Problem", "x W gamma beta gy eps")


def problem(rng, M, C, eps):
    x, W, gy = (rng.normal(size=shape) for shape in ((M, C), (C, C), (M, C)))
    return Problem(x, W, rng.uniform(0.5, 1.5, C), rng.normal(size=C), gy + 0.4, eps)


def before_relu(values, eps, skip=True, still=None, ddof=0, root=np.sqrt):
    """x + γẑ + β. `still`: (mean, s) that do not depend on x and W."""
    x, W, gamma, beta = values
    z = x @ W.T
    centred = z - z.mean(axis=0)
    var = (centred**2).sum(axis=0) / (len(z) - ddof)
    mean, s = still or (z.mean(axis=0), root(var + eps))
    return skip * x + gamma * (z - mean) / s + beta


def statistics(this):
    z = this.x @ this.W.T
    return z.mean(axis=0), np.sqrt(z.var(axis=0) + this.eps)


def gradients(this, g, **how):
    """Slopes of ⟨g, before_relu⟩ by the complex step, Im f(a + ih)/h: no formula."""
    values, found = this[:4], []
    how = {"eps": this.eps} | how
    for which, value in enumerate(values):
        slope = np.zeros(value.shape)
        for at in np.ndindex(*value.shape):
            moved = [v.astype(complex) for v in values]
            moved[which][at] += 1e-30j
            slope[at] = np.sum(g * before_relu(moved, **how)).imag / 1e-30
        found.append(slope)
    return found


def masked(this, **how):
    """gy where the ReLU lets it through."""
    return this.gy * (before_relu(this[:4], **{"eps": this.eps} | how) > 0)


def right(this):
    return gradients(this, masked(this))


def branch(this, g):
    """{mistake: gz}: what is wrong between the sum and z alone."""
    mean, s = statistics(this)
    zh, scale = (this.x @ this.W.T - mean) / s, this.gamma / s
    low, along = g.mean(axis=0), zh * (g * zh).mean(axis=0)
    whole = scale * (g - low - along)
    return {
        "the term of the mean is missing": scale * (g - along),
        "the term of the variance is missing": scale * (g - low),
        "the term of the mean is added": scale * (g + low - along),
        "the term of the variance is added": scale * (g - low + along),
        "sums instead of means in gz": scale * (g - len(g) * (low + along)),
        "γ is missing in gz": whole / this.gamma,
        "γ comes twice in gz": whole * this.gamma,
        "gz is not divided by s": whole * s,
        "gz is divided by s²": whole / s,
    }


def wrong(this):
    """{mistake: (gx, gW, gγ, gβ)}; what is common to all outputs of a mistake."""
    x, W, gy, g = this.x, this.W, this.gy, masked(this)
    gx, gW, ggamma, gbeta = found = gradients(this, g)
    z, into_x = x @ W.T, gx - g
    found = {
        "the skip path is forgotten": (into_x, gW, ggamma, gbeta),
        "the skip path goes round the ReLU": (into_x + gy, gW, ggamma, gbeta),
        "the skip path counts twice": (gx + g, gW, ggamma, gbeta),
        "the branch is forgotten in gx": (g, gW, ggamma, gbeta),
        "the ReLU is forgotten": gradients(this, gy),
        "the mask of the branch alone is used": gradients(
            this, masked(this, skip=False)
        ),
        "the mask of x is used": gradients(this, gy * (x > 0)),
        "the mask is inverted": gradients(this, gy - g),
        "the statistics are taken as constants": gradients(
            this, g, still=statistics(this)
        ),
        "the variance is the unbiased one": gradients(
            this, masked(this, ddof=1), ddof=1
        ),
        "ε is forgotten": gradients(this, masked(this, eps=0), eps=0),
        "gx takes Wᵀ instead of W": (g + into_x @ np.linalg.inv(W) @ W.T,),
        "gW is transposed": (gx, gW.T),
        "gW is a mean over the rows": (gx, gW / len(x)),
        "gγ and gβ are means": (gx, gW, ggamma / len(x), gbeta / len(x)),
        "gγ takes z instead of ẑ": (gx, gW, (g * z).sum(axis=0)),
        "gβ is returned before gγ": (gx, gW, gbeta, ggamma),
    }
    return found | {
        said: (g + gz @ W, gz.T @ x) for said, gz in branch(this, g).items()
    }


def far(want, known):
    """Without the mistakes that give the right answer on this draw."""
    return {said: v for said, v in known.items() if not np.allclose(v, want, 1e-6)}


@cache
def judged(seed, draw):
    """The problem, the right gradients and the wrong ones, for all four checks."""
    this = problem(np.random.default_rng(seed), *draw)
    with np.errstate(all="ignore"):  # one row: 1/(M − 1), or a root of 0
        return this, right(this), wrong(this)


def check(student, seed, draw, which):
    """Compare output number `which`, naming the mistakes that show in it."""
    this, found, mistakes = judged(seed, draw)
    want = found[which]
    known = {k: v[which] for k, v in mistakes.items() if len(v) > which}
    compare(
        student.residual_gradient(*this)[which],
        want=want,
        mistakes=far(want, known),
        tol=TOL,
        scale=max(1.0, np.abs(want).max()),  # for one row the branch's share is 0
        equation="(3.12)" if which == 0 else "(3.10)",
        called=f"residual_gradient(...) with M, C, ε = {draw}, {NAMES[which]},",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_gx(student, seed, draw):
    """gx: the skip path and the branch."""
    check(student, seed, draw, 0)


@pytest.mark.points(2)
@pytest.mark.draws(*DRAWS)
def test_gW(student, seed, draw):
    """gW: through the batch norm."""
    check(student, seed, draw, 1)


@pytest.mark.draws(*DRAWS)
def test_ggamma(student, seed, draw):
    """gγ."""
    check(student, seed, draw, 2)


@pytest.mark.draws(*DRAWS)
def test_gbeta(student, seed, draw):
    """gβ."""
    check(student, seed, draw, 3)


@pytest.mark.draws((7, 4, 0.3), (5, 3, 0.1))
def test_zero_gamma(student, rng, draw):
    """γ = β = 0 on x ≥ 0: the identity, W gets nothing, and γ itself can still move."""
    this = problem(rng, *draw)
    zero = 0 * this.beta
    x = np.maximum(this.x, 0)  # as behind a ReLU: some entries are exactly 0
    x[0, 0] = 0.0
    this = this._replace(x=x, gamma=zero, beta=zero)
    gy = this.gy
    gx, gW, ggamma, _ = student.residual_gradient(*this)
    want = np.where(x > 0, gy, 0)
    mistakes = {
        "the skip path is forgotten": 0 * gy,
        "the skip path goes round the ReLU": gy,
        "the ReLU is forgotten": gy,
        "the slope of the ReLU at 0 is taken as 1": gy,
        "the skip path counts twice": 2 * want,
        "the mask is inverted": gy - want,
    }
    compare(
        gx,
        want=want,
        mistakes=mistakes,
        tol=TOL,
        equation="(3.12)",
        called="residual_gradient with γ = β = 0: gx",
    )
    gW = take(gW, gW=this.W.shape)
    compare(gW, want=0 * gW, tol=TOL, scale=1, equation="(3.13)", called="γ = 0: gW")
    mean, s = statistics(this)
    zh = (x @ this.W.T - mean) / s
    compare(
        ggamma,
        want=sum(gy[m] * (x[m] > 0) * zh[m] for m in range(len(x))),
        mistakes={"gγ is 0 too: the branch could never wake up": zero},
        tol=TOL,
        equation="(3.13)",
        called="residual_gradient with γ = β = 0: gγ",
    )
