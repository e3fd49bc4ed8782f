"""Products of columns and weights, in the pieces that BLAS is fastest on.

A (M, G, K) holds G groups of columns, W (G, K, O) a matrix for each. One group's product
is a stack of small ones: OpenBLAS multiplies below 10^6 multiply-adds without packing,
1.2x faster with 16 and 32 channels, no different with 64. Several groups are one batched
product that reads A and writes its result where they lie.
"""

from tinyft import backend

# Multiply-adds below which OpenBLAS packs nothing (its limit is 100^3), and the fewest
# rows worth a product of their own: with fewer, the call costs more than the packing.
SMALL_PRODUCT, FEWEST_ROWS = 10**6, 64


def grouped_product(A, W, out):
    """out (M, G O) = A W, group by group."""
    if len(W) == 1:
        return product(A[:, 0], W[0], out)
    out = out.reshape(len(A), len(W), -1)  # a view: the last axis is only split
    for a, o in zip(_stacked(A, W.shape[2]), _stacked(out, W.shape[1])):
        backend.xp_of(A).matmul(a, W, out=o)


def add_grouped_product(total, A, B):
    """total (G, K, O) += A^T B, group by group, for B (M, G O)."""
    G, K, O = total.shape
    if G == 1:
        return add_product(total[0], A[:, 0], B)
    for a, b in zip(_stacked(A, O), _stacked(B.reshape(len(A), G, O), K)):
        total += (a.swapaxes(2, 3) @ b).sum(axis=0)


def _stacked(A, width):
    """A (M, G, K) as (stack, G, rows, K), and a last one for the rows that are left."""
    M, G, K = A.shape
    size = _stack(A[:, 0], width) or max(1, M)
    done = M - M % size
    yield A[:done].reshape(-1, size, G, K).swapaxes(1, 2)
    if done < M:
        yield A[done:].reshape(1, M - done, G, K).swapaxes(1, 2)


def product(A, W, out):
    """out = A W for A (M, K), as a stack of products that OpenBLAS does not pack.

    A stack (n, M, K) is multiplied as it is.
    """
    xp, done = backend.xp_of(A), 0
    if A.ndim == 3:
        xp.matmul(A, W, out=out)
        return
    size = _stack(A, W.shape[1])
    if size:
        done = len(A) - len(A) % size
        stack = out[:done].reshape(-1, size, W.shape[1])
        xp.matmul(A[:done].reshape(-1, size, A.shape[1]), W, out=stack)
    if done < len(A):
        xp.matmul(A[done:], W, out=out[done:])


def add_product(total, A, B):
    """total += A^T B for A (M, K) and B (M, O), as a stack likewise."""
    size, done = _stack(A, B.shape[1]), 0
    if size:
        done = len(A) - len(A) % size
        left = A[:done].reshape(-1, size, A.shape[1]).transpose(0, 2, 1)
        total += (left @ B[:done].reshape(-1, size, B.shape[1])).sum(axis=0)
    if done < len(A):
        total += A[done:].T @ B[done:]


def _stack(A, width):
    """Rows of each product of a stack; 0 where one product is as good."""
    size = SMALL_PRODUCT // max(1, A.shape[1] * width)
    worth = FEWEST_ROWS <= size < len(A)
    return size if worth and backend.device_of(A) == "cpu" else 0
