"""Grader of train_trunk. The reference steps by complex-step gradients: 1e-13 off."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(6, 4, 3, 2, 2), (5, 9, 2, 3, 3), (7, 5, 4, 2, 4)]  # n0, n1, d, k, steps
WAYS = "sum", "pcgrad", "uncertainty"


def problem(rng, n0, n1, d, k, steps, sign=-1, least=0.5, most=np.inf):
    """Two tasks whose trunk gradients conflict (or agree, for sign = 1) at the start and,
    by "sum", at the end; least, most: of the dot product at the start."""
    for _ in range(2000):
        X = [rng.normal(size=(n, d)) for n in (n0, n1)]
        Y = [rng.normal(size=n0), 2.0 * rng.normal(size=n1)]
        B, V = rng.normal(size=(k, d)), rng.normal(size=(2, k))
        given = X, Y, B, V, float(rng.uniform(0.02, 0.04)), steps
        end = run(given, "sum")[:2]
        start = sign * agree(X, Y, B, V)
        if least < start < most and sign * agree(X, Y, *end) > least / 5:
            break
    return given


def loss(t, X, Y, B, V):
    return np.mean((X[t] @ B.T @ V[t] - Y[t]) ** 2)


def slope(f, at, h=1e-30):
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = f(moved).imag / h
    return found


def slopes(X, Y, B, V):
    """Both tasks' gradients of B, and of V, without a formula."""
    gB = [slope(lambda b, t=t: loss(t, X, Y, b, V), B) for t in (0, 1)]
    return gB, [slope(lambda v, t=t: loss(t, X, Y, B, v), V) for t in (0, 1)]


def formulas(X, Y, B, V):
    """The same by (25.11): for wrong answers, which may be many."""
    back = [2 / len(y) * x.T @ (x @ B.T @ v - y) for x, y, v in zip(X, Y, V)]
    gB = [np.outer(v, g) for v, g in zip(V, back)]
    return gB, [np.eye(2)[t][:, None] * (B @ back[t]) for t in (0, 1)]


def agree(X, Y, B, V):
    first, second = formulas(X, Y, B, V)[0]
    return np.sum(first * second)


def projected(gB, wrong=None):
    g, h = gB
    dot = np.sum(g * h)
    if dot >= 0 and wrong != "always":
        return gB
    if wrong == "own":
        return [g - dot / np.sum(g * g) * h, h - dot / np.sum(h * h) * g]
    first = g - dot / np.sum(h * h) * h
    if wrong == "first only":
        return [first, h]
    return [first, h - dot / np.sum(g * g) * g]


def with_heads(gB, gV):
    """Both gradients as one vector each, projected, and their sum taken apart again."""
    rows = [np.concatenate([b.ravel(), v.ravel()]) for b, v in zip(gB, gV)]
    total = sum(projected(rows))
    at = gB[0].size
    return total[:at].reshape(gB[0].shape), total[at:].reshape(gV[0].shape)


def run(given, way, gradients=formulas, **wrong):
    """(B, V, losses); `wrong` has the mistakes."""
    X, Y, B, V, lr, steps = given
    losses, s, first = [], None, None
    for step in range(steps + 1):
        L = np.array([loss(t, X, Y, B, V) for t in (0, 1)])
        losses.append(L)
        if step == steps:
            break
        found = gradients(X, Y, B, V)
        first = found if first is None else first
        gB, gV = first if wrong.get("same") else found
        a = np.ones(2)
        if way == "uncertainty":
            s = np.log(L) * wrong.get("start", 1.0) if s is None else s
            a = wrong.get("half", 0.5) * np.exp(-s)
            s = s - lr * (0.5 - a * L) * wrong.get("s", 1.0)
        gB = [w * g for w, g in zip(a, gB)]
        gV = [w * g for w, g in zip(a if wrong.get("heads", True) else np.ones(2), gV)]
        if way == "pcgrad":
            gB = projected(gB, wrong.get("project"))
        toB, toV = sum(gB), sum(gV)
        if way == "pcgrad" and wrong.get("joint"):
            toB, toV = with_heads(*found)
        new = B - lr * toB * wrong.get("B", 1.0)
        if wrong.get("late"):
            toV = sum(w * g for w, g in zip(a, formulas(X, Y, new, V)[1]))
        B, V = new, V - lr * toV * wrong.get("V", 1.0)
    return B, V, np.array(losses)


def mistakes(given, way):
    X, Y, B, V, lr, steps = given
    root = [np.sqrt(len(y)) for y in Y]
    summed = [q * x for q, x in zip(root, X)], [q * y for q, y in zip(root, Y)]
    found = {
        "the losses are sums over the rows, not means": run((*summed, *given[2:]), way),
        "the 2 of the gradient is missing": run(given, way, B=0.5, V=0.5),
        "the step goes up the gradient": run(given, way, B=-1.0, V=-1.0),
        "every step uses the first gradients": run(given, way, same=True),
        "the heads are not trained": run(given, way, V=0.0),
        "the trunk is not trained": run(given, way, B=0.0),
        "the heads' gradients are taken after the trunk's step": run(
            given, way, late=True
        ),
        "the tasks' heads are exchanged": run((X, Y, B, V[::-1], lr, steps), way),
    }
    found |= {
        f"way is not used: this is {other!r}": run(given, other)
        for other in WAYS
        if other != way
    }
    if way == "pcgrad":
        found |= {
            "only the first task is projected": run(given, way, project="first only"),
            "divided by the task's own squared length": run(given, way, project="own"),
            "the heads are in the projection": run(given, way, joint=True),
        }
    if way == "uncertainty":
        found |= {
            "s starts at 0": run(given, way, start=0.0),
            "s starts at −log L": run(given, way, start=-1.0),
            "no ½ before the loss": run(given, way, half=1.0),
            "s is not trained": run(given, way, s=0.0),
            "s goes up its slope": run(given, way, s=-1.0),
            "the heads' gradients are not weighted": run(given, way, heads=False),
        }
    return found


@pytest.mark.points(3)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.draws(*SIZES)
def test_training(student, rng, draw, way):
    """B, V and both losses on the way."""
    given = problem(rng, *draw)
    B, V, losses = want = run(given, way, slopes)
    compare(
        student.train_trunk(*given, way),
        want=want,
        mistakes=mistakes(given, way)
        | {
            "the loss after the last step is missing": (B, V, losses[:-1]),
            "the loss before the first step is missing": (B, V, losses[1:]),
            "the sum of both losses": (B, V, losses.sum(1)),
            "the losses are transposed": (B, V, losses.T),
        },
        tol=TOL,
        equation="(25.11)",
    )


@pytest.mark.draws((6, 4, 3, 2, 1), (5, 7, 4, 3, 2))
def test_agreeing(student, rng, draw):
    """"pcgrad" where the gradients agree: nothing is projected."""
    given = problem(rng, *draw, sign=1)
    compare(
        student.train_trunk(*given, "pcgrad"),
        want=run(given, "pcgrad", slopes),
        mistakes={
            "projected although they agree": run(given, "pcgrad", project="always")
        },
        tol=TOL,
        equation="(25.3)",
    )


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.draws((6, 4, 2, 2, 1), (3, 5, 2, 3, 1))
def test_weak(student, rng, draw, sign):
    """"pcgrad" where the dot product is small: a conflict or none."""
    given = problem(rng, *draw, sign=sign, least=0.1, most=0.8)
    other = "projected although they agree" if sign > 0 else "a weak conflict is left"
    wrong = run(given, "pcgrad", project="always") if sign > 0 else run(given, "sum")
    compare(
        student.train_trunk(*given, "pcgrad"),
        want=run(given, "pcgrad", slopes),
        mistakes={other: wrong},
        tol=TOL,
        equation="(25.3)",
    )
