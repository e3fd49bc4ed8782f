"""Grader of steered_run. The reference takes the gradient of Σ A log p by complex step."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [  # K, steps, n, group, beta, lr
    (4, 5, 6, 3, 0.3, 0.7),
    (3, 7, 8, 2, 0.5, 0.5),
    (6, 4, 8, 4, 0.2, 1.1),
]


def problem(rng, K, steps, n, group, beta, lr):
    z, rewards = rng.normal(0, 0.7, K), rng.uniform(-1, 2, K)
    return z, rewards, rng.uniform(0, 1, (steps, n)), group, beta, lr


def log_softmax(z):
    top = z.real.max()
    return z - top - np.log(np.exp(z - top).sum())


def run(z, rewards, draws, group, beta, lr, **how):
    """The run by loops; `how` names one mistake."""
    given, kls = z.copy(), []
    ref = log_softmax(z)
    for u in draws:
        logp = log_softmax(z)
        p = np.exp(logp)
        kl = float((p * (logp - ref)).sum())
        kls.append(float((np.exp(ref) * (ref - logp)).sum()) if how.get("forward") else kl)
        a = [int(np.searchsorted(np.cumsum(p), one, side="right")) for one in u]
        price = how.get("price", 1.0) * beta
        R = [float(rewards[k]) - price * float(logp[k] - ref[k]) for k in a]
        if how.get("late"):
            R = [float(rewards[k]) for k in a]
        size = len(u) if how.get("batch") else group
        A = []
        for i in range(len(u)):
            others = [
                R[j]
                for j in range(len(u))
                if j // size == i // size and (j != i or how.get("own"))
            ]
            base = 0.0 if how.get("no_base") else sum(others) / len(others)
            A.append(R[i] - base)
        if how.get("late"):
            A = [x - beta * float(logp[k] - ref[k]) for x, k in zip(A, a)]
        A = np.array(A)
        if how.get("scaled"):
            parts = np.array(R).reshape(-1, group)
            s = np.repeat(parts.std(axis=1), group)
            A = np.where(s > 1e-9, A / np.where(s > 1e-9, s, 1), 0)
        g = np.zeros(len(z))
        for k in range(len(z)):
            moved = z.astype(complex)
            moved[k] += 1e-30j
            logs = log_softmax(moved)
            g[k] = sum(x * logs[j] for x, j in zip(A, a)).imag / 1e-30
        g = g if how.get("sum") else g / len(u)
        if how.get("twice"):
            g = g - beta * p * (logp - ref - kl)
        z = z + how.get("sign", 1) * lr * g
        ref = logp if how.get("moves") else ref
    if how.get("after"):
        ref = log_softmax(given)
        kls = kls[1:] + [float((np.exp(log_softmax(z)) * (log_softmax(z) - ref)).sum())]
    return z, np.array(kls)


def mistakes(given):
    want = run(*given)
    known = {
        "the KL is computed and never used": run(*given, price=0.0),
        "the KL is paid twice: in the reward and in the loss": run(*given, twice=True),
        "moving away is rewarded": run(*given, price=-1.0),
        "the own reward is in the baseline": run(*given, own=True),
        "no baseline": run(*given, no_base=True),
        "one group of all answers": run(*given, batch=True),
        "the price is paid after the others' mean": run(*given, late=True),
        "divided by σ": run(*given, scaled=True),
        "the reference moves with the policy": run(*given, moves=True),
        "the sum over the answers, not the mean": run(*given, sum=True),
        "the step goes down": run(*given, sign=-1),
        "the KL the other way round": run(*given, forward=True),
        "the KL after the step": run(*given, after=True),
        "z and the KLs are returned in the wrong order": want[::-1],
    }
    return {
        k: v
        for k, v in known.items()
        if v[0].shape != want[0].shape
        or max(abs(v[0] - want[0]).max(), abs(v[1] - want[1]).max()) > 1e-6
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_run(student, rng, draw):
    """z at the end, and the KL before every step."""
    given = problem(rng, *draw)
    kept = given[0].copy()
    got = student.steered_run(*given)
    assert np.array_equal(given[0], kept), "steered_run changed the z it was given"
    compare(
        got,
        want=run(*given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(24b.3), (24b.9)",
    )


@pytest.mark.draws(*SIZES[:2])
def test_large_logits(student, rng, draw):
    """z around 1000, where exp alone overflows; softmax does not mind."""
    z, *rest = problem(rng, *draw)
    given = z + 1000, *rest
    got = student.steered_run(*given)
    compare(
        got,
        want=run(*given),
        mistakes=mistakes(given),
        tol=1e-6,
        equation="(24b.3), (24b.9)",
    )
