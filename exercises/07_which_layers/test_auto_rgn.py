"""Grader of auto_rgn. Bounds: a few sums and a division err by about 1e-15."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10
DRAWS = [  # arrays of each group, least, frozen group or None
    ((1, 2, 3), 0.3, None),
    ((2, 1, 2, 4), 0.5, 1),
    ((3, 2), 0.0, None),
    ((2, 3, 1, 1, 2), 0.4, 4),
]


def problem(rng, counts, least, frozen):
    """Groups whose RGN lie far apart, some below `least`, one of them frozen."""
    size = rng.permutation(np.linspace(0.25, 1.0, len(counts)))
    groups = []
    for i, count in enumerate(counts):
        group = []
        for j in range(count):
            shape = tuple(rng.integers(2, 5, size=1 + (i + j) % 2))
            p = (1 + i) * rng.normal(size=shape)
            g = 0.1 * size[i] * (1 + j) * rng.normal(size=shape)
            none = i == frozen or (count > 2 and j == 1)
            group.append((p, None if none else g))
        groups.append(group)
    return groups, float(rng.uniform(0.01, 0.05)), least


def norm(arrays):
    arrays = [a.ravel() for a in arrays if a is not None]
    return np.linalg.norm(np.concatenate(arrays)) if arrays else 0.0


def rates(ratios, lr, least, of=None):
    ratios = np.array(ratios, float)
    top = ratios.max() if of is None else of
    if top == 0:
        return np.zeros(len(ratios))
    return np.array([lr * r / top if r / top >= least else 0.0 for r in ratios])


def zeros(group):
    return [0 * p if g is None else g for p, g in group]


def mistakes(groups, lr, least):
    ps, gs = ([[pair[i] for pair in g] for g in groups] for i in (0, 1))
    P, G = [norm(g) for g in ps], [norm(g) for g in gs]
    ratio = np.array(G) / P
    counts = [sum(p.size for p in g) for g in ps]
    means = [
        np.mean([norm([a]) / norm([p]) for (p, _), a in zip(g, zeros(g))])
        for g in groups
    ]
    with_grad = [
        norm(b) / (norm([p for p, q in zip(a, b) if q is not None]) or 1.0)
        for a, b in zip(ps, gs)
    ]
    inverse = [p / g if g else 0.0 for p, g in zip(P, G)]
    scaled = lr * ratio
    all_one = np.where(ratio / ratio.max() < least, 0.0, lr)
    return {
        "not divided by ‖θ‖: gradients of layers do not compare": rates(G, lr, least),
        "‖θ‖/‖∇‖, upside down": rates(inverse, lr, least),
        "the mean of the ratios of single arrays": rates(means, lr, least),
        "squares: ‖∇‖²/‖θ‖²": rates(ratio**2, lr, least),
        "divided by the number of parameters too": rates(ratio / counts, lr, least),
        "not divided by the largest": np.where(all_one > 0, scaled, 0.0),
        "divided by the sum, not by the largest": rates(ratio, lr, least, ratio.sum()),
        "`least` is ignored": rates(ratio, lr, 0.0),
        "`least` is compared with RGN itself, not with its share of the largest": (
            np.where(ratio < least, 0.0, lr * ratio / ratio.max())
        ),
        "parameters without a gradient are left out of ‖θ‖": rates(
            with_grad, lr, least
        ),
        "the rate is lr for all that train": all_one,
        "lr is missing": rates(ratio, 1.0, least),
        "the absolute sum instead of the norm": rates(
            [
                sum(np.sum(np.abs(a)) for a in b if a is not None)
                / sum(np.sum(np.abs(a)) for a in c)
                for b, c in zip(gs, ps)
            ],
            lr,
            least,
        ),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*DRAWS)
def test_rates(student, rng, draw):
    """Groups of several arrays, some without gradients."""
    given = groups, lr, least = problem(rng, *draw)
    ratio = [
        norm([g for _, g in group]) / norm([p for p, _ in group]) for group in groups
    ]
    want = rates(ratio, lr, least)
    compare(
        student.auto_rgn(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(7.9)",
    )


@pytest.mark.draws(2, 3)
def test_nothing_to_learn(student, rng, draw):
    """All gradients are zero or None: rates 0, not NaN."""
    groups = [[(rng.normal(size=3) + 2.0, None)] for _ in range(draw)]
    groups[0] = [(groups[0][0][0], np.zeros(3))]
    compare(
        student.auto_rgn(groups, 0.03, 0.1),
        want=np.zeros(draw),
        mistakes={"the rate is lr for all that train": np.full(draw, 0.03)},
        tol=TOL,
        equation="(7.9)",
    )


def test_a_share_of_exactly_least_trains(student):
    """Smaller than `least` is not trained; equal to it is. Powers of two: no rounding."""
    groups = [
        [(np.array([4.0]), np.array([2.0]))],
        [(np.array([4.0]), np.array([1.0]))],
    ]
    compare(
        student.auto_rgn(groups, 0.5, 0.5),
        want=np.array([0.5, 0.25]),
        mistakes={"a share equal to `least` is not trained": np.array([0.5, 0.0])},
        tol=TOL,
        equation="(7.9)",
    )
