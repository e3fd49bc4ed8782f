"""Grader of project_conflicts. A few dot products: 1e-14, against 1e-9."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9
SIZES = [(3, 4, 2), (4, 5, 1), (2, 3, 3), (3, 6, 2)]  # T, shared, own of each task


def problem(rng, T, shared, own):
    """Gradients that conflict, the columns in no order; one column is shared by two."""
    P = shared + T * own
    uses = np.zeros((T, P), bool)
    uses[:, :shared] = True
    if T > 2:
        uses[T - 1, 0] = False
    for t in range(T):
        uses[t, shared + t * own : shared + (t + 1) * own] = True
    for _ in range(1000):
        G = rng.normal(size=(T, P)) * rng.uniform(0.5, 2.0, (T, 1))
        G[:, :shared] -= 0.9 * G[:, :shared].mean(0)
        G = G * uses
        S = G[:, :shared]
        if (S @ S.T).min() < -0.2 and hard(S):
            break
    mixed = rng.permutation(P)
    return G[:, mixed], uses[:, mixed], draw_orders(rng, T)


def hard(S):
    """Three tasks: the order counts, and a pair agrees somewhere."""
    if len(S) < 3:
        return True
    T = len(S)
    up = [[j for j in range(T) if j != i] for i in range(T)]
    down = [order[::-1] for order in up]
    apart = abs(project(S, up) - project(S, down)).max()
    pairs = (S @ S.T)[np.triu_indices(T, 1)]
    return apart > 0.05 and pairs.max() > 0.05


def draw_orders(rng, T):
    return [rng.permutation([j for j in range(T) if j != i]).tolist() for i in range(T)]


def project(S, orders, others=None, always=False, norm=None, original=False, weight=1.0):
    """Rows of (25.3), or with a mistake; norm: squared lengths to divide by."""
    out = S.astype(float)
    for i, order in enumerate(orders):
        for j in order:
            g = out[j].copy() if others == "changed" else S[j]
            dot = (S[i] if original else out[i]) @ g
            length = g @ g if norm is None else norm(i, j, out)
            if (dot < 0 or always) and length > 0:
                out[i] = out[i] - weight * dot / length * g
    return out


def answers(G, uses, orders):
    """{name: (step, left)}; the right one is ""."""
    shared = uses.sum(0) > 1
    S, T = G[:, shared], len(G)

    def whole(out, reduce=np.sum, rest=None):
        step = G.sum(0) if rest is None else rest
        step = step.copy()
        step[shared] = reduce(out, axis=0)
        return step, out @ S.T

    every = project(G, orders)
    right = project(S, orders)
    found = {
        "": whole(right),
        "the others are the projected gradients, not the original ones": whole(
            project(S, orders, others="changed")
        ),
        "projected although they agree": whole(project(S, orders, always=True)),
        "divided by |g_i|², not |g_j|²": whole(
            project(S, orders, norm=lambda i, j, out: out[i] @ out[i])
        ),
        "divided by |g_j|, not its square": whole(
            project(S, orders, norm=lambda i, j, out: np.sqrt(S[j] @ S[j]))
        ),
        "not divided by |g_j|²": whole(project(S, orders, norm=lambda i, j, out: 1.0)),
        "the projection is added": whole(project(S, orders, weight=-1.0)),
        "the gradients are summed without projecting": whole(S),
        "the heads count in dot products and lengths": (every.sum(0), every @ G.T),
        "the heads count in the lengths": whole(
            project(S, orders, norm=lambda i, j, out: G[j] @ G[j])
        ),
        "the mean over the tasks, not the sum": whole(right, np.mean, G.mean(0)),
        "only the first task is projected": whole(
            project(S, [orders[0], *[[] for _ in orders[1:]]])
        ),
        "the heads' gradients are lost": whole(right, rest=0 * G.sum(0)),
    }
    if T > 2:
        plain = [sorted(order) for order in orders]
        found |= {
            "every dot product is with the g_i of before": whole(
                project(S, orders, original=True)
            ),
            "the order is not used": whole(project(S, plain)),
            "the orders run backwards": whole(
                project(S, [order[::-1] for order in orders])
            ),
            "one other task for each only": whole(
                project(S, [order[:1] for order in orders])
            ),
        }
    return found


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_step(student, rng, draw):
    """The step along the projected gradients."""
    given = problem(rng, *draw)
    found = answers(*given)
    compare(
        student.project_conflicts(*given)[0],
        want=found.pop("")[0],
        mistakes={name: value[0] for name, value in found.items()},
        tol=TOL,
        equation="(25.3)",
    )


@pytest.mark.draws(*SIZES)
def test_left(student, rng, draw):
    """What is left of the conflicts."""
    given = problem(rng, *draw)
    found = answers(*given)
    want = found.pop("")[1]
    same = "the mean over the tasks, not the sum", "the heads' gradients are lost"
    known = {name: value[1] for name, value in found.items() if name not in same}
    shared = given[1].sum(0) > 1
    S = given[0][:, shared]
    out = project(S, given[2])
    compare(
        student.project_conflicts(*given)[1],
        want=want,
        mistakes=known
        | {
            "transposed: g_i before, g_j after": want.T,
            "both after projecting": out @ out.T,
            "both before projecting": S @ S.T,
        },
        tol=TOL,
        equation="(25.2)",
    )


@pytest.mark.draws((3, 4, 2), (2, 5, 1))
def test_zero_gradient(student, rng, draw):
    """A task whose gradient is zero changes no other and stays zero."""
    G, uses, orders = problem(rng, *draw)
    G[0] = 0.0
    found = answers(G, uses, orders)
    compare(
        student.project_conflicts(G, uses, orders),
        want=found[""],
        mistakes={},
        tol=TOL,
        equation="(25.3)",
    )
