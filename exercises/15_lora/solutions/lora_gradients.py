"""Task 2 of 4: backward through LoRA.  (15.2), (15.3) of notebooks/15_lora.ipynb."""


def lora_gradients(x, gy, W, A, B, s):
    """Gradients of a loss L through y = x (W + s B A)ᵀ, given gy = ∂L/∂y.     (15.2)

    x (n, in), gy (n, out), W (out, in) frozen, A (r, in), B (out, r), s a float;
    returns (gA, gB, gx), of the shapes of A, B and x.
    gy is already the gradient of the loss: nothing is left to divide by n.
    """
    # YOUR CODE: equation (15.2)
    hidden = x @ A.T  # (n, r): into B
    back = gy @ B  # (n, r): out of B
    gA = s * back.T @ x
    gB = s * gy.T @ hidden
    gx = gy @ W + s * back @ A
    return gA, gB, gx
    # END YOUR CODE
