"""The Kronecker product, and the two matrices whose product is nearest to a given one.

    (A ⊗ B)[i b₁ + k, j b₂ + l] = A[i, j] B[k, l]        A (a₁, a₂), B (b₁, b₂)

A ⊗ B is a grid of blocks, block (i, j) is A[i, j] B. Write every block of a matrix D as
one row: rows(D)[(i, j), :] = vec D_ij. Then rows(A ⊗ B) = vec A (vec B)ᵀ has rank 1, so
the nearest Kronecker product is the largest singular triple of rows(D): what it misses is
Σ σ_k² over the others (Van Loan, Pitsianis 1993). Of a convolution, whose weight has a
kernel behind its two channel axes, A acts on the channels and B has the kernel.
"""

import math

from tinyft import backend


def split(n, factor=-1):
    """n as a product (m, n/m) of two integers: how LoKr cuts a side of a weight.

    m is the factor if it divides n; else the largest divisor of n that is at most the
    factor and at most √n. factor -1: no limit, so m is as near √n as n's divisors allow
    (1 for a prime). The rule of LyCORIS and of Hugging Face PEFT.
    """
    if factor > 0 and n % factor == 0:
        return factor, n // factor
    top = math.isqrt(n) if factor == -1 else min(factor, math.isqrt(n))
    m = next((m for m in range(top, 1, -1) if n % m == 0), 1)
    return m, n // m


def kron(A, B):
    """A ⊗ B of arrays or Tensors; B (b₁, b₂) or (b₁, b₂, kh, kw) with a kernel."""
    (a1, a2), (b1, b2, *kernel) = A.shape, B.shape
    grid = A.reshape((a1, 1, a2, 1, *(1 for _ in kernel))) * B.reshape(
        (1, b1, 1, b2, *kernel)
    )
    return grid.reshape((a1 * b1, a2 * b2, *kernel))


def rearranged(D, shape):
    """rows(D), one row per block of D: (a₁ a₂, b₁ b₂ kh kw).

    D: array (a₁ b₁, a₂ b₂) or (…, …, kh, kw); shape: (a₁, a₂). Raises ValueError if it
    does not divide D's.
    """
    (a1, a2), (out, inp, *kernel) = shape, D.shape
    if out % a1 or inp % a2:
        raise ValueError(
            f"nearest_kronecker: a {a1}×{a2} grid of equal blocks does not divide a "
            f"matrix {out}×{inp}; {a1} must divide {out} and {a2} must divide {inp}"
        )
    blocks = D.reshape((a1, out // a1, a2, inp // a2, *kernel))
    return blocks.swapaxes(1, 2).reshape((a1 * a2, -1))


def nearest_kronecker(D, shape):
    """(A, B, σ): A ⊗ B is nearest to D in the Frobenius norm; σ all singular values.

    D: array (out, in) or (out, in, kh, kw); shape: of A, (a₁, a₂), dividing out and in.
    ‖D − A ⊗ B‖² = Σ_{k>1} σ_k². A and B have the same norm; their signs are free.
    """
    R = rearranged(D, shape)
    U, S, Vt = backend.linalg_of("nearest_kronecker", R).svd(R, full_matrices=False)
    (a1, a2), (out, inp, *kernel) = shape, D.shape
    root = S[0] ** 0.5
    A, B = (root * U[:, 0]).reshape(a1, a2), root * Vt[0]
    return A, B.reshape(out // a1, inp // a2, *kernel), S
