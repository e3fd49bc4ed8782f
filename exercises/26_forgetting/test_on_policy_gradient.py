"""Grader of on_policy_gradient. Sums over at most 16 sequences: 1e-14, against 1e-8."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8
SIZES = [(3, 2), (2, 4), (4, 2)]  # L, V


def problem(rng, L, V):
    student, teacher = 1.5 * rng.normal(size=(L, V)), 1.5 * rng.normal(size=(L, V, V))
    return student, teacher, float(rng.uniform(0.4, 0.7))


def log_soft(Z):
    return Z - np.log(np.exp(Z).sum(axis=-1, keepdims=True))


def sequence_kl(student, teacher):
    """KL(q‖p) of whole sequences, for complex logits of the student too."""
    L, V = student.shape
    logq, logp, total = log_soft(student), log_soft(teacher), 0.0
    for x in np.ndindex(*[V] * L):
        a = sum(logq[t, x[t]] for t in range(L))
        b = sum(logp[t, sum(x[:t]) % V, x[t]] for t in range(L))
        total = total + np.exp(a) * (a - b)
    return total


def slope(f, at):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1e-30j
        found[i] = f(moved).imag / 1e-30
    return found


def gradient(student, teacher, gamma, **how):
    """(26.6) by sums over all sequences, or with a mistake of `how`."""
    (L, V), logp = student.shape, log_soft(teacher)
    logq = log_soft(student)
    q, G = np.exp(logq), np.zeros((L, V))
    if how.get("prefix") == "teacher":
        draw = np.exp(logp)
    else:
        draw = np.repeat(q[:, None], V, axis=1)
    for x in np.ndindex(*[V] * L):
        before = [sum(x[:t]) % V for t in range(L)]
        if how.get("last"):
            before = [0, *x[:-1]]
        chance = np.prod([draw[t, before[t], x[t]] for t in range(L)])
        if how.get("even"):
            chance = V**-L
        ratio = [logq[t] - logp[t, before[t]] for t in range(L)]
        k = [q[t] @ ratio[t] for t in range(L)]
        if how.get("cost") == "token":
            k = [ratio[t][x[t]] for t in range(L)]
        for t in range(L):
            mean = 0.0 if how.get("raw") else q[t] @ ratio[t]
            local = q[t] * (ratio[t] - mean)
            if how.get("kind") == "forward":
                local = q[t] - np.exp(logp[t, before[t]])
            later = sum(gamma ** (s - t) * k[s] for s in range(t + 1, L))
            if how.get("all"):
                later = sum(k)
            score = np.eye(V)[x[t]] - (0 if how.get("one_hot") else q[t])
            G[t] += chance * (how.get("local", 1) * local + later * score)
    return G


def mistakes(student, teacher, gamma):
    L = len(student)
    right = gradient(student, teacher, gamma)
    return {
        "the score term is left out: discount 0": gradient(student, teacher, 0.0),
        "the discount is 1": gradient(student, teacher, 1.0),
        "the discount is not raised to a power": gradient(student, teacher, 1.0) * gamma
        + (1 - gamma) * gradient(student, teacher, 0.0),
        "the local term is left out": gradient(student, teacher, gamma, local=0),
        "the forward KL, p log(p/q), in the local term": gradient(
            student, teacher, gamma, kind="forward"
        ),
        "the local term is not centred": gradient(student, teacher, gamma, raw=True),
        "the score is one-hot, without − q": gradient(
            student, teacher, gamma, one_hot=True
        ),
        "the teacher writes the sequences": gradient(
            student, teacher, gamma, prefix="teacher"
        ),
        "all sequences count alike": gradient(student, teacher, gamma, even=True),
        "the teacher sees the last token, not the sum": gradient(
            student, teacher, gamma, last=True
        ),
        "costs of earlier tokens are counted too, without discount": gradient(
            student, teacher, gamma, all=True
        ),
        "divided by the length": right / L,
        "the sign: the way up": -right,
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_between(student, rng, draw):
    """A discount between 0 and 1."""
    given = problem(rng, *draw)
    compare(
        student.on_policy_gradient(*given),
        want=gradient(*given),
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(26.6)",
    )


@pytest.mark.draws(*SIZES)
def test_discount_one(student, rng, draw):
    """Discount 1: the gradient of KL(q‖p) of whole sequences."""
    one, teacher, _ = problem(rng, *draw)
    known = mistakes(one, teacher, 1.0)
    known.pop("the discount is 1")
    known.pop("the discount is not raised to a power")
    compare(
        student.on_policy_gradient(one, teacher, 1.0),
        want=slope(lambda z: sequence_kl(z, teacher), one),
        mistakes=known,
        tol=TOL,
        equation="(26.6)",
    )


@pytest.mark.draws((3, 2), (2, 3))
def test_discount_zero(student, rng, draw):
    """Discount 0: each token's own KL alone."""
    one, teacher, _ = problem(rng, *draw)
    known = mistakes(one, teacher, 0.0)
    names = ("the forward KL, p log(p/q), in the local term", "the sign: the way up")
    compare(
        student.on_policy_gradient(one, teacher, 0.0),
        want=gradient(one, teacher, 0.0),
        mistakes={name: known[name] for name in names}
        | {"the discount is 1": gradient(one, teacher, 1.0)},
        tol=TOL,
        equation="(26.6)",
    )


@pytest.mark.draws((3, 2), (2, 3))
def test_large_logits(student, rng, draw):
    """Logits around ±900, another offset in each row: nothing overflows."""
    one, teacher, gamma = problem(rng, *draw)
    offsets = np.where(np.arange(len(one)) % 2, 900.0, -900.0)
    compare(
        student.on_policy_gradient(
            one + offsets[:, None], teacher - offsets[:, None, None], gamma
        ),
        want=gradient(one, teacher, gamma),
        mistakes={},
        tol=TOL,
        equation="(26.6)",
    )
