"""Grader of lora_forward. Bounds: sums of a dozen products of size one, 1e-14."""

import numpy as np
import pytest

from tinyft.grading import compare

TOL = 1e-10


def problem(seed, n=6, out=5, inputs=7, r=3):
    rng = np.random.default_rng(seed)
    shapes = (n, inputs), (out, inputs), (out,), (r, inputs), (out, r)
    return *(rng.normal(size=shape) for shape in shapes), rng.uniform(4, 8)


def dense(x, W, b, A, B, s):
    """The other road: W' as one matrix, entry by entry."""
    return np.einsum("ni,oi->no", x, W + s * np.einsum("or,ri->oi", B, A)) + b


def mistakes(x, W, b, A, B, alpha, s, other):
    base = x @ W.T + b
    path = x @ A.T @ B.T
    return {
        "α in place of the scale, not divided": base + alpha * path,
        "the scale is left out": base + path,
        "the scale is upside down": base + path / s,
        "α/r and α/√r are swapped": base + other * path,
        "r is not the rank: the width of the input": (
            base + s * (len(A) / A.shape[1]) ** (0.5 if s > other else 1) * path
        ),
        "r is not the rank: the width of the output": (
            base + s * (len(A) / len(B)) ** (0.5 if s > other else 1) * path
        ),
        "√(α/r), with α under the root too": base + (alpha / len(A)) ** 0.5 * path,
        "the scale is on the base too": s * (base + path),
        "the scale is on the bias too": base - b + s * (path + b),
        "only the adapter's road is left": s * path,
        "the bias is left out": base - b + s * path,
        "the frozen weight is left out": b + s * path,
        "the update is subtracted": base - s * path,
    }


def ask(student, seed, rslora):
    x, W, b, A, B, alpha = problem(seed)
    scales = alpha / len(A), alpha / len(A) ** 0.5
    s, other = scales[::-1] if rslora else scales
    compare(
        student.lora_forward(x, W, b, A, B, alpha, rslora),
        want=dense(x, W, b, A, B, s),
        mistakes=mistakes(x, W, b, A, B, alpha, s, other),
        tol=TOL,
        equation="(15.1)",
    )


@pytest.mark.points(2)
def test_alpha_over_r(student, seed):
    """Random factors, s = α/r."""
    ask(student, seed, False)


def test_rslora(student, seed):
    """Random factors, s = α/√r."""
    ask(student, seed, True)


def test_start_is_the_base(student, seed):
    """With B = 0 it is the frozen layer, whatever A."""
    x, W, b, A, B, alpha = problem(seed)
    compare(
        student.lora_forward(x, W, b, A, 0 * B, alpha),
        want=np.einsum("ni,oi->no", x, W) + b,
        mistakes={
            "the bias is left out": x @ W.T,
            "the frozen weight is left out": 0 * x @ W.T + b,
            "the scale is on the base too": (x @ W.T + b) * alpha / len(A),
            "the scale is on the bias too": x @ W.T + b * alpha / len(A),
            "only the adapter's road is left": 0 * x @ W.T,
        },
        tol=TOL,
        equation="(15.1)",
    )
