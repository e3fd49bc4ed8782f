"""Grader of train_ranks. Steps by complex-step gradients of all rows: 1e-13 off."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-8  # Adam divides by roots of squares, some of them small
SIZES = [((3, 4), (1,), 3), ((2,), (5, 1, 2), 4), ((1, 1), (6,), (2, 3), 2)]


def problem(rng, *ranks, tight=False):
    """Micro-batches of each rank; max_norm above all norms on the way, or below."""
    *ranks, steps = ranks
    d = 3
    parts = [
        [(rng.normal(size=(n, d)), 2.0 * rng.normal(size=n)) for n in sizes]
        for sizes in ranks
    ]
    w, lr = rng.normal(size=d), float(rng.uniform(0.05, 0.2))
    norms = run((parts, w, lr, np.inf, steps))[2]
    return parts, w, lr, float(norms.min() * 0.5 if tight else norms.max() * 4), steps


def flat(parts):
    return [batch for rank in parts for batch in rank]


def whole(batches, w):
    X, y = (np.concatenate(z) for z in zip(*batches))
    return 0.5 * np.mean((X @ w - y) ** 2)


def slope(batches, w, h=1e-30):
    found = np.empty(len(w))
    for i in range(len(w)):
        moved = w.astype(complex)
        moved[i] += 1j * h
        found[i] = whole(batches, moved).imag / h
    return found


def mean(rows):
    return np.mean(rows, axis=0)


JOIN = {  # wrong gradients of (parts, w)
    "mean of means over the micro-batches": lambda parts, w: mean(
        [slope([one], w) for one in flat(parts)]
    ),
    "mean of means over the ranks": lambda parts, w: mean([slope(r, w) for r in parts]),
    "the ranks' means are summed": lambda parts, w: sum(slope(r, w) for r in parts),
    "not divided by the count": lambda parts, w: (
        slope(flat(parts), w) * sum(len(y) for _, y in flat(parts))
    ),
    "the first rank alone": lambda parts, w: slope(parts[0], w),
    "only the last micro-batch of every rank": lambda parts, w: slope(
        [rank[-1] for rank in parts], w
    ),
    "the ½ of the loss is missing in the gradient": lambda parts, w: (
        2 * slope(flat(parts), w)
    ),
}


def run(given, join=None, **wrong):
    """(w, losses, norms)."""
    parts, w, lr, max_norm, steps = given
    m, v, losses, norms = np.zeros(len(w)), np.zeros(len(w)), [], []
    for t in range(1, steps + 1):
        g = join(parts, w) if join else slope(flat(parts), w)
        losses.append(wrong.get("loss", whole)(flat(parts), w))
        if wrong.get("own"):  # every rank clips its own
            cut = [clip(slope(r, w), max_norm) for r in parts]
            n = np.array([sum(len(y) for _, y in r) for r in parts])
            norms.append(np.linalg.norm(g))
            g = n @ np.array(cut) / n.sum()
        else:
            norms.append(np.linalg.norm(g))
            if not wrong.get("unclipped"):
                g = clip(g, max_norm)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        a, b = (1.0, 1.0) if wrong.get("raw") else (1 - 0.9**t, 1 - 0.99**t)
        w = w - wrong.get("sign", 1) * lr * (m / a) / (np.sqrt(v / b) + 1e-8)
        if wrong.get("clipped norm"):
            norms[-1] = np.linalg.norm(g)
    return w, np.array(losses), np.array(norms)


def clip(g, max_norm):
    return g * min(1.0, max_norm / np.linalg.norm(g))


def mistakes(given):
    want = run(given)
    found = {name: run(given, join) for name, join in JOIN.items()}
    found |= {
        "clipped on every rank, before the sum": run(given, own=True),
        "not clipped": run(given, unclipped=True),
        "the norm after clipping": run(given, **{"clipped norm": True}),
        "the moments are not corrected": run(given, raw=True),
        "the step goes up the gradient": run(given, sign=-1),
        "losses: the mean square without its ½": (want[0], 2 * want[1], want[2]),
        "losses: the mean of the micro-batches' losses": run(
            given, loss=lambda rows, w: mean([whole([one], w) for one in rows])
        ),
    }
    return {
        name: value
        for name, value in found.items()
        if max(np.abs(np.subtract(a, b)).max() for a, b in zip(value, want)) > 1e-5
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_training(student, rng, draw):
    """Unequal ranks and micro-batches; nothing to clip."""
    given = problem(rng, *draw)
    compare(
        student.train_ranks(*given),
        want=run(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(30.1)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*SIZES)
def test_clipped(student, rng, draw):
    """Every step's gradient is longer than max_norm."""
    given = problem(rng, *draw, tight=True)
    compare(
        student.train_ranks(*given),
        want=run(given),
        mistakes=mistakes(given),
        tol=TOL,
        equation="(30.1)",
    )
