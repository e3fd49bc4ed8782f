"""Grader of lora_gradients. The reference is the complex step: exact to rounding."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-9


def problem(seed, n=8, out=5, inputs=6, r=3):
    rng = np.random.default_rng(seed)
    shapes = (n, inputs), (n, out), (out, inputs), (r, inputs), (out, r)
    return *(rng.normal(size=shape) for shape in shapes), rng.uniform(1.5, 2.5)


def slope(loss, at, h=1e-30):
    """∂loss/∂at by Im loss(at + ih e)/h for every entry e."""
    found = np.empty(at.shape)
    for i in np.ndindex(at.shape):
        moved = at.astype(complex)
        moved[i] += 1j * h
        found[i] = loss(moved).imag / h
    return found


def reference(x, gy, W, A, B, s):
    """The three slopes of Σ gy∘y: a loss whose gradient for y is gy."""

    def loss(x=x, A=A, B=B):
        return np.sum(gy * (x @ (W + s * B @ A).T))

    return (
        slope(lambda a: loss(A=a), A),
        slope(lambda b: loss(B=b), B),
        slope(lambda v: loss(x=v), x),
    )


def scaled(value, s, n):
    return {
        "s is missing": value / s,
        "s² in place of s": value * s,
        "divided by n, which is in gy already": value / n,
        "the sign is wrong": -value,
    }


def swapped(other):
    return {"gA and gB are returned in the wrong order": lambda: other}


@pytest.mark.points(2)
def test_A(student, seed):
    """The gradient of A."""
    x, gy, W, A, B, s = problem(seed)
    want, other, _ = reference(x, gy, W, A, B, s)
    known = {"gA is 0, which it is at the start only": 0 * want}
    compare(
        student.lora_gradients(x, gy, W, A, B, s)[0],
        want=want,
        mistakes=scaled(want, s, len(x)) | known | swapped(other),
        tol=TOL,
        equation="(15.2)",
    )


@pytest.mark.points(2)
def test_B(student, seed):
    """The gradient of B."""
    x, gy, W, A, B, s = problem(seed)
    other, want, _ = reference(x, gy, W, A, B, s)
    compare(
        student.lora_gradients(x, gy, W, A, B, s)[1],
        want=want,
        mistakes=scaled(want, s, len(x)) | swapped(other),
        tol=TOL,
        equation="(15.2)",
    )


@pytest.mark.points(2)
def test_x(student, seed):
    """The gradient of x, which earlier layers need: from both roads."""
    x, gy, W, A, B, s = problem(seed)
    base, low = gy @ W, gy @ B @ A
    compare(
        student.lora_gradients(x, gy, W, A, B, s)[2],
        want=reference(x, gy, W, A, B, s)[2],
        mistakes={
            "the frozen weight passes no gradient": s * low,
            "the adapter passes no gradient to x": base,
            "s is missing": base + low,
            "s² in place of s": base + s * s * low,
            "s is on the frozen weight too": s * (base + low),
        },
        tol=TOL,
        equation="(15.2)",
    )


def test_start(student, seed):
    """At B = 0 the gradient of A is 0 and that of B is not."""
    x, gy, W, A, B, s = problem(seed)
    gA, gB, _ = student.lora_gradients(x, gy, W, A, 0 * B, s)
    compare(gA, want=0 * A, tol=TOL, scale=1, equation="(15.3)")
    want = reference(x, gy, W, A, 0 * B, s)[1]
    compare(gB, want=want, mistakes=scaled(want, s, len(x)), tol=TOL, equation="(15.3)")
