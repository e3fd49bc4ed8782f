"""Grader of lora_forward. Bounds: sums of a dozen products of size one, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
SIZES = [  # n, out, in, ranks: no two sizes of a draw are equal
    (8, 5, 7, (3, 2)),
    (10, 6, 4, (1, 9, 3)),
    (11, 3, 8, (2, 5, 1, 4)),
    (4, 9, 5, (2,)),
]


def problem(rng, n, out, inputs, ranks):
    """Every adapter serves a row, and one row has none."""
    x, W = rng.normal(size=(n, inputs)), rng.normal(size=(out, inputs))
    adapters = [
        (rng.normal(size=(r, inputs)), rng.normal(size=(out, r)), a)
        for r, a in zip(ranks, rng.permutation(len(ranks)) + rng.uniform(4.1, 4.9))
    ]
    which = rng.permutation(np.arange(n) % (len(ranks) + 1)) - 1
    return x, W, rng.normal(size=out), adapters, which


def usual(alpha, r, rslora):
    return alpha / (r**0.5 if rslora else r)


def rows(x, W, b, adapters, which, rslora, scale=usual, base=1.0, bias=1.0, pick=None):
    """The other way: W' as one matrix for every row, entry by entry."""
    found = []
    for one, k in zip(x, which):
        k = pick(k) if pick else k
        change, s = 0 * W, 1.0
        if k != -1 and adapters:
            A, B, alpha = adapters[k]
            s = scale(alpha, len(A), rslora)
            change = s * np.einsum("or,ri->oi", B, A)
        found.append(np.einsum("oi,i->o", base * W + change, one) + bias * b)
    return np.array(found)


def on_all(given, power):
    """The base, or its bias, times s^power too: rows with an adapter only."""
    _, _, _, adapters, which, rslora = given
    scales = [usual(a, len(A), rslora) for A, _, a in adapters] + [1.0]
    return np.array([scales[k] for k in which])[:, None] ** power


def mistakes(given):
    x, W, b, adapters, _, rslora = given
    right, last, ranks = (
        rows(*given),
        len(adapters) - 1,
        [len(A) for A, _, _ in adapters],
    )
    whole, inputs, out = x @ W.T + b, x.shape[1], len(b)
    times = on_all(given, 1)

    def other(scale):
        return rows(*given, scale=scale)

    return {
        "α instead of the scale: it is not divided": other(lambda a, r, q: a),
        "the scale is left out": other(lambda a, r, q: 1.0),
        "the scale is upside down": other(lambda a, r, q: 1 / usual(a, r, q)),
        "α/r and α/√r are swapped": other(lambda a, r, q: usual(a, r, not q)),
        "r is not the rank: the width of the input": other(
            lambda a, r, q: usual(a, inputs, q)
        ),
        "r is not the rank: the width of the output": other(
            lambda a, r, q: usual(a, out, q)
        ),
        "√(α/r): α is under the root too": other(lambda a, r, q: (a / r) ** 0.5),
        "α // r: the scale is cut down to a whole number": other(
            lambda a, r, q: a // (r**0.5 if q else r)
        ),
        "the first adapter's rank for all": other(
            lambda a, r, q: usual(a, ranks[0], q)
        ),
        "the scale is squared": other(lambda a, r, q: usual(a, r, q) ** 2),
        "the update is subtracted": other(lambda a, r, q: -usual(a, r, q)),
        "the scale is on the base too": times * whole + right - whole,
        "the scale is on the bias too": right + (times - 1) * b,
        "only the adapter's path is left": right - whole,
        "the bias is left out": right - b,
        "the frozen weight is left out": right - x @ W.T,
        "the adapters are left out": whole,
        "−1 takes the last adapter: rows without one must be left alone": rows(
            *given, pick=lambda k: last if k == -1 else k
        ),
        "every row uses the first adapter": rows(*given, pick=lambda k: 0),
        "every row uses all adapters": whole
        + sum(usual(a, len(A), rslora) * (x @ A.T @ B.T) for A, B, a in adapters),
        "the adapters are counted from 1": rows(*given, pick=lambda k: max(k, 0) - 1),
    }


def ask(student, rng, sizes, rslora):
    given = *problem(rng, *sizes), rslora
    want = rows(*given)
    compare(
        student.lora_forward(*given),
        want=want,
        mistakes=mistakes(given),
        tol=TOL,
        equation="(15.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_alpha_over_r(student, rng, draw):
    """A mixed batch, s = α/r."""
    ask(student, rng, draw, False)


@pytest.mark.draws(*SIZES)
def test_rslora(student, rng, draw):
    """A mixed batch, s = α/√r."""
    ask(student, rng, draw, True)


@pytest.mark.draws(*SIZES[1:])
def test_start_is_the_base(student, rng, draw):
    """With B = 0 it is the frozen layer, whatever A."""
    x, W, b, adapters, which = problem(rng, *draw)
    start = [(A, 0 * B, alpha) for A, B, alpha in adapters]
    want, times = x @ W.T + b, on_all((x, W, b, adapters, which, False), 1)
    compare(
        student.lora_forward(x, W, b, start, which),
        want=want,
        mistakes={
            "the bias is left out": want - b,
            "the frozen weight is left out": 0 * want + b,
            "the scale is on the base too": times * want,
            "the scale is on the bias too": want + (times - 1) * b,
            "only the adapter's path is left": 0 * want,
        },
        tol=TOL,
        equation="(15.1)",
    )


@pytest.mark.draws((1, 3, 5, (2, 4), 1), (1, 6, 2, (3,), -1), (3, 2, 4, (), -1))
def test_one_row(student, rng, draw):
    """One row, and a batch for which there are no adapters at all."""
    *sizes, k = draw
    x, W, b, adapters, _ = problem(rng, *sizes)
    given = x, W, b, adapters, np.full(len(x), k), False
    want = rows(*given)
    names = (
        "−1 takes the last adapter: rows without one must be left alone",
        "every row uses the first adapter",
    )
    known = {name: rows(*given, pick=lambda _: 0) for name in names} if adapters else {}
    compare(
        student.lora_forward(*given),
        want=want,
        mistakes=known,
        tol=TOL,
        equation="(15.1)",
    )
