"""Task 1 of 4: backward through LoKr.  (16.6) of notebooks/16_loha_lokr.ipynb."""


def kronecker_gradients(G, W1, W2, s):
    """Gradients of a loss L in the two factors of  W' = W + s W1 ⊗ W2.      (16.6)

    Cut G into an l × m grid of blocks G_ij of k × n. Then
    ∂L/∂(W1)_ij = s Σ of the entries of G_ij ∘ W2,   ∂L/∂W2 = s Σ_ij (W1)_ij G_ij.

    G (l·k, m·n) is ∂L/∂W', W1 (l, m), W2 (k, n), s a float.
    Returns (g1, g2), of the shapes of W1 and W2. Do not form W1 ⊗ W2.

    Example: with s = 2, W1 = [[1, 3]], W2 = [[1, 2], [0, 1]] and
    G = [[1, 0, 2, 1], [0, 1, 1, 1]] the blocks are [[1, 0], [0, 1]] and [[2, 1], [1, 1]],
    so g1 = 2 · [[1 + 1, 2 + 2 + 1]] = [[4, 10]] and
    g2 = 2 · ([[1, 0], [0, 1]] + 3 · [[2, 1], [1, 1]]) = [[14, 6], [6, 8]].
    """
    # YOUR CODE: equation (16.6)
    raise NotImplementedError("not implemented yet: kronecker_gradients, equation (16.6)")
