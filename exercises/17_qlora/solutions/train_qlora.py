"""Task 3 of 4: a training run on a rounded base, and its merge.  (17.6) of the notebook."""

import numpy as np


def train_qlora(X, Y, W, levels, block, A, B, s, lr, steps):
    """Round W once, train LoRA beside it, then merge into 4 bits and measure the loss.

    Ŵ = rounded(W), in row-major blocks: m · (the nearest of `levels` to w/m) with
    m = max |w| of the block                                                    (17.1)
    L = ‖X (Ŵ + s B A)ᵀ − Y‖² / (2n),  G = (X (Ŵ + s B A)ᵀ − Y)ᵀ X / n
    ∂L/∂A = s Bᵀ G,   ∂L/∂B = s G Aᵀ                                            (17.6)

    Every step moves A and B by −lr times these gradients, both taken at the same point;
    Ŵ is rounded once, before the first step, and stays fixed. The merge rounds Ŵ + s B A
    in the same way, with new m.

    X (n, in), Y (n, out), W (out, in) with out·in a multiple of block, no block of zeros;
    levels (16,) ascending from −1 to 1; A (r, in) and B (out, r) at the start; s, lr
    floats; steps an int. Do not change the inputs. Returns (A, B, losses, merged): the
    trained factors, L before every step and after the last, (steps + 1,), and the loss of
    the merged matrix.

    Example: X = [[1.0, 2.0], [3.0, 0.0]], Y = [[1.0, 0.0], [2.0, −1.0]], W = [[1.0, 0.45],
    [−0.2, 0.6]], levels = np.linspace(-1, 1, 16), block 2, A = [[1.0, 0.5]], B = [[0.0],
    [0.2]], s = 2.0, lr = 0.02, steps = 2: losses [1.9178, 0.5257, 0.2134], merged 0.2377.
    """
    # YOUR CODE: (17.1) and (17.6)
    n = len(X)

    def rounded(M):
        rows = M.reshape(-1, block)
        m = np.abs(rows).max(axis=1, keepdims=True)
        k = np.abs((rows / m)[..., None] - levels).argmin(axis=-1)
        return (m * levels[k]).reshape(M.shape)

    def residual(M):
        return X @ M.T - Y

    def loss(M):
        return np.sum(residual(M) ** 2) / (2 * n)

    base = rounded(W)
    losses = [loss(base + s * B @ A)]
    for _ in range(steps):
        G = residual(base + s * B @ A).T @ X / n
        gA, gB = s * B.T @ G, s * G @ A.T
        A, B = A - lr * gA, B - lr * gB
        losses.append(loss(base + s * B @ A))
    return A, B, np.array(losses), loss(rounded(base + s * B @ A))
    # END YOUR CODE
