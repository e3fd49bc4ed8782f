"""Grader of train_dpo. The reference steps by complex-step slopes of L: 1e-13."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(4, 5, 2), (5, 7, 3), (3, 4, 4)]  # answers, pairs, steps


def problem(rng, K, n, steps):
    w = rng.integers(0, K - (steps == 4), n)  # there no pair prefers the last answer
    pairs = np.stack([w, (w + rng.integers(1, K, n)) % K], axis=1)
    beta, epsilon, weight = rng.uniform([0.6, 0.1, 0.2], [0.9, 0.2, 0.4])
    lr = float(rng.uniform(0.8, 1.2))
    ref = rng.dirichlet(np.full(K, 3.0)) * 0.9 + 0.1 / K
    return ref, pairs, float(beta), float(epsilon), float(weight), lr, steps


def log_softmax(z):
    return z - np.log(np.exp(z).sum())


def loss(z, ref, pairs, beta, epsilon, weight, how="dpo", total=np.mean):
    """L by (24.8); complex numbers pass."""
    logp, (w, l) = log_softmax(z), pairs.T
    ratio = logp - np.log(ref) if how != "no reference" else logp
    u = beta * (ratio[w] - ratio[l])
    right, wrong = np.log(1 + np.exp(-u)), np.log(1 + np.exp(u))
    each = (1 - epsilon) * right + epsilon * wrong
    if how == "robust":
        each = ((1 - epsilon) * right - epsilon * wrong) / (1 - 2 * epsilon)
    elif how == "one term":
        each = (1 - epsilon) * right
    elif how == "square":
        each = (u - 1) ** 2
    kept = ratio if how == "ratio" else logp
    if how == "both":
        return total(each - weight * (logp[w] + logp[l]))
    return total(each - weight * kept[w])


def run(given, sign=1.0, same=False, start=None, h=1e-30, **changes):
    ref, pairs, beta, epsilon, weight, lr, steps = given
    pairs = changes.pop("pairs", pairs)
    at = {"beta": beta, "epsilon": epsilon, "weight": weight} | changes

    def f(z):
        return loss(z, ref, pairs, **at)

    z, losses, chosen, first = np.log(ref) if start is None else start, [], [], None
    for left in range(steps, -1, -1):
        losses.append(f(z))
        chosen.append(log_softmax(z)[pairs[:, 0]].mean())
        g = np.array([f(z + 1j * h * e).imag / h for e in np.eye(len(z))])
        first = g if first is None else first
        if left:
            z = z - sign * lr * (first if same else g)
    return np.exp(log_softmax(z)), np.array(losses), np.array(chosen)


def mistakes(given):
    ref, pairs, *_ = given
    return {
        "the reference is left out of u": run(given, how="no reference"),
        "beta is left out": run(given, beta=1.0),
        "epsilon is ignored": run(given, epsilon=0.0),
        "only (1 − ε) log σ(u): the other term is missing": run(given, how="one term"),
        "ε as in robust DPO, with the other sign": run(given, how="robust"),
        "the chosen answer's term is left out": run(given, weight=0.0),
        "the other sign of the chosen answer's term": run(given, weight=-given[4]),
        "the rejected answer is made likely too": run(given, how="both"),
        "chosen and rejected are exchanged": run(given, pairs=pairs[:, ::-1]),
        "a sum over the pairs, not their mean": run(given, total=np.sum),
        "the steps go up the gradient": run(given, sign=-1.0),
        "every step uses the first gradient": run(given, same=True),
        "z starts at 0, not at the reference": run(given, start=np.zeros(len(ref))),
        "a square of u − 1, not log σ": run(given, how="square"),
    }


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_policy(student, rng, draw):
    """π after a few steps."""
    given = problem(rng, *draw)
    compare(
        student.train_dpo(*given)[0],
        want=run(given)[0],
        mistakes={k: v[0] for k, v in mistakes(given).items()},
        tol=TOL,
        equation="(24.8)",
    )


@pytest.mark.draws(*SIZES)
def test_losses(student, rng, draw):
    """L before every step and after the last."""
    given = problem(rng, *draw)
    want = run(given)[1]
    compare(
        student.train_dpo(*given)[1],
        want=want,
        mistakes={k: v[1] for k, v in mistakes(given).items()}
        | {
            "the term of the chosen answer has its ratio, not log π": run(
                given, how="ratio"
            )[1],
            "the loss after the last step is missing": want[:-1],
            "the loss before the first step is missing": want[1:],
            "the losses have the wrong sign": -want,
        },
        tol=TOL,
        equation="(24.8)",
    )


@pytest.mark.draws(*SIZES)
def test_chosen(student, rng, draw):
    """The mean of log π(w)."""
    given = problem(rng, *draw)
    _, _, want = run(given)
    w = given[1][:, 0]
    known = {k: v[2] for k, v in mistakes(given).items()}
    compare(
        student.train_dpo(*given)[2],
        want=want,
        mistakes=known
        | {
            "the log-ratio to the reference, not log π": want - np.log(given[0])[w].mean(),
            "probabilities, not their logarithms": np.exp(want),
            "the sum over the pairs": len(w) * want,
        },
        tol=TOL,
        equation="(24.8)",
    )


@pytest.mark.draws((4, 5, 1), (3, 6, 1))
def test_large_beta(student, rng, draw):
    """β = 2000 and a second step: no overflow in the losses."""
    ref, pairs, _, epsilon, weight, lr, _ = problem(rng, *draw)
    given = ref, pairs, 2000.0, epsilon, weight, lr, 0
    compare(
        student.train_dpo(*given),
        want=run(given),
        mistakes={},
        tol=TOL,
        equation="(24.8)",
    )
    far = student.train_dpo(*given[:-1], 1)[1]
    compare(np.isfinite(far), want=np.ones(2, bool), mistakes={}, equation="(24.8)")
