"""Grader of step_bytes. The reference lists every array of the step and adds up sizes."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9  # sums of a few numbers below 1e6, relative
NAMES = {name: () for name in ("weights", "gradients", "states", "activations")}
NF4 = 4 + 8 / 64 + 32 / (64 * 256)
FULL = [  # sites, others, tokens, r, itemsize, bits
    ([(3, 2), (2, 5)], 4, 10, 0, 4, 16),
    ([(7, 4), (4, 9), (9, 3)], 11, 6, 0, 2, 16),
]
LORA = [
    ([(3, 2), (2, 5)], 4, 10, 1, 4, 16),
    ([(8, 6), (6, 11), (11, 5)], 17, 7, 3, 2, 16),
    ([(13, 4)], 9, 12, 2, 2, 16),
]
PACKED = [
    ([(64, 48), (48, 96)], 130, 5, 4, 2, 4),
    ([(32, 20), (20, 44), (44, 28)], 70, 9, 5, 4, 4),
]


def arrays(sites, others, r):
    """[count, trains, may be packed] of every parameter, one by one."""
    found = [[others, r == 0, False]]
    for inputs, outputs in sites:
        found.append([outputs * inputs, r == 0, True])
        if r:
            found += [[r * inputs, True, False], [outputs * r, True, False]]
    return found


def reference(sites, others, tokens, r, itemsize, bits):
    weights = gradients = states = activations = 0
    for count, trains, packable in arrays(sites, others, r):
        weights += count * (NF4 / 8 if packable and bits == 4 else itemsize)
        if trains:
            gradients += count * itemsize
            states += 2 * 4 * count + (4 * count if itemsize < 4 else 0)
    for inputs, _ in sites:
        x, low = np.empty((tokens, inputs)), np.empty((tokens, r))
        activations += (x.size + low.size) * itemsize
    return float(weights), float(gradients), float(states), float(activations)


def mistakes(sites, others, tokens, r, itemsize, bits):
    w, g, s, a = reference(sites, others, tokens, r, itemsize, bits)
    N, P = sum(i * o for i, o in sites), sum(r * (i + o) for i, o in sites)
    trained = P or N + others
    per_site = NF4 / 8 if bits == 4 else itemsize
    low, wide = tokens * r * len(sites), tokens * sum(i for i, _ in sites)
    outputs = tokens * sum(o for _, o in sites)
    each = s / trained

    def weight(matrices=N * per_site, rest=others * itemsize, factors=P * itemsize):
        return matrices + rest + factors, g, s, a

    def only(count):  # another count of what trains
        return w, count * itemsize, count * each, a

    known = {
        "gradients and states of all numbers": only(N + others + P),
        "one factor is forgotten": (
            N * per_site + (others + sum(r * i for i, _ in sites)) * itemsize,
            *only(sum(r * i for i, _ in sites))[1:],
        ),
        "r² numbers per site": (
            weight(factors=r * r * len(sites) * itemsize)[0],
            *only(r * r * len(sites))[1:],
        ),
        "the factors are no weights": weight(factors=0),
        "the others have no bytes": weight(rest=0),
        "the frozen weights are left out": weight(matrices=0),
        "no gradients": (w, 0.0, s, a),
        "gradients always in float32": (w, 4 * trained, s, a),
        "no master copy": (w, g, 8 * trained, a),
        "a master copy in float32 too": (w, g, 12 * trained, a),
        "one state per number": (w, g, s - 4 * trained, a),
        "states in the numbers' own format": (
            w,
            g,
            s - (8 - 2 * itemsize) * trained,
            a,
        ),
        "the inputs alone are kept: A x is forgotten": (w, g, s, wide * itemsize),
        "only A x is kept": (w, g, s, low * itemsize),
        "the outputs are kept, not the inputs": (w, g, s, (outputs + low) * itemsize),
        "activations of one token": (w, g, s, a / tokens),
        "activations in float32": (w, g, s, 4 * (wide + low)),
        "activations count numbers, not bytes": (w, g, s, a / itemsize),
        "4.0 bits: the scales are forgotten": weight(N * 4 / 8),
        "4.5 bits: the scales are in float32": weight(N * 4.5 / 8),
        "4.25 bits: the scales are in 16 bits": weight(N * 4.25 / 8),
        "bits are not divided by 8": weight(N * NF4),
        "the others are packed too": weight(rest=others * NF4 / 8),
        "the factors are packed too": weight(factors=P * NF4 / 8),
        "nothing is packed": weight(N * itemsize),
    }
    if not r:
        known = {k: v for k, v in known.items() if "factor" not in k and "r²" not in k}
        known["nothing trains"] = (w, 0.0, 0.0, a)
    if bits != 4:
        known = {k: v for k, v in known.items() if "bits" not in k and "pack" not in k}
    return known


def ask(student, draw):
    sites, *rest = draw
    want = reference(sites, *rest)
    got = take(student.step_bytes([tuple(s) for s in sites], *rest), "(19.1)", **NAMES)
    known = mistakes(sites, *rest)
    compare(
        np.array(got, dtype=float),
        want=np.array(want),
        mistakes={k: np.array(v, dtype=float) for k, v in known.items()},
        tol=TOL,
        equation="(19.1)",
        called="step_bytes: weights, gradients, states, activations",
    )


@pytest.mark.points(2)
@pytest.mark.draws(*FULL)
def test_full(student, draw):
    """Full fine-tuning, in float32 and in 16 bits."""
    ask(student, draw)


@pytest.mark.points(2)
@pytest.mark.draws(*LORA)
def test_lora(student, draw):
    """LoRA: what falls is gradients and states."""
    ask(student, draw)


@pytest.mark.points(2)
@pytest.mark.draws(*PACKED)
def test_packed(student, draw):
    """LoRA on sites of 4 bits."""
    ask(student, draw)
