"""Grader of step_cost. The reference asks of every number whether it depends on a weight
that trains: a path search on the graph of the step, not a formula."""

import itertools

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-6
SIZES = [
    ([2, 3, 4], (True, True)),
    ([3, 5, 4, 7], (False, True, False)),
    ([6, 2, 5, 3, 4], (False, False, True, True)),
    ([4, 7, 3, 5], (True, False, False)),
    ([5, 3, 6, 2], (True, False, True)),
    ([9, 4], (True,)),
]


def reference(sizes, trains):
    """Products whose result is needed by a trained weight's gradient, or is forward."""
    layers = list(itertools.pairwise(sizes))
    work, kept, wanted = sum(a * b for a, b in layers), 0, False
    for i, (a, b) in enumerate(layers):
        if wanted:  # something below waits for this layer's input gradient
            work += a * b
        if trains[i]:
            work, kept, wanted = work + a * b, kept + a, True
    return work, kept


def mistakes(sizes, trains):
    layers = list(itertools.pairwise(sizes))
    products = [a * b for a, b in layers]
    N, own = sum(products), sum(p for p, on in zip(products, trains) if on)
    work, kept = reference(sizes, trains)
    low = min(i for i, on in enumerate(trains) if on)
    above, all_but_first = sum(products[low + 1 :]), sum(products[1:])
    return {
        "backward goes down to the input, frozen or not": (
            N + own + all_but_first,
            kept,
        ),
        "the input of the lowest trained layer gets a gradient": (
            work + products[low],
            kept,
        ),
        "frozen layers cost nothing in backward": (
            N + own + sum(p for i, p in enumerate(products) if i > low and trains[i]),
            kept,
        ),
        "every weight gets a gradient": (work + N - own, kept),
        "the forward pass is left out": (work - N, kept),
        "the forward pass goes through trained layers only": (work - N + own, kept),
        "the gradients of the inputs are left out": (N + own, kept),
        "the gradients of the weights are left out": (work - own, kept),
        "three products per trained weight": (N + 2 * own, kept),
        "two FLOPs per multiplication": (2 * work, kept),
        "the whole backward pass is twice the forward": (3 * N, kept),
        "the inputs of all layers are kept": (work, sum(sizes[:-1])),
        "the inputs of all layers above the lowest trained are kept": (
            work,
            sum(sizes[low:-1]),
        ),
        "the outputs are kept, not the inputs": (
            work,
            sum(b for (_, b), on in zip(layers, trains) if on),
        ),
        "the weights are counted as kept": (work, kept + own),
        "the gradients above are left out of the work": (work - above, kept),
    }


@pytest.mark.points(4)
@pytest.mark.draws(*SIZES)
def test_work_and_memory(student, rng, draw):
    """Six models: all, the last, the first, a middle layer, and with a gap."""
    sizes, trains = draw[0], list(draw[1])
    want = reference(sizes, trains)
    known = {k: v for k, v in mistakes(sizes, trains).items() if v != want}
    got = take(student.step_cost(list(sizes), trains), "section 8", work=(), kept=())
    compare(
        np.array(got, dtype=float),
        want=np.array(want, dtype=float),
        mistakes={k: np.array(v, dtype=float) for k, v in known.items()},
        tol=TOL,
        equation="section 8",
        called="step_cost: multiplications, numbers kept",
    )
