"""Grader of train_part: gradients by complex step, floors by least squares. A few steps
err by 1e-13, and many that have converged by less than the bound."""

import numpy as np
import pytest

from tinyft.grading import compare, take

TOL = 1e-9
PARTS = ("early", "late", "both")
SIZES = [  # taps, N, part, steps
    *((3, 8, part, 3) for part in PARTS),
    *((5, 9, part, 2) for part in PARTS),
    (1, 6, "early", 2),
    (3, 7, "late", 0),
]


def problem(rng, taps, N, part, steps):
    kernel, readout, target = (rng.normal(size=k) for k in (taps, N, N))
    return kernel, readout, target, part, float(rng.uniform(0.02, 0.04)), steps


def beta(kernel, readout):
    N, h = len(readout), len(kernel) // 2
    rows, taps = np.ogrid[:N, : len(kernel)]
    return readout[(rows - (taps - h)) % N] @ kernel


def loss(kernel, readout, target):
    return np.sum((beta(kernel, readout) - target) ** 2) / 2


def slope(f, at):
    """∂f/∂at by Im f(at + ih e)/h for every entry e."""
    eye = np.eye(len(at)) * 1e-30j
    return np.array([f(at + e).imag / 1e-30 for e in eye])


def run(kernel, readout, target, part, lr, steps, **how):
    losses = [loss(kernel, readout, target)]
    for _ in range(steps):
        at = kernel
        gk = slope(lambda k, w=readout: loss(k, w, target), kernel)
        if part != "late":
            new = kernel - lr * how.get("taps", 1) * how.get("fit", 1) * gk
        else:
            new = kernel
        if how.get("one_by_one"):
            at = new
        E = beta(kernel, readout) - target  # held, while w is moved
        gw = slope(lambda w, k=at, E=E: E @ beta(k, w), readout)
        if how.get("flipped"):
            gw = beta(kernel, E)
        if part != "early":
            readout = readout - lr * how.get("fit", 1) * gw
        kernel = new
        losses.append(loss(kernel, readout, target))
    return kernel, readout, np.array(losses)


def mistakes(kernel, readout, target, part, lr, steps):
    given, N = (kernel, readout, target, part, lr, steps), len(readout)
    right, start = run(*given), (kernel, readout)
    other = {"early": "late", "late": "early", "both": "early"}[part]
    third = {"early": "both", "late": "both", "both": "late"}[part]
    k, w, L = right
    turned = run(kernel[::-1], readout, target, part, lr, steps)
    return {
        "the wrong part was trained": run(*given[:3], other, lr, steps),
        "more or fewer parts were trained than asked": run(
            *given[:3], third, lr, steps
        ),
        "the readout's step uses the new kernel": run(*given, one_by_one=True),
        "the readout's gradient uses K ᵀ where K belongs": run(*given, flipped=True),
        "the kernel runs backwards": (turned[0][::-1], *turned[1:]),
        "the step goes up the gradient": run(*given, fit=-1.0),
        "2(β − β*): the ½ of L is lost": run(*given, fit=2.0),
        "the gradient is divided by N": run(*given, fit=1 / N),
        "the kernel's gradient is a mean over m, not a sum": run(*given, taps=1 / N),
        "nothing was trained": (*start, np.full(steps + 1, L[0])),
        "one step too many": run(*given[:5], steps + 1),
        "the ½ of L is missing in the losses": (k, w, 2 * L),
        "the losses are means over N": (k, w, 2 * L / N),
        "the loss after the last step is missing": (k, w, L[:-1]),
        "the loss before the first step is missing": (k, w, L[1:]),
        "kernel and readout are returned in the wrong order": (w, k, L),
    }


@pytest.mark.points(3)
@pytest.mark.draws(*SIZES)
def test_a_few_steps(student, rng, draw):
    """The trained arrays and the losses after a few steps."""
    given = problem(rng, *draw)
    want = run(*given)
    compare(
        student.train_part(*given),
        want=want,
        mistakes=mistakes(*given),
        tol=TOL,
        equation="(7.3)",
    )


@pytest.mark.points(2)
@pytest.mark.draws(("early", 12), ("late", 12), ("early", 24), ("late", 24))
def test_where_it_ends(student, rng, draw):
    """Behind a box of 3 taps the late part leaves what lies at N/3; the early part what
    no shift of the readout has. 800 steps reach the floor to 1e-12."""
    part, N = draw
    t = np.arange(N)
    cosines = {
        j: np.cos(2 * np.pi * j / N * t) / np.sqrt(N / 2) for j in (2, 3, N // 3)
    }
    a, b, c = rng.uniform(0.8, 1.6, 3)
    readout = 0.9 * cosines[2] + cosines[N // 3]
    target = a * cosines[2] + b * cosines[3] + c * cosines[N // 3]
    given = np.full(3, 1 / 3), readout, target, part, 0.4, 800
    k, w, losses = student.train_part(*given)
    k, w, losses = take((k, w, losses), k=(3,), w=(N,), losses=(801,))
    floor = {"early": b * b / 2, "late": c * c / 2}
    other = floor["late" if part == "early" else "early"]
    compare(
        losses[-1],
        want=np.array(floor[part]),
        mistakes={
            "the wrong part was trained": np.array(other),
            "the ½ of L is missing in the losses": np.array(2 * floor[part]),
            "nothing was trained": np.array(loss(*given[:3])),
            "both parts were trained": np.array(0.0),
        },
        tol=1e-7,
        equation="(7.4)",
        called="train_part for 800 steps, the last loss",
    )
